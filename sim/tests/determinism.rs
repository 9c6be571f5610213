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
    ("lessons/lost-ack", 1, "bd09a16b9a0ec3cada4a1d422ecf3edf"),
    ("lessons/rolling-restart", 1, "8b51eeed8cf8f98fd5c455860c0f6d2b"),
    ("lessons/zombie", 1, "a31de16b987d9ffdd570b32a79840c2c"),
    ("chaos/rolling-restart", 1, "9e7baa007d219fa613ac91e3fe035bc7"),
    ("chaos/crashes", 1, "401f79cbe3ca1766a0da7b214c28a19f"),
    ("chaos/partitions", 1, "7e6ed168edfc0297fd19c26cb5c07550"),
    ("chaos/zombies", 1, "bb4a3c3ecfec3e25f3c7fc516186abd4"),
    ("chaos/sinks", 1, "2ef7acdc0e58696aa7914f390c6609e6"),
    ("chaos/everything", 1, "300ba9c45abc5234c0547fc4371066f2"),
    ("chaos/everything", 2, "6cccf9e5aef57ae191b2cf83b4e3920b"),
    ("chaos/everything", 3, "40bad4bb164d51cf157c9d20ef460db7"),
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
