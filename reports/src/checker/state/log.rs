//! Partitions.

use super::appends::Appends;
use super::entry::{Clash, Entry};
use super::open_txns::OpenInLog;
use crate::checker::paged::{Bits, Paged};
use crate::history::Partition;
use crate::history::event::End;

/// One partition.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) at: Partition,
    pub(crate) entries: Paged<Entry>,
    /// In the final read.
    pub(crate) present: Bits,
    /// In the final read under read_committed.
    pub(crate) visible: Bits,
    /// Closed by an abort marker (white box).
    pub(crate) log_aborted: Bits,
    /// Counted as leaked.
    pub(crate) leaked: Bits,
    /// Given to a read_committed reader too early.
    pub(crate) early: Bits,
    pub(crate) end: Option<End>,
    /// From which offset of the final read on which producer id and epoch wrote.
    pub(crate) writers: Vec<(i64, i64, i16)>,
    /// White box: open transactions, and the log's end.
    pub(crate) open: OpenInLog,
    /// White box: what its end demands of the next batch.
    pub(crate) order: Appends,
    /// Offsets that were seen to hold two values, and the first of them.
    pub(crate) two: Bits,
    /// White box: first offsets of batches that differ between replicas.
    pub(crate) differ: Bits,
    pub(crate) clashes: Vec<Clash>,
    /// White box: hash and replica of each batch seen.
    pub(crate) fingerprints: Paged<(u64, i32)>,
}
