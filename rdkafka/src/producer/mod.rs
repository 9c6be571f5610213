//! Producers, as rust-rdkafka has them.

use std::sync::Arc;

use crate::client::{Client, ClientContext};
use crate::consumer::ConsumerGroupMetadata;
use crate::error::KafkaResult;
use crate::topic_partition_list::TopicPartitionList;
use crate::util::{IntoOpaque, Timeout};

pub mod base_producer;
pub mod future_producer;

pub use self::base_producer::{BaseProducer, BaseRecord, DeliveryResult, ThreadedProducer};
pub use self::future_producer::{DeliveryFuture, FutureProducer, FutureRecord};

/// Callbacks of a producer.
pub trait ProducerContext<Part: Partitioner = NoCustomPartitioner>: ClientContext {
    /// What goes with a message and comes back with its delivery.
    type DeliveryOpaque: IntoOpaque;

    /// A message was delivered, or not.
    fn delivery(&self, delivery_result: &DeliveryResult<'_>, delivery_opaque: Self::DeliveryOpaque);

    /// A partitioner of one's own.
    fn get_custom_partitioner(&self) -> Option<&Part> {
        None
    }
}

/// No partition chosen.
pub const PARTITION_UA: i32 = -1;

/// Chooses partitions.
pub trait Partitioner {
    /// The partition for a message.
    fn partition(
        &self,
        topic_name: &str,
        key: Option<&[u8]>,
        partition_cnt: i32,
        is_partition_available: impl Fn(i32) -> bool,
    ) -> i32;
}

/// No partitioner of one's own.
#[derive(Clone, Debug)]
pub struct NoCustomPartitioner {}

impl Partitioner for NoCustomPartitioner {
    fn partition(&self, _: &str, _: Option<&[u8]>, _: i32, _: impl Fn(i32) -> bool) -> i32 {
        panic!("NoCustomPartitioner should not be called");
    }
}

/// A context without callbacks.
#[derive(Clone, Debug, Default)]
pub struct DefaultProducerContext;

impl ClientContext for DefaultProducerContext {}
impl ProducerContext<NoCustomPartitioner> for DefaultProducerContext {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {}
}

/// What all producers do.
pub trait Producer<C = DefaultProducerContext, Part = NoCustomPartitioner>
where
    C: ProducerContext<Part> + 'static,
    Part: Partitioner,
{
    /// The client.
    fn client(&self) -> &Client<C>;

    /// Its context.
    fn context(&self) -> &Arc<C> {
        self.client().context()
    }

    /// Messages that have not been delivered or reported.
    fn in_flight_count(&self) -> i32;

    /// Waits until every message has its fate.
    ///
    /// # Errors
    /// The time has passed.
    fn flush<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()>;

    /// Gives messages up. Not simulated: nothing happens.
    fn purge(&self, flags: PurgeConfig);

    /// Begins to be the only producer with its transactional id.
    ///
    /// # Errors
    /// See `RDKafkaError`.
    fn init_transactions<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()>;

    /// Begins a transaction.
    ///
    /// # Errors
    /// See `RDKafkaError`.
    fn begin_transaction(&self) -> KafkaResult<()>;

    /// Makes offsets of a consumer part of the transaction.
    ///
    /// # Errors
    /// See `RDKafkaError`.
    fn send_offsets_to_transaction<T: Into<Timeout>>(
        &self,
        offsets: &TopicPartitionList,
        cgm: &ConsumerGroupMetadata,
        timeout: T,
    ) -> KafkaResult<()>;

    /// Commits the transaction.
    ///
    /// # Errors
    /// See `RDKafkaError`.
    fn commit_transaction<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()>;

    /// Aborts the transaction.
    ///
    /// # Errors
    /// See `RDKafkaError`.
    fn abort_transaction<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()>;
}

/// What to give up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurgeConfig(u8);

impl PurgeConfig {
    /// What is queued.
    #[inline]
    pub fn queue(self) -> Self {
        PurgeConfig(self.0 | 1)
    }

    /// What is in flight.
    #[inline]
    pub fn inflight(self) -> Self {
        PurgeConfig(self.0 | 2)
    }

    /// Without waiting.
    #[inline]
    pub fn non_blocking(self) -> Self {
        PurgeConfig(self.0 | 4)
    }
}
