//! Offset commits, and where the offsets moved.

use super::*;

// ---- commit-without-effect (E3) ----

fn commit(c: u32, op: u64, group: u32, next: i64) -> String {
    format!("{{\"commit\":{{\"t\":T,\"c\":{c},\"op\":{op},\"group\":{group},\"at\":[0,0],\"next\":{next}}}}}\n")
}

fn result(c: u32, op: u64, outcome: &str) -> String {
    format!("{{\"commit_result\":{{\"t\":T,\"c\":{c},\"op\":{op},\"outcome\":\"{outcome}\"}}}}\n")
}

fn moved(group: u32, offset: i64, cause: &str) -> String {
    format!("{{\"offset_moved\":{{\"t\":T,\"group\":{group},\"at\":[0,0],\"offset\":{offset},\"cause\":{cause}}}}}\n")
}

const BY_RC: &str = "{\"commit\":{\"c\":4,\"i\":0}}";

#[test]
fn a_plain_commit_that_was_answered_moves_the_offset() {
    let first = commit(4, 0, 0, 3) + &moved(0, 3, BY_RC) + &result(4, 0, "ok");
    let second = |outcome| commit(4, 1, 0, 5) + &result(4, 1, outcome);
    let proof = finds(&(first.clone() + &second("ok")), &[(Kind::CommitWithoutEffect, 1)]);
    assert_eq!(
        proof.sentence,
        "offset 5 of in-0 was committed in group readers by a commit of rc, which was told so, but the group's offset never was \
         5 after that"
    );
    for outcome in ["fail", "unknown"] {
        nothing(&(first.clone() + &second(outcome)));
    }
    nothing(&(first.clone() + &commit(4, 1, 0, 5) + &moved(0, 5, BY_RC) + &result(4, 1, "ok")));
    nothing(&(first.clone() + &second("ok") + &moved(0, 5, BY_RC)));
    // The first of its group.
    let late =
        commit(4, 0, 0, 3) + &result(4, 0, "ok") + &commit(4, 1, 0, 5) + &moved(0, 5, BY_RC) + &result(4, 1, "ok");
    finds(&late, &[(Kind::CommitWithoutEffect, 1)]);
    // The same value again need not move anything.
    nothing(&(first + &commit(4, 1, 0, 3) + &result(4, 1, "ok")));
    // Where no event tells of the group, nothing is known.
    nothing(&(commit(4, 0, 0, 3) + &result(4, 0, "ok")));
}

// ---- false-failure of a plain commit (E3) ----

#[test]
fn a_plain_commit_that_failed_for_certain_moves_nothing() {
    let (asked, moves, fails) = (commit(4, 0, 0, 3), moved(0, 3, BY_RC), result(4, 0, "fail"));
    let proof = finds(&(asked.clone() + &moves + &fails), &[(Kind::FalseFailure, 1)]);
    assert_eq!(
        proof.sentence,
        "a commit of offset 3 of in-0 in group readers by rc failed for certain, but moved the group's offset (0.015 s)"
    );
    assert_eq!((&proof.clients[..], &proof.offsets[..]), (&[("rc".to_owned(), 0)][..], &[(0, 3)][..]));
    // "It will not" is as much of a promise.
    finds(&(asked.clone() + &fails + &moves), &[(Kind::FalseFailure, 1)]);
    for outcome in ["ok", "unknown"] {
        nothing(&(asked.clone() + &moves + &result(4, 0, outcome)));
    }
    // It moved nothing; or it is not known who did.
    nothing(&(asked.clone() + &fails));
    nothing(&(asked.clone() + &moved(0, 3, "\"unknown\"") + &fails));
    // Nor is a move that came before.
    let before = commit(4, 0, 0, 2) + &moved(0, 2, BY_RC) + &result(4, 0, "ok");
    nothing(&(before + &commit(4, 1, 0, 3) + &result(4, 1, "fail")));
}

#[test]
fn a_commit_that_failed_is_not_accused_of_what_another_one_may_have_done() {
    let failed = commit(4, 0, 0, 3) + &result(4, 0, "fail");
    // The application tried it again, or had before; of an answer that never came nothing is known.
    for answer in [result(4, 1, "ok"), result(4, 1, "unknown"), String::new()] {
        nothing(&(failed.clone() + &commit(4, 1, 0, 3) + &moved(0, 3, BY_RC) + &answer));
    }
    nothing(
        &(commit(4, 0, 0, 3)
            + &commit(4, 1, 0, 3)
            + &moved(0, 3, BY_RC)
            + &result(4, 0, "unknown")
            + &result(4, 1, "fail")),
    );
    // Another member committed the same value, and the history takes the one that asked last.
    nothing(
        &(commit(5, 0, 0, 3) + &commit(4, 0, 0, 3) + &moved(0, 3, BY_RC) + &result(5, 0, "ok") + &result(4, 0, "fail")),
    );
    // Both failed: one of them lied.
    let both = failed + &commit(4, 1, 0, 3) + &moved(0, 3, BY_RC) + &result(4, 1, "fail");
    finds(&both, &[(Kind::FalseFailure, 1)]);
}

#[test]
fn a_commit_of_several_partitions_that_failed_and_moved_them_counts_once() {
    let other = |line: String| line.replace("[0,0]", "[0,1]");
    let asked = commit(4, 0, 0, 3) + &other(commit(4, 0, 0, 3));
    let moves = moved(0, 3, BY_RC) + &other(moved(0, 3, BY_RC));
    finds(&(asked.clone() + &moves + &result(4, 0, "fail")), &[(Kind::FalseFailure, 1)]);
    // One of them is enough: what fails for certain does not happen in part.
    finds(&(asked.clone() + &moved(0, 3, BY_RC) + &result(4, 0, "fail")), &[(Kind::FalseFailure, 1)]);
    nothing(&(asked + &moved(0, 3, BY_RC) + &result(4, 0, "unknown")));
}

fn eos(n: u64, next: i64, outcome: &str) -> String {
    begin(5, n)
        + &format!("{{\"txn_offsets\":{{\"t\":T,\"c\":5,\"n\":{n},\"group\":1,\"at\":[0,0],\"next\":{next}}}}}\n")
        + &end(5, n, true, outcome)
}

#[test]
fn a_committed_transaction_moves_its_offsets_unless_another_commit_came_later() {
    let by = |epoch: i16| format!("{{\"marker\":{{\"pid\":9,\"epoch\":{epoch}}}}}");
    let first = epoch(5, 9, 0) + &eos(0, 3, "ok") + &moved(1, 3, &by(1));
    nothing(&(first.clone() + &eos(1, 5, "ok") + &moved(1, 5, &by(2)) + &epoch(5, 9, 1)));
    let skipped = first.clone() + &eos(1, 5, "ok") + &eos(2, 7, "ok") + &moved(1, 7, &by(3)) + &epoch(5, 9, 2);
    let proof = finds(&skipped, &[(Kind::CommitWithoutEffect, 1)]);
    assert_eq!((&proof.clients[0].0[..], proof.transaction), ("eos", Some(1)));
    nothing(&(first.clone() + &eos(1, 5, "unknown")));
    // A plain commit was written after it.
    let overtaken = first + &eos(1, 5, "ok") + &commit(5, 0, 1, 9) + &moved(1, 9, "{\"commit\":{\"c\":5,\"i\":0}}");
    nothing(&(overtaken + &result(5, 0, "ok")));
}

// ---- who asked for a move (G1) ----

#[test]
fn an_offset_that_nobody_asked_for_accuses_nobody() {
    for cause in [BY_RC, "{\"commit\":{\"c\":0,\"i\":0}}", "\"unknown\""] {
        let proof = finds(&moved(0, 7, cause), &[(Kind::CommittedOffsetMoved, 1)]);
        assert_eq!(
            (&proof.sentence[..], &proof.clients[..]),
            ("the offset of in-0 in group readers moved to 7, which no client asked for (0.014 s)", &[][..])
        );
    }
    // It went back: who asked for that is named, and nobody else.
    let events = |cause: &str| {
        commit(4, 0, 0, 3)
            + &moved(0, 3, BY_RC)
            + &result(4, 0, "ok")
            + &commit(4, 1, 0, 1)
            + &moved(0, 1, cause)
            + &result(4, 1, "ok")
    };
    assert_eq!(finds(&events(BY_RC), &[(Kind::CommittedOffsetMoved, 1)]).clients, [("rc".to_owned(), 0)]);
    let innocent = finds(&events("{\"commit\":{\"c\":0,\"i\":0}}"), &[(Kind::CommittedOffsetMoved, 1)]);
    assert_eq!(innocent.clients, []);
    assert!(!innocent.sentence.contains("plain"), "{}", innocent.sentence);
}
