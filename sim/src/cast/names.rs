//! Names of nodes, topics and partitions, and their numbers.

use fencepost_protocol::broker::Job;
use fencepost_protocol::ids::{NodeId, TopicId, TopicPartition};

use super::{Actor, Back, Part, Role};
use crate::nearest::choices;

/// Background jobs by name.
pub const JOBS: [(&str, Job); 7] = [
    ("transaction_sweep", Job::TransactionSweep),
    ("producer_id_expiry", Job::ProducerIdExpiry),
    ("isr_check", Job::IsrCheck),
    ("high_watermark_checkpoint", Job::HighWatermarkCheckpoint),
    ("recovery_point_checkpoint", Job::RecoveryPointCheckpoint),
    ("coordinator_load", Job::CoordinatorLoad),
    ("offsets_expiry", Job::OffsetsExpiry),
];

/// The names of a plan's nodes and topics, and what the nodes are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// By actor.
    pub nodes: Vec<String>,
    /// By topic id, with the number of partitions.
    pub topics: Vec<(String, u32)>,
    /// Whose records each workload is.
    pub workloads: Vec<String>,
    /// By actor: what becomes of its process after a crash that does not say.
    pub back: Vec<Back>,
    /// By actor: what it is.
    pub parts: Vec<Part>,
}

impl Names {
    /// What a node is; none if that is not known.
    pub fn part(&self, actor: Actor) -> Option<Part> {
        self.parts.get(actor as usize).copied()
    }

    /// The nodes that are brokers.
    pub fn brokers(&self) -> impl Iterator<Item = Actor> + '_ {
        let parts = self.parts.iter().enumerate();
        parts.filter(|(_, part)| part.role == Role::Broker).map(|(n, _)| n as Actor)
    }

    /// The node that is the broker of that id.
    pub fn broker(&self, id: NodeId) -> Option<Actor> {
        self.brokers().find(|actor| self.broker_id(*actor) == Some(id))
    }

    /// The id of a node that is a broker.
    pub fn broker_id(&self, actor: Actor) -> Option<NodeId> {
        let part = self.part(actor).filter(|part| part.role == Role::Broker);
        part.map(|part| NodeId(i32::from(part.place) + 1))
    }

    /// What becomes of a node's process that was killed; none if that is not known.
    pub fn back(&self, actor: Actor) -> Option<Back> {
        self.back.get(actor as usize).copied()
    }

    /// Number of each node among `other`.
    pub fn actors_among(&self, other: &Names) -> Vec<Option<Actor>> {
        let find = |name: &String| other.nodes.iter().position(|n| n == name).map(|n| n as Actor);
        self.nodes.iter().map(find).collect()
    }

    /// Whether there is such a partition.
    pub fn has_partition(&self, tp: TopicPartition) -> bool {
        self.topics.get(tp.topic.0 as usize).is_some_and(|(_, count)| tp.partition < *count)
    }

    /// Number of a node.
    ///
    /// # Errors
    /// There is none of that name; the message names the nearest.
    pub fn actor(&self, name: &str) -> Result<Actor, String> {
        let found = self.nodes.iter().position(|n| n == name);
        found.map(|n| n as Actor).ok_or_else(|| {
            format!("there is no node '{name}'{}", choices(name, "nodes", self.nodes.iter().map(String::as_str)))
        })
    }

    /// Name of a node.
    pub fn node(&self, actor: Actor) -> &str {
        self.nodes.get(actor as usize).map_or("?", String::as_str)
    }

    /// A partition, written `orders-0`.
    ///
    /// # Errors
    /// There is none; the message says why.
    pub fn partition(&self, text: &str) -> Result<TopicPartition, String> {
        let parsed = text.rsplit_once('-').and_then(|(topic, index)| Some((topic, index.parse::<u32>().ok()?)));
        let Some((topic, index)) = parsed else {
            return Err(format!("'{text}' is no partition; expected TOPIC-NUMBER, such as orders-0"));
        };
        let Some(id) = self.topics.iter().position(|(name, _)| name == topic) else {
            let all = choices(topic, "topics", self.topics.iter().map(|(name, _)| name.as_str()));
            return Err(format!("there is no topic '{topic}'{all}"));
        };
        let count = self.topics[id].1;
        if index >= count {
            return Err(format!("topic '{topic}' has partitions 0 to {}, not {index}", count.saturating_sub(1)));
        }
        Ok(TopicPartition::new(TopicId(id as u32), index))
    }

    /// `orders-0`.
    pub fn partition_name(&self, tp: TopicPartition) -> String {
        let topic = self.topics.get(tp.topic.0 as usize).map_or("?", |(name, _)| name.as_str());
        format!("{topic}-{}", tp.partition)
    }
}
