//! Produce: writing batches.

use std::sync::Arc;

use crate::batch::RecordBatch;
use crate::error::ErrorCode;
use crate::ids::*;

/// Number of acknowledgements that a producer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Acks {
    /// `acks=0`: no response at all.
    None,
    /// `acks=1`: the leader has appended.
    Leader,
    /// `acks=all`: the high watermark has passed the batch.
    All,
}

/// §1.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceRequest {
    /// API version: ≤ 10 hides 120 behind 48, 11 verifies, ≥ 12 adds (transaction version 2).
    pub version: i16,
    /// Needed as soon as one batch is transactional.
    pub transactional_id: Option<Name>,
    /// Acknowledgements.
    pub acks: Acks,
    /// How long the leader may wait for the high watermark.
    pub timeout_ms: i32,
    /// Exactly one batch a partition.
    pub partitions: Vec<ProducePartition>,
}

/// One batch for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducePartition {
    /// Where to.
    pub tp: TopicPartition,
    /// What.
    pub batch: Arc<RecordBatch>,
}

/// Answer to a Produce; none is sent for `acks=0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceResponse {
    /// One entry per partition of the request, in its order.
    pub partitions: Vec<ProducePartitionResponse>,
}

/// Outcome of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducePartitionResponse {
    /// The partition.
    pub tp: TopicPartition,
    /// `None` for success.
    pub error: Option<ErrorCode>,
    /// Offset of the batch's first record; -1 on error.
    pub base_offset: Offset,
    /// Log start offset of the partition; -1 when unknown.
    pub log_start_offset: Offset,
    /// The leader that the broker knows of, with NOT_LEADER_OR_FOLLOWER (v10+).
    pub current_leader: Option<(NodeId, LeaderEpoch)>,
}
