//! Sinks, as they were declared and as the final read found them.

use indexmap::IndexMap;

use crate::checker::registry::Slot;
use crate::fast::Fast;
use crate::history::event::SinkKind;

/// A row or charge of the final read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effect {
    pub(crate) slot: Slot,
    pub(crate) number: u64,
    pub(crate) done: Option<u64>,
    pub(crate) client: Option<u32>,
}

/// A declared sink.
#[derive(Clone, Debug)]
pub(crate) struct SinkInfo {
    pub(crate) name: String,
    pub(crate) kind: SinkKind,
    pub(crate) announced_in: Option<u32>,
    /// Its final read is in the history.
    pub(crate) read: bool,
    pub(crate) effects: Vec<Effect>,
    /// Next offset by log, where consumers keep their offsets in it.
    pub(crate) offsets: IndexMap<u32, i64, Fast>,
    /// Somebody asked for effects.
    pub(crate) asked: bool,
    /// Answers that said "done now" of what another answer had said it before: how many, and the first ones.
    pub(crate) again: u64,
    pub(crate) first_again: Vec<Slot>,
}
