//! The two coordinators inside the broker: their elections, their requests, and the writes that they ask for.

use super::Broker;
use super::partition::Partition;
use super::wait::Waiter;
use crate::coordinator::*;
use crate::error::ErrorCode;
use crate::group::GroupCoordinator;
use crate::ids::*;
use crate::io::*;
use crate::log::AppendOrigin;
use crate::message::*;
use crate::time::Span;
use crate::transaction::TransactionCoordinator;

/// Buffer of one coordinator call; empty between calls, kept only for its memory.
#[derive(Debug, Default)]
pub(super) struct Scratch(CoordinatorOutputs);

impl Clone for Scratch {
    fn clone(&self) -> Scratch {
        Scratch::default()
    }
}

/// What of the broker is at hand during a call.
struct Callee<'a> {
    transactions: &'a mut TransactionCoordinator,
    groups: &'a mut GroupCoordinator,
    partitions: &'a PartitionMap<Partition>,
}

impl<'a> Callee<'a> {
    fn coordinator(self, which: CoordinatorKind) -> &'a mut dyn Coordinator {
        match which {
            CoordinatorKind::Transaction => self.transactions,
            CoordinatorKind::Group => self.groups,
        }
    }
}

impl Broker {
    /// Calls the transaction coordinator.
    pub(super) fn with_transactions(
        &mut self,
        out: &mut Outputs,
        call: impl FnOnce(&mut TransactionCoordinator, &mut Turn<'_>),
    ) {
        self.call(CoordinatorKind::Transaction, out, |broker, turn| call(broker.transactions, turn));
    }

    /// Calls the group coordinator.
    pub(super) fn with_groups(&mut self, out: &mut Outputs, call: impl FnOnce(&mut GroupCoordinator, &mut Turn<'_>)) {
        self.call(CoordinatorKind::Group, out, |broker, turn| call(broker.groups, turn));
    }

    pub(super) fn coordinator(&self, which: CoordinatorKind) -> &dyn Coordinator {
        match which {
            CoordinatorKind::Transaction => &self.transactions,
            CoordinatorKind::Group => &self.groups,
        }
    }

    /// Calls one of them for what both can do.
    pub(super) fn with_coordinator(
        &mut self,
        which: CoordinatorKind,
        out: &mut Outputs,
        call: impl FnOnce(&mut dyn Coordinator, &mut Turn<'_>),
    ) {
        self.call(which, out, |broker, turn| call(broker.coordinator(which), turn));
    }

    /// What is pushed during a call goes straight to `out`, writes go onto the list of appends, and markers that are
    /// settled are answered.
    fn call<T>(
        &mut self,
        which: CoordinatorKind,
        out: &mut Outputs,
        call: impl FnOnce(Callee<'_>, &mut Turn<'_>) -> T,
    ) -> T {
        let mut buffer = core::mem::take(&mut self.scratch.0);
        core::mem::swap(&mut buffer.net, out);
        let Broker { transactions, groups, partitions, .. } = self;
        let mut turn = Turn { now: self.now, image: &self.image, out: &mut buffer };
        let result = call(Callee { transactions, groups, partitions }, &mut turn);
        core::mem::swap(&mut buffer.net, out);
        self.appends.extend(buffer.appends.drain(..).map(|a| (which, a)));
        let mut markers = core::mem::take(&mut buffer.markers);
        self.scratch.0 = buffer;
        for marker in markers.drain(..) {
            self.marker_done(marker.token, marker.outcome, out);
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
        self.with_coordinator(which, out, |c, turn| c.elected(turn, partition, epoch));
        self.plan_load(which, partition, epoch);
    }

    /// This broker leads a partition of a coordinator's log no longer.
    pub(super) fn coordinator_resigned(&mut self, which: CoordinatorKind, partition: u32, out: &mut Outputs) {
        self.with_coordinator(which, out, |c, turn| c.resigned(turn, partition));
    }

    /// Reads the log of a coordinator partition into its coordinator (§3.10), if it is still led at that epoch.
    pub(super) fn load(&mut self, which: CoordinatorKind, partition: u32, epoch: CoordinatorEpoch, out: &mut Outputs) {
        let tp = TopicPartition::new(which.topic(), partition);
        if !self.partitions.get(tp).is_some_and(|p| p.is_leader() && p.leader_epoch == epoch) {
            return;
        }
        let end = self.partitions.get(tp).expect("a partition led here").log.log_end_offset();
        let ticket = self.call(which, out, |broker, turn| {
            let log = &broker.partitions.get(tp).expect("a partition led here").log;
            broker.coordinator(which).load(turn, partition, epoch, log)
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
        self.with_coordinator(which, out, |c, turn| c.committed(turn, ticket, outcome));
    }

    /// Performs a coordinator's write: appends it, says so, and waits for the high watermark.
    pub(super) fn execute_append(&mut self, which: CoordinatorKind, append: CoordinatorAppend, out: &mut Outputs) {
        let tp = append.tp;
        let ticket = append.ticket;
        let outcome = self.append_for_coordinator(&append);
        let written = outcome.map(|(base, _)| base);
        self.with_coordinator(which, out, |c, turn| c.written(turn, ticket, written));
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
                partition.log.append_as_leader(batch, epoch, origin, *guard, verification)?
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
        self.with_coordinator(which, out, |c, turn| c.request(turn, conn, request));
    }

    /// Broker that coordinates `key`, as the metadata knows it (§1.2); `None` if there is none that is alive.
    pub(super) fn coordinator_of(&self, which: CoordinatorKind, key: &str) -> Option<NodeId> {
        let topic = self.image.topic(which.topic()).filter(|t| !t.partitions.is_empty())?;
        let partition = coordinator_partition(key, topic.partitions.len() as u32);
        let leader = topic.partitions[partition as usize].leader?;
        self.image.is_alive(leader).then_some(leader)
    }
}
