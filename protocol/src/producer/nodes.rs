//! The brokers that a producer talks to: progress of the connection, and partitions with something to send there.

use std::collections::BTreeSet;

use crate::ids::*;
use crate::io::{Channel, Purpose};
use crate::time::Instant;

/// How far the connection to a broker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No connection.
    Idle,
    /// Asked for.
    Connecting,
    /// ApiVersions is in flight; nothing else may be sent before its answer.
    AskingVersions,
    /// Usable.
    Ready,
}

/// One broker.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub id: NodeId,
    pub channel: Channel,
    pub phase: Phase,
    /// When it last failed, as a count of all failures; 0 for never.
    pub failed: u64,
    /// Partitions led here whose first batch may be sent as far as ordering goes.
    pub drainable: BTreeSet<TopicPartition>,
    /// The same, by the time at which they are worth a request.
    pub timing: BTreeSet<(Instant, TopicPartition)>,
    /// The partition drained last; the next request begins behind it.
    pub cursor: Option<TopicPartition>,
}

impl Node {
    /// When the first of its partitions is worth a request; `NEVER` if none is.
    pub fn ready_at(&self) -> Instant {
        self.timing.first().map_or(Instant::NEVER, |(at, _)| *at)
    }

    /// Enters or removes a partition.
    pub fn schedule(&mut self, tp: TopicPartition, old: Option<Instant>, new: Option<Instant>) {
        if let Some(at) = old {
            self.timing.remove(&(at, tp));
        }
        match new {
            Some(at) => {
                self.timing.insert((at, tp));
                if old.is_none() {
                    self.drainable.insert(tp);
                }
            }
            None => {
                self.drainable.remove(&tp);
            }
        }
    }
}

/// All brokers that the producer has heard of, by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    failures: u64,
}

impl Nodes {
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Index of a broker, entered if it is new.
    pub fn index_of(&mut self, id: NodeId) -> usize {
        self.nodes.binary_search_by_key(&id, |n| n.id).unwrap_or_else(|place| {
            let node = Node {
                id,
                channel: Channel { to: id, purpose: Purpose::Client },
                phase: Phase::Idle,
                failed: 0,
                drainable: BTreeSet::new(),
                timing: BTreeSet::new(),
                cursor: None,
            };
            self.nodes.insert(place, node);
            place
        })
    }

    /// The connection to a broker is gone.
    pub fn failed(&mut self, index: usize) {
        self.failures += 1;
        self.nodes[index].failed = self.failures;
        self.nodes[index].phase = Phase::Idle;
    }

    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }
}

impl core::ops::Index<usize> for Nodes {
    type Output = Node;
    fn index(&self, index: usize) -> &Node {
        &self.nodes[index]
    }
}

impl core::ops::IndexMut<usize> for Nodes {
    fn index_mut(&mut self, index: usize) -> &mut Node {
        &mut self.nodes[index]
    }
}
