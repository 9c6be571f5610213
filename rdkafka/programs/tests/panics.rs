//! Programs that panic.

mod evidence;

use std::panic::catch_unwind;
use std::time::Duration;

use evidence::{is_a_replay, page, path_after, replay};
use rdkafka::config::ClientConfig;
use rdkafka::fencepost::{self, Cluster};
use rdkafka::producer::{FutureProducer, FutureRecord};

const SCENARIO: &str = include_str!("../outbox.toml");

async fn send(count: usize) {
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", "broker-1:9092").create().expect("the settings are right");
    for n in 0..count {
        let text = format!("record {n}");
        producer.send(FutureRecord::to("events").key("k").payload(&text), Duration::ZERO).await.expect("it is sent");
    }
}

fn said_of(test: fn()) -> String {
    catch_unwind(test).expect_err("it fails").downcast_ref::<String>().expect("a text").clone()
}

fn in_the_main_task() {
    fencepost::test(3..=3, || async {
        let cluster = Cluster::from_text("outbox", SCENARIO);
        cluster.node("sender", || async {
            send(3).await;
            let amounts: Vec<u32> = Vec::new();
            let _ = amounts[send_nothing()];
        });
        tokio::time::sleep(Duration::from_secs(20)).await;
        let finished = cluster.finish().await;
        assert_eq!(finished.visible("events"), 3, "the test itself asks for nothing that fails");
    });
}

fn send_nothing() -> usize {
    7
}

#[test]
fn a_panic_of_a_program_is_a_finding_with_its_place_a_capsule_and_a_page() {
    if is_a_replay() {
        return in_the_main_task();
    }
    let said = said_of(in_the_main_task);
    assert!(said.contains("seed 3: sender panicked at rdkafka/programs/tests/panics.rs:"), "{said}");
    let place = said.split("panics.rs:").nth(1).expect("a place");
    let numbers: Vec<&str> = place.split(&[':', ' '][..]).take(2).collect();
    assert!(numbers.iter().all(|n| n.parse::<u32>().is_ok()), "line and column: {place}");
    assert!(said.contains("index out of bounds: the len is 0 but the index is 7"), "{said}");
    assert!(said.contains("verdict: violated: 1 panic"), "{said}");
    assert!(said.contains("the same in two more processes"), "{said}");
    let page = page(&said);
    assert!(page.contains("index out of bounds") && page.contains("sender"), "the page tells it");
    let name = "a_panic_of_a_program_is_a_finding_with_its_place_a_capsule_and_a_page";
    let (passes, said) = replay(name, path_after("capsule:", &said));
    assert!(!passes && said.contains("replay: the same execution"), "{said}");
}

/// As with tokio: the process goes on, and whoever joins the task is told.
#[test]
fn a_panic_of_a_task_is_a_finding_although_the_process_goes_on() {
    let said = said_of(|| {
        fencepost::test(3..=3, || async {
            let cluster = Cluster::from_text("outbox", SCENARIO);
            cluster.node("sender", || async {
                let task = tokio::spawn(async { panic!("poisoned order") });
                let error = task.await.expect_err("it panics");
                assert!(error.is_panic() && !error.is_cancelled());
                let payload = error.into_panic();
                assert_eq!(payload.downcast_ref::<&str>(), Some(&"poisoned order"));
                send(3).await;
            });
            let finished = cluster.finish().await;
            assert_eq!(finished.visible("events"), 3, "this is not reached");
        });
    });
    assert!(said.contains("sender panicked at") && said.contains("poisoned order"), "{said}");
    let events = said.lines().find(|line| line.starts_with("events ")).unwrap_or_else(|| panic!("{said}"));
    assert_eq!(events.split_whitespace().skip(1).take(2).collect::<Vec<_>>(), ["3", "3"], "the process went on");
    assert!(said.contains("capsule:") && said.contains("page:"), "{said}");
}

#[test]
fn a_panic_that_the_test_expects_is_none() {
    fencepost::test(1..=2, || async {
        let cluster = Cluster::from_text("outbox", SCENARIO);
        cluster.service("sender", Duration::from_secs(1), || async {
            send(1).await;
            panic!("as always");
        });
        cluster.may_panic("sender");
        tokio::time::sleep(Duration::from_secs(5)).await;
        cluster.kill("sender");
        cluster.finish().await;
    });
}

/// What the test asserts before it waits for the end leaves evidence, too.
#[test]
fn a_panic_of_the_test_before_the_end_leaves_a_capsule_and_a_page() {
    let said = said_of(|| {
        fencepost::test(3..=3, || async {
            let cluster = Cluster::from_text("outbox", SCENARIO);
            cluster.node("sender", || send(3));
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert_eq!(cluster.seed(), 4, "the seed is another one");
            cluster.finish().await;
        });
    });
    assert!(said.contains("the seed is another one"), "{said}");
    assert!(said.contains("capsule:") && said.contains("page:"), "{said}");
}
