//! Protocol coverage: which pairs of (machine state, input kind, outcome) a run has reached.
//!
//! A *point* is one such triple, numbered densely, so that coverage is a bitset of a few KiB: cheap to fill, to merge and
//! to ship. The world fills it when it hands requests and answers over; a point is never part of what decides or is
//! digested.

mod goal;
mod observe;
mod words;

use fencepost_protocol::error::ErrorCode;

pub use goal::Goal;
pub(crate) use observe::{Seen, action_name};
pub use words::{Point, never};

/// Success, then every error code.
pub(crate) const OUTCOMES: usize = ErrorCode::ALL.len() + 1;

/// A machine of the protocol, or the faults that befall them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Machine {
    /// The transaction coordinator, by state of the transactional id.
    Coordinator,
    /// A partition's log, by state of the producer in it.
    Log,
    /// The group coordinator, by state of the group.
    Group,
    /// The producer client, by its own state; the outcome is its next state.
    Producer,
    /// What went wrong.
    Fault,
}

impl Machine {
    /// All of them.
    pub const ALL: [Machine; 5] =
        [Machine::Coordinator, Machine::Log, Machine::Group, Machine::Producer, Machine::Fault];

    /// As in reports and goals.
    pub const fn name(self) -> &'static str {
        match self {
            Machine::Coordinator => "coordinator",
            Machine::Log => "log",
            Machine::Group => "group",
            Machine::Producer => "producer",
            Machine::Fault => "fault",
        }
    }

    /// Sizes of the dimensions: states, inputs, outcomes.
    pub(crate) fn size(self) -> (usize, usize, usize) {
        let outcomes = match self {
            Machine::Producer => words::states(Machine::Producer).len(),
            Machine::Fault => 1,
            _ => OUTCOMES,
        };
        (words::states(self).len(), words::input_count(self), outcomes)
    }

    fn points(self) -> usize {
        let (states, inputs, outcomes) = self.size();
        states * inputs * outcomes
    }

    fn base(self) -> usize {
        Machine::ALL.iter().take_while(|m| **m != self).map(|m| m.points()).sum()
    }
}

/// Number of the first point of each machine, and of all points; computed once a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bases([usize; 5], usize);

impl Bases {
    fn new() -> Bases {
        let bases = Machine::ALL.map(Machine::base);
        Bases(bases, bases[4] + Machine::Fault.points())
    }
}

/// A set of points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    bases: Bases,
    words: Vec<u64>,
}

impl Default for Coverage {
    fn default() -> Self {
        let bases = Bases::new();
        Coverage { bases, words: vec![0; bases.1.div_ceil(64)] }
    }
}

impl Coverage {
    /// Number of the point: also valid in another program of the same format.
    pub(crate) fn number(&self, machine: Machine, state: usize, input: usize, outcome: usize) -> u32 {
        let (_, inputs, outcomes) = machine.size();
        (self.bases.0[machine as usize] + (state * inputs + input) * outcomes + outcome) as u32
    }

    /// Adds a point. Returns whether it is new.
    #[inline]
    pub fn add(&mut self, point: u32) -> bool {
        let (word, bit) = (point as usize / 64, 1u64 << (point % 64));
        let Some(word) = self.words.get_mut(word) else { return false };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether a point was reached.
    pub fn has(&self, point: u32) -> bool {
        self.words.get(point as usize / 64).is_some_and(|word| word & (1 << (point % 64)) != 0)
    }

    /// Adds all points of another set. Returns how many of them are new.
    pub fn merge(&mut self, other: &Coverage) -> u32 {
        let mut new = 0;
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            new += (theirs & !*mine).count_ones();
            *mine |= theirs;
        }
        new
    }

    /// Number of points reached.
    pub fn count(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// The points reached, in order.
    pub fn points(&self) -> Vec<u32> {
        let of = |(index, word): (usize, &u64)| {
            let word = *word;
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| index as u32 * 64 + bit)
        };
        self.words.iter().enumerate().flat_map(of).collect()
    }

    /// The set of these points; numbers that no point has are left out.
    pub fn of(points: impl IntoIterator<Item = u32>) -> Coverage {
        let mut coverage = Coverage::default();
        let all = coverage.all();
        points.into_iter().filter(|p| *p < all).for_each(|p| {
            coverage.add(p);
        });
        coverage
    }

    /// How many points there are, reachable or not.
    pub fn all(&self) -> u32 {
        self.bases.1 as u32
    }

    /// How many points of `machine` were reached.
    pub fn count_of(&self, machine: Machine) -> u32 {
        let base = self.bases.0[machine as usize] as u32;
        (base..base + machine.points() as u32).filter(|p| self.has(*p)).count() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_has_a_number_of_its_own_and_words_that_lead_back_to_it() {
        let coverage = Coverage::default();
        let mut next = 0;
        for machine in Machine::ALL {
            let (states, inputs, outcomes) = machine.size();
            for state in 0..states {
                for input in 0..inputs {
                    for outcome in 0..outcomes {
                        let number = coverage.number(machine, state, input, outcome);
                        assert_eq!(number, next);
                        assert_eq!(Point::of(number), Point { machine, state, input, outcome });
                        next += 1;
                    }
                }
            }
        }
        assert_eq!(next, coverage.all());
    }

    #[test]
    fn sets_are_merged_and_read_back() {
        let mut one = Coverage::of([3, 64, 700]);
        assert!(!one.add(64) && one.add(65));
        assert_eq!(one.merge(&Coverage::of([65, 66])), 1);
        assert_eq!(one.points(), [3, 64, 65, 66, 700]);
        assert_eq!(Coverage::of(one.points()), one);
        assert_eq!(one.count(), 5);
        assert_eq!(Coverage::of([u32::MAX]).count(), 0, "numbers of another program are ignored");
    }
}
