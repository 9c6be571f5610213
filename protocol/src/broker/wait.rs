//! A write that waits for the high watermark, and who is told.

use crate::coordinator::{CoordinatorKind, Ticket};
use crate::time::Instant;

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiter {
    /// Partition `index` of a Produce with acks=all.
    Produce { operation: u64, index: usize },
    /// Marker of a WriteTxnMarkers.
    Marker { token: u64 },
    /// A coordinator's record; `min_isr`: a shrunken in-sync set fails it (20).
    Coordinator { which: CoordinatorKind, ticket: Ticket, min_isr: bool },
}

/// A wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub deadline: Instant,
    pub waiter: Waiter,
}
