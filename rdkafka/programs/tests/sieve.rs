//! A program that keeps only some of its inputs and sends them batch by batch; and what a test can do to its processes.

use std::time::Duration;

use fencepost_programs::enrichment::Config;
use fencepost_programs::sieve::{keeps, run};
use rdkafka::Message as _;
use rdkafka::fencepost::{self, Cluster};
use rdkafka::message::OwnedMessage;

const SCENARIO: &str = include_str!("../orders.toml");

fn is_copy(order: &OwnedMessage, kept: &OwnedMessage) -> bool {
    order.payload() == kept.payload() && order.key() == kept.key()
}

fn cluster(processes: u32) -> Cluster {
    let cluster = Cluster::from_text("orders", SCENARIO);
    for n in 1..=processes {
        cluster.service(&format!("sieve-{n}"), Duration::from_secs(1), move || run(Config::of_instance(n)));
    }
    cluster
}

/// One is asked to end, more than once; the other is cut off from the cluster for longer than its session and its
/// transaction last.
#[test]
fn every_order_that_is_kept_is_there_once() {
    fencepost::test(1..=20, || async {
        let cluster = cluster(2);
        cluster.may_skip("enriched");
        cluster.made_of("enriched", is_copy);
        let cut = "action = 'block'\nfrom = 'sieve-1'\nto = ['broker-1', 'broker-2', 'broker-3']\nboth.ways = true\nspan = '30s'";
        cluster.fault(&format!("at = '{} ms'\n{cut}", 9_000 + cluster.seed() % 100 * 37));
        for round in 0..4 {
            tokio::time::sleep(Duration::from_millis(11_000 + (cluster.seed() + 17 * round) % 90 * 11)).await;
            cluster.terminate("sieve-2");
        }
        let finished = cluster.finish().await;
        finished.assert_exactly_once("enriched");
        let kept = finished.visible("enriched");
        assert!((300..500).contains(&kept), "two of three, about: {kept}");
    });
}

fn said_of(test: fn(&Cluster)) -> String {
    let run = move || {
        fencepost::test(3..=3, move || async move {
            let cluster = cluster(1);
            test(&cluster);
            cluster.finish().await.assert_exactly_once("enriched");
        });
    };
    let payload = std::panic::catch_unwind(run).expect_err("it fails");
    payload.downcast_ref::<String>().expect("a text").clone()
}

#[test]
fn inputs_without_output_are_missed_unless_the_test_says_that_they_may_be_skipped() {
    let said = said_of(|cluster| cluster.made_of("enriched", is_copy));
    assert!(said.contains("committed offsets without outputs"), "{said}");
}

#[test]
fn inputs_without_output_are_told_with_the_remedy() {
    let said = said_of(|cluster| cluster.may_skip("nonsense"));
    assert!(said.contains("there is no topic 'nonsense' (topics: orders, enriched)"), "{said}");
    let said = said_of(|_| ());
    assert!(said.contains("committed offsets without outputs"), "{said}");
    assert!(said.contains("Cluster::may_skip()") && said.contains("made_of()"), "{said}");
}

#[test]
fn a_fault_that_names_a_node_that_is_not_there_says_which_are() {
    let said = said_of(|cluster| {
        cluster.fault("at = '5s'\naction = 'slow'\nfrom = 'sieve-2'\nto = '*'\nby = '1s'\nspan = '9s'")
    });
    assert!(said.contains("there is no node 'sieve-2' (nodes: broker-1, "), "{said}");
    assert!(said.contains("programs: sieve-1)") && !said.contains("program-0"), "{said}");
    assert!(said.contains("sieve.rs:"), "the place in the test: {said}");
}

#[test]
fn two_of_three_are_kept() {
    assert!(keeps(b"a") && keeps(b"b") && !keeps(b"c"));
}
