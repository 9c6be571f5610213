//! Taking deviations away: whole families, nodes and stretches of time first, then one by one.

use std::collections::BTreeMap;

use super::Search;
use crate::schedule::Deviation;
use crate::stream::Stream;
use crate::vocabulary::Vocabulary;

/// Up to so many deviations, pairs are tried too: two that only hurt together (a fault and what undoes it).
const PAIRS: usize = 10;

/// From so many messages that deviate on, some are drawn that do no more.
const MANY: usize = 24;

/// Draws of each strength before a weaker one is tried.
const THINNINGS: u32 = 40;

/// Takes away what is not needed.
pub fn remove<V: Vocabulary>(search: &mut impl Search<V>) {
    if search.deviations().is_empty() || search.try_deviations(Vec::new()) {
        return;
    }
    without_each(search, |d| vec![u16::from(matches!(d, Deviation::Message(..)))]);
    without_each(search, |d| vec![d.family().into()]);
    without_each(search, Deviation::actors);
    thin(search);
    stretches(search);
    if search.deviations().len() <= PAIRS {
        pairs(search);
    }
}

/// Tries to do without all deviations that share a key, the most frequent key first.
fn without_each<V: Vocabulary>(search: &mut impl Search<V>, keys: impl Fn(&Deviation<V>) -> Vec<u16>) {
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    for key in search.deviations().iter().flat_map(&keys) {
        *counts.entry(key).or_default() += 1;
    }
    let mut order: Vec<(usize, u16)> = counts.into_iter().map(|(key, count)| (count, key)).collect();
    order.sort_unstable_by(|a, b| b.cmp(a));
    for (_, key) in order {
        let rest: Vec<Deviation<V>> = search.deviations().iter().filter(|d| !keys(d).contains(&key)).cloned().collect();
        if rest.len() < search.deviations().len() {
            search.try_deviations(rest);
        }
    }
}

/// Tries to do with a few of many messages' deviations, drawn at random. Where every message is a little late, what goes
/// wrong seldom needs this or that delay: it needs some disorder, and one order of events in so many will do.
fn thin<V: Vocabulary>(search: &mut impl Search<V>) {
    let mut stream = Stream::new(search.seed(), "messages that deviate no more");
    let is_message = |d: &Deviation<V>| matches!(d, Deviation::Message(..));
    loop {
        let mut taken = false;
        for kept_of in [32, 8, 2] {
            for _ in 0..THINNINGS {
                if search.is_stopped() || search.deviations().iter().filter(|d| is_message(d)).count() < MANY {
                    return;
                }
                let few = search.deviations().iter().filter(|d| !is_message(d) || stream.below(kept_of) == 0);
                taken |= search.try_deviations(few.cloned().collect());
            }
        }
        if !taken {
            return;
        }
    }
}

/// Delta debugging over the list, which is in order of time: halves, quarters, and so on down to single deviations, the
/// last ones first, until a whole pass over single ones takes nothing away.
fn stretches<V: Vocabulary>(search: &mut impl Search<V>) {
    let mut size = search.deviations().len().div_ceil(2);
    loop {
        let mut taken = false;
        let mut end = search.deviations().len();
        while end > 0 && !search.is_stopped() {
            end = end.min(search.deviations().len());
            let start = end.saturating_sub(size);
            let mut rest = search.deviations()[..start].to_vec();
            rest.extend_from_slice(&search.deviations()[end..]);
            taken |= search.try_deviations(rest);
            end = start;
        }
        if search.is_stopped() || (size <= 1 && !taken) {
            return;
        }
        size = if size > 1 { size.div_ceil(2) } else { 1 };
    }
}

fn pairs<V: Vocabulary>(search: &mut impl Search<V>) {
    'again: loop {
        let count = search.deviations().len();
        for second in 1..count {
            for first in 0..second {
                let kept = |(i, _): &(usize, &Deviation<V>)| *i != first && *i != second;
                let rest = search.deviations().iter().enumerate().filter(kept).map(|(_, d)| d.clone()).collect();
                if search.try_deviations(rest) {
                    continue 'again;
                }
                if search.is_stopped() {
                    return;
                }
            }
        }
        return;
    }
}
