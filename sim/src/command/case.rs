//! A capsule at hand: read, with its schedule, and run again.

use std::path::Path;

use super::Refusal;
use super::execute::{Ran, quietly};
use super::source;
use crate::capsule::Capsule;
use crate::run::Course;
use crate::schedule::Schedule;
use crate::shrink::Goal;
use crate::world::Keep;

/// A capsule with a schedule, and what it gives.
pub struct Case {
    /// The capsule.
    pub capsule: Capsule,
    /// Its schedule; that of its seed if it did not hold one.
    pub schedule: Schedule,
    /// The run.
    pub ran: Ran,
}

impl Case {
    /// Reads a capsule and runs it.
    ///
    /// # Errors
    /// It cannot be read or used.
    pub fn read(path: &Path) -> Result<Case, Refusal> {
        let name = path.display();
        let text = source::read_text(path).map_err(|m| Refusal(format!("cannot read {name}: {m}")))?;
        let capsule = Capsule::from_json(&text).map_err(|e| Refusal(format!("{name}: {e}")))?;
        Ok(Case::of(capsule))
    }

    /// Runs a capsule.
    pub fn of(capsule: Capsule) -> Case {
        let keep = Keep { schedule: true, ..Keep::default() };
        let course = match &capsule.schedule {
            Some(schedule) => Course::Schedule(capsule.seed, schedule),
            None => Course::Seed(capsule.seed),
        };
        let ran = quietly(&capsule.scenario, course, keep);
        let recorded = || ran.as_ref().map(|run| Schedule { deviations: run.outcome.recorded.clone() });
        let schedule = capsule.schedule.clone().unwrap_or_else(|| recorded().unwrap_or_default());
        Case { capsule, schedule, ran }
    }

    /// The finding to be kept or explained, if there is one.
    pub fn goal(&self) -> Option<Goal> {
        match &self.ran {
            Err(_) => Some(Goal::Panic),
            Ok(run) => Goal::of(&run.report),
        }
    }
}

/// The verdict of a run in one word, with the kinds of its violations.
pub fn verdict_words(ran: &Ran) -> String {
    match ran {
        Err(_) => "panicked".to_string(),
        Ok(run) => {
            let kinds: Vec<&str> = run.report.violations.iter().map(|v| v.kind.name()).collect();
            let verdict = run.report.verdict.name();
            if kinds.is_empty() { verdict.to_string() } else { format!("{verdict}: {}", kinds.join(", ")) }
        }
    }
}

/// Exit code of a run.
pub fn exit_code(ran: &Ran) -> u8 {
    ran.as_ref().map_or(super::PANICKED, |run| run.report.verdict.exit_code())
}
