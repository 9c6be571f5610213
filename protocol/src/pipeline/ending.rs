//! How a round of the loop ends: offsets, commit, or abort and the way back.

use super::producer_life::Failure;
use super::*;
use crate::message::GroupMetadata;

impl Pipeline {
    pub(super) fn commit_offsets(&mut self, now: Now, out: &mut Outputs) -> bool {
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

    pub(super) fn transaction(&self) -> u64 {
        self.open.expect("the phases of a transaction have one open")
    }

    pub(super) fn send_offsets(&mut self, now: Now, out: &mut Outputs) -> bool {
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

    pub(super) fn commit(&mut self, now: Now, out: &mut Outputs) -> bool {
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

    pub(super) fn begin_abort(&mut self) {
        self.work_is_new = false;
        self.working = None;
        self.work.clear();
        self.next_record = 0;
        self.next_output = 0;
        self.repeats = false;
        self.enter(Phase::Aborting);
    }

    pub(super) fn abort(&mut self, now: Now, out: &mut Outputs) -> bool {
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
    pub(super) fn rewind(&mut self, now: Now, out: &mut Outputs) -> bool {
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
