//! Transactions that are carried out otherwise than their clients asked, or that others end.

use fencepost_reports::history::event::*;

use super::annex::{Annex, State};
use super::{Story, story};
use crate::kinds::Mutant;

pub fn stories() -> Vec<Story> {
    vec![
        story!(
            "torn-across-topics",
            "a committed transaction's records in one of its topics are invisible",
            torn_across_topics,
            [TornTransaction],
            [Loss],
            "the commit returned 'ok', and those records are not readable"
        ),
        story!(
            "torn-of-unknown-outcome",
            "a transaction whose commit has an unknown outcome is visible in one of its topics only",
            torn_of_unknown_outcome,
            [TornTransaction]
        ),
        story!(
            "dead-incarnation-committed",
            "what an incarnation left open when it was killed is visible in the end, and nobody ended it",
            dead_incarnation_committed,
            [UncommittedVisible]
        ),
        story!(
            "uncommitted-records-counted-once",
            "two records that nobody committed are visible, and a reader was given them: they are two",
            |a, broken| dead_incarnation_committed(a, broken).times(2),
            [UncommittedVisible]
        ),
        story!(
            "timeout-decided-as-commit",
            "a transaction that timed out was decided as a commit and is visible",
            timeout_as_commit,
            [UncommittedVisible],
            [ContradictoryDecision],
            "nobody asked for the commit that was decided"
        ),
        story!(
            "abort-carried-out-as-commit",
            "an abort was answered 'ok', and decided and carried out as a commit",
            |a, broken| abort_as_commit(a, broken).times(2),
            [AbortedVisible],
            [ContradictoryDecision, UncommittedVisible],
            "its client was told otherwise than was decided, and a reader had it before its commit was ever invoked"
        ),
        story!(
            "abort-decided-as-commit-and-answered",
            "an abort was answered 'ok', and its coordinator decided to commit",
            abort_as_commit,
            [ContradictoryDecision],
            [AbortedVisible, UncommittedVisible],
            "the records of what its client aborted are visible, and its commit was never invoked"
        ),
        story!(
            "commit-aborted-by-the-next-incarnation",
            "a commit was answered 'ok', and the only decision is the abort for the next incarnation",
            aborted_by_init,
            [ContradictoryDecision],
            [Loss],
            "the commit returned 'ok', and its records are not readable"
        ),
        story!(
            "marker-missing-and-producer-goes-on",
            "one of a transaction's partitions has no marker, and its producer is in its next transaction",
            marker_missing,
            [MissingMarker],
            [StalledLso, HangingTransaction, TornTransaction, Loss],
            "without the marker the partition stays at the transaction's record, which is visible elsewhere only"
        ),
        story!(
            "marker-of-an-older-epoch",
            "the marker that closes a transaction in a partition has an older epoch than its records",
            marker_of_an_older_epoch,
            [FencedEffect, MissingMarker],
            [FencedEffect, MissingMarker, ContradictoryDecision],
            "it is an older epoch's batch, and the decision's own marker is not there"
        ),
        story!(
            "late-append-after-the-decision",
            "a record of a transaction is appended after it was decided, where no marker of the decision comes",
            late_append,
            [FencedEffect],
            [StalledLso, HangingTransaction],
            "nothing closes what it opened"
        ),
        story!(
            "zombie-after-takeover",
            "a batch of the taken-over epoch stands behind the marker that fenced it",
            zombie_append,
            [FencedEffect]
        ),
        story!(
            "zombie-in-another-partition",
            "a batch of the taken-over epoch stands in a partition that no newer batch of its producer is in",
            zombie_elsewhere,
            [FencedEffect]
        ),
        story!(
            "two-incarnations-with-one-epoch",
            "a transactional client's next incarnation was given the epoch of the one before",
            two_incarnations,
            [SharedProducerId]
        ),
    ]
}

fn two_topics(a: &mut Annex<'_>) -> (Partition, Partition, u32) {
    let (one, other) = (a.topic("debits", 2), a.topic("credits", 1));
    let c = a.bank("bank", &[one, other]);
    let partition = a.draw(2) as u32;
    (Partition::new(one, partition), Partition::new(other, 0), c)
}

/// The topics' other partitions get a record too, so that what is judged is not whether they were put to the test.
fn before(a: &mut Annex<'_>, c: u32, at: &[Partition]) {
    for _ in 0..a.some(2) {
        a.transaction(c, at);
    }
}

fn torn_across_topics(a: &mut Annex<'_>, broken: bool) -> Mutant {
    a.white = false;
    let (here, there, c) = two_topics(a);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[here.topic, there.topic]);
    before(a, c, &[here, there]);
    let added = a.transaction(c, &[here, there]);
    if broken {
        a.entry(there, added[1].1).state = State::Hidden;
    }
    before(a, c, &[here, there]);
    a.read_all(reader, here.topic);
    a.read_all(reader, there.topic);
    a.found_of(c).once().records(added.iter().map(|x| x.0).collect())
}

fn torn_of_unknown_outcome(a: &mut Annex<'_>, broken: bool) -> Mutant {
    a.white = false;
    let (here, there, c) = two_topics(a);
    before(a, c, &[here, there]);
    a.begin(c);
    let (one, other) = (a.add(c, here), a.add(c, there));
    a.ending(c, true);
    let committed = broken || a.draw(2) == 0;
    for at in [here, there] {
        a.mark(c, at, committed);
    }
    a.ended(c, true, Outcome::Unknown);
    a.restart(c);
    let epoch = a.who(c).epoch + 2;
    a.epoch(c, epoch);
    if broken {
        let (at, offset) = if a.draw(2) == 0 { (here, one.1) } else { (there, other.1) };
        a.entry(at, offset).state = State::Hidden;
    }
    before(a, c, &[here, there]);
    a.found_of(c).once().records(vec![one.0, other.0])
}

fn dead_incarnation_committed(a: &mut Annex<'_>, broken: bool) -> Mutant {
    a.white = false;
    let (here, there, c) = two_topics(a);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[here.topic, there.topic]);
    before(a, c, &[here, there]);
    a.begin(c);
    let (one, other) = (a.add(c, here), a.add(c, there));
    for at in [here, there] {
        a.mark(c, at, broken);
    }
    a.restart(c);
    let epoch = a.who(c).epoch + 2;
    a.epoch(c, epoch);
    before(a, c, &[here, there]);
    a.read_all(reader, here.topic);
    a.read_all(reader, there.topic);
    a.found().records(vec![one.0, other.0])
}

fn timeout_as_commit(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (here, there, c) = two_topics(a);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[here.topic, there.topic]);
    before(a, c, &[here, there]);
    a.begin(c);
    let (one, other) = (a.add(c, here), a.add(c, there));
    a.stop(c, StopReason::Killed, "");
    a.decide(c, broken, DecisionCause::Timeout);
    for at in [here, there] {
        a.mark(c, at, broken);
    }
    a.read_all(reader, here.topic);
    a.read_all(reader, there.topic);
    a.found().records(vec![one.0, other.0])
}

fn abort_as_commit(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (here, there, c) = two_topics(a);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[here.topic, there.topic]);
    before(a, c, &[here, there]);
    a.begin(c);
    a.add(c, here);
    a.add(c, there);
    a.end_as(c, &[here, there], false, broken, Outcome::Ok);
    before(a, c, &[here]);
    a.read_all(reader, here.topic);
    a.read_all(reader, there.topic);
    a.found_of(c)
}

fn aborted_by_init(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (here, there, c) = two_topics(a);
    before(a, c, &[here, there]);
    a.begin(c);
    a.add(c, here);
    a.add(c, there);
    a.ending(c, true);
    if broken {
        a.ended(c, true, Outcome::Ok);
    } else {
        a.ended(c, true, Outcome::Unknown);
    }
    a.stop(c, StopReason::Killed, "");
    a.decide(c, false, DecisionCause::Init);
    for at in [here, there] {
        a.mark(c, at, false);
    }
    let who = a.who(c);
    let name = a.name(c);
    let (i, epoch) = (who.i + 1, who.epoch + 2);
    let next = a.whose(c);
    (next.i, next.op, next.n) = (i, 0, 0);
    a.start(c);
    a.epoch(c, epoch);
    before(a, c, &[here, there]);
    a.found().client(name).once()
}

fn marker_missing(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (here, there, c) = two_topics(a);
    before(a, c, &[here, there]);
    a.begin(c);
    a.add(c, here);
    a.add(c, there);
    let gone = if a.draw(2) == 0 { here } else { there };
    let marked: Vec<Partition> = [here, there].into_iter().filter(|at| !broken || *at != gone).collect();
    a.end(c, &marked, true);
    let other = if gone == here { there } else { here };
    before(a, c, &[other]);
    a.found_in(gone).once()
}

fn marker_of_an_older_epoch(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (here, there, c) = two_topics(a);
    before(a, c, &[here, there]);
    before(a, c, &[here, there]);
    a.begin(c);
    a.add(c, here);
    a.add(c, there);
    a.ending(c, true);
    a.decide(c, true, DecisionCause::Request);
    a.mark(c, here, true);
    let who = a.who(c);
    if broken {
        a.settle(c, there, true);
        a.batch(there, 1, (who.pid, who.epoch - 1, -1), BatchKind::CommitMarker);
    } else {
        a.mark(c, there, true);
    }
    a.ended(c, true, Outcome::Ok);
    a.found_in(there)
}

fn late_append(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (here, there, c) = two_topics(a);
    // Its own partition has nothing of this producer before.
    let plain = a.producer("till", &[here.topic, there.topic]);
    a.put(plain, there);
    before(a, c, &[here]);
    a.begin(c);
    a.add(c, here);
    let id = a.fresh();
    let who = a.who(c);
    let op = a.send(c, there.topic, id, Some(who.n));
    let early = (!broken).then(|| a.append(there, id, State::Open, (who.pid, who.epoch)));
    a.unknown(c, op);
    a.ending(c, false);
    a.decide(c, false, DecisionCause::Request);
    a.mark(c, here, false);
    let offset = match early {
        Some(offset) => {
            a.mark(c, there, false);
            offset
        }
        None => a.append(there, id, State::Open, (who.pid, who.epoch)),
    };
    a.ended(c, false, Outcome::Ok);
    a.epoch(c, who.epoch + 1);
    a.found_in(there).offset(offset)
}

fn zombie_append(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (here, there, c) = two_topics(a);
    before(a, c, &[here, there]);
    a.begin(c);
    a.add(c, here);
    let id = a.fresh();
    let who = a.who(c);
    let op = a.send(c, here.topic, id, Some(who.n));
    a.unknown(c, op);
    a.stop(c, StopReason::Killed, "");
    a.decide(c, false, DecisionCause::Init);
    a.mark(c, here, false);
    let next = a.whose(c);
    (next.i, next.op, next.n) = (who.i + 1, 0, 0);
    a.start(c);
    a.epoch(c, who.epoch + 2);
    let mut found = a.found();
    if broken {
        let sequence = *a.sequence(who.pid, who.epoch, here);
        let offset = a.batch(here, 1, (who.pid, who.epoch, sequence), BatchKind::TxnData);
        let value = a.value(id);
        let (pid, epoch, state) = (who.pid, who.epoch, State::Hidden);
        a.store(here, offset, super::annex::Entry { id, value, pid, epoch, state });
        found = found.offset(offset).once();
    }
    // The next transaction's marker closes whatever is open of this producer there.
    before(a, c, &[here, there]);
    found
}

fn zombie_elsewhere(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (here, there, c) = two_topics(a);
    before(a, c, &[here]);
    a.begin(c);
    let (id, who) = (a.fresh(), a.who(c));
    let op = a.send(c, there.topic, id, Some(who.n));
    a.unknown(c, op);
    a.stop(c, StopReason::Killed, "");
    let next = a.whose(c);
    (next.i, next.op, next.n) = (who.i + 1, 0, 0);
    a.start(c);
    a.epoch(c, who.epoch + 1);
    let mut found = a.found_in(there);
    if broken {
        let offset = a.append(there, id, State::Open, (who.pid, who.epoch));
        a.entry(there, offset).state = State::Hidden;
        found = found.offset(offset).once();
    }
    // The next transaction's marker closes whatever is open of this producer there.
    before(a, c, &[here, there]);
    found
}

fn two_incarnations(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (here, there, c) = two_topics(a);
    before(a, c, &[here, there]);
    let epoch = a.who(c).epoch;
    a.restart(c);
    a.epoch(c, if broken { epoch } else { epoch + 1 });
    before(a, c, &[there]);
    a.found_of(c).once()
}
