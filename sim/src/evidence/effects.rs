//! Effects outside Kafka that a client asks for.

use fencepost_protocol::batch::Origin;
use fencepost_protocol::time::Now;
use fencepost_reports::history::event as h;

use super::{History, Recorder, identity};

/// Effects that were asked for and whose outcome is not known yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Effects {
    /// The history's number of a table or of the charges of an API.
    sink: u32,
    next: u64,
    /// Numbers of their operations.
    open: Vec<u64>,
    /// Whether each of them had been there before.
    already: Vec<bool>,
}

impl<T> Recorder<T> {
    /// What it asks for concerns that table or those charges.
    pub fn uses(&mut self, sink: u32) {
        self.effects.sink = sink;
    }

    /// An effect is asked for.
    pub fn asked(&mut self, now: Now, id: &Origin, history: &mut History<'_>) {
        let (t, c, i) = self.stamp(now);
        let (op, sink) = (self.effects.next, self.effects.sink);
        self.effects.next += 1;
        self.effects.open.push(op);
        history.write(&h::Event::Apply(h::Apply { t, c, i, op, sink, id: identity(id) }));
    }

    /// The answer said which of them had been there before.
    pub fn were_there(&mut self, already: Vec<bool>) {
        self.effects.already = already;
    }

    /// The outcome of all effects that were asked for is known, or will never be.
    pub fn answered(&mut self, now: Now, outcome: h::Outcome, error: &'static str, history: &mut History<'_>) {
        let (t, c, i) = self.stamp(now);
        let already = std::mem::take(&mut self.effects.already);
        for (n, op) in self.effects.open.drain(..).enumerate() {
            let already = outcome == h::Outcome::Ok && already.get(n).copied().unwrap_or(false);
            history.write(&h::Event::Applied(h::Applied { t, c, i, op, outcome, already, error: error.into() }));
        }
    }
}
