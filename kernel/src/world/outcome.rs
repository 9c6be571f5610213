//! What a run amounted to.

use crate::digest::Digest;
use crate::schedule::Deviation;
use crate::time::{Instant, Span};
use crate::vocabulary::Vocabulary;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything finished.
    Settled,
    /// The bound passed without progress.
    Bound,
    /// The run came to the end of the time that it is given.
    OverLimit {
        /// How long it may take.
        limit: Span,
    },
    /// More deliveries than are allowed.
    OverBudget {
        /// The node with most deliveries.
        busiest: String,
    },
    /// 100,000 deliveries without time moving.
    NoProgressInTime {
        /// The node with most deliveries.
        busiest: String,
    },
    /// Nothing was left to happen.
    Idle,
}

/// What one run amounted to, as far as the kernel knows.
#[derive(Clone, Debug)]
pub struct Outcome<V: Vocabulary> {
    /// How it ended.
    pub ending: Ending,
    /// Messages handed over and timers fired.
    pub deliveries: u64,
    /// Virtual time at the end.
    pub finished_at: Instant,
    /// Digest of everything that was delivered.
    pub digest: Digest,
    /// Faults that took effect.
    pub faults: u32,
    /// The deviations that took effect, if they were recorded.
    pub recorded: Vec<Deviation<V>>,
    /// When each of them did.
    pub recorded_at: Vec<Instant>,
    /// Deviations of a written schedule that did not occur.
    pub unused: Vec<Deviation<V>>,
}
