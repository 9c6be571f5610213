//! Cluster metadata: what the controller decides and brokers learn, late, as a list of changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::*;

/// Finalized features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// `transaction.version`: 0, 1 or 2 (§0.1).
    pub transaction_version: u8,
    /// `eligible.leader.replicas.version`: 0 or 1 (KIP-966).
    pub eligible_leader_replicas_version: u8,
}

/// The controller's record of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerImage {
    /// Epoch of the registration.
    pub epoch: i64,
    /// Incarnation of the registration.
    pub incarnation: u64,
    /// Out of elections and in-sync sets.
    pub fenced: bool,
    /// In controlled shutdown.
    pub in_controlled_shutdown: bool,
}

/// The controller's record of a partition (§7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionImage {
    /// Assignment, in order of preference.
    pub replicas: Arc<[NodeId]>,
    /// In-sync set, in assignment order.
    pub isr: Vec<NodeId>,
    /// Eligible leader replicas (KIP-966).
    pub elr: Vec<NodeId>,
    /// Leader when both sets became empty.
    pub last_known_leader: Option<NodeId>,
    /// Leader, if there is one.
    pub leader: Option<NodeId>,
    /// +1 with each change of leader.
    pub leader_epoch: LeaderEpoch,
    /// +1 with each change of this record.
    pub partition_epoch: i32,
    /// The leader was elected uncleanly and has not yet recovered (KIP-966).
    pub leader_recovering: bool,
}

/// Settings of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSettings {
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// `max.message.bytes`.
    pub max_message_bytes: u32,
    /// `segment.bytes`.
    pub segment_bytes: u32,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    /// Name.
    pub name: Name,
    /// Settings.
    pub settings: TopicSettings,
    /// By partition index.
    pub partitions: Vec<PartitionImage>,
}

/// One change of the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataChange {
    /// A broker registered, or its record changed.
    Broker(NodeId, BrokerImage),
    /// A topic exists, with all its partitions. Ids are handed out densely.
    Topic(TopicId, Arc<TopicImage>),
    /// A partition's record changed.
    Partition(TopicPartition, PartitionImage),
    /// A feature level changed.
    Features(Features),
}

/// The metadata as one node knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterImage {
    /// Number of changes applied since the beginning.
    pub version: u64,
    /// Registered brokers.
    pub brokers: BTreeMap<NodeId, BrokerImage>,
    /// By topic id. 0 and 1 are the internal topics.
    pub topics: Vec<TopicImage>,
    /// Finalized features.
    pub features: Features,
}

impl ClusterImage {
    /// The image of a node that has not heard anything.
    pub fn empty() -> ClusterImage {
        ClusterImage {
            version: 0,
            brokers: BTreeMap::new(),
            topics: Vec::new(),
            features: Features { transaction_version: 0, eligible_leader_replicas_version: 0 },
        }
    }

    /// Applies one change; the caller advances `version`.
    pub fn apply(&mut self, change: &MetadataChange) {
        match change {
            MetadataChange::Broker(id, broker) => {
                self.brokers.insert(*id, *broker);
            }
            MetadataChange::Topic(id, topic) => {
                let index = id.0 as usize;
                assert!(index <= self.topics.len(), "topic ids are dense: {id:?} after {} topics", self.topics.len());
                if index == self.topics.len() {
                    self.topics.push(TopicImage::clone(topic));
                } else {
                    self.topics[index] = TopicImage::clone(topic);
                }
            }
            MetadataChange::Partition(tp, partition) => {
                let topic = self.topics.get_mut(tp.topic.0 as usize).expect("a partition's topic comes before it");
                topic.partitions[tp.partition as usize] = partition.clone();
            }
            MetadataChange::Features(features) => self.features = *features,
        }
    }

    /// The record of a partition.
    pub fn partition(&self, tp: TopicPartition) -> Option<&PartitionImage> {
        self.topics.get(tp.topic.0 as usize)?.partitions.get(tp.partition as usize)
    }

    /// The record of a topic.
    pub fn topic(&self, id: TopicId) -> Option<&TopicImage> {
        self.topics.get(id.0 as usize)
    }

    /// The topic of that name.
    pub fn topic_id(&self, name: &str) -> Option<TopicId> {
        self.topics.iter().position(|t| &*t.name == name).map(|i| TopicId(i as u32))
    }

    /// Whether the broker is registered and not fenced.
    pub fn is_alive(&self, broker: NodeId) -> bool {
        self.brokers.get(&broker).is_some_and(|b| !b.fenced)
    }

    /// The whole image as changes, for a broker that starts from nothing.
    pub fn as_changes(&self) -> Vec<MetadataChange> {
        let features = [MetadataChange::Features(self.features)];
        let brokers = self.brokers.iter().map(|(id, b)| MetadataChange::Broker(*id, *b));
        let topics =
            self.topics.iter().enumerate().map(|(i, t)| MetadataChange::Topic(TopicId(i as u32), Arc::new(t.clone())));
        features.into_iter().chain(brokers).chain(topics).collect()
    }
}
