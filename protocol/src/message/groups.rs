//! Classic groups: membership and offsets.

use super::partitions::{PartitionErrors, PartitionOffsets};
use crate::assignor::{AssignorName, Subscription};
use crate::error::ErrorCode;
use crate::ids::*;

/// Identity of a consumer within its group, as `sendOffsetsToTransaction` passes it on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupMetadata {
    /// Group id.
    pub group_id: Name,
    /// Generation (classic) or member epoch; -1 when not given.
    pub generation: i32,
    /// Member id; empty when not given.
    pub member_id: Name,
    /// `group.instance.id`.
    pub group_instance_id: Option<Name>,
}

impl GroupMetadata {
    /// Only a group id: generation -1, empty member (no fencing, §4.5).
    pub fn only_group(group_id: Name) -> GroupMetadata {
        GroupMetadata { group_id, generation: -1, member_id: "".into(), group_instance_id: None }
    }
}

/// Offset to commit for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// The input partition.
    pub tp: TopicPartition,
    /// Next offset to read.
    pub offset: Offset,
    /// Epoch of the last record read; [`NO_LEADER_EPOCH`] if unknown.
    pub leader_epoch: LeaderEpoch,
    /// Free text; limited by `offset.metadata.max.bytes`.
    pub metadata: Name,
}

/// §1.11.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommitRequest {
    /// The consumer's identity.
    pub group: GroupMetadata,
    /// The offsets.
    pub offsets: Vec<OffsetToCommit>,
}

/// Answer to OffsetCommit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommitResponse {
    /// Per partition.
    pub partitions: PartitionErrors,
}

/// §4.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetchRequest {
    /// Group id.
    pub group_id: Name,
    /// `None` for all committed partitions.
    pub partitions: Option<Vec<TopicPartition>>,
    /// Refuse partitions with an open transactional offset (88).
    pub require_stable: bool,
}

/// Answer to OffsetFetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetchResponse {
    /// Error of the group.
    pub error: Option<ErrorCode>,
    /// Per partition: the committed offset (-1 for none) with its leader epoch, or an error.
    pub partitions: PartitionOffsets,
}

/// §4.6. The subscription replaces Kafka's opaque protocol metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroupRequest {
    /// Group id.
    pub group_id: Name,
    /// Empty at the first attempt of a dynamic member.
    pub member_id: Name,
    /// `group.instance.id`.
    pub group_instance_id: Option<Name>,
    /// `client.id`; prefix of the member id that the coordinator makes.
    pub client_id: Name,
    /// Session timeout.
    pub session_timeout_ms: i32,
    /// `max.poll.interval.ms`.
    pub rebalance_timeout_ms: i32,
    /// Assignors in order of preference, each with the subscription.
    pub protocols: Vec<(AssignorName, Subscription)>,
}

/// Answer to JoinGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroupResponse {
    /// `None` for success. MEMBER_ID_REQUIRED carries the member id to use.
    pub error: Option<ErrorCode>,
    /// Generation.
    pub generation: i32,
    /// The assignor that all members support.
    pub protocol: AssignorName,
    /// Member id of the leader.
    pub leader: Name,
    /// Member id of the receiver.
    pub member_id: Name,
    /// For the leader: every member with its subscription, in member-id order.
    pub members: Vec<(Name, Subscription)>,
}

/// §4.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroupRequest {
    /// Identity.
    pub group: GroupMetadata,
    /// From the leader: assignment of each member.
    pub assignments: Vec<(Name, Vec<TopicPartition>)>,
}

/// Answer to SyncGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroupResponse {
    /// `None` for success.
    pub error: Option<ErrorCode>,
    /// The receiver's partitions.
    pub assignment: Vec<TopicPartition>,
}

/// §4.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatRequest {
    /// Identity.
    pub group: GroupMetadata,
}

/// Answer to Heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatResponse {
    /// REBALANCE_IN_PROGRESS asks the member to rejoin.
    pub error: Option<ErrorCode>,
}

/// §4.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveGroupRequest {
    /// Group id.
    pub group_id: Name,
    /// Member id.
    pub member_id: Name,
    /// `group.instance.id`.
    pub group_instance_id: Option<Name>,
}

/// Answer to LeaveGroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaveGroupResponse {
    /// `None` for success.
    pub error: Option<ErrorCode>,
}
