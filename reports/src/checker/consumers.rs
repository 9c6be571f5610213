//! What is remembered of consumers while the history streams by: where they began to read, what they skip, and why somebody says
//! that they are behind. A consumer is a group, or a client without one.

use indexmap::IndexMap;

use super::evidence::Evidence;
use super::paged::Bits;
use crate::fast::Fast;
use crate::history::event::{Position, PositionReason, Skipped, Undrained};

/// Who consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Consumer {
    Group(u32),
    /// A client without a group.
    Alone(u32),
}

/// How a consumer came to its position in a log.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// Where it began, unless its group had committed something before.
    pub(crate) first: i64,
    /// That was by `auto.offset.reset`: the group had committed nothing.
    pub(crate) reset: bool,
    /// What the application itself jumped over.
    pub(crate) jumps: Vec<(i64, i64)>,
    /// Of a reader without a group: where an incarnation began, and whether its application asked for that.
    pub(crate) incarnations: Vec<(u32, i64, bool)>,
}

/// A line that says why a consumer is behind.
#[derive(Clone, Debug)]
pub(crate) struct Behind {
    pub(crate) event: Undrained<'static>,
    pub(crate) judged: bool,
    pub(crate) explains: bool,
}

/// What is remembered of consumers while the history streams by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Consumers {
    pub(crate) starts: IndexMap<(Consumer, u32), Start, Fast>,
    pub(crate) skipped: IndexMap<(Consumer, u32), Bits, Fast>,
    pub(crate) behind: IndexMap<(Consumer, u32), Behind, Fast>,
}

impl Consumers {
    /// To be called before the reader's cursor moves.
    pub(crate) fn position(&mut self, ev: &mut Evidence, e: &Position) {
        let (consumer, log) = (consumer(ev, e.c), ev.log(e.at));
        let foreign = match consumer {
            // Nobody in this history has committed: what the group had committed is from before it.
            Consumer::Group(group) => ev.groups[group as usize].log(log).asked.is_empty(),
            Consumer::Alone(_) => true,
        };
        let start = self.starts.entry((consumer, log)).or_insert_with(|| Start {
            first: if e.reason == PositionReason::Committed && !foreign { 0 } else { e.position },
            reset: e.reason == PositionReason::Reset,
            jumps: Vec::new(),
            incarnations: Vec::new(),
        });
        let alone = matches!(consumer, Consumer::Alone(_));
        let cursor = ev.cursor(e.c, e.i, log);
        let seek = e.reason == PositionReason::Seek;
        if seek && cursor.active && cursor.next < e.position {
            start.jumps.push((cursor.next, e.position));
        }
        if alone && start.incarnations.last().is_none_or(|(incarnation, ..)| *incarnation != e.i) {
            start.incarnations.push((e.i, e.position, seek));
        }
    }

    pub(crate) fn skipped(&mut self, ev: &Evidence, e: &Skipped) {
        self.skipped.entry((consumer(ev, e.c), ev.log(e.at))).or_default().set(e.offset);
    }

    pub(crate) fn behind(&mut self, ev: &Evidence, e: &Undrained<'_>) {
        let event = Undrained {
            t: e.t,
            c: e.c,
            at: e.at,
            position: e.position,
            end: e.end,
            culprit: e.culprit.to_string().into(),
        };
        self.behind.entry((consumer(ev, e.c), ev.log(e.at))).or_insert(Behind {
            event,
            judged: false,
            explains: false,
        });
    }

    /// Where a group began to read by `auto.offset.reset`, when it had committed nothing: what is below it was never taken,
    /// whatever it commits later.
    pub(crate) fn began(&self, group: u32, log: u32) -> Option<i64> {
        let start = self.starts.get(&(Consumer::Group(group), log))?;
        (start.reset && start.first > 0).then_some(start.first)
    }

    /// Whether a group declared to skip an input.
    pub(crate) fn skips(&self, group: u32, log: u32, offset: i64) -> bool {
        self.skipped.get(&(Consumer::Group(group), log)).is_some_and(|bits| bits.get(offset))
    }

    /// The lines about consumers of which nothing is found to be unprocessed, each with whether that was judged.
    pub(crate) fn unexplained(&self) -> impl Iterator<Item = (&Undrained<'static>, bool)> {
        self.behind.values().filter(|behind| !behind.explains).map(|behind| (&behind.event, behind.judged))
    }
}

pub(crate) fn consumer(ev: &Evidence, client: u32) -> Consumer {
    ev.client(client).group.map_or(Consumer::Alone(client), Consumer::Group)
}
