//! Producers that report deliveries by callback.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fencepost_protocol::message::OffsetToCommit;
use fencepost_tokio::task::try_block_on;

use crate::client::Client;
use crate::config::{ClientConfig, FromClientConfig, FromClientConfigAndContext};
use crate::consumer::ConsumerGroupMetadata;
use crate::error::{KafkaError, KafkaResult, RDKafkaError, RDKafkaErrorCode};
use crate::message::{BorrowedMessage, Content, OwnedHeaders, Timestamp, ToBytes};
use crate::producer::{
    DefaultProducerContext, NoCustomPartitioner, Partitioner, Producer, ProducerContext, PurgeConfig,
};
use crate::simulated::{Call, Core, Delivered, Eye, Handle, ProducerCore, ProducerSettings, take_eye, wait};
use crate::topic_partition_list::{Offset, TopicPartitionList};
use crate::util::{IntoOpaque, Timeout};

pub use crate::message::DeliveryResult;

/// A record for a [`BaseProducer`] or a [`ThreadedProducer`].
#[derive(Debug)]
pub struct BaseRecord<'a, K: ToBytes + ?Sized = (), P: ToBytes + ?Sized = (), D: IntoOpaque = ()> {
    /// Where to.
    pub topic: &'a str,
    /// Which partition.
    pub partition: Option<i32>,
    /// Value.
    pub payload: Option<&'a P>,
    /// Key.
    pub key: Option<&'a K>,
    /// Milliseconds.
    pub timestamp: Option<i64>,
    /// Headers.
    pub headers: Option<OwnedHeaders>,
    /// Comes back with the delivery.
    pub delivery_opaque: D,
}

impl<'a, K: ToBytes + ?Sized, P: ToBytes + ?Sized, D: IntoOpaque> BaseRecord<'a, K, P, D> {
    /// A record for a topic.
    pub fn with_opaque_to(topic: &'a str, delivery_opaque: D) -> BaseRecord<'a, K, P, D> {
        BaseRecord { topic, partition: None, payload: None, key: None, timestamp: None, headers: None, delivery_opaque }
    }

    /// With a partition.
    pub fn partition(mut self, partition: i32) -> BaseRecord<'a, K, P, D> {
        self.partition = Some(partition);
        self
    }

    /// With a value.
    pub fn payload(mut self, payload: &'a P) -> BaseRecord<'a, K, P, D> {
        self.payload = Some(payload);
        self
    }

    /// With a key.
    pub fn key(mut self, key: &'a K) -> BaseRecord<'a, K, P, D> {
        self.key = Some(key);
        self
    }

    /// With a time.
    pub fn timestamp(mut self, timestamp: i64) -> BaseRecord<'a, K, P, D> {
        self.timestamp = Some(timestamp);
        self
    }

    /// With headers.
    pub fn headers(mut self, headers: OwnedHeaders) -> BaseRecord<'a, K, P, D> {
        self.headers = Some(headers);
        self
    }

    /// For another topic.
    pub fn topic(mut self, topic: &'a str) -> BaseRecord<'a, K, P, D> {
        self.topic = topic;
        self
    }

    /// With another opaque value.
    pub fn delivery_opaque(mut self, delivery_opaque: D) -> BaseRecord<'a, K, P, D> {
        self.delivery_opaque = delivery_opaque;
        self
    }
}

impl<'a, K: ToBytes + ?Sized, P: ToBytes + ?Sized> BaseRecord<'a, K, P, ()> {
    /// A record for a topic.
    pub fn to(topic: &'a str) -> BaseRecord<'a, K, P, ()> {
        BaseRecord::with_opaque_to(topic, ())
    }
}

/// Makes the machine.
pub(crate) fn make(config: &ClientConfig) -> KafkaResult<Handle> {
    let settings = ProducerSettings::read(config)?;
    let made = Handle::make("producer", |turn, name| Core::Producer(ProducerCore::new(settings, turn, name)));
    made.ok_or_else(|| KafkaError::ClientCreation(crate::consumer::NO_CLUSTER.into()))
}

/// The content of a record.
pub(crate) fn content<K: ToBytes + ?Sized, P: ToBytes + ?Sized>(
    topic: &str,
    partition: Option<i32>,
    payload: Option<&P>,
    key: Option<&K>,
    timestamp: Option<i64>,
    headers: Option<OwnedHeaders>,
) -> Content {
    Content {
        payload: payload.map(|p| p.to_bytes().into()),
        key: key.map(|k| k.to_bytes().into()),
        topic: topic.into(),
        timestamp: timestamp.map_or(Timestamp::NotAvailable, Timestamp::CreateTime),
        partition: partition.unwrap_or(-1),
        offset: -1001,
        headers,
        input: None,
    }
}

/// Sends; `op` is the record's number.
pub(crate) fn send(handle: &Handle, op: u64, content: Content, custom: Option<i32>, eye: Eye) -> KafkaResult<()> {
    let Some((shared, _)) = handle.entry() else {
        return Err(KafkaError::MessageProduction(RDKafkaErrorCode::DestroyBroker));
    };
    let sent = handle.access(|core, turn| core.producer().send(&shared, turn, op, content, custom, eye));
    let sent = sent.expect("the entry is there");
    if sent.is_err() {
        shared.ledger.borrow_mut().put_back(eye.task, eye.look); // whoever tries again sends the same
    }
    sent
}

fn custom<C, Part>(context: &C, content: &Content) -> Option<i32>
where
    C: ProducerContext<Part>,
    Part: Partitioner,
{
    let partitioner = context.get_custom_partitioner()?;
    let count = crate::simulated::image()?.1.topics.iter().find(|t| *t.name == *content.topic)?.partitions.len();
    Some(partitioner.partition(&content.topic, content.key.as_deref(), count as i32, |_| true))
}

type Opaques<D> = Arc<Mutex<BTreeMap<u64, D>>>;

/// A producer whose deliveries are reported while it is polled.
pub struct BaseProducer<C = DefaultProducerContext, Part = NoCustomPartitioner>
where
    C: ProducerContext<Part>,
    Part: Partitioner,
{
    client: Client<C>,
    opaques: Opaques<C::DeliveryOpaque>,
    _partitioner: PhantomData<fn() -> Part>,
}

impl<C, Part> fmt::Debug for BaseProducer<C, Part>
where
    C: ProducerContext<Part>,
    Part: Partitioner,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}

impl FromClientConfig for BaseProducer<DefaultProducerContext> {
    fn from_config(config: &ClientConfig) -> KafkaResult<BaseProducer<DefaultProducerContext>> {
        BaseProducer::from_config_and_context(config, DefaultProducerContext)
    }
}

impl<C, Part> FromClientConfigAndContext<C> for BaseProducer<C, Part>
where
    Part: Partitioner,
    C: ProducerContext<Part>,
{
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<BaseProducer<C, Part>> {
        let client = Client::of(Arc::new(make(config)?), Arc::new(context));
        Ok(BaseProducer { client, opaques: Arc::default(), _partitioner: PhantomData })
    }
}

fn report<C, Part>(context: &C, opaques: &Opaques<C::DeliveryOpaque>, delivered: Delivered)
where
    C: ProducerContext<Part>,
    Part: Partitioner,
{
    let opaque = opaques.lock().expect("one thread").remove(&delivered.op);
    let Some(opaque) = opaque else { return };
    let message = BorrowedMessage::new(delivered.content);
    let result = match delivered.error {
        None => Ok(message),
        Some(error) => Err((error, message)),
    };
    context.delivery(&result, opaque);
}

impl<C, Part> BaseProducer<C, Part>
where
    Part: Partitioner,
    C: ProducerContext<Part>,
{
    /// Reports deliveries; waits for one at most so long.
    pub fn poll<T: Into<Timeout>>(&self, timeout: T) {
        let take = |core: &mut Core| Some(core.producer().take_deliveries()).filter(|d| !d.is_empty());
        let handle = &self.client.handle;
        let found = match timeout.into() {
            Timeout::After(Duration::ZERO) => handle.look(|core, _| take(core)).flatten(),
            timeout => try_block_on(wait(handle, timeout, |core, _| take(core))).flatten(),
        };
        for delivered in found.unwrap_or_default() {
            report::<C, Part>(self.client.context(), &self.opaques, delivered);
        }
    }

    /// Queues a record.
    ///
    /// # Errors
    /// It is refused; the record comes back.
    #[expect(clippy::result_large_err, clippy::type_complexity, reason = "rust-rdkafka's signature")]
    pub fn send<'a, K, P>(
        &self,
        record: BaseRecord<'a, K, P, C::DeliveryOpaque>,
    ) -> Result<(), (KafkaError, BaseRecord<'a, K, P, C::DeliveryOpaque>)>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
    {
        let BaseRecord { topic, partition, payload, key, timestamp, headers, delivery_opaque } = record;
        let content = content(topic, partition, payload, key, timestamp, headers.clone());
        let custom = custom::<C, Part>(self.client.context(), &content);
        let op = self.client.handle.next_op();
        self.opaques.lock().expect("one thread").insert(op, delivery_opaque);
        send(&self.client.handle, op, content, custom, take_eye()).map_err(|error| {
            let delivery_opaque = self.opaques.lock().expect("one thread").remove(&op).expect("just put in");
            (error, BaseRecord { topic, partition, payload, key, timestamp, headers, delivery_opaque })
        })
    }
}

/// The transactional calls, and what goes with them, for whoever has a handle.
pub(crate) mod calls {
    use super::*;

    fn usual(handle: &Handle, timeout: Timeout, call: Call) -> Timeout {
        match timeout {
            Timeout::After(_) => timeout,
            Timeout::Never => {
                // librdkafka: the transaction's time-out, twice that for the initialisation.
                let ms = handle.look(|core, _| core.producer().transaction_timeout_ms()).unwrap_or(60_000);
                Timeout::After(Duration::from_millis(if call == Call::Init { 2 * ms } else { ms }))
            }
        }
    }

    fn finish(handle: &Handle, call: Call, timeout: Timeout) -> KafkaResult<()> {
        let timeout = usual(handle, timeout, call);
        match try_block_on(wait(handle, timeout, |core, _| core.producer().take_result(call))).flatten() {
            Some(result) => result.map_err(KafkaError::of_transaction),
            None => {
                let code = RDKafkaErrorCode::OperationTimedOut;
                Err(KafkaError::Transaction(RDKafkaError::retriable(code, "timed out; the call may be repeated")))
            }
        }
    }

    fn gone() -> KafkaError {
        KafkaError::Transaction(RDKafkaError::state("the simulation is over"))
    }

    pub fn call(handle: &Handle, call: Call, timeout: Timeout) -> KafkaResult<()> {
        handle.access(|core, turn| core.producer().call(call, turn)).ok_or_else(gone)??;
        finish(handle, call, timeout)
    }

    /// As rust-rdkafka: a flush first, with an error of its own.
    pub fn commit(handle: &Handle, timeout: Timeout, serve: impl FnMut()) -> KafkaResult<()> {
        flush(handle, timeout, serve)?;
        call(handle, Call::Commit, timeout)
    }

    pub fn begin(handle: &Handle) -> KafkaResult<()> {
        handle.access(|core, turn| core.producer().begin_transaction(turn)).ok_or_else(gone)?
    }

    pub fn send_offsets(
        handle: &Handle,
        offsets: &TopicPartitionList,
        cgm: &ConsumerGroupMetadata,
        timeout: Timeout,
    ) -> KafkaResult<()> {
        let begun = handle.access(|core, turn| {
            let mut list = Vec::new();
            for entry in &offsets.entries {
                let tp = crate::simulated::partition_of(turn.world, &entry.topic, entry.partition);
                let (Some(tp), Offset::Offset(offset)) = (tp, entry.offset()) else { continue };
                let metadata = entry.metadata.as_str().into();
                list.push(OffsetToCommit {
                    tp,
                    offset,
                    leader_epoch: fencepost_protocol::ids::NO_LEADER_EPOCH,
                    metadata,
                });
            }
            core.producer().send_offsets(list, cgm.0.clone(), turn)
        });
        begun.ok_or_else(gone)??;
        finish(handle, Call::Offsets, timeout)
    }

    pub fn flush(handle: &Handle, timeout: Timeout, mut serve: impl FnMut()) -> KafkaResult<()> {
        handle.access(|core, turn| core.producer().flush(turn)).ok_or_else(gone)?;
        let flushed = try_block_on(wait(handle, timeout, |core, _| core.producer().is_flushed().then_some(())));
        serve();
        flushed.flatten().ok_or(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut))
    }

    pub fn in_flight(handle: &Handle) -> i32 {
        handle.look(|core, _| core.producer().in_flight()).unwrap_or(0)
    }
}

macro_rules! producer {
    ($served:expr) => {
        fn client(&self) -> &Client<C> {
            &self.client
        }

        fn in_flight_count(&self) -> i32 {
            calls::in_flight(&self.client.handle)
        }

        fn flush<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
            calls::flush(&self.client.handle, timeout.into(), || $served(self))
        }

        fn purge(&self, flags: PurgeConfig) {
            let _ = flags;
        }

        fn init_transactions<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
            calls::call(&self.client.handle, Call::Init, timeout.into())
        }

        fn begin_transaction(&self) -> KafkaResult<()> {
            calls::begin(&self.client.handle)
        }

        fn send_offsets_to_transaction<T: Into<Timeout>>(
            &self,
            offsets: &TopicPartitionList,
            cgm: &ConsumerGroupMetadata,
            timeout: T,
        ) -> KafkaResult<()> {
            calls::send_offsets(&self.client.handle, offsets, cgm, timeout.into())
        }

        fn commit_transaction<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
            calls::commit(&self.client.handle, timeout.into(), || $served(self))
        }

        fn abort_transaction<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
            calls::call(&self.client.handle, Call::Abort, timeout.into())
        }
    };
}

impl<C, Part> Producer<C, Part> for BaseProducer<C, Part>
where
    Part: Partitioner,
    C: ProducerContext<Part> + 'static,
{
    producer!(|producer: &Self| producer.poll(Duration::ZERO));
}

/// A producer whose deliveries are reported by themselves. In a simulation there is no thread: they are reported by the
/// task that steps the client.
pub struct ThreadedProducer<C, Part: Partitioner = NoCustomPartitioner>
where
    C: ProducerContext<Part> + 'static,
{
    client: Client<C>,
    opaques: Opaques<C::DeliveryOpaque>,
    _partitioner: PhantomData<fn() -> Part>,
}

impl FromClientConfig for ThreadedProducer<DefaultProducerContext, NoCustomPartitioner> {
    fn from_config(config: &ClientConfig) -> KafkaResult<ThreadedProducer<DefaultProducerContext>> {
        ThreadedProducer::from_config_and_context(config, DefaultProducerContext)
    }
}

impl<C, Part> FromClientConfigAndContext<C> for ThreadedProducer<C, Part>
where
    Part: Partitioner + Send + Sync + 'static,
    C: ProducerContext<Part> + 'static,
    C::DeliveryOpaque: 'static,
{
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<ThreadedProducer<C, Part>> {
        let client = Client::of(Arc::new(make(config)?), Arc::new(context));
        let opaques: Opaques<C::DeliveryOpaque> = Arc::default();
        if let Some((_, entry)) = client.handle.entry() {
            let (context, opaques) = (client.context().clone(), opaques.clone());
            let sink = move |delivered: Delivered| report::<C, Part>(&context, &opaques, delivered);
            *entry.sink.borrow_mut() = Some(Rc::new(sink));
        }
        Ok(ThreadedProducer { client, opaques, _partitioner: PhantomData })
    }
}

impl<C, Part> ThreadedProducer<C, Part>
where
    Part: Partitioner + Send + Sync + 'static,
    C: ProducerContext<Part> + 'static,
{
    /// Queues a record.
    ///
    /// # Errors
    /// It is refused; the record comes back.
    #[expect(clippy::result_large_err, clippy::type_complexity, reason = "rust-rdkafka's signature")]
    pub fn send<'a, K, P>(
        &self,
        record: BaseRecord<'a, K, P, C::DeliveryOpaque>,
    ) -> Result<(), (KafkaError, BaseRecord<'a, K, P, C::DeliveryOpaque>)>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
    {
        let BaseRecord { topic, partition, payload, key, timestamp, headers, delivery_opaque } = record;
        let content = content(topic, partition, payload, key, timestamp, headers.clone());
        let custom = custom::<C, Part>(self.client.context(), &content);
        let op = self.client.handle.next_op();
        self.opaques.lock().expect("one thread").insert(op, delivery_opaque);
        send(&self.client.handle, op, content, custom, take_eye()).map_err(|error| {
            let delivery_opaque = self.opaques.lock().expect("one thread").remove(&op).expect("just put in");
            (error, BaseRecord { topic, partition, payload, key, timestamp, headers, delivery_opaque })
        })
    }

    /// Nothing: deliveries are reported by themselves.
    pub fn poll<T: Into<Timeout>>(&self, timeout: T) {
        let _ = timeout.into();
    }
}

impl<C, Part> Producer<C, Part> for ThreadedProducer<C, Part>
where
    Part: Partitioner + Send + Sync + 'static,
    C: ProducerContext<Part> + 'static,
{
    producer!(|_: &Self| {});
}
