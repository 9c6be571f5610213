//! Scripts against a pipeline whose brokers are played by the test: what is not held back is answered at once.

mod exactly_once;
mod without_transactions;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::*;
use crate::batch::{Blob, RecordBatch};
use crate::image::Features;
use crate::io::CorrelationId;
use crate::message::*;

const INPUT: TopicId = TopicId(2);
const OUTPUT: TopicId = TopicId(3);
const BROKER: NodeId = NodeId(1);

fn input(partition: u32) -> TopicPartition {
    TopicPartition::new(INPUT, partition)
}

type Pending = (Channel, CorrelationId, Request);

#[derive(Clone)]
struct Rig {
    p: Pipeline,
    now: Now,
    out: Outputs,
    /// Requests that were not answered.
    held: VecDeque<Pending>,
    /// Kinds that are not answered by themselves.
    hold: Vec<ApiKey>,
    /// All requests but polling ones, in order.
    log: Vec<Request>,
    events: Vec<PipelineEvent>,
    /// What the group's coordinator has.
    committed: BTreeMap<TopicPartition, Offset>,
    /// Offsets in the open transaction.
    pending: BTreeMap<TopicPartition, Offset>,
    generation: i32,
    producer: ProducerIdAndEpoch,
    rebalancing: bool,
    /// What the next SyncGroup gives.
    own: Vec<TopicPartition>,
}

impl Rig {
    /// A pipeline that has joined, owns partitions 0 and 1, and waits in its first poll.
    fn new(guarantee: Guarantee, change: impl FnOnce(&mut PipelineConfig)) -> Rig {
        let mut config = PipelineConfig::new("p".into(), vec![INPUT], OUTPUT, guarantee);
        config.consumer.set("group.id", "g").unwrap();
        config.producer.set("linger.ms", "0").unwrap();
        change(&mut config);
        let mut rig = Rig {
            p: Pipeline::new(config.resolve().unwrap(), vec![BROKER]),
            now: Now::at_ms(0),
            out: Vec::new(),
            held: VecDeque::new(),
            hold: vec![ApiKey::Fetch],
            log: Vec::new(),
            events: Vec::new(),
            committed: BTreeMap::new(),
            pending: BTreeMap::new(),
            generation: 0,
            producer: ProducerIdAndEpoch::new(7, -1),
            rebalancing: false,
            own: vec![input(0), input(1)],
        };
        rig.with(|p, now, out| p.start(now, out));
        rig.until(1_000);
        assert_eq!(rig.p.phase(), Phase::Polling);
        rig.events.clear();
        rig.log.clear();
        rig
    }

    fn with<R>(&mut self, call: impl FnOnce(&mut Pipeline, Now, &mut Outputs) -> R) -> R {
        let result = call(&mut self.p, self.now, &mut self.out);
        self.pump();
        result
    }

    fn net(&mut self, input: NetInput) {
        self.p.net(self.now, input, &mut self.out);
    }

    fn pump(&mut self) {
        while !self.out.is_empty() {
            for output in std::mem::take(&mut self.out) {
                match output {
                    Output::Connect(channel) => self.net(NetInput::Connected(channel)),
                    Output::Close(channel) => self.held.retain(|(other, ..)| *other != channel),
                    Output::Send(channel, correlation, request) => {
                        let key = request.api_key();
                        let polling = [ApiKey::Fetch, ApiKey::Heartbeat, ApiKey::Metadata, ApiKey::ApiVersions];
                        if !polling.contains(&key) {
                            self.log.push(request.clone());
                        }
                        if self.hold.contains(&key) {
                            self.held.push_back((channel, correlation, request));
                        } else {
                            let response = self.reply(&request);
                            self.net(NetInput::Response(channel, correlation, response));
                        }
                    }
                    _ => {}
                }
            }
        }
        self.events.extend(std::iter::from_fn(|| self.p.poll_event()));
    }

    fn reply(&mut self, request: &Request) -> Response {
        match request {
            Request::Metadata(r) => {
                let leader = PartitionMetadata { leader: Some(BROKER), leader_epoch: 0 };
                let topics = r.topics.iter().flatten();
                let topic = |t: &TopicId| TopicMetadata { topic: *t, error: None, partitions: vec![leader; 2] };
                MetadataResponse { brokers: vec![BROKER], topics: topics.map(topic).collect() }.into()
            }
            Request::ApiVersions(_) => {
                let features = Features { transaction_version: 2, eligible_leader_replicas_version: 1 };
                ApiVersionsResponse { features, features_epoch: 1 }.into()
            }
            Request::FindCoordinator(_) => FindCoordinatorResponse { node: Ok(BROKER) }.into(),
            Request::InitProducerId(_) => {
                self.producer.epoch += 1;
                self.pending.clear();
                InitProducerIdResponse { result: Ok(self.producer) }.into()
            }
            Request::JoinGroup(_) => {
                self.generation += 1;
                self.rebalancing = false;
                JoinGroupResponse {
                    error: None,
                    generation: self.generation,
                    protocol: AssignorName::Range,
                    leader: "other".into(),
                    member_id: "m".into(),
                    members: Vec::new(),
                }
                .into()
            }
            Request::SyncGroup(_) => SyncGroupResponse { error: None, assignment: self.own.clone() }.into(),
            Request::Heartbeat(_) => {
                let error = self.rebalancing.then_some(ErrorCode::RebalanceInProgress);
                HeartbeatResponse { error }.into()
            }
            Request::LeaveGroup(_) => LeaveGroupResponse { error: None }.into(),
            Request::OffsetFetch(r) => {
                let answer = |tp: &TopicPartition| (*tp, Ok((self.committed.get(tp).copied().unwrap_or(-1), -1)));
                let partitions = r.partitions.iter().flatten().map(answer).collect();
                OffsetFetchResponse { error: None, partitions }.into()
            }
            Request::ListOffsets(r) => {
                ListOffsetsResponse { partitions: r.partitions.iter().map(|(tp, ..)| (*tp, Ok((0, 0)))).collect() }
                    .into()
            }
            Request::OffsetCommit(r) => {
                self.committed.extend(r.offsets.iter().map(|o| (o.tp, o.offset)));
                OffsetCommitResponse { partitions: r.offsets.iter().map(|o| (o.tp, None)).collect() }.into()
            }
            Request::Produce(r) => produce_answer(r, None).into(),
            Request::TxnOffsetCommit(r) => {
                self.pending.extend(r.offsets.iter().map(|o| (o.tp, o.offset)));
                TxnOffsetCommitResponse { partitions: r.offsets.iter().map(|o| (o.tp, None)).collect() }.into()
            }
            Request::EndTxn(r) => self.end(r.result).into(),
            other => panic!("unexpected {other:?}"),
        }
    }

    fn end(&mut self, result: crate::batch::TransactionResult) -> EndTxnResponse {
        let pending = std::mem::take(&mut self.pending);
        if result == crate::batch::TransactionResult::Commit {
            self.committed.extend(pending);
        }
        self.producer.epoch += 1;
        EndTxnResponse { error: None, producer: self.producer }
    }

    /// Answers the oldest held request of `key` with what `answer` makes of it.
    fn answer<R: Into<Response>>(&mut self, key: ApiKey, answer: impl FnOnce(&Request) -> R) {
        let index = self.held.iter().position(|(_, _, request)| request.api_key() == key);
        let index = index.unwrap_or_else(|| panic!("no {} held: {:?}", key.name(), self.held));
        let (channel, correlation, request) = self.held.remove(index).unwrap();
        let response = answer(&request).into();
        self.with(|p, now, out| p.net(now, NetInput::Response(channel, correlation, response), out));
    }

    /// Stops holding `key` back: what was held is answered as usual.
    fn release(&mut self, key: ApiKey) {
        self.hold.retain(|other| *other != key);
        while let Some(index) = self.held.iter().position(|(_, _, request)| request.api_key() == key) {
            let (channel, correlation, request) = self.held.remove(index).unwrap();
            let response = self.reply(&request);
            self.with(|p, now, out| p.net(now, NetInput::Response(channel, correlation, response), out));
        }
    }

    fn hold(&mut self, key: ApiKey) {
        self.hold.push(key);
    }

    fn until(&mut self, ms: u64) {
        let end = Now::at_ms(ms);
        for _ in 0..10_000 {
            let deadline = self.p.poll_timeout();
            if deadline > end.mono {
                self.now = end;
                return;
            }
            let at = deadline.max(self.now.mono);
            self.now = Now::new(at, (at.0 / 1_000_000) as i64);
            self.with(|p, now, out| p.handle_timeout(now, out));
        }
        panic!("time stands still at {} in {:?}", self.now.mono, self.p.phase());
    }

    /// Lets `ms` milliseconds pass.
    fn pass(&mut self, ms: u64) {
        self.until(self.now.mono.0 / 1_000_000 + ms);
    }

    /// Answers the fetch with records `from..to` of input partition 0.
    fn feed(&mut self, from: Offset, to: Offset) {
        let record = |offset| Record {
            origin: Default::default(),
            timestamp_ms: 0,
            key: Some(Blob::Generated { id: offset as u64, len: 8 }),
            value: Some("v".into()),
        };
        let mut batch = RecordBatch::of_records((from..to).map(record).collect());
        batch.base_offset = from;
        batch.leader_epoch = 0;
        let data = FetchPartitionResponse {
            tp: input(0),
            error: None,
            high_watermark: to,
            last_stable_offset: to,
            log_start_offset: 0,
            aborted: Vec::new(),
            diverging_epoch: None,
            current_leader: None,
            batches: vec![Arc::new(batch)],
        };
        self.answer(ApiKey::Fetch, |_| FetchResponse { error: None, session_id: 1, partitions: vec![data] });
    }

    /// Answers the fetch with nothing: after a rewind, the one in flight still asks for the old position.
    fn feed_nothing(&mut self) {
        self.answer(ApiKey::Fetch, |_| FetchResponse { error: None, session_id: 1, partitions: Vec::new() });
    }

    /// Keys of the requests logged since the last call.
    fn sent(&mut self) -> Vec<ApiKey> {
        std::mem::take(&mut self.log).iter().map(Request::api_key).collect()
    }

    /// Events since the last call.
    fn events(&mut self) -> Vec<PipelineEvent> {
        std::mem::take(&mut self.events)
    }

    /// Offsets of the inputs that were read since the last call of `events`.
    fn read(&self) -> Vec<Offset> {
        let of = |event: &PipelineEvent| match event {
            PipelineEvent::Read(records) => records.iter().map(|(offset, _)| offset).collect(),
            _ => Vec::new(),
        };
        self.events.iter().flat_map(of).collect()
    }

    /// How transactions ended since the last call of `events`.
    fn ended(&self) -> Vec<(u64, bool, Outcome)> {
        let of = |event: &PipelineEvent| match event {
            PipelineEvent::Ended { n, commit, outcome, .. } => Some((*n, *commit, *outcome)),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    fn rewound(&self) -> Vec<(u32, Offset)> {
        let of = |event: &PipelineEvent| match event {
            PipelineEvent::Rewound { tp, position } => Some((tp.partition, *position)),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }
}

fn produce_answer(request: &ProduceRequest, error: Option<ErrorCode>) -> ProduceResponse {
    let answer = |p: &ProducePartition| ProducePartitionResponse {
        tp: p.tp,
        error,
        base_offset: if error.is_some() { -1 } else { 100 },
        log_start_offset: 0,
        current_leader: None,
    };
    ProduceResponse { partitions: request.partitions.iter().map(answer).collect() }
}

/// For [`Rig::answer`].
fn produce_error(error: ErrorCode) -> impl FnOnce(&Request) -> ProduceResponse {
    move |request| match request {
        Request::Produce(produce) => produce_answer(produce, Some(error)),
        other => panic!("not a Produce: {other:?}"),
    }
}

fn offsets_error(error: ErrorCode) -> impl FnOnce(&Request) -> TxnOffsetCommitResponse {
    move |request| match request {
        Request::TxnOffsetCommit(r) => {
            TxnOffsetCommitResponse { partitions: r.offsets.iter().map(|o| (o.tp, Some(error))).collect() }
        }
        other => panic!("not a TxnOffsetCommit: {other:?}"),
    }
}
