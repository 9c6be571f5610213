//! A reader without a group, and a connector with its offsets in its table.

use fencepost_reports::history::event::*;

use super::{AUDIT, BOOKS, INVOICES, READER, Town};
use crate::dice::Dice;

impl Town {
    pub(super) fn seek(&mut self, at: Partition, position: i64, reason: PositionReason) {
        self.reader.insert(at, position);
        self.tell(|t| Event::Position(Position { t, c: READER, i: 0, at, position, reason }));
    }

    pub(super) fn read(&mut self, most: usize, dice: &mut Dice) {
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
    pub(super) fn books(&mut self, most: usize, dice: &mut Dice) {
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
}
