//! How an application ends its transactions, and what it does when its producer is of no use any more.

use std::collections::VecDeque;

use fencepost_protocol::io::Outputs;
use fencepost_protocol::producer::{ProducerError, ProducerEvent};
use fencepost_protocol::time::{Now, Span};
use fencepost_reports::history::event as h;

use super::{Phase, ProducerClient, RESTART_PAUSE};
use crate::evidence::{History, error_name, returned};
use crate::plan::OnUnknown;

impl ProducerClient {
    pub(super) fn end_transaction(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        let every = u64::from(self.plan.abort_every);
        if every > 0 && self.transaction.is_multiple_of(every) {
            self.abort(now, true, out, history);
            return;
        }
        self.recorder.ending(now, self.transaction, true, history);
        self.commit_invoked = true;
        self.phase = Phase::Committing;
        self.call_commit(now, out, history);
    }

    pub(super) fn call_commit(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        let producer = self.producer.as_mut().expect("there is a producer while committing");
        match producer.commit_transaction(now, out) {
            Ok(()) => {}
            Err(error) => self.committed(now, Err(error), out, history),
        }
    }

    pub(super) fn abort(&mut self, now: Now, wanted: bool, out: &mut Outputs, history: &mut History<'_>) {
        self.recorder.ending(now, self.transaction, false, history);
        self.phase = Phase::Aborting { wanted };
        let producer = self.producer.as_mut().expect("there is a producer while aborting");
        if let Err(error) = producer.abort_transaction(now, out) {
            self.aborted(now, Err(error), out, history);
        }
    }

    pub(super) fn committed(
        &mut self,
        now: Now,
        result: Result<(), ProducerError>,
        out: &mut Outputs,
        history: &mut History<'_>,
    ) {
        match result {
            Ok(()) => {
                self.recorder.ended(now, h::Outcome::Ok, "", history);
                self.progress.step();
                self.in_transaction.clear();
                self.commit_invoked = false;
                self.phase = Phase::Sending;
            }
            Err(ProducerError::Timeout) => self.call_commit(now, out, history),
            Err(ProducerError::Abortable(code)) => {
                // EndTxn was not sent, or was refused: the transaction did not commit.
                self.recorder.ended(now, h::Outcome::Fail, code.name(), history);
                self.commit_invoked = false;
                self.abort(now, false, out, history);
            }
            Err(error) => {
                self.recorder.ended(now, h::Outcome::Unknown, error_name(error), history);
                self.break_down(now, error, out, history);
            }
        }
    }

    pub(super) fn aborted(
        &mut self,
        now: Now,
        result: Result<(), ProducerError>,
        out: &mut Outputs,
        history: &mut History<'_>,
    ) {
        let Phase::Aborting { wanted } = self.phase else { return };
        match result {
            Ok(()) => {
                self.recorder.ended(now, h::Outcome::Ok, "", history);
                let records = std::mem::take(&mut self.in_transaction);
                if wanted {
                    self.progress.step();
                } else {
                    self.send_again(records);
                }
                self.phase = Phase::Sending;
            }
            Err(ProducerError::Timeout) => {
                let producer = self.producer.as_mut().expect("there is a producer while aborting");
                if let Err(error) = producer.abort_transaction(now, out) {
                    self.recorder.ended(now, h::Outcome::Unknown, error_name(error), history);
                    self.break_down(now, error, out, history);
                }
            }
            Err(error) => {
                self.recorder.ended(now, h::Outcome::Unknown, error_name(error), history);
                self.break_down(now, error, out, history);
            }
        }
    }

    /// Records of a transaction that did not commit come again, before the others.
    pub(super) fn send_again(&mut self, records: Vec<u64>) {
        for index in records.into_iter().rev() {
            self.again.push_front(index);
        }
    }

    /// The producer is unusable: the application closes it and makes a new one after a pause.
    pub(super) fn break_down(&mut self, now: Now, error: ProducerError, out: &mut Outputs, history: &mut History<'_>) {
        self.recorder.failed(now, error, history);
        if let Some(mut producer) = self.producer.take() {
            // Delivered events of what was under way come with the close.
            let _ = producer.close(now, Span::ZERO, out);
            while let Some(event) = producer.poll_event() {
                if let ProducerEvent::Delivered { token, result } = event {
                    self.returned(now, token, returned(result), history);
                }
            }
        }
        let sends = self.recorder.give_up(now, "the producer is gone", history);
        self.settle_sends(sends);
        self.settle_transaction();
        self.phase = Phase::Broken { until: now.mono + RESTART_PAUSE };
    }

    /// What became of these sends will never be known.
    pub(super) fn settle_sends(&mut self, sends: VecDeque<(u64, u64)>) {
        if self.plan.on_unknown == OnUnknown::Resend && !self.is_transactional() {
            self.again.extend(sends.into_iter().map(|(_, index)| index));
        }
    }

    /// The producer that ran the current transaction is gone: a transaction whose commit was never asked for is aborted
    /// by the next incarnation, so its records are sent again; one whose commit has an unknown outcome is left.
    pub(super) fn settle_transaction(&mut self) {
        let records = std::mem::take(&mut self.in_transaction);
        if !self.commit_invoked || self.plan.on_unknown == OnUnknown::Resend {
            self.send_again(records);
        }
        self.commit_invoked = false;
    }
}
