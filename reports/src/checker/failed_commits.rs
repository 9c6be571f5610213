//! White box: a plain offset commit that failed for certain moved the offset all the same (E3).
//!
//! It is accused where the history says that its client moved the offset to that value, and no commit of the value that was
//! answered otherwise, or not at all, may have done it. Whose commit that would be does not matter: who writes a history
//! often knows the value alone, and takes for its client the one that asked for it last.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::evidence::Evidence;
use super::findings::Findings;
use super::paged::Bits;
use crate::fast::Fast;
use crate::report::{Kind, Proof};
use crate::words::seconds;

/// Commits of one value by one session.
#[derive(Clone, Copy, Debug, Default)]
struct Tries {
    /// Without an answer.
    open: u32,
    /// Number of the last one.
    last: u64,
    /// The offset first moved to the value by this session: when, and the commit that it had asked last.
    moved: Option<(u64, u64)>,
}

/// Commits of one partition's offset, as long as none of the same value was answered with anything but failure.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailedCommits {
    /// By value and session.
    tries: BTreeMap<(i64, u32), Tries>,
    /// Values of which a commit succeeded, or may have.
    excused: Bits,
}

impl FailedCommits {
    /// A commit was invoked.
    pub(crate) fn asked(&mut self, next: i64, session: u32, op: u64) {
        if !self.excused.get(next) {
            let tries = self.tries.entry((next, session)).or_default();
            tries.open += 1;
            tries.last = op;
        }
    }

    /// It did not fail for certain.
    pub(crate) fn excuse(&mut self, next: i64) {
        self.excused.set(next);
        while let Some((key, _)) = self.tries.range((next, 0)..=(next, u32::MAX)).next() {
            let key = *key;
            self.tries.remove(&key);
        }
    }

    /// It failed for certain.
    pub(crate) fn failed(&mut self, next: i64, session: u32) {
        if let Some(tries) = self.tries.get_mut(&(next, session)) {
            tries.open -= 1;
        }
    }

    /// The offset took the value by a commit of that session.
    pub(crate) fn moved(&mut self, next: i64, session: u32, t: u64) {
        if let Some(tries) = self.tries.get_mut(&(next, session)) {
            tries.moved.get_or_insert((t, tries.last));
        }
    }

    /// Moves that only a failed commit can have made: value, session, when, number of the commit.
    fn found(&self) -> impl Iterator<Item = (i64, u32, u64, u64)> {
        let open = self.tries.iter().filter(|(_, tries)| tries.open > 0);
        let unanswered: BTreeSet<i64> = open.map(|((next, _), _)| *next).collect();
        self.tries.iter().filter_map(move |((next, session), tries)| {
            let (t, op) = tries.moved.filter(|_| !unanswered.contains(next))?;
            Some((*next, *session, t, op))
        })
    }
}

/// Where an offset moved to, and when.
#[derive(Clone, Copy, Debug)]
struct Moved {
    group: u32,
    log: u32,
    next: i64,
    t: u64,
}

/// In the end. A commit of several partitions counts once.
pub(crate) fn close(ev: &Evidence, findings: &mut Findings) {
    // By session and number of the commit: the first partition that it moved.
    let mut found: IndexMap<(u32, u64), Moved, Fast> = IndexMap::default();
    for (number, group) in ev.groups.iter().enumerate() {
        for (log, state) in &group.logs {
            for (next, session, t, op) in state.failed.found() {
                found.entry((session, op)).or_insert(Moved { group: number as u32, log: *log, next, t });
            }
        }
    }
    for ((session, _), moved) in &found {
        let Moved { group, log, next, t } = *moved;
        findings.add(&ev.promises, Kind::FalseFailure, Some(ev.logs[log as usize].at.topic), 1, || {
            let sentence = format!(
                "a commit of offset {next} of {} in group {} by {} failed for certain, but moved the group's offset ({})",
                ev.partition_name(log),
                ev.groups[group as usize].name,
                ev.session_name(*session),
                seconds(t)
            );
            let proof = ev.proof_at(log, &[next], sentence);
            Proof { clients: vec![ev.session_id(*session)], times: vec![t], ..proof }
        });
    }
}
