//! Records that are there too often, not at all, or where they must not be.

use fencepost_reports::Kind;
use fencepost_reports::history::event::*;

use super::Expect::Kinds;
use super::{Mutant, Mutation};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::{Past, Sent, Txn};

pub fn kinds() -> Vec<Mutation> {
    vec![
        Mutation {
            name: "duplicate",
            what: "a producer's record is in the log once more, at its end",
            expect: Kinds(&[Kind::Duplicate]),
            also: &[],
            because: "",
            make: |past, dice| duplicate(past, dice, |s| s.id.is_workload() && s.n.is_none()),
        },
        Mutation {
            name: "duplicate-of-transaction",
            what: "a record of a committed transaction is in the log once more, outside any",
            expect: Kinds(&[Kind::Duplicate]),
            also: &[],
            because: "",
            make: |past, dice| duplicate(past, dice, |s| s.id.is_workload() && s.n.is_some()),
        },
        Mutation {
            name: "duplicate-output",
            what: "a pipeline's output is in the log once more",
            expect: Kinds(&[Kind::Duplicate]),
            also: &[],
            because: "",
            make: |past, dice| duplicate(past, dice, |s| !s.id.is_workload()),
        },
        Mutation {
            name: "acknowledged-dropped",
            what: "an acknowledged record is not in the final read, and no reader was given it",
            expect: Kinds(&[Kind::Loss]),
            also: &[],
            because: "",
            make: acknowledged_dropped,
        },
        Mutation {
            name: "acknowledged-invisible",
            what: "an acknowledged record outside any transaction is there, but invisible",
            expect: Kinds(&[Kind::Loss]),
            also: &[],
            because: "",
            make: acknowledged_invisible,
        },
        Mutation {
            name: "transaction-dropped",
            what: "all records of a committed transaction are gone",
            expect: Kinds(&[Kind::Loss]),
            also: &[],
            because: "",
            make: transaction_dropped,
        },
        Mutation {
            name: "transaction-torn",
            what: "one of a committed transaction's records is gone",
            expect: Kinds(&[Kind::TornTransaction]),
            also: &[Kind::Loss],
            because: "the record that is gone was acknowledged: it is lost too",
            make: |past, dice| torn(past, dice, false),
        },
        Mutation {
            name: "transaction-torn-by-partition",
            what: "a committed transaction's records of one of its partitions are invisible",
            expect: Kinds(&[Kind::TornTransaction]),
            also: &[Kind::Loss],
            because: "the records that cannot be read were acknowledged: they are lost too",
            make: |past, dice| torn(past, dice, true),
        },
        Mutation {
            name: "aborted-visible",
            what: "all records of an aborted transaction are visible in the end",
            expect: Kinds(&[Kind::AbortedVisible]),
            also: &[Kind::UncommittedVisible],
            because: "who is given an aborted record is given it before its commit was ever invoked",
            make: |past, dice| aborted_visible(past, dice, true),
        },
        Mutation {
            name: "aborted-visible-in-part",
            what: "one of several records of an aborted transaction is visible in the end",
            expect: Kinds(&[Kind::AbortedVisible]),
            also: &[Kind::TornTransaction, Kind::UncommittedVisible],
            because: "the rest of the transaction is not visible, and its commit was never invoked",
            make: |past, dice| aborted_visible(past, dice, false),
        },
        Mutation {
            name: "phantom",
            what: "a record that nobody sent is in the log",
            expect: Kinds(&[Kind::Phantom]),
            also: &[],
            because: "",
            make: phantom,
        },
        Mutation {
            name: "order-swapped",
            what: "two records that a producer sent one after the other are stored the other way round, and acknowledged so",
            expect: Kinds(&[Kind::OrderViolated]),
            also: &[],
            because: "",
            make: |past, dice| swapped(past, dice, true),
        },
        Mutation {
            name: "order-swapped-without-offsets",
            what: "the same where no acknowledgement tells an offset",
            expect: Kinds(&[Kind::OrderViolated]),
            also: &[Kind::Contradiction],
            because: "a reader may have been given what now stands there before it was sent",
            make: |past, dice| swapped(past, dice, false),
        },
        Mutation {
            name: "read-of-another",
            what: "a reader was given another record at an offset than the final read has there",
            expect: Kinds(&[Kind::TwoValues]),
            also: &[],
            because: "",
            make: read_of_another,
        },
        Mutation {
            name: "acknowledged-one-too-high",
            what: "an acknowledgement names the offset after the record's",
            expect: Kinds(&[Kind::TwoValues]),
            also: &[],
            because: "",
            make: |past, dice| acknowledged_beside(past, dice, 1),
        },
        Mutation {
            name: "acknowledged-one-too-low",
            what: "an acknowledgement names the offset before the record's",
            expect: Kinds(&[Kind::TwoValues]),
            also: &[],
            because: "",
            make: |past, dice| acknowledged_beside(past, dice, -1),
        },
    ]
}

/// Topics whose records nobody consumes in a group: what is changed there has no consequences elsewhere.
pub fn is_quiet(past: &Past, topic: u32) -> bool {
    !past.is_grouped(topic) && !past.is_announcing(topic) && past.is_strict(topic)
}

/// Records that were acknowledged where a change has no consequences elsewhere.
pub fn quiet(past: &Past) -> Vec<Sent> {
    let once = |s: &&Sent| s.place.is_some_and(|(at, _)| is_quiet(past, at.topic)) && past.copies(s.id) == 1;
    past.acked().filter(once).copied().collect()
}

fn duplicate(past: &Past, dice: &mut Dice, fits: fn(&Sent) -> bool) -> Option<Mutant> {
    let of: Vec<Sent> = quiet(past).into_iter().filter(fits).collect();
    let sent = dice.pick(&of)?;
    let (at, offset) = sent.place?;
    let value = past.final_at(at, offset)?.1.value;
    let mut edit = Edit::new(past);
    let copy = edit.store(at, sent.id, value);
    edit.give(at, copy, sent.id, value);
    Some(Mutant::new(&edit, format!("{:?}", sent.id)).record(sent.id).offset(copy).once())
}

fn acknowledged_dropped(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let plain: Vec<Sent> = quiet(past).into_iter().filter(|s| s.n.is_none() && s.id.is_workload()).collect();
    let sent = dice.pick(&plain)?;
    let mut edit = Edit::new(past);
    edit.unstore(&sent);
    Some(Mutant::new(&edit, format!("{:?}", sent.id)).record(sent.id).once())
}

fn acknowledged_invisible(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let plain: Vec<Sent> = quiet(past).into_iter().filter(|s| s.n.is_none() && s.id.is_workload()).collect();
    let sent = dice.pick(&plain)?;
    let (at, offset) = sent.place?;
    let (index, line) = past.final_at(at, offset)?;
    let mut edit = Edit::new(past);
    edit.unread_committed(at, offset).change(index, Event::Final(Final { visible: false, ..line }));
    Some(Mutant::new(&edit, format!("{:?}", sent.id)).record(sent.id).once())
}

/// Committed transactions of producers, all of whose records are where a change has no consequences elsewhere.
pub fn quiet_txns(past: &Past) -> Vec<Vec<Sent>> {
    let fits = |records: &Vec<Sent>| {
        let quiet = |s: &Sent| s.id.is_workload() && s.place.is_some_and(|(at, _)| is_quiet(past, at.topic));
        records.iter().all(|s| quiet(s) && past.copies(s.id) == 1)
    };
    let settled = past.settled();
    let whole = |records: &Vec<Sent>| records.iter().all(|s| s.place.is_some_and(|(at, _)| settled.contains(&at)));
    let committed = past.committed();
    committed.iter().map(|(_, txn)| past.records(txn)).filter(fits).filter(whole).collect()
}

fn transaction_dropped(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let records = dice.pick(&quiet_txns(past))?;
    let mut edit = Edit::new(past);
    records.iter().for_each(|s| {
        edit.unstore(s);
    });
    let ids = records.iter().map(|s| s.id).collect();
    let n = records.len() as u64;
    Some(Mutant::new(&edit, format!("{:?}", records[0].id)).records(ids).times(n))
}

fn torn(past: &Past, dice: &mut Dice, by_partition: bool) -> Option<Mutant> {
    let txns: Vec<_> = quiet_txns(past).into_iter().filter(|records| records.len() > 1).collect();
    let records = dice.pick(&txns)?;
    let one = dice.pick(&records)?;
    let at = one.place?.0;
    let mut edit = Edit::new(past);
    let mut gone = Vec::new();
    for sent in &records {
        let (here, offset) = sent.place?;
        if by_partition && here == at {
            let (index, line) = past.final_at(here, offset)?;
            edit.unread(here, offset).change(index, Event::Final(Final { visible: false, ..line }));
            gone.push(sent.id);
        } else if !by_partition && sent.id == one.id {
            edit.unstore(sent);
            gone.push(sent.id);
        }
    }
    if gone.len() == records.len() {
        return None;
    }
    // The proof names what is there, or what is not.
    let ids = records.iter().map(|s| s.id).collect();
    Some(Mutant::new(&edit, format!("{gone:?}")).records(ids).once())
}

/// The records of an aborted transaction that the final read has.
fn hidden(past: &Past, txn: &Txn) -> Vec<Sent> {
    past.records(txn).into_iter().filter(|s| s.found.is_some()).collect()
}

fn aborted_visible(past: &Past, dice: &mut Dice, whole: bool) -> Option<Mutant> {
    let quiet = |records: &Vec<Sent>| records.iter().all(|s| s.place.is_some_and(|(at, _)| is_quiet(past, at.topic)));
    // Of records without an acknowledgement it is not known where they are.
    let placed = |txn: &Txn| txn.sends.iter().all(|s| past.sent[*s].found.is_some());
    let all = past.aborted();
    let txns: Vec<Vec<Sent>> =
        all.iter().filter(|t| placed(&t.1)).map(|(_, t)| hidden(past, t)).filter(quiet).collect();
    let records = dice.pick(&txns)?;
    if !whole && records.len() < 2 {
        return None;
    }
    let shown = if whole { records } else { vec![dice.pick(&records)?] };
    let mut edit = Edit::new(past);
    for sent in &shown {
        let (at, offset) = sent.place?;
        let (index, line) = past.final_at(at, offset)?;
        edit.change(index, Event::Final(Final { visible: true, ..line }));
        // Who reads past it must have been given it, or it skipped: readers without a group are given it.
        for c in past.loners(at.topic) {
            let reads = past.reads.get(&(c, at)).cloned().unwrap_or_default();
            if reads.iter().any(|(_, r)| r.offset == offset) {
                continue;
            }
            let before = reads.iter().position(|(_, r)| r.offset > offset);
            // A reader that went back would have been given it twice.
            if reads.windows(2).any(|w| w[0].1.offset >= w[1].1.offset || w[0].1.i != w[1].1.i) {
                return None;
            }
            let read = |t, i| Event::Read(Read { t, c, i, at, offset, id: sent.id, value: line.value });
            match before {
                Some(n) => {
                    edit.insert_before(reads[n].0, read(reads[n].1.t, reads[n].1.i));
                }
                None => {
                    edit.append(read(edit.now(), past.last_incarnation(c)));
                }
            }
        }
    }
    let n = shown.len() as u64;
    let ids = shown.iter().map(|s| s.id).collect();
    let mutant = Mutant::new(&edit, format!("{:?}", shown[0].id)).records(ids);
    Some(if past.loners(shown[0].place?.0.topic).is_empty() { mutant.times(n) } else { mutant })
}

fn phantom(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let topics: Vec<u32> = quiet(past).iter().filter_map(|s| s.place).map(|(at, _)| at.topic).collect();
    let sites: Vec<_> = past.settled().into_iter().filter(|at| topics.contains(&at.topic)).collect();
    let at = dice.pick(&sites)?;
    let id = Identity::of_workload(7_777, dice.below(1_000_000) as i64);
    let mut edit = Edit::new(past);
    let offset = edit.store(at, id, None);
    edit.give(at, offset, id, None);
    Some(Mutant::new(&edit, format!("{at:?} {id:?}")).record(id).offset(offset).once())
}

/// Everything that names a record at an offset names the other one instead.
fn rename(past: &Past, edit: &mut Edit<'_>, at: Partition, offset: i64, other: &Final) {
    let (index, line) = past.final_at(at, offset).expect("it is in the final read");
    edit.change(index, Event::Final(Final { id: other.id, value: other.value, ..line }));
    for (index, read) in past.reads_at(at, offset) {
        edit.change(index, Event::Read(Read { id: other.id, value: other.value, ..read }));
    }
}

fn swapped(past: &Past, dice: &mut Dice, with_offsets: bool) -> Option<Mutant> {
    let records = quiet(past);
    let mut pairs = Vec::new();
    for pair in past.finals.values().flat_map(|f| f.windows(2)) {
        let find = |f: &Final| records.iter().find(|s| s.place == Some((f.at, f.offset)) && s.id == f.id);
        let (Some(a), Some(b)) = (find(&pair[0].1), find(&pair[1].1)) else { continue };
        let same = a.n == b.n && (a.key.0, a.key.1) == (b.key.0, b.key.1) && a.key.2 < b.key.2;
        if same && a.id.is_workload() {
            pairs.push((*a, *b));
        }
    }
    let (a, b) = dice.pick(&pairs)?;
    let ((at, first), (_, second)) = (a.place?, b.place?);
    let (first_line, second_line) = (past.final_at(at, first)?.1, past.final_at(at, second)?.1);
    let mut edit = Edit::new(past);
    rename(past, &mut edit, at, first, &second_line);
    rename(past, &mut edit, at, second, &first_line);
    if with_offsets {
        for (sent, offset) in [(&a, second), (&b, first)] {
            let Event::Ack(ack) = &past.events[sent.outcome?] else { return None };
            edit.change(sent.outcome?, Event::Ack(Ack { offset, ..*ack }));
        }
    } else {
        for (index, event) in past.events.iter().enumerate() {
            if let Event::Ack(ack) = event {
                edit.change(index, Event::Ack(Ack { offset: -1, ..*ack }));
            }
        }
    }
    Some(Mutant::new(&edit, format!("{at:?} {first}")).records(vec![a.id, b.id]).once())
}

fn read_of_another(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let settled = past.settled();
    // Records of transactions would be torn for this reader, too; a sink's effects would not be those of what was read.
    let plain = |at: Partition, offset: i64, id: Identity| {
        past.acked().any(|s| s.n.is_none() && s.id == id && s.place == Some((at, offset)))
    };
    let of =
        |c: u32, at: Partition| settled.contains(&at) && past.is_strict(at.topic) && past.clients[&c].sinks.is_empty();
    let places: Vec<_> = past.reads.iter().filter(|((c, at), _)| of(*c, *at)).map(|(_, reads)| reads).collect();
    let reads = dice.pick(&places)?;
    let n = dice.below(reads.len());
    let (index, read) = reads[n];
    // It was given the other one before, so that it may have it.
    let (_, other) = dice.pick(&reads[..n])?;
    if other.id == read.id || !plain(read.at, read.offset, read.id) || past.copies(other.id) != 1 {
        return None;
    }
    let mut edit = Edit::new(past);
    edit.change(index, Event::Read(Read { id: other.id, value: other.value, ..read }));
    let ids = vec![other.id, read.id];
    Some(Mutant::new(&edit, format!("{index}")).records(ids).offset(read.offset).once())
}

fn acknowledged_beside(past: &Past, dice: &mut Dice, by: i64) -> Option<Mutant> {
    let beside = |s: &&Sent| {
        let (at, offset) = s.place.expect("it was acknowledged");
        past.final_at(at, offset + by).is_some_and(|(_, f)| f.id != s.id) && past.is_strict(at.topic)
    };
    let records: Vec<Sent> = past.acked().filter(beside).copied().collect();
    let sent = dice.pick(&records)?;
    let Event::Ack(ack) = &past.events[sent.outcome?] else { return None };
    let mut edit = Edit::new(past);
    edit.change(sent.outcome?, Event::Ack(Ack { offset: ack.offset + by, ..*ack }));
    // The record whose acknowledgement is wrong is the one to name, not the one that is rightly there.
    Some(Mutant::new(&edit, format!("{:?}", sent.key)).record(sent.id).offset(ack.offset + by).once())
}
