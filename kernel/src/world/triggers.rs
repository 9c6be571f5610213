//! Which faults wait for something to happen: "after the 3rd write of this key was handled".

use super::occasion::Occasion;
use crate::Actor;
use crate::schedule::{Fault, Phase, Trigger};
use crate::vocabulary::Vocabulary;

/// The faults that wait for their moment, or did.
#[derive(Clone, Debug)]
pub(super) struct Triggers<V: Vocabulary> {
    list: Vec<Waiting<V>>,
    /// A bit for each kind of message that one of them counts. (Kinds may share a bit.)
    kinds: u128,
}

impl<V: Vocabulary> Default for Triggers<V> {
    fn default() -> Self {
        Triggers { list: Vec::new(), kinds: 0 }
    }
}

#[derive(Clone, Debug)]
struct Waiting<V: Vocabulary> {
    trigger: Trigger<V>,
    /// Number of the fault in what the system writes, if it has one there.
    number: Option<u32>,
    /// What begins; none once it has begun, or where it only counts.
    begins: Option<Occasion<V>>,
    seen: u64,
}

/// A message at a moment of its life.
pub(super) struct Moment<V: Vocabulary> {
    pub phase: Phase,
    pub from: Actor,
    pub to: Actor,
    pub kind: V::Kind,
}

fn bit<K: crate::vocabulary::Kind>(kind: K) -> u128 {
    1 << (kind.word() % 127)
}

impl<V: Vocabulary> Triggers<V> {
    /// A fault waits.
    pub fn add(&mut self, trigger: Trigger<V>, occasion: Occasion<V>) {
        let number = occasion.number;
        self.push(Waiting { trigger, number, begins: Some(occasion), seen: 0 });
    }

    /// A fault that the schedule leaves out: what its trigger counts is counted all the same.
    pub fn count(&mut self, trigger: Trigger<V>, number: u32) {
        self.push(Waiting { trigger, number: Some(number), begins: None, seen: 0 });
    }

    fn push(&mut self, waiting: Waiting<V>) {
        self.kinds |= bit(waiting.trigger.kind);
        self.list.push(waiting);
    }

    /// Whether one of them counts messages of this kind.
    #[inline]
    pub fn concern(&self, kind: impl FnOnce() -> V::Kind) -> bool {
        self.kinds != 0 && self.kinds & bit(kind()) != 0
    }

    pub fn still_waiting(&self) -> impl Iterator<Item = Fault<V>> + '_ {
        self.list.iter().filter_map(|w| w.begins.as_ref().map(|o| o.fault.clone()))
    }

    /// The numbers of the faults that have one, and how much of what its trigger counts was seen.
    pub fn seen(&self) -> Vec<(u32, u64)> {
        let mut seen: Vec<_> = self.list.iter().filter_map(|w| Some((w.number?, w.seen))).collect();
        seen.sort_unstable();
        seen
    }

    /// The faults whose moment this is, with their places.
    pub fn due(&mut self, moment: &Moment<V>, concerns: impl Fn(V::Item) -> bool) -> Vec<(usize, Occasion<V>)> {
        let mut due = Vec::new();
        if !self.concern(|| moment.kind) {
            return due;
        }
        for (place, w) in self.list.iter_mut().enumerate() {
            let t = &w.trigger;
            let fits = t.phase == moment.phase
                && t.kind == moment.kind
                && t.from.is_none_or(|f| f == moment.from)
                && t.to.is_none_or(|r| r == moment.to)
                && t.item.is_none_or(&concerns);
            if !fits {
                continue;
            }
            w.seen += 1;
            if w.seen >= u64::from(t.nth) {
                due.extend(w.begins.take().map(|occasion| (place, occasion)));
            }
        }
        due
    }

    /// A fault has begun, and has a number from now on.
    pub fn numbered(&mut self, place: usize, number: Option<u32>) {
        self.list[place].number = number;
    }
}
