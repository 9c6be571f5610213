//! The ways into a log: a leader's batches and markers, and what a follower is sent (§2.3, §2.7, §7.3).

use std::sync::Arc;

use super::{AppendOrigin, LeaderAppend, PartitionLog, Verification, VerificationGuard};
use crate::batch::{RecordBatch, TransactionResult};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::message::ProducerIdAndEpoch;

/// An end-of-transaction marker that a transaction coordinator ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndMarker {
    /// Producer id and epoch of the marker.
    pub producer: ProducerIdAndEpoch,
    /// Commit or abort.
    pub result: TransactionResult,
    /// Epoch of the transaction coordinator that ordered it.
    pub coordinator_epoch: CoordinatorEpoch,
    /// 0 or 2.
    pub transaction_version: u8,
}

impl PartitionLog {
    /// Appends a batch as leader of `epoch`: §2.3 steps 2 to 7, in that order. Offset and leader epoch are stamped on a
    /// copy, which followers then share.
    ///
    /// `guard` is what [`Self::start_verification`] gave, `None` if a transaction was open already; `verification` says
    /// whether a guard is demanded at all (a transactional id is given, and verification is enabled or the client speaks
    /// transaction version 2).
    ///
    /// # Errors
    /// 45, 47, 48 of §2.3; 18 if the batch is larger than a segment; 87 for a control batch. Nothing changes then.
    pub fn append_as_leader(
        &mut self,
        batch: &Arc<RecordBatch>,
        epoch: LeaderEpoch,
        origin: AppendOrigin,
        guard: Option<VerificationGuard>,
        verification: bool,
    ) -> Result<LeaderAppend, ErrorCode> {
        if batch.size > self.settings.segment_bytes {
            return Err(ErrorCode::RecordListTooLarge);
        }
        if batch.is_control() {
            return Err(ErrorCode::InvalidRecord);
        }
        if let Some(original) = self.producers.check_data(batch, origin, guard, verification, &self.settings)? {
            return Ok(LeaderAppend {
                base_offset: original.first_offset(),
                last_offset: original.last_offset,
                duplicate: true,
            });
        }
        let base_offset = self.log_end_offset();
        Ok(self.append(Arc::new(RecordBatch { base_offset, leader_epoch: epoch, ..RecordBatch::clone(batch) })))
    }

    /// Appends an end-of-transaction marker as leader of `epoch` (§2.7). It is written even where it ends nothing.
    ///
    /// # Errors
    /// 47 for a marker of a past epoch, 52 for one of a past coordinator, -1 for one without an epoch, which Kafka cannot
    /// build. Nothing changes then.
    pub fn append_marker(
        &mut self,
        marker: &EndMarker,
        epoch: LeaderEpoch,
        wall_ms: i64,
    ) -> Result<LeaderAppend, ErrorCode> {
        let EndMarker { producer, result, coordinator_epoch, transaction_version } = *marker;
        if producer.epoch < 0 {
            return Err(ErrorCode::UnknownServerError);
        }
        self.producers.check_marker(producer, coordinator_epoch, transaction_version, &self.settings)?;
        let marker = RecordBatch::marker(producer.id, producer.epoch, result, coordinator_epoch, wall_ms);
        let base_offset = self.log_end_offset();
        Ok(self.append(Arc::new(RecordBatch { base_offset, leader_epoch: epoch, ..marker })))
    }

    /// Appends what the leader sent: no checks, the state is overwritten (§2.2, REPLICATION). The batch must not begin
    /// below the log end.
    pub fn append_as_follower(&mut self, batch: &Arc<RecordBatch>) {
        assert!(batch.base_offset >= self.log_end_offset(), "a follower's batch continues its log");
        self.append(Arc::clone(batch));
    }

    fn append(&mut self, batch: Arc<RecordBatch>) -> LeaderAppend {
        if self.batches.must_roll(batch.size, self.settings.segment_bytes) {
            self.roll();
        }
        self.epochs.assign(batch.leader_epoch, batch.base_offset);
        if let Some(aborted) = self.producers.apply(&batch, &self.settings.domains) {
            self.aborted.push(aborted);
        }
        let (base_offset, last_offset) = (batch.base_offset, batch.last_offset());
        self.batches.push(batch);
        LeaderAppend { base_offset, last_offset, duplicate: false }
    }

    /// Begins a segment: a snapshot is taken, and what lies before is flushed (asynchronously in Kafka, here at once).
    fn roll(&mut self) {
        self.producers.take_snapshot();
        self.batches.roll();
        self.recovery_point = self.log_end_offset();
        self.flush(self.recovery_point);
    }

    /// Begins a verification (§2.5): creates the producer's entry or reuses it.
    ///
    /// # Errors
    /// 47 if the log knows a higher epoch of the producer.
    pub fn start_verification(
        &mut self,
        producer: ProducerIdAndEpoch,
        sequence: Sequence,
        tv2: bool,
        wall_ms: i64,
    ) -> Result<Verification, ErrorCode> {
        if self.producers.is_stale(producer, &self.settings)? || self.producers.has_ongoing(producer) {
            return Ok(Verification::NotNeeded);
        }
        Ok(Verification::Needed(self.producers.verifications.start(producer, sequence, tv2, wall_ms)))
    }
}
