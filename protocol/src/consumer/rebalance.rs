//! What a consumer does in a rebalance: revoking, joining, synchronising; and leaving (§4.6).

use super::membership::{MemberState, Step};
use super::*;
use crate::assignor;

/// How long a JoinGroup may take beyond the rebalance timeout.
const JOIN_GROUP_TIMEOUT_LAPSE: Span = Span::from_secs(5);

impl Consumer {
    pub(super) fn request_rejoin(&mut self) {
        self.group_mut().request_rejoin();
    }

    /// The member is none any more (or belongs to no generation): partitions are lost at the next poll.
    pub(super) fn reset_generation(&mut self, forget_member: bool) {
        let group = self.group_mut();
        let member = if forget_member { group.empty.clone() } else { group.member_id.clone() };
        group.set_identity(-1, member);
        group.state = MemberState::Unjoined;
        group.rejoin_needed = true;
        group.needs_prepare = true;
        group.session_deadline = Instant::NEVER;
        let keeps = matches!(group.step, Step::Committing(_) | Step::Prepare) || group.step.awaits_application();
        if !keeps {
            group.step = Step::Idle;
        }
    }

    /// One step of what `poll` does about the group. Whether there may be another.
    pub(super) fn take_step(&mut self, now: Now, out: &mut Outputs) -> bool {
        let (in_poll, subscribed) = (self.in_poll, !self.subscription.is_empty());
        let group = self.group_mut();
        match &group.step {
            Step::Idle => {
                if !subscribed || !group.rejoin_needed || !in_poll || group.coordinator.is_none() {
                    return false;
                }
                if group.needs_prepare {
                    self.begin_prepare(now);
                } else {
                    group.step = Step::Join;
                }
                true
            }
            Step::Prepare => {
                self.prepare_revocation(now);
                true
            }
            Step::Join => {
                if in_poll {
                    self.send_join(now, out);
                }
                false
            }
            Step::AwaitMetadata(_) => {
                self.assign_as_leader(now, out);
                false
            }
            Step::Synced(_) => {
                if in_poll {
                    self.complete_join(now);
                }
                in_poll
            }
            Step::Committing(_)
            | Step::Revoking(_)
            | Step::Joining
            | Step::Syncing
            | Step::RevokingAfterSync { .. } => false,
        }
    }

    /// Kafka's onJoinPrepare, first half: auto commit of what was delivered.
    pub(super) fn begin_prepare(&mut self, now: Now) {
        self.group_mut().needs_prepare = false;
        let limit = now.mono + Span::from_millis(i64::from(self.config.max_poll_interval_ms));
        let commits = self.config.enable_auto_commit && self.group_mut().is_stable();
        let commit = if commits { self.auto_commit(Some(limit)) } else { None };
        self.group_mut().step = commit.map_or(Step::Prepare, Step::Committing);
    }

    pub(super) fn commit_before_join_done(&mut self, id: CommitId) {
        if let Some(group) = &mut self.group
            && matches!(group.step, Step::Committing(waits_for) if waits_for == id)
        {
            group.step = Step::Prepare;
        }
    }

    /// Second half: what is lost, what must be revoked before the join (everything, unless cooperative).
    pub(super) fn prepare_revocation(&mut self, now: Now) {
        let eager = self.config.assignor == AssignorName::Range;
        let subscription = &self.subscription;
        let unsubscribed = |tp: &TopicPartition| subscription.binary_search(&tp.topic).is_err();
        let group = self.group.as_mut().expect("group steps are a group's");
        let lost = group.generation < 0 || group.member_id.is_empty();
        if lost {
            group.step = Step::Join;
            group.needs_prepare = false;
            let partitions = self.remove_all_partitions();
            if !partitions.is_empty() {
                self.say(ConsumerEvent::Lost { partitions });
            }
            return;
        }
        let revoked: Vec<_> = self.partitions.keys().filter(|tp| eager || unsubscribed(tp)).collect();
        if revoked.is_empty() {
            group.step = Step::Join;
        } else {
            group.step = Step::Revoking(revoked.clone());
            self.offer(now, revoked);
        }
    }

    pub(super) fn offer(&mut self, now: Now, revoked: Vec<TopicPartition>) {
        self.mark_revoking(&revoked);
        if self.auto_revoke {
            self.finish_revocation(now);
        } else {
            self.poll_deadline = now.mono + Span::from_millis(i64::from(self.config.max_poll_interval_ms));
            self.say(ConsumerEvent::Revoking { partitions: revoked });
        }
    }

    /// The application has finished with the partitions of [`ConsumerEvent::Revoking`]. No effect if none are offered.
    pub fn revoked(&mut self, now: Now, out: &mut Outputs) {
        if self.group.as_ref().is_some_and(|group| group.step.awaits_application()) {
            self.poll_deadline = Instant::NEVER;
            self.finish_revocation(now);
            self.advance(now, out);
        }
    }

    pub(super) fn finish_revocation(&mut self, now: Now) {
        match std::mem::replace(&mut self.group_mut().step, Step::Idle) {
            Step::Revoking(partitions) => {
                self.give_up(partitions);
                let group = self.group_mut();
                group.rejoin_needed = true;
                group.step = if group.needs_prepare { Step::Idle } else { Step::Join };
            }
            Step::RevokingAfterSync { revoked, assignment } => {
                self.give_up(revoked);
                let lost = self.group_mut().generation < 0;
                // The partitions taken away can be given to others only in another round.
                self.group_mut().request_rejoin();
                if !lost {
                    self.take_assignment(now, assignment);
                }
            }
            other => self.group_mut().step = other,
        }
    }

    pub(super) fn give_up(&mut self, partitions: Vec<TopicPartition>) {
        for tp in &partitions {
            self.remove_partition(*tp);
        }
        self.say(ConsumerEvent::Revoked { partitions });
    }

    pub(super) fn send_join(&mut self, now: Now, out: &mut Outputs) {
        let at = self.group_mut().join_not_before;
        if at > now.mono {
            return self.until(at);
        }
        let Some(channel) = self.coordinator() else { return };
        if !self.ready(now, channel, out) {
            return;
        }
        let cooperative = self.config.assignor == AssignorName::CooperativeSticky;
        let owned = if cooperative { self.partitions.keys().collect() } else { Vec::new() };
        let topics = self.subscription.clone();
        let config = Arc::clone(&self.config);
        let client_id = config.client_id.clone().unwrap_or_else(|| self.empty.clone());
        let group = self.group_mut();
        group.step = Step::Joining;
        group.join_attempt += 1;
        let cookie = Cookie::Join(group.join_attempt);
        group.state = MemberState::PreparingRebalance;
        group.session_deadline = Instant::NEVER;
        let request = JoinGroupRequest {
            group_id: group.id.clone(),
            member_id: group.member_id.clone(),
            group_instance_id: group.instance.clone(),
            client_id,
            session_timeout_ms: config.session_timeout_ms,
            rebalance_timeout_ms: config.max_poll_interval_ms,
            protocols: vec![(config.assignor, Subscription { topics, owned, generation: group.generation })],
        };
        let timeout = Span::from_millis(i64::from(config.max_poll_interval_ms)) + JOIN_GROUP_TIMEOUT_LAPSE;
        let timeout = timeout.max(Span::from_millis(i64::from(config.request_timeout_ms)));
        let correlation = self.connections.begin(now, channel, cookie, timeout);
        push_made(out, || Output::Send(channel, correlation, request.into()));
    }

    /// JoinGroup (with the number of the attempt) or SyncGroup was not answered or could not be sent.
    pub(super) fn on_join_lost(&mut self, now: Now, attempt: Option<u32>) {
        if attempt.is_some_and(|attempt| attempt != self.group_mut().join_attempt) {
            return;
        }
        let failures = self.group_mut().join_failures;
        let pause = self.pause_after(now, failures);
        let group = self.group_mut();
        group.join_failures += 1;
        group.join_again(now.mono + pause);
    }

    pub(super) fn on_join(
        &mut self,
        now: Now,
        channel: Channel,
        attempt: u32,
        response: JoinGroupResponse,
        out: &mut Outputs,
    ) {
        if !matches!(self.group_mut().step, Step::Joining) || self.group_mut().join_attempt != attempt {
            return; // the member left, or lost its membership, while it was joining
        }
        if let Some(error) = response.error {
            return self.on_join_error(now, error, Some(response.member_id), out);
        }
        let interval = Span::from_millis(i64::from(self.config.heartbeat_interval_ms));
        let session = Span::from_millis(i64::from(self.config.session_timeout_ms));
        let group = self.group_mut();
        group.state = MemberState::CompletingRebalance;
        group.set_identity(response.generation, response.member_id.clone());
        group.heartbeat_at = now.mono + interval;
        group.session_deadline = now.mono + session;
        if response.leader != response.member_id {
            group.counts.clear();
            return self.send_sync(now, channel, Vec::new(), out);
        }
        let topics: BTreeSet<_> = response.members.iter().flat_map(|(_, s)| s.topics.iter().copied()).collect();
        group.counts = topics.iter().map(|topic| (*topic, 0)).collect();
        group.step = Step::AwaitMetadata(response);
        if topics.iter().any(|topic| self.metadata.partitions_of(*topic).is_none()) {
            self.metadata.add_interest(topics);
            self.metadata.request_update();
        } else {
            self.assign_as_leader(now, out);
        }
    }

    /// The leader assigns once it has asked for the metadata of every topic of the group.
    pub(super) fn assign_as_leader(&mut self, now: Now, out: &mut Outputs) {
        let metadata = &self.metadata;
        let group = self.group.as_mut().expect("a leader has a group");
        let Step::AwaitMetadata(response) = &group.step else { return };
        let unknown = group.counts.iter().any(|(topic, _)| metadata.partitions_of(*topic).is_none());
        if unknown && !metadata.answered() {
            return;
        }
        let count = |topic: TopicId| metadata.partitions_of(topic).unwrap_or(0);
        for (topic, known) in &mut group.counts {
            *known = count(*topic);
        }
        let assignments = assignor::assign(response.protocol, &response.members, count);
        let Some(channel) = self.coordinator() else { return self.on_join_lost(now, None) };
        self.send_sync(now, channel, assignments, out);
    }

    pub(super) fn send_sync(
        &mut self,
        now: Now,
        channel: Channel,
        assignments: Vec<(Name, Vec<TopicPartition>)>,
        out: &mut Outputs,
    ) {
        if !self.ready(now, channel, out) {
            return self.on_join_lost(now, None);
        }
        let group = self.group_mut();
        group.step = Step::Syncing;
        let request = SyncGroupRequest { group: group.wire_identity(), assignments };
        let cookie = Cookie::Sync(group.identity);
        self.connections.send(now, channel, request, cookie, out);
    }

    pub(super) fn on_sync(&mut self, now: Now, identity: u32, response: SyncGroupResponse, out: &mut Outputs) {
        let group = self.group_mut();
        if !matches!(group.step, Step::Syncing) || group.identity != identity {
            return;
        }
        if let Some(error) = response.error {
            return self.on_join_error(now, error, None, out);
        }
        group.state = MemberState::Stable;
        group.rejoin_needed = false;
        group.join_failures = 0;
        group.join_not_before = Instant::ZERO;
        let mut assignment = response.assignment;
        assignment.sort_unstable();
        group.step = Step::Synced(assignment);
    }

    /// JoinGroup or SyncGroup was answered with an error.
    pub(super) fn on_join_error(&mut self, now: Now, error: ErrorCode, member_id: Option<Name>, out: &mut Outputs) {
        let failures = self.group_mut().join_failures;
        let pause = self.pause_after(now, failures);
        let group = self.group_mut();
        match error {
            ErrorCode::MemberIdRequired => {
                let generation = group.generation;
                group.set_identity(generation, member_id.unwrap_or_else(|| group.empty.clone()));
                group.join_again(now.mono);
            }
            ErrorCode::RebalanceInProgress => group.join_again(now.mono),
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => {
                group.join_not_before = now.mono;
                self.reset_generation(error == ErrorCode::UnknownMemberId);
            }
            error if error.is_retriable() => {
                group.join_failures += 1;
                group.join_again(now.mono + pause);
                if error.needs_refresh() {
                    self.mark_coordinator_unknown(now, out);
                }
            }
            error => self.die(error, out),
        }
    }

    /// Kafka's onJoinComplete.
    pub(super) fn complete_join(&mut self, now: Now) {
        let group = self.group.as_mut().expect("group steps are a group's");
        let Step::Synced(assignment) = std::mem::replace(&mut group.step, Step::Idle) else { return };
        group.needs_prepare = true;
        group.metadata = group.wire_identity();
        let revoked: Vec<_> = self.partitions.keys().filter(|tp| assignment.binary_search(tp).is_err()).collect();
        if revoked.is_empty() {
            self.take_assignment(now, assignment);
        } else {
            group.step = Step::RevokingAfterSync { revoked: revoked.clone(), assignment };
            self.offer(now, revoked);
        }
    }

    pub(super) fn take_assignment(&mut self, now: Now, mut assignment: Vec<TopicPartition>) {
        assignment.retain(|tp| !self.partitions.contains(*tp));
        let generation = self.group_mut().generation;
        self.schedule_auto_commit(now);
        self.add_partitions(assignment, generation);
    }

    /// After new metadata: a leader assigns anew when a topic of its group grew or appeared.
    pub(super) fn check_partition_counts(&mut self) {
        let metadata = &self.metadata;
        let Some(group) = self.group.as_mut().filter(|group| group.is_stable()) else { return };
        if group.counts.iter().any(|(topic, count)| metadata.partitions_of(*topic).unwrap_or(0) != *count) {
            group.request_rejoin();
        }
    }

    // ---- Leaving ----------------------------------------------------------------------------------------------------

    /// Sends LeaveGroup if there is a dynamic membership and a connection. A static member stays (KIP-345).
    pub(super) fn send_leave(&mut self, now: Now, out: &mut Outputs) -> bool {
        let Some(channel) = self.coordinator() else { return false };
        let group = self.group_mut();
        if group.member_id.is_empty() || group.instance.is_some() || group.state == MemberState::Unjoined {
            return false;
        }
        let request = LeaveGroupRequest {
            group_id: group.id.clone(),
            member_id: group.member_id.clone(),
            group_instance_id: group.instance.clone(),
        };
        if !self.connections.is_connected(channel) || !self.ready(now, channel, out) {
            return false;
        }
        self.connections.send(now, channel, request, Cookie::Leave, out);
        true
    }

    /// Leaves before closing; whether that is done (or cannot be).
    pub(super) fn leave_to_close(&mut self, now: Now, out: &mut Outputs) -> bool {
        if self.group.is_none() || self.subscription.is_empty() {
            return true;
        }
        let group = self.group_mut();
        if group.left {
            return !group.leave_sent;
        }
        group.left = true;
        let sent = self.send_leave(now, out);
        self.group_mut().leave_sent = sent;
        !sent
    }

    pub(super) fn on_left(&mut self) {
        self.group_mut().leave_sent = false;
    }
}
