//! White box: what the end of a log demands of the next batch (L1, L3 to L5; §2.3).

use indexmap::IndexMap;

use super::cuts::Cuts;
use crate::fast::Fast;
use crate::history::event::{Appended, BatchKind};

/// States of a producer that are kept, to go back to after a truncation.
const STEPS: usize = 6;

/// Any sequence may follow.
const ANY: i32 = -1;

/// A producer's state in a log after one of its batches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) base: i64,
    pub(crate) epoch: i16,
    /// Sequence that must follow at the same epoch, or [`ANY`].
    next: i32,
    t: u64,
}

/// A producer in one log.
#[derive(Clone, Debug, Default)]
struct InLog {
    /// Truncations that it has been taken back for.
    cuts: u64,
    steps: Vec<Step>,
    /// There was something before the first step.
    more: bool,
}

/// What the end of a log demands of the next batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Appends {
    pub(crate) cuts: Cuts,
    /// Part of the log was not told.
    pub(crate) gap: bool,
    /// First offset of each leader epoch.
    pub(crate) epochs: Vec<(i64, i32)>,
    producers: IndexMap<i64, InLog, Fast>,
}

/// Why a batch must not stand where it does.
pub(crate) enum Wrong {
    /// The producer's epoch was this one already, since then.
    Fenced(Step),
    /// This sequence had to follow.
    Sequence { expected: i32, after: Option<Step> },
}

impl Appends {
    /// Where a later leader epoch begins, if the batch's is older.
    pub(crate) fn leader_epoch(&mut self, e: &Appended) -> Option<(i64, i32)> {
        match self.epochs.last() {
            _ if e.leader_epoch < 0 => None,
            Some((first, epoch)) if *epoch > e.leader_epoch => Some((*first, *epoch)),
            Some((_, epoch)) if *epoch == e.leader_epoch => None,
            _ => {
                self.epochs.push((e.base, e.leader_epoch));
                None
            }
        }
    }

    pub(crate) fn producer(&mut self, e: &Appended, largest: i32, forgets_after: u64, strict: bool) -> Option<Wrong> {
        let taken = self.cuts.taken();
        let gap = self.gap;
        let fresh = || InLog { cuts: taken, steps: Vec::with_capacity(STEPS), more: gap };
        let producer = self.producers.entry(e.pid).or_insert_with(fresh);
        if producer.cuts < taken {
            if let Some(offset) = self.cuts.since(producer.cuts) {
                while producer.steps.last().is_some_and(|step| step.base >= offset) {
                    producer.steps.pop();
                }
            }
            producer.cuts = taken;
            producer.more |= gap;
        }
        let last = producer.steps.last().copied();
        let mut wrong = None;
        let next = if matches!(e.kind, BatchKind::Data | BatchKind::TxnData) {
            // A broker that has forgotten a producer takes what comes.
            let known = last.filter(|last| e.t.saturating_sub(last.t) < forgets_after);
            if let Some(last) = known.filter(|last| e.epoch < last.epoch) {
                return Some(Wrong::Fenced(last));
            }
            let expected = match known {
                Some(last) if last.epoch == e.epoch => last.next,
                Some(_) => 0,
                None if strict && last.is_none() && !producer.more => 0,
                None => ANY,
            };
            if e.sequence >= 0 && expected != ANY && e.sequence != expected {
                wrong = Some(Wrong::Sequence { expected, after: known });
            }
            if e.sequence < 0 { ANY } else { after(e.sequence, e.count, largest) }
        } else {
            match last {
                // Refused: it changes nothing.
                Some(last) if e.epoch < last.epoch => return None,
                Some(last) if e.epoch == last.epoch => last.next,
                None if producer.more => ANY,
                _ => 0,
            }
        };
        if producer.steps.len() == STEPS {
            producer.steps.remove(0);
            producer.more = true;
        }
        producer.steps.push(Step { base: e.base, epoch: e.epoch, next, t: e.t });
        wrong
    }
}

/// The sequence after `count` ones from `sequence` on; after the largest comes 0 (§2.1).
fn after(sequence: i32, count: u32, largest: i32) -> i32 {
    let modulus = i64::from(largest) + 1;
    ((i64::from(sequence) + i64::from(count)) % modulus) as i32
}

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn after_the_largest_sequence_comes_zero() {
        assert_eq!(after(i32::MAX, 1, i32::MAX), 0);
        assert_eq!(after(2_147_483_637, 21, i32::MAX), 10);
        assert_eq!(after(18, 5, 20), 2);
        assert_eq!(after(3, 4, i32::MAX), 7);
    }
}
