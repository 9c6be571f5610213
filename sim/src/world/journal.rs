//! What brokers' journals tell, and whom else is to be told of it.

use std::sync::Arc;

use fencepost_kernel::world::Net;
use fencepost_protocol::batch::RecordBatch;
use fencepost_protocol::broker::JournalEntry;
use fencepost_protocol::ids::{TopicId, TopicPartition};
use fencepost_protocol::time::Instant;

use super::node::Body;
use super::{Cluster, TracedEvent, evidence};
use crate::schedule::{Actor, Kafka, OwnTraced};

impl Cluster<'_> {
    pub(super) fn trace_first_leaders(&self, net: &mut Net<'_, Kafka>) {
        if !net.is_traced() {
            return;
        }
        let Body::Controller(controller) = &self.bodies[self.controller as usize] else { return };
        for (t, topic) in controller.image().topics.iter().enumerate() {
            for (p, partition) in topic.partitions.iter().enumerate() {
                if let Some(leader) = partition.leader {
                    let leads = OwnTraced::Leads(TopicPartition::new(TopicId(t as u32), p as u32));
                    net.trace(self.controller, self.actor_of_id(leader), TracedEvent::Own(leads));
                }
            }
        }
    }

    /// Tells the tracer of leaders that were elected since it was last told.
    pub(super) fn trace_leaders(&mut self, net: &mut Net<'_, Kafka>) {
        let Body::Controller(controller) = &self.bodies[self.controller as usize] else { return };
        for (tp, leader) in &controller.leader_moves()[self.moves_told..] {
            let leads = OwnTraced::Leads(*tp);
            net.trace(self.controller, self.actor_of_id(*leader), TracedEvent::Own(leads));
        }
        self.moves_told = controller.leader_moves().len();
    }

    #[inline(never)]
    pub(super) fn tell_journal(&mut self, net: &mut Net<'_, Kafka>, actor: Actor) {
        let Body::Broker(slot) = &mut self.bodies[actor as usize] else { return };
        let entries = slot.machine().take_journal();
        let t = net.now().0;
        for entry in entries {
            match entry {
                JournalEntry::Appended(tp, batch) => {
                    let Body::Controller(controller) = &self.bodies[self.controller as usize] else { return };
                    let epoch = controller.image().partition(tp).map(|p| p.leader_epoch);
                    if tp.topic.is_internal() {
                        // Told only where it is traced, and not what a deposed leader appends.
                        if epoch == Some(batch.leader_epoch) && net.is_traced() {
                            net.trace(actor, actor, TracedEvent::Own(OwnTraced::Stored(tp, batch)));
                        }
                    } else if epoch == Some(batch.leader_epoch) {
                        self.history.write(&evidence::appended(t, tp, &batch));
                    } else {
                        self.withheld.push((tp, batch));
                    }
                }
                JournalEntry::Committed(tp) if !tp.topic.is_internal() => self.trace_level(net, actor, tp),
                JournalEntry::Committed(tp) => {
                    let Body::Broker(slot) = &self.bodies[actor as usize] else { return };
                    if let Some(log) = slot.broker.as_ref().and_then(|b| b.log(tp)) {
                        self.observer.committed(t, tp, log, &mut self.history);
                    }
                    if net.is_traced() {
                        self.trace_level(net, actor, tp);
                    }
                }
            }
        }
    }

    /// Tells what a deposed leader appended as soon as its successor has it, and forgets it once the successor leads
    /// without it: then it will be truncated.
    pub(super) fn tell_withheld(&mut self, now: Instant) {
        for (tp, batch) in std::mem::take(&mut self.withheld) {
            let Body::Controller(controller) = &self.bodies[self.controller as usize] else { return };
            let successor = controller.image().partition(tp).and_then(|p| p.leader).map(|id| self.actor_of_id(id));
            let broker = successor.and_then(|actor| match &self.bodies[actor as usize] {
                Body::Broker(slot) => slot.broker.as_deref(),
                _ => None,
            });
            let same =
                |b: &Arc<RecordBatch>| b.base_offset == batch.base_offset && b.leader_epoch == batch.leader_epoch;
            match broker {
                Some(broker)
                    if broker.log(tp).is_some_and(|l| l.batches_from(batch.base_offset).next().is_some_and(same)) =>
                {
                    self.history.write(&evidence::appended(now.0, tp, &batch));
                }
                Some(broker) if broker.is_leader(tp) => {}
                _ => self.withheld.push((tp, batch)),
            }
        }
    }

    /// Tells the tracer of the watermarks of a partition, if that broker is its leader and not a deposed one.
    fn trace_level(&mut self, net: &mut Net<'_, Kafka>, actor: Actor, tp: TopicPartition) {
        let (hw, lso) = match self.leader_log(tp) {
            Some((leader, log)) if leader == actor => (log.high_watermark(), log.last_stable_offset()),
            _ => return,
        };
        net.trace(actor, actor, TracedEvent::Own(OwnTraced::Level { tp, hw, lso }));
    }
}
