//! Fetch sessions (KIP-227), one request in flight per broker, and delivery of what was fetched.

use super::partition::{Partition, State};
use super::*;
use crate::error::Retry;

impl Consumer {
    pub(super) fn drive_fetches(&mut self, now: Now, out: &mut Outputs) {
        if self.closing.is_some() {
            return;
        }
        for index in 0..self.brokers.len() {
            let broker = &self.brokers[index];
            if broker.in_flight || broker.buffered > 0 || !self.is_wanted(index) {
                continue;
            }
            let broker = &self.brokers[index];
            let channel = Channel { to: broker.node, purpose: Purpose::Client };
            if self.ready(now, channel, out) {
                self.fetch(now, index, channel, out);
            }
        }
    }

    /// Whether there is something to fetch from the broker, or to tell it.
    fn is_wanted(&mut self, index: usize) -> bool {
        let broker = &mut self.brokers[index];
        if broker.members > 0 {
            return true;
        }
        let (node, partitions) = (broker.node, &self.partitions);
        let wanted = |tp: &TopicPartition| partitions.get(*tp).is_some_and(|p| p.is_fetchable_from(node));
        if !broker.changed.iter().any(wanted) {
            broker.changed.clear(); // they are led by others now: no reason to connect
        }
        !broker.changed.is_empty()
    }

    fn fetch(&mut self, now: Now, index: usize, channel: Channel, out: &mut Outputs) {
        let full = self.brokers[index].session_epoch == 0;
        let partitions = if full { self.list_all(index) } else { self.list_changed(index) };
        let broker = &mut self.brokers[index];
        if broker.members == 0 {
            return;
        }
        broker.in_flight = true;
        let request = FetchRequest {
            replica: None,
            isolation: self.config.isolation_level,
            max_wait_ms: self.config.fetch_max_wait_ms,
            min_bytes: self.config.fetch_min_bytes,
            max_bytes: self.config.fetch_max_bytes,
            session_id: broker.session_id,
            session_epoch: broker.session_epoch,
            partitions,
            forgotten: std::mem::take(&mut broker.forgotten).into_iter().collect(),
        };
        self.connections.send(now, channel, request, Cookie::Fetch, out);
    }

    /// Every partition to fetch from the broker: a full fetch. The only place that looks at all partitions.
    fn list_all(&mut self, index: usize) -> Vec<FetchPartition> {
        let node = self.brokers[index].node;
        let max_bytes = self.config.max_partition_fetch_bytes;
        let mut partitions = Vec::new();
        for (tp, p) in self.partitions.iter_mut() {
            if p.is_fetchable_from(node) {
                partitions.push(p.list(tp, node, max_bytes));
            } else if p.listed_on == Some(node) {
                p.listed_on = None;
            }
        }
        let broker = &mut self.brokers[index];
        broker.members = partitions.len();
        broker.changed.clear();
        broker.forgotten.clear();
        partitions
    }

    /// The partitions whose position changed, for an incremental fetch.
    fn list_changed(&mut self, index: usize) -> Vec<FetchPartition> {
        let node = self.brokers[index].node;
        let max_bytes = self.config.max_partition_fetch_bytes;
        let mut partitions = Vec::new();
        for tp in std::mem::take(&mut self.brokers[index].changed) {
            let Some(p) = self.partitions.get_mut(tp) else { continue };
            if p.is_fetchable_from(node) {
                if p.is_listed_as_is(node) {
                    continue;
                }
                if p.listed_on.is_none() {
                    let broker = &mut self.brokers[index];
                    broker.members += 1;
                    broker.forgotten.remove(&tp);
                }
                partitions.push(p.list(tp, node, max_bytes));
            } else if p.listed_on == Some(node) {
                p.listed_on = None;
                let broker = &mut self.brokers[index];
                broker.members -= 1;
                broker.forgotten.insert(tp);
            }
        }
        partitions
    }

    /// The session on `node` is to lose the partition, which is led by another broker now or was taken away.
    pub(super) fn unlist(&mut self, tp: TopicPartition, node: NodeId) {
        if let Some(p) = self.partitions.get_mut(tp) {
            p.listed_on = None;
        }
        let broker = self.broker(node);
        broker.members -= 1;
        broker.forgotten.insert(tp);
    }

    pub(super) fn on_fetch_lost(&mut self, node: NodeId) {
        let broker = self.broker(node);
        broker.in_flight = false;
        // The next fetch closes the session, if there was one, and opens another.
        broker.session_epoch = 0;
    }

    pub(super) fn on_fetch(&mut self, now: Now, node: NodeId, response: FetchResponse) {
        let broker = self.broker(node);
        broker.in_flight = false;
        if let Some(error) = response.error {
            broker.session_epoch = 0;
            if error == ErrorCode::FetchSessionIdNotFound {
                broker.session_id = 0;
            }
            return;
        }
        broker.session_epoch = match response.session_id {
            0 => 0,
            _ if broker.session_epoch == i32::MAX => 1,
            _ => broker.session_epoch + 1,
        };
        broker.session_id = response.session_id;
        for answer in response.partitions {
            let Some(p) = self.partitions.get_mut(answer.tp) else { continue };
            let asked = p.listed_on == Some(node) && p.state == State::Fetching && p.position == p.listed_offset;
            if !asked || p.revoking || p.buffered || p.held {
                continue; // an answer to a position that is no longer wanted
            }
            match answer.error {
                Some(error) => self.on_fetch_error(now, answer.tp, error, answer.current_leader),
                None => self.on_fetched(node, answer),
            }
        }
    }

    fn on_fetched(&mut self, node: NodeId, answer: FetchPartitionResponse) {
        let (tp, isolation) = (answer.tp, self.config.isolation_level);
        let p = self.partitions.get_mut(tp).expect("the caller looked it up");
        p.end = match isolation {
            IsolationLevel::ReadCommitted => answer.last_stable_offset,
            IsolationLevel::ReadUncommitted => answer.high_watermark,
        };
        p.failures = 0;
        if !answer.batches.is_empty() {
            p.buffered = true;
            let (position, paused) = (p.position, p.paused);
            let fetch = CompletedFetch::new(tp, node, isolation, position, answer.batches, answer.aborted);
            if paused {
                self.parked.push(fetch);
            } else {
                self.buffer.push_back(fetch);
                self.broker(node).buffered += 1;
                self.announce();
            }
        }
        self.update_lag(tp);
    }

    fn on_fetch_error(
        &mut self,
        now: Now,
        tp: TopicPartition,
        error: ErrorCode,
        current_leader: Option<(NodeId, LeaderEpoch)>,
    ) {
        if error == ErrorCode::OffsetOutOfRange {
            return self.reset(tp, ConsumerError::OffsetOutOfRange(tp));
        }
        if error.retry() == Retry::No || error == ErrorCode::CorruptMessage {
            return self.stop(tp, error);
        }
        if let Some((leader, epoch)) = current_leader
            && self.metadata.learn(tp, leader, epoch)
        {
            self.metadata.request_update();
            return self.leader_changed(tp, Some(leader), epoch);
        }
        let token = self.partitions.get(tp).expect("the caller looked it up").token;
        self.back_off(now, tp, token);
    }

    /// Delivers up to `max` records.
    pub(super) fn collect(&mut self, max: usize, into: &mut Vec<Records>) -> usize {
        if self.group.as_ref().is_some_and(|group| group.step.awaits_application()) {
            return 0;
        }
        let mut delivered = 0;
        while let Some(fetch) = self.buffer.front_mut() {
            while delivered < max
                && let Some(records) = fetch.take(max - delivered)
            {
                delivered += records.len();
                into.push(records);
            }
            let (tp, node, drained) = (fetch.tp, fetch.node, fetch.is_drained());
            let p = self.partitions.get_mut(tp).expect("data of removed partitions is dropped");
            p.position = fetch.next_offset;
            if fetch.last_epoch != NO_LEADER_EPOCH {
                p.position_epoch = fetch.last_epoch;
            }
            if drained {
                self.buffer.pop_front();
                p.buffered = false;
                let leader = p.leader;
                self.broker(node).buffered -= 1;
                self.changed(tp, leader);
            }
            self.update_lag(tp);
            if !drained {
                break;
            }
        }
        delivered
    }

    /// Drops undelivered data of a partition.
    pub(super) fn drop_buffered(&mut self, tp: TopicPartition) {
        let Some(p) = self.partitions.get_mut(tp).filter(|p| p.buffered) else { return };
        p.buffered = false;
        let leader = p.leader;
        if let Some(index) = self.buffer.iter().position(|fetch| fetch.tp == tp) {
            let fetch = self.buffer.remove(index).expect("position() found it");
            self.broker(fetch.node).buffered -= 1;
        } else {
            self.parked.retain(|fetch| fetch.tp != tp);
        }
        self.changed(tp, leader);
    }

    /// Recounts whether the partition is behind.
    pub(super) fn update_lag(&mut self, tp: TopicPartition) {
        let behind = |p: &Partition| !p.has_position() || p.end < 0 || p.position < p.end;
        if let Some(p) = self.partitions.get_mut(tp) {
            let lagging = behind(p);
            if lagging && !p.lagging {
                self.lagging += 1;
            } else if !lagging && p.lagging {
                self.lagging -= 1;
            }
            p.lagging = lagging;
        }
    }
}
