//! Metadata, ApiVersions and FindCoordinator: who is where, and what it understands.

use crate::error::ErrorCode;
use crate::ids::*;
use crate::image::Features;

/// Leaders of `topics`, or of all topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataRequest {
    /// `None` for all.
    pub topics: Option<Vec<TopicId>>,
}

/// Answer to Metadata, from the broker's own, possibly stale, cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataResponse {
    /// Brokers that are alive (not fenced).
    pub brokers: Vec<NodeId>,
    /// One entry per topic.
    pub topics: Vec<TopicMetadata>,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// The topic.
    pub topic: TopicId,
    /// UNKNOWN_TOPIC_OR_PARTITION if the broker does not know it.
    pub error: Option<ErrorCode>,
    /// By partition index.
    pub partitions: Vec<PartitionMetadata>,
}

/// One partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// `None` while the partition has no live leader (LEADER_NOT_AVAILABLE).
    pub leader: Option<NodeId>,
    /// Leader epoch.
    pub leader_epoch: LeaderEpoch,
}

/// Asked once for each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiVersionsRequest;

/// What the cluster supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiVersionsResponse {
    /// Finalized features.
    pub features: Features,
    /// Epoch (metadata version) of the finalized features; a client ignores an older one.
    pub features_epoch: u64,
}

/// What is coordinated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoordinatorType {
    /// Key type 0.
    Group,
    /// Key type 1.
    Transaction,
}

/// §1.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindCoordinatorRequest {
    /// Group or transaction.
    pub key_type: CoordinatorType,
    /// Group id or transactional id.
    pub key: Name,
}

/// Answer to FindCoordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindCoordinatorResponse {
    /// The broker, or COORDINATOR_NOT_AVAILABLE.
    pub node: Result<NodeId, ErrorCode>,
}
