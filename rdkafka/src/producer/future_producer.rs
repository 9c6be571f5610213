//! A producer whose deliveries are futures.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_channel::oneshot;

use crate::client::{Client, ClientContext, DefaultClientContext, OAuthToken};
use crate::config::{ClientConfig, FromClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use crate::consumer::ConsumerGroupMetadata;
use crate::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use crate::message::{Message as _, OwnedHeaders, OwnedMessage, Timestamp, ToBytes};
use crate::producer::base_producer::{calls, content, make, send};
use crate::producer::{DeliveryResult, NoCustomPartitioner, Partitioner, Producer, ProducerContext, PurgeConfig};
use crate::simulated::{Call, Delivered, take_eye};
use crate::statistics::Statistics;
use crate::topic_partition_list::TopicPartitionList;
use crate::util::{AsyncRuntime, DefaultRuntime, Timeout};

/// A record for a [`FutureProducer`].
#[derive(Debug)]
pub struct FutureRecord<'a, K: ToBytes + ?Sized, P: ToBytes + ?Sized> {
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
}

impl<'a, K: ToBytes + ?Sized, P: ToBytes + ?Sized> FutureRecord<'a, K, P> {
    /// A record for a topic.
    pub fn to(topic: &'a str) -> FutureRecord<'a, K, P> {
        FutureRecord { topic, partition: None, payload: None, key: None, timestamp: None, headers: None }
    }

    /// With a partition.
    pub fn partition(mut self, partition: i32) -> FutureRecord<'a, K, P> {
        self.partition = Some(partition);
        self
    }

    /// With a value.
    pub fn payload(mut self, payload: &'a P) -> FutureRecord<'a, K, P> {
        self.payload = Some(payload);
        self
    }

    /// With a key.
    pub fn key(mut self, key: &'a K) -> FutureRecord<'a, K, P> {
        self.key = Some(key);
        self
    }

    /// With a time.
    pub fn timestamp(mut self, timestamp: i64) -> FutureRecord<'a, K, P> {
        self.timestamp = Some(timestamp);
        self
    }

    /// With headers.
    pub fn headers(mut self, headers: OwnedHeaders) -> FutureRecord<'a, K, P> {
        self.headers = Some(headers);
        self
    }
}

/// The context of a [`FutureProducer`]'s client.
#[derive(Clone)]
pub struct FutureProducerContext<C: ClientContext + 'static> {
    wrapped_context: C,
}

/// Where a message was delivered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Time.
    pub timestamp: Timestamp,
}

/// How a message's delivery ended.
pub type OwnedDeliveryResult = Result<Delivery, (KafkaError, OwnedMessage)>;

impl<C: ClientContext + 'static> ClientContext for FutureProducerContext<C> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = C::ENABLE_REFRESH_OAUTH_TOKEN;

    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        self.wrapped_context.log(level, fac, log_message);
    }

    fn stats(&self, statistics: Statistics) {
        self.wrapped_context.stats(statistics);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.wrapped_context.stats_raw(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.wrapped_context.error(error, reason);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.wrapped_context.generate_oauth_token(config)
    }
}

impl<C, Part> ProducerContext<Part> for FutureProducerContext<C>
where
    C: ClientContext + 'static,
    Part: Partitioner,
{
    type DeliveryOpaque = Box<oneshot::Sender<OwnedDeliveryResult>>;

    fn delivery(&self, delivery_result: &DeliveryResult<'_>, tx: Self::DeliveryOpaque) {
        let owned = match delivery_result {
            Ok(m) => Ok(Delivery { partition: m.partition(), offset: m.offset(), timestamp: m.timestamp() }),
            Err((error, m)) => Err((error.clone(), m.detach())),
        };
        let _ = tx.send(owned); // nobody may be waiting
    }
}

type Waiting = Arc<Mutex<BTreeMap<u64, oneshot::Sender<OwnedDeliveryResult>>>>;

/// A producer whose deliveries are futures.
pub struct FutureProducer<C = DefaultClientContext, R = DefaultRuntime, Part = NoCustomPartitioner>
where
    Part: Partitioner,
    C: ClientContext + 'static,
{
    client: Arc<Client<FutureProducerContext<C>>>,
    waiting: Waiting,
    _runtime: PhantomData<fn() -> (R, Part)>,
}

impl<C, R, Part> fmt::Debug for FutureProducer<C, R, Part>
where
    Part: Partitioner,
    C: ClientContext + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}

impl<C, R, Part> Clone for FutureProducer<C, R, Part>
where
    Part: Partitioner,
    C: ClientContext + 'static,
{
    fn clone(&self) -> FutureProducer<C, R, Part> {
        FutureProducer { client: self.client.clone(), waiting: self.waiting.clone(), _runtime: PhantomData }
    }
}

impl<R> FromClientConfig for FutureProducer<DefaultClientContext, R>
where
    R: AsyncRuntime,
{
    fn from_config(config: &ClientConfig) -> KafkaResult<FutureProducer<DefaultClientContext, R>> {
        FutureProducer::from_config_and_context(config, DefaultClientContext)
    }
}

impl<C, R> FromClientConfigAndContext<C> for FutureProducer<C, R>
where
    C: ClientContext + 'static,
    R: AsyncRuntime,
{
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<FutureProducer<C, R>> {
        let context = FutureProducerContext { wrapped_context: context };
        let client = Arc::new(Client::of(Arc::new(make(config)?), Arc::new(context)));
        let waiting: Waiting = Arc::default();
        if let Some((_, entry)) = client.handle.entry() {
            let waiting = waiting.clone();
            *entry.sink.borrow_mut() = Some(Rc::new(move |delivered| deliver(&waiting, delivered)));
        }
        Ok(FutureProducer { client, waiting, _runtime: PhantomData })
    }
}

fn deliver(waiting: &Waiting, delivered: Delivered) {
    let Some(tx) = waiting.lock().expect("one thread").remove(&delivered.op) else { return };
    let Delivered { content, error, .. } = delivered;
    let (partition, offset, timestamp) = (content.partition, content.offset, content.timestamp);
    let _ = tx.send(match error {
        None => Ok(Delivery { partition, offset, timestamp }),
        Some(error) => Err((error, OwnedMessage::of(content))),
    });
}

/// The delivery of a message.
#[derive(Debug)]
pub struct DeliveryFuture {
    rx: oneshot::Receiver<OwnedDeliveryResult>,
}

impl Future for DeliveryFuture {
    type Output = Result<OwnedDeliveryResult, oneshot::Canceled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.rx).poll(cx)
    }
}

impl<C, R> FutureProducer<C, R>
where
    C: ClientContext + 'static,
    R: AsyncRuntime,
{
    /// Sends a record and waits for its delivery; for room in the queue at most for `queue_timeout`.
    ///
    /// # Errors
    /// It was not delivered, or may not have been.
    pub fn send<K, P, T>(
        &self,
        record: FutureRecord<'_, K, P>,
        queue_timeout: T,
    ) -> impl Future<Output = OwnedDeliveryResult> + Send
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
        T: Into<Timeout>,
    {
        let FutureRecord { topic, partition, payload, key, timestamp, headers } = record;
        let content = content(topic, partition, payload, key, timestamp, headers);
        let queue_timeout = queue_timeout.into();
        // The record is computed from what this task looked at last: now, not when the future is first polled.
        let eye = take_eye();
        async move {
            let began = madsim::time::TimeHandle::current().elapsed();
            loop {
                let (tx, rx) = oneshot::channel();
                let op = self.client.handle.next_op();
                self.waiting.lock().expect("one thread").insert(op, tx);
                match send(&self.client.handle, op, content.clone(), None, eye) {
                    Ok(()) => {
                        return match rx.await {
                            Ok(result) => result,
                            Err(oneshot::Canceled) => Err((KafkaError::Canceled, OwnedMessage::of(content))),
                        };
                    }
                    Err(error) => {
                        self.waiting.lock().expect("one thread").remove(&op);
                        let full = error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
                        let waited = madsim::time::TimeHandle::current().elapsed() - began;
                        let may_wait = match queue_timeout {
                            Timeout::Never => true,
                            Timeout::After(limit) => waited < limit,
                        };
                        if !full || !may_wait {
                            return Err((error, OwnedMessage::of(content)));
                        }
                        R::delay_for(Duration::from_millis(100)).await;
                    }
                }
            }
        }
    }

    /// Queues a record.
    ///
    /// # Errors
    /// It is refused; the record comes back.
    #[expect(clippy::result_large_err, reason = "rust-rdkafka's signature")]
    pub fn send_result<'a, K, P>(
        &self,
        record: FutureRecord<'a, K, P>,
    ) -> Result<DeliveryFuture, (KafkaError, FutureRecord<'a, K, P>)>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
    {
        let FutureRecord { topic, partition, payload, key, timestamp, headers } = record;
        let content = content(topic, partition, payload, key, timestamp, headers.clone());
        let (tx, rx) = oneshot::channel();
        let op = self.client.handle.next_op();
        self.waiting.lock().expect("one thread").insert(op, tx);
        match send(&self.client.handle, op, content, None, take_eye()) {
            Ok(()) => Ok(DeliveryFuture { rx }),
            Err(error) => {
                self.waiting.lock().expect("one thread").remove(&op);
                Err((error, FutureRecord { topic, partition, payload, key, timestamp, headers }))
            }
        }
    }

    /// Nothing: deliveries come by themselves.
    pub fn poll<T: Into<Timeout>>(&self, timeout: T) {
        let _ = timeout.into();
    }
}

impl<C, R, Part> Producer<FutureProducerContext<C>, Part> for FutureProducer<C, R, Part>
where
    C: ClientContext + 'static,
    R: AsyncRuntime,
    Part: Partitioner,
{
    fn client(&self) -> &Client<FutureProducerContext<C>> {
        &self.client
    }

    fn in_flight_count(&self) -> i32 {
        calls::in_flight(&self.client.handle)
    }

    fn flush<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
        calls::flush(&self.client.handle, timeout.into(), || {})
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
        calls::commit(&self.client.handle, timeout.into(), || {})
    }

    fn abort_transaction<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
        calls::call(&self.client.handle, Call::Abort, timeout.into())
    }
}
