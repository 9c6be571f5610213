//! `explain`: what it took for an execution to go wrong, and when the outcome became inevitable.

use std::path::Path;

use fencepost_protocol::time::Instant;
use fencepost_reports::terminal::wrapped;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::case::{Case, exit_code, verdict_words};
use super::execute::quietly;
use super::output::{document, print};
use super::{Outcome, Refusal, interrupt, parallel};
use crate::explain::{Point, candidates, is_a_guarantee, points, wilson};
use crate::run::Course;
use crate::scenario::deviation;
use crate::schedule::Schedule;
use crate::shrink::{Goal, translated, with_settings};
use crate::stream::mix;
use crate::world::Keep;

/// Futures of each point at most.
const MOST_FUTURES: u32 = 100_000;
/// Points of the curve at most.
const POINTS: usize = 12;

/// What one trial came to.
struct Trial {
    what: String,
    verdict: String,
    flips: bool,
}

/// `fencepost explain`.
pub fn explain(path: &Path, futures: u32, jobs: Option<usize>, json: bool) -> Outcome {
    let name = path.display();
    let jobs = parallel::jobs(jobs)?;
    if futures > MOST_FUTURES {
        return Err(Refusal(format!("--futures {futures}: at most {MOST_FUTURES}")));
    }
    let case = Case::read(path)?;
    let Some(goal) = case.goal() else {
        return Err(Refusal(format!("{name}: the run is clean, so there is nothing to explain")));
    };
    interrupt::note();
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg} {pos}/{len} runs  [{wide_bar}] {eta}") {
        bar.set_style(style.progress_chars("=> "));
    }
    let deviations = without_each(&case, &goal, jobs, &bar);
    let settings = with_each(&case, &goal, jobs, &bar);
    let curve = if futures == 0 { Vec::new() } else { rise(&case, futures, jobs, &bar) };
    bar.finish_and_clear();
    if json {
        document(&as_json(&case, &goal, &deviations, &settings, &curve, futures));
    } else {
        print(&as_text(&case, &goal, &deviations, &settings, &curve, futures));
    }
    Ok(exit_code(&case.ran))
}

fn begin(bar: &ProgressBar, what: &'static str, runs: usize) {
    bar.set_message(what);
    bar.set_length(runs as u64);
    bar.set_position(0);
}

/// The same without each deviation.
fn without_each(case: &Case, goal: &Goal, jobs: usize, bar: &ProgressBar) -> Vec<Trial> {
    let scenario = &case.capsule.scenario;
    let names = scenario.names();
    let places: Vec<usize> = (0..case.schedule.deviations.len()).collect();
    begin(bar, "deviations", places.len());
    let try_one = |place: &usize| {
        let mut deviations = case.schedule.deviations.clone();
        let left_out = deviations.remove(*place);
        let schedule = Schedule { deviations };
        let ran = quietly(scenario, Course::Schedule(case.capsule.seed, &schedule), Keep::default());
        let what = deviation::words(&left_out, &names);
        Trial { what, verdict: verdict_words(&ran), flips: !goal.is_shown_by(&ran) }
    };
    parallel::map(&places, jobs, try_one, || bar.inc(1))
}

/// The same with each single setting changed.
fn with_each(case: &Case, goal: &Goal, jobs: usize, bar: &ProgressBar) -> Vec<Trial> {
    let scenario = &case.capsule.scenario;
    let list = candidates(scenario);
    begin(bar, "settings", list.len());
    let try_one = |setting: &String| {
        // A setting that does not fit the rest is none.
        let changed = with_settings(scenario, std::slice::from_ref(setting))?;
        let deviations = translated(&case.schedule.deviations, scenario, &changed);
        let schedule = Schedule { deviations };
        let ran = quietly(&changed, Course::Schedule(case.capsule.seed, &schedule), Keep::default());
        Some(Trial { what: setting.clone(), verdict: verdict_words(&ran), flips: !goal.is_shown_by(&ran) })
    };
    parallel::map(&list, jobs, try_one, || bar.inc(1)).into_iter().flatten().collect()
}

/// Futures from points along the run: how many of them go wrong.
fn rise(case: &Case, futures: u32, jobs: usize, bar: &ProgressBar) -> Vec<(Point, u32, u32)> {
    let Ok(run) = &case.ran else { return Vec::new() };
    let times: Vec<Instant> = run.outcome.recorded_at.clone();
    let until = Instant::ZERO + case.capsule.scenario.plan.end.faults_until;
    let list = points(&times, run.outcome.finished_at.min(until), POINTS);
    let branches: Vec<(Point, u64)> =
        list.iter().flat_map(|point| (0..u64::from(futures)).map(|n| (*point, n))).collect();
    begin(bar, "futures", branches.len());
    let (scenario, seed) = (&case.capsule.scenario, case.capsule.seed);
    let goes_wrong = |(point, n): &(Point, u64)| {
        let fresh = mix(mix(seed ^ point.at.0) ^ n);
        let ran = quietly(scenario, Course::Future(seed, &case.schedule, point.at, fresh), Keep::default());
        ran.map_or(true, |run| !run.report.violations.is_empty())
    };
    let wrong = parallel::map(&branches, jobs, goes_wrong, || bar.inc(1));
    let of_point = wrong.chunks(futures as usize);
    list.into_iter().zip(of_point).map(|(p, w)| (p, w.iter().filter(|w| **w).count() as u32, w.len() as u32)).collect()
}

fn percent(ppm: u64) -> String {
    format!("{}.{}", ppm / 10_000, ppm / 1_000 % 10)
}

fn as_text(
    case: &Case,
    goal: &Goal,
    deviations: &[Trial],
    settings: &[Trial],
    curve: &[(Point, u32, u32)],
    futures: u32,
) -> String {
    let mut text = format!("{}: {}\n", case.capsule.scenario.label(), verdict_words(&case.ran));
    if let Ok(run) = &case.ran
        && let Some(first) = run.report.violations.iter().find(|v| goal.words() == v.kind.name())
    {
        wrapped(&mut text, &first.proof.sentence, "  ", "  ");
    }
    text += "\nWithout a single deviation:\n";
    let needed = deviations.iter().filter(|t| t.flips).count();
    for (index, trial) in deviations.iter().enumerate() {
        let word = if trial.flips { "needed" } else { "not needed" };
        text += &format!("  {}. {word:10}  {} ({})\n", index + 1, trial.what, trial.verdict);
    }
    if deviations.is_empty() {
        text += "  there is none: the settings alone do it\n";
    } else {
        text += &format!("  {needed} of {} {} needed\n", deviations.len(), if needed == 1 { "is" } else { "are" });
    }
    let flips: Vec<&Trial> = settings.iter().filter(|t| t.flips).collect();
    text += &format!(
        "\nWith a single setting changed, '{}' is gone in {} of {}:\n",
        goal.words(),
        flips.len(),
        settings.len()
    );
    let (remedies, others): (Vec<&Trial>, Vec<&Trial>) =
        flips.iter().copied().partition(|t| is_a_guarantee(&t.what) && t.verdict == "clean");
    for remedy in &remedies {
        let why = if remedy.what.starts_with("variant=") { "the bug is off" } else { "a stronger promise" };
        text += &format!("  {}: clean ({why})\n", remedy.what);
    }
    if !others.is_empty() {
        text += "  by another course of events, without a promise:\n";
    }
    for (indeed, word) in [(true, "clean"), (false, "")] {
        for other in others.iter().filter(|t| (t.verdict == "clean") == indeed) {
            text += &format!("    {}: {}\n", other.what, if indeed { word } else { &other.verdict });
        }
    }
    if !curve.is_empty() {
        text += &format!(
            "\nHow often it goes wrong if what comes later is drawn afresh ({futures} futures each, 95 % interval):\n"
        );
        for (point, wrong, of) in curve {
            let share = wilson(*wrong, *of);
            let bar = "#".repeat((share.seen / 25_000) as usize);
            text += &format!(
                "  from {:>12}, {} kept: {:>5} % ({}..{})  {bar}\n",
                point.at.to_string(),
                point.kept,
                percent(share.seen),
                percent(share.low),
                percent(share.high),
            );
        }
    }
    text
}

fn as_json(
    case: &Case,
    goal: &Goal,
    deviations: &[Trial],
    settings: &[Trial],
    curve: &[(Point, u32, u32)],
    futures: u32,
) -> Value {
    let trials = |list: &[Trial]| -> Vec<Value> {
        list.iter().map(|t| json!({ "what": t.what, "verdict": t.verdict, "flips": t.flips })).collect()
    };
    let mut of_settings = trials(settings);
    for trial in &mut of_settings {
        trial["guarantee"] = is_a_guarantee(trial["what"].as_str().unwrap_or_default()).into();
    }
    let curve: Vec<Value> = curve
        .iter()
        .map(|(point, wrong, of)| {
            let share = wilson(*wrong, *of);
            json!({
                "ns": point.at.0, "kept": point.kept, "wrong": wrong, "of": of,
                "ppm": share.seen, "low_ppm": share.low, "high_ppm": share.high,
            })
        })
        .collect();
    json!({
        "scenario": case.capsule.scenario.name,
        "verdict": verdict_words(&case.ran),
        "goal": goal.words(),
        "deviations": trials(deviations),
        "settings": of_settings,
        "futures": futures,
        "chance": curve,
    })
}
