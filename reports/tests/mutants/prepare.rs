//! What a history must have by the format and may lack: it is written where a run does not write it.

use std::collections::{BTreeMap, BTreeSet};

use fencepost_reports::history::event::*;

/// Who an event is of.
pub fn actor(event: &Event<'_>) -> Option<(u32, u32)> {
    Some(match event {
        Event::Started(e) => (e.c, e.i),
        Event::Stopped(e) => (e.c, e.i),
        Event::Told(e) => (e.c, e.i),
        Event::Send(e) => (e.c, e.i),
        Event::Ack(e) => (e.c, e.i),
        Event::Fail(e) | Event::Unknown(e) => (e.c, e.i),
        Event::Begin(e) => (e.c, e.i),
        Event::TxnOffsets(e) => (e.c, e.i),
        Event::Ending(e) => (e.c, e.i),
        Event::Ended(e) => (e.c, e.i),
        Event::Fenced(e) => (e.c, e.i),
        Event::Epoch(e) => (e.c, e.i),
        Event::Commit(e) => (e.c, e.i),
        Event::CommitResult(e) => (e.c, e.i),
        Event::Assigned(e) | Event::Revoked(e) => (e.c, e.i),
        Event::Position(e) => (e.c, e.i),
        Event::Read(e) => (e.c, e.i),
        Event::Skipped(e) => (e.c, e.i),
        Event::Apply(e) => (e.c, e.i),
        Event::Applied(e) => (e.c, e.i),
        _ => return None,
    })
}

/// Adds starts and stops where a history has none, and outcomes of unanswered calls.
pub fn complete(events: &mut Vec<Event<'static>>) {
    if !events.iter().any(|e| matches!(e, Event::Started(_))) {
        add_starts(events);
    }
    answer(events);
}

fn time_before(events: &[Event<'_>], at: usize) -> u64 {
    events[..at].iter().rev().find_map(Event::time).unwrap_or(0)
}

fn add_starts(events: &mut Vec<Event<'static>>) {
    let mut spans: BTreeMap<(u32, u32), (usize, usize)> = BTreeMap::new();
    for (at, event) in events.iter().enumerate() {
        if let Some(who) = actor(event) {
            spans.entry(who).or_insert((at, at)).1 = at;
        }
    }
    let first = events.iter().position(|e| e.time().is_some()).unwrap_or(events.len());
    for event in events.iter() {
        if let Event::Client(c) = event {
            let last = spans.range((c.id, 0)..=(c.id, u32::MAX)).next_back().map_or(0, |((_, i), _)| *i);
            // An incarnation without a word ran between its neighbours.
            for i in (0..=last).rev() {
                let next = spans.get(&(c.id, i + 1)).map_or(first, |span| span.0);
                spans.entry((c.id, i)).or_insert((next, next));
            }
        }
    }
    let mut starts: BTreeMap<usize, Vec<Event<'static>>> = BTreeMap::new();
    let mut stops: BTreeMap<usize, Vec<Event<'static>>> = BTreeMap::new();
    for ((c, i), (from, to)) in &spans {
        if let Some((next, _)) = spans.get(&(*c, i + 1)) {
            let (at, reason) = (if to < next { to + 1 } else { *next }, StopReason::Killed);
            let stop = Stopped { t: time_before(events, at), c: *c, i: *i, reason, text: "".into() };
            stops.entry(at).or_default().push(Event::Stopped(stop));
        }
        let t = time_before(events, *from);
        starts.entry(*from).or_default().push(Event::Started(Started { t, c: *c, i: *i }));
    }
    let old = core::mem::take(events);
    for at in 0..=old.len() {
        events.extend(stops.remove(&at).into_iter().flatten());
        events.extend(starts.remove(&at).into_iter().flatten());
        events.extend(old.get(at).cloned());
    }
}

/// What a call without an outcome is written as: where its process stops, or the final read begins.
fn answer(events: &mut Vec<Event<'static>>) {
    let closing = events.iter().position(is_final_read).unwrap_or(events.len());
    let mut open: BTreeMap<(u32, u32), BTreeSet<(u8, u64)>> = BTreeMap::new();
    let mut commits: BTreeSet<(u32, u32, u64)> = BTreeSet::new();
    let mut stops: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for (at, event) in events.iter().enumerate() {
        let Some(who) = actor(event) else { continue };
        let calls = open.entry(who).or_default();
        match event {
            Event::Send(e) => drop(calls.insert((0, e.op))),
            Event::Ack(e) => drop(calls.remove(&(0, e.op))),
            Event::Fail(e) | Event::Unknown(e) => drop(calls.remove(&(0, e.op))),
            Event::Commit(e) => drop(calls.insert((1, e.op))),
            Event::CommitResult(e) => drop(calls.remove(&(1, e.op))),
            Event::Ending(e) => {
                calls.insert((2, e.n));
                if e.commit {
                    commits.insert((e.c, e.i, e.n));
                }
            }
            Event::Ended(e) => drop(calls.remove(&(2, e.n))),
            Event::Apply(e) => drop(calls.insert((3, e.op))),
            Event::Applied(e) => drop(calls.remove(&(3, e.op))),
            Event::Stopped(_) => drop(stops.insert(who, at)),
            _ => {}
        }
    }
    let mut added: BTreeMap<usize, Vec<Event<'static>>> = BTreeMap::new();
    for ((c, i), calls) in open {
        let at = stops.get(&(c, i)).copied().unwrap_or(closing).min(closing);
        let t = time_before(events, at);
        let (outcome, error) = (Outcome::Unknown, Text::from("nobody answered"));
        for (what, number) in calls {
            added.entry(at).or_default().push(match what {
                0 => Event::Unknown(SendError { t, c, i, op: number, error: error.clone() }),
                1 => Event::CommitResult(CommitResult { t, c, i, op: number, outcome, error: error.clone() }),
                2 => {
                    let commit = commits.contains(&(c, i, number));
                    Event::Ended(Ended { t, c, i, n: number, commit, outcome, error: error.clone() })
                }
                _ => Event::Applied(Applied { t, c, i, op: number, outcome, already: false, error: error.clone() }),
            });
        }
    }
    let old = core::mem::take(events);
    for at in 0..=old.len() {
        events.extend(added.remove(&at).into_iter().flatten());
        events.extend(old.get(at).cloned());
    }
}

pub fn is_final_read(event: &Event<'_>) -> bool {
    matches!(event, Event::End(_) | Event::SinkEnd(_) | Event::SinkOffset(_))
}
