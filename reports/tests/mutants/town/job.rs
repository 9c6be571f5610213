//! The job, whose members come and go.

use fencepost_reports::history::event::*;

use super::{INVOICES, JOB, ORDERS, Producer, State, Town};
use crate::dice::Dice;

impl Town {
    /// A member of the job is given a partition, and reads on from what is committed.
    pub(super) fn own(&mut self, n: usize, at: Partition) {
        let c = JOB[self.owners[n]];
        let (i, generation) = (self.clients[c as usize].incarnation, Some(self.generation));
        self.tell(|t| Event::Assigned(Assignment { t, c, i, at, generation }));
        let reason = if self.committed[n] < 0 { PositionReason::Reset } else { PositionReason::Committed };
        let position = self.committed[n].max(0);
        self.positions[n] = position;
        self.tell(|t| Event::Position(Position { t, c, i, at, position, reason }));
    }

    /// Both partitions change hands; perhaps because a member was killed.
    pub(super) fn rebalance(&mut self, dice: &mut Dice) {
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

    pub(super) fn moved(&mut self, n: usize, offset: i64, cause: MoveCause) {
        self.committed[n] = offset;
        self.tell(|t| Event::OffsetMoved(OffsetMoved { t, group: 0, at: ORDERS[n], offset, cause }));
    }

    /// A member takes some inputs of its partition, writes an output for each, or skips it, and commits.
    pub(super) fn job(&mut self, n: usize, most: usize, dice: &mut Dice) {
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
}
