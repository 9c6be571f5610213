//! The loop itself: polling and processing. One function for each phase does what can be done now.

use super::*;
use crate::batch::{Origin, Value};
use crate::producer::ProducerRecord;

impl Pipeline {
    /// Does one step; whether there was one to do.
    pub(super) fn step(&mut self, now: Now, out: &mut Outputs) -> bool {
        if let Some(error) = self.inbox.dead.take() {
            self.die(now, error, out);
            return true;
        }
        match self.phase {
            Phase::New | Phase::Dead => return false,
            Phase::Initializing => match self.inbox.initialized.take() {
                Some(result) => self.initialized(now, result, out),
                None => return false,
            },
            Phase::BackingOff if now.mono >= self.pause_until => self.replace_producer(now, out),
            Phase::BackingOff => return false,
            Phase::Deciding => self.decide(now, out),
            Phase::Polling => return self.end_poll(now),
            Phase::Processing => return self.process(now, out),
            Phase::Flushing => return self.flush(now, out),
            Phase::CommittingOffsets => return self.commit_offsets(now, out),
            Phase::SendingOffsets => return self.send_offsets(now, out),
            Phase::Committing => return self.commit(now, out),
            Phase::Aborting => return self.abort(now, out),
            Phase::Rewinding => return self.rewind(now, out),
            Phase::ReplacingProducer if self.inbox.producer_closed => self.new_incarnation(now, out),
            Phase::ClosingConsumer if self.consumer.is_dead() => self.close_producer(now, out),
            Phase::ClosingProducer if self.inbox.producer_closed => {
                self.phase = Phase::Dead;
                self.say(PipelineEvent::Closed);
            }
            Phase::ReplacingProducer | Phase::ClosingConsumer | Phase::ClosingProducer => return false,
        }
        true
    }

    /// When the loop itself wants to be woken.
    pub(super) fn own_deadline(&self) -> Instant {
        match self.phase {
            Phase::Polling if self.has_uncommitted_work() => self.commit_at,
            Phase::Processing if self.working.is_none() => self.busy_until,
            Phase::BackingOff => self.pause_until,
            Phase::Flushing if !self.resend.is_empty() => self.pause_until,
            _ => Instant::NEVER,
        }
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.called = false;
    }

    /// Passes a point at which the pipeline may have been told to halt.
    pub(super) fn pass(&mut self, point: CrashPoint) {
        for (passed, (at, after)) in self.passed.iter_mut().zip(&self.config.halt_at) {
            if *at == point {
                self.halted |= passed == after;
                *passed += 1;
            }
        }
        if self.halted {
            self.say(PipelineEvent::Halted(point));
        }
    }

    pub(super) fn die(&mut self, now: Now, error: ErrorCode, out: &mut Outputs) {
        self.say(PipelineEvent::Fatal(error));
        self.closing = true;
        self.enter(Phase::ClosingConsumer);
        self.consumer.close(now, out);
    }

    pub(super) fn decide(&mut self, now: Now, out: &mut Outputs) {
        if std::mem::take(&mut self.inbox.lost) {
            if self.open.is_some() {
                return self.begin_abort(); // the generation has gone on without us: it would be refused anyway
            }
            self.forget_work();
        }
        let finish = self.inbox.revoking || self.closing || now.mono >= self.commit_at;
        if finish && self.has_uncommitted_work() {
            if self.transactional() {
                self.enter(Phase::SendingOffsets);
                self.pass(CrashPoint::AfterWrite);
            } else {
                self.enter(Phase::Flushing);
            }
        } else if self.inbox.revoking {
            self.answer_revocation(now, out);
        } else if self.closing {
            self.enter(Phase::ClosingConsumer);
            self.consumer.close(now, out);
        } else {
            self.poll(now, out);
        }
    }

    pub(super) fn answer_revocation(&mut self, now: Now, out: &mut Outputs) {
        if std::mem::take(&mut self.inbox.revoking) {
            self.consumer.revoked(now, out);
        }
    }

    pub(super) fn poll(&mut self, now: Now, out: &mut Outputs) {
        self.inbox.records = false;
        self.enter(Phase::Polling);
        let mut records = std::mem::take(&mut self.records);
        let limit = self.config.consumer.max_poll_records as usize;
        let count = self.consumer.poll(now, limit, &mut records, out);
        for read in records.drain(..) {
            self.touched.insert(read.tp);
            self.say(PipelineEvent::Read(read.clone()));
            self.work.push_back(read);
        }
        self.records = records;
        if count == 0 {
            return;
        }
        self.next_record = 0;
        self.work_is_new = self.config.own_work;
        if self.commit_at == Instant::NEVER {
            self.commit_at = now.mono + Span::from_millis(self.config.commit_interval_ms);
        }
        self.enter(Phase::Processing);
        self.begin_record(now);
        if self.config.guarantee == Guarantee::AtMostOnce {
            self.enter(Phase::CommittingOffsets);
        } else if self.transactional() && self.open.is_none() {
            let n = self.next_txn;
            match self.with_producer(out, |producer, out| producer.begin_transaction(now, out)) {
                Ok(()) => {
                    self.next_txn += 1;
                    self.open = Some(n);
                    self.say(PipelineEvent::Begun { n });
                }
                Err(error) => return self.failed(now, error, out),
            }
        }
        self.pass(CrashPoint::AfterPoll);
    }

    /// Inside a poll: whether there is a reason to return from it.
    pub(super) fn end_poll(&mut self, now: Now) -> bool {
        let due = self.has_uncommitted_work() && now.mono >= self.commit_at;
        let inbox = &self.inbox;
        if !(inbox.records || inbox.revoking || inbox.lost || self.closing || due) {
            return false;
        }
        if due && !inbox.revoking {
            self.consumer.leave_poll(now);
        }
        self.enter(Phase::Deciding);
        true
    }

    pub(super) fn begin_record(&mut self, now: Now) {
        let takes = self.config.processing_time;
        self.busy_until = if takes == Span::ZERO { Instant::ZERO } else { now.mono + takes };
    }

    /// Hands its own work to the application; whether that is still to be waited for.
    pub(super) fn application_works(&mut self) -> bool {
        if std::mem::take(&mut self.work_is_new) {
            let number = self.next_work;
            self.next_work += 1;
            self.working = Some(number);
            self.say(PipelineEvent::Work { number, records: self.work.iter().cloned().collect() });
        }
        self.working.is_some()
    }

    pub(super) fn process(&mut self, now: Now, out: &mut Outputs) -> bool {
        if self.application_works() {
            return false;
        }
        let mut progress = false;
        while let Some(read) = self.work.front() {
            if now.mono < self.busy_until {
                return progress;
            }
            progress = true;
            let position = (read.range.start + self.next_record) as usize;
            let input = &read.batch.records()[position];
            let (tp, offset) = (read.tp, read.batch.base_offset + position as Offset);
            let key = input.key.clone();
            let value = input.value.as_ref().map(|value| self.config.function.apply(value));
            while self.next_output < self.config.outputs_per_input {
                let index = self.next_output;
                let stage = self.config.stage;
                let origin = Origin { source: tp.topic.0, partition: tp.partition, offset, stage, index };
                let slip = self.config.slip_at == Some(self.next_op);
                let value = if slip { Some("a slip".into()) } else { value.clone() };
                let record = Record { origin, timestamp_ms: now.wall_ms, key: key.clone(), value };
                if !self.send(now, record, out) {
                    return true;
                }
                self.next_output += 1;
            }
            self.next_output = 0;
            self.next_record += 1;
            if self.work.front().is_some_and(|read| self.next_record as usize >= read.len()) {
                self.work.pop_front();
                self.next_record = 0;
            }
            self.begin_record(now);
        }
        self.busy_until = Instant::NEVER;
        self.enter(match self.config.guarantee {
            Guarantee::AtMostOnce => Phase::Flushing,
            Guarantee::AtLeastOnce | Guarantee::ExactlyOnceV2 => Phase::Deciding,
        });
        true
    }

    /// Sends one output; false if the producer failed and the phase has changed.
    pub(super) fn send(&mut self, now: Now, record: Record, out: &mut Outputs) -> bool {
        let (op, topic, n) = (self.next_op, self.config.output, self.open);
        self.next_op += 1;
        let value = record.value.as_ref().map(Value::fingerprint);
        self.say(PipelineEvent::Sent { op, topic, origin: record.origin, n, value });
        if !self.transactional() {
            self.unacknowledged.push_back(Unacknowledged { op, record: Some(record.clone()) });
        }
        match self.with_producer(out, |producer, out| {
            producer.send(now, op, ProducerRecord { topic, partition: None, record }, out)
        }) {
            Ok(()) => true,
            Err(error) => {
                let certainty = Certainty::Definite;
                let code = match error {
                    ProducerError::Abortable(code) | ProducerError::Fatal(code) => code,
                    ProducerError::IllegalState(_) | ProducerError::Timeout => ErrorCode::UnknownServerError,
                };
                let error_of_record = DeliveryError { error: DeliveryErrorKind::Code(code), certainty };
                self.say(PipelineEvent::Delivered { op, result: Err(error_of_record) });
                // A new producer begins with this output.
                self.settle(op, false);
                self.failed(now, error, out);
                false
            }
        }
    }

    pub(super) fn flush(&mut self, now: Now, out: &mut Outputs) -> bool {
        if !self.called {
            if now.mono < self.pause_until && !self.resend.is_empty() {
                return false;
            }
            while let Some(record) = self.resend.front().cloned() {
                if !self.send(now, record, out) {
                    return true;
                }
                self.resend.pop_front();
            }
            self.called = true;
            self.inbox.flushed = false;
            if let Err(error) = self.with_producer(out, |producer, out| producer.flush(now, out)) {
                self.failed(now, error, out);
            }
            return true;
        }
        if !std::mem::take(&mut self.inbox.flushed) {
            return false;
        }
        if !self.resend.is_empty() {
            self.pause_until = now.mono + Span::from_millis(self.config.producer.retry_backoff_ms);
            self.called = false;
        } else {
            self.enter(match self.config.guarantee {
                Guarantee::AtLeastOnce => Phase::CommittingOffsets,
                Guarantee::AtMostOnce | Guarantee::ExactlyOnceV2 => Phase::Deciding,
            });
            self.pass(CrashPoint::AfterWrite);
        }
        true
    }
}
