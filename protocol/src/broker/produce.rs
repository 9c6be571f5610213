//! Produce (§1.6): checks, the pre-flight of transactional batches (§2.5, §2.6), the append, and what follows it.

use std::collections::BTreeMap;

use super::Broker;
use super::fetch::not_hosted;
use super::purgatory::ProduceOperation;
use super::timer::Timer;
use super::verification::{Caller, Operation};
use super::wait::Waiter;
use crate::batch::{Payload, RecordBatch};
use crate::config::BrokerVariant;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::*;
use crate::log::{AppendOrigin, LeaderAppend, Verification, VerificationGuard};
use crate::message::*;
use crate::time::{Instant, Span};

/// A Produce whose pre-flight is not over.
#[derive(Clone, Debug)]
struct Preflight {
    conn: ConnId,
    request: ProduceRequest,
    /// Partitions that failed before any pre-flight.
    refused: Vec<Option<ErrorCode>>,
    /// Outcome of the running pre-flight.
    errors: Vec<Option<ErrorCode>>,
    guards: Vec<Option<VerificationGuard>>,
    /// Until when the add of transaction version 2 is tried again on 51.
    retry_until: Instant,
}

/// Produces whose pre-flight is not over.
#[derive(Clone, Debug, Default)]
pub(super) struct Preflights(BTreeMap<u64, Preflight>);

/// How the pre-flight of a request speaks to the coordinator (§1.7).
fn operation_of(version: i16) -> Operation {
    match version {
        ..=10 => Operation::VerifyHidingAbortable,
        11 => Operation::Verify,
        12.. => Operation::Add,
    }
}

/// §1.6, 87.
fn is_well_formed(batch: &RecordBatch) -> bool {
    let Payload::Records(records) = &batch.payload else { return false };
    batch.base_offset == 0
        && !records.is_empty()
        && records.len() as i64 == i64::from(batch.last_offset_delta) + 1
        && (batch.producer_id == NO_PRODUCER_ID || batch.base_sequence >= 0)
}

impl Broker {
    /// A Produce arrived.
    pub(super) fn produce(&mut self, conn: ConnId, request: ProduceRequest, out: &mut Outputs) {
        let transactional = |p: &&ProducePartition| p.batch.transactional && p.batch.producer_id != NO_PRODUCER_ID;
        let mut owners = request.partitions.iter().filter(transactional).map(|p| owner(&p.batch));
        let first = owners.next();
        let refusal = match first {
            Some(_) if request.transactional_id.is_none() => Some(ErrorCode::TransactionalIdAuthorizationFailed),
            Some(first) if owners.any(|other| other != first) => Some(ErrorCode::InvalidProducerIdMapping),
            _ => None,
        };
        let judge = |p: &ProducePartition| {
            if refusal.is_some() {
                refusal
            } else if !self.partitions.contains(p.tp) && self.image.partition(p.tp).is_none() {
                Some(ErrorCode::UnknownTopicOrPartition)
            } else if !is_well_formed(&p.batch) {
                Some(ErrorCode::InvalidRecord)
            } else {
                None
            }
        };
        let refused = if request.partitions.iter().all(|p| judge(p).is_none()) {
            Vec::new() // no allocation for what is usual
        } else {
            request.partitions.iter().map(judge).collect()
        };
        if refusal.is_some() || first.is_none() || !self.verifies(operation_of(request.version)) {
            self.append_produce(conn, request, refused, Vec::new(), out);
            return;
        }
        let patience = self.config.add_partitions_backoff_max_ms.min(self.config.request_timeout_ms);
        let retry_until = self.now.mono + Span::from_millis(patience.into());
        let preflight = Preflight { conn, request, refused, errors: Vec::new(), guards: Vec::new(), retry_until };
        self.fly(preflight, out);
    }

    /// Whether a coordinator is asked about batches of a new transaction (§2.5). To add is not optional.
    fn verifies(&self, operation: Operation) -> bool {
        let verification =
            self.config.transaction_verification && !self.config.variant.has(BrokerVariant::LateProduceHangsLso);
        operation == Operation::Add || verification
    }

    /// The pre-flight of §2.5 for all partitions of a request.
    fn fly(&mut self, mut preflight: Preflight, out: &mut Outputs) {
        let operation = operation_of(preflight.request.version);
        let wall_ms = self.now.wall_ms;
        let mut errors = preflight.refused.clone();
        errors.resize(preflight.request.partitions.len(), None);
        let mut guards = vec![None; errors.len()];
        let mut asked = Vec::new();
        let mut producer = ProducerIdAndEpoch::NONE;
        for (index, part) in preflight.request.partitions.iter().enumerate() {
            if errors[index].is_some() || !part.batch.transactional {
                continue;
            }
            producer = owner(&part.batch);
            let Some(partition) = self.partitions.get_mut(part.tp).filter(|p| p.is_leader()) else {
                errors[index] = Some(not_hosted(&self.image, part.tp));
                continue;
            };
            let tv2 = operation == Operation::Add;
            match partition.log.start_verification(producer, part.batch.base_sequence, tv2, wall_ms) {
                Err(error) => errors[index] = Some(error),
                Ok(Verification::NotNeeded) => {}
                Ok(Verification::Needed(guard)) => {
                    guards[index] = Some(guard);
                    asked.push(part.tp);
                }
            }
        }
        if asked.is_empty() {
            return self.append_produce(preflight.conn, preflight.request, errors, guards, out);
        }
        let transactional_id = preflight.request.transactional_id.clone().expect("checked when the request arrived");
        preflight.errors = errors;
        preflight.guards = guards;
        let id = self.purgatory.next();
        self.preflights.0.insert(id, preflight);
        let verify_only = operation.verify_only();
        let transaction = AddPartitionsTransaction { transactional_id, producer, verify_only, partitions: asked };
        self.add_or_verify(transaction, operation, Caller::Produce(id), out);
    }

    /// The coordinator's answer to the add/verify of a Produce.
    pub(super) fn preflight_answered(
        &mut self,
        id: u64,
        results: &[(TopicPartition, Option<ErrorCode>)],
        out: &mut Outputs,
    ) {
        let Some(preflight) = self.preflights.0.get_mut(&id) else { return };
        for (tp, error) in results {
            let index = preflight.request.partitions.iter().position(|p| p.tp == *tp);
            if let (Some(index), Some(error)) = (index, error) {
                preflight.errors[index] = Some(*error);
            }
        }
        let adds = operation_of(preflight.request.version) == Operation::Add;
        let concurrent = preflight.errors.contains(&Some(ErrorCode::ConcurrentTransactions));
        let now = self.now.mono;
        if adds && concurrent && now < preflight.retry_until {
            let pause = Span::from_millis(self.config.add_partitions_backoff_ms.into());
            self.timers.set(now + pause, Timer::AddRetry(id));
            return;
        }
        let preflight = self.preflights.0.remove(&id).expect("a pre-flight that was just answered");
        let errors = preflight.errors.iter().map(|error| error.map(|e| as_produce_error(e, adds))).collect();
        self.append_produce(preflight.conn, preflight.request, errors, preflight.guards, out);
    }

    /// Time to try the add again: the whole pre-flight is repeated.
    pub(super) fn retry_preflight(&mut self, id: u64, out: &mut Outputs) {
        if let Some(preflight) = self.preflights.0.remove(&id) {
            self.fly(preflight, out);
        }
    }

    /// Appends the partitions of a Produce that nothing speaks against, and answers or waits. `errors` and `guards` are by
    /// partition of the request, or empty for none.
    fn append_produce(
        &mut self,
        conn: ConnId,
        request: ProduceRequest,
        errors: Vec<Option<ErrorCode>>,
        guards: Vec<Option<VerificationGuard>>,
        out: &mut Outputs,
    ) {
        let verification = request.transactional_id.is_some() && self.verifies(operation_of(request.version));
        let operation = self.purgatory.next();
        let mut response = ProduceResponse { partitions: Vec::with_capacity(request.partitions.len()) };
        let mut required = Vec::new();
        for (index, part) in request.partitions.iter().enumerate() {
            let outcome = match errors.get(index).copied().flatten() {
                Some(error) => Err(error),
                None => self.append_batch(part, request.acks, guards.get(index).copied().flatten(), verification),
            };
            let mut answer = ProducePartitionResponse {
                tp: part.tp,
                error: outcome.err(),
                base_offset: -1,
                log_start_offset: -1,
                current_leader: None,
            };
            match outcome {
                Ok(done) => {
                    answer.base_offset = done.base_offset;
                    let partition = self.partitions.get(part.tp).expect("a partition that was just written");
                    answer.log_start_offset = partition.log.log_start_offset();
                    if done.duplicate {
                        self.count_absorbed(done.last_offset - done.base_offset + 1);
                    }
                    required.push((index, done));
                }
                Err(ErrorCode::NotLeaderOrFollower) if request.version >= 10 => {
                    answer.current_leader = self.known_leader(part.tp);
                }
                Err(_) => {}
            }
            response.partitions.push(answer);
        }
        if request.acks == Acks::All && !required.is_empty() {
            let remaining = required.len() + 1;
            self.purgatory.produces.insert(operation, ProduceOperation { conn, response, remaining });
            let timeout = Span::from_millis(request.timeout_ms.into());
            for (index, done) in &required {
                let waiter = Waiter::Produce { operation, index: *index };
                self.wait(request.partitions[*index].tp, done.last_offset + 1, timeout, waiter);
            }
            for (index, done) in &required {
                let tp = request.partitions[*index].tp;
                if done.duplicate {
                    self.advance_high_watermark(tp, out); // looked at again after every append, also after this one
                } else {
                    self.appended(tp, out);
                }
                self.complete_waits(tp, out);
            }
            self.produce_progressed(operation, out);
            return;
        }
        for (index, done) in &required {
            if !done.duplicate {
                self.appended(request.partitions[*index].tp, out);
            }
        }
        if request.acks != Acks::None {
            out.push(Output::Respond(conn, response.into()));
        } else if response.partitions.iter().any(|p| p.error.is_some()) {
            out.push(Output::CloseIncoming(conn));
        } else {
            out.push(Output::Done(conn));
        }
    }

    /// The checks of §1.6 on one partition, then its append (§2.3).
    fn append_batch(
        &mut self,
        part: &ProducePartition,
        acks: Acks,
        guard: Option<VerificationGuard>,
        verification: bool,
    ) -> Result<LeaderAppend, ErrorCode> {
        let tp = part.tp;
        if tp.topic.is_internal() {
            return Err(ErrorCode::InvalidTopic);
        }
        let unknown = not_hosted(&self.image, tp);
        let partition = self.partitions.get(tp).filter(|p| p.is_leader()).ok_or(unknown)?;
        if acks == Acks::All && !partition.has_enough_in_sync() {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        if part.batch.size > partition.max_message_bytes {
            return Err(ErrorCode::MessageTooLarge);
        }
        if part.batch.size > partition.settings.segment_bytes {
            return Err(ErrorCode::RecordListTooLarge);
        }
        self.before_append(tp);
        let partition = self.partitions.get_mut(tp).expect("a partition led here");
        let epoch = partition.leader_epoch;
        partition.log.append_as_leader(&part.batch, epoch, AppendOrigin::Client, guard, verification)
    }

    /// To be called before a leader's log end moves: followers that sat at the old end were caught up until their last
    /// fetch.
    pub(super) fn before_append(&mut self, tp: TopicPartition) {
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        let end = partition.log.log_end_offset();
        let fetches = &self.follower_fetches;
        let Some(leader) = partition.leader_mut() else { return };
        for replica in &mut leader.followers {
            if let Some(at) = fetches.get(&replica.id) {
                replica.was_idle(end, *at);
            }
        }
    }

    /// A leader's log has grown: followers are told, and the high watermark may move.
    pub(super) fn appended(&mut self, tp: TopicPartition, out: &mut Outputs) {
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        self.jobs.written(tp, partition);
        self.journal_append(tp);
        let alone = self.partitions.get(tp).and_then(|p| p.leader()).is_some_and(|l| l.followers.is_empty());
        if !alone {
            self.watch_lag(tp);
            self.notify(tp, true);
        }
        self.advance_high_watermark(tp, out);
    }

    /// Leader of a partition as the metadata knows it.
    pub(super) fn known_leader(&self, tp: TopicPartition) -> Option<(NodeId, LeaderEpoch)> {
        let partition = self.image.partition(tp)?;
        Some((partition.leader?, partition.leader_epoch))
    }
}

/// Producer id and epoch of a batch.
fn owner(batch: &RecordBatch) -> ProducerIdAndEpoch {
    ProducerIdAndEpoch::new(batch.producer_id, batch.producer_epoch)
}

/// §1.6, 19: what the coordinator's failure looks like to a producer.
fn as_produce_error(error: ErrorCode, adds: bool) -> ErrorCode {
    match error {
        ErrorCode::ConcurrentTransactions if adds => error,
        ErrorCode::ConcurrentTransactions
        | ErrorCode::NetworkException
        | ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::NotCoordinator => ErrorCode::NotEnoughReplicas,
        other => other,
    }
}
