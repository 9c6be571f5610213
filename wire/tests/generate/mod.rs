//! Messages of every kind, drawn from a seed, as far as a version can carry them.

use std::sync::Arc;

use fencepost_protocol::batch::*;
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::*;
use fencepost_protocol::image::Features;
use fencepost_protocol::message::*;
use fencepost_wire::{Directory, encode_batch};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws messages, with values at the edges of their types more often than others.
pub struct Gen(ChaCha8Rng);

impl Gen {
    pub fn new(seed: u64) -> Gen {
        Gen(ChaCha8Rng::seed_from_u64(seed))
    }

    pub fn below(&mut self, n: u32) -> u32 {
        self.0.next_u32() % n
    }
    fn bool(&mut self) -> bool {
        self.below(2) == 0
    }
    fn i64(&mut self) -> i64 {
        match self.below(4) {
            0 => i64::from(self.below(3)) - 1,
            1 => i64::MAX,
            _ => (self.0.next_u64() >> 20) as i64,
        }
    }
    fn i32(&mut self) -> i32 {
        match self.below(4) {
            0 => self.below(3) as i32 - 1,
            1 => i32::MAX,
            _ => (self.0.next_u32() >> 8) as i32,
        }
    }
    fn i16(&mut self) -> i16 {
        self.i32() as i16
    }
    fn name(&mut self) -> Name {
        ["", "a", "longer name", "ünïcode"][self.below(4) as usize].into()
    }
    fn maybe_name(&mut self) -> Option<Name> {
        if self.bool() { Some(self.name()) } else { None }
    }
    fn error(&mut self) -> Option<ErrorCode> {
        let all = ErrorCode::ALL;
        if self.bool() { Some(all[self.below(all.len() as u32) as usize]) } else { None }
    }
    fn outcome<T>(&mut self, value: T) -> Result<T, ErrorCode> {
        match self.error() {
            None => Ok(value),
            Some(error) => Err(error),
        }
    }
    fn tp(&mut self) -> TopicPartition {
        TopicPartition::new(TopicId(self.below(4)), self.below(7))
    }
    fn list<T>(&mut self, mut make: impl FnMut(&mut Gen) -> T) -> Vec<T> {
        (0..self.below(4)).map(|_| make(self)).collect()
    }
    fn tps(&mut self) -> Vec<TopicPartition> {
        self.list(Gen::tp)
    }
    fn pair(&mut self) -> ProducerIdAndEpoch {
        ProducerIdAndEpoch::new(self.i64(), self.i16())
    }
    fn node(&mut self) -> NodeId {
        NodeId(self.below(5) as i32)
    }
    fn isolation(&mut self) -> IsolationLevel {
        if self.bool() { IsolationLevel::ReadCommitted } else { IsolationLevel::ReadUncommitted }
    }
    fn result(&mut self) -> TransactionResult {
        if self.bool() { TransactionResult::Commit } else { TransactionResult::Abort }
    }
    fn blob(&mut self) -> Option<Blob> {
        if self.bool() { Some(Blob::from(&*self.name())) } else { None }
    }
    fn batch(&mut self) -> Arc<RecordBatch> {
        let origin = |g: &mut Gen| Origin {
            source: g.below(9),
            partition: g.below(3),
            offset: g.i64(),
            stage: g.below(3) as u16,
            index: g.below(3) as u16,
        };
        let records: Vec<Record> = (0..1 + self.below(3))
            .map(|_| Record {
                origin: if self.bool() { origin(self) } else { Origin::default() },
                timestamp_ms: self.i64() >> 2,
                key: self.blob(),
                value: self.blob().map(Into::into),
            })
            .collect();
        let mut batch = match self.below(4) {
            0 => RecordBatch::marker(self.i64(), self.i16(), self.result(), self.i32(), self.i64()),
            1 => RecordBatch { payload: Payload::Empty, ..RecordBatch::of_records(records.into()) },
            _ => RecordBatch::of_records(records.into()),
        };
        batch.base_offset = self.i64() >> 1;
        batch.leader_epoch = self.i32();
        if !batch.is_control() {
            batch.transactional = self.bool();
            batch.producer_id = self.i64();
            batch.producer_epoch = self.i16();
            batch.base_sequence = self.i32();
        }
        batch.size = encode_batch(&batch).len() as u32;
        Arc::new(batch)
    }
    fn group(&mut self) -> GroupMetadata {
        GroupMetadata {
            group_id: self.name(),
            generation: self.i32(),
            member_id: self.name(),
            group_instance_id: self.maybe_name(),
        }
    }
    fn offsets(&mut self) -> Vec<OffsetToCommit> {
        self.list(|g| OffsetToCommit { tp: g.tp(), offset: g.i64(), leader_epoch: g.i32(), metadata: g.name() })
    }
    fn assignor(&mut self) -> AssignorName {
        if self.bool() { AssignorName::Range } else { AssignorName::CooperativeSticky }
    }
    fn subscription(&mut self) -> Subscription {
        Subscription { topics: self.list(|g| TopicId(g.below(4))), owned: self.tps(), generation: self.i32() }
    }
    fn errors(&mut self) -> Vec<(TopicPartition, Option<ErrorCode>)> {
        self.list(|g| (g.tp(), g.error()))
    }
    fn leader(&mut self) -> Option<(NodeId, LeaderEpoch)> {
        if self.bool() { Some((self.node(), self.i32())) } else { None }
    }

    pub fn request(&mut self, key: ApiKey, version: i16) -> Request {
        match key {
            ApiKey::Produce => ProduceRequest {
                version,
                transactional_id: self.maybe_name(),
                acks: [Acks::None, Acks::Leader, Acks::All][self.below(3) as usize],
                timeout_ms: self.i32(),
                partitions: self.list(|g| ProducePartition { tp: g.tp(), batch: g.batch() }),
            }
            .into(),
            ApiKey::Fetch => FetchRequest {
                replica: if self.bool() { Some((self.node(), self.i64())) } else { None },
                isolation: self.isolation(),
                max_wait_ms: self.i32(),
                min_bytes: self.i32(),
                max_bytes: self.i32(),
                session_id: self.below(99),
                session_epoch: self.i32(),
                partitions: self.list(|g| FetchPartition {
                    tp: g.tp(),
                    current_leader_epoch: g.i32(),
                    fetch_offset: g.i64(),
                    last_fetched_epoch: g.i32(),
                    max_bytes: g.i32(),
                    log_start_offset: g.i64(),
                }),
                forgotten: self.tps(),
            }
            .into(),
            ApiKey::ListOffsets => {
                let spec = |g: &mut Gen| match g.below(3) {
                    0 => OffsetSpec::Earliest,
                    1 => OffsetSpec::Latest,
                    _ => OffsetSpec::Timestamp(i64::from(g.below(1000))),
                };
                let partitions = self.list(|g| (g.tp(), g.i32(), spec(g)));
                ListOffsetsRequest { isolation: self.isolation(), partitions }.into()
            }
            ApiKey::Metadata => {
                let topics = if self.bool() { Some(self.list(|g| TopicId(g.below(4)))) } else { None };
                MetadataRequest { topics }.into()
            }
            ApiKey::OffsetCommit => OffsetCommitRequest { group: self.group(), offsets: self.offsets() }.into(),
            ApiKey::OffsetFetch => OffsetFetchRequest {
                group_id: self.name(),
                partitions: if version >= 2 && self.bool() { None } else { Some(self.tps()) },
                require_stable: self.bool(),
            }
            .into(),
            ApiKey::FindCoordinator => {
                let key_type = match version >= 1 && self.bool() {
                    true => CoordinatorType::Transaction,
                    false => CoordinatorType::Group,
                };
                FindCoordinatorRequest { key_type, key: self.name() }.into()
            }
            ApiKey::JoinGroup => JoinGroupRequest {
                group_id: self.name(),
                member_id: self.name(),
                group_instance_id: self.maybe_name(),
                client_id: "c".into(), // the header's
                session_timeout_ms: self.i32(),
                rebalance_timeout_ms: self.i32().max(0),
                protocols: self.list(|g| (g.assignor(), g.subscription())),
            }
            .into(),
            ApiKey::Heartbeat => HeartbeatRequest { group: self.group() }.into(),
            ApiKey::LeaveGroup => LeaveGroupRequest {
                group_id: self.name(),
                member_id: self.name(),
                group_instance_id: self.maybe_name(),
            }
            .into(),
            ApiKey::SyncGroup => {
                SyncGroupRequest { group: self.group(), assignments: self.list(|g| (g.name(), g.tps())) }.into()
            }
            ApiKey::ApiVersions => ApiVersionsRequest.into(),
            ApiKey::InitProducerId => InitProducerIdRequest {
                version,
                transactional_id: self.maybe_name(),
                transaction_timeout_ms: self.i32(),
                producer: self.pair(),
            }
            .into(),
            ApiKey::OffsetForLeaderEpoch => {
                OffsetForLeaderEpochRequest { partitions: self.list(|g| (g.tp(), g.i32(), g.i32())) }.into()
            }
            ApiKey::AddPartitionsToTxn => {
                let count = if version >= 4 { self.below(3) } else { 1 };
                let one = |g: &mut Gen| AddPartitionsTransaction {
                    transactional_id: g.name(),
                    producer: g.pair(),
                    verify_only: version >= 4 && g.bool(),
                    partitions: g.tps(),
                };
                AddPartitionsToTxnRequest { version, transactions: (0..count).map(|_| one(self)).collect() }.into()
            }
            ApiKey::AddOffsetsToTxn => AddOffsetsToTxnRequest {
                version,
                transactional_id: self.name(),
                producer: self.pair(),
                group_id: self.name(),
            }
            .into(),
            ApiKey::EndTxn => {
                EndTxnRequest { version, transactional_id: self.name(), producer: self.pair(), result: self.result() }
                    .into()
            }
            ApiKey::WriteTxnMarkers => {
                let markers = self.list(|g| TxnMarkerEntry {
                    producer: g.pair(),
                    result: g.result(),
                    coordinator_epoch: g.i32(),
                    transaction_version: 0, // the wire's version 1 has no such field
                    partitions: g.tps(),
                });
                WriteTxnMarkersRequest { markers }.into()
            }
            ApiKey::TxnOffsetCommit => TxnOffsetCommitRequest {
                version,
                transactional_id: self.name(),
                producer: self.pair(),
                group: self.group(),
                offsets: self.offsets(),
            }
            .into(),
            ApiKey::AlterPartition => {
                let partitions = self.list(|g| AlterPartitionEntry {
                    tp: g.tp(),
                    leader_epoch: g.i32(),
                    partition_epoch: g.i32(),
                    isr: g.list(|g| (g.node(), g.i64())),
                });
                AlterPartitionRequest { broker: self.node(), broker_epoch: self.i64(), partitions }.into()
            }
            ApiKey::DescribeProducers => DescribeProducersRequest { partitions: self.tps() }.into(),
            ApiKey::BrokerRegistration => BrokerRegistrationRequest {
                broker: self.node(),
                incarnation: self.0.next_u64(),
                previous_broker_epoch: self.i64(),
            }
            .into(),
            ApiKey::BrokerHeartbeat => BrokerHeartbeatRequest {
                broker: self.node(),
                broker_epoch: self.i64(),
                current_metadata_version: u64::from(self.below(1000)),
                want_fence: self.bool(),
                want_shutdown: self.bool(),
            }
            .into(),
            ApiKey::DescribeTransactions => {
                DescribeTransactionsRequest { transactional_ids: self.list(Gen::name) }.into()
            }
            ApiKey::AllocateProducerIds => {
                AllocateProducerIdsRequest { broker: self.node(), broker_epoch: self.i64() }.into()
            }
            ApiKey::MetadataFetch => MetadataFetchRequest { broker: self.node(), after_version: 0 }.into(),
        }
    }

    pub fn response(&mut self, request: &Request, version: i16) -> Response {
        match request {
            Request::Produce(_) => {
                let partitions = self.list(|g| ProducePartitionResponse {
                    tp: g.tp(),
                    error: g.error(),
                    base_offset: g.i64(),
                    log_start_offset: g.i64(),
                    current_leader: g.leader(),
                });
                ProduceResponse { partitions }.into()
            }
            Request::Fetch(_) => {
                let diverging = |g: &mut Gen| EpochEndOffset { epoch: g.below(9) as i32, end_offset: g.i64() };
                let partitions = self.list(|g| FetchPartitionResponse {
                    tp: g.tp(),
                    error: g.error(),
                    high_watermark: g.i64(),
                    last_stable_offset: g.i64(),
                    log_start_offset: g.i64(),
                    aborted: g.list(|g| AbortedTransaction { producer_id: g.i64(), first_offset: g.i64() }),
                    diverging_epoch: if g.bool() { Some(diverging(g)) } else { None },
                    current_leader: g.leader(),
                    batches: g.list(Gen::batch),
                });
                FetchResponse { error: self.error(), session_id: self.below(99), partitions }.into()
            }
            Request::ListOffsets(_) => {
                let partitions = self.list(|g| {
                    let found = (g.i64(), g.i32());
                    (g.tp(), g.outcome(found))
                });
                ListOffsetsResponse { partitions }.into()
            }
            Request::Metadata(_) => {
                let topics = self.list(|g| TopicMetadata {
                    topic: TopicId(g.below(4)),
                    error: g.error(),
                    partitions: g.list(|g| PartitionMetadata {
                        leader: if g.bool() { Some(g.node()) } else { None },
                        leader_epoch: g.i32(),
                    }),
                });
                MetadataResponse { brokers: self.list(Gen::node), topics }.into()
            }
            Request::OffsetCommit(_) => OffsetCommitResponse { partitions: self.errors() }.into(),
            Request::OffsetFetch(_) => {
                let partitions = self.list(|g| {
                    let found = (g.i64(), g.i32());
                    (g.tp(), g.outcome(found))
                });
                OffsetFetchResponse { error: self.error(), partitions }.into()
            }
            Request::FindCoordinator(_) => {
                let node = self.node();
                FindCoordinatorResponse { node: self.outcome(node) }.into()
            }
            Request::JoinGroup(_) => {
                let error = self.error();
                JoinGroupResponse {
                    error,
                    generation: self.i32(),
                    protocol: if error.is_none() { self.assignor() } else { AssignorName::Range },
                    leader: self.name(),
                    member_id: self.name(),
                    members: self.list(|g| (g.name(), g.subscription())),
                }
                .into()
            }
            Request::Heartbeat(_) => HeartbeatResponse { error: self.error() }.into(),
            Request::LeaveGroup(_) => LeaveGroupResponse { error: self.error() }.into(),
            Request::SyncGroup(_) => SyncGroupResponse { error: self.error(), assignment: self.tps() }.into(),
            Request::ApiVersions(_) => {
                let features = Features {
                    transaction_version: self.below(3) as u8,
                    eligible_leader_replicas_version: self.below(2) as u8,
                };
                ApiVersionsResponse { features, features_epoch: u64::from(self.below(1000)) }.into()
            }
            Request::InitProducerId(_) => {
                let pair = self.pair();
                InitProducerIdResponse { result: self.outcome(pair) }.into()
            }
            Request::OffsetForLeaderEpoch(_) => {
                let partitions = self.list(|g| {
                    let end = EpochEndOffset { epoch: g.i32(), end_offset: g.i64() };
                    (g.tp(), g.outcome(end))
                });
                OffsetForLeaderEpochResponse { partitions }.into()
            }
            Request::AddPartitionsToTxn(asked) => {
                let ids: Vec<Name> = asked.transactions.iter().map(|t| t.transactional_id.clone()).collect();
                let error = if version >= 4 { self.error() } else { None };
                let transactions = ids.into_iter().map(|id| (id, self.errors())).collect();
                AddPartitionsToTxnResponse { error, transactions }.into()
            }
            Request::AddOffsetsToTxn(_) => AddOffsetsToTxnResponse { error: self.error() }.into(),
            Request::EndTxn(_) => EndTxnResponse { error: self.error(), producer: self.pair() }.into(),
            Request::WriteTxnMarkers(_) => {
                WriteTxnMarkersResponse { markers: self.list(|g| (g.i64(), g.errors())) }.into()
            }
            Request::TxnOffsetCommit(_) => TxnOffsetCommitResponse { partitions: self.errors() }.into(),
            Request::AlterPartition(_) => {
                let partitions = self.list(|g| {
                    let altered = AlteredPartition {
                        leader: g.node(),
                        leader_epoch: g.i32(),
                        isr: g.list(Gen::node),
                        partition_epoch: g.i32(),
                    };
                    (g.tp(), g.outcome(altered))
                });
                AlterPartitionResponse { error: self.error(), partitions }.into()
            }
            Request::DescribeProducers(_) => {
                let producer = |g: &mut Gen| ActiveProducer {
                    producer: g.pair(),
                    last_sequence: g.i32(),
                    last_timestamp_ms: g.i64(),
                    coordinator_epoch: g.i32(),
                    current_txn_start_offset: g.i64(),
                };
                let partitions = self.list(|g| {
                    let mut producers = g.list(producer);
                    producers.sort_by_key(|p| p.producer);
                    (g.tp(), g.outcome(producers))
                });
                DescribeProducersResponse { partitions }.into()
            }
            Request::BrokerRegistration(_) => {
                let epoch = self.i64();
                BrokerRegistrationResponse { broker_epoch: self.outcome(epoch) }.into()
            }
            Request::BrokerHeartbeat(_) => BrokerHeartbeatResponse {
                error: self.error(),
                is_caught_up: self.bool(),
                is_fenced: self.bool(),
                should_shutdown: self.bool(),
            }
            .into(),
            Request::DescribeTransactions(_) => {
                use TransactionState::*;
                let states = [
                    Empty,
                    Ongoing,
                    PrepareCommit,
                    PrepareAbort,
                    CompleteCommit,
                    CompleteAbort,
                    Dead,
                    PrepareEpochFence,
                ];
                let transactions = self.list(|g| {
                    let mut partitions = g.tps();
                    partitions.sort();
                    let value = TransactionMetadataValue {
                        producer: g.pair(),
                        previous_producer_id: NO_PRODUCER_ID,
                        next_producer_id: NO_PRODUCER_ID,
                        timeout_ms: g.i32(),
                        state: states[g.below(8) as usize],
                        partitions: partitions.into(),
                        last_update_ms: -1,
                        start_ms: g.i64(),
                        client_transaction_version: 0,
                    };
                    (g.name(), g.outcome(value))
                });
                DescribeTransactionsResponse { transactions }.into()
            }
            Request::AllocateProducerIds(_) => {
                let block = (self.i64(), self.i32());
                AllocateProducerIdsResponse { block: self.outcome(block) }.into()
            }
            Request::MetadataFetch(_) => MetadataFetchResponse { version: 0, changes: Arc::from([]) }.into(),
        }
    }
}

/// Topics and nodes of the messages that are drawn.
pub fn directory() -> Directory {
    let mut directory = Directory::new();
    directory.add_topic(TopicId(2), "orders", 77);
    directory.add_topic(TopicId(3), "ünïcode", 78);
    for id in 0..5 {
        directory.add_node(NodeId(id), "localhost", 9092 + id as u16);
    }
    directory
}
