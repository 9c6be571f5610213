//! White box: plain offset commits that failed for certain (E3).

use std::collections::{BTreeMap, BTreeSet};

use crate::checker::paged::Bits;

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
    pub(crate) fn found(&self) -> impl Iterator<Item = (i64, u32, u64, u64)> {
        let open = self.tries.iter().filter(|(_, tries)| tries.open > 0);
        let unanswered: BTreeSet<i64> = open.map(|((next, _), _)| *next).collect();
        self.tries.iter().filter_map(move |((next, session), tries)| {
            let (t, op) = tries.moved.filter(|_| !unanswered.contains(next))?;
            Some((*next, *session, t, op))
        })
    }
}
