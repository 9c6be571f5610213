//! A service that keeps only some of the orders: it computes a whole batch before it sends the first record, and ends when
//! it is asked to.

use std::time::Duration;

use rdkafka::consumer::{Consumer, ConsumerGroupMetadata, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::enrichment::{Config, requires_abort, retry, rewind};

const BATCH: usize = 20;
const LINGER: Duration = Duration::from_millis(100);
const CALL: Duration = Duration::from_secs(30);

/// Whether an order is kept: two of three.
pub fn keeps(order: &[u8]) -> bool {
    order.iter().map(|byte| u32::from(*byte)).sum::<u32>() % 3 != 0
}

/// Runs until it is asked to end, or until something happens that only a new process mends.
pub async fn run(config: Config) -> KafkaResult<()> {
    let mut asked_to_end = signal(SignalKind::terminate()).expect("a process can listen to signals");
    let consumer = config.consumer()?;
    let producer = config.producer()?;
    loop {
        let Some(batch) = batch(&consumer, &mut asked_to_end).await? else { return Ok(()) };
        if let Err(error) = one_transaction(&config, &producer, &batch).await {
            if !requires_abort(&error) {
                return Err(error);
            }
            retry(|| producer.abort_transaction(CALL))?;
            rewind(&consumer)?;
        }
    }
}

/// Orders, and who the consumer was in its group when it was given the first.
struct Batch<'c> {
    orders: Vec<BorrowedMessage<'c>>,
    group: ConsumerGroupMetadata,
}

/// `None` if the process is asked to end.
async fn batch<'c>(consumer: &'c StreamConsumer, asked_to_end: &mut Signal) -> KafkaResult<Option<Batch<'c>>> {
    let first = tokio::select! {
        biased;
        _ = asked_to_end.recv() => return Ok(None),
        first = consumer.recv() => first?,
    };
    let group = consumer.group_metadata().ok_or(KafkaError::Canceled)?;
    let mut orders = vec![first];
    while orders.len() < BATCH {
        match tokio::time::timeout(LINGER, consumer.recv()).await {
            Ok(order) => orders.push(order?),
            Err(_) => break,
        }
    }
    Ok(Some(Batch { orders, group }))
}

async fn one_transaction(config: &Config, producer: &FutureProducer, batch: &Batch<'_>) -> KafkaResult<()> {
    producer.begin_transaction()?;
    let mut offsets = TopicPartitionList::new();
    let mut sends = Vec::new();
    for message in &batch.orders {
        let order = message.payload().unwrap_or_default();
        if keeps(order) {
            let (key, order) = (message.key().unwrap_or_default().to_vec(), order.to_vec());
            sends.push(async move {
                let record = FutureRecord::to(&config.output).key(&key).payload(&order);
                producer.send(record, CALL).await.map_err(|(error, _)| error)
            });
        }
        let next = Offset::Offset(message.offset() + 1);
        match offsets.find_partition(message.topic(), message.partition()) {
            Some(_) => offsets.set_partition_offset(message.topic(), message.partition(), next)?,
            None => offsets.add_partition_offset(message.topic(), message.partition(), next)?,
        }
    }
    for send in sends {
        send.await?;
    }
    retry(|| producer.send_offsets_to_transaction(&offsets, &batch.group, CALL))?;
    retry(|| producer.commit_transaction(CALL))
}
