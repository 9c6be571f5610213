//! A small honest system that is driven by random commands: producers of three sorts, an exactly-once or a plain job whose members
//! come and go, a reader, a connector with its offsets in its table, and the brokers' logs of all of it. Whatever happens to it,
//! its history is legal.

use std::collections::BTreeMap;

use fencepost_reports::history::event::*;

use crate::dice::Dice;
use crate::values;

const ORDERS: [Partition; 2] = [Partition::new(0, 0), Partition::new(0, 1)];
const INVOICES: Partition = Partition::new(1, 0);
const AUDIT: Partition = Partition::new(2, 0);

const TILL: u32 = 0;
const METER: u32 = 1;
const BANK: u32 = 2;
const JOB: [u32; 2] = [3, 4];
const READER: u32 = 5;
const BOOKS: u32 = 6;
const CLIENTS: [&str; 7] = ["till", "meter", "bank", "job-1", "job-2", "reader", "books"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Visible,
    /// Of the client's open transaction.
    Open(u32),
    Aborted,
    Marker,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: Identity,
    state: State,
    pid: i64,
    epoch: i16,
}

/// The producing side of a client.
#[derive(Clone, Copy, Debug, Default)]
struct Producer {
    pid: i64,
    epoch: i16,
    incarnation: u32,
    op: u64,
    txn: u64,
    commit: u64,
}

struct Town {
    now: u64,
    events: Vec<Event<'static>>,
    logs: BTreeMap<Partition, Vec<Entry>>,
    leader_epochs: BTreeMap<Partition, i32>,
    sequences: BTreeMap<(i64, i16, Partition), i32>,
    clients: [Producer; 7],
    exactly_once: bool,
    skips: bool,
    /// Next record of each workload.
    workload: [i64; 3],
    /// Aborted records of the bank, to be sent again.
    again: Vec<(Identity, Partition)>,
    generation: i32,
    owners: [usize; 2],
    /// Where the job has committed, and where it reads.
    committed: [i64; 2],
    positions: [i64; 2],
    reader: BTreeMap<Partition, i64>,
    rows: Vec<Identity>,
    applies: u64,
    kept: i64,
}

/// The history of so many commands; where the job `skips`, it declares some inputs as skipped.
pub fn history(seed: u64, commands: usize, skips: bool) -> Vec<Event<'static>> {
    let mut dice = Dice::new("town", seed);
    let mut town = Town::new(!seed.is_multiple_of(3));
    town.skips = skips;
    for _ in 0..commands {
        town.step(&mut dice);
    }
    town.rest();
    let mut events = town.finish();
    if seed.is_multiple_of(2) {
        values::add(&mut events, seed as usize / 2);
    }
    events
}

impl Town {
    fn new(exactly_once: bool) -> Town {
        let logs = [ORDERS[0], ORDERS[1], INVOICES, AUDIT].map(|at| (at, Vec::new()));
        let mut clients = [Producer { pid: -1, epoch: -1, ..Producer::default() }; 7];
        for c in [METER, BANK, JOB[0], JOB[1]] {
            clients[c as usize] = Producer { pid: 10 * i64::from(c), ..Producer::default() };
        }
        let mut town = Town {
            now: 0,
            events: Vec::new(),
            leader_epochs: logs.iter().map(|(at, _)| (*at, 0)).collect(),
            logs: logs.into_iter().collect(),
            sequences: BTreeMap::new(),
            clients,
            exactly_once,
            skips: false,
            workload: [0; 3],
            again: Vec::new(),
            generation: 1,
            owners: [0, 1],
            committed: [-1; 2],
            positions: [0; 2],
            reader: BTreeMap::new(),
            rows: Vec::new(),
            applies: 0,
            kept: 0,
        };
        town.declare();
        for c in 0..7 {
            town.start(c);
        }
        for (n, at) in ORDERS.into_iter().enumerate() {
            town.own(n, at);
        }
        for at in [INVOICES, AUDIT] {
            town.tell(|t| Event::Assigned(Assignment { t, c: READER, i: 0, at, generation: None }));
            town.seek(at, 0, PositionReason::Reset);
        }
        let i = 0;
        town.tell(|t| Event::Assigned(Assignment { t, c: BOOKS, i, at: AUDIT, generation: Some(1) }));
        let reason = PositionReason::Reset;
        town.tell(|t| Event::Position(Position { t, c: BOOKS, i, at: AUDIT, position: 0, reason }));
        // The table, at least, is put to the test in every town.
        town.measure(true);
        town
    }

    fn declare(&mut self) {
        for (id, (name, partitions)) in [("orders", 2), ("invoices", 1), ("audit", 1)].into_iter().enumerate() {
            // A town in which nothing was sent anywhere is not put to the test, and is no near miss for that.
            let (id, may_be_empty) = (id as u32, true);
            self.events.push(Event::Topic(Topic {
                id,
                name: name.into(),
                partitions,
                may_be_empty,
                ..Topic::default()
            }));
        }
        for (id, name) in [(0, "job"), (1, "books")] {
            self.events.push(Event::Group(Group { id, name: name.into() }));
        }
        let sink = ExternalSink { id: 0, name: "db.audit".into(), kind: SinkKind::Rows, announced_in: None };
        self.events.push(Event::Sink(sink));
        for (id, name) in (0..).zip(CLIENTS) {
            let mut client = Client { id, name: name.into(), transaction_version: 2, ..Client::default() };
            match id {
                TILL => client.outputs = vec![0],
                METER => (client.outputs, client.idempotent) = (vec![2], true),
                BANK => {
                    (client.outputs, client.idempotent) = (vec![0], true);
                    client.transactional_id = Some(name.into());
                }
                READER => (client.kind, client.inputs) = (ClientKind::Reader, vec![1, 2]),
                BOOKS => {
                    (client.kind, client.inputs, client.sinks) = (ClientKind::Reader, vec![2], vec![0]);
                    (client.group, client.guarantee) = (Some(1), Guarantee::AtLeastOnce);
                }
                _ => {
                    (client.kind, client.inputs, client.outputs) = (ClientKind::Pipeline, vec![0], vec![1]);
                    (client.group, client.stage, client.outputs_per_input) = (Some(0), 1, 1);
                    if self.exactly_once {
                        (client.transactional_id, client.idempotent) = (Some(name.into()), true);
                    } else {
                        client.guarantee = Guarantee::AtLeastOnce;
                    }
                }
            }
            self.events.push(Event::Client(Box::new(client)));
        }
    }

    fn tell(&mut self, event: impl FnOnce(u64) -> Event<'static>) {
        self.now += 1;
        self.events.push(event(self.now));
    }

    fn has_epoch(&self, c: u32) -> bool {
        [METER, BANK].contains(&c) || (JOB.contains(&c) && self.exactly_once)
    }

    fn start(&mut self, c: u32) {
        let Producer { incarnation: i, pid, epoch, .. } = self.clients[c as usize];
        self.tell(|t| Event::Started(Started { t, c, i }));
        if self.has_epoch(c) {
            self.tell(|t| Event::Epoch(Epoch { t, c, i, pid, epoch }));
        }
    }

    /// Appends a batch of one; its offset.
    fn append(&mut self, at: Partition, id: Identity, state: State, (pid, epoch): (i64, i16), kind: BatchKind) -> i64 {
        let sequence = match kind {
            BatchKind::CommitMarker | BatchKind::AbortMarker => -1,
            _ if pid < 0 => -1,
            _ => {
                let next = self.sequences.entry((pid, epoch, at)).or_insert(0);
                *next += 1;
                *next - 1
            }
        };
        let log = self.logs.get_mut(&at).expect("it exists");
        log.push(Entry { id, state, pid, epoch });
        let (base, leader_epoch) = (log.len() as i64 - 1, self.leader_epochs[&at]);
        self.tell(|t| Event::Appended(Appended { t, at, base, count: 1, pid, epoch, sequence, leader_epoch, kind }));
        base
    }

    fn lso(&self, at: Partition) -> i64 {
        let log = &self.logs[&at];
        log.iter().position(|e| matches!(e.state, State::Open(_))).unwrap_or(log.len()) as i64
    }

    /// What a reader at read_committed is given from an offset on, at most so many.
    fn visible(&self, at: Partition, from: i64, most: usize) -> Vec<(i64, Identity)> {
        let upto = self.lso(at);
        let log = self.logs[&at].iter().enumerate().map(|(n, e)| (n as i64, e));
        let seen = log.filter(|(n, e)| *n >= from && *n < upto && e.state == State::Visible);
        seen.map(|(n, e)| (n, e.id)).take(most).collect()
    }

    fn send(&mut self, c: u32, at: Partition, id: Identity, n: Option<u64>) -> u64 {
        let client = &mut self.clients[c as usize];
        let (i, op) = (client.incarnation, client.op);
        client.op += 1;
        let partition = Some(at.partition);
        self.tell(|t| Event::Send(Send { t, c, i, op, topic: at.topic, partition, id, n, value: None }));
        op
    }

    fn ack(&mut self, c: u32, op: u64, at: Partition, offset: i64) {
        let i = self.clients[c as usize].incarnation;
        self.tell(|t| Event::Ack(Ack { t, c, i, op, at, offset }));
    }

    fn refuse(&mut self, c: u32, op: u64, certain: bool) {
        let i = self.clients[c as usize].incarnation;
        let error = SendError { t: self.now, c, i, op, error: "REQUEST_TIMED_OUT".into() };
        self.events.push(if certain { Event::Fail(error) } else { Event::Unknown(error) });
    }

    fn next(&mut self, workload: usize) -> Identity {
        self.workload[workload] += 1;
        Identity::of_workload(workload as u32, self.workload[workload] - 1)
    }

    fn step(&mut self, dice: &mut Dice) {
        match dice.below(20) {
            0..5 => self.till(dice),
            5..8 => self.meter(dice),
            8..12 => self.bank(dice),
            12..16 => self.job(dice.below(2), 1 + dice.below(4), dice),
            16 => self.read(1 + dice.below(6), dice),
            17 => self.books(1 + dice.below(5), dice),
            18 => self.rebalance(dice),
            _ => {
                let at = [ORDERS[0], ORDERS[1], INVOICES, AUDIT][dice.below(4)];
                *self.leader_epochs.get_mut(&at).expect("it exists") += 1;
            }
        }
    }

    /// A plain producer: answered, or not, stored, or not, sent again where it failed for certain.
    fn till(&mut self, dice: &mut Dice) {
        let (at, id) = (ORDERS[dice.below(2)], self.next(0));
        for _ in 0..2 {
            let op = self.send(TILL, at, id, None);
            match dice.below(8) {
                0 => self.refuse(TILL, op, false),
                1 => {
                    self.refuse(TILL, op, true);
                    continue;
                }
                outcome => {
                    let offset = self.append(at, id, State::Visible, (-1, -1), BatchKind::Data);
                    match outcome {
                        2 => self.refuse(TILL, op, false),
                        3 => self.ack(TILL, op, at, -1),
                        _ => self.ack(TILL, op, at, offset),
                    }
                }
            }
            return;
        }
    }

    /// An idempotent producer: it raises its epoch after a record of unknown outcome that is not there.
    fn meter(&mut self, dice: &mut Dice) {
        self.measure(!dice.one_in(8));
    }

    fn measure(&mut self, answered: bool) {
        let id = self.next(1);
        let op = self.send(METER, AUDIT, id, None);
        let Producer { pid, epoch, incarnation: i, .. } = self.clients[METER as usize];
        if !answered {
            self.refuse(METER, op, false);
            self.clients[METER as usize].epoch += 1;
            return self.tell(|t| Event::Epoch(Epoch { t, c: METER, i, pid, epoch: epoch + 1 }));
        }
        let offset = self.append(AUDIT, id, State::Visible, (pid, epoch), BatchKind::Data);
        self.ack(METER, op, AUDIT, offset);
    }

    fn begin(&mut self, c: u32) -> u64 {
        let client = &mut self.clients[c as usize];
        client.txn += 1;
        let (n, i) = (client.txn, client.incarnation);
        self.tell(|t| Event::Begin(Begin { t, c, i, n }));
        n
    }

    /// The coordinator's side of an end: decision and markers, under the next epoch.
    fn decide(&mut self, c: u32, partitions: &[Partition], commit: bool, cause: DecisionCause) {
        let Producer { pid, epoch, .. } = self.clients[c as usize];
        self.clients[c as usize].epoch += 1;
        self.tell(|t| Event::Decided(Decided { t, c, pid, epoch: epoch + 1, commit, cause }));
        let kind = if commit { BatchKind::CommitMarker } else { BatchKind::AbortMarker };
        for at in partitions {
            for entry in self.logs.get_mut(at).expect("it exists") {
                if entry.state == State::Open(c) {
                    entry.state = if commit { State::Visible } else { State::Aborted };
                }
            }
            self.append(*at, Identity::default(), State::Marker, (pid, epoch + 1), kind);
        }
    }

    fn ending(&mut self, c: u32, n: u64, commit: bool) {
        let i = self.clients[c as usize].incarnation;
        self.tell(|t| Event::Ending(Ending { t, c, i, n, commit }));
    }

    fn ended(&mut self, c: u32, n: u64, commit: bool, outcome: Outcome) {
        let Producer { incarnation: i, pid, epoch, .. } = self.clients[c as usize];
        let error = if outcome == Outcome::Ok { "" } else { "REQUEST_TIMED_OUT" };
        self.tell(|t| Event::Ended(Ended { t, c, i, n, commit, outcome, error: error.into() }));
        self.tell(|t| Event::Epoch(Epoch { t, c, i, pid, epoch }));
    }

    /// A process is killed and begins anew, under an epoch of its own.
    fn crash(&mut self, c: u32) {
        let i = self.clients[c as usize].incarnation;
        let (reason, text) = (StopReason::Killed, Text::from(""));
        self.tell(|t| Event::Stopped(Stopped { t, c, i, reason, text }));
        let client = &mut self.clients[c as usize];
        (client.incarnation, client.op, client.txn, client.commit) = (i + 1, 0, 0, 0);
    }

    fn bank(&mut self, dice: &mut Dice) {
        let n = self.begin(BANK);
        let mut records = Vec::new();
        for _ in 0..=dice.below(4) {
            let fresh = (self.next(2), ORDERS[dice.below(2)]);
            let (id, at) = if dice.one_in(2) { self.again.pop().unwrap_or(fresh) } else { fresh };
            let op = self.send(BANK, at, id, Some(n));
            let Producer { pid, epoch, .. } = self.clients[BANK as usize];
            let offset = self.append(at, id, State::Open(BANK), (pid, epoch), BatchKind::TxnData);
            self.ack(BANK, op, at, offset);
            records.push((id, at));
        }
        let mut partitions: Vec<Partition> = records.iter().map(|r| r.1).collect();
        partitions.sort_unstable();
        partitions.dedup();
        let committed = match dice.below(8) {
            0 => {
                // Killed before it asked for an end; its next incarnation has it aborted.
                self.crash(BANK);
                self.decide(BANK, &partitions, false, DecisionCause::Init);
                self.clients[BANK as usize].epoch += 1;
                self.start(BANK);
                false
            }
            1 => {
                self.ending(BANK, n, false);
                self.decide(BANK, &partitions, false, DecisionCause::Request);
                self.ended(BANK, n, false, Outcome::Ok);
                false
            }
            outcome @ (2 | 3) => {
                self.ending(BANK, n, true);
                let commit = outcome == 2;
                let cause = if commit { DecisionCause::Request } else { DecisionCause::Timeout };
                self.decide(BANK, &partitions, commit, cause);
                self.ended(BANK, n, true, Outcome::Unknown);
                commit
            }
            _ => {
                self.ending(BANK, n, true);
                self.decide(BANK, &partitions, true, DecisionCause::Request);
                self.ended(BANK, n, true, Outcome::Ok);
                true
            }
        };
        if !committed {
            self.again.extend(records);
        }
    }

    /// A member of the job is given a partition, and reads on from what is committed.
    fn own(&mut self, n: usize, at: Partition) {
        let c = JOB[self.owners[n]];
        let (i, generation) = (self.clients[c as usize].incarnation, Some(self.generation));
        self.tell(|t| Event::Assigned(Assignment { t, c, i, at, generation }));
        let reason = if self.committed[n] < 0 { PositionReason::Reset } else { PositionReason::Committed };
        let position = self.committed[n].max(0);
        self.positions[n] = position;
        self.tell(|t| Event::Position(Position { t, c, i, at, position, reason }));
    }

    /// Both partitions change hands; perhaps because a member was killed.
    fn rebalance(&mut self, dice: &mut Dice) {
        let killed = dice.one_in(2).then(|| dice.below(2));
        for (n, at) in ORDERS.into_iter().enumerate() {
            let (m, generation) = (self.owners[n], Some(self.generation));
            let (c, i) = (JOB[m], self.clients[JOB[m] as usize].incarnation);
            if killed != Some(m) {
                self.tell(|t| Event::Revoked(Assignment { t, c, i, at, generation }));
            }
        }
        if let Some(m) = killed {
            self.crash(JOB[m]);
            self.clients[JOB[m] as usize].epoch += 1;
            self.start(JOB[m]);
        }
        self.generation += 1;
        self.owners = [dice.below(2), dice.below(2)];
        for (n, at) in ORDERS.into_iter().enumerate() {
            self.own(n, at);
        }
    }

    fn moved(&mut self, n: usize, offset: i64, cause: MoveCause) {
        self.committed[n] = offset;
        self.tell(|t| Event::OffsetMoved(OffsetMoved { t, group: 0, at: ORDERS[n], offset, cause }));
    }

    /// A member takes some inputs of its partition, writes an output for each, or skips it, and commits.
    fn job(&mut self, n: usize, most: usize, dice: &mut Dice) {
        let (at, c) = (ORDERS[n], JOB[self.owners[n]]);
        let i = self.clients[c as usize].incarnation;
        let inputs = self.visible(at, self.positions[n], most);
        let Some((last, _)) = inputs.last() else { return };
        let next = last + 1;
        let txn = self.exactly_once.then(|| self.begin(c));
        let mut outputs = 0;
        for (offset, id) in inputs {
            self.tell(|t| Event::Read(Read { t, c, i, at, offset, id, value: None }));
            // A filter: whoever takes the input, however often, decides alike.
            if self.skips && offset % 9 == 4 {
                self.tell(|t| Event::Skipped(Skipped { t, c, i, at, offset }));
                continue;
            }
            let id = Identity::of_input(at, offset, 1, 0);
            let op = self.send(c, INVOICES, id, txn);
            let Producer { pid, epoch, .. } = self.clients[c as usize];
            let stored = match txn {
                Some(_) => self.append(INVOICES, id, State::Open(c), (pid, epoch), BatchKind::TxnData),
                None => self.append(INVOICES, id, State::Visible, (-1, -1), BatchKind::Data),
            };
            self.ack(c, op, INVOICES, stored);
            outputs += 1;
        }
        self.positions[n] = next;
        let Some(txn) = txn else {
            let op = self.clients[c as usize].commit;
            self.clients[c as usize].commit += 1;
            self.tell(|t| Event::Commit(Commit { t, c, i, op, group: 0, at, next }));
            self.moved(n, next, MoveCause::Commit { c, i, generation: Some(self.generation) });
            let outcome = if dice.one_in(6) { Outcome::Unknown } else { Outcome::Ok };
            let error = if outcome == Outcome::Ok { "" } else { "REQUEST_TIMED_OUT" };
            return self.tell(|t| Event::CommitResult(CommitResult { t, c, i, op, outcome, error: error.into() }));
        };
        self.tell(|t| Event::TxnOffsets(TxnOffsets { t, c, i, n: txn, group: 0, at, next }));
        let partitions: &[Partition] = if outputs > 0 { &[INVOICES] } else { &[] };
        let commit = !dice.one_in(6);
        self.ending(c, txn, commit);
        self.decide(c, partitions, commit, DecisionCause::Request);
        if commit {
            let Producer { pid, epoch, .. } = self.clients[c as usize];
            self.moved(n, next, MoveCause::Marker { pid, epoch });
        }
        let outcome = if commit && dice.one_in(6) { Outcome::Unknown } else { Outcome::Ok };
        self.ended(c, txn, commit, outcome);
        if !commit {
            let (position, reason) = (self.committed[n].max(0), PositionReason::Rewind);
            self.positions[n] = position;
            self.tell(|t| Event::Position(Position { t, c, i, at, position, reason }));
        }
    }

    fn seek(&mut self, at: Partition, position: i64, reason: PositionReason) {
        self.reader.insert(at, position);
        self.tell(|t| Event::Position(Position { t, c: READER, i: 0, at, position, reason }));
    }

    fn read(&mut self, most: usize, dice: &mut Dice) {
        let at = if dice.one_in(2) { INVOICES } else { AUDIT };
        if dice.one_in(5) {
            let back = dice.below(self.reader[&at] as usize + 1) as i64;
            self.seek(at, back, PositionReason::Seek);
        }
        for (offset, id) in self.visible(at, self.reader[&at], most) {
            self.tell(|t| Event::Read(Read { t, c: READER, i: 0, at, offset, id, value: None }));
            self.reader.insert(at, offset + 1);
        }
    }

    /// The connector: rows and its offset in one transaction of the database; where that is rolled back it goes back.
    fn books(&mut self, most: usize, dice: &mut Dice) {
        let inputs = self.visible(AUDIT, self.kept, most);
        let (Some((last, _)), rolled_back) = (inputs.last().copied(), dice.one_in(5)) else { return };
        let mut asked = Vec::new();
        for (offset, id) in &inputs {
            let (op, offset, id) = (self.applies, *offset, *id);
            self.applies += 1;
            self.tell(|t| Event::Read(Read { t, c: BOOKS, i: 0, at: AUDIT, offset, id, value: None }));
            self.tell(|t| Event::Apply(Apply { t, c: BOOKS, i: 0, op, sink: 0, id }));
            asked.push((op, id));
        }
        let outcome = if rolled_back { Outcome::Fail } else { Outcome::Ok };
        for (op, id) in asked {
            let error = if rolled_back { "rolled back" } else { "" };
            let applied = |t| Applied { t, c: BOOKS, i: 0, op, outcome, already: false, error: error.into() };
            self.tell(|t| Event::Applied(applied(t)));
            if !rolled_back {
                self.rows.push(id);
            }
        }
        if !rolled_back {
            self.kept = last + 1;
        }
        let (position, reason) = (self.kept, PositionReason::Seek);
        self.tell(|t| Event::Position(Position { t, c: BOOKS, i: 0, at: AUDIT, position, reason }));
    }

    /// Everybody does what is left.
    fn rest(&mut self) {
        let mut dice = Dice::new("rest", 0);
        for (n, at) in ORDERS.into_iter().enumerate() {
            while !self.visible(at, self.positions[n], 1).is_empty() {
                self.job(n, 5, &mut dice);
            }
        }
        while !self.visible(AUDIT, self.kept, 1).is_empty() {
            self.books(5, &mut dice);
        }
        for at in [INVOICES, AUDIT] {
            for (offset, id) in self.visible(at, self.reader[&at], usize::MAX) {
                self.tell(|t| Event::Read(Read { t, c: READER, i: 0, at, offset, id, value: None }));
            }
        }
    }

    fn finish(mut self) -> Vec<Event<'static>> {
        let t = self.now;
        for (at, log) in &self.logs {
            let leo = log.len() as i64;
            self.events.push(Event::End(End { t, at: *at, start: 0, lso: leo, hw: leo, leo }));
            for (offset, entry) in (0..).zip(log) {
                let (visible, Entry { id, pid, epoch, .. }) = (entry.state == State::Visible, *entry);
                if entry.state != State::Marker {
                    let line = Final { at: *at, offset, id, pid, epoch, visible, value: None };
                    self.events.push(Event::Final(line));
                }
            }
        }
        self.events.push(Event::SinkEnd(SinkEnd { t, sink: 0 }));
        for (n, id) in (0..).zip(&self.rows) {
            self.events.push(Event::SinkFinal(SinkFinal { sink: 0, n, id: *id, done: None, c: Some(BOOKS) }));
        }
        self.events.push(Event::SinkOffset(SinkOffset { t, sink: 0, at: AUDIT, next: self.kept }));
        self.events
    }
}
