//! A harness that plays the broker around one coordinator, and the rules of §3, one test each.

mod add_partitions;
mod end_txn;
mod failover;
mod init_producer_id;
mod markers;
mod producer_ids;
mod property;
mod timeouts;
mod variants;

use std::collections::VecDeque;

use super::*;
use crate::batch::{Payload, RecordBatch, TransactionResult};
use crate::image::*;
use crate::records::TransactionLogRecord;

const ID: &str = "t";
/// Producer id of records that a test loads; fresh ones begin at [`FIRST_FRESH`].
const PID: ProducerId = 500;
const FIRST_FRESH: ProducerId = 1000;
const EPOCH: CoordinatorEpoch = 5;
/// Leaders of the data partitions 0, 1 and 2; partition 2 shares the leader of partition 1.
const LEADERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(2)];
const COMMIT: TransactionResult = TransactionResult::Commit;
const ABORT: TransactionResult = TransactionResult::Abort;

fn data(partition: u32) -> TopicPartition {
    TopicPartition::new(TopicId(2), partition)
}

fn pair(id: ProducerId, epoch: ProducerEpoch) -> ProducerIdAndEpoch {
    ProducerIdAndEpoch::new(id, epoch)
}

fn image(transaction_version: u8) -> ClusterImage {
    let partition = |leader: NodeId| PartitionImage {
        replicas: [leader].into(),
        isr: vec![leader],
        elr: Vec::new(),
        last_known_leader: None,
        leader: Some(leader),
        leader_epoch: EPOCH,
        partition_epoch: 0,
        leader_recovering: false,
    };
    let topic = |name: &str, leaders: &[NodeId]| TopicImage {
        name: name.into(),
        settings: TopicSettings {
            min_insync_replicas: 1,
            unclean_leader_election: false,
            max_message_bytes: 1_000_000,
            segment_bytes: 1_000_000,
        },
        partitions: leaders.iter().copied().map(partition).collect(),
    };
    let broker = BrokerImage { epoch: 1, incarnation: 1, fenced: false, in_controlled_shutdown: false };
    ClusterImage {
        version: 1,
        brokers: [(NodeId(1), broker), (NodeId(2), broker)].into(),
        topics: vec![
            topic("__transaction_state", &[NodeId(1)]),
            topic("__consumer_offsets", &[NodeId(2)]),
            topic("data", &LEADERS),
        ],
        features: Features { transaction_version, eligible_leader_replicas_version: 1 },
    }
}

/// What a loaded id looks like unless a test says otherwise.
fn value(state: TransactionState, epoch: ProducerEpoch) -> TransactionMetadataValue {
    use TransactionState::*;
    let open = matches!(state, Ongoing | PrepareCommit | PrepareAbort);
    TransactionMetadataValue {
        producer: pair(PID, epoch),
        previous_producer_id: PID,
        next_producer_id: NO_PRODUCER_ID,
        timeout_ms: 60_000,
        state,
        partitions: if open { [data(0), data(1)].into() } else { [].into() },
        last_update_ms: 0,
        start_ms: if state == Empty { -1 } else { 0 },
        client_transaction_version: 2,
    }
}

/// A WriteTxnMarkers that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SentMarkers {
    to: NodeId,
    correlation: CorrelationId,
    markers: Vec<TxnMarkerEntry>,
}

/// One broker's coordinator with everything around it.
#[derive(Clone, Debug)]
struct Harness {
    coordinator: TransactionCoordinator,
    image: ClusterImage,
    now: Now,
    epoch: CoordinatorEpoch,
    /// Committed records.
    log: Vec<RecordBatch>,
    /// Written, not committed.
    uncommitted: VecDeque<CoordinatorAppend>,
    answers: BTreeMap<ConnId, Response>,
    next_conn: u64,
    sent: VecDeque<SentMarkers>,
    /// All outputs of connections, in order.
    net: Outputs,
    /// Whether connections are made at once; else they stay under way.
    connects: bool,
    /// Whether the controller answers.
    controller: bool,
    next_block: ProducerId,
}

impl Harness {
    fn empty(transaction_version: u8, domains: Domains) -> Harness {
        let coordinator = TransactionCoordinator::new(NodeId(1), Arc::new(BrokerConfig::default()), domains);
        Harness {
            coordinator,
            image: image(transaction_version),
            now: Now::at_ms(1_000),
            epoch: EPOCH,
            log: Vec::new(),
            uncommitted: VecDeque::new(),
            answers: BTreeMap::new(),
            next_conn: 0,
            sent: VecDeque::new(),
            net: Outputs::new(),
            connects: true,
            controller: true,
            next_block: FIRST_FRESH,
        }
    }

    /// Owns its one partition, with these records, and has producer ids.
    fn with(transaction_version: u8, domains: Domains, records: &[TransactionMetadataValue]) -> Harness {
        let mut h = Harness::empty(transaction_version, domains);
        for value in records {
            let record =
                TransactionLogRecord { transactional_id: ID.into(), value: Some(Arc::new(value.clone())), cause: None };
            let mut batch = RecordBatch::of_records([].into());
            batch.payload = Payload::TransactionLog([record].into());
            h.log.push(batch);
        }
        h.elect(EPOCH);
        h.load();
        // The first caller finds no producer id; its request makes the coordinator ask for a block.
        assert_eq!(h.init_idempotent(), Err(ErrorCode::CoordinatorLoadInProgress));
        h
    }

    /// Kafka's domains, one record.
    fn loaded(transaction_version: u8, value: TransactionMetadataValue) -> Harness {
        Harness::with(transaction_version, Domains::default(), &[value])
    }

    fn fresh(transaction_version: u8) -> Harness {
        Harness::with(transaction_version, Domains::default(), &[])
    }

    fn run(&mut self, f: impl FnOnce(&mut TransactionCoordinator, &mut Turn<'_>)) {
        let mut out = CoordinatorOutputs::default();
        f(&mut self.coordinator, &mut Turn { now: self.now, image: &self.image, out: &mut out });
        self.absorb(out);
    }

    fn absorb(&mut self, out: CoordinatorOutputs) {
        for append in &out.appends {
            assert_eq!(append.epoch, self.epoch, "a write carries the coordinator's epoch");
            assert!(append.check_min_isr, "the transaction log demands its in-sync set");
        }
        self.uncommitted.extend(out.appends);
        let mut inputs = Vec::new();
        for output in &out.net {
            match output {
                Output::Connect(channel) if self.connects => inputs.push(NetInput::Connected(*channel)),
                Output::Respond(conn, response) => {
                    assert!(self.answers.insert(*conn, response.clone()).is_none(), "a request is answered once");
                }
                Output::Send(channel, id, Request::AllocateProducerIds(_)) if self.controller => {
                    let block = Ok((self.next_block, 1000));
                    self.next_block += 1000;
                    inputs.push(NetInput::Response(*channel, *id, AllocateProducerIdsResponse { block }.into()));
                }
                Output::Send(channel, correlation, Request::WriteTxnMarkers(request)) => {
                    let markers = request.markers.clone();
                    self.sent.push_back(SentMarkers { to: channel.to, correlation: *correlation, markers });
                }
                _ => {}
            }
        }
        self.net.extend(out.net);
        for input in inputs {
            let mut out = CoordinatorOutputs::default();
            self.coordinator.net(&mut Turn { now: self.now, image: &self.image, out: &mut out }, input);
            self.absorb(out);
        }
    }

    fn elect(&mut self, epoch: CoordinatorEpoch) {
        self.epoch = epoch;
        self.run(|c, turn| c.elected(turn, 0, epoch));
    }

    /// The log is read to its end: what is written but not committed is there, too.
    fn load(&mut self) {
        let log = core::mem::take(&mut self.log);
        let epoch = self.epoch;
        self.run(|c, turn| c.loaded(turn, 0, epoch, log.iter()));
        self.log = log;
    }

    /// A new coordinator process takes over, from what is committed. Connections and their answers are gone.
    fn fail_over(&mut self) {
        let domains = self.coordinator.domains;
        let mut next = Harness::empty(self.image.features.transaction_version, domains);
        next.image.clone_from(&self.image);
        next.now = self.now;
        next.log = core::mem::take(&mut self.log);
        next.next_block = self.next_block;
        next.next_conn = self.next_conn;
        next.elect(self.epoch + 1);
        next.load();
        assert_eq!(next.init_idempotent(), Err(ErrorCode::CoordinatorLoadInProgress));
        *self = next;
    }

    fn ask(&mut self, request: impl Into<Request>) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let request = request.into();
        self.run(|c, turn| c.request(turn, conn, request));
        conn
    }

    /// Settles the oldest write. What the log keeps of a failed write is up to the caller.
    fn settle_first(&mut self, outcome: Committed) -> CoordinatorAppend {
        let append = self.uncommitted.pop_front().expect("something was written");
        if outcome.is_ok() {
            let Entry::Batch(batch, None) = &append.entry else { panic!("not a batch: {append:?}") };
            self.log.push(RecordBatch::clone(batch));
        }
        let ticket = append.ticket;
        self.run(|c, turn| c.committed(turn, ticket, outcome));
        append
    }

    /// Commits all that is written.
    fn commit(&mut self) {
        while !self.uncommitted.is_empty() {
            self.settle_first(Ok(()));
        }
    }

    /// The oldest write cannot be appended.
    fn refuse(&mut self, error: ErrorCode) {
        let append = self.uncommitted.pop_front().expect("something was to be written");
        self.run(|c, turn| c.written(turn, append.ticket, Err(error)));
    }

    /// Answers the oldest WriteTxnMarkers, the same for all partitions.
    fn answer_markers(&mut self, error: Option<ErrorCode>) -> SentMarkers {
        let sent = self.sent.pop_front().expect("markers were sent");
        // Entries of one producer id are merged (§1.9).
        let mut merged: BTreeMap<ProducerId, Vec<_>> = BTreeMap::new();
        for marker in &sent.markers {
            let answers = marker.partitions.iter().map(|tp| (*tp, error));
            merged.entry(marker.producer.id).or_default().extend(answers);
        }
        let response = WriteTxnMarkersResponse { markers: merged.into_iter().collect() };
        self.respond(&sent, response);
        sent
    }

    fn respond(&mut self, sent: &SentMarkers, response: WriteTxnMarkersResponse) {
        let channel = Channel { to: sent.to, purpose: Purpose::TxnMarkers };
        let input = NetInput::Response(channel, sent.correlation, response.into());
        self.run(|c, turn| c.net(turn, input));
    }

    /// Writes all markers and commits all records.
    fn finish(&mut self) {
        self.commit();
        while !self.sent.is_empty() {
            self.answer_markers(None);
            self.commit();
        }
    }

    fn advance(&mut self, ms: u64) {
        self.now.mono += Span::from_millis(ms as i64);
        self.now.wall_ms += ms as i64;
        if self.coordinator.poll_timeout() <= self.now.mono {
            self.run(|c, turn| c.handle_timeout(turn));
        }
    }

    fn init_idempotent(&mut self) -> Result<ProducerIdAndEpoch, ErrorCode> {
        let request = InitProducerIdRequest {
            version: 5,
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            producer: ProducerIdAndEpoch::NONE,
        };
        let conn = self.ask(request);
        self.init_answer(conn)
    }

    fn ask_init(&mut self, given: ProducerIdAndEpoch) -> ConnId {
        self.ask(InitProducerIdRequest {
            version: 5,
            transactional_id: Some(ID.into()),
            transaction_timeout_ms: 60_000,
            producer: given,
        })
    }

    fn init_answer(&self, conn: ConnId) -> Result<ProducerIdAndEpoch, ErrorCode> {
        match self.answers.get(&conn) {
            Some(Response::InitProducerId(response)) => response.result,
            other => panic!("no answer to InitProducerId: {other:?}"),
        }
    }

    /// InitProducerId, with its record committed.
    fn init(&mut self, given: ProducerIdAndEpoch) -> Result<ProducerIdAndEpoch, ErrorCode> {
        let conn = self.ask_init(given);
        self.commit();
        self.init_answer(conn)
    }

    fn ask_add(&mut self, version: i16, producer: ProducerIdAndEpoch, partitions: &[TopicPartition]) -> ConnId {
        self.ask(add_request(version, producer, false, partitions))
    }

    fn added(&self, conn: ConnId) -> Vec<Option<ErrorCode>> {
        match self.answers.get(&conn) {
            Some(Response::AddPartitionsToTxn(r)) => r.transactions[0].1.iter().map(|(_, error)| *error).collect(),
            other => panic!("no answer to AddPartitionsToTxn: {other:?}"),
        }
    }

    /// AddPartitionsToTxn of one partition, with its record committed.
    fn add(&mut self, version: i16, producer: ProducerIdAndEpoch, tp: TopicPartition) -> Option<ErrorCode> {
        let conn = self.ask_add(version, producer, &[tp]);
        self.commit();
        self.added(conn)[0]
    }

    fn verify(&mut self, producer: ProducerIdAndEpoch, tp: TopicPartition) -> Option<ErrorCode> {
        let conn = self.ask(add_request(4, producer, true, &[tp]));
        self.added(conn)[0]
    }

    fn ask_end(&mut self, version: i16, producer: ProducerIdAndEpoch, result: TransactionResult) -> ConnId {
        self.ask(EndTxnRequest { version, transactional_id: ID.into(), producer, result })
    }

    fn ended(&self, conn: ConnId) -> Result<ProducerIdAndEpoch, ErrorCode> {
        match self.answers.get(&conn) {
            Some(Response::EndTxn(EndTxnResponse { error: None, producer })) => Ok(*producer),
            Some(Response::EndTxn(EndTxnResponse { error: Some(error), producer })) => {
                assert_eq!(*producer, ProducerIdAndEpoch::NONE);
                Err(*error)
            }
            other => panic!("no answer to EndTxn: {other:?}"),
        }
    }

    /// EndTxn, with its record committed and no marker answered.
    fn end(
        &mut self,
        version: i16,
        producer: ProducerIdAndEpoch,
        result: TransactionResult,
    ) -> Result<ProducerIdAndEpoch, ErrorCode> {
        let conn = self.ask_end(version, producer, result);
        self.commit();
        self.ended(conn)
    }

    /// Installed state of the one id.
    fn installed(&self) -> TransactionMetadataValue {
        let all = self.coordinator.transactions();
        assert_eq!(all.len(), 1, "one id");
        all.into_iter().next().expect("one id").1
    }

    fn state(&self) -> TransactionState {
        self.installed().state
    }

    /// Partitions of the markers that wait for an answer.
    fn marked(&self) -> Vec<(NodeId, Vec<TopicPartition>)> {
        self.sent.iter().flat_map(|s| s.markers.iter().map(move |m| (s.to, m.partitions.clone()))).collect()
    }

    fn set_leader(&mut self, tp: TopicPartition, leader: Option<NodeId>) {
        self.image.topics[tp.topic.0 as usize].partitions[tp.partition as usize].leader = leader;
        self.run(|c, turn| c.image_changed(turn));
    }
}

fn add_request(
    version: i16,
    producer: ProducerIdAndEpoch,
    verify_only: bool,
    partitions: &[TopicPartition],
) -> AddPartitionsToTxnRequest {
    let transactional_id = ID.into();
    let partitions = partitions.to_vec();
    let transaction = AddPartitionsTransaction { transactional_id, producer, verify_only, partitions };
    AddPartitionsToTxnRequest { version, transactions: vec![transaction] }
}

/// Domains in which epoch 2 is exhausted (`EXH`) and 3 is the largest (`MAXE`).
fn small() -> Domains {
    Domains { max_epoch: 3, ..Domains::default() }
}
