//! Runs that proved nothing, and what a user must be told although it is no violation.

use fencepost_reports::history::event::*;

use super::{Expect, Mutant, Mutation};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::{Past, Sent};

use super::records::{is_quiet, quiet};

pub fn kinds() -> Vec<Mutation> {
    vec![
        Mutation {
            name: "final-read-missing",
            what: "a partition with acknowledged records was not read in the end",
            expect: Expect::Vacuous,
            also: &[],
            because: "",
            make: final_read_missing,
        },
        Mutation {
            name: "all-sends-failed",
            what: "every send to a topic failed for certain, and it is empty",
            expect: Expect::Vacuous,
            also: &[],
            because: "",
            make: all_failed,
        },
        Mutation {
            name: "nothing-sent",
            what: "nobody sent anything to a topic that is promised",
            expect: Expect::Vacuous,
            also: &[],
            because: "",
            make: nothing_sent,
        },
        Mutation {
            name: "sink-not-read",
            what: "a sink was not read in the end",
            expect: Expect::Vacuous,
            also: &[],
            because: "",
            make: sink_not_read,
        },
        Mutation {
            name: "fault-never-fired",
            what: "a fault's trigger was never reached",
            expect: Expect::Warning,
            also: &[],
            because: "",
            make: never_fired,
        },
        Mutation {
            name: "client-never-ran",
            what: "a client was declared and never started",
            expect: Expect::Warning,
            also: &[],
            because: "",
            make: never_ran,
        },
    ]
}

fn final_read_missing(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let quiet = |at: &Partition| is_quiet(past, at.topic) && past.acked().any(|s| s.place.is_some_and(|p| p.0 == *at));
    let sites: Vec<Partition> = past.settled().into_iter().filter(quiet).collect();
    let at = dice.pick(&sites)?;
    let mut edit = Edit::new(past);
    edit.remove(past.ends[&at].0);
    past.finals.get(&at).into_iter().flatten().for_each(|(index, _)| {
        edit.remove(*index);
    });
    Some(Mutant::new(&edit, format!("{at:?}")).word(&past.topic_name(at.topic)))
}

/// Topics to which only plain producers write, with all that they sent there.
fn plain_topics(past: &Past) -> Vec<(u32, Vec<Sent>)> {
    let topics: Vec<u32> = past.outputs().into_iter().filter(|t| is_quiet(past, *t)).collect();
    let mut found = Vec::new();
    for topic in topics {
        let to = |s: &&Sent| matches!(&past.events[s.send], Event::Send(e) if e.topic == topic);
        let sent: Vec<Sent> = past.sent.iter().filter(to).copied().collect();
        if !sent.is_empty() && sent.iter().all(|s| s.n.is_none() && s.id.is_workload()) {
            found.push((topic, sent));
        }
    }
    found
}

/// A topic's log is empty, and nobody was given anything of it.
fn empty(past: &Past, edit: &mut Edit<'_>, topic: u32) {
    edit.blind();
    for (at, (_, end)) in past.ends.iter().filter(|(at, _)| at.topic == topic) {
        edit.set_end(End { start: 0, lso: 0, hw: 0, leo: 0, ..*end });
        past.finals.get(at).into_iter().flatten().for_each(|(index, _)| {
            edit.remove(*index);
        });
    }
    for (_, reads) in past.reads.iter().filter(|((_, at), _)| at.topic == topic) {
        reads.iter().for_each(|(index, _)| {
            edit.remove(*index);
        });
    }
}

fn all_failed(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let (topic, sent) = dice.pick(&plain_topics(past))?;
    let mut edit = Edit::new(past);
    empty(past, &mut edit, topic);
    let mut errors = ["NOT_ENOUGH_REPLICAS", "OUT_OF_ORDER_SEQUENCE_NUMBER"].iter().cycle();
    for one in &sent {
        let (c, i, op) = one.key;
        let t = past.events[one.outcome?].time()?;
        let error = (*errors.next()?).into();
        edit.change(one.outcome?, Event::Fail(SendError { t, c, i, op, error }));
    }
    Some(Mutant::new(&edit, format!("{topic}")).word(&past.topic_name(topic)))
}

fn nothing_sent(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let (topic, sent) = dice.pick(&plain_topics(past))?;
    let mut edit = Edit::new(past);
    empty(past, &mut edit, topic);
    sent.iter().for_each(|one| {
        edit.remove(one.send);
        one.outcome.into_iter().for_each(|index| {
            edit.remove(index);
        });
    });
    Some(Mutant::new(&edit, format!("{topic}")).word(&past.topic_name(topic)))
}

fn sink_not_read(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let sinks: Vec<u32> = past.sink_ends.keys().copied().filter(|s| past.is_strict_sink(*s)).collect();
    let sink = dice.pick(&sinks)?;
    if past.sinks[&sink].announced_in.is_some() {
        return None; // its topic tells of its rows
    }
    let mut edit = Edit::new(past);
    edit.remove(past.sink_ends[&sink]);
    past.rows.get(&sink).into_iter().flatten().for_each(|(index, _)| {
        edit.remove(*index);
    });
    past.sink_offsets.iter().filter(|(_, o)| o.sink == sink).for_each(|(index, _)| {
        edit.remove(*index);
    });
    Some(Mutant::new(&edit, format!("{sink}")).sink(past, sink).word(&past.sinks[&sink].name))
}

fn never_fired(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let (nth, call) = (2 + dice.below(5) as u32, dice.pick(&["EndTxn", "Produce", "Fetch"])?);
    let seen = dice.below(nth as usize) as u64;
    let of = |e: &Event<'_>| if let Event::Fault(f) = e { f.id + 1 } else { 0 };
    let id = past.events.iter().map(of).max().unwrap_or(0);
    let words = format!("broker-1 crashes at the {nth}th {call}");
    let mut edit = Edit::new(past);
    let last = past.events.iter().rposition(|e| matches!(e, Event::Client(_)))?;
    let fault = Fault { id, words: words.clone().into(), counts: Some(call.into()), nth, ..Fault::default() };
    edit.insert_after(last, Event::Fault(fault));
    // Ahead of what did not finish, of which a clean history has nothing.
    edit.insert_before(past.events.len(), Event::FaultEnd(FaultEnd { fault: id, seen }));
    Some(Mutant::new(&edit, format!("{words} {seen}")).word(&words))
}

fn never_ran(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let topics: Vec<u32> = quiet(past).iter().filter_map(|s| s.place).map(|p| p.0.topic).collect();
    let topic = dice.pick(&topics)?;
    let name = format!("sleeper-{}", dice.below(1_000_000));
    let mut edit = Edit::new(past);
    edit.declare(Client { name: name.clone().into(), outputs: vec![topic], ..Client::default() });
    Some(Mutant::new(&edit, name.clone()).word(&name))
}
