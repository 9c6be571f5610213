//! A program that was written from rust-rdkafka's documentation, and for which nothing was adapted.

use std::time::Duration;

use fencepost_programs::audit::audit;
use rdkafka::fencepost::{self, Cluster};

const SCENARIO: &str = include_str!("../payments.toml");

async fn audited() {
    let cluster = Cluster::from_text("payments", SCENARIO);
    let seed = cluster.seed();
    for instance in ["a", "b"] {
        let run =
            move || audit("broker-1:9092,broker-2:9092".into(), instance.into(), "payments".into(), "audited".into());
        cluster.service(&format!("audit-{instance}"), Duration::from_secs(1), run);
    }
    cluster.fault("at = '12s'\naction = 'rolling_restart'\ndown = '2s'");
    tokio::time::sleep(Duration::from_millis(8_000 + 37 * (seed % 200))).await;
    cluster.pause("audit-a", Duration::from_secs(30)); // longer than its session and its transaction last
    cluster.finish().await.assert_exactly_once("audited");
}

#[test]
fn an_unadapted_program_is_exactly_once_through_a_rolling_restart_and_a_zombie() {
    fencepost::test(1..=20, audited);
}

/// One world, whatever order madsim runs the tasks in that are ready at the same instant.
#[test]
fn the_order_of_tasks_leaves_the_world_alone() {
    for seed in 1..=3 {
        let digests: Vec<String> = (100..105).map(|madsim| fencepost::digest(seed, madsim, audited)).collect();
        assert!(digests.iter().all(|d| *d == digests[0]), "seed {seed}: {digests:?}");
    }
    assert_ne!(fencepost::digest(1, 1, audited), fencepost::digest(2, 1, audited));
}
