//! The loop itself: one function for each phase, which does what can be done now.

use super::*;
use crate::batch::{Origin, Value};
use crate::error::Retry;
use crate::message::GroupMetadata;
use crate::producer::ProducerState;

/// What a failed call means for the application (§6.3).
enum Failure {
    /// Repeat the same call.
    Repeat,
    /// Abort, go back, go on.
    Abort(ErrorCode),
    /// A new producer.
    Fatal(ErrorCode),
}

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

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.called = false;
    }

    /// Passes a point at which the pipeline may have been told to halt.
    fn pass(&mut self, point: CrashPoint) {
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

    fn die(&mut self, now: Now, error: ErrorCode, out: &mut Outputs) {
        self.say(PipelineEvent::Fatal(error));
        self.closing = true;
        self.enter(Phase::ClosingConsumer);
        self.consumer.close(now, out);
    }

    // ---- Producer's life --------------------------------------------------------------------------------------------

    pub(super) fn initialize(&mut self, now: Now, out: &mut Outputs) {
        if !self.transactional() {
            return self.begin_loop(now, out);
        }
        self.inbox.initialized = None;
        self.enter(Phase::Initializing);
        if let Err(error) = self.with_producer(out, |producer, out| producer.init_transactions(now, out)) {
            self.initialized(now, Err(error), out);
        }
    }

    fn initialized(&mut self, now: Now, result: Result<(), ProducerError>, out: &mut Outputs) {
        match result.map_err(|error| self.classify(error)) {
            Ok(()) => self.begin_loop(now, out),
            Err(Failure::Repeat) => self.initialize(now, out),
            Err(Failure::Fatal(error)) if error.retry() == Retry::Application => {
                self.say_failed(error);
                self.pause_until = now.mono + Span::from_millis(self.config.producer.retry_backoff_ms);
                self.enter(Phase::BackingOff);
            }
            Err(Failure::Abort(error) | Failure::Fatal(error)) => self.die(now, error, out),
        }
    }

    /// There is a producer: subscribe, or go back to where the last one left off.
    fn begin_loop(&mut self, now: Now, out: &mut Outputs) {
        if !self.subscribed {
            self.subscribed = true;
            self.consumer.subscribe(now, self.config.inputs.clone(), out);
            self.enter(Phase::Deciding);
        } else if self.transactional() {
            self.enter(Phase::Rewinding);
        } else {
            // What was not acknowledged is sent again; work that was not done goes on.
            self.enter(if self.work.is_empty() { Phase::Flushing } else { Phase::Processing });
        }
    }

    fn say_failed(&mut self, error: ErrorCode) {
        let fenced = matches!(error, ErrorCode::ProducerFenced | ErrorCode::InvalidProducerEpoch);
        self.say(PipelineEvent::ProducerFailed { error, fenced });
    }

    /// The producer is of no use any more (§6.3, step 4).
    fn fail(&mut self, now: Now, error: ErrorCode, out: &mut Outputs) {
        self.say_failed(error);
        if self.transactional() {
            self.forget_work();
        }
        self.replace_producer(now, out);
    }

    fn replace_producer(&mut self, now: Now, out: &mut Outputs) {
        self.inbox.producer_closed = false;
        self.enter(Phase::ReplacingProducer);
        let closed = self.with_producer(out, |producer, out| producer.close(now, Span::ZERO, out));
        self.inbox.producer_closed |= closed.is_err();
    }

    fn new_incarnation(&mut self, now: Now, out: &mut Outputs) {
        self.incarnation += 1;
        self.inbox.producer_closed = false;
        self.inbox.flushed = false;
        self.producer = new_producer(&self.config, &self.bootstrap);
        self.say(PipelineEvent::Incarnation(self.incarnation));
        self.initialize(now, out);
    }

    fn close_producer(&mut self, now: Now, out: &mut Outputs) {
        self.enter(Phase::ClosingProducer);
        let closed = self.with_producer(out, |producer, out| producer.close(now, Span(u64::MAX), out));
        self.inbox.producer_closed |= closed.is_err();
    }

    fn classify(&self, error: ProducerError) -> Failure {
        match error {
            ProducerError::Timeout => Failure::Repeat,
            ProducerError::Abortable(code) => Failure::Abort(code),
            ProducerError::Fatal(code) => Failure::Fatal(code),
            // The state changed in the background since the last event.
            ProducerError::IllegalState(text) => match self.producer.state() {
                ProducerState::AbortableError => Failure::Abort(ErrorCode::UnknownServerError),
                ProducerState::FatalError => Failure::Fatal(ErrorCode::UnknownServerError),
                state => panic!("the pipeline calls its producer in the right order: {text} in {state:?}"),
            },
        }
    }

    fn failed(&mut self, now: Now, error: ProducerError, out: &mut Outputs) {
        match self.classify(error) {
            Failure::Fatal(error) => self.fail(now, error, out),
            Failure::Abort(error) if self.open.is_none() => self.fail(now, error, out),
            Failure::Repeat if self.open.is_none() => self.fail(now, ErrorCode::RequestTimedOut, out),
            Failure::Abort(_) | Failure::Repeat => self.begin_abort(),
        }
    }

    // ---- Poll -------------------------------------------------------------------------------------------------------

    fn decide(&mut self, now: Now, out: &mut Outputs) {
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

    fn answer_revocation(&mut self, now: Now, out: &mut Outputs) {
        if std::mem::take(&mut self.inbox.revoking) {
            self.consumer.revoked(now, out);
        }
    }

    fn poll(&mut self, now: Now, out: &mut Outputs) {
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
    fn end_poll(&mut self, now: Now) -> bool {
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

    // ---- Process ----------------------------------------------------------------------------------------------------

    pub(super) fn begin_record(&mut self, now: Now) {
        let takes = self.config.processing_time;
        self.busy_until = if takes == Span::ZERO { Instant::ZERO } else { now.mono + takes };
    }

    /// Hands its own work to the application; whether that is still to be waited for.
    fn application_works(&mut self) -> bool {
        if std::mem::take(&mut self.work_is_new) {
            let number = self.next_work;
            self.next_work += 1;
            self.working = Some(number);
            self.say(PipelineEvent::Work { number, records: self.work.iter().cloned().collect() });
        }
        self.working.is_some()
    }

    fn process(&mut self, now: Now, out: &mut Outputs) -> bool {
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
    fn send(&mut self, now: Now, record: Record, out: &mut Outputs) -> bool {
        let (op, topic, n) = (self.next_op, self.config.output, self.open);
        self.next_op += 1;
        let value = record.value.as_ref().map(Value::fingerprint);
        self.say(PipelineEvent::Sent { op, topic, origin: record.origin, n, value });
        if !self.transactional() {
            self.unacknowledged.push_back(Unacknowledged { op, record: Some(record.clone()) });
        }
        match self.with_producer(out, |producer, out| producer.send(now, op, topic, None, record, out)) {
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

    fn flush(&mut self, now: Now, out: &mut Outputs) -> bool {
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

    // ---- Commit -----------------------------------------------------------------------------------------------------

    fn commit_offsets(&mut self, now: Now, out: &mut Outputs) -> bool {
        let first = self.config.guarantee == Guarantee::AtMostOnce;
        if self.config.own_offsets {
            // They are where the application keeps them, with what it did.
            self.touched.clear();
            self.commit_at = Instant::NEVER;
            self.enter(Phase::Deciding);
            return true;
        }
        if !self.called {
            self.called = true;
            let consumer = &self.consumer;
            let offsets: Vec<_> = self.touched.iter().filter_map(|tp| consumer.position_to_commit(*tp)).collect();
            self.inbox.offsets_committed = None;
            self.waits_for = Some(self.consumer.commit_sync(now, offsets, out));
            return true;
        }
        let Some(result) = self.inbox.offsets_committed.take() else { return false };
        self.waits_for = None;
        match result {
            Ok(()) => {
                self.touched.clear();
                self.commit_at = Instant::NEVER;
                self.enter(if first { Phase::Processing } else { Phase::Deciding });
                if first {
                    self.begin_record(now);
                }
                self.pass(CrashPoint::AfterOffsets);
            }
            Err(_) if first => {
                // Whether they count as read is for the coordinator to say: nothing is processed before that.
                self.forget_work();
                self.enter(Phase::Rewinding);
            }
            Err(failure) => {
                // The next commit covers what this one did not, unless the partitions go away.
                let leaving = self.inbox.revoking || self.inbox.lost || self.closing;
                if leaving || !failure.error.is_retriable() {
                    self.forget_work();
                } else {
                    let pause = self.config.commit_interval_ms.max(self.config.producer.retry_backoff_ms);
                    self.commit_at = now.mono + Span::from_millis(pause);
                }
                self.enter(Phase::Deciding);
            }
        }
        true
    }

    /// Nothing of what was read is in progress any more.
    pub(super) fn forget_work(&mut self) {
        self.work_is_new = false;
        self.working = None;
        self.open = None;
        self.touched.clear();
        self.work.clear();
        self.next_record = 0;
        self.next_output = 0;
        self.busy_until = Instant::NEVER;
        self.commit_at = Instant::NEVER;
    }

    fn transaction(&self) -> u64 {
        self.open.expect("the phases of a transaction have one open")
    }

    fn send_offsets(&mut self, now: Now, out: &mut Outputs) -> bool {
        if !self.called {
            self.called = true;
            let consumer = &self.consumer;
            let offsets: Vec<_> = self.touched.iter().filter_map(|tp| consumer.position_to_commit(*tp)).collect();
            if offsets.len() < self.touched.len() {
                self.begin_abort(); // a partition was lost under way
                return true;
            }
            let group = match self.config.send_offsets_with {
                SendOffsetsWith::GroupMetadata => consumer.group_metadata().clone(),
                SendOffsetsWith::GroupIdOnly => GroupMetadata::only_group(consumer.group_metadata().group_id.clone()),
            };
            let n = self.transaction();
            self.say(PipelineEvent::Offsets { n, offsets: offsets.clone(), group: group.clone() });
            self.inbox.offsets_sent = None;
            let call = |producer: &mut Producer, out: &mut Outputs| {
                producer.send_offsets_to_transaction(now, offsets, group, out)
            };
            if let Err(error) = self.with_producer(out, call) {
                self.failed(now, error, out);
            }
            return true;
        }
        match self.inbox.offsets_sent.take() {
            None => return false,
            Some(Ok(())) => {
                self.enter(Phase::Committing);
                self.pass(CrashPoint::AfterOffsets);
            }
            Some(Err(error)) => self.failed(now, error, out),
        }
        true
    }

    fn commit(&mut self, now: Now, out: &mut Outputs) -> bool {
        let n = self.transaction();
        if !self.called {
            self.called = true;
            let repeats = std::mem::take(&mut self.repeats);
            if !repeats {
                self.say(PipelineEvent::Ending { n, commit: true });
            }
            self.inbox.committed = None;
            if let Err(error) = self.with_producer(out, |producer, out| producer.commit_transaction(now, out)) {
                self.inbox.committed = Some(Err(error));
            }
            if !repeats {
                self.pass(CrashPoint::CommitSent);
            }
            return true;
        }
        let Some(result) = self.inbox.committed.take() else { return false };
        let ended = |outcome, error| PipelineEvent::Ended { n, commit: true, outcome, error };
        match result.map_err(|error| self.classify(error)) {
            Ok(()) => {
                self.say(ended(Outcome::Ok, None));
                self.forget_work();
                self.enter(Phase::Deciding);
                self.pass(CrashPoint::AfterCommit);
            }
            Err(Failure::Repeat) => {
                self.say(PipelineEvent::TimedOut { n, commit: true });
                self.called = false;
                self.repeats = true;
            }
            Err(Failure::Abort(error)) => {
                self.say(ended(Outcome::Failed, Some(error)));
                self.begin_abort();
            }
            Err(Failure::Fatal(error)) => {
                // An earlier attempt may have been carried out: only the next incarnation finds out.
                self.say(ended(Outcome::Unknown, Some(error)));
                self.fail(now, error, out);
            }
        }
        true
    }

    // ---- Abort and go back ------------------------------------------------------------------------------------------

    fn begin_abort(&mut self) {
        self.work_is_new = false;
        self.working = None;
        self.work.clear();
        self.next_record = 0;
        self.next_output = 0;
        self.repeats = false;
        self.enter(Phase::Aborting);
    }

    fn abort(&mut self, now: Now, out: &mut Outputs) -> bool {
        let n = self.transaction();
        if !self.called {
            self.called = true;
            if !std::mem::take(&mut self.repeats) {
                self.say(PipelineEvent::Ending { n, commit: false });
            }
            self.inbox.aborted = None;
            if let Err(error) = self.with_producer(out, |producer, out| producer.abort_transaction(now, out)) {
                self.inbox.aborted = Some(Err(error));
            }
            return true;
        }
        let Some(result) = self.inbox.aborted.take() else { return false };
        match result.map_err(|error| self.classify(error)) {
            Ok(()) => {
                self.say(PipelineEvent::Ended { n, commit: false, outcome: Outcome::Ok, error: None });
                self.forget_work();
                self.enter(Phase::Rewinding);
            }
            Err(Failure::Repeat) => {
                self.say(PipelineEvent::TimedOut { n, commit: false });
                self.called = false;
                self.repeats = true;
            }
            Err(Failure::Abort(error) | Failure::Fatal(error)) => {
                let outcome = Outcome::Unknown;
                self.say(PipelineEvent::Ended { n, commit: false, outcome, error: Some(error) });
                self.fail(now, error, out);
            }
        }
        true
    }

    /// What was read and not finished is read again.
    pub(super) fn go_back(&mut self) {
        if !self.config.own_offsets {
            return self.enter(Phase::Rewinding);
        }
        let partitions = self.consumer.assignment().filter(|tp| !self.unlocated.contains(tp)).collect();
        self.locate(partitions);
        self.enter(Phase::Deciding);
    }

    /// Goes back to the committed offsets (§6.3, step 3); where there are none, to where reading began.
    fn rewind(&mut self, now: Now, out: &mut Outputs) -> bool {
        if !self.called {
            self.called = true;
            // What is taken away need not be rewound.
            self.answer_revocation(now, out);
            let consumer = &self.consumer;
            let partitions: Vec<_> = consumer.assignment().filter(|tp| consumer.position(*tp).is_some()).collect();
            if partitions.is_empty() || self.closing {
                self.enter(Phase::Deciding);
            } else {
                self.inbox.committed_offsets = None;
                self.query = Some(self.consumer.committed(now, partitions, out));
            }
            return true;
        }
        let Some(answer) = self.inbox.committed_offsets.take() else {
            if self.closing {
                self.enter(Phase::Deciding);
            }
            return self.closing;
        };
        self.query = None;
        self.rewinding = true;
        for (tp, committed) in answer {
            let target = committed.map(|(offset, _)| offset).or_else(|| self.beginnings.get(tp).copied());
            if let Some(offset) = target.filter(|_| self.consumer.position(tp).is_some()) {
                self.consumer.seek(now, tp, offset, out);
            }
        }
        while let Some(event) = self.consumer.poll_event() {
            self.on_consumer(event);
        }
        self.rewinding = false;
        self.enter(Phase::Deciding);
        true
    }
}
