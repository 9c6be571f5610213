//! `verify`: scenarios over their seeds, compared with what they expect.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use fencepost_reports::render::counted;
use fencepost_reports::report::Verdict;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::corpus::{self, Pinned};
use super::execute::quietly;
use super::output::{document, print};
use super::run::command_line;
use super::source::{self, Place};
use super::{INTERRUPTED, NONDETERMINISM, OK, Outcome, PANICKED, Refusal, VIOLATED, interrupt, parallel};
use crate::capsule::Capsule;
use crate::run::{Course, Run};
use crate::scenario::{Choice, Scenario, builtin, deviation, parse_seeds};
use crate::schedule::Deviation;
use crate::world::Keep;

/// One run in so many is executed twice and compared.
const TWICE: usize = 20;

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
        Some(text) => Some(
            parse_seeds(text)
                .ok_or_else(|| Refusal(format!("--seeds {text}: expected a number or a range such as 1..100")))?,
        ),
    };
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
    let tasks: Vec<(usize, u64)> = scenarios
        .iter()
        .enumerate()
        .flat_map(|(index, s)| (range(s).0..=range(s).1).map(move |seed| (index, seed)))
        .collect();
    let results = run_all(&scenarios, &tasks, jobs);
    let pinned = parallel::map(&capsules, jobs, |(_, capsule)| corpus::judge(capsule), || ());
    let pinned = Replayed { capsules: &capsules, results: &pinned };
    report(&scenarios, &results, tasks.len(), range, &pinned, json)
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

/// Runs every task; each finding is told the moment it is made. Results are in the order of the tasks.
fn run_all(scenarios: &[Scenario], tasks: &[(usize, u64)], jobs: Option<usize>) -> Vec<(usize, u64, Judged)> {
    interrupt::note();
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = jobs.unwrap_or_else(processors).clamp(1, tasks.len().max(1));
    let bar = ProgressBar::new(tasks.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} runs  {per_sec}  [{wide_bar}] {eta}") {
        bar.set_style(style.progress_chars("=> "));
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(tasks.len()));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while !interrupt::asked() {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((index, seed)) = tasks.get(number).copied() else { break };
                    let result = one(&scenarios[index], seed, number.is_multiple_of(TWICE));
                    if let Some(text) = finding(&scenarios[index], seed, &result) {
                        bar.suspend(|| eprintln!("{text}"));
                    }
                    bar.inc(1);
                    done.lock().expect("nothing panics while it holds the results").push((number, index, seed, result));
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut done = done.into_inner().expect("nothing panics while it holds the results");
    done.sort_by_key(|(number, ..)| *number);
    done.into_iter().map(|(_, index, seed, result)| (index, seed, result)).collect()
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
    differences.extend(never_began(scenario, &run));
    if differences.is_empty() {
        return Judged::Kept;
    }
    if scenario.expect.verdict != Some(Verdict::Vacuous) {
        differences.extend(run.report.untested.iter().map(|what| format!("not put to the test: {what}")));
    }
    differences.extend(run.report.violations.iter().map(|v| format!("{}: {}", v.kind, v.proof.sentence)));
    Judged::Differs(differences)
}

/// Faults that the scenario counts on and that did not happen: whatever came of the run, it does not show what it is meant to.
fn never_began(scenario: &Scenario, run: &Run) -> Vec<String> {
    let account = &run.report.account;
    if !account.faults.is_empty() {
        return account.faults_that_never_began();
    }
    let names = scenario.names();
    let unused =
        run.outcome.unused.iter().filter(|d| matches!(d, Deviation::Fault(f) if scenario.plan.faults.contains(f)));
    unused.map(|d| format!("fault '{}' never began", deviation::words(d, &names))).collect()
}

fn finding(scenario: &Scenario, seed: u64, result: &Judged) -> Option<String> {
    let what = match result {
        Judged::Kept => return None,
        Judged::Differs(list) => list.join("\n  "),
        Judged::Panicked(panic) => format!("a machine panicked: {panic}"),
        Judged::Nondeterministic => "nondeterminism: two runs of the same seed differ".to_string(),
    };
    Some(format!("{} seed {seed}:\n  {what}\n  again: {}", scenario.label(), command_line(scenario, seed)))
}

fn report(
    scenarios: &[Scenario],
    results: &[(usize, u64, Judged)],
    planned: usize,
    range: impl Fn(&Scenario) -> (u64, u64),
    pinned: &Replayed<'_>,
    json: bool,
) -> Outcome {
    let mut code = OK;
    for (.., result) in results {
        code = match (result, code) {
            (Judged::Nondeterministic, _) | (_, NONDETERMINISM) => NONDETERMINISM,
            (Judged::Panicked(_), _) | (_, PANICKED) => PANICKED,
            (Judged::Differs(_), _) => VIOLATED,
            (Judged::Kept, code) => code,
        };
    }
    if code == OK && pinned.results.iter().any(|r| *r != Pinned::Kept) {
        code = VIOLATED;
    }
    let interrupted = results.len() < planned || pinned.results.len() < pinned.capsules.len();
    if interrupted && code == OK {
        code = INTERRUPTED;
    }
    let mut rows = Vec::new();
    let mut text = String::new();
    let labels = scenarios.iter().map(|s| s.label().len());
    let width = labels.chain(pinned.capsules.iter().map(|(name, _)| name.len())).max().unwrap_or(0);
    for (index, scenario) in scenarios.iter().enumerate() {
        let own: Vec<_> = results.iter().filter(|(i, ..)| *i == index).collect();
        let wrong: Vec<_> = own.iter().filter(|(.., r)| !matches!(r, Judged::Kept)).collect();
        let (first, last) = range(scenario);
        let whole = own.len() as u64 == last - first + 1;
        let word = match (wrong.is_empty(), whole) {
            (false, _) => "FAIL",
            (true, true) => "ok  ",
            (true, false) => "part",
        };
        text += &format!(
            "{word}  {:width$}  {} of {} as expected\n",
            scenario.label(),
            own.len() - wrong.len(),
            counted(last - first + 1, "run")
        );
        let failures: Vec<_> = wrong
            .iter()
            .map(|(_, seed, result)| {
                json!({ "seed": seed, "what": finding(scenario, *seed, result), "command": command_line(scenario, *seed) })
            })
            .collect();
        rows.push(json!({
            "scenario": scenario.name,
            "case": scenario.choice.case,
            "seeds": [first, last],
            "runs": own.len(),
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
            text += &format!("interrupted after {} of {planned} runs\n", results.len());
        }
        print(&text);
    }
    Ok(code)
}
