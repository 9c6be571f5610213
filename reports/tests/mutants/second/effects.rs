//! Rows and charges outside the log.

use fencepost_reports::history::event::*;

use super::annex::{Annex, State};
use super::{Story, story};
use crate::kinds::Mutant;

pub fn stories() -> Vec<Story> {
    vec![
        story!(
            "charge-never-asked-for",
            "a connector committed past a record and never asked for its charge",
            |a, broken| never_asked(a, broken, SinkKind::Charges),
            [ChargeNever]
        ),
        story!(
            "row-passed-over",
            "a connector committed past a record and never asked for its row",
            |a, broken| never_asked(a, broken, SinkKind::Rows),
            [RowNever]
        ),
        story!(
            "already-and-not-there",
            "a table answered that it had a row before, and it has not",
            |a, broken| already(a, broken, SinkKind::Rows),
            [RowNever]
        ),
        story!(
            "charged-already-and-not",
            "a payment API answered that it had charged before, and it has not",
            |a, broken| already(a, broken, SinkKind::Charges),
            [ChargeNever]
        ),
        story!(
            "charged-again-after-an-unknown-outcome",
            "a charge of unknown outcome was asked for again and made twice",
            |a, broken| again(a, broken, SinkKind::Charges),
            [ChargeTwice]
        ),
        story!(
            "row-again-after-an-unknown-outcome",
            "a row of unknown outcome was asked for again and is there twice",
            |a, broken| again(a, broken, SinkKind::Rows),
            [RowTwice]
        ),
        story!(
            "effect-without-an-answer",
            "an effect was asked for, and nobody ever answered",
            without_answer,
            [Unanswered]
        ),
        story!(
            "row-of-an-aborted-record",
            "a connector was given a record that was aborted, and its row is in the table",
            of_aborted,
            [AbortedVisible],
            [UncommittedVisible],
            "its commit was never invoked"
        ),
        story!("announced-twice", "a row is announced twice in its topic", announced_twice, [Duplicate]),
        story!(
            "row-of-an-aborted-announcement",
            "a row is there, and the record that announces it was aborted",
            announcement_aborted,
            [RowWithoutRecord]
        ),
    ]
}

fn never_asked(a: &mut Annex<'_>, broken: bool, kind: SinkKind) -> Mutant {
    let many = 2 + a.draw(4);
    let desk = a.desk(kind, many);
    let which = a.draw(many);
    for (n, id) in desk.ids.clone().into_iter().enumerate() {
        a.read(desk.c, desk.at, n as i64);
        if !(broken && n == which) {
            desk.effect(a, id);
        }
    }
    desk.commit(a);
    desk.found(a, which)
}

fn already(a: &mut Annex<'_>, broken: bool, kind: SinkKind) -> Mutant {
    let many = 2 + a.draw(4);
    let desk = a.desk(kind, many);
    let which = a.draw(many);
    for (n, id) in desk.ids.clone().into_iter().enumerate() {
        a.read(desk.c, desk.at, n as i64);
        if n == which {
            let op = a.apply(desk.c, desk.sink, id);
            a.applied(desk.c, op, Outcome::Unknown, false);
            if !broken {
                a.row(desk.sink, id, desk.c);
            }
            let op = a.apply(desk.c, desk.sink, id);
            a.applied(desk.c, op, Outcome::Ok, true);
        } else {
            desk.effect(a, id);
        }
    }
    desk.commit(a);
    desk.found(a, which)
}

fn again(a: &mut Annex<'_>, broken: bool, kind: SinkKind) -> Mutant {
    let many = 2 + a.draw(4);
    let desk = a.desk(kind, many);
    let which = a.draw(many);
    for (n, id) in desk.ids.clone().into_iter().enumerate() {
        a.read(desk.c, desk.at, n as i64);
        if n == which {
            let op = a.apply(desk.c, desk.sink, id);
            if broken {
                a.row(desk.sink, id, desk.c);
            }
            a.applied(desk.c, op, Outcome::Unknown, false);
        }
        desk.effect(a, id);
    }
    desk.commit(a);
    desk.found(a, which)
}

fn without_answer(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let many = a.some(4);
    let kind = [SinkKind::Rows, SinkKind::Charges][a.draw(2)];
    let desk = a.desk(kind, many);
    desk.work(a);
    let which = a.draw(many);
    let op = a.apply(desk.c, desk.sink, desk.ids[which]);
    if !broken {
        a.applied(desk.c, op, Outcome::Unknown, false);
    }
    desk.commit(a);
    let (name, id) = (a.name(desk.c), desk.ids[which]);
    a.found().client(name).record(id).once()
}

fn of_aborted(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, bank) = a.debits();
    for _ in 0..a.some(3) {
        a.transaction(bank, &[at]);
    }
    a.begin(bank);
    let (id, offset) = a.add(bank, at);
    a.end(bank, &[at], false);
    a.transaction(bank, &[at]);
    let (group, sink) = (a.group("desk"), a.sink("ledger", SinkKind::Rows, None));
    let c = a.connector(at, group, sink);
    let leo = a.logs[&at].leo;
    let mut given = a.visible(at, 0, leo);
    if broken {
        given.push(offset);
        given.sort_unstable();
    }
    for offset in given {
        a.read(c, at, offset);
        let id = a.entry(at, offset).id;
        let op = a.apply(c, sink, id);
        a.row(sink, id, c);
        a.applied(c, op, Outcome::Ok, false);
    }
    a.commit(c, group, at, leo);
    let mut found = a.found().record(id);
    found.needles.push(crate::kinds::Needle::Sink("annex-ledger".into()));
    found
}

/// A client that writes rows and announces each; the topic, the table and the client.
fn office(a: &mut Annex<'_>) -> (Partition, u32, u32) {
    let topic = a.topic("announcements", 1);
    let sink = a.sink("ledger", SinkKind::Rows, Some(topic));
    let c = a.client(Client {
        name: "office".into(),
        outputs: vec![topic],
        sinks: vec![sink],
        transactional_id: Some("office".into()),
        idempotent: true,
        ..Client::default()
    });
    a.initialise(c);
    (Partition::new(topic, 0), sink, c)
}

fn row(a: &mut Annex<'_>, c: u32, sink: u32) -> Identity {
    let id = a.fresh();
    let op = a.apply(c, sink, id);
    a.row(sink, id, c);
    a.applied(c, op, Outcome::Ok, false);
    id
}

fn announced_twice(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, sink, c) = office(a);
    let many = 2 + a.draw(4);
    let which = a.draw(many);
    let mut said = None;
    for n in 0..many {
        let id = row(a, c, sink);
        for _ in 0..if broken && n == which { 2 } else { 1 } {
            a.begin(c);
            a.add_as(c, at, id);
            a.end(c, &[at], true);
        }
        if n == which {
            said = Some(id);
        }
    }
    a.found().records(said.into_iter().collect()).once()
}

fn announcement_aborted(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, sink, c) = office(a);
    let many = 2 + a.draw(4);
    let which = a.draw(many);
    let mut said = None;
    for n in 0..many {
        let id = row(a, c, sink);
        if n == which {
            a.begin(c);
            let offset = a.add_as(c, at, id);
            a.end(c, &[at], false);
            debug_assert_eq!(a.entry(at, offset).state, State::Hidden);
            said = Some(id);
        }
        if !(broken && n == which) {
            a.begin(c);
            a.add_as(c, at, id);
            a.end(c, &[at], true);
        }
    }
    a.found().records(said.into_iter().collect()).once()
}
