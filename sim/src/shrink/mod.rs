//! Shrinking: from an execution that goes wrong to a short script that goes wrong in the same way.
//!
//! Whole families, nodes and stretches of time are taken away first, then single deviations (delta debugging), then what
//! is left is weakened, and at last the scenario itself gets smaller: fewer clients, records, members, partitions,
//! brokers. A candidate counts if the run still shows the same kind of violation by the same rule. Replays apply what is
//! written and draw nothing, so that the result is a script.

mod goal;
mod search;
mod settings;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use fencepost_kernel::shrink::{ROUNDS, remove, weaken};
pub use goal::{Goal, rule};
use search::Search;
pub use search::{translated, with_settings};

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
    let mut search = Search::begin(scenario, seed, schedule, goal, run, go_on).ok_or(NotReproduced)?;
    let given = (search.scenario.clone(), search.deviations.clone());
    let size = |search: &Search<'_>| (search.deviations.len(), search.scenario.choice.sets.len(), search.deliveries());
    for _ in 0..ROUNDS {
        let before = size(&search);
        remove(&mut search);
        settings::reduce(&mut search);
        weaken(&mut search);
        if search.stopped || size(&search) == before {
            break;
        }
    }
    if !search.confirm() {
        // What a plain replay does not show is no script: fall back on what was given.
        (search.scenario, search.deviations) = given;
        if !search.confirm() {
            return Err(NotReproduced);
        }
    }
    Ok(Shrunk {
        settings: search.settings(),
        seed,
        schedule: Schedule { deviations: search.deviations },
        runs: search.runs,
        finished: !search.stopped,
        scenario: search.scenario,
        ran: search.ran,
    })
}
