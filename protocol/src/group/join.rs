//! JoinGroup (§4.6).

use super::group::{Group, GroupState, Member, refused_join};
use super::timers::Timer;
use super::writes::{Env, Then, Writes};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::ConnId;
use crate::message::*;
use crate::time::*;

/// How long a member that was never answered may stay parked: Kafka's constant of five minutes. Its client cannot
/// heartbeat, and may be gone.
const NEW_MEMBER_JOIN_TIMEOUT: Span = Span::from_secs(300);

impl Group {
    /// A JoinGroup whose session timeout is in bounds. `new_id` makes a member id.
    pub(super) fn join(
        &mut self,
        writes: &mut Writes,
        env: &mut Env<'_>,
        conn: ConnId,
        request: JoinGroupRequest,
        new_id: impl FnOnce(&Name) -> Name,
    ) {
        if !self.supports(&request.protocols) {
            let refused = refused_join(ErrorCode::InconsistentGroupProtocol, &request.member_id, &request.protocols);
            return env.respond(conn, refused);
        }
        if request.member_id.is_empty() {
            let id = new_id(&request.client_id);
            match request.group_instance_id.as_ref().map(|instance| self.statics.get(instance).cloned()) {
                Some(Some(old)) => {
                    self.replace_static(writes, env, conn, JoinGroupRequest { member_id: id, ..request }, &old);
                }
                Some(None) => self.add(writes, env, conn, request, id),
                None => self.hand_out(env, conn, &request, id),
            }
        } else if self.pending.contains_key(&request.member_id) {
            let id = Name::clone(&request.member_id);
            self.add(writes, env, conn, request, id);
        } else {
            self.rejoin(writes, env, conn, request);
        }
    }

    /// MEMBER_ID_REQUIRED: the client comes back with the id, or the id is forgotten after a session timeout.
    fn hand_out(&mut self, env: &mut Env<'_>, conn: ConnId, request: &JoinGroupRequest, id: Name) {
        let serial = env.serials.subject();
        let at = env.now.mono + Span::from_millis(request.session_timeout_ms.into());
        env.timers.set(at, Timer::Session { partition: self.partition, group: self.key, member: serial });
        env.respond(conn, refused_join(ErrorCode::MemberIdRequired, &id, &request.protocols));
        self.pending.insert(id, serial);
    }

    fn add(&mut self, writes: &mut Writes, env: &mut Env<'_>, conn: ConnId, request: JoinGroupRequest, id: Name) {
        // The timer of a handed-out id is left to ring and find nothing.
        self.pending.remove(&id);
        let mut member = Member::of_request(env.serials.subject(), request);
        member.join = Some(conn);
        member.expire_after(self.place(), env.now, env.timers, NEW_MEMBER_JOIN_TIMEOUT);
        if self.state == GroupState::PreparingRebalance && self.initial {
            self.new_member_added = true;
        }
        self.insert(id, member);
        self.rebalance_or_complete(writes, env);
    }

    fn rejoin(&mut self, writes: &mut Writes, env: &mut Env<'_>, conn: ConnId, request: JoinGroupRequest) {
        let id = &request.member_id;
        if let Err(error) = self.validate_member(id, request.group_instance_id.as_ref()) {
            return env.respond(conn, refused_join(error, id, &request.protocols));
        }
        let unchanged = self.members.get(id).expect("validated above").protocols == request.protocols;
        let current = match self.state {
            GroupState::Empty => {
                let refused = refused_join(ErrorCode::UnknownMemberId, id, &request.protocols);
                return env.respond(conn, refused);
            }
            GroupState::PreparingRebalance => false,
            // Its first answer was lost: it is told again.
            GroupState::CompletingRebalance => unchanged,
            GroupState::Stable => unchanged && !self.is_leader(id),
        };
        if current {
            let joined = self.joined(id);
            return env.respond(conn, joined);
        }
        let id = Name::clone(id);
        self.update(&id, conn, request);
        self.rebalance_or_complete(writes, env);
    }

    /// A JoinGroup that was still parked on an older connection stays unanswered, as in Kafka.
    fn update(&mut self, id: &Name, conn: ConnId, request: JoinGroupRequest) {
        let member = self.members.get_mut(id).expect("the caller looked the member up");
        member.session_timeout_ms = request.session_timeout_ms;
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        member.protocols = request.protocols;
        member.join = Some(conn);
    }

    /// A known static member comes back without its member id: it gets the new one in `request` and keeps its assignment; whoever still
    /// uses the old one is fenced (82). In a stable group nobody else notices, unless the assignor changes by it.
    fn replace_static(
        &mut self,
        writes: &mut Writes,
        env: &mut Env<'_>,
        conn: ConnId,
        request: JoinGroupRequest,
        old: &Name,
    ) {
        let id = Name::clone(&request.member_id);
        let led = self.leader.clone();
        let mut member = self.remove(env, old, ErrorCode::FencedInstanceId).expect("a static member is a member");
        member.serial = env.serials.subject();
        if led.as_ref() == Some(old) {
            self.leader = Some(Name::clone(&id));
        }
        self.insert(Name::clone(&id), member);
        self.update(&id, conn, request);
        let place = self.place();
        self.members.get_mut(&id).expect("inserted above").touch(place, env.now, env.timers);
        match self.state {
            GroupState::Stable if self.select_protocol() == self.protocol => {
                let value = self.value(None);
                // A leader that came back is told its old id as the leader's, so that it does not assign anew.
                let leader = led.expect("a stable group has a leader");
                writes.group(env, &self.id, value, Then::StaticJoin { group: self.key, member: id, leader });
            }
            GroupState::PreparingRebalance => self.complete_if_all_joined(writes, env),
            _ => self.prepare_rebalance(writes, env),
        }
    }

    /// The record of a returned static member is decided.
    pub(super) fn static_join_decided(
        &mut self,
        env: &mut Env<'_>,
        id: &Name,
        leader: Name,
        outcome: Result<(), ErrorCode>,
    ) {
        // A rebalance that began in between answers the JoinGroup itself.
        if self.state != GroupState::Stable {
            return;
        }
        let Some(conn) = self.members.get_mut(id).and_then(|m| m.join.take()) else { return };
        let response = match outcome {
            Ok(()) => JoinGroupResponse { leader, members: Vec::new(), ..self.joined(id) },
            Err(error) => refused_join(error, id, &self.members[id].protocols),
        };
        env.respond(conn, response);
    }
}
