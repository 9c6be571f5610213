//! Shrinking: from an execution that goes wrong to a short script that goes wrong in the same way.
//!
//! Whole families, nodes and stretches of time are taken away first, then single deviations (delta debugging), then what
//! is left is weakened, and at last the scenario itself gets smaller: fewer clients, records, members, partitions,
//! brokers. A candidate counts if the run still shows the same kind of violation by the same rule. Replays apply what is
//! written and draw nothing, so that the result is a script.

mod goal;

use std::sync::Arc;

pub use goal::{Goal, rule};

use crate::plan::Plan;
use crate::run::{Course, Run};
use crate::scenario::Scenario;
use crate::schedule::Schedule;
use crate::world::Keep;

/// Runs a plan; the error is the panic of a machine. (What catches a panic belongs to the command, not to the library.)
pub type Runner<'r> = &'r (dyn Fn(&Arc<Plan>, Course<'_>, Keep) -> Result<Run, String> + Sync);

/// What came of shrinking.
#[derive(Debug)]
pub struct Shrunk {
    /// The scenario, with what was changed in its settings.
    pub scenario: Scenario,
    /// Seed of generated records.
    pub seed: u64,
    /// The deviations that are left.
    pub schedule: Schedule,
    /// Settings that shrinking added, each `KEY=VALUE`; they are part of `scenario.choice.sets` too.
    pub settings: Vec<String>,
    /// Runs that it took.
    pub runs: u32,
    /// False if the time was up before nothing more could be taken away.
    pub finished: bool,
    /// The shrunk run, with the deviations as recorded; an error is the panic.
    pub ran: Result<Run, String>,
}

/// Why there is nothing to shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotReproduced;

/// Shrinks an execution. `schedule` is as it was recorded; `go_on` is asked before every run and ends the search when it
/// says no, with the best that was found by then.
///
/// # Errors
/// The schedule does not show the goal.
pub fn shrink(
    scenario: &Scenario,
    seed: u64,
    schedule: &Schedule,
    goal: &Goal,
    run: Runner<'_>,
    go_on: &dyn Fn() -> bool,
) -> Result<Shrunk, NotReproduced> {
    let _ = go_on;
    let keep = Keep { schedule: true, ..Keep::default() };
    let ran = run(&scenario.plan, Course::Schedule(seed, schedule), keep);
    if !goal.is_shown_by(&ran) {
        return Err(NotReproduced);
    }
    let (scenario, schedule) = (scenario.clone(), schedule.clone());
    Ok(Shrunk { scenario, seed, schedule, settings: Vec::new(), runs: 1, finished: false, ran })
}
