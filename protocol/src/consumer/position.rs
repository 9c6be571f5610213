//! Assigned partitions and their positions: where reading begins, resets, validation after a change of leader (§6.2).

use super::partition::{Partition, ResetTo, State};
use super::*;
use crate::config::AutoOffsetReset;
use crate::message::OffsetSpec;

impl Consumer {
    pub(super) fn add_partitions(&mut self, partitions: Vec<TopicPartition>, generation: i32) {
        for tp in &partitions {
            let (leader, epoch) = self.metadata.leader(*tp);
            let token = self.token();
            self.partitions.insert(*tp, Partition::new(token, leader, epoch));
            self.lagging += 1;
        }
        self.metadata.add_interest(partitions.iter().map(|tp| tp.topic));
        self.say(ConsumerEvent::Assigned { partitions: partitions.clone(), generation });
        if self.group.is_some() {
            self.initializing.extend(partitions);
        } else {
            for tp in partitions {
                self.reset(tp, ConsumerError::NoOffsetForPartition(tp));
            }
        }
    }

    pub(super) fn remove_partition(&mut self, tp: TopicPartition) {
        self.drop_buffered(tp);
        if let Some(node) = self.partitions.get(tp).and_then(|p| p.listed_on) {
            self.unlist(tp, node);
        }
        if let Some(p) = self.partitions.remove(tp) {
            self.initializing.remove(&tp);
            self.lagging -= usize::from(p.lagging);
        }
    }

    pub(super) fn remove_all_partitions(&mut self) -> Vec<TopicPartition> {
        let all: Vec<_> = self.partitions.keys().collect();
        for tp in &all {
            self.remove_partition(*tp);
        }
        all
    }

    /// Keeps the partitions from being delivered while the application finishes with them.
    pub(super) fn mark_revoking(&mut self, partitions: &[TopicPartition]) {
        for tp in partitions {
            self.drop_buffered(*tp);
            if let Some(p) = self.partitions.get_mut(*tp) {
                p.revoking = true;
                let leader = p.leader;
                self.changed(*tp, leader);
            }
        }
    }

    /// Goes on from `offset`, whatever was fetched or asked before. Ignored for a partition that is not assigned.
    pub fn seek(&mut self, now: Now, tp: TopicPartition, offset: Offset, out: &mut Outputs) {
        if self.partitions.contains(tp) {
            self.initializing.remove(&tp);
            self.set_position(tp, offset, NO_LEADER_EPOCH, PositionReason::Seek);
            self.advance(now, out);
        }
    }

    /// `epoch` is that of the last record before `offset`, if known. A committed position is validated first.
    pub(super) fn set_position(
        &mut self,
        tp: TopicPartition,
        offset: Offset,
        epoch: LeaderEpoch,
        reason: PositionReason,
    ) {
        self.drop_buffered(tp);
        let token = self.token();
        let Some(p) = self.partitions.get_mut(tp) else { return };
        p.token = token;
        p.position = offset;
        p.position_epoch = epoch;
        p.failures = 0;
        let validate =
            reason == PositionReason::Committed && epoch != NO_LEADER_EPOCH && p.leader_epoch != NO_LEADER_EPOCH;
        p.state = if validate { State::AwaitValidation } else { State::Fetching };
        self.say(ConsumerEvent::PositionReset { tp, position: offset, reason });
        self.update_lag(tp);
        self.reconsider(tp);
    }

    /// Applies `auto.offset.reset`; `error` is what to say where there is none.
    pub(super) fn reset(&mut self, tp: TopicPartition, error: ConsumerError) {
        self.drop_buffered(tp);
        let to = match self.config.auto_offset_reset {
            AutoOffsetReset::Earliest => Some(ResetTo::Earliest),
            AutoOffsetReset::Latest => Some(ResetTo::Latest),
            AutoOffsetReset::None => None,
        };
        match to {
            Some(to) => self.set_state(tp, State::AwaitReset(to)),
            None => {
                self.set_state(tp, State::Stopped);
                self.say(ConsumerEvent::Fatal(error));
            }
        }
    }

    fn set_state(&mut self, tp: TopicPartition, state: State) {
        let token = self.token();
        if let Some(p) = self.partitions.get_mut(tp) {
            p.token = token;
            p.state = state;
            p.failures = 0;
            self.update_lag(tp);
            self.reconsider(tp);
        }
    }

    /// Queues what the partition's state needs.
    pub(super) fn reconsider(&mut self, tp: TopicPartition) {
        let Some(p) = self.partitions.get_mut(tp) else { return };
        p.held = false;
        let (state, token, leader) = (p.state, p.token, p.leader);
        let Some(node) = leader else {
            self.metadata.request_update();
            return;
        };
        let broker = self.broker(node);
        match state {
            State::Initializing | State::Stopped => {}
            State::AwaitReset(_) => broker.to_reset.push((tp, token)),
            State::AwaitValidation => broker.to_validate.push((tp, token)),
            State::Fetching => broker.changed.push(tp),
        }
        if state != State::Fetching
            && let Some(listed) = self.partitions.get(tp).and_then(|p| p.listed_on)
        {
            self.broker(listed).changed.push(tp);
        }
    }

    /// Tries again after a pause, or with the next metadata.
    pub(super) fn back_off(&mut self, now: Now, tp: TopicPartition, token: u32) {
        let Some(p) = self.partitions.get_mut(tp).filter(|p| p.token == token) else { return };
        p.held = true;
        let failures = p.failures;
        p.failures = failures.saturating_add(1);
        let (leader, at) = (p.leader, now.mono + self.pause_after(now, failures));
        self.retries.insert((at, tp));
        self.changed(tp, leader);
        self.metadata.request_update();
    }

    pub(super) fn on_metadata(&mut self, now: Now, response: MetadataResponse) {
        let mut changes = Vec::new();
        self.metadata.update(now, response, &mut changes);
        for change in changes {
            self.leader_changed(change.tp, change.leader, change.epoch);
        }
        for (_, tp) in std::mem::take(&mut self.retries) {
            self.reconsider(tp);
        }
        self.check_partition_counts();
    }

    /// The position is checked against the new leader's log before anything is read from it.
    pub(super) fn leader_changed(&mut self, tp: TopicPartition, leader: Option<NodeId>, epoch: LeaderEpoch) {
        let token = self.token();
        let Some(p) = self.partitions.get_mut(tp) else { return };
        let listed_on = p.listed_on.filter(|node| leader != Some(*node));
        p.leader = leader;
        p.leader_epoch = epoch;
        if p.state != State::Initializing {
            p.token = token;
        }
        if p.has_position() {
            let validate = p.position_epoch != NO_LEADER_EPOCH;
            p.state = if validate { State::AwaitValidation } else { State::Fetching };
            if validate {
                self.drop_buffered(tp);
            }
        }
        if let Some(node) = listed_on {
            self.unlist(tp, node);
        }
        self.reconsider(tp);
    }

    pub(super) fn drive_resets(&mut self, now: Now, out: &mut Outputs) {
        for index in 0..self.brokers.len() {
            let broker = &self.brokers[index];
            if broker.to_reset.is_empty() && broker.to_validate.is_empty() {
                continue;
            }
            let channel = Channel { to: broker.node, purpose: Purpose::Client };
            if self.ready(now, channel, out) {
                self.ask_offsets(now, index, channel, out);
            }
            if self.ready(now, channel, out) {
                self.ask_epoch_ends(now, index, channel, out);
            }
        }
    }

    fn ask_offsets(&mut self, now: Now, broker: usize, channel: Channel, out: &mut Outputs) {
        let mut asked = std::mem::take(&mut self.brokers[broker].to_reset);
        asked.sort_unstable();
        asked.dedup();
        let mut partitions = Vec::with_capacity(asked.len());
        asked.retain(|(tp, token)| {
            let p = self.partitions.get(*tp).filter(|p| p.token == *token && !p.held);
            let Some((epoch, State::AwaitReset(to))) = p.map(|p| (p.leader_epoch, p.state)) else { return false };
            let spec = match to {
                ResetTo::Earliest => OffsetSpec::Earliest,
                ResetTo::Latest => OffsetSpec::Latest,
            };
            partitions.push((*tp, epoch, spec));
            true
        });
        if !asked.is_empty() {
            let request = ListOffsetsRequest { isolation: self.config.isolation_level, partitions };
            self.connections.send(now, channel, request, Cookie::ListOffsets(asked), out);
        }
    }

    fn ask_epoch_ends(&mut self, now: Now, broker: usize, channel: Channel, out: &mut Outputs) {
        let mut asked = std::mem::take(&mut self.brokers[broker].to_validate);
        asked.sort_unstable();
        asked.dedup();
        let mut partitions = Vec::with_capacity(asked.len());
        asked.retain(|(tp, token)| {
            let wanted = |p: &&Partition| p.token == *token && p.state == State::AwaitValidation && !p.held;
            let Some(p) = self.partitions.get(*tp).filter(wanted) else { return false };
            partitions.push((*tp, p.leader_epoch, p.position_epoch));
            true
        });
        if !asked.is_empty() {
            let request = OffsetForLeaderEpochRequest { partitions };
            self.connections.send(now, channel, request, Cookie::EpochEnd(asked), out);
        }
    }

    pub(super) fn on_offsets(&mut self, now: Now, asked: Vec<(TopicPartition, u32)>, response: ListOffsetsResponse) {
        for (tp, token, answer) in paired(asked, response.partitions) {
            let Some(p) = self.partitions.get(tp).filter(|p| p.token == token) else { continue };
            let State::AwaitReset(to) = p.state else { continue };
            match answer {
                Some(Ok((offset, _))) => {
                    let reason = match to {
                        ResetTo::Earliest => PositionReason::Earliest,
                        ResetTo::Latest => PositionReason::Latest,
                    };
                    // Kafka gives such a position no epoch: it comes from the leader and needs no validation.
                    self.set_position(tp, offset, NO_LEADER_EPOCH, reason);
                }
                Some(Err(error)) if !error.is_retriable() => self.stop(tp, error),
                Some(Err(_)) | None => self.back_off(now, tp, token),
            }
        }
    }

    pub(super) fn on_epoch_ends(
        &mut self,
        now: Now,
        asked: Vec<(TopicPartition, u32)>,
        response: OffsetForLeaderEpochResponse,
    ) {
        for (tp, token, answer) in paired(asked, response.partitions) {
            let wanted = |p: &&mut Partition| p.token == token && p.state == State::AwaitValidation;
            let Some(p) = self.partitions.get_mut(tp).filter(wanted) else { continue };
            match answer {
                Some(Ok(end)) if end.epoch == NO_LEADER_EPOCH || end.end_offset < 0 => {
                    self.reset(tp, ConsumerError::LogTruncation(tp, -1));
                }
                Some(Ok(end)) if end.end_offset < p.position => {
                    if self.config.auto_offset_reset == AutoOffsetReset::None {
                        self.reset(tp, ConsumerError::LogTruncation(tp, end.end_offset));
                    } else {
                        self.set_position(tp, end.end_offset, end.epoch, PositionReason::Truncated);
                    }
                }
                Some(Ok(_)) => {
                    p.state = State::Fetching;
                    p.failures = 0;
                    self.reconsider(tp);
                }
                Some(Err(error)) if !error.is_retriable() => self.stop(tp, error),
                Some(Err(_)) | None => self.back_off(now, tp, token),
            }
        }
    }

    pub(super) fn stop(&mut self, tp: TopicPartition, error: ErrorCode) {
        self.drop_buffered(tp);
        self.set_state(tp, State::Stopped);
        self.say(ConsumerEvent::Fatal(ConsumerError::Partition(tp, error)));
    }
}

/// Pairs what was asked (sorted) with what was answered, in whatever order.
fn paired<A>(
    asked: Vec<(TopicPartition, u32)>,
    mut answers: Vec<(TopicPartition, A)>,
) -> impl Iterator<Item = (TopicPartition, u32, Option<A>)> {
    answers.sort_by_key(|(tp, _)| *tp);
    let mut answers = answers.into_iter().peekable();
    asked.into_iter().map(move |(tp, token)| {
        while answers.next_if(|(other, _)| *other < tp).is_some() {}
        (tp, token, answers.next_if(|(other, _)| *other == tp).map(|(_, answer)| answer))
    })
}
