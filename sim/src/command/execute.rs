//! One run with everything that is written beside it.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fencepost_reports::history::{Header, Writer};
use fencepost_reports::story::Story;
use fencepost_reports::{diagram, markdown, page};
use serde_json::json;

use super::dump::Dump;
use super::output::{Troubles, WholeFile};
use super::{Files, Refusal};
use crate::capsule::PROGRAM;
use crate::plan::Plan;
use crate::run::{Course, Run, run};
use crate::scenario::Scenario;
use crate::story::Teller;
use crate::world::{Keep, Traced, TracedEvent};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on the panic of a machine is kept as a finding instead of being printed.
pub fn keep_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if GUARDED.get() {
            PANIC.set(Some(info.to_string()));
        } else {
            usual(info);
        }
    }));
}

/// A run, or the panic that ended it.
pub type Ran = Result<Run, String>;

/// Runs without writing anything.
pub fn quietly(scenario: &Scenario, course: Course<'_>, keep: Keep) -> Ran {
    guarded(|| run(&scenario.plan, course, keep, None, None))
}

/// Runs a plan and hands every delivery to `tracer`.
pub fn plan_traced(plan: &Arc<Plan>, course: Course<'_>, tracer: crate::world::Tracer<'_>) -> Ran {
    let keep = Keep { trace: true, ..Keep::default() };
    guarded(|| run(plan, course, keep, None, Some(tracer)))
}

/// Calls; a panic on the way is an error.
///
/// # Errors
/// The message of the panic.
pub fn guarded(call: impl FnOnce() -> Run) -> Ran {
    GUARDED.set(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(false);
    result.map_err(|_| PANIC.take().unwrap_or_else(|| "a machine panicked".to_string()))
}

/// Files that have been written but do not have their names yet.
#[must_use = "the files get their names when they are finished"]
pub struct Written {
    history: Option<(Writer<WholeFile>, std::path::PathBuf)>,
    trace: Option<Result<WholeFile, Refusal>>,
    dump: Option<(Dump, std::path::PathBuf)>,
    story: Option<Teller>,
    html: Option<WholeFile>,
    markdown: Option<WholeFile>,
}

impl Written {
    /// Gives the files their names. Returns the text diagram, if the run was told as a story; `again` is the command that
    /// runs it again. What cannot be written is noted, so that the verdict is told all the same.
    pub fn finish(
        self,
        scenario: &Scenario,
        seed: u64,
        run: &Run,
        again: &str,
        troubles: &mut Troubles,
    ) -> Option<String> {
        if let Some((writer, path)) = self.history {
            let written = writer.finish().map_err(|e| Refusal(format!("cannot write {}: {e}", path.display())));
            troubles.note(written.and_then(WholeFile::finish));
        }
        if let Some(trace) = self.trace {
            troubles.note(trace.and_then(WholeFile::finish));
        }
        if let Some((dump, folder)) = self.dump {
            troubles.note(dump.write(&folder, &scenario.plan, seed));
        }
        let story = titled(self.story?.tell(run), scenario, seed, again);
        if let Some(file) = self.html {
            troubles.note(file.finish_with(&page::html(&story)));
        }
        if let Some(file) = self.markdown {
            troubles.note(file.finish_with(&markdown::text(&story)));
        }
        Some(diagram::text(&story))
    }
}

/// A story with what only its caller knows: what ran, and how to run it again.
fn titled(mut story: Story, scenario: &Scenario, seed: u64, again: &str) -> Story {
    story.title.clone_from(&scenario.plan.title);
    story.label = scenario.label();
    story.seed = seed;
    story.command = again.to_string();
    story.program = PROGRAM.to_string();
    story
}

/// Runs and tells it as a story; `again` is the command that runs it again.
///
/// # Errors
/// The panic of a machine.
pub fn told(scenario: &Scenario, seed: u64, course: Course<'_>, again: &str) -> Result<Story, String> {
    let teller = Teller::new(&scenario.plan);
    let keep = Keep { trace: true, schedule: true, ..Keep::default() };
    let mut tracer = |traced: &Traced<'_>| teller.trace(traced);
    let run = guarded(|| run(&scenario.plan, course, keep, Some(&mut teller.sink()), Some(&mut tracer)))?;
    Ok(titled(teller.tell(&run), scenario, seed, again))
}

/// Runs, and writes what was asked for.
///
/// # Errors
/// A file cannot be written.
pub fn with_files(
    scenario: &Scenario,
    course: Course<'_>,
    keep: Keep,
    files: &Files,
) -> Result<(Ran, Written), Refusal> {
    let seed = match course {
        Course::Seed(seed) | Course::Schedule(seed, _) | Course::Legal(seed, _) | Course::Future(seed, ..) => seed,
    };
    let history = match &files.history {
        None => None,
        Some(path) => {
            let mut header = Header::new(PROGRAM);
            header.scenario = Some(scenario.label());
            header.seed = Some(seed);
            Some((Writer::new(WholeFile::create(path)?, &header), path.clone()))
        }
    };
    if let Some(folder) = &files.dump {
        std::fs::create_dir_all(folder).map_err(|e| Refusal(format!("cannot write {}: {e}", folder.display())))?;
    }
    let html = files.html.as_deref().map(WholeFile::create).transpose()?;
    let markdown = files.markdown.as_deref().map(WholeFile::create).transpose()?;
    let story = files.need_a_story().then(|| Teller::new(&scenario.plan));
    let (history, history_path) = history.unzip();
    let mut extra = ((history, files.dump.as_ref().map(|_| Dump::default())), story.as_ref().map(Teller::sink));
    let mut trace = files.trace.as_deref().map(WholeFile::create).transpose()?;
    let mut trace_error = None;
    let tracing = trace.is_some() || story.is_some();
    let mut tracer = |traced: &Traced<'_>| {
        if let Some(teller) = &story {
            teller.trace(traced);
        }
        if let Some(file) = &mut trace
            && trace_error.is_none()
            && let Some(line) = line(traced)
        {
            trace_error = writeln!(file, "{line}").err();
        }
    };
    // A story tells what deviated.
    let keep = Keep { trace: tracing, schedule: keep.schedule || story.is_some(), ..keep };
    let ran = guarded(|| {
        let tracer: Option<crate::world::Tracer<'_>> = if tracing { Some(&mut tracer) } else { None };
        run(&scenario.plan, course, keep, Some(&mut extra), tracer)
    });
    let trace = trace.map(|file| match trace_error {
        None => Ok(file),
        Some(error) => {
            let path = files.trace.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
            Err(Refusal(format!("cannot write {path}: {error}")))
        }
    });
    let (history, dump) = extra.0;
    let history = history.zip(history_path);
    let dump = dump.zip(files.dump.clone());
    Ok((ran, Written { history, trace, dump, story, html, markdown }))
}

/// One line of a trace.
pub fn line(traced: &Traced<'_>) -> Option<serde_json::Value> {
    let (what, kind, detail) = match &traced.what {
        TracedEvent::Request(r) => ("request", Some(r.kind().name()), Some(format!("{r:?}"))),
        TracedEvent::Response(r) => ("response", Some(r.kind().name()), Some(format!("{r:?}"))),
        TracedEvent::Connected => ("connected", None, None),
        TracedEvent::Disconnected => ("disconnected", None, None),
        TracedEvent::Timer => ("timer", None, None),
        TracedEvent::Fault(text) => ("fault", None, Some(text.clone())),
        _ => return None,
    };
    let mut line = json!({ "ns": traced.at.0, "from": traced.from, "to": traced.to, "what": what });
    for (key, value) in [("kind", kind.map(str::to_string)), ("detail", detail)] {
        if let Some(value) = value {
            line[key] = value.into();
        }
    }
    Some(line)
}
