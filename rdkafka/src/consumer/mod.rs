//! Consumers, as rust-rdkafka has them.

use std::sync::Arc;
use std::time::Duration;

use fencepost_protocol::message::GroupMetadata;

use crate::client::{Client, ClientContext};
use crate::error::{KafkaError, KafkaResult};
use crate::message::BorrowedMessage;
use crate::metadata::Metadata;
use crate::topic_partition_list::{Offset, TopicPartitionList};
use crate::types::RDKafkaRespErr;
use crate::util::Timeout;

pub mod base_consumer;
pub mod stream_consumer;

pub use self::base_consumer::BaseConsumer;
pub use self::stream_consumer::{MessageStream, StreamConsumer};

pub(crate) const NO_CLUSTER: &str = "there is no simulated cluster on this thread (or no place in it): make one with \
    fencepost::Cluster before the first client, and run the program in the test's own runtime";

/// What happens to an assignment.
#[derive(Clone, Debug)]
pub enum Rebalance<'a> {
    /// Partitions were added.
    Assign(&'a TopicPartitionList),
    /// Partitions are taken away.
    Revoke(&'a TopicPartitionList),
    /// It failed.
    Error(KafkaError),
}

/// Callbacks of a consumer. They are called while it is polled.
pub trait ConsumerContext: ClientContext + Sized {
    /// Does a rebalance. The default calls the two callbacks below, and in between lets it happen.
    fn rebalance(&self, base_consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, tpl: &mut TopicPartitionList) {
        let rebalance = match err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assign(tpl),
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => Rebalance::Revoke(tpl),
            _ => Rebalance::Error(KafkaError::Rebalance(err.into())),
        };
        self.pre_rebalance(base_consumer, &rebalance);
        if matches!(rebalance, Rebalance::Revoke(_)) {
            base_consumer.let_go();
        }
        self.post_rebalance(base_consumer, &rebalance);
    }

    /// Before a rebalance takes effect.
    #[allow(unused_variables, reason = "names for those who write one")]
    fn pre_rebalance(&self, base_consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {}

    /// After a rebalance has taken effect.
    #[allow(unused_variables, reason = "names for those who write one")]
    fn post_rebalance(&self, base_consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {}

    /// An asynchronous or automatic commit returned.
    #[allow(unused_variables, reason = "names for those who write one")]
    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {}

    /// Not used in a simulation.
    fn main_queue_min_poll_interval(&self) -> Timeout {
        Timeout::After(Duration::from_secs(1))
    }
}

/// A context without callbacks.
#[derive(Clone, Debug, Default)]
pub struct DefaultConsumerContext;

impl ClientContext for DefaultConsumerContext {}
impl ConsumerContext for DefaultConsumerContext {}

/// Whether to wait for a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitMode {
    /// Wait.
    Sync = 0,
    /// Do not wait.
    Async = 1,
}

/// What identifies a consumer in its group.
#[derive(Debug)]
pub struct ConsumerGroupMetadata(pub(crate) GroupMetadata);

/// How rebalances go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebalanceProtocol {
    /// There is no group.
    None,
    /// Everything is given up and handed out anew.
    Eager,
    /// Only what moves is given up.
    Cooperative,
}

/// What all consumers do.
pub trait Consumer<C = DefaultConsumerContext>
where
    C: ConsumerContext,
{
    /// The client.
    fn client(&self) -> &Client<C>;

    /// Its context.
    fn context(&self) -> &Arc<C> {
        self.client().context()
    }

    /// What identifies it in its group.
    fn group_metadata(&self) -> Option<ConsumerGroupMetadata>;

    /// Becomes a member of its group for these topics. A name that begins with `^` is a pattern; here, a prefix.
    ///
    /// # Errors
    /// There is no `group.id`.
    fn subscribe(&self, topics: &[&str]) -> KafkaResult<()>;

    /// Ends the subscription.
    fn unsubscribe(&self);

    /// Takes partitions without group management.
    ///
    /// # Errors
    /// A partition does not exist.
    fn assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()>;

    /// Gives all partitions up.
    ///
    /// # Errors
    /// Never.
    fn unassign(&self) -> KafkaResult<()>;

    /// Takes more partitions.
    ///
    /// # Errors
    /// A partition does not exist.
    fn incremental_assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()>;

    /// Gives partitions up.
    ///
    /// # Errors
    /// A partition does not exist.
    fn incremental_unassign(&self, assignment: &TopicPartitionList) -> KafkaResult<()>;

    /// Goes on from elsewhere.
    ///
    /// # Errors
    /// The partition is not assigned, or the place is not known.
    fn seek<T: Into<Timeout>>(&self, topic: &str, partition: i32, offset: Offset, timeout: T) -> KafkaResult<()>;

    /// Goes on from elsewhere in several partitions.
    ///
    /// # Errors
    /// Never; each partition has its own.
    fn seek_partitions<T: Into<Timeout>>(
        &self,
        topic_partition_list: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList>;

    /// Commits offsets.
    ///
    /// # Errors
    /// They are not committed, or may not be.
    fn commit(&self, topic_partition_list: &TopicPartitionList, mode: CommitMode) -> KafkaResult<()>;

    /// Commits what is stored.
    ///
    /// # Errors
    /// As [`Consumer::commit`]; there may be nothing.
    fn commit_consumer_state(&self, mode: CommitMode) -> KafkaResult<()>;

    /// Commits the offset after a message.
    ///
    /// # Errors
    /// As [`Consumer::commit`].
    fn commit_message(&self, message: &BorrowedMessage<'_>, mode: CommitMode) -> KafkaResult<()>;

    /// Stores the offset after the one given, for the next automatic commit.
    ///
    /// # Errors
    /// The partition is not assigned.
    fn store_offset(&self, topic: &str, partition: i32, offset: i64) -> KafkaResult<()>;

    /// Stores the offset after a message.
    ///
    /// # Errors
    /// The partition is not assigned.
    fn store_offset_from_message(&self, message: &BorrowedMessage<'_>) -> KafkaResult<()>;

    /// Stores offsets as they are.
    ///
    /// # Errors
    /// A partition is not assigned.
    fn store_offsets(&self, tpl: &TopicPartitionList) -> KafkaResult<()>;

    /// The subscription.
    ///
    /// # Errors
    /// Never.
    fn subscription(&self) -> KafkaResult<TopicPartitionList>;

    /// The assigned partitions.
    ///
    /// # Errors
    /// Never.
    fn assignment(&self) -> KafkaResult<TopicPartitionList>;

    /// Whether the assignment was lost together with the membership.
    fn assignment_lost(&self) -> bool;

    /// Committed offsets of the assigned partitions.
    ///
    /// # Errors
    /// The time has passed.
    fn committed<T>(&self, timeout: T) -> KafkaResult<TopicPartitionList>
    where
        T: Into<Timeout>,
        Self: Sized;

    /// Committed offsets.
    ///
    /// # Errors
    /// The time has passed.
    fn committed_offsets<T>(&self, tpl: TopicPartitionList, timeout: T) -> KafkaResult<TopicPartitionList>
    where
        T: Into<Timeout>;

    /// Not simulated.
    ///
    /// # Errors
    /// Always.
    fn offsets_for_timestamp<T>(&self, timestamp: i64, timeout: T) -> KafkaResult<TopicPartitionList>
    where
        T: Into<Timeout>,
        Self: Sized;

    /// Not simulated.
    ///
    /// # Errors
    /// Always.
    fn offsets_for_times<T>(&self, timestamps: TopicPartitionList, timeout: T) -> KafkaResult<TopicPartitionList>
    where
        T: Into<Timeout>,
        Self: Sized;

    /// Offsets after the last messages that were given.
    ///
    /// # Errors
    /// Never.
    fn position(&self) -> KafkaResult<TopicPartitionList>;

    /// Topics and partitions.
    ///
    /// # Errors
    /// There is no such topic.
    fn fetch_metadata<T>(&self, topic: Option<&str>, timeout: T) -> KafkaResult<Metadata>
    where
        T: Into<Timeout>,
        Self: Sized;

    /// First and next offset of a partition.
    ///
    /// # Errors
    /// It has no leader.
    fn fetch_watermarks<T>(&self, topic: &str, partition: i32, timeout: T) -> KafkaResult<(i64, i64)>
    where
        T: Into<Timeout>,
        Self: Sized;

    /// Stops giving messages of partitions.
    ///
    /// # Errors
    /// Never.
    fn pause(&self, partitions: &TopicPartitionList) -> KafkaResult<()>;

    /// Goes on with partitions.
    ///
    /// # Errors
    /// Never.
    fn resume(&self, partitions: &TopicPartitionList) -> KafkaResult<()>;

    /// How rebalances go.
    fn rebalance_protocol(&self) -> RebalanceProtocol;
}
