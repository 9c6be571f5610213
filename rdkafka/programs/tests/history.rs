//! What the history says of programs.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::fencepost::{self, Cluster};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, FutureProducer, FutureRecord};
use serde_json::Value;

const SCENARIO: &str = include_str!("../orders.toml");

fn events(history: &str) -> Vec<(String, Value)> {
    let object = |line: &str| serde_json::from_str::<serde_json::Map<String, Value>>(line).expect("JSON");
    history.lines().map(|line| object(line).into_iter().next().expect("one key")).collect()
}

/// Client, incarnation and operation.
fn operation(event: &Value) -> (u64, u64, u64) {
    let number = |key: &str| event[key].as_u64().unwrap_or(0);
    (number("c"), number("i"), number("op"))
}

fn operations(events: &[(String, Value)], kinds: &[&str]) -> BTreeSet<(u64, u64, u64)> {
    events.iter().filter(|(kind, _)| kinds.contains(&kind.as_str())).map(|(_, event)| operation(event)).collect()
}

async fn copies() -> Result<(), String> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", "b")
        .set("group.id", "copier")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("session.timeout.ms", "6000")
        .set("max.poll.interval.ms", "6000")
        .create()
        .expect("the settings are right");
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", "b").create().expect("the settings are right");
    consumer.subscribe(&["orders"]).expect("there is the topic");
    loop {
        let order = consumer.recv().await.map_err(|error| error.to_string())?;
        let record = FutureRecord::<(), _>::to("enriched").payload(order.payload().expect("each has a value"));
        producer.send(record, Duration::from_secs(60)).await.map_err(|(error, _)| error.to_string())?;
        consumer.commit_message(&order, CommitMode::Async).map_err(|error| error.to_string())?;
    }
}

/// Killed in the middle of its calls, and in the end in the middle of others.
#[test]
fn every_call_has_an_outcome_and_every_process_a_beginning_and_an_end() {
    fencepost::test(1..=3, || async {
        let cluster = Cluster::from_text("orders", SCENARIO);
        cluster.keep_history();
        cluster.service("copier", Duration::from_secs(1), copies);
        cluster.node("careless", || async {
            let producer: BaseProducer =
                ClientConfig::new().set("bootstrap.servers", "b").create().expect("the settings are right");
            producer
                .send(BaseRecord::<(), _>::to("enriched").payload("extra"))
                .map_err(|(e, _)| e)
                .expect("it is queued");
            Ok::<(), String>(())
        });
        cluster.fault("at = '9s'\naction = 'block'\nfrom = 'copier'\nto = '*'\nboth.ways = true\nspan = '2s'");
        tokio::time::sleep(Duration::from_secs(10)).await;
        cluster.restart("copier");
        tokio::time::sleep(Duration::from_secs(5)).await;
        let finished = cluster.finish().await;
        let events = events(finished.history().expect("it was asked for"));
        let (sends, ends) = (operations(&events, &["send"]), operations(&events, &["ack", "fail", "unknown"]));
        assert!(sends.len() > 600 && sends.is_subset(&ends), "{:?}", sends.difference(&ends));
        let commits = operations(&events, &["commit"]);
        let results = operations(&events, &["commit_result"]);
        assert!(commits.len() > 100 && commits.is_subset(&results), "{:?}", commits.difference(&results));

        let number = |name: &str| {
            let is_it = |(kind, event): &&(String, Value)| kind == "client" && event["name"] == name;
            events.iter().find(is_it).unwrap_or_else(|| panic!("{name} is declared")).1["id"].as_u64()
        };
        let of = |name: &str| -> Vec<(String, String)> {
            let c = number(name);
            let lives = events
                .iter()
                .filter(|(kind, event)| (kind == "started" || kind == "stopped") && event["c"].as_u64() == c);
            lives.map(|(kind, event)| (kind.clone(), event["reason"].as_str().unwrap_or("").to_string())).collect()
        };
        let pair = |kind: &str, reason: &str| (kind.to_string(), reason.to_string());
        assert_eq!(of("copier"), [pair("started", ""), pair("stopped", "killed"), pair("started", "")]);
        assert_eq!(of("copier/consumer-1"), [pair("started", ""), pair("stopped", "killed")]);
        assert_eq!(of("careless"), [pair("started", ""), pair("stopped", "ended")]);
        assert_eq!(of("careless/producer-1"), [pair("started", ""), pair("stopped", "ended")]);
        let inputs = events.iter().find(|(kind, event)| kind == "client" && event["name"] == "copier/consumer-1");
        assert_eq!(inputs.expect("it is declared").1["inputs"], serde_json::json!([2]), "what it subscribed to");
    });
}

#[test]
fn what_the_test_says_is_skipped_stands_in_the_history() {
    fencepost::test(1..=2, || async {
        let cluster = Cluster::from_text("orders", SCENARIO);
        cluster.keep_history();
        cluster.skips("enriched", |order| order.partition() == 1);
        cluster.node("reader", || async {
            let consumer: StreamConsumer = ClientConfig::new()
                .set("bootstrap.servers", "b")
                .set("group.id", "g")
                .set("auto.offset.reset", "earliest")
                .create()
                .expect("the settings are right");
            consumer.subscribe(&["orders"]).expect("there is the topic");
            loop {
                consumer.recv().await.map_err(|error| error.to_string())?;
            }
            #[allow(unreachable_code, reason = "the type of the output")]
            Ok::<(), String>(())
        });
        let finished = cluster.finish().await;
        let events = events(finished.history().expect("it was asked for"));
        let places = |kind: &str| -> Vec<String> {
            let of_kind = events.iter().filter(|(k, event)| k == kind && event["at"] == serde_json::json!([2, 1]));
            of_kind.map(|(_, event)| event["offset"].to_string()).collect()
        };
        assert!(places("read").len() > 100);
        assert_eq!(places("skipped"), places("read"));
        assert_eq!(events.iter().filter(|(kind, _)| kind == "skipped").count(), places("skipped").len());
    });
}
