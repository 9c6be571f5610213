//! How much slower a seed is than with a built-in pipeline that does the same, with a process for each seed and on threads of one
//! process. By hand, in the release profile:
//! `cargo test --release -p fencepost-programs --test speed -- --ignored --nocapture --exact measure`

#![cfg(madsim)]
#![expect(clippy::disallowed_types, reason = "wall time is measured, on all cores")]

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
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

/// Seconds for all seeds on all cores, and deliveries of one.
fn built_in() -> (f64, u64) {
    let mut nothing = |path: &str| Err(path.to_string());
    let scenario = Scenario::load("orders", &format!("{SCENARIO}{PIPELINE}"), Choice::default(), &mut nothing)
        .unwrap_or_else(|problem| panic!("{problem}"));
    let (began, next, deliveries) = (Instant::now(), AtomicU64::new(1), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed <= SEEDS) {
                    let run = simulate(&scenario.plan, Course::Seed(seed), Keep::default(), None, None);
                    assert_eq!(run.report.topic("enriched").map(|t| t.visible), Some(600));
                    deliveries.store(run.outcome.deliveries, Ordering::Relaxed);
                }
            });
        }
    });
    (began.elapsed().as_secs_f64(), deliveries.into_inner())
}

#[test]
#[ignore = "measure() starts it"]
fn seeds() {
    fencepost::test(1..=1, || async {
        let cluster = Cluster::from_text("orders", SCENARIO);
        for n in 1..=2 {
            cluster.service(&format!("enrichment-{n}"), Duration::from_secs(1), move || run(Config::of_instance(n)));
        }
        assert_eq!(cluster.finish().await.visible("enriched"), 600);
    });
}

/// Seconds for all seeds on all cores.
fn programs(processes: &str) -> f64 {
    let began = Instant::now();
    let status = Command::new(std::env::current_exe().expect("this program"))
        .args(["seeds", "--exact", "--ignored"])
        .env("FENCEPOST_SEEDS", format!("1..{SEEDS}"))
        .env("FENCEPOST_PROCESSES", processes)
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.expect("it runs").success());
    began.elapsed().as_secs_f64()
}

#[test]
#[ignore = "measures; run it alone, in the release profile"]
fn measure() {
    // Three rounds, the best of each: other work of the machine only makes a round longer.
    fn best(f: impl Fn() -> f64) -> f64 {
        (0..3).map(|_| f()).min_by(f64::total_cmp).expect("three rounds")
    }
    let (_, deliveries) = built_in();
    let pipeline = best(|| built_in().0);
    let (threads, processes) = (best(|| programs("0")), best(|| programs("1")));
    let speed = |seconds: f64| SEEDS as f64 / seconds;
    println!(
        "built-in pipeline: {:.1} seeds/s, {deliveries} deliveries a seed\nprogram, on threads of one process: {:.1} \
         seeds/s\nprogram, a process for each seed: {:.1} seeds/s\nratio: {:.2}, {:.2}",
        speed(pipeline),
        speed(threads),
        speed(processes),
        threads / pipeline,
        processes / pipeline,
    );
    assert!(processes / pipeline <= 3.0, "a program takes at most three times as long as a built-in pipeline");
}
