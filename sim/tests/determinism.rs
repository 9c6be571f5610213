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
    ("lessons/lost-ack", 1, "bfd08e5da338de14d486bc4f19cfd131"),
    ("lessons/rolling-restart", 1, "f722cccb4af42c7eab82e0f7b5fc2948"),
    ("lessons/zombie", 1, "bbdb83b9f9d5c060aae7966fc213d40a"),
    ("chaos/rolling-restart", 1, "0ea14bfc2939c152baf8a0bd79965ae4"),
    ("chaos/crashes", 1, "0a7383c60aead906d6a437aa0c6c25f2"),
    ("chaos/partitions", 1, "5669fcaf039c12286e9971758346becd"),
    ("chaos/zombies", 1, "410f57353c4d3705048ac4de3f76c1a2"),
    ("chaos/everything", 1, "9ba0f7e75b44d6bd26b5de43cdf56832"),
    ("chaos/everything", 2, "0224a86ffa214ef36d10e64d3a219ed7"),
    ("chaos/everything", 3, "20af04c4abe7f6f0d7225d67ac607f98"),
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
