//! Faults of nodes and links, drawn from the seed: one named stream for each family.

use core::fmt::Debug;

use crate::Actor;
use crate::schedule::{Action, Fault, When};
use crate::stream::{PPM, Stream};
use crate::time::{Instant, Span};
use crate::vocabulary::Vocabulary;

/// No drawn fault begins before this: the system first comes up.
const CALM: Span = Span::from_millis(500);

/// One family of faults: which, how many in a run, how long each lasts.
#[derive(Clone, Debug)]
pub struct Family<K> {
    /// Which. Its `Debug` form names its stream.
    pub kind: K,
    /// How many a run, at least.
    pub min: u32,
    /// How many a run, at most.
    pub max: u32,
    /// How long each lasts, at least.
    pub shortest: Span,
    /// How long each lasts, at most.
    pub longest: Span,
}

/// The faults of a seed, in order of time. `make` makes one of a family that lasts that long; none if there is nobody whom
/// it could hit. None lasts beyond `until`.
pub fn draw<K: Debug, V: Vocabulary>(
    families: &[Family<K>],
    seed: u64,
    until: Span,
    mut make: impl FnMut(&K, Span, &mut Stream) -> Option<Action<V>>,
) -> Vec<Fault<V>> {
    let mut faults = Vec::new();
    for family in families {
        let mut stream = Stream::new(seed, &format!("faults {:?}", family.kind));
        let count = stream.between(u64::from(family.min), u64::from(family.max));
        for _ in 0..count {
            faults.extend(draw_one(family, until, &mut stream, &mut make));
        }
    }
    faults.sort_by_key(|f| match f.when {
        When::At(at) => at,
        When::After(..) => Instant::ZERO,
    });
    faults
}

/// One fault of a family, from a stream of the caller's.
pub fn draw_one<K, V: Vocabulary>(
    family: &Family<K>,
    until: Span,
    stream: &mut Stream,
    make: impl FnOnce(&K, Span, &mut Stream) -> Option<Action<V>>,
) -> Option<Fault<V>> {
    let span = Span(stream.between(family.shortest.0, family.longest.0));
    let latest = until.0.saturating_sub(span.0).max(CALM.0);
    let at = Instant(stream.between(CALM.0, latest));
    let action = make(&family.kind, span, stream)?;
    Some(Fault { when: When::At(at), action, optional: false })
}

/// Faults that any system knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Common {
    /// A process dies and comes back.
    Crash,
    /// A host loses its power and comes back.
    PowerLoss,
    /// A process stands still.
    Pause,
    /// One node is cut off from some others.
    Cut,
    /// A wall clock steps.
    ClockStep,
    /// A wall clock runs too fast or too slow, by up to a thousandth.
    ClockDrift,
    /// A node takes longer for everything it sends.
    SlowNode,
}

impl Common {
    /// One of that kind, for one of the victims, that lasts that long.
    pub fn strike<V: Vocabulary>(
        self,
        victims: &[Actor],
        all: &[Actor],
        span: Span,
        stream: &mut Stream,
    ) -> Option<Action<V>> {
        match self {
            Common::Crash => crash(victims, span, stream),
            Common::PowerLoss => power_loss(victims, span, stream),
            Common::Pause => pause(victims, span, stream),
            Common::Cut => cut(victims, all, span, stream),
            Common::ClockStep => step_clock(victims, span, stream),
            Common::ClockDrift => drift_clock(victims, 1_000, stream),
            Common::SlowNode => slow_node(victims, span, stream),
        }
    }
}

/// One of them; none if there is none.
pub fn pick<T: Copy>(of: &[T], stream: &mut Stream) -> Option<T> {
    (!of.is_empty()).then(|| of[stream.below(of.len() as u64) as usize])
}

/// A process dies and comes back.
pub fn crash<V: Vocabulary>(whom: &[Actor], down: Span, stream: &mut Stream) -> Option<Action<V>> {
    Some(Action::Crash { node: pick(whom, stream)?, down: Some(down) })
}

/// A host loses its power and comes back.
pub fn power_loss<V: Vocabulary>(whom: &[Actor], down: Span, stream: &mut Stream) -> Option<Action<V>> {
    let node = pick(whom, stream)?;
    Some(Action::PowerLoss { node, down: Some(down), keep_ppm: stream.below(PPM + 1) })
}

/// A process stands still.
pub fn pause<V: Vocabulary>(whom: &[Actor], span: Span, stream: &mut Stream) -> Option<Action<V>> {
    Some(Action::Pause { node: pick(whom, stream)?, span })
}

/// A wall clock steps by that much, forwards or backwards.
pub fn step_clock<V: Vocabulary>(whom: &[Actor], by: Span, stream: &mut Stream) -> Option<Action<V>> {
    let by_ms = (by.as_millis() as i64) * if stream.chance(PPM / 2) { 1 } else { -1 };
    Some(Action::StepClock { node: pick(whom, stream)?, by_ms })
}

/// A wall clock runs too fast or too slow from then on, by up to that many parts per million.
pub fn drift_clock<V: Vocabulary>(whom: &[Actor], up_to_ppm: u64, stream: &mut Stream) -> Option<Action<V>> {
    let ppm = stream.between(0, 2 * up_to_ppm) as i64 - up_to_ppm as i64;
    Some(Action::DriftClock { node: pick(whom, stream)?, ppm })
}

/// A node takes longer for everything it sends.
pub fn slow_node<V: Vocabulary>(whom: &[Actor], span: Span, stream: &mut Stream) -> Option<Action<V>> {
    let node = pick(whom, stream)?;
    Some(Action::SlowNode { node, by: Span(stream.between(100_000, 5_000_000)), span })
}

/// One of the victims is cut off from some of all the others, one way or both.
pub fn cut<V: Vocabulary>(victims: &[Actor], all: &[Actor], span: Span, stream: &mut Stream) -> Option<Action<V>> {
    let victim = pick(victims, stream)?;
    let directions = stream.below(3);
    let mut links = Vec::new();
    let everybody = stream.chance(PPM / 2);
    for other in all {
        if *other == victim || !(everybody || stream.chance(PPM / 2)) {
            continue;
        }
        if directions != 1 {
            links.push((victim, *other));
        }
        if directions != 2 {
            links.push((*other, victim));
        }
    }
    (!links.is_empty()).then_some(Action::Block { links, span })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Numbers;

    const ALL: [Actor; 4] = [0, 1, 2, 3];
    const UNTIL: Span = Span::from_secs(10);
    const EVERY: [Common; 7] = [
        Common::Crash,
        Common::PowerLoss,
        Common::Pause,
        Common::Cut,
        Common::ClockStep,
        Common::ClockDrift,
        Common::SlowNode,
    ];

    fn drawn(kinds: &[Common], seed: u64) -> Vec<Fault<Numbers>> {
        let family = |kind: &Common| Family {
            kind: *kind,
            min: 1,
            max: 3,
            shortest: Span::from_millis(100),
            longest: Span::from_secs(3),
        };
        let families: Vec<_> = kinds.iter().map(family).collect();
        draw(&families, seed, UNTIL, |kind, span, stream| kind.strike(&ALL[1..], &ALL, span, stream))
    }

    fn times(fault: &Fault<Numbers>) -> (Instant, Instant) {
        let When::At(at) = fault.when else { panic!("drawn faults have a time: {fault:?}") };
        (at, at + fault.action.clone().span_mut().copied().unwrap_or(Span::ZERO))
    }

    #[test]
    fn faults_come_in_order_after_the_calm_and_are_over_in_time() {
        for seed in 0..200 {
            let faults = drawn(&EVERY, seed);
            assert!(faults.len() >= EVERY.len());
            assert!(faults.windows(2).all(|pair| times(&pair[0]).0 <= times(&pair[1]).0));
            for fault in &faults {
                let (begin, end) = times(fault);
                assert!(begin >= Instant::ZERO + CALM && end <= Instant::ZERO + UNTIL, "{fault:?}");
            }
        }
    }

    #[test]
    fn a_family_more_leaves_the_others_where_they_were() {
        for seed in 0..50 {
            let (few, all) = (drawn(&EVERY[..3], seed), drawn(&EVERY, seed));
            assert!(few.iter().all(|fault| all.contains(fault)));
        }
    }

    #[test]
    fn only_victims_are_struck_and_a_cut_has_the_victim_on_every_link() {
        for fault in (0..200).flat_map(|seed| drawn(&EVERY, seed)) {
            match &fault.action {
                Action::Block { links, .. } => {
                    let is_on_all = |victim: &Actor| links.iter().all(|(from, to)| from == victim || to == victim);
                    assert!(ALL[1..].iter().any(is_on_all), "{links:?}");
                }
                other => assert!(other.actors().iter().all(|actor| *actor > 0), "{other:?}"),
            }
        }
    }

    #[test]
    fn where_there_is_nobody_to_strike_nothing_is_drawn() {
        let mut stream = Stream::new(1, "nobody");
        for kind in EVERY {
            let action: Option<Action<Numbers>> = kind.strike(&[], &ALL, UNTIL, &mut stream);
            assert_eq!(action, None, "{kind:?}");
        }
    }
}
