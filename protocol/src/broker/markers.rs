//! What coordinators send to partition leaders: WriteTxnMarkers (§1.9), and TxnOffsetCommit's way to the group
//! coordinator (§1.10, §4.2).

use std::collections::BTreeMap;

use super::Broker;
use super::fetch::not_hosted;
use super::verification::{Caller, Operation};
use super::wait::Waiter;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::*;
use crate::log::{EndMarker, Verification, VerificationGuard};
use crate::message::*;
use crate::time::Span;

/// A WriteTxnMarkers that is not answered yet.
#[derive(Clone, Debug)]
struct MarkerOperation {
    conn: ConnId,
    response: WriteTxnMarkersResponse,
    /// Markers without outcome, plus one while the request is being handled.
    remaining: usize,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Markers {
    operations: BTreeMap<u64, MarkerOperation>,
    /// Token of a marker without outcome: its request, and its place in the response.
    tokens: BTreeMap<u64, (u64, usize, usize)>,
}

/// TxnOffsetCommits whose add/verify is not answered.
#[derive(Clone, Debug, Default)]
pub(super) struct OffsetCommits(BTreeMap<u64, (ConnId, TxnOffsetCommitRequest, VerificationGuard)>);

impl Broker {
    /// A WriteTxnMarkers arrived: each entry is a separate append, one answer follows all of them.
    pub(super) fn write_txn_markers(&mut self, conn: ConnId, request: WriteTxnMarkersRequest, out: &mut Outputs) {
        let operation = self.purgatory.next();
        let mut response = WriteTxnMarkersResponse { markers: Vec::new() };
        let mut places = Vec::new();
        for entry in &request.markers {
            let id = entry.producer.id;
            let slot = response.markers.iter().position(|(other, _)| *other == id).unwrap_or_else(|| {
                response.markers.push((id, Vec::new()));
                response.markers.len() - 1
            });
            for tp in &entry.partitions {
                response.markers[slot].1.push((*tp, None));
                places.push((slot, response.markers[slot].1.len() - 1));
            }
        }
        let remaining = places.len() + 1;
        self.markers.operations.insert(operation, MarkerOperation { conn, response, remaining });
        let mut places = places.into_iter();
        for entry in &request.markers {
            for tp in &entry.partitions {
                let (slot, index) = places.next().expect("one place for each marker");
                let token = self.purgatory.next();
                self.markers.tokens.insert(token, (operation, slot, index));
                self.write_txn_marker(token, entry, *tp, out);
            }
        }
        self.marker_progressed(operation, out);
    }

    fn write_txn_marker(&mut self, token: u64, entry: &TxnMarkerEntry, tp: TopicPartition, out: &mut Outputs) {
        let wall_ms = self.now.wall_ms;
        if !self.partitions.contains(tp) {
            return self.marker_done(token, Err(ErrorCode::UnknownTopicOrPartition), out);
        }
        let TxnMarkerEntry { producer, result, coordinator_epoch, transaction_version, .. } = *entry;
        let marker = EndMarker { producer, result, coordinator_epoch, transaction_version };
        if tp.topic == TopicId::CONSUMER_OFFSETS {
            self.with_groups(out, |c, turn| c.write_marker(turn, token, tp.partition, marker));
            // The next entry must find what this one wrote.
            return self.run_appends(out);
        }
        let partition = self.partitions.get(tp).expect("a partition with a replica here");
        if !partition.is_leader() {
            return self.marker_done(token, Err(ErrorCode::NotLeaderOrFollower), out);
        }
        if !partition.has_enough_in_sync() {
            return self.marker_done(token, Err(ErrorCode::NotEnoughReplicas), out);
        }
        self.before_append(tp);
        let partition = self.partitions.get_mut(tp).expect("a partition led here");
        let epoch = partition.leader_epoch;
        let outcome = partition.log.append_marker(&marker, epoch, wall_ms);
        match outcome {
            Err(error) => self.marker_done(token, Err(error), out),
            Ok(done) => {
                let timeout = Span::from_millis(self.config.request_timeout_ms.into());
                self.wait(tp, done.last_offset + 1, timeout, Waiter::Marker { token });
                self.appended(tp, out);
                self.complete_waits(tp, out);
            }
        }
    }

    /// A marker has its outcome.
    pub(super) fn marker_done(&mut self, token: u64, outcome: Result<(), ErrorCode>, out: &mut Outputs) {
        let Some((operation, slot, index)) = self.markers.tokens.remove(&token) else { return };
        let markers = self.markers.operations.get_mut(&operation).expect("a request with markers to come");
        markers.response.markers[slot].1[index].1 = outcome.err();
        self.marker_progressed(operation, out);
    }

    fn marker_progressed(&mut self, operation: u64, out: &mut Outputs) {
        let markers = self.markers.operations.get_mut(&operation).expect("a request with markers to come");
        markers.remaining -= 1;
        if markers.remaining == 0 {
            let done = self.markers.operations.remove(&operation).expect("a request with markers to come");
            out.push(Output::Respond(done.conn, done.response.into()));
        }
    }

    /// A TxnOffsetCommit arrived: add/verify as for a Produce to the group's offsets partition, then the coordinator.
    pub(super) fn txn_offset_commit(&mut self, conn: ConnId, request: TxnOffsetCommitRequest, out: &mut Outputs) {
        if request.group.group_id.is_empty() {
            return refuse_offsets(conn, &request, ErrorCode::InvalidGroupId, out);
        }
        let operation = match request.version {
            ..=3 => Operation::VerifyHidingAbortable,
            4 => Operation::Verify,
            5.. => Operation::Add,
        };
        if operation != Operation::Add && !self.config.transaction_verification {
            return self.commit_offsets(conn, request, None, out);
        }
        let partitions = self.image.topic(TopicId::CONSUMER_OFFSETS).map_or(0, |t| t.partitions.len() as u32);
        if partitions == 0 {
            return refuse_offsets(conn, &request, ErrorCode::CoordinatorNotAvailable, out);
        }
        let index = coordinator_partition(&request.group.group_id, partitions);
        let tp = TopicPartition::new(TopicId::CONSUMER_OFFSETS, index);
        let wall_ms = self.now.wall_ms;
        let started = match self.partitions.get_mut(tp).filter(|p| p.is_leader()) {
            None => Err(not_hosted(&self.image, tp)),
            Some(partition) => {
                let tv2 = operation == Operation::Add;
                partition.log.start_verification(request.producer, NO_SEQUENCE, tv2, wall_ms)
            }
        };
        match started {
            Err(error) => refuse_offsets(conn, &request, as_offsets_error(error), out),
            Ok(Verification::NotNeeded) => self.commit_offsets(conn, request, None, out),
            Ok(Verification::Needed(guard)) => {
                let id = self.purgatory.next();
                let transaction = AddPartitionsTransaction {
                    transactional_id: request.transactional_id.clone(),
                    producer: request.producer,
                    verify_only: operation.verify_only(),
                    partitions: vec![tp],
                };
                self.offset_commits.0.insert(id, (conn, request, guard));
                self.add_or_verify(transaction, operation, Caller::Offsets(id), out);
            }
        }
    }

    /// The transaction coordinator's answer to the add/verify of a TxnOffsetCommit.
    pub(super) fn offsets_verified(
        &mut self,
        id: u64,
        results: &[(TopicPartition, Option<ErrorCode>)],
        out: &mut Outputs,
    ) {
        let Some((conn, request, guard)) = self.offset_commits.0.remove(&id) else { return };
        match results.iter().find_map(|(_, error)| *error) {
            Some(error) => refuse_offsets(conn, &request, as_offsets_error(error), out),
            None => self.commit_offsets(conn, request, Some(guard), out),
        }
    }

    fn commit_offsets(
        &mut self,
        conn: ConnId,
        request: TxnOffsetCommitRequest,
        guard: Option<VerificationGuard>,
        out: &mut Outputs,
    ) {
        self.with_groups(out, |c, turn| c.txn_offset_commit(turn, conn, request, guard));
    }

    /// Performs the coordinators' writes that are on the list, in order.
    pub(super) fn run_appends(&mut self, out: &mut Outputs) {
        while let Some((which, append)) = self.appends.pop_front() {
            self.execute_append(which, append, out);
        }
    }

    /// Loads coordinator partitions that are due.
    pub(super) fn run_loads(&mut self, out: &mut Outputs) {
        while let Some((which, partition, epoch)) = self.take_load() {
            self.load(which, partition, epoch, out);
            self.run_appends(out);
        }
    }
}

/// The same error for every offset of a request.
fn refuse_offsets(conn: ConnId, request: &TxnOffsetCommitRequest, error: ErrorCode, out: &mut Outputs) {
    let partitions = request.offsets.iter().map(|o| (o.tp, Some(error))).collect();
    out.push(Output::Respond(conn, TxnOffsetCommitResponse { partitions }.into()));
}

/// §1.10: how failures of add/verify look to the committer.
fn as_offsets_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::NetworkException => ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::UnknownTopicOrPartition => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower => ErrorCode::NotCoordinator,
        other => other,
    }
}
