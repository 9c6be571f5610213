//! `step`: a run in the terminal, one step after the other, forward and backward.

mod app;
mod input;
mod marks;
#[cfg(test)]
mod tests;
mod view;

use std::io::{IsTerminal, stdin, stdout};
use std::path::Path;

use ratatui::crossterm::event::{self, Event, KeyEventKind};

use super::execute::{Ran, guarded};
use super::output::shell_word;

use super::{Outcome, PANICKED, Refusal, What, source};
use crate::capsule::{Capsule, PROGRAM};
use crate::run::{Course, run};
use crate::scenario::Scenario;
use crate::story::{Recorder, Teller};
use crate::world::{Keep, Traced, Tracer};
use app::App;

/// `fencepost step`.
pub fn step(what: &What, seed: Option<u64>, json: bool) -> Outcome {
    if json || !stdin().is_terminal() || !stdout().is_terminal() {
        let message = "step needs a terminal to draw in and to read keys from; elsewhere, 'run' and 'replay' with \
                       --diagram, --html or --trace show what happened";
        return Err(Refusal(message.to_string()));
    }
    let (app, ran) = load(what, seed)?;
    show(app).map_err(|e| Refusal(format!("the terminal does not work: {e}")))?;
    Ok(ran.map_or(PANICKED, |run| run.report.verdict.exit_code()))
}

/// Runs what is to be shown.
fn load(what: &What, seed: Option<u64>) -> Result<(App, Ran), Refusal> {
    let path = Path::new(&what.scenario);
    if path.extension().is_none_or(|e| e != "json") {
        let scenario = source::load(&source::find(&what.scenario)?, what.choice())?;
        let seed = seed.unwrap_or(scenario.seed);
        let again = scenario.command(seed);
        return Ok(record(&scenario, Course::Seed(seed), seed, &again));
    }
    if what.case.is_some() || !what.sets.is_empty() || seed.is_some() {
        let message =
            "a capsule holds its case, settings and seed: step through it as it is, or let 'whatif' change it";
        return Err(Refusal(message.to_string()));
    }
    let name = path.display();
    let text = source::read_text(path).map_err(|m| Refusal(format!("cannot read {name}: {m}")))?;
    let capsule = Capsule::from_json(&text).map_err(|e| Refusal(format!("{name}: {e}")))?;
    let course = match &capsule.schedule {
        Some(schedule) => Course::Schedule(capsule.seed, schedule),
        None => Course::Seed(capsule.seed),
    };
    let again = format!("fencepost replay {}", shell_word(&name.to_string()));
    Ok(record(&capsule.scenario, course, capsule.seed, &again))
}

/// Runs and records.
fn record(scenario: &Scenario, course: Course<'_>, seed: u64, again: &str) -> (App, Ran) {
    let teller = Teller::new(&scenario.plan);
    let mut recorder = Recorder::new(&teller);
    let mut sink = teller.sink();
    let mut tracer = |traced: &Traced<'_>| recorder.trace(traced);
    let keep = Keep { schedule: true, trace: true, standings: true, ..Keep::default() };
    let ran = guarded(|| {
        let tracer: Tracer<'_> = &mut tracer;
        run(&scenario.plan, course, keep, Some(&mut sink), Some(tracer))
    });
    let tape = recorder.finish();
    let mut story = match &ran {
        Ok(run) => teller.tell(run),
        Err(panic) => {
            let mut story = teller.tell_of_panic();
            story.judgement.verdict = "panicked".to_string();
            story.judgement.sentence = format!("a machine panicked: {panic}");
            story
        }
    };
    story.title.clone_from(&scenario.plan.title);
    story.label = scenario.label();
    story.seed = seed;
    story.command = again.to_string();
    story.program = PROGRAM.to_string();
    (App::new(story, tape), ran)
}

/// Takes the terminal over, and gives it back as it was, also if something panics.
fn show(mut app: App) -> std::io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let result = (|| {
        while !app.is_over() {
            terminal.draw(|frame| view::draw(frame, &mut app))?;
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => input::key(&mut app, key),
                _ => {} // the next drawing takes a new size into account
            }
        }
        Ok(())
    })();
    ratatui::try_restore()?;
    result
}
