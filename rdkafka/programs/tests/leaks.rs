//! What a process leaves behind reaches no other seed, and is named where it reaches another process.

use std::cell::Cell;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::fencepost::{self, Cluster};
use rdkafka::producer::{FutureProducer, FutureRecord};

const SCENARIO: &str = include_str!("../outbox.toml");

async fn say(text: String) {
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", "broker-1:9092").create().expect("the settings are right");
    producer.send(FutureRecord::to("events").key("k").payload(&text), Duration::ZERO).await.expect("it is sent");
    std::future::pending::<()>().await;
}

/// A program that says something when it starts, and is started again.
async fn twice(text: fn() -> String) {
    let cluster = Cluster::from_text("outbox", SCENARIO);
    cluster.node("speaker", move || say(text()));
    tokio::time::sleep(Duration::from_secs(10)).await;
    cluster.restart("speaker");
    tokio::time::sleep(Duration::from_secs(10)).await;
    cluster.finish().await.assert_exactly_once("events");
}

fn said_of(test: fn()) -> String {
    catch_unwind(test).expect_err("it fails").downcast_ref::<String>().expect("a text").clone()
}

#[test]
fn a_program_that_writes_its_process_id_is_not_deterministic() {
    let said = said_of(|| {
        fencepost::test(1..=3, || async {
            let cluster = Cluster::from_text("outbox", SCENARIO);
            cluster.node("speaker", || say(format!("I am {:09}", std::process::id())));
            cluster.finish().await.assert_exactly_once("events");
        });
    });
    assert!(said.contains("seed 1: NOT DETERMINISTIC") && said.contains("the process's id"), "{said}");
    assert!(said.contains("capsule:") && said.contains("page:"), "{said}");
}

#[test]
fn keys_headers_and_timestamps_are_in_the_digest_as_values_are() {
    fn digest(record: fn(FutureRecord<'static, str, str>) -> FutureRecord<'static, str, str>) -> String {
        fencepost::digest(1, 1, move || async move {
            let cluster = Cluster::from_text("outbox", SCENARIO);
            cluster.node("speaker", move || async move {
                let producer: FutureProducer =
                    ClientConfig::new().set("bootstrap.servers", "b").create().expect("the settings are right");
                let plain = FutureRecord::to("events").partition(0).timestamp(5).key("k").payload("text");
                producer.send(record(plain), Duration::ZERO).await.expect("it is sent");
            });
            cluster.finish().await;
        })
    }
    use rdkafka::message::{Header, OwnedHeaders};
    let digests = [
        digest(|record| record),
        digest(|record| record.payload("tixt")),
        digest(|record| record.key("q")),
        digest(|record| record.timestamp(6)),
        digest(|record| record.headers(OwnedHeaders::new().insert(Header { key: "h", value: Some("a") }))),
        digest(|record| record.headers(OwnedHeaders::new().insert(Header { key: "h", value: Some("b") }))),
    ];
    assert_eq!(digest(|record| record), digests[0]);
    for (n, one) in digests.iter().enumerate() {
        assert!(!digests[n + 1..].contains(one), "{digests:?}");
    }
}

#[test]
fn a_static_does_not_reach_the_next_seed() {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    fencepost::test(1..=6, || async {
        assert_eq!(STARTED.fetch_add(1, Ordering::Relaxed), 0, "this process has run another seed");
        let cluster = Cluster::from_text("outbox", SCENARIO);
        cluster.node("speaker", || say("here I am".into()));
        cluster.finish().await;
    });
    assert_eq!(STARTED.load(Ordering::Relaxed), 0, "nothing of it happened in this process");
}

#[test]
fn a_static_that_outlives_a_kill_is_named() {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let said = said_of(|| {
        fencepost::test(1..=3, || twice(|| format!("id {}", NEXT.fetch_add(1, Ordering::Relaxed))));
    });
    assert!(said.contains("SOMETHING OUTLIVES THE PROCESS") && said.contains("a static or a thread-local"), "{said}");
    assert!(said.contains("what these hand over: speaker"), "{said}");
}

#[test]
fn a_thread_local_that_outlives_a_kill_is_named() {
    thread_local!(static NEXT: Cell<u64> = const { Cell::new(0) });
    let said = said_of(|| fencepost::test(1..=3, || twice(|| format!("id {}", NEXT.replace(NEXT.get() + 1)))));
    assert!(said.contains("SOMETHING OUTLIVES THE PROCESS"), "{said}");
}

/// The near misses: a static that is never different, and state that the main function owns.
#[test]
fn a_static_that_makes_no_difference_is_none() {
    static SETTING: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    fencepost::test(1..=3, || async {
        let cluster = Cluster::from_text("outbox", SCENARIO);
        cluster.node("speaker", || async {
            let mut next = 0..;
            say(format!("{} {:?}", SETTING.get_or_init(|| "once".into()), next.next())).await;
        });
        tokio::time::sleep(Duration::from_secs(10)).await;
        cluster.restart("speaker");
        tokio::time::sleep(Duration::from_secs(10)).await;
        let finished = cluster.finish().await;
        assert_eq!(finished.visible("events"), 2);
    });
}

/// A call of the kit after another one in the same test runs in processes, too, and the earlier one is not done again.
#[test]
fn several_calls_in_one_test_each_have_their_seeds() {
    let first = fencepost::digest(1, 1, twice_quietly);
    let said = said_of(|| fencepost::test(5..=5, || async { panic!("on purpose") }));
    assert!(said.contains("on purpose"), "{said}");
    assert_eq!(fencepost::digest(1, 1, twice_quietly), first);
    fencepost::test(1..=2, twice_quietly);
}

async fn twice_quietly() {
    let cluster = Cluster::from_text("outbox", SCENARIO);
    cluster.node("speaker", || say("hello".into()));
    cluster.finish().await;
}

/// A process that ends in the middle of its seed is told with how it ended.
#[test]
fn a_seed_whose_process_dies_is_told() {
    let said = said_of(|| {
        fencepost::test(1..=2, || async {
            let cluster = Cluster::from_text("outbox", SCENARIO);
            cluster.node("speaker", || async {
                eprintln!("last words");
                std::process::exit(42);
            });
            cluster.finish().await;
        });
    });
    assert!(said.contains("the process of seed 1 ended before its run did") && said.contains("42"), "{said}");
    assert!(said.contains("last words"), "{said}");
}
