//! Writes of one coordinator partition on their way: pushed, written, committed; and the answers that wait for them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::timers::{Timer, Timers};
use crate::batch::{BATCH_OVERHEAD, Payload, RecordBatch, TransactionResult};
use crate::config::BrokerConfig;
use crate::coordinator::*;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::*;
use crate::log::EndMarker;
use crate::message::*;
use crate::records::{GroupLogRecord, GroupMemberValue, GroupMetadataValue};
use crate::time::*;

/// Numbers that one run of the broker hands out only once.
#[derive(Clone, Debug, Default)]
pub(super) struct Serials {
    ticket: u64,
    subject: u32,
}

impl Serials {
    /// Names a write to `partition`. Later writes have greater tickets.
    pub(super) fn ticket(&mut self, partition: u32) -> Ticket {
        self.ticket += 1;
        Ticket(self.ticket << 32 | u64::from(partition))
    }

    /// Names a group or a member.
    pub(super) fn subject(&mut self) -> u32 {
        self.subject += 1;
        self.subject
    }
}

/// The partition that a ticket of [`Serials::ticket`] belongs to.
pub(super) fn partition_of(ticket: Ticket) -> u32 {
    (ticket.0 & u64::from(u32::MAX)) as u32
}

/// What every handler may use.
pub(super) struct Env<'a> {
    pub(super) now: Now,
    pub(super) config: &'a BrokerConfig,
    pub(super) timers: &'a mut Timers,
    pub(super) serials: &'a mut Serials,
    pub(super) out: &'a mut CoordinatorOutputs,
}

impl Env<'_> {
    pub(super) fn respond(&mut self, conn: ConnId, response: impl Into<Response>) {
        self.out.net.push(Output::Respond(conn, response.into()));
    }
}

/// What follows once a write is decided.
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// Answer an OffsetCommit.
    OffsetCommit(ConnId, Vec<(TopicPartition, Option<ErrorCode>)>),
    /// Answer a TxnOffsetCommit.
    TxnOffsetCommit(ConnId, Vec<(TopicPartition, Option<ErrorCode>)>),
    /// Answer an OffsetFetch that had to look at the newest state.
    OffsetFetch(ConnId, OffsetFetchResponse),
    /// Answer a LeaveGroup.
    Leave(ConnId),
    /// Hand out the assignment of a generation.
    Assignment { group: u32, generation: i32, value: Arc<GroupMetadataValue> },
    /// Answer the JoinGroup of a static member that came back under a new member id.
    StaticJoin { group: u32, member: Name, leader: Name },
    /// Report a marker.
    Marker(u64),
}

/// What a write does to the offsets once it is in the log.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    Records(Arc<RecordBatch>),
    Marker(ProducerId, TransactionResult),
}

/// A write that the broker was asked for and has not yet performed.
#[derive(Clone, Debug)]
pub(super) struct Unwritten {
    pub(super) ticket: Ticket,
    pub(super) effect: Effect,
    pub(super) then: Then,
}

/// A write in the log, not yet below the high watermark as far as the coordinator was told.
#[derive(Clone, Debug)]
pub(super) struct Uncommitted {
    pub(super) ticket: Ticket,
    /// The marker whose outcome somebody waits for.
    pub(super) marker: Option<u64>,
}

/// An answer that waits until everything up to a write is committed.
#[derive(Clone, Debug)]
struct Waiting {
    after: Ticket,
    deadline: Instant,
    then: Then,
}

/// The queues, all in log order. Because every answer may wait equally long (`offsets.commit.timeout.ms`), the order of
/// the log is also that of the deadlines.
#[derive(Clone, Debug)]
pub(super) struct Writes {
    pub(super) partition: u32,
    pub(super) epoch: CoordinatorEpoch,
    pub(super) unwritten: VecDeque<Unwritten>,
    pub(super) uncommitted: VecDeque<Uncommitted>,
    waiting: VecDeque<Waiting>,
    /// Whether a timer for the front of `waiting` is armed (perhaps for an earlier front: it is moved when it rings).
    armed: bool,
}

impl Writes {
    pub(super) fn new(partition: u32, epoch: CoordinatorEpoch) -> Writes {
        Writes {
            partition,
            epoch,
            unwritten: VecDeque::new(),
            uncommitted: VecDeque::new(),
            waiting: VecDeque::new(),
            armed: false,
        }
    }

    fn push(&mut self, env: &mut Env<'_>, entry: Entry, effect: Effect, then: Then, timeout: Span) {
        let ticket = env.serials.ticket(self.partition);
        env.out.appends.push(CoordinatorAppend {
            tp: TopicPartition::new(TopicId::CONSUMER_OFFSETS, self.partition),
            epoch: self.epoch,
            entry,
            check_min_isr: false,
            timeout,
            ticket,
        });
        self.unwritten.push_back(Unwritten { ticket, effect, then });
    }

    /// Writes records. The broker waits for the high watermark without limit: the coordinator itself ends the wait of
    /// whoever asked after `offsets.commit.timeout.ms`, but still has to learn that the records became stable.
    pub(super) fn records(
        &mut self,
        env: &mut Env<'_>,
        records: Vec<GroupLogRecord>,
        producer: Option<ProducerIdAndEpoch>,
        guard: Option<crate::log::VerificationGuard>,
        then: Then,
    ) {
        let id = producer.unwrap_or(ProducerIdAndEpoch::NONE);
        let batch = Arc::new(RecordBatch {
            base_offset: 0,
            last_offset_delta: records.len() as i32 - 1,
            leader_epoch: self.epoch,
            transactional: producer.is_some(),
            producer_id: id.id,
            producer_epoch: id.epoch,
            base_sequence: if producer.is_some() { 0 } else { NO_SEQUENCE },
            max_timestamp_ms: env.now.wall_ms,
            size: BATCH_OVERHEAD + records.iter().map(record_size).sum::<u32>(),
            payload: Payload::GroupLog(records.into()),
        });
        let entry = Entry::Batch(Arc::clone(&batch), guard);
        self.push(env, entry, Effect::Records(batch), then, Span::FOREVER);
    }

    /// Writes the membership of a group.
    pub(super) fn group(&mut self, env: &mut Env<'_>, id: &Name, value: Arc<GroupMetadataValue>, then: Then) {
        let record = GroupLogRecord::Group { group_id: Name::clone(id), value: Some(value) };
        self.records(env, vec![record], None, None, then);
    }

    /// Writes a marker. Here the broker ends the wait after `request.timeout.ms` (§1.9).
    pub(super) fn marker(&mut self, env: &mut Env<'_>, marker: EndMarker, token: u64) {
        let timeout = Span::from_millis(env.config.request_timeout_ms.into());
        let effect = Effect::Marker(marker.producer.id, marker.result);
        self.push(env, Entry::Marker(marker), effect, Then::Marker(token), timeout);
    }

    /// Takes a write that the broker has now performed.
    pub(super) fn take_unwritten(&mut self, ticket: Ticket) -> Option<Unwritten> {
        let at = self.unwritten.iter().position(|w| w.ticket == ticket)?;
        self.unwritten.remove(at)
    }

    /// A write entered the log.
    pub(super) fn written(&mut self, env: &mut Env<'_>, ticket: Ticket, then: Then) {
        let marker = if let Then::Marker(token) = then { Some(token) } else { None };
        self.uncommitted.push_back(Uncommitted { ticket, marker });
        if !matches!(then, Then::Nothing | Then::Marker(_)) {
            self.wait(env, ticket, then);
        }
    }

    fn wait(&mut self, env: &mut Env<'_>, after: Ticket, then: Then) {
        let deadline = env.now.mono + Span::from_millis(env.config.offsets_commit_timeout_ms.into());
        self.waiting.push_back(Waiting { after, deadline, then });
        self.arm(env);
    }

    fn arm(&mut self, env: &mut Env<'_>) {
        if let (false, Some(front)) = (self.armed, self.waiting.front()) {
            self.armed = true;
            env.timers.set(front.deadline, Timer::Replies { partition: self.partition });
        }
    }

    /// Holds `then` until everything written so far is committed. Gives it back if that is so already.
    pub(super) fn hold(&mut self, env: &mut Env<'_>, then: Then) -> Option<Then> {
        match self.uncommitted.back() {
            None => Some(then),
            Some(last) => {
                let after = last.ticket;
                self.wait(env, after, then);
                None
            }
        }
    }

    /// The high watermark passed `ticket`: what waited for it, in order.
    pub(super) fn next_committed(&mut self, ticket: Ticket) -> Option<Then> {
        if self.waiting.front()?.after > ticket {
            return None;
        }
        self.waiting.pop_front().map(|w| w.then)
    }

    /// The wait for `ticket` failed: what waited for exactly this write.
    pub(super) fn take_waiting(&mut self, ticket: Ticket) -> Option<Then> {
        let at = self.waiting.iter().position(|w| w.after == ticket)?;
        self.waiting.remove(at).map(|w| w.then)
    }

    /// Everything that waits, for a coordinator that gives up.
    pub(super) fn take_all(&mut self) -> Vec<Then> {
        self.waiting.drain(..).map(|w| w.then).collect()
    }

    /// The reply timer rang: what has waited long enough, in order.
    pub(super) fn next_timed_out(&mut self, env: &mut Env<'_>) -> Option<Then> {
        self.armed = false;
        if self.waiting.front().is_some_and(|w| w.deadline <= env.now.mono) {
            return self.waiting.pop_front().map(|w| w.then);
        }
        self.arm(env);
        None
    }
}

/// Bytes that a record counts for, roughly as Kafka's own encoding.
fn record_size(record: &GroupLogRecord) -> u32 {
    match record {
        GroupLogRecord::Offset { group_id, value, .. } => {
            40 + group_id.len() as u32 + value.as_ref().map_or(0, |v| 24 + v.metadata.len() as u32)
        }
        GroupLogRecord::Group { group_id, value } => {
            let member = |m: &GroupMemberValue| 60 + 8 * (m.assignment.len() + m.subscription.owned.len()) as u32;
            20 + group_id.len() as u32 + value.as_ref().map_or(0, |v| v.members.iter().map(member).sum::<u32>())
        }
    }
}

/// What the sender of a held OffsetFetch sees of a failed append: like [`shown`], but it would not retry 15 (§4.4).
pub(super) fn shown_to_reader(error: ErrorCode) -> ErrorCode {
    match shown(error) {
        ErrorCode::CoordinatorNotAvailable => ErrorCode::NotCoordinator,
        other => other,
    }
}

/// What the transaction coordinator that ordered a marker sees (§1.9).
pub(super) fn shown_to_marker_sender(error: ErrorCode) -> ErrorCode {
    use ErrorCode::*;
    match error {
        CoordinatorLoadInProgress | CoordinatorNotAvailable | NotCoordinator => NotLeaderOrFollower,
        other => other,
    }
}
