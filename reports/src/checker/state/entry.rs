//! What an offset was seen to hold, and by whom.

use crate::checker::registry::{NONE, Slot};

/// What an offset was seen to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) slot: Slot,
    /// The session that it was acknowledged to, or [`NONE`].
    pub(crate) session: u32,
    /// That session's send, counted from its first.
    pub(crate) op: u32,
    /// The transaction that it was acknowledged in, or [`NONE`].
    pub(crate) txn: u32,
}

impl Entry {
    /// Nothing was seen there.
    pub(crate) const NOTHING: Entry = Entry { slot: NONE, session: NONE, op: 0, txn: NONE };

    /// A record was seen there by somebody who cannot tell who sent it.
    pub(crate) const fn seen(slot: Slot) -> Entry {
        Entry { slot, ..Entry::NOTHING }
    }
}

/// How somebody came to know what an offset holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Acknowledged,
    Read,
    Final,
}

/// An offset that was seen to hold two values, in the order in which they were seen.
#[derive(Clone, Debug)]
pub(crate) struct Clash {
    pub(crate) offset: i64,
    pub(crate) claims: Vec<(Entry, How)>,
}
