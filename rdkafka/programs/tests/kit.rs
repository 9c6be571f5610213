//! What the test kit says of a seed that fails, and what can be done with what it leaves.

mod evidence;

use std::panic::catch_unwind;
use std::time::Duration;

use evidence::{is_a_replay, page, path_after, replay};
use rdkafka::config::ClientConfig;
use rdkafka::fencepost::{self, Cluster};
use rdkafka::producer::{BaseProducer, BaseRecord, FutureProducer, FutureRecord, Producer};

const SCENARIO: &str = include_str!("../outbox.toml");

/// Gives up on a record after half a second, and does not care.
async fn careless(extra: Duration) {
    let cluster = Cluster::from_text("outbox", SCENARIO);
    cluster.node("sender", move || async move {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", "broker-1:9092")
            .set("message.timeout.ms", "500")
            .create()
            .expect("the settings are right");
        tokio::time::sleep(Duration::from_secs(3) + extra).await;
        for n in 0..100 {
            let text = format!("record {n}");
            let _ = producer.send(FutureRecord::to("events").key("k").payload(&text), Duration::ZERO).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    cluster.fault("at = '5s'\naction = 'crash'\nnodes = ['broker-1', 'broker-2', 'broker-3']\ndown = '3s'");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let finished = cluster.finish().await;
    assert_eq!(finished.visible("events"), 100, "every record is there");
}

/// What the kit says.
fn complaint(program: fn() -> Duration) -> String {
    let result = catch_unwind(|| fencepost::test(7..=7, move || careless(program())));
    result.expect_err("it fails").downcast_ref::<String>().expect("a text").clone()
}

#[test]
fn a_failing_seed_leaves_a_page_and_a_capsule_that_can_be_replayed_and_edited() {
    if is_a_replay() {
        return fencepost::test(7..=7, || careless(Duration::ZERO));
    }
    let said = complaint(|| Duration::ZERO);
    assert!(said.contains("every record is there"), "{said}");
    assert!(said.contains("the same in two more processes"), "{said}");
    assert!(said.contains("FENCEPOST_SEED=7 cargo test"), "{said}");
    let page = page(&said);
    assert!(page.contains("sender") && page.contains("is down"), "the program and the fault are in it");
    let capsule = path_after("capsule:", &said);

    let name = "a_failing_seed_leaves_a_page_and_a_capsule_that_can_be_replayed_and_edited";
    let (passes, said) = replay(name, capsule);
    assert!(!passes && said.contains("replay: the same execution"), "{said}");

    let text = std::fs::read_to_string(capsule).expect("the capsule is there");
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["madsim seed"], 7);
    assert_eq!(value["world"]["deviations"].as_array().map(Vec::len), Some(3), "{text}");
    value["world"]["deviations"] = serde_json::json!([]);
    let edited = capsule.replace(".json", "-edited.json");
    std::fs::write(&edited, value.to_string()).expect("it can be written");
    let (passes, said) = replay(name, &edited);
    assert!(passes && said.contains("replay: now passes"), "{said}");
}

#[test]
fn a_program_that_is_not_deterministic_is_told_so() {
    let differs = || Duration::from_millis(u64::from(std::process::id() % 1_000));
    let said = complaint(differs);
    assert!(said.contains("NOT DETERMINISTIC") && said.contains("futures::select!"), "{said}");
}

/// Flushes when it is dropped, as one should.
struct Farewell(BaseProducer);

impl Farewell {
    fn new() -> Farewell {
        let brokers = "broker-1:9092,broker-2:9092";
        Farewell(ClientConfig::new().set("bootstrap.servers", brokers).create().expect("the settings are right"))
    }

    fn say(&self, text: &str) {
        self.0.send(BaseRecord::to("events").key("k").payload(text)).map_err(|(error, _)| error).expect("it is queued");
        self.0.flush(Duration::from_secs(30)).expect("it is delivered");
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let _ = self.0.send(BaseRecord::<str, str>::to("events").key("k").payload("last words"));
        let _ = self.0.flush(Duration::from_secs(5));
    }
}

#[test]
fn a_process_that_is_killed_says_nothing_more_whatever_its_destructors_do() {
    fencepost::test(1..=3, || async {
        let cluster = Cluster::from_text("outbox", SCENARIO);
        cluster.node("in a call", || async {
            Farewell::new().say("once");
            let farewell = Farewell::new();
            tokio::runtime::Handle::current().block_on(std::future::pending::<()>());
            farewell.say("never");
        });
        cluster.node("between calls", || async {
            let farewell = Farewell::new();
            farewell.say("twice");
            std::future::pending::<()>().await;
        });
        tokio::time::sleep(Duration::from_secs(10)).await;
        cluster.kill("in a call");
        cluster.kill("between calls");
        tokio::time::sleep(Duration::from_secs(10)).await;
        // "once" and "twice", and the last words of the one that ended by itself.
        assert_eq!(cluster.finish().await.visible("events"), 3);
    });
}

/// What the kit says of a test that does this first.
fn said_of(start: fn(&Cluster)) -> String {
    let result = catch_unwind(|| {
        fencepost::test(7..=7, move || async move {
            let cluster = Cluster::from_text("outbox", SCENARIO);
            start(&cluster);
            tokio::time::sleep(Duration::from_secs(10)).await;
            cluster.finish().await.assert_exactly_once("events");
        });
    });
    result.expect_err("it fails").downcast_ref::<String>().expect("a text").clone()
}

/// A program that cannot begin would otherwise only be seen to have written nothing.
#[test]
fn what_a_program_returned_is_told() {
    let start = |cluster: &Cluster| {
        cluster.service("sender", Duration::from_secs(1), || async {
            ClientConfig::new().set("bootstrap.serverz", "broker-1:9092").create::<FutureProducer>().map(drop)
        });
    };
    let said = said_of(start);
    assert!(said.contains("nobody has written to events"), "{said}");
    let line = said.lines().find(|line| line.starts_with("sender returned ")).unwrap_or_else(|| panic!("{said}"));
    assert!(line.contains(" times, the last time with Err(") && line.contains("bootstrap.serverz"), "{line}");
}

#[test]
fn a_node_that_does_not_exist_is_named_with_those_that_do() {
    let said = said_of(|cluster| {
        cluster.node("sender", || async {});
        cluster.pause("sneder", Duration::from_secs(1));
    });
    assert!(said.contains("there is no node 'sneder' (nodes: sender)") && said.contains("kit.rs:"), "{said}");
}
