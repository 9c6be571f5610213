//! The account of a run forgets nobody: without a client, a fault, an answer or an error it is another one.

use fencepost_reports::history::event::*;

use crate::dice::Dice;
use crate::past::Past;

/// What is taken out of a history.
pub struct Removal {
    pub name: &'static str,
    /// One way to take one out, and what that was.
    pub make: fn(&Past, &mut Dice) -> Made,
}

/// The edited history, and what was done to it.
type Made = Option<(Vec<Event<'static>>, String)>;

pub fn all() -> Vec<Removal> {
    vec![
        Removal { name: "client", make: client },
        Removal { name: "client-that-never-ran", make: idle_client },
        Removal { name: "send", make: |past, dice| one(past, dice, |e| matches!(e, Event::Send(_))) },
        Removal { name: "acknowledgement", make: |past, dice| one(past, dice, |e| matches!(e, Event::Ack(_))) },
        Removal { name: "failure", make: |past, dice| one(past, dice, |e| matches!(e, Event::Fail(_))) },
        Removal { name: "read", make: |past, dice| one(past, dice, |e| matches!(e, Event::Read(_))) },
        Removal { name: "start", make: |past, dice| one(past, dice, |e| matches!(e, Event::Started(_))) },
        Removal {
            name: "visible-record",
            make: |past, dice| one(past, dice, |e| matches!(e, Event::Final(f) if f.visible)),
        },
        Removal { name: "skipped-input", make: |past, dice| one(past, dice, |e| matches!(e, Event::Skipped(_))) },
        Removal { name: "error-told", make: |past, dice| one(past, dice, |e| matches!(e, Event::Told(_))) },
        Removal { name: "fault", make: fault },
        Removal { name: "fault-that-fired", make: |past, dice| one(past, dice, |e| matches!(e, Event::Fired(_))) },
        Removal {
            name: "fault-trigger-count",
            make: |past, dice| one(past, dice, |e| matches!(e, Event::FaultEnd(_))),
        },
    ]
}

/// A history with one of everything that an account tells of: what a run did not write is written here.
pub fn eventful(past: &Past, dice: &mut Dice) -> Option<Past> {
    let mut events = past.events.clone();
    let spot = |events: &[Event<'_>], dice: &mut Dice| {
        let first = events.iter().position(|e| e.time().is_some())?;
        let last = events.iter().position(crate::prepare::is_final_read)?;
        (last > first).then(|| first + dice.below(last - first))
    };
    if !events.iter().any(|e| matches!(e, Event::Told(_))) {
        let c = *past.clients.keys().next()?;
        for (call, error) in [("Produce", "NOT_LEADER_OR_FOLLOWER"), ("Fetch", "OFFSET_OUT_OF_RANGE")] {
            let at = spot(&events, dice)?;
            let t = events[..at].iter().rev().find_map(Event::time).unwrap_or(0);
            events.insert(at, Event::Told(Told { t, c, i: 0, call: call.into(), error: error.into() }));
        }
    }
    if !events.iter().any(|e| matches!(e, Event::Fault(_))) {
        let declared = events.iter().rposition(|e| matches!(e, Event::Client(_)))?;
        for id in 0..2 {
            let words = format!("broker-{} crashes at the 2nd EndTxn", id + 1).into();
            let fault = Fault { id, words, counts: Some("EndTxn".into()), nth: 2, ..Fault::default() };
            events.insert(declared + 1 + id as usize, Event::Fault(fault));
        }
        let at = spot(&events, dice)?;
        let t = events[..at].iter().rev().find_map(Event::time).unwrap_or(0);
        events.insert(at, Event::Fired(Fired { t, fault: 0 }));
        events.push(Event::FaultEnd(FaultEnd { fault: 0, seen: 2 }));
        events.push(Event::FaultEnd(FaultEnd { fault: 1, seen: 1 }));
    }
    if !events.iter().any(|e| matches!(e, Event::Skipped(_))) {
        let (_, read) = past.reads.iter().find(|((c, _), _)| past.clients[c].kind == ClientKind::Pipeline)?.1[0];
        let at = events.iter().position(|e| *e == Event::Read(read))?;
        let Read { t, c, i, at: input, offset, .. } = read;
        events.insert(at + 1, Event::Skipped(Skipped { t, c, i, at: input, offset }));
    }
    Some(Past::new(past.name.clone(), events))
}

fn without(past: &Past, gone: impl Fn(usize, &Event<'_>) -> bool) -> Vec<Event<'static>> {
    past.events.iter().enumerate().filter(|(n, e)| !gone(*n, e)).map(|(_, e)| e.clone()).collect()
}

fn one(past: &Past, dice: &mut Dice, fits: fn(&Event<'_>) -> bool) -> Made {
    let sites: Vec<usize> = past.events.iter().enumerate().filter(|(_, e)| fits(e)).map(|(n, _)| n).collect();
    let site = dice.pick(&sites)?;
    Some((without(past, |n, _| n == site), format!("{:?}", past.events[site])))
}

/// A client with all that it did, and all that others tell of it.
fn client(past: &Past, dice: &mut Dice) -> Made {
    let clients: Vec<u32> = past.clients.keys().copied().collect();
    let c = dice.pick(&clients)?;
    let mut events = without(past, |_, event| {
        let own = crate::prepare::actor(event).is_some_and(|(who, _)| who == c);
        own || match event {
            Event::Client(e) => e.id == c,
            Event::Decided(e) => e.c == c,
            Event::Promise(e) => e.client == Some(c),
            _ => false,
        }
    });
    for event in &mut events {
        match event {
            Event::OffsetMoved(e) if matches!(e.cause, MoveCause::Commit { c: by, .. } if by == c) => {
                e.cause = MoveCause::Unknown;
            }
            Event::SinkFinal(e) if e.c == Some(c) => e.c = None,
            _ => {}
        }
    }
    Some((events, past.client_name(c)))
}

/// A client that did nothing at all: its history is the other one, without its declaration.
fn idle_client(past: &Past, dice: &mut Dice) -> Made {
    let busy = |c: u32| past.events.iter().any(|e| crate::prepare::actor(e).is_some_and(|(who, _)| who == c));
    let idle: Vec<u32> = past.clients.keys().copied().filter(|c| !busy(*c)).collect();
    let c = dice.pick(&idle)?;
    let gone = |e: &Event<'_>| matches!(e, Event::Client(d) if d.id == c);
    Some((without(past, |_, e| gone(e)), past.client_name(c)))
}

fn fault(past: &Past, dice: &mut Dice) -> Made {
    let of = |e: &Event<'_>| match e {
        Event::Fault(f) => Some(f.id),
        _ => None,
    };
    let faults: Vec<u32> = past.events.iter().filter_map(of).collect();
    let id = dice.pick(&faults)?;
    let gone = |e: &Event<'_>| match e {
        Event::Fault(f) => f.id == id,
        Event::Fired(f) => f.fault == id,
        Event::FaultEnd(f) => f.fault == id,
        _ => false,
    };
    Some((without(past, |_, e| gone(e)), format!("fault {id}")))
}

/// With a client that is declared and never runs.
pub fn with_idler(past: &Past) -> Past {
    let mut edit = crate::edit::Edit::new(past);
    edit.declare(Client { name: "sleeper".into(), ..Client::default() });
    Past::new(past.name.clone(), edit.done())
}
