//! Numbers that nobody had: producer ids and epochs of decisions and markers, offsets beyond a log, effects with one number; and
//! records that were given before they were sent.

use fencepost_reports::history::event::*;

use super::annex::{Annex, State};
use super::mills::mill_at_work;
use super::{Story, story};
use crate::kinds::Mutant;

pub fn stories() -> Vec<Story> {
    vec![
        story!(
            "decision-of-an-unknown-producer-id",
            "a transaction was decided with a producer id that no client ever had",
            |a, broken| decision(a, broken, true),
            [Contradiction]
        ),
        story!(
            "decision-at-an-unknown-epoch",
            "a transaction was decided at an epoch that no client had, nor the one before it",
            |a, broken| decision(a, broken, false),
            [Contradiction]
        ),
        story!(
            "offset-moved-by-an-unknown-marker",
            "the marker that moved an offset is of a producer id or epoch that no client ever had",
            unknown_marker,
            [Contradiction],
            [CommittedOffsetMoved, CommitWithoutEffect, OutputsWithoutOffsets],
            "nobody asked for that move, and the pipeline's own transaction moved nothing"
        ),
        story!(
            "loaded-offset-nobody-committed",
            "a new coordinator loaded an offset that no client had ever asked for",
            loaded,
            [Contradiction],
            [CommittedOffsetMoved],
            "an offset moved, and nobody asked"
        ),
        story!(
            "committed-beyond-the-end",
            "a group committed an offset beyond all that was ever in the log",
            beyond_the_end,
            [Contradiction]
        ),
        story!(
            "sink-offset-beyond-the-end",
            "a sink keeps an offset beyond all that was ever in the log",
            sink_beyond_the_end,
            [Contradiction]
        ),
        story!(
            "given-before-it-was-sent",
            "a reader was given a record before anybody sent it",
            given_unsent,
            [Contradiction]
        ),
        story!("effects-with-one-number", "two effects in a sink have one number", one_number, [Contradiction]),
    ]
}

fn decision(a: &mut Annex<'_>, broken: bool, of_nobody: bool) -> Mutant {
    let (at, c) = a.debits();
    for _ in 0..a.some(3) {
        a.transaction(c, &[at]);
    }
    a.begin(c);
    // Its end comes by timeout, at the epoch above its own, of which it never learns.
    a.stop(c, StopReason::Killed, "");
    let (who, by) = (a.who(c), a.some(4) as i16);
    let (pid, epoch) = match (broken, of_nobody) {
        (false, _) => (who.pid, who.epoch + 1),
        (true, true) => (who.pid + 100_000, 1),
        (true, false) => (who.pid, who.epoch + 1 + by),
    };
    let (commit, cause) = (false, DecisionCause::Timeout);
    a.tell(|t| Event::Decided(Decided { t, c, pid, epoch, commit, cause }));
    a.found_of(c).once()
}

fn unknown_marker(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (m, before, all) = mill_at_work(a);
    m.attempt(a, before, all);
    m.carry_out(a, true);
    let (who, of_nobody) = (a.who(m.c), a.draw(2) == 0);
    let (pid, epoch) = match (broken, of_nobody) {
        (false, _) => (who.pid, who.epoch + 1),
        (true, true) => (who.pid + 100_000, 1),
        (true, false) => (who.pid, who.epoch + 5),
    };
    a.moved(m.group, m.from, all, MoveCause::Marker { pid, epoch });
    m.answer(a, true, Outcome::Ok);
    a.found_in(m.from).offset(all).once()
}

fn loaded(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let many = a.some(4);
    a.puts(c, at, many);
    let (group, member) = a.listener(at, "audience");
    a.read_on(member, at, 0, many as i64);
    let next = a.some(many) as i64;
    if !broken {
        a.commit(member, group, at, next);
    }
    a.moved(group, at, next, MoveCause::Reload);
    a.found_in(at).offset(next).once()
}

fn beyond_the_end(a: &mut Annex<'_>, broken: bool) -> Mutant {
    a.white = a.draw(2) == 0;
    let (at, c) = a.till(1);
    let many = a.some(4);
    a.puts(c, at, many);
    let (group, member) = a.listener(at, "audience");
    a.read_on(member, at, 0, many as i64);
    let next = many as i64 + if broken { a.some(5) as i64 } else { 0 };
    a.commit(member, group, at, next);
    a.found_in(at).offset(next).once()
}

fn sink_beyond_the_end(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let many = a.some(4);
    let desk = a.desk(SinkKind::Rows, many);
    desk.work(a);
    let next = many as i64 + if broken { a.some(5) as i64 } else { 0 };
    let (t, sink, at) = (a.now, desk.sink, desk.at);
    a.tell_last(Event::SinkOffset(SinkOffset { t, sink, at, next }));
    a.found_in(at).offset(next).once()
}

fn given_unsent(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[at.topic]);
    let before = a.some(3) as i64;
    a.puts(c, at, before as usize);
    a.read_on(reader, at, 0, before);
    let id = a.fresh();
    let stored = |a: &mut Annex<'_>| {
        let offset = a.append(at, id, State::Visible, (-1, -1));
        a.read(reader, at, offset);
        offset
    };
    let early = broken.then(|| stored(a));
    let op = a.send(c, at.topic, id, None);
    let offset = early.unwrap_or_else(|| stored(a));
    a.ack(c, op, at, offset);
    a.found_in(at).record(id).offset(offset).once()
}

fn one_number(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let many = 1 + a.some(4);
    let kind = [SinkKind::Rows, SinkKind::Charges][a.draw(2)];
    let desk = a.desk(kind, many);
    desk.work(a);
    desk.commit(a);
    let which = a.draw(many - 1);
    let rows = a.rows.get_mut(&desk.sink).expect("it is of the annex");
    if broken {
        rows[which + 1].n = rows[which].n;
    } else {
        // Numbers may have holes.
        rows[which + 1..].iter_mut().for_each(|row| row.n += 7);
    }
    desk.found(a, which + 1)
}
