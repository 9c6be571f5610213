//! What a producer has under way, for those who look into it (white box).

use super::Producer;
use crate::ids::{Sequence, TopicPartition};

/// What a producer has under way in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The partition.
    pub tp: TopicPartition,
    /// Batches that wait to be sent.
    pub queued: usize,
    /// Batches that have a sequence and no outcome; 0 without idempotence.
    pub in_flight: usize,
    /// Sequence that the next new batch gets; 0 without idempotence.
    pub next_sequence: Sequence,
    /// Last sequence that was acknowledged, -1 for none.
    pub last_acknowledged: Sequence,
}

impl Producer {
    /// Whether `enable.idempotence` holds for it: it has (or waits for) a producer id, and numbers its batches.
    pub fn is_idempotent(&self) -> bool {
        self.transactions.enabled
    }

    /// What is under way, for each partition that was written to, in the order of partitions.
    pub fn backlog(&self) -> impl Iterator<Item = Backlog> {
        self.accumulator.partitions.iter().map(|(tp, partition)| Backlog {
            tp,
            queued: partition.queue.len(),
            in_flight: partition.sequences.in_flight.len(),
            next_sequence: partition.sequences.next,
            last_acknowledged: partition.sequences.last_acked,
        })
    }

    /// Batches without an outcome, in all partitions.
    pub fn unfinished_batches(&self) -> usize {
        self.accumulator.batches.iter().count()
    }
}
