//! What one group has committed and pending, by input partition.

use crate::ids::*;
use crate::records::CommittedOffset;

/// An offset and where its record stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) value: CommittedOffset,
    pub(super) record_offset: Offset,
}

/// What a group knows of one input partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    pub(super) committed: Option<Stored>,
    /// Producers with an open transactional offset.
    pub(super) open: Vec<ProducerId>,
}

/// Offsets of one group.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupOffsets {
    /// By input partition.
    pub(super) slots: PartitionMap<Slot>,
    /// Number of slots with a committed offset.
    pub(super) committed: usize,
    /// Number of (producer, partition) pairs that are open.
    pub(super) open: usize,
}

impl GroupOffsets {
    pub(super) fn replace(&mut self, tp: TopicPartition, new: Option<Stored>) -> Option<Stored> {
        let slot = self.slots.get_or_insert_with(tp, Slot::default);
        self.committed += usize::from(new.is_some());
        let old = core::mem::replace(&mut slot.committed, new);
        self.committed -= usize::from(old.is_some());
        old
    }

    pub(super) fn open(&mut self, tp: TopicPartition, producer: ProducerId) {
        let slot = self.slots.get_or_insert_with(tp, Slot::default);
        if !slot.open.contains(&producer) {
            slot.open.push(producer);
            self.open += 1;
        }
    }

    pub(super) fn close(&mut self, tp: TopicPartition, producer: ProducerId) {
        let slot = self.slots.get_mut(tp).expect("an open transactional offset has a slot");
        let at = slot.open.iter().position(|p| *p == producer).expect("a pending offset is listed as open");
        slot.open.remove(at);
        self.open -= 1;
    }
}
