//! The first event in which two runs differ.

use core::fmt::{self, Write};
use std::sync::Arc;

use crate::cast::Names;
use crate::plan::Plan;
use crate::run::{Course, run};
use crate::story;
use crate::stream::mix;
use crate::world::{Keep, Traced, TracedEvent, Tracer};

/// Where two runs part: the number of the event (from 0), and the event in each; none if the run was over by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// How many deliveries were the same.
    pub same: usize,
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
    let text = |side: (&Arc<Plan>, Course<'_>)| {
        let mut found = None;
        let names = side.0.names();
        follow(side.0, side.1, |number, traced| {
            if number == same {
                found = Some((traced.at.0, in_words(traced, &names)));
            }
        });
        found.unzip()
    };
    let ((left_at, left), (right_at, right)) = (text(left), text(right));
    let at = left_at.into_iter().chain(right_at).min().expect("one of them goes on");
    Some(Parting { same, at, left, right })
}
