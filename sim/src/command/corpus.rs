//! Pinned capsules: what `verify` makes of them.

use fencepost_reports::report::Verdict;

use super::case::{Case, verdict_words};
use super::execute::quietly;
use crate::capsule::Capsule;
use crate::run::Course;
use crate::scenario::deviation;
use crate::schedule::Schedule;
use crate::shrink::{translated, with_settings};
use crate::world::Keep;

/// What became of a pinned capsule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// It gives the verdict that it must give, and its remedy helps.
    Kept,
    /// It gives another one, or its remedy does not help.
    Differs(String),
    /// What it is made of does not occur any more: it shows nothing.
    NoLongerApplies(String),
}

/// Replays a pinned capsule. Its digest is not compared: it changes with every change of the protocol.
pub fn judge(capsule: &Capsule) -> Pinned {
    let case = Case::of(capsule.clone());
    let names = capsule.scenario.names();
    let unused: Vec<String> = match &case.ran {
        Ok(run) => run.outcome.unused.iter().map(|d| deviation::words(d, &names)).collect(),
        Err(_) => Vec::new(),
    };
    let as_it_must = match &case.ran {
        Err(_) => capsule.verdict == "panicked",
        Ok(run) => {
            run.report.verdict.name() == capsule.verdict
                && capsule.kinds.iter().all(|kind| run.report.violations.iter().any(|v| v.kind.name() == kind))
        }
    };
    // A clean run says something only if what it survived did happen.
    if !unused.is_empty() && (!as_it_must || capsule.verdict == "clean") {
        return Pinned::NoLongerApplies(format!("does not occur any more: {}", unused.join("; ")));
    }
    if !as_it_must {
        let expected = if capsule.kinds.is_empty() {
            capsule.verdict.clone()
        } else {
            format!("{}: {}", capsule.verdict, capsule.kinds.join(", "))
        };
        return Pinned::Differs(format!("expected {expected}; was {}", verdict_words(&case.ran)));
    }
    remedy(capsule, &case.schedule)
}

fn remedy(capsule: &Capsule, schedule: &Schedule) -> Pinned {
    if capsule.remedy.is_empty() {
        return Pinned::Kept;
    }
    let settings = capsule.remedy.join(" ");
    let Some(cured) = with_settings(&capsule.scenario, &capsule.remedy) else {
        return Pinned::Differs(format!("the remedy {settings} is not understood"));
    };
    let deviations = translated(&schedule.deviations, &capsule.scenario, &cured);
    let ran = quietly(&cured, Course::Schedule(capsule.seed, &Schedule { deviations }), Keep::default());
    match &ran {
        Ok(run) if run.report.verdict == Verdict::Clean => Pinned::Kept,
        _ => Pinned::Differs(format!("with {settings}: expected clean; was {}", verdict_words(&ran))),
    }
}
