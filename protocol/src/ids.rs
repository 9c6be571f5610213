//! Identities that occur in messages, logs and configuration.

use core::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A name that an application or a broker chose: transactional id, group id, member id, client id.
pub type Name = Arc<str>;
/// Producer id; [`NO_PRODUCER_ID`] where there is none.
pub type ProducerId = i64;
/// Producer epoch; [`NO_PRODUCER_EPOCH`] where there is none.
pub type ProducerEpoch = i16;
/// Sequence number of a record within (producer id, epoch, partition); [`NO_SEQUENCE`] where there is none.
pub type Sequence = i32;
/// Offset in a partition's log.
pub type Offset = i64;
/// Leader epoch of a partition; [`NO_LEADER_EPOCH`] where there is none.
pub type LeaderEpoch = i32;
/// Epoch of a coordinator: the leader epoch of its log partition (§1.1).
pub type CoordinatorEpoch = i32;

/// "No producer id" on the wire.
pub const NO_PRODUCER_ID: ProducerId = -1;
/// "No producer epoch" on the wire.
pub const NO_PRODUCER_EPOCH: ProducerEpoch = -1;
/// "No sequence" on the wire.
pub const NO_SEQUENCE: Sequence = -1;
/// "No leader epoch" on the wire.
pub const NO_LEADER_EPOCH: LeaderEpoch = -1;

/// Producer id and epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerIdAndEpoch {
    /// Producer id.
    pub id: ProducerId,
    /// Producer epoch.
    pub epoch: ProducerEpoch,
}

impl ProducerIdAndEpoch {
    /// (-1, -1).
    pub const NONE: ProducerIdAndEpoch = ProducerIdAndEpoch { id: NO_PRODUCER_ID, epoch: NO_PRODUCER_EPOCH };

    /// The pair (`id`, `epoch`).
    pub const fn new(id: ProducerId, epoch: ProducerEpoch) -> Self {
        ProducerIdAndEpoch { id, epoch }
    }

    /// Whether there is a producer id.
    pub const fn is_some(self) -> bool {
        self.id != NO_PRODUCER_ID
    }
}

/// A broker or the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub i32);

impl NodeId {
    /// The controller: one reliable node (KRaft's quorum, abstracted to its active member).
    pub const CONTROLLER: NodeId = NodeId(3000);
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == NodeId::CONTROLLER { write!(f, "controller") } else { write!(f, "broker-{}", self.0) }
    }
}

/// A topic: an index into [`crate::image::ClusterImage::topics`]. Names live in the image only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TopicId(pub u32);

impl TopicId {
    /// `__transaction_state`.
    pub const TRANSACTION_STATE: TopicId = TopicId(0);
    /// `__consumer_offsets`.
    pub const CONSUMER_OFFSETS: TopicId = TopicId(1);

    const INTERNAL: u32 = 2;

    /// The `n`-th topic of an application.
    ///
    /// # Panics
    /// If there are more topics than ids.
    pub const fn application(n: usize) -> TopicId {
        assert!(n < (u32::MAX - Self::INTERNAL) as usize, "more topics than ids");
        TopicId(n as u32 + Self::INTERNAL)
    }

    /// The inverse of [`TopicId::application`]; `None` for Kafka's own topics.
    pub const fn application_index(self) -> Option<usize> {
        if self.is_internal() { None } else { Some((self.0 - Self::INTERNAL) as usize) }
    }

    /// Whether the topic is one of Kafka's own.
    pub const fn is_internal(self) -> bool {
        self.0 < Self::INTERNAL
    }
}

/// One partition of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicId,
    /// The partition's index within the topic, from 0.
    pub partition: u32,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub const fn new(topic: TopicId, partition: u32) -> TopicPartition {
        TopicPartition { topic, partition }
    }
}

/// Java's `String.hashCode`: `s[0]*31^(n-1) + …` over UTF-16 units, in wrapping 32-bit arithmetic.
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |h, unit| h.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// Partition of an internal topic that coordinates `name` (§1.1): `abs(javaHash(name)) % partitions`, with
/// `abs(i32::MIN)` = 0. `partitions` is at least 1.
pub fn coordinator_partition(name: &str, partitions: u32) -> u32 {
    let hash = java_hash(name);
    let positive = if hash == i32::MIN { 0 } else { hash.unsigned_abs() };
    positive % partitions
}

/// A map from [`TopicPartition`] to `V` with constant-time look-up and iteration in (topic, partition) order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMap<V> {
    topics: Vec<Vec<Option<V>>>,
    len: usize,
}

impl<V> Default for PartitionMap<V> {
    fn default() -> Self {
        PartitionMap { topics: Vec::new(), len: 0 }
    }
}

impl<V> PartitionMap<V> {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry of `tp`.
    #[inline]
    pub fn get(&self, tp: TopicPartition) -> Option<&V> {
        self.topics.get(tp.topic.0 as usize)?.get(tp.partition as usize)?.as_ref()
    }

    /// The entry of `tp`, mutable.
    #[inline]
    pub fn get_mut(&mut self, tp: TopicPartition) -> Option<&mut V> {
        self.topics.get_mut(tp.topic.0 as usize)?.get_mut(tp.partition as usize)?.as_mut()
    }

    /// Whether `tp` has an entry.
    pub fn contains(&self, tp: TopicPartition) -> bool {
        self.get(tp).is_some()
    }

    fn slot(&mut self, tp: TopicPartition) -> &mut Option<V> {
        let (t, p) = (tp.topic.0 as usize, tp.partition as usize);
        if self.topics.len() <= t {
            self.topics.resize_with(t + 1, Vec::new);
        }
        let partitions = &mut self.topics[t];
        if partitions.len() <= p {
            partitions.resize_with(p + 1, || None);
        }
        &mut partitions[p]
    }

    /// Puts `value` at `tp` and returns what was there.
    pub fn insert(&mut self, tp: TopicPartition, value: V) -> Option<V> {
        let old = self.slot(tp).replace(value);
        if old.is_none() {
            self.len += 1;
        }
        old
    }

    /// The entry of `tp`, made by `make` if absent.
    pub fn get_or_insert_with(&mut self, tp: TopicPartition, make: impl FnOnce() -> V) -> &mut V {
        if !self.contains(tp) {
            self.len += 1;
        }
        self.slot(tp).get_or_insert_with(make)
    }

    /// Removes and returns the entry of `tp`.
    pub fn remove(&mut self, tp: TopicPartition) -> Option<V> {
        let old = self.topics.get_mut(tp.topic.0 as usize)?.get_mut(tp.partition as usize)?.take();
        if old.is_some() {
            self.len -= 1;
        }
        old
    }

    /// All entries in (topic, partition) order.
    pub fn iter(&self) -> impl Iterator<Item = (TopicPartition, &V)> {
        self.topics.iter().enumerate().flat_map(|(t, partitions)| {
            partitions
                .iter()
                .enumerate()
                .filter_map(move |(p, v)| v.as_ref().map(|v| (TopicPartition::new(TopicId(t as u32), p as u32), v)))
        })
    }

    /// All entries in (topic, partition) order, mutable.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (TopicPartition, &mut V)> {
        self.topics.iter_mut().enumerate().flat_map(|(t, partitions)| {
            partitions
                .iter_mut()
                .enumerate()
                .filter_map(move |(p, v)| v.as_mut().map(|v| (TopicPartition::new(TopicId(t as u32), p as u32), v)))
        })
    }

    /// All keys in order.
    pub fn keys(&self) -> impl Iterator<Item = TopicPartition> {
        self.iter().map(|(tp, _)| tp)
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.topics.clear();
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn application_topics_come_after_those_of_kafka() {
        assert_eq!(TopicId::application(0), TopicId(2));
        assert_eq!(TopicId::application(3).application_index(), Some(3));
        assert_eq!(TopicId::CONSUMER_OFFSETS.application_index(), None);
        assert!(TopicId::TRANSACTION_STATE.is_internal() && !TopicId::application(0).is_internal());
    }

    #[test]
    fn java_hash_is_that_of_java() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("abc"), 96354);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
    }

    #[test]
    fn the_partition_of_the_smallest_hash_is_zero() {
        assert_eq!(coordinator_partition("polygenelubricants", 50), 0);
        assert_eq!(coordinator_partition("abc", 50), 96354 % 50);
    }

    #[test]
    fn a_partition_map_iterates_in_order() {
        let mut map = PartitionMap::new();
        let (a, b, c) = (
            TopicPartition::new(TopicId(3), 0),
            TopicPartition::new(TopicId(2), 7),
            TopicPartition::new(TopicId(2), 1),
        );
        for tp in [a, b, c] {
            assert_eq!(map.insert(tp, tp.partition), None);
        }
        assert_eq!(map.keys().collect::<Vec<_>>(), [c, b, a]);
        assert_eq!(map.remove(b), Some(7));
        assert_eq!(map.len(), 2);
        assert!(!map.contains(b));
    }
}
