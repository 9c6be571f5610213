//! Which partitions have something to send, where and when: kept up to date at every change, so that nothing is searched.

use super::Producer;
use super::accumulator::{Membership, Partition};
use super::batch::{Batches, Slot};
use super::nodes::Phase;
use super::transaction_manager::{Step, TransactionManager};
use crate::ids::*;
use crate::io::Channel;
use crate::time::{Instant, Span};

/// Whether the first batch of a partition may be handed to the network as far as ordering goes (§5.5).
pub(super) fn may_drain(t: &TransactionManager, partition: &Partition, first: Slot, batches: &Batches) -> bool {
    if partition.muted {
        return false;
    }
    if !t.enabled {
        return true;
    }
    if t.is_fatal() || !t.producer.is_some() {
        return false;
    }
    if t.is_transactional() && partition.membership != Membership::Added {
        return false;
    }
    let sequences = &partition.sequences;
    if batches[first].has_sequence() {
        // A retry waits until everything before it is done; that makes the window 1 during recovery.
        sequences.in_flight.front().is_none_or(|&lowest| lowest == first)
    } else {
        let old_epoch_in_flight = !sequences.in_flight.is_empty() && sequences.is_stale(t.table, t.producer);
        !old_epoch_in_flight && partition.unresolved.is_none()
    }
}

impl Producer {
    /// Whether batches are sent without lingering: somebody waits for them.
    pub(super) fn hurry(&self) -> bool {
        self.accumulator.generations.flush_in_progress()
            || self.transactions.is_completing()
            || self.closing.is_some()
            || self.waits_for_memory()
    }

    /// Brings the schedule of a partition up to date. To be called after every change of its queue, of what it has in
    /// flight, of its leader or of what may hold it back.
    pub(super) fn refresh(&mut self, tp: TopicPartition) {
        let accumulator = &mut self.accumulator;
        let Some(partition) = accumulator.partitions.get_mut(tp) else { return };
        let mut wanted = None;
        let mut leaderless = false;
        if let Some(&first) = partition.queue.front() {
            match partition.leader {
                None => leaderless = true,
                Some(leader) => {
                    let queue_len = partition.queue.len();
                    let batch = &mut accumulator.batches[first];
                    batch.note_leader_epoch(partition.leader_epoch);
                    let at = if batch.attempts > 0 {
                        batch.retry_at()
                    } else if self.hurried || queue_len > 1 || batch.is_full(self.config.batch_size.max(1) as u32) {
                        Instant::ZERO
                    } else {
                        batch.created + Span::from_millis(self.config.linger_ms)
                    };
                    if may_drain(&self.transactions, partition, first, &accumulator.batches) {
                        wanted = Some((leader, at));
                    }
                }
            }
        }
        if leaderless {
            accumulator.leaderless.insert(tp);
            self.metadata.request_update();
        } else if !accumulator.leaderless.is_empty() {
            accumulator.leaderless.remove(&tp);
        }
        let old = partition.scheduled;
        if old == wanted {
            return;
        }
        partition.scheduled = wanted;
        match (old, wanted) {
            (Some((a, before)), Some((b, after))) if a == b => {
                let index = self.nodes.index_of(a);
                self.nodes[index].schedule(tp, Some(before), Some(after));
            }
            _ => {
                if let Some((node, before)) = old {
                    let index = self.nodes.index_of(node);
                    self.nodes[index].schedule(tp, Some(before), None);
                }
                if let Some((node, after)) = wanted {
                    let index = self.nodes.index_of(node);
                    self.nodes[index].schedule(tp, None, Some(after));
                }
            }
        }
    }

    /// Brings the schedule of every partition with a queue up to date, after a change that concerns them all.
    pub(super) fn refresh_all(&mut self) {
        let mut all = core::mem::take(&mut self.scratch);
        all.clear();
        all.extend(&self.accumulator.queued);
        for tp in &all {
            self.refresh(*tp);
        }
        self.scratch = all;
    }

    /// When any broker could be asked something; `NEVER` if that hangs on an input.
    fn any_node_at(&self) -> Instant {
        let mut earliest = Instant::NEVER;
        let mut connecting = false;
        for node in self.nodes.iter() {
            match node.phase {
                Phase::Ready if self.has_room(node.channel) => return Instant::ZERO,
                Phase::Ready => {}
                Phase::Connecting | Phase::AskingVersions => connecting = true,
                Phase::Idle => earliest = earliest.min(self.connections.not_before(node.channel)),
            }
        }
        if connecting { Instant::NEVER } else { earliest }
    }

    /// When a partition will be worth a request; `NEVER` if none is, or if that hangs on an input.
    fn produce_at(&self) -> Instant {
        let at = self.nodes.iter().map(|node| match (node.ready_at(), node.phase) {
            (Instant::NEVER, _) => Instant::NEVER,
            (at, Phase::Ready) if self.has_room(node.channel) => at,
            (at, Phase::Idle) => at.max(self.connections.not_before(node.channel)),
            _ => Instant::NEVER,
        });
        at.min().unwrap_or(Instant::NEVER)
    }

    pub(super) fn has_room(&self, channel: Channel) -> bool {
        self.connections.in_flight(channel) < self.config.max_in_flight as usize
    }

    pub(super) fn earliest_deadline(&self) -> Instant {
        let mut earliest = self.connections.poll_timeout();
        let mut consider = |at: Instant| earliest = earliest.min(at);
        let t = &self.transactions;
        if let Some((at, ..)) = self.accumulator.expiry.first() {
            consider(*at);
        }
        if let Some(record) = self.accumulator.waiting.front() {
            consider(record.deadline);
        }
        if let Some(at) = t.call.and_then(|c| c.deadline) {
            consider(at);
        }
        if let Some((_, at)) = t.offsets_call {
            consider(at);
        }
        if let Some(at) = self.closing {
            consider(at);
        }
        if t.is_fatal() {
            return earliest;
        }
        let metadata_at = self.metadata.next_request_at();
        if metadata_at != Instant::NEVER {
            consider(metadata_at.max(self.any_node_at()));
        }
        match &t.current {
            Some(current) => match current.step {
                Step::InFlight => {}
                Step::Pausing { until } | Step::AwaitingNode { until } => consider(until),
            },
            None => match t.rest_until {
                Some(until) => consider(until),
                None => consider(self.produce_at()),
            },
        }
        earliest
    }
}
