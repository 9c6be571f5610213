//! Transactions, as their clients know them.

use crate::checker::registry::Slot;

/// What became of a transaction, as its client knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Not ended.
    Open,
    /// Its commit was invoked.
    Committing,
    /// Its abort was invoked and its commit never.
    Aborting,
    /// Its commit returned success.
    Committed,
    /// Its abort returned success, or nobody ever asked for its commit.
    Aborted,
    /// Nobody ever asked to end it.
    Abandoned,
    /// Its commit failed for certain.
    CommitFailed,
    /// Its commit was invoked by a fenced producer.
    Fenced,
    /// Its commit may have happened.
    Unknown,
}

impl Fate {
    /// Whether nothing of it may ever be visible.
    pub(crate) fn ends_in_nothing(self) -> bool {
        !matches!(self, Fate::Committed | Fate::Unknown | Fate::Committing)
    }
}

/// A transaction that a client began.
#[derive(Clone, Debug)]
pub(crate) struct Txn {
    pub(crate) session: u32,
    pub(crate) ordinal: u64,
    pub(crate) fate: Fate,
    /// When its end was invoked; later, when it returned.
    pub(crate) at: u64,
    /// Its end was asked for and has not returned: whether it was a commit.
    pub(crate) waits: Option<bool>,
    /// Producer id and epoch that its client had when it began, or -1.
    pub(crate) pid: i64,
    pub(crate) epoch: i16,
    /// Something of it was acknowledged, or offsets are part of it: a coordinator knows of it.
    pub(crate) worked: bool,
    /// Its abort was invoked; it returned success.
    pub(crate) asked_abort: bool,
    pub(crate) told_abort: bool,
    /// Counted in the end: records, and how many are visible, or may yet become so.
    pub(crate) records: u32,
    pub(crate) visible: u32,
    pub(crate) pending: u32,
    /// Until its fate is settled.
    pub(crate) live: Option<Box<Live>>,
}

/// A send within a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) slot: Slot,
    pub(crate) failed: bool,
    pub(crate) unknown: bool,
}

/// What must be known of a transaction until its fate is settled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    pub(crate) members: Vec<Member>,
    /// Group, log, offset.
    pub(crate) offsets: Vec<(u32, u32, i64)>,
    /// How many of both a commit has been asked for.
    pub(crate) asked: (usize, usize),
}
