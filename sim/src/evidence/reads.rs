//! What a client's consumer tells: the same for readers, for the reading side of pipelines and for programs.

use fencepost_protocol::consumer::{ConsumerEvent, PositionReason, Records};
use fencepost_protocol::ids::{Offset, TopicPartition};
use fencepost_protocol::time::Now;
use fencepost_reports::history::event as h;

use super::askers::Invoker;
use super::{History, Recorder, fingerprint, identity, partition};

impl<T> Recorder<T> {
    /// The application is given records.
    pub fn read(&self, now: Now, records: &Records, history: &mut History<'_>) {
        let (t, c, i) = self.stamp(now);
        let at = partition(records.tp);
        for (offset, record) in records.iter() {
            let id = identity(&record.origin);
            history.write(&h::Event::Read(h::Read { t, c, i, at, offset, id, value: fingerprint(record) }));
        }
    }

    /// The application goes back to where its group stands.
    pub fn rewound(&self, now: Now, tp: TopicPartition, position: Offset, history: &mut History<'_>) {
        self.position(now, tp, position, h::PositionReason::Rewind, history);
    }

    fn position(
        &self,
        now: Now,
        tp: TopicPartition,
        position: Offset,
        reason: h::PositionReason,
        history: &mut History<'_>,
    ) {
        let (t, c, i) = self.stamp(now);
        history.write(&h::Event::Position(h::Position { t, c, i, at: partition(tp), position, reason }));
    }

    /// The consumer says something: written as far as a history wants it.
    pub fn consumer(&mut self, now: Now, event: ConsumerEvent, history: &mut History<'_>) {
        let (t, c, i) = self.stamp(now);
        match event {
            ConsumerEvent::Assigned { partitions, generation } => {
                let generation = (generation >= 0).then_some(generation);
                for tp in partitions {
                    let at = partition(tp);
                    history.write(&h::Event::Assigned(h::Assignment { t, c, i, at, generation }));
                }
            }
            ConsumerEvent::Revoked { partitions } | ConsumerEvent::Lost { partitions } => {
                for tp in partitions {
                    let at = partition(tp);
                    history.write(&h::Event::Revoked(h::Assignment { t, c, i, at, generation: None }));
                }
            }
            ConsumerEvent::PositionReset { tp, position, reason } => {
                let reason = match reason {
                    PositionReason::Committed => h::PositionReason::Committed,
                    PositionReason::Earliest | PositionReason::Latest | PositionReason::Truncated => {
                        h::PositionReason::Reset
                    }
                    PositionReason::Seek => h::PositionReason::Seek,
                };
                self.position(now, tp, position, reason, history);
            }
            ConsumerEvent::CommitBegun { id, offsets, generation, .. } => {
                let Some(group) = self.group else { return };
                let generation = (generation >= 0).then_some(generation);
                self.commits.push(id);
                for o in offsets {
                    history.askers.asked(Invoker { c, i, generation }, id, group, partition(o.tp), o.offset);
                    let commit = h::Commit { t, c, i, op: id, group, at: partition(o.tp), next: o.offset };
                    history.write(&h::Event::Commit(commit));
                }
            }
            ConsumerEvent::CommitDone { id, result } => {
                self.commits.retain(|p| *p != id);
                let (outcome, error) = match result {
                    Ok(()) => (h::Outcome::Ok, ""),
                    Err(f) if f.unknown => (h::Outcome::Unknown, f.error.name()),
                    Err(f) => (h::Outcome::Fail, f.error.name()),
                };
                self.committed(now, id, outcome, error, history);
            }
            ConsumerEvent::Revoking { .. }
            | ConsumerEvent::Committed { .. }
            | ConsumerEvent::RecordsAvailable
            | ConsumerEvent::PollTimeout
            | ConsumerEvent::Fatal(_)
            | ConsumerEvent::Closed => {}
        }
    }

    fn committed(&self, now: Now, op: u64, outcome: h::Outcome, error: &'static str, history: &mut History<'_>) {
        let (t, c, i) = self.stamp(now);
        history.askers.answered(c, i, op, outcome);
        history.write(&h::Event::CommitResult(h::CommitResult { t, c, i, op, outcome, error: error.into() }));
    }

    /// Commits of offsets that have not returned have an unknown outcome.
    pub(super) fn lose_commits(&mut self, now: Now, why: &'static str, history: &mut History<'_>) {
        for op in std::mem::take(&mut self.commits) {
            self.committed(now, op, h::Outcome::Unknown, why, history);
        }
    }
}
