//! The log of one partition replica: batches, watermarks, producer state, aborted transactions (§2).

use std::sync::Arc;

use crate::batch::{RecordBatch, TransactionResult};
use crate::config::Domains;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::message::{AbortedTransaction, ActiveProducer, EpochEndOffset, ProducerIdAndEpoch};

/// What a log needs to know of its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// `log.segment.bytes` (or the topic's `segment.bytes`).
    pub segment_bytes: u32,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration_ms: i32,
    /// Sizes of the numeric domains.
    pub domains: Domains,
}

/// Proof that the coordinator was asked (§2.5): must be presented with the append that it allows. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerificationGuard(pub u64);

/// Who appends; decides how strict the log is (§2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A producer.
    Client,
    /// A coordinator's records.
    Coordinator,
}

/// Outcome of a leader's append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderAppend {
    /// Offset of the first record: of the original if it was a duplicate.
    pub base_offset: Offset,
    /// Offset of the last record.
    pub last_offset: Offset,
    /// Nothing was appended: the batch is one of the remembered ones.
    pub duplicate: bool,
}

/// What a verification request needs (§2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// A transaction is open at that epoch: append without a guard.
    NotNeeded,
    /// Ask the coordinator, then append with this guard.
    Needed(VerificationGuard),
}

/// How a replica's process ended, as far as its disk can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Controlled shutdown: everything flushed, a producer snapshot at the log end.
    Clean,
    /// The process died: the page cache survives.
    Crash,
    /// The machine lost power: of what was not flushed only the part below `keep_until` survives (cut at a batch boundary).
    PowerLoss {
        /// First offset that is lost; raised to the flushed offset if below it.
        keep_until: Offset,
    },
}

/// A read of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRead {
    /// Whole batches; the first may begin before the offset asked for.
    pub batches: Vec<Arc<RecordBatch>>,
    /// Their size in bytes.
    pub bytes: u64,
}

/// The log of one replica. (Contract for those who call it; the fields are private.)
#[derive(Clone, Debug)]
pub struct PartitionLog;

/// What remains of a log on disk when its process is gone.
#[derive(Clone, Debug)]
pub struct LogOnDisk;

#[expect(unused_variables, missing_docs, reason = "contract")]
impl PartitionLog {
    pub fn new(settings: LogSettings) -> PartitionLog {
        todo!()
    }
    /// Loads a log as Kafka does at start (§2.4 restart rows): after `Ending::Clean` the newest snapshot is at the end;
    /// otherwise re-scan from the recovery point. High watermark = checkpointed one.
    pub fn open(disk: LogOnDisk, settings: LogSettings, wall_ms: i64) -> PartitionLog {
        todo!()
    }
    /// Ends the process.
    pub fn close(self, ending: Ending) -> LogOnDisk {
        todo!()
    }

    pub fn log_start_offset(&self) -> Offset {
        todo!()
    }
    pub fn log_end_offset(&self) -> Offset {
        todo!()
    }
    pub fn high_watermark(&self) -> Offset {
        todo!()
    }
    pub fn last_stable_offset(&self) -> Offset {
        todo!()
    }
    /// First offset not yet written back.
    pub fn flushed_offset(&self) -> Offset {
        todo!()
    }
    /// Epoch of the last record, if any.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        todo!()
    }

    /// Write-back reached `offset` (page cache to disk); never moves back.
    pub fn flush(&mut self, offset: Offset) {
        todo!()
    }
    /// `replica.high.watermark.checkpoint.interval.ms` passed.
    pub fn checkpoint_high_watermark(&mut self) {
        todo!()
    }
    /// `log.flush.offset.checkpoint.interval.ms` passed.
    pub fn checkpoint_recovery_point(&mut self) {
        todo!()
    }

    /// This replica becomes leader: (epoch -> LEO) enters the epoch cache (§7.2).
    pub fn begin_leader_epoch(&mut self, epoch: LeaderEpoch) {
        todo!()
    }
    /// §2.3 steps 2 to 7. `guard` is what the verification gave; `verification` whether a guard is demanded at all
    /// (`transactional id given and (enabled or TV2)`); `None` as guard when the txn was already open.
    pub fn append_as_leader(
        &mut self,
        batch: &Arc<RecordBatch>,
        epoch: LeaderEpoch,
        origin: AppendOrigin,
        guard: Option<VerificationGuard>,
        verification: bool,
        wall_ms: i64,
    ) -> Result<LeaderAppend, ErrorCode> {
        todo!()
    }
    /// §2.7.
    pub fn append_marker(
        &mut self,
        producer: ProducerIdAndEpoch,
        result: TransactionResult,
        coordinator_epoch: CoordinatorEpoch,
        transaction_version: u8,
        epoch: LeaderEpoch,
        wall_ms: i64,
    ) -> Result<LeaderAppend, ErrorCode> {
        todo!()
    }
    /// Appends what the leader sent; offsets are the leader's and must continue this log.
    pub fn append_as_follower(&mut self, batch: &Arc<RecordBatch>) {
        todo!()
    }
    /// Removes the last batch appended by append_as_leader/append_marker if it is still the log end (rolled-back group write). Optional.

    /// §2.5: create or reuse the verification entry. 47 if the stored epoch is higher.
    pub fn start_verification(
        &mut self,
        producer: ProducerIdAndEpoch,
        sequence: Sequence,
        tv2: bool,
        wall_ms: i64,
    ) -> Result<Verification, ErrorCode> {
        todo!()
    }

    /// Raises the high watermark (never lowers it unless `follower`, and never beyond LEO). Returns whether HW or LSO moved.
    pub fn set_high_watermark(&mut self, offset: Offset, follower: bool) -> bool {
        todo!()
    }

    /// Batches from the one that contains `from` up to (excluding) `upper`; at least one batch if any is below `upper`, then as many as fit `max_bytes`.
    pub fn read(&self, from: Offset, upper: Offset, max_bytes: u32) -> LogRead {
        todo!()
    }
    /// Bytes between two offsets (whole batches), for min_bytes; may stop counting at `limit`.
    pub fn bytes_between(&self, from: Offset, upper: Offset, limit: u64) -> u64 {
        todo!()
    }
    /// §2.9 for a read that starts at `from` and returned batches ending before `upper`.
    pub fn aborted_transactions(&self, from: Offset, upper: Offset) -> Vec<AbortedTransaction> {
        todo!()
    }
    /// First offset whose record timestamp is >= `timestamp_ms`, with its epoch.
    pub fn offset_for_timestamp(&self, timestamp_ms: i64) -> Option<(Offset, LeaderEpoch)> {
        todo!()
    }
    /// §7.4 (`epoch` latest or older).
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> EpochEndOffset {
        todo!()
    }

    /// §2.4 follower truncation.
    pub fn truncate_to(&mut self, offset: Offset, wall_ms: i64) {
        todo!()
    }
    pub fn truncate_fully_and_start_at(&mut self, offset: Offset) {
        todo!()
    }
    /// DeleteRecords / retention.
    pub fn advance_log_start(&mut self, offset: Offset) {
        todo!()
    }
    /// `producer.id.expiration.check.interval.ms` passed.
    pub fn expire_producers(&mut self, wall_ms: i64) {
        todo!()
    }

    /// All batches (final read, tests, white-box checks).
    pub fn batches(&self) -> impl Iterator<Item = &Arc<RecordBatch>> {
        core::iter::empty()
    }
    /// §2.11.
    pub fn active_producers(&self) -> Vec<ActiveProducer> {
        todo!()
    }
    /// L10: rebuilds producer state from scratch and compares with the live one; a text names the first difference.
    pub fn replay_difference(&self) -> Option<String> {
        todo!()
    }
}
