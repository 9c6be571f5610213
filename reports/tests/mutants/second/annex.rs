//! A small system beside a real history: topics, groups and clients of its own, whose whole story is told after everything
//! that the history has, and whose final read stands before the history's.

use std::collections::BTreeMap;

use fencepost_reports::history::event::*;

use crate::dice::Dice;
use crate::kinds::{Mutant, Needle};
use crate::past::Past;
use crate::values::of_workload;

/// Workload of the annex's own records.
const WORKLOAD: u32 = 6_666;

/// What becomes of a record in the final read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Visible,
    Hidden,
    Open,
}

#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub id: Identity,
    pub value: Option<u64>,
    pub pid: i64,
    pub epoch: i16,
    pub state: State,
}

#[derive(Clone, Debug, Default)]
pub struct Log {
    pub entries: BTreeMap<i64, Entry>,
    pub start: i64,
    pub leo: i64,
    /// Where it is not what the open entries make it.
    pub lso: Option<i64>,
    pub leader_epoch: i32,
}

/// A client's numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Who {
    pub i: u32,
    pub op: u64,
    pub n: u64,
    pub commits: u64,
    pub applies: u64,
    pub pid: i64,
    pub epoch: i16,
}

pub struct Annex<'p> {
    past: &'p Past,
    dice: Dice,
    site: String,
    now: u64,
    preamble: Vec<Event<'static>>,
    events: Vec<Event<'static>>,
    tail: Vec<Event<'static>>,
    names: BTreeMap<u32, String>,
    clients: BTreeMap<u32, (String, Who)>,
    pub logs: BTreeMap<Partition, Log>,
    rows: BTreeMap<u32, Vec<(Identity, u32)>>,
    sequences: BTreeMap<(i64, i16, Partition), i32>,
    /// Whether the brokers' own logs are told.
    pub white: bool,
    values: bool,
    records: i64,
    groups: u32,
    pids: i64,
}

impl<'p> Annex<'p> {
    pub fn new(past: &'p Past, dice: &mut Dice) -> Annex<'p> {
        let mut own = Dice::new("annex", dice.next());
        let values = own.one_in(2);
        let records = own.below(1_000_000) as i64;
        Annex {
            past,
            site: format!("{records}"),
            dice: own,
            now: past.time(past.closing),
            preamble: Vec::new(),
            events: Vec::new(),
            tail: Vec::new(),
            names: BTreeMap::new(),
            clients: BTreeMap::new(),
            logs: BTreeMap::new(),
            rows: BTreeMap::new(),
            sequences: BTreeMap::new(),
            white: true,
            values,
            records,
            groups: 0,
            pids: 800_000,
        }
    }

    /// A number from 0 to below `n`, which becomes part of the site.
    pub fn draw(&mut self, n: usize) -> usize {
        let drawn = self.dice.below(n);
        self.site += &format!(" {drawn}");
        drawn
    }

    /// As many, but at least one and at most `most`.
    pub fn some(&mut self, most: usize) -> usize {
        1 + self.draw(most)
    }

    pub fn topic(&mut self, name: &str, partitions: u32) -> u32 {
        self.topic_as(Topic { name: name.to_string().into(), partitions, ..Topic::default() })
    }

    pub fn topic_as(&mut self, topic: Topic<'static>) -> u32 {
        let id = self.past.topics.keys().max().map_or(0, |id| id + 1) + self.names.len() as u32;
        let name = format!("annex-{}", topic.name);
        for partition in 0..topic.partitions {
            self.logs.insert(Partition::new(id, partition), Log::default());
        }
        self.preamble.push(Event::Topic(Topic { id, name: name.clone().into(), ..topic }));
        self.preamble.push(Event::Promise(Promise { topic: Some(id), ..Promise::default() }));
        self.names.insert(id, name);
        id
    }

    /// A topic of one partition that is promised at least once.
    pub fn topic_at_least_once(&mut self, name: &str) -> u32 {
        let id = self.topic(name, 1);
        self.preamble.pop();
        let (topic, guarantee) = (Some(id), Guarantee::AtLeastOnce);
        self.preamble.push(Event::Promise(Promise { topic, guarantee, ..Promise::default() }));
        id
    }

    pub fn group(&mut self, name: &str) -> u32 {
        let id = self.past.groups.keys().max().map_or(0, |id| id + 1) + self.groups;
        self.groups += 1;
        self.preamble.push(Event::Group(Group { id, name: format!("annex-{name}").into() }));
        id
    }

    pub fn sink(&mut self, name: &str, kind: SinkKind, announced_in: Option<u32>) -> u32 {
        let id = self.past.sinks.keys().max().map_or(0, |id| id + 1) + self.rows.len() as u32;
        let sink = ExternalSink { id, name: format!("annex-{name}").into(), kind, announced_in };
        self.preamble.push(Event::Sink(sink));
        self.preamble.push(Event::Promise(Promise { sink: Some(id), ..Promise::default() }));
        self.rows.insert(id, Vec::new());
        id
    }

    /// A client that has not started.
    pub fn idle(&mut self, client: Client<'static>) -> u32 {
        let id = self.past.clients.keys().max().map_or(0, |id| id + 1) + self.clients.len() as u32;
        let name = format!("annex-{}", client.name);
        let transactional_id = client.transactional_id.clone().map(|id| Text::from(format!("annex-{id}")));
        let client = Client { id, name: name.clone().into(), transactional_id, transaction_version: 2, ..client };
        self.preamble.push(Event::Client(Box::new(client)));
        self.clients.insert(id, (name, Who { pid: -1, epoch: -1, ..Who::default() }));
        id
    }

    pub fn client(&mut self, client: Client<'static>) -> u32 {
        let c = self.idle(client);
        self.start(c);
        c
    }

    /// A plain producer.
    pub fn producer(&mut self, name: &'static str, outputs: &[u32]) -> u32 {
        self.client(Client { name: name.into(), outputs: outputs.to_vec(), ..Client::default() })
    }

    /// An idempotent producer, with its id.
    pub fn meter(&mut self, name: &'static str, outputs: &[u32]) -> u32 {
        let (name, outputs) = (name.into(), outputs.to_vec());
        let c = self.client(Client { name, outputs, idempotent: true, ..Client::default() });
        self.initialise(c);
        c
    }

    /// A transactional producer, with its id.
    pub fn bank(&mut self, name: &'static str, outputs: &[u32]) -> u32 {
        let c = self.client(Client {
            name: name.into(),
            outputs: outputs.to_vec(),
            idempotent: true,
            transactional_id: Some(name.into()),
            ..Client::default()
        });
        self.initialise(c);
        c
    }

    /// A reader without a group, at the beginning of all partitions of its topics.
    pub fn reader(&mut self, name: &'static str, isolation: Isolation, inputs: &[u32]) -> u32 {
        let (kind, inputs) = (ClientKind::Reader, inputs.to_vec());
        let c = self.client(Client { name: name.into(), kind, isolation, inputs: inputs.clone(), ..Client::default() });
        let here: Vec<Partition> = self.logs.keys().filter(|at| inputs.contains(&at.topic)).copied().collect();
        for at in here {
            self.own(c, at, None);
            self.position(c, at, 0, PositionReason::Reset);
        }
        c
    }

    /// A member of a group that neither writes nor has sinks.
    pub fn member(&mut self, name: &'static str, group: u32, input: u32) -> u32 {
        let (kind, inputs, group) = (ClientKind::Reader, vec![input], Some(group));
        self.client(Client { name: name.into(), kind, inputs, group, ..Client::default() })
    }

    pub fn who(&self, c: u32) -> Who {
        self.clients[&c].1
    }

    pub fn whose(&mut self, c: u32) -> &mut Who {
        &mut self.clients.get_mut(&c).expect("it is of the annex").1
    }

    pub fn name(&self, c: u32) -> String {
        self.clients[&c].0.clone()
    }

    pub fn topic_name(&self, topic: u32) -> String {
        self.names[&topic].clone()
    }

    /// What the script changed, to be filled with what must be named.
    pub fn found(&self) -> Mutant {
        Mutant { events: Vec::new(), site: String::new(), needles: Vec::new(), count: None }
    }

    pub fn partition_needle(&self, at: Partition) -> Needle {
        Needle::Partition(self.topic_name(at.topic), at.partition)
    }

    pub fn tell(&mut self, event: impl FnOnce(u64) -> Event<'static>) {
        self.now += 1_000;
        let event = event(self.now);
        let white = matches!(event, Event::Appended(_) | Event::Decided(_) | Event::OffsetMoved(_));
        if self.white || !white {
            self.events.push(event);
        }
    }

    /// A line after the final read of the annex's partitions.
    pub fn tell_last(&mut self, event: Event<'static>) {
        self.tail.push(event);
    }

    pub fn wait(&mut self, nanoseconds: u64) {
        self.now += nanoseconds;
    }

    pub fn start(&mut self, c: u32) {
        let i = self.who(c).i;
        self.tell(|t| Event::Started(Started { t, c, i }));
    }

    pub fn stop(&mut self, c: u32, reason: StopReason, text: &'static str) {
        let i = self.who(c).i;
        self.tell(|t| Event::Stopped(Stopped { t, c, i, reason, text: text.into() }));
    }

    /// Killed, and begun anew.
    pub fn restart(&mut self, c: u32) {
        self.stop(c, StopReason::Killed, "");
        let Who { i, pid, epoch, .. } = self.who(c);
        *self.whose(c) = Who { i: i + 1, pid, epoch, ..Who::default() };
        self.start(c);
    }

    /// The client gets a producer id of its own.
    pub fn initialise(&mut self, c: u32) {
        self.pids += 1;
        let pid = self.pids;
        self.whose(c).pid = pid;
        self.epoch(c, 0);
    }

    pub fn epoch(&mut self, c: u32, epoch: i16) {
        self.whose(c).epoch = epoch;
        let Who { i, pid, .. } = self.who(c);
        self.tell(|t| Event::Epoch(Epoch { t, c, i, pid, epoch }));
    }

    pub fn fresh(&mut self) -> Identity {
        self.records += 1;
        Identity::of_workload(WORKLOAD, self.records)
    }

    pub fn value(&self, id: Identity) -> Option<u64> {
        self.values.then(|| of_workload(id))
    }

    pub fn send_value(&mut self, c: u32, topic: u32, id: Identity, n: Option<u64>, value: Option<u64>) -> u64 {
        let Who { i, op, .. } = self.who(c);
        self.whose(c).op += 1;
        self.tell(|t| Event::Send(Send { t, c, i, op, topic, partition: None, id, n, value }));
        op
    }

    pub fn send(&mut self, c: u32, topic: u32, id: Identity, n: Option<u64>) -> u64 {
        let value = if id.is_workload() { self.value(id) } else { None };
        self.send_value(c, topic, id, n, value)
    }

    pub fn ack(&mut self, c: u32, op: u64, at: Partition, offset: i64) {
        let i = self.who(c).i;
        self.tell(|t| Event::Ack(Ack { t, c, i, op, at, offset }));
    }

    pub fn unknown(&mut self, c: u32, op: u64) {
        let i = self.who(c).i;
        self.tell(|t| Event::Unknown(SendError { t, c, i, op, error: "REQUEST_TIMED_OUT".into() }));
    }

    pub fn fail(&mut self, c: u32, op: u64, error: &'static str) {
        let i = self.who(c).i;
        self.tell(|t| Event::Fail(SendError { t, c, i, op, error: error.into() }));
    }

    /// What comes next of that producer in that log.
    pub fn sequence(&mut self, pid: i64, epoch: i16, at: Partition) -> &mut i32 {
        self.sequences.entry((pid, epoch, at)).or_insert(0)
    }

    /// A batch in the broker's log; its first offset.
    pub fn batch(
        &mut self,
        at: Partition,
        count: u32,
        (pid, epoch, sequence): (i64, i16, i32),
        kind: BatchKind,
    ) -> i64 {
        let log = self.logs.get_mut(&at).expect("it is of the annex");
        let (base, leader_epoch) = (log.leo, log.leader_epoch);
        log.leo += i64::from(count);
        self.tell(|t| Event::Appended(Appended { t, at, base, count, pid, epoch, sequence, leader_epoch, kind }));
        base
    }

    pub fn append(&mut self, at: Partition, id: Identity, state: State, (pid, epoch): (i64, i16)) -> i64 {
        let value = if id.is_workload() { self.value(id) } else { None };
        self.append_value(at, id, value, state, (pid, epoch))
    }

    /// A record in a batch of its own, with the sequence that is due.
    pub fn append_value(
        &mut self,
        at: Partition,
        id: Identity,
        value: Option<u64>,
        state: State,
        (pid, epoch): (i64, i16),
    ) -> i64 {
        let sequence = if pid < 0 {
            -1
        } else {
            let next = self.sequence(pid, epoch, at);
            *next += 1;
            *next - 1
        };
        let kind = if state == State::Visible { BatchKind::Data } else { BatchKind::TxnData };
        let offset = self.batch(at, 1, (pid, epoch, sequence), kind);
        self.store(at, offset, Entry { id, value, pid, epoch, state });
        offset
    }

    /// What the final read has there, whatever brokers' logs say.
    pub fn store(&mut self, at: Partition, offset: i64, entry: Entry) {
        self.logs.get_mut(&at).expect("it is of the annex").entries.insert(offset, entry);
    }

    pub fn entry(&mut self, at: Partition, offset: i64) -> &mut Entry {
        self.logs.get_mut(&at).and_then(|log| log.entries.get_mut(&offset)).expect("it was stored")
    }

    /// A record outside transactions, acknowledged.
    pub fn put(&mut self, c: u32, at: Partition) -> (Identity, i64) {
        let id = self.fresh();
        (id, self.put_as(c, at, id))
    }

    pub fn put_as(&mut self, c: u32, at: Partition, id: Identity) -> i64 {
        let op = self.send(c, at.topic, id, None);
        let Who { pid, epoch, .. } = self.who(c);
        let offset = self.append(at, id, State::Visible, (pid, epoch));
        self.ack(c, op, at, offset);
        offset
    }

    pub fn begin(&mut self, c: u32) {
        self.whose(c).n += 1;
        let Who { i, n, .. } = self.who(c);
        self.tell(|t| Event::Begin(Begin { t, c, i, n }));
    }

    /// A record within the transaction, acknowledged.
    pub fn add(&mut self, c: u32, at: Partition) -> (Identity, i64) {
        let id = self.fresh();
        (id, self.add_as(c, at, id))
    }

    pub fn add_as(&mut self, c: u32, at: Partition, id: Identity) -> i64 {
        let Who { n, pid, epoch, .. } = self.who(c);
        let op = self.send(c, at.topic, id, Some(n));
        let offset = self.append(at, id, State::Open, (pid, epoch));
        self.ack(c, op, at, offset);
        offset
    }

    pub fn ending(&mut self, c: u32, commit: bool) {
        let Who { i, n, .. } = self.who(c);
        self.tell(|t| Event::Ending(Ending { t, c, i, n, commit }));
    }

    /// The coordinator's decision, under the next epoch.
    pub fn decide(&mut self, c: u32, commit: bool, cause: DecisionCause) {
        let Who { pid, epoch, .. } = self.who(c);
        self.tell(|t| Event::Decided(Decided { t, c, pid, epoch: epoch + 1, commit, cause }));
    }

    /// A marker of the client's next epoch: its open records there are settled.
    pub fn mark(&mut self, c: u32, at: Partition, commit: bool) {
        let Who { pid, epoch, .. } = self.who(c);
        self.settle(c, at, commit);
        let kind = if commit { BatchKind::CommitMarker } else { BatchKind::AbortMarker };
        self.batch(at, 1, (pid, epoch + 1, -1), kind);
    }

    /// The client's open records there are visible or hidden from now on.
    pub fn settle(&mut self, c: u32, at: Partition, commit: bool) {
        let pid = self.who(c).pid;
        for entry in self.logs.get_mut(&at).expect("it is of the annex").entries.values_mut() {
            if entry.pid == pid && entry.state == State::Open {
                entry.state = if commit { State::Visible } else { State::Hidden };
            }
        }
    }

    pub fn ended(&mut self, c: u32, commit: bool, outcome: Outcome) {
        let Who { i, n, .. } = self.who(c);
        let error = if outcome == Outcome::Ok { "" } else { "REQUEST_TIMED_OUT" };
        self.tell(|t| Event::Ended(Ended { t, c, i, n, commit, outcome, error: error.into() }));
    }

    /// The whole end of a transaction, as it was asked for and as it was carried out.
    pub fn end_as(&mut self, c: u32, partitions: &[Partition], asked: bool, done: bool, outcome: Outcome) {
        self.ending(c, asked);
        self.decide(c, done, DecisionCause::Request);
        for at in partitions {
            self.mark(c, *at, done);
        }
        self.ended(c, asked, outcome);
        let epoch = self.who(c).epoch + 1;
        self.epoch(c, epoch);
    }

    pub fn end(&mut self, c: u32, partitions: &[Partition], commit: bool) {
        self.end_as(c, partitions, commit, commit, Outcome::Ok);
    }

    /// A transaction with one record in each of those partitions, committed.
    pub fn transaction(&mut self, c: u32, partitions: &[Partition]) -> Vec<(Identity, i64)> {
        self.begin(c);
        let added = partitions.iter().map(|at| self.add(c, *at)).collect();
        self.end(c, partitions, true);
        added
    }

    pub fn own(&mut self, c: u32, at: Partition, generation: Option<i32>) {
        let i = self.who(c).i;
        self.tell(|t| Event::Assigned(Assignment { t, c, i, at, generation }));
    }

    pub fn lose(&mut self, c: u32, at: Partition, generation: Option<i32>) {
        let i = self.who(c).i;
        self.tell(|t| Event::Revoked(Assignment { t, c, i, at, generation }));
    }

    pub fn position(&mut self, c: u32, at: Partition, position: i64, reason: PositionReason) {
        let i = self.who(c).i;
        self.tell(|t| Event::Position(Position { t, c, i, at, position, reason }));
    }

    pub fn read(&mut self, c: u32, at: Partition, offset: i64) {
        let (i, Entry { id, value, .. }) = (self.who(c).i, *self.entry(at, offset));
        self.tell(|t| Event::Read(Read { t, c, i, at, offset, id, value }));
    }

    /// Visible records from one offset on, to before another.
    pub fn visible(&self, at: Partition, from: i64, to: i64) -> Vec<i64> {
        let here = self.logs[&at].entries.range(from..to.max(from));
        here.filter(|(_, e)| e.state == State::Visible).map(|(offset, _)| *offset).collect()
    }

    /// The client is given what is visible from there on.
    pub fn read_on(&mut self, c: u32, at: Partition, from: i64, to: i64) {
        for offset in self.visible(at, from, to) {
            self.read(c, at, offset);
        }
    }

    /// All of a topic.
    pub fn read_all(&mut self, c: u32, topic: u32) {
        let here: Vec<(Partition, i64)> =
            self.logs.iter().filter(|(at, _)| at.topic == topic).map(|(at, log)| (*at, log.leo)).collect();
        for (at, leo) in here {
            self.read_on(c, at, 0, leo);
        }
    }

    pub fn moved(&mut self, group: u32, at: Partition, offset: i64, cause: MoveCause) {
        self.tell(|t| Event::OffsetMoved(OffsetMoved { t, group, at, offset, cause }));
    }

    /// An offset commit that is answered `ok`; where it lands is told apart.
    pub fn commit_to(&mut self, c: u32, group: u32, at: Partition, next: i64, landed: Option<(u32, Partition)>) {
        let Who { i, commits: op, .. } = self.who(c);
        self.whose(c).commits += 1;
        self.tell(|t| Event::Commit(Commit { t, c, i, op, group, at, next }));
        if let Some((group, at)) = landed {
            self.moved(group, at, next, MoveCause::Commit { c, i, generation: None });
        }
        let (outcome, error) = (Outcome::Ok, Text::from(""));
        self.tell(|t| Event::CommitResult(CommitResult { t, c, i, op, outcome, error }));
    }

    pub fn commit(&mut self, c: u32, group: u32, at: Partition, next: i64) {
        self.commit_to(c, group, at, next, Some((group, at)));
    }

    pub fn txn_offsets(&mut self, c: u32, group: u32, at: Partition, next: i64) {
        let Who { i, n, .. } = self.who(c);
        self.tell(|t| Event::TxnOffsets(TxnOffsets { t, c, i, n, group, at, next }));
    }

    pub fn apply(&mut self, c: u32, sink: u32, id: Identity) -> u64 {
        let Who { i, applies: op, .. } = self.who(c);
        self.whose(c).applies += 1;
        self.tell(|t| Event::Apply(Apply { t, c, i, op, sink, id }));
        op
    }

    pub fn applied(&mut self, c: u32, op: u64, outcome: Outcome, already: bool) {
        let i = self.who(c).i;
        let error = if outcome == Outcome::Ok { "" } else { "REQUEST_TIMED_OUT" };
        self.tell(|t| Event::Applied(Applied { t, c, i, op, outcome, already, error: error.into() }));
    }

    /// It is in the sink.
    pub fn row(&mut self, sink: u32, id: Identity, c: u32) {
        self.rows.get_mut(&sink).expect("it is of the annex").push((id, c));
    }

    /// The whole history, and what was drawn for it.
    pub fn finish(mut self) -> Option<(Vec<Event<'static>>, String)> {
        let past = self.past;
        let (t, by) = (self.now, self.now - past.time(past.closing));
        let first = past.events.iter().position(|e| e.time().is_some())?;
        let mut events: Vec<Event<'static>> = past.events[..first].to_vec();
        events.append(&mut self.preamble);
        events.extend(past.events[first..past.closing].iter().cloned());
        events.append(&mut self.events);
        for (at, log) in &self.logs {
            let open = log.entries.iter().find(|(_, e)| e.state == State::Open).map(|(offset, _)| *offset);
            let (start, leo) = (log.start, log.leo);
            let lso = log.lso.unwrap_or(open.unwrap_or(leo));
            events.push(Event::End(End { t, at: *at, start, lso, hw: leo, leo }));
            for (offset, e) in log.entries.iter().filter(|(offset, _)| **offset >= start) {
                let (offset, visible) = (*offset, e.state == State::Visible);
                let Entry { id, value, pid, epoch, .. } = *e;
                events.push(Event::Final(Final { at: *at, offset, id, pid, epoch, visible, value }));
            }
        }
        events.append(&mut self.tail);
        for (sink, rows) in &self.rows {
            events.push(Event::SinkEnd(SinkEnd { t, sink: *sink }));
            for (n, (id, c)) in (0..).zip(rows) {
                events.push(Event::SinkFinal(SinkFinal { sink: *sink, n, id: *id, done: None, c: Some(*c) }));
            }
        }
        for event in &past.events[past.closing..] {
            events.push(later(event, by)?);
        }
        Some((events, self.site))
    }
}

/// A line of the final read, at a later time; none of what belongs elsewhere.
fn later(event: &Event<'static>, by: u64) -> Option<Event<'static>> {
    let mut event = event.clone();
    match &mut event {
        Event::End(e) => e.t += by,
        Event::SinkEnd(e) => e.t += by,
        Event::SinkOffset(e) => e.t += by,
        Event::Undrained(e) => e.t += by,
        other => return other.time().is_none().then_some(event),
    }
    Some(event)
}
