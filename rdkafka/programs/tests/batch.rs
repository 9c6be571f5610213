//! Programs that receive several messages before they send the first record, and programs with librdkafka's own timeouts.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::fencepost::{self, Cluster};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};

const CALL: Duration = Duration::from_secs(30);

/// A topic in, a topic out, and what else is said.
fn cluster(more: &str) -> Cluster {
    const TOPICS: &str = "[cluster]\nbrokers = 1\n[[topic]]\nname = 'in'\n[[topic]]\nname = 'out'\n";
    Cluster::from_text("batch", &format!("title = 'Batches'\nabout = 'In and out.'\n{TOPICS}{more}"))
}

const SHOP: &str = "[[producer]]\nname = 'shop'\ntopic = 'in'\nrecords = 20\n";

fn consumer() -> StreamConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", "b")
        .set("group.id", "g")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()
        .expect("the settings are right")
}

fn transactional() -> FutureProducer {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", "b")
        .set("transactional.id", "t")
        .create()
        .expect("the settings are right");
    producer.init_transactions(CALL).expect("there is a coordinator");
    producer
}

/// Ten messages in, then what `make` makes of them, then the commit.
async fn batch(make: fn(&[Vec<u8>]) -> Vec<Vec<u8>>) -> Result<(), String> {
    let (consumer, producer) = (consumer(), transactional());
    consumer.subscribe(&["in"]).expect("there is the topic");
    loop {
        let mut values = Vec::new();
        for _ in 0..10 {
            let message = consumer.recv().await.map_err(|error| error.to_string())?;
            values.push(message.payload().expect("each has a value").to_vec());
        }
        producer.begin_transaction().map_err(|error| error.to_string())?;
        for value in make(&values) {
            drop(
                producer
                    .send_result(FutureRecord::<(), _>::to("out").payload(&value))
                    .map_err(|(e, _)| e.to_string())?,
            );
        }
        let offsets = consumer.position().map_err(|error| error.to_string())?;
        let group = consumer.group_metadata().expect("it has a group");
        producer.send_offsets_to_transaction(&offsets, &group, CALL).map_err(|error| error.to_string())?;
        producer.commit_transaction(CALL).map_err(|error| error.to_string())?;
    }
}

fn copies(values: &[Vec<u8>]) -> Vec<Vec<u8>> {
    values.to_vec()
}

/// Nothing of the input can be seen in it.
fn sums(values: &[Vec<u8>]) -> Vec<Vec<u8>> {
    values.iter().map(|v| v.iter().map(|b| u64::from(*b)).sum::<u64>().to_string().into_bytes()).collect()
}

/// One record for all ten.
fn summary(values: &[Vec<u8>]) -> Vec<Vec<u8>> {
    vec![format!("{} orders", values.len()).into_bytes()]
}

/// One is forgotten.
fn nine(values: &[Vec<u8>]) -> Vec<Vec<u8>> {
    values[1..].to_vec()
}

#[test]
fn usual_batch_no_fault() {
    fencepost::test(1..=5, || async {
        let cluster = cluster(SHOP);
        cluster.node("p", || batch(copies));
        let finished = cluster.finish().await;
        finished.assert_exactly_once("out");
        assert_eq!(finished.visible("out"), 20);
    });
}

#[test]
fn usual_batch_no_fault_slept() {
    fencepost::test(1..=5, || async {
        let cluster = cluster(SHOP);
        cluster.node("p", || batch(copies));
        tokio::time::sleep(Duration::from_secs(30)).await;
        cluster.finish().await.assert_exactly_once("out");
    });
}

#[test]
fn as_many_records_as_messages_are_attributed_by_their_order() {
    fencepost::test(1..=3, || async {
        let cluster = cluster(SHOP);
        cluster.node("p", || batch(sums));
        let finished = cluster.finish().await;
        finished.assert_exactly_once("out");
        assert!(finished.report().notes.is_empty(), "{:?}", finished.report().notes);
    });
}

/// The batch is restarted in the middle: what is there twice or never is still told.
#[test]
fn batches_are_exactly_once_through_restarts() {
    fencepost::test(1..=10, || async {
        let cluster = cluster("[[producer]]\nname = 'shop'\ntopic = 'in'\nrecords = 200\ninterval = '100ms'\n");
        let seed = cluster.seed();
        cluster.service("p", Duration::from_secs(1), || batch(copies));
        for round in 0..3 {
            tokio::time::sleep(Duration::from_millis(5_000 + seed * 37 + round * 911)).await;
            cluster.restart("p");
        }
        let finished = cluster.finish().await;
        finished.assert_exactly_once("out");
        assert_eq!(finished.visible("out"), 200);
    });
}

#[test]
fn one_record_for_ten_messages_cannot_be_attributed_and_raises_no_alarm() {
    fencepost::test(1..=3, || async {
        let cluster = cluster(SHOP);
        cluster.node("p", || batch(summary));
        let finished = cluster.finish().await;
        finished.assert_exactly_once("out");
        let notes = &finished.report().notes;
        let note =
            notes.iter().find(|note| note.contains("could not be attributed")).unwrap_or_else(|| panic!("{notes:?}"));
        assert!(note.contains("2 records") && note.contains("group g") && note.contains("made_of(\"out\""), "{note}");
        assert!(note.contains("offsets without outputs") && note.contains("not judged"), "{note}");
    });
}

fn said_of(test: fn()) -> String {
    let payload = std::panic::catch_unwind(test).expect_err("it fails");
    payload.downcast_ref::<String>().expect("a text").clone()
}

#[test]
fn a_message_that_is_left_out_of_a_batch_is_missed() {
    let said = said_of(|| {
        fencepost::test(1..=3, || async {
            let cluster = cluster(SHOP);
            cluster.node("p", || batch(nine));
            cluster.finish().await.assert_exactly_once("out");
        });
    });
    assert!(said.contains("2 committed offsets without outputs"), "{said}");
    assert!(said.contains("in-0@0 is not") || said.contains("for in-0@0"), "the one that is missing: {said}");
}

fn is_odd(value: &[u8]) -> bool {
    value.iter().map(|byte| u32::from(*byte)).sum::<u32>() % 2 == 1
}

fn odd(values: &[Vec<u8>]) -> Vec<Vec<u8>> {
    values.iter().filter(|value| is_odd(value)).cloned().collect()
}

/// The filter loses one of those that it is to keep.
fn odd_but_one(values: &[Vec<u8>]) -> Vec<Vec<u8>> {
    odd(values)[1..].to_vec()
}

#[test]
fn messages_that_the_test_says_are_skipped_leave_the_others_attributed_by_order() {
    fn odd_sums(values: &[Vec<u8>]) -> Vec<Vec<u8>> {
        sums(&odd(values))
    }
    fencepost::test(1..=3, || async {
        let cluster = cluster(SHOP);
        cluster.skips("out", |order| order.payload().is_some_and(|value| !is_odd(value)));
        cluster.node("p", || batch(odd_sums));
        let finished = cluster.finish().await;
        finished.assert_exactly_once("out");
        assert!(finished.report().notes.is_empty(), "{:?}", finished.report().notes);
    });
}

#[test]
fn a_filter_that_is_declared_is_clean_and_what_is_lost_beside_it_is_found() {
    async fn filter(make: fn(&[Vec<u8>]) -> Vec<Vec<u8>>) {
        let cluster = cluster(SHOP);
        cluster.skips("out", |order| order.payload().is_some_and(|value| !is_odd(value)));
        cluster.node("p", move || batch(make));
        cluster.finish().await.assert_exactly_once("out");
    }
    fencepost::test(1..=3, || filter(odd));
    let said = said_of(|| fencepost::test(1..=3, || filter(odd_but_one)));
    assert!(said.contains("2 committed offsets without outputs"), "{said}");
}

/// Odd messages go to one topic, the others to another one.
async fn sorts() -> Result<(), String> {
    let (consumer, producer) = (consumer(), transactional());
    consumer.subscribe(&["in"]).expect("there is the topic");
    loop {
        let message = consumer.recv().await.map_err(|error| error.to_string())?;
        let value = message.payload().expect("each has a value");
        let topic = if is_odd(value) { "out" } else { "other" };
        producer.begin_transaction().map_err(|error| error.to_string())?;
        drop(
            producer
                .send_result(FutureRecord::<(), _>::to(topic).payload(value))
                .map_err(|(error, _)| error.to_string())?,
        );
        let offsets = consumer.position().map_err(|error| error.to_string())?;
        let group = consumer.group_metadata().expect("it has a group");
        producer.send_offsets_to_transaction(&offsets, &group, CALL).map_err(|error| error.to_string())?;
        producer.commit_transaction(CALL).map_err(|error| error.to_string())?;
    }
}

#[test]
fn a_program_that_chooses_among_topics_and_says_so_is_clean() {
    fencepost::test(1..=3, || async {
        let cluster = cluster(&format!("[[topic]]\nname = 'other'\n{SHOP}"));
        cluster.skips("out", |order| order.payload().is_some_and(|value| !is_odd(value)));
        cluster.skips("other", |order| order.payload().is_some_and(is_odd));
        cluster.node("p", sorts);
        let finished = cluster.finish().await;
        finished.assert_exactly_once("out");
        assert_eq!(finished.visible("out") + finished.visible("other"), 20);
    });
}

/// One instance with librdkafka's defaults.
async fn one() -> Result<(), String> {
    let consumer = consumer();
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", "b")
        .set("enable.idempotence", "true")
        .create()
        .expect("the settings are right");
    consumer.subscribe(&["in"]).expect("there is the topic");
    loop {
        let message = consumer.recv().await.map_err(|error| error.to_string())?;
        let record = FutureRecord::<(), _>::to("out").payload(message.payload().expect("each has a value"));
        producer.send(record, Duration::from_secs(60)).await.map_err(|(error, _)| error.to_string())?;
        consumer.commit_message(&message, CommitMode::Sync).map_err(|error| error.to_string())?;
    }
}

async fn source() {
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", "b").create().expect("the settings are right");
    for number in 0..300 {
        let text = number.to_string();
        producer
            .send(FutureRecord::<(), _>::to("in").payload(&text), Duration::from_secs(60))
            .await
            .expect("it is sent");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Killed once while it holds the partition, and again while it joins: the group waits for the members that are gone.
async fn restarted(more: &'static str) {
    let cluster = cluster(more);
    cluster.node("src", source);
    cluster.service("p", Duration::from_secs(1), one);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(8)).await;
        cluster.restart("p");
    }
    tokio::time::sleep(Duration::from_secs(8)).await;
    let finished = cluster.finish().await;
    finished.assert_exactly_once("out"); // at least once, as promised
    assert!(finished.visible("out") >= 300, "nothing is left to be read");
}

const AT_LEAST_ONCE: &str = "[promise]\nout = 'at-least-once'\n";

#[test]
fn defaults_and_restarts() {
    fencepost::test(1..=5, || restarted(AT_LEAST_ONCE));
}

#[test]
fn defaults_and_restarts_bound() {
    fencepost::test(1..=40, || restarted("[promise]\nout = 'at-least-once'\n[end]\nbound = '300s'\n"));
}

/// Each message takes longer than the scenario's own bound; and what is committed by itself says nothing of what is done.
#[test]
fn a_slow_program_is_waited_for_as_long_as_it_comes_on() {
    fencepost::test(1..=2, || async {
        let cluster = cluster("[[producer]]\nname = 'shop'\ntopic = 'in'\nrecords = 4\n[end]\nbound = '60s'\n");
        cluster.node("p", || async {
            let consumer: StreamConsumer = ClientConfig::new()
                .set("bootstrap.servers", "b")
                .set("group.id", "g")
                .set("auto.offset.reset", "earliest")
                .set("max.poll.interval.ms", "900000")
                .create()
                .expect("the settings are right");
            let producer = transactional();
            consumer.subscribe(&["in"]).expect("there is the topic");
            for _ in 0..4 {
                let message = consumer.recv().await.map_err(|error| error.to_string())?;
                tokio::time::sleep(Duration::from_secs(7 * 60)).await;
                producer.begin_transaction().map_err(|error| error.to_string())?;
                let payload = message.payload().expect("each has a value");
                let sent = producer.send_result(FutureRecord::<(), _>::to("out").payload(payload));
                drop(sent.map_err(|(error, _)| error.to_string())?);
                let (offsets, group) = (consumer.position(), consumer.group_metadata().expect("it has a group"));
                let offsets = offsets.map_err(|error| error.to_string())?;
                producer.send_offsets_to_transaction(&offsets, &group, CALL).map_err(|error| error.to_string())?;
                producer.commit_transaction(CALL).map_err(|error| error.to_string())?;
            }
            std::future::pending::<Result<(), String>>().await
        });
        let finished = cluster.finish().await;
        assert_eq!(finished.visible("out"), 4);
    });
}

/// It sleeps before it makes its first client: the run is not over before that.
#[test]
fn a_program_that_has_not_read_yet_is_waited_for() {
    fencepost::test(1..=2, || async {
        let cluster = cluster(SHOP);
        cluster.node("p", || async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            batch(copies).await
        });
        let finished = cluster.finish().await;
        finished.assert_exactly_once("out");
        assert_eq!(finished.visible("out"), 20);
    });
}
