//! A service as one writes it with rust-rdkafka's documentation open: blocking clients on a thread of their own, contexts
//! with callbacks, headers, and the transaction as the documentation of `Producer` shows it. It keeps a running number of
//! what it has seen of each account, and writes an audit record for each payment.

#![expect(clippy::disallowed_types, reason = "rust-rdkafka's own `TopicPartitionList::from_topic_map` takes one")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::base_consumer::BaseConsumer;
use rdkafka::consumer::{Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;

/// Notes that the group was rebalanced.
struct AuditContext {
    revoked: AtomicBool,
}

impl ClientContext for AuditContext {
    fn error(&self, error: KafkaError, reason: &str) {
        if std::env::var_os("AUDIT_LOG").is_some() {
            eprintln!("librdkafka: {error}: {reason}");
        }
    }
}

impl ConsumerContext for AuditContext {
    fn pre_rebalance(&self, _consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(_) = rebalance {
            self.revoked.store(true, Ordering::SeqCst);
        }
    }
}

/// Counts deliveries that failed.
#[derive(Default)]
struct DeliveryContext {
    failed: Arc<AtomicUsize>,
}

impl ClientContext for DeliveryContext {}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _opaque: Self::DeliveryOpaque) {
        if result.is_err() {
            self.failed.fetch_add(1, Ordering::SeqCst);
        }
    }
}

struct Audit {
    consumer: BaseConsumer<AuditContext>,
    producer: BaseProducer<DeliveryContext>,
    failed: Arc<AtomicUsize>,
    output: String,
}

impl Audit {
    fn new(brokers: &str, instance: &str, input: &str, output: &str) -> KafkaResult<Audit> {
        let consumer: BaseConsumer<AuditContext> = ClientConfig::new()
            .set("group.id", "audit")
            .set("group.instance.id", instance)
            .set("bootstrap.servers", brokers)
            .set("enable.partition.eof", "false")
            .set("session.timeout.ms", "6000")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "smallest")
            .set("isolation.level", "read_committed")
            .set_log_level(RDKafkaLogLevel::Warning)
            .create_with_context(AuditContext { revoked: AtomicBool::new(false) })?;
        let context = DeliveryContext::default();
        let failed = context.failed.clone();
        let producer: BaseProducer<DeliveryContext> = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("transactional.id", format!("audit-{instance}"))
            .set("transaction.timeout.ms", "15000")
            .set("compression.type", "none")
            .set("linger.ms", "5")
            .create_with_context(context)?;
        producer.init_transactions(Timeout::After(Duration::from_secs(60)))?;
        consumer.subscribe(&[input])?;
        Ok(Audit { consumer, producer, failed, output: output.to_owned() })
    }

    /// Payments of at most half a second.
    fn collect(&self) -> KafkaResult<Vec<BorrowedMessage<'_>>> {
        let mut messages = Vec::new();
        while messages.len() < 50 {
            match self.consumer.poll(Duration::from_millis(if messages.is_empty() { 500 } else { 50 })) {
                Some(Ok(message)) => messages.push(message),
                Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AllBrokersDown))) | None => break,
                Some(Err(error)) => return Err(error),
            }
        }
        Ok(messages)
    }

    fn one_transaction(&self) -> KafkaResult<()> {
        self.consumer.context().revoked.store(false, Ordering::SeqCst);
        let messages = self.collect()?;
        if messages.is_empty() {
            return Ok(());
        }
        let group = self.consumer.group_metadata().expect("the consumer has a group");
        if self.consumer.context().revoked.load(Ordering::SeqCst) {
            return self.rewind(); // what was collected may be somebody else's by now
        }
        self.failed.store(0, Ordering::SeqCst);
        self.producer.begin_transaction()?;
        let mut next: HashMap<(String, i32), Offset> = HashMap::new();
        for message in &messages {
            let account = message.key_view::<str>().and_then(Result::ok).unwrap_or("?");
            let text = format!("seen {}", message.payload_view::<str>().and_then(Result::ok).unwrap_or("?"));
            let place = format!("{}-{}@{}", message.topic(), message.partition(), message.offset());
            let headers = OwnedHeaders::new_with_capacity(message.headers().map_or(1, |h| h.count() + 1))
                .insert(Header { key: "source", value: Some(&place) });
            let mut record = BaseRecord::to(&self.output).key(account).payload(&text).headers(headers);
            while let Err((error, back)) = self.producer.send(record) {
                if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                    return Err(error);
                }
                self.producer.poll(Duration::from_millis(100));
                record = back;
            }
            next.insert((message.topic().to_owned(), message.partition()), Offset::Offset(message.offset() + 1));
        }
        self.producer.flush(Timeout::Never)?;
        if self.failed.load(Ordering::SeqCst) > 0 {
            return Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut));
        }
        let offsets = TopicPartitionList::from_topic_map(&next)?;
        self.producer.send_offsets_to_transaction(&offsets, &group, Duration::from_secs(30))?;
        self.producer.commit_transaction(Duration::from_secs(30))
    }

    /// Goes back to the last committed offsets.
    fn rewind(&self) -> KafkaResult<()> {
        let assigned = self.consumer.assignment()?;
        let mut places = self.consumer.committed_offsets(assigned, Duration::from_secs(10))?;
        let unset: Vec<(String, i32)> = places
            .elements()
            .iter()
            .filter(|place| place.offset() == Offset::Invalid)
            .map(|place| (place.topic().to_owned(), place.partition()))
            .collect();
        for (topic, partition) in unset {
            places.set_partition_offset(&topic, partition, Offset::Beginning)?;
        }
        self.consumer.seek_partitions(places, Duration::from_secs(10)).map(drop)
    }

    fn run(&self) -> KafkaResult<()> {
        loop {
            match self.one_transaction() {
                Ok(()) => {}
                Err(KafkaError::Transaction(error)) if error.is_fatal() => return Err(KafkaError::Transaction(error)),
                Err(KafkaError::Transaction(error)) if error.is_retriable() => {
                    // "The operation may be retried": the next commit would be that of an empty transaction, so end it.
                    self.abort()?;
                }
                Err(KafkaError::Transaction(error)) if error.txn_requires_abort() => self.abort()?,
                Err(KafkaError::MessageProduction(_) | KafkaError::Flush(_)) => self.abort()?,
                Err(error) => return Err(error),
            }
        }
    }

    fn abort(&self) -> KafkaResult<()> {
        self.producer.abort_transaction(Duration::from_secs(30))?;
        self.rewind()
    }
}

/// Audits until it cannot go on; whoever runs the process starts it again.
pub async fn audit(brokers: String, instance: String, input: String, output: String) -> KafkaResult<()> {
    tokio::task::spawn_blocking(move || Audit::new(&brokers, &instance, &input, &output)?.run())
        .await
        .expect("the audit does not panic")
}
