//! The batches of a log, and where its segments begin.

use std::collections::VecDeque;
use std::sync::Arc;

use super::LogRead;
use crate::batch::RecordBatch;
use crate::ids::*;

/// A segment: it ends where the next one begins, the last at the log end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    base_offset: Offset,
    bytes: u64,
}

/// As many batches at the end of a log are looked at before the others are searched.
const NEAR_END: usize = 4;

/// The batches in offset order. There is always at least one segment; the last is the active one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batches {
    batches: VecDeque<Arc<RecordBatch>>,
    segments: VecDeque<Segment>,
    end_offset: Offset,
    bytes: u64,
}

impl Batches {
    /// No batches; the first will have offset `start`.
    pub fn new(start: Offset) -> Batches {
        let segments = VecDeque::from([Segment { base_offset: start, bytes: 0 }]);
        Batches { batches: VecDeque::new(), segments, end_offset: start, bytes: 0 }
    }

    /// Offset of the next record (LEO).
    pub fn end_offset(&self) -> Offset {
        self.end_offset
    }

    /// Size of all batches in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a batch of `size` bytes must go into a new segment.
    pub fn must_roll(&self, size: u32, segment_bytes: u32) -> bool {
        let active = self.active();
        active.bytes > 0 && active.bytes + u64::from(size) > u64::from(segment_bytes)
    }

    /// Begins a new segment at the log end.
    pub fn roll(&mut self) {
        self.segments.push_back(Segment { base_offset: self.end_offset, bytes: 0 });
    }

    fn active(&self) -> Segment {
        *self.segments.back().expect("a log has an active segment")
    }

    /// Appends a batch, whose base offset is the log end (or later, where compaction left a gap).
    pub fn push(&mut self, batch: Arc<RecordBatch>) {
        let size = u64::from(batch.size);
        self.segments.back_mut().expect("a log has an active segment").bytes += size;
        self.bytes += size;
        self.end_offset = batch.next_offset();
        self.batches.push_back(batch);
    }

    /// The last batch.
    pub fn last(&self) -> Option<&Arc<RecordBatch>> {
        self.batches.back()
    }

    /// Index of the first batch that ends at `offset` or later.
    fn index_of(&self, offset: Offset) -> usize {
        let is_before = |batch: &Arc<RecordBatch>| batch.last_offset() < offset;
        // What is looked for is nearly always at the end: what is new, or nothing at all.
        match self.batches.iter().rev().take(NEAR_END).position(is_before) {
            Some(behind) => self.batches.len() - behind,
            None => self.batches.partition_point(is_before),
        }
    }

    /// Batches from the one that contains `offset` on.
    pub fn starting_at(&self, offset: Offset) -> impl Iterator<Item = &Arc<RecordBatch>> {
        self.batches.range(self.index_of(offset)..)
    }

    /// Number of batches that end at `offset` or later.
    pub fn count_from(&self, offset: Offset) -> usize {
        self.batches.len() - self.index_of(offset)
    }

    /// Whole batches in `[from, upper)`: at least one if there is one, then as many as fit `max_bytes`.
    pub fn read(&self, from: Offset, upper: Offset, max_bytes: u32) -> LogRead {
        let mut read = LogRead::default();
        for batch in self.starting_at(from) {
            let bytes = read.bytes + u64::from(batch.size);
            if batch.next_offset() > upper || (bytes > u64::from(max_bytes) && !read.batches.is_empty()) {
                break;
            }
            read.bytes = bytes;
            read.batches.push(Arc::clone(batch));
        }
        read
    }

    /// Size of the whole batches in `[from, upper)`; stops counting at `limit`.
    pub fn bytes_between(&self, from: Offset, upper: Offset, limit: u64) -> u64 {
        let mut bytes = 0;
        for batch in self.starting_at(from) {
            if bytes >= limit || batch.next_offset() > upper {
                break;
            }
            bytes += u64::from(batch.size);
        }
        bytes
    }

    /// Removes the batches that end at `offset` or later, and the segments that begin after the new end. A batch that
    /// contains `offset` goes as a whole, so that the log may then end below `offset`. Returns the new end.
    pub fn truncate_to(&mut self, offset: Offset) -> Offset {
        self.end_offset = self.end_offset.min(offset);
        while let Some(batch) = self.batches.back()
            && batch.last_offset() >= offset
        {
            self.end_offset = self.end_offset.min(batch.base_offset);
            while self.active().base_offset > batch.base_offset {
                self.segments.pop_back();
            }
            let size = u64::from(batch.size);
            self.segments.back_mut().expect("a log has an active segment").bytes -= size;
            self.bytes -= size;
            self.batches.pop_back();
        }
        while self.segments.len() > 1 && self.active().base_offset > self.end_offset {
            self.segments.pop_back();
        }
        self.end_offset
    }

    /// Deletes the first segment if all of it, and it is not the active one, lies below `log_start`; returns its base.
    pub fn drop_first_segment_below(&mut self, log_start: Offset) -> Option<Offset> {
        if self.segments.get(1)?.base_offset > log_start {
            return None;
        }
        let dropped = self.segments.pop_front()?;
        let next_base = self.first_base();
        while self.batches.front().is_some_and(|batch| batch.base_offset < next_base) {
            self.batches.pop_front();
        }
        self.bytes -= dropped.bytes;
        Some(dropped.base_offset)
    }

    /// Base offset of the first segment.
    pub fn first_base(&self) -> Offset {
        self.segments.front().expect("a log has an active segment").base_offset
    }

    /// Base offset of the active segment.
    pub fn active_base(&self) -> Offset {
        self.active().base_offset
    }

    /// Whether a segment begins at `offset`.
    pub fn is_segment_base(&self, offset: Offset) -> bool {
        self.segments.binary_search_by_key(&offset, |segment| segment.base_offset).is_ok()
    }

    /// The segments (base, end) from the one that holds `offset` on; from the first if `offset` lies before it.
    pub fn segments_from(&self, offset: Offset) -> impl Iterator<Item = (Offset, Offset)> {
        let first = self.segments.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1);
        (first..self.segments.len()).map(|index| {
            let end = self.segments.get(index + 1).map_or(self.end_offset, |next| next.base_offset);
            (self.segments[index].base_offset, end)
        })
    }

    /// Bases of the last two segments (twice the same if there is only one).
    pub fn last_two_bases(&self) -> [Offset; 2] {
        let last = self.active_base();
        let before = self.segments.iter().rev().nth(1).map_or(last, |segment| segment.base_offset);
        [before, last]
    }
}
