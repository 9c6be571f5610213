//! ListOffsets and OffsetForLeaderEpoch: where a log begins and ends.

use super::fetch::{EpochEndOffset, IsolationLevel};
use super::partitions::PartitionOffsets;
use crate::error::ErrorCode;
use crate::ids::*;

/// Which offset ListOffsets asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// Log start offset (timestamp -2).
    Earliest,
    /// End as the isolation level sees it (timestamp -1).
    Latest,
    /// First offset whose record timestamp is at or after this.
    Timestamp(i64),
}

/// §1.11.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOffsetsRequest {
    /// Isolation level.
    pub isolation: IsolationLevel,
    /// Partition, leader epoch known to the client (or [`NO_LEADER_EPOCH`]), and what is asked.
    pub partitions: Vec<(TopicPartition, LeaderEpoch, OffsetSpec)>,
}

/// Answer to ListOffsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOffsetsResponse {
    /// Per partition: offset and its leader epoch, or an error.
    pub partitions: PartitionOffsets,
}

/// §7.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetForLeaderEpochRequest {
    /// Partition, leader epoch known to the asker, epoch asked for.
    pub partitions: Vec<(TopicPartition, LeaderEpoch, LeaderEpoch)>,
}

/// Answer to OffsetForLeaderEpoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetForLeaderEpochResponse {
    /// Per partition.
    pub partitions: Vec<(TopicPartition, Result<EpochEndOffset, ErrorCode>)>,
}
