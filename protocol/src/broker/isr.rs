//! Changes of the in-sync set (§7.2): who lags, who caught up, and the AlterPartition exchange with the controller.

use super::Broker;
use super::link::Link;
use super::partition::{ProposedIsr, Role, is_eligible};
use super::timer::Timer;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::*;
use crate::message::*;
use crate::net::Reconnect;
use crate::time::Span;

/// Pause before AlterPartition is sent again after an error.
const RETRY_PAUSE: Span = Span::from_millis(50);
const RECONNECT: Reconnect = Reconnect::after_ms(50);

/// Proposals on their way to the controller.
#[derive(Clone, Debug)]
pub(super) struct IsrProposals {
    pub link: Link,
    /// Waiting to be sent.
    unsent: Vec<TopicPartition>,
    /// In the request that is in flight, with the epochs that it carried.
    in_flight: Vec<(TopicPartition, LeaderEpoch, i32)>,
    retry_armed: bool,
}

impl IsrProposals {
    pub fn new() -> IsrProposals {
        let channel = Channel { to: NodeId::CONTROLLER, purpose: Purpose::ControllerAlterPartition };
        IsrProposals { link: Link::new(channel), unsent: Vec::new(), in_flight: Vec::new(), retry_armed: false }
    }

    /// What is in flight must be sent again.
    fn take_back(&mut self) {
        for (tp, ..) in self.in_flight.drain(..) {
            if !self.unsent.contains(&tp) {
                self.unsent.push(tp);
            }
        }
    }
}

impl Broker {
    /// A follower's fetch may have made it eligible for the in-sync set.
    pub(super) fn maybe_expand_isr(&mut self, tp: TopicPartition, node: NodeId, out: &mut Outputs) {
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        let mark = partition.log.high_watermark();
        let Some(leader) = partition.leader_mut() else { return };
        if leader.isr.contains(&node) || leader.proposed.is_some() {
            return;
        }
        let epoch_start = leader.epoch_start;
        let Some(replica) = leader.follower(node) else { return };
        if replica.end_offset < mark || replica.end_offset < epoch_start || !is_eligible(replica, &self.image) {
            return;
        }
        let isr = leader.isr.iter().copied().chain([node]).collect();
        leader.proposed = Some(ProposedIsr { isr, joining: Some(node) });
        self.propose(tp, out);
    }

    /// The periodic check: followers that lag leave the in-sync set. Looks only at partitions where somebody lags.
    pub(super) fn check_isr(&mut self, out: &mut Outputs) {
        let (now, lag) = (self.now.mono, self.lag);
        let list = core::mem::take(&mut self.jobs.lag_list);
        for tp in list {
            let Some(partition) = self.partitions.get_mut(tp) else { continue };
            partition.on_lag_list = false;
            let end = partition.log.log_end_offset();
            let Some(leader) = partition.leader_mut() else { continue };
            if leader.followers.iter().all(|r| r.end_offset == end || !leader.isr.contains(&r.id)) {
                continue;
            }
            partition.on_lag_list = true;
            self.jobs.lag_list.push(tp);
            let Some(leader) = partition.leader_mut() else { continue };
            if leader.proposed.is_some() {
                continue;
            }
            let lags = |id: &NodeId| leader.followers.iter().any(|r| r.id == *id && !r.is_caught_up(end, now, lag));
            let isr: Vec<NodeId> = leader.isr.iter().copied().filter(|id| !lags(id)).collect();
            if isr.len() < leader.isr.len() {
                leader.proposed = Some(ProposedIsr { isr, joining: None });
                self.propose(tp, out);
            }
        }
    }

    fn propose(&mut self, tp: TopicPartition, out: &mut Outputs) {
        if !self.isr.unsent.contains(&tp) {
            self.isr.unsent.push(tp);
        }
        self.send_proposals(out);
    }

    /// Sends what waits, if nothing is in flight.
    pub(super) fn send_proposals(&mut self, out: &mut Outputs) {
        let Some(broker_epoch) = self.life.broker_epoch else { return };
        if self.isr.unsent.is_empty() || self.isr.retry_armed {
            return;
        }
        if !self.isr.link.is_free() {
            self.isr.link.open(self.now.mono, &mut self.timers, out);
            return;
        }
        let mut entries = Vec::new();
        for tp in core::mem::take(&mut self.isr.unsent) {
            let Some(partition) = self.partitions.get(tp) else { continue };
            let Some(leader) = partition.leader() else { continue };
            let Some(proposed) = &leader.proposed else { continue }; // overtaken by new metadata
            let epoch_of = |id: NodeId| {
                if id == self.id {
                    return broker_epoch;
                }
                leader.followers.iter().find(|r| r.id == id).and_then(|r| r.broker_epoch).unwrap_or(-1)
            };
            entries.push(AlterPartitionEntry {
                tp,
                leader_epoch: partition.leader_epoch,
                partition_epoch: partition.partition_epoch,
                isr: proposed.isr.iter().map(|id| (*id, epoch_of(*id))).collect(),
            });
            self.isr.in_flight.push((tp, partition.leader_epoch, partition.partition_epoch));
        }
        if entries.is_empty() {
            return;
        }
        let request = AlterPartitionRequest { broker: self.id, broker_epoch, partitions: entries };
        let timeout = Span::from_millis(self.config.request_timeout_ms.into());
        self.isr.link.send(request.into(), timeout, self.now.mono, &mut self.timers, out);
    }

    /// The connection is gone; the outcome of what was in flight is unknown, so it is sent again.
    pub(super) fn isr_link_lost(&mut self, out: &mut Outputs) {
        self.isr.link.lost(self.now, RECONNECT);
        self.isr.take_back();
        self.send_proposals(out);
    }

    /// The pause after an error is over.
    pub(super) fn retry_proposals(&mut self, out: &mut Outputs) {
        self.isr.retry_armed = false;
        self.send_proposals(out);
    }

    /// The controller answered.
    pub(super) fn isr_answered(&mut self, response: AlterPartitionResponse, out: &mut Outputs) {
        if response.error.is_some() {
            self.isr.take_back();
            self.isr.retry_armed = true;
            self.timers.set(self.now.mono + RETRY_PAUSE, Timer::AlterRetry);
            return;
        }
        for (tp, result) in response.partitions {
            let Some(position) = self.isr.in_flight.iter().position(|(asked, ..)| *asked == tp) else { continue };
            let (_, leader_epoch, partition_epoch) = self.isr.in_flight.remove(position);
            self.proposal_answered(tp, leader_epoch, partition_epoch, result, out);
        }
        self.isr.take_back(); // what the answer left out
        self.send_proposals(out);
    }

    fn proposal_answered(
        &mut self,
        tp: TopicPartition,
        leader_epoch: LeaderEpoch,
        partition_epoch: i32,
        result: Result<AlteredPartition, ErrorCode>,
        out: &mut Outputs,
    ) {
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        let (epoch_now, version_now) = (partition.leader_epoch, partition.partition_epoch);
        let Some(leader) = partition.leader_mut() else { return };
        match result {
            Ok(altered) => {
                if altered.leader_epoch != epoch_now || altered.partition_epoch < version_now {
                    return; // stale, or about an epoch that the metadata will bring
                }
                leader.isr = altered.isr;
                leader.proposed = None;
                partition.partition_epoch = altered.partition_epoch;
                self.watch_lag(tp);
                self.note_outsiders(tp);
                self.advance_high_watermark(tp, out);
            }
            Err(_) if (leader_epoch, partition_epoch) != (epoch_now, version_now) => {} // superseded
            Err(ErrorCode::IneligibleReplica | ErrorCode::OperationNotAttempted) => leader.proposed = None,
            Err(
                ErrorCode::UnknownTopicOrPartition
                | ErrorCode::UnknownTopicId
                | ErrorCode::FencedLeaderEpoch
                | ErrorCode::InvalidUpdateVersion
                | ErrorCode::InvalidRequest
                | ErrorCode::NewLeaderElected,
            ) => {} // the stricter set counts until new metadata arrives
            Err(_) => {
                if leader.proposed.is_some() && !self.isr.unsent.contains(&tp) {
                    self.isr.unsent.push(tp);
                    if !self.isr.retry_armed {
                        self.isr.retry_armed = true;
                        self.timers.set(self.now.mono + RETRY_PAUSE, Timer::AlterRetry);
                    }
                }
            }
        }
    }

    /// Remembers which replicas of a partition led here are outside its in-sync set: each fetch of theirs looks again
    /// whether they may join, also when the partition itself is idle.
    pub(super) fn note_outsiders(&mut self, tp: TopicPartition) {
        let Some(leader) = self.partitions.get(tp).and_then(|p| p.leader()) else { return };
        for replica in leader.followers.iter().filter(|r| !leader.isr.contains(&r.id)) {
            let list = self.outsiders.entry(replica.id).or_default();
            if !list.contains(&tp) {
                list.push(tp);
            }
        }
    }

    /// A follower fetched: may it join where it is outside?
    pub(super) fn look_at_outsider(&mut self, node: NodeId, out: &mut Outputs) {
        let Some(list) = self.outsiders.get_mut(&node).filter(|list| !list.is_empty()) else { return };
        if self.image.brokers.get(&node).is_none_or(|b| b.fenced || b.in_controlled_shutdown) {
            return; // it may join nowhere
        }
        let mut list = core::mem::take(list);
        list.retain(|tp| {
            let Some(leader) = self.partitions.get_mut(*tp).and_then(|p| p.leader_mut()) else { return false };
            let outside = !leader.isr.contains(&node);
            let fetches = leader.follower(node).is_some_and(|r| r.in_session);
            if outside && fetches {
                self.maybe_expand_isr(*tp, node, out);
            }
            outside
        });
        self.outsiders.insert(node, list);
    }

    /// Puts a partition with lagging members on the list of the periodic check.
    pub(super) fn watch_lag(&mut self, tp: TopicPartition) {
        let Some(partition) = self.partitions.get_mut(tp).filter(|p| !p.on_lag_list) else { return };
        let end = partition.log.log_end_offset();
        let Role::Leader(leader) = &partition.role else { return };
        let lags = leader.followers.iter().any(|r| r.end_offset != end && leader.isr.contains(&r.id));
        if lags {
            partition.on_lag_list = true;
            self.jobs.lag_list.push(tp);
        }
    }
}
