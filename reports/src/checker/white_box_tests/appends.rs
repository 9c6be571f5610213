//! What leaders append after what stands in their logs.

use super::*;

// ---- sequence-broken (L4, L5) ----

#[test]
fn in_a_log_the_next_sequence_follows() {
    nothing(&(data(0, 0) + &data(1, 1) + &data(2, 2)));
    let proof = finds(&(epoch(1, 7, 0) + &data(0, 0) + &data(1, 1) + &data(2, 1)), &[(Kind::SequenceBroken, 1)]);
    assert_eq!(
        proof.sentence,
        "the batch of producer id 7 and epoch 0 (idem) at in-0@2 begins with sequence 1: after what stands at in-0@1 it had \
         to be 2"
    );
    assert_eq!((&proof.offsets[..], &proof.clients[0].0[..]), (&[(0, 2)][..], "idem"));
    finds(&(data(0, 0) + &data(1, 2)), &[(Kind::SequenceBroken, 1)]);
    // Other producers, other epochs and other partitions count by themselves.
    let other = batch(1, 1, (8, 0), 0, 0, "data") + &batch(2, 1, (7, 1), 0, 0, "data") + &data(3, 1);
    finds(&(data(0, 0) + &other), &[(Kind::FencedEffect, 1)]);
    nothing(&(data(0, 0) + &batch(1, 1, (8, 0), 0, 0, "data") + &data(0, 0).replace("[0,0]", "[0,1]")));
    // Nobody's batches have none.
    nothing(&(batch(0, 1, (-1, -1), -1, 0, "data") + &batch(1, 1, (-1, -1), -1, 0, "data")));
}

#[test]
fn a_new_epoch_begins_with_sequence_0() {
    nothing(&(data(0, 0) + &batch(1, 1, (7, 1), 0, 0, "data")));
    finds(&(data(0, 0) + &batch(1, 1, (7, 1), 1, 0, "data")), &[(Kind::SequenceBroken, 1)]);
    // A marker with a higher epoch, too; one of the same epoch changes nothing.
    let txn = |sequence, epoch| batch(2, 1, (7, epoch), sequence, 0, "txn_data");
    let first = batch(0, 1, (7, 0), 0, 0, "txn_data");
    nothing(&(first.clone() + &marker(1, 7, 1, "commit_marker") + &txn(0, 1)));
    finds(&(first.clone() + &marker(1, 7, 1, "commit_marker") + &txn(1, 1)), &[(Kind::SequenceBroken, 1)]);
    nothing(&(first.clone() + &marker(1, 7, 0, "commit_marker") + &txn(1, 0)));
    finds(&(first + &marker(1, 7, 0, "commit_marker") + &txn(0, 0)), &[(Kind::SequenceBroken, 1)]);
}

#[test]
fn after_a_truncation_the_sequence_goes_back_with_the_log() {
    let events = data(0, 0) + &data(1, 1) + &data(2, 2);
    nothing(&(events.clone() + &data(1, 1) + &data(2, 2)));
    finds(&(events.clone() + &data(1, 2)), &[(Kind::SequenceBroken, 1)]);
    nothing(&(events.clone() + &data(0, 0)));
    // What another producer truncates goes as well.
    let other = batch(1, 1, (8, 0), 0, 1, "data");
    nothing(&(events.clone() + &other + &batch(2, 1, (7, 0), 1, 1, "data")));
    finds(&(events + &other + &batch(2, 1, (7, 0), 3, 1, "data")), &[(Kind::SequenceBroken, 1)]);
}

#[test]
fn after_the_largest_sequence_comes_0() {
    let wraps = |next| {
        batch(0, 1, (7, 0), 2_147_483_637, 0, "data")
            + &batch(1, 21, (7, 0), 2_147_483_638, 0, "data")
            + &data(22, next)
    };
    nothing(&wraps(11));
    finds(&wraps(0), &[(Kind::SequenceBroken, 1)]);
    let small = PREAMBLE.replacen("\"name\":\"in\"", "\"name\":\"in\",\"max_sequence\":7", 1);
    let events = |next| batch(0, 8, (7, 0), 0, 0, "data") + &data(8, next);
    assert_eq!(kinds(&judge_after(&small, &events(0))), []);
    assert_eq!(kinds(&judge_after(&small, &events(8))), [(Kind::SequenceBroken, 1)]);
}

#[test]
fn a_producer_that_a_broker_has_forgotten_may_begin_anywhere() {
    let forgets = PREAMBLE.replacen("\"name\":\"in\"", "\"name\":\"in\",\"forgets_after\":10000000000", 1);
    let events = |t: u64| {
        data(0, 0).replace("\"t\":T", "\"t\":1000000000") + &data(1, 0).replace("\"t\":T", &format!("\"t\":{t}"))
    };
    assert_eq!(kinds(&judge_after(&forgets, &events(11_000_000_000))), []);
    assert_eq!(kinds(&judge_after(&forgets, &events(10_999_999_999))), [(Kind::SequenceBroken, 1)]);
    finds(&events(11_000_000_000), &[(Kind::SequenceBroken, 1)]);
}

#[test]
fn a_producer_that_is_not_known_begins_with_0_at_transaction_version_2_only() {
    let txn = |sequence| batch(0, 1, (7, 0), sequence, 0, "txn_data");
    nothing(&(epoch(2, 7, 0) + &txn(0)));
    finds(&(epoch(2, 7, 0) + &txn(3)), &[(Kind::SequenceBroken, 1)]);
    nothing(&(epoch(3, 7, 0) + &txn(3)));
    nothing(&(epoch(1, 7, 0) + &data(0, 3)));
    // Of a log that is not told from its beginning nothing is known.
    nothing(&(epoch(2, 7, 0) + &txn(3).replace("\"base\":0", "\"base\":9")));
}

// ---- leader-epoch-back (L1) ----

#[test]
fn leader_epochs_do_not_go_back_along_a_log() {
    let at = |base, leader_epoch| batch(base, 1, (-1, -1), -1, leader_epoch, "data");
    nothing(&(at(0, 0) + &at(1, 0) + &at(2, 3) + &at(3, 3)));
    let proof = finds(&(at(0, 0) + &at(1, 3) + &at(2, 3) + &at(3, 2)), &[(Kind::LeaderEpochBack, 1)]);
    assert_eq!(
        (&proof.sentence[..], &proof.offsets[..]),
        (
            "the batch at in-0@3 was appended with leader epoch 2 at 0.017 s, although leader epoch 3 begins before it, at in-0@1",
            &[(0, 3)][..]
        )
    );
    // What was truncated demands nothing.
    nothing(&(at(0, 0) + &at(1, 3) + &at(2, 3) + &at(1, 2)));
}

// ---- fenced-effect by an older epoch (L3, E10) ----

#[test]
fn no_batch_of_an_older_epoch_follows_in_a_log() {
    let txn = |base, epoch| batch(base, 1, (7, epoch), 0, 0, "txn_data");
    let proof = finds(
        &(epoch(2, 7, 0) + &txn(0, 0) + &marker(1, 7, 1, "abort_marker") + &txn(2, 0)),
        &[(Kind::FencedEffect, 1)],
    );
    assert_eq!(
        proof.sentence,
        "a batch of producer id 7 and epoch 0 (txn) was appended at in-0@2 at 0.017 s, although the log had epoch 1 of that \
         producer at in-0@1 already"
    );
    nothing(
        &(epoch(2, 7, 0)
            + &txn(0, 0)
            + &marker(1, 7, 1, "abort_marker")
            + &txn(2, 1)
            + &marker(3, 7, 2, "commit_marker")),
    );
    // What the next one's marker closes as well is not missed once more.
    let next = epoch(2, 7, 1) + &txn(3, 1) + &marker(4, 7, 2, "commit_marker") + &decided(2, 7, 2, true, "request");
    let decision = decided(2, 7, 1, false, "timeout");
    let first = epoch(2, 7, 0) + &txn(0, 0) + &marker(1, 7, 1, "abort_marker") + &decision;
    finds(&(first + &txn(2, 0) + &next), &[(Kind::FencedEffect, 1)]);
    // The marker was truncated.
    nothing(
        &(epoch(2, 7, 0)
            + &txn(0, 0)
            + &marker(1, 7, 1, "abort_marker")
            + &txn(0, 0)
            + &marker(1, 7, 1, "abort_marker")),
    );
}

#[test]
fn nothing_of_a_decided_transaction_is_appended_elsewhere() {
    let there = batch(0, 1, (7, 0), 0, 0, "txn_data") + &marker(1, 7, 1, "abort_marker");
    let elsewhere = |epoch| batch(0, 1, (7, epoch), 0, 0, "txn_data").replace("[0,0]", "[0,1]");
    let closes = |epoch| marker(1, 7, epoch, "abort_marker").replace("[0,0]", "[0,1]");
    let told = epoch(2, 7, 0) + &there + &decided(2, 7, 1, false, "timeout");
    let proof = finds(&(told.clone() + &elsewhere(0)), &[(Kind::FencedEffect, 1)]);
    assert!(
        proof.sentence.ends_with("after its coordinator had decided epoch 1 of that producer"),
        "{}",
        proof.sentence
    );
    assert_eq!(proof.offsets, [(1, 0)]);
    // The next transaction takes it along.
    let next = elsewhere(1).replace("\"base\":0", "\"base\":1");
    finds(
        &(told.clone() + &elsewhere(0) + &next + &closes(2).replace("\"base\":1", "\"base\":2")),
        &[(Kind::FencedEffect, 1)],
    );
    nothing(&(told.clone() + &elsewhere(1) + &closes(2)));
    // Who tells of a decision before its markers may have a batch come in between.
    nothing(&(told + &elsewhere(0) + &closes(1)));
}
