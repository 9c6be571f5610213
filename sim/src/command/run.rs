//! `run`: one execution, judged.

use std::path::Path;

use fencepost_reports::render::{counted, thousands};
use fencepost_reports::report::Report;
use fencepost_reports::terminal::{WIDTH, one_line, wrapped};
use serde_json::{Value, json};

use super::execute::{Ran, with_files};
use super::output::{Troubles, WholeFile, document, print, shell_word};
use super::{Files, Outcome, PANICKED, What, interrupt, source};
use crate::capsule::{Capsule, PROGRAM};
use crate::run::{Course, Run};
use crate::scenario::Scenario;
use crate::schedule::Schedule;
use crate::world::Keep;

/// The wall clock, for what is printed and nothing else.
#[expect(clippy::disallowed_types, reason = "outside the simulation: how long the user waited")]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts.
    #[expect(clippy::disallowed_types, reason = "outside the simulation: how long the user waited")]
    pub fn start() -> Stopwatch {
        Stopwatch(std::time::Instant::now())
    }

    /// Milliseconds since the start.
    pub fn ms(&self) -> u64 {
        self.0.elapsed().as_millis() as u64
    }
}

/// `fencepost run`.
pub fn run(what: &What, seed: Option<u64>, save: Option<&Path>, files: &Files, json: bool) -> Outcome {
    let scenario = source::load(&source::find(&what.scenario)?, what.choice())?;
    let seed = seed.unwrap_or(scenario.seed);
    interrupt::end_cleanly();
    let watch = Stopwatch::start();
    let keep = Keep { schedule: save.is_some(), ..Keep::default() };
    let capsule_file = save.map(WholeFile::create).transpose()?;
    let (ran, written) = with_files(&scenario, Course::Seed(seed), keep, files)?;
    let wall_ms = watch.ms();
    let again = scenario.command(seed);
    let mut troubles = Troubles::default();
    let diagram = match &ran {
        Ok(run) => written.finish(&scenario, seed, run, &again, &mut troubles).filter(|_| files.diagram),
        Err(_) => None,
    };
    let saved = capsule_file.and_then(|file| {
        troubles.note(file.finish_with(&capsule(&scenario, seed, &ran).to_json()))?;
        save.map(|path| path.display().to_string())
    });
    match &ran {
        Err(panic) => {
            if json {
                let mut value = panicked(&scenario, seed, panic, &again);
                troubles.tell(&mut value);
                document(&value);
            } else {
                print(&format!("{}\n\na machine panicked: {panic}\nagain:  {again}\n", head(&scenario, seed)));
            }
            Ok(troubles.exit_code(PANICKED))
        }
        Ok(run) => {
            if json {
                let mut value = numbers(&scenario, seed, run, wall_ms);
                value["command"] = again.into();
                value["capsule"] = saved.into();
                troubles.tell(&mut value);
                if let Some(diagram) = diagram {
                    value["diagram"] = diagram.into();
                }
                document(&value);
            } else {
                let diagram = diagram.map_or_else(String::new, |d| d + "\n");
                let mut text = format!("{}\n\n{diagram}{}", head(&scenario, seed), body(run, wall_ms));
                text += &format!("again:  {again}\n");
                if let Some(path) = saved {
                    text += &format!("replay: fencepost replay {}\n", shell_word(&path));
                }
                text += &next(&scenario, seed);
                print(&text);
            }
            Ok(troubles.exit_code(run.report.verdict.exit_code()))
        }
    }
}

/// A run as a capsule.
pub fn capsule(scenario: &Scenario, seed: u64, ran: &Ran) -> Capsule {
    let (verdict, kinds, digest, schedule) = match ran {
        Err(_) => ("panicked".to_string(), Vec::new(), None, None),
        Ok(run) => (
            run.report.verdict.name().to_string(),
            run.report.violations.iter().map(|v| v.kind.name().to_string()).collect(),
            Some(run.outcome.digest.to_string()),
            Some(Schedule { deviations: run.outcome.recorded.clone() }),
        ),
    };
    let (program, scenario, remedy) = (PROGRAM.into(), scenario.clone(), Vec::new());
    Capsule { program, scenario, seed, verdict, kinds, digest, remedy, schedule }
}

/// What ran.
pub fn head(scenario: &Scenario, seed: u64) -> String {
    let plan = &scenario.plan;
    let mut text = String::new();
    wrapped(&mut text, &format!("{}: {}", scenario.label(), plan.title), "", "  ");
    let brokers = plan.cluster.brokers;
    let connectors = plan.pipelines.iter().filter(|p| p.output.is_none()).count();
    let clients = [
        (plan.producers.len(), "producer"),
        (plan.services.len(), "service"),
        (plan.relays.len(), "relay"),
        (plan.pipelines.len() - connectors, "pipeline"),
        (connectors, "connector"),
        (plan.readers.len(), "reader"),
        (plan.databases.len(), "database"),
        (plan.payments.len(), "payment API"),
    ];
    text += &format!("seed {seed}; {}", counted(brokers.into(), "broker"));
    for (n, what) in clients.into_iter().filter(|(n, _)| *n > 0) {
        text += &format!(", {}", counted(n as u64, what));
    }
    for set in &scenario.choice.sets {
        text += &format!("; {set}");
    }
    text
}

/// The verdict, the topics, the findings, and the digest.
pub fn body(run: &Run, wall_ms: u64) -> String {
    let outcome = &run.outcome;
    let mut text = run.report.render_text();
    text += &format!(
        "\n{}, {}, {} of virtual time in {} ms\n",
        if outcome.deliveries == 1 {
            "1 delivery".to_string()
        } else {
            format!("{} deliveries", thousands(outcome.deliveries))
        },
        counted(outcome.faults.into(), "fault"),
        fencepost_protocol::time::Span::from_millis((outcome.finished_at.0 / 1_000_000) as i64),
        thousands(wall_ms),
    );
    text += &run.figures.words();
    text += &format!("digest: {}\n", outcome.digest);
    text
}

/// The other cases, for those who read a lesson.
fn next(scenario: &Scenario, seed: u64) -> String {
    if scenario.choice.case.is_some() {
        return String::new();
    }
    let mut text = String::new();
    for (case, title) in &scenario.cases {
        let mut other = scenario.clone();
        other.choice.case = Some(case.clone());
        // A command is for copying: it stays on its line.
        let (command, title) = (format!("then:   {}", other.command(seed)), one_line(title));
        let gap = if title.is_empty() {
            String::new()
        } else if command.chars().count() + 4 + title.chars().count() > WIDTH {
            "\n        # ".to_string()
        } else {
            "  # ".to_string()
        };
        text += &format!("{command}{gap}{title}\n");
    }
    text
}

/// The parts of `--json` that judge.
pub fn judged(report: &Report) -> Value {
    let violations = |list: &[fencepost_reports::report::Violation]| -> Value {
        list.iter()
            .map(|v| json!({ "kind": v.kind.name(), "count": v.count, "proof": v.proof, "further": v.further }))
            .collect()
    };
    json!({
        "verdict": report.verdict.name(),
        "violations": violations(&report.violations),
        "allowed": violations(&report.allowed),
        "topics": report.topics,
        "sinks": report.sinks,
        "untested": report.untested,
        "account": report.account,
        "warnings": report.warnings,
        "notes": report.notes,
    })
}

/// A run as JSON.
pub fn numbers(scenario: &Scenario, seed: u64, run: &Run, wall_ms: u64) -> Value {
    let mut value = judged(&run.report);
    value["scenario"] = scenario.name.as_str().into();
    value["case"] = scenario.choice.case.clone().into();
    value["seed"] = seed.into();
    value["deliveries"] = run.outcome.deliveries.into();
    value["faults"] = run.outcome.faults.into();
    value["virtual_ms"] = (run.outcome.finished_at.0 / 1_000_000).into();
    value["wall_ms"] = wall_ms.into();
    value["digest"] = run.outcome.digest.to_string().into();
    value["figures"] = serde_json::to_value(&run.figures).expect("figures serialize");
    value
}

/// A run that a panic ended, as JSON.
pub fn panicked(scenario: &Scenario, seed: u64, panic: &str, again: &str) -> Value {
    json!({
        "scenario": scenario.name,
        "case": scenario.choice.case,
        "seed": seed,
        "verdict": "panicked",
        "panic": panic,
        "command": again,
    })
}
