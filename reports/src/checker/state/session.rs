//! What one incarnation of a client has under way.

use std::collections::{BTreeMap, VecDeque};

use crate::checker::registry::Slot;

/// One send whose fate is not settled, or that is younger than one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    pub(crate) number: u64,
    pub(crate) slot: Slot,
    /// Its transaction, or `NONE`.
    pub(crate) txn: u32,
    /// Its place among the transaction's members.
    pub(crate) member: u32,
    /// Invoked when the session was already fenced.
    pub(crate) late: bool,
    pub(crate) done: bool,
}

/// One incarnation of one client.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) client: u32,
    pub(crate) incarnation: u32,
    /// Number of its first send.
    pub(crate) first_op: Option<u64>,
    /// Smallest number that its next send may have.
    pub(crate) next_op: u64,
    /// Sends by increasing number, from the oldest that is not settled.
    pub(crate) ops: VecDeque<Op>,
    /// Transactions whose fate is not settled: ordinal and number among all.
    pub(crate) live: BTreeMap<u64, u32>,
    /// Its latest transaction, or `NONE`.
    pub(crate) latest: u32,
    /// Plain commits that have not returned, by number and log: group and offset.
    pub(crate) commits: BTreeMap<(u64, u32), (u32, i64)>,
    /// Effects on sinks that were asked for and have not returned.
    pub(crate) applies: BTreeMap<u64, Slot>,
    /// Its producer id and epoch, as far as it was told; -1 while it was not.
    pub(crate) pid: i64,
    pub(crate) epoch: i16,
    /// Since when it can have no effect any more.
    pub(crate) fenced_at: Option<u64>,
}

impl Session {
    /// The send of that number, if its fate is not settled.
    #[inline]
    pub(crate) fn op_index(&self, number: u64) -> Option<usize> {
        let front = self.ops.front()?.number;
        let guess = usize::try_from(number.checked_sub(front)?).ok()?;
        match self.ops.get(guess) {
            Some(op) if op.number == number => Some(guess),
            _ => self.ops.binary_search_by_key(&number, |op| op.number).ok(),
        }
    }

    /// Marks a send as settled and forgets the settled ones at the front.
    #[inline]
    pub(crate) fn settle(&mut self, index: usize) {
        self.ops[index].done = true;
        while self.ops.front().is_some_and(|op| op.done) {
            self.ops.pop_front();
        }
    }
}
