//! `replay`: a capsule again, and whether it still fails.

use std::path::Path;

use fencepost_reports::report::Verdict;
use serde_json::json;

use super::execute::{Ran, quietly, with_files};
use super::output::{Troubles, document, print, say};
use super::run::{Stopwatch, body, head, numbers, panicked};
use super::{Files, NONDETERMINISM, Outcome, PANICKED, Refusal, interrupt, source};
use crate::capsule::{Capsule, PROGRAM};
use crate::run::Course;
use crate::scenario::deviation;
use crate::world::Keep;

/// What became of the execution that a capsule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The very same execution.
    Same,
    /// Another execution, wrong in the same way.
    StillFails,
    /// Another execution, and nothing is wrong.
    NowPasses,
    /// Another execution, in which nothing is wrong and not all was put to the test.
    NowVacuous,
    /// Another execution, wrong in another way.
    FailsDifferently,
    /// None of its deviations occurs any more.
    NoLongerApplies,
}

impl Fate {
    const fn words(self) -> &'static str {
        match self {
            Fate::Same => "the same execution",
            Fate::StillFails => "still fails",
            Fate::NowPasses => "now passes",
            Fate::NowVacuous => "now vacuous",
            Fate::FailsDifferently => "fails differently",
            Fate::NoLongerApplies => "no longer applies",
        }
    }
}

/// `fencepost replay`.
pub fn replay(path: &Path, files: &Files, json: bool) -> Outcome {
    let name = path.display();
    let text = source::read_text(path).map_err(|m| Refusal(format!("cannot read {name}: {m}")))?;
    let capsule = Capsule::from_json(&text).map_err(|e| Refusal(format!("{name}: {e}")))?;
    let scenario = &capsule.scenario;
    let course = match &capsule.schedule {
        Some(schedule) => Course::Schedule(capsule.seed, schedule),
        None => Course::Seed(capsule.seed),
    };
    interrupt::end_cleanly();
    let watch = Stopwatch::start();
    let (ran, written) = with_files(scenario, course, Keep::default(), files)?;
    let wall_ms = watch.ms();
    let again = format!("fencepost replay {}", super::output::shell_word(&name.to_string()));
    let run = match &ran {
        Ok(run) => run,
        Err(panic) => {
            if json {
                document(&panicked(scenario, capsule.seed, panic, &again));
            } else {
                print(&format!("{}\n\na machine panicked: {panic}\nagain:  {again}\n", head(scenario, capsule.seed)));
            }
            return Ok(PANICKED);
        }
    };
    let fate = fate(&capsule, &ran);
    if fate != Fate::Same {
        // Another digest means another program, or that the program does not always do the same: tell the two apart.
        let second = quietly(scenario, course, Keep::default());
        if second.map(|r| r.outcome.digest) != Ok(run.outcome.digest) {
            let message = "nondeterminism: two replays of the same capsule differ";
            if json {
                document(&json!({ "error": message, "command": again }));
            }
            say(message);
            return Ok(NONDETERMINISM);
        }
    }
    let mut troubles = Troubles::default();
    let diagram = written.finish(scenario, capsule.seed, run, &again, &mut troubles).filter(|_| files.diagram);
    let names = scenario.names();
    let unused: Vec<String> = run.outcome.unused.iter().map(|d| deviation::words(d, &names)).collect();
    if json {
        let mut value = numbers(scenario, capsule.seed, run, wall_ms);
        value["replay"] = fate.words().into();
        value["written_by"] = capsule.program.as_str().into();
        value["no_longer_applies"] = unused.into();
        value["command"] = again.into();
        troubles.tell(&mut value);
        if let Some(diagram) = diagram {
            value["diagram"] = diagram.into();
        }
        document(&value);
    } else {
        let diagram = diagram.map_or_else(String::new, |d| d + "\n");
        let mut text =
            format!("{}\nreplayed from {name}, written by {}\n\n", head(scenario, capsule.seed), capsule.program);
        text += &diagram;
        text += &body(run, wall_ms);
        text += &format!("replay: {}", fate.words());
        if fate != Fate::Same {
            text += &format!(
                " (the capsule's digest is {}; this is {PROGRAM})",
                capsule.digest.as_deref().unwrap_or("unknown")
            );
        }
        text.push('\n');
        for words in &unused {
            text += &format!("  no longer applies: {words}\n");
        }
        text += &format!("again:  {again}\n");
        print(&text);
    }
    Ok(troubles.exit_code(run.report.verdict.exit_code()))
}

fn fate(capsule: &Capsule, ran: &Ran) -> Fate {
    let Ok(run) = ran else { return Fate::FailsDifferently };
    if capsule.digest.as_deref() == Some(run.outcome.digest.to_string().as_str()) {
        return Fate::Same;
    }
    let deviations = capsule.schedule.as_ref().map_or(0, |s| s.deviations.len());
    if deviations > 0 && run.outcome.unused.len() == deviations {
        return Fate::NoLongerApplies;
    }
    if run.report.verdict == Verdict::Vacuous {
        return Fate::NowVacuous;
    }
    if run.report.violations.is_empty() {
        return Fate::NowPasses;
    }
    let same = run.report.violations.iter().any(|v| capsule.kinds.iter().any(|k| k == v.kind.name()));
    if same { Fate::StillFails } else { Fate::FailsDifferently }
}
