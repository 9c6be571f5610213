//! What leaders appended, against what the final read has and what was acknowledged.

use fencepost_reports::history::event::*;

use super::annex::{Annex, Entry, State};
use super::{Story, story};
use crate::kinds::Mutant;

pub fn stories() -> Vec<Story> {
    vec![
        story!(
            "record-that-no-leader-appended",
            "the final read has a record at an offset where no leader appended a batch",
            not_appended,
            [Contradiction]
        ),
        story!(
            "record-where-a-marker-stands",
            "the final read has a record at the offset of a marker",
            at_a_marker,
            [Contradiction]
        ),
        story!(
            "record-of-another-producer-than-its-batch",
            "the final read has a record of another producer id or epoch than the batch at its offset",
            of_another,
            [Contradiction]
        ),
        story!(
            "acknowledged-beyond-the-log",
            "a record was acknowledged at an offset that no leader's log ever reached",
            |a, broken| acknowledged(a, broken, false),
            [Contradiction],
            [Loss],
            "an acknowledged record is not readable"
        ),
        story!(
            "acknowledged-at-a-marker",
            "a record was acknowledged at the offset of a marker",
            |a, broken| acknowledged(a, broken, true),
            [Contradiction],
            [Loss],
            "an acknowledged record is not readable"
        ),
    ]
}

/// A record of unknown outcome of a plain producer beside others.
fn unknown(a: &mut Annex<'_>, c: u32, at: Partition) -> Identity {
    let id = a.fresh();
    let op = a.send(c, at.topic, id, None);
    a.unknown(c, op);
    id
}

fn not_appended(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let before = a.some(4);
    a.puts(c, at, before);
    let id = unknown(a, c, at);
    let offset = if broken {
        let (value, log) = (a.value(id), a.logs.get_mut(&at).expect("it is of the annex"));
        log.leo += 1;
        let offset = log.leo - 1;
        a.store(at, offset, Entry { id, value, pid: -1, epoch: -1, state: State::Visible });
        offset
    } else {
        a.append(at, id, State::Visible, (-1, -1))
    };
    a.found_in(at).record(id).offset(offset).once()
}

/// A log with transactions, and a plain producer beside them; where one of the markers stands.
fn with_markers(a: &mut Annex<'_>) -> (Partition, u32, i64) {
    let (at, bank) = a.debits();
    let c = a.producer("till", &[at.topic]);
    let (before, after) = (a.some(3), a.draw(3));
    for _ in 0..before {
        a.transaction(bank, &[at]);
    }
    let marker = a.logs[&at].leo - 1;
    for _ in 0..after {
        a.transaction(bank, &[at]);
    }
    (at, c, marker)
}

fn at_a_marker(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c, marker) = with_markers(a);
    let id = unknown(a, c, at);
    let value = a.value(id);
    if broken {
        a.store(at, marker, Entry { id, value, pid: -1, epoch: -1, state: State::Visible });
    } else {
        a.append(at, id, State::Visible, (-1, -1));
    }
    a.found_in(at).record(id).offset(marker).once()
}

fn of_another(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.meters();
    let other = a.meter("meter-2", &[at.topic]);
    let many = a.some(4);
    a.puts(other, at, 1);
    let puts = a.puts(c, at, many);
    let ((id, offset), other) = (puts[a.draw(many)], a.who(other));
    let epoch = a.draw(2) == 0;
    let entry = a.entry(at, offset);
    match (broken, epoch) {
        (true, true) => entry.epoch += 1,
        (true, false) => entry.pid = other.pid,
        // A final read need not tell who wrote a record.
        (false, _) => (entry.pid, entry.epoch) = (-1, -1),
    }
    a.found_in(at).record(id).offset(offset).once()
}

fn acknowledged(a: &mut Annex<'_>, broken: bool, marker: bool) -> Mutant {
    let (at, c, marked) = with_markers(a);
    let id = a.fresh();
    let op = a.send(c, at.topic, id, None);
    let offset = match (broken, marker) {
        (true, true) => marked,
        (true, false) => a.logs[&at].leo + a.draw(4) as i64,
        (false, _) => a.append(at, id, State::Visible, (-1, -1)),
    };
    a.ack(c, op, at, offset);
    a.found_in(at).record(id).offset(offset).once()
}
