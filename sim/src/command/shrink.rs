//! `shrink`: a capsule's execution as a short script.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fencepost_reports::render::{counted, thousands};
use fencepost_reports::report::Kind;
use fencepost_reports::terminal::wrapped;
use serde_json::json;

use super::case::{Case, verdict_words};
use super::execute::{guarded, with_files};
use super::output::{Troubles, WholeFile, document, print, shell_word};
use super::run::{Stopwatch, capsule};
use super::{Files, Outcome, Refusal, interrupt};
use crate::capsule::Capsule;
use crate::nearest::choices;
use crate::plan::Plan;
use crate::run::{Course, Run, run};
use crate::scenario::deviation;
use crate::shrink::{self, Goal, NotReproduced, Shrunk};
use crate::world::Keep;

/// The runner of the command: a panic is a result.
pub fn runner(plan: &Arc<Plan>, course: Course<'_>, keep: Keep) -> Result<Run, String> {
    guarded(|| run(plan, course, keep, None, None))
}

/// The capsule of a shrunk execution. The remedy stays what it was.
pub fn shrunk_capsule(shrunk: &Shrunk, remedy: &[String]) -> Capsule {
    let mut capsule = capsule(&shrunk.scenario, shrunk.seed, &Err(String::new()));
    if let Ok(run) = &shrunk.ran {
        capsule.verdict = run.report.verdict.name().to_string();
        capsule.kinds = run.report.violations.iter().map(|v| v.kind.name().to_string()).collect();
        capsule.digest = Some(run.outcome.digest.to_string());
    }
    capsule.schedule = Some(shrunk.schedule.clone());
    capsule.remedy = remedy.to_vec();
    capsule
}

/// `fencepost shrink`.
pub fn shrink(
    path: &Path,
    save: Option<&Path>,
    kind: Option<&str>,
    seconds: u64,
    files: &Files,
    json: bool,
) -> Outcome {
    let name = path.display().to_string();
    let case = Case::read(path)?;
    let goal = match kind {
        Some(word) => {
            let known = || choices(word, "kinds", Kind::ALL.iter().map(|kind| kind.name()));
            let none = || Refusal(format!("--kind {word}: there is no such kind of violation{}", known()));
            Goal::of_kind(Kind::from_name(word).ok_or_else(none)?)
        }
        None => match case.goal() {
            Some(goal) => goal,
            None => return Err(Refusal(format!("{name}: the run is clean, so there is nothing to keep"))),
        },
    };
    interrupt::note();
    let watch = Stopwatch::start();
    let go_on = || watch.ms() < seconds.saturating_mul(1000) && !interrupt::asked();
    let (scenario, seed) = (&case.capsule.scenario, case.capsule.seed);
    let shrunk = shrink::shrink(scenario, seed, &case.schedule, &goal, &runner, &go_on).map_err(|NotReproduced| {
        Refusal(format!("{name}: a replay of its deviations does not show '{}'", goal.words()))
    })?;
    let wall_ms = watch.ms();
    let target = save.map_or_else(|| beside(path), Path::to_path_buf);
    let mut troubles = Troubles::default();
    let file = WholeFile::create(&target);
    troubles.note(file.and_then(|f| f.finish_with(&shrunk_capsule(&shrunk, &case.capsule.remedy).to_json())));
    let again = format!("fencepost replay {}", shell_word(&target.display().to_string()));
    // What is written beside it, the page for instance, is of the shrunk run.
    let (told, written) =
        with_files(&shrunk.scenario, Course::Schedule(seed, &shrunk.schedule), Keep::default(), files)?;
    let diagram = match &told {
        Ok(run) => written.finish(&shrunk.scenario, seed, run, &again, &mut troubles).filter(|_| files.diagram),
        Err(_) => None,
    };
    let deliveries = |ran: &Result<Run, String>| ran.as_ref().map_or(0, |run| run.outcome.deliveries);
    let (before, after) = (case.schedule.deviations.len(), shrunk.schedule.deviations.len());
    if json {
        let side = |deviations: usize, ran| json!({ "deviations": deviations, "deliveries": deliveries(ran) });
        let mut value = json!({
            "kept": goal.words(),
            "verdict": verdict_words(&shrunk.ran),
            "script": script(&shrunk),
            "settings": shrunk.settings,
            "before": side(before, &case.ran),
            "after": side(after, &shrunk.ran),
            "runs": shrunk.runs,
            "finished": shrunk.finished,
            "wall_ms": wall_ms,
            "capsule": target.display().to_string(),
            "command": again,
        });
        troubles.tell(&mut value);
        document(&value);
    } else {
        let mut text = format!("{}, seed {seed}: {}\n\n", shrunk.scenario.label(), verdict_words(&shrunk.ran));
        text += &text_of(&shrunk);
        if let Some(diagram) = diagram {
            text += &format!("\n{diagram}");
        }
        text += &format!(
            "\n{} before, {after} now; {} deliveries before, {} now; {} in {} ms{}\n",
            counted(before as u64, "deviation"),
            thousands(deliveries(&case.ran)),
            thousands(deliveries(&shrunk.ran)),
            counted(shrunk.runs.into(), "run"),
            thousands(wall_ms),
            if shrunk.finished { "" } else { ": the time was up before it was done" }
        );
        text += &format!("replay: {again}\n");
        print(&text);
    }
    Ok(troubles.exit_code(super::case::exit_code(&shrunk.ran)))
}

/// `found.json` becomes `found.shrunk.json`.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("shrunk.json")
}

/// The deviations in words.
pub fn script(shrunk: &Shrunk) -> Vec<String> {
    let names = shrunk.scenario.names();
    shrunk.schedule.deviations.iter().map(|d| deviation::words(d, &names)).collect()
}

/// The script for people: what happens, and what comes of it.
pub fn text_of(shrunk: &Shrunk) -> String {
    let mut text = String::new();
    for (index, words) in script(shrunk).iter().enumerate() {
        text += &format!("  {}. {words}\n", index + 1);
    }
    if text.is_empty() {
        text = "  nothing goes wrong on the way\n".to_string();
    }
    if !shrunk.settings.is_empty() {
        text += &format!("  with {}\n", shrunk.settings.join(" "));
    }
    match &shrunk.ran {
        Err(panic) => text += &format!("  then a machine panics: {panic}\n"),
        Ok(run) => {
            for violation in &run.report.violations {
                let found = format!("{}: {}", violation.kind, violation.proof.sentence);
                wrapped(&mut text, &found, "  then ", "    ");
            }
        }
    }
    text
}
