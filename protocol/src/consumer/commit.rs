//! Committing offsets, asking for committed offsets, and closing.

use super::partition::State;
use super::*;

/// An offset commit that is waiting or in flight.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub id: CommitId,
    cause: CommitCause,
    offsets: Vec<OffsetToCommit>,
    /// Until when retriable errors are retried; `None` for an asynchronous commit, which is not retried.
    retry_until: Option<Instant>,
    not_before: Instant,
    failures: u32,
    /// An earlier attempt may have been carried out.
    unknown: bool,
}

/// A question for committed offsets.
#[derive(Clone, Debug)]
pub(super) struct OffsetFetch {
    /// The application's question; `None` for partitions that wait for their position.
    query: Option<QueryId>,
    /// With the partitions' tokens (0 in the application's questions).
    asked: Vec<(TopicPartition, u32)>,
    not_before: Instant,
    failures: u32,
}

impl Consumer {
    /// Commits `offsets` without retrying (`commitAsync`); [`ConsumerEvent::CommitDone`] tells how it went.
    ///
    /// # Panics
    /// Without `group.id`.
    pub fn commit(&mut self, now: Now, offsets: Vec<OffsetToCommit>, out: &mut Outputs) -> CommitId {
        let id = self.add_commit(CommitCause::Application, offsets, None);
        self.advance(now, out);
        id
    }

    /// Commits `offsets` and retries for `default.api.timeout.ms` (`commitSync`, which blocks meanwhile).
    ///
    /// # Panics
    /// Without `group.id`.
    pub fn commit_sync(&mut self, now: Now, offsets: Vec<OffsetToCommit>, out: &mut Outputs) -> CommitId {
        let timeout = Span::from_millis(i64::from(self.config.default_api_timeout_ms));
        let id = self.add_commit(CommitCause::Application, offsets, Some(now.mono + timeout));
        self.advance(now, out);
        id
    }

    /// Asks for the committed offsets of `partitions`; [`ConsumerEvent::Committed`] answers. Repeated, with a back-off,
    /// for as long as a partition has an open transactional offset (88, §4.4).
    ///
    /// # Panics
    /// Without `group.id`.
    pub fn committed(&mut self, now: Now, partitions: Vec<TopicPartition>, out: &mut Outputs) -> QueryId {
        assert!(self.group.is_some(), "committed() needs group.id");
        let id = self.next_query;
        self.next_query += 1;
        let asked = partitions.into_iter().map(|tp| (tp, 0)).collect();
        self.offset_fetches.push_back(OffsetFetch { query: Some(id), asked, not_before: now.mono, failures: 0 });
        self.advance(now, out);
        id
    }

    fn add_commit(
        &mut self,
        cause: CommitCause,
        offsets: Vec<OffsetToCommit>,
        retry_until: Option<Instant>,
    ) -> CommitId {
        let group = self.group.as_ref().expect("a commit needs group.id");
        let generation = group.wire_identity().generation;
        let id = self.next_commit;
        self.next_commit += 1;
        self.say(ConsumerEvent::CommitBegun { id, cause, generation, offsets: offsets.clone() });
        let not_before = Instant::ZERO;
        self.commits.push_back(Box::new(Commit {
            id,
            cause,
            offsets,
            retry_until,
            not_before,
            failures: 0,
            unknown: false,
        }));
        id
    }

    /// Commits all positions for `enable.auto.commit`; `None` if there are none.
    pub(super) fn auto_commit(&mut self, retry_until: Option<Instant>) -> Option<CommitId> {
        let offsets: Vec<_> = self
            .partitions
            .iter()
            .filter(|(_, p)| p.has_position())
            .map(|(tp, p)| OffsetToCommit {
                tp,
                offset: p.position,
                leader_epoch: p.position_epoch,
                metadata: self.empty.clone(),
            })
            .collect();
        (!offsets.is_empty()).then(|| self.add_commit(CommitCause::Auto, offsets, retry_until))
    }

    pub(super) fn schedule_auto_commit(&mut self, now: Now) {
        if self.config.enable_auto_commit && self.group.is_some() {
            self.next_auto_commit = now.mono + Span::from_millis(i64::from(self.config.auto_commit_interval_ms));
        }
    }

    fn auto_commit_if_due(&mut self, now: Now) {
        let group = self.group.as_ref().expect("the caller checked");
        if !self.in_poll || self.closing.is_some() || group.coordinator.is_none() || group.step.awaits_application() {
            return;
        }
        if now.mono >= self.next_auto_commit {
            self.schedule_auto_commit(now);
            self.auto_commit(None);
        }
        self.until(self.next_auto_commit);
    }

    pub(super) fn drive_commits(&mut self, now: Now, out: &mut Outputs) {
        if self.group.is_none() {
            return;
        }
        self.auto_commit_if_due(now);
        while let Some(commit) = self.commits.front() {
            let give_up = commit.retry_until.unwrap_or(Instant::NEVER);
            if give_up <= now.mono {
                let commit = self.commits.pop_front().expect("there is a front");
                let unknown = commit.unknown;
                self.finish_commit(now, &commit, Err(CommitFailure { error: ErrorCode::RequestTimedOut, unknown }));
                continue;
            }
            if commit.not_before > now.mono {
                let at = commit.not_before.min(give_up);
                return self.until(at);
            }
            self.until(give_up);
            let Some(channel) = self.coordinator() else { return };
            if !self.ready(now, channel, out) {
                return;
            }
            let commit = self.commits.pop_front().expect("there is a front");
            self.send_commit(now, channel, commit, out);
        }
    }

    fn send_commit(&mut self, now: Now, channel: Channel, commit: Box<Commit>, out: &mut Outputs) {
        let group = self.group.as_ref().expect("the caller checked");
        let identity = if self.subscription.is_empty() {
            GroupMetadata::only_group(group.id.clone())
        } else if group.is_stable() {
            group.wire_identity()
        } else {
            // Not a member just now: the commit cannot be made in any generation that owns the partitions.
            let joining = group.is_joining();
            let error = if joining { ErrorCode::RebalanceInProgress } else { ErrorCode::UnknownMemberId };
            let unknown = commit.unknown;
            return self.finish_commit(now, &commit, Err(CommitFailure { error, unknown }));
        };
        let version = group.identity;
        let request = OffsetCommitRequest { group: identity, offsets: commit.offsets.clone() };
        self.commits_in_flight += 1;
        self.connections.send(now, channel, request, Cookie::Commit(commit, version), out);
    }

    pub(super) fn on_commit(
        &mut self,
        now: Now,
        commit: Box<Commit>,
        identity: u32,
        response: OffsetCommitResponse,
        out: &mut Outputs,
    ) {
        let Some(error) = response.partitions.iter().find_map(|(_, error)| *error) else {
            self.commits_in_flight -= 1;
            return self.finish_commit(now, &commit, Ok(()));
        };
        let current = self.group.as_ref().expect("a commit is made by a group").identity == identity;
        // 15, 7: the record may be in the log already and may yet be committed (§4.2); 16 may mean the same, where the
        // coordinator moved while the record was below the high watermark. And where partitions have different answers, a part
        // of the commit happened.
        let mut unknown = response.partitions.iter().any(|(_, error)| error.is_none());
        match error {
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator | ErrorCode::RequestTimedOut => {
                unknown = true;
                self.mark_coordinator_unknown(now, out);
            }
            ErrorCode::RebalanceInProgress if current => self.request_rejoin(),
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration if current => {
                self.reset_generation(error == ErrorCode::UnknownMemberId);
            }
            ErrorCode::FencedInstanceId if current => {
                self.commit_failed(now, commit, error, unknown);
                return self.die(error, out);
            }
            _ => {}
        }
        self.commit_failed(now, commit, error, unknown);
    }

    /// An attempt failed; `unknown` if it may have been carried out.
    pub(super) fn commit_failed(&mut self, now: Now, mut commit: Box<Commit>, error: ErrorCode, unknown: bool) {
        self.commits_in_flight -= 1;
        commit.unknown |= unknown;
        if error.is_retriable() && commit.retry_until.is_some_and(|until| until > now.mono) {
            commit.not_before = now.mono + self.pause_after(now, commit.failures);
            commit.failures += 1;
            self.commits.push_front(commit);
        } else {
            let unknown = commit.unknown;
            self.finish_commit(now, &commit, Err(CommitFailure { error, unknown }));
        }
    }

    fn finish_commit(&mut self, now: Now, commit: &Commit, result: Result<(), CommitFailure>) {
        if let (CommitCause::Auto, Err(failure)) = (commit.cause, result)
            && failure.error.is_retriable()
        {
            self.next_auto_commit = now.mono + Span::from_millis(self.config.retry_backoff_ms);
        }
        self.say(ConsumerEvent::CommitDone { id: commit.id, result });
        self.commit_before_join_done(commit.id);
    }

    pub(super) fn drive_offset_fetches(&mut self, now: Now, out: &mut Outputs) {
        if self.group.is_none() {
            return;
        }
        if !self.initializing.is_empty() {
            let asked = std::mem::take(&mut self.initializing);
            let asked = asked.into_iter().filter_map(|tp| Some((tp, self.partitions.get(tp)?.token))).collect();
            self.offset_fetches.push_back(OffsetFetch { query: None, asked, not_before: now.mono, failures: 0 });
        }
        for _ in 0..self.offset_fetches.len() {
            let mut fetch = self.offset_fetches.pop_front().expect("counted");
            if fetch.query.is_none() {
                fetch.asked.retain(|(tp, token)| {
                    self.partitions.get(*tp).is_some_and(|p| p.token == *token && p.state == State::Initializing)
                });
                if fetch.asked.is_empty() {
                    continue;
                }
            }
            let channel = self.coordinator();
            if fetch.not_before > now.mono {
                self.until(fetch.not_before);
                self.offset_fetches.push_back(fetch);
            } else if let Some(channel) = channel
                && self.ready(now, channel, out)
            {
                let group_id = self.group.as_ref().expect("checked above").id.clone();
                let partitions = Some(fetch.asked.iter().map(|(tp, _)| *tp).collect());
                let request = OffsetFetchRequest { group_id, partitions, require_stable: true };
                self.connections.send(now, channel, request, Cookie::OffsetFetch(fetch), out);
            } else {
                self.offset_fetches.push_back(fetch);
            }
        }
    }

    pub(super) fn ask_again(&mut self, now: Now, mut fetch: OffsetFetch) {
        fetch.not_before = now.mono + self.pause_after(now, fetch.failures);
        fetch.failures += 1;
        self.offset_fetches.push_back(fetch);
    }

    pub(super) fn on_committed(
        &mut self,
        now: Now,
        fetch: OffsetFetch,
        mut response: OffsetFetchResponse,
        out: &mut Outputs,
    ) {
        if let Some(error) = response.error {
            if !error.is_retriable() {
                return self.die(error, out);
            }
            if error.needs_refresh() {
                self.mark_coordinator_unknown(now, out);
            }
            return self.ask_again(now, fetch);
        }
        response.partitions.sort_by_key(|(tp, _)| *tp);
        let find = |tp: TopicPartition| {
            let index = response.partitions.binary_search_by_key(&tp, |(tp, _)| *tp).ok()?;
            Some(response.partitions[index].1)
        };
        // One partition with an open transactional offset (88) makes Kafka repeat the whole question (§4.4).
        let repeat = |tp| find(tp).is_none_or(|answer| answer.is_err_and(ErrorCode::is_retriable));
        if fetch.asked.iter().any(|(tp, _)| repeat(*tp)) {
            return self.ask_again(now, fetch);
        }
        let answers: Vec<_> =
            fetch.asked.iter().map(|(tp, token)| (*tp, *token, find(*tp).expect("checked above"))).collect();
        let Some(id) = fetch.query else {
            for (tp, token, answer) in answers {
                self.initialize(tp, token, answer);
            }
            return;
        };
        let mut offsets = Vec::with_capacity(answers.len());
        for (tp, _, answer) in answers {
            match answer {
                Ok((offset, epoch)) => offsets.push((tp, (offset >= 0).then_some((offset, epoch)))),
                Err(error) => self.say(ConsumerEvent::Fatal(ConsumerError::Partition(tp, error))),
            }
        }
        self.say(ConsumerEvent::Committed { id, offsets });
    }

    fn initialize(&mut self, tp: TopicPartition, token: u32, answer: Result<(Offset, LeaderEpoch), ErrorCode>) {
        let waits = self.partitions.get(tp).is_some_and(|p| p.token == token && p.state == State::Initializing);
        if !waits {
            return;
        }
        match answer {
            Ok((offset, epoch)) if offset >= 0 => {
                if self.metadata.saw_epoch(tp, epoch) {
                    self.leader_changed(tp, None, epoch);
                }
                self.set_position(tp, offset, epoch, PositionReason::Committed);
            }
            Ok(_) => self.reset(tp, ConsumerError::NoOffsetForPartition(tp)),
            Err(error) => self.stop(tp, error),
        }
    }

    pub(super) fn begin_close(&mut self, now: Now) {
        let deadline = now.mono + CLOSE_TIMEOUT;
        self.closing = Some(deadline);
        let stable = self.group.as_ref().is_some_and(|g| g.is_stable() || self.subscription.is_empty());
        if self.config.enable_auto_commit && stable {
            self.auto_commit(Some(deadline));
        }
        self.offset_fetches.clear();
        let partitions = self.remove_all_partitions();
        self.initializing.clear();
        if !partitions.is_empty() {
            self.say(ConsumerEvent::Revoked { partitions });
        }
    }

    /// Commits go first, then the group is left, then everything is closed.
    pub(super) fn drive_close(&mut self, now: Now, out: &mut Outputs) {
        let Some(deadline) = self.closing else { return };
        let committing = !self.commits.is_empty() || self.commits_in_flight > 0;
        if deadline > now.mono && (committing || !self.leave_to_close(now, out)) {
            return self.until(deadline);
        }
        self.dead = true;
        self.connections.close_all(out);
        self.say(ConsumerEvent::Closed);
    }
}
