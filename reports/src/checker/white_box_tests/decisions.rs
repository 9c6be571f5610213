//! What coordinators decided, the markers of it, and who has which producer id.

use super::*;

// ---- contradictory-decision (C4) ----

/// Transaction 0 of `txn` at producer id 7 and epoch 0: record 0, acknowledged, at in-0@0.
fn transaction(c: u32) -> String {
    epoch(c, 7, 0) + &begin(c, 0) + &send(c, 0, 0, Some(0)) + &ack(c, 0, 0)
}

#[test]
fn a_transaction_is_decided_as_its_client_was_told() {
    let visible = log(2, &[(0, 0, true)]);
    let hidden = log(2, &[(0, 0, false)]);
    let proof = finds(
        &(transaction(2) + &end(2, 0, true, "ok") + &decided(2, 7, 1, false, "request") + &visible),
        &[(Kind::ContradictoryDecision, 1)],
    );
    assert!(proof.sentence.starts_with("the coordinator decided to abort transaction 0 of txn, which committed"));
    assert!(proof.sentence.ends_with("but its client was told that it is committed"), "{}", proof.sentence);
    nothing(&(transaction(2) + &end(2, 0, true, "ok") + &decided(2, 7, 1, true, "request") + &visible));
    let abort = transaction(2) + &end(2, 0, false, "ok");
    finds(&(abort.clone() + &decided(2, 7, 1, true, "request") + &hidden), &[(Kind::ContradictoryDecision, 1)]);
    nothing(&(abort + &decided(2, 7, 1, false, "timeout") + &hidden));
    // Its abort was asked for, and no answer came.
    let asked = transaction(2) + &end(2, 0, false, "unknown");
    finds(&(asked + &decided(2, 7, 1, true, "request") + &hidden), &[(Kind::ContradictoryDecision, 1)]);
    // A commit of unknown outcome may end either way; but nobody asked for an abort by request.
    let unknown = transaction(2) + &end(2, 0, true, "unknown");
    nothing(&(unknown.clone() + &decided(2, 7, 1, false, "timeout") + &hidden));
    nothing(&(unknown.clone() + &decided(2, 7, 1, false, "init") + &hidden));
    finds(&(unknown.clone() + &decided(2, 7, 1, false, "request") + &hidden), &[(Kind::ContradictoryDecision, 1)]);
    nothing(&(unknown + &end(2, 0, false, "unknown") + &decided(2, 7, 1, false, "request") + &hidden));
}

#[test]
fn a_transaction_that_had_nothing_to_end_shares_its_epoch_with_the_next() {
    let empty = epoch(2, 7, 0) + &begin(2, 0) + &end(2, 0, false, "ok");
    let next = begin(2, 1) + &send(2, 0, 0, Some(1)) + &ack(2, 0, 0) + &end(2, 1, true, "ok");
    nothing(&(empty + &next + &decided(2, 7, 1, true, "request") + &log(2, &[(0, 0, true)])));
}

#[test]
fn a_transaction_is_not_decided_twice_and_differently() {
    let twice = |epoch, commit| decided(2, 7, 1, true, "request") + &decided(2, 7, epoch, commit, "timeout");
    let proof = finds(&twice(1, false), &[(Kind::ContradictoryDecision, 1)]);
    assert_eq!(
        proof.sentence,
        "the transaction of txn with producer id 7 and epoch 1 was decided to abort, at 0.015 s, after it had been decided to \
         commit it"
    );
    nothing(&twice(2, false));
    // Below version 2 an epoch has many transactions.
    nothing(&(decided(3, 7, 0, true, "request") + &decided(3, 7, 0, false, "request")));
}

#[test]
fn markers_are_of_the_kind_that_was_decided() {
    let first = batch(0, 1, (7, 0), 0, 0, "txn_data");
    for order in [false, true] {
        let both = |c: u32, epoch: i16, commit: bool, kind: &str| {
            let (decided, marker) = (decided(c, 7, epoch, commit, "request"), marker(1, 7, epoch, kind));
            first.clone() + &if order { decided + &marker } else { marker + &decided }
        };
        let proof = finds(&both(2, 1, true, "abort_marker"), &[(Kind::ContradictoryDecision, 1)]);
        assert!(proof.sentence.ends_with("but in-0@1 has the marker of its abort"), "{}", proof.sentence);
        assert_eq!(proof.offsets, [(0, 1)]);
        nothing(&both(2, 1, true, "commit_marker"));
        // Version 1: the same epoch for all.
        finds(&both(3, 0, false, "commit_marker"), &[(Kind::ContradictoryDecision, 1)]);
        nothing(&both(3, 0, false, "abort_marker"));
    }
    // A marker of the last transaction that comes again ends nothing and says nothing of the next.
    let late = first.clone()
        + &marker(1, 7, 0, "abort_marker")
        + &decided(3, 7, 0, false, "request")
        + &marker(2, 7, 0, "abort_marker")
        + &batch(3, 1, (7, 0), 1, 0, "txn_data")
        + &marker(4, 7, 0, "commit_marker")
        + &decided(3, 7, 0, true, "request");
    nothing(&late);
}

#[test]
fn below_version_2_a_marker_of_a_partition_without_records_is_of_the_kind_that_was_decided() {
    for order in [false, true] {
        let ends = |base, commit: bool, kind: &str, epoch: i16| {
            let (decided, marker) = (decided(3, 7, 0, commit, "request"), marker(base, 7, epoch, kind));
            if order { decided + &marker } else { marker + &decided }
        };
        let proof = finds(&ends(0, true, "abort_marker", 0), &[(Kind::ContradictoryDecision, 1)]);
        assert!(proof.sentence.ends_with("but in-0@0 has the marker of its abort"), "{}", proof.sentence);
        assert_eq!(proof.offsets, [(0, 0)]);
        finds(&ends(0, false, "commit_marker", 0), &[(Kind::ContradictoryDecision, 1)]);
        nothing(&ends(0, true, "commit_marker", 0));
        nothing(&ends(0, false, "abort_marker", 0));
        let first = ends(0, false, "abort_marker", 0);
        // The first one's comes again, and the next transaction has nothing in these logs.
        nothing(&(first.clone() + &ends(1, true, "abort_marker", 0)));
        // A marker of another epoch is not of this decision.
        nothing(&ends(0, true, "abort_marker", 1));
        // In a log that has none of that kind it did not come again.
        finds(&(first + &ends(1, false, "commit_marker", 0)), &[(Kind::ContradictoryDecision, 1)]);
    }
}

/// Two producers below version 2. One has, before anything else, a transaction with nothing in these logs: it is decided
/// and has no marker here, in whichever order the history tells decisions and markers.
#[test]
fn all_producers_of_a_history_are_judged_in_one_order() {
    let abort = decided(3, 7, 0, false, "request");
    let commit = decided(3, 7, 0, true, "request");
    let txn = |base, pid, sequence| batch(base, 1, (pid, 0), sequence, 0, "txn_data");
    let other = |base| txn(base, 9, base as i32 / 2);
    let mark = |base, pid, kind: &str| marker(base, pid, 0, kind);
    let their = |commit| decided(3, 9, 0, commit, "request");
    // Decisions last, and the other producer shows it, before or after.
    let shows = other(0) + &mark(1, 9, "commit_marker") + &their(true);
    let empty_first = abort.clone() + &txn(2, 7, 0) + &mark(3, 7, "commit_marker");
    nothing(&(shows.clone() + &empty_first + &commit));
    nothing(&(abort.clone() + &shows + &txn(2, 7, 0) + &mark(3, 7, "commit_marker") + &commit));
    let proof = finds(&(shows + &empty_first + &abort), &[(Kind::ContradictoryDecision, 1)]);
    assert_eq!(proof.offsets, [(0, 3)]);
    // Nobody else shows it: the marker closes what was begun after the last decision.
    let alone = |last: &str| abort.clone() + &txn(0, 7, 0) + &mark(1, 7, "commit_marker") + last;
    nothing(&alone(&commit));
    finds(&alone(&abort), &[(Kind::ContradictoryDecision, 1)]);
    // Decisions first: the marker closes what was begun before it.
    let first = |after: bool| {
        abort.clone() + &txn(0, 7, 0) + &decided(3, 7, 0, after, "request") + &mark(1, 7, "commit_marker")
    };
    nothing(&(first(true) + &other(2) + &their(true) + &mark(3, 9, "commit_marker")));
    let wrong = first(true) + &other(2) + &their(false) + &mark(3, 9, "commit_marker") + &their(true);
    let proof = finds(&wrong, &[(Kind::ContradictoryDecision, 1)]);
    assert_eq!(proof.offsets, [(0, 3)]);
    finds(&first(false), &[(Kind::ContradictoryDecision, 1)]);
}

// ---- missing-marker (C2) ----

#[test]
fn a_decided_transaction_has_a_marker_wherever_its_records_are() {
    let first = transaction(2) + &batch(0, 1, (7, 0), 0, 0, "txn_data") + &end(2, 0, true, "ok");
    let decision = decided(2, 7, 1, true, "request");
    let close = marker(1, 7, 1, "commit_marker");
    let read = log(2, &[(0, 0, true)]);
    nothing(&(first.clone() + &close + &decision + &read));
    nothing(&(first.clone() + &decision + &close + &read));
    // The log counts it as closed.
    let proof = finds(&(first.clone() + &decision + &read), &[(Kind::MissingMarker, 1)]);
    assert_eq!(
        proof.sentence,
        "the transaction of txn with producer id 7 and epoch 0 that begins at in-0@0 was decided (0.021 s), but in-0 has no \
         marker of it"
    );
    // It may be on its way: then the log is stalled, and that is all.
    let stalled = log_at([0, 0, 2, 2], &[(0, 0, false)]);
    finds(&(first.clone() + &decision + &stalled), &[(Kind::StalledLso, 1)]);
    // Its producer has gone on to the next one: it was forgotten, and that is why the log is stalled.
    let next = epoch(2, 7, 1) + &decided(2, 7, 2, true, "request");
    let mut found = kinds(&judge(&(first.clone() + &decision + &next + &stalled)));
    found.retain(|(kind, _)| *kind != Kind::Loss);
    assert_eq!(found, [(Kind::MissingMarker, 1)]);
    // The next one's batch stands in the same log, and its marker closes both.
    let joins = batch(1, 1, (7, 1), 0, 0, "txn_data") + &marker(2, 7, 2, "commit_marker");
    finds(&(first.clone() + &decision + &joins + &next + &log(3, &[(0, 0, true)])), &[(Kind::MissingMarker, 1)]);
    // Below version 2 a decision lies between them, where it is told after the markers.
    let old = |c: u32, marked: bool| {
        let txn = |base, sequence| batch(base, 1, (7, 0), sequence, 0, "txn_data");
        let mark = |base| marker(base, 7, 0, "commit_marker");
        let decision = decided(c, 7, 0, true, "request");
        let begins = txn(0, 0) + &mark(1) + &decision;
        let second =
            txn(2, 1) + &if marked { mark(3) } else { data(3, -1).replace("\"pid\":7", "\"pid\":-1") } + &decision;
        begins + &second + &txn(4, 2) + &mark(5) + &decision
    };
    nothing(&old(3, true));
    finds(&old(3, false), &[(Kind::MissingMarker, 1)]);
    // What was truncated needs none.
    let gone = first + &decision + &log(0, &[]);
    finds(&gone, &[(Kind::Loss, 1)]);
    // Nothing was decided.
    let open = epoch(2, 7, 0) + &begin(2, 0) + &batch(0, 1, (7, 0), 0, 0, "txn_data");
    finds(&(open + &log_at([0, 0, 1, 1], &[])), &[(Kind::HangingTransaction, 1), (Kind::StalledLso, 1)]);
}

#[test]
fn a_marker_is_of_the_epoch_that_it_closes_or_a_later_one() {
    let open = epoch(2, 7, 3) + &begin(2, 0) + &batch(0, 1, (7, 3), 0, 0, "txn_data");
    let read = log_at([0, 2, 2, 2], &[(0, 0, false)]);
    let closed = |at: i16| open.clone() + &marker(1, 7, at, "abort_marker") + &read;
    let proof = finds(&closed(2), &[(Kind::FencedEffect, 1)]);
    assert!(proof.sentence.ends_with("closed the transaction of epoch 3 that begins at in-0@0"), "{}", proof.sentence);
    nothing(&closed(3));
    nothing(&closed(4));
}

// ---- shared-producer-id (C1) ----

#[test]
fn a_producer_id_and_epoch_are_one_producers() {
    let proof = finds(&(epoch(1, 7, 0) + &epoch(7, 7, 0)), &[(Kind::SharedProducerId, 1)]);
    assert_eq!(
        proof.sentence,
        "idem-2 was given producer id 7 with epoch 0 at 0.015 s, which idem has had since 0.014 s"
    );
    nothing(&(epoch(1, 7, 0) + &epoch(7, 8, 0) + &epoch(1, 7, 1) + &epoch(1, 7, 1)));
    // The next one with the same transactional id has a higher epoch; an answer that comes late is the same client's.
    nothing(&(epoch(2, 7, 0) + &epoch(2, 7, 1) + &epoch(8, 7, 3) + &epoch(2, 7, 1)));
    finds(&(epoch(2, 7, 0) + &epoch(2, 7, 1) + &epoch(8, 7, 1)), &[(Kind::SharedProducerId, 1)]);
    let incarnation = epoch(1, 7, 0).replace("\"c\":1", "\"c\":1,\"i\":1");
    finds(&(epoch(1, 7, 0) + &incarnation), &[(Kind::SharedProducerId, 1)]);
}
