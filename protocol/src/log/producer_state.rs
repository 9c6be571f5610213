//! What a replica knows of each producer that wrote to its log (§2.2 to §2.4, §2.7).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::producer_entry::{BatchDescriptor, ProducerEntry};
use super::snapshot::{SnapshotEntry, Snapshots};
use super::transactions::Transactions;
use super::verification::Verifications;
use super::{AbortedIndexEntry, AppendOrigin, LogSettings, VerificationGuard};
use crate::batch::{Payload, RecordBatch, TransactionResult};
use crate::config::{BrokerVariant, Domains};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::message::ProducerIdAndEpoch;

/// Producer state of one replica's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ProducerState {
    /// By producer id.
    pub entries: BTreeMap<ProducerId, ProducerEntry>,
    /// What holds back the last stable offset.
    pub transactions: Transactions,
    /// What is being verified.
    pub verifications: Verifications,
    /// The offset up to which batches were applied.
    pub map_end_offset: Offset,
    /// The snapshot files.
    pub snapshots: Snapshots,
    /// Latest wall clock at which a producer was dropped for its age; for the self-check only.
    pub expired_at_ms: Option<i64>,
    last_snapshot_offset: Offset,
}

impl ProducerState {
    /// Knows nothing yet, but has the snapshots that a disk holds.
    pub fn with_snapshots(snapshots: Snapshots, expired_at_ms: Option<i64>) -> ProducerState {
        ProducerState { snapshots, expired_at_ms, ..ProducerState::default() }
    }

    /// Whether a transaction of exactly this producer and epoch is open.
    pub fn has_ongoing(&self, producer: ProducerIdAndEpoch) -> bool {
        self.entries
            .get(&producer.id)
            .is_some_and(|entry| entry.epoch == producer.epoch && entry.current_txn_first_offset.is_some())
    }

    /// Whether the epoch is a past one and is let through all the same, which only a variant does.
    ///
    /// # Errors
    /// 47 for a past epoch.
    pub fn is_stale(&self, producer: ProducerIdAndEpoch, settings: &LogSettings) -> Result<bool, ErrorCode> {
        let past = self.entries.get(&producer.id).is_some_and(|entry| entry.epoch > producer.epoch);
        if past && !settings.variants.has(BrokerVariant::NoEpochCheck) {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        Ok(past)
    }

    /// §2.3 steps 2 to 6 without effect. `Ok(Some(_))` names the batch in the log of which this one is a retry.
    ///
    /// # Errors
    /// 45, 47 or 48.
    pub fn check_data(
        &self,
        batch: &RecordBatch,
        origin: AppendOrigin,
        guard: Option<VerificationGuard>,
        verification: bool,
        settings: &LogSettings,
    ) -> Result<Option<BatchDescriptor>, ErrorCode> {
        let domains = &settings.domains;
        if batch.producer_id == NO_PRODUCER_ID {
            return Ok(None);
        }
        let entry = self.entries.get(&batch.producer_id);
        if origin == AppendOrigin::Client
            && let Some(original) = entry.and_then(|entry| entry.find_duplicate(batch, domains))
        {
            return Ok(Some(original));
        }
        // Steps 3 and 4 give the same answer: no transaction is open at a lower epoch than the stored one.
        if self.is_stale(ProducerIdAndEpoch::new(batch.producer_id, batch.producer_epoch), settings)? {
            return Ok(None);
        }
        let stored_epoch = entry.map_or(NO_PRODUCER_EPOCH, |entry| entry.epoch);
        let open = entry.is_some_and(|entry| entry.current_txn_first_offset.is_some());
        let open_here = open && stored_epoch == batch.producer_epoch;
        if batch.transactional && !open_here && verification {
            let verified = if settings.variants.has(BrokerVariant::VerifyAppendGap) {
                guard.is_some()
            } else {
                self.verifications.verifies(batch.producer_id, guard)
            };
            if !verified {
                return Err(ErrorCode::InvalidTxnState);
            }
        }
        if origin == AppendOrigin::Client {
            self.check_sequence(entry, batch, domains)?;
        }
        if open && !batch.transactional {
            return Err(ErrorCode::InvalidTxnState);
        }
        Ok(None)
    }

    /// §2.3 step 5, rows a to g.
    fn check_sequence(
        &self,
        entry: Option<&ProducerEntry>,
        batch: &RecordBatch,
        domains: &Domains,
    ) -> Result<(), ErrorCode> {
        let sequence = batch.base_sequence;
        let last = entry.and_then(|entry| entry.batches.back());
        if let Some(verification) = self.verifications.get(batch.producer_id) {
            let a = verification.tv2 && sequence != 0 && last.is_none();
            let b = sequence > verification.lowest_sequence;
            if a || b {
                return Err(ErrorCode::OutOfOrderSequenceNumber);
            }
        }
        let stored_epoch = entry.map_or(NO_PRODUCER_EPOCH, |entry| entry.epoch);
        let accepted = if stored_epoch == NO_PRODUCER_EPOCH {
            true // d, also for a batch without an epoch
        } else if batch.producer_epoch != stored_epoch {
            sequence == 0 // c, else e
        } else {
            match last {
                Some(last) => sequence == domains.add(last.last_sequence, 1), // f
                None => sequence == 0,                                        // g
            }
        };
        if accepted { Ok(()) } else { Err(ErrorCode::OutOfOrderSequenceNumber) }
    }

    /// §2.7 checks.
    ///
    /// # Errors
    /// 47 or 52.
    pub fn check_marker(
        &self,
        producer: ProducerIdAndEpoch,
        coordinator_epoch: CoordinatorEpoch,
        transaction_version: u8,
        settings: &LogSettings,
    ) -> Result<(), ErrorCode> {
        let Some(entry) = self.entries.get(&producer.id) else { return Ok(()) };
        // With version 2 an equal epoch is a repetition of a marker that was written: accepted if nothing is open, or
        // at the largest epoch, where the coordinator could not bump.
        let none_open =
            entry.current_txn_first_offset.is_none() && !settings.variants.has(BrokerVariant::MarkerRetryLivelock);
        let repeated = none_open || producer.epoch == settings.domains.max_epoch;
        let strict = transaction_version >= 2 && !repeated;
        if producer.epoch < entry.epoch || (strict && producer.epoch == entry.epoch) {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        if entry.coordinator_epoch > coordinator_epoch {
            return Err(ErrorCode::TransactionCoordinatorFenced);
        }
        Ok(())
    }

    /// Applies a batch that is being appended or replayed; the checks, if any, were made. Returns the index entry that
    /// an ABORT marker of a non-empty transaction makes.
    pub fn apply(&mut self, batch: &RecordBatch, domains: &Domains) -> Option<AbortedIndexEntry> {
        self.map_end_offset = batch.next_offset();
        if batch.producer_id == NO_PRODUCER_ID {
            return None;
        }
        match batch.payload {
            Payload::Marker { result, coordinator_epoch } => self.apply_marker(batch, result, coordinator_epoch),
            // A control batch that compaction emptied.
            Payload::Empty if batch.base_sequence == NO_SEQUENCE => None,
            _ => {
                self.apply_data(batch, domains);
                None
            }
        }
    }

    fn apply_data(&mut self, batch: &RecordBatch, domains: &Domains) {
        let entry = self.entries.entry(batch.producer_id).or_insert_with(ProducerEntry::unknown);
        entry.set_epoch(batch.producer_epoch);
        if entry.batches.len() >= domains.batch_window as usize {
            entry.batches.pop_front();
        }
        entry.batches.push_back(BatchDescriptor {
            last_sequence: domains.add(batch.base_sequence, batch.last_offset_delta),
            last_offset: batch.last_offset(),
            offset_delta: batch.last_offset_delta,
        });
        entry.last_timestamp_ms = batch.max_timestamp_ms;
        if batch.transactional {
            if entry.current_txn_first_offset.is_none() {
                entry.current_txn_first_offset = Some(batch.base_offset);
                self.transactions.open(batch.base_offset, batch.producer_id);
            }
            self.verifications.on_data(batch.producer_id);
        }
    }

    fn apply_marker(
        &mut self,
        batch: &RecordBatch,
        result: TransactionResult,
        coordinator_epoch: CoordinatorEpoch,
    ) -> Option<AbortedIndexEntry> {
        let producer_id = batch.producer_id;
        let marker_offset = batch.last_offset();
        let entry = self.entries.entry(producer_id).or_insert_with(ProducerEntry::unknown);
        entry.set_epoch(batch.producer_epoch);
        entry.coordinator_epoch = coordinator_epoch;
        entry.last_timestamp_ms = batch.max_timestamp_ms;
        self.verifications.on_marker(producer_id, batch.producer_epoch);
        let first_offset = entry.current_txn_first_offset.take()?;
        let last_stable_offset = self.transactions.first_of_others(producer_id).unwrap_or(marker_offset + 1);
        self.transactions.end(first_offset, marker_offset);
        let entry = AbortedIndexEntry { producer_id, first_offset, marker_offset, last_stable_offset };
        (result == TransactionResult::Abort).then_some(entry)
    }

    /// Drops producers and verification entries that were idle too long (§2.4).
    pub fn expire(&mut self, wall_ms: i64, settings: &LogSettings) {
        let limit = i64::from(settings.producer_id_expiration_ms);
        let before = self.entries.len();
        self.entries.retain(|_, entry| !entry.is_expired(wall_ms, limit));
        if self.entries.len() < before {
            self.expired_at_ms = self.expired_at_ms.max(Some(wall_ms));
        }
        self.verifications.expire(wall_ms, limit);
    }

    // ---- Snapshots -------------------------------------------------------------------------------------------------

    /// Writes a snapshot at the current end, unless nothing was applied since the last.
    pub fn take_snapshot(&mut self) {
        if self.map_end_offset > self.last_snapshot_offset {
            let entries: Arc<[SnapshotEntry]> =
                self.entries.iter().map(|(id, entry)| SnapshotEntry::of(*id, entry)).collect();
            self.snapshots.insert(self.map_end_offset, entries);
            self.last_snapshot_offset = self.map_end_offset;
        }
    }

    /// Whether nothing would be lost by clearing (Kafka's `ProducerStateManager.isEmpty`).
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && !self.transactions.has_unreplicated()
    }

    /// Deletes the snapshots outside (`log_start`, `end`]. Then, unless the state already ends at `end`, forgets it and
    /// loads the newest snapshot left, without producers that are expired by now.
    pub fn truncate_and_reload(&mut self, log_start: Offset, end: Offset, wall_ms: i64, settings: &LogSettings) {
        self.snapshots.retain(|offset, _| *offset > log_start && *offset <= end);
        if self.map_end_offset == end {
            self.on_log_start_moved(log_start);
            return;
        }
        self.entries.clear();
        self.transactions.clear();
        let Some((offset, snapshot)) = self.snapshots.last_key_value() else {
            self.last_snapshot_offset = log_start;
            self.map_end_offset = log_start;
            return;
        };
        let limit = i64::from(settings.producer_id_expiration_ms);
        for (producer_id, entry) in snapshot.iter().map(SnapshotEntry::load) {
            if entry.is_expired(wall_ms, limit) {
                self.expired_at_ms = self.expired_at_ms.max(Some(wall_ms));
                continue;
            }
            if let Some(first_offset) = entry.current_txn_first_offset {
                self.transactions.open(first_offset, producer_id);
            }
            self.entries.insert(producer_id, entry);
        }
        self.last_snapshot_offset = *offset;
        self.map_end_offset = *offset;
    }

    /// The log now begins at `log_start`. Producers stay (§2.4).
    pub fn on_log_start_moved(&mut self, log_start: Offset) {
        self.transactions.replicated_below(log_start);
        self.map_end_offset = self.map_end_offset.max(log_start);
        self.last_snapshot_offset = self.snapshots.last_key_value().map_or(log_start, |(offset, _)| *offset);
    }

    /// Forgets everything, on disk too; the log restarts at `offset`.
    pub fn truncate_fully(&mut self, offset: Offset) {
        self.entries.clear();
        self.transactions.clear();
        self.verifications.clear();
        self.snapshots.clear();
        self.last_snapshot_offset = offset;
        self.map_end_offset = offset;
    }

    /// Deletes snapshots that belong to no segment; the newest stays if it is beyond the last segment's base (it was
    /// written by a clean shutdown, a truncation or a recovery).
    pub fn remove_stray_snapshots(&mut self, is_segment_base: impl Fn(Offset) -> bool, last_base: Offset) {
        let newest_stray = self.snapshots.keys().rev().copied().find(|offset| !is_segment_base(*offset));
        let keep = newest_stray.filter(|offset| *offset >= last_base);
        self.snapshots.retain(|offset, _| is_segment_base(*offset) || Some(*offset) == keep);
    }
}
