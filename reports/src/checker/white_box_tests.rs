//! What logs and coordinators tell, and what the final read says of itself: for every check a history that has the anomaly
//! and near misses that have not.

use super::Checker;
use crate::history;
use crate::report::{Kind, Proof, Report};

/// Two partitions of `in`, one of `out`; 0 `plain`; 1 `idem`, idempotent; 2 `txn`, transactional, and 8 `heir`, with its
/// transactional id; 3 `old`, at transaction version 1; 4 `rc`, a reader of `in` in group 0; 5 `eos`, a pipeline in group 1.
const PREAMBLE: &str = r#"
{"topic":{"id":0,"name":"in","partitions":2}}
{"topic":{"id":1,"name":"out","partitions":1}}
{"group":{"id":0,"name":"readers"}}
{"group":{"id":1,"name":"eos"}}
{"sink":{"id":0,"name":"db","kind":"rows"}}
{"client":{"id":0,"name":"plain","kind":"producer","outputs":[0]}}
{"client":{"id":1,"name":"idem","kind":"producer","idempotent":true,"outputs":[0]}}
{"client":{"id":2,"name":"txn","kind":"producer","idempotent":true,"transactional_id":"t","outputs":[0]}}
{"client":{"id":3,"name":"old","kind":"producer","idempotent":true,"transactional_id":"o","transaction_version":1,"outputs":[0]}}
{"client":{"id":4,"name":"rc","kind":"reader","group":0,"inputs":[0]}}
{"client":{"id":5,"name":"eos","kind":"pipeline","group":1,"transactional_id":"e","idempotent":true,"inputs":[0],"outputs":[1],"stage":1,"outputs_per_input":1,"guarantee":"exactly_once"}}
{"client":{"id":6,"name":"loader","kind":"reader","inputs":[0],"sinks":[0]}}
{"client":{"id":7,"name":"idem-2","kind":"producer","idempotent":true,"outputs":[0]}}
{"client":{"id":8,"name":"heir","kind":"producer","idempotent":true,"transactional_id":"t","outputs":[0]}}
"#;

/// Judges the events of a test after a preamble. Each event is a millisecond after the one before it: `T` stands for that.
pub(super) fn judge_after(preamble: &str, events: &str) -> Report {
    let lines = preamble.lines().chain(events.lines()).map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<String> =
        lines.enumerate().map(|(n, line)| line.replace("\"t\":T", &format!("\"t\":{}", n * 1_000_000))).collect();
    let head = "{\"history\":{\"version\":2}}";
    let text = format!("{head}\n{}\n{{\"done\":{{\"events\":{}}}}}\n", lines.join("\n"), lines.len());
    let mut checker = Checker::new();
    history::read(text.as_bytes(), &mut checker).unwrap_or_else(|error| panic!("{error}\n{text}"));
    checker.finish()
}

fn judge(events: &str) -> Report {
    judge_after(PREAMBLE, events)
}

/// What was found, but for what these small histories leave undone.
fn kinds(report: &Report) -> Vec<(Kind, u64)> {
    let undone = |kind: Kind| matches!(kind, Kind::Unprocessed | Kind::Unowned | Kind::Unanswered);
    report.violations.iter().map(|v| (v.kind, v.count)).filter(|(kind, _)| !undone(*kind)).collect()
}

/// Exactly this is found; the first proof of the first kind.
#[track_caller]
fn finds(events: &str, expected: &[(Kind, u64)]) -> Proof {
    let report = judge(events);
    assert_eq!(kinds(&report), expected, "\n{}", report.render_text());
    let first = report.violations.iter().find(|v| v.kind == expected[0].0).expect("it is among them");
    first.proof.clone()
}

#[track_caller]
fn nothing(events: &str) {
    let report = judge(events);
    assert_eq!(kinds(&report), [], "\n{}", report.render_text());
}

fn w(r: i64) -> String {
    format!("[2147483648,0,{r},0,0]")
}

fn batch(base: i64, count: u32, (pid, epoch): (i64, i16), sequence: i32, leader_epoch: i32, kind: &str) -> String {
    format!(
        "{{\"appended\":{{\"t\":T,\"at\":[0,0],\"base\":{base},\"count\":{count},\"pid\":{pid},\"epoch\":{epoch},\
         \"sequence\":{sequence},\"leader_epoch\":{leader_epoch},\"kind\":\"{kind}\"}}}}\n"
    )
}

/// One record of producer 7 at epoch 0.
fn data(base: i64, sequence: i32) -> String {
    batch(base, 1, (7, 0), sequence, 0, "data")
}

fn marker(base: i64, pid: i64, epoch: i16, kind: &str) -> String {
    batch(base, 1, (pid, epoch), -1, 0, kind)
}

fn epoch(c: u32, pid: i64, epoch: i16) -> String {
    format!("{{\"epoch\":{{\"t\":T,\"c\":{c},\"pid\":{pid},\"epoch\":{epoch}}}}}\n")
}

fn decided(c: u32, pid: i64, epoch: i16, commit: bool, cause: &str) -> String {
    format!(
        "{{\"decided\":{{\"t\":T,\"c\":{c},\"pid\":{pid},\"epoch\":{epoch},\"commit\":{commit},\"cause\":\"{cause}\"}}}}\n"
    )
}

fn begin(c: u32, n: u64) -> String {
    format!("{{\"begin\":{{\"t\":T,\"c\":{c},\"n\":{n}}}}}\n")
}

fn send(c: u32, op: i64, r: i64, n: Option<u64>) -> String {
    let n = n.map(|n| format!(",\"n\":{n}")).unwrap_or_default();
    format!("{{\"send\":{{\"t\":T,\"c\":{c},\"op\":{op},\"topic\":0,\"id\":{}{n}}}}}\n", w(r))
}

fn ack(c: u32, op: i64, offset: i64) -> String {
    format!("{{\"ack\":{{\"t\":T,\"c\":{c},\"op\":{op},\"at\":[0,0],\"offset\":{offset}}}}}\n")
}

/// Commit or abort was invoked and returned.
fn end(c: u32, n: u64, commit: bool, outcome: &str) -> String {
    format!("{{\"ending\":{{\"t\":T,\"c\":{c},\"n\":{n},\"commit\":{commit}}}}}\n")
        + &format!("{{\"ended\":{{\"t\":T,\"c\":{c},\"n\":{n},\"commit\":{commit},\"outcome\":\"{outcome}\"}}}}\n")
}

/// The final read of `in`-0: its end, then offset, record, visible.
fn log(end: i64, records: &[(i64, i64, bool)]) -> String {
    log_at([0, end, end, end], records)
}

fn log_at([start, lso, hw, leo]: [i64; 4], records: &[(i64, i64, bool)]) -> String {
    let end =
        format!("{{\"end\":{{\"t\":T,\"at\":[0,0],\"start\":{start},\"lso\":{lso},\"hw\":{hw},\"leo\":{leo}}}}}\n");
    let rest = "{\"end\":{\"t\":T,\"at\":[0,1],\"start\":0,\"lso\":0,\"hw\":0,\"leo\":0}}\n";
    let record = |(offset, r, visible): &(i64, i64, bool)| {
        format!("{{\"final\":{{\"at\":[0,0],\"offset\":{offset},\"id\":{},\"visible\":{visible}}}}}\n", w(*r))
    };
    end + &records.iter().map(record).collect::<String>() + rest
}

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

// ---- the final read and its end ----

#[test]
fn a_final_read_keeps_to_its_own_end() {
    let events = send(0, 0, 0, None) + &ack(0, 0, 0) + &send(0, 1, 1, None) + &ack(0, 1, 1);
    nothing(&(events.clone() + &log(2, &[(0, 0, true), (1, 1, true)])));
    let proof = finds(&(events.clone() + &log(1, &[(0, 0, true), (1, 1, true)])), &[(Kind::Contradiction, 1)]);
    assert_eq!(
        proof.sentence,
        "the final read has record 1 of plain at in-0@1 as visible, but the high watermark of in-0 is 1"
    );
    let unstable = log_at([0, 1, 2, 2], &[(0, 0, true), (1, 1, true)]);
    finds(&(events.clone() + &unstable), &[(Kind::Contradiction, 1), (Kind::StalledLso, 1)]);
    let below = log_at([1, 2, 2, 2], &[(0, 0, true), (1, 1, true)]);
    finds(&(events.clone() + &below), &[(Kind::Contradiction, 1)]);
    let again = log(2, &[(0, 0, true), (1, 1, true), (1, 1, true)]);
    finds(&(events + &again), &[(Kind::Contradiction, 1)]);
}

#[test]
fn a_high_watermark_below_the_end_is_a_stall() {
    let proof = finds(&log_at([0, 2, 2, 3], &[]), &[(Kind::StalledLso, 1)]);
    assert!(proof.sentence.starts_with("the high watermark of in-0 is 2 and below its end"), "{}", proof.sentence);
    assert!(
        proof.sentence.ends_with("what is there up to offset 3 is not known to be on all in-sync replicas"),
        "{}",
        proof.sentence
    );
    nothing(&log_at([0, 3, 3, 3], &[]));
}

#[test]
fn what_a_reader_was_given_is_there_in_the_end() {
    let read = format!("{{\"read\":{{\"t\":T,\"c\":4,\"at\":[0,0],\"offset\":0,\"id\":{}}}}}\n", w(0));
    let unknown = "{\"unknown\":{\"t\":T,\"c\":0,\"op\":0,\"error\":\"TIMEOUT\"}}\n";
    let events = send(0, 0, 0, None) + unknown + &read;
    finds(&(events.clone() + &log(0, &[])), &[(Kind::TwoValues, 1)]);
    nothing(&(events + &log(1, &[(0, 0, true)])));
    nothing(&(send(0, 0, 0, None) + unknown + &log(0, &[])));
}

#[test]
fn in_a_compacted_topic_all_but_the_last_record_may_have_been_replaced() {
    let compacted = PREAMBLE.replacen("\"name\":\"in\"", "\"name\":\"in\",\"compacted\":true", 1);
    let read = |r: i64| format!("{{\"read\":{{\"t\":T,\"c\":4,\"at\":[0,0],\"offset\":{r},\"id\":{}}}}}\n", w(r));
    let records: String = (0..3).map(|r| send(0, r, r, None) + &ack(0, r, r) + &read(r)).collect();
    let judge = |log: String| kinds(&judge_after(&compacted, &(records.clone() + &log)));
    assert_eq!(judge(log(3, &[(1, 1, true), (2, 2, true)])), []);
    assert_eq!(judge(log(3, &[(2, 2, true)])), []);
    assert_eq!(judge(log(3, &[(0, 0, true), (1, 1, true)])), [(Kind::Loss, 1)]);
    // Elsewhere nothing goes.
    finds(&(records.clone() + &log(3, &[(1, 1, true), (2, 2, true)])), &[(Kind::Loss, 1)]);
}

// ---- two values: the right one is accused, and once ----

#[test]
fn of_an_acknowledged_offset_that_is_one_too_high_its_record_is_accused() {
    for late in [false, true] {
        let acks = [ack(0, 0, 1), ack(0, 1, 1)];
        let acks = if late { [&acks[1], &acks[0]] } else { [&acks[0], &acks[1]] };
        let events = send(0, 0, 0, None) + &send(0, 1, 1, None) + acks[0] + acks[1];
        let proof = finds(&(events + &log(2, &[(0, 0, true), (1, 1, true)])), &[(Kind::TwoValues, 1)]);
        assert_eq!(
            proof.sentence,
            "record 0 of plain was acknowledged at in-0@1, where the final read has record 1 of plain; it is at in-0@0"
        );
        assert_eq!((proof.record.map(|id| id.offset), &proof.offsets[..]), (Some(0), &[(0, 1), (0, 0)][..]));
    }
}

#[test]
fn an_offset_with_two_values_counts_once_however_often_it_is_seen() {
    let read =
        |t: u32, r: i64| format!("{{\"read\":{{\"t\":T,\"c\":{t},\"at\":[0,0],\"offset\":0,\"id\":{}}}}}\n", w(r));
    let position = "{\"position\":{\"t\":T,\"c\":4,\"at\":[0,0],\"position\":0,\"reason\":\"seek\"}}\n";
    let events = send(0, 0, 0, None) + &send(0, 1, 1, None) + &ack(0, 0, 0) + &ack(0, 1, 0);
    let events = events + &read(4, 1) + position + &read(4, 0) + position + &read(4, 1) + &read(6, 1);
    let report = judge(&(events + &log(2, &[(0, 0, true), (1, 1, true)])));
    assert_eq!(report.count(Kind::TwoValues), 1, "{}", report.render_text());
}

#[test]
fn the_neighbour_of_a_wrong_answer_is_not_taken_for_aborted() {
    // Record 0 is aborted and acknowledged one too high, where record 1 stands, committed.
    let aborted = epoch(2, 7, 0) + &begin(2, 0) + &send(2, 0, 0, Some(0)) + &ack(2, 0, 1) + &end(2, 0, false, "ok");
    let events = aborted + &send(0, 0, 1, None) + &ack(0, 0, 1) + &log(3, &[(0, 0, false), (1, 1, true)]);
    finds(&events, &[(Kind::TwoValues, 1)]);
}

// ---- proofs: the copy at its offset ----

#[test]
fn of_a_record_that_was_aborted_and_sent_again_the_aborted_copy_is_named() {
    let first = begin(2, 1) + &send(2, 0, 0, Some(1)) + &ack(2, 0, 0) + &end(2, 1, false, "ok");
    let second = begin(2, 2) + &send(2, 1, 0, Some(2)) + &ack(2, 1, 2) + &end(2, 2, true, "ok");
    let report = judge(&(first.clone() + &second + &log(4, &[(0, 0, true), (2, 0, true)])));
    assert_eq!(kinds(&report), [(Kind::Duplicate, 1), (Kind::AbortedVisible, 1)]);
    let proof = &report.violations.iter().find(|v| v.kind == Kind::AbortedVisible).expect("just counted").proof;
    assert!(
        proof.sentence.starts_with(
            "record 0 of txn is visible at in-0@0 under read_committed, although it is of transaction 1 of txn, which aborted ("
        ),
        "{}",
        proof.sentence
    );
    assert_eq!((proof.transaction, &proof.offsets[..]), (Some(1), &[(0, 0)][..]));
    assert_eq!(report.topic("in").expect("an output").leaked, 1);
    nothing(&(first + &second + &log(4, &[(0, 0, false), (2, 0, true)])));
}

#[test]
fn a_proof_says_whether_a_record_is_not_there_or_there_and_aborted() {
    let events = begin(2, 0) + &send(2, 0, 0, Some(0)) + &ack(2, 0, 0) + &send(2, 1, 1, Some(0)) + &ack(2, 1, 1);
    let events = events + &end(2, 0, true, "ok");
    let sentences = |log: String| {
        let report = judge(&(events.clone() + &log));
        assert_eq!(kinds(&report), [(Kind::Loss, 1), (Kind::TornTransaction, 1)]);
        report.violations.iter().map(|v| v.proof.sentence.clone()).take(2).collect::<Vec<_>>()
    };
    for sentence in sentences(log(3, &[(0, 0, true), (1, 1, false)])) {
        assert!(sentence.ends_with("is in the final read at in-0@1 only, where it is not visible"), "{sentence}");
    }
    for sentence in sentences(log(3, &[(0, 0, true)])) {
        assert!(sentence.ends_with("is not in the final read of in"), "{sentence}");
    }
}

#[test]
fn table_and_verdict_count_the_same_records_as_leaked() {
    // An aborted input was read at read_uncommitted, and its output is visible.
    let aborted = begin(2, 0) + &send(2, 0, 0, Some(0)) + &ack(2, 0, 0) + &end(2, 0, false, "ok");
    let read = format!("{{\"read\":{{\"t\":T,\"c\":5,\"at\":[0,0],\"offset\":0,\"id\":{}}}}}\n", w(0));
    let output = "{\"begin\":{\"t\":T,\"c\":5,\"n\":0}}\n{\"send\":{\"t\":T,\"c\":5,\"op\":0,\"topic\":1,\"id\":[0,0,0,1,0],\"n\":0}}\n\
                  {\"ack\":{\"t\":T,\"c\":5,\"op\":0,\"at\":[1,0],\"offset\":0}}\n";
    let out = "{\"end\":{\"t\":T,\"at\":[1,0],\"start\":0,\"lso\":2,\"hw\":2,\"leo\":2}}\n\
               {\"final\":{\"at\":[1,0],\"offset\":0,\"id\":[0,0,0,1,0],\"visible\":true}}\n";
    let events = aborted + &read + output + &end(5, 0, true, "ok") + &log(2, &[(0, 0, false)]) + out;
    let report = judge(&events);
    assert_eq!(report.count(Kind::AbortedVisible), 2, "{}", report.render_text());
    let leaked = |topic| report.topic(topic).expect("an output").leaked;
    assert_eq!((leaked("in"), leaked("out")), (1, 1));
    let out = report.topic("out").expect("an output");
    assert_eq!((out.input, out.visible), (0, 1));
    let sentence = &report.violations.iter().find(|v| v.kind == Kind::AbortedVisible).expect("counted").proof.sentence;
    assert_eq!(
        sentence,
        "output 0 of stage 1 for in-0@0 is visible at out-0@0 under read_committed, although it was computed from an aborted \
         record at in-0@0"
    );
}

// ---- order without offsets (E6) ----

#[test]
fn order_is_judged_where_answers_tell_no_offset() {
    let events = send(0, 0, 0, None) + &send(0, 1, 1, None) + &ack(0, 0, -1) + &ack(0, 1, -1);
    let proof = finds(&(events.clone() + &log(2, &[(0, 1, true), (1, 0, true)])), &[(Kind::OrderViolated, 1)]);
    assert_eq!(
        proof.sentence,
        "plain sent record 0 of plain before record 1 of plain, but they are stored at in-0@1 and in-0@0"
    );
    nothing(&(events + &log(2, &[(0, 0, true), (1, 1, true)])));
    // Sent again by the application: which of the two was acknowledged is not known.
    let again = send(0, 0, 0, None) + &send(0, 1, 1, None) + &send(0, 2, 0, None) + &ack(0, 0, -1) + &ack(0, 1, -1);
    nothing(&(again + &log(2, &[(0, 1, true), (1, 0, true)])));
}

// ---- sink-offset-behind ----

#[test]
fn an_offset_that_a_sink_keeps_is_not_behind_its_rows() {
    let records: String = (0..3).map(|r| send(0, r, r, None) + &ack(0, r, r)).collect();
    let apply = |r: i64| format!("{{\"apply\":{{\"t\":T,\"c\":6,\"op\":{r},\"sink\":0,\"id\":{}}}}}\n", w(r));
    let done = |r: i64| format!("{{\"applied\":{{\"t\":T,\"c\":6,\"op\":{r},\"outcome\":\"ok\"}}}}\n");
    let row = |r: i64| format!("{{\"sink_final\":{{\"sink\":0,\"n\":{r},\"id\":{}}}}}\n", w(r));
    let events = records + &(0..2).map(|r| apply(r) + &done(r)).collect::<String>();
    let events = events
        + &log(3, &[(0, 0, true), (1, 1, true), (2, 2, true)])
        + "{\"sink_end\":{\"t\":T,\"sink\":0}}\n"
        + &row(0)
        + &row(1);
    let kept = |next: i64| format!("{{\"sink_offset\":{{\"t\":T,\"sink\":0,\"at\":[0,0],\"next\":{next}}}}}\n");
    nothing(&(events.clone() + &kept(2)));
    let proof = finds(&(events.clone() + &kept(1)), &[(Kind::SinkOffsetBehind, 1)]);
    assert_eq!(
        proof.sentence,
        "db keeps offset 1 of in-0, but the row for record 1 of plain (in-0@1) is there already"
    );
    finds(&(events.clone() + &kept(0)), &[(Kind::SinkOffsetBehind, 1)]);
    nothing(&events);
}
