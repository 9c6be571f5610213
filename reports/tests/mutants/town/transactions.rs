//! Transactions, and processes that are killed.

use fencepost_reports::history::event::*;

use super::{Producer, State, Town};

impl Town {
    pub(super) fn begin(&mut self, c: u32) -> u64 {
        let client = &mut self.clients[c as usize];
        client.txn += 1;
        let (n, i) = (client.txn, client.incarnation);
        self.tell(|t| Event::Begin(Begin { t, c, i, n }));
        n
    }

    /// The coordinator's side of an end: decision and markers, under the next epoch.
    pub(super) fn decide(&mut self, c: u32, partitions: &[Partition], commit: bool, cause: DecisionCause) {
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

    pub(super) fn ending(&mut self, c: u32, n: u64, commit: bool) {
        let i = self.clients[c as usize].incarnation;
        self.tell(|t| Event::Ending(Ending { t, c, i, n, commit }));
    }

    pub(super) fn ended(&mut self, c: u32, n: u64, commit: bool, outcome: Outcome) {
        let Producer { incarnation: i, pid, epoch, .. } = self.clients[c as usize];
        let error = if outcome == Outcome::Ok { "" } else { "REQUEST_TIMED_OUT" };
        self.tell(|t| Event::Ended(Ended { t, c, i, n, commit, outcome, error: error.into() }));
        self.tell(|t| Event::Epoch(Epoch { t, c, i, pid, epoch }));
    }

    /// A process is killed and begins anew, under an epoch of its own.
    pub(super) fn crash(&mut self, c: u32) {
        let i = self.clients[c as usize].incarnation;
        let (reason, text) = (StopReason::Killed, Text::from(""));
        self.tell(|t| Event::Stopped(Stopped { t, c, i, reason, text }));
        let client = &mut self.clients[c as usize];
        (client.incarnation, client.op, client.txn, client.commit) = (i + 1, 0, 0, 0);
    }
}
