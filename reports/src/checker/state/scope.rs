//! What happened to a transactional id.

use indexmap::IndexSet;

use crate::fast::Fast;

/// A transactional id.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// The session that initialised last.
    pub(crate) latest: u32,
    /// Its producer id and epoch.
    pub(crate) pid: i64,
    pub(crate) epoch: i16,
    /// Every producer id that it had.
    pub(crate) pids: IndexSet<i64, Fast>,
    /// Those of the session that initialised last: they are fenced when another one does.
    pub(crate) current: Vec<i64>,
    /// Commits, aborts: asked for by clients, decided on request (white box).
    pub(crate) asked: [u64; 2],
    pub(crate) decided: [u64; 2],
    /// When more was decided on request than clients had asked for.
    pub(crate) late: Option<u64>,
}
