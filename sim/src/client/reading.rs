//! What a consumer tells, as a history writes it: the same for readers and for the reading side of pipelines.

use fencepost_protocol::consumer::{ConsumerEvent, PositionReason, Records};
use fencepost_protocol::time::Now;
use fencepost_reports::history::event as h;

use super::Gone;
use crate::askers::Invoker;
use crate::history::{History, fingerprint, identity, partition};

/// A client's consumer as the history knows it.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    client: u32,
    group: Option<u32>,
    pending_commits: Vec<u64>,
}

impl Reading {
    pub fn new(client: u32, group: Option<u32>) -> Reading {
        Reading { client, group, pending_commits: Vec::new() }
    }

    /// Writes what the application was given.
    pub fn records(&self, now: Now, i: u32, records: &Records, history: &mut History<'_>) {
        let (t, c, at) = (now.mono.0, self.client, partition(records.tp));
        for (offset, record) in records.iter() {
            let id = identity(&record.origin);
            history.write(&h::Event::Read(h::Read { t, c, i, at, offset, id, value: fingerprint(record) }));
        }
    }

    /// Writes what the consumer said, as far as a history wants it.
    pub fn event(&mut self, now: Now, i: u32, event: ConsumerEvent, history: &mut History<'_>) {
        let (t, c) = (now.mono.0, self.client);
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
                history.write(&h::Event::Position(h::Position { t, c, i, at: partition(tp), position, reason }));
            }
            ConsumerEvent::CommitBegun { id, offsets, generation, .. } => {
                let Some(group) = self.group else { return };
                let generation = (generation >= 0).then_some(generation);
                self.pending_commits.push(id);
                for o in offsets {
                    history.askers.asked(Invoker { c, i, generation }, id, group, partition(o.tp), o.offset);
                    let commit = h::Commit { t, c, i, op: id, group, at: partition(o.tp), next: o.offset };
                    history.write(&h::Event::Commit(commit));
                }
            }
            ConsumerEvent::CommitDone { id, result } => {
                self.pending_commits.retain(|p| *p != id);
                let (outcome, error) = match result {
                    Ok(()) => (h::Outcome::Ok, ""),
                    Err(f) if f.unknown => (h::Outcome::Unknown, f.error.name()),
                    Err(f) => (h::Outcome::Fail, f.error.name()),
                };
                history.askers.answered(c, i, id, outcome);
                let error = error.into();
                history.write(&h::Event::CommitResult(h::CommitResult { t, c, i, op: id, outcome, error }));
            }
            ConsumerEvent::Revoking { .. }
            | ConsumerEvent::Committed { .. }
            | ConsumerEvent::RecordsAvailable
            | ConsumerEvent::PollTimeout
            | ConsumerEvent::Fatal(_)
            | ConsumerEvent::Closed => {}
        }
    }

    /// The process is gone: commits under way have an unknown outcome.
    pub fn crash(&mut self, now: Now, i: u32, gone: Gone, history: &mut History<'_>) {
        let (t, c) = (now.mono.0, self.client);
        for op in self.pending_commits.drain(..) {
            let (outcome, error) = (h::Outcome::Unknown, gone.words().into());
            history.askers.answered(c, i, op, outcome);
            history.write(&h::Event::CommitResult(h::CommitResult { t, c, i, op, outcome, error }));
        }
    }
}
