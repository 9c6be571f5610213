//! What one reader sees of a log, against what is there; and the two exceptions that have names.

use fencepost_reports::history::event::*;

use super::annex::{Annex, State};
use super::{Story, story};
use crate::kinds::Mutant;
use crate::values::fingerprint;

pub fn stories() -> Vec<Story> {
    vec![
        story!(
            "again-after-a-restart",
            "a restarted reader is given records again that it had, and never said from where it reads",
            again_after_restart,
            [ReaderBackwards]
        ),
        story!(
            "again-after-an-assignment",
            "a reader without a group is given its partition anew, and records again, and never said from where it reads",
            again_after_assignment,
            [ReaderBackwards]
        ),
        story!(
            "again-after-two-restarts",
            "a reader's second restart is given records again that it had before the first; the one between had none",
            again_after_two_restarts,
            [ReaderBackwards]
        ),
        story!(
            "given-above-an-open-transaction",
            "a reader at read_committed is given a record above a transaction that is still open, and what that holds later",
            above_open,
            [ReaderBackwards, ReaderSkipped],
            [ReaderBackwards, ReaderSkipped],
            "it passed the open records and then went back to them"
        ),
        story!(
            "transaction-half-read",
            "a reader has a transaction's records of one partition and never read the other to its end",
            half_read,
            [Unprocessed, TornTransaction],
            [Unprocessed, TornTransaction],
            "the rest is owed to it, and until it has that it has a part without the rest"
        ),
        story!(
            "two-values-that-nobody-told",
            "a record whose value its sender did not tell has one value for a reader and another in the end",
            two_untold_values,
            [WrongValue]
        ),
        story!("owner-sits-idle", "a group's member is given a partition and nothing of it", idle_owner, [Unprocessed]),
        story!(
            "stored-again-under-a-raised-epoch",
            "an idempotent producer raised its epoch and sent a stored batch of unknown outcome again",
            stored_again,
            [EpochBumpDuplicate]
        ),
        story!(
            "late-commit-of-the-transaction-before",
            "below transaction version 2 a late request commits the next transaction, which its client then aborts",
            late_request,
            [LateRequest],
            [AbortedVisible, UncommittedVisible, ContradictoryDecision],
            "what its client aborted was committed: by that request"
        ),
    ]
}

/// A reader that has read all of a log of several records.
fn reader_at_the_end(a: &mut Annex<'_>) -> (Partition, u32, i64) {
    let (at, c) = a.till(1);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[at.topic]);
    let many = 1 + a.some(4) as i64;
    for _ in 0..many {
        a.put(c, at);
    }
    a.read_on(reader, at, 0, many);
    (at, reader, many)
}

/// It is given some again; where it is told rightly, a position says so.
fn reads_again(a: &mut Annex<'_>, (at, reader, many): (Partition, u32, i64), broken: bool) -> Mutant {
    let from = a.draw(many as usize) as i64;
    if !broken {
        a.position(reader, at, from, PositionReason::Seek);
    }
    a.read_on(reader, at, from, many);
    let name = a.name(reader);
    a.found().offset(from).client(name).times((many - from) as u64)
}

fn again_after_restart(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let of @ (at, reader, _) = reader_at_the_end(a);
    a.restart(reader);
    a.own(reader, at, None);
    reads_again(a, of, broken)
}

fn again_after_assignment(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let of @ (at, reader, _) = reader_at_the_end(a);
    if a.draw(2) == 0 {
        a.lose(reader, at, None);
    }
    a.own(reader, at, None);
    reads_again(a, of, broken)
}

fn again_after_two_restarts(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let of @ (at, reader, _) = reader_at_the_end(a);
    a.restart(reader);
    if a.draw(2) == 0 {
        a.own(reader, at, None);
    }
    a.restart(reader);
    reads_again(a, of, broken)
}

fn above_open(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, plain) = a.till(1);
    let bank = a.bank("bank", &[at.topic]);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[at.topic]);
    for _ in 0..a.some(3) {
        let (_, offset) = a.put(plain, at);
        a.read(reader, at, offset);
    }
    a.begin(bank);
    let (_, held) = a.add(bank, at);
    let (_, above) = a.put(plain, at);
    if broken {
        a.read(reader, at, above);
    }
    a.end(bank, &[at], true);
    a.read(reader, at, held);
    if !broken {
        a.read(reader, at, above);
    }
    a.found_of(reader).offset(held)
}

fn half_read(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let topic = a.topic("debits", 2);
    let (here, there) = (Partition::new(topic, 0), Partition::new(topic, 1));
    let bank = a.bank("bank", &[topic]);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[topic]);
    for _ in 0..a.some(3) {
        a.transaction(bank, &[here, there]);
    }
    let unread = a.logs[&there].leo;
    let last = a.transaction(bank, &[here, there]);
    let (all, most) = (a.logs[&here].leo, a.logs[&there].leo);
    a.read_on(reader, here, 0, all);
    a.read_on(reader, there, 0, if broken { unread } else { most });
    a.found_of(reader).records(last.iter().map(|x| x.0).collect()).once()
}

fn two_untold_values(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[at.topic]);
    let many = a.some(4);
    let which = a.draw(many);
    let mut changed = None;
    for n in 0..many {
        let (id, value) = (a.fresh(), Some(fingerprint(format!("reading {n}").as_bytes())));
        let op = a.send_value(c, at.topic, id, None, None);
        let offset = a.append_value(at, id, value, State::Visible, (-1, -1));
        a.ack(c, op, at, offset);
        a.read(reader, at, offset);
        if n == which {
            changed = Some((id, offset));
        }
    }
    let (id, offset) = changed.expect("one of them was chosen");
    if broken {
        a.entry(at, offset).value = Some(fingerprint(b"something else"));
    }
    a.found().record(id).once()
}

fn idle_owner(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let many = a.some(5);
    let ids = (0..many).map(|_| a.put(c, at).0).collect();
    let (_, member) = a.listener(at, "audience");
    if !broken {
        a.read_all(member, at.topic);
    }
    let name = a.name(member);
    a.found().records(ids).client(name).times(many as u64)
}

fn stored_again(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.meters();
    for _ in 0..a.some(3) {
        a.put(c, at);
    }
    let (id, who) = (a.fresh(), a.who(c));
    let op = a.send(c, at.topic, id, None);
    if broken {
        a.append(at, id, State::Visible, (who.pid, who.epoch));
    }
    // One call: the producer itself sends it again, under the epoch that it raised.
    a.epoch(c, 1);
    let offset = a.append(at, id, State::Visible, (who.pid, 1));
    a.ack(c, op, at, offset);
    a.put(c, at);
    a.found().record(id).once()
}

fn late_request(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let topic = a.topic("debits", 1);
    let at = Partition::new(topic, 0);
    let c = a.bank_of("bank", &[topic], 1);
    for _ in 0..a.some(3) {
        old_transaction(a, c, at, true);
    }
    a.begin(c);
    let (id, offset) = a.add(c, at);
    if broken {
        // The commit of the transaction before, once more.
        a.decide_at_once(c, at, true);
        a.entry(at, offset).state = State::Visible;
        a.ending(c, false);
    } else {
        a.ending(c, false);
        a.decide_at_once(c, at, false);
    }
    a.ended(c, false, Outcome::Ok);
    old_transaction(a, c, at, true);
    a.found_of(c).record(id)
}

/// A transaction below version 2: its epoch stays.
fn old_transaction(a: &mut Annex<'_>, c: u32, at: Partition, commit: bool) {
    a.begin(c);
    a.add(c, at);
    a.ending(c, commit);
    a.decide_at_once(c, at, commit);
    a.ended(c, commit, Outcome::Ok);
}
