//! Making deviations weaker: shorter delays, pauses and down times, fewer links, rounder numbers.

use super::Search;
use crate::schedule::{Action, Deviation, Effect, When};
use crate::time::{Instant, Span};
use crate::vocabulary::Vocabulary;

/// How often a span is halved at most.
const HALVINGS: u32 = 12;
/// No span is made shorter than this: a script with shorter ones reads no better.
const SHORTEST: u64 = 1_000_000;

/// Weakens each deviation as far as that goes.
pub fn weaken<V: Vocabulary>(search: &mut impl Search<V>) {
    let mut index = 0;
    while index < search.deviations().len() && !search.is_stopped() {
        milder(search, index);
        fewer_links(search, index);
        for field in 0..2 {
            shorten(search, index, field);
        }
        round_time(search, index);
        index += 1;
    }
}

/// The spans of a deviation that make it weaker when they are shorter, `field` by `field`.
fn span<V: Vocabulary>(deviation: &mut Deviation<V>, field: usize) -> Option<&mut Span> {
    let list: [Option<&mut Span>; 2] = match deviation {
        Deviation::Message(_, Effect::DelayRequest(by) | Effect::DelayResponse(by)) => [Some(by), None],
        Deviation::Message(..) => [None, None],
        Deviation::Fault(fault) => match &mut fault.action {
            Action::Slow { by, span, .. } | Action::SlowNode { by, span, .. } => [Some(span), Some(by)],
            Action::Message(Effect::DelayRequest(by) | Effect::DelayResponse(by)) => [Some(by), None],
            action => [action.span_mut(), None],
        },
    };
    list.into_iter().nth(field).flatten()
}

/// Tries another value; the list must keep its length, so that the other deviations keep their places.
fn try_with<V: Vocabulary>(search: &mut impl Search<V>, index: usize, change: impl FnOnce(&mut Deviation<V>)) -> bool {
    let mut list = search.deviations().to_vec();
    change(&mut list[index]);
    list != search.deviations() && search.try_deviations(list)
}

fn set<V: Vocabulary>(search: &mut impl Search<V>, index: usize, field: usize, to: Span) -> bool {
    try_with(search, index, |d| {
        if let Some(span) = span(d, field) {
            *span = to;
        }
    })
}

/// Halves a span while that goes, then looks for a round value between the last that failed and the last that did.
fn shorten<V: Vocabulary>(search: &mut impl Search<V>, index: usize, field: usize) {
    let Some(first) = search.deviations().get(index).and_then(|d| span(&mut d.clone(), field).map(|s| *s)) else {
        return;
    };
    let mut fails = 0;
    let mut holds = first.0;
    for _ in 0..HALVINGS {
        let half = round_down(holds / 2).max(SHORTEST);
        if half >= holds {
            break;
        }
        if !set(search, index, field, Span(half)) {
            fails = half;
            break;
        }
        holds = half;
    }
    for _ in 0..3 {
        let middle = round_down(fails + holds.saturating_sub(fails) / 2);
        if middle <= fails || middle >= holds {
            break;
        }
        if set(search, index, field, Span(middle)) { holds = middle } else { fails = middle }
    }
    if holds < SHORTEST && set(search, index, field, Span(SHORTEST)) {
        return;
    }
    // What cannot be shortened may at least be said in fewer digits.
    if holds == first.0 && round_down(holds) > fails {
        let _ = set(search, index, field, Span(round_down(holds))) || set(search, index, field, Span(round_up(holds)));
    }
}

/// The unit in which people give a span of that size: two digits are enough.
fn unit(nanos: u64) -> u64 {
    let mut unit = 1;
    while nanos / unit >= 100 {
        unit *= 10;
    }
    unit
}

fn round_down(nanos: u64) -> u64 {
    nanos / unit(nanos) * unit(nanos)
}

fn round_up(nanos: u64) -> u64 {
    nanos.div_ceil(unit(nanos)) * unit(nanos)
}

/// A fault that does less in place of the one that is there: a crash for a loss of power, and what the system knows.
fn milder<V: Vocabulary>(search: &mut impl Search<V>, index: usize) {
    let mut tries = 0;
    while tries < 3 && !search.is_stopped() {
        tries += 1;
        let Some(Deviation::Fault(fault)) = search.deviations().get(index) else { return };
        let mut others = Vec::new();
        if let Action::PowerLoss { node, down, keep_ppm } = &fault.action {
            others.push(Action::Crash { node: *node, down: *down });
            for round in [0, 1_000_000, 500_000] {
                if !keep_ppm.is_multiple_of(500_000) {
                    others.push(Action::PowerLoss { node: *node, down: *down, keep_ppm: round });
                }
            }
        }
        others.extend(search.milder(&fault.action));
        let replace = |action: Action<V>| {
            move |d: &mut Deviation<V>| {
                if let Deviation::Fault(fault) = d {
                    fault.action = action;
                }
            }
        };
        if !others.into_iter().any(|action| try_with(search, index, replace(action))) {
            return;
        }
    }
}

fn fewer_links<V: Vocabulary>(search: &mut impl Search<V>, index: usize) {
    let mut place = 0;
    while !search.is_stopped() {
        let Some(Deviation::Fault(fault)) = search.deviations().get(index) else { return };
        let (Action::Block { links, .. } | Action::Slow { links, .. }) = &fault.action else { return };
        if links.len() < 2 || place >= links.len() {
            return;
        }
        let without = |d: &mut Deviation<V>| {
            if let Deviation::Fault(fault) = d
                && let Action::Block { links, .. } | Action::Slow { links, .. } = &mut fault.action
            {
                links.remove(place);
            }
        };
        if !try_with(search, index, without) {
            place += 1;
        }
    }
}

/// "at 7s" reads better than "at 7.183920471s", and says that the moment need not be met exactly.
fn round_time<V: Vocabulary>(search: &mut impl Search<V>, index: usize) {
    for unit in [1_000_000_000, 100_000_000, 10_000_000, 1_000_000] {
        let Some(Deviation::Fault(fault)) = search.deviations().get(index) else { return };
        let When::At(at) = fault.when else { return };
        if at.0.is_multiple_of(unit) {
            return;
        }
        for rounded in [at.0 / unit * unit, at.0.div_ceil(unit) * unit] {
            let change = |d: &mut Deviation<V>| {
                if let Deviation::Fault(fault) = d {
                    fault.when = When::At(Instant(rounded));
                }
            };
            if try_with(search, index, change) {
                return;
            }
        }
    }
}
