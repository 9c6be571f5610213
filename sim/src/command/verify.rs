//! `verify`: scenarios over their seeds, compared with what they expect.

use std::path::Path;
use std::sync::Mutex;

use fencepost_reports::render::counted;
use fencepost_reports::report::Verdict;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::corpus::{self, Pinned};
use super::execute::quietly;
use super::output::{document, print, say};

use super::source::{self, Place};
use super::{INTERRUPTED, NONDETERMINISM, OK, Outcome, PANICKED, Refusal, VIOLATED, interrupt, parallel};
use crate::capsule::Capsule;
use crate::run::Course;
use crate::scenario::{Choice, Scenario, builtin, parse_seeds};
use crate::world::Keep;

/// One run in so many is executed twice and compared.
const TWICE: u64 = 20;

/// What one run came to.
enum Judged {
    Kept,
    Differs(Vec<String>),
    Panicked(String),
    Nondeterministic,
}

/// `fencepost verify`.
pub fn verify(what: Option<&str>, seeds: Option<&str>, jobs: Option<usize>, json: bool) -> Outcome {
    let seeds = match seeds {
        None => None,
        Some(text) => Some(parse_seeds(text).map_err(|m| Refusal(format!("--seeds {text}: {m}")))?),
    };
    let jobs = parallel::jobs(jobs)?;
    let capsules = capsules(what)?;
    let mut scenarios = Vec::new();
    let places = match places(what) {
        Err(_) if !capsules.is_empty() => Vec::new(), // a name of capsules only
        found => found?,
    };
    for place in places {
        let base = source::load(&place, Choice::default())?;
        let cases: Vec<String> = base.cases.iter().map(|(name, _)| name.clone()).collect();
        scenarios.push(base);
        for case in cases {
            scenarios.push(source::load(&place, Choice { case: Some(case), sets: Vec::new() })?);
        }
    }
    let range = |s: &Scenario| seeds.unwrap_or(s.seeds);
    let ranges: Vec<(u64, u64)> = scenarios.iter().map(range).collect();
    let work = Work::new(&ranges)?;
    let results = run_all(&scenarios, &work, jobs);
    let pinned = parallel::map(&capsules, jobs, |(_, capsule)| corpus::judge(capsule), || ());
    let pinned = Replayed { capsules: &capsules, results: &pinned };
    report(&scenarios, &ranges, &results, &pinned, json)
}

/// The runs of all scenarios, by number: ranges, never a list.
struct Work {
    /// Number of the first run of each scenario, its first seed, and how many it has.
    parts: Vec<(u64, u64, u64)>,
    total: u64,
}

impl Work {
    fn new(ranges: &[(u64, u64)]) -> Result<Work, Refusal> {
        let mut total = 0u64;
        let mut parts = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            let count = (last - first).checked_add(1);
            let sum = count.and_then(|count| total.checked_add(count).map(|sum| (count, sum)));
            let Some((count, sum)) = sum else {
                let message = format!(
                    "seeds {first}..{last} are more runs, over all scenarios, than can be counted: at most {}",
                    u64::MAX
                );
                return Err(Refusal(message));
            };
            parts.push((total, *first, count));
            total = sum;
        }
        Ok(Work { parts, total })
    }

    /// Scenario and seed of a run.
    fn task(&self, number: u64) -> (usize, u64) {
        let index = self.parts.partition_point(|(begin, ..)| *begin <= number) - 1;
        let (begin, first, _) = self.parts[index];
        (index, first + (number - begin))
    }
}

/// What became of one scenario's runs. What was as expected is only counted.
#[derive(Default)]
struct Tally {
    runs: u64,
    wrong: u64,
    /// The worst exit code.
    code: u8,
    /// The first of those that were wrong, by seed.
    failures: Vec<(u64, Judged)>,
}

/// Failures of a scenario that are kept for the report.
const KEPT: usize = 1_000;

impl Tally {
    fn add(&mut self, seed: u64, result: Judged) {
        self.runs += 1;
        self.code = match (&result, self.code) {
            (Judged::Nondeterministic, _) | (_, NONDETERMINISM) => NONDETERMINISM,
            (Judged::Panicked(_), _) | (_, PANICKED) => PANICKED,
            (Judged::Differs(_), _) => VIOLATED,
            (Judged::Kept, code) => code,
        };
        if !matches!(result, Judged::Kept) {
            self.wrong += 1;
            let place = self.failures.partition_point(|(other, _)| *other < seed);
            self.failures.insert(place, (seed, result));
            self.failures.truncate(KEPT);
        }
    }
}

/// Pinned capsules, and what became of those that were replayed before an interruption.
struct Replayed<'r> {
    capsules: &'r [(String, Capsule)],
    results: &'r [Pinned],
}

/// The capsules that are meant: built-in ones by their group or name, files, or those of a folder.
fn capsules(what: Option<&str>) -> Result<Vec<(String, Capsule)>, Refusal> {
    let mut texts: Vec<(String, String)> = Vec::new();
    let built_in = builtin::CAPSULES.iter().map(|(name, text)| ((*name).to_string(), (*text).to_string()));
    match what {
        None => texts.extend(built_in),
        Some(folder) if Path::new(folder).is_dir() => {
            for path in source::capsules_in_folder(Path::new(folder))? {
                let name = path.display().to_string();
                let text = source::read_text(&path).map_err(|m| Refusal(format!("cannot read {name}: {m}")))?;
                texts.push((name, text));
            }
        }
        Some(file) if file.ends_with(".json") => {
            let text = source::read_text(Path::new(file)).map_err(|m| Refusal(format!("cannot read {file}: {m}")))?;
            texts.push((file.to_string(), text));
        }
        Some(name) => {
            let prefix = format!("{}/", name.trim_end_matches('/'));
            texts.extend(built_in.filter(|(full, _)| full == name || full.starts_with(&prefix)));
        }
    }
    let read = |(name, text): (String, String)| {
        let capsule = Capsule::from_json(&text).map_err(|e| Refusal(format!("{name}: {e}")))?;
        Ok((name, capsule))
    };
    texts.into_iter().map(read).collect()
}

pub(super) fn places(what: Option<&str>) -> Result<Vec<Place>, Refusal> {
    match what {
        None => {
            let all = builtin::SCENARIOS.iter().filter(|(name, _)| !name.starts_with("bench/"));
            Ok(all.map(|(name, text)| Place::BuiltIn(name, text)).collect())
        }
        Some(folder) if Path::new(folder).is_dir() => {
            let found = source::in_folder(Path::new(folder))?;
            if found.is_empty() && source::capsules_in_folder(Path::new(folder))?.is_empty() {
                Err(Refusal(format!("there are no scenarios (.toml) and no capsules (.json) in {folder}")))
            } else {
                Ok(found)
            }
        }
        Some(name) => {
            let prefix = format!("{}/", name.trim_end_matches('/'));
            let group: Vec<Place> = builtin::SCENARIOS
                .iter()
                .filter(|(full, _)| full.starts_with(&prefix))
                .map(|(full, text)| Place::BuiltIn(full, text))
                .collect();
            if group.is_empty() { Ok(vec![source::find(name)?]) } else { Ok(group) }
        }
    }
}

/// Runs everything; each finding is told the moment it is made.
fn run_all(scenarios: &[Scenario], work: &Work, jobs: usize) -> Vec<Tally> {
    interrupt::note();
    let bar = ProgressBar::new(work.total);
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} runs  {per_sec}  [{wide_bar}] {eta}") {
        bar.set_style(style.progress_chars("=> "));
    }
    let tallies: Vec<Mutex<Tally>> = scenarios.iter().map(|_| Mutex::default()).collect();
    parallel::each(work.total, jobs, |number| {
        let (index, seed) = work.task(number);
        let result = one(&scenarios[index], seed, number.is_multiple_of(TWICE));
        if let Some(text) = finding(&scenarios[index], seed, &result) {
            bar.suspend(|| say(&text));
        }
        bar.inc(1);
        tallies[index].lock().expect("nothing panics while it holds a tally").add(seed, result);
    });
    bar.finish_and_clear();
    tallies.into_iter().map(|t| t.into_inner().expect("nothing panics while it holds a tally")).collect()
}

fn one(scenario: &Scenario, seed: u64, twice: bool) -> Judged {
    let keep = Keep { coverage: scenario.expect.needs_coverage(), ..Keep::default() };
    let run = match quietly(scenario, Course::Seed(seed), keep) {
        Ok(run) => run,
        Err(panic) => return Judged::Panicked(panic),
    };
    if twice {
        let second = quietly(scenario, Course::Seed(seed), Keep::default());
        if second.map(|r| r.outcome.digest) != Ok(run.outcome.digest) {
            return Judged::Nondeterministic;
        }
    }
    let mut differences = scenario.expect.differences(&run.report, &run.numbers());
    // Whatever came of a run without its faults, it does not show what it is meant to.
    differences.extend(run.report.account.faults_that_never_began());
    if differences.is_empty() {
        return Judged::Kept;
    }
    if scenario.expect.verdict != Some(Verdict::Vacuous) {
        differences.extend(run.report.untested.iter().map(|what| format!("not put to the test: {what}")));
    }
    differences.extend(run.report.violations.iter().map(|v| format!("{}: {}", v.kind, v.proof.sentence)));
    Judged::Differs(differences)
}

fn finding(scenario: &Scenario, seed: u64, result: &Judged) -> Option<String> {
    let what = match result {
        Judged::Kept => return None,
        Judged::Differs(list) => list.join("\n  "),
        Judged::Panicked(panic) => format!("a machine panicked: {panic}"),
        Judged::Nondeterministic => "nondeterminism: two runs of the same seed differ".to_string(),
    };
    Some(format!("{} seed {seed}:\n  {what}\n  again: {}", scenario.label(), scenario.command(seed)))
}

fn report(
    scenarios: &[Scenario],
    ranges: &[(u64, u64)],
    results: &[Tally],
    pinned: &Replayed<'_>,
    json: bool,
) -> Outcome {
    let worst = [NONDETERMINISM, PANICKED, VIOLATED].into_iter().find(|code| results.iter().any(|t| t.code == *code));
    let mut code = worst.unwrap_or(OK);
    if code == OK && pinned.results.iter().any(|r| *r != Pinned::Kept) {
        code = VIOLATED;
    }
    let is_whole = |tally: &Tally, (first, last): (u64, u64)| tally.runs > last - first;
    let whole = results.iter().zip(ranges).all(|(tally, range)| is_whole(tally, *range));
    let interrupted = !whole || pinned.results.len() < pinned.capsules.len();
    if interrupted && code == OK {
        code = INTERRUPTED;
    }
    let mut rows = Vec::new();
    let mut text = String::new();
    let labels = scenarios.iter().map(|s| s.label().len());
    let width = labels.chain(pinned.capsules.iter().map(|(name, _)| name.len())).max().unwrap_or(0);
    for ((scenario, tally), range) in scenarios.iter().zip(results).zip(ranges) {
        let (first, last) = *range;
        let word = match (tally.wrong == 0, is_whole(tally, *range)) {
            (false, _) => "FAIL",
            (true, true) => "ok  ",
            (true, false) => "part",
        };
        text += &format!(
            "{word}  {:width$}  {} of {} as expected\n",
            scenario.label(),
            tally.runs - tally.wrong,
            counted((last - first).saturating_add(1), "run")
        );
        let failures: Vec<_> = tally
            .failures
            .iter()
            .map(|(seed, result)| {
                json!({ "seed": seed, "what": finding(scenario, *seed, result), "command": scenario.command(*seed) })
            })
            .collect();
        rows.push(json!({
            "scenario": scenario.name,
            "case": scenario.choice.case,
            "seeds": [first, last],
            "runs": tally.runs,
            "wrong": tally.wrong,
            "failures": failures,
        }));
    }
    let mut capsule_rows = Vec::new();
    for ((name, _), result) in pinned.capsules.iter().zip(pinned.results) {
        let (word, what) = match result {
            Pinned::Kept => ("ok  ", "as pinned"),
            Pinned::Differs(what) => ("FAIL", what.as_str()),
            Pinned::NoLongerApplies(what) => ("gone", what.as_str()),
        };
        text += &format!("{word}  {name:width$}  {what}\n");
        let fate = match result {
            Pinned::Kept => "as pinned",
            Pinned::Differs(_) => "differs",
            Pinned::NoLongerApplies(_) => "no longer applies",
        };
        capsule_rows.push(json!({ "capsule": name, "result": fate, "what": what }));
    }
    if json {
        document(&json!({ "ok": code == OK, "interrupted": interrupted, "scenarios": rows, "capsules": capsule_rows }));
    } else {
        if interrupted {
            let runs: u64 = results.iter().map(|t| t.runs).sum();
            let planned =
                ranges.iter().fold(0u64, |sum, (first, last)| sum.saturating_add(last - first).saturating_add(1));
            text += &format!("interrupted after {runs} of {planned} runs\n");
        }
        print(&text);
    }
    Ok(code)
}
