//! EndTxn: the rules of request versions up to 4 (§3.5) and from 5 on (§3.6).

use super::metadata::{Metadata, TransactionalId};
use super::writes::Then;
use super::{TransactionCoordinator, fenced_before};
use crate::batch::TransactionResult;
use crate::config::Domains;
use crate::coordinator::Turn;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::ConnId;
use crate::message::{EndTxnRequest, EndTxnResponse, ProducerIdAndEpoch, TransactionState};

/// What EndTxn does with an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Write the Prepare record.
    Prepare,
    /// The transaction is ended already, as asked: success without a record.
    Done,
}

/// The table of §3.5. The state alone recognises a repeated request, which is why these rules are unsafe (KAFKA-17754).
pub(super) fn decide_v1(
    id: &TransactionalId,
    producer: ProducerIdAndEpoch,
    result: TransactionResult,
) -> Result<Decision, ErrorCode> {
    use TransactionResult::{Abort, Commit};
    let value = &id.metadata.value;
    if value.producer.id != producer.id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if value.producer.epoch != producer.epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    if id.pending.is_some() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    match (value.state, result) {
        (TransactionState::Ongoing, _) => Ok(Decision::Prepare),
        (TransactionState::CompleteCommit, Commit) | (TransactionState::CompleteAbort, Abort) => Ok(Decision::Done),
        (TransactionState::PrepareCommit, Commit) | (TransactionState::PrepareAbort, Abort) => {
            Err(ErrorCode::ConcurrentTransactions)
        }
        _ => Err(ErrorCode::InvalidTxnState),
    }
}

/// The table of §3.6. Pending is looked at before id and epoch (KAFKA-18464, KAFKA-18660): they may be about to change.
pub(super) fn decide_v2(
    id: &TransactionalId,
    producer: ProducerIdAndEpoch,
    result: TransactionResult,
    domains: &Domains,
) -> Result<Decision, ErrorCode> {
    use TransactionResult::{Abort, Commit};
    use TransactionState::*;
    let value = &id.metadata.value;
    let stored = value.producer.epoch;
    if id.pending.is_some() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    let bumped = i32::from(stored) == i32::from(producer.epoch) + 1;
    let rotated =
        value.previous_producer_id == producer.id && producer.epoch == domains.exhausted_epoch() && stored == 0;
    if value.producer.id != producer.id && !rotated {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    let equal = stored == producer.epoch;
    let retry = bumped || rotated;
    let valid = match value.state {
        Ongoing | Empty | Dead | PrepareEpochFence => equal,
        PrepareCommit | PrepareAbort => bumped,
        CompleteCommit | CompleteAbort => equal || retry,
    };
    if !valid {
        return Err(ErrorCode::ProducerFenced);
    }
    match (value.state, result) {
        (Ongoing, _) => Ok(Decision::Prepare),
        (PrepareCommit, Commit) | (PrepareAbort, Abort) => Err(ErrorCode::ConcurrentTransactions),
        (CompleteCommit, Commit) | (CompleteAbort, Abort) if retry => Ok(Decision::Done),
        // An abort to which nothing was added raises the epoch all the same.
        (Empty | CompleteCommit | CompleteAbort, Abort) if !retry => Ok(Decision::Prepare),
        _ => Err(ErrorCode::InvalidTxnState),
    }
}

impl TransactionCoordinator {
    pub(super) fn end_txn(&mut self, turn: &mut Turn<'_>, conn: ConnId, request: &EndTxnRequest) {
        let response = match self.try_end_txn(turn, conn, request) {
            Ok(None) => return,
            Ok(Some(producer)) => EndTxnResponse { error: None, producer },
            Err(error) => {
                let error = fenced_before(request.version, 2, error);
                EndTxnResponse { error: Some(error), producer: ProducerIdAndEpoch::NONE }
            }
        };
        turn.respond(conn, response);
    }

    /// Ok(None) if the answer comes later.
    fn try_end_txn(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        request: &EndTxnRequest,
    ) -> Result<Option<ProducerIdAndEpoch>, ErrorCode> {
        let name = &request.transactional_id;
        if name.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let partition = self.owned(turn, name)?;
        let domains = self.domains;
        let id = self.id_mut(partition, name).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        let stored = id.metadata.value.producer;
        let v2 = request.version >= 5;
        let decision = if v2 {
            decide_v2(id, request.producer, request.result, &domains)?
        } else {
            decide_v1(id, request.producer, request.result)?
        };
        let target = match decision {
            Decision::Done if v2 => return Ok(Some(stored)),
            Decision::Done => return Ok(Some(ProducerIdAndEpoch::NONE)),
            Decision::Prepare if v2 => self.prepare_v2(turn, partition, name, request.result)?,
            Decision::Prepare => id.metadata.prepared_v1(request.result, turn.now.wall_ms),
        };
        self.transit(turn, partition, name, target, Then::EndTxn { conn, version: request.version });
        Ok(None)
    }

    /// The target of an end by the rules of §3.6. An exhausted epoch draws the producer id of the next transaction, fences
    /// included (KAFKA-20090).
    ///
    /// # Errors
    /// 14 if no producer id is at hand; -1 for a commit at the largest epoch, which no client was ever given.
    pub(super) fn prepare_v2(
        &mut self,
        turn: &mut Turn<'_>,
        partition: u32,
        name: &Name,
        result: TransactionResult,
    ) -> Result<Metadata, ErrorCode> {
        let domains = self.domains;
        let epoch = self.id_mut(partition, name).expect("the id ends a transaction").metadata.value.producer.epoch;
        if epoch >= domains.max_epoch && result == TransactionResult::Commit {
            return Err(ErrorCode::UnknownServerError);
        }
        let next_producer_id = if domains.is_exhausted(epoch) { self.fresh_producer_id(turn)? } else { NO_PRODUCER_ID };
        let id = self.id_mut(partition, name).expect("the id ends a transaction");
        Ok(id.metadata.prepared_v2(result, next_producer_id, domains.max_epoch, turn.now.wall_ms))
    }
}
