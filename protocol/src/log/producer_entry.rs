//! What is remembered of one producer, and of its last batches (§2.2).

use std::collections::VecDeque;

use crate::batch::RecordBatch;
use crate::config::Domains;
use crate::ids::*;

/// What is remembered of a batch, so that its retry is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchDescriptor {
    /// Sequence of its last record.
    pub last_sequence: Sequence,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// Records minus 1.
    pub offset_delta: i32,
}

impl BatchDescriptor {
    /// Offset of the first record.
    pub fn first_offset(&self) -> Offset {
        self.last_offset - i64::from(self.offset_delta)
    }

    /// Sequence of the first record.
    pub fn first_sequence(&self, domains: &Domains) -> Sequence {
        domains.sub(self.last_sequence, self.offset_delta)
    }
}

/// One producer id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProducerEntry {
    /// Epoch of the last batch or marker.
    pub epoch: ProducerEpoch,
    /// Epoch of the coordinator that wrote the last marker, -1 for none.
    pub coordinator_epoch: CoordinatorEpoch,
    /// Record time of the last batch or marker, wall milliseconds.
    pub last_timestamp_ms: i64,
    /// First offset of the open transaction.
    pub current_txn_first_offset: Option<Offset>,
    /// The last batches of this epoch, at most the batch window.
    pub batches: VecDeque<BatchDescriptor>,
}

impl ProducerEntry {
    pub fn unknown() -> ProducerEntry {
        ProducerEntry {
            epoch: NO_PRODUCER_EPOCH,
            coordinator_epoch: -1,
            last_timestamp_ms: -1,
            current_txn_first_offset: None,
            batches: VecDeque::new(),
        }
    }

    /// A new epoch forgets the batches of the old one.
    pub fn set_epoch(&mut self, epoch: ProducerEpoch) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.batches.clear();
        }
    }

    /// Sequence of the last batch, -1 for none.
    pub fn last_sequence(&self) -> Sequence {
        self.batches.back().map_or(NO_SEQUENCE, |last| last.last_sequence)
    }

    pub fn find_duplicate(&self, batch: &RecordBatch, domains: &Domains) -> Option<BatchDescriptor> {
        if self.epoch != batch.producer_epoch {
            return None;
        }
        let last = domains.add(batch.base_sequence, batch.last_offset_delta);
        let same =
            |it: &&BatchDescriptor| it.last_sequence == last && it.first_sequence(domains) == batch.base_sequence;
        self.batches.iter().find(same).copied()
    }

    pub fn is_expired(&self, wall_ms: i64, limit_ms: i64) -> bool {
        self.current_txn_first_offset.is_none() && wall_ms.saturating_sub(self.last_timestamp_ms) >= limit_ms
    }
}
