//! A classic group: its members, its generation, and who they say they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::slots::GroupOffsets;
use super::timers::{Timer, Timers};
use super::writes::Env;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::ConnId;
use crate::message::*;
use crate::records::{GroupMemberValue, GroupMetadataValue};
use crate::time::*;

/// State of a classic group (§4.6). Kafka's "Dead" is a group that is no longer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// No members; perhaps offsets.
    Empty,
    /// Members are to join (again).
    PreparingRebalance,
    /// The generation is known to its members; the leader's assignment is not.
    CompletingRebalance,
    /// Everybody has or may get an assignment.
    Stable,
}

/// A member of a group.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Names the member to its session timer.
    pub(super) serial: u32,
    pub(super) instance: Option<Name>,
    pub(super) client_id: Name,
    pub(super) session_timeout_ms: i32,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) protocols: Vec<(AssignorName, Subscription)>,
    pub(super) assignment: Vec<TopicPartition>,
    /// Has never been answered a JoinGroup: cannot heartbeat, so it may expire while its JoinGroup is parked.
    pub(super) is_new: bool,
    /// Has joined the generation and not yet asked for its assignment.
    pub(super) pending_sync: bool,
    /// Parked JoinGroup.
    pub(super) join: Option<ConnId>,
    /// Parked SyncGroup.
    pub(super) sync: Option<ConnId>,
    /// When the session ends.
    pub(super) deadline: Instant,
    /// When the armed timer rings: at or before `deadline`. Heartbeats only move `deadline`; the timer is moved when it
    /// rings. [`Instant::NEVER`] if none is armed.
    pub(super) armed: Instant,
}

impl Member {
    pub(super) fn of_request(serial: u32, request: JoinGroupRequest) -> Member {
        Member {
            serial,
            instance: request.group_instance_id,
            client_id: request.client_id,
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            protocols: request.protocols,
            assignment: Vec::new(),
            is_new: true,
            pending_sync: false,
            join: None,
            sync: None,
            deadline: Instant::NEVER,
            armed: Instant::NEVER,
        }
    }

    fn restored(serial: u32, protocol: AssignorName, value: &GroupMemberValue) -> Member {
        Member {
            serial,
            instance: value.group_instance_id.clone(),
            client_id: Name::clone(&value.client_id),
            session_timeout_ms: value.session_timeout_ms,
            rebalance_timeout_ms: value.rebalance_timeout_ms,
            protocols: vec![(protocol, value.subscription.clone())],
            assignment: value.assignment.clone(),
            is_new: false,
            pending_sync: false,
            join: None,
            sync: None,
            deadline: Instant::NEVER,
            armed: Instant::NEVER,
        }
    }

    /// The member is alive: its session lasts another session timeout.
    pub(super) fn touch(&mut self, place: Place, now: Now, timers: &mut Timers) {
        self.expire_after(place, now, timers, Span::from_millis(self.session_timeout_ms.into()));
    }

    pub(super) fn expire_after(&mut self, place: Place, now: Now, timers: &mut Timers, span: Span) {
        self.deadline = now.mono + span;
        if self.armed > self.deadline {
            let timer = Timer::Session { partition: place.partition, group: place.group, member: self.serial };
            timers.clear(self.armed, timer);
            timers.set(self.deadline, timer);
            self.armed = self.deadline;
        }
    }

    fn subscription(&self, protocol: AssignorName) -> Option<&Subscription> {
        self.protocols.iter().find(|(p, _)| *p == protocol).map(|(_, s)| s)
    }
}

/// Where a group is, for its timers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) partition: u32,
    pub(super) group: u32,
}

/// A classic group with its offsets.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) id: Name,
    /// Names the group within the broker's run.
    pub(super) key: u32,
    pub(super) partition: u32,
    pub(super) state: GroupState,
    pub(super) generation: i32,
    pub(super) protocol: Option<AssignorName>,
    pub(super) leader: Option<Name>,
    /// By member id.
    pub(super) members: BTreeMap<Name, Member>,
    /// Member id by `group.instance.id`.
    pub(super) statics: BTreeMap<Name, Name>,
    /// Member ids that were handed out (79) and have not come back; with the serial of their timer.
    pub(super) pending: BTreeMap<Name, u32>,
    /// PreparingRebalance began at Empty: it lasts the initial delay, whoever has joined.
    pub(super) initial: bool,
    /// Somebody joined during the initial delay.
    pub(super) new_member_added: bool,
    /// Current step of the initial delay and what is left of the rebalance timeout after it.
    pub(super) delay: (Span, Span),
    /// When the join phase ends; [`Instant::NEVER`] if it is not running.
    pub(super) join_timer: Instant,
    /// When members must have synced; likewise.
    pub(super) sync_timer: Instant,
    /// Wall time at which a group with membership became Empty; `None` for a group that only ever had offsets.
    pub(super) empty_since_ms: Option<i64>,
    pub(super) offsets: GroupOffsets,
}

impl Group {
    /// A group without members.
    pub(super) fn new(id: Name, key: u32, partition: u32) -> Group {
        Group {
            id,
            key,
            partition,
            state: GroupState::Empty,
            generation: 0,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending: BTreeMap::new(),
            initial: false,
            new_member_added: false,
            delay: (Span::ZERO, Span::ZERO),
            join_timer: Instant::NEVER,
            sync_timer: Instant::NEVER,
            empty_since_ms: None,
            offsets: GroupOffsets::default(),
        }
    }

    pub(super) fn state(&self) -> GroupState {
        self.state
    }

    pub(super) fn generation(&self) -> i32 {
        self.generation
    }

    pub(super) fn place(&self) -> Place {
        Place { partition: self.partition, group: self.key }
    }

    /// Takes over what a record of the log says.
    pub(super) fn restore(&mut self, value: &GroupMetadataValue, written_ms: i64, mut serial: impl FnMut() -> u32) {
        self.generation = value.generation;
        self.protocol = value.protocol;
        self.leader = value.leader.clone();
        let protocol = value.protocol.unwrap_or(AssignorName::Range);
        self.members = value
            .members
            .iter()
            .map(|m| (Name::clone(&m.member_id), Member::restored(serial(), protocol, m)))
            .collect();
        self.statics = value
            .members
            .iter()
            .filter_map(|m| Some((m.group_instance_id.clone()?, Name::clone(&m.member_id))))
            .collect();
        (self.state, self.empty_since_ms) =
            if self.members.is_empty() { (GroupState::Empty, Some(written_ms)) } else { (GroupState::Stable, None) };
    }

    /// What the log is to say of the group, with the assignments given for this generation or, without them, the current
    /// ones.
    pub(super) fn value(&self, assignments: Option<&[(Name, Vec<TopicPartition>)]>) -> Arc<GroupMetadataValue> {
        let assignment = |id: &Name, member: &Member| match assignments {
            None => member.assignment.clone(),
            Some(given) => given.iter().find(|(to, _)| to == id).map(|(_, a)| a.clone()).unwrap_or_default(),
        };
        let member = |(id, member): (&Name, &Member)| GroupMemberValue {
            member_id: Name::clone(id),
            group_instance_id: member.instance.clone(),
            client_id: Name::clone(&member.client_id),
            session_timeout_ms: member.session_timeout_ms,
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            subscription: self.protocol.and_then(|p| member.subscription(p)).cloned().unwrap_or_default(),
            assignment: assignment(id, member),
        };
        Arc::new(GroupMetadataValue {
            generation: self.generation,
            protocol: self.protocol,
            leader: self.leader.clone(),
            members: self.members.iter().map(member).collect(),
        })
    }

    /// 25 for a stranger, 82 for a static member that another one replaced.
    pub(super) fn validate_member(&self, member: &Name, instance: Option<&Name>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            match self.statics.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(owner) if owner != member => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    pub(super) fn is_leader(&self, member: &Name) -> bool {
        self.leader.as_ref() == Some(member)
    }

    /// The longest rebalance timeout of the members, at least a millisecond.
    pub(super) fn rebalance_timeout(&self) -> Span {
        let longest = self.members.values().map(|m| m.rebalance_timeout_ms).max().unwrap_or(0);
        Span::from_millis(longest.max(1).into())
    }

    pub(super) fn all_joined(&self) -> bool {
        self.pending.is_empty() && self.members.values().all(|m| m.join.is_some())
    }

    fn supported_by_all(&self, protocol: AssignorName) -> bool {
        self.members.values().all(|m| m.subscription(protocol).is_some())
    }

    /// Whether a member with these protocols fits the group.
    pub(super) fn supports(&self, protocols: &[(AssignorName, Subscription)]) -> bool {
        match self.state {
            GroupState::Empty => !protocols.is_empty(),
            _ => protocols.iter().any(|(p, _)| self.supported_by_all(*p)),
        }
    }

    /// Each member votes for the first of its protocols that all members support; most votes win. Kafka leaves ties to
    /// hash order; here the protocol that comes first in [`AssignorName`] wins them.
    pub(super) fn select_protocol(&self) -> Option<AssignorName> {
        let mut votes: BTreeMap<AssignorName, u32> = BTreeMap::new();
        for member in self.members.values() {
            if let Some((protocol, _)) = member.protocols.iter().find(|(p, _)| self.supported_by_all(*p)) {
                *votes.entry(*protocol).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, n)| *n == most).map(|(p, _)| p)
    }

    /// Members with their subscriptions, for the leader.
    pub(super) fn subscriptions(&self) -> Vec<(Name, Subscription)> {
        let protocol = self.protocol;
        let subscription = |m: &Member| protocol.and_then(|p| m.subscription(p)).cloned().unwrap_or_default();
        self.members.iter().map(|(id, m)| (Name::clone(id), subscription(m))).collect()
    }

    /// The answer to a member that is in the current generation.
    pub(super) fn joined(&self, member: &Name) -> JoinGroupResponse {
        let leader = self.leader.clone().expect("a generation with members has a leader");
        JoinGroupResponse {
            error: None,
            generation: self.generation,
            protocol: self.protocol.expect("a generation with members has a protocol"),
            members: if leader == *member { self.subscriptions() } else { Vec::new() },
            leader,
            member_id: Name::clone(member),
        }
    }

    /// Puts a member in; the first one leads.
    pub(super) fn insert(&mut self, id: Name, member: Member) {
        if self.leader.is_none() {
            self.leader = Some(Name::clone(&id));
        }
        if let Some(instance) = &member.instance {
            self.statics.insert(Name::clone(instance), Name::clone(&id));
        }
        self.members.insert(id, member);
    }

    /// Takes a member out. What it has parked is answered with `error`, so that a client that is alive tries again.
    pub(super) fn remove(&mut self, env: &mut Env<'_>, id: &Name, error: ErrorCode) -> Option<Member> {
        let mut member = self.members.remove(id)?;
        if let Some(conn) = member.join.take() {
            env.respond(conn, refused_join(error, id, &member.protocols));
        }
        if let Some(conn) = member.sync.take() {
            env.respond(conn, SyncGroupResponse { error: Some(error), assignment: Vec::new() });
        }
        if member.armed != Instant::NEVER {
            let timer = Timer::Session { partition: self.partition, group: self.key, member: member.serial };
            env.timers.clear(member.armed, timer);
            member.armed = Instant::NEVER;
        }
        if let Some(instance) = &member.instance
            && self.statics.get(instance) == Some(id)
        {
            self.statics.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        Some(member)
    }

    /// Answers everything that is parked with `error` (the coordinator moves away).
    pub(super) fn refuse_parked(&mut self, env: &mut Env<'_>, error: ErrorCode) {
        for (id, member) in &mut self.members {
            if let Some(conn) = member.join.take() {
                env.respond(conn, refused_join(error, id, &member.protocols));
            }
            if let Some(conn) = member.sync.take() {
                env.respond(conn, SyncGroupResponse { error: Some(error), assignment: Vec::new() });
            }
        }
    }
}

/// A JoinGroup answered with an error; the member id is the one the client shall use or has used.
pub(super) fn refused_join(
    error: ErrorCode,
    member: &Name,
    protocols: &[(AssignorName, Subscription)],
) -> JoinGroupResponse {
    JoinGroupResponse {
        error: Some(error),
        generation: -1,
        protocol: protocols.first().map_or(AssignorName::Range, |(p, _)| *p),
        leader: "".into(),
        member_id: Name::clone(member),
        members: Vec::new(),
    }
}
