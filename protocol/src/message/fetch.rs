//! Fetch: reading batches.

use std::sync::Arc;

use crate::batch::RecordBatch;
use crate::error::ErrorCode;
use crate::ids::*;

/// `isolation.level` of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IsolationLevel {
    /// Everything below the high watermark.
    ReadUncommitted,
    /// What is below the last stable offset, without aborted records.
    ReadCommitted,
}

/// §1.11, §2.9, §7.3. Fetch sessions (KIP-227) are modelled, for an idle partition must cost nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// The follower and its broker epoch; `None` for a consumer.
    pub replica: Option<(NodeId, i64)>,
    /// Isolation level; meaningless for followers.
    pub isolation: IsolationLevel,
    /// How long the broker may wait for `min_bytes`.
    pub max_wait_ms: i32,
    /// Bytes that make the broker answer at once.
    pub min_bytes: i32,
    /// Limit of the whole response; the first batch is returned whatever its size.
    pub max_bytes: i32,
    /// 0 asks for a new session (with `session_epoch` 0) or none (with -1).
    pub session_id: u32,
    /// 0: full fetch that opens a session; -1: full fetch without one; n: the n-th incremental fetch.
    pub session_epoch: i32,
    /// Partitions that are new in the session or whose position changed.
    pub partitions: Vec<FetchPartition>,
    /// Partitions that leave the session.
    pub forgotten: Vec<TopicPartition>,
}

/// Position in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPartition {
    /// The partition.
    pub tp: TopicPartition,
    /// Leader epoch that the reader knows; [`NO_LEADER_EPOCH`] skips the check.
    pub current_leader_epoch: LeaderEpoch,
    /// First offset wanted.
    pub fetch_offset: Offset,
    /// Epoch of the reader's last record, for truncation detection; [`NO_LEADER_EPOCH`] skips it.
    pub last_fetched_epoch: LeaderEpoch,
    /// Limit for this partition.
    pub max_bytes: i32,
    /// The follower's log start offset; -1 for consumers.
    pub log_start_offset: Offset,
}

/// Answer to a Fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchResponse {
    /// FETCH_SESSION_ID_NOT_FOUND or INVALID_FETCH_SESSION_EPOCH: start again with a full fetch.
    pub error: Option<ErrorCode>,
    /// Session that the broker keeps, 0 for none.
    pub session_id: u32,
    /// All partitions for a full fetch; otherwise only those with news.
    pub partitions: Vec<FetchPartitionResponse>,
}

/// What one partition has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPartitionResponse {
    /// The partition.
    pub tp: TopicPartition,
    /// `None` for success.
    pub error: Option<ErrorCode>,
    /// High watermark.
    pub high_watermark: Offset,
    /// Last stable offset.
    pub last_stable_offset: Offset,
    /// Log start offset.
    pub log_start_offset: Offset,
    /// Under read_committed, the aborted transactions that overlap the batches, in marker order.
    pub aborted: Vec<AbortedTransaction>,
    /// The follower's log diverges from this epoch's end on (§7.3).
    pub diverging_epoch: Option<EpochEndOffset>,
    /// The leader that the broker knows of, where the error is 6 or 74.
    pub current_leader: Option<(NodeId, LeaderEpoch)>,
    /// The data; the first batch may begin before the fetch offset.
    pub batches: Vec<Arc<RecordBatch>>,
}

/// An aborted transaction as a reader is told of it: only where it begins (§2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AbortedTransaction {
    /// Its producer.
    pub producer_id: ProducerId,
    /// Its first offset in the partition.
    pub first_offset: Offset,
}

/// A leader epoch and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The epoch; [`NO_LEADER_EPOCH`] for undefined.
    pub epoch: LeaderEpoch,
    /// First offset after it; -1 for undefined.
    pub end_offset: Offset,
}

impl EpochEndOffset {
    /// The answer "undefined".
    pub const UNDEFINED: EpochEndOffset = EpochEndOffset { epoch: NO_LEADER_EPOCH, end_offset: -1 };
}
