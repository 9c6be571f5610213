//! The service that does it right, and the same with mistakes.

mod evidence;

use std::time::Duration;

use evidence::{is_a_replay, page, path_after, replay};
use fencepost_programs::enrichment::{Config, run};
use fencepost_programs::mistakes::{self, Mistake};
use rdkafka::fencepost::{self, Cluster, Finished};

const SCENARIO: &str = include_str!("../orders.toml");
const RESTART: Duration = Duration::from_secs(1);

/// A rolling restart of the brokers; processes that die, more than once; and one that stands still for longer than its
/// session and its transaction last.
async fn through_trouble(cluster: Cluster, seed: u64) -> Finished {
    cluster.fault("at = '12s'\naction = 'rolling_restart'\ndown = '2s'");
    tokio::time::sleep(Duration::from_millis(8_000 + 37 * (seed % 50))).await;
    cluster.pause("enrichment-1", Duration::from_secs(35));
    for round in 0..4 {
        tokio::time::sleep(Duration::from_millis(12_000 + 13 * ((seed + 31 * round) % 70))).await;
        cluster.restart("enrichment-2");
    }
    cluster.finish().await
}

#[test]
fn without_faults_every_order_is_enriched_once() {
    fencepost::test(1..=3, || async {
        let cluster = Cluster::from_text("orders", SCENARIO);
        cluster.service("enrichment-1", RESTART, || run(Config::of_instance(1)));
        let finished = cluster.finish().await;
        finished.assert_exactly_once("enriched");
        assert_eq!(finished.visible("enriched"), 600);
    });
}

/// Two instances of the service as it should be.
async fn enriched() {
    let cluster = Cluster::from_text("orders", SCENARIO);
    let seed = cluster.seed();
    cluster.service("enrichment-1", RESTART, || run(Config::of_instance(1)));
    cluster.service("enrichment-2", RESTART, || run(Config::of_instance(2)));
    through_trouble(cluster, seed).await.assert_exactly_once("enriched");
}

#[test]
fn every_order_is_enriched_once_through_a_rolling_restart_and_a_zombie() {
    fencepost::test(1..=20, enriched);
}

/// One world, whatever order madsim runs the tasks in that are ready at the same instant.
#[test]
fn the_order_of_tasks_leaves_the_world_alone() {
    for seed in 1..=3 {
        let digests: Vec<String> = (100..105).map(|madsim| fencepost::digest(seed, madsim, enriched)).collect();
        assert!(digests.iter().all(|d| *d == digests[0]), "seed {seed}: {digests:?}");
    }
}

/// Two instances of the service with the mistake.
async fn mistaken(mistake: Mistake) {
    let cluster = Cluster::from_text("orders", SCENARIO);
    let seed = cluster.seed();
    cluster.service("enrichment-1", RESTART, move || mistakes::run(Config::of_instance(1), mistake));
    cluster.service("enrichment-2", RESTART, move || mistakes::run(Config::of_instance(2), mistake));
    through_trouble(cluster, seed).await.assert_exactly_once("enriched");
}

/// The mistake is found within 100 seeds; the page shows who took part, and the capsule is the same execution.
fn is_found(mistake: Mistake, test: &str, as_what: &str) {
    let seeds = move || fencepost::test(1..=100, move || mistaken(mistake));
    if is_a_replay() {
        return seeds();
    }
    let found = std::panic::catch_unwind(seeds).expect_err("the mistake is found");
    let said = found.downcast_ref::<String>().expect("a text");
    println!("{said}");
    assert!(said.contains(as_what), "{said}");
    assert!(said.contains("the same in two more processes"), "{said}");
    assert!(page(said).contains("enrichment-1"));
    let (passes, said) = replay(test, path_after("capsule:", said));
    assert!(!passes && said.contains("replay: the same execution"), "{said}");
}

#[test]
fn offsets_committed_outside_the_transaction_are_found() {
    is_found(Mistake::OffsetsOutside, "offsets_committed_outside_the_transaction_are_found", "duplicate");
}

/// The instance that was fenced keeps its partitions and makes nothing of them.
#[test]
fn going_on_after_a_fatal_error_is_found() {
    is_found(Mistake::GoesOn, "going_on_after_a_fatal_error_is_found", "unprocessed input");
}

#[test]
fn one_transactional_id_for_two_instances_is_found() {
    is_found(
        Mistake::OneTransactionalId,
        "one_transactional_id_for_two_instances_is_found",
        "committed offsets without outputs",
    );
}

#[test]
fn metadata_of_the_group_taken_too_late_is_found() {
    is_found(Mistake::LateMetadata, "metadata_of_the_group_taken_too_late_is_found", "duplicate");
}
