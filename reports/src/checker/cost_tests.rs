//! What a judgement costs does not grow with the square of anything: each of these histories is of a size at which it would
//! take hours otherwise, and is judged at once.

use super::Checker;
use crate::history::event::*;
use crate::history::{Event, Identity, Partition, Sink};
use crate::report::{Kind, Report};

/// How many of a thing there are.
const MANY: u32 = 200_000;

const AT: Partition = Partition::new(0, 0);

/// A topic, a group, a reader in it (0), a producer (1) and a transactional one (2); then what the test says.
fn judge(events: impl FnOnce(&mut Checker)) -> Report {
    let mut checker = Checker::new();
    checker.event(&Event::Topic(Topic { name: "in".into(), partitions: 1, ..Topic::default() }));
    checker.event(&Event::Group(Group { id: 0, name: "g".into() }));
    checker.event(&Event::Sink(ExternalSink { name: "bank".into(), ..ExternalSink::default() }));
    let reader =
        Client { name: "r".into(), kind: ClientKind::Reader, group: Some(0), inputs: vec![0], ..Client::default() };
    checker.event(&Event::Client(Box::new(reader)));
    let producer = Client { id: 1, name: "p".into(), outputs: vec![0], idempotent: true, ..Client::default() };
    checker.event(&Event::Client(Box::new(producer)));
    let id = Some("t".into());
    let txn = Client { id: 2, name: "t".into(), outputs: vec![0], transactional_id: id, ..Client::default() };
    checker.event(&Event::Client(Box::new(txn)));
    events(&mut checker);
    checker.finish()
}

fn send(c: u32, op: u32, n: Option<u64>) -> Event<'static> {
    let id = Identity::of_workload(c, i64::from(op));
    Event::Send(Send { t: 1, c, i: 0, op: u64::from(op), topic: 0, partition: None, id, n, value: None })
}

fn ack(c: u32, op: u32, offset: u32) -> Event<'static> {
    Event::Ack(Ack { t: 2, c, i: 0, op: u64::from(op), at: AT, offset: i64::from(offset) })
}

fn end(offset: i64) -> Event<'static> {
    Event::End(End { t: 9, at: AT, start: 0, lso: offset, hw: offset, leo: offset })
}

fn found(offset: u32, id: Identity, pid: i64, epoch: i16) -> Event<'static> {
    Event::Final(Final { at: AT, offset: i64::from(offset), id, pid, epoch, visible: true, value: None })
}

fn appended(base: i64, pid: i64, kind: BatchKind) -> Event<'static> {
    let (count, epoch, sequence, leader_epoch) = (1, 0, 0, 0);
    Event::Appended(Appended { t: 3, at: AT, base, count, pid, epoch, sequence, leader_epoch, kind })
}

#[test]
fn copies_of_one_record() {
    let report = judge(|checker| {
        checker.event(&Event::Epoch(Epoch { t: 1, c: 1, i: 0, pid: 7, epoch: 0 }));
        checker.event(&send(1, 0, None));
        checker.event(&ack(1, 0, 0));
        checker.event(&end(i64::from(MANY)));
        for n in 0..MANY {
            checker.event(&found(n, Identity::of_workload(1, 0), 7, (n % 2) as i16));
        }
    });
    // One of them has an epoch of its own; verdict and table count alike, beyond what a cell counts.
    assert_eq!(report.count(Kind::EpochBumpDuplicate), 1);
    assert_eq!(report.count(Kind::Duplicate), u64::from(MANY) - 2);
    assert_eq!(report.topic("in").expect("an output").duplicates, u64::from(MANY) - 1);
}

#[test]
fn commits_under_way() {
    let report = judge(|checker| {
        let commit = |n: u32| Commit { t: 1, c: 0, i: 0, op: u64::from(n), group: 0, at: AT, next: 5 };
        (0..MANY).for_each(|n| checker.event(&Event::Commit(commit(n))));
        // The latest is answered first; then none of the others.
        for n in (MANY / 2..MANY).rev() {
            let op = u64::from(n);
            checker.event(&Event::CommitResult(CommitResult {
                t: 2,
                c: 0,
                i: 0,
                op,
                outcome: Outcome::Ok,
                error: "".into(),
            }));
        }
        let cause = MoveCause::Commit { c: 0, i: 0, generation: None };
        checker.event(&Event::OffsetMoved(OffsetMoved { t: 3, group: 0, at: AT, offset: 5, cause }));
    });
    assert_eq!(report.count(Kind::CommitWithoutEffect), 0, "{}", report.render_text());
}

#[test]
fn commits_that_never_took_effect() {
    let report = judge(|checker| {
        let cause = MoveCause::Commit { c: 0, i: 0, generation: None };
        for n in 0..MANY {
            let (op, next) = (u64::from(n), i64::from(n) + 1);
            checker.event(&Event::Commit(Commit { t: 1, c: 0, i: 0, op, group: 0, at: AT, next }));
            if n == 0 {
                checker.event(&Event::OffsetMoved(OffsetMoved { t: 1, group: 0, at: AT, offset: 1, cause }));
            }
            checker.event(&Event::CommitResult(CommitResult {
                t: 2,
                c: 0,
                i: 0,
                op,
                outcome: Outcome::Ok,
                error: "".into(),
            }));
        }
    });
    assert_eq!(report.count(Kind::CommitWithoutEffect), u64::from(MANY) - 1);
}

#[test]
fn transactions_that_are_open_in_one_log() {
    let report = judge(|checker| {
        (0..MANY).for_each(|n| checker.event(&appended(i64::from(n), i64::from(n), BatchKind::TxnData)));
        // A reader is given what is open, then all of them end, the latest first.
        for n in 0..MANY {
            let id = Identity::of_workload(0, i64::from(n));
            checker.event(&Event::Read(Read { t: 4, c: 0, i: 0, at: AT, offset: i64::from(n), id, value: None }));
        }
        for n in 0..MANY {
            let (base, pid) = (i64::from(MANY + n), i64::from(MANY - 1 - n));
            checker.event(&appended(base, pid, BatchKind::CommitMarker));
        }
    });
    assert_eq!(report.count(Kind::UncommittedVisible), u64::from(MANY));
}

#[test]
fn truncations_of_a_log_with_many_producers() {
    let report = judge(|checker| {
        let far = 1 << 60;
        (0..MANY).for_each(|n| checker.event(&appended(i64::from(n), i64::from(n), BatchKind::TxnData)));
        for n in 0..MANY {
            // Far beyond the end, then back to it.
            checker.event(&appended(far + i64::from(n), i64::from(MANY), BatchKind::TxnData));
            checker.event(&appended(i64::from(MANY), i64::from(n), BatchKind::TxnData));
        }
    });
    assert_eq!(report.count(Kind::SequenceBroken), 0, "{}", report.render_text());
}

#[test]
fn transactions_that_are_open_in_one_client() {
    let report = judge(|checker| {
        (0..MANY).for_each(|n| checker.event(&send(2, n, Some(u64::from(n)))));
        for n in (0..MANY).rev() {
            let n = u64::from(n);
            checker.event(&Event::Ending(Ending { t: 2, c: 2, i: 0, n, commit: true }));
            let (commit, outcome) = (true, Outcome::Unknown);
            checker.event(&Event::Ended(Ended { t: 2, c: 2, i: 0, n, commit, outcome, error: "".into() }));
        }
    });
    assert_eq!(report.count(Kind::TornTransaction), 0, "{}", report.render_text());
}

#[test]
fn a_commit_that_is_asked_for_again_and_again() {
    let report = judge(|checker| {
        for n in 0..MANY {
            checker.event(&send(2, n, Some(0)));
            checker.event(&Event::Ending(Ending { t: 2, c: 2, i: 0, n: 0, commit: true }));
        }
    });
    assert_eq!(report.count(Kind::TornTransaction), 0, "{}", report.render_text());
}

#[test]
fn effects_that_are_under_way() {
    let report = judge(|checker| {
        for op in 0..MANY {
            let id = Identity::of_workload(0, i64::from(op));
            checker.event(&Event::Apply(Apply { t: 1, c: 0, i: 0, op: u64::from(op), sink: 0, id }));
        }
        for op in (0..MANY).rev() {
            let (op, outcome, already) = (u64::from(op), Outcome::Ok, false);
            checker.event(&Event::Applied(Applied { t: 2, c: 0, i: 0, op, outcome, already, error: "".into() }));
        }
    });
    assert_eq!(report.sink("bank").expect("it is declared").input, u64::from(MANY));
}

#[test]
fn offsets_with_two_values() {
    let report = judge(|checker| {
        for n in 0..MANY {
            checker.event(&send(1, n, None));
            checker.event(&ack(1, n, n + 1));
        }
        checker.event(&end(i64::from(MANY)));
        (0..MANY).for_each(|n| checker.event(&found(n, Identity::of_workload(1, i64::from(n)), 7, 0)));
    });
    // All but the one beyond the end, of which the final read says that nothing is there.
    assert_eq!(report.count(Kind::TwoValues), u64::from(MANY), "{}", report.render_text());
    assert_eq!((report.count(Kind::Loss), report.count(Kind::Duplicate)), (0, 0));
}

#[test]
fn incarnations_and_producer_ids() {
    let report = judge(|checker| {
        for n in 0..MANY {
            checker.event(&Event::Epoch(Epoch { t: 1, c: 2, i: n, pid: i64::from(n), epoch: 0 }));
        }
        // A lonely number costs no table.
        for c in 0..2 {
            (0..20).for_each(|n| checker.event(&Event::Begin(Begin { t: 2, c, i: (1 << 20) - n, n: 0 })));
        }
    });
    assert_eq!(report.count(Kind::SharedProducerId), 0);
}

#[test]
fn transactional_ids() {
    let report = judge(|checker| {
        for id in 3..MANY / 4 {
            let transactional_id = Some(id.to_string().into());
            checker.event(&Event::Client(Box::new(Client {
                id,
                name: "c".into(),
                transactional_id,
                ..Client::default()
            })));
        }
    });
    assert_eq!(report.count(Kind::SharedProducerId), 0);
}
