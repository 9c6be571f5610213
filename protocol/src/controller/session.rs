//! What the controller remembers of each broker beside its public record.

use crate::time::Instant;

/// Session of one broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// When it ends unless a heartbeat comes first; [`Instant::NEVER`] while there is none to lose (a fenced broker).
    pub deadline: Instant,
    /// Metadata version that the last heartbeat reported.
    pub metadata_version: u64,
    /// Version at which the broker's registration became part of the metadata.
    pub registered_version: u64,
    /// Version at which its controlled shutdown took effect; other brokers must have seen that before it may stop.
    pub shutdown_version: Option<u64>,
    /// Partitions that it leads.
    pub leaderships: u32,
    /// The topics were created with this broker in sync, and it has been neither unfenced nor fenced since: it counts
    /// as alive, and must appear within a session timeout.
    pub awaited: bool,
}

impl Session {
    /// A broker that the cluster was created with and that has yet to appear.
    pub(super) fn awaited(deadline: Instant) -> Session {
        Session { deadline, awaited: true, ..Session::none() }
    }

    /// No session.
    pub(super) fn none() -> Session {
        Session {
            deadline: Instant::NEVER,
            metadata_version: 0,
            registered_version: 0,
            shutdown_version: None,
            leaderships: 0,
            awaited: false,
        }
    }
}
