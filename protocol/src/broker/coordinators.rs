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
pub(super) enum Coordinator {
    Transaction,
    Group,
}

impl Coordinator {
    /// The coordinator whose log is `topic`.
    pub fn of(topic: TopicId) -> Option<Coordinator> {
        match topic {
            TopicId::TRANSACTION_STATE => Some(Coordinator::Transaction),
            TopicId::CONSUMER_OFFSETS => Some(Coordinator::Group),
            _ => None,
        }
    }

    /// Topic of its log.
    pub fn topic(self) -> TopicId {
        match self {
            Coordinator::Transaction => TopicId::TRANSACTION_STATE,
            Coordinator::Group => TopicId::CONSUMER_OFFSETS,
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

impl Broker {
    /// Calls the transaction coordinator. Its messages go straight to `out`, its writes onto the list of appends.
    pub(super) fn with_transactions(
        &mut self,
        out: &mut Outputs,
        call: impl FnOnce(&mut TransactionCoordinator, Context<'_>, &PartitionMap<Partition>, &mut CoordinatorOutputs),
    ) {
        let mut buffer = core::mem::take(&mut self.scratch.0);
        core::mem::swap(&mut buffer.net, out);
        let context = Context { now: self.now, image: &self.image };
        call(&mut self.transactions, context, &self.partitions, &mut buffer);
        core::mem::swap(&mut buffer.net, out);
        self.appends.extend(buffer.appends.drain(..).map(|a| (Coordinator::Transaction, a)));
        self.scratch.0 = buffer;
    }

    /// Calls the group coordinator, like [`Broker::with_transactions`]. Markers that it finished are answered.
    pub(super) fn with_groups(
        &mut self,
        out: &mut Outputs,
        call: impl FnOnce(
            &mut GroupCoordinator,
            Context<'_>,
            &PartitionMap<Partition>,
            &mut CoordinatorOutputs,
            &mut Vec<crate::group::MarkerDone>,
        ),
    ) {
        let mut buffer = core::mem::take(&mut self.scratch.0);
        let mut done = core::mem::take(&mut self.done_scratch);
        core::mem::swap(&mut buffer.net, out);
        let context = Context { now: self.now, image: &self.image };
        call(&mut self.groups, context, &self.partitions, &mut buffer, &mut done);
        core::mem::swap(&mut buffer.net, out);
        self.appends.extend(buffer.appends.drain(..).map(|a| (Coordinator::Group, a)));
        self.scratch.0 = buffer;
        for marker in done.drain(..) {
            self.marker_done(marker.token, marker.error, out);
        }
        self.done_scratch = done;
    }

    /// This broker leads a partition of a coordinator's log at a new epoch.
    pub(super) fn coordinator_elected(
        &mut self,
        which: Coordinator,
        partition: u32,
        epoch: CoordinatorEpoch,
        out: &mut Outputs,
    ) {
        match which {
            Coordinator::Transaction => self.with_transactions(out, |c, ctx, _, o| c.elected(ctx, partition, epoch, o)),
            Coordinator::Group => self.with_groups(out, |c, ctx, _, o, _| c.elected(ctx, partition, epoch, o)),
        }
        self.plan_load(which, partition, epoch);
    }

    /// This broker leads a partition of a coordinator's log no longer.
    pub(super) fn coordinator_resigned(&mut self, which: Coordinator, partition: u32, out: &mut Outputs) {
        match which {
            Coordinator::Transaction => self.with_transactions(out, |c, ctx, _, o| c.resigned(ctx, partition, o)),
            Coordinator::Group => self.with_groups(out, |c, ctx, _, o, _| c.resigned(ctx, partition, o)),
        }
    }

    /// Reads the log of a coordinator partition into its coordinator (§3.10), if it is still led at that epoch.
    pub(super) fn load(&mut self, which: Coordinator, partition: u32, epoch: CoordinatorEpoch, out: &mut Outputs) {
        let tp = TopicPartition::new(which.topic(), partition);
        if !self.partitions.get(tp).is_some_and(|p| p.is_leader() && p.leader_epoch == epoch) {
            return;
        }
        match which {
            Coordinator::Transaction => self.with_transactions(out, |c, ctx, partitions, o| {
                let log = &partitions.get(tp).expect("a partition led here").log;
                c.loaded(ctx, partition, epoch, log.batches().map(|b| &**b), o);
            }),
            Coordinator::Group => {
                let log = &self.partitions.get(tp).expect("a partition led here").log;
                let (mark, end) = (log.high_watermark(), log.log_end_offset());
                let ticket = self.groups.loading_high_watermark(partition, mark);
                self.with_groups(out, |c, ctx, partitions, o, _| {
                    let log = &partitions.get(tp).expect("a partition led here").log;
                    c.loaded(ctx, partition, epoch, log.batches().map(|b| &**b), o);
                });
                // What lies above the high watermark counts as committed once that has come here.
                if let Some(ticket) = ticket {
                    let waiter = Waiter::Coordinator { which, ticket, min_isr: false };
                    self.wait(tp, end, Span(u64::MAX), waiter);
                    self.complete_waits(tp, out);
                }
            }
        }
    }

    /// The second step of a coordinator's write.
    pub(super) fn coordinator_committed(
        &mut self,
        which: Coordinator,
        ticket: Ticket,
        outcome: Committed,
        out: &mut Outputs,
    ) {
        match which {
            Coordinator::Transaction => {
                self.with_transactions(out, |c, ctx, _, o| c.committed(ctx, ticket, outcome, o))
            }
            Coordinator::Group => {
                self.with_groups(out, |c, ctx, _, o, done| c.committed(ctx, ticket, outcome, o, done))
            }
        }
    }

    /// Performs a coordinator's write: appends it, says so, and waits for the high watermark.
    pub(super) fn execute_append(&mut self, which: Coordinator, append: CoordinatorAppend, out: &mut Outputs) {
        let tp = append.tp;
        let ticket = append.ticket;
        let outcome = self.append_for_coordinator(&append);
        let written = outcome.map(|(base, _)| base);
        match which {
            Coordinator::Transaction => self.with_transactions(out, |c, ctx, _, o| c.written(ctx, ticket, written, o)),
            Coordinator::Group => self.with_groups(out, |c, ctx, _, o, done| c.written(ctx, ticket, written, o, done)),
        }
        if let Ok((_, required)) = outcome {
            self.wait(
                tp,
                required,
                append.timeout,
                Waiter::Coordinator { which, ticket, min_isr: append.check_min_isr },
            );
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
        let done =
            match &append.entry {
                Entry::Batch(batch, guard) => {
                    let verification = guard.is_some() || self.config.transaction_verification;
                    let origin = AppendOrigin::Coordinator;
                    partition.log.append_as_leader(batch, epoch, origin, *guard, verification, wall_ms)?
                }
                Entry::Marker { producer, result, coordinator_epoch, transaction_version } => partition
                    .log
                    .append_marker(*producer, *result, *coordinator_epoch, *transaction_version, epoch, wall_ms)?,
            };
        Ok((done.base_offset, done.last_offset + 1))
    }

    /// A request for one of the coordinators.
    pub(super) fn coordinator_request(
        &mut self,
        which: Coordinator,
        conn: ConnId,
        request: Request,
        out: &mut Outputs,
    ) {
        match which {
            Coordinator::Transaction => self.with_transactions(out, |c, ctx, _, o| c.request(ctx, conn, request, o)),
            Coordinator::Group => self.with_groups(out, |c, ctx, _, o, _| c.request(ctx, conn, request, o)),
        }
    }

    /// Broker that coordinates `key`, as the metadata knows it (§1.2); `None` if there is none that is alive.
    pub(super) fn coordinator_of(&self, which: Coordinator, key: &str) -> Option<NodeId> {
        let topic = self.image.topic(which.topic()).filter(|t| !t.partitions.is_empty())?;
        let partition = coordinator_partition(key, topic.partitions.len() as u32);
        let leader = topic.partitions[partition as usize].leader?;
        self.image.is_alive(leader).then_some(leader)
    }
}
