//! What brokers and the controller say to each other.

use std::sync::Arc;

use crate::error::ErrorCode;
use crate::ids::*;
use crate::image::MetadataChange;

/// §7.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterPartitionRequest {
    /// The leader that asks.
    pub broker: NodeId,
    /// Its broker epoch.
    pub broker_epoch: i64,
    /// Partition, leader epoch, partition epoch known, and new in-sync set with broker epochs (-1: unknown).
    pub partitions: Vec<AlterPartitionEntry>,
}

/// One partition of an AlterPartition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterPartitionEntry {
    /// The partition.
    pub tp: TopicPartition,
    /// Leader epoch of the sender.
    pub leader_epoch: LeaderEpoch,
    /// Partition epoch on which the change is based.
    pub partition_epoch: i32,
    /// Proposed in-sync set, with each member's broker epoch as the leader knows it (-1 skips the check).
    pub isr: Vec<(NodeId, i64)>,
}

/// Answer to AlterPartition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterPartitionResponse {
    /// STALE_BROKER_EPOCH and the like.
    pub error: Option<ErrorCode>,
    /// Per partition: the registration after the change, or an error.
    pub partitions: Vec<(TopicPartition, Result<AlteredPartition, ErrorCode>)>,
}

/// Registration of a partition after an accepted AlterPartition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlteredPartition {
    /// Leader.
    pub leader: NodeId,
    /// Leader epoch.
    pub leader_epoch: LeaderEpoch,
    /// In-sync set.
    pub isr: Vec<NodeId>,
    /// Partition epoch.
    pub partition_epoch: i32,
}

/// A broker starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerRegistrationRequest {
    /// Who.
    pub broker: NodeId,
    /// Distinguishes incarnations of one broker.
    pub incarnation: u64,
    /// Broker epoch of the previous run if that one shut down cleanly, else -1 (KIP-966).
    pub previous_broker_epoch: i64,
}

/// Answer to BrokerRegistration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerRegistrationResponse {
    /// The broker epoch, or DUPLICATE_BROKER_REGISTRATION while an earlier incarnation's session lives.
    pub broker_epoch: Result<i64, ErrorCode>,
}

/// Sent every `broker.heartbeat.interval.ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerHeartbeatRequest {
    /// Who.
    pub broker: NodeId,
    /// Its epoch.
    pub broker_epoch: i64,
    /// Metadata version that the broker has applied.
    pub current_metadata_version: u64,
    /// Still catching up: leave me fenced.
    pub want_fence: bool,
    /// Move my leaderships away, I want to stop.
    pub want_shutdown: bool,
}

/// Answer to BrokerHeartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerHeartbeatResponse {
    /// STALE_BROKER_EPOCH, BROKER_ID_NOT_REGISTERED.
    pub error: Option<ErrorCode>,
    /// The broker has applied its own registration.
    pub is_caught_up: bool,
    /// The controller keeps the broker out of elections.
    pub is_fenced: bool,
    /// The broker may stop now.
    pub should_shutdown: bool,
}

/// §1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocateProducerIdsRequest {
    /// Who.
    pub broker: NodeId,
    /// Its epoch.
    pub broker_epoch: i64,
}

/// Answer to AllocateProducerIds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocateProducerIdsResponse {
    /// First id and number of ids.
    pub block: Result<(ProducerId, i32), ErrorCode>,
}

/// Long poll for metadata changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataFetchRequest {
    /// Who.
    pub broker: NodeId,
    /// Version that the broker has.
    pub after_version: u64,
}

/// Answer to MetadataFetch, sent as soon as there is news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataFetchResponse {
    /// Version after the changes.
    pub version: u64,
    /// Changes in order; the first answer to a broker carries the whole image as changes.
    pub changes: Arc<[MetadataChange]>,
}
