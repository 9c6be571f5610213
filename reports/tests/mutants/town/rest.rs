//! The end: everybody does what is left, and all logs are read.

use fencepost_reports::history::event::*;

use super::{AUDIT, BOOKS, Entry, INVOICES, ORDERS, READER, State, Town};
use crate::dice::Dice;

impl Town {
    /// Everybody does what is left.
    pub(super) fn rest(&mut self) {
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

    pub(super) fn finish(mut self) -> Vec<Event<'static>> {
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
