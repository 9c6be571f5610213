//! Names of nodes, topics and partitions, and their numbers.

use std::collections::BTreeMap;

use fencepost_protocol::broker::Job;
use fencepost_protocol::ids::{TopicId, TopicPartition};
use fencepost_protocol::time::Span;

use super::nearest::choices;
use crate::client::{EchoClient, ReaderClient, member_name};
use crate::plan::Plan;
use crate::schedule::Actor;

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

/// The names of a plan's nodes and topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// By actor.
    pub nodes: Vec<String>,
    /// By topic id, with the number of partitions.
    pub topics: Vec<(String, u32)>,
    /// Whose records each workload is.
    pub workloads: Vec<String>,
    /// By actor: what becomes of its process after a crash that does not say.
    pub back: Vec<Back>,
}

/// What becomes of a process that was killed, where the fault does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// It runs again by itself after this time: `restart.after`.
    After(Span),
    /// It stays away.
    Never,
}

/// What becomes of clients and sinks that were killed, by name.
fn backs(plan: &Plan) -> BTreeMap<String, Back> {
    let own = |after: Option<Span>| after.map_or(Back::Never, Back::After);
    let mut backs = BTreeMap::new();
    backs.extend(plan.databases.iter().map(|d| (d.name.clone(), Back::After(d.restart_after))));
    backs.extend(plan.payments.iter().map(|p| (p.name.clone(), Back::After(p.restart_after))));
    backs.extend(plan.producers.iter().map(|p| (p.name.clone(), own(p.restart_after))));
    backs.extend(plan.services.iter().map(|s| (s.name.clone(), own(s.restart_after))));
    backs.extend(plan.relays.iter().map(|r| (r.name.clone(), own(r.restart_after))));
    backs.extend(plan.echoes.iter().map(|e| (e.name.clone(), Back::After(EchoClient::RESTARTS_AFTER))));
    let pipelines = plan.pipelines.iter().map(|p| (&p.name, p.members, own(p.restart_after)));
    let readers = plan.readers.iter().map(|r| (&r.name, r.members, Back::After(ReaderClient::RESTARTS_AFTER)));
    for (name, members, back) in pipelines.chain(readers) {
        backs.extend((1..=members).map(|member| (member_name(name, member, members), back)));
    }
    backs
}

impl Names {
    /// The names of `plan`.
    pub fn of(plan: &Plan) -> Names {
        let internal = [
            ("__transaction_state".to_string(), plan.cluster.config.transaction_partitions),
            ("__consumer_offsets".to_string(), plan.cluster.config.offsets_partitions),
        ];
        let topics = internal.into_iter().chain(plan.topics.iter().map(|t| (t.name.clone(), t.partitions))).collect();
        let senders = (0..).map_while(|workload| plan.workload_name(workload)).map(str::to_string).collect();
        let nodes = crate::world::names(plan);
        let own = backs(plan);
        let back = nodes.iter().map(|node| own.get(node).copied().unwrap_or(Back::Never)).collect();
        Names { nodes, topics, workloads: senders, back }
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
