//! Moving faults to an earlier moment: what comes soon is soon read, and may need less besides.

use super::Search;
use crate::schedule::{Deviation, Fault, When};
use crate::time::Instant;
use crate::vocabulary::Vocabulary;

/// So many moments between the beginning and a fault's own are tried.
const MOMENTS: u64 = 16;
/// A moment is a multiple of this.
const ROUND: u64 = 10_000_000;

/// Tries faults at earlier moments: first without any deviation of a message, then with those that are there. (Delays move
/// what a fault must meet. Without them it must begin at another moment, so that neither goes without the other.)
pub fn earlier<V: Vocabulary>(search: &mut impl Search<V>) {
    let mut place = 0;
    while place < search.deviations().len() && !search.is_stopped() {
        if let Deviation::Fault(Fault { when: When::At(at), .. }) = search.deviations()[place] {
            let is_message = |d: &Deviation<V>| matches!(d, Deviation::Message(..));
            let bare = search.deviations().iter().any(is_message) && try_moments(search, place, at, true);
            if bare || try_moments(search, place, at, false) {
                place = 0; // everything may be somewhere else
                continue;
            }
        }
        place += 1;
    }
}

fn try_moments<V: Vocabulary>(search: &mut impl Search<V>, place: usize, at: Instant, without_messages: bool) -> bool {
    for part in 1..MOMENTS {
        let moment = Instant(at.0 / MOMENTS * part / ROUND * ROUND);
        let mut list = search.deviations().to_vec();
        let Deviation::Fault(fault) = &mut list[place] else { return false };
        if fault.when == When::At(moment) {
            continue;
        }
        fault.when = When::At(moment);
        if without_messages {
            list.retain(|d| !matches!(d, Deviation::Message(..)));
        }
        if search.try_deviations(list) {
            return true;
        }
    }
    false
}
