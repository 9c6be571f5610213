//! The group coordinator: a state machine over the log of `__consumer_offsets` (§4).

use crate::batch::{RecordBatch, TransactionResult};
use crate::config::{BrokerConfig, Domains};
use crate::coordinator::*;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::*;
use crate::log::VerificationGuard;
use crate::message::*;
use crate::time::*;
use std::sync::Arc;

/// Contract for the broker; the fields are private.
#[derive(Clone, Debug)]
pub struct GroupCoordinator;

/// A marker that the group coordinator finished (or could not write).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkerDone {
    /// What the broker passed to [`GroupCoordinator::write_marker`].
    pub token: u64,
    /// `None` for success.
    pub error: Option<ErrorCode>,
}

#[expect(unused_variables, missing_docs, clippy::too_many_arguments, reason = "contract")]
impl GroupCoordinator {
    pub fn new(broker: NodeId, config: Arc<BrokerConfig>, domains: Domains) -> Self {
        todo!()
    }
    pub fn elected(&mut self, ctx: Context<'_>, partition: u32, epoch: CoordinatorEpoch, out: &mut CoordinatorOutputs) {
        todo!()
    }
    /// `log` to LEO; `high_watermark` at the time of loading.
    pub fn loaded<'b>(
        &mut self,
        ctx: Context<'_>,
        partition: u32,
        epoch: CoordinatorEpoch,
        log: impl Iterator<Item = &'b RecordBatch>,
        out: &mut CoordinatorOutputs,
    ) {
        todo!()
    }
    pub fn resigned(&mut self, ctx: Context<'_>, partition: u32, out: &mut CoordinatorOutputs) {
        todo!()
    }
    /// JoinGroup, SyncGroup, Heartbeat, LeaveGroup, OffsetCommit, OffsetFetch.
    pub fn request(&mut self, ctx: Context<'_>, conn: ConnId, request: Request, out: &mut CoordinatorOutputs) {
        todo!()
    }
    /// TxnOffsetCommit after the broker's add/verify succeeded; `guard` as the log gave it (None: txn already open there).
    pub fn txn_offset_commit(
        &mut self,
        ctx: Context<'_>,
        conn: ConnId,
        request: TxnOffsetCommitRequest,
        guard: Option<VerificationGuard>,
        out: &mut CoordinatorOutputs,
    ) {
        todo!()
    }
    /// A marker of WriteTxnMarkers for partition `partition` of `__consumer_offsets`; the outcome comes back through `done`.
    pub fn write_marker(
        &mut self,
        ctx: Context<'_>,
        token: u64,
        partition: u32,
        producer: ProducerIdAndEpoch,
        result: TransactionResult,
        coordinator_epoch: CoordinatorEpoch,
        transaction_version: u8,
        out: &mut CoordinatorOutputs,
        done: &mut Vec<MarkerDone>,
    ) {
        todo!()
    }
    pub fn written(
        &mut self,
        ctx: Context<'_>,
        ticket: Ticket,
        outcome: Written,
        out: &mut CoordinatorOutputs,
        done: &mut Vec<MarkerDone>,
    ) {
        todo!()
    }
    pub fn committed(
        &mut self,
        ctx: Context<'_>,
        ticket: Ticket,
        outcome: Committed,
        out: &mut CoordinatorOutputs,
        done: &mut Vec<MarkerDone>,
    ) {
        todo!()
    }
    pub fn next_deadline(&self) -> Instant {
        todo!()
    }
    pub fn wake(&mut self, ctx: Context<'_>, out: &mut CoordinatorOutputs) {
        todo!()
    }
    /// Committed offsets of all groups led here (white-box checks), in (group, partition) order.
    pub fn committed_offsets(&self) -> Vec<(Name, TopicPartition, CommittedOffset)> {
        todo!()
    }
}
