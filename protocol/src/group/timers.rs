//! What the group coordinator's timers are for.

/// What a deadline is for. Groups and members are named by serial numbers that are never reused, so that a timer that
/// outlived its subject finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The oldest held answer of a partition may have waited long enough.
    Replies { partition: u32 },
    /// A join phase ends, or its initial delay does.
    Join { partition: u32, group: u32 },
    /// Members that have not synced are dropped.
    Sync { partition: u32, group: u32 },
    /// A member (or a member id that was only handed out) may have been silent for too long.
    Session { partition: u32, group: u32, member: u32 },
    /// Offsets are looked through for expired ones.
    Expiry,
}

/// The coordinator's timers.
pub(super) type Timers = crate::timers::Timers<Timer>;
