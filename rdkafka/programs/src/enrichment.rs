//! An order-enrichment service: reads orders, looks something up, writes the result, all in transactions.
//!
//! Errors are handled as librdkafka's documentation advises: a fatal one ends the producer (and here the process, which
//! is started again), one that requires an abort aborts the transaction and goes back to the last committed offsets, a
//! retriable one repeats the call.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

/// Orders in one transaction, at most.
const BATCH: usize = 20;
/// How long to wait for one more order.
const LINGER: Duration = Duration::from_millis(100);
const CALL: Duration = Duration::from_secs(30);

/// What a process is configured with.
#[derive(Clone, Debug)]
pub struct Config {
    pub brokers: String,
    pub group: String,
    pub transactional_id: String,
    pub input: String,
    pub output: String,
}

impl Config {
    /// The configuration of instance `n`.
    pub fn of_instance(n: u32) -> Config {
        Config {
            brokers: "broker-1:9092,broker-2:9092,broker-3:9092".into(),
            group: "enrichment".into(),
            transactional_id: format!("enrichment-{n}"),
            input: "orders".into(),
            output: "enriched".into(),
        }
    }

    pub fn consumer(&self) -> KafkaResult<StreamConsumer> {
        let consumer: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .set("session.timeout.ms", "10000")
            .create()?;
        consumer.subscribe(&[&self.input])?;
        Ok(consumer)
    }

    pub fn producer(&self) -> KafkaResult<FutureProducer> {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("transactional.id", &self.transactional_id)
            .set("transaction.timeout.ms", "20000")
            .create()?;
        retry(|| producer.init_transactions(CALL))?;
        Ok(producer)
    }
}

/// Repeats a transactional call for as long as the error says that it may be repeated.
pub fn retry(mut call: impl FnMut() -> KafkaResult<()>) -> KafkaResult<()> {
    loop {
        match call() {
            Err(KafkaError::Transaction(error)) if error.is_retriable() => continue,
            other => return other,
        }
    }
}

/// Whether the transaction has failed, and nothing else.
pub fn requires_abort(error: &KafkaError) -> bool {
    match error {
        KafkaError::Transaction(error) => error.txn_requires_abort(),
        // A delivery failed, so the transaction has.
        KafkaError::MessageProduction(_) => true,
        _ => false,
    }
}

/// The enrichment itself.
pub fn enrich(order: &BorrowedMessage<'_>) -> Vec<u8> {
    let mut enriched = order.payload().unwrap_or_default().to_vec();
    enriched.extend_from_slice(b" (paid)");
    enriched
}

/// Runs until something happens that only a new process mends.
pub async fn run(config: Config) -> KafkaResult<()> {
    let consumer = config.consumer()?;
    let producer = config.producer()?;
    loop {
        if let Err(error) = one_transaction(&config, &consumer, &producer).await {
            if !requires_abort(&error) {
                return Err(error);
            }
            retry(|| producer.abort_transaction(CALL))?;
            rewind(&consumer)?;
        }
    }
}

async fn one_transaction(config: &Config, consumer: &StreamConsumer, producer: &FutureProducer) -> KafkaResult<()> {
    let first = consumer.recv().await?;
    // As of now, not as of the commit: if the group is rebalanced while orders are collected, what was collected may be
    // somebody else's, and the offsets must be refused.
    let group = consumer.group_metadata().ok_or(KafkaError::Canceled)?;
    producer.begin_transaction()?;
    let mut next = TopicPartitionList::new();
    let mut deliveries = Vec::new();
    let mut order = Some(first);
    while let Some(message) = order.take() {
        let enriched = enrich(&message);
        let key = message.key().unwrap_or_default();
        let record = FutureRecord::to(&config.output).payload(&enriched).key(key);
        deliveries.push(producer.send_result(record).map_err(|(error, _)| error)?);
        let (topic, partition, offset) = (message.topic(), message.partition(), Offset::Offset(message.offset() + 1));
        match next.find_partition(topic, partition) {
            Some(_) => next.set_partition_offset(topic, partition, offset)?,
            None => next.add_partition_offset(topic, partition, offset)?,
        }
        if deliveries.len() < BATCH {
            order = match tokio::time::timeout(LINGER, consumer.recv()).await {
                Ok(message) => Some(message?),
                Err(_) => None,
            };
        }
    }
    for delivery in deliveries {
        delivery.await.map_err(|_| KafkaError::Canceled)?.map_err(|(error, _)| error)?;
    }
    retry(|| producer.send_offsets_to_transaction(&next, &group, CALL))?;
    retry(|| producer.commit_transaction(CALL))
}

/// Goes back to what is committed.
pub fn rewind(consumer: &StreamConsumer) -> KafkaResult<()> {
    let committed = consumer.committed(CALL)?;
    for place in committed.elements() {
        let offset = match place.offset() {
            Offset::Offset(n) => Offset::Offset(n),
            _ => Offset::Beginning,
        };
        // A partition that was taken away meanwhile needs no seek.
        let _ = consumer.seek(place.topic(), place.partition(), offset, CALL);
    }
    Ok(())
}
