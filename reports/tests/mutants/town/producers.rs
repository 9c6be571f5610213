//! Producers of three sorts.

use fencepost_reports::history::event::*;

use super::{AUDIT, BANK, METER, ORDERS, Producer, State, TILL, Town};
use crate::dice::Dice;

impl Town {
    /// A plain producer: answered, or not, stored, or not, sent again where it failed for certain.
    pub(super) fn till(&mut self, dice: &mut Dice) {
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
    pub(super) fn meter(&mut self, dice: &mut Dice) {
        self.measure(!dice.one_in(8));
    }

    pub(super) fn measure(&mut self, answered: bool) {
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

    pub(super) fn bank(&mut self, dice: &mut Dice) {
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
}
