//! Editing a history: what goes, what comes, what changes, in one pass and in the order of time.

use std::collections::{BTreeMap, BTreeSet};

use fencepost_reports::history::event::*;

use crate::near::Stored;
use crate::past::{Past, Sent};

/// Workload of records that no client of the scenario sends.
const FRESH: u32 = 9_999;

/// Changes of one history, by places in it as it was.
pub struct Edit<'p> {
    pub past: &'p Past,
    gone: BTreeSet<usize>,
    changed: BTreeMap<usize, Event<'static>>,
    before: BTreeMap<usize, Vec<Event<'static>>>,
    after: BTreeMap<usize, Vec<Event<'static>>>,
    ends: BTreeMap<Partition, End>,
    /// The client that sends fresh records, once there is one, and how many it sent.
    writer: Option<(u32, u64)>,
}

impl<'p> Edit<'p> {
    pub fn new(past: &'p Past) -> Edit<'p> {
        let (gone, changed) = (BTreeSet::new(), BTreeMap::new());
        let (before, after, ends) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Edit { past, gone, changed, before, after, ends, writer: None }
    }

    pub fn remove(&mut self, at: usize) -> &mut Self {
        self.gone.insert(at);
        self
    }

    pub fn change(&mut self, at: usize, event: Event<'static>) -> &mut Self {
        self.changed.insert(at, event);
        self
    }

    pub fn insert_before(&mut self, at: usize, event: Event<'static>) -> &mut Self {
        self.before.entry(at).or_default().push(event);
        self
    }

    pub fn insert_after(&mut self, at: usize, event: Event<'static>) -> &mut Self {
        self.after.entry(at).or_default().push(event);
        self
    }

    /// As the last thing that happens before the final read.
    pub fn append(&mut self, event: Event<'static>) -> &mut Self {
        let closing = self.past.closing;
        self.insert_before(closing, event)
    }

    /// The time of what is appended.
    pub fn now(&self) -> u64 {
        self.past.time(self.past.closing)
    }

    /// The end of a partition, as far as it has been edited.
    pub fn end(&self, at: Partition) -> End {
        self.ends.get(&at).copied().unwrap_or(self.past.ends[&at].1)
    }

    pub fn set_end(&mut self, end: End) -> &mut Self {
        self.ends.insert(end.at, end);
        self.change(self.past.ends[&end.at].0, Event::End(end))
    }

    /// The end of a partition goes one on; the offset that became free.
    fn extend(&mut self, at: Partition) -> i64 {
        let end = self.end(at);
        self.set_end(End { lso: end.lso + 1, hw: end.hw + 1, leo: end.leo + 1, ..end });
        end.leo
    }

    /// The last line of a partition's final read.
    fn last_line(&self, at: Partition) -> usize {
        self.past.finals.get(&at).and_then(|f| f.last()).map_or(self.past.ends[&at].0, |(index, _)| *index)
    }

    fn leader_epoch(&self, at: Partition) -> i32 {
        self.past.appended.get(&at).and_then(|log| log.last()).map_or(0, |(_, b)| b.leader_epoch)
    }

    /// A record at the end of a log that nobody's producer id is on, in the broker's log and in the final read, and read by
    /// readers without a group; its offset.
    pub fn store(&mut self, at: Partition, id: Identity, value: Option<u64>) -> i64 {
        self.store_as(at, id, value, (-1, -1, -1))
    }

    /// The same of a producer: its id, epoch and sequence.
    pub fn store_as(&mut self, at: Partition, id: Identity, value: Option<u64>, who: (i64, i16, i32)) -> i64 {
        let (t, base, leader_epoch) = (self.now(), self.extend(at), self.leader_epoch(at));
        let ((pid, epoch, sequence), kind) = (who, BatchKind::Data);
        if !self.past.appended.is_empty() {
            let batch = Appended { t, at, base, count: 1, pid, epoch, sequence, leader_epoch, kind };
            self.append(Event::Appended(batch));
        }
        let line = Final { at, offset: base, id, pid, epoch, visible: true, value };
        self.insert_after(self.last_line(at), Event::Final(line));
        base
    }

    /// A batch of one record, whatever it is.
    pub fn store_of(&mut self, at: Partition, what: Stored) -> i64 {
        let (t, base, leader_epoch) = (self.now(), self.extend(at), self.leader_epoch(at));
        let ((pid, epoch, sequence), kind) = (what.who, what.kind);
        if !self.past.appended.is_empty() {
            let batch = Appended { t, at, base, count: 1, pid, epoch, sequence, leader_epoch, kind };
            self.append(Event::Appended(batch));
        }
        let line = Final { at, offset: base, id: what.id, pid, epoch, visible: what.visible, value: what.value };
        self.insert_after(self.last_line(at), Event::Final(line));
        base
    }

    /// A marker at the end of a log.
    pub fn mark(&mut self, at: Partition, (pid, epoch): (i64, i16), commit: bool) {
        let (t, base, leader_epoch) = (self.now(), self.extend(at), self.leader_epoch(at));
        let kind = if commit { BatchKind::CommitMarker } else { BatchKind::AbortMarker };
        if !self.past.appended.is_empty() {
            self.append(Event::Appended(Appended {
                t,
                at,
                base,
                count: 1,
                pid,
                epoch,
                sequence: -1,
                leader_epoch,
                kind,
            }));
        }
    }

    /// The same where brokers' logs are not in the history.
    pub fn store_blind(&mut self, at: Partition, id: Identity, value: Option<u64>, who: (i64, i16)) -> i64 {
        let offset = self.extend(at);
        let line = Final { at, offset, id, pid: who.0, epoch: who.1, visible: true, value };
        self.insert_after(self.last_line(at), Event::Final(line));
        offset
    }

    /// Readers without a group are given what is at that offset.
    pub fn give(&mut self, at: Partition, offset: i64, id: Identity, value: Option<u64>) {
        for c in self.past.loners(at.topic) {
            let (t, i) = (self.now(), self.past.last_incarnation(c));
            self.append(Event::Read(Read { t, c, i, at, offset, id, value }));
        }
    }

    /// A client that is not of the scenario; its number.
    pub fn declare(&mut self, client: Client<'static>) -> u32 {
        let id = self.past.clients.keys().max().map_or(0, |c| c + 1) + u32::from(self.writer.is_some());
        let last = self.past.events.iter().rposition(|e| matches!(e, Event::Client(_))).expect("a history has clients");
        self.insert_after(last, Event::Client(Box::new(Client { id, transaction_version: 2, ..client })));
        id
    }

    /// A record that a client which is not of the scenario sends in the end, acknowledged, and not read by anybody;
    /// its identity and offset.
    pub fn fresh(&mut self, at: Partition) -> (Identity, i64) {
        let (c, op) = match self.writer {
            Some(writer) => writer,
            None => {
                let outputs = self.past.outputs();
                let c = self.declare(Client { name: "latecomer".into(), outputs, ..Client::default() });
                self.append(Event::Started(Started { t: self.now(), c, i: 0 }));
                (c, 0)
            }
        };
        self.writer = Some((c, op + 1));
        let (t, id) = (self.now(), Identity::of_workload(FRESH, op as i64));
        let value = self.past.has_values.then(|| crate::values::of_workload(id));
        let partition = Some(at.partition);
        self.append(Event::Send(Send { t, c, i: 0, op, topic: at.topic, partition, id, n: None, value }));
        let offset = self.store(at, id, value);
        self.append(Event::Ack(Ack { t, c, i: 0, op, at, offset }));
        (id, offset)
    }

    /// Nobody was given what is at that offset.
    pub fn unread(&mut self, at: Partition, offset: i64) -> &mut Self {
        for (index, _) in self.past.reads_at(at, offset) {
            self.remove(index);
        }
        self
    }

    /// No reader at read_committed was given what is at that offset.
    pub fn unread_committed(&mut self, at: Partition, offset: i64) -> &mut Self {
        for (index, read) in self.past.reads_at(at, offset) {
            if self.past.clients[&read.c].isolation == Isolation::ReadCommitted {
                self.remove(index);
            }
        }
        self
    }

    /// A record is not in the log: neither in the final read, nor was anybody given it.
    pub fn unstore(&mut self, sent: &Sent) -> &mut Self {
        let (at, offset) = sent.place.expect("it was acknowledged with its offset");
        self.remove(sent.found.expect("it is in the final read"));
        self.unread(at, offset)
    }

    /// The history without what only a broker's own logs can tell.
    pub fn blind(&mut self) -> &mut Self {
        for (at, event) in self.past.events.iter().enumerate() {
            if matches!(event, Event::Appended(_) | Event::Decided(_) | Event::OffsetMoved(_) | Event::Replica(_)) {
                self.gone.insert(at);
            }
        }
        self
    }

    /// The edited history.
    pub fn done(&self) -> Vec<Event<'static>> {
        let mut events = Vec::with_capacity(self.past.events.len() + 16);
        for (at, event) in self.past.events.iter().enumerate() {
            events.extend(self.before.get(&at).into_iter().flatten().cloned());
            if !self.gone.contains(&at) {
                events.push(self.changed.get(&at).unwrap_or(event).clone());
            }
            events.extend(self.after.get(&at).into_iter().flatten().cloned());
        }
        let beyond = self.before.get(&self.past.events.len()).into_iter().flatten();
        events.extend(beyond.cloned());
        events
    }
}
