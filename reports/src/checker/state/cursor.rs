//! How far a reader came.

use crate::checker::paged::Bits;

/// What a reader did in one partition.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    pub(crate) client: u32,
    pub(crate) incarnation: u32,
    pub(crate) log: u32,
    /// Where it started reading without interruption.
    pub(crate) start: i64,
    /// Offset after the last one read.
    pub(crate) next: i64,
    pub(crate) active: bool,
    /// Of a reader without a group: where it reads on unless a `position` says otherwise is known.
    pub(crate) known: bool,
    /// That is where its incarnation before was.
    pub(crate) resumes: bool,
    /// Time of the last record given.
    pub(crate) last: u64,
    pub(crate) read: Bits,
    /// What it went through before: start and end of each stretch.
    pub(crate) stretches: Vec<(i64, i64)>,
}
