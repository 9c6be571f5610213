//! Clean histories of real runs: every scenario's clean cases, all chaos scenarios over several seeds, and a few small
//! scenarios of our own for what those do not have.

use std::sync::OnceLock;

use fencepost_reports::history::event::{Event, Sink};
use fencepost_reports::history::jsonl;
use fencepost_reports::{Checker, Report, Verdict};
use fencepost_sim::run::{Course, run};
use fencepost_sim::scenario::builtin::SCENARIOS;
use fencepost_sim::scenario::{Choice, Scenario};
use fencepost_sim::world::Keep;

use crate::past::Past;
use crate::{prepare, town, values};

/// Longer histories only cost time: each kind has its sites in shorter ones.
const LONGEST: usize = 3_600;

/// Chaos scenarios with fewer records: what is mutated is a kind of event, not an amount.
const CHAOS: [(&str, &[&str]); 6] = [
    ("chaos/crashes", &["shop.records=50", "web.records=50", "logger.records=30"]),
    ("chaos/everything", &["shop.records=50", "web.records=50", "logger.records=30"]),
    ("chaos/partitions", &["shop.records=50", "web.records=50", "logger.records=30"]),
    ("chaos/rolling-restart", &["shop.records=50", "web.records=50", "logger.records=30"]),
    ("chaos/zombies", &["shop.records=50", "web.records=50", "logger.records=30"]),
    ("chaos/sinks", &["shop.records=50", "desk.records=40"]),
];

/// Scenarios of our own.
const OWN: [(&str, &str); 4] = [
    ("own/readers", include_str!("own/readers.toml")),
    ("own/jobs", include_str!("own/jobs.toml")),
    ("own/exactly-once", include_str!("own/exactly-once.toml")),
    ("own/sinks", include_str!("own/sinks.toml")),
];

/// How many histories of the small honest system are mutated as well.
const TOWNS: u64 = 12;

/// Seeds of the scenarios that differ from seed to seed.
const SEEDS: core::ops::RangeInclusive<u64> = 1..=4;

/// Takes a copy of every event.
#[derive(Default)]
struct Kept(Vec<Event<'static>>);

impl Sink for Kept {
    fn event(&mut self, event: &Event<'_>) {
        // Texts that borrow from the run are copied by way of the format: the model itself lends only.
        let line = jsonl_line(event);
        self.0.push(owned(&line));
    }
}

fn jsonl_line(event: &Event<'_>) -> String {
    serde_json::to_string(event).expect("an event can be written")
}

/// The event that a line says, owning nothing that the line does.
pub fn owned(line: &str) -> Event<'static> {
    let line: &'static str = Box::leak(line.to_owned().into_boxed_str());
    serde_json::from_str(line).expect("what was written can be read")
}

/// As JSON Lines, to look at.
pub fn to_jsonl(events: &[Event<'_>]) -> String {
    let mut writer = jsonl::Writer::new(Vec::new(), &jsonl::Header::new("mutants"));
    events.iter().for_each(|event| writer.event(event));
    String::from_utf8(writer.finish().expect("memory takes everything")).expect("JSON is text")
}

/// What the judge says of a history.
pub fn judge(events: &[Event<'_>]) -> Report {
    let mut checker = Checker::new();
    events.iter().for_each(|event| checker.event(event));
    checker.finish()
}

fn history(scenario: &Scenario, seed: u64) -> Vec<Event<'static>> {
    let mut kept = Kept::default();
    run(&scenario.plan, Course::Seed(seed), Keep::default(), Some(&mut kept), None);
    kept.0
}

fn load(name: &str, case: Option<&str>, sets: &[&str]) -> Scenario {
    let choice = Choice { case: case.map(str::to_string), sets: sets.iter().map(|s| (*s).to_string()).collect() };
    Scenario::load_built_in(name, choice).unwrap_or_else(|problem| panic!("{name}: {problem}"))
}

/// Everything that is expected to be clean, judged or not.
pub fn everything() -> &'static [Past] {
    static ALL: OnceLock<Vec<Past>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all: Vec<(String, Vec<Event<'static>>)> = Vec::new();
        for (name, text) in OWN {
            let scenario = Scenario::load(name, text, Choice::default(), &mut |path| Err(path.to_string()));
            let scenario = scenario.unwrap_or_else(|problem| panic!("{name}: {problem}"));
            all.extend(SEEDS.map(|seed| (format!("{name} seed {seed}"), history(&scenario, seed))));
        }
        for (name, sets) in CHAOS {
            let scenario = load(name, None, sets);
            all.extend(SEEDS.map(|seed| (format!("{name} seed {seed}"), history(&scenario, seed))));
        }
        for (name, _) in SCENARIOS {
            if name.starts_with("chaos/") || name.starts_with("bench/") {
                continue;
            }
            let base = load(name, None, &[]);
            let cases = base.cases.iter().map(|(case, _)| Some(case.as_str()));
            for case in core::iter::once(None).chain(cases) {
                let scenario = load(name, case, &[]);
                if scenario.expect.verdict.unwrap_or(Verdict::Clean) == Verdict::Clean {
                    all.push((scenario.label(), history(&scenario, scenario.seed)));
                }
            }
        }
        all.extend((0..TOWNS).map(|seed| (format!("town {seed}"), town::history(seed, 60, false))));
        all.retain(|(_, events)| events.len() <= LONGEST);
        let prepared = all.into_iter().enumerate().map(|(n, (name, mut events))| {
            prepare::complete(&mut events);
            // Half of them: what has values must not hide what has none.
            let has_values = events.iter().any(|e| matches!(e, Event::Send(s) if s.value.is_some()));
            if !has_values && n % 2 == 0 {
                values::add(&mut events, n / 2);
            }
            Past::new(name, events)
        });
        prepared.collect()
    })
}

/// The histories that are mutated.
pub fn clean() -> &'static [&'static Past] {
    static CLEAN: OnceLock<Vec<&'static Past>> = OnceLock::new();
    CLEAN.get_or_init(|| everything().iter().filter(|past| judge(&past.events).verdict == Verdict::Clean).collect())
}
