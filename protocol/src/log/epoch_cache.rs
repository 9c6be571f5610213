//! Where each leader epoch begins in the log (§7.4, KIP-101, KIP-279).

use crate::ids::*;
use crate::message::EpochEndOffset;

/// A leader epoch and the offset of its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EpochStart {
    epoch: LeaderEpoch,
    start: Offset,
}

/// The epoch cache (`leader-epoch-checkpoint`): epochs and start offsets both strictly increase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EpochCache {
    entries: Vec<EpochStart>,
}

impl EpochCache {
    /// The latest epoch known; it may have no record yet.
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.epoch)
    }

    /// Notes that `epoch` has records from `start` on. Drops entries with an epoch or a start as high or higher.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if epoch < 0 || self.entries.last().is_some_and(|last| last.epoch == epoch && last.start <= start) {
            return;
        }
        while self.entries.last().is_some_and(|last| last.epoch >= epoch || last.start >= start) {
            self.entries.pop();
        }
        self.entries.push(EpochStart { epoch, start });
    }

    /// The log now ends at `end`: drops the epochs that begin there or later.
    pub fn truncate_from_end(&mut self, end: Offset) {
        while self.entries.last().is_some_and(|last| last.start >= end) {
            self.entries.pop();
        }
    }

    /// The log now begins at `start`: of the epochs that begin there or earlier only the last stays, moved to `start`.
    pub fn truncate_from_start(&mut self, start: Offset) {
        let earlier = self.entries.partition_point(|entry| entry.start <= start);
        if earlier > 0 {
            self.entries.drain(..earlier - 1);
            self.entries[0].start = start;
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// §7.4: where the largest epoch <= `epoch` ends.
    pub fn end_offset(&self, epoch: LeaderEpoch, log_end: Offset) -> EpochEndOffset {
        let Some(latest) = self.latest() else { return EpochEndOffset::UNDEFINED };
        if epoch == NO_LEADER_EPOCH || epoch > latest {
            return EpochEndOffset::UNDEFINED;
        }
        if epoch == latest {
            return EpochEndOffset { epoch, end_offset: log_end };
        }
        let higher = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let end_offset = self.entries[higher].start;
        let floor = higher.checked_sub(1).map_or(epoch, |index| self.entries[index].epoch);
        EpochEndOffset { epoch: floor, end_offset }
    }
}
