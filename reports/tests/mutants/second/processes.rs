//! Processes that are told to have done something when they were gone, or to have begun twice.

use fencepost_reports::history::event::*;

use super::annex::{Annex, State};
use super::{Story, story};
use crate::kinds::Mutant;

pub fn stories() -> Vec<Story> {
    vec![
        story!("sent-after-it-stopped", "a process sent a record after it was killed", sends, [Contradiction]),
        story!(
            "commit-asked-for-after-it-stopped",
            "a process asked for its transaction's commit after it was killed",
            ends_transaction,
            [Contradiction]
        ),
        story!(
            "transaction-begun-after-it-stopped",
            "a process began a transaction after it ended",
            begins,
            [Contradiction]
        ),
        story!("read-after-it-stopped", "a process was given a record after it was killed", reads, [Contradiction]),
        story!(
            "offset-committed-after-it-stopped",
            "a process asked for an offset commit after it ended",
            commits,
            [Contradiction]
        ),
        story!(
            "effect-asked-for-after-it-stopped",
            "a process asked for an effect after it was killed",
            applies,
            [Contradiction]
        ),
        story!(
            "skipped-after-it-stopped",
            "a process declared to skip an input after it was killed",
            skips,
            [Contradiction]
        ),
        story!("started-twice", "one incarnation began to run twice", started_twice, [Contradiction]),
    ]
}

fn killed(a: &mut Annex<'_>, c: u32) {
    a.stop(c, StopReason::Killed, "");
}

fn ends(a: &mut Annex<'_>, c: u32) {
    a.stop(c, StopReason::Ended, "");
}

/// One after the other; in the other order where that is wrong.
fn in_order(a: &mut Annex<'_>, broken: bool, first: impl Fn(&mut Annex<'_>), stop: impl Fn(&mut Annex<'_>)) {
    if broken {
        stop(a);
        first(a);
    } else {
        first(a);
        stop(a);
    }
}

fn sends(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let before = a.some(3);
    a.puts(c, at, before);
    let (id, op) = (a.fresh(), a.who(c).op);
    let send = |a: &mut Annex<'_>| {
        a.send(c, at.topic, id, None);
    };
    in_order(a, broken, send, |a| killed(a, c));
    if a.draw(2) == 0 {
        a.append(at, id, State::Visible, (-1, -1));
    }
    // That nobody heard of an answer is written when nobody is there.
    a.unknown(c, op);
    a.found_of(c).once()
}

fn ends_transaction(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.debits();
    for _ in 0..a.some(3) {
        a.transaction(c, &[at]);
    }
    a.begin(c);
    a.add(c, at);
    in_order(a, broken, |a| a.ending(c, true), |a| killed(a, c));
    a.decide(c, true, DecisionCause::Request);
    a.mark(c, at, true);
    a.ended(c, true, Outcome::Unknown);
    a.found_of(c).once()
}

fn begins(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.debits();
    for _ in 0..a.some(3) {
        a.transaction(c, &[at]);
    }
    in_order(a, broken, |a| a.begin(c), |a| ends(a, c));
    a.found_of(c).once()
}

fn reads(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[at.topic]);
    let many = a.some(4) as i64;
    a.puts(c, at, many as usize);
    a.read_on(reader, at, 0, many - 1);
    in_order(a, broken, |a| a.read(reader, at, many - 1), |a| killed(a, reader));
    a.found_of(reader).once()
}

fn commits(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let many = a.some(4);
    a.puts(c, at, many);
    let (group, member) = a.listener(at, "audience");
    a.read_on(member, at, 0, many as i64);
    in_order(a, broken, |a| a.commit(member, group, at, many as i64), |a| ends(a, member));
    a.found_of(member).once()
}

fn applies(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let many = a.some(4);
    let desk = a.desk(SinkKind::Rows, many);
    let (last, all) = (desk.ids[many - 1], desk.ids.clone());
    for (offset, id) in (0..).zip(all) {
        a.read(desk.c, desk.at, offset);
        if id != last {
            desk.effect(a, id);
        }
    }
    let op = a.who(desk.c).applies;
    let apply = |a: &mut Annex<'_>| {
        a.apply(desk.c, desk.sink, last);
    };
    in_order(a, broken, apply, |a| killed(a, desk.c));
    a.row(desk.sink, last, desk.c);
    a.applied(desk.c, op, Outcome::Unknown, false);
    a.found_of(desk.c).once()
}

fn skips(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let many = a.some(4) as i64;
    a.puts(c, at, many as usize);
    let (_, member) = a.listener(at, "audience");
    a.read_on(member, at, 0, many);
    let (i, offset) = (a.who(member).i, a.draw(many as usize) as i64);
    let skip = |a: &mut Annex<'_>| a.tell(|t| Event::Skipped(Skipped { t, c: member, i, at, offset }));
    in_order(a, broken, skip, |a| killed(a, member));
    a.found_of(member).once()
}

fn started_twice(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let before = a.some(3);
    a.puts(c, at, before);
    if !broken {
        // In the same process: the one before did not stop.
        let who = a.whose(c);
        (who.i, who.op) = (who.i + 1, 0);
    }
    a.start(c);
    a.puts(c, at, 1);
    a.found_of(c).once()
}
