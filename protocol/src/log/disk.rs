//! What outlives the process of a broker, and how a log is loaded from it (§2.4 restart rows, §7.7).

use super::aborted_index::AbortedIndex;
use super::batches::Batches;
use super::epoch_cache::EpochCache;
use super::producer_state::ProducerState;
use super::snapshot::Snapshots;
use super::truncation::rebuild;
use super::{Ending, LogSettings, PartitionLog};
use crate::ids::*;

/// The checkpoint files, as far as they speak of this log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoints {
    /// `recovery-point-offset-checkpoint`: below it everything was flushed.
    pub recovery_point: Offset,
    /// `replication-offset-checkpoint`.
    pub high_watermark: Offset,
    /// `log-start-offset-checkpoint`.
    pub log_start: Offset,
}

/// What remains of a log on disk (and in the page cache) when its process is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOnDisk {
    batches: Batches,
    epochs: EpochCache,
    aborted: AbortedIndex,
    snapshots: Snapshots,
    checkpoints: Checkpoints,
    flushed: Offset,
    clean: bool,
    /// For the self-check of the log only.
    state_complete_from: Offset,
    expired_at_ms: Option<i64>,
}

impl LogOnDisk {
    /// The offset after the last record that is there.
    pub fn log_end_offset(&self) -> Offset {
        self.batches.end_offset()
    }

    /// First offset that a loss of power may take.
    pub fn flushed_offset(&self) -> Offset {
        self.flushed
    }

    /// The operating system wrote back everything below `offset`.
    pub fn flush(&mut self, offset: Offset) {
        self.flushed = self.flushed.max(offset.min(self.log_end_offset()));
    }

    /// Power is lost while no process runs: of what was not flushed only the part below `keep_until` survives. Snapshots
    /// and checkpoints above what survives are gone, too.
    pub fn lose_power(&mut self, keep_until: Offset) {
        let end = self.batches.truncate_to(keep_until.max(self.flushed));
        self.flushed = end;
        self.epochs.truncate_from_end(end);
        self.aborted.truncate_to(end);
        self.snapshots.retain(|offset, _| *offset <= end);
        self.checkpoints.recovery_point = self.checkpoints.recovery_point.min(end);
        self.checkpoints.high_watermark = self.checkpoints.high_watermark.min(end);
    }
}

impl PartitionLog {
    /// Ends the process. A controlled shutdown flushes, writes the checkpoints and a snapshot at the log end.
    pub fn close(mut self, ending: Ending) -> LogOnDisk {
        let clean = ending == Ending::Clean;
        if clean {
            self.recovery_point = self.log_end_offset();
            self.flush(self.recovery_point);
            self.producers.take_snapshot();
            self.checkpoint_high_watermark();
            self.checkpoint_recovery_point();
        }
        let mut disk = LogOnDisk {
            batches: self.batches,
            epochs: self.epochs,
            aborted: self.aborted,
            snapshots: self.producers.snapshots,
            checkpoints: self.checkpoints,
            flushed: self.flushed,
            clean,
            state_complete_from: self.state_complete_from,
            expired_at_ms: self.producers.expired_at_ms,
        };
        if let Ending::PowerLoss { keep_until } = ending {
            disk.lose_power(keep_until);
        }
        disk
    }

    /// Loads a log as Kafka does at start. After a clean shutdown producer state comes from the snapshot at the log end;
    /// otherwise the segments from the recovery point on are scanned again. The high watermark is the checkpointed one.
    pub fn open(disk: LogOnDisk, settings: LogSettings, wall_ms: i64) -> PartitionLog {
        let LogOnDisk { batches, epochs, aborted, snapshots, checkpoints, flushed, clean, .. } = disk;
        let mut log = PartitionLog {
            settings,
            batches,
            epochs,
            aborted,
            producers: ProducerState::with_snapshots(snapshots, disk.expired_at_ms),
            log_start: checkpoints.log_start,
            high_watermark: checkpoints.high_watermark,
            flushed,
            recovery_point: checkpoints.recovery_point,
            checkpoints,
            state_complete_from: disk.state_complete_from,
        };
        if !clean {
            log.recover(wall_ms);
        }
        if log.log_end_offset() < checkpoints.log_start {
            // What was left lies below the log start: Kafka deletes it and begins there.
            log.truncate_fully_and_start_at(checkpoints.log_start);
        }
        let end = log.log_end_offset();
        log.log_start = log.log_start.max(log.batches.first_base());
        log.epochs.truncate_from_end(end);
        log.epochs.truncate_from_start(log.log_start);
        let (batches, active_base) = (&log.batches, log.batches.active_base());
        log.producers.remove_stray_snapshots(|offset| batches.is_segment_base(offset), active_base);
        if clean && log.producers.snapshots.is_empty() {
            // Kafka takes this for a log without producers (an upgrade from before snapshots) and skips the scan.
            log.producers.map_end_offset = end;
            log.producers.take_snapshot();
        } else {
            rebuild(&log.batches, &mut log.producers, log.log_start, end, wall_ms, &log.settings);
        }
        log.recovery_point = if clean { end } else { log.recovery_point.min(end) };
        log.high_watermark = log.high_watermark.clamp(log.log_start, end);
        log.producers.transactions.replicated_below(log.high_watermark);
        log
    }

    /// Scans the segments from the recovery point on, after an unclean end: rebuilds their part of the aborted index and
    /// of the epoch cache. As in Kafka each segment starts from the newest snapshot at or below its base, deletes the
    /// later ones, and ends with a snapshot, so that the final load finds one at the log end: an unclean restart, too,
    /// remembers only the last batch of each producer.
    fn recover(&mut self, wall_ms: i64) {
        let (batches, settings) = (&self.batches, &self.settings);
        let mut segments = batches.segments_from(self.checkpoints.recovery_point).peekable();
        if let Some((base, _)) = segments.peek() {
            self.aborted.truncate_to(*base);
        }
        for (base, end) in segments {
            let snapshots = core::mem::take(&mut self.producers.snapshots);
            let mut producers = ProducerState::with_snapshots(snapshots, self.producers.expired_at_ms);
            rebuild(batches, &mut producers, self.checkpoints.log_start, base, wall_ms, settings);
            for batch in batches.starting_at(base).take_while(|batch| batch.base_offset < end) {
                if self.epochs.latest().is_none_or(|latest| latest < batch.leader_epoch) {
                    self.epochs.assign(batch.leader_epoch, batch.base_offset);
                }
                if let Some(aborted) = producers.apply(batch, &settings.domains) {
                    self.aborted.push(aborted);
                }
            }
            producers.take_snapshot();
            self.producers = ProducerState::with_snapshots(producers.snapshots, producers.expired_at_ms);
        }
    }
}
