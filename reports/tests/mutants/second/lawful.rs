//! Near misses that are no story gone right: what happens to honest systems on bad days.

use fencepost_reports::Kind;
use fencepost_reports::history::event::*;

use super::annex::{Annex, State};
use crate::kinds::Mutant;
use crate::near::Near;

/// How long brokers remember a producer that is silent.
const MEMORY: u64 = 60_000_000_000;

pub fn all() -> Vec<Near> {
    vec![
        super::fair!("forgotten-producer-begins-anywhere", forgotten),
        super::fair!("sequences-begin-anew-with-each-epoch", every_epoch_anew),
        super::fair!("markers-written-again-by-the-next-coordinator", markers_again),
        super::fair!("unknown-commit-that-left-nothing", unknown_commit_gone),
        super::fair!("given-before-it-was-acknowledged", read_before_ack),
        super::fair!("given-at-read-uncommitted-before-the-commit", uncommitted_reader),
        super::fair!("audience-is-given-records-again-after-a-rebalance", given_again),
        super::fair!("everything-skipped-by-declaration", skipped),
        super::fair!("fenced-before-it-could-write", fenced_in_time),
        super::fair!("ids-exhausted-and-a-new-one", exhausted),
        super::fair!("empty-transactions", empty_transactions),
        super::fair!("row-unknown-and-not-there-and-asked-again", row_again),
        super::fair!("one-record-sent-to-two-topics", to_two_topics),
        super::fair!("owner-in-two-generations", two_generations),
        super::fair!("batch-that-a-leader-lacked", lacked),
        super::fair!("given-and-sent-again", given_and_sent_again),
        super::fair!("given-and-sent-to-another-topic", given_and_sent_elsewhere),
        super::fair!("bookmark-of-nobody-who-reads", bookmark),
        super::fair!("restarted-reader-that-reads-on", reads_on),
        Near {
            name: "twice-by-a-job-that-may",
            allowed: &[Kind::Duplicate],
            make: |past, dice| super::right(past, dice, twice_allowed),
        },
    ]
}

/// Meters that brokers forget soon.
fn forgetful(a: &mut Annex<'_>) -> (Partition, u32) {
    let topic = a.topic_as(Topic { name: "meters".into(), partitions: 1, forgets_after: MEMORY, ..Topic::default() });
    (Partition::new(topic, 0), a.meter("meter", &[topic]))
}

fn forgotten(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = forgetful(a);
    for _ in 0..a.some(4) {
        a.put(c, at);
    }
    a.wait(2 * MEMORY);
    let (who, from) = (a.who(c), a.draw(100) as i32);
    *a.sequence(who.pid, who.epoch, at) = from;
    for _ in 0..a.some(4) {
        a.put(c, at);
    }
    a.found()
}

fn every_epoch_anew(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.meters();
    for epoch in 1..=1 + a.some(4) as i16 {
        for _ in 0..a.some(3) {
            a.put(c, at);
        }
        let id = a.fresh();
        let op = a.send(c, at.topic, id, None);
        a.unknown(c, op);
        a.epoch(c, epoch);
    }
    a.put(c, at);
    a.found()
}

fn markers_again(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.debits();
    for _ in 0..a.some(3) {
        a.begin(c);
        a.add(c, at);
        a.ending(c, true);
        a.decide(c, true, DecisionCause::Request);
        for _ in 0..a.some(3) {
            a.mark(c, at, true);
        }
        a.ended(c, true, Outcome::Ok);
        let epoch = a.who(c).epoch + 1;
        a.epoch(c, epoch);
    }
    a.found()
}

fn unknown_commit_gone(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.debits();
    a.transaction(c, &[at]);
    for _ in 0..a.some(3) {
        // Timed out before the request for its commit came.
        a.begin(c);
        a.add(c, at);
        a.add(c, at);
        a.ending(c, true);
        a.decide(c, false, DecisionCause::Timeout);
        a.mark(c, at, false);
        a.ended(c, true, Outcome::Unknown);
        let epoch = a.who(c).epoch + 1;
        a.epoch(c, epoch);
    }
    a.transaction(c, &[at]);
    a.found()
}

fn read_before_ack(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.meters();
    let reader = a.reader("reader", Isolation::ReadCommitted, &[at.topic]);
    for _ in 0..a.some(5) {
        let id = a.fresh();
        let op = a.send(c, at.topic, id, None);
        let who = a.who(c);
        let offset = a.append(at, id, State::Visible, (who.pid, who.epoch));
        a.read(reader, at, offset);
        match a.draw(3) {
            0 => a.unknown(c, op),
            1 => a.ack(c, op, at, -1),
            _ => a.ack(c, op, at, offset),
        }
    }
    a.put(c, at);
    let last = a.logs[&at].leo - 1;
    a.read(reader, at, last);
    a.found()
}

fn uncommitted_reader(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.debits();
    let reader = a.reader("onlooker", Isolation::ReadUncommitted, &[at.topic]);
    for _ in 0..a.some(3) {
        a.begin(c);
        for _ in 0..a.some(3) {
            let (_, offset) = a.add(c, at);
            a.read(reader, at, offset);
        }
        a.end(c, &[at], true);
    }
    a.found()
}

fn given_again(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.meters();
    for _ in 0..2 + a.some(4) {
        a.put(c, at);
    }
    let leo = a.logs[&at].leo;
    let group = a.group("audience");
    let (one, other) = (a.member("audience-1", group, at.topic), a.member("audience-2", group, at.topic));
    a.own(one, at, Some(1));
    a.position(one, at, 0, PositionReason::Reset);
    a.read_on(one, at, 0, leo);
    let committed = 1 + a.draw(leo as usize) as i64;
    a.commit(one, group, at, committed);
    a.stop(one, StopReason::Killed, "");
    a.own(other, at, Some(2));
    a.position(other, at, committed, PositionReason::Committed);
    a.read_on(other, at, committed, leo);
    a.commit(other, group, at, leo);
    a.found()
}

/// A declaration is enough, committed or not.
fn skipped(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.meters();
    for _ in 0..a.some(4) {
        a.put(c, at);
    }
    let leo = a.logs[&at].leo;
    let topic = a.topic_as(Topic { name: "flour".into(), partitions: 1, may_be_empty: true, ..Topic::default() });
    let group = a.group("sieve");
    let sieve = a.client(Client {
        name: "sieve".into(),
        kind: ClientKind::Pipeline,
        group: Some(group),
        inputs: vec![at.topic],
        outputs: vec![topic],
        stage: 1,
        outputs_per_input: 1,
        guarantee: Guarantee::AtLeastOnce,
        ..Client::default()
    });
    a.own(sieve, at, Some(1));
    a.position(sieve, at, 0, PositionReason::Reset);
    for offset in 0..leo {
        a.read(sieve, at, offset);
        let i = a.who(sieve).i;
        a.tell(|t| Event::Skipped(Skipped { t, c: sieve, i, at, offset }));
    }
    if a.draw(2) == 0 {
        a.commit(sieve, group, at, leo);
    }
    a.found()
}

fn fenced_in_time(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.debits();
    a.transaction(c, &[at]);
    let next = a.client(Client {
        name: "bank-2".into(),
        transactional_id: Some("bank".into()),
        idempotent: true,
        outputs: vec![at.topic],
        ..Client::default()
    });
    a.begin(c);
    let (id, who) = (a.fresh(), a.who(c));
    let op = a.send(c, at.topic, id, Some(who.n));
    a.whose(next).pid = who.pid;
    a.epoch(next, who.epoch + 1);
    let (i, error) = (who.i, "PRODUCER_FENCED");
    a.fail(c, op, error);
    a.tell(|t| Event::Told(Told { t, c, i, call: "Produce".into(), error: error.into() }));
    a.tell(|t| Event::Fenced(Fenced { t, c, i, error: error.into() }));
    for _ in 0..a.some(3) {
        a.transaction(next, &[at]);
    }
    a.found()
}

/// After the last epoch of a producer id the client is given another.
fn exhausted(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.debits();
    let first = 32_766 - a.some(3) as i16;
    a.epoch(c, first);
    while a.who(c).epoch < 32_766 {
        a.transaction(c, &[at]);
    }
    a.begin(c);
    a.add(c, at);
    a.ending(c, true);
    a.decide(c, true, DecisionCause::Request);
    a.mark(c, at, true);
    a.ended(c, true, Outcome::Ok);
    a.initialise(c);
    for _ in 0..a.some(2) {
        a.transaction(c, &[at]);
    }
    a.found()
}

fn empty_transactions(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.debits();
    for _ in 0..a.some(4) {
        a.begin(c);
        let commit = a.draw(2) == 0;
        a.end(c, &[], commit);
    }
    a.transaction(c, &[at]);
    a.found()
}

fn row_again(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.meters();
    let group = a.group("desk");
    let kind = if a.draw(2) == 0 { SinkKind::Rows } else { SinkKind::Charges };
    let sink = a.sink("ledger", kind, None);
    let desk = a.connector(at, group, sink);
    for _ in 0..a.some(4) {
        let (id, offset) = a.put(c, at);
        a.read(desk, at, offset);
        for _ in 0..a.draw(3) {
            let op = a.apply(desk, sink, id);
            let outcome = if a.draw(2) == 0 { Outcome::Unknown } else { Outcome::Fail };
            a.applied(desk, op, outcome, false);
        }
        let op = a.apply(desk, sink, id);
        a.row(sink, id, desk);
        a.applied(desk, op, Outcome::Ok, false);
        a.commit(desk, group, at, offset + 1);
    }
    a.found()
}

/// Each topic has its own record of that identity: each was sent there.
fn to_two_topics(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (one, other) = (a.topic("meters", 1), a.topic("archive", 1));
    let c = a.producer("till", &[one, other]);
    for _ in 0..a.some(4) {
        let (id, _) = a.put(c, Partition::new(one, 0));
        a.put_as(c, Partition::new(other, 0), id);
    }
    a.found()
}

fn two_generations(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.meters();
    for _ in 0..a.some(4) {
        a.put(c, at);
    }
    let leo = a.logs[&at].leo;
    let group = a.group("audience");
    let (one, other) = (a.member("audience-1", group, at.topic), a.member("audience-2", group, at.topic));
    for generation in 1..=1 + a.some(3) as i32 {
        let c = if generation % 2 == 0 { one } else { other };
        a.own(c, at, Some(generation));
        // Before anything was committed each begins anew.
        a.position(c, at, 0, PositionReason::Reset);
        a.read_on(c, at, 0, leo);
        a.lose(c, at, Some(generation));
    }
    a.own(one, at, Some(9));
    a.position(one, at, 0, PositionReason::Reset);
    a.read_on(one, at, 0, leo);
    a.commit(one, group, at, leo);
    a.found()
}

/// A leader appended a batch, the next one lacked it and appended another in its place, and the one after that has the first.
fn lacked(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.till(1);
    let before = a.draw(3);
    a.puts(c, at, before);
    let (_, offset) = a.put(c, at);
    let other = a.fresh();
    let op = a.send(c, at.topic, other, None);
    a.lead(at, offset);
    a.batch(at, 1, (-1, -1, -1), BatchKind::Data);
    a.unknown(c, op);
    let end = a.logs[&at].leo;
    a.lead(at, end);
    let after = a.some(3);
    a.puts(c, at, after);
    a.found()
}

/// A record of unknown outcome is stored and read before its application sends it again, which fails.
fn given_and_sent_again(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.till(1);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[at.topic]);
    for _ in 0..a.some(4) {
        let id = a.fresh();
        let op = a.send(c, at.topic, id, None);
        let offset = a.append(at, id, State::Visible, (-1, -1));
        a.unknown(c, op);
        a.read(reader, at, offset);
        let op = a.send(c, at.topic, id, None);
        a.fail(c, op, "NOT_ENOUGH_REPLICAS");
    }
    let (_, offset) = a.put(c, at);
    a.read(reader, at, offset);
    a.found()
}

/// What is read of one topic is copied to another under its identity.
fn given_and_sent_elsewhere(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (one, other) = (a.topic("meters", 1), a.topic("archive", 1));
    let (from, to) = (Partition::new(one, 0), Partition::new(other, 0));
    let c = a.producer("till", &[one]);
    let copier = a.producer("copier", &[other]);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[one, other]);
    for _ in 0..a.some(4) {
        let (id, offset) = a.put(c, from);
        a.read(reader, from, offset);
        let copy = a.put_as(copier, to, id);
        a.read(reader, to, copy);
    }
    a.found()
}

/// Whoever reads by nothing may keep any number in a group.
fn bookmark(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.till(1);
    let many = a.some(4);
    a.puts(c, at, many);
    let (group, next) = (a.group("bookmark"), many + a.some(100));
    a.commit(c, group, at, next as i64);
    a.found()
}

/// It keeps where it was outside, and is there.
fn reads_on(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = a.till(1);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[at.topic]);
    let mut read = 0;
    for _ in 0..a.some(4) {
        let many = a.some(3);
        a.puts(c, at, many);
        let end = a.logs[&at].leo;
        a.read_on(reader, at, read, end);
        read = end;
        a.restart(reader);
        if a.draw(2) == 0 {
            a.own(reader, at, None);
        }
    }
    let (_, last) = a.put(c, at);
    a.read(reader, at, last);
    a.found()
}

/// A record that an application sent again after an unknown outcome, which its topic allows.
fn twice_allowed(a: &mut Annex<'_>, _: bool) -> Mutant {
    let (at, c) = {
        let topic = a.topic_at_least_once("meters");
        (Partition::new(topic, 0), a.producer("till", &[topic]))
    };
    for _ in 0..a.some(4) {
        let id = a.fresh();
        let op = a.send(c, at.topic, id, None);
        a.append(at, id, State::Visible, (-1, -1));
        a.unknown(c, op);
        a.put_as(c, at, id);
    }
    a.found()
}
