//! The transaction coordinator: a state machine over the log of `__transaction_state` (§3).

use crate::batch::RecordBatch;
use crate::config::{BrokerConfig, Domains};
use crate::coordinator::*;
use crate::ids::*;
use crate::io::*;
use crate::message::*;
use crate::time::*;
use std::sync::Arc;

/// Contract for the broker; the fields are private.
#[derive(Clone, Debug)]
pub struct TransactionCoordinator;

#[expect(unused_variables, missing_docs, reason = "contract")]
impl TransactionCoordinator {
    pub fn new(broker: NodeId, config: Arc<BrokerConfig>, domains: Domains) -> Self {
        todo!()
    }
    /// The broker registered with the controller; AllocateProducerIds carries this epoch.
    pub fn set_broker_epoch(&mut self, epoch: i64) {
        todo!()
    }
    /// This broker leads `partition` of `__transaction_state` from now on at `epoch`: mark it loading (14).
    pub fn elected(&mut self, ctx: Context<'_>, partition: u32, epoch: CoordinatorEpoch, out: &mut CoordinatorOutputs) {
        todo!()
    }
    /// The log has been read (up to LEO, §3.10): install, re-queue markers of Prepare*.
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
    /// Leadership is gone.
    pub fn resigned(&mut self, ctx: Context<'_>, partition: u32, out: &mut CoordinatorOutputs) {
        todo!()
    }
    /// InitProducerId (with or without transactional id), AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, DescribeTransactions.
    /// Answers by `Output::Respond(conn, ..)`, now or later.
    pub fn request(&mut self, ctx: Context<'_>, conn: ConnId, request: Request, out: &mut CoordinatorOutputs) {
        todo!()
    }
    pub fn written(&mut self, ctx: Context<'_>, ticket: Ticket, outcome: Written, out: &mut CoordinatorOutputs) {
        todo!()
    }
    pub fn committed(&mut self, ctx: Context<'_>, ticket: Ticket, outcome: Committed, out: &mut CoordinatorOutputs) {
        todo!()
    }
    /// The coordinator's own connections: Purpose::TxnMarkers and Purpose::ControllerProducerIds.
    pub fn net(&mut self, ctx: Context<'_>, input: NetInput, out: &mut CoordinatorOutputs) {
        todo!()
    }
    /// The metadata changed (leaders of partitions may have moved; features may have changed).
    pub fn image_changed(&mut self, ctx: Context<'_>, out: &mut CoordinatorOutputs) {
        todo!()
    }
    pub fn next_deadline(&self) -> Instant {
        todo!()
    }
    pub fn wake(&mut self, ctx: Context<'_>, out: &mut CoordinatorOutputs) {
        todo!()
    }
    /// C-invariants 10: installed state of every id led here, in id order (white-box checks).
    pub fn transactions(&self) -> Vec<(Name, TransactionMetadataValue)> {
        todo!()
    }
}
