//! Membership in a classic group: coordinator, joining, synchronising, heartbeats, leaving (§4.6).

use super::*;
use crate::assignor;

/// How long a JoinGroup may take beyond the rebalance timeout.
const JOIN_GROUP_TIMEOUT_LAPSE: Span = Span::from_secs(5);

/// Kafka's `MemberState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MemberState {
    Unjoined,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

/// Where a consumer stands in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It is no member.
    None,
    /// It joins, or waits for its assignment.
    Joining,
    /// It has its assignment.
    Stable,
}

/// What the polling side of the consumer is doing about the group.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Nothing, or waiting for the next poll.
    Idle,
    /// Auto commit before the join.
    Committing(CommitId),
    /// The commit is done: what to revoke before the join?
    Prepare,
    /// The application finishes with these before the join.
    Revoking(Vec<TopicPartition>),
    /// JoinGroup is to be sent.
    Join,
    Joining,
    /// The leader waits for metadata of topics that only others subscribe to.
    AwaitMetadata(JoinGroupResponse),
    Syncing,
    /// The assignment waits for the next poll.
    Synced(Vec<TopicPartition>),
    /// The application finishes with these, which the new assignment takes away.
    RevokingAfterSync {
        revoked: Vec<TopicPartition>,
        assignment: Vec<TopicPartition>,
    },
}

impl Step {
    /// Whether a callback of the application is running.
    pub fn awaits_application(&self) -> bool {
        matches!(self, Step::Revoking(_) | Step::RevokingAfterSync { .. })
    }
}

/// The membership.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub id: Name,
    instance: Option<Name>,
    pub coordinator: Option<NodeId>,
    finding: bool,
    find_not_before: Instant,
    find_failures: u32,
    state: MemberState,
    pub step: Step,
    member_id: Name,
    generation: i32,
    /// Changes whenever member id or generation do.
    pub identity: u32,
    /// As of the last completed rebalance; survives a loss of membership, so that zombies are fenced (§4.5).
    pub metadata: GroupMetadata,
    rejoin_needed: bool,
    needs_prepare: bool,
    join_not_before: Instant,
    join_failures: u32,
    /// Number of the last JoinGroup. Answers to earlier ones are of no interest.
    join_attempt: u32,
    heartbeat_at: Instant,
    heartbeat_in_flight: bool,
    session_deadline: Instant,
    /// Partition counts that the leader's last assignment was computed from.
    counts: Vec<(TopicId, u32)>,
    leave_sent: bool,
    left: bool,
    empty: Name,
}

impl Group {
    pub fn new(id: Name, instance: Option<Name>, empty: Name) -> Group {
        let metadata = GroupMetadata {
            group_id: id.clone(),
            generation: -1,
            member_id: empty.clone(),
            group_instance_id: instance.clone(),
        };
        Group {
            id,
            instance,
            coordinator: None,
            finding: false,
            find_not_before: Instant::ZERO,
            find_failures: 0,
            state: MemberState::Unjoined,
            step: Step::Idle,
            member_id: empty.clone(),
            generation: -1,
            identity: 0,
            metadata,
            rejoin_needed: false,
            needs_prepare: true,
            join_not_before: Instant::ZERO,
            join_failures: 0,
            join_attempt: 0,
            heartbeat_at: Instant::NEVER,
            heartbeat_in_flight: false,
            session_deadline: Instant::NEVER,
            counts: Vec::new(),
            leave_sent: false,
            left: false,
            empty,
        }
    }

    pub fn is_stable(&self) -> bool {
        self.state == MemberState::Stable
    }

    pub fn is_joining(&self) -> bool {
        matches!(self.state, MemberState::PreparingRebalance | MemberState::CompletingRebalance)
    }

    pub fn membership(&self) -> Membership {
        match self.state {
            MemberState::Unjoined => Membership::None,
            MemberState::PreparingRebalance | MemberState::CompletingRebalance => Membership::Joining,
            MemberState::Stable => Membership::Stable,
        }
    }

    fn heartbeats(&self) -> bool {
        matches!(self.state, MemberState::CompletingRebalance | MemberState::Stable)
    }

    pub fn request_rejoin(&mut self) {
        self.rejoin_needed = true;
    }

    /// Who the member is, on the wire.
    pub fn wire_identity(&self) -> GroupMetadata {
        GroupMetadata {
            group_id: self.id.clone(),
            generation: self.generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.instance.clone(),
        }
    }

    fn set_identity(&mut self, generation: i32, member_id: Name) {
        self.generation = generation;
        self.member_id = member_id;
        self.identity += 1;
    }

    /// The join failed: again, after preparing anew if the membership was lost meanwhile.
    fn join_again(&mut self, not_before: Instant) {
        if matches!(self.step, Step::Joining | Step::AwaitMetadata(_) | Step::Syncing | Step::Join) {
            self.state = MemberState::Unjoined;
            self.step = Step::Join;
            self.rejoin_needed = true;
            self.join_not_before = not_before;
        }
    }
}

impl Consumer {
    /// The connection to the coordinator, if it is known.
    pub(super) fn coordinator(&self) -> Option<Channel> {
        let to = self.group.as_ref()?.coordinator?;
        Some(Channel { to, purpose: Purpose::GroupCoordinator })
    }

    fn group_mut(&mut self) -> &mut Group {
        self.group.as_mut().expect("group requests are made by a group")
    }

    pub(super) fn drive_group(&mut self, now: Now, out: &mut Outputs) {
        if self.group.is_none() {
            return;
        }
        self.check_timeouts(now, out);
        self.find_coordinator(now, out);
        self.heartbeat(now, out);
        while self.closing.is_none() && !self.dead && self.take_step(now, out) {}
    }

    fn check_timeouts(&mut self, now: Now, out: &mut Outputs) {
        if now.mono >= self.poll_deadline {
            self.poll_deadline = Instant::NEVER;
            if self.closing.is_none() && !self.group_mut().member_id.is_empty() {
                // The heartbeat thread leaves on behalf of an application that has not polled in time.
                self.send_leave(now, out);
                self.reset_generation(true);
                self.say(ConsumerEvent::PollTimeout);
            }
        }
        let deadline = self.group_mut().session_deadline;
        if now.mono >= deadline {
            self.group_mut().session_deadline = Instant::NEVER;
            self.mark_coordinator_unknown(now, out);
        }
        let deadline = self.group_mut().session_deadline;
        self.until(deadline.min(self.poll_deadline));
    }

    // ---- Coordinator ------------------------------------------------------------------------------------------------

    fn find_coordinator(&mut self, now: Now, out: &mut Outputs) {
        let joins = !self.subscription.is_empty() && self.closing.is_none();
        let wanted =
            joins || !self.commits.is_empty() || !self.initializing.is_empty() || !self.offset_fetches.is_empty();
        let group = self.group_mut();
        if group.coordinator.is_some() || group.finding || !wanted {
            return;
        }
        let at = group.find_not_before;
        if at > now.mono {
            return self.until(at);
        }
        if let Some(channel) = self.least_loaded(now, out) {
            let group = self.group_mut();
            group.finding = true;
            let request = FindCoordinatorRequest { key_type: CoordinatorType::Group, key: group.id.clone() };
            self.connections.send(now, channel, request, Cookie::FindCoordinator, out);
        }
    }

    pub(super) fn on_coordinator(&mut self, now: Now, answer: Result<NodeId, ErrorCode>, out: &mut Outputs) {
        let session = Span::from_millis(i64::from(self.config.session_timeout_ms));
        let failures = self.group_mut().find_failures;
        let pause = self.pause_after(now, failures);
        let group = self.group_mut();
        group.finding = false;
        match answer {
            Ok(node) => {
                group.coordinator = Some(node);
                group.find_failures = 0;
                if group.heartbeats() {
                    group.session_deadline = now.mono + session;
                }
            }
            Err(error) if error.is_retriable() => {
                group.find_failures += 1;
                group.find_not_before = now.mono + pause;
            }
            Err(error) => self.die(error, out),
        }
    }

    /// The connection to the coordinator is gone, or was never made.
    pub(super) fn forget_coordinator(&mut self, node: NodeId) {
        if let Some(group) = &mut self.group
            && group.coordinator == Some(node)
        {
            group.coordinator = None;
            group.session_deadline = Instant::NEVER;
        }
    }

    /// Kafka closes the connection, and what is in flight on it fails.
    pub(super) fn mark_coordinator_unknown(&mut self, now: Now, out: &mut Outputs) {
        let Some(channel) = self.coordinator() else { return };
        self.forget_coordinator(channel.to);
        for cookie in self.connections.close(now, channel, out) {
            self.lost(now, channel, cookie, ErrorCode::NetworkException, out);
        }
    }

    // ---- Heartbeats -------------------------------------------------------------------------------------------------

    fn heartbeat(&mut self, now: Now, out: &mut Outputs) {
        let group = self.group_mut();
        if !group.heartbeats() || group.heartbeat_in_flight || group.left {
            return;
        }
        let at = group.heartbeat_at;
        if at > now.mono {
            return self.until(at);
        }
        let Some(channel) = self.coordinator() else { return };
        if self.ready(now, channel, out) {
            let interval = Span::from_millis(i64::from(self.config.heartbeat_interval_ms));
            let group = self.group_mut();
            group.heartbeat_in_flight = true;
            group.heartbeat_at = now.mono + interval;
            let (request, cookie) =
                (HeartbeatRequest { group: group.wire_identity() }, Cookie::Heartbeat(group.identity));
            self.connections.send(now, channel, request, cookie, out);
        }
    }

    pub(super) fn on_heartbeat(&mut self, now: Now, identity: u32, error: Option<ErrorCode>, out: &mut Outputs) {
        let session = Span::from_millis(i64::from(self.config.session_timeout_ms));
        let backoff = Span::from_millis(self.config.retry_backoff_ms);
        let group = self.group_mut();
        group.heartbeat_in_flight = false;
        let current = group.identity == identity;
        match error {
            None => {
                if group.heartbeats() {
                    group.session_deadline = now.mono + session;
                }
            }
            Some(ErrorCode::RebalanceInProgress) => {
                if group.heartbeats() {
                    group.session_deadline = now.mono + session;
                }
                if group.is_stable() && current {
                    group.request_rejoin();
                }
            }
            Some(ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId) => {
                if current {
                    self.reset_generation(error == Some(ErrorCode::UnknownMemberId));
                }
            }
            Some(error) if error.needs_refresh() => {
                group.heartbeat_at = now.mono + backoff;
                self.mark_coordinator_unknown(now, out);
            }
            Some(error) if error.is_retriable() => group.heartbeat_at = now.mono + backoff,
            Some(error) if current => self.die(error, out),
            Some(_) => {}
        }
    }

    pub(super) fn on_heartbeat_lost(&mut self, now: Now) {
        let backoff = Span::from_millis(self.config.retry_backoff_ms);
        let group = self.group_mut();
        group.heartbeat_in_flight = false;
        group.heartbeat_at = now.mono + backoff;
    }

    // ---- Joining ----------------------------------------------------------------------------------------------------

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
    fn take_step(&mut self, now: Now, out: &mut Outputs) -> bool {
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
    fn begin_prepare(&mut self, now: Now) {
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
    fn prepare_revocation(&mut self, now: Now) {
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

    fn offer(&mut self, now: Now, revoked: Vec<TopicPartition>) {
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

    fn finish_revocation(&mut self, now: Now) {
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

    fn give_up(&mut self, partitions: Vec<TopicPartition>) {
        for tp in &partitions {
            self.remove_partition(*tp);
        }
        self.say(ConsumerEvent::Revoked { partitions });
    }

    fn send_join(&mut self, now: Now, out: &mut Outputs) {
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
    fn assign_as_leader(&mut self, now: Now, out: &mut Outputs) {
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

    fn send_sync(
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
    fn on_join_error(&mut self, now: Now, error: ErrorCode, member_id: Option<Name>, out: &mut Outputs) {
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
    fn complete_join(&mut self, now: Now) {
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

    fn take_assignment(&mut self, now: Now, mut assignment: Vec<TopicPartition>) {
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
    fn send_leave(&mut self, now: Now, out: &mut Outputs) -> bool {
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
