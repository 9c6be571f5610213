//! AddPartitionsToTxn and AddOffsetsToTxn (§1.4, §1.5, §3.8): adding partitions to a transaction, or verifying that they
//! are in it.

use super::metadata::{TV2, TransactionalId};
use super::writes::Then;
use super::{TransactionCoordinator, fenced_before};
use crate::config::BrokerVariant;
use crate::coordinator::{Committed, Turn};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::ConnId;
use crate::message::*;

type PartitionErrors = Vec<(TopicPartition, Option<ErrorCode>)>;

/// The answer to an AddPartitionsToTxn some of whose records are not committed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AddAnswer {
    outstanding: usize,
    transactions: Vec<(Name, PartitionErrors)>,
}

/// What became of an attempt to add.
enum Added {
    /// A record is on its way.
    Later,
    /// The transaction has these partitions already.
    Already,
}

/// The order of §1.4: pending is looked at before id and epoch (KAFKA-18660), as they may be about to change.
fn may_add(id: &TransactionalId, producer: ProducerIdAndEpoch) -> Result<(), ErrorCode> {
    let value = &id.metadata.value;
    if id.pending.is_some() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    if value.producer.id != producer.id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if value.producer.epoch != producer.epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    match value.state {
        TransactionState::PrepareCommit | TransactionState::PrepareAbort => Err(ErrorCode::ConcurrentTransactions),
        _ => Ok(()),
    }
}

/// Verification ignores a pending transition: what is installed counts.
fn may_verify(id: &TransactionalId, producer: ProducerIdAndEpoch) -> Result<(), ErrorCode> {
    let value = &id.metadata.value;
    if value.producer.id != producer.id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if value.producer.epoch != producer.epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    match value.state {
        TransactionState::PrepareCommit | TransactionState::PrepareAbort => Err(ErrorCode::ConcurrentTransactions),
        _ => Ok(()),
    }
}

fn all(partitions: &[TopicPartition], error: Option<ErrorCode>) -> PartitionErrors {
    partitions.iter().map(|&tp| (tp, error)).collect()
}

/// What two requests ask for: partitions for a transaction.
struct Addition<'a> {
    name: &'a Name,
    producer: ProducerIdAndEpoch,
    partitions: &'a [TopicPartition],
    client_version: u8,
}

impl TransactionCoordinator {
    /// Answers once every transaction of the request is settled.
    pub(super) fn add_partitions_to_txn(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        request: &AddPartitionsToTxnRequest,
    ) {
        let mut answer = AddAnswer { outstanding: 0, transactions: Vec::with_capacity(request.transactions.len()) };
        let client_version = if request.version >= 4 { TV2 } else { 0 };
        for (index, transaction) in request.transactions.iter().enumerate() {
            let name = &transaction.transactional_id;
            let partitions = &transaction.partitions;
            // Clients may not name Kafka's own topics, whatever their rights; brokers may (v4+).
            let flaw = |tp: &TopicPartition| match turn.image.partition(*tp) {
                _ if request.version < 4 && tp.topic.is_internal() => Some(ErrorCode::TopicAuthorizationFailed),
                None => Some(ErrorCode::UnknownTopicOrPartition),
                Some(_) => None,
            };
            let errors = if partitions.iter().any(|tp| flaw(tp).is_some()) {
                // Nothing is added; the partitions that are in order are told so.
                let error = |tp| flaw(tp).unwrap_or(ErrorCode::OperationNotAttempted);
                partitions.iter().map(|tp| (*tp, Some(error(tp)))).collect()
            } else if transaction.verify_only {
                self.verify(turn, transaction).unwrap_or_else(|error| all(partitions, Some(error)))
            } else {
                let addition = Addition { name, producer: transaction.producer, partitions, client_version };
                let added = self.add(turn, addition, Then::AddPartitions(conn, index));
                let error = match added {
                    Ok(Added::Later) => {
                        answer.outstanding += 1;
                        None
                    }
                    Ok(Added::Already) => None,
                    Err(error) => Some(fenced_before(request.version, 2, error)),
                };
                all(partitions, error)
            };
            answer.transactions.push((name.clone(), errors));
        }
        if answer.outstanding == 0 {
            let transactions = answer.transactions;
            turn.respond(conn, AddPartitionsToTxnResponse { error: None, transactions });
        } else {
            self.answers.insert(conn, answer);
        }
    }

    /// A record that an AddPartitionsToTxn waited for is settled.
    pub(super) fn settle_added(&mut self, turn: &mut Turn<'_>, conn: ConnId, index: usize, outcome: Committed) {
        let answer = self.answers.get_mut(&conn).expect("an answer waits for each record of its request");
        for (_, slot) in &mut answer.transactions[index].1 {
            *slot = outcome.err();
        }
        answer.outstanding -= 1;
        if answer.outstanding == 0 {
            let answer = self.answers.remove(&conn).expect("it was found just now");
            let transactions = answer.transactions;
            turn.respond(conn, AddPartitionsToTxnResponse { error: None, transactions });
        }
    }

    pub(super) fn add_offsets_to_txn(&mut self, turn: &mut Turn<'_>, conn: ConnId, request: &AddOffsetsToTxnRequest) {
        let partitions = match turn.image.topic(TopicId::CONSUMER_OFFSETS) {
            Some(topic) if !topic.partitions.is_empty() => topic.partitions.len() as u32,
            _ => self.config.offsets_partitions,
        };
        let partition = coordinator_partition(&request.group_id, partitions);
        let tp = TopicPartition::new(TopicId::CONSUMER_OFFSETS, partition);
        let (name, producer) = (&request.transactional_id, request.producer);
        let addition = Addition { name, producer, partitions: &[tp], client_version: 0 };
        let added = self.add(turn, addition, Then::AddOffsets(conn));
        let error = match added {
            Ok(Added::Later) => return,
            Ok(Added::Already) => None,
            Err(error) => Some(fenced_before(request.version, 2, error)),
        };
        turn.respond(conn, AddOffsetsToTxnResponse { error });
    }

    fn add(&mut self, turn: &mut Turn<'_>, addition: Addition<'_>, then: Then) -> Result<Added, ErrorCode> {
        let Addition { name, producer, partitions, client_version } = addition;
        if name.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let partition = self.owned(turn, name)?;
        let forgets = self.config.variant.has(BrokerVariant::CoordinatorFailoverForgetsBegin);
        let id = self.id_mut(partition, name).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        may_add(id, producer)?;
        let metadata = &id.metadata;
        let present = |tp: &TopicPartition| metadata.value.partitions.binary_search(tp).is_ok();
        if metadata.value.state == TransactionState::Ongoing && partitions.iter().all(present) {
            return Ok(Added::Already);
        }
        let target = metadata.with_partitions(partitions, client_version, turn.now.wall_ms);
        if forgets {
            id.metadata = target;
            return Ok(Added::Already);
        }
        self.transit(turn, partition, name, target, then);
        Ok(Added::Later)
    }

    fn verify(&self, turn: &Turn<'_>, transaction: &AddPartitionsTransaction) -> Result<PartitionErrors, ErrorCode> {
        let name = &transaction.transactional_id;
        if name.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let led = self.led(self.owned(turn, name)?);
        let id = led.ids.get(name).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        may_verify(id, transaction.producer)?;
        let stored = &id.metadata.value.partitions;
        let error = |tp| match stored.binary_search(tp) {
            Ok(_) => None,
            Err(_) => Some(ErrorCode::TransactionAbortable),
        };
        Ok(transaction.partitions.iter().map(|tp| (*tp, error(tp))).collect())
    }
}
