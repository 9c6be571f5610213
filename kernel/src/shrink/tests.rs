//! Shrinking, with a judge that knows what is needed.

use std::cell::Cell;

use super::*;
use crate::schedule::{Action, Effect, Fault, MessageName, When};
use crate::testing::{Numbers, One};
use crate::time::{Instant, Span};

type D = Deviation<Numbers>;

fn late(from: u16, attempt: u32, by: Span) -> D {
    let name = MessageName { from, incarnation: 0, to: None, kind: One, subject: 0, attempt };
    Deviation::Message(name, Effect::DelayRequest(by))
}

fn fault(at: Instant, action: Action<Numbers>) -> D {
    Deviation::Fault(Fault { when: When::At(at), action, optional: false })
}

/// A hundred late messages, and faults of some nodes.
fn given() -> Vec<D> {
    let mut all: Vec<D> = (0..100).map(|n| late(n as u16 % 5, n, Span::from_millis(300))).collect();
    for node in 0..4 {
        let at = Instant(1_234_567_891 * (1 + u64::from(node)));
        all.push(fault(at, Action::Pause { node, span: Span::from_secs(9) }));
        all.push(fault(at, Action::PowerLoss { node, down: Some(Span::from_secs(5)), keep_ppm: 123_456 }));
    }
    all
}

fn is_late(d: &D, wanted: u32, at_least: Span) -> bool {
    matches!(d, Deviation::Message(name, Effect::DelayRequest(by)) if name.attempt == wanted && *by >= at_least)
}

fn ends(d: &D, wanted: u16) -> bool {
    let Deviation::Fault(fault) = d else { return false };
    matches!(fault.action, Action::Crash { node, .. } | Action::PowerLoss { node, .. } if node == wanted)
}

#[test]
fn what_is_needed_stays_and_is_made_as_weak_as_it_may_be() {
    let shows = |list: &[D]| {
        let late = list.iter().any(|d| is_late(d, 42, Span::from_millis(70)));
        (late && list.iter().any(|d| ends(d, 2))).then(|| list.to_vec())
    };
    let shrunk = shrink(1, &given(), shows, || true).expect("it is there");
    assert!(shrunk.finished);
    let crash = Action::Crash { node: 2, down: Some(Span::from_millis(1)) };
    let expected = [late(2, 42, Span::from_millis(70)), fault(Instant::ZERO, crash)];
    assert!(is_late(&shrunk.deviations[0], 42, Span::from_millis(70)), "{:?}", shrunk.deviations);
    assert!(!is_late(&shrunk.deviations[0], 42, Span::from_millis(90)), "{:?}", shrunk.deviations);
    assert_eq!(shrunk.deviations[1..], expected[1..]);
}

#[test]
fn a_fault_that_meets_its_moment_only_because_messages_are_late_is_moved_and_they_go() {
    let shows = |list: &[D]| {
        let late = list.iter().filter(|d| matches!(d, Deviation::Message(..))).count() as u64;
        // Each late message puts the moment off by a tenth of a second.
        let moment = 2_000_000_000 + 100_000_000 * late;
        let meets = |at: Instant| at.0 <= moment && moment < at.0 + 500_000_000;
        let met = |d: &D| matches!(d, Deviation::Fault(Fault { when: When::At(at), .. }) if meets(*at));
        list.iter().any(met).then(|| list.to_vec())
    };
    let mut given: Vec<D> = (0..20).map(|n| late(0, n, Span::from_millis(1))).collect();
    given.push(fault(Instant(3_900_000_000), Action::Pause { node: 1, span: Span::from_secs(1) }));
    let shrunk = shrink(1, &given, shows, || true).expect("it is there");
    assert_eq!(shrunk.deviations.len(), 1, "{:?}", shrunk.deviations);
}

#[test]
fn two_that_only_hurt_together_go_together() {
    // A pause without the power loss of the same node is an error of its own, and so is the other way round.
    let shows = |list: &[D]| {
        let pauses = |node| {
            list.iter().any(
                |d| matches!(d, Deviation::Fault(Fault { action: Action::Pause { node: n, .. }, .. }) if *n == node),
            )
        };
        let matched = (0..4).all(|node| pauses(node) == list.iter().any(|d| ends(d, node)));
        (matched && pauses(3)).then(|| list.to_vec())
    };
    let shrunk = shrink(1, &given(), shows, || true).expect("it is there");
    assert_eq!(shrunk.deviations.len(), 2, "{:?}", shrunk.deviations);
}

#[test]
fn what_does_not_show_it_is_not_shrunk() {
    assert!(shrink(1, &given(), |_: &[D]| None, || true).is_none());
}

#[test]
fn when_time_is_up_the_best_so_far_is_given() {
    let left = Cell::new(4);
    let go_on = || left.replace(left.get().max(1) - 1) > 0;
    let shows = |list: &[D]| list.iter().any(|d| ends(d, 2)).then(|| list.to_vec());
    let shrunk = shrink(1, &given(), shows, go_on).expect("it is there");
    assert!(!shrunk.finished && shrunk.runs <= 5);
    assert!(shrunk.deviations.iter().any(|d| ends(d, 2)));
}

#[test]
fn deviations_are_told_in_another_cast_as_far_as_they_mean_something_there() {
    use crate::schedule::Cast;
    // Node 1 is gone, so 2 and 3 move up; item 0 is there.
    let has_item = |item: u64| item == 0;
    let cast: Cast<'_, Numbers> = Cast { actors: &[Some(0), None, Some(1), Some(2)], has_item: &has_item };
    let translate = |deviation: D| deviation.translated(&cast);
    let pause = |node| fault(Instant(7), Action::Pause { node, span: Span(5) });
    assert_eq!(translate(pause(3)), Some(pause(2)));
    assert_eq!(translate(pause(1)), None);
    assert_eq!(translate(pause(9)), None);
    let block = |links| fault(Instant(7), Action::Block { links, span: Span(5) });
    assert_eq!(translate(block(vec![(0, 1), (2, 3)])), Some(block(vec![(1, 2)])));
    assert_eq!(translate(block(vec![(0, 1), (1, 0)])), None);
    assert_eq!(translate(late(2, 0, Span(5))), Some(late(1, 0, Span(5))));
    let about = |subject| match late(2, 0, Span(5)) {
        Deviation::Message(name, effect) => Deviation::Message(MessageName { subject, ..name }, effect),
        fault => fault,
    };
    assert_eq!(translate(about(1)), None);
}
