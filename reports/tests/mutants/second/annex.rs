//! A small system beside a real history: topics, groups and clients of its own, whose whole story is told after everything
//! that the history has, and whose final read stands before the history's.

use std::collections::BTreeMap;

use fencepost_reports::history::event::*;

use crate::dice::Dice;
use crate::kinds::{Mutant, Needle};
use crate::past::Past;

/// Workload of the annex's own records.
pub const WORKLOAD: u32 = 6_666;

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

/// An effect in a sink in the end.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub n: u64,
    pub id: Identity,
    pub c: u32,
}

pub struct Annex<'p> {
    past: &'p Past,
    dice: Dice,
    site: String,
    pub(super) now: u64,
    preamble: Vec<Event<'static>>,
    events: Vec<Event<'static>>,
    tail: Vec<Event<'static>>,
    names: BTreeMap<u32, String>,
    clients: BTreeMap<u32, (String, Who)>,
    pub logs: BTreeMap<Partition, Log>,
    pub(super) rows: BTreeMap<u32, Vec<Row>>,
    pub(super) sequences: BTreeMap<(i64, i16, Partition), i32>,
    /// Whether the brokers' own logs are told.
    pub white: bool,
    pub(super) values: bool,
    /// Whether decisions are told after their markers, as the history does it beside which the annex stands.
    pub(super) decides_last: bool,
    pub(super) records: i64,
    groups: u32,
    pub(super) pids: i64,
}

impl<'p> Annex<'p> {
    pub fn new(past: &'p Past, dice: &mut Dice) -> Annex<'p> {
        let mut own = Dice::new("annex", dice.next());
        let values = own.one_in(2);
        let records = own.below(1_000_000) as i64;
        let decides_last = past.decides_last().unwrap_or(records % 2 == 0);
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
            decides_last,
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
        let transaction_version = if client.transaction_version == 0 { 2 } else { client.transaction_version };
        let client = Client { id, name: name.clone().into(), transactional_id, transaction_version, ..client };
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
        self.bank_of(name, outputs, 2)
    }

    /// The same of a transaction version.
    pub fn bank_of(&mut self, name: &'static str, outputs: &[u32], transaction_version: u8) -> u32 {
        let c = self.client(Client {
            name: name.into(),
            outputs: outputs.to_vec(),
            idempotent: true,
            transactional_id: Some(name.into()),
            transaction_version,
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
            for Row { n, id, c } in rows.iter().copied() {
                events.push(Event::SinkFinal(SinkFinal { sink: *sink, n, id, done: None, c: Some(c) }));
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
