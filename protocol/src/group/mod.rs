//! The group coordinator: a state machine over the log of `__consumer_offsets` (§4).
//!
//! Offsets change only by what stands in the log: a write is applied when the broker reports it written, in log order, by
//! the same code that reads the log after a failover. Membership runs ahead of the log, but nobody gets an assignment
//! before the record that holds it is committed.

mod fencing;
mod fetch;
#[expect(clippy::module_inception, reason = "a group, among what coordinates groups")]
mod group;
mod join;
mod offsets;
mod rebalance;
mod shard;
mod slots;
mod timers;
mod view;
mod writes;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use self::group::GroupState;
use self::shard::Shard;
use self::timers::{Timer, Timers};
pub use self::view::GroupView;
use self::writes::{Env, Serials, partition_of, shown_to_marker_sender};
use crate::batch::RecordBatch;
use crate::config::{BrokerConfig, Domains};
use crate::coordinator::*;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::*;
use crate::log::{EndMarker, PartitionLog, VerificationGuard};
use crate::message::*;
use crate::records::CommittedOffset;
use crate::time::*;

/// The group coordinator of one broker.
#[derive(Clone, Debug)]
pub struct GroupCoordinator {
    config: Arc<BrokerConfig>,
    /// By partition of `__consumer_offsets`; those that this broker coordinates or loads.
    shards: Vec<Option<Shard>>,
    timers: Timers,
    serials: Serials,
    /// When offsets are next looked through for expired ones; NEVER before the first partition is loaded.
    expiry: Instant,
    /// Markers of partitions that were given up, whose writes the broker has yet to report.
    orphans: Vec<(Ticket, u64)>,
}

impl GroupCoordinator {
    /// A coordinator that leads nothing yet.
    pub fn new(_broker: NodeId, config: Arc<BrokerConfig>, _domains: Domains) -> Self {
        GroupCoordinator {
            config,
            shards: Vec::new(),
            timers: Timers::default(),
            serials: Serials::default(),
            expiry: Instant::NEVER,
            orphans: Vec::new(),
        }
    }

    /// The shard of `partition`, beside what its handlers may use.
    fn split<'a>(&'a mut self, turn: &'a mut Turn<'_>, partition: u32) -> (Option<&'a mut Shard>, Env<'a>) {
        let (timers, serials) = (&mut self.timers, &mut self.serials);
        let env = Env { now: turn.now, config: &self.config, timers, serials, out: turn.out };
        (self.shards.get_mut(partition as usize).and_then(Option::as_mut), env)
    }

    // ---- Leadership ------------------------------------------------------------------------------------------------

    /// Tells, between [`Self::elected`] and [`Self::loaded`], where the high watermark stands. What the log has from
    /// there on counts as written, not committed, until the broker calls [`Self::committed`] with the ticket returned,
    /// which it does once the high watermark has reached the log end of the time of loading. Without this call all
    /// that is loaded counts as committed. `None` if the partition is not being loaded.
    pub fn loading_high_watermark(&mut self, partition: u32, high_watermark: Offset) -> Option<Ticket> {
        let shard = self.shards.get_mut(partition as usize)?.as_mut().filter(|s| !s.active)?;
        let ticket = self.serials.ticket(partition);
        shard.high_watermark = Some((high_watermark, ticket));
        Some(ticket)
    }

    /// The log has been read, up to its end (§4.2): install it. Ignored unless [`Self::elected`] came before with the
    /// same epoch.
    pub fn loaded<'b>(
        &mut self,
        turn: &mut Turn<'_>,
        partition: u32,
        epoch: CoordinatorEpoch,
        log: impl Iterator<Item = &'b RecordBatch>,
    ) {
        let (shard, mut env) = self.split(turn, partition);
        let Some(shard) = shard.filter(|s| !s.active && s.writes.epoch == epoch) else { return };
        shard.load(&mut env, log);
        if self.expiry == Instant::NEVER {
            self.schedule_expiry(turn.now.mono);
        }
    }

    // ---- Requests --------------------------------------------------------------------------------------------------

    /// TxnOffsetCommit after the broker's add/verify succeeded; `guard` as the log gave it (None: a transaction is already
    /// open there). Membership is checked here, hence after the verification.
    pub fn txn_offset_commit(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        request: TxnOffsetCommitRequest,
        guard: Option<VerificationGuard>,
    ) {
        let id = &request.group.group_id;
        let empty = id.is_empty();
        let partition = partition_for(turn, id);
        let (shard, mut env) = self.split(turn, partition);
        let error = match &shard {
            _ if empty => ErrorCode::InvalidGroupId,
            None => ErrorCode::NotCoordinator,
            Some(shard) if !shard.active => ErrorCode::CoordinatorLoadInProgress,
            Some(_) => {
                let shard = shard.expect("matched above");
                return shard.txn_offset_commit(&mut env, conn, request, guard);
            }
        };
        refuse(conn, &request.into(), error, env.out);
    }

    /// A marker of WriteTxnMarkers for partition `partition` of `__consumer_offsets`; the outcome comes back through
    /// [`CoordinatorOutputs::markers`]. The offsets change in the same instant as the log: Kafka applies first and rolls back what could not be
    /// written, which nobody can tell apart.
    pub fn write_marker(&mut self, turn: &mut Turn<'_>, token: u64, partition: u32, marker: EndMarker) {
        let (shard, mut env) = self.split(turn, partition);
        match shard.filter(|s| s.active) {
            Some(shard) => shard.writes.marker(&mut env, marker, token),
            // Not led here or loading: 16 and 14, both shown as 6.
            None => turn.out.markers.push(MarkerDone { token, outcome: Err(ErrorCode::NotLeaderOrFollower) }),
        }
    }

    // ---- Outcomes of writes ----------------------------------------------------------------------------------------

    /// Reports a marker whose partition was given up in the meantime: its sender has to ask the new leader.
    fn end_orphan(&mut self, ticket: Ticket, error: ErrorCode, out: &mut CoordinatorOutputs) {
        if let Some(at) = self.orphans.iter().position(|(t, _)| *t == ticket) {
            let (_, token) = self.orphans.remove(at);
            out.markers.push(MarkerDone { token, outcome: Err(shown_to_marker_sender(error)) });
        }
    }

    // ---- Time ------------------------------------------------------------------------------------------------------

    fn schedule_expiry(&mut self, now: Instant) {
        self.expiry = now + Span::from_millis(self.config.offsets_retention_check_ms);
        self.timers.set(self.expiry, Timer::Expiry);
    }

    /// The next look for expired offsets comes `by` later (a background job of the broker that falls behind). No effect
    /// before the first partition is loaded.
    pub fn postpone_expiry(&mut self, by: Span) {
        if self.expiry != Instant::NEVER {
            self.timers.clear(self.expiry, Timer::Expiry);
            self.expiry += by;
            self.timers.set(self.expiry, Timer::Expiry);
        }
    }

    // ---- White box -------------------------------------------------------------------------------------------------

    /// State of a group of `partition` (`Some(None)` if there is none of that id); `None` if the partition is not led here
    /// or is being loaded.
    pub fn state_of(&self, partition: u32, id: &Name) -> Option<Option<GroupState>> {
        let shard = self.shards.get(partition as usize)?.as_ref().filter(|s| s.active)?;
        Some(shard.group(id).map(group::Group::state))
    }

    /// Committed offsets of all groups led here (white-box checks), in (group, partition) order; of the newest state,
    /// that is of the log to its end.
    pub fn committed_offsets(&self) -> Vec<(Name, TopicPartition, CommittedOffset)> {
        let mut all = Vec::new();
        for (id, group) in self.shards.iter().flatten().flat_map(Shard::groups_by_id) {
            let committed = group.offsets.slots.iter().filter_map(|(tp, s)| Some((tp, s.committed.as_ref()?)));
            all.extend(committed.map(|(tp, stored)| (Name::clone(id), tp, stored.value.clone())));
        }
        all.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        all
    }

    /// Offsets pending in transactions (white-box checks), in (producer, group, partition) order; of the newest state.
    pub fn pending_offsets(&self) -> Vec<(ProducerId, Name, TopicPartition, CommittedOffset)> {
        let mut all = Vec::new();
        for shard in self.shards.iter().flatten() {
            let named = |(pid, group, tp, stored): (ProducerId, u32, TopicPartition, &slots::Stored)| {
                (pid, Name::clone(&shard.groups[&group].id), tp, stored.value.clone())
            };
            all.extend(shard.offsets.pending().map(named));
        }
        all.sort_by(|a, b| (a.0, &a.1, a.2).cmp(&(b.0, &b.1, b.2)));
        all
    }
}

impl Coordinator for GroupCoordinator {
    fn elected(&mut self, turn: &mut Turn<'_>, partition: u32, epoch: CoordinatorEpoch) {
        self.resigned(turn, partition);
        let index = partition as usize;
        if self.shards.len() <= index {
            self.shards.resize_with(index + 1, || None);
        }
        self.shards[index] = Some(Shard::new(partition, epoch));
    }

    fn resigned(&mut self, turn: &mut Turn<'_>, partition: u32) {
        let Some(shard) = self.shards.get_mut(partition as usize).and_then(Option::take) else { return };
        let (_, mut env) = self.split(turn, partition);
        let orphans = shard.resign(&mut env);
        self.orphans.extend(orphans);
    }

    fn load(
        &mut self,
        turn: &mut Turn<'_>,
        partition: u32,
        epoch: CoordinatorEpoch,
        log: &PartitionLog,
    ) -> Option<Ticket> {
        let ticket = self.loading_high_watermark(partition, log.high_watermark());
        self.loaded(turn, partition, epoch, log.batches().map(|b| &**b));
        ticket
    }

    /// JoinGroup, SyncGroup, Heartbeat, LeaveGroup, OffsetCommit, OffsetFetch.
    fn request(&mut self, turn: &mut Turn<'_>, conn: ConnId, request: Request) {
        let (id, may_be_empty) = match &request {
            Request::JoinGroup(r) => (&r.group_id, false),
            Request::SyncGroup(r) => (&r.group.group_id, false),
            Request::Heartbeat(r) => (&r.group.group_id, false),
            Request::LeaveGroup(r) => (&r.group_id, false),
            // Kafka accepts these for the empty group id, for the sake of old clients.
            Request::OffsetCommit(r) => (&r.group.group_id, true),
            Request::OffsetFetch(r) => (&r.group_id, true),
            other => unreachable!("not a request of groups: {:?}", other.api_key()),
        };
        if id.is_empty() && !may_be_empty {
            return refuse(conn, &request, ErrorCode::InvalidGroupId, turn.out);
        }
        let partition = partition_for(turn, id);
        let (shard, mut env) = self.split(turn, partition);
        let Some(shard) = shard else { return refuse(conn, &request, ErrorCode::NotCoordinator, env.out) };
        if !shard.active {
            return refuse(conn, &request, ErrorCode::CoordinatorLoadInProgress, env.out);
        }
        match request {
            Request::JoinGroup(r) => shard.join(&mut env, conn, *r),
            Request::SyncGroup(r) => shard.sync(&mut env, conn, *r),
            Request::Heartbeat(r) => shard.heartbeat(&mut env, conn, &r),
            Request::LeaveGroup(r) => shard.leave(&mut env, conn, &r),
            Request::OffsetCommit(r) => shard.offset_commit(&mut env, conn, *r),
            Request::OffsetFetch(r) => shard.offset_fetch(&mut env, conn, &r),
            other => unreachable!("not a request of groups: {:?}", other.api_key()),
        }
    }

    fn written(&mut self, turn: &mut Turn<'_>, ticket: Ticket, outcome: Written) {
        let (shard, mut env) = self.split(turn, partition_of(ticket));
        if let Some((token, error)) = shard.and_then(|s| s.written(&mut env, ticket, outcome)) {
            turn.out.markers.push(MarkerDone { token, outcome: Err(shown_to_marker_sender(error)) });
        }
        if let Err(error) = outcome {
            self.end_orphan(ticket, error, turn.out);
        }
    }

    fn committed(&mut self, turn: &mut Turn<'_>, ticket: Ticket, outcome: Committed) {
        let mut markers = Vec::new();
        let (shard, mut env) = self.split(turn, partition_of(ticket));
        if let Some(shard) = shard {
            shard.committed(&mut env, ticket, outcome, &mut markers);
        }
        let shown = |outcome: Committed| outcome.map_err(shown_to_marker_sender);
        let done = markers.into_iter().map(|(token, outcome)| MarkerDone { token, outcome: shown(outcome) });
        turn.out.markers.extend(done);
        self.end_orphan(ticket, ErrorCode::NotLeaderOrFollower, turn.out);
    }

    #[inline]
    fn poll_timeout(&self) -> Instant {
        self.timers.next()
    }

    fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        while let Some(timer) = self.timers.pop_due(turn.now.mono) {
            match timer {
                Timer::Replies { partition } => {
                    let (shard, mut env) = self.split(turn, partition);
                    if let Some(shard) = shard {
                        shard.replies_timer_rang(&mut env);
                    }
                }
                Timer::Join { partition, group }
                | Timer::Sync { partition, group }
                | Timer::Session { partition, group, .. } => {
                    let (shard, mut env) = self.split(turn, partition);
                    if let Some(shard) = shard {
                        shard.group_timer_rang(&mut env, group, timer);
                    }
                }
                Timer::Expiry => {
                    for partition in 0..self.shards.len() as u32 {
                        let (shard, mut env) = self.split(turn, partition);
                        if let Some(shard) = shard.filter(|s| s.active) {
                            shard.expire(&mut env);
                        }
                    }
                    self.schedule_expiry(turn.now.mono);
                }
            }
        }
    }
}

/// The partition of `__consumer_offsets` that coordinates the group; one that nobody leads if the topic is not known.
fn partition_for(turn: &Turn<'_>, group_id: &str) -> u32 {
    match turn.image.topic(TopicId::CONSUMER_OFFSETS).map_or(0, |t| t.partitions.len() as u32) {
        0 => u32::MAX,
        partitions => coordinator_partition(group_id, partitions),
    }
}

/// Answers a request that does not reach its group.
fn refuse(conn: ConnId, request: &Request, error: ErrorCode, out: &mut CoordinatorOutputs) {
    let of_offsets = |offsets: &[OffsetToCommit]| -> Vec<_> { offsets.iter().map(|o| (o.tp, Some(error))).collect() };
    let response = match request {
        Request::JoinGroup(r) => group::refused_join(error, &r.member_id, &r.protocols).into(),
        Request::SyncGroup(_) => SyncGroupResponse { error: Some(error), assignment: Vec::new() }.into(),
        // While the group is being loaded nobody knows better: Kafka answers a heartbeat with success.
        Request::Heartbeat(_) if error == ErrorCode::CoordinatorLoadInProgress => {
            HeartbeatResponse { error: None }.into()
        }
        Request::Heartbeat(_) => HeartbeatResponse { error: Some(error) }.into(),
        Request::LeaveGroup(_) => LeaveGroupResponse { error: Some(error) }.into(),
        Request::OffsetFetch(_) => OffsetFetchResponse { error: Some(error), partitions: Vec::new() }.into(),
        Request::OffsetCommit(r) => OffsetCommitResponse { partitions: of_offsets(&r.offsets) }.into(),
        Request::TxnOffsetCommit(r) => TxnOffsetCommitResponse { partitions: of_offsets(&r.offsets) }.into(),
        other => unreachable!("not a request of groups: {:?}", other.api_key()),
    };
    out.net.push(Output::Respond(conn, response));
}
