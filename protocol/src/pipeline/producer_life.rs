//! The producers that a pipeline has one after the other, and what their errors mean for it (§6.3).

use super::*;
use crate::error::Retry;
use crate::producer::ProducerState;

/// What a failed call means for the application (§6.3).
pub(super) enum Failure {
    /// Repeat the same call.
    Repeat,
    /// Abort, go back, go on.
    Abort(ErrorCode),
    /// A new producer.
    Fatal(ErrorCode),
}

impl Pipeline {
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

    pub(super) fn initialized(&mut self, now: Now, result: Result<(), ProducerError>, out: &mut Outputs) {
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
    pub(super) fn begin_loop(&mut self, now: Now, out: &mut Outputs) {
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

    pub(super) fn say_failed(&mut self, error: ErrorCode) {
        let fenced = matches!(error, ErrorCode::ProducerFenced | ErrorCode::InvalidProducerEpoch);
        self.say(PipelineEvent::ProducerFailed { error, fenced });
    }

    /// The producer is of no use any more (§6.3, step 4).
    pub(super) fn fail(&mut self, now: Now, error: ErrorCode, out: &mut Outputs) {
        self.say_failed(error);
        if self.transactional() {
            self.forget_work();
        }
        self.replace_producer(now, out);
    }

    pub(super) fn replace_producer(&mut self, now: Now, out: &mut Outputs) {
        self.inbox.producer_closed = false;
        self.enter(Phase::ReplacingProducer);
        let closed = self.with_producer(out, |producer, out| producer.close(now, Span::ZERO, out));
        self.inbox.producer_closed |= closed.is_err();
    }

    pub(super) fn new_incarnation(&mut self, now: Now, out: &mut Outputs) {
        self.incarnation += 1;
        self.inbox.producer_closed = false;
        self.inbox.flushed = false;
        self.producer = new_producer(&self.config, &self.bootstrap);
        self.say(PipelineEvent::Incarnation(self.incarnation));
        self.initialize(now, out);
    }

    pub(super) fn close_producer(&mut self, now: Now, out: &mut Outputs) {
        self.enter(Phase::ClosingProducer);
        let closed = self.with_producer(out, |producer, out| producer.close(now, Span::FOREVER, out));
        self.inbox.producer_closed |= closed.is_err();
    }

    pub(super) fn classify(&self, error: ProducerError) -> Failure {
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

    pub(super) fn failed(&mut self, now: Now, error: ProducerError, out: &mut Outputs) {
        match self.classify(error) {
            Failure::Fatal(error) => self.fail(now, error, out),
            Failure::Abort(error) if self.open.is_none() => self.fail(now, error, out),
            Failure::Repeat if self.open.is_none() => self.fail(now, ErrorCode::RequestTimedOut, out),
            Failure::Abort(_) | Failure::Repeat => self.begin_abort(),
        }
    }
}
