//! Fetch at the leader (§1.11, §2.9, §7.2): long poll, divergence check, and what a follower's position tells.

use super::Broker;
use super::partition::{Partition, Role, Watch};
use super::session::{ParkedFetch, Session, SessionPartition};
use super::timer::Timer;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::image::ClusterImage;
use crate::io::*;
use crate::log::{LogRead, PartitionLog};
use crate::message::*;
use crate::time::Span;

/// What a reader's position in one partition means at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Failed(ErrorCode),
    Diverging(EpochEndOffset),
    /// Offsets below `upper` may be read.
    Readable {
        upper: Offset,
    },
}

/// Judges a position (§2.9, §7.3).
fn look(
    partitions: &PartitionMap<Partition>,
    image: &ClusterImage,
    replica: Option<NodeId>,
    isolation: IsolationLevel,
    position: &FetchPartition,
) -> Look {
    let hosted = partitions.get(position.tp).filter(|p| !matches!(p.role, Role::Idle));
    let Some(partition) = hosted else {
        return Look::Failed(not_hosted(image, position.tp));
    };
    let leader = match partition.check_leader(position.current_leader_epoch) {
        Ok(leader) => leader,
        Err(error) => return Look::Failed(error),
    };
    if replica.is_some_and(|node| leader.followers.iter().all(|r| r.id != node)) {
        return Look::Failed(ErrorCode::NotLeaderOrFollower);
    }
    let log = &partition.log;
    let offset = position.fetch_offset;
    if position.last_fetched_epoch != NO_LEADER_EPOCH {
        let end = log.end_offset_for_epoch(position.last_fetched_epoch);
        if end.end_offset < 0 || end.epoch == NO_LEADER_EPOCH || offset < log.log_start_offset() {
            return Look::Failed(ErrorCode::OffsetOutOfRange);
        }
        if end.epoch < position.last_fetched_epoch || end.end_offset < offset {
            return Look::Diverging(end);
        }
    }
    if offset < log.log_start_offset() || offset > log.log_end_offset() {
        return Look::Failed(ErrorCode::OffsetOutOfRange);
    }
    let upper = match (replica, isolation) {
        (Some(_), _) => log.log_end_offset(),
        (None, _) if partition.serves_unconfirmed(leader) => leader.epoch_start,
        (None, IsolationLevel::ReadUncommitted) => log.high_watermark(),
        (None, IsolationLevel::ReadCommitted) => log.last_stable_offset(),
    };
    Look::Readable { upper }
}

/// What Kafka answers for a partition without a replica here: 6 if the metadata knows it, else 3.
pub(super) fn not_hosted(image: &ClusterImage, tp: TopicPartition) -> ErrorCode {
    if image.partition(tp).is_some() { ErrorCode::NotLeaderOrFollower } else { ErrorCode::UnknownTopicOrPartition }
}

/// A partition's answer without data.
fn bare(tp: TopicPartition, error: Option<ErrorCode>) -> FetchPartitionResponse {
    FetchPartitionResponse {
        tp,
        error,
        high_watermark: -1,
        last_stable_offset: -1,
        log_start_offset: -1,
        aborted: Vec::new(),
        diverging_epoch: None,
        current_leader: None,
        batches: Vec::new(),
    }
}

impl Session {
    fn look(&self, partitions: &PartitionMap<Partition>, image: &ClusterImage, entry: &SessionPartition) -> Look {
        if self.stale_replica {
            return Look::Failed(ErrorCode::NotLeaderOrFollower);
        }
        look(partitions, image, self.replica, self.isolation, &entry.position)
    }

    /// Whether a fetch that asks for `min_bytes` has to be answered now; looks at dirty partitions only.
    fn has_enough(&self, partitions: &PartitionMap<Partition>, image: &ClusterImage, min_bytes: i32) -> bool {
        let wanted = min_bytes.max(0) as u64;
        let mut bytes = 0;
        if bytes >= wanted {
            return true;
        }
        for tp in &self.dirty {
            let Some(entry) = self.partitions.get(*tp) else { continue };
            match self.look(partitions, image, entry) {
                Look::Failed(_) | Look::Diverging(_) => return true,
                Look::Readable { upper } if upper > entry.position.fetch_offset => {
                    let limit = (entry.position.max_bytes.max(1) as u64).min(wanted - bytes);
                    let log = &partitions.get(*tp).expect("a partition that can be read").log;
                    bytes += log.bytes_between(entry.position.fetch_offset, upper, limit).min(limit);
                    if bytes >= wanted {
                        return true;
                    }
                }
                Look::Readable { .. } => {}
            }
        }
        false
    }
}

/// What an answer has room for.
struct Room {
    bytes: u64,
    something_read: bool,
}

impl Room {
    /// Reads one partition. Only the first batch of an answer may exceed the limits.
    fn read(&mut self, log: &PartitionLog, position: &FetchPartition, upper: Offset) -> LogRead {
        if upper <= position.fetch_offset || (self.bytes == 0 && self.something_read) {
            return LogRead::default();
        }
        let limit = self.bytes.min(position.max_bytes.max(0) as u64);
        let read = log.read(position.fetch_offset, upper, limit as u32);
        if self.something_read && read.bytes > limit {
            return LogRead::default();
        }
        self.bytes = self.bytes.saturating_sub(read.bytes);
        self.something_read |= !read.batches.is_empty();
        read
    }
}

/// The answer for a partition that cannot be read.
fn refused(
    partitions: &PartitionMap<Partition>,
    image: &ClusterImage,
    follower: bool,
    tp: TopicPartition,
    error: ErrorCode,
) -> FetchPartitionResponse {
    let mut answer = bare(tp, Some(error));
    if matches!(error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch) {
        answer.current_leader = image.partition(tp).and_then(|p| Some((p.leader?, p.leader_epoch)));
    }
    if error == ErrorCode::OffsetOutOfRange
        && follower
        && let Some(partition) = partitions.get(tp)
    {
        // Stands for the two ListOffsets that Kafka's follower sends next.
        answer.log_start_offset = partition.log.log_start_offset();
        let end_offset = partition.log.log_end_offset();
        answer.diverging_epoch = Some(EpochEndOffset { epoch: partition.leader_epoch, end_offset });
    }
    answer
}

impl Broker {
    /// A Fetch arrived.
    pub(super) fn fetch(&mut self, conn: ConnId, request: FetchRequest, out: &mut Outputs) {
        let id = match self.session_of(&request, out) {
            Ok(id) => id,
            Err(error) => {
                let response = FetchResponse { error: Some(error), session_id: 0, partitions: Vec::new() };
                out.push(Output::Respond(conn, response.into()));
                return;
            }
        };
        let session = self.sessions.get_mut(id).expect("a session that was just found");
        if let Some((node, broker_epoch)) = request.replica {
            let registered = self.image.brokers.get(&node).filter(|b| !b.fenced);
            session.stale_replica = broker_epoch != -1 && registered.is_some_and(|b| b.epoch > broker_epoch);
            if session.stale_replica {
                let all: Vec<TopicPartition> = session.partitions.keys().collect();
                all.into_iter().for_each(|tp| session.mark(tp));
            }
        }
        let progress = self.progress_of(id, &request);
        let session = self.sessions.get_mut(id).expect("a session that was just found");
        let deadline = self.now.mono + Span::from_millis(request.max_wait_ms.into());
        let parked = ParkedFetch { conn, deadline, min_bytes: request.min_bytes, max_bytes: request.max_bytes };
        let at_once = request.max_wait_ms <= 0
            || session.partitions.is_empty()
            || session.has_enough(&self.partitions, &self.image, request.min_bytes);
        session.parked = Some(parked);
        let lasting = session.lasting;
        if at_once {
            // Answered with the high watermark as it was before this fetch moved it, as Kafka does.
            self.answer_fetch(id, out);
            self.followed(&request, progress, lasting, out);
        } else {
            self.timers.set(deadline, Timer::ParkedFetch(id));
            self.followed(&request, progress, lasting, out);
            self.watch_dirty(id);
        }
    }

    /// A follower's positions that say what it has replicated: those that are neither diverging nor in error (§7.2).
    fn progress_of(&mut self, id: u32, request: &FetchRequest) -> Vec<(TopicPartition, Offset, Offset)> {
        if request.replica.is_none() {
            return Vec::new();
        }
        let session = self.sessions.get_mut(id).expect("a session that was just found");
        let mut progress = Vec::with_capacity(session.dirty.len());
        for tp in &session.dirty {
            let Some(entry) = session.partitions.get(*tp) else { continue };
            if let Look::Readable { upper } = session.look(&self.partitions, &self.image, entry) {
                progress.push((*tp, entry.position.fetch_offset, upper));
            }
        }
        progress
    }

    /// Takes note of what a follower's fetch said.
    fn followed(
        &mut self,
        request: &FetchRequest,
        progress: Vec<(TopicPartition, Offset, Offset)>,
        lasting: bool,
        out: &mut Outputs,
    ) {
        let Some((node, broker_epoch)) = request.replica else { return };
        let now = self.now.mono;
        for (tp, offset, leader_end) in progress {
            let Some(partition) = self.partitions.get_mut(tp) else { continue };
            let Some(replica) = partition.leader_mut().and_then(|l| l.follower(node)) else { continue };
            let before = replica.end_offset;
            replica.fetched(offset, leader_end, now, broker_epoch);
            replica.in_session = lasting;
            self.maybe_expand_isr(tp, node, out);
            if before != offset {
                self.advance_high_watermark(tp, out);
            }
        }
        self.follower_fetches.insert(node, now);
        self.look_at_outsider(node, out);
    }

    /// The fetch stays parked: every partition of its session must be watched.
    fn watch_dirty(&mut self, id: u32) {
        let Broker { sessions, partitions, .. } = self;
        let Some(session) = sessions.get_mut(id) else { return };
        let follower = session.replica.is_some();
        for tp in &session.dirty {
            let Some(entry) = session.partitions.get_mut(*tp) else { continue };
            if !entry.watching
                && let Some(partition) = partitions.get_mut(*tp)
            {
                partition.watchers.push(Watch { session: id, follower });
                entry.watching = true;
            }
        }
    }

    /// Looks again at the parked fetches that something happened to; done once at the end of each input, so that an
    /// answer carries everything that the input brought.
    pub(super) fn check_parked_fetches(&mut self, out: &mut Outputs) {
        while let Some(id) = self.sessions.to_check.pop() {
            let Some(session) = self.sessions.get_mut(id) else { continue };
            session.to_check = false;
            let Some(parked) = session.parked else { continue };
            if session.has_enough(&self.partitions, &self.image, parked.min_bytes) {
                self.answer_fetch(id, out);
            } else {
                self.watch_dirty(id);
            }
        }
    }

    /// Answers the parked fetch of a session with what there is: its dirty partitions, as far as they have news.
    pub(super) fn answer_fetch(&mut self, id: u32, out: &mut Outputs) {
        let Some(parked) = self.unpark(id) else { return };
        let Broker { sessions, partitions, image, .. } = self;
        let session = sessions.get_mut(id).expect("a session whose fetch was parked");
        let follower = session.replica.is_some();
        let mut room = Room { bytes: parked.max_bytes.max(0) as u64, something_read: false };
        let mut answers = Vec::with_capacity(session.dirty.len());
        for _ in 0..session.dirty.len() {
            let tp = session.dirty.pop_front().expect("a dirty partition");
            let Some(entry) = session.partitions.get(tp) else { continue };
            let judged = session.look(partitions, image, entry);
            let entry = session.partitions.get_mut(tp).expect("a partition of the session");
            let mut stays_dirty = true;
            match judged {
                Look::Failed(error) => {
                    entry.sent_high_watermark = -1;
                    answers.push(refused(partitions, image, follower, tp, error));
                }
                Look::Diverging(_) | Look::Readable { .. } => {
                    let partition = partitions.get_mut(tp).expect("a partition that can be read");
                    let log = &partition.log;
                    let mut answer = bare(tp, None);
                    answer.high_watermark = log.high_watermark();
                    answer.last_stable_offset = log.last_stable_offset();
                    answer.log_start_offset = log.log_start_offset();
                    let mut upper = entry.position.fetch_offset;
                    match judged {
                        Look::Diverging(end) => answer.diverging_epoch = Some(end),
                        Look::Readable { upper: readable } => upper = readable,
                        Look::Failed(_) => {}
                    }
                    let read = room.read(log, &entry.position, upper);
                    if let Some(last) = read.batches.last()
                        && !follower
                        && session.isolation == IsolationLevel::ReadCommitted
                    {
                        answer.aborted = log.aborted_transactions(entry.position.fetch_offset, last.next_offset());
                    }
                    answer.batches = read.batches;
                    stays_dirty = answer.diverging_epoch.is_some() || upper > entry.position.fetch_offset;
                    let news = !answer.batches.is_empty()
                        || answer.diverging_epoch.is_some()
                        || entry.sent_high_watermark != answer.high_watermark
                        || entry.sent_log_start != answer.log_start_offset;
                    if !stays_dirty && !entry.watching && session.lasting {
                        partition.watchers.push(Watch { session: id, follower });
                        entry.watching = true;
                    }
                    if news || session.full {
                        entry.sent_high_watermark = answer.high_watermark;
                        entry.sent_log_start = answer.log_start_offset;
                        answers.push(answer);
                    }
                }
            }
            if !stays_dirty {
                entry.dirty = false;
            } else if answers.last().is_none_or(|a: &FetchPartitionResponse| a.tp != tp || a.batches.is_empty()) {
                session.dirty.push_back(tp);
            }
        }
        // Those that were served go to the end of the queue, so that a full answer starves nobody.
        session.dirty.extend(answers.iter().filter(|a| !a.batches.is_empty()).map(|a| a.tp));
        session.full = false;
        let lasting = session.lasting;
        let session_id = if lasting { id } else { 0 };
        let response = FetchResponse { error: None, session_id, partitions: answers };
        out.push(Output::Respond(parked.conn, response.into()));
        if !lasting {
            self.close_session(id, out);
        }
    }
}
