//! Readers that are given what they must not be given, or not given what they must.

use fencepost_reports::Kind;
use fencepost_reports::history::event::*;

use super::Expect::Kinds;
use super::{Mutant, Mutation};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::{Key, Past, Txn};

pub fn kinds() -> Vec<Mutation> {
    vec![
        Mutation {
            name: "reader-skips",
            what: "a reader was not given a record between two that it was given",
            expect: Kinds(&[Kind::ReaderSkipped]),
            also: &[Kind::Unprocessed],
            because: "what a reader without a group skips it does not process",
            make: |past, dice| skips(past, dice, false),
        },
        Mutation {
            name: "reader-skips-in-transaction",
            what: "a reader was not given one of a transaction's records, between two others that it was given",
            expect: Kinds(&[Kind::ReaderSkipped, Kind::TornTransaction]),
            also: &[Kind::Unprocessed, Kind::ReaderSkipped, Kind::TornTransaction],
            because: "a skipped record of a transaction is skipped, and the transaction torn for that reader; it is not processed",
            make: |past, dice| skips(past, dice, true),
        },
        Mutation {
            name: "reader-again",
            what: "a reader was given a record twice in a row",
            expect: Kinds(&[Kind::ReaderBackwards]),
            also: &[],
            because: "",
            make: again,
        },
        Mutation {
            name: "reader-steps-back",
            what: "a reader was given two records in the other order",
            expect: Kinds(&[Kind::ReaderBackwards]),
            also: &[Kind::ReaderSkipped, Kind::TornTransaction],
            because: "until it goes back it has skipped, perhaps a part of a transaction",
            make: steps_back,
        },
        Mutation {
            name: "reader-misses-tail",
            what: "a reader without a group stops before the end of a partition",
            expect: Kinds(&[Kind::Unprocessed]),
            also: &[Kind::TornTransaction],
            because: "it may stop in the middle of a transaction",
            make: misses_tail,
        },
        Mutation {
            name: "reader-got-nothing",
            what: "a reader without a group was given nothing",
            expect: Kinds(&[Kind::Unprocessed]),
            also: &[Kind::Unowned],
            because: "its partitions have no reader",
            make: got_nothing,
        },
        Mutation {
            name: "behind-where-nobody-looked",
            what: "a reader without a group is told to be behind in a partition that nobody read in the end",
            expect: Kinds(&[Kind::Unprocessed]),
            also: &[],
            because: "",
            make: behind,
        },
        Mutation {
            name: "aborted-given",
            what: "a reader at read_committed was given an aborted record",
            expect: Kinds(&[Kind::AbortedVisible]),
            also: &[Kind::TornTransaction, Kind::UncommittedVisible],
            because: "it was not given the rest of the transaction, the commit of which was never invoked",
            make: aborted_given,
        },
        Mutation {
            name: "uncommitted-given",
            what: "a reader at read_committed was given a record before its commit was invoked",
            expect: Kinds(&[Kind::UncommittedVisible]),
            also: &[],
            because: "",
            make: uncommitted_given,
        },
        Mutation {
            name: "unended-given",
            what: "a reader at read_committed was given a record of a transaction that nobody ended",
            expect: Kinds(&[Kind::UncommittedVisible]),
            also: &[Kind::HangingTransaction, Kind::AbortedVisible, Kind::FencedEffect],
            because: "a transaction that nobody ended is open, or was aborted for its client",
            make: unended_given,
        },
    ]
}

/// What readers without a group read, in one pass without steps back.
fn passes(past: &Past) -> Vec<Vec<(usize, Read)>> {
    let settled = past.settled();
    let of =
        |c: u32, at: Partition| past.loners(at.topic).contains(&c) && settled.contains(&at) && past.is_strict(at.topic);
    let places = past.reads.iter().filter(|((c, at), _)| of(*c, *at));
    let straight =
        |reads: &Vec<(usize, Read)>| reads.windows(2).all(|w| w[0].1.offset < w[1].1.offset && w[0].1.i == w[1].1.i);
    // One incarnation in all, and no word between that it reads on from somewhere else.
    let once = |reads: &Vec<(usize, Read)>| {
        let (first, last) = (reads[0].0, reads[reads.len() - 1].0);
        let moves = |e: &Event<'_>| matches!(e, Event::Position(p) if p.c == reads[0].1.c && p.at == reads[0].1.at);
        !past.events[first..last].iter().any(moves)
    };
    places.map(|(_, reads)| reads.clone()).filter(straight).filter(once).collect()
}

fn skips(past: &Past, dice: &mut Dice, in_transaction: bool) -> Option<Mutant> {
    let sites: Vec<_> = passes(past).into_iter().filter(|reads| reads.len() > 2).collect();
    let reads = dice.pick(&sites)?;
    let (index, read) = reads[1 + dice.below(reads.len() - 2)];
    let of_one = past.sent.iter().any(|s| s.id == read.id && s.n.is_some());
    if !past.final_at(read.at, read.offset)?.1.visible || of_one != in_transaction {
        return None;
    }
    let mut edit = Edit::new(past);
    edit.remove(index);
    let mutant = Mutant::new(&edit, format!("{index}")).client(past.client_name(read.c)).once();
    // A torn transaction may be told by another of its records.
    Some(if in_transaction { mutant } else { mutant.record(read.id).offset(read.offset) })
}

fn again(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let reads = dice.pick(&passes(past))?;
    let (index, read) = dice.pick(&reads)?;
    let mut edit = Edit::new(past);
    edit.insert_after(index, Event::Read(read));
    let mutant = Mutant::new(&edit, format!("{index}")).client(past.client_name(read.c));
    Some(mutant.partition(past, read.at).offset(read.offset).once())
}

fn steps_back(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let sites: Vec<_> = passes(past).into_iter().filter(|reads| reads.len() > 1).collect();
    let reads = dice.pick(&sites)?;
    let n = dice.below(reads.len() - 1);
    let ((first, a), (second, b)) = (reads[n], reads[n + 1]);
    // At one time: nothing was decided between the two.
    if a.t != b.t {
        return None;
    }
    let mut edit = Edit::new(past);
    edit.change(first, Event::Read(b)).change(second, Event::Read(a));
    let mutant = Mutant::new(&edit, format!("{first}")).client(past.client_name(a.c));
    Some(mutant.partition(past, a.at).offset(a.offset))
}

fn misses_tail(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let reads = dice.pick(&passes(past))?;
    let at = reads[0].1.at;
    let (n, last) = (1 + dice.below(reads.len().min(5)), reads.last()?.1.offset);
    let tail = &reads[reads.len() - n..];
    let finals = &past.finals[&at];
    // It got to the end before, and what it was given is what is visible.
    let is_end = !finals.iter().any(|(_, f)| f.offset > last && f.visible);
    let is_visible = |r: &(usize, Read)| past.final_at(at, r.1.offset).is_some_and(|(_, f)| f.visible);
    if !is_end || !tail.iter().all(is_visible) {
        return None;
    }
    let mut edit = Edit::new(past);
    tail.iter().for_each(|(index, _)| {
        edit.remove(*index);
    });
    let ids = tail.iter().map(|(_, r)| r.id).collect();
    let mutant = Mutant::new(&edit, format!("{} {n}", tail[0].0)).records(ids).client(past.client_name(reads[0].1.c));
    Some(mutant.times(n as u64))
}

fn got_nothing(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let loners: Vec<u32> = passes(past).iter().map(|reads| reads[0].1.c).collect();
    let c = dice.pick(&loners)?;
    let client = &past.clients[&c];
    let mut edit = Edit::new(past);
    for (index, event) in past.events.iter().enumerate() {
        let its = match event {
            Event::Read(e) => e.c == c,
            Event::Position(e) => e.c == c,
            Event::Assigned(e) | Event::Revoked(e) => e.c == c,
            _ => false,
        };
        if its {
            edit.remove(index);
        }
    }
    let owed = |f: &&(usize, Final)| client.inputs.contains(&f.1.at.topic) && f.1.visible;
    let finals: Vec<_> = past.finals.values().flatten().filter(owed).map(|(_, f)| f.id).collect();
    Some(Mutant::new(&edit, format!("{c}")).records(finals).client(client.name.to_string()))
}

fn behind(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let reads = dice.pick(&passes(past))?;
    let (_, Read { c, at, .. }) = reads[0];
    let (index, end) = past.ends[&at];
    let mut edit = Edit::new(past);
    edit.remove(index);
    past.finals.get(&at).into_iter().flatten().for_each(|(index, _)| {
        edit.remove(*index);
    });
    let (t, position) = (end.t, end.leo - 1 - dice.below(3).min(end.leo as usize - 1) as i64);
    let line = Undrained { t, c, at, position, end: end.leo, culprit: "a broker is down".into() };
    edit.insert_after(past.events.len() - 1, Event::Undrained(line));
    let mutant = Mutant::new(&edit, format!("{c} {at:?} {position}")).client(past.client_name(c));
    Some(mutant.partition(past, at).once())
}

fn aborted_given(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let mut sites = Vec::new();
    for (_, txn) in past.aborted() {
        for sent in past.records(&txn).iter().filter(|s| s.found.is_some()) {
            for reads in passes(past).into_iter().filter(|r| Some(r[0].1.at) == sent.place.map(|p| p.0)) {
                let committed = past.clients[&reads[0].1.c].isolation == Isolation::ReadCommitted;
                let next = reads.iter().position(|(_, r)| Some(r.offset) > sent.place.map(|p| p.1));
                // After its abort: before, it was not even that.
                let Some(next) = next.filter(|n| committed && reads[*n].0 > txn.ended.unwrap_or(0)) else { continue };
                sites.push((*sent, reads[next]));
            }
        }
    }
    let (sent, (before, read)) = dice.pick(&sites)?;
    let (at, offset) = sent.place?;
    let value = past.final_at(at, offset)?.1.value;
    let mut edit = Edit::new(past);
    edit.insert_before(before, Event::Read(Read { offset, id: sent.id, value, ..read }));
    let mutant = Mutant::new(&edit, format!("{before}")).record(sent.id).offset(offset);
    Some(mutant.client(past.client_name(read.c)))
}

/// Committed transactions by their records' places.
fn txn_at(past: &Past, at: Partition, offset: i64) -> Option<(Key, Txn)> {
    let sent = past.sent.iter().find(|s| s.visible && s.place == Some((at, offset)))?;
    let key = (sent.key.0, sent.key.1, sent.n?);
    past.txns.get(&key).map(|txn| (key, txn.clone()))
}

fn uncommitted_given(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let committed: Vec<_> =
        passes(past).into_iter().filter(|r| past.clients[&r[0].1.c].isolation == Isolation::ReadCommitted).collect();
    let reads = dice.pick(&committed)?;
    let n = dice.below(reads.len());
    let (index, read) = reads[n];
    let (_, txn) = txn_at(past, read.at, read.offset)?;
    let ending = txn.ending?;
    // All that it was given before, it was given before the commit was invoked; and it had begun to read.
    if !txn.commit || ending > index || n == 0 || reads[n - 1].0 > ending {
        return None;
    }
    let mut edit = Edit::new(past);
    let t = past.time(ending);
    edit.remove(index).insert_before(ending, Event::Read(Read { t, ..read }));
    let mutant = Mutant::new(&edit, format!("{index}")).record(read.id).client(past.client_name(read.c));
    Some(mutant.offset(read.offset).once())
}

fn unended_given(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let committed: Vec<_> =
        passes(past).into_iter().filter(|r| past.clients[&r[0].1.c].isolation == Isolation::ReadCommitted).collect();
    let reads = dice.pick(&committed)?;
    let (_, read) = dice.pick(&reads)?;
    let (key, txn) = txn_at(past, read.at, read.offset)?;
    if !txn.offsets.is_empty() || !txn.ok {
        return None;
    }
    let mut edit = Edit::new(past);
    // Of a decision and of markers nothing is known: they would say that somebody ended it.
    edit.blind().remove(txn.ending?).remove(txn.ended?);
    let ids = past.records(&txn).iter().map(|s| s.id).collect();
    Some(Mutant::new(&edit, format!("{key:?}")).records(ids))
}
