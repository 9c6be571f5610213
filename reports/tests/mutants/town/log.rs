//! The logs of the town, and the calls of its producers.

use fencepost_reports::history::event::*;

use super::{Entry, State, Town};

impl Town {
    /// Appends a batch of one; its offset.
    pub(super) fn append(
        &mut self,
        at: Partition,
        id: Identity,
        state: State,
        (pid, epoch): (i64, i16),
        kind: BatchKind,
    ) -> i64 {
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

    pub(super) fn lso(&self, at: Partition) -> i64 {
        let log = &self.logs[&at];
        log.iter().position(|e| matches!(e.state, State::Open(_))).unwrap_or(log.len()) as i64
    }

    /// What a reader at read_committed is given from an offset on, at most so many.
    pub(super) fn visible(&self, at: Partition, from: i64, most: usize) -> Vec<(i64, Identity)> {
        let upto = self.lso(at);
        let log = self.logs[&at].iter().enumerate().map(|(n, e)| (n as i64, e));
        let seen = log.filter(|(n, e)| *n >= from && *n < upto && e.state == State::Visible);
        seen.map(|(n, e)| (n, e.id)).take(most).collect()
    }

    pub(super) fn send(&mut self, c: u32, at: Partition, id: Identity, n: Option<u64>) -> u64 {
        let client = &mut self.clients[c as usize];
        let (i, op) = (client.incarnation, client.op);
        client.op += 1;
        let partition = Some(at.partition);
        self.tell(|t| Event::Send(Send { t, c, i, op, topic: at.topic, partition, id, n, value: None }));
        op
    }

    pub(super) fn ack(&mut self, c: u32, op: u64, at: Partition, offset: i64) {
        let i = self.clients[c as usize].incarnation;
        self.tell(|t| Event::Ack(Ack { t, c, i, op, at, offset }));
    }

    pub(super) fn refuse(&mut self, c: u32, op: u64, certain: bool) {
        let i = self.clients[c as usize].incarnation;
        let error = SendError { t: self.now, c, i, op, error: "REQUEST_TIMED_OUT".into() };
        self.events.push(if certain { Event::Fail(error) } else { Event::Unknown(error) });
    }

    pub(super) fn next(&mut self, workload: usize) -> Identity {
        self.workload[workload] += 1;
        Identity::of_workload(workload as u32, self.workload[workload] - 1)
    }
}
