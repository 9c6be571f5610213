//! `fuzz` and `merge`: campaigns.

mod annotate;
mod bar;
mod board;
mod difference;
mod findings;
mod junit;
mod markdown;
mod merge;
mod report;
mod results;
mod shard;
mod shrinking;
mod worker;

use std::path::{Path, PathBuf};

use clap::Args;

use super::output::{Troubles, WholeFile, check_name, document, print, say};
use super::{Outcome, Refusal, interrupt, parallel, source, verify};
use crate::fuzz::Profile;
use crate::scenario::duration;
use crate::scenario::table::LONGEST;
use crate::scenario::{Choice, Scenario, parse_seeds};
use bar::Bar;
use board::{Board, Range};
use findings::Findings;
pub use merge::merge;
use report::Report;
use results::{Campaign, Results};
use shard::Shard;

/// The last seed of a campaign: blocks of seeds are counted beyond it.
const LAST_SEED: u64 = u64::MAX / 2;

/// `fencepost fuzz`.
#[derive(Debug, Args)]
pub struct Options {
    /// A scenario, or a folder of them; without it all of chaos/
    what: Option<String>,
    /// One of the scenario's cases
    #[arg(long)]
    case: Option<String>,
    /// Change a setting, as in 'run'
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Seeds, both ends included; without it 1..1024, or with --time as many as there is time for
    #[arg(long, value_name = "A..B")]
    seeds: Option<String>,
    /// Stop after so long, such as 10m
    #[arg(long, value_name = "DURATION")]
    time: Option<String>,
    /// Runs at a time; without it one for each processor
    #[arg(long)]
    jobs: Option<usize>,
    /// This machine's part of the seeds, such as 3/8; without it as the environment of parallel jobs says
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// How hard to try: swarm, lite, calm or hostile
    #[arg(long, default_value = "swarm")]
    profile: String,
    /// Go on after the first failure
    #[arg(long)]
    keep_going: bool,
    /// Where findings and results are written
    #[arg(long, value_name = "DIR", default_value = "findings")]
    out: PathBuf,
    /// Add the shrunk capsule of each failure to a corpus
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    #[command(flatten)]
    reports: ReportFiles,
}

/// `fencepost merge`.
#[derive(Debug, Args)]
pub struct MergeOptions {
    /// Folders that shards wrote to, or the results files in them
    #[arg(required = true)]
    from: Vec<PathBuf>,
    /// Where the joint results and the capsules go
    #[arg(long, value_name = "DIR", default_value = "findings")]
    out: PathBuf,
    #[command(flatten)]
    reports: ReportFiles,
}

/// Reports for machines and for people.
#[derive(Debug, Args)]
struct ReportFiles {
    /// Write a JUnit XML report
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a Markdown summary
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl ReportFiles {
    /// What cannot be written by its name alone is refused before hours of work.
    fn check(&self) -> Result<(), Refusal> {
        [&self.junit, &self.markdown].into_iter().flatten().try_for_each(|path| check_name(path))
    }
}

/// `fencepost fuzz`.
pub fn fuzz(options: &Options, json: bool) -> Outcome {
    options.reports.check()?;
    let setup = Setup::read(options)?;
    std::fs::create_dir_all(&options.out)
        .map_err(|e| Refusal(format!("cannot write {}: {e}", options.out.display())))?;
    interrupt::note();
    let findings = Findings::open(&options.out)?;
    let bar = Bar::new(setup.expected());
    let empty = Results::new(&setup.campaign, setup.shard, &setup.scenarios);
    let board = Board::new(empty, setup.shard, setup.range, setup.jobs);
    let done = worker::run_all(&setup, board, &findings, &bar);
    bar.finish();
    let mut results = done?;
    let mut troubles = findings.troubles();
    troubles.note(worker::complete_capsules(&mut results, &setup, &findings));
    // Before shrinking too: whatever comes, what was found is joined by `merge`.
    let written = troubles.note(findings.write_results(&setup.shard, &results)).is_some();
    shrinking::shrink_all(&setup, &findings, &mut results);
    if let Some(corpus) = &options.corpus {
        troubles.note(shrinking::add_to_corpus(corpus, &findings, &results));
    }
    if written {
        troubles.note(findings.write_results(&setup.shard, &results));
    }
    let report = Report::new(&results, &options.out);
    Ok(finish(&report, &options.reports, troubles, json, Some(&bar)))
}

/// Prints a report, and writes what else was asked for. What could not be written comes last, so that it takes nothing with it.
fn finish(report: &Report, files: &ReportFiles, mut troubles: Troubles, json: bool, bar: Option<&Bar>) -> u8 {
    if !json {
        print(&report.text());
    }
    if let Some(path) = &files.junit {
        troubles.note(junit::render(report).and_then(|text| write(path, &text)));
    }
    let summary = markdown::render(report);
    if let Some(path) = &files.markdown {
        troubles.note(write(path, &summary));
    }
    annotate::annotate(report, &summary, json);
    if let Some(bar) = bar {
        say(&bar.speed());
    }
    if json {
        let mut value = report.json();
        if let Some(bar) = bar {
            value["speed"] = bar.json();
        }
        troubles.tell(&mut value);
        document(&value);
    }
    troubles.exit_code(report.exit_code())
}

fn write(path: &Path, text: &str) -> Result<(), Refusal> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| Refusal(format!("cannot write {}: {e}", folder.display())))?;
    }
    WholeFile::create(path)?.finish_with(text)
}

/// A campaign, ready to begin.
pub(super) struct Setup {
    scenarios: Vec<Scenario>,
    campaign: Campaign,
    profile: Profile,
    shard: Shard,
    range: Range,
    jobs: usize,
}

impl Setup {
    fn read(options: &Options) -> Result<Setup, Refusal> {
        let profile = Profile::from_name(&options.profile).ok_or_else(|| {
            let known = Profile::ALL.map(|(name, _)| name);
            let near = crate::nearest::hint(&options.profile, known);
            Refusal(format!("--profile {}: expected one of {}{near}", options.profile, known.join(", ")))
        })?;
        let time_ms = match &options.time {
            None => None,
            Some(text) => {
                let span = duration::parse(text).filter(|s| s.0 > 0 && *s <= LONGEST);
                let most = LONGEST.as_millis() / 3_600_000;
                let expected =
                    || format!("--time {text}: expected {}, more than 0 and at most {most}h", duration::EXPECTED);
                let span = span.ok_or_else(|| Refusal(expected()))?;
                Some(span.as_millis())
            }
        };
        let seeds = match &options.seeds {
            None if time_ms.is_some() => (1, LAST_SEED),
            None => (1, crate::fuzz::BLOCK),
            Some(text) => match parse_seeds(text) {
                Ok((_, last)) if last > LAST_SEED => {
                    let message =
                        format!("--seeds {text}: a campaign's seeds go up to {LAST_SEED}; end the range there");
                    return Err(Refusal(message));
                }
                Ok(seeds) => seeds,
                Err(message) => return Err(Refusal(format!("--seeds {text}: {message}"))),
            },
        };
        let shard = Shard::choose(options.shard.as_deref())?;
        let mut scenarios = Vec::new();
        for place in verify::places(Some(options.what.as_deref().unwrap_or("chaos")))? {
            let choice = Choice { case: options.case.clone(), sets: options.sets.clone() };
            scenarios.push(source::load(&place, choice)?);
        }
        let jobs = parallel::jobs(options.jobs)?;
        let campaign = Campaign {
            profile: profile.name().into(),
            seeds: options.seeds.is_some().then_some(seeds).or(time_ms.is_none().then_some(seeds)),
            scenarios: scenarios.iter().map(Scenario::label).collect(),
            sets: options.sets.clone(),
            keep_going: options.keep_going,
        };
        Ok(Setup { scenarios, campaign, profile, shard, range: Range { seeds, time_ms }, jobs })
    }

    /// Number of seeds that will be run, where that is known.
    fn expected(&self) -> Option<u64> {
        let (first, last) = self.campaign.seeds?;
        let all = (last - first + 1).saturating_mul(self.scenarios.len() as u64);
        Some(all.div_ceil(self.shard.count))
    }
}
