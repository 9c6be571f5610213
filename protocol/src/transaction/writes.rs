//! Writes to `__transaction_state` under way, and what happens when they are settled (§3.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::TransactionCoordinator;
use super::metadata::Metadata;
use crate::batch::{BATCH_OVERHEAD, Payload, RECORD_OVERHEAD, RecordBatch};
use crate::coordinator::*;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::ConnId;
use crate::message::*;
use crate::records::{EndCause, TransactionLogRecord};
use crate::time::{Instant, Now, Span};

/// What a committed (or failed) transition is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Answer with the pair of the target.
    InitProducerId(ConnId),
    /// Settle the transaction at this place of the request.
    AddPartitions(ConnId, usize),
    AddOffsets(ConnId),
    /// Answer, then send the markers.
    EndTxn {
        conn: ConnId,
        version: i16,
    },
    /// The server's own abort, on behalf of an InitProducerId (which is answered 51) or of the sweep; then send the markers.
    Fence(Option<ConnId>),
    /// All markers are written.
    Complete,
}

impl Then {
    /// Why the transaction is ended, if it is.
    fn cause(self) -> Option<EndCause> {
        match self {
            Then::EndTxn { .. } => Some(EndCause::Request),
            Then::Fence(Some(_)) => Some(EndCause::Init),
            Then::Fence(None) => Some(EndCause::Timeout),
            Then::InitProducerId(_) | Then::AddPartitions(..) | Then::AddOffsets(_) | Then::Complete => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transition {
    pub partition: u32,
    pub epoch: CoordinatorEpoch,
    pub name: Name,
    pub target: Metadata,
    pub then: Then,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Write {
    Transition(Transition),
    /// Expired ids of one partition.
    Tombstones {
        partition: u32,
        epoch: CoordinatorEpoch,
        names: Vec<Name>,
    },
}

/// Pause before a Complete record that the log refused is written again.
const RETRY_PAUSE: Span = Span::from_millis(100);

/// A Complete record to be written again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CompletionRetry {
    pub at: Instant,
    pub partition: u32,
    pub epoch: CoordinatorEpoch,
    pub name: Name,
    pub target: Metadata,
}

impl CompletionRetry {
    pub fn new(now: Now, partition: u32, epoch: CoordinatorEpoch, name: Name, target: Metadata) -> CompletionRetry {
        CompletionRetry { at: now.mono + RETRY_PAUSE, partition, epoch, name, target }
    }
}

/// Writes that wait for their outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Writes {
    next_ticket: u64,
    waiting: BTreeMap<Ticket, Write>,
}

impl Writes {
    /// Appends the record of a transition that the caller has marked as pending.
    pub fn transition(&mut self, turn: &mut Turn<'_>, transition: Transition) {
        let value = transition.target.record(turn.image.features.transaction_version);
        let timeout = Span::from_millis(i64::from(value.timeout_ms));
        let cause = transition.then.cause();
        let record = TransactionLogRecord { transactional_id: transition.name.clone(), value: Some(value), cause };
        let (partition, epoch) = (transition.partition, transition.epoch);
        self.append(turn, (partition, epoch), [record].into(), timeout, Write::Transition(transition));
    }

    /// Appends tombstones of ids that the caller has marked as pending Dead.
    pub fn tombstones(
        &mut self,
        turn: &mut Turn<'_>,
        partition: u32,
        epoch: CoordinatorEpoch,
        names: Vec<Name>,
        timeout: Span,
    ) {
        let tombstone = |name: &Name| TransactionLogRecord { transactional_id: name.clone(), value: None, cause: None };
        let records = names.iter().map(tombstone).collect();
        self.append(turn, (partition, epoch), records, timeout, Write::Tombstones { partition, epoch, names });
    }

    fn append(
        &mut self,
        turn: &mut Turn<'_>,
        (partition, epoch): (u32, CoordinatorEpoch),
        records: Arc<[TransactionLogRecord]>,
        timeout: Span,
        write: Write,
    ) {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.waiting.insert(ticket, write);
        turn.out.appends.push(CoordinatorAppend {
            tp: TopicPartition::new(TopicId::TRANSACTION_STATE, partition),
            epoch,
            entry: Entry::Batch(Arc::new(batch(records, turn.now.wall_ms)), None),
            check_min_isr: true,
            timeout,
            ticket,
        });
    }
}

/// A batch of the coordinator: no producer, not transactional.
fn batch(records: Arc<[TransactionLogRecord]>, now_ms: i64) -> RecordBatch {
    let size = records.iter().map(size).sum::<u32>() + BATCH_OVERHEAD;
    RecordBatch {
        base_offset: 0,
        last_offset_delta: records.len() as i32 - 1,
        leader_epoch: NO_LEADER_EPOCH,
        transactional: false,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        base_sequence: NO_SEQUENCE,
        max_timestamp_ms: now_ms,
        size,
        payload: Payload::TransactionLog(records.into()),
    }
}

/// Roughly the size of a record: fixed fields of the value are 37 bytes, a partition four and a share of its topic's name.
fn size(record: &TransactionLogRecord) -> u32 {
    let value = record.value.as_ref().map_or(0, |value| 37 + 8 * value.partitions.len() as u32);
    RECORD_OVERHEAD + record.transactional_id.len() as u32 + value
}

impl TransactionCoordinator {
    /// Begins a transition of an id that exists: pending is set, the record is on its way.
    pub(super) fn transit(&mut self, turn: &mut Turn<'_>, partition: u32, name: &Name, target: Metadata, then: Then) {
        let epoch = self.led(partition).epoch;
        self.id_mut(partition, name).expect("the id makes a transition").begin(target.value.state);
        let transition = Transition { partition, epoch, name: name.clone(), target, then };
        self.writes.transition(turn, transition);
    }

    /// A write is below the high watermark, or has failed.
    pub(super) fn settle_write(&mut self, turn: &mut Turn<'_>, ticket: Ticket, outcome: Committed) {
        let outcome = outcome.map_err(shown);
        match self.writes.waiting.remove(&ticket) {
            Some(Write::Transition(transition)) => {
                let result = match outcome {
                    Ok(()) => self.install(&transition),
                    Err(error) => Err(self.undo(&transition, error)),
                };
                self.go_on(turn, transition, result);
            }
            Some(Write::Tombstones { partition, epoch, names }) => {
                self.settle_tombstones(partition, epoch, &names, outcome);
            }
            None => {}
        }
    }

    /// Only the owner at the same epoch installs; nobody else knows whether the record will last.
    fn install(&mut self, transition: &Transition) -> Result<(), ErrorCode> {
        let id = self.id_at(transition.partition, transition.epoch, &transition.name)?;
        id.install(&transition.target);
        Ok(())
    }

    /// The append failed: there is no transition any more. (The record may nevertheless last.)
    fn undo(&mut self, transition: &Transition, error: ErrorCode) -> ErrorCode {
        let Ok(id) = self.id_at(transition.partition, transition.epoch, &transition.name) else { return error };
        let retried = transition.then == Then::Complete && error == ErrorCode::CoordinatorNotAvailable;
        if !retried {
            id.pending = None;
        }
        // Below transaction version 2 a fence has raised the epoch in memory already.
        if matches!(transition.then, Then::Fence(_)) && transition.target.value.client_transaction_version < 2 {
            id.has_failed_epoch_fence = true;
        }
        error
    }

    /// What a transition was for: answers, markers.
    fn go_on(&mut self, turn: &mut Turn<'_>, transition: Transition, result: Result<(), ErrorCode>) {
        let Transition { partition, epoch, name, target, then } = transition;
        match then {
            Then::InitProducerId(conn) => {
                let result = result.map(|()| target.value.producer);
                turn.respond(conn, InitProducerIdResponse { result });
            }
            Then::AddPartitions(conn, index) => self.settle_added(turn, conn, index, result),
            Then::AddOffsets(conn) => {
                turn.respond(conn, AddOffsetsToTxnResponse { error: result.err() });
            }
            Then::EndTxn { conn, version } => {
                let mut producer = ProducerIdAndEpoch::NONE;
                if result.is_ok() {
                    let next = self.begin_completion(turn, partition, &name);
                    if version >= 5 {
                        producer = next;
                    }
                }
                // The answer goes before any marker (§3.6).
                turn.respond(conn, EndTxnResponse { error: result.err(), producer });
                if result.is_ok() {
                    self.send_markers(turn, partition, &name);
                }
            }
            Then::Fence(conn) => {
                if result.is_ok() {
                    self.begin_completion(turn, partition, &name);
                }
                if let Some(conn) = conn {
                    let error = result.err().unwrap_or(ErrorCode::ConcurrentTransactions);
                    turn.respond(conn, InitProducerIdResponse { result: Err(error) });
                }
                if result.is_ok() {
                    self.send_markers(turn, partition, &name);
                }
            }
            Then::Complete => {
                // 14 and 16: the new owner, or the loader, does it again.
                if result == Err(ErrorCode::CoordinatorNotAvailable) {
                    self.completion_retries.push_back(CompletionRetry::new(turn.now, partition, epoch, name, target));
                }
            }
        }
    }
}
