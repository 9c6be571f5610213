//! The consumer: a classic group member and a fetcher (§4.4 to §4.6, §6).
//!
//! # How an application drives it
//! [`Consumer::poll`] hands over fetched records and never blocks. An application is either *inside* a poll (its last
//! poll returned nothing; it will poll again when [`ConsumerEvent::RecordsAvailable`] is said) or *processing* (its last
//! poll returned records). As in Kafka, rebalances make progress and offsets are committed automatically only inside a
//! poll, while heartbeats go on in the background; an application that processes for longer than
//! `max.poll.interval.ms` leaves its group. Nothing is joined before the first poll.
//!
//! A partition that is about to be taken away is offered as [`ConsumerEvent::Revoking`]; the application finishes with
//! it and answers with [`Consumer::revoked`]. In automatic mode (the default) the consumer answers for itself.

mod commit;
mod coordinator;
mod event;
mod fetch;
mod fetcher;
mod membership;
mod metadata;
mod partition;
mod position;
mod rebalance;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

pub use event::*;
pub use membership::Membership;

use crate::config::ConsumerConfig;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::{Channel, Client, Machine, NetInput, Output, Outputs, Purpose, push_made};
use crate::message::*;
use crate::net::{ConnectionSettings, Connections, Lost, Reconnect, backoff};
use crate::time::{Instant, Now, Span};

use commit::{Commit, OffsetFetch};
use fetch::CompletedFetch;
use membership::Member;
use metadata::Metadata;
use partition::{Broker, Partition};

/// Requests that Kafka's consumer lets be in flight on one connection.
const MAX_IN_FLIGHT: usize = 100;
/// How long [`Consumer::close`] may take (`close()`'s default time-out).
const CLOSE_TIMEOUT: Span = Span::from_secs(30);

/// What comes back with an answer.
#[derive(Clone, Debug)]
enum Cookie {
    Metadata,
    FindCoordinator,
    Fetch,
    ListOffsets(Vec<(TopicPartition, u32)>),
    EpochEnd(Vec<(TopicPartition, u32)>),
    /// With the number of the attempt.
    Join(u32),
    /// With the version of the member's identity at the time of sending, like the following.
    Sync(u32),
    Heartbeat(u32),
    Leave,
    Commit(Box<Commit>, u32),
    OffsetFetch(OffsetFetch),
}

/// A consumer. See the module's text.
#[derive(Clone, Debug)]
pub struct Consumer {
    config: Arc<ConsumerConfig>,
    connections: Connections<Cookie>,
    metadata: Metadata,
    /// Subscribed topics, sorted.
    subscription: Vec<TopicId>,
    partitions: PartitionMap<Partition>,
    brokers: Vec<Broker>,
    group: Option<Member>,
    /// Fetched and not delivered, in the order of arrival.
    buffer: VecDeque<CompletedFetch>,
    /// Fetched data of paused partitions.
    parked: Vec<CompletedFetch>,
    /// Partitions that back off, by time.
    retries: BTreeSet<(Instant, TopicPartition)>,
    /// Partitions that need their committed offset.
    initializing: BTreeSet<TopicPartition>,
    /// OffsetFetches: the consumer's own (at most one), and the application's questions.
    offset_fetches: VecDeque<OffsetFetch>,
    commits: VecDeque<Box<Commit>>,
    commits_in_flight: usize,
    next_commit: CommitId,
    next_query: QueryId,
    next_auto_commit: Instant,
    next_token: u32,
    /// Partitions whose position is not known to be at the end.
    lagging: usize,
    events: VecDeque<ConsumerEvent>,
    auto_revoke: bool,
    /// The application waits in a poll.
    in_poll: bool,
    /// RecordsAvailable was said since the last poll.
    announced: bool,
    /// When an application that is processing must have polled again.
    poll_deadline: Instant,
    /// Set by close: when to give up waiting.
    closing: Option<Instant>,
    dead: bool,
    /// Earliest time at which something that was put off can be tried again; made anew by every input.
    again: Instant,
    empty: Name,
}

impl Consumer {
    /// A consumer that knows nothing but `bootstrap`.
    ///
    /// # Panics
    /// If `bootstrap` is empty.
    pub fn new(config: ConsumerConfig, bootstrap: Vec<NodeId>) -> Consumer {
        assert!(!bootstrap.is_empty(), "bootstrap.servers names at least one broker");
        let empty: Name = "".into();
        let group = config.group_id.clone().map(|id| Member::new(id, config.group_instance_id.clone(), empty.clone()));
        Consumer {
            connections: Connections::new(ConnectionSettings {
                reconnect: Reconnect {
                    backoff_ms: config.reconnect_backoff_ms,
                    backoff_max_ms: config.reconnect_backoff_max_ms,
                },
                max_in_flight: MAX_IN_FLIGHT,
                request_timeout_ms: i64::from(config.request_timeout_ms),
            }),
            metadata: Metadata::new(
                bootstrap,
                Span::from_millis(config.retry_backoff_ms),
                Span::from_millis(config.metadata_max_age_ms),
            ),
            config: Arc::new(config),
            subscription: Vec::new(),
            partitions: PartitionMap::new(),
            brokers: Vec::new(),
            group,
            buffer: VecDeque::new(),
            parked: Vec::new(),
            retries: BTreeSet::new(),
            initializing: BTreeSet::new(),
            offset_fetches: VecDeque::new(),
            commits: VecDeque::new(),
            commits_in_flight: 0,
            next_commit: 0,
            next_query: 0,
            next_auto_commit: Instant::NEVER,
            next_token: 0,
            lagging: 0,
            events: VecDeque::new(),
            auto_revoke: true,
            in_poll: false,
            announced: false,
            poll_deadline: Instant::NEVER,
            closing: None,
            dead: false,
            again: Instant::NEVER,
            empty,
        }
    }

    /// The configuration.
    pub fn config(&self) -> &ConsumerConfig {
        &self.config
    }

    /// Whether revocations are answered by the consumer itself (the default) or by [`Consumer::revoked`].
    pub fn set_auto_revoke(&mut self, auto: bool) {
        self.auto_revoke = auto;
    }

    /// Subscribes to `topics` as a member of the group; the group is joined by the next polls.
    ///
    /// Without `group.id` the consumer fails with INVALID_GROUP_ID, as Kafka's does.
    pub fn subscribe(&mut self, now: Now, mut topics: Vec<TopicId>, out: &mut Outputs) {
        topics.sort_unstable();
        topics.dedup();
        self.metadata.add_interest(topics.iter().copied());
        self.subscription = topics;
        match &mut self.group {
            Some(group) => group.request_rejoin(),
            None => self.die(ErrorCode::InvalidGroupId, out),
        }
        self.advance(now, out);
    }

    /// Takes exactly `partitions`, without group management. With `group.id` their committed offsets are used.
    pub fn assign(&mut self, now: Now, mut partitions: Vec<TopicPartition>, out: &mut Outputs) {
        partitions.sort_unstable();
        partitions.dedup();
        let old: Vec<_> = self.partitions.keys().filter(|tp| partitions.binary_search(tp).is_err()).collect();
        for tp in old {
            self.remove_partition(tp);
        }
        self.metadata.add_interest(partitions.iter().map(|tp| tp.topic));
        partitions.retain(|tp| !self.partitions.contains(*tp));
        self.schedule_auto_commit(now);
        self.add_partitions(partitions, -1);
        self.advance(now, out);
    }

    /// Hands over at most `max_records` (and at most `max.poll.records`) records of batches that were fetched before;
    /// their number is returned. 0 leaves the application inside the poll.
    pub fn poll(&mut self, now: Now, max_records: usize, into: &mut Vec<Records>, out: &mut Outputs) -> usize {
        self.in_poll = true;
        self.poll_deadline = self.callback_deadline(now);
        self.announced = false;
        self.advance(now, out);
        let delivered = self.collect(max_records.min(self.config.max_poll_records as usize), into);
        if delivered > 0 {
            self.in_poll = false;
            if !self.subscription.is_empty() {
                self.poll_deadline = now.mono + Span::from_millis(i64::from(self.config.max_poll_interval_ms));
            }
        }
        self.advance(now, out);
        delivered
    }

    /// The application's poll, which waited, returns without records (its time-out passed): the application is busy
    /// with something else until it polls again.
    pub fn leave_poll(&mut self, now: Now) {
        if self.in_poll {
            self.in_poll = false;
            if !self.subscription.is_empty() {
                self.poll_deadline = now.mono + Span::from_millis(i64::from(self.config.max_poll_interval_ms));
                self.until(self.poll_deadline);
            }
        }
    }

    /// A callback of the application runs inside its poll and is limited like processing.
    fn callback_deadline(&self, now: Now) -> Instant {
        let waits = self.group.as_ref().is_some_and(|group| group.step.awaits_application());
        match waits {
            true if self.poll_deadline == Instant::NEVER => {
                now.mono + Span::from_millis(i64::from(self.config.max_poll_interval_ms))
            }
            true => self.poll_deadline,
            false => Instant::NEVER,
        }
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<ConsumerEvent> {
        self.events.pop_front()
    }

    /// Whether fetched records wait for a poll.
    pub fn has_records(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The assigned partitions, in order.
    pub fn assignment(&self) -> impl Iterator<Item = TopicPartition> {
        self.partitions.keys()
    }

    /// Next offset to be delivered; `None` while the partition is not assigned or its position is not known.
    pub fn position(&self, tp: TopicPartition) -> Option<Offset> {
        self.partitions.get(tp).filter(|p| p.has_position()).map(|p| p.position)
    }

    /// Position with the leader epoch of the last record, as it should be committed.
    pub fn position_to_commit(&self, tp: TopicPartition) -> Option<OffsetToCommit> {
        let p = self.partitions.get(tp).filter(|p| p.has_position())?;
        let metadata = self.empty.clone();
        Some(OffsetToCommit { tp, offset: p.position, leader_epoch: p.position_epoch, metadata })
    }

    /// End of the partition as the isolation level sees it, as of the last fetch.
    pub fn end_offset(&self, tp: TopicPartition) -> Option<Offset> {
        self.partitions.get(tp).map(|p| p.end).filter(|end| *end >= 0)
    }

    /// Whether there are assigned partitions and every position is at its end, as of the last fetches.
    pub fn is_caught_up(&self) -> bool {
        self.lagging == 0 && !self.partitions.is_empty()
    }

    /// What identifies the consumer in its group, as of the last completed rebalance (§4.5).
    ///
    /// # Panics
    /// Without `group.id`.
    pub fn group_metadata(&self) -> &GroupMetadata {
        &self.group.as_ref().expect("groupMetadata() needs group.id").metadata
    }

    /// Where the consumer stands in its group, and the generation that it speaks of; `None` without `group.id`.
    pub fn membership(&self) -> Option<(Membership, i32)> {
        self.group.as_ref().map(|group| (group.membership(), group.wire_identity().generation))
    }

    /// Whether [`Consumer::close`] is done or the consumer failed.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Stops delivering and fetching a partition.
    pub fn pause(&mut self, tp: TopicPartition) {
        let Some(p) = self.partitions.get_mut(tp).filter(|p| !p.paused) else { return };
        p.paused = true;
        let leader = p.leader;
        if p.buffered
            && let Some(index) = self.buffer.iter().position(|fetch| fetch.tp == tp)
        {
            let fetch = self.buffer.remove(index).expect("position() found it");
            self.broker(fetch.node).buffered -= 1;
            self.parked.push(fetch);
        }
        self.changed(tp, leader);
    }

    /// Goes on with a paused partition.
    pub fn resume(&mut self, now: Now, tp: TopicPartition, out: &mut Outputs) {
        let Some(p) = self.partitions.get_mut(tp).filter(|p| p.paused) else { return };
        p.paused = false;
        let leader = p.leader;
        if let Some(index) = self.parked.iter().position(|fetch| fetch.tp == tp) {
            let fetch = self.parked.swap_remove(index);
            self.broker(fetch.node).buffered += 1;
            self.buffer.push_back(fetch);
            self.announce();
        }
        self.changed(tp, leader);
        self.advance(now, out);
    }

    /// Leaves the group and closes the connections; says [`ConsumerEvent::Closed`] when done. Positions are committed
    /// first if `enable.auto.commit` is set.
    pub fn close(&mut self, now: Now, out: &mut Outputs) {
        if self.closing.is_none() && !self.dead {
            self.begin_close(now);
            self.advance(now, out);
        }
    }

    fn die(&mut self, error: ErrorCode, out: &mut Outputs) {
        if !self.dead {
            self.dead = true;
            self.connections.close_all(out);
            self.events.push_back(ConsumerEvent::Fatal(ConsumerError::Group(error)));
        }
    }

    fn say(&mut self, event: ConsumerEvent) {
        self.events.push_back(event);
    }

    fn announce(&mut self) {
        if self.in_poll && !self.announced {
            self.announced = true;
            self.events.push_back(ConsumerEvent::RecordsAvailable);
        }
    }

    fn token(&mut self) -> u32 {
        self.next_token = self.next_token.wrapping_add(1);
        self.next_token
    }

    /// The broker's entry, made if there is none.
    fn broker(&mut self, node: NodeId) -> &mut Broker {
        let index = self.brokers.iter().position(|b| b.node == node).unwrap_or_else(|| {
            self.brokers.push(Broker::new(node));
            self.brokers.len() - 1
        });
        &mut self.brokers[index]
    }

    /// Has the partition looked at when the next fetch to `leader` is built.
    fn changed(&mut self, tp: TopicPartition, leader: Option<NodeId>) {
        if let Some(node) = leader {
            self.broker(node).changed.push(tp);
        }
    }

    fn until(&mut self, at: Instant) {
        self.again = self.again.min(at);
    }

    /// Whether a request can be sent on `channel` now; if not, connects and remembers when to look again.
    fn ready(&mut self, now: Now, channel: Channel, out: &mut Outputs) -> bool {
        let ready = self.connections.ready(now, channel, out);
        let not_before = self.connections.not_before(channel);
        if !ready && not_before > now.mono {
            self.until(not_before);
        }
        ready
    }

    /// Kafka's least loaded node: a connected one with the fewest requests in flight, else one that is being connected.
    fn least_loaded(&mut self, now: Now, out: &mut Outputs) -> Option<Channel> {
        let client = |node: &NodeId| Channel { to: *node, purpose: Purpose::Client };
        let connections = &self.connections;
        let channels = || self.metadata.nodes().iter().map(client);
        let best = channels().filter(|c| connections.is_connected(*c)).min_by_key(|c| connections.in_flight(*c));
        if let Some(channel) = best {
            return self.ready(now, channel, out).then_some(channel);
        }
        match channels().find(|c| connections.not_before(*c) <= now.mono) {
            Some(channel) => {
                self.connections.ready(now, channel, out);
            }
            None => {
                let earliest = channels().map(|c| connections.not_before(c)).min();
                self.until(earliest.expect("there is a bootstrap server"));
                self.metadata.rebootstrap();
            }
        }
        None
    }

    /// Does everything that can be done now.
    fn advance(&mut self, now: Now, out: &mut Outputs) {
        self.again = Instant::NEVER;
        if self.dead {
            return;
        }
        self.retry_partitions(now);
        self.drive_group(now, out);
        self.drive_commits(now, out);
        self.drive_offset_fetches(now, out);
        self.drive_resets(now, out);
        self.drive_fetches(now, out);
        self.drive_metadata(now, out);
        self.drive_close(now, out);
        if self.dead {
            self.again = Instant::NEVER;
        }
    }

    fn drive_metadata(&mut self, now: Now, out: &mut Outputs) {
        let due = self.metadata.due();
        if due > now.mono {
            self.until(due);
        } else if let Some(channel) = self.least_loaded(now, out) {
            let request = self.metadata.request(now);
            self.connections.send(now, channel, request, Cookie::Metadata, out);
        }
    }

    fn retry_partitions(&mut self, now: Now) {
        while let Some((at, tp)) = self.retries.first().copied() {
            if at > now.mono {
                self.until(at);
                break;
            }
            self.retries.pop_first();
            self.reconsider(tp);
        }
    }

    fn answered(&mut self, now: Now, channel: Channel, cookie: Cookie, response: Response, out: &mut Outputs) {
        match (cookie, response) {
            (Cookie::Metadata, Response::Metadata(r)) => self.on_metadata(now, *r),
            (Cookie::FindCoordinator, Response::FindCoordinator(r)) => self.on_coordinator(now, r.node, out),
            (Cookie::Fetch, Response::Fetch(r)) => self.on_fetch(now, channel.to, r),
            (Cookie::ListOffsets(asked), Response::ListOffsets(r)) => self.on_offsets(now, asked, r),
            (Cookie::EpochEnd(asked), Response::OffsetForLeaderEpoch(r)) => self.on_epoch_ends(now, asked, r),
            (Cookie::Join(attempt), Response::JoinGroup(r)) => self.on_join(now, channel, attempt, *r, out),
            (Cookie::Sync(identity), Response::SyncGroup(r)) => self.on_sync(now, identity, r, out),
            (Cookie::Heartbeat(identity), Response::Heartbeat(r)) => self.on_heartbeat(now, identity, r.error, out),
            (Cookie::Leave, Response::LeaveGroup(_)) => self.on_left(),
            (Cookie::Commit(commit, identity), Response::OffsetCommit(r)) => {
                self.on_commit(now, commit, identity, r, out);
            }
            (Cookie::OffsetFetch(asked), Response::OffsetFetch(r)) => self.on_committed(now, asked, r, out),
            // An answer of another kind than its request: as good as none. The request times out on the server's side.
            (cookie, _) => self.lost(now, channel, cookie, ErrorCode::UnknownServerError, out),
        }
    }

    fn channel_lost(&mut self, now: Now, channel: Channel, cookies: Vec<Cookie>, why: Lost, out: &mut Outputs) {
        match channel.purpose {
            Purpose::GroupCoordinator => self.forget_coordinator(channel.to),
            _ => self.metadata.request_update(),
        }
        let error = match why {
            Lost::Disconnected => ErrorCode::NetworkException,
            Lost::TimedOut => ErrorCode::RequestTimedOut,
        };
        for cookie in cookies {
            self.lost(now, channel, cookie, error, out);
        }
    }

    /// A request got no answer.
    fn lost(&mut self, now: Now, channel: Channel, cookie: Cookie, error: ErrorCode, out: &mut Outputs) {
        match cookie {
            Cookie::Metadata => self.metadata.failed(now),
            Cookie::FindCoordinator => self.on_coordinator(now, Err(error), out),
            Cookie::Fetch => self.on_fetch_lost(channel.to),
            Cookie::ListOffsets(asked) | Cookie::EpochEnd(asked) => {
                for (tp, token) in asked {
                    self.back_off(now, tp, token);
                }
            }
            Cookie::Join(attempt) => self.on_join_lost(now, Some(attempt)),
            Cookie::Sync(_) => self.on_join_lost(now, None),
            Cookie::Heartbeat(_) => self.on_heartbeat_lost(now),
            Cookie::Leave => self.on_left(),
            Cookie::Commit(commit, _) => self.commit_failed(now, commit, error, true),
            Cookie::OffsetFetch(asked) => self.ask_again(now, asked),
        }
    }

    /// The pause before attempt number `failures` + 1.
    fn pause_after(&self, now: Now, failures: u32) -> Span {
        backoff(self.config.retry_backoff_ms, self.config.retry_backoff_max_ms, failures, now)
    }
}

impl Machine for Consumer {
    fn poll_timeout(&self) -> Instant {
        if self.dead { Instant::NEVER } else { self.again.min(self.connections.poll_timeout()) }
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Outputs) {
        if self.dead {
            return;
        }
        while let Some((channel, cookies)) = self.connections.expire(now, out) {
            self.channel_lost(now, channel, cookies, Lost::TimedOut, out);
        }
        self.advance(now, out);
    }
}

impl Client for Consumer {
    fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs) {
        if self.dead {
            return;
        }
        match input {
            NetInput::Connected(channel) => {
                self.connections.connected(channel);
            }
            NetInput::Disconnected(channel) => {
                let cookies = self.connections.disconnected(now, channel);
                self.channel_lost(now, channel, cookies, Lost::Disconnected, out);
            }
            NetInput::Response(channel, correlation, response) => {
                if let Some(cookie) = self.connections.response(channel, correlation) {
                    self.answered(now, channel, cookie, response, out);
                }
            }
        }
        self.advance(now, out);
    }
}
