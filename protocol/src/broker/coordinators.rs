//! The two coordinators inside the broker: their elections, their requests, and the writes that they ask for.

use super::Broker;
use super::partition::Partition;
use super::purgatory::Waiter;
use crate::coordinator::*;
use crate::error::ErrorCode;
use crate::group::GroupCoordinator;
use crate::ids::*;
use crate::io::*;
use crate::log::AppendOrigin;
use crate::message::*;
use crate::time::Span;
use crate::transaction::TransactionCoordinator;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CoordinatorKind {
    Transaction,
    Group,
}

impl CoordinatorKind {
    /// In the order in which they do what is due.
    pub const BOTH: [CoordinatorKind; 2] = [CoordinatorKind::Transaction, CoordinatorKind::Group];

    /// The coordinator whose log is `topic`.
    pub fn of(topic: TopicId) -> Option<CoordinatorKind> {
        match topic {
            TopicId::TRANSACTION_STATE => Some(CoordinatorKind::Transaction),
            TopicId::CONSUMER_OFFSETS => Some(CoordinatorKind::Group),
            _ => None,
        }
    }

    /// Topic of its log.
    pub fn topic(self) -> TopicId {
        match self {
            CoordinatorKind::Transaction => TopicId::TRANSACTION_STATE,
            CoordinatorKind::Group => TopicId::CONSUMER_OFFSETS,
        }
    }
}

/// Buffer of one coordinator call; empty between calls, kept only for its memory.
#[derive(Debug, Default)]
pub(super) struct Scratch(CoordinatorOutputs);

impl Clone for Scratch {
    fn clone(&self) -> Scratch {
        Scratch::default()
    }
}

/// What a call of a coordinator is given besides its own arguments.
pub(super) type Call<'a> = (Context<'a>, &'a PartitionMap<Partition>, &'a mut CoordinatorOutputs);

impl Broker {
    /// Calls the transaction coordinator.
    pub(super) fn with_transactions<T>(
        &mut self,
        out: &mut Outputs,
        call: impl FnOnce(&mut TransactionCoordinator, Call<'_>) -> T,
    ) -> T {
        self.call(CoordinatorKind::Transaction, out, |both, context| call(both.0, context))
    }

    /// Calls the group coordinator.
    pub(super) fn with_groups<T>(
        &mut self,
        out: &mut Outputs,
        call: impl FnOnce(&mut GroupCoordinator, Call<'_>) -> T,
    ) -> T {
        self.call(CoordinatorKind::Group, out, |both, context| call(both.1, context))
    }

    pub(super) fn coordinator(&self, which: CoordinatorKind) -> &dyn Coordinator {
        match which {
            CoordinatorKind::Transaction => &self.transactions,
            CoordinatorKind::Group => &self.groups,
        }
    }

    /// Calls one of them for what both can do.
    pub(super) fn with_coordinator<T>(
        &mut self,
        which: CoordinatorKind,
        out: &mut Outputs,
        call: impl FnOnce(&mut dyn Coordinator, Call<'_>) -> T,
    ) -> T {
        self.call(which, out, |both, context| match which {
            CoordinatorKind::Transaction => call(both.0, context),
            CoordinatorKind::Group => call(both.1, context),
        })
    }

    /// What is pushed during a call goes straight to `out`, writes go onto the list of appends, and markers that are
    /// settled are answered.
    fn call<T>(
        &mut self,
        which: CoordinatorKind,
        out: &mut Outputs,
        call: impl FnOnce((&mut TransactionCoordinator, &mut GroupCoordinator), Call<'_>) -> T,
    ) -> T {
        let mut buffer = core::mem::take(&mut self.scratch.0);
        core::mem::swap(&mut buffer.net, out);
        let context = Context { now: self.now, image: &self.image };
        let both = (&mut self.transactions, &mut self.groups);
        let result = call(both, (context, &self.partitions, &mut buffer));
        core::mem::swap(&mut buffer.net, out);
        self.appends.extend(buffer.appends.drain(..).map(|a| (which, a)));
        let mut markers = core::mem::take(&mut buffer.markers);
        self.scratch.0 = buffer;
        for marker in markers.drain(..) {
            self.marker_done(marker.token, marker.error, out);
        }
        self.scratch.0.markers = markers;
        result
    }

    /// This broker leads a partition of a coordinator's log at a new epoch.
    pub(super) fn coordinator_elected(
        &mut self,
        which: CoordinatorKind,
        partition: u32,
        epoch: CoordinatorEpoch,
        out: &mut Outputs,
    ) {
        self.with_coordinator(which, out, |c, (ctx, _, o)| c.elected(ctx, partition, epoch, o));
        self.plan_load(which, partition, epoch);
    }

    /// This broker leads a partition of a coordinator's log no longer.
    pub(super) fn coordinator_resigned(&mut self, which: CoordinatorKind, partition: u32, out: &mut Outputs) {
        self.with_coordinator(which, out, |c, (ctx, _, o)| c.resigned(ctx, partition, o));
    }

    /// Reads the log of a coordinator partition into its coordinator (§3.10), if it is still led at that epoch.
    pub(super) fn load(&mut self, which: CoordinatorKind, partition: u32, epoch: CoordinatorEpoch, out: &mut Outputs) {
        let tp = TopicPartition::new(which.topic(), partition);
        if !self.partitions.get(tp).is_some_and(|p| p.is_leader() && p.leader_epoch == epoch) {
            return;
        }
        let end = self.partitions.get(tp).expect("a partition led here").log.log_end_offset();
        let ticket = self.with_coordinator(which, out, |c, (ctx, partitions, o)| {
            let log = &partitions.get(tp).expect("a partition led here").log;
            c.load(ctx, partition, epoch, log, o)
        });
        // What lies above the high watermark counts as committed once that has come here.
        if let Some(ticket) = ticket {
            self.wait(tp, end, Span::FOREVER, Waiter::Coordinator { which, ticket, min_isr: false });
            self.complete_waits(tp, out);
        }
    }

    /// The second step of a coordinator's write.
    pub(super) fn coordinator_committed(
        &mut self,
        which: CoordinatorKind,
        ticket: Ticket,
        outcome: Committed,
        out: &mut Outputs,
    ) {
        self.with_coordinator(which, out, |c, (ctx, _, o)| c.committed(ctx, ticket, outcome, o));
    }

    /// Performs a coordinator's write: appends it, says so, and waits for the high watermark.
    pub(super) fn execute_append(&mut self, which: CoordinatorKind, append: CoordinatorAppend, out: &mut Outputs) {
        let tp = append.tp;
        let ticket = append.ticket;
        let outcome = self.append_for_coordinator(&append);
        let written = outcome.map(|(base, _)| base);
        self.with_coordinator(which, out, |c, (ctx, _, o)| c.written(ctx, ticket, written, o));
        if let Ok((_, required)) = outcome {
            let waiter = Waiter::Coordinator { which, ticket, min_isr: append.check_min_isr };
            self.wait(tp, required, append.timeout, waiter);
            self.appended(tp, out);
            self.complete_waits(tp, out);
        }
    }

    /// Base offset of the batch and the offset that the high watermark must reach.
    fn append_for_coordinator(&mut self, append: &CoordinatorAppend) -> Result<(Offset, Offset), ErrorCode> {
        let wall_ms = self.now.wall_ms;
        let partition = self.partitions.get_mut(append.tp).ok_or(ErrorCode::NotCoordinator)?;
        if !partition.is_leader() || partition.leader_epoch != append.epoch {
            return Err(ErrorCode::NotCoordinator);
        }
        if append.check_min_isr && !partition.has_enough_in_sync() {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        let epoch = partition.leader_epoch;
        self.before_append(append.tp);
        let partition = self.partitions.get_mut(append.tp).expect("a partition led here");
        let done = match &append.entry {
            Entry::Batch(batch, guard) => {
                let verification = guard.is_some() || self.config.transaction_verification;
                let origin = AppendOrigin::Coordinator;
                partition.log.append_as_leader(batch, epoch, origin, *guard, verification, wall_ms)?
            }
            Entry::Marker(marker) => partition.log.append_marker(marker, epoch, wall_ms)?,
        };
        Ok((done.base_offset, done.last_offset + 1))
    }

    /// A request for one of the coordinators.
    pub(super) fn coordinator_request(
        &mut self,
        which: CoordinatorKind,
        conn: ConnId,
        request: Request,
        out: &mut Outputs,
    ) {
        self.with_coordinator(which, out, |c, (ctx, _, o)| c.request(ctx, conn, request, o));
    }

    /// Broker that coordinates `key`, as the metadata knows it (§1.2); `None` if there is none that is alive.
    pub(super) fn coordinator_of(&self, which: CoordinatorKind, key: &str) -> Option<NodeId> {
        let topic = self.image.topic(which.topic()).filter(|t| !t.partitions.is_empty())?;
        let partition = coordinator_partition(key, topic.partitions.len() as u32);
        let leader = topic.partitions[partition as usize].leader?;
        self.image.is_alive(leader).then_some(leader)
    }
}
