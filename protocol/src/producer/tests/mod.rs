//! Scripts of a producer and a broker that says what the test wants.

mod calls;
mod coordinators;
mod epochs;
mod expiry;
mod invariants;
mod ordering;
mod produce;
mod transactions;
mod variants;

use std::collections::VecDeque;

use super::*;
use crate::batch::{Blob, Record, RecordBatch};
use crate::image::Features;
use crate::io::{CorrelationId, Output, Purpose};
use crate::message::*;
use crate::time::Span;

pub(super) const TOPIC: TopicId = TopicId(2);
pub(super) const TXN_ID: &str = "t";

pub(super) fn tp(partition: u32) -> TopicPartition {
    TopicPartition::new(TOPIC, partition)
}

pub(super) fn pid(id: ProducerId, epoch: ProducerEpoch) -> ProducerIdAndEpoch {
    ProducerIdAndEpoch::new(id, epoch)
}

/// A request that the producer sent and nobody has answered.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub channel: Channel,
    pub correlation: CorrelationId,
    pub request: Request,
}

/// A producer with a cluster that connects at once, knows every leader and leaves the rest to the test.
#[derive(Clone)]
pub(super) struct Bench {
    pub p: Producer,
    pub now: Now,
    pub asked: VecDeque<Asked>,
    pub transaction_version: u8,
    pub features_epoch: u64,
    /// Leader and leader epoch of each of the topic's partitions.
    pub leaders: Vec<(Option<i32>, LeaderEpoch)>,
    /// Brokers that do not accept connections.
    pub down: Vec<i32>,
    pub metadata_requests: u32,
}

pub(super) fn config(settings: &[(&str, &str)]) -> ProducerConfig {
    let mut config = ProducerConfig::default();
    config.set("linger.ms", "0").unwrap();
    for (key, value) in settings {
        config.set(key, value).unwrap();
    }
    config.resolve().unwrap()
}

impl Bench {
    pub fn with(config: ProducerConfig, domains: Domains, transaction_version: u8) -> Bench {
        let p = Producer::new(config, domains, vec![NodeId(1), NodeId(2)], vec![TOPIC]);
        Bench {
            p,
            now: Now::at_ms(0),
            asked: VecDeque::new(),
            transaction_version,
            features_epoch: 1,
            leaders: vec![(Some(1), 0), (Some(1), 0), (Some(1), 0), (Some(2), 0)],
            down: Vec::new(),
            metadata_requests: 0,
        }
    }

    /// An idempotent producer with id 7, epoch 0.
    pub fn idempotent(settings: &[(&str, &str)]) -> Bench {
        let mut bench = Bench::with(config(settings), Domains::default(), 2);
        bench.handle_timeout();
        bench.answer_init(pid(7, 0));
        assert_eq!(bench.p.state(), ProducerState::Ready);
        bench.events();
        bench
    }

    /// A producer without idempotence.
    pub fn plain(settings: &[(&str, &str)]) -> Bench {
        let mut all = vec![("enable.idempotence", "false")];
        all.extend(settings);
        let mut bench = Bench::with(config(&all), Domains::default(), 2);
        bench.handle_timeout();
        bench
    }

    /// A transactional producer with id 7, epoch 0, READY.
    pub fn transactional(transaction_version: u8, settings: &[(&str, &str)]) -> Bench {
        let mut all = vec![("transactional.id", TXN_ID)];
        all.extend(settings);
        let mut bench = Bench::with(config(&all), Domains::default(), transaction_version);
        bench.handle_timeout();
        bench.call(|p, now, out| p.init_transactions(now, out)).unwrap();
        bench.find_coordinator(1);
        bench.advance(100); // the request that waited for its coordinator counts as a retry
        bench.answer_init(pid(7, 0));
        assert_eq!(bench.p.state(), ProducerState::Ready);
        assert!(bench.events().contains(&ProducerEvent::InitDone(Ok(()))));
        bench
    }

    /// The same, in a transaction.
    pub fn in_transaction(transaction_version: u8, settings: &[(&str, &str)]) -> Bench {
        let mut bench = Bench::transactional(transaction_version, settings);
        bench.call(|p, now, out| p.begin_transaction(now, out)).unwrap();
        bench
    }

    /// Performs outputs until nothing happens by itself any more.
    fn settle(&mut self, mut out: Outputs) {
        while !out.is_empty() {
            let mut next = Vec::new();
            for output in out {
                match output {
                    Output::Connect(channel) if self.down.contains(&channel.to.0) => {
                        self.p.net(self.now, NetInput::Disconnected(channel), &mut next);
                    }
                    Output::Connect(channel) => self.p.net(self.now, NetInput::Connected(channel), &mut next),
                    Output::Send(channel, correlation, Request::ApiVersions(_)) => {
                        let features = Features {
                            transaction_version: self.transaction_version,
                            eligible_leader_replicas_version: 1,
                        };
                        let response = ApiVersionsResponse { features, features_epoch: self.features_epoch };
                        self.p.net(self.now, NetInput::Response(channel, correlation, response.into()), &mut next);
                    }
                    Output::Send(channel, correlation, Request::Metadata(_)) => {
                        self.metadata_requests += 1;
                        let response = self.metadata();
                        self.p.net(self.now, NetInput::Response(channel, correlation, response.into()), &mut next);
                    }
                    Output::Send(channel, correlation, request) => {
                        self.asked.push_back(Asked { channel, correlation, request });
                    }
                    Output::Close(channel) => self.asked.retain(|a| a.channel != channel),
                    other => panic!("a client does not {other:?}"),
                }
            }
            out = next;
        }
    }

    fn metadata(&self) -> MetadataResponse {
        let partition = |&(leader, leader_epoch): &(Option<i32>, i32)| PartitionMetadata {
            leader: leader.map(NodeId),
            leader_epoch,
        };
        let partitions = self.leaders.iter().map(partition).collect();
        MetadataResponse {
            brokers: vec![NodeId(1), NodeId(2)],
            topics: vec![TopicMetadata { topic: TOPIC, error: None, partitions }],
        }
    }

    pub fn call<R>(&mut self, f: impl FnOnce(&mut Producer, Now, &mut Outputs) -> R) -> R {
        let mut out = Vec::new();
        let result = f(&mut self.p, self.now, &mut out);
        self.settle(out);
        result
    }

    pub fn handle_timeout(&mut self) {
        self.call(|p, now, out| p.handle_timeout(now, out));
    }

    /// Lets `ms` milliseconds pass, waking the producer whenever it wants.
    pub fn advance(&mut self, ms: u64) {
        let end = self.now.mono + Span::from_millis(ms as i64);
        let mut wakes_at_once = 0;
        while self.p.poll_timeout() <= end {
            let at = self.p.poll_timeout().max(self.now.mono);
            wakes_at_once = if at > self.now.mono { 0 } else { wakes_at_once + 1 };
            assert!(wakes_at_once < 20, "the producer wants to be woken at {at} for ever");
            self.now = Now::new(at, (at.0 / 1_000_000) as i64);
            self.handle_timeout();
        }
        self.now = Now::new(end, (end.0 / 1_000_000) as i64);
    }

    pub fn events(&mut self) -> Vec<ProducerEvent> {
        std::iter::from_fn(|| self.p.poll_event()).collect()
    }

    // ---- Application ---------------------------------------------------------------------------------------------

    pub fn send(&mut self, token: u64, partition: u32) -> Result<(), ProducerError> {
        self.send_sized(token, partition, 100)
    }

    pub fn send_sized(&mut self, token: u64, partition: u32, len: u32) -> Result<(), ProducerError> {
        let value = Some(Blob::Generated { id: token, len });
        let record = Record { origin: Default::default(), timestamp_ms: 5, key: None, value: value.map(Into::into) };
        self.call(|p, now, out| {
            p.send(now, token, ProducerRecord { topic: TOPIC, partition: Some(partition), record }, out)
        })
    }

    pub fn send_offsets(&mut self) -> Result<(), ProducerError> {
        let offset = |partition| OffsetToCommit {
            tp: TopicPartition::new(TopicId(3), partition),
            offset: 10,
            leader_epoch: 0,
            metadata: "".into(),
        };
        let offsets = vec![offset(0), offset(1)];
        self.call(|p, now, out| p.send_offsets_to_transaction(now, offsets, GroupMetadata::only_group("g".into()), out))
    }

    pub fn begin(&mut self) -> Result<(), ProducerError> {
        self.call(|p, now, out| p.begin_transaction(now, out))
    }

    pub fn commit(&mut self) -> Result<(), ProducerError> {
        self.call(|p, now, out| p.commit_transaction(now, out))
    }

    pub fn abort(&mut self) -> Result<(), ProducerError> {
        self.call(|p, now, out| p.abort_transaction(now, out))
    }

    // ---- Broker --------------------------------------------------------------------------------------------------

    /// The oldest request without an answer.
    pub fn take(&mut self) -> Asked {
        self.asked.pop_front().expect("the producer has sent a request")
    }

    /// Kinds of the requests without an answer.
    pub fn kinds(&self) -> Vec<ApiKey> {
        self.asked.iter().map(|a| a.request.api_key()).collect()
    }

    pub fn answer(&mut self, asked: &Asked, response: impl Into<Response>) {
        let input = NetInput::Response(asked.channel, asked.correlation, response.into());
        self.call(|p, now, out| p.net(now, input, out));
    }

    /// Takes the oldest request, which is to be of kind `key`, and answers it.
    pub fn answer_next(&mut self, key: ApiKey, response: impl Into<Response>) -> Request {
        let asked = self.take();
        assert_eq!(asked.request.api_key(), key);
        self.answer(&asked, response);
        asked.request
    }

    pub fn find_coordinator(&mut self, node: i32) {
        self.answer_next(ApiKey::FindCoordinator, FindCoordinatorResponse { node: Ok(NodeId(node)) });
    }

    pub fn answer_init(&mut self, producer: ProducerIdAndEpoch) -> InitProducerIdRequest {
        match self.answer_next(ApiKey::InitProducerId, InitProducerIdResponse { result: Ok(producer) }) {
            Request::InitProducerId(request) => request,
            other => panic!("{other:?}"),
        }
    }

    /// Answers AddPartitionsToTxn for all its partitions alike.
    pub fn answer_add(&mut self, error: Option<ErrorCode>) -> Vec<TopicPartition> {
        let asked = self.take();
        let Request::AddPartitionsToTxn(request) = &asked.request else { panic!("{asked:?}") };
        let partitions = request.transactions[0].partitions.clone();
        let answers = partitions.iter().map(|tp| (*tp, error)).collect();
        let response = AddPartitionsToTxnResponse { error: None, transactions: vec![(TXN_ID.into(), answers)] };
        self.answer(&asked, response);
        partitions
    }

    pub fn answer_offsets(&mut self, errors: [Option<ErrorCode>; 2]) -> TxnOffsetCommitRequest {
        let asked = self.take();
        let Request::TxnOffsetCommit(request) = asked.request.clone() else { panic!("{asked:?}") };
        let partitions = request.offsets.iter().zip(errors).map(|(o, e)| (o.tp, e)).collect();
        self.answer(&asked, TxnOffsetCommitResponse { partitions });
        *request
    }

    pub fn answer_end(&mut self, error: Option<ErrorCode>, producer: ProducerIdAndEpoch) -> EndTxnRequest {
        match self.answer_next(ApiKey::EndTxn, EndTxnResponse { error, producer }) {
            Request::EndTxn(request) => request,
            other => panic!("{other:?}"),
        }
    }

    /// The oldest produce request, with its batches.
    pub fn take_produce(&mut self) -> (Asked, ProduceRequest) {
        let place = self.asked.iter().position(|a| a.request.api_key() == ApiKey::Produce);
        let asked = self.asked.remove(place.expect("a produce request was sent")).expect("its place is right");
        let Request::Produce(request) = asked.request.clone() else { panic!("{asked:?}") };
        (asked, request)
    }

    /// The one batch of the oldest produce request.
    pub fn take_batch(&mut self) -> (Asked, RecordBatch) {
        let (asked, request) = self.take_produce();
        assert_eq!(request.partitions.len(), 1, "one batch");
        (asked, RecordBatch::clone(&request.partitions[0].batch))
    }

    pub fn acked(&mut self, asked: &Asked, base_offset: Offset) {
        self.produced(asked, None, base_offset, 0);
    }

    pub fn refused(&mut self, asked: &Asked, code: ErrorCode) {
        self.produced(asked, Some(code), -1, -1);
    }

    pub fn produced(&mut self, asked: &Asked, error: Option<ErrorCode>, base_offset: Offset, log_start_offset: Offset) {
        let Request::Produce(request) = &asked.request else { panic!("{asked:?}") };
        let answer = |p: &ProducePartition| ProducePartitionResponse {
            tp: p.tp,
            error,
            base_offset,
            log_start_offset,
            current_leader: None,
        };
        let partitions = request.partitions.iter().map(answer).collect();
        self.answer(asked, ProduceResponse { partitions });
    }

    /// The connection to a broker dies; what was in flight on it is gone.
    pub fn disconnect(&mut self, node: i32) {
        let channel = Channel { to: NodeId(node), purpose: Purpose::Client };
        self.asked.retain(|a| a.channel != channel);
        self.call(|p, now, out| p.net(now, NetInput::Disconnected(channel), out));
    }

    /// Fates of records among the events.
    pub fn delivered(&mut self) -> Vec<(u64, Result<Offset, DeliveryError>)> {
        let fate = |event| match event {
            ProducerEvent::Delivered { token, result } => Some((token, result.map(|(_, offset)| offset))),
            _ => None,
        };
        self.events().into_iter().filter_map(fate).collect()
    }
}

pub(super) fn definite(error: DeliveryErrorKind) -> DeliveryError {
    DeliveryError { error, certainty: Certainty::Definite }
}

pub(super) fn unknown(error: DeliveryErrorKind) -> DeliveryError {
    DeliveryError { error, certainty: Certainty::Unknown }
}

/// What identifies a batch on the wire.
pub(super) fn id(batch: &RecordBatch) -> (ProducerIdAndEpoch, Sequence) {
    (pid(batch.producer_id, batch.producer_epoch), batch.base_sequence)
}
