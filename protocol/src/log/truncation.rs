//! Taking away: follower truncation, retention, expiry, and the rebuilding of producer state that follows (§2.4).

use super::PartitionLog;
use super::batches::Batches;
use super::producer_state::ProducerState;
use super::{LogSettings, aborted_index::AbortedIndex};
use crate::ids::*;

impl PartitionLog {
    /// Removes everything from `offset` on; a batch that contains `offset` goes as a whole. Producer state is reloaded
    /// from the newest snapshot at or below the new end, and the batches behind it. Beyond the log end it only drops
    /// leader epochs that have no record. `wall_ms` decides which producers of the snapshot are expired.
    pub fn truncate_to(&mut self, offset: Offset, wall_ms: i64) {
        if offset >= self.log_end_offset() {
            self.epochs.truncate_from_end(self.log_end_offset());
            return;
        }
        if offset < self.batches.first_base() {
            self.truncate_fully_and_start_at(offset);
            return;
        }
        let end = self.batches.truncate_to(offset);
        self.epochs.truncate_from_end(end);
        self.aborted.truncate_to(end);
        if end < self.log_start {
            self.log_start = end;
            self.state_complete_from = end;
        }
        self.flushed = self.flushed.min(end);
        self.recovery_point = self.recovery_point.min(end);
        self.checkpoints.recovery_point = self.checkpoints.recovery_point.min(end);
        rebuild(&self.batches, &mut self.producers, self.log_start, end, wall_ms, &self.settings);
        self.high_watermark = self.high_watermark.min(end);
        // The replay counts every ended transaction as unreplicated again. Kafka leaves it so until the high watermark is
        // next set, microseconds later; here the present one is applied at once.
        self.producers.transactions.replicated_below(self.high_watermark);
    }

    /// Removes everything; the log restarts at `offset`.
    pub fn truncate_fully_and_start_at(&mut self, offset: Offset) {
        self.batches = Batches::new(offset);
        self.epochs.clear();
        self.aborted = AbortedIndex::default();
        self.producers.truncate_fully(offset);
        self.log_start = offset;
        self.high_watermark = offset;
        self.flushed = offset;
        self.recovery_point = offset;
        self.checkpoints.recovery_point = offset;
        self.checkpoints.log_start = offset;
        self.state_complete_from = offset;
    }

    /// DeleteRecords, retention, or a follower that learns its leader's log start: raises the log start to `offset`, at
    /// most to the high watermark. Segments wholly below go; producers stay in memory.
    pub fn advance_log_start(&mut self, offset: Offset) {
        let offset = offset.min(self.high_watermark);
        if offset <= self.log_start {
            return;
        }
        self.log_start = offset;
        self.epochs.truncate_from_start(offset);
        while let Some(base) = self.batches.drop_first_segment_below(offset) {
            self.producers.snapshots.remove(&base);
        }
        self.aborted.drop_below(self.batches.first_base());
        self.producers.on_log_start_moved(offset);
    }

    /// `producer.id.expiration.check.interval.ms` passed: drops producers whose last record is
    /// `producer.id.expiration.ms` old and that have no open transaction, and verification entries of that age.
    pub fn expire_producers(&mut self, wall_ms: i64) {
        self.producers.expire(wall_ms, &self.settings);
    }
}

/// Makes `producers` the state at `end`: from the newest snapshot in (`log_start`, `end`] and the batches behind it, then
/// writes a snapshot there.
pub(super) fn rebuild(
    batches: &Batches,
    producers: &mut ProducerState,
    log_start: Offset,
    end: Offset,
    wall_ms: i64,
    settings: &LogSettings,
) {
    let nothing_known = producers.is_empty() && producers.map_end_offset >= end;
    producers.truncate_and_reload(log_start, end, wall_ms, settings);
    // A replica that knew of no producer replays nothing: Kafka's optimisation for logs without idempotent writers.
    if producers.map_end_offset < end && !nothing_known {
        let snapshot_at = batches.last_two_bases();
        for batch in batches.starting_at(producers.map_end_offset) {
            if batch.base_offset >= end {
                break;
            }
            if snapshot_at.contains(&batch.base_offset) {
                producers.map_end_offset = batch.base_offset;
                producers.take_snapshot();
            }
            producers.apply(batch, &settings.domains);
        }
    }
    producers.map_end_offset = end;
    producers.take_snapshot();
}
