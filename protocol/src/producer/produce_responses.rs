//! Answers to Produce and the fate of batches (§5.4, §5.7).

use super::Producer;
use super::accumulator::WaitsFor;
use super::batch::{ProducerBatch, Slot};
use super::event::*;
use super::sequences::{is_later, last_sequence};
use crate::batch::BATCH_OVERHEAD;
use crate::config::ProducerVariant;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::message::{ProducePartitionResponse, ProduceResponse};
use crate::net::backoff;
use crate::time::{Now, Span};

/// Whether a batch that was answered so may nevertheless be in the log, or get there.
///
/// 7 and 20 say so themselves; 3 and 6 are also what a leader answers that lost the partition while the batch waited for
/// the high watermark; 13 and 56 and an unknown error leave it open.
fn leaves_open(code: ErrorCode) -> bool {
    use ErrorCode::*;
    matches!(
        code,
        RequestTimedOut
            | NotEnoughReplicasAfterAppend
            | NotLeaderOrFollower
            | UnknownTopicOrPartition
            | UnknownTopicId
            | NetworkException
            | KafkaStorageError
            | UnknownServerError
    )
}

/// Whether the client refreshes its metadata after this answer.
fn spoils_metadata(code: ErrorCode) -> bool {
    code.needs_refresh() && !matches!(code, ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator)
}

impl Producer {
    /// The answer to a produce request that carried `slots`.
    pub(super) fn produce_response(&mut self, now: Now, slots: Vec<Slot>, response: &ProduceResponse) {
        for (i, slot) in slots.into_iter().enumerate() {
            let tp = self.accumulator.batches[slot].tp;
            let in_place = response.partitions.get(i).filter(|p| p.tp == tp);
            match in_place.or_else(|| response.partitions.iter().find(|p| p.tp == tp)) {
                Some(answer) => self.attempt_answered(now, slot, answer),
                None => self.attempt_answered(now, slot, &failure(tp, ErrorCode::UnknownServerError)),
            }
        }
    }

    /// The connection died under a produce request: outcome unknown, which counts as `code`.
    pub(super) fn produce_lost(&mut self, now: Now, slots: Vec<Slot>, code: ErrorCode) {
        for slot in slots {
            let tp = self.accumulator.batches[slot].tp;
            self.attempt_answered(now, slot, &failure(tp, code));
        }
    }

    /// `acks=0`: sending is all there is.
    pub(super) fn sent_without_answer(&mut self, slot: Slot) {
        let tp = self.accumulator.batches[slot].tp;
        self.unmute(tp);
        self.accumulator.batches[slot].on_wire = false;
        self.succeed(slot, -1);
        self.refresh(tp);
    }

    fn unmute(&mut self, tp: TopicPartition) {
        if let Some(partition) = self.accumulator.partitions.get_mut(tp) {
            partition.muted = false;
        }
    }

    fn attempt_answered(&mut self, now: Now, slot: Slot, answer: &ProducePartitionResponse) {
        let batch = &mut self.accumulator.batches[slot];
        let tp = batch.tp;
        batch.on_wire = false;
        match answer.error {
            None => self.succeed(slot, answer.base_offset),
            Some(ErrorCode::MessageTooLarge) if batch.record_count() > 1 && !batch.done => self.split(slot),
            Some(code) => {
                batch.maybe_written |= leaves_open(code);
                if self.may_retry(now, slot, code, answer.log_start_offset) {
                    self.requeue(now, slot);
                } else if code == ErrorCode::DuplicateSequenceNumber {
                    self.succeed(slot, -1); // it is in the log, nobody knows where
                } else {
                    // With its retries used up, the batch may have been written by any attempt: its sequence is spent.
                    let certain = self.accumulator.batches[slot].attempts < self.config.retries;
                    self.fail(slot, DeliveryErrorKind::Code(code), code, certain);
                }
                if spoils_metadata(code) {
                    self.metadata.request_update();
                }
                if let Some((leader, epoch)) = answer.current_leader
                    && self.metadata.learn_leader(tp, leader, epoch)
                {
                    self.leader_changed(tp);
                }
            }
        }
        self.unmute(tp);
        self.refresh(tp);
    }

    /// The middle column of §5.4's table.
    fn may_retry(&mut self, now: Now, slot: Slot, code: ErrorCode, log_start_offset: Offset) -> bool {
        let batch = &self.accumulator.batches[slot];
        let tp = batch.tp;
        let age = now.mono.since(batch.created);
        if batch.done
            || batch.attempts >= self.config.retries
            || age >= Span::from_millis(i64::from(self.config.delivery_timeout_ms))
        {
            return false;
        }
        if !self.transactions.enabled {
            return code.is_retriable();
        }
        let transactional = self.transactions.is_transactional();
        let partition = self.accumulator.partitions.get_mut(tp).expect("a batch has a partition");
        match code {
            ErrorCode::UnknownProducerId => {
                if log_start_offset == -1 || batch.sequence_reset {
                    return true;
                }
                if !transactional {
                    self.request_local_bump(tp);
                    return true;
                }
                // The head of the log went to retention, and the producer's state with it: begin at 0 again.
                let head_is_gone = partition.sequences.last_acked_offset < log_start_offset;
                if head_is_gone {
                    let (table, producer) = (self.transactions.table, self.transactions.producer);
                    let batches = &mut self.accumulator.batches;
                    partition.sequences.restart_with_in_flight(&self.domains, table, producer, batches);
                }
                head_is_gone
            }
            ErrorCode::OutOfOrderSequenceNumber => {
                let is_next = partition.sequences.is_next(&self.domains, batch.base_sequence);
                match partition.unresolved {
                    None if batch.sequence_reset || !is_next => true,
                    None if transactional => false,
                    None => {
                        self.request_local_bump(tp);
                        true
                    }
                    Some(_) if transactional => false,
                    Some(after_gap) => {
                        if batch.base_sequence == after_gap {
                            self.request_local_bump(tp);
                        }
                        true
                    }
                }
            }
            _ => code.is_retriable(),
        }
    }

    /// Puts a batch back into its queue: in sequence order, or first where there are no sequences (so that two batches of
    /// one partition that fail together change places, as in Kafka).
    fn requeue(&mut self, now: Now, slot: Slot) {
        let (initial, max) = (self.config.retry_backoff_ms, self.config.retry_backoff_max_ms);
        let accumulator = &mut self.accumulator;
        let batch = &mut accumulator.batches[slot];
        batch.not_before = now.mono + backoff(initial, max, batch.attempts as u32, now);
        batch.attempts += 1;
        batch.queued = true;
        let tp = batch.tp;
        let partition = accumulator.partitions.get_mut(tp).expect("a batch has a partition");
        let place = if self.transactions.enabled {
            partition.sequences.place_in_queue(slot, &partition.queue, &accumulator.batches)
        } else {
            0
        };
        partition.queue.insert(place, slot);
        accumulator.queued.insert(tp);
    }

    /// MESSAGE_TOO_LARGE: smaller batches over the same sequences take the batch's place.
    fn split(&mut self, slot: Slot) {
        let batch_size = self.config.batch_size.max(1) as u32;
        let accumulator = &mut self.accumulator;
        let batch = &mut accumulator.batches[slot];
        let target =
            if batch.size > batch_size { batch_size } else { BATCH_OVERHEAD + (batch.size - BATCH_OVERHEAD) / 2 };
        let domains = self.domains;
        let parts = batch.split(target, |sequence, count| domains.add(sequence, count));
        let (tp, created, generation) = (batch.tp, batch.created, batch.generation);
        let expires = created + Span::from_millis(i64::from(self.config.delivery_timeout_ms));
        let mut slots = Vec::with_capacity(parts.len());
        for mut part in parts {
            part.queued = true;
            let part_slot = accumulator.batches.insert(part);
            accumulator.generations.begin(generation);
            accumulator.expiry.insert((expires, accumulator.batches[part_slot].serial, part_slot));
            slots.push(part_slot);
        }
        let partition = accumulator.partitions.get_mut(tp).expect("a batch has a partition");
        if self.transactions.enabled {
            partition.sequences.replace(slot, &slots);
            for part in slots {
                let place = partition.sequences.place_in_queue(part, &partition.queue, &accumulator.batches);
                partition.queue.insert(place, part);
            }
        } else {
            for part in slots.into_iter().rev() {
                partition.queue.push_front(part);
            }
        }
        accumulator.queued.insert(tp);
        self.finish(slot);
    }

    /// A batch was written. If it had expired before, only the bookkeeping learns of it (§5.7).
    fn succeed(&mut self, slot: Slot, base_offset: Offset) {
        let accumulator = &mut self.accumulator;
        let batch = &mut accumulator.batches[slot];
        if self.transactions.enabled {
            let partition = accumulator.partitions.get_mut(batch.tp).expect("a batch has a partition");
            let transactional = self.transactions.is_transactional();
            partition.sequences.acknowledged(&self.domains, batch, base_offset, transactional);
            partition.sequences.remove(slot);
        }
        if batch.done {
            accumulator.release(slot);
            return;
        }
        let tp = batch.tp;
        for (i, token) in core::mem::take(&mut batch.tokens).into_iter().enumerate() {
            let offset = if base_offset < 0 { -1 } else { base_offset + i as i64 };
            self.events.push_back(ProducerEvent::Delivered { token, result: Ok((tp, offset)) });
        }
        self.finish(slot);
    }

    /// A batch failed for good (`handleFailedBatch`). With `certain`, its sequences were not used.
    fn fail(&mut self, slot: Slot, kind: DeliveryErrorKind, code: ErrorCode, mut certain: bool) {
        let accumulator = &mut self.accumulator;
        let batch = &accumulator.batches[slot];
        if batch.done {
            accumulator.release(slot);
            return;
        }
        let (tp, producer, count) = (batch.tp, batch.producer, batch.record_count());
        self.tell_failure(slot, kind);
        if self.transactions.enabled {
            let bump_required = self.transactions.bump_required;
            self.transactions.batch_failed(code);
            if self.config.variant.has(ProducerVariant::AbortedSeqReuse) {
                // As if nothing had been written, whatever may have been: same epoch, same sequences.
                certain = true;
                self.transactions.bump_required = bump_required;
            }
            let partition = self.accumulator.partitions.get_mut(tp).expect("a batch has a partition");
            let place = partition.sequences.remove(slot);
            if self.transactions.is_fatal() {
                // Nothing matters any more.
            } else if !self.transactions.is_transactional() {
                if certain || code == ErrorCode::OutOfOrderSequenceNumber {
                    self.request_local_bump(tp);
                }
            } else if code == ErrorCode::UnknownProducerId {
                partition.sequences.restart(producer);
                partition.sequences.in_flight.clear();
                partition.unresolved = None;
                self.transactions.unresolved.remove(&tp);
            } else if let (true, Some(place)) = (certain && partition.sequences.producer == producer, place) {
                let batches = &mut self.accumulator.batches;
                partition.sequences.take_back(&self.domains, place, count, batches);
            }
        }
        self.finish(slot);
    }

    fn tell_failure(&mut self, slot: Slot, error: DeliveryErrorKind) {
        let batch = &self.accumulator.batches[slot];
        let result = Err(DeliveryError { error, certainty: batch.certainty() });
        self.events.extend(batch.tokens.iter().map(|&token| ProducerEvent::Delivered { token, result }));
    }

    /// The records of a batch have their fate.
    fn finish(&mut self, slot: Slot) {
        let accumulator = &mut self.accumulator;
        accumulator.unqueue(slot);
        let batch = &mut accumulator.batches[slot];
        batch.done = true;
        let expires = batch.created + Span::from_millis(i64::from(self.config.delivery_timeout_ms));
        let removed = accumulator.expiry.remove(&(expires, batch.serial, slot));
        debug_assert!(removed, "a batch is finished once");
        accumulator.generations.end(batch.generation);
        accumulator.release(slot);
    }

    /// Fails batches without asking the sequences: all of them, or those that never got one (`undrained`). Waiting records
    /// fail with them.
    pub(super) fn abort_batches(&mut self, kind: DeliveryErrorKind, undrained: bool) {
        let spared = |b: &ProducerBatch| b.done || (undrained && b.has_sequence());
        let mut slots: Vec<(u64, Slot)> =
            self.accumulator.batches.iter().filter(|(_, b)| !spared(b)).map(|(slot, b)| (b.serial, slot)).collect();
        slots.sort_unstable();
        for (_, slot) in slots {
            let tp = self.accumulator.batches[slot].tp;
            self.tell_failure(slot, kind);
            if let Some(partition) = self.accumulator.partitions.get_mut(tp) {
                partition.sequences.remove(slot);
            }
            self.finish(slot);
            self.refresh(tp);
        }
        while let Some(record) = self.accumulator.waiting.pop_front() {
            self.accumulator.generations.end(record.generation);
            self.never_sent(record.token, kind);
        }
    }

    /// A record fails that never reached a batch.
    pub(super) fn never_sent(&mut self, token: u64, error: DeliveryErrorKind) {
        let result = Err(DeliveryError { error, certainty: Certainty::Definite });
        self.events.push_back(ProducerEvent::Delivered { token, result });
    }

    /// §5.7: batches whose `delivery.timeout.ms` is over.
    pub(super) fn expire_batches(&mut self, now: Now) {
        while let Some(&(at, _, slot)) = self.accumulator.expiry.first() {
            if at > now.mono {
                break;
            }
            let batch = &self.accumulator.batches[slot];
            let tp = batch.tp;
            let unresolved = self.transactions.enabled && batch.attempts > 0 && batch.has_sequence();
            let after = self.domains.add(last_sequence(&self.domains, batch), 1);
            self.fail(slot, DeliveryErrorKind::DeliveryTimeout, ErrorCode::RequestTimedOut, false);
            if unresolved {
                let partition = self.accumulator.partitions.get_mut(tp).expect("a batch has a partition");
                if partition.unresolved.is_none_or(|known| is_later(&self.domains, after, known)) {
                    partition.unresolved = Some(after);
                }
                self.transactions.unresolved.insert(tp);
            }
            self.refresh(tp);
        }
    }

    /// Records that have waited for `max.block.ms`.
    pub(super) fn expire_waiting(&mut self, now: Now) {
        while self.accumulator.waiting.front().is_some_and(|w| w.deadline <= now.mono) {
            let Some(record) = self.accumulator.waiting.pop_front() else { break };
            self.accumulator.generations.end(record.generation);
            let kind = match self.accumulator.waits_for {
                WaitsFor::Metadata => DeliveryErrorKind::MetadataTimeout,
                WaitsFor::Memory => DeliveryErrorKind::BufferTimeout,
            };
            self.never_sent(record.token, kind);
            // An exception of send() fails the transaction like that of a batch does.
            if self.transactions.enabled {
                self.transactions.batch_failed(ErrorCode::RequestTimedOut);
            }
        }
    }
}

fn failure(tp: TopicPartition, code: ErrorCode) -> ProducePartitionResponse {
    ProducePartitionResponse { tp, error: Some(code), base_offset: -1, log_start_offset: -1, current_leader: None }
}
