//! The outbox relay: right, and with the position in the wrong place.

mod evidence;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use evidence::{is_a_replay, page, path_after, replay};
use fencepost_programs::relay::{self, Config, Outbox};
use rdkafka::error::KafkaResult;
use rdkafka::fencepost::{self, Cluster};

const SCENARIO: &str = include_str!("../outbox.toml");
const ROWS: usize = 200;

/// A service says something every 100 ms, into a database that does not fail; the relay's process is killed four times,
/// and the brokers are restarted one by one.
async fn relayed<Fut>(relay: fn(Config, Arc<Outbox>) -> Fut)
where
    Fut: Future<Output = KafkaResult<()>> + 'static,
{
    let cluster = Cluster::from_text("outbox", SCENARIO);
    let seed = cluster.seed();
    let outbox = Arc::new(Outbox::default());
    let table = outbox.clone();
    cluster.service("relay", Duration::from_secs(1), move || relay(Config::default(), table.clone()));
    cluster.fault("at = '8s'\naction = 'rolling_restart'\ndown = '2s'");
    for row in 0..ROWS as u64 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        outbox.insert(&format!("account {}", row % 7), "was opened");
        if row % 50 == 20 + seed % 25 {
            tokio::time::sleep(Duration::from_millis(seed * 7 % 23)).await;
            cluster.restart("relay");
        }
    }
    while outbox.waiting() > 0 {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let finished = cluster.finish().await;
    finished.assert_exactly_once("events");
    assert_eq!(finished.visible("events"), ROWS as u64, "each row is there");
}

#[test]
fn every_row_is_carried_once_whenever_the_relay_dies() {
    fencepost::test(1..=20, || relayed(|config, outbox| async move { relay::run(config, &outbox).await }));
}

#[test]
fn a_position_that_only_the_table_knows_is_found() {
    let seeds = || {
        fencepost::test(1..=100, || {
            relayed(|config, outbox| async move { relay::run_with_marks_only(config, &outbox).await })
        });
    };
    if is_a_replay() {
        return seeds();
    }
    let found = std::panic::catch_unwind(seeds);
    let message = found.expect_err("the mistake is found");
    let message = message.downcast_ref::<String>().expect("a text");
    println!("{message}");
    assert!(message.contains("duplicate"), "{message}");
    assert!(message.contains("of those that programs sent to events of their own accord"), "{message}");
    assert!(page(message).contains("relay"));
    let test = "a_position_that_only_the_table_knows_is_found";
    let (passes, said) = replay(test, path_after("capsule:", message));
    assert!(!passes && said.contains("replay: the same execution"), "{said}");
}
