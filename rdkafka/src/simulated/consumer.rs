//! A consumer behind the API.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use fencepost_protocol::batch::{Blob, Value};
use fencepost_protocol::consumer::{CommitFailure, Consumer, ConsumerError, ConsumerEvent, Records};
use fencepost_protocol::ids::{NO_LEADER_EPOCH, Name, Offset, TopicId, TopicPartition};
use fencepost_protocol::io::{Client as _, Machine as _, NetInput};
use fencepost_protocol::message::{GroupMetadata, IsolationLevel, OffsetToCommit};
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::event as h;
use fencepost_sim::embed::{Embedded, ReaderWitness, Standing};
use fencepost_sim::evidence::Gone;

use super::entry::Turn;
use super::ledger::{Fact, Given};
use super::settings::ConsumerSettings;
use super::{Input, bytes, shared};
use crate::error::{KafkaError, RDKafkaErrorCode};
use crate::message::{Content, Headers as _, OwnedHeaders, Timestamp};

/// Something that the program is told within a poll.
#[derive(Clone, Debug)]
pub(crate) enum Notice {
    /// Partitions were added.
    Assigned(Vec<TopicPartition>),
    /// Partitions are about to be taken away: answer with [`ConsumerCore::revoked`].
    Revoking(Vec<TopicPartition>),
    /// Partitions were lost.
    Lost(Vec<TopicPartition>),
    /// A commit returned.
    Committed(Vec<OffsetToCommit>, Result<(), CommitFailure>),
    /// Something went wrong.
    Error(KafkaError),
}

/// What a poll gives.
pub(crate) enum Polled {
    Message(Content),
    Notice(Notice),
    Nothing,
}

pub(crate) struct ConsumerCore {
    machine: Consumer,
    settings: ConsumerSettings,
    client: u32,
    witness: ReaderWitness,
    group: Option<Arc<str>>,
    notices: VecDeque<Notice>,
    /// Next offset to be given to the program, of partitions of which it was given something.
    consumed: BTreeMap<TopicPartition, Offset>,
    /// What the next automatic commit commits.
    stored: BTreeMap<TopicPartition, (Offset, String)>,
    next_auto_commit: Instant,
    /// With the time at which they began, and whether the program asked for them.
    commits: BTreeMap<u64, (Instant, Vec<OffsetToCommit>, bool)>,
    results: BTreeMap<u64, Result<(), CommitFailure>>,
    /// Commits that somebody waits for.
    awaited: Vec<u64>,
    queries: BTreeMap<u64, Vec<(TopicPartition, Option<Offset>)>>,
    pub subscription: Vec<String>,
    pub lost: bool,
    /// Partitions whose end was told, with the offset.
    ends_told: BTreeMap<TopicPartition, Offset>,
    batch: Vec<Records>,
    names: BTreeMap<TopicId, Arc<str>>,
    /// The program was given a message and has not asked for another one since.
    in_hand: bool,
    closing: bool,
    closed: bool,
}

impl ConsumerCore {
    pub fn new(settings: ConsumerSettings, turn: &mut Turn<'_>, name: &str) -> ConsumerCore {
        let config = settings.config.clone();
        let group = config.group_id.as_ref().map(|g| turn.world.group(g));
        let isolation = match config.isolation_level {
            IsolationLevel::ReadCommitted => h::Isolation::ReadCommitted,
            IsolationLevel::ReadUncommitted => h::Isolation::ReadUncommitted,
        };
        let client = turn.world.declare(h::Client {
            name: name.to_string().into(),
            kind: h::ClientKind::Reader,
            isolation,
            group,
            ..h::Client::default()
        });
        if let (Some(_), Some(shared)) = (group, shared()) {
            shared.be_patient(i64::from(config.session_timeout_ms) + i64::from(config.max_poll_interval_ms));
        }
        let names = turn.world.plan().topics.iter().enumerate();
        let names = names.map(|(i, t)| (TopicId(i as u32 + 2), t.name.as_str().into())).collect();
        let mut machine = Consumer::new(config.clone(), turn.world.bootstrap());
        machine.set_auto_revoke(false);
        ConsumerCore {
            machine,
            client,
            witness: ReaderWitness::new(client, group),
            group: config.group_id.as_deref().map(Into::into),
            notices: VecDeque::new(),
            consumed: BTreeMap::new(),
            stored: BTreeMap::new(),
            next_auto_commit: Instant::NEVER,
            commits: BTreeMap::new(),
            results: BTreeMap::new(),
            awaited: Vec::new(),
            queries: BTreeMap::new(),
            subscription: Vec::new(),
            lost: false,
            ends_told: BTreeMap::new(),
            batch: Vec::new(),
            names,
            in_hand: false,
            closing: false,
            closed: false,
            settings,
        }
    }

    pub fn net(&mut self, input: NetInput, turn: &mut Turn<'_>) {
        self.machine.net(turn.now, input, turn.out);
    }

    pub fn wake(&mut self, turn: &mut Turn<'_>) {
        self.machine.wake(turn.now, turn.out);
        if turn.now.mono >= self.next_auto_commit {
            self.next_auto_commit = Instant::NEVER;
            self.commit_stored(turn);
        }
    }

    pub fn deadline(&self) -> Instant {
        if self.closed { Instant::NEVER } else { self.machine.next_deadline().min(self.next_auto_commit) }
    }

    pub fn standing(&self, _: Now) -> Standing {
        if self.closing {
            return Standing { busy: !self.closed, ..Standing::default() };
        }
        Standing {
            busy: false,
            positions: self.machine.assignment().map(|tp| (tp, self.processed(tp))).collect(),
            reads_committed: self.settings.config.isolation_level == IsolationLevel::ReadCommitted,
        }
    }

    /// As below, of a partition that it has as a member of that group.
    pub fn processed_for(&self, group: &str, tp: TopicPartition) -> Option<Offset> {
        let mine = self.group.as_deref() == Some(group) && self.machine.assignment().any(|a| a == tp);
        mine.then(|| self.processed(tp))
    }

    /// The position, or, where the group commits, what is committed if that is less than what the program was given.
    fn processed(&self, tp: TopicPartition) -> Offset {
        let position = self.machine.position(tp).unwrap_or(0);
        let committed = self.group.as_ref().and_then(|group| shared()?.committed(group, tp));
        match (committed, self.consumed.get(&tp)) {
            (Some(committed), Some(given)) if committed < *given => committed,
            _ => position,
        }
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub fn has_group(&self) -> bool {
        self.group.is_some()
    }

    pub fn is_cooperative(&self) -> bool {
        self.settings.config.assignor == fencepost_protocol::message::AssignorName::CooperativeSticky
    }

    /// What identifies the consumer in its group.
    pub fn group_metadata(&self) -> Option<GroupMetadata> {
        self.group.as_ref().map(|_| self.machine.group_metadata().clone())
    }

    // ---- assignment ------------------------------------------------------------------------------------------------

    fn note_subscription(&self, topics: impl Iterator<Item = TopicId>) {
        if let Some(shared) = shared() {
            shared.note_subscription(self.client, self.group.as_ref(), topics);
        }
    }

    pub fn is_member(&self, group: &str) -> bool {
        self.group.as_deref() == Some(group) && !self.closing
    }

    pub fn client(&self) -> u32 {
        self.client
    }

    pub fn has_in_hand(&self) -> bool {
        self.in_hand && !self.closing
    }

    pub fn subscribe(&mut self, topics: Vec<TopicId>, names: Vec<String>, turn: &mut Turn<'_>) {
        self.note_subscription(topics.iter().copied());
        self.subscription = names;
        self.machine.subscribe(turn.now, topics, turn.out);
    }

    pub fn assign(&mut self, partitions: Vec<(TopicPartition, Option<Offset>)>, turn: &mut Turn<'_>) {
        self.note_subscription(partitions.iter().map(|(tp, _)| tp.topic));
        let tps = partitions.iter().map(|(tp, _)| *tp).collect();
        self.machine.assign(turn.now, tps, turn.out);
        for (tp, offset) in partitions {
            if let Some(offset) = offset {
                self.machine.seek(turn.now, tp, offset, turn.out);
            }
        }
    }

    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.machine.assignment().collect()
    }

    /// The program has finished with partitions that are taken away.
    pub fn revoked(&mut self, turn: &mut Turn<'_>) {
        if self.settings.auto_commit && !self.stored.is_empty() {
            self.commit_stored(turn);
        }
        self.machine.revoked(turn.now, turn.out);
    }

    pub fn pause(&mut self, tp: TopicPartition) {
        self.machine.pause(tp);
    }

    pub fn resume(&mut self, tp: TopicPartition, turn: &mut Turn<'_>) {
        self.machine.resume(turn.now, tp, turn.out);
    }

    pub fn seek(&mut self, tp: TopicPartition, to: Offset, turn: &mut Turn<'_>) -> bool {
        if !self.assignment().contains(&tp) {
            return false;
        }
        self.consumed.remove(&tp);
        self.stored.remove(&tp);
        self.machine.seek(turn.now, tp, to, turn.out);
        true
    }

    pub fn end_offset(&self, tp: TopicPartition) -> Option<Offset> {
        self.machine.end_offset(tp)
    }

    /// Position of a partition of which the program was given something.
    pub fn consumed(&self, tp: TopicPartition) -> Option<Offset> {
        self.consumed.get(&tp).copied()
    }

    // ---- offsets ---------------------------------------------------------------------------------------------------

    pub fn store(&mut self, tp: TopicPartition, offset: Offset, metadata: &str, now: Now) {
        self.stored.insert(tp, (offset, metadata.to_string()));
        if self.settings.auto_commit && self.has_group() && self.next_auto_commit == Instant::NEVER {
            self.next_auto_commit = now.mono + Span::from_millis(self.settings.auto_commit_interval_ms);
        }
    }

    pub fn stored(&self) -> Vec<OffsetToCommit> {
        self.stored.iter().map(|(tp, (offset, metadata))| self.to_commit(*tp, *offset, metadata)).collect()
    }

    pub fn to_commit(&self, tp: TopicPartition, offset: Offset, metadata: &str) -> OffsetToCommit {
        let known = self.machine.position_to_commit(tp).filter(|p| p.offset == offset);
        let leader_epoch = known.map_or(NO_LEADER_EPOCH, |p| p.leader_epoch);
        OffsetToCommit { tp, offset, leader_epoch, metadata: Name::from(metadata) }
    }

    fn commit_stored(&mut self, turn: &mut Turn<'_>) {
        let assigned = self.assignment();
        let offsets: Vec<_> = self.stored().into_iter().filter(|o| assigned.contains(&o.tp)).collect();
        self.stored.clear();
        if !offsets.is_empty() && self.has_group() {
            let id = self.machine.commit(turn.now, offsets.clone(), turn.out);
            self.commits.insert(id, (turn.world.time(), offsets, false));
        }
    }

    /// Begins a commit.
    pub fn commit(&mut self, offsets: Vec<OffsetToCommit>, awaited: bool, turn: &mut Turn<'_>) -> u64 {
        let id = match awaited {
            true => self.machine.commit_sync(turn.now, offsets.clone(), turn.out),
            false => self.machine.commit(turn.now, offsets.clone(), turn.out),
        };
        self.commits.insert(id, (turn.world.time(), offsets, true));
        if awaited {
            self.awaited.push(id);
        }
        id
    }

    pub fn take_result(&mut self, id: u64) -> Option<Result<(), CommitFailure>> {
        self.results.remove(&id)
    }

    pub fn ask_committed(&mut self, tps: Vec<TopicPartition>, turn: &mut Turn<'_>) -> u64 {
        self.machine.committed(turn.now, tps, turn.out)
    }

    pub fn take_committed(&mut self, id: u64) -> Option<Vec<(TopicPartition, Option<Offset>)>> {
        self.queries.remove(&id)
    }

    // ---- polling ---------------------------------------------------------------------------------------------------

    /// One thing. Nothing leaves the program within its poll.
    pub fn poll(&mut self, turn: &mut Turn<'_>) -> Polled {
        self.in_hand = false;
        if let Some(notice) = self.notices.pop_front() {
            return Polled::Notice(notice);
        }
        self.batch.clear();
        let got = self.machine.poll(turn.now, 1, &mut self.batch, turn.out);
        self.listen(turn);
        if got == 0 {
            if let Some(notice) = self.notices.pop_front() {
                return Polled::Notice(notice);
            }
            return self.partition_end().map_or(Polled::Nothing, |p| Polled::Notice(Notice::Error(p)));
        }
        let records = self.batch.pop().expect("a poll that gives a record gives it");
        self.witness.records(turn.now, &records, turn.world);
        let tp = records.tp;
        let (offset, record) = records.iter().next().expect("it gave one");
        let (payload, headers) = without_headers(record.value.as_ref().map(Value::blob).as_ref());
        self.in_hand = true;
        let mut content = Content {
            payload,
            key: record.key.as_ref().map(bytes),
            topic: self.names.get(&tp.topic).cloned().unwrap_or_else(|| "?".into()),
            timestamp: Timestamp::CreateTime(record.timestamp_ms),
            partition: tp.partition as i32,
            offset,
            headers,
            input: None,
        };
        if let Some(shared) = shared() {
            let (process, group, client) = (turn.process, self.group.clone(), self.client);
            let given = Given { process, tp, offset, group, content: content.clone(), client };
            content.input = Some(Input(shared.ledger.borrow_mut().give(given)));
            shared.note_progress();
        }
        self.consumed.insert(tp, offset + 1);
        if self.settings.auto_store {
            self.store(tp, offset + 1, "", turn.now);
        }
        Polled::Message(content)
    }

    fn partition_end(&mut self) -> Option<KafkaError> {
        if !self.settings.partition_eof {
            return None;
        }
        let at_end = |core: &Self, tp| {
            let position = core.machine.position(tp)?;
            (core.machine.end_offset(tp)? <= position && core.ends_told.get(&tp) != Some(&position)).then_some(position)
        };
        let (tp, position) = self.assignment().into_iter().find_map(|tp| Some((tp, at_end(self, tp)?)))?;
        self.ends_told.insert(tp, position);
        Some(KafkaError::PartitionEOF(tp.partition as i32))
    }

    /// The program's poll has returned without anything.
    pub fn leave_poll(&mut self, now: Now) {
        self.machine.leave_poll(now);
    }

    pub fn listen(&mut self, turn: &mut Turn<'_>) -> bool {
        let mut news = false;
        while let Some(event) = self.machine.poll_event() {
            news = true;
            match &event {
                ConsumerEvent::Assigned { partitions, .. } => {
                    self.lost = false;
                    if !self.subscription.is_empty() {
                        self.notices.push_back(Notice::Assigned(partitions.clone()));
                    }
                }
                ConsumerEvent::Revoking { partitions } => {
                    self.notices.push_back(Notice::Revoking(partitions.clone()));
                }
                ConsumerEvent::Revoked { partitions } => self.forget(partitions),
                ConsumerEvent::Lost { partitions } => {
                    self.forget(partitions);
                    self.lost = true;
                    self.notices.push_back(Notice::Lost(partitions.clone()));
                }
                ConsumerEvent::CommitDone { id, result } => {
                    let (begun, offsets, asked) = self.commits.remove(id).unwrap_or_default();
                    if let (Ok(()), Some(group), Some(shared)) = (result, &self.group, shared()) {
                        shared.note_committed(group, &offsets, begun);
                        let offsets = offsets.iter().map(|o| (o.tp, o.offset)).collect();
                        let fact = if asked { Fact::Commits(offsets) } else { Fact::Passes(offsets) };
                        shared.ledger.borrow_mut().note(turn.process, fact);
                    }
                    match self.awaited.iter().position(|a| a == id) {
                        Some(index) => {
                            self.awaited.swap_remove(index);
                            self.results.insert(*id, *result);
                        }
                        None => self.notices.push_back(Notice::Committed(offsets, *result)),
                    }
                }
                ConsumerEvent::Committed { id, offsets } => {
                    let offsets = offsets.iter().map(|(tp, at)| (*tp, at.map(|(o, _)| o))).collect();
                    self.queries.insert(*id, offsets);
                }
                ConsumerEvent::PollTimeout => {
                    let code = RDKafkaErrorCode::PollExceeded;
                    self.notices.push_back(Notice::Error(KafkaError::MessageConsumption(code)));
                }
                ConsumerEvent::Fatal(error) => self.notices.push_back(Notice::Error(of_consumer(*error))),
                ConsumerEvent::Closed => self.closed = true,
                ConsumerEvent::PositionReset { .. }
                | ConsumerEvent::CommitBegun { .. }
                | ConsumerEvent::RecordsAvailable => {}
            }
            self.witness.event(turn.now, event, turn.world);
        }
        news
    }

    fn forget(&mut self, partitions: &[TopicPartition]) {
        for tp in partitions {
            self.consumed.remove(tp);
            self.stored.remove(tp);
        }
    }

    /// Commits what is stored, leaves the group.
    pub fn close(&mut self, turn: &mut Turn<'_>) {
        if std::mem::replace(&mut self.closing, true) {
            if self.machine.is_dead() {
                self.closed = true;
            }
            return;
        }
        if self.settings.auto_commit {
            self.commit_stored(turn);
        }
        self.machine.set_auto_revoke(true);
        self.machine.revoked(turn.now, turn.out);
        self.machine.close(turn.now, turn.out);
        self.listen(turn);
        self.closed |= self.machine.is_dead();
    }

    pub fn gone(&mut self, why: Gone, turn: &mut Turn<'_>) {
        self.closed = true;
        self.witness.gone(turn.now, why, turn.world);
    }
}

/// The ids of partitions of a list; `None` for those that do not exist.
pub(crate) fn partition_of(world: &Embedded, topic: &str, partition: i32) -> Option<TopicPartition> {
    let (id, count) = world.topic(topic)?;
    let partition = u32::try_from(partition).ok().filter(|p| *p < count)?;
    Some(TopicPartition::new(id, partition))
}

fn of_consumer(error: ConsumerError) -> KafkaError {
    use RDKafkaErrorCode as Code;
    match error {
        ConsumerError::NoOffsetForPartition(_) | ConsumerError::OffsetOutOfRange(_) => {
            KafkaError::MessageConsumption(Code::AutoOffsetReset)
        }
        ConsumerError::LogTruncation(..) => KafkaError::MessageConsumption(Code::LogTruncation),
        ConsumerError::Partition(_, code) => KafkaError::MessageConsumption(code.into()),
        ConsumerError::Group(code) => KafkaError::MessageConsumptionFatal(code.into()),
    }
}

// ---- headers -------------------------------------------------------------------------------------------------------

/// The model's records have no headers; those of a program travel within the value, behind this mark.
const MARK: &[u8; 16] = b"\0fencepost-hdrs\0";

/// A value with its headers.
pub(crate) fn with_headers(payload: Option<Arc<[u8]>>, headers: Option<&OwnedHeaders>) -> Option<Blob> {
    let Some(headers) = headers.filter(|h| h.count() > 0) else { return payload.map(Blob::Bytes) };
    let mut bytes = MARK.to_vec();
    let mut put = |part: Option<&[u8]>| {
        let length = part.map_or(u32::MAX, |p| p.len() as u32);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(part.unwrap_or_default());
    };
    put(Some(&(headers.count() as u32).to_le_bytes()));
    for header in headers.iter() {
        put(Some(header.key.as_bytes()));
        put(header.value);
    }
    put(payload.as_deref());
    Some(Blob::Bytes(bytes.into()))
}

/// The value and the headers.
fn without_headers(value: Option<&Blob>) -> (Option<Arc<[u8]>>, Option<OwnedHeaders>) {
    let Some(value) = value else { return (None, None) };
    let all = bytes(value);
    let Some(rest) = all.strip_prefix(MARK) else { return (Some(all), None) };
    let mut rest = rest;
    let mut take = || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length);
        if length == u32::MAX {
            rest = after;
            return Some(None);
        }
        let (part, after) = after.split_at_checked(length as usize)?;
        rest = after;
        Some(Some(part.to_vec()))
    };
    let mut read = || {
        let count = u32::from_le_bytes(take()??.try_into().ok()?);
        let mut headers = OwnedHeaders::new_with_capacity(count as usize);
        for _ in 0..count {
            let key = String::from_utf8(take()??).ok()?;
            let value = take()?;
            headers = headers.insert(crate::message::Header { key: &key, value: value.as_ref() });
        }
        Some((take()?, headers))
    };
    match read() {
        Some((payload, headers)) => (payload.map(Into::into), Some(headers)),
        None => (Some(all.clone()), None),
    }
}
