//! Runs whose history is kept, for tests that read it.

use std::sync::Arc;

use fencepost_reports::history::event::{Event, Sink};
use fencepost_sim::plan::Plan;
use fencepost_sim::run::{Course, Run, run};
use fencepost_sim::scenario::{Choice, Scenario};
use fencepost_sim::world::Keep;
use serde_json::Value;

/// A history, event by event: the name of the kind, and its fields.
#[derive(Default)]
pub struct Kept(pub Vec<(String, Value)>);

impl Sink for Kept {
    fn event(&mut self, event: &Event<'_>) {
        let Value::Object(object) = serde_json::to_value(event).expect("an event is JSON") else {
            panic!("an event is an object")
        };
        self.0.extend(object);
    }
}

impl Kept {
    /// The events of one kind.
    pub fn all<'k>(&'k self, kind: &'k str) -> impl Iterator<Item = &'k Value> + 'k {
        self.0.iter().filter(move |(k, _)| k == kind).map(|(_, fields)| fields)
    }

    /// The number of the client of that name.
    pub fn client(&self, name: &str) -> u64 {
        let found = self.all("client").find(|c| c["name"] == name).unwrap_or_else(|| panic!("no client {name}"));
        found["id"].as_u64().expect("a number")
    }
}

pub fn plan_of(text: &str) -> Arc<Plan> {
    let read = &mut |path: &str| panic!("{path} is not read");
    Scenario::load("a test's own", text, Choice::default(), read).unwrap_or_else(|p| panic!("{p}\n{text}")).plan
}

/// A run with its history.
pub fn keep(plan: &Arc<Plan>, course: Course<'_>) -> (Run, Kept) {
    let mut kept = Kept::default();
    let keep = Keep { schedule: true, ..Keep::default() };
    let run = run(plan, course, keep, Some(&mut kept), None);
    (run, kept)
}
