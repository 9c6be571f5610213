//! Scripts against a consumer whose brokers are played by the test.

mod fetching;
mod filter;
mod membership;
mod positions;

use std::collections::VecDeque;

use super::*;
use crate::batch::{Record, RecordBatch, TransactionResult};
use crate::config::ConsumerConfig;
use crate::io::{CorrelationId, Output};

pub(super) const TOPIC: TopicId = TopicId(2);
pub(super) const LEADER: NodeId = NodeId(1);
pub(super) const COORDINATOR: NodeId = NodeId(2);

pub(super) fn tp(partition: u32) -> TopicPartition {
    TopicPartition::new(TOPIC, partition)
}

pub(super) fn config(settings: &[(&str, &str)]) -> ConsumerConfig {
    let mut config = ConsumerConfig::default();
    let defaults = [("group.id", "g"), ("auto.offset.reset", "earliest"), ("enable.auto.commit", "false")];
    for (key, value) in defaults.iter().chain(settings) {
        config.set(key, value).unwrap();
    }
    config
}

/// `count` records from `base` on.
pub(super) fn data(base: Offset, count: usize) -> RecordBatch {
    let record = Record { origin: Default::default(), timestamp_ms: 0, key: None, value: Some("v".into()) };
    let mut batch = RecordBatch::of_records(vec![record; count].into());
    batch.base_offset = base;
    batch.leader_epoch = 0;
    batch
}

pub(super) fn txn(base: Offset, count: usize, pid: ProducerId) -> RecordBatch {
    RecordBatch { producer_id: pid, producer_epoch: 0, base_sequence: 0, transactional: true, ..data(base, count) }
}

pub(super) fn marker(offset: Offset, pid: ProducerId, result: TransactionResult) -> RecordBatch {
    RecordBatch { base_offset: offset, leader_epoch: 0, ..RecordBatch::marker(pid, 1, result, 0, 0) }
}

/// Committed offset and leader epoch of a partition, or an error.
pub(super) type Committed = (TopicPartition, Result<(Offset, LeaderEpoch), ErrorCode>);

/// A consumer and the requests that it has sent and that are not answered.
#[derive(Clone)]
pub(super) struct Rig {
    pub c: Consumer,
    pub now: Now,
    out: Outputs,
    pub requests: VecDeque<(Channel, CorrelationId, Request)>,
    pub closed: Vec<Channel>,
    /// Leader and leader epoch of every partition of `TOPIC`.
    pub leaders: Vec<(NodeId, LeaderEpoch)>,
    /// Whether connections are made.
    pub connects: bool,
}

impl Rig {
    pub fn new(settings: &[(&str, &str)], partitions: usize) -> Rig {
        Rig {
            c: Consumer::new(config(settings), vec![LEADER, COORDINATOR]),
            now: Now::at_ms(0),
            out: Vec::new(),
            requests: VecDeque::new(),
            closed: Vec::new(),
            leaders: vec![(LEADER, 0); partitions],
            connects: true,
        }
    }

    /// A consumer that has subscribed, polled once and found its coordinator and metadata: its JoinGroup is out.
    pub fn subscribed(settings: &[(&str, &str)], partitions: usize) -> Rig {
        let mut rig = Rig::new(settings, partitions);
        rig.c.set_auto_revoke(false);
        rig.with(|c, now, out| c.subscribe(now, vec![TOPIC], out));
        rig.poll(0);
        rig
    }

    /// A member of generation 1 that owns `partitions`, whose committed offsets are 0.
    pub fn member(settings: &[(&str, &str)], partitions: usize, own: &[u32]) -> Rig {
        let mut rig = Rig::subscribed(settings, partitions);
        rig.join("m", 1);
        rig.sync(own);
        rig.poll(0);
        if !own.is_empty() {
            rig.committed(own.iter().map(|p| (tp(*p), Ok((0, NO_LEADER_EPOCH)))).collect());
        }
        rig.events();
        rig
    }

    pub fn with<R>(&mut self, call: impl FnOnce(&mut Consumer, Now, &mut Outputs) -> R) -> R {
        let result = call(&mut self.c, self.now, &mut self.out);
        self.pump();
        result
    }

    fn pump(&mut self) {
        loop {
            for output in std::mem::take(&mut self.out) {
                match output {
                    Output::Connect(channel) if self.connects => {
                        self.c.net(self.now, NetInput::Connected(channel), &mut self.out);
                    }
                    Output::Send(channel, correlation, request) => {
                        self.requests.push_back((channel, correlation, request));
                    }
                    Output::Close(channel) => {
                        self.closed.push(channel);
                        self.requests.retain(|(other, ..)| *other != channel);
                    }
                    _ => {}
                }
            }
            if let Some((channel, correlation)) = self.take_if(ApiKey::Metadata) {
                let partitions = self
                    .leaders
                    .iter()
                    .map(|(n, e)| PartitionMetadata { leader: Some(*n), leader_epoch: *e })
                    .collect();
                let topics = vec![TopicMetadata { topic: TOPIC, error: None, partitions }];
                let response = MetadataResponse { brokers: vec![LEADER, COORDINATOR], topics };
                self.c.net(self.now, NetInput::Response(channel, correlation, response.into()), &mut self.out);
            } else if let Some((channel, correlation)) = self.take_if(ApiKey::FindCoordinator) {
                let response = FindCoordinatorResponse { node: Ok(COORDINATOR) };
                self.c.net(self.now, NetInput::Response(channel, correlation, response.into()), &mut self.out);
            } else if self.out.is_empty() {
                return;
            }
        }
    }

    fn take_if(&mut self, key: ApiKey) -> Option<(Channel, CorrelationId)> {
        let index = self.requests.iter().position(|(_, _, request)| request.api_key() == key)?;
        self.requests.remove(index).map(|(channel, correlation, _)| (channel, correlation))
    }

    /// Answers the oldest request of `response`'s kind, which there must be, and returns that request.
    pub fn answer(&mut self, response: impl Into<Response>) -> Request {
        let response = response.into();
        let key = response.api_key();
        let index = self.requests.iter().position(|(_, _, request)| request.api_key() == key);
        let index = index.unwrap_or_else(|| panic!("no {} among {:?}", key.name(), self.requests));
        let (channel, correlation, request) = self.requests.remove(index).unwrap();
        self.with(|c, now, out| c.net(now, NetInput::Response(channel, correlation, response), out));
        request
    }

    pub fn count(&self, key: ApiKey) -> usize {
        self.requests.iter().filter(|(_, _, request)| request.api_key() == key).count()
    }

    pub fn disconnect(&mut self, to: NodeId, purpose: Purpose) {
        let channel = Channel { to, purpose };
        self.requests.retain(|(other, ..)| *other != channel);
        self.with(|c, now, out| c.net(now, NetInput::Disconnected(channel), out));
    }

    /// Lets time pass to `ms`, waking the consumer whenever it wants to be.
    pub fn until(&mut self, ms: u64) {
        let end = Now::at_ms(ms);
        for _ in 0..10_000 {
            let deadline = self.c.poll_timeout();
            if deadline > end.mono {
                self.now = end;
                return;
            }
            assert!(deadline >= self.now.mono, "a deadline in the past: {deadline} at {}", self.now.mono);
            self.now = Now::new(deadline, (deadline.0 / 1_000_000) as i64);
            self.with(|c, now, out| c.handle_timeout(now, out));
        }
        panic!("time stands still at {}: {:?}", self.now.mono, self.requests);
    }

    /// Polls at most `max` records: (partition, offset) each.
    pub fn poll(&mut self, max: usize) -> Vec<(u32, Offset)> {
        let mut into = Vec::new();
        self.with(|c, now, out| c.poll(now, max, &mut into, out));
        into.iter().flat_map(|r| r.iter().map(|(offset, _)| (r.tp.partition, offset))).collect()
    }

    pub fn events(&mut self) -> Vec<ConsumerEvent> {
        std::iter::from_fn(|| self.c.poll_event()).collect()
    }

    /// Answers the JoinGroup: the consumer is member `member` and another one leads.
    pub fn join(&mut self, member: &str, generation: i32) -> JoinGroupRequest {
        let response = join_response(member, generation);
        let Request::JoinGroup(request) = self.answer(response) else { unreachable!() };
        *request
    }

    pub fn sync(&mut self, own: &[u32]) {
        self.answer(SyncGroupResponse { error: None, assignment: own.iter().map(|p| tp(*p)).collect() });
    }

    /// Answers the OffsetFetch.
    pub fn committed(&mut self, partitions: Vec<Committed>) -> OffsetFetchRequest {
        let Request::OffsetFetch(request) = self.answer(OffsetFetchResponse { error: None, partitions }) else {
            unreachable!()
        };
        request
    }

    /// Answers the Fetch in session 7.
    pub fn fetched(&mut self, partitions: Vec<FetchPartitionResponse>) -> FetchRequest {
        let Request::Fetch(request) = self.answer(FetchResponse { error: None, session_id: 7, partitions }) else {
            unreachable!()
        };
        *request
    }

    pub fn position(&self, partition: u32) -> Option<Offset> {
        self.c.position(tp(partition))
    }
}

pub(super) fn join_response(member: &str, generation: i32) -> JoinGroupResponse {
    JoinGroupResponse {
        error: None,
        generation,
        protocol: AssignorName::Range,
        leader: "other".into(),
        member_id: member.into(),
        members: Vec::new(),
    }
}

/// A partition's answer with these batches; high watermark and last stable offset are at their end.
pub(super) fn batches(partition: u32, batches: Vec<RecordBatch>) -> FetchPartitionResponse {
    let end = batches.last().map_or(0, RecordBatch::next_offset);
    FetchPartitionResponse {
        tp: tp(partition),
        error: None,
        high_watermark: end,
        last_stable_offset: end,
        log_start_offset: 0,
        aborted: Vec::new(),
        diverging_epoch: None,
        current_leader: None,
        batches: batches.into_iter().map(Arc::new).collect(),
    }
}

pub(super) fn failed(partition: u32, error: ErrorCode) -> FetchPartitionResponse {
    FetchPartitionResponse { error: Some(error), ..batches(partition, Vec::new()) }
}
