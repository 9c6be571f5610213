//! Determinism: a run is a function of scenario and seed, a replay of a written schedule is the run that it was written
//! from, and digests are the same on every machine and in every build profile.

use std::sync::Arc;

use fencepost_reports::history::event::{Event, Sink};
use fencepost_reports::report::Verdict;
use fencepost_sim::plan::Plan;
use fencepost_sim::run::{Course, run};
use fencepost_sim::scenario::{Choice, Scenario};
use fencepost_sim::schedule::Schedule;
use fencepost_sim::world::Keep;

fn plan(name: &str) -> Arc<Plan> {
    Scenario::load_built_in(name, Choice::default()).unwrap_or_else(|p| panic!("{name}: {p}")).plan
}

/// Digests of scenarios and seeds. A change of the model changes them, and then they are pinned anew on purpose; a
/// difference between machines or between build profiles is a bug. CI runs this test in both profiles.
const PINNED: &[(&str, u64, &str)] = &[
    ("lessons/lost-ack", 1, "9d0ecc86f57428d2a2e30de9ce6709f5"),
    ("lessons/rolling-restart", 1, "3a8a2574c237427271fe57c5496603a7"),
    ("lessons/zombie", 1, "8c29bc1c6c8bd8c9aea4cc669b7619cf"),
    ("chaos/rolling-restart", 1, "6afd15d3136badff1aa323548434339b"),
    ("chaos/crashes", 1, "ab14eee38640e703b1baf615236d953d"),
    ("chaos/partitions", 1, "73efd8f03d5b523b557211bd8fdaaf45"),
    ("chaos/zombies", 1, "9cb7f2ddef30c676a28d5757a4623472"),
    ("chaos/sinks", 1, "c1087da280539b0f1932d8bfb1a9049c"),
    ("chaos/everything", 1, "28da5b3ce677ad1411cd7ca2be7959ba"),
    ("chaos/everything", 2, "e2178807dd6dc7d08a45e617b7bb3a18"),
    ("chaos/everything", 3, "e402dcc24279fcc7eb3ebf01724c7423"),
];

#[test]
fn digests_are_those_that_were_pinned() {
    let differences: Vec<String> = PINNED
        .iter()
        .filter_map(|(name, seed, pinned)| {
            let digest = run(&plan(name), Course::Seed(*seed), Keep::default(), None, None).outcome.digest.to_string();
            (digest != *pinned).then(|| format!("    (\"{name}\", {seed}, \"{digest}\"),"))
        })
        .collect();
    assert!(differences.is_empty(), "these digests are not the pinned ones:\n{}", differences.join("\n"));
}

#[test]
fn the_same_seed_twice_gives_one_digest() {
    let plan = plan("chaos/everything");
    for seed in 1..=40 {
        let digest = || run(&plan, Course::Seed(seed), Keep::default(), None, None).outcome.digest;
        assert_eq!(digest(), digest(), "seed {seed}");
    }
}

/// A run that is written down has the digest of the run that is not, and so has its replay.
fn replays_agree(seeds: std::ops::RangeInclusive<u64>) {
    let plan = plan("chaos/everything");
    for seed in seeds {
        let keep = Keep { schedule: true, ..Keep::default() };
        let drawn = run(&plan, Course::Seed(seed), keep, None, None);
        let schedule = Schedule { deviations: drawn.outcome.recorded };
        let replayed = run(&plan, Course::Schedule(seed, &schedule), Keep::default(), None, None);
        assert_eq!(drawn.outcome.digest, replayed.outcome.digest, "seed {seed}");
        assert_eq!(drawn.outcome.deliveries, replayed.outcome.deliveries, "seed {seed}");
        assert!(replayed.outcome.unused.is_empty(), "seed {seed}: {:?} did not occur", replayed.outcome.unused);
    }
}

#[test]
fn run_and_replay_agree_on_seeds_1_to_250() {
    replays_agree(1..=250);
}

#[test]
fn run_and_replay_agree_on_seeds_251_to_500() {
    replays_agree(251..=500);
}

#[test]
fn run_and_replay_agree_on_seeds_501_to_750() {
    replays_agree(501..=750);
}

#[test]
fn run_and_replay_agree_on_seeds_751_to_1000() {
    replays_agree(751..=1000);
}

/// Takes one acknowledged record out of the final read of a topic: what a reader of a broker that silently dropped it
/// would find.
struct Dropping {
    checker: fencepost_reports::Checker,
    topic: u32,
    nth: u32,
    seen: u32,
}

impl Sink for Dropping {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Final(f) = event
            && f.at.topic == self.topic
            && f.visible
        {
            self.seen += 1;
            if self.seen == self.nth {
                return;
            }
        }
        self.checker.event(event);
    }
}

#[test]
fn a_canary_one_dropped_record_is_found_wherever_it_is() {
    let plan = plan("chaos/everything");
    for (topic, nth) in [(2, 1), (2, 77), (3, 5), (4, 150), (5, 60)] {
        let mut sink = Dropping { checker: fencepost_reports::Checker::new(), topic, nth, seen: 0 };
        let honest = run(&plan, Course::Seed(3), Keep::default(), Some(&mut sink), None).report;
        assert_eq!(honest.verdict, Verdict::Clean);
        let report = sink.checker.finish();
        assert_eq!(report.verdict, Verdict::Violated, "record {nth} of topic {topic}");
        let found = report.violations.iter().map(|v| v.count).sum::<u64>();
        assert!(found >= 1, "record {nth} of topic {topic}: {:?}", report.violations);
    }
}
