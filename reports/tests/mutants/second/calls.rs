//! Calls and their answers: two that cannot both be true, answers that nobody called for, transactions out of order.

use fencepost_reports::history::event::*;

use super::annex::{Annex, State};
use super::{Story, story};
use crate::kinds::Mutant;

pub fn stories() -> Vec<Story> {
    vec![
        story!(
            "acknowledged-at-two-offsets",
            "a send was acknowledged twice, at two offsets",
            two_offsets,
            [Contradiction]
        ),
        story!(
            "acknowledged-and-failed",
            "a send was acknowledged, and failed for certain",
            acknowledged_and_failed,
            [Contradiction],
            [Loss, FalseFailure],
            "one of the two answers is false"
        ),
        story!("answer-without-a-send", "a send that nobody called has an answer", without_send, [Contradiction]),
        story!(
            "answer-without-an-offset-commit",
            "an offset commit that nobody called has an answer",
            without_commit,
            [Contradiction]
        ),
        story!(
            "offset-commit-answered-both-ways",
            "an offset commit succeeded, and failed for certain",
            commit_both_ways,
            [Contradiction]
        ),
        story!(
            "effect-answered-both-ways",
            "an effect was answered as done, and as failed for certain",
            effect_both_ways,
            [Contradiction]
        ),
        story!("transaction-begun-twice", "a transaction began twice", begun_twice, [Contradiction]),
        story!(
            "sent-in-a-transaction-never-begun",
            "a record is of a transaction that nobody began",
            |a, broken| never_begun(a, broken, true),
            [Contradiction]
        ),
        story!(
            "ended-and-never-begun",
            "a transaction that nobody began was asked to end",
            |a, broken| never_begun(a, broken, false),
            [Contradiction]
        ),
        story!(
            "end-never-asked-for",
            "a client was told of an abort that it never asked for",
            never_asked,
            [Contradiction]
        ),
        story!(
            "commit-answered-both-ways",
            "a transaction's commit succeeded, and failed for certain",
            transaction_both_ways,
            [Contradiction],
            [FalseFailure],
            "the second answer is false"
        ),
        story!(
            "aborted-after-its-commit",
            "a transaction's abort succeeded after its commit had",
            aborted_after_commit,
            [Contradiction],
            [AbortedVisible, ContradictoryDecision],
            "the records are visible, and what its client was told last is another end than was decided"
        ),
        story!(
            "succeeded-after-it-failed",
            "a transaction's commit failed for certain, and succeeded without having been asked for again",
            succeeded_after_failure,
            [Contradiction],
            [FalseFailure],
            "the first answer is false"
        ),
    ]
}

fn two_offsets(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let many = 2 + a.draw(3);
    let puts = a.puts(c, at, many);
    let which = a.draw(many);
    let other = (which + 1 + a.draw(many - 1)) % many;
    // The same answer again tells nothing new.
    a.ack(c, which as u64, at, puts[if broken { other } else { which }].1);
    a.puts(c, at, 1);
    let name = a.name(c);
    a.found_in(at).client(name).once()
}

fn acknowledged_and_failed(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let before = a.some(3);
    a.puts(c, at, before);
    let id = a.fresh();
    let op = a.send(c, at.topic, id, None);
    if !broken {
        // What the first answer left open the second one tells.
        a.unknown(c, op);
        let offset = a.append(at, id, State::Visible, (-1, -1));
        a.ack(c, op, at, offset);
    } else if a.draw(2) == 0 {
        let offset = a.append(at, id, State::Visible, (-1, -1));
        a.ack(c, op, at, offset);
        a.fail(c, op, "NOT_ENOUGH_REPLICAS");
    } else {
        a.fail(c, op, "NOT_ENOUGH_REPLICAS");
        a.ack(c, op, at, -1);
    }
    a.puts(c, at, 1);
    a.found_of(c).once()
}

fn without_send(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let before = a.some(3);
    a.puts(c, at, before);
    a.whose(c).op += a.draw(4) as u64;
    let op = a.who(c).op;
    // Numbers of sends may have holes; who sends has called.
    let offset = if broken {
        -1
    } else {
        let id = a.fresh();
        a.send(c, at.topic, id, None);
        a.append(at, id, State::Visible, (-1, -1))
    };
    match a.draw(3) {
        0 => a.unknown(c, op),
        1 if broken => a.fail(c, op, "NOT_ENOUGH_REPLICAS"),
        _ => a.ack(c, op, at, offset),
    }
    a.found_of(c).once()
}

/// A member that has read all, and committed it in several steps.
fn committer(a: &mut Annex<'_>) -> (Partition, u32, u32, i64) {
    let (at, till) = a.till(1);
    let many = 1 + a.some(3);
    a.puts(till, at, many);
    let (group, c) = a.audience(at, "audience", many - 1);
    a.read(c, at, many as i64 - 1);
    (at, group, c, many as i64)
}

fn answer(a: &mut Annex<'_>, c: u32, op: u64, outcome: Outcome) {
    let i = a.who(c).i;
    let error = if outcome == Outcome::Ok { "" } else { "REQUEST_TIMED_OUT" };
    a.tell(|t| Event::CommitResult(CommitResult { t, c, i, op, outcome, error: error.into() }));
}

fn without_commit(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, group, c, all) = committer(a);
    a.whose(c).commits += a.draw(4) as u64;
    let op = a.who(c).commits;
    if broken {
        let outcome = [Outcome::Ok, Outcome::Fail, Outcome::Unknown][a.draw(3)];
        answer(a, c, op, outcome);
    } else {
        a.commit(c, group, at, all);
    }
    a.found_of(c).once()
}

fn commit_both_ways(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, group, c, all) = committer(a);
    let (i, op) = (a.who(c).i, a.who(c).commits);
    a.tell(|t| Event::Commit(Commit { t, c, i, op, group, at, next: all }));
    a.moved(group, at, all, MoveCause::Commit { c, i, generation: None });
    let again = a.draw(2);
    let answers = match (broken, again) {
        (true, _) => [Outcome::Ok, Outcome::Fail],
        (false, 0) => [Outcome::Unknown, Outcome::Ok],
        (false, _) => [Outcome::Ok, Outcome::Ok],
    };
    answers.into_iter().for_each(|outcome| answer(a, c, op, outcome));
    a.found_of(c).once()
}

fn effect_both_ways(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let many = a.some(4);
    let kind = [SinkKind::Rows, SinkKind::Charges][a.draw(2)];
    let desk = a.desk(kind, many);
    desk.work(a);
    let op = a.draw(many) as u64;
    a.applied(desk.c, op, if broken { Outcome::Fail } else { Outcome::Ok }, false);
    desk.commit(a);
    a.found_of(desk.c).once()
}

fn begun_twice(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.debits();
    for _ in 0..a.draw(3) {
        a.transaction(c, &[at]);
    }
    a.begin(c);
    let early = a.draw(2) == 0;
    if early {
        a.add(c, at);
    }
    if broken {
        a.whose(c).n -= 1;
        a.begin(c);
    } else {
        // What is unsettled of one stays as it is when the next one begins.
        let written: &[Partition] = if early { &[at] } else { &[] };
        a.end(c, written, true);
        a.begin(c);
    }
    a.add(c, at);
    a.end(c, &[at], true);
    a.found_of(c).once()
}

fn never_begun(a: &mut Annex<'_>, broken: bool, sends: bool) -> Mutant {
    let (at, c) = a.debits();
    for _ in 0..a.some(3) {
        a.transaction(c, &[at]);
    }
    if broken {
        a.whose(c).n += 1;
    } else {
        a.begin(c);
    }
    if sends {
        for _ in 0..a.some(3) {
            a.add(c, at);
        }
        a.end(c, &[at], true);
    } else {
        let commit = a.draw(2) == 0;
        a.end(c, &[], commit);
    }
    a.found_of(c).once()
}

fn never_asked(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.debits();
    for _ in 0..a.some(3) {
        a.transaction(c, &[at]);
    }
    a.begin(c);
    a.add(c, at);
    if !broken {
        a.ending(c, false);
    }
    a.decide(c, false, if broken { DecisionCause::Timeout } else { DecisionCause::Request });
    a.mark(c, at, false);
    a.ended(c, false, Outcome::Ok);
    let epoch = a.who(c).epoch + 1;
    a.epoch(c, epoch);
    a.transaction(c, &[at]);
    a.found_of(c).once()
}

/// A transaction that is being committed; its commit is decided, marked, and not answered yet.
fn committing(a: &mut Annex<'_>) -> (Partition, u32) {
    let (at, c) = a.debits();
    for _ in 0..a.some(3) {
        a.transaction(c, &[at]);
    }
    a.begin(c);
    a.add(c, at);
    a.ending(c, true);
    (at, c)
}

/// A transaction's decision and marker.
fn carried_out(a: &mut Annex<'_>, c: u32, at: Partition, commit: bool) {
    a.decide(c, commit, DecisionCause::Request);
    a.mark(c, at, commit);
}

/// The client has the epoch that the end of its transaction brought, and goes on.
fn goes_on(a: &mut Annex<'_>, c: u32, at: Partition) -> Mutant {
    let epoch = a.who(c).epoch + 1;
    a.epoch(c, epoch);
    a.transaction(c, &[at]);
    a.found_of(c).once()
}

fn refused(a: &mut Annex<'_>, c: u32, commit: bool) {
    a.ended(c, commit, Outcome::Fail);
}

fn transaction_both_ways(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = committing(a);
    carried_out(a, c, at, true);
    if broken {
        a.ended(c, true, Outcome::Ok);
        refused(a, c, true);
    } else {
        a.ended(c, true, Outcome::Unknown);
        a.ending(c, true);
        a.ended(c, true, Outcome::Ok);
    }
    goes_on(a, c, at)
}

fn aborted_after_commit(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = committing(a);
    if broken {
        carried_out(a, c, at, true);
        a.ended(c, true, Outcome::Ok);
        a.ending(c, false);
    } else {
        refused(a, c, true);
        a.ending(c, false);
        carried_out(a, c, at, false);
    }
    a.ended(c, false, Outcome::Ok);
    goes_on(a, c, at)
}

fn succeeded_after_failure(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = committing(a);
    refused(a, c, true);
    if !broken {
        a.ending(c, true);
    }
    carried_out(a, c, at, true);
    a.ended(c, true, Outcome::Ok);
    goes_on(a, c, at)
}
