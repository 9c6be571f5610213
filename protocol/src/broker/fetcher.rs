//! The replica fetchers (§7.3): one connection and one incremental fetch session per leader's broker.

use super::Broker;
use super::link::Link;
use super::partition::Role;
use super::timer::Timer;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::*;
use crate::message::*;
use crate::net::Reconnect;
use crate::time::{Instant, Span};

/// Fetches from one broker.
#[derive(Clone, Debug)]
pub(super) struct Fetcher {
    pub link: Link,
    session_id: u32,
    session_epoch: i32,
    /// Partitions fetched here that are not paused.
    active: usize,
    /// Positions to tell with the next fetch.
    changed: Vec<TopicPartition>,
    /// Partitions to take out of the session with the next fetch.
    forgotten: Vec<TopicPartition>,
    /// Partitions that back off, by the end of their back-off.
    resting: Vec<(Instant, TopicPartition)>,
}

impl Fetcher {
    fn new(leader: NodeId) -> Fetcher {
        Fetcher {
            link: Link::new(Channel { to: leader, purpose: Purpose::ReplicaFetcher }),
            session_id: 0,
            session_epoch: 0,
            active: 0,
            changed: Vec::new(),
            forgotten: Vec::new(),
            resting: Vec::new(),
        }
    }
}

impl Broker {
    fn fetch_backoff(&self) -> Span {
        Span::from_millis(self.config.replica_fetch_backoff_ms.into())
    }

    /// Begins to fetch a partition from the leader that its follower state names.
    pub(super) fn start_fetching(&mut self, tp: TopicPartition) {
        let wall_ms = self.now.wall_ms;
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        if partition.log.latest_epoch().is_none() {
            // No epoch to compare: the high watermark is where the log is known to be right (§7.3).
            let mark = partition.log.high_watermark();
            partition.log.truncate_to(mark, wall_ms);
        }
        let Some(follower) = partition.follower_mut() else { return };
        let Some(leader) = follower.leader else { return };
        follower.queued = true;
        let fetcher = self.fetchers.entry(leader).or_insert_with(|| Fetcher::new(leader));
        fetcher.active += 1;
        fetcher.changed.push(tp);
        fetcher.forgotten.retain(|other| *other != tp);
        self.fetchers_to_pump.insert(leader, ());
    }

    /// Ends fetching a partition from the leader that its follower state names.
    pub(super) fn stop_fetching(&mut self, tp: TopicPartition) {
        let Some(follower) = self.partitions.get_mut(tp).and_then(|p| p.follower_mut()) else { return };
        let Some(fetcher) = follower.leader.and_then(|leader| self.fetchers.get_mut(&leader)) else { return };
        if !follower.paused {
            fetcher.active -= 1;
        }
        if follower.queued {
            fetcher.changed.retain(|other| *other != tp);
        }
        if follower.in_session {
            fetcher.forgotten.push(tp);
        }
        fetcher.resting.retain(|(_, other)| *other != tp);
        follower.queued = false;
        follower.in_session = false;
        follower.sent = None;
        follower.paused = true;
    }

    /// Leaves a partition out of the fetches until `until`, or until new metadata.
    fn pause_fetching(&mut self, tp: TopicPartition, until: Option<Instant>) {
        self.stop_fetching(tp);
        let Some(leader) = self.partitions.get_mut(tp).and_then(|p| p.follower_mut()).and_then(|f| f.leader) else {
            return;
        };
        if let (Some(until), Some(fetcher)) = (until, self.fetchers.get_mut(&leader)) {
            fetcher.resting.push((until, tp));
            self.timers.set(until, Timer::FetcherBackoff(leader));
        }
    }

    /// The back-off of some partitions may be over.
    pub(super) fn fetcher_rested(&mut self, leader: NodeId) {
        let now = self.now.mono;
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        let mut rested = Vec::new();
        fetcher.resting.retain(|(until, tp)| {
            if *until <= now {
                rested.push(*tp);
            }
            *until > now
        });
        for tp in rested {
            let Some(follower) = self.partitions.get_mut(tp).and_then(|p| p.follower_mut()) else { continue };
            if follower.paused {
                follower.paused = false;
                self.start_fetching(tp);
            }
        }
    }

    /// Sends the next fetch to each leader whose fetcher has something new to do.
    pub(super) fn pump_fetchers(&mut self, out: &mut Outputs) {
        while let Some((leader, ())) = self.fetchers_to_pump.pop_first() {
            self.pump_fetcher(leader, out);
        }
    }

    fn pump_fetcher(&mut self, leader: NodeId, out: &mut Outputs) {
        let Broker { fetchers, partitions, timers, config, now, life, id, .. } = self;
        let Some(fetcher) = fetchers.get_mut(&leader) else { return };
        if fetcher.active == 0 {
            return;
        }
        if !fetcher.link.is_free() {
            fetcher.link.open(now.mono, timers, out);
            return;
        }
        let mut positions = Vec::with_capacity(fetcher.changed.len());
        for tp in fetcher.changed.drain(..) {
            let Some(partition) = partitions.get_mut(tp) else { continue };
            let epoch = partition.leader_epoch;
            let end = partition.log.log_end_offset();
            let last_fetched_epoch = partition.log.latest_epoch().unwrap_or(NO_LEADER_EPOCH);
            let log_start_offset = partition.log.log_start_offset();
            let Role::Follower(follower) = &mut partition.role else { continue };
            follower.queued = false;
            follower.in_session = true;
            follower.sent = Some((end, epoch));
            positions.push(FetchPartition {
                tp,
                current_leader_epoch: epoch,
                fetch_offset: end,
                last_fetched_epoch,
                max_bytes: config.replica_fetch_max_bytes,
                log_start_offset,
            });
        }
        let request = FetchRequest {
            replica: Some((*id, life.broker_epoch.unwrap_or(-1))),
            isolation: IsolationLevel::ReadUncommitted,
            max_wait_ms: config.replica_fetch_wait_max_ms,
            min_bytes: 1,
            max_bytes: config.replica_fetch_response_max_bytes,
            session_id: fetcher.session_id,
            session_epoch: fetcher.session_epoch,
            partitions: positions,
            forgotten: core::mem::take(&mut fetcher.forgotten),
        };
        let timeout = Span::from_millis(config.replica_socket_timeout_ms.into());
        fetcher.link.send(request.into(), timeout, now.mono, timers, out);
    }

    /// The next fetch of a fetcher opens a session anew: every position has to be told again.
    fn restart_session(&mut self, leader: NodeId, session_id: u32) {
        let Broker { fetchers, partitions, .. } = self;
        let Some(fetcher) = fetchers.get_mut(&leader) else { return };
        fetcher.session_id = session_id;
        fetcher.session_epoch = 0;
        fetcher.forgotten.clear();
        for (tp, partition) in partitions.iter_mut() {
            let Role::Follower(follower) = &mut partition.role else { continue };
            if follower.leader != Some(leader) {
                continue;
            }
            follower.in_session = false;
            follower.sent = None;
            if !follower.paused && !follower.queued {
                follower.queued = true;
                fetcher.changed.push(tp);
            }
        }
    }

    /// The connection to a leader's broker is there.
    pub(super) fn fetcher_connected(&mut self, leader: NodeId) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        fetcher.link.connected();
        self.fetchers_to_pump.insert(leader, ());
    }

    /// The connection is gone; it is tried again after `replica.fetch.backoff.ms`.
    pub(super) fn fetcher_lost(&mut self, leader: NodeId) {
        let reconnect = Reconnect::after_ms(self.config.replica_fetch_backoff_ms.into());
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        let session_id = fetcher.session_id;
        fetcher.link.lost(self.now, reconnect);
        self.restart_session(leader, session_id);
        self.fetchers_to_pump.insert(leader, ());
    }

    /// A leader's broker answered a fetch.
    pub(super) fn fetcher_answered(&mut self, leader: NodeId, response: FetchResponse) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        self.fetchers_to_pump.insert(leader, ());
        if response.error.is_some() {
            self.restart_session(leader, 0);
            return;
        }
        let opened = fetcher.session_epoch == 0;
        if opened {
            fetcher.session_id = response.session_id;
        }
        let kept = fetcher.session_id != 0;
        if kept {
            fetcher.session_epoch = if fetcher.session_epoch == i32::MAX { 1 } else { fetcher.session_epoch + 1 };
        }
        for answer in response.partitions {
            self.replicate(leader, answer);
        }
        if !kept {
            self.restart_session(leader, 0); // the leader's broker has no room for a session
        }
    }

    /// Takes over what the leader said of one partition (§7.3).
    fn replicate(&mut self, leader: NodeId, answer: FetchPartitionResponse) {
        let tp = answer.tp;
        let wall_ms = self.now.wall_ms;
        let backoff = self.now.mono + self.fetch_backoff();
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        let epoch = partition.leader_epoch;
        let position = (partition.log.log_end_offset(), epoch);
        let Role::Follower(follower) = &partition.role else { return };
        // Position and leader epoch must still be those of the request (KAFKA-18991).
        if follower.leader != Some(leader) || follower.sent != Some(position) || follower.paused {
            return;
        }
        let log = &mut partition.log;
        match answer.error {
            None => {}
            Some(ErrorCode::OffsetOutOfRange) => {
                let leader_start = answer.log_start_offset;
                let leader_end = answer.diverging_epoch.map_or(-1, |e| e.end_offset);
                if leader_start > position.0 {
                    log.truncate_fully_and_start_at(leader_start);
                } else if (0..position.0).contains(&leader_end) {
                    log.truncate_to(leader_end, wall_ms);
                } else {
                    return self.pause_fetching(tp, Some(backoff));
                }
                self.jobs.written(tp, partition);
                return self.queue_position(tp);
            }
            // Fenced by the leader: nothing to do before new metadata.
            Some(ErrorCode::FencedLeaderEpoch) => return self.pause_fetching(tp, None),
            Some(_) => return self.pause_fetching(tp, Some(backoff)),
        }
        if let Some(diverging) = answer.diverging_epoch {
            let own = log.end_offset_for_epoch(diverging.epoch);
            let end = position.0;
            let target = if own.epoch == NO_LEADER_EPOCH || own.end_offset < 0 {
                diverging.end_offset.min(end) // no epoch at or below it here
            } else if own.epoch == diverging.epoch {
                own.end_offset.min(diverging.end_offset).min(end)
            } else {
                own.end_offset.min(end)
            };
            log.truncate_to(target, wall_ms);
            self.jobs.written(tp, partition);
            return self.queue_position(tp);
        }
        let mut appended = false;
        for batch in &answer.batches {
            if batch.leader_epoch > epoch {
                break; // KAFKA-18723: these belong to a leader that this follower does not know yet
            }
            let end = log.log_end_offset();
            if batch.next_offset() <= end {
                continue;
            }
            if batch.base_offset < end {
                break;
            }
            log.append_as_follower(batch);
            appended = true;
        }
        if answer.log_start_offset > log.log_start_offset() {
            log.advance_log_start(answer.log_start_offset);
        }
        let mark = answer.high_watermark.min(log.log_end_offset());
        if mark >= 0 && mark != log.high_watermark() {
            log.set_high_watermark(mark, true);
            self.jobs.watermark_moved(tp, partition);
        }
        if appended {
            self.jobs.written(tp, partition);
            self.queue_position(tp);
        }
    }

    /// The position of a partition has changed; the next fetch tells it.
    fn queue_position(&mut self, tp: TopicPartition) {
        let Some(follower) = self.partitions.get_mut(tp).and_then(|p| p.follower_mut()) else { return };
        let Some(fetcher) = follower.leader.and_then(|leader| self.fetchers.get_mut(&leader)) else { return };
        if !follower.queued {
            follower.queued = true;
            fetcher.changed.push(tp);
        }
    }
}
