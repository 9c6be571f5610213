//! The part of a story that a history tells: transactions, fences, logs, and what is wrong with records in the end.

use std::collections::BTreeMap;

use super::{Batch, BatchKind, Fence, Flaw, Flawed, Fortune, Lane, Level, Story, Strip, Transaction};
use crate::history::Identity;
use crate::history::event as h;

/// A batch that a request brought to a leader and that may be appended later.
#[derive(Clone, Debug)]
struct Brought {
    strip: u32,
    pid: i64,
    epoch: i16,
    sequence: i32,
    count: u32,
    lane: u32,
    message: u32,
}

#[derive(Clone, Debug, Default)]
struct Client {
    lane: Option<u32>,
    producer: (i64, i16),
}

/// A record that was handed to `send()`.
#[derive(Clone, Copy, Debug)]
struct Sent {
    topic: u32,
    id: Identity,
    transaction: Option<u64>,
}

/// Takes a history and remembers what a story needs of it.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    lanes: Vec<Lane>,
    topics: BTreeMap<u32, u32>,
    /// Strips of internal topics, by topic and partition.
    internal: BTreeMap<(u32, u32), u32>,
    clients: BTreeMap<u32, Client>,
    strips: Vec<Strip>,
    ends: Vec<i64>,
    brought: Vec<Brought>,
    transactions: Vec<Transaction>,
    by_ordinal: BTreeMap<(u32, u32, u64), u32>,
    by_pid: BTreeMap<i64, Vec<u32>>,
    decided: Vec<bool>,
    fences: Vec<Fence>,
    sends: BTreeMap<(u32, u32, u64), Sent>,
    /// Acknowledged records: where, and in which transaction.
    acked: BTreeMap<(u32, Identity), (u32, i64, Option<u32>)>,
    reads: Vec<Vec<(i64, i64)>>,
    finals: BTreeMap<(u32, Identity), (u32, i64)>,
    /// Strips of the sinks, and what stands in them first for each record.
    sinks: BTreeMap<u32, u32>,
    effects: BTreeMap<(u32, Identity), i64>,
    judged: bool,
}

/// Candidates for a batch's origin that are kept at most.
const BROUGHT: usize = 256;

impl Chronicle {
    /// A chronicle of a run of these nodes.
    pub fn new(lanes: Vec<Lane>) -> Chronicle {
        Chronicle { lanes, ..Chronicle::default() }
    }

    /// Index of a node, or of the process whose client it is: `billing/producer-1` is one of `billing`'s.
    pub fn lane(&self, name: &str) -> Option<u32> {
        let find = |name: &str| self.lanes.iter().position(|lane| lane.name == name).map(|n| n as u32);
        find(name).or_else(|| name.split_once('/').and_then(|(process, _)| find(process)))
    }

    /// Index of a partition's strip; internal topics have none.
    pub fn strip(&self, topic: u32, partition: u32) -> Option<u32> {
        self.topics.get(&topic).map(|first| first + partition)
    }

    /// Indices of the strips of sinks.
    pub fn strips_of_sinks(&self) -> impl Iterator<Item = u32> + '_ {
        self.sinks.values().copied()
    }

    /// Index of the strip of an internal topic's partition, if something was appended to it.
    pub fn internal_strip(&self, topic: u32, partition: u32) -> Option<u32> {
        self.internal.get(&(topic, partition)).copied()
    }

    /// A batch was appended to a partition of an internal topic.
    pub fn stored(&mut self, topic: u32, partition: u32, name: impl FnOnce() -> String, batch: Batch) {
        let next = self.strips.len() as u32;
        let at = *self.internal.entry((topic, partition)).or_insert(next);
        if at == next {
            self.strips.push(Strip { name: name(), internal: true, ..Strip::default() });
            self.ends.push(0);
            self.reads.push(Vec::new());
        }
        self.append(at, batch);
    }

    /// The strip of an index.
    pub fn strip_mut(&mut self, strip: u32) -> &mut Strip {
        &mut self.strips[strip as usize]
    }

    /// A request of `lane` brought a batch to a leader.
    pub fn brings(&mut self, strip: u32, producer: (i64, i16), sequence: i32, count: u32, lane: u32, message: u32) {
        if self.brought.len() == BROUGHT {
            self.brought.remove(0);
        }
        let (pid, epoch) = producer;
        self.brought.push(Brought { strip, pid, epoch, sequence, count, lane, message });
    }

    /// Gives what it knows to a story.
    pub fn tell(mut self, story: &mut Story) {
        self.find_losses();
        story.lanes = self.lanes;
        story.strips = self.strips;
        story.transactions = self.transactions;
        story.fences = self.fences;
    }

    fn at(&self, at: h::Partition) -> Option<u32> {
        self.strip(at.topic, at.partition)
    }

    fn transaction_of(&self, pid: i64, epoch: i16) -> Option<u32> {
        let list = self.by_pid.get(&pid)?;
        let fits = |n: &&u32| self.transactions[**n as usize].epoch == epoch;
        list.iter().rev().find(fits).or(list.last()).copied()
    }

    fn begin(&mut self, e: &h::Begin) {
        let client = self.clients.entry(e.c).or_default();
        let Some(lane) = client.lane else { return };
        let (pid, epoch) = client.producer;
        let index = self.transactions.len() as u32;
        self.by_ordinal.insert((e.c, e.i, e.n), index);
        self.by_pid.entry(pid).or_default().push(index);
        self.decided.push(false);
        let (ordinal, incarnation, begin) = (e.n, e.i, e.t);
        self.transactions.push(Transaction { lane, ordinal, incarnation, pid, epoch, begin, ..Transaction::default() });
    }

    /// A transaction is over: at its last marker, or when its end is told where no marker was seen.
    fn over(&mut self, index: u32, t: u64, commit: Option<bool>, marker: bool) {
        let transaction = &mut self.transactions[index as usize];
        let end = transaction.end.get_or_insert(t);
        if marker {
            *end = t;
        }
        if let Some(commit) = commit {
            transaction.fortune = if commit { Fortune::Committed } else { Fortune::Aborted };
        }
    }

    fn decide(&mut self, e: &h::Decided) {
        let Some(list) = self.by_pid.get(&e.pid) else { return };
        let Some(index) = list.iter().copied().find(|n| !self.decided[*n as usize]) else { return };
        self.decided[index as usize] = true;
        self.over(index, e.t, Some(e.commit), false);
    }

    fn appended(&mut self, e: &h::Appended) {
        let Some(at) = self.at(e.at) else { return };
        let mut batch = Batch {
            t: e.t,
            base: e.base,
            count: e.count,
            pid: e.pid,
            epoch: e.epoch,
            sequence: e.sequence,
            leader_epoch: e.leader_epoch,
            ..Batch::default()
        };
        match e.kind {
            h::BatchKind::Data | h::BatchKind::TxnData => {
                let fits = |b: &Brought| {
                    (b.strip, b.pid, b.epoch, b.sequence, b.count) == (at, e.pid, e.epoch, e.sequence, e.count)
                };
                if let Some(found) = self.brought.iter().rposition(fits) {
                    let brought = self.brought.remove(found);
                    batch.lane = Some(brought.lane);
                    batch.message = Some(brought.message);
                }
                if e.kind == h::BatchKind::TxnData {
                    batch.kind = BatchKind::Transactional;
                    batch.transaction = self.transaction_of(e.pid, e.epoch);
                }
            }
            h::BatchKind::CommitMarker => batch.kind = BatchKind::Commit,
            h::BatchKind::AbortMarker => batch.kind = BatchKind::Abort,
        }
        self.append(at, batch);
    }

    /// Puts a batch at the end of a strip; a marker decides what its producer wrote before.
    fn append(&mut self, at: u32, mut batch: Batch) {
        let strip = &mut self.strips[at as usize];
        let end = &mut self.ends[at as usize];
        if batch.base < *end {
            // The new leader did not have it: the log was truncated to here.
            for old in strip.batches.iter_mut().rev().take_while(|b| b.base + i64::from(b.count) > batch.base) {
                old.gone.get_or_insert(batch.t);
            }
        }
        *end = batch.base + i64::from(batch.count);
        if matches!(batch.kind, BatchKind::Commit | BatchKind::Abort) {
            let commit = batch.kind == BatchKind::Commit;
            let open = |b: &&mut Batch| b.kind == BatchKind::Transactional && b.pid == batch.pid && b.gone.is_none();
            for data in strip.batches.iter_mut().rev().filter(open).take_while(|b| b.decided.is_none()) {
                data.decided = Some((batch.t, commit));
                batch.transaction = batch.transaction.or(data.transaction);
                batch.lane = batch.lane.or(data.lane);
            }
            if let Some(index) = batch.transaction {
                let known = self.transactions[index as usize].fortune != Fortune::Open;
                self.over(index, batch.t, (!known).then_some(commit), true);
            }
        }
        self.strips[at as usize].batches.push(batch);
    }

    fn read(&mut self, at: h::Partition, offset: i64) {
        let Some(at) = self.at(at) else { return };
        let ranges = &mut self.reads[at as usize];
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == offset => *last = offset,
            _ => ranges.push((offset, offset)),
        }
    }

    fn final_record(&mut self, e: &h::Final) {
        self.judged = true;
        let Some(at) = self.at(e.at) else { return };
        if !e.visible {
            if self.reads[at as usize].iter().any(|(first, last)| (*first..=*last).contains(&e.offset)) {
                self.flaw(at, Flaw::Leaked, e.offset, None);
            }
            return;
        }
        match self.finals.get(&(e.at.topic, e.id)).copied() {
            None => {
                self.finals.insert((e.at.topic, e.id), (at, e.offset));
            }
            Some(original) => self.flaw(at, Flaw::Duplicate, e.offset, Some(original)),
        }
    }

    fn effect(&mut self, e: &h::SinkFinal) {
        let Some(at) = self.sinks.get(&e.sink).copied() else { return };
        let (n, t) = (e.n as i64, e.done.unwrap_or(0));
        let lane = e.c.and_then(|c| self.clients.get(&c)).and_then(|client| client.lane);
        let strip = &mut self.strips[at as usize];
        match strip.batches.last_mut() {
            Some(last) if last.t == t && last.lane == lane && last.base + i64::from(last.count) == n => last.count += 1,
            _ => {
                let (pid, epoch, sequence, count) = (-1, -1, -1, 1);
                strip.batches.push(Batch { t, base: n, count, lane, pid, epoch, sequence, ..Batch::default() });
            }
        }
        strip.levels.push(Level { t, hw: n + 1, lso: n + 1 });
        let first = *self.effects.entry((e.sink, e.id)).or_insert(n);
        if first != n {
            self.flaw(at, Flaw::Duplicate, n, Some((at, first)));
        }
    }

    fn flaw(&mut self, at: u32, flaw: Flaw, offset: i64, of: Option<(u32, i64)>) {
        let flaws = &mut self.strips[at as usize].flaws;
        if let Some(last) = flaws.last_mut()
            && last.flaw == flaw
            && last.last + 1 == offset
            && last.of.map(|(strip, first)| (strip, first + offset - last.first)) == of
        {
            last.last = offset;
            return;
        }
        flaws.push(Flawed { flaw, first: offset, last: offset, of });
    }

    /// What was acknowledged, and committed if it was part of a transaction, and is not there.
    fn find_losses(&mut self) {
        if !self.judged {
            return;
        }
        let mut lost: Vec<(u32, i64)> = Vec::new();
        for (key, (at, offset, transaction)) in &self.acked {
            let stands = transaction.is_none_or(|n| self.transactions[n as usize].fortune == Fortune::Committed);
            if stands && *offset >= 0 && !self.finals.contains_key(key) {
                lost.push((*at, *offset));
            }
        }
        lost.sort_unstable();
        for (at, offset) in lost {
            self.flaw(at, Flaw::Lost, offset, None);
        }
    }
}

impl h::Sink for Chronicle {
    fn event(&mut self, event: &h::Event<'_>) {
        match event {
            h::Event::Topic(e) if !e.internal => {
                self.topics.insert(e.id, self.strips.len() as u32);
                for partition in 0..e.partitions {
                    self.strips.push(Strip { name: format!("{}-{partition}", e.name), ..Strip::default() });
                    self.ends.push(0);
                    self.reads.push(Vec::new());
                }
            }
            h::Event::Sink(e) => {
                self.sinks.insert(e.id, self.strips.len() as u32);
                self.strips.push(Strip { name: e.name.to_string(), holds: Some(e.kind), ..Strip::default() });
                self.ends.push(0);
                self.reads.push(Vec::new());
            }
            h::Event::SinkFinal(e) => self.effect(e),
            h::Event::Client(e) => {
                let lane = self.lane(&e.name);
                self.clients.insert(e.id, Client { lane, producer: (-1, -1) });
            }
            h::Event::Epoch(e) => self.clients.entry(e.c).or_default().producer = (e.pid, e.epoch),
            h::Event::Begin(e) => self.begin(e),
            h::Event::Ending(e) => {
                if let Some(index) = self.by_ordinal.get(&(e.c, e.i, e.n)) {
                    self.transactions[*index as usize].ending = Some(e.t);
                }
            }
            h::Event::Ended(e) => {
                if let Some(index) = self.by_ordinal.get(&(e.c, e.i, e.n)).copied() {
                    let known = (e.outcome == h::Outcome::Ok).then_some(e.commit);
                    self.over(index, e.t, known, false);
                }
            }
            h::Event::Fenced(e) => {
                if let Some(lane) = self.clients.get(&e.c).and_then(|c| c.lane) {
                    self.fences.push(Fence { lane, t: e.t, error: e.error.to_string() });
                }
            }
            h::Event::Decided(e) => self.decide(e),
            h::Event::Appended(e) => self.appended(e),
            h::Event::Send(e) => {
                self.sends.insert((e.c, e.i, e.op), Sent { topic: e.topic, id: e.id, transaction: e.n });
            }
            h::Event::Ack(e) => {
                if let Some(Sent { topic, id, transaction }) = self.sends.remove(&(e.c, e.i, e.op))
                    && let Some(at) = self.at(e.at)
                {
                    let transaction = transaction.and_then(|n| self.by_ordinal.get(&(e.c, e.i, n)).copied());
                    self.acked.insert((topic, id), (at, e.offset, transaction));
                }
            }
            h::Event::Fail(e) | h::Event::Unknown(e) => {
                self.sends.remove(&(e.c, e.i, e.op));
            }
            h::Event::Read(e) => self.read(e.at, e.offset),
            h::Event::Final(e) => self.final_record(e),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Sink;

    const AT: h::Partition = h::Partition::new(2, 0);

    fn chronicle() -> Chronicle {
        let lanes = vec![Lane { name: "bank".into(), ..Lane::default() }];
        let mut chronicle = Chronicle::new(lanes);
        let topic = h::Topic { id: 2, name: "out".into(), partitions: 1, ..h::Topic::default() };
        chronicle.event(&h::Event::Topic(topic));
        let client = h::Client { id: 0, name: "bank".into(), ..h::Client::default() };
        chronicle.event(&h::Event::Client(Box::new(client)));
        chronicle.event(&h::Event::Epoch(h::Epoch { t: 0, c: 0, i: 0, pid: 7, epoch: 1 }));
        chronicle
    }

    fn append(t: u64, base: i64, count: u32, kind: h::BatchKind) -> h::Event<'static> {
        let (pid, epoch, sequence, leader_epoch) = (7, 1, 0, 0);
        h::Event::Appended(h::Appended { t, at: AT, base, count, pid, epoch, sequence, leader_epoch, kind })
    }

    fn last(offset: i64, record: i64, visible: bool) -> h::Event<'static> {
        let id = Identity::of_workload(0, record);
        h::Event::Final(h::Final { at: AT, offset, id, pid: 7, epoch: 1, visible, value: None })
    }

    fn told(chronicle: Chronicle) -> Story {
        let mut story = Story::default();
        chronicle.tell(&mut story);
        story
    }

    #[test]
    fn a_marker_decides_the_batches_of_its_producer_before_it_and_ends_the_bar() {
        let mut c = chronicle();
        c.event(&h::Event::Begin(h::Begin { t: 5, c: 0, i: 0, n: 0 }));
        c.brings(0, (7, 1), 0, 10, 0, 3);
        c.event(&append(6, 0, 10, h::BatchKind::TxnData));
        c.event(&append(9, 10, 1, h::BatchKind::AbortMarker));
        let story = told(c);
        let batch = &story.strips[0].batches[0];
        assert_eq!((batch.decided, batch.transaction), (Some((9, false)), Some(0)));
        assert_eq!((batch.lane, batch.message), (Some(0), Some(3)));
        assert_eq!((story.transactions[0].end, story.transactions[0].fortune), (Some(9), Fortune::Aborted));
    }

    #[test]
    fn copies_are_marked_as_one_run_with_their_original_and_unread_aborted_records_are_not_leaks() {
        let mut c = chronicle();
        let id = |n| Identity::of_workload(0, n);
        c.event(&h::Event::Read(h::Read { t: 1, c: 0, i: 0, at: AT, offset: 5, id: id(5), value: None }));
        for (offset, record, visible) in
            [(0, 0, true), (1, 1, true), (2, 0, true), (3, 1, true), (4, 4, false), (5, 5, false)]
        {
            c.event(&last(offset, record, visible));
        }
        let flaws = told(c).strips[0].flaws.clone();
        let duplicate = Flawed { flaw: Flaw::Duplicate, first: 2, last: 3, of: Some((0, 0)) };
        assert_eq!(flaws, [duplicate, Flawed { flaw: Flaw::Leaked, first: 5, last: 5, of: None }]);
    }

    #[test]
    fn an_append_below_the_end_shows_that_what_was_there_is_gone_and_acknowledged_records_are_lost() {
        let mut c = chronicle();
        let id = Identity::of_workload(0, 0);
        c.event(&h::Event::Send(h::Send {
            t: 1,
            c: 0,
            i: 0,
            op: 0,
            topic: 2,
            partition: None,
            id,
            n: None,
            value: None,
        }));
        c.event(&append(2, 0, 2, h::BatchKind::Data));
        c.event(&h::Event::Ack(h::Ack { t: 3, c: 0, i: 0, op: 0, at: AT, offset: 1 }));
        c.event(&append(4, 1, 1, h::BatchKind::Data));
        c.event(&last(1, 9, true));
        let story = told(c);
        assert_eq!(story.strips[0].batches[0].gone, Some(4));
        assert_eq!(story.strips[0].flaws, [Flawed { flaw: Flaw::Lost, first: 1, last: 1, of: None }]);
    }
}
