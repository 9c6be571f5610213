//! What a client knows of the cluster: leaders of the topics that it is interested in, and when to ask again.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::ErrorCode;
use crate::ids::*;
use crate::message::{MetadataRequest, MetadataResponse, PartitionMetadata};
use crate::time::{Instant, Now, Span};

/// A change of leadership that a client learned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeaderChange {
    pub tp: TopicPartition,
    pub leader: Option<NodeId>,
    pub epoch: LeaderEpoch,
}

/// A client's metadata. Leader epochs never go back.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    bootstrap: Vec<NodeId>,
    brokers: Vec<NodeId>,
    topics: BTreeMap<TopicId, Vec<PartitionMetadata>>,
    interest: BTreeSet<TopicId>,
    needed: bool,
    /// No topic became of interest since the last request that was answered.
    answered: bool,
    in_flight: bool,
    not_before: Instant,
    refresh_at: Instant,
    backoff: Span,
    max_age: Span,
}

impl Metadata {
    pub fn new(bootstrap: Vec<NodeId>, backoff: Span, max_age: Span) -> Metadata {
        Metadata {
            bootstrap,
            brokers: Vec::new(),
            topics: BTreeMap::new(),
            interest: BTreeSet::new(),
            needed: false,
            answered: true,
            in_flight: false,
            not_before: Instant::ZERO,
            refresh_at: Instant::NEVER,
            backoff,
            max_age,
        }
    }

    /// Brokers to talk to: those of the last answer, else the bootstrap list.
    pub fn nodes(&self) -> &[NodeId] {
        if self.brokers.is_empty() { &self.bootstrap } else { &self.brokers }
    }

    /// Falls back to the bootstrap list (KIP-899): no broker of the last answer can be reached.
    pub fn rebootstrap(&mut self) {
        self.brokers.clear();
    }

    /// Asks for an update as soon as the back-off allows.
    pub fn request_update(&mut self) {
        self.needed = true;
    }

    /// Adds topics to those asked for.
    pub fn add_interest(&mut self, topics: impl IntoIterator<Item = TopicId>) {
        for topic in topics {
            if self.interest.insert(topic) && !self.topics.contains_key(&topic) {
                self.needed = true;
                self.answered = false;
            }
        }
    }

    /// Number of partitions; `None` for a topic that is not known.
    pub fn partitions_of(&self, topic: TopicId) -> Option<u32> {
        self.topics.get(&topic).map(|partitions| partitions.len() as u32)
    }

    /// Leader and its epoch.
    pub fn leader(&self, tp: TopicPartition) -> (Option<NodeId>, LeaderEpoch) {
        let partition = self.topics.get(&tp.topic).and_then(|partitions| partitions.get(tp.partition as usize));
        partition.map_or((None, NO_LEADER_EPOCH), |p| (p.leader, p.leader_epoch))
    }

    /// The next time at which a request is due; `NEVER` while one is in flight or nothing is of interest.
    pub fn due(&self) -> Instant {
        if self.in_flight {
            Instant::NEVER
        } else if self.needed {
            self.not_before
        } else {
            self.refresh_at
        }
    }

    /// Whether everything that was asked for has been answered, if only by "unknown".
    pub fn answered(&self) -> bool {
        self.answered && !self.in_flight
    }

    /// The request that is due.
    pub fn request(&mut self, now: Now) -> MetadataRequest {
        self.in_flight = true;
        self.answered = true;
        self.not_before = now.mono + self.backoff;
        MetadataRequest { topics: Some(self.interest.iter().copied().collect()) }
    }

    /// The request was lost.
    pub fn failed(&mut self, now: Now) {
        self.in_flight = false;
        self.needed = true;
        self.answered = false;
        self.not_before = now.mono + self.backoff;
    }

    /// Takes an answer in; pushes what changed.
    pub fn update(&mut self, now: Now, response: MetadataResponse, changes: &mut Vec<LeaderChange>) {
        self.in_flight = false;
        self.needed = false;
        self.refresh_at = now.mono + self.max_age;
        if !response.brokers.is_empty() {
            self.brokers = response.brokers;
        }
        for answer in response.topics {
            if answer.error.is_some_and(ErrorCode::is_retriable) || answer.partitions.iter().any(|p| p.leader.is_none())
            {
                self.needed = true;
            }
            if answer.error.is_some() {
                continue;
            }
            let known = self.topics.entry(answer.topic).or_default();
            for (index, new) in answer.partitions.into_iter().enumerate() {
                let tp = TopicPartition::new(answer.topic, index as u32);
                match known.get_mut(index) {
                    None => known.push(new),
                    Some(old) if new.leader_epoch < old.leader_epoch => {
                        self.needed |= old.leader.is_none(); // the broker that answered has not caught up
                        continue;
                    }
                    Some(old) if *old == new => continue,
                    Some(old) => *old = new,
                }
                changes.push(LeaderChange { tp, leader: new.leader, epoch: new.leader_epoch });
            }
        }
    }

    /// A committed offset carried `epoch`. Whoever led before it does not lead any more, so the leader is unknown until the
    /// metadata has caught up (Kafka's `Metadata.updateLastSeenEpochIfNewer`): a deposed leader that has not noticed would
    /// say that it knows no such epoch, and the position would be reset. Whether that is news.
    pub fn saw_epoch(&mut self, tp: TopicPartition, epoch: LeaderEpoch) -> bool {
        let partition = self.topics.get_mut(&tp.topic).and_then(|t| t.get_mut(tp.partition as usize));
        let Some(known) = partition.filter(|known| known.leader_epoch < epoch) else { return false };
        *known = PartitionMetadata { leader: None, leader_epoch: epoch };
        self.needed = true;
        true
    }

    /// A partition's answer named its leader (KIP-951). Whether that is news.
    pub fn learn(&mut self, tp: TopicPartition, leader: NodeId, epoch: LeaderEpoch) -> bool {
        let partition = self.topics.get_mut(&tp.topic).and_then(|t| t.get_mut(tp.partition as usize));
        let Some(known) = partition.filter(|known| known.leader_epoch < epoch) else { return false };
        *known = PartitionMetadata { leader: Some(leader), leader_epoch: epoch };
        true
    }
}
