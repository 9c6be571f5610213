//! Transactions of one partition that still hold back the last stable offset (§2.2, §2.8).

use std::collections::{BTreeMap, VecDeque};

use crate::ids::*;

/// Open transactions, and ended ones whose marker is not yet below the high watermark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Transactions {
    /// First offset to producer, of the open ones.
    ongoing: BTreeMap<Offset, ProducerId>,
    /// First offset to marker offset, of the ended ones.
    unreplicated: BTreeMap<Offset, Offset>,
    /// (marker offset, first offset) of the ended ones in marker order, so that a moving high watermark pops from the front.
    by_marker: VecDeque<(Offset, Offset)>,
}

impl Transactions {
    /// A transaction began.
    pub fn open(&mut self, first_offset: Offset, producer_id: ProducerId) {
        self.ongoing.insert(first_offset, producer_id);
    }

    /// A transaction's marker was written.
    pub fn end(&mut self, first_offset: Offset, marker_offset: Offset) {
        self.ongoing.remove(&first_offset).expect("an ended transaction was open");
        self.unreplicated.insert(first_offset, marker_offset);
        self.by_marker.push_back((marker_offset, first_offset));
    }

    /// First offset of the oldest transaction of another producer. A producer has at most one open.
    pub fn first_of_others(&self, producer_id: ProducerId) -> Option<Offset> {
        self.ongoing.iter().find(|(_, owner)| **owner != producer_id).map(|(first, _)| *first)
    }

    /// Markers below `offset` are replicated.
    pub fn replicated_below(&mut self, offset: Offset) {
        while let Some((marker, first)) = self.by_marker.front().copied()
            && marker < offset
        {
            self.by_marker.pop_front();
            self.unreplicated.remove(&first);
        }
    }

    /// Smallest first offset of all.
    pub fn first_unstable(&self) -> Option<Offset> {
        let undecided = self.ongoing.first_key_value().map(|(first, _)| *first);
        let unreplicated = self.unreplicated.first_key_value().map(|(first, _)| *first);
        match (undecided, unreplicated) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The open ones.
    pub fn ongoing(&self) -> impl Iterator<Item = (ProducerId, Offset)> {
        self.ongoing.iter().map(|(first, producer_id)| (*producer_id, *first))
    }

    /// Whether some marker waits for the high watermark.
    pub fn has_unreplicated(&self) -> bool {
        !self.unreplicated.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.ongoing.clear();
        self.unreplicated.clear();
        self.by_marker.clear();
    }
}
