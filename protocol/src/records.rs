//! The values in Kafka's internal topics.

use std::sync::Arc;

use crate::assignor::{AssignorName, Subscription};
use crate::ids::*;

/// State of a transactional id as stored (§3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionState {
    /// 0.
    Empty,
    /// 1.
    Ongoing,
    /// 2.
    PrepareCommit,
    /// 3.
    PrepareAbort,
    /// 4.
    CompleteCommit,
    /// 5.
    CompleteAbort,
    /// 6.
    Dead,
    /// 7; only ever a pending state.
    PrepareEpochFence,
}

/// Value of a record of `__transaction_state` (§3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionMetadataValue {
    /// Producer id and epoch.
    pub producer: ProducerIdAndEpoch,
    /// Producer id before the last rotation; not stored by format version 0.
    pub previous_producer_id: ProducerId,
    /// Producer id after the coming rotation; not stored by format version 0.
    pub next_producer_id: ProducerId,
    /// `transaction.timeout.ms` of the producer.
    pub timeout_ms: i32,
    /// State.
    pub state: TransactionState,
    /// Partitions in the transaction, sorted.
    pub partitions: Arc<[TopicPartition]>,
    /// Wall milliseconds of the last change.
    pub last_update_ms: i64,
    /// Wall milliseconds of the first AddPartitions; -1 when Empty.
    pub start_ms: i64,
    /// Transaction version of the client; not stored by format version 0.
    pub client_transaction_version: u8,
}

/// One record of `__transaction_state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionLogRecord {
    /// Key.
    pub transactional_id: Name,
    /// Value; `None` is a tombstone.
    pub value: Option<Arc<TransactionMetadataValue>>,
    /// Why the transaction is ended, where the record decides that. No field of Kafka's: it is for whoever watches the log.
    pub cause: Option<EndCause>,
}

/// Why a coordinator ended a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndCause {
    /// Its client asked for it.
    Request,
    /// It was open for longer than its timeout.
    Timeout,
    /// A producer with its transactional id initialised itself.
    Init,
}

/// One record of `__consumer_offsets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupLogRecord {
    /// A committed offset of a group.
    Offset {
        /// Group id.
        group_id: Name,
        /// Input partition.
        tp: TopicPartition,
        /// `None` is a tombstone.
        value: Option<CommittedOffset>,
    },
    /// Membership of a classic group; `None` is a tombstone.
    Group {
        /// Group id.
        group_id: Name,
        /// What a new coordinator restores.
        value: Option<Arc<GroupMetadataValue>>,
    },
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// Next offset to read.
    pub offset: Offset,
    /// Epoch of the last record read.
    pub leader_epoch: LeaderEpoch,
    /// Free text.
    pub metadata: Name,
    /// Wall milliseconds.
    pub commit_ms: i64,
}

/// Membership of a classic group as stored with each completed rebalance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadataValue {
    /// Generation.
    pub generation: i32,
    /// Chosen assignor; `None` for an empty group.
    pub protocol: Option<AssignorName>,
    /// Member id of the leader.
    pub leader: Option<Name>,
    /// Members in id order.
    pub members: Vec<GroupMemberValue>,
}

/// One member as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMemberValue {
    /// Member id.
    pub member_id: Name,
    /// `group.instance.id`.
    pub group_instance_id: Option<Name>,
    /// `client.id`.
    pub client_id: Name,
    /// Session timeout.
    pub session_timeout_ms: i32,
    /// Rebalance timeout.
    pub rebalance_timeout_ms: i32,
    /// Its subscription.
    pub subscription: Subscription,
    /// Its partitions.
    pub assignment: Vec<TopicPartition>,
}
