//! Topics and clients, as they were declared.

use indexmap::IndexMap;

use crate::fast::Fast;
use crate::history::event::{ClientKind, Guarantee, Isolation};

/// A declared topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct TopicInfo {
    pub(crate) name: String,
    pub(crate) partitions: u32,
    pub(crate) internal: bool,
    pub(crate) may_be_empty: bool,
    /// Number of its first log.
    pub(crate) first_log: u32,
    /// Some client writes it.
    pub(crate) output: bool,
    /// Some send to it is in the history.
    pub(crate) sent: bool,
    /// Records may go from its beginning.
    pub(crate) deletes: bool,
    /// Records may go that a later one has replaced.
    pub(crate) compacted: bool,
    /// After this sequence comes 0.
    pub(crate) max_sequence: i32,
    /// How long a producer must be silent to be forgotten, nanoseconds.
    pub(crate) forgets_after: u64,
}

/// A declared client.
#[derive(Clone, Debug)]
pub(crate) struct ClientInfo {
    pub(crate) name: String,
    pub(crate) kind: ClientKind,
    pub(crate) isolation: Isolation,
    pub(crate) group: Option<u32>,
    /// Number of its transactional id among the scopes.
    pub(crate) scope: Option<u32>,
    pub(crate) idempotent: bool,
    pub(crate) transaction_version: u8,
    pub(crate) inputs: Vec<u32>,
    pub(crate) outputs: Vec<u32>,
    pub(crate) sinks: Vec<u32>,
    pub(crate) stage: u16,
    pub(crate) outputs_per_input: u16,
    pub(crate) may_skip: bool,
    pub(crate) guarantee: Guarantee,
    /// Number of the session by incarnation.
    pub(crate) sessions: IndexMap<u32, u32, Fast>,
}
