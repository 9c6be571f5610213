//! The index of aborted transactions (§2.7, §2.9). Kafka keeps one file per segment; as entries are ordered by marker
//! offset, one queue serves for all segments: a segment's part is a range of it.

use std::collections::VecDeque;

use crate::ids::*;
use crate::message::AbortedTransaction;

/// An aborted transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedIndexEntry {
    /// Its producer.
    pub producer_id: ProducerId,
    /// Its first offset.
    pub first_offset: Offset,
    /// Offset of its ABORT marker.
    pub marker_offset: Offset,
    /// First offset of the oldest other transaction that was open when the marker was written, else the offset after the
    /// marker: no later entry can begin below it.
    pub last_stable_offset: Offset,
}

/// The entries, in marker order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AbortedIndex {
    entries: VecDeque<AbortedIndexEntry>,
}

impl AbortedIndex {
    /// Adds the entry of a marker that was just appended.
    pub fn push(&mut self, entry: AbortedIndexEntry) {
        debug_assert!(self.entries.back().is_none_or(|last| last.marker_offset < entry.marker_offset));
        self.entries.push_back(entry);
    }

    /// Drops the entries whose markers are at `offset` or later.
    pub fn truncate_to(&mut self, offset: Offset) {
        while self.entries.back().is_some_and(|last| last.marker_offset >= offset) {
            self.entries.pop_back();
        }
    }

    /// Drops the entries of deleted segments: markers below `offset`.
    pub fn drop_below(&mut self, offset: Offset) {
        while self.entries.front().is_some_and(|first| first.marker_offset < offset) {
            self.entries.pop_front();
        }
    }

    /// Aborted transactions that a reader of `[from, upper)` must know of, in marker order (§2.9).
    ///
    /// Kafka starts at the segment that holds `from` and skips markers below `from`; their stored LSO is at most `from`,
    /// so starting at the first marker >= `from` gives the same answer.
    pub fn collect(&self, from: Offset, upper: Offset) -> Vec<AbortedTransaction> {
        let mut aborted = Vec::new();
        let start = self.entries.partition_point(|entry| entry.marker_offset < from);
        for entry in self.entries.range(start..) {
            if entry.first_offset < upper {
                aborted.push(AbortedTransaction { producer_id: entry.producer_id, first_offset: entry.first_offset });
            }
            if entry.last_stable_offset >= upper {
                break;
            }
        }
        aborted
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = &AbortedIndexEntry> {
        self.entries.iter()
    }
}
