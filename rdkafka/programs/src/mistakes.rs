//! The same service with mistakes that people make.

use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

use crate::enrichment::{Config, enrich, retry};

const BATCH: usize = 20;
const LINGER: Duration = Duration::from_millis(100);
const CALL: Duration = Duration::from_secs(30);

/// Which mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Commits the offsets by the consumer, after the transaction, instead of within it.
    OffsetsOutside,
    /// Logs whatever error there is, and goes on with the same producer and the next message.
    GoesOn,
    /// Every instance uses the same transactional id, and makes a new producer where it was fenced.
    OneTransactionalId,
    /// Asks for the group's metadata when it sends the offsets, not when it takes the first order: a rebalance in between
    /// is not noticed.
    LateMetadata,
}

/// Runs until something happens that only a new process mends.
pub async fn run(mut config: Config, mistake: Mistake) -> KafkaResult<()> {
    if mistake == Mistake::OneTransactionalId {
        config.transactional_id = "enrichment".into();
    }
    let consumer = config.consumer()?;
    let mut producer = config.producer()?;
    loop {
        let Err(error) = one_transaction(&config, &consumer, &producer, mistake).await else { continue };
        if mistake == Mistake::GoesOn {
            // "It will work again with the next one": whatever was in the transaction is forgotten.
            let _ = producer.abort_transaction(CALL);
            continue;
        }
        match error {
            KafkaError::Transaction(error) if error.txn_requires_abort() => {}
            KafkaError::MessageProduction(_) => {}
            KafkaError::Transaction(error) if error.is_fatal() && mistake == Mistake::OneTransactionalId => {
                producer = config.producer()?; // and with it fences the other one
                continue;
            }
            error => return Err(error),
        }
        retry(|| producer.abort_transaction(CALL))?;
        for place in consumer.committed(CALL)?.elements() {
            let offset = match place.offset() {
                Offset::Offset(n) => Offset::Offset(n),
                _ => Offset::Beginning,
            };
            let _ = consumer.seek(place.topic(), place.partition(), offset, CALL);
        }
    }
}

async fn one_transaction(
    config: &Config,
    consumer: &StreamConsumer,
    producer: &FutureProducer,
    mistake: Mistake,
) -> KafkaResult<()> {
    let mut order = Some(consumer.recv().await?);
    let mut group = consumer.group_metadata().ok_or(KafkaError::Canceled)?;
    producer.begin_transaction()?;
    let mut next = TopicPartitionList::new();
    let mut deliveries = Vec::new();
    while let Some(message) = order.take() {
        let enriched = enrich(&message);
        let record = FutureRecord::to(&config.output).payload(&enriched).key(message.key().unwrap_or_default());
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
    if mistake == Mistake::OffsetsOutside {
        retry(|| producer.commit_transaction(CALL))?;
        return consumer.commit(&next, CommitMode::Sync);
    }
    if mistake == Mistake::LateMetadata {
        group = consumer.group_metadata().ok_or(KafkaError::Canceled)?;
    }
    retry(|| producer.send_offsets_to_transaction(&next, &group, CALL))?;
    retry(|| producer.commit_transaction(CALL))
}
