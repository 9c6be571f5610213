//! The first event in which two runs differ.

use core::fmt::{self, Write};
use std::sync::Arc;

use crate::cast::Names;
use crate::plan::Plan;
use crate::run::{Course, run};
use crate::story;
use crate::stream::mix;
use crate::world::{Keep, Traced, TracedEvent, Tracer};

/// Where two runs part: how many events are the same, and the next event in each; none if the run was over by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// How many deliveries were the same.
    pub same: usize,
    /// How many more read the same, and differ in what is not told of them.
    pub alike: usize,
    /// When: the earlier of the two events, in nanoseconds of virtual time.
    pub at: u64,
    /// The first run's next delivery.
    pub left: Option<String>,
    /// The second run's.
    pub right: Option<String>,
}

/// A hash over what is written to it, so that two long traces can be compared without keeping them.
struct Fingerprint(u64);

impl Write for Fingerprint {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(())
    }
}

fn write(out: &mut dyn Write, traced: &Traced<'_>) {
    let Traced { at, from, to, what, .. } = traced;
    let result = match what {
        TracedEvent::Request(r) => write!(out, "{at}: {from} -> {to}: request {r:?}"),
        TracedEvent::Response(r) => write!(out, "{at}: {from} -> {to}: answer {r:?}"),
        TracedEvent::Connected => write!(out, "{at}: {to} is connected with {from}"),
        TracedEvent::Disconnected => write!(out, "{at}: {to} has lost its connection with {from}"),
        TracedEvent::Timer => write!(out, "{at}: a timer of {to}"),
        _ => Ok(()), // the rest is no delivery
    };
    result.expect("writing to memory succeeds");
}

/// What was delivered, for a person.
fn in_words(traced: &Traced<'_>, names: &Names) -> String {
    let Traced { at, from, to, what, .. } = traced;
    match what {
        TracedEvent::Request(r) => format!("{at}: {from} asks {to}: {}", story::request_line(r, names)),
        TracedEvent::Response(r) => format!("{at}: {from} answers {to}: {}", story::response_line(r, names)),
        _ => {
            let mut text = String::new();
            write(&mut text, traced);
            text
        }
    }
}

/// Hands every delivery of a run to `each`, with its number.
fn follow(plan: &Arc<Plan>, course: Course<'_>, mut each: impl FnMut(usize, &Traced<'_>)) -> usize {
    let mut number = 0;
    let mut tracer = |traced: &Traced<'_>| {
        if traced.what.is_delivery() && !matches!(traced.what, TracedEvent::Fault(_)) {
            each(number, traced);
            number += 1;
        }
    };
    let tracer: Tracer<'_> = &mut tracer;
    run(plan, course, Keep { trace: true, ..Keep::default() }, None, Some(tracer));
    number
}

/// Runs both, and then both again up to the place where they part; none if they are the same.
///
/// # Panics
/// As the machines do.
pub fn parting(left: (&Arc<Plan>, Course<'_>), right: (&Arc<Plan>, Course<'_>)) -> Option<Parting> {
    let mut prints = Vec::new();
    let fingerprint = |traced: &Traced<'_>| {
        let mut print = Fingerprint(0xcbf2_9ce4_8422_2325);
        write(&mut print, traced);
        mix(print.0)
    };
    follow(left.0, left.1, |_, traced| prints.push(fingerprint(traced)));
    let mut same = None;
    let count = follow(right.0, right.1, |number, traced| {
        if same.is_none() && prints.get(number) != Some(&fingerprint(traced)) {
            same = Some(number);
        }
    });
    let same = match same {
        Some(same) => same,
        None if count < prints.len() => count,
        None => return None,
    };
    let told = first_that_reads_different(same, left, right);
    // Nothing that is told of them differs: then the rest is told.
    let (alike, [left, right]) = match told {
        Some((alike, events)) => (alike, events),
        None => (0, [left, right].map(|side| event(side, same, |traced, _| in_full(traced)))),
    };
    let at = [&left, &right].into_iter().flatten().map(|(at, _)| *at).min().expect("one of them goes on");
    let [left, right] = [left, right].map(|event| event.map(|(_, words)| words));
    Some(Parting { same, alike, at, left, right })
}

/// An event for a person, and when it was.
type Event = Option<(u64, String)>;

fn in_full(traced: &Traced<'_>) -> String {
    let mut text = String::new();
    write(&mut text, traced);
    text
}

/// The event of that number.
fn event(side: (&Arc<Plan>, Course<'_>), wanted: usize, words: impl Fn(&Traced<'_>, &Names) -> String) -> Event {
    let (mut found, names) = (None, side.0.names());
    follow(side.0, side.1, |number, traced| {
        if number == wanted {
            found = Some((traced.at.0, words(traced, &names)));
        }
    });
    found
}

/// The first event after `same` others of which a person reads something else, and how many before it differ only in what
/// is not told. None: all read the same.
fn first_that_reads_different(
    same: usize,
    left: (&Arc<Plan>, Course<'_>),
    right: (&Arc<Plan>, Course<'_>),
) -> Option<(usize, [Event; 2])> {
    let first = [left, right].map(|side| event(side, same, in_words));
    if first[0] != first[1] {
        return Some((0, first));
    }
    let print = |traced: &Traced<'_>, names: &Names| {
        let mut print = Fingerprint(0xcbf2_9ce4_8422_2325);
        print.write_str(&in_words(traced, names)).expect("writing to memory succeeds");
        mix(print.0)
    };
    let (mut prints, names) = (Vec::new(), left.0.names());
    follow(left.0, left.1, |number, traced| {
        if number >= same {
            prints.push(print(traced, &names));
        }
    });
    let (mut place, names) = (None, right.0.names());
    let count = follow(right.0, right.1, |number, traced| {
        if place.is_none() && number >= same && prints.get(number - same) != Some(&print(traced, &names)) {
            place = Some(number);
        }
    });
    let place = place.or((count < same + prints.len()).then_some(count))?;
    Some((place - same, [left, right].map(|side| event(side, place, in_words))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Choice, Scenario};

    const TEXT: &str =
        "title = 'x'\n[[topic]]\nname = 'orders'\n[[producer]]\nname = 'shop'\ntopic = 'orders'\nrecords = 5\n";

    fn parted(left: &str, right: &str) -> Option<Parting> {
        let load = |more: &str| {
            let text = format!("{TEXT}{more}\n");
            Scenario::load("x.toml", &text, Choice::default(), &mut |_| Err("none".into())).expect("it can be read")
        };
        let (left, right) = (load(left), load(right));
        parting((&left.plan, Course::Seed(1)), (&right.plan, Course::Seed(1)))
    }

    #[test]
    fn two_events_that_are_told_as_the_first_difference_never_read_the_same() {
        let settings = [
            "",
            "acks = '1'",
            "linger.ms = 100",
            "enable.idempotence = false",
            "transactional.id = 't'",
            "transactional.id = 't'\ntransaction.timeout.ms = 7000",
            "transactional.id = 't'\ntransaction.timeout.ms = 8000",
            "request.timeout.ms = 7000",
        ];
        let mut different = 0;
        for (n, left) in settings.iter().enumerate() {
            assert_eq!(parted(left, left), None, "{left}");
            for right in &settings[n + 1..] {
                let Some(parting) = parted(left, right) else { continue };
                assert_ne!(parting.left, parting.right, "{left} and {right}");
                different += 1;
            }
        }
        assert!(different > 15, "{different}");
        // Nothing is told of a timeout that a producer asks for: the next event that reads different, or else the whole one.
        let timeouts = parted(settings[5], settings[6]).expect("InitProducerId carries it");
        let told = timeouts.left.expect("it goes on");
        assert!(timeouts.alike > 0 || told.contains("7000"), "{told}");
    }
}
