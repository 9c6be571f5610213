//! One run after the other.

use std::sync::{Arc, Mutex};

use fencepost_reports::report::Verdict;

use super::super::execute::Ran as Execution;
use super::super::run::capsule;
use super::super::shrink::runner;
use super::super::{Refusal, interrupt, parallel};
use super::bar::Bar;
use super::board::{Board, Task};
use super::findings::Findings;
use super::results::{Failure, Ran, Results};
use super::{Setup, difference};
use crate::fuzz::group::{self, Severity};
use crate::fuzz::guided::{self, Parents};
use crate::fuzz::{Drawn, block_of, draw, is_guided, seeds_of};
use crate::scenario::Scenario;
use crate::schedule::Schedule;
use crate::world::Keep;

/// One run in so many is executed twice and compared.
const TWICE: u64 = 20;

const EXPLORING: Keep = Keep { schedule: false, trace: false, coverage: true, standings: false };
const RECORDING: Keep = Keep { schedule: true, trace: false, coverage: false, standings: false };

/// Runs the campaign.
///
/// # Errors
/// A draw of the scenario is refused.
pub fn run_all(setup: &Setup, board: Board, findings: &Findings, bar: &Bar) -> Result<Results, Refusal> {
    let error: Mutex<Option<Refusal>> = Mutex::default();
    let time_is_up = || setup.range.time_ms.is_some_and(|limit| bar.elapsed_ms() >= limit);
    parallel::together(setup.jobs, || {
        loop {
            if interrupt::asked() || time_is_up() {
                board.halt();
            }
            let Some(task) = board.next() else { break };
            match one(setup, &task, &board, findings, bar) {
                Ok(ran) => board.done(&task, ran),
                Err(refusal) => {
                    error.lock().expect("nothing panics while it holds this").get_or_insert(refusal);
                    board.halt();
                }
            }
        }
    });
    match error.into_inner().expect("nothing panics while it holds this") {
        Some(refusal) => Err(refusal),
        None => Ok(board.results(interrupt::asked())),
    }
}

fn one(setup: &Setup, task: &Task, board: &Board, findings: &Findings, bar: &Bar) -> Result<Ran, Refusal> {
    let scenario = &setup.scenarios[task.place];
    let drawn = drawn(setup, scenario, task)?;
    let execution = runner(&drawn.plan, drawn.course(), EXPLORING);
    if task.seed.is_multiple_of(TWICE) && task.counts {
        let second = runner(&drawn.plan, drawn.course(), EXPLORING);
        if !same(&execution, &second) {
            report_nondeterminism(scenario, &drawn, task.seed, board);
        }
    }
    let mut ran = summary(task.seed, &drawn, &execution);
    if task.counts && ran.untested.is_some() {
        bar.found(Verdict::Vacuous.name());
    }
    if task.counts
        && let Some((key, severity, sentence)) = failure(scenario, &drawn, &execution)
    {
        let mut failure = Failure { key, severity, sentence, capsule: None, deviations: 0 };
        // Said first: whatever becomes of the files, somebody has seen it.
        bar.found(&failure.key.kind);
        let told = format!("{} seed {}: {}: {}", scenario.label(), task.seed, failure.key.kind, failure.sentence);
        bar.say(&told);
        if findings.wants(&failure.key) {
            let (own, recorded) = record(scenario, &drawn);
            if !same(&execution, &recorded) {
                report_nondeterminism(scenario, &drawn, task.seed, board);
            }
            if let Some((name, deviations)) = findings.keep_trouble(write(&own, &drawn, task.seed, &recorded, findings))
            {
                bar.say(&format!("  {}", findings.path(&name).display()));
                (failure.capsule, failure.deviations) = (Some(name), deviations);
            }
        }
        findings.keep_trouble(findings.note(scenario, task.seed, &failure.key, failure.capsule.as_deref()));
        ran.failure = Some(failure);
    }
    bar.ran(task.counts, ran.deliveries, ran.virtual_ms, &ran.points);
    Ok(ran)
}

/// What the task's seed runs.
fn drawn(setup: &Setup, scenario: &Scenario, task: &Task) -> Result<Drawn, Refusal> {
    let parent = task.parents.as_ref().and_then(|parents| parents.of(task.seed));
    let Some(parent) = parent else { return Ok(draw(scenario, setup.profile, task.seed)?) };
    let shelf = || task.shelf.lock().expect("nothing panics while it holds the shelf");
    let known = shelf().get(&parent).cloned();
    let known = match known {
        Some(known) => known,
        None => {
            let drawn = draw(scenario, setup.profile, parent)?;
            let recorded = runner(&drawn.plan, drawn.course(), RECORDING);
            // A parent that panicked left no schedule: its children are drawn afresh.
            let deviations = recorded.map(|run| run.outcome.recorded).unwrap_or_default();
            let known = Arc::new((drawn, Schedule { deviations }));
            shelf().insert(parent, known.clone());
            known
        }
    };
    Ok(guided::child(&known.0, &known.1, task.seed))
}

fn same(one: &Execution, two: &Execution) -> bool {
    match (one, two) {
        (Ok(one), Ok(two)) => one.outcome.digest == two.outcome.digest && one.report == two.report,
        (Err(one), Err(two)) => one == two,
        _ => false,
    }
}

fn report_nondeterminism(scenario: &Scenario, drawn: &Drawn, seed: u64, board: &Board) {
    let first = difference::first(&drawn.plan, drawn.course());
    board.nondeterminism(format!("two runs of {} seed {seed} differ; {first}", scenario.label()));
}

fn summary(seed: u64, drawn: &Drawn, execution: &Execution) -> Ran {
    let mut ran = Ran {
        seed,
        explorer: drawn.explorer,
        deliveries: 0,
        virtual_ms: 0,
        digest: 0,
        points: Vec::new(),
        untested: None,
        failure: None,
    };
    if let Ok(run) = execution {
        ran.deliveries = run.outcome.deliveries;
        ran.virtual_ms = run.outcome.finished_at.0 / 1_000_000;
        ran.digest = u128::from_str_radix(&run.outcome.digest.to_string(), 16).expect("a digest is 128 bits in hex");
        ran.points = run.outcome.coverage.as_ref().map(|c| c.points()).unwrap_or_default();
        ran.untested = (run.report.verdict == Verdict::Vacuous).then(|| run.report.untested.join("; "));
    }
    ran
}

fn failure(scenario: &Scenario, drawn: &Drawn, execution: &Execution) -> Option<(group::Key, Severity, String)> {
    let names = || scenario.with(&drawn.sets, drawn.plan.clone()).names();
    match execution {
        Err(panic) => Some((group::panic_key(panic, &names()), Severity::Panicked, panic.clone())),
        Ok(run) => {
            let violation = group::main_violation(&run.report)?;
            let severity = match violation.kind.class() {
                fencepost_reports::report::Class::Safety => Severity::Safety,
                fencepost_reports::report::Class::Liveness => Severity::Liveness,
            };
            Some((group::key(violation, &names()), severity, violation.proof.sentence.clone()))
        }
    }
}

/// The run again, with its deviations written down, and the scenario that stands for it.
fn record(scenario: &Scenario, drawn: &Drawn) -> (Scenario, Execution) {
    let recorded = runner(&drawn.plan, drawn.course(), RECORDING);
    (scenario.with(&drawn.sets, drawn.plan.clone()), recorded)
}

fn write(
    own: &Scenario,
    drawn: &Drawn,
    seed: u64,
    recorded: &Execution,
    findings: &Findings,
) -> Result<(String, u64), Refusal> {
    let mut capsule = capsule(own, drawn.seed, recorded);
    if capsule.schedule.is_none() {
        // A guided run that panicked had a script from the beginning.
        capsule.schedule = drawn.schedule.as_deref().cloned();
    }
    let deviations = capsule.schedule.as_ref().map_or(0, |s| s.deviations.len() as u64);
    Ok((findings.write(own, seed, &capsule, "")?, deviations))
}

/// Runs one seed of a campaign by itself and writes its capsule; none if it does not fail.
fn capsule_of(
    setup: &Setup,
    scenario: &Scenario,
    seed: u64,
    findings: &Findings,
) -> Result<Option<(String, u64)>, Refusal> {
    let mut task = Task::alone(seed);
    if is_guided(seed) {
        let (first, last) = seeds_of(block_of(seed));
        let mut half = Vec::new();
        for other in (first..=last).filter(|s| !is_guided(*s)) {
            let drawn = draw(scenario, setup.profile, other)?;
            let execution = runner(&drawn.plan, drawn.course(), EXPLORING);
            half.push((other, summary(other, &drawn, &execution).points));
        }
        task.parents = Some(Arc::new(Parents::choose(half.iter().map(|(s, p)| (*s, p.as_slice())))));
    }
    let drawn = drawn(setup, scenario, &task)?;
    let (own, recorded) = record(scenario, &drawn);
    if failure(scenario, &drawn, &recorded).is_none() {
        return Ok(None);
    }
    write(&own, &drawn, seed, &recorded, findings).map(Some)
}

/// The first failures of each group have capsules, also those that came when many of the group had been written.
///
/// # Errors
/// A draw of the scenario is refused, or a capsule cannot be written.
pub fn complete_capsules(results: &mut Results, setup: &Setup, findings: &Findings) -> Result<(), Refusal> {
    for group in &mut results.groups {
        for found in group.first.iter_mut().filter(|f| f.capsule.is_none()) {
            let scenario = &setup.scenarios[found.place as usize];
            if let Some((name, deviations)) = capsule_of(setup, scenario, found.seed, findings)? {
                (found.capsule, found.deviations) = (Some(name), deviations);
            }
        }
    }
    Ok(())
}
