//! The application's calls (§5.2).

use super::Producer;
use super::accumulator::{ProducerRecord, WaitingRecord};
use super::event::*;
use super::transaction_manager::{Call, Handler, PendingCall, TxnRequest};
use crate::batch::{BATCH_OVERHEAD, TransactionResult};
use crate::error::ErrorCode;
use crate::io::Outputs;
use crate::message::{GroupMetadata, OffsetToCommit, ProducerIdAndEpoch};
use crate::time::{Instant, Now, Span};

use ProducerError::IllegalState;

impl Producer {
    /// `initTransactions`; ends with [`ProducerEvent::InitDone`].
    ///
    /// # Errors
    /// Not transactional, called before, or in an error state.
    pub fn init_transactions(&mut self, now: Now, out: &mut Outputs) -> Result<(), ProducerError> {
        if self.attach(now, Call::Init)? {
            self.run(now, out);
            return Ok(());
        }
        self.check_no_error()?;
        self.check_transition(ProducerState::Initializing, "initTransactions was called before")?;
        self.transactions.become_state(ProducerState::Initializing);
        let given = ProducerIdAndEpoch::NONE;
        self.transactions.enqueue(Handler::new(TxnRequest::InitProducerId { given, epoch_bump: false }));
        self.begin_call(now, Call::Init);
        self.run(now, out);
        Ok(())
    }

    /// `beginTransaction`: local, nothing follows.
    ///
    /// # Errors
    /// Not READY, or in an error state.
    pub fn begin_transaction(&mut self, _now: Now, _out: &mut Outputs) -> Result<(), ProducerError> {
        self.check_transactional()?;
        self.check_no_pending_call()?;
        self.check_no_error()?;
        self.check_transition(ProducerState::InTransaction, "beginTransaction needs READY")?;
        self.transactions.become_state(ProducerState::InTransaction);
        Ok(())
    }

    /// `send`; ends with [`ProducerEvent::Delivered`] for `token`. A record that must wait (for metadata or memory) does
    /// so for at most `max.block.ms`, and later ones behind it.
    ///
    /// # Errors
    /// A transactional producer outside a transaction, an error state, or closed.
    pub fn send(
        &mut self,
        now: Now,
        token: u64,
        record: ProducerRecord,
        out: &mut Outputs,
    ) -> Result<(), ProducerError> {
        self.check_open()?;
        if self.transactions.enabled {
            self.check_no_error()?;
            if self.transactions.is_transactional() {
                self.check_no_pending_call()?;
                if self.transactions.state != ProducerState::InTransaction || !self.transactions.producer.is_some() {
                    return Err(IllegalState("send needs a transaction"));
                }
            }
        }
        let size = i64::from(record.record.size()) + i64::from(BATCH_OVERHEAD);
        if size > i64::from(self.config.max_request_size) || size > self.config.buffer_memory {
            self.never_sent(token, DeliveryErrorKind::RecordTooLarge);
            if self.transactions.enabled {
                self.transactions.batch_failed(ErrorCode::MessageTooLarge);
                self.run(now, out);
            }
            return Ok(());
        }
        let generation = self.accumulator.generations.current();
        let mut record = record;
        if self.accumulator.waiting.is_empty() {
            match self.place(now, token, record, generation) {
                Ok(news) => {
                    if news {
                        self.run(now, out);
                    }
                    return Ok(());
                }
                Err((back, waits_for)) => {
                    record = back;
                    self.accumulator.waits_for = waits_for;
                }
            }
        }
        let deadline = now.mono + Span::from_millis(self.config.max_block_ms);
        self.accumulator.generations.begin(generation);
        let first = self.accumulator.waiting.is_empty();
        self.accumulator.waiting.push_back(WaitingRecord { deadline, generation, token, record });
        if first {
            self.run(now, out);
        }
        Ok(())
    }

    /// `sendOffsetsToTransaction`; ends with [`ProducerEvent::OffsetsSent`]. After a time-out the request goes on, but its
    /// outcome is not told any more; if it fails, so does the transaction.
    ///
    /// # Errors
    /// Outside a transaction, or in an error state.
    pub fn send_offsets_to_transaction(
        &mut self,
        now: Now,
        offsets: Vec<OffsetToCommit>,
        group: GroupMetadata,
        out: &mut Outputs,
    ) -> Result<(), ProducerError> {
        self.check_transactional()?;
        self.check_no_pending_call()?;
        self.check_no_error()?;
        if self.transactions.state != ProducerState::InTransaction {
            return Err(IllegalState("sendOffsetsToTransaction needs a transaction"));
        }
        if self.transactions.offsets_call.is_some() {
            return Err(IllegalState("sendOffsetsToTransaction has not returned"));
        }
        let t = &mut self.transactions;
        let id = t.next_offsets_call;
        t.next_offsets_call += 1;
        t.offsets_call = Some((id, now.mono + Span::from_millis(self.config.max_block_ms)));
        if offsets.is_empty() {
            self.finish_offsets_call(Some(id), Ok(()));
            return Ok(());
        }
        let request = if t.tv2 {
            t.started = true;
            let pending = offsets.iter().map(|o| o.tp).collect();
            TxnRequest::TxnOffsetCommit { offsets, group, pending }
        } else {
            TxnRequest::AddOffsets { offsets, group }
        };
        let mut handler = Handler::new(request);
        handler.offsets_call = Some(id);
        t.enqueue(handler);
        self.run(now, out);
        Ok(())
    }

    /// `commitTransaction`; ends with [`ProducerEvent::Committed`].
    ///
    /// # Errors
    /// Outside a transaction, or in an error state.
    pub fn commit_transaction(&mut self, now: Now, out: &mut Outputs) -> Result<(), ProducerError> {
        if self.attach(now, Call::Commit)? {
            self.run(now, out);
            return Ok(());
        }
        self.check_no_error()?;
        self.check_transition(ProducerState::CommittingTransaction, "commitTransaction needs a transaction")?;
        self.transactions.become_state(ProducerState::CommittingTransaction);
        self.begin_completing(TransactionResult::Commit);
        self.begin_call(now, Call::Commit);
        self.run(now, out);
        Ok(())
    }

    /// `abortTransaction`; ends with [`ProducerEvent::Aborted`].
    ///
    /// # Errors
    /// Neither in a transaction nor in the abortable error state, or fatally failed.
    pub fn abort_transaction(&mut self, now: Now, out: &mut Outputs) -> Result<(), ProducerError> {
        if self.attach(now, Call::Abort)? {
            self.run(now, out);
            return Ok(());
        }
        if self.transactions.state != ProducerState::AbortableError {
            self.check_no_error()?;
        }
        self.check_transition(ProducerState::AbortingTransaction, "abortTransaction needs a transaction")?;
        self.begin_abort();
        self.begin_call(now, Call::Abort);
        self.run(now, out);
        Ok(())
    }

    /// `flush`; ends with [`ProducerEvent::Flushed`].
    ///
    /// # Errors
    /// Closed.
    pub fn flush(&mut self, now: Now, out: &mut Outputs) -> Result<(), ProducerError> {
        self.check_open()?;
        self.accumulator.generations.flush();
        self.run(now, out);
        Ok(())
    }

    /// `close(timeout)`: delivers what was sent, aborts an unfinished transaction, closes the connections; ends with
    /// [`ProducerEvent::Closed`]. After `timeout` what is left is given up. [`Span::FOREVER`] is Kafka's default.
    ///
    /// # Errors
    /// Closed already.
    pub fn close(&mut self, now: Now, timeout: Span, out: &mut Outputs) -> Result<(), ProducerError> {
        self.check_open()?;
        self.closing = Some(now.mono + timeout);
        self.run(now, out);
        Ok(())
    }

    // ---- What the calls have in common -----------------------------------------------------------------------------

    fn check_open(&self) -> Result<(), ProducerError> {
        match self.closing {
            Some(_) => Err(IllegalState("the producer is closed")),
            None => Ok(()),
        }
    }

    fn check_transactional(&self) -> Result<(), ProducerError> {
        self.check_open()?;
        if self.transactions.is_transactional() { Ok(()) } else { Err(IllegalState("there is no transactional.id")) }
    }

    fn check_no_error(&self) -> Result<(), ProducerError> {
        self.transactions.error().map_or(Ok(()), Err)
    }

    fn check_no_pending_call(&self) -> Result<(), ProducerError> {
        match self.transactions.call {
            Some(_) => Err(IllegalState("the previous call has not returned, or timed out and must be repeated")),
            None => Ok(()),
        }
    }

    fn check_transition(&self, next: ProducerState, why: &'static str) -> Result<(), ProducerError> {
        if self.transactions.may_become(next) { Ok(()) } else { Err(IllegalState(why)) }
    }

    /// Whether the call repeats one that is still running or that ended after its time-out: then it waits for that one.
    fn attach(&mut self, now: Now, call: Call) -> Result<bool, ProducerError> {
        self.check_transactional()?;
        let Some(pending) = &mut self.transactions.call else { return Ok(false) };
        if pending.call != call {
            return Err(IllegalState("the previous call has not returned, or timed out and must be repeated"));
        }
        pending.deadline = Some(now.mono + Span::from_millis(self.config.max_block_ms));
        if let Some(result) = pending.outcome {
            self.finish_call(result);
        }
        Ok(true)
    }

    fn begin_call(&mut self, now: Now, call: Call) {
        let deadline: Instant = now.mono + Span::from_millis(self.config.max_block_ms);
        self.transactions.call = Some(PendingCall { call, deadline: Some(deadline), outcome: None });
    }

    /// A blocking call has its outcome: it returns, or keeps it for the repetition.
    pub(super) fn finish_call(&mut self, result: Result<(), ProducerError>) {
        let Some(pending) = &mut self.transactions.call else { return };
        if pending.deadline.is_some() {
            let call = pending.call;
            self.transactions.call = None;
            self.events.push_back(returned(call, result));
        } else if pending.outcome.is_none() {
            pending.outcome = Some(result);
        }
    }

    /// `send_offsets_to_transaction` has its outcome.
    pub(super) fn finish_offsets_call(&mut self, id: Option<u64>, result: Result<(), ProducerError>) {
        if id.is_some() && self.transactions.offsets_call.map(|(waiting, _)| waiting) == id {
            self.transactions.offsets_call = None;
            self.events.push_back(ProducerEvent::OffsetsSent(result));
        }
    }

    /// Calls that have blocked for `max.block.ms`.
    pub(super) fn expire_calls(&mut self, now: Now) {
        if let Some(pending) = &mut self.transactions.call
            && pending.deadline.is_some_and(|at| at <= now.mono)
        {
            pending.deadline = None;
            let call = pending.call;
            self.events.push_back(returned(call, Err(ProducerError::Timeout)));
        }
        if self.transactions.offsets_call.is_some_and(|(_, at)| at <= now.mono) {
            self.transactions.offsets_call = None;
            self.events.push_back(ProducerEvent::OffsetsSent(Err(ProducerError::Timeout)));
        }
    }
}

fn returned(call: Call, result: Result<(), ProducerError>) -> ProducerEvent {
    match call {
        Call::Init => ProducerEvent::InitDone(result),
        Call::Commit => ProducerEvent::Committed(result),
        Call::Abort => ProducerEvent::Aborted(result),
    }
}
