//! Consumer groups and what they committed.

use indexmap::IndexMap;

use super::awaiting::Awaiting;
use super::failed_commits::FailedCommits;
use crate::checker::paged::Bits;
use crate::fast::Fast;

/// A group's offsets of one partition.
#[derive(Clone, Debug)]
pub(crate) struct GroupLog {
    /// Every offset that a client asked to commit.
    pub(crate) asked: Bits,
    /// The same by client, to accuse none that did not ask.
    pub(crate) askers: IndexMap<u32, Bits, Fast>,
    /// White box: commits that have not taken effect.
    pub(crate) awaiting: Awaiting,
    /// White box: plain commits that may have failed and taken effect.
    pub(crate) failed: FailedCommits,
    /// White box: the committed offset.
    pub(crate) moved: Option<i64>,
    /// The largest that a client was told is committed.
    pub(crate) told: Option<i64>,
    /// A commit of unknown outcome was asked for.
    pub(crate) uncertain: bool,
    /// The largest offset that is known to have been committed at any time.
    pub(crate) reached: i64,
    /// Lowest position that a member went back to since the offset last moved.
    pub(crate) floor: i64,
    /// Lowest position that a member ever started from.
    pub(crate) start: i64,
}

impl GroupLog {
    /// A client asks for an offset to be committed.
    pub(crate) fn ask(&mut self, client: u32, next: i64) {
        self.asked.set(next);
        self.askers.entry(client).or_default().set(next);
    }

    /// The committed offset as far as it is known.
    pub(crate) fn committed(&self) -> Option<i64> {
        self.moved.or(self.told)
    }
}

/// A consumer group.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupInfo {
    pub(crate) name: String,
    pub(crate) logs: IndexMap<u32, GroupLog, Fast>,
    /// Largest generation that a member was told of.
    pub(crate) generation: i32,
    /// White box: the history tells where its offsets moved.
    pub(crate) moves: bool,
    /// Commits that were answered before any such event, as far as they are kept.
    pub(crate) unmoved: u32,
}

impl GroupInfo {
    pub(crate) fn log(&mut self, log: u32) -> &mut GroupLog {
        self.logs.entry(log).or_insert_with(|| GroupLog {
            asked: Bits::default(),
            askers: IndexMap::default(),
            awaiting: Awaiting::default(),
            failed: FailedCommits::default(),
            moved: None,
            told: None,
            uncertain: false,
            reached: 0,
            floor: i64::MAX,
            start: i64::MAX,
        })
    }
}
