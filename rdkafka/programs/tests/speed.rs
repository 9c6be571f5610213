//! How much slower a seed is than with a built-in pipeline that does the same. By hand, in the release profile:
//! `cargo test --release -p fencepost-programs --test speed -- --ignored --nocapture`

#![cfg(madsim)]
#![expect(clippy::disallowed_types, reason = "wall time is measured")]

use std::time::{Duration, Instant};

use fencepost_programs::enrichment::{Config, run};
use fencepost_sim::run::{Course, run as simulate};
use fencepost_sim::scenario::{Choice, Scenario};
use fencepost_sim::world::Keep;
use rdkafka::fencepost::{self, Cluster};

const SCENARIO: &str = include_str!("../orders.toml");
const PIPELINE: &str = r#"
[[pipeline]]
name = "enrichment"
members = 2
input = "orders"
output = "enriched"
processing.guarantee = "exactly_once_v2"
[pipeline.consumer]
session.timeout.ms = 10000
"#;
const SEEDS: u64 = 200;

/// Seconds for all seeds on one thread, and deliveries of one.
fn built_in() -> (f64, u64) {
    let mut nothing = |path: &str| Err(path.to_string());
    let scenario = Scenario::load("orders", &format!("{SCENARIO}{PIPELINE}"), Choice::default(), &mut nothing)
        .unwrap_or_else(|problem| panic!("{problem}"));
    let began = Instant::now();
    let mut deliveries = 0;
    for seed in 1..=SEEDS {
        let run = simulate(&scenario.plan, Course::Seed(seed), Keep::default(), None, None);
        assert_eq!(run.report.topic("enriched").map(|t| t.visible), Some(600));
        deliveries = run.outcome.deliveries;
    }
    (began.elapsed().as_secs_f64(), deliveries)
}

fn program() -> (f64, u64) {
    let began = Instant::now();
    for seed in 1..=SEEDS {
        fencepost::test(seed..=seed, || async {
            let cluster = Cluster::from_text("orders", SCENARIO);
            for n in 1..=2 {
                cluster
                    .service(&format!("enrichment-{n}"), Duration::from_secs(1), move || run(Config::of_instance(n)));
            }
            let finished = cluster.finish().await;
            assert_eq!(finished.visible("enriched"), 600);
            DELIVERIES.store(finished.deliveries(), std::sync::atomic::Ordering::Relaxed);
        });
    }
    (began.elapsed().as_secs_f64(), DELIVERIES.load(std::sync::atomic::Ordering::Relaxed))
}

static DELIVERIES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

#[test]
#[ignore = "measures; run it alone, in the release profile"]
fn a_program_takes_at_most_three_times_as_long_as_a_built_in_pipeline() {
    // Three rounds, the best of each: other work of the machine only makes a round longer.
    let best = |f: fn() -> (f64, u64)| (0..3).map(|_| f()).min_by(|a, b| a.0.total_cmp(&b.0)).expect("three rounds");
    let (pipeline, of_pipeline) = best(built_in);
    let (ours, of_ours) = best(program);
    let ratio = ours / pipeline;
    println!(
        "built-in pipeline: {:.0} seeds/s, {of_pipeline} deliveries a seed\nprogram: {:.0} seeds/s, {of_ours} deliveries \
         a seed\nratio: {ratio:.2}",
        SEEDS as f64 / pipeline,
        SEEDS as f64 / ours,
    );
    assert!(ratio <= 3.0, "{ratio:.2}");
}
