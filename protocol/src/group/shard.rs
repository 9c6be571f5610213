//! One partition of `__consumer_offsets` that this broker coordinates: its groups, and what it does with requests for
//! them and with its own log.

use std::collections::BTreeMap;

use super::fencing;
use super::group::{Group, GroupState, refused_join};
use super::offsets::{Offsets, Source};
use super::slots::Stored;
use super::timers::Timer;
use super::writes::{Effect, Env, Then, Writes, shown_to_reader};
use crate::batch::{Payload, RecordBatch};
use crate::coordinator::{Committed, Ticket, Written, shown};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::ConnId;
use crate::log::VerificationGuard;
use crate::message::*;
use crate::records::{CommittedOffset, GroupLogRecord};

/// A coordinator partition.
#[derive(Clone, Debug)]
pub(super) struct Shard {
    /// False while the log is being read.
    pub(super) active: bool,
    /// The high watermark when loading began, and what the broker reports when it has reached the log end.
    pub(super) high_watermark: Option<(Offset, Ticket)>,
    pub(super) writes: Writes,
    pub(super) offsets: Offsets,
    pub(super) groups: BTreeMap<u32, Group>,
    keys: BTreeMap<Name, u32>,
    /// Number of member ids handed out in this coordinator epoch.
    member_ids: u64,
}

impl Shard {
    pub(super) fn new(partition: u32, epoch: CoordinatorEpoch) -> Shard {
        Shard {
            active: false,
            high_watermark: None,
            writes: Writes::new(partition, epoch),
            offsets: Offsets::default(),
            groups: BTreeMap::new(),
            keys: BTreeMap::new(),
            member_ids: 0,
        }
    }

    /// The group of that id.
    pub(super) fn group(&self, id: &Name) -> Option<&Group> {
        self.keys.get(id).map(|key| &self.groups[key])
    }

    /// Groups in the order of their ids.
    pub(super) fn groups_by_id(&self) -> impl Iterator<Item = (&Name, &Group)> {
        self.keys.iter().map(|(id, key)| (id, &self.groups[key]))
    }

    fn get_or_create(&mut self, env: &mut Env<'_>, id: &Name) -> u32 {
        if let Some(key) = self.keys.get(id) {
            return *key;
        }
        let key = env.serials.subject();
        self.keys.insert(Name::clone(id), key);
        self.groups.insert(key, Group::new(Name::clone(id), key, self.writes.partition));
        key
    }

    // ---- The log ---------------------------------------------------------------------------------------------------

    /// Reads the whole log: pending entries survive, groups start as Stable or Empty with sessions that begin now.
    pub(super) fn load<'b>(&mut self, env: &mut Env<'_>, log: impl Iterator<Item = &'b RecordBatch>) {
        let mut unstable = None;
        for batch in log {
            let source = self.high_watermark.filter(|(hw, _)| batch.base_offset >= *hw).map(|(_, ticket)| ticket);
            unstable = unstable.or(source);
            if let Payload::Marker { result, .. } = &batch.payload {
                self.offsets.decide(source, batch.producer_id, *result, &mut self.groups);
            } else {
                self.apply(env, batch, batch.base_offset, source, true);
            }
        }
        if let Some(ticket) = unstable {
            self.writes.written(env, ticket, Then::Nothing);
        }
        for group in self.groups.values_mut() {
            let place = group.place();
            for member in group.members.values_mut() {
                member.touch(place, env.now, env.timers);
            }
        }
        self.active = true;
    }

    /// Applies the records of a batch. Membership comes from the log only on reload; live, it is ahead of the log.
    fn apply(&mut self, env: &mut Env<'_>, batch: &RecordBatch, base: Offset, source: Source, reload: bool) {
        let Payload::GroupLog(records) = &batch.payload else { return };
        for (index, record) in records.iter().enumerate() {
            match record {
                GroupLogRecord::Offset { group_id, tp, value: Some(value) } => {
                    let key = self.get_or_create(env, group_id);
                    let group = self.groups.get_mut(&key).expect("made above");
                    let stored = Stored { value: value.clone(), record_offset: base + index as i64 };
                    if batch.transactional {
                        self.offsets.stage(batch.producer_id, group, *tp, stored);
                    } else {
                        self.offsets.commit(source, group, *tp, stored);
                    }
                }
                GroupLogRecord::Offset { group_id, tp, value: None } => {
                    if let Some(key) = self.keys.get(group_id) {
                        let group = self.groups.get_mut(key).expect("a known group");
                        self.offsets.remove(source, group, *tp);
                    }
                }
                GroupLogRecord::Group { group_id, value: Some(value) } if reload => {
                    let key = self.get_or_create(env, group_id);
                    let group = self.groups.get_mut(&key).expect("made above");
                    group.restore(value, batch.max_timestamp_ms, || env.serials.subject());
                }
                GroupLogRecord::Group { group_id, value: None } => self.forget(group_id, reload),
                GroupLogRecord::Group { .. } => {}
            }
        }
    }

    /// A tombstone of a group. One that has offsets lives on without membership (no writer leaves that behind).
    fn forget(&mut self, id: &Name, reload: bool) {
        let Some(key) = self.keys.get(id).copied() else { return };
        let group = &self.groups[&key];
        if group.offsets.committed > 0 || group.offsets.open > 0 {
            if reload {
                let mut bare = Group::new(Name::clone(id), key, self.writes.partition);
                bare.offsets = group.offsets.clone();
                self.groups.insert(key, bare);
            }
        } else if reload || group.state == GroupState::Empty {
            self.keys.remove(id);
            self.groups.remove(&key);
        }
    }

    /// The broker performed a write, or could not. Returns the marker that could not be written.
    pub(super) fn written(&mut self, env: &mut Env<'_>, ticket: Ticket, outcome: Written) -> Option<(u64, ErrorCode)> {
        let write = self.writes.take_unwritten(ticket)?;
        match outcome {
            Ok(base) => {
                match &write.effect {
                    Effect::Records(batch) => self.apply(env, batch, base, Some(ticket), false),
                    Effect::Marker(producer, result) => {
                        self.offsets.decide(Some(ticket), *producer, *result, &mut self.groups);
                    }
                }
                self.writes.written(env, ticket, write.then);
                None
            }
            Err(error) => {
                if let Then::Marker(token) = write.then {
                    return Some((token, error));
                }
                self.follow(env, write.then, Err(error));
                None
            }
        }
    }

    /// The high watermark passed a write, or the wait for it failed. Pushes the markers that are decided by it.
    ///
    /// A failed wait changes no state: the records stand in the log, and a later write that becomes stable takes them
    /// along; only who waited for them is told.
    pub(super) fn committed(
        &mut self,
        env: &mut Env<'_>,
        ticket: Ticket,
        outcome: Committed,
        markers: &mut Vec<(u64, Committed)>,
    ) {
        // After 20 the records are below the high watermark; the group log does not promise min.insync.replicas.
        if let Err(error) = outcome
            && error != ErrorCode::NotEnoughReplicasAfterAppend
        {
            if let Some(write) = self.writes.uncommitted.iter_mut().find(|w| w.ticket == ticket)
                && let Some(token) = write.marker.take()
            {
                markers.push((token, Err(error)));
            } else if let Some(then) = self.writes.take_waiting(ticket) {
                self.follow(env, then, Err(error));
            }
            return;
        }
        while let Some(write) = self.writes.uncommitted.front()
            && write.ticket <= ticket
        {
            markers.extend(write.marker.map(|token| (token, Ok(()))));
            self.writes.uncommitted.pop_front();
        }
        self.offsets.committed_up_to(ticket);
        while let Some(then) = self.writes.next_committed(ticket) {
            self.follow(env, then, Ok(()));
        }
    }

    /// The reply timer rang.
    pub(super) fn replies_timer_rang(&mut self, env: &mut Env<'_>) {
        while let Some(then) = self.writes.next_timed_out(env) {
            self.follow(env, then, Err(ErrorCode::RequestTimedOut));
        }
    }

    /// Does what waited for a write.
    fn follow(&mut self, env: &mut Env<'_>, then: Then, outcome: Result<(), ErrorCode>) {
        let error = outcome.err().map(shown);
        match then {
            Then::Nothing | Then::Marker(_) => {}
            Then::OffsetCommit(conn, partitions) => {
                env.respond(conn, OffsetCommitResponse { partitions: with_error(partitions, error) });
            }
            Then::TxnOffsetCommit(conn, partitions) => {
                env.respond(conn, TxnOffsetCommitResponse { partitions: with_error(partitions, error) });
            }
            Then::OffsetFetch(conn, response) => match outcome {
                Ok(()) => env.respond(conn, response),
                Err(error) => env
                    .respond(conn, OffsetFetchResponse { error: Some(shown_to_reader(error)), partitions: Vec::new() }),
            },
            Then::Leave(conn) => env.respond(conn, LeaveGroupResponse { error }),
            Then::Assignment { group, generation, value } => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.assignment_decided(&mut self.writes, env, generation, &value, error.map_or(Ok(()), Err));
                }
            }
            Then::StaticJoin { group, member, leader } => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.static_join_decided(env, &member, leader, error.map_or(Ok(()), Err));
                }
            }
        }
    }

    /// The coordinator moves away: everybody is told to look for the new one (16). Returns the markers whose outcome the
    /// broker still reports.
    pub(super) fn resign(mut self, env: &mut Env<'_>) -> Vec<(Ticket, u64)> {
        let mut markers = Vec::new();
        for write in &self.writes.uncommitted {
            markers.extend(write.marker.map(|token| (write.ticket, token)));
        }
        // Parked joins and syncs first, so that a failed assignment finds nobody left to start a rebalance with.
        for (_, mut group) in core::mem::take(&mut self.groups) {
            group.refuse_parked(env, ErrorCode::NotCoordinator);
        }
        for then in self.writes.take_all() {
            self.follow(env, then, Err(ErrorCode::NotCoordinator));
        }
        for write in core::mem::take(&mut self.writes.unwritten) {
            match write.then {
                Then::Marker(token) => markers.push((write.ticket, token)),
                then => self.follow(env, then, Err(ErrorCode::NotCoordinator)),
            }
        }
        markers
    }

    // ---- Offsets ---------------------------------------------------------------------------------------------------

    /// A plain OffsetCommit.
    pub(super) fn offset_commit(&mut self, env: &mut Env<'_>, conn: ConnId, request: OffsetCommitRequest) {
        let given = &request.group;
        if let Err(error) = fencing::plain(self.group(&given.group_id), given) {
            let partitions = request.offsets.iter().map(|o| (o.tp, Some(error))).collect();
            return env.respond(conn, OffsetCommitResponse { partitions });
        }
        if let Some(key) = self.keys.get(&given.group_id) {
            let group = self.groups.get_mut(key).expect("a known group");
            // Commits keep a session alive, except while everybody waits for assignments.
            if matches!(group.state, GroupState::Stable | GroupState::PreparingRebalance) {
                group.touch(env, &given.member_id);
            }
        }
        let (records, partitions) = offset_records(env, &given.group_id, request.offsets);
        if records.is_empty() {
            env.respond(conn, OffsetCommitResponse { partitions });
        } else {
            self.writes.records(env, records, None, None, Then::OffsetCommit(conn, partitions));
        }
    }

    /// A TxnOffsetCommit whose transaction is verified.
    pub(super) fn txn_offset_commit(
        &mut self,
        env: &mut Env<'_>,
        conn: ConnId,
        request: TxnOffsetCommitRequest,
        guard: Option<VerificationGuard>,
    ) {
        let given = &request.group;
        let variants = env.config.variant;
        if let Err(error) = fencing::transactional(self.group(&given.group_id), given, request.version, variants) {
            let partitions = request.offsets.iter().map(|o| (o.tp, Some(error))).collect();
            return env.respond(conn, TxnOffsetCommitResponse { partitions });
        }
        let (records, partitions) = offset_records(env, &given.group_id, request.offsets);
        if records.is_empty() {
            env.respond(conn, TxnOffsetCommitResponse { partitions });
        } else {
            let then = Then::TxnOffsetCommit(conn, partitions);
            self.writes.records(env, records, Some(request.producer), guard, then);
        }
    }

    /// Writes tombstones for what has expired: offsets of empty groups without an open transactional offset on that
    /// partition, and then empty groups that have nothing left (§4.2 step 7).
    pub(super) fn expire(&mut self, env: &mut Env<'_>) {
        let retention_ms = i64::from(env.config.offsets_retention_minutes) * 60_000;
        let mut tombstones = Vec::new();
        for (id, group) in self.keys.iter().map(|(id, key)| (id, &self.groups[key])) {
            if group.state != GroupState::Empty {
                continue;
            }
            let mut left = group.offsets.committed;
            for (tp, slot) in group.offsets.slots.iter() {
                let Some(stored) = &slot.committed else { continue };
                let since = group.empty_since_ms.unwrap_or(stored.value.commit_ms);
                if slot.open.is_empty() && env.now.wall_ms.saturating_sub(since) >= retention_ms {
                    tombstones.push(GroupLogRecord::Offset { group_id: Name::clone(id), tp, value: None });
                    left -= 1;
                }
            }
            if left == 0 && group.offsets.open == 0 {
                tombstones.push(GroupLogRecord::Group { group_id: Name::clone(id), value: None });
            }
        }
        if !tombstones.is_empty() {
            self.writes.records(env, tombstones, None, None, Then::Nothing);
        }
    }

    // ---- Membership ------------------------------------------------------------------------------------------------

    /// JoinGroup.
    pub(super) fn join(&mut self, env: &mut Env<'_>, conn: ConnId, request: JoinGroupRequest) {
        let bounds = env.config.group_min_session_timeout_ms..=env.config.group_max_session_timeout_ms;
        let known = self.keys.get(&request.group_id).copied();
        let refusal = if !bounds.contains(&request.session_timeout_ms) {
            Some(ErrorCode::InvalidSessionTimeout)
        } else if known.is_none() && !request.member_id.is_empty() {
            Some(ErrorCode::UnknownMemberId)
        } else {
            None
        };
        if let Some(error) = refusal {
            return env.respond(conn, refused_join(error, &request.member_id, &request.protocols));
        }
        let key = known.unwrap_or_else(|| self.found(env, &request.group_id));
        let group = self.groups.get_mut(&key).expect("made above");
        let (epoch, ids) = (self.writes.epoch, &mut self.member_ids);
        group.join(&mut self.writes, env, conn, request, |client| {
            *ids += 1;
            format!("{client}-{epoch}.{ids}").into()
        });
    }

    /// A group comes into being with its first JoinGroup, and the log is told at once.
    fn found(&mut self, env: &mut Env<'_>, id: &Name) -> u32 {
        let key = self.get_or_create(env, id);
        let group = self.groups.get_mut(&key).expect("made above");
        group.empty_since_ms = Some(env.now.wall_ms);
        let value = group.value(None);
        self.writes.group(env, id, value, Then::Nothing);
        key
    }

    /// SyncGroup.
    pub(super) fn sync(&mut self, env: &mut Env<'_>, conn: ConnId, request: SyncGroupRequest) {
        match self.keys.get(&request.group.group_id) {
            Some(key) => {
                self.groups.get_mut(key).expect("a known group").sync(&mut self.writes, env, conn, request);
            }
            None => {
                env.respond(conn, SyncGroupResponse { error: Some(ErrorCode::UnknownMemberId), assignment: Vec::new() })
            }
        }
    }

    /// Heartbeat.
    pub(super) fn heartbeat(&mut self, env: &mut Env<'_>, conn: ConnId, request: &HeartbeatRequest) {
        let outcome = match self.keys.get(&request.group.group_id) {
            Some(key) => self.groups.get_mut(key).expect("a known group").heartbeat(env, request),
            None => Err(ErrorCode::UnknownMemberId),
        };
        env.respond(conn, HeartbeatResponse { error: outcome.err() });
    }

    /// LeaveGroup. If the group becomes empty by it, the answer waits until the log says so.
    pub(super) fn leave(&mut self, env: &mut Env<'_>, conn: ConnId, request: &LeaveGroupRequest) {
        let before = self.writes.unwritten.len();
        let outcome = match self.keys.get(&request.group_id) {
            Some(key) => self.groups.get_mut(key).expect("a known group").leave(&mut self.writes, env, request),
            None => Err(ErrorCode::UnknownMemberId),
        };
        match self.writes.unwritten.get_mut(before) {
            Some(write) => write.then = Then::Leave(conn),
            None => env.respond(conn, LeaveGroupResponse { error: outcome.err() }),
        }
    }

    /// A timer of one of the groups rang.
    pub(super) fn group_timer_rang(&mut self, env: &mut Env<'_>, key: u32, timer: Timer) {
        let Some(group) = self.groups.get_mut(&key) else { return };
        match timer {
            Timer::Join { .. } => group.join_timer_rang(&mut self.writes, env),
            Timer::Sync { .. } => group.sync_timer_rang(&mut self.writes, env),
            Timer::Session { member, .. } => group.session_timer_rang(&mut self.writes, env, member),
            Timer::Replies { .. } | Timer::Expiry => {}
        }
    }
}

fn with_error(
    mut partitions: Vec<(TopicPartition, Option<ErrorCode>)>,
    error: Option<ErrorCode>,
) -> Vec<(TopicPartition, Option<ErrorCode>)> {
    if error.is_some() {
        for (_, of_partition) in &mut partitions {
            *of_partition = of_partition.or(error);
        }
    }
    partitions
}

/// Records for the offsets whose metadata is short enough, and the outcome for each partition so far.
fn offset_records(
    env: &Env<'_>,
    group_id: &Name,
    offsets: Vec<OffsetToCommit>,
) -> (Vec<GroupLogRecord>, Vec<(TopicPartition, Option<ErrorCode>)>) {
    let mut records = Vec::with_capacity(offsets.len());
    let mut outcomes = Vec::with_capacity(offsets.len());
    for OffsetToCommit { tp, offset, leader_epoch, metadata } in offsets {
        if metadata.len() > env.config.offset_metadata_max_bytes as usize {
            outcomes.push((tp, Some(ErrorCode::OffsetMetadataTooLarge)));
            continue;
        }
        outcomes.push((tp, None));
        let value = CommittedOffset { offset, leader_epoch, metadata, commit_ms: env.now.wall_ms };
        records.push(GroupLogRecord::Offset { group_id: Name::clone(group_id), tp, value: Some(value) });
    }
    (records, outcomes)
}
