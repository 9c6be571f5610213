//! An outbox relay: a service writes what it has to say into a table of its own database, in the transaction of its
//! business; the relay carries the rows from there to Kafka.
//!
//! Between "Kafka has it" and "the table says so" the relay's process can die. So the position up to which rows were
//! carried is kept in Kafka, committed in the transaction of the records themselves, as the offset of a group that has no
//! members: what is in the table only tells which rows may be deleted.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::enrichment::retry;

/// Rows in one transaction, at most.
const BATCH: usize = 10;
const POLL: Duration = Duration::from_millis(200);
const CALL: Duration = Duration::from_secs(30);

/// One thing that was said.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: i64,
    pub key: String,
    pub text: String,
    pub sent: bool,
}

/// The table. It belongs to a database: it outlives the relay's process.
#[derive(Debug, Default)]
pub struct Outbox {
    rows: Mutex<BTreeMap<i64, Row>>,
}

impl Outbox {
    /// The service says something; rows are numbered from 1 in the order of commits.
    pub fn insert(&self, key: &str, text: &str) -> i64 {
        let mut rows = self.rows.lock().expect("the table");
        let id = rows.last_key_value().map_or(1, |(id, _)| id + 1);
        rows.insert(id, Row { id, key: key.into(), text: text.into(), sent: false });
        id
    }

    fn after(&self, position: i64, limit: usize) -> Vec<Row> {
        self.rows.lock().expect("the table").range(position + 1..).take(limit).map(|(_, row)| row.clone()).collect()
    }

    fn unsent(&self, limit: usize) -> Vec<Row> {
        self.rows.lock().expect("the table").values().filter(|row| !row.sent).take(limit).cloned().collect()
    }

    fn mark_sent(&self, up_to: i64) {
        for (_, row) in self.rows.lock().expect("the table").range_mut(..=up_to) {
            row.sent = true;
        }
    }

    /// Rows that are not marked.
    pub fn waiting(&self) -> usize {
        self.rows.lock().expect("the table").values().filter(|row| !row.sent).count()
    }
}

/// What a relay is configured with.
#[derive(Clone, Debug)]
pub struct Config {
    pub brokers: String,
    pub name: String,
    pub output: String,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            brokers: "broker-1:9092,broker-2:9092,broker-3:9092".into(),
            name: "relay".into(),
            output: "events".into(),
        }
    }
}

/// Runs until something happens that only a new process mends.
pub async fn run(config: Config, outbox: &Outbox) -> KafkaResult<()> {
    // It never subscribes: it only keeps the group's offsets.
    let keeper: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .set("group.id", &config.name)
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .create()?;
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .set("transactional.id", &config.name)
        .set("transaction.timeout.ms", "20000")
        .create()?;
    // First: it ends what an earlier process left open, so that the position is settled when it is asked for.
    retry(|| producer.init_transactions(CALL))?;
    let mut position = position(&keeper, &config.output)?;
    loop {
        let rows = outbox.after(position, BATCH);
        let Some(last) = rows.last().map(|row| row.id) else {
            tokio::time::sleep(POLL).await;
            continue;
        };
        match carry(&config, &keeper, &producer, &rows, last).await {
            Ok(()) => {
                position = last;
                outbox.mark_sent(last);
            }
            Err(KafkaError::Transaction(error)) if error.txn_requires_abort() => {
                retry(|| producer.abort_transaction(CALL))?;
            }
            Err(KafkaError::MessageProduction(_)) => retry(|| producer.abort_transaction(CALL))?,
            Err(error) => return Err(error),
        }
    }
}

/// Up to which row records are in Kafka.
fn position(keeper: &BaseConsumer, topic: &str) -> KafkaResult<i64> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, 0);
    let committed = keeper.committed_offsets(asked, CALL)?;
    Ok(match committed.find_partition(topic, 0).map(|place| place.offset()) {
        Some(Offset::Offset(id)) => id,
        _ => 0,
    })
}

async fn carry(
    config: &Config,
    keeper: &BaseConsumer,
    producer: &FutureProducer,
    rows: &[Row],
    last: i64,
) -> KafkaResult<()> {
    producer.begin_transaction()?;
    send_all(config, producer, rows).await?;
    let mut reached = TopicPartitionList::new();
    reached.add_partition_offset(&config.output, 0, Offset::Offset(last))?;
    let group = keeper.group_metadata().ok_or(KafkaError::Canceled)?;
    retry(|| producer.send_offsets_to_transaction(&reached, &group, CALL))?;
    retry(|| producer.commit_transaction(CALL))
}

async fn send_all(config: &Config, producer: &FutureProducer, rows: &[Row]) -> KafkaResult<()> {
    let mut deliveries = Vec::new();
    for row in rows {
        let text = format!("{} {}", row.id, row.text);
        let record = FutureRecord::to(&config.output).key(&row.key).payload(&text);
        deliveries.push(producer.send_result(record).map_err(|(error, _)| error)?);
    }
    for delivery in deliveries {
        delivery.await.map_err(|_| KafkaError::Canceled)?.map_err(|(error, _)| error)?;
    }
    Ok(())
}

/// The mistake: an idempotent producer, and the table's own mark as the position. "The producer is idempotent, so there
/// are no duplicates": not across processes.
pub async fn run_with_marks_only(config: Config, outbox: &Outbox) -> KafkaResult<()> {
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", &config.brokers).set("enable.idempotence", "true").create()?;
    loop {
        let rows = outbox.unsent(BATCH);
        let Some(last) = rows.last().map(|row| row.id) else {
            tokio::time::sleep(POLL).await;
            continue;
        };
        send_all(&config, &producer, &rows).await?;
        outbox.mark_sent(last);
    }
}
