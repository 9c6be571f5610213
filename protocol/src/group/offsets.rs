//! Offsets of the groups of one coordinator partition: committed, and pending in transactions (§4.1, §4.2).
//!
//! Everything here changes only by what stands in the log, in log order, live as on reload. What the log has beyond the
//! high watermark can be looked behind: for every change not yet committed the value before it is remembered.

use std::collections::{BTreeMap, VecDeque};

use super::group::Group;
use super::slots::Stored;
use crate::batch::TransactionResult;
use crate::coordinator::Ticket;
use crate::ids::*;

/// The value that a change not yet committed replaced.
#[derive(Clone, Debug)]
struct Undo {
    ticket: Ticket,
    /// By id, for the change may have removed the group too.
    group: Name,
    tp: TopicPartition,
    before: Option<Stored>,
}

/// What is pending in transactions, and what is not yet stable.
#[derive(Clone, Debug, Default)]
pub(super) struct Offsets {
    pending: BTreeMap<ProducerId, BTreeMap<(u32, TopicPartition), Stored>>,
    undo: VecDeque<Undo>,
}

/// Where a change comes from: the write that made it, or `None` if it is below the high watermark already.
pub(super) type Source = Option<Ticket>;

impl Offsets {
    fn remember(&mut self, source: Source, group: &Name, tp: TopicPartition, before: Option<Stored>) {
        if let Some(ticket) = source {
            self.undo.push_back(Undo { ticket, group: Name::clone(group), tp, before });
        }
    }

    /// A plain offset record: the log's newest, hence it wins.
    pub(super) fn commit(&mut self, source: Source, group: &mut Group, tp: TopicPartition, new: Stored) {
        let before = group.offsets.replace(tp, Some(new));
        self.remember(source, &group.id, tp, before);
    }

    /// An offset record inside a transaction.
    pub(super) fn stage(&mut self, producer: ProducerId, group: &mut Group, tp: TopicPartition, new: Stored) {
        self.pending.entry(producer).or_default().insert((group.key, tp), new);
        group.offsets.open(tp, producer);
    }

    /// A tombstone: removes the committed offset and everything pending (§4.2 step 6).
    pub(super) fn remove(&mut self, source: Source, group: &mut Group, tp: TopicPartition) {
        let before = group.offsets.replace(tp, None);
        self.remember(source, &group.id, tp, before);
        let slot = group.offsets.slots.get_mut(tp).expect("replace made the slot");
        group.offsets.open -= slot.open.len();
        for producer in slot.open.drain(..) {
            let entries = self.pending.get_mut(&producer).expect("an open transaction has pending offsets");
            entries.remove(&(group.key, tp));
            if entries.is_empty() {
                self.pending.remove(&producer);
            }
        }
    }

    /// A marker (§4.2 step 5). Between a transactional and a plain commit the greater RECORD offset wins, not the later
    /// decision (KAFKA-5247).
    pub(super) fn decide(
        &mut self,
        source: Source,
        producer: ProducerId,
        result: TransactionResult,
        groups: &mut BTreeMap<u32, Group>,
    ) {
        for ((group, tp), new) in self.pending.remove(&producer).unwrap_or_default() {
            let group = groups.get_mut(&group).expect("a group with pending offsets is kept");
            group.offsets.close(tp, producer);
            let slot = group.offsets.slots.get(tp).expect("a pending offset has a slot");
            let newer = slot.committed.as_ref().is_none_or(|old| new.record_offset > old.record_offset);
            if result == TransactionResult::Commit && newer {
                let before = group.offsets.replace(tp, Some(new));
                self.remember(source, &group.id, tp, before);
            }
        }
    }

    /// Everything up to `ticket` is below the high watermark.
    pub(super) fn committed_up_to(&mut self, ticket: Ticket) {
        while self.undo.front().is_some_and(|u| u.ticket <= ticket) {
            self.undo.pop_front();
        }
    }

    /// The committed offset as of the last high watermark; `newest` is that of the newest state. Looks through what is
    /// not yet committed, which is short, and only readers without requireStable ask.
    pub(super) fn stable<'s>(
        &'s self,
        group: &Name,
        tp: TopicPartition,
        newest: Option<&'s Stored>,
    ) -> Option<&'s Stored> {
        match self.undo.iter().find(|u| u.tp == tp && u.group == *group) {
            Some(undo) => undo.before.as_ref(),
            None => newest,
        }
    }

    /// Partitions of the group with a change that is not yet committed.
    pub(super) fn changed<'s>(&'s self, group: &'s Name) -> impl Iterator<Item = TopicPartition> + 's {
        self.undo.iter().filter(move |u| u.group == *group).map(|u| u.tp)
    }

    /// Everything pending: producer, group, partition, offset.
    pub(super) fn pending(&self) -> impl Iterator<Item = (ProducerId, u32, TopicPartition, &Stored)> {
        self.pending.iter().flat_map(|(pid, entries)| entries.iter().map(move |((g, tp), s)| (*pid, *g, *tp, s)))
    }
}
