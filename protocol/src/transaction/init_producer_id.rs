//! InitProducerId (§1.3, §3.4) and the fence that it and the sweep put before an open transaction.

use super::metadata::{Metadata, TV2, TransactionalId};
use super::writes::Then;
use super::{TransactionCoordinator, fenced_before};
use crate::batch::TransactionResult;
use crate::config::{BrokerVariant, Domains};
use crate::coordinator::Turn;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::ConnId;
use crate::message::{InitProducerIdRequest, InitProducerIdResponse, ProducerIdAndEpoch, TransactionState};

/// What InitProducerId does with an id.
enum Decision {
    /// The same producer id with this epoch.
    Keep { epoch: ProducerEpoch, last_epoch: ProducerEpoch },
    /// A new producer id with epoch 0.
    Rotate { last_epoch: ProducerEpoch },
    /// Abort the open transaction first.
    Fence,
}

/// The table of §3.4. `given` is the pair that the producer has, if it gave one.
fn decide(id: &TransactionalId, given: Option<ProducerIdAndEpoch>, domains: &Domains) -> Result<Decision, ErrorCode> {
    let value = &id.metadata.value;
    let (producer, stored) = (value.producer, value.producer.epoch);
    if id.pending.is_some() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    let fits = given.is_none_or(|given| {
        stored == NO_PRODUCER_EPOCH
            || given.id == producer.id
            || (given.id == value.previous_producer_id && domains.is_exhausted(given.epoch))
    });
    if !fits {
        return Err(ErrorCode::ProducerFenced);
    }
    match value.state {
        TransactionState::Empty | TransactionState::CompleteCommit | TransactionState::CompleteAbort => {}
        TransactionState::Ongoing => return Ok(Decision::Fence),
        _ => return Err(ErrorCode::ConcurrentTransactions),
    }
    let given = given.map(|given| given.epoch);
    if domains.is_exhausted(stored) {
        return match given {
            None => Ok(Decision::Rotate { last_epoch: NO_PRODUCER_EPOCH }),
            Some(epoch) if epoch == stored => Ok(Decision::Rotate { last_epoch: stored }),
            Some(_) => Err(ErrorCode::UnknownServerError),
        };
    }
    match given {
        None => Ok(Decision::Keep { epoch: stored + 1, last_epoch: NO_PRODUCER_EPOCH }),
        Some(epoch) if stored == NO_PRODUCER_EPOCH || epoch == stored => {
            Ok(Decision::Keep { epoch: stored + 1, last_epoch: stored })
        }
        // A repeated call: the answer to the first one was lost.
        Some(epoch) if epoch == id.metadata.last_epoch => Ok(Decision::Keep { epoch: stored, last_epoch: epoch }),
        Some(_) => Err(ErrorCode::ProducerFenced),
    }
}

impl TransactionCoordinator {
    pub(super) fn init_producer_id(&mut self, turn: &mut Turn<'_>, conn: ConnId, request: &InitProducerIdRequest) {
        let result = match &request.transactional_id {
            _ if (request.producer.id == NO_PRODUCER_ID) != (request.producer.epoch == NO_PRODUCER_EPOCH) => {
                Err(ErrorCode::InvalidRequest)
            }
            // An idempotent producer: any broker answers, nothing is stored.
            None => match self.producer_ids.generate(turn.now, &mut turn.out.net) {
                Some(id) => Ok(Some(ProducerIdAndEpoch::new(id, 0))),
                None => Err(ErrorCode::CoordinatorLoadInProgress),
            },
            Some(name) => self.init_transactional_id(turn, conn, name, request).map(|()| None),
        };
        let result = match result {
            Ok(None) => return,
            Ok(Some(producer)) => Ok(producer),
            Err(error) => Err(fenced_before(request.version, 4, error)),
        };
        turn.respond(conn, InitProducerIdResponse { result });
    }

    /// Ok if the answer comes later.
    fn init_transactional_id(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        name: &Name,
        request: &InitProducerIdRequest,
    ) -> Result<(), ErrorCode> {
        let timeout_ms = request.transaction_timeout_ms;
        if name.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        if timeout_ms <= 0 || timeout_ms > self.config.transaction_max_timeout_ms {
            return Err(ErrorCode::InvalidTransactionTimeout);
        }
        let partition = self.owned(turn, name)?;
        if self.id_mut(partition, name).is_none() {
            let producer_id = self.fresh_producer_id(turn)?;
            let created = TransactionalId::new(Metadata::created(producer_id, timeout_ms, turn.now.wall_ms));
            // Cached before its first record is written, as in Kafka.
            let led = self.partitions[partition as usize].as_mut().expect("the partition is owned");
            led.ids.insert(name.clone(), created);
        }
        let domains = self.domains;
        let given = request.producer.is_some().then_some(request.producer);
        let id = self.id_mut(partition, name).expect("the id exists or was made just now");
        let producer_id = id.metadata.value.producer.id;
        let (producer, last_epoch) = match decide(id, given, &domains)? {
            Decision::Fence => return self.fence(turn, partition, name, Some(conn)),
            Decision::Keep { epoch, last_epoch } => (ProducerIdAndEpoch::new(producer_id, epoch), last_epoch),
            Decision::Rotate { last_epoch } => (ProducerIdAndEpoch::new(self.fresh_producer_id(turn)?, 0), last_epoch),
        };
        let id = self.id_mut(partition, name).expect("the id exists");
        let target = id.metadata.initialized(producer, last_epoch, timeout_ms, turn.now.wall_ms);
        self.transit(turn, partition, name, target, Then::InitProducerId(conn));
        Ok(())
    }

    /// A producer id that nobody ever had; 14 if none is at hand.
    pub(super) fn fresh_producer_id(&mut self, turn: &mut Turn<'_>) -> Result<ProducerId, ErrorCode> {
        self.producer_ids.generate(turn.now, &mut turn.out.net).ok_or(ErrorCode::CoordinatorLoadInProgress)
    }

    /// The server's own abort of an open transaction without a pending transition, at an epoch that fences its producer
    /// (§3.4, §3.7). Kafka marks it by a pending PrepareEpochFence and then ends the transaction as a client would; here
    /// both are one step.
    ///
    /// # Errors
    /// 14 if a producer id is needed and none is at hand.
    pub(super) fn fence(
        &mut self,
        turn: &mut Turn<'_>,
        partition: u32,
        name: &Name,
        conn: Option<ConnId>,
    ) -> Result<(), ErrorCode> {
        let max_epoch = self.domains.max_epoch;
        let now_ms = turn.now.wall_ms;
        let target = if conn.is_none() && self.config.variant.has(BrokerVariant::TxnTimeoutNoFence) {
            let id = self.id_mut(partition, name).expect("an open transaction is aborted");
            id.metadata.prepared_v1(TransactionResult::Abort, now_ms)
        } else if turn.image.features.transaction_version >= TV2 {
            self.prepare_v2(turn, partition, name, TransactionResult::Abort)?
        } else {
            let id = self.id_mut(partition, name).expect("an open transaction is fenced");
            // The epoch rises in memory, before the record is written, and stays so if the write fails.
            let epoch = &mut id.metadata.value.producer.epoch;
            if !id.has_failed_epoch_fence && *epoch < max_epoch {
                *epoch += 1;
            }
            id.metadata.last_epoch = NO_PRODUCER_EPOCH;
            id.metadata.prepared_v1(TransactionResult::Abort, now_ms)
        };
        self.transit(turn, partition, name, target, Then::Fence(conn));
        Ok(())
    }
}
