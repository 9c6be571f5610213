//! How a cluster begins: topics, where their replicas live, and what can be wrong with that.

use core::fmt;
use std::sync::Arc;

use crate::config::BrokerConfig;
use crate::ids::*;
use crate::image::{PartitionImage, TopicImage, TopicSettings};

/// `transaction.state.log.segment.bytes` and `offsets.topic.segment.bytes` (§8.4); smaller where `log.segment.bytes` is.
const INTERNAL_SEGMENT_BYTES: u32 = 104_857_600;

/// A topic to create with the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: Name,
    /// Number of partitions, at least 1.
    pub partitions: u32,
    /// Replicas of each partition, at least 1. Ignored where `assignment` is given.
    pub replication_factor: u32,
    /// Its settings.
    pub settings: TopicSettings,
    /// By partition, its replicas in order of preference; `None`: round robin.
    pub assignment: Option<Vec<Vec<NodeId>>>,
}

/// Why a cluster cannot be created as asked. Kafka's error name comes first in each text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControllerError {
    /// `INVALID_REPLICATION_FACTOR`.
    InvalidReplicationFactor {
        /// The topic.
        topic: Name,
        /// What was asked for.
        replication_factor: u32,
        /// How many brokers there are.
        brokers: usize,
        /// The broker setting that asked for it (internal topics).
        setting: Option<&'static str>,
    },
    /// `INVALID_PARTITIONS`: the topic would have none.
    InvalidPartitions(Name),
    /// `TOPIC_ALREADY_EXISTS`.
    TopicAlreadyExists(Name),
    /// `INVALID_REPLICA_ASSIGNMENT`; the text says what is wrong.
    InvalidReplicaAssignment(Name, String),
}

impl fmt::Display for ControllerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ControllerError::InvalidReplicationFactor { topic, replication_factor, brokers, setting } => {
                write!(f, "INVALID_REPLICATION_FACTOR: topic '{topic}' ")?;
                if *replication_factor == 0 {
                    write!(f, "wants no replica at all")?;
                } else {
                    write!(f, "wants {replication_factor} replicas, but there are {brokers} brokers")?;
                }
                match setting {
                    Some(key) => write!(f, " (set by {key})"),
                    None => Ok(()),
                }
            }
            ControllerError::InvalidPartitions(topic) => {
                write!(f, "INVALID_PARTITIONS: topic '{topic}' has no partition")
            }
            ControllerError::TopicAlreadyExists(topic) => {
                write!(f, "TOPIC_ALREADY_EXISTS: there are two topics '{topic}'")
            }
            ControllerError::InvalidReplicaAssignment(topic, text) => {
                write!(f, "INVALID_REPLICA_ASSIGNMENT: topic '{topic}': {text}")
            }
        }
    }
}

impl std::error::Error for ControllerError {}

/// The internal topics, in the order of their ids (§8.4, §8.5).
fn internal_topics(config: &BrokerConfig) -> [(NewTopic, &'static str); 2] {
    let settings = |min_insync_replicas, unclean_leader_election| TopicSettings {
        min_insync_replicas,
        unclean_leader_election,
        max_message_bytes: config.message_max_bytes,
        segment_bytes: config.segment_bytes.min(INTERNAL_SEGMENT_BYTES),
    };
    let transactions = NewTopic {
        name: "__transaction_state".into(),
        partitions: config.transaction_partitions,
        replication_factor: config.transaction_replication_factor,
        settings: settings(config.transaction_min_isr, false),
        assignment: None,
    };
    let offsets = NewTopic {
        name: "__consumer_offsets".into(),
        partitions: config.offsets_partitions,
        replication_factor: config.offsets_replication_factor,
        // It has no minimum of its own (§8.5).
        settings: settings(config.min_insync_replicas, config.unclean_leader_election),
        assignment: None,
    };
    [(transactions, "transaction.state.log.replication.factor"), (offsets, "offsets.topic.replication.factor")]
}

/// The internal topics and then `topics`, each with all replicas in sync and led by the first one.
pub(super) fn create_topics(
    config: &BrokerConfig,
    topics: Vec<NewTopic>,
    brokers: &[NodeId],
) -> Result<Vec<TopicImage>, ControllerError> {
    let internal = internal_topics(config).into_iter().map(|(topic, key)| (topic, Some(key)));
    let mut created: Vec<TopicImage> = Vec::new();
    for (topic, setting) in internal.chain(topics.into_iter().map(|topic| (topic, None))) {
        if created.iter().any(|t| t.name == topic.name) {
            return Err(ControllerError::TopicAlreadyExists(topic.name));
        }
        let image = create(topic, setting, created.len(), brokers)?;
        created.push(image);
    }
    Ok(created)
}

fn create(
    topic: NewTopic,
    setting: Option<&'static str>,
    ordinal: usize,
    brokers: &[NodeId],
) -> Result<TopicImage, ControllerError> {
    let NewTopic { name, partitions, replication_factor, settings, assignment } = topic;
    if partitions == 0 {
        return Err(ControllerError::InvalidPartitions(name));
    }
    let assignment = match assignment {
        Some(assignment) => {
            check_assignment(&name, partitions, &assignment, brokers)?;
            assignment
        }
        None => {
            let factor = replication_factor as usize;
            if factor == 0 || factor > brokers.len() {
                let brokers = brokers.len();
                return Err(ControllerError::InvalidReplicationFactor {
                    topic: name,
                    replication_factor,
                    brokers,
                    setting,
                });
            }
            let replica = |p: usize, r: usize| brokers[(p + ordinal + r) % brokers.len()];
            (0..partitions as usize).map(|p| (0..factor).map(|r| replica(p, r)).collect()).collect()
        }
    };
    let partitions = assignment.into_iter().map(new_partition).collect();
    Ok(TopicImage { name, settings, partitions })
}

fn new_partition(replicas: Vec<NodeId>) -> PartitionImage {
    PartitionImage {
        isr: replicas.clone(),
        elr: Vec::new(),
        last_known_leader: None,
        leader: replicas.first().copied(),
        replicas: Arc::from(replicas),
        leader_epoch: 0,
        partition_epoch: 0,
        leader_recovering: false,
    }
}

fn check_assignment(
    name: &Name,
    partitions: u32,
    assignment: &[Vec<NodeId>],
    brokers: &[NodeId],
) -> Result<(), ControllerError> {
    let wrong = |text: String| Err(ControllerError::InvalidReplicaAssignment(name.clone(), text));
    if assignment.len() != partitions as usize {
        return wrong(format!("{} partitions, but replicas for {}", partitions, assignment.len()));
    }
    for (p, replicas) in assignment.iter().enumerate() {
        if replicas.is_empty() {
            return wrong(format!("partition {p} has no replica"));
        }
        if replicas.len() != assignment[0].len() {
            return wrong(format!("partition {p} has not as many replicas as partition 0"));
        }
        for (i, replica) in replicas.iter().enumerate() {
            if !brokers.contains(replica) {
                return wrong(format!("partition {p}: there is no {replica}"));
            }
            if replicas[..i].contains(replica) {
                return wrong(format!("partition {p}: {replica} occurs twice"));
            }
        }
    }
    Ok(())
}
