//! What the clients and brokers of an annex do, each act with all that is told of it.

use fencepost_reports::history::event::*;

use super::annex::{Annex, Entry, Row, State, WORKLOAD, Who};
use crate::values::of_workload;

impl Annex<'_> {
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

    /// The next leader has the log up to there.
    pub fn lead(&mut self, at: Partition, leo: i64) {
        let log = self.logs.get_mut(&at).expect("it is of the annex");
        (log.leo, log.leader_epoch) = (leo, log.leader_epoch + 1);
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

    /// Decision and marker below transaction version 2, under the client's own epoch.
    pub fn decide_at_once(&mut self, c: u32, at: Partition, commit: bool) {
        let (Who { pid, epoch, .. }, cause) = (self.who(c), DecisionCause::Request);
        let decided = |t| Event::Decided(Decided { t, c, pid, epoch, commit, cause });
        if !self.decides_last {
            self.tell(decided);
        }
        self.settle(c, at, commit);
        let kind = if commit { BatchKind::CommitMarker } else { BatchKind::AbortMarker };
        self.batch(at, 1, (pid, epoch, -1), kind);
        if self.decides_last {
            self.tell(decided);
        }
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
        let rows = self.rows.get_mut(&sink).expect("it is of the annex");
        rows.push(Row { n: rows.len() as u64, id, c });
    }
}
