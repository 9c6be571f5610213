//! Where a consumer stands in its group (§4.6).

use super::*;

/// Kafka's `MemberState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberState {
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

/// What a consumer knows of its own membership.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub id: Name,
    pub instance: Option<Name>,
    pub coordinator: Option<NodeId>,
    pub finding: bool,
    pub find_not_before: Instant,
    pub find_failures: u32,
    pub state: MemberState,
    pub step: Step,
    pub member_id: Name,
    pub generation: i32,
    /// Changes whenever member id or generation do.
    pub identity: u32,
    /// As of the last completed rebalance; survives a loss of membership, so that zombies are fenced (§4.5).
    pub metadata: GroupMetadata,
    pub rejoin_needed: bool,
    pub needs_prepare: bool,
    pub join_not_before: Instant,
    pub join_failures: u32,
    /// Number of the last JoinGroup. Answers to earlier ones are of no interest.
    pub join_attempt: u32,
    pub heartbeat_at: Instant,
    pub heartbeat_in_flight: bool,
    pub session_deadline: Instant,
    /// Partition counts that the leader's last assignment was computed from.
    pub counts: Vec<(TopicId, u32)>,
    pub leave_sent: bool,
    pub left: bool,
    pub empty: Name,
}

impl Member {
    pub fn new(id: Name, instance: Option<Name>, empty: Name) -> Member {
        let metadata = GroupMetadata {
            group_id: id.clone(),
            generation: -1,
            member_id: empty.clone(),
            group_instance_id: instance.clone(),
        };
        Member {
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

    pub fn heartbeats(&self) -> bool {
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

    pub fn set_identity(&mut self, generation: i32, member_id: Name) {
        self.generation = generation;
        self.member_id = member_id;
        self.identity += 1;
    }

    /// The join failed: again, after preparing anew if the membership was lost meanwhile.
    pub fn join_again(&mut self, not_before: Instant) {
        if matches!(self.step, Step::Joining | Step::AwaitMetadata(_) | Step::Syncing | Step::Join) {
            self.state = MemberState::Unjoined;
            self.step = Step::Join;
            self.rejoin_needed = true;
            self.join_not_before = not_before;
        }
    }
}
