//! Scripts of inputs and expected outputs. The rig stands for the broker: it keeps the log and performs writes.

mod clients;
mod fencing;
mod membership;
mod offsets;
mod rebalance;
mod replay;

use std::collections::VecDeque;
use std::sync::Arc;

use super::GroupCoordinator;
use crate::batch::{RecordBatch, TransactionResult};
use crate::config::{BrokerConfig, Domains};
use crate::coordinator::*;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::image::*;
use crate::io::*;
use crate::log::EndMarker;
use crate::message::*;
use crate::records::*;
use crate::time::*;

pub(super) const GROUP: &str = "g";
pub(super) const P0: TopicPartition = TopicPartition::new(TopicId(2), 0);
pub(super) const P1: TopicPartition = TopicPartition::new(TopicId(2), 1);
pub(super) use TransactionResult::{Abort, Commit};

/// A broker with one partition of `__consumer_offsets`.
#[derive(Clone)]
pub(super) struct Rig {
    pub(super) gc: GroupCoordinator,
    config: Arc<BrokerConfig>,
    image: ClusterImage,
    now: Now,
    /// The answers so far that no test has taken.
    out: Answers,
    pub(super) log: Vec<RecordBatch>,
    /// Written, not committed.
    pub(super) in_flight: VecDeque<(Ticket, Offset)>,
    pub(super) high_watermark: Offset,
    /// The high watermark follows at once.
    pub(super) replicated: bool,
    /// What the next append fails with.
    pub(super) fail: Option<ErrorCode>,
    pub(super) done: Vec<MarkerDone>,
    epoch: CoordinatorEpoch,
    conns: u64,
}

/// Answers by connection.
pub(super) type Answers = Vec<(ConnId, Response)>;

fn image() -> ClusterImage {
    let settings = TopicSettings {
        min_insync_replicas: 1,
        unclean_leader_election: false,
        max_message_bytes: 1 << 20,
        segment_bytes: 1 << 30,
    };
    let partition = PartitionImage {
        replicas: [NodeId(1)].into(),
        isr: vec![NodeId(1)],
        elr: Vec::new(),
        last_known_leader: None,
        leader: Some(NodeId(1)),
        leader_epoch: 0,
        partition_epoch: 0,
        leader_recovering: false,
    };
    let mut image = ClusterImage::empty();
    for name in ["__transaction_state", "__consumer_offsets", "in"] {
        image.topics.push(TopicImage {
            name: name.into(),
            settings: settings.clone(),
            partitions: vec![partition.clone(); 1],
        });
    }
    image
}

impl Rig {
    /// A coordinator that has loaded an empty log.
    pub(super) fn new() -> Rig {
        Rig::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut BrokerConfig)) -> Rig {
        let mut config = BrokerConfig::default();
        change(&mut config);
        let config = Arc::new(config);
        let mut rig = Rig {
            gc: GroupCoordinator::new(NodeId(1), Arc::clone(&config), Domains::default()),
            config,
            image: image(),
            now: Now::at_ms(0),
            out: Vec::new(),
            log: Vec::new(),
            in_flight: VecDeque::new(),
            high_watermark: 0,
            replicated: true,
            fail: None,
            done: Vec::new(),
            epoch: 0,
            conns: 0,
        };
        rig.elect(0);
        rig.load();
        rig
    }

    /// Calls the coordinator and then does what it asked for, as a broker does.
    pub(super) fn call<T>(&mut self, f: impl FnOnce(&mut GroupCoordinator, &mut Turn<'_>) -> T) -> T {
        let mut out = CoordinatorOutputs::default();
        let result = f(&mut self.gc, &mut Turn { now: self.now, image: &self.image, out: &mut out });
        self.done.append(&mut out.markers);
        for output in out.net {
            match output {
                Output::Respond(conn, response) => self.out.push((conn, response)),
                other => panic!("only answers are expected, not {other:?}"),
            }
        }
        for append in out.appends {
            self.append(append);
        }
        result
    }

    fn append(&mut self, append: CoordinatorAppend) {
        assert!(!append.check_min_isr, "the group log does not check min.insync.replicas before it writes");
        if let Some(error) = self.fail.take() {
            return self.call(|gc, turn| gc.written(turn, append.ticket, Err(error)));
        }
        let mut batch = match append.entry {
            Entry::Batch(batch, _) => RecordBatch::clone(&batch),
            Entry::Marker(EndMarker { producer, result, coordinator_epoch, .. }) => {
                RecordBatch::marker(producer.id, producer.epoch, result, coordinator_epoch, self.now.wall_ms)
            }
        };
        batch.base_offset = self.end();
        batch.leader_epoch = append.epoch;
        let base = batch.base_offset;
        self.log.push(batch);
        self.in_flight.push_back((append.ticket, self.end()));
        self.call(|gc, turn| gc.written(turn, append.ticket, Ok(base)));
        if self.replicated {
            self.replicate();
        }
    }

    /// Log end offset.
    pub(super) fn end(&self) -> Offset {
        self.log.last().map_or(0, RecordBatch::next_offset)
    }

    /// The high watermark reaches the log end.
    pub(super) fn replicate(&mut self) {
        while self.replicate_one() {}
        self.high_watermark = self.end();
    }

    /// The high watermark passes one more write.
    pub(super) fn replicate_one(&mut self) -> bool {
        let Some((ticket, end)) = self.in_flight.pop_front() else { return false };
        self.high_watermark = self.high_watermark.max(end);
        self.call(|gc, turn| gc.committed(turn, ticket, Ok(())));
        true
    }

    pub(super) fn elect(&mut self, partition: u32) {
        let epoch = self.epoch;
        self.call(|gc, turn| gc.elected(turn, partition, epoch));
    }

    pub(super) fn load(&mut self) {
        let (log, epoch) = (self.log.clone(), self.epoch);
        self.call(|gc, turn| gc.loaded(turn, 0, epoch, log.iter()));
    }

    /// The coordinator's broker dies; a new one takes over what the log holds. All of it is committed.
    pub(super) fn fail_over(&mut self) {
        self.gc = GroupCoordinator::new(NodeId(1), Arc::clone(&self.config), Domains::default());
        self.in_flight.clear();
        self.epoch += 1;
        self.elect(0);
        self.load();
    }

    /// The same broker resigns: everybody who waits is answered.
    pub(super) fn resign(&mut self) {
        self.call(|gc, turn| gc.resigned(turn, 0));
    }

    /// As [`Rig::fail_over`], with the high watermark somewhere in the log.
    pub(super) fn fail_over_at(&mut self, high_watermark: Offset) {
        self.gc = GroupCoordinator::new(NodeId(1), Arc::clone(&self.config), Domains::default());
        self.in_flight.clear();
        self.epoch += 1;
        self.elect(0);
        let ticket = self.gc.loading_high_watermark(0, high_watermark).expect("it is loading");
        self.load();
        let end = self.end();
        self.in_flight.push_back((ticket, end));
    }

    /// Lets time pass up to `ms`, waking the coordinator exactly when it asks for it.
    pub(super) fn at(&mut self, ms: u64) {
        let end = Now::at_ms(ms);
        while self.gc.poll_timeout() <= end.mono {
            let due = self.gc.poll_timeout();
            assert!(due >= self.now.mono, "nothing due is left undone");
            self.now = Now::new(due, (due.0 / 1_000_000) as i64);
            self.call(|gc, turn| gc.handle_timeout(turn));
            assert!(self.gc.poll_timeout() > due, "waking does what is due");
        }
        self.now = end;
    }

    pub(super) fn send(&mut self, request: impl Into<Request>) -> ConnId {
        self.conns += 1;
        let conn = ConnId(self.conns);
        let request = request.into();
        self.call(|gc, turn| match request {
            Request::TxnOffsetCommit(r) => gc.txn_offset_commit(turn, conn, *r, None),
            other => gc.request(turn, conn, other),
        });
        conn
    }

    /// Takes the answer of a connection, if there is one.
    pub(super) fn answer(&mut self, conn: ConnId) -> Option<Response> {
        let at = self.out.iter().position(|(c, _)| *c == conn)?;
        Some(self.out.remove(at).1)
    }

    // ---- Offsets ---------------------------------------------------------------------------------------------------

    pub(super) fn plain(&mut self, group: GroupMetadata, tp: TopicPartition, offset: Offset) -> ConnId {
        self.send(OffsetCommitRequest { group, offsets: vec![to_commit(tp, offset)] })
    }

    pub(super) fn txn(&mut self, pid: ProducerId, group: GroupMetadata, tp: TopicPartition, offset: Offset) -> ConnId {
        self.send(txn_request(5, pid, group, tp, offset))
    }

    /// The error of a commit with one partition; `None` for success.
    pub(super) fn commit_error(&mut self, conn: ConnId) -> Option<ErrorCode> {
        match self.answer(conn).expect("the commit is answered") {
            Response::OffsetCommit(r) => r.partitions[0].1,
            Response::TxnOffsetCommit(r) => r.partitions[0].1,
            other => panic!("not an answer to a commit: {other:?}"),
        }
    }

    /// A marker; its outcome if it is known at once.
    pub(super) fn marker(&mut self, pid: ProducerId, result: TransactionResult) -> Option<MarkerDone> {
        let producer = ProducerIdAndEpoch::new(pid, 0);
        let marker = EndMarker { producer, result, coordinator_epoch: 0, transaction_version: 2 };
        self.call(|gc, turn| gc.write_marker(turn, 77, 0, marker));
        self.done.pop()
    }

    pub(super) fn fetch(&mut self, require_stable: bool) -> ConnId {
        self.send(OffsetFetchRequest { group_id: GROUP.into(), partitions: Some(vec![P0]), require_stable })
    }

    /// What a fetch of one partition said: offset or its error; the group's error as error too.
    pub(super) fn fetched(&mut self, conn: ConnId) -> Option<Result<Offset, ErrorCode>> {
        match self.answer(conn)? {
            Response::OffsetFetch(r) => Some(match r.error {
                Some(error) => Err(error),
                None => r.partitions[0].1.map(|(offset, _)| offset),
            }),
            other => panic!("not an answer to a fetch: {other:?}"),
        }
    }

    /// The committed offset of `tp` in the newest state.
    pub(super) fn committed(&self, tp: TopicPartition) -> Option<Offset> {
        let all = self.gc.committed_offsets();
        all.into_iter().find(|(group, of, _)| &**group == GROUP && *of == tp).map(|(_, _, v)| v.offset)
    }

    // ---- Membership ------------------------------------------------------------------------------------------------

    pub(super) fn join(&mut self, member: &str) -> ConnId {
        self.send(join_request(member, None))
    }

    pub(super) fn joined(&mut self, conn: ConnId) -> JoinGroupResponse {
        match self.answer(conn) {
            Some(Response::JoinGroup(r)) => *r,
            other => panic!("not an answer to a JoinGroup: {other:?}"),
        }
    }

    /// Joins as a new dynamic member: asks for a member id and joins with it.
    pub(super) fn join_new(&mut self) -> (Name, ConnId) {
        let first = self.join("");
        let first = self.joined(first);
        assert_eq!(first.error, Some(ErrorCode::MemberIdRequired));
        let conn = self.join(&first.member_id);
        (first.member_id, conn)
    }

    pub(super) fn sync(&mut self, member: &str, generation: i32, assignments: &[(&str, TopicPartition)]) -> ConnId {
        let assignments = assignments.iter().map(|(m, tp)| (Name::from(*m), vec![*tp])).collect();
        self.send(SyncGroupRequest { group: identity(member, generation), assignments })
    }

    pub(super) fn synced(&mut self, conn: ConnId) -> Option<Result<Vec<TopicPartition>, ErrorCode>> {
        match self.answer(conn)? {
            Response::SyncGroup(r) => Some(r.error.map_or(Ok(r.assignment), Err)),
            other => panic!("not an answer to a SyncGroup: {other:?}"),
        }
    }

    pub(super) fn heartbeat(&mut self, member: &str, generation: i32) -> Option<ErrorCode> {
        let conn = self.send(HeartbeatRequest { group: identity(member, generation) });
        match self.answer(conn) {
            Some(Response::Heartbeat(r)) => r.error,
            other => panic!("not an answer to a Heartbeat: {other:?}"),
        }
    }

    pub(super) fn leave(&mut self, member: &str) -> ConnId {
        self.send(LeaveGroupRequest { group_id: GROUP.into(), member_id: member.into(), group_instance_id: None })
    }

    pub(super) fn left(&mut self, conn: ConnId) -> Option<Option<ErrorCode>> {
        match self.answer(conn)? {
            Response::LeaveGroup(r) => Some(r.error),
            other => panic!("not an answer to a LeaveGroup: {other:?}"),
        }
    }

    /// A stable group of one member that owns P0, in generation 1.
    pub(super) fn one_member(&mut self) -> Name {
        let (member, conn) = self.join_new();
        let ms = self.now.mono.0 / 1_000_000;
        self.at(ms + 3_000);
        let joined = self.joined(conn);
        assert_eq!((joined.error, &joined.leader), (None, &member));
        let conn = self.sync(&member, joined.generation, &[(&member, P0)]);
        assert_eq!(self.synced(conn), Some(Ok(vec![P0])));
        member
    }

    /// A stable group of a leader that owns P0 and a follower that owns P1, in generation 1.
    pub(super) fn two_members(&mut self) -> (Name, Name) {
        let (leader, a) = self.join_new();
        let (follower, b) = self.join_new();
        let ms = self.now.mono.0 / 1_000_000;
        self.at(ms + 6_000);
        assert_eq!(self.joined(a).members.len(), 2);
        assert_eq!(self.joined(b).members.len(), 0);
        let waits = self.sync(&follower, 1, &[]);
        assert_eq!(self.synced(waits), None);
        let leads = self.sync(&leader, 1, &[(&leader, P0), (&follower, P1)]);
        assert_eq!(self.synced(leads), Some(Ok(vec![P0])));
        assert_eq!(self.synced(waits), Some(Ok(vec![P1])));
        (leader, follower)
    }
}

pub(super) fn identity(member: &str, generation: i32) -> GroupMetadata {
    GroupMetadata { group_id: GROUP.into(), generation, member_id: member.into(), group_instance_id: None }
}

pub(super) fn nobody() -> GroupMetadata {
    GroupMetadata::only_group(GROUP.into())
}

pub(super) fn to_commit(tp: TopicPartition, offset: Offset) -> OffsetToCommit {
    OffsetToCommit { tp, offset, leader_epoch: 0, metadata: "".into() }
}

pub(super) fn txn_request(
    version: i16,
    pid: ProducerId,
    group: GroupMetadata,
    tp: TopicPartition,
    offset: Offset,
) -> TxnOffsetCommitRequest {
    TxnOffsetCommitRequest {
        version,
        transactional_id: "t".into(),
        producer: ProducerIdAndEpoch::new(pid, 0),
        group,
        offsets: vec![to_commit(tp, offset)],
    }
}

pub(super) fn join_request(member: &str, instance: Option<&str>) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: GROUP.into(),
        member_id: member.into(),
        group_instance_id: instance.map(Name::from),
        client_id: "c".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocols: vec![(AssignorName::Range, Subscription::default())],
    }
}
