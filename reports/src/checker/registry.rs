//! Every record that the history knows, by identity and output topic: one cell each, in dense pages.

use indexmap::IndexMap;

use super::paged::Paged;
use crate::fast::Fast;
use crate::history::Identity;

/// Number of a cell.
pub(crate) type Slot = u32;
/// No cell, session or transaction.
pub(crate) const NONE: u32 = u32::MAX;

/// A client sent it.
pub(crate) const SENT: u16 = 1;
/// It must be readable: acknowledged outside a transaction, or its transaction's commit returned success.
pub(crate) const FIRM: u16 = 1 << 1;
/// It may be readable: an attempt whose outcome is unknown.
pub(crate) const MAYBE: u16 = 1 << 2;
/// An attempt failed for certain.
pub(crate) const FAILED: u16 = 1 << 3;
/// An attempt was in a transaction that cannot have committed.
pub(crate) const ABORTED: u16 = 1 << 4;
/// It is computed from an input of which only aborted copies are left.
pub(crate) const DERIVED: u16 = 1 << 5;
/// From now on a read_committed reader may be given it.
pub(crate) const POSSIBLE: u16 = 1 << 8;
/// In the final log, neither visible nor aborted: at or above the last stable offset.
pub(crate) const PENDING: u16 = 1 << 9;
/// A pipeline committed past the input that it is computed from.
pub(crate) const EXPECTED: u16 = 1 << 10;
/// It was at an offset where records may go: below the log start, or before one that may have replaced it.
pub(crate) const GONE: u16 = 1 << 11;
/// Sent more than once by the application.
pub(crate) const RESENT: u16 = 1 << 12;

/// Of an effect: an answer said that it was done now, not before.
pub(crate) const FRESH: u16 = 1 << 13;

/// What is known of a record.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cell {
    /// Of the constants above.
    pub(crate) flags: u16,
    /// Copies in the final read under read_committed (saturating).
    pub(crate) copies: u16,
    /// The transaction that decided what it is, or [`NONE`].
    pub(crate) txn: u32,
}

impl Cell {
    pub(crate) fn is(self, flags: u16) -> bool {
        self.flags & flags != 0
    }
}

/// What the records of one page have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Family {
    pub(crate) source: u32,
    pub(crate) partition: u32,
    pub(crate) stage: u16,
    pub(crate) index: u16,
    /// The topic that the record was written to; of an effect, the sink.
    pub(crate) topic: u32,
}

impl Family {
    pub(crate) fn of(id: Identity, topic: u32) -> Family {
        Family { source: id.source, partition: id.partition, stage: id.stage, index: id.index, topic }
    }
}

const PAGE: usize = 64;

#[derive(Clone, Debug)]
struct Page {
    family: u32,
    first: i64,
    cells: [Cell; PAGE],
}

/// All cells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    #[expect(clippy::vec_box, reason = "growth moves pointers, not pages")]
    pages: Vec<Box<Page>>,
    /// Page number by offset / [`PAGE`].
    families: IndexMap<Family, Paged<u32>, Fast>,
    last: Option<(Family, usize)>,
    /// The page of the last slot: its family, its number within it, and its number among all. The next one is mostly there.
    last_page: Option<(usize, i64, u32)>,
}

impl Registry {
    fn family(&mut self, family: Family) -> usize {
        match self.last {
            Some((last, index)) if last == family => index,
            _ => {
                let entry = self.families.entry(family);
                let index = entry.index();
                entry.or_insert_with(|| Paged::new(NONE));
                self.last = Some((family, index));
                index
            }
        }
    }

    /// The record's cell, which is made if there is none.
    #[inline]
    pub(crate) fn slot(&mut self, id: Identity, topic: u32) -> Slot {
        let family = self.family(Family::of(id, topic));
        let (page, within) = (id.offset >> 6, (id.offset & 63) as u32);
        if let Some((last, of, number)) = self.last_page
            && (last, of) == (family, page)
        {
            return number * PAGE as u32 + within;
        }
        let number = self.families[family].get_mut(page);
        if *number == NONE {
            *number = u32::try_from(self.pages.len()).expect("fewer than 2^32 pages");
            let empty = Cell { txn: NONE, ..Cell::default() };
            self.pages.push(Box::new(Page { family: family as u32, first: page << 6, cells: [empty; PAGE] }));
        }
        let first = number.checked_mul(PAGE as u32).expect("fewer than 2^32 records");
        self.last_page = Some((family, page, *number));
        first + within
    }

    /// The record's cell, if there is one.
    pub(crate) fn find(&self, id: Identity, topic: u32) -> Option<Slot> {
        let page = self.families.get(&Family::of(id, topic))?.get(id.offset >> 6);
        if page == NONE {
            return None;
        }
        let slot = page * PAGE as u32 + (id.offset & 63) as u32;
        let cell = self.cell(slot);
        (cell.flags != 0 || cell.copies != 0).then_some(slot)
    }

    #[inline]
    pub(crate) fn cell(&self, slot: Slot) -> Cell {
        self.pages[slot as usize / PAGE].cells[slot as usize % PAGE]
    }

    #[inline]
    pub(crate) fn cell_mut(&mut self, slot: Slot) -> &mut Cell {
        &mut self.pages[slot as usize / PAGE].cells[slot as usize % PAGE]
    }

    /// The record of a cell, and the topic that it was written to.
    pub(crate) fn identity(&self, slot: Slot) -> (Identity, u32) {
        let page = &self.pages[slot as usize / PAGE];
        let (family, _) = self.families.get_index(page.family as usize).expect("a page's family exists");
        let offset = page.first + i64::from(slot % PAGE as u32);
        let Family { source, partition, stage, index, topic } = *family;
        (Identity { source, partition, offset, stage, index }, topic)
    }

    /// Every cell that something is known of, with the topic that it was written to.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (Slot, u32, Cell)> {
        self.pages.iter().enumerate().flat_map(|(number, page)| {
            let (family, _) = self.families.get_index(page.family as usize).expect("a page's family exists");
            let known = page.cells.iter().enumerate().filter(|(_, cell)| cell.flags != 0 || cell.copies != 0);
            known.map(move |(n, cell)| ((number * PAGE + n) as Slot, family.topic, *cell))
        })
    }
}
