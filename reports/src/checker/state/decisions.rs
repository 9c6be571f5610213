//! White box: what coordinators decided, by producer id (C4; §3.6).

use indexmap::IndexMap;

use crate::checker::paged::Paged;
use crate::fast::Fast;

/// Decided to commit; to abort.
pub(crate) const DECIDED: [u8; 2] = [1, 2];
/// A marker of it was appended: a commit marker; an abort marker.
pub(crate) const MARKED: [u8; 2] = [4, 8];
/// It was decided to abort on request.
pub(crate) const ON_REQUEST: u8 = 16;
/// It was reported.
pub(crate) const REPORTED: u8 = 32;

/// A place in a log.
pub(crate) type Place = (u32, i64);

/// Markers since the last decision (below version 2).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Group {
    pub(crate) any: [bool; 2],
    /// Of those that closed a transaction the first.
    pub(crate) closed: [Option<Place>; 2],
    /// Of those that closed nothing, and are no earlier marker that came again, the first with its epoch.
    pub(crate) empty: [Option<(i16, Place)>; 2],
}

/// What is known of a producer id.
#[derive(Clone, Debug)]
pub(crate) struct Decisions {
    /// A client that has the transactional id.
    pub(crate) client: u32,
    /// It speaks transaction version 2: every transaction has an epoch of its own, as far as a decision has told.
    pub(crate) newer: bool,
    pub(crate) by_epoch: Paged<u8>,
    /// The highest epoch that something was decided at, and when.
    pub(crate) highest: Option<(i16, u64)>,
    /// When something was last decided: in how many events, and in time.
    pub(crate) last: (u64, u64),
    /// Epoch and place of the last marker of each kind.
    pub(crate) markers: [Option<(i16, Place)>; 2],
    /// By log: the highest epoch of its markers, and which kinds of that epoch it has (below version 2).
    in_logs: IndexMap<u32, (i16, u8), Fast>,
    pub(crate) group: Group,
    /// The decision that the markers of `group` are of, where decisions come first.
    pub(crate) current: Option<(i16, bool, u64)>,
}

impl Decisions {
    pub(crate) fn new() -> Decisions {
        Decisions {
            client: u32::MAX,
            newer: false,
            by_epoch: Paged::new(0),
            highest: None,
            last: (0, 0),
            markers: [None; 2],
            in_logs: IndexMap::default(),
            group: Group::default(),
            current: None,
        }
    }

    /// A log has a marker of that kind: whether it may be one that the log has already, which came again.
    pub(crate) fn again(&mut self, log: u32, epoch: i16, kind: u8) -> bool {
        let (highest, kinds) = self.in_logs.entry(log).or_insert((epoch, 0));
        if *highest < epoch {
            (*highest, *kinds) = (epoch, 0);
        }
        let known = *highest > epoch || *kinds & kind != 0;
        if *highest == epoch {
            *kinds |= kind;
        }
        known
    }
}

/// What is known of every producer id that something was decided of or that has a marker.
pub(crate) type AllDecisions = IndexMap<i64, Decisions, Fast>;
