//! How a classic group moves from one generation to the next (§4.6).

use std::sync::Arc;

use super::group::{Group, GroupState};
use super::timers::Timer;
use super::writes::{Env, Then, Writes};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::ConnId;
use crate::message::*;
use crate::records::GroupMetadataValue;
use crate::time::*;

impl Group {
    /// Somebody joined, left or changed.
    pub(super) fn rebalance_or_complete(&mut self, writes: &mut Writes, env: &mut Env<'_>) {
        if self.state == GroupState::PreparingRebalance {
            self.complete_if_all_joined(writes, env);
        } else {
            self.prepare_rebalance(writes, env);
        }
    }

    /// Ends the join phase early, except the initial delay, which lasts.
    pub(super) fn complete_if_all_joined(&mut self, writes: &mut Writes, env: &mut Env<'_>) {
        if self.state == GroupState::PreparingRebalance && !self.initial && self.all_joined() {
            self.complete_join(writes, env);
        }
    }

    /// Starts a join phase.
    pub(super) fn prepare_rebalance(&mut self, writes: &mut Writes, env: &mut Env<'_>) {
        if self.state == GroupState::CompletingRebalance {
            self.withdraw_assignment(env, ErrorCode::RebalanceInProgress);
        }
        self.stop_sync_timer(env);
        self.initial = self.state == GroupState::Empty;
        self.new_member_added = false;
        self.state = GroupState::PreparingRebalance;
        self.empty_since_ms = None;
        if self.initial {
            let delay = Span::from_millis(env.config.group_initial_rebalance_delay_ms.into());
            self.delay = (delay, Span(self.rebalance_timeout().0.saturating_sub(delay.0)));
            self.start_join_timer(env, delay);
        } else if self.all_joined() {
            self.complete_join(writes, env);
        } else {
            self.start_join_timer(env, self.rebalance_timeout());
        }
    }

    /// The join timer rang. The initial delay is extended while new members keep coming, up to the rebalance timeout.
    pub(super) fn join_timer_rang(&mut self, writes: &mut Writes, env: &mut Env<'_>) {
        self.join_timer = Instant::NEVER;
        let (delay, left) = self.delay;
        if self.initial && self.new_member_added && left > Span::ZERO {
            self.new_member_added = false;
            let step = Span::from_millis(env.config.group_initial_rebalance_delay_ms.into()).min(left);
            self.delay = (step, Span(left.0.saturating_sub(delay.0)));
            self.start_join_timer(env, step);
        } else {
            self.complete_join(writes, env);
        }
    }

    /// Ends the join phase: who has not rejoined is dropped (static members stay until their session ends), the rest
    /// forms the next generation.
    pub(super) fn complete_join(&mut self, writes: &mut Writes, env: &mut Env<'_>) {
        self.stop_join_timer(env);
        let absent = |m: &&Name| {
            let member = &self.members[*m];
            member.join.is_none() && member.instance.is_none()
        };
        for id in self.members.keys().filter(absent).cloned().collect::<Vec<_>>() {
            self.remove(env, &id, ErrorCode::UnknownMemberId);
        }
        if !self.members.is_empty() && !self.elect_joined_leader() {
            // Only absent static members are left: wait for them, or for the end of their sessions.
            return self.start_join_timer(env, self.rebalance_timeout());
        }
        self.generation += 1;
        self.initial = false;
        if self.members.is_empty() {
            self.state = GroupState::Empty;
            self.protocol = None;
            self.leader = None;
            self.empty_since_ms = Some(env.now.wall_ms);
            return writes.group(env, &self.id, self.value(None), Then::Nothing);
        }
        self.protocol = self.select_protocol();
        self.state = GroupState::CompletingRebalance;
        let place = self.place();
        for id in self.members.keys().cloned().collect::<Vec<_>>() {
            let member = self.members.get_mut(&id).expect("listed just now");
            member.is_new = false;
            member.pending_sync = true;
            member.touch(place, env.now, env.timers);
            if let Some(conn) = member.join.take() {
                let joined = self.joined(&id);
                env.respond(conn, joined);
            }
        }
        self.sync_timer = env.now.mono + self.rebalance_timeout();
        env.timers.set(self.sync_timer, Timer::Sync { partition: self.partition, group: self.key });
    }

    /// The leader must be among those that joined.
    fn elect_joined_leader(&mut self) -> bool {
        let joined = |id: &Name| self.members.get(id).is_some_and(|m| m.join.is_some());
        if self.leader.as_ref().is_some_and(joined) {
            return true;
        }
        match self.members.iter().find(|(_, m)| m.join.is_some()) {
            Some((id, _)) => {
                self.leader = Some(Name::clone(id));
                true
            }
            None => false,
        }
    }

    /// SyncGroup: followers wait for the leader, whose assignment is persisted before anybody gets it.
    pub(super) fn sync(&mut self, writes: &mut Writes, env: &mut Env<'_>, conn: ConnId, request: SyncGroupRequest) {
        let id = &request.group.member_id;
        let mut check = self.validate_member(id, request.group.group_instance_id.as_ref());
        if check.is_ok() && request.group.generation != self.generation {
            check = Err(ErrorCode::IllegalGeneration);
        }
        if check.is_ok() && self.state == GroupState::PreparingRebalance {
            check = Err(ErrorCode::RebalanceInProgress);
        }
        if let Err(error) = check {
            return env.respond(conn, SyncGroupResponse { error: Some(error), assignment: Vec::new() });
        }
        let place = self.place();
        let member = self.members.get_mut(id).expect("validated above");
        let was_pending = core::mem::replace(&mut member.pending_sync, false);
        if self.state == GroupState::Stable {
            member.touch(place, env.now, env.timers);
            let assignment = member.assignment.clone();
            env.respond(conn, SyncGroupResponse { error: None, assignment });
        } else {
            member.sync = Some(conn);
            if self.is_leader(id) {
                let value = self.value(Some(&request.assignments));
                let then = Then::Assignment { group: self.key, generation: self.generation, value: Arc::clone(&value) };
                writes.group(env, &self.id, value, then);
            }
        }
        if was_pending && self.members.values().all(|m| !m.pending_sync) {
            self.stop_sync_timer(env);
        }
    }

    /// The record with the leader's assignment is decided. Nothing happens if the group has moved on since.
    pub(super) fn assignment_decided(
        &mut self,
        writes: &mut Writes,
        env: &mut Env<'_>,
        generation: i32,
        value: &GroupMetadataValue,
        outcome: Result<(), ErrorCode>,
    ) {
        if self.state != GroupState::CompletingRebalance || generation != self.generation {
            return;
        }
        if let Err(error) = outcome {
            self.withdraw_assignment(env, error);
            return self.prepare_rebalance(writes, env);
        }
        self.state = GroupState::Stable;
        let place = self.place();
        for assigned in &value.members {
            let Some(member) = self.members.get_mut(&assigned.member_id) else { continue };
            member.assignment.clone_from(&assigned.assignment);
            if let Some(conn) = member.sync.take() {
                member.touch(place, env.now, env.timers);
                let assignment = assigned.assignment.clone();
                env.respond(conn, SyncGroupResponse { error: None, assignment });
            }
        }
    }

    fn withdraw_assignment(&mut self, env: &mut Env<'_>, error: ErrorCode) {
        let place = self.place();
        for member in self.members.values_mut() {
            member.assignment.clear();
            if let Some(conn) = member.sync.take() {
                member.touch(place, env.now, env.timers);
                env.respond(conn, SyncGroupResponse { error: Some(error), assignment: Vec::new() });
            }
        }
    }

    /// Heartbeat.
    pub(super) fn heartbeat(&mut self, env: &mut Env<'_>, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
        let id = &request.group.member_id;
        self.validate_member(id, request.group.group_instance_id.as_ref())?;
        if request.group.generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        self.touch(env, id);
        if self.state == GroupState::PreparingRebalance { Err(ErrorCode::RebalanceInProgress) } else { Ok(()) }
    }

    /// A sign of life.
    pub(super) fn touch(&mut self, env: &mut Env<'_>, id: &Name) {
        let place = self.place();
        if let Some(member) = self.members.get_mut(id) {
            member.touch(place, env.now, env.timers);
        }
    }

    /// LeaveGroup.
    ///
    /// # Errors
    /// 25 and 82 as for any member.
    pub(super) fn leave(
        &mut self,
        writes: &mut Writes,
        env: &mut Env<'_>,
        request: &LeaveGroupRequest,
    ) -> Result<(), ErrorCode> {
        let instance = request.group_instance_id.as_ref();
        if self.pending.remove(&request.member_id).is_some() {
            self.complete_if_all_joined(writes, env);
            return Ok(());
        }
        let id = match instance {
            Some(instance) if request.member_id.is_empty() => {
                self.statics.get(instance).cloned().ok_or(ErrorCode::UnknownMemberId)?
            }
            _ => Name::clone(&request.member_id),
        };
        self.validate_member(&id, instance)?;
        self.drop_member(writes, env, &id);
        Ok(())
    }

    fn drop_member(&mut self, writes: &mut Writes, env: &mut Env<'_>, id: &Name) {
        self.remove(env, id, ErrorCode::UnknownMemberId);
        if self.state != GroupState::Empty {
            self.rebalance_or_complete(writes, env);
        }
    }

    /// The session timer of `serial` rang.
    pub(super) fn session_timer_rang(&mut self, writes: &mut Writes, env: &mut Env<'_>, serial: u32) {
        if let Some(id) = self.pending.iter().find(|(_, s)| **s == serial).map(|(id, _)| Name::clone(id)) {
            self.pending.remove(&id);
            return self.complete_if_all_joined(writes, env);
        }
        let Some((id, member)) = self.members.iter_mut().find(|(_, m)| m.serial == serial) else { return };
        member.armed = Instant::NEVER;
        if member.deadline > env.now.mono {
            member.armed = member.deadline;
            let timer = Timer::Session { partition: self.partition, group: self.key, member: serial };
            env.timers.set(member.deadline, timer);
        } else if member.is_new || (member.join.is_none() && member.sync.is_none()) {
            // A parked request is a sign of life; its answer starts the session anew.
            let id = Name::clone(id);
            self.drop_member(writes, env, &id);
        }
    }

    /// The sync timer rang: who has not asked for its assignment within the rebalance timeout is dropped.
    pub(super) fn sync_timer_rang(&mut self, writes: &mut Writes, env: &mut Env<'_>) {
        self.sync_timer = Instant::NEVER;
        let late = self.members.iter().filter(|(_, m)| m.pending_sync).map(|(id, _)| Name::clone(id));
        let late: Vec<Name> = late.collect();
        if late.is_empty() || !matches!(self.state, GroupState::CompletingRebalance | GroupState::Stable) {
            return;
        }
        for id in &late {
            self.remove(env, id, ErrorCode::UnknownMemberId);
        }
        self.prepare_rebalance(writes, env);
    }

    fn start_join_timer(&mut self, env: &mut Env<'_>, span: Span) {
        self.join_timer = env.now.mono + span;
        env.timers.set(self.join_timer, Timer::Join { partition: self.partition, group: self.key });
    }

    fn stop_join_timer(&mut self, env: &mut Env<'_>) {
        let at = core::mem::replace(&mut self.join_timer, Instant::NEVER);
        if at != Instant::NEVER {
            env.timers.clear(at, Timer::Join { partition: self.partition, group: self.key });
        }
    }

    fn stop_sync_timer(&mut self, env: &mut Env<'_>) {
        for member in self.members.values_mut() {
            member.pending_sync = false;
        }
        let at = core::mem::replace(&mut self.sync_timer, Instant::NEVER);
        if at != Instant::NEVER {
            env.timers.clear(at, Timer::Sync { partition: self.partition, group: self.key });
        }
    }
}
