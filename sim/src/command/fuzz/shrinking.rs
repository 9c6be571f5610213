//! Shrinking the first failures of each group, and adding them to a corpus.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::super::corpus::{self, Pinned};
use super::super::output::{WholeFile, say};
use super::super::run::Stopwatch;
use super::super::shrink::{runner, script, shrunk_capsule};
use super::super::source::read_text;
use super::super::{Refusal, interrupt};
use super::Setup;
use super::findings::Findings;
use super::results::{Results, Shrunk};
use crate::capsule::Capsule;
use crate::fuzz::group;
use crate::plan::Plan;
use crate::run::Course;
use crate::shrink::{Goal, shrink};
use crate::stream::hash_name;
use crate::world::Keep;

/// Runs that one shrink may take, and deliveries in all of them (20 s or so): what bounds it, so that its result does not
/// depend on how fast the machine is and what else it does.
const RUNS: u64 = 6_000;
const DELIVERIES: u64 = 25_000_000;
/// It is given up after so long all the same.
const LONGEST_MS: u64 = 300_000;

/// Shrinks the first failures of each group; without --keep-going only the first of the first.
pub fn shrink_all(setup: &Setup, findings: &Findings, results: &mut Results) {
    let found: Vec<_> = results.groups.iter_mut().flat_map(|g| &mut g.first).filter(|f| f.capsule.is_some()).collect();
    let work: Vec<_> = found.into_iter().map(Mutex::new).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..setup.jobs.min(work.len()) {
            scope.spawn(|| {
                while !interrupt::asked() {
                    let Some(found) = work.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    let mut found = found.lock().expect("each is taken once");
                    let name = found.capsule.clone().expect("those without were left out");
                    // A shrinker that fails must not take the report with it.
                    let shrunk = catch_unwind(AssertUnwindSafe(|| one(findings, &name)));
                    found.shrunk = shrunk.unwrap_or_else(|_| {
                        say(&format!("{name}: shrinking it panicked; it is reported as it was found"));
                        None
                    });
                }
            });
        }
    });
}

/// Shrinks one capsule of the folder; none if that is not possible.
fn one(findings: &Findings, name: &str) -> Option<Shrunk> {
    let text = read_text(&findings.path(name)).ok()?;
    let given = Capsule::from_json(&text).ok()?;
    let schedule = given.schedule.as_ref()?;
    let replayed = runner(&given.scenario.plan, Course::Schedule(given.seed, schedule), Keep::default());
    let goal = match replayed {
        Err(_) => Goal::Panic,
        Ok(run) => Goal::of(&run.report)?,
    };
    let (watch, runs, spent) = (Stopwatch::start(), AtomicU64::new(0), AtomicU64::new(0));
    let counted = |plan: &Arc<Plan>, course: Course<'_>, keep: Keep| {
        let ran = runner(plan, course, keep);
        spent.fetch_add(ran.as_ref().map_or(0, |run| run.outcome.deliveries), Ordering::Relaxed);
        ran
    };
    let go_on = || {
        let affordable = runs.fetch_add(1, Ordering::Relaxed) < RUNS && spent.load(Ordering::Relaxed) < DELIVERIES;
        affordable && watch.ms() < LONGEST_MS && !interrupt::asked()
    };
    let shrunk = shrink(&given.scenario, given.seed, schedule, &goal, &counted, &go_on).ok()?;
    let written = shrunk_capsule(&shrunk, &given.remedy);
    let file = format!("{}-shrunk.json", name.trim_end_matches(".json"));
    WholeFile::create(&findings.path(&file)).ok()?.finish_with(&written.to_json()).ok()?;
    let sentence = match &shrunk.ran {
        Err(panic) => panic.clone(),
        Ok(run) => group::main_violation(&run.report)?.proof.sentence.clone(),
    };
    Some(Shrunk {
        capsule: file,
        deviations: shrunk.schedule.deviations.len() as u64,
        deliveries: shrunk.ran.as_ref().map_or(0, |run| run.outcome.deliveries),
        shape: group::shape(&shrunk.schedule),
        words: script(&shrunk),
        settings: shrunk.settings,
        sentence,
        runs: u64::from(shrunk.runs),
        finished: shrunk.finished,
    })
}

/// Copies the shrunk capsule of each bug into a corpus, under a name that says what it is: kind and rule. One that is
/// there already stays as long as it applies; one that no longer applies is retired by the fresh one, which takes its
/// place (`scenarios/corpus/README.md`).
pub fn add_to_corpus(folder: &Path, findings: &Findings, results: &Results) -> Result<(), Refusal> {
    std::fs::create_dir_all(folder).map_err(|e| Refusal(format!("cannot write {}: {e}", folder.display())))?;
    for group in &results.groups {
        let Some(shrunk) = group.first.iter().find_map(|f| f.shrunk.as_ref()) else { continue };
        let number = hash_name(group.rule.as_bytes()) as u32;
        let path = folder.join(format!("{}-{number:08x}.json", group.kind));
        let known = read_text(&path).ok().and_then(|text| Capsule::from_json(&text).ok());
        let done = match known.map(|capsule| corpus::judge(&capsule)) {
            Some(Pinned::NoLongerApplies(_)) => "retired, and replaced by a fresh one, in the corpus",
            Some(_) => continue,
            None if path.exists() => continue, // of another format, or no capsule: not ours to replace
            None => "added to the corpus",
        };
        let text = read_text(&findings.path(&shrunk.capsule)).map_err(Refusal)?;
        WholeFile::create(&path)?.finish_with(&text)?;
        say(&format!("{done}: {}", path.display()));
    }
    Ok(())
}
