//! Shrinking: from an execution that goes wrong to a short script that goes wrong in the same way.
//!
//! Whole families, nodes and stretches of time are taken away first, then single deviations (delta debugging), then what
//! is left is moved to the front and weakened. Replays apply what is written and draw nothing, so that the result is a script.

mod earlier;
mod remove;
mod weaken;

pub use earlier::earlier;
pub use remove::remove;
pub use weaken::weaken;

use crate::schedule::{Action, Deviation};
use crate::vocabulary::Vocabulary;

/// Rounds over everything at most; each makes the next one cheaper, and the second one usually finds nothing.
pub const ROUNDS: u32 = 4;

/// A search for something shorter: the best so far, and a way to try another.
pub trait Search<V: Vocabulary> {
    /// The best so far.
    fn deviations(&self) -> &[Deviation<V>];

    /// Runs with other deviations. If that shows what is looked for, then those that took effect are the best from now on.
    fn try_deviations(&mut self, deviations: Vec<Deviation<V>>) -> bool;

    /// Whether time is up: nothing more is tried.
    fn is_stopped(&self) -> bool;

    /// Seed of the execution.
    fn seed(&self) -> u64;

    /// Faults that do less, in place of that one, as far as only the system knows them.
    fn milder(&self, action: &Action<V>) -> Vec<Action<V>> {
        let _ = action;
        Vec::new()
    }
}

/// What came of shrinking.
#[derive(Clone, Debug)]
pub struct Shrunk<V: Vocabulary> {
    /// What is left.
    pub deviations: Vec<Deviation<V>>,
    /// Runs that it took.
    pub runs: u32,
    /// False if the time was up before nothing more could be taken away.
    pub finished: bool,
}

struct Plain<V: Vocabulary, R, G> {
    seed: u64,
    deviations: Vec<Deviation<V>>,
    replay: R,
    go_on: G,
    runs: u32,
    stopped: bool,
}

impl<V, R, G> Plain<V, R, G>
where
    V: Vocabulary,
    R: FnMut(&[Deviation<V>]) -> Option<Vec<Deviation<V>>>,
{
    fn replay(&mut self, deviations: &[Deviation<V>]) -> bool {
        self.runs += 1;
        let Some(took_effect) = (self.replay)(deviations) else { return false };
        self.deviations = took_effect;
        true
    }
}

impl<V, R, G> Search<V> for Plain<V, R, G>
where
    V: Vocabulary,
    R: FnMut(&[Deviation<V>]) -> Option<Vec<Deviation<V>>>,
    G: Fn() -> bool,
{
    fn deviations(&self) -> &[Deviation<V>] {
        &self.deviations
    }

    fn try_deviations(&mut self, deviations: Vec<Deviation<V>>) -> bool {
        self.stopped |= !(self.go_on)();
        !self.stopped && self.replay(&deviations)
    }

    fn is_stopped(&self) -> bool {
        self.stopped
    }

    fn seed(&self) -> u64 {
        self.seed
    }
}

/// Shrinks deviations of one system, which itself stays as it is. `replay` runs it with others, and says which of them took
/// effect if what is looked for is there; `go_on` is asked before every run but the first. None if the given deviations do
/// not show it.
pub fn shrink<V: Vocabulary>(
    seed: u64,
    given: &[Deviation<V>],
    replay: impl FnMut(&[Deviation<V>]) -> Option<Vec<Deviation<V>>>,
    go_on: impl Fn() -> bool,
) -> Option<Shrunk<V>> {
    let mut search = Plain { seed, deviations: Vec::new(), replay, go_on, runs: 0, stopped: false };
    if !search.replay(given) {
        return None;
    }
    for _ in 0..ROUNDS {
        let before = search.deviations.clone();
        remove(&mut search);
        earlier(&mut search);
        weaken(&mut search);
        if search.stopped || search.deviations == before {
            break;
        }
    }
    Some(Shrunk { deviations: search.deviations, runs: search.runs, finished: !search.stopped })
}

#[cfg(test)]
mod tests;
