//! Values.

use fencepost_reports::Kind;
use fencepost_reports::history::event::*;

use super::Expect::Kinds;
use super::{Mutant, Mutation};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::{Past, Sent};
use crate::values::Lineage;

pub fn kinds() -> Vec<Mutation> {
    vec![
        Mutation {
            name: "value-stored-otherwise",
            what: "a record has another value in the end than was sent",
            expect: Kinds(&[Kind::WrongValue]),
            also: &[],
            because: "",
            make: stored,
        },
        Mutation {
            name: "value-read-otherwise",
            what: "a reader was given a record with another value than was sent",
            expect: Kinds(&[Kind::WrongValue]),
            also: &[],
            because: "",
            make: read,
        },
        Mutation {
            name: "copy-of-another-value",
            what: "a pipeline that copies wrote another value",
            expect: Kinds(&[Kind::WrongValue]),
            also: &[],
            because: "",
            make: |past, dice| computed(past, dice, "copy"),
        },
        Mutation {
            name: "appended-to-another-value",
            what: "a pipeline that appends a text wrote another value",
            expect: Kinds(&[Kind::WrongValue]),
            also: &[],
            because: "",
            make: |past, dice| computed(past, dice, "append:"),
        },
        Mutation {
            name: "hash-of-another-value",
            what: "a pipeline that hashes wrote another value",
            expect: Kinds(&[Kind::WrongValue]),
            also: &[],
            because: "",
            make: |past, dice| computed(past, dice, "hash"),
        },
    ]
}

/// Records with a value that was sent once and is in the log once.
fn valued(past: &Past) -> Vec<Sent> {
    let known = |s: &&Sent| matches!(&past.events[s.send], Event::Send(e) if e.value.is_some());
    let once = |s: &&Sent| past.copies(s.id) == 1 && past.is_strict(s.place.expect("acked").0.topic);
    past.acked().filter(known).filter(once).copied().collect()
}

fn stored(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    // Where nobody read it, or all that did would have been given the other value, too.
    let unread = |s: &Sent| s.place.is_some_and(|(at, offset)| past.reads_at(at, offset).is_empty());
    let sites: Vec<Sent> = valued(past).into_iter().filter(unread).collect();
    let sent = dice.pick(&sites)?;
    let (at, offset) = sent.place?;
    let (index, line) = past.final_at(at, offset)?;
    let mut edit = Edit::new(past);
    edit.change(index, Event::Final(Final { value: Some(dice.next()), ..line }));
    Some(Mutant::new(&edit, format!("{:?}", sent.id)).record(sent.id).offset(offset).once())
}

fn read(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    // A pipeline would have to write what its function gives for what it was given.
    let plain = |r: &Read| r.value.is_some() && past.clients[&r.c].function.is_none();
    let known: Vec<_> = past.reads.values().flatten().filter(|(_, r)| plain(r)).copied().collect();
    let (index, read) = dice.pick(&known)?;
    if !past.is_strict(read.at.topic) {
        return None;
    }
    let mut edit = Edit::new(past);
    edit.change(index, Event::Read(Read { value: Some(dice.next()), ..read }));
    Some(Mutant::new(&edit, format!("{index}")).record(read.id).once())
}

fn computed(past: &Past, dice: &mut Dice, function: &str) -> Option<Mutant> {
    let its = |s: &Sent| past.clients[&s.key.0].function.as_deref().is_some_and(|f| f.starts_with(function));
    let sites: Vec<Sent> = valued(past).into_iter().filter(its).collect();
    let sent = dice.pick(&sites)?;
    if past.sent.iter().filter(|s| s.id == sent.id).count() != 1 {
        return None;
    }
    // It travels with that value, and what is computed from it is computed from that value.
    let (wrong, lineage) = (Some((sent.id, dice.next())), Lineage::new(&past.events));
    let mut edit = Edit::new(past);
    for (index, event) in past.events.iter().enumerate() {
        match event {
            Event::Send(e) => {
                edit.change(index, Event::Send(Send { value: lineage.value(e.id, wrong), ..*e }));
            }
            Event::Read(e) => {
                edit.change(index, Event::Read(Read { value: lineage.value(e.id, wrong), ..*e }));
            }
            Event::Final(e) => {
                edit.change(index, Event::Final(Final { value: lineage.value(e.id, wrong), ..*e }));
            }
            _ => {}
        }
    }
    let input = Partition::new(sent.id.source, sent.id.partition);
    let from = past.final_at(input, sent.id.offset).map(|(_, f)| f.id);
    let ids = core::iter::once(sent.id).chain(from).collect();
    Some(Mutant::new(&edit, format!("{:?}", sent.id)).records(ids).once())
}
