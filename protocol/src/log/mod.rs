//! The log of one partition replica: batches, watermarks, producer state, aborted transactions (§2).

mod aborted_index;
mod append;
mod batches;
mod disk;
mod epoch_cache;
mod producer_entry;
mod producer_state;
mod self_check;
mod snapshot;
mod transactions;
mod truncation;
mod verification;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::aborted_index::AbortedIndex;
pub use self::aborted_index::AbortedIndexEntry;
pub use self::append::EndMarker;
use self::batches::Batches;
use self::disk::Checkpoints;
pub use self::disk::LogOnDisk;
use self::epoch_cache::EpochCache;
use self::producer_state::ProducerState;
use crate::batch::RecordBatch;
use crate::config::{BrokerVariants, Domains};
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
    /// Deliberate bugs.
    pub variants: BrokerVariants,
}

/// Proof that the coordinator was asked (§2.5): must be presented with the append that it allows. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerificationGuard(pub u64);

/// What a log knows of a producer, for white-box checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerView {
    /// Epoch of its last batch or marker.
    pub epoch: ProducerEpoch,
    /// Sequence of its last batch in this epoch, -1 for none.
    pub last_sequence: Sequence,
    /// Whether a transaction of it is open.
    pub open: bool,
}

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

/// The log of one replica.
///
/// Offsets are those of whole batches everywhere: a log end, a high watermark or a last stable offset lies on a batch
/// boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionLog {
    settings: LogSettings,
    batches: Batches,
    epochs: EpochCache,
    aborted: AbortedIndex,
    producers: ProducerState,
    log_start: Offset,
    high_watermark: Offset,
    /// First offset not yet written back.
    flushed: Offset,
    /// First offset that Kafka itself has not flushed: moves when a segment is rolled and at a clean shutdown.
    recovery_point: Offset,
    checkpoints: Checkpoints,
    /// Offset from which on producer state reflects every batch; for the self-check only.
    state_complete_from: Offset,
}

impl PartitionLog {
    /// An empty log that begins at offset 0.
    pub fn new(settings: LogSettings) -> PartitionLog {
        PartitionLog {
            settings,
            batches: Batches::new(0),
            epochs: EpochCache::default(),
            aborted: AbortedIndex::default(),
            producers: ProducerState::default(),
            log_start: 0,
            high_watermark: 0,
            flushed: 0,
            recovery_point: 0,
            checkpoints: Checkpoints::default(),
            state_complete_from: 0,
        }
    }

    // ---- Offsets ---------------------------------------------------------------------------------------------------

    /// First offset that may be read (LSTART).
    pub fn log_start_offset(&self) -> Offset {
        self.log_start
    }

    /// Offset of the next record (LEO).
    pub fn log_end_offset(&self) -> Offset {
        self.batches.end_offset()
    }

    /// Everything below is replicated (HW).
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Everything below is replicated and decided (LSO, §2.8): min(HW, first unstable offset).
    pub fn last_stable_offset(&self) -> Offset {
        self.first_unstable_offset().map_or(self.high_watermark, |first| first.min(self.high_watermark))
    }

    /// First offset of the oldest transaction that is open, or whose marker is not below the high watermark (§2.8).
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        self.producers.transactions.first_unstable().map(|first| first.max(self.log_start))
    }

    /// First offset not yet written back.
    pub fn flushed_offset(&self) -> Offset {
        self.flushed
    }

    /// The latest leader epoch of the epoch cache: that of the last record, or that of this replica's own leadership
    /// while it has written nothing in it. A follower fetches with it as its last fetched epoch (§7.3).
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest()
    }

    /// Raises the high watermark, never beyond the log end; a follower's (`follower`) may also go down (§7.3). Returns
    /// whether the high watermark or the last stable offset moved.
    pub fn set_high_watermark(&mut self, offset: Offset, follower: bool) -> bool {
        let lowest = if follower { self.log_start } else { self.high_watermark };
        let offset = offset.min(self.log_end_offset()).max(lowest);
        let before = (self.high_watermark, self.last_stable_offset());
        self.high_watermark = offset;
        self.producers.transactions.replicated_below(offset);
        before != (offset, self.last_stable_offset())
    }

    // ---- Disk ------------------------------------------------------------------------------------------------------

    /// Write-back reached `offset` (page cache to disk); never moves back.
    pub fn flush(&mut self, offset: Offset) {
        self.flushed = self.flushed.max(offset.min(self.log_end_offset()));
    }

    /// `replica.high.watermark.checkpoint.interval.ms` passed.
    pub fn checkpoint_high_watermark(&mut self) {
        self.checkpoints.high_watermark = self.high_watermark;
    }

    /// `log.flush.offset.checkpoint.interval.ms` passed. The log start, whose interval has the same default, is written
    /// with it.
    pub fn checkpoint_recovery_point(&mut self) {
        self.checkpoints.recovery_point = self.recovery_point;
        self.checkpoints.log_start = self.log_start;
    }

    // ---- Leader epochs ---------------------------------------------------------------------------------------------

    /// This replica becomes leader: (epoch -> LEO) enters the epoch cache (§7.2).
    pub fn begin_leader_epoch(&mut self, epoch: LeaderEpoch) {
        self.epochs.assign(epoch, self.log_end_offset());
    }

    /// Where `epoch`, or the largest known one below it, ends (§7.4).
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> EpochEndOffset {
        self.epochs.end_offset(epoch, self.log_end_offset())
    }

    // ---- Reading ---------------------------------------------------------------------------------------------------

    /// Batches from the one that contains `from` up to (excluding) `upper`; at least one if any lies below `upper`, then
    /// as many as fit `max_bytes`.
    pub fn read(&self, from: Offset, upper: Offset, max_bytes: u32) -> LogRead {
        self.batches.read(from, upper, max_bytes)
    }

    /// Bytes of whole batches between two offsets; counting stops once `limit` is reached.
    pub fn bytes_between(&self, from: Offset, upper: Offset, limit: u64) -> u64 {
        self.batches.bytes_between(from, upper, limit)
    }

    /// The aborted transactions that a read_committed reader must know of who starts at `from` and was given batches
    /// that end at or before `upper`, in marker order (§2.9).
    pub fn aborted_transactions(&self, from: Offset, upper: Offset) -> Vec<AbortedTransaction> {
        self.aborted.collect(from, upper)
    }

    /// First offset whose record timestamp is at or after `timestamp_ms`, with its leader epoch. Searches the log.
    pub fn offset_for_timestamp(&self, timestamp_ms: i64) -> Option<(Offset, LeaderEpoch)> {
        let batch = self.batches().find(|batch| batch.max_timestamp_ms >= timestamp_ms)?;
        let index = batch.records().iter().position(|record| record.timestamp_ms >= timestamp_ms).unwrap_or(0);
        Some((batch.base_offset + index as i64, batch.leader_epoch))
    }

    /// The last batch.
    pub fn last_batch(&self) -> Option<&Arc<RecordBatch>> {
        self.batches.last()
    }

    /// Batches from the one that contains `offset` on.
    pub fn batches_from(&self, offset: Offset) -> impl Iterator<Item = &Arc<RecordBatch>> {
        self.batches.starting_at(offset)
    }

    /// All batches from the log start on, in offset order.
    pub fn batches(&self) -> impl Iterator<Item = &Arc<RecordBatch>> {
        self.batches.starting_at(self.log_start)
    }

    /// How many batches [`Self::batches`] gives.
    pub fn batch_count(&self) -> usize {
        self.batches.count_from(self.log_start)
    }

    /// Whether there is no batch to read.
    pub fn is_empty(&self) -> bool {
        self.log_start >= self.log_end_offset()
    }

    /// Size of all segments in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.batches.bytes()
    }

    // ---- Tooling ---------------------------------------------------------------------------------------------------

    /// Open transactions: producer and first offset, oldest first.
    pub fn open_transactions(&self) -> impl Iterator<Item = (ProducerId, Offset)> {
        self.producers.transactions.ongoing()
    }

    /// The index of aborted transactions, in marker order (L8).
    pub fn aborted_index(&self) -> impl Iterator<Item = &AbortedIndexEntry> {
        self.aborted.iter()
    }

    /// What is known of a producer (white-box checks).
    pub fn producer(&self, id: ProducerId) -> Option<ProducerView> {
        self.producers.entries.get(&id).map(|entry| ProducerView {
            epoch: entry.epoch,
            last_sequence: entry.last_sequence(),
            open: entry.current_txn_first_offset.is_some(),
        })
    }

    /// DescribeProducers (§2.11), by producer id.
    pub fn active_producers(&self) -> Vec<ActiveProducer> {
        let describe = |(id, entry): (&ProducerId, &producer_entry::ProducerEntry)| ActiveProducer {
            producer: ProducerIdAndEpoch::new(*id, entry.epoch),
            last_sequence: entry.last_sequence(),
            last_timestamp_ms: entry.last_timestamp_ms,
            coordinator_epoch: entry.coordinator_epoch,
            current_txn_start_offset: entry.current_txn_first_offset.unwrap_or(-1),
        };
        self.producers.entries.iter().map(describe).collect()
    }
}
