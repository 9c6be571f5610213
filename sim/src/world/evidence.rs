//! What the history says at the end: the final read of every topic, and what a simulator can see beyond it.

use std::sync::Arc;

use fencepost_protocol::batch::{Payload, RecordBatch, TransactionResult};
use fencepost_protocol::ids::{TopicId, TopicPartition};
use fencepost_protocol::log::PartitionLog;
use fencepost_reports::history::event as h;
use fencepost_reports::render::thousands;

use fencepost_kernel::world as kernel;

use super::node::Body;
use super::settle::Ending;
use super::{Cluster, World};
use crate::evidence::{fingerprint, identity, partition};
use crate::schedule::Actor;
use crate::stream::mix;

impl Cluster<'_> {
    /// The log of the partition's leader, if that broker runs and leads it at the epoch that the controller gave.
    pub(super) fn leader_log(&self, tp: TopicPartition) -> Option<(Actor, &PartitionLog)> {
        let Body::Controller(controller) = &self.bodies[self.controller as usize] else { return None };
        let registration = controller.image().partition(tp)?;
        let actor = self.actor_of_id(registration.leader?);
        let Body::Broker(slot) = &self.bodies[actor as usize] else { return None };
        let replica = slot.broker.as_ref()?.partition(tp)?;
        let leads = replica.is_leader() && replica.leader_epoch() == registration.leader_epoch;
        leads.then(|| (actor, replica.log()))
    }

    /// The log that a final read reads: the leader's; where nobody leads, that of the in-sync or eligible replica (running
    /// or not) that would be elected, as far as its process runs.
    fn final_log(&self, tp: TopicPartition) -> Option<(Actor, &PartitionLog)> {
        self.leader_log(tp).or_else(|| {
            let Body::Controller(controller) = &self.bodies[self.controller as usize] else { return None };
            let registration = controller.image().partition(tp)?;
            registration.isr.iter().chain(&registration.elr).find_map(|id| {
                let actor = self.actor_of_id(*id);
                let Body::Broker(slot) = &self.bodies[actor as usize] else { return None };
                slot.broker.as_ref()?.log(tp).map(|log| (actor, log))
            })
        })
    }

    pub(super) fn partitions_of(&self, topic: TopicId) -> Vec<TopicPartition> {
        let Body::Controller(controller) = &self.bodies[self.controller as usize] else { return Vec::new() };
        let count = controller.image().topic(topic).map_or(0, |t| t.partitions.len() as u32);
        (0..count).map(|p| TopicPartition::new(topic, p)).collect()
    }
}

impl World<'_> {
    pub(super) fn write_evidence(&mut self, ending: &Ending) {
        // Asked before the clients are gone.
        let unfinished = match ending {
            Ending::Bound | Ending::OverLimit { .. } | Ending::Idle => self.accuse(),
            Ending::Settled | Ending::OverBudget { .. } | Ending::NoProgressInTime { .. } => Vec::new(),
        };
        let kernel::World { system, net } = &mut self.0;
        for (actor, body) in system.bodies.iter_mut().enumerate() {
            if let Body::Client(client) = body {
                client.end_of_run(net.now_at(actor as Actor), &mut system.history);
            }
        }
        let t = self.0.net.now().0;
        self.write_divergences(t);
        let system = &mut self.0.system;
        system.observer.write_undecided(t, &mut system.history);
        self.write_final_reads(t);
        self.0.system.write_sinks(t, &self.0.net);
        self.write_faults();
        match ending {
            Ending::OverBudget { busiest } => {
                let budget = thousands(self.0.system.plan.end.delivery_budget);
                let culprit = format!(
                    "the run was cut off after {budget} deliveries ([end] delivery.budget); the busiest node was {busiest}"
                );
                let culprit = culprit.into();
                self.0.system.history.write(&h::Event::Stuck(h::Stuck { t, culprit }));
            }
            Ending::NoProgressInTime { busiest } => {
                let culprit = format!(
                    "the run was cut off after 100,000 deliveries without time moving; the busiest node was {busiest}"
                );
                let culprit = culprit.into();
                self.0.system.history.write(&h::Event::Stuck(h::Stuck { t, culprit }));
            }
            Ending::OverLimit { limit } => {
                let culprit = format!("the run was ended at its limit of {limit} ([end] limit)").into();
                self.0.system.history.write(&h::Event::Stuck(h::Stuck { t, culprit }));
            }
            Ending::Settled | Ending::Bound | Ending::Idle => {}
        }
        unfinished.iter().for_each(|event| self.0.system.history.write(event));
    }

    /// How far the triggers of faults came.
    fn write_faults(&mut self) {
        for (fault, seen) in self.0.net.seen_by_triggers() {
            self.0.system.history.write(&h::Event::FaultEnd(h::FaultEnd { fault, seen }));
        }
    }

    /// State that differs from a replay of the log that it is made from.
    fn write_divergences(&mut self, t: u64) {
        for index in 0..self.0.system.brokers.len() {
            let actor = self.0.system.brokers[index];
            let name = &self.0.net.node(actor).name;
            let Body::Broker(slot) = &self.0.system.bodies[actor as usize] else { continue };
            let Some(broker) = &slot.broker else { continue };
            let mut found = Vec::new();
            for (tp, replica) in broker.partitions() {
                let log = replica.log();
                if let Some(difference) = log.replay_difference() {
                    let partition = self.0.system.history.partition_name(tp);
                    found.push((format!("producer state of {partition} on {name}"), difference));
                }
            }
            for (what, difference) in found {
                self.0.system.history.write(&h::Event::Divergence(h::Divergence {
                    t,
                    what: what.into(),
                    expected: "the state that a replay of the log gives".into(),
                    found: difference.into(),
                }));
            }
        }
    }

    fn write_final_reads(&mut self, t: u64) {
        for topic in 0..self.0.system.plan.topics.len() {
            for tp in self.0.system.partitions_of(TopicId::application(topic)) {
                let Some((actor, log)) = self.0.system.final_log(tp) else { continue };
                let (start, lso, hw, leo) =
                    (log.log_start_offset(), log.last_stable_offset(), log.high_watermark(), log.log_end_offset());
                let batches: Vec<Arc<RecordBatch>> = log.batches().cloned().collect();
                let aborted = log.aborted_transactions(start, leo);
                self.write_replicas(t, tp, actor, &batches);
                self.0.system.history.write(&h::Event::End(h::End { t, at: partition(tp), start, lso, hw, leo }));
                let mut pending: std::collections::VecDeque<_> = {
                    let mut sorted = aborted;
                    sorted.sort_by_key(|a| a.first_offset);
                    sorted.into()
                };
                let mut aborting = std::collections::BTreeSet::new();
                for batch in &batches {
                    if batch.base_offset >= hw {
                        break;
                    }
                    while pending.front().is_some_and(|a| a.first_offset <= batch.last_offset()) {
                        aborting.insert(pending.pop_front().expect("just looked at").producer_id);
                    }
                    if let Payload::Marker { result, .. } = &batch.payload {
                        if *result == TransactionResult::Abort {
                            aborting.remove(&batch.producer_id);
                        }
                        continue;
                    }
                    let hidden = batch.transactional && aborting.contains(&batch.producer_id);
                    for (index, record) in batch.records().iter().enumerate() {
                        let offset = batch.base_offset + index as i64;
                        if offset < start || offset >= hw {
                            continue;
                        }
                        self.0.system.history.write(&h::Event::Final(h::Final {
                            at: partition(tp),
                            offset,
                            id: identity(&record.origin),
                            pid: batch.producer_id,
                            epoch: batch.producer_epoch,
                            visible: !hidden && offset < lso,
                            value: fingerprint(record),
                        }));
                    }
                }
            }
        }
    }

    /// What replicas hold below their high watermarks, where it is not the very batch that the leader holds.
    fn write_replicas(&mut self, t: u64, tp: TopicPartition, leader: Actor, batches: &[Arc<RecordBatch>]) {
        let mut events = Vec::new();
        for actor in &self.0.system.brokers {
            if *actor == leader {
                continue;
            }
            let Body::Broker(slot) = &self.0.system.bodies[*actor as usize] else { continue };
            let Some(log) = slot.broker.as_ref().and_then(|b| b.log(tp)) else { continue };
            let hw = log.high_watermark();
            let mut own = batches.iter().peekable();
            for batch in log.batches() {
                if batch.base_offset >= hw {
                    break;
                }
                while own.peek().is_some_and(|b| b.base_offset < batch.base_offset) {
                    own.next();
                }
                let same = own.peek().is_some_and(|b| Arc::ptr_eq(b, batch));
                if !same {
                    if let Some(b) = own.peek().filter(|b| b.base_offset == batch.base_offset) {
                        events.push(replica(t, tp, slot_id(&self.0.system.bodies[leader as usize]), b));
                    }
                    events.push(replica(t, tp, slot.id.0, batch));
                }
            }
        }
        for event in events {
            self.0.system.history.write(&event);
        }
    }
}

fn slot_id(body: &Body) -> i32 {
    match body {
        Body::Broker(slot) => slot.id.0,
        _ => -1,
    }
}

fn replica(t: u64, tp: TopicPartition, replica: i32, batch: &RecordBatch) -> h::Event<'static> {
    let mut fingerprint =
        mix(batch.producer_id as u64) ^ mix((batch.base_sequence as u64) << 32 | batch.last_offset_delta as u64);
    fingerprint = mix(fingerprint ^ batch.producer_epoch as u64 ^ u64::from(batch.is_control()) << 40);
    for record in batch.records() {
        let o = &record.origin;
        fingerprint = mix(fingerprint ^ o.offset as u64 ^ u64::from(o.source) << 32 ^ u64::from(o.partition) << 48);
    }
    let (offset, leader_epoch) = (batch.base_offset, batch.leader_epoch);
    h::Event::Replica(h::Replica { t, at: partition(tp), offset, replica, leader_epoch, fingerprint })
}

pub(super) fn appended(t: u64, tp: TopicPartition, batch: &RecordBatch) -> h::Event<'static> {
    let kind = match &batch.payload {
        Payload::Marker { result: TransactionResult::Commit, .. } => h::BatchKind::CommitMarker,
        Payload::Marker { result: TransactionResult::Abort, .. } => h::BatchKind::AbortMarker,
        _ if batch.transactional => h::BatchKind::TxnData,
        _ => h::BatchKind::Data,
    };
    h::Event::Appended(h::Appended {
        t,
        at: partition(tp),
        base: batch.base_offset,
        count: batch.last_offset_delta as u32 + 1,
        pid: batch.producer_id,
        epoch: batch.producer_epoch,
        sequence: batch.base_sequence,
        leader_epoch: batch.leader_epoch,
        kind,
    })
}
