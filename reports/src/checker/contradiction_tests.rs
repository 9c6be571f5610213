//! Evidence that contradicts itself: for each case a history that has it and near misses that have not.

use super::white_box_tests::judge_after;
use crate::report::{Kind, Report};

/// One partition of `in`; 0 `plain`; 1 `txn`, transactional; 2 `rc`, a reader in group 0, which keeps rows in `db`.
const PREAMBLE: &str = r#"
{"topic":{"id":0,"name":"in","partitions":1}}
{"group":{"id":0,"name":"readers"}}
{"sink":{"id":0,"name":"db","kind":"rows"}}
{"client":{"id":0,"name":"plain","kind":"producer","outputs":[0]}}
{"client":{"id":1,"name":"txn","kind":"producer","idempotent":true,"transactional_id":"t","outputs":[0]}}
{"client":{"id":2,"name":"rc","kind":"reader","group":0,"inputs":[0]}}
{"client":{"id":3,"name":"old","kind":"producer","idempotent":true,"transactional_id":"o","transaction_version":1,"outputs":[0]}}
"#;

fn judge(events: &str) -> Report {
    let lines: String = events.lines().map(|line| line.replacen(":{", ":{\"t\":T,", 1) + "\n").collect();
    let timeless = ["final", "sink_final"];
    let lines = timeless
        .iter()
        .fold(lines, |text, key| text.replace(&format!("\"{key}\":{{\"t\":T,"), &format!("\"{key}\":{{")));
    judge_after(PREAMBLE, &lines)
}

/// The sentences about contradictions.
fn contradictions(events: &str) -> Vec<String> {
    let report = judge(events);
    let found = report.violations.iter().find(|v| v.kind == Kind::Contradiction);
    found.map_or(Vec::new(), |v| {
        let all: Vec<String> = core::iter::once(&v.proof).chain(&v.further).map(|p| p.sentence.clone()).collect();
        assert_eq!(all.len() as u64, v.count.min(5));
        all
    })
}

#[track_caller]
fn contradiction(events: &str, sentence: &str) {
    assert_eq!(contradictions(events), [sentence], "\n{}", judge(events).render_text());
}

#[track_caller]
fn none(events: &str) {
    assert_eq!(contradictions(events), Vec::<String>::new());
}

/// The final read of `in`, all visible.
fn log(end: i64, records: &[(i64, i64)]) -> String {
    let mut text = format!("{{\"end\":{{\"at\":[0,0],\"start\":0,\"lso\":{end},\"hw\":{end},\"leo\":{end}}}}}\n");
    for (offset, r) in records {
        text += &format!(
            "{{\"final\":{{\"at\":[0,0],\"offset\":{offset},\"id\":[2147483648,0,{r},0,0],\"visible\":true}}}}\n"
        );
    }
    text
}

fn send(op: i64) -> String {
    format!("{{\"send\":{{\"c\":0,\"op\":{op},\"topic\":0,\"id\":[2147483648,0,{op},0,0]}}}}\n")
}

fn ack(op: i64, offset: i64) -> String {
    format!("{{\"ack\":{{\"c\":0,\"op\":{op},\"at\":[0,0],\"offset\":{offset}}}}}\n")
}

fn answer(how: &str, op: i64) -> String {
    format!("{{\"{how}\":{{\"c\":0,\"op\":{op},\"error\":\"E\"}}}}\n")
}

fn in_txn(op: i64, n: i64) -> String {
    format!("{{\"send\":{{\"c\":1,\"op\":{op},\"topic\":0,\"id\":[2147483648,0,{op},0,0],\"n\":{n}}}}}\n")
}

fn begin(n: i64) -> String {
    format!("{{\"begin\":{{\"c\":1,\"n\":{n}}}}}\n")
}

fn ending(n: i64, commit: bool) -> String {
    format!("{{\"ending\":{{\"c\":1,\"n\":{n},\"commit\":{commit}}}}}\n")
}

fn ended(n: i64, commit: bool, outcome: &str) -> String {
    format!("{{\"ended\":{{\"c\":1,\"n\":{n},\"commit\":{commit},\"outcome\":\"{outcome}\"}}}}\n")
}

fn end(n: i64, commit: bool, outcome: &str) -> String {
    ending(n, commit) + &ended(n, commit, outcome)
}

#[test]
fn a_send_has_one_answer() {
    let last = log(1, &[(0, 0)]);
    contradiction(
        &(send(0) + &ack(0, 0) + &ack(0, 5) + &last),
        "plain has two answers to send 0: it was acknowledged at in-0@0; at 0.009 s: acknowledged at in-0@5",
    );
    contradiction(
        &(send(0) + &ack(0, 0) + &answer("fail", 0) + &last),
        "plain has two answers to send 0: it was acknowledged; at 0.009 s: it failed for certain (E)",
    );
    contradiction(
        &(send(0) + &answer("fail", 0) + &ack(0, 0) + &log(0, &[])),
        "plain has two answers to send 0: it failed for certain; at 0.009 s: acknowledged at in-0@0",
    );
    none(&(send(0) + &ack(0, 0) + &last));
    // Said twice, or said when it had been left open: no two things that cannot both be true.
    for (first, second) in
        [(ack(0, 0), ack(0, 0)), (answer("unknown", 0), ack(0, 0)), (ack(0, 0), answer("unknown", 0))]
    {
        let events = send(0) + &first + &second + &last;
        none(&events);
        assert_eq!(
            judge(&events).notes.iter().filter(|note| note.starts_with("send 0 of plain was answered")).count(),
            1
        );
    }
}

#[test]
fn an_answer_has_a_call() {
    let last = log(1, &[(0, 0)]);
    contradiction(
        &(send(0) + &ack(0, 0) + &answer("fail", 3) + &last),
        "plain has an answer to send 3 (it failed for certain (E), at 0.009 s), which it did not make",
    );
    contradiction(
        &(send(0) + &ack(0, 0) + "{\"commit_result\":{\"c\":2,\"op\":0,\"outcome\":\"ok\"}}\n" + &last),
        "rc has an answer to offset commit 0 (it succeeded, at 0.009 s), which it did not make",
    );
    contradiction(
        &(send(0) + &ack(0, 0) + "{\"applied\":{\"c\":2,\"op\":0,\"outcome\":\"ok\"}}\n" + &last),
        "rc has an answer to effect 0 (it succeeded, at 0.009 s), which it did not make",
    );
}

#[test]
fn a_commit_and_an_effect_have_one_answer() {
    let last = send(0) + &ack(0, 0) + &log(1, &[(0, 0)]);
    let commit = "{\"commit\":{\"c\":2,\"op\":0,\"group\":0,\"at\":[0,0],\"next\":1}}\n".to_owned();
    let result = |outcome: &str| format!("{{\"commit_result\":{{\"c\":2,\"op\":0,\"outcome\":\"{outcome}\"}}}}\n");
    contradiction(
        &(commit.clone() + &result("fail") + &result("ok") + &last),
        "rc has two answers to offset commit 0: it failed for certain; at 0.009 s: it succeeded",
    );
    none(&(commit.clone() + &result("unknown") + &result("ok") + &last));
    none(&(commit + &result("ok") + &last));
    let apply = "{\"apply\":{\"c\":2,\"op\":0,\"sink\":0,\"id\":[2147483648,0,0,0,0]}}\n".to_owned();
    let applied = |outcome: &str| format!("{{\"applied\":{{\"c\":2,\"op\":0,\"outcome\":\"{outcome}\"}}}}\n");
    contradiction(
        &(apply.clone() + &applied("ok") + &applied("fail") + &last),
        "rc has two answers to effect 0: it is there; at 0.009 s: it failed for certain",
    );
    none(&(apply + &applied("ok") + &last));
}

#[test]
fn a_transaction_has_one_end() {
    let body = begin(1) + &in_txn(0, 1) + "{\"ack\":{\"c\":1,\"op\":0,\"at\":[0,0],\"offset\":0}}\n";
    let last = log(2, &[(0, 0)]);
    let gone = log(2, &[]);
    contradiction(
        &(body.clone() + &end(1, true, "ok") + &end(1, false, "ok") + &last),
        "txn was told of the abort of transaction 1 at 0.013 s: it succeeded; but it had been told that the commit succeeded",
    );
    contradiction(
        &(body.clone() + &end(1, true, "ok") + &ended(1, true, "fail") + &last),
        "txn was told of the commit of transaction 1 at 0.012 s: it failed for certain; but it had been told that it succeeded",
    );
    contradiction(
        &(body.clone() + &end(1, false, "ok") + &end(1, true, "ok") + &gone),
        "txn was told of the commit of transaction 1 at 0.013 s: it succeeded; but it had been told that the abort succeeded",
    );
    contradiction(
        &(body.clone() + &end(1, true, "fail") + &ended(1, true, "ok") + &gone),
        "txn was told of the commit of transaction 1 at 0.012 s: it succeeded; but it had been told that it failed for certain, \
         and did not ask again",
    );
    contradiction(
        &(body.clone() + &ended(1, true, "ok") + &last),
        "txn was told of the commit of transaction 1 at 0.010 s: it succeeded; but it never asked for that commit",
    );
    // The same call again, an abort after a commit that failed, and a commit that comes too late.
    none(&(body.clone() + &end(1, true, "unknown") + &end(1, true, "ok") + &last));
    none(&(body.clone() + &end(1, true, "unknown") + &ended(1, true, "ok") + &last));
    none(&(body.clone() + &end(1, true, "ok") + &end(1, true, "ok") + &last));
    none(&(body.clone() + &end(1, true, "fail") + &end(1, true, "ok") + &last));
    none(&(body.clone() + &end(1, true, "fail") + &end(1, false, "ok") + &gone));
    none(&(body.clone() + &end(1, true, "unknown") + &end(1, false, "ok") + &gone));
    none(&(body + &end(1, false, "ok") + &end(1, true, "fail") + &gone));
}

#[test]
fn a_transaction_begins_once_and_before_what_is_in_it() {
    let last = log(2, &[(0, 0)]);
    let acked = "{\"ack\":{\"c\":1,\"op\":0,\"at\":[0,0],\"offset\":0}}\n".to_owned() + &end(1, true, "ok");
    contradiction(
        &(begin(1) + &begin(1) + &in_txn(0, 1) + &acked + &last),
        "txn began its transaction 1 for the second time at 0.008 s",
    );
    contradiction(
        &(in_txn(0, 1) + &acked + &last),
        "txn has not begun a transaction 1, but sent record 0 of workload 0 in it at 0.007 s",
    );
    none(&(begin(1) + &in_txn(0, 1) + &acked + &begin(2) + &end(2, false, "ok") + &last));
}

#[test]
fn what_was_sent_before_a_transaction_began_again_is_of_it() {
    let acked = |op: i64| format!("{{\"ack\":{{\"c\":1,\"op\":{op},\"at\":[0,0],\"offset\":{op}}}}}\n");
    let body = begin(1) + &in_txn(0, 1) + &acked(0) + &begin(1) + &in_txn(1, 1) + &acked(1) + &end(1, true, "ok");
    let report = judge(&(body + &log(2, &[(0, 0), (1, 1)])));
    let kinds: Vec<Kind> = report.violations.iter().map(|v| v.kind).collect();
    // Nobody reads in these histories: the group has processed nothing.
    assert_eq!(kinds, [Kind::Contradiction, Kind::Unprocessed], "{}", report.render_text());
}

fn batch(base: i64, count: u32, pid: i64, epoch: i64, leader_epoch: i64, kind: &str) -> String {
    format!(
        "{{\"appended\":{{\"at\":[0,0],\"base\":{base},\"count\":{count},\"pid\":{pid},\"epoch\":{epoch},\"sequence\":-1,\
         \"leader_epoch\":{leader_epoch},\"kind\":\"{kind}\"}}}}\n"
    )
}

#[test]
fn what_leaders_appended_is_what_the_final_read_finds() {
    let two = send(0) + &send(1) + &ack(0, 0) + &ack(1, 1);
    let last = log(2, &[(0, 0), (1, 1)]);
    none(&(batch(0, 2, -1, -1, 0, "data") + &two + &last));
    contradiction(
        &(batch(0, 1, -1, -1, 0, "data") + &send(0) + &send(1) + &ack(0, 0) + &answer("unknown", 1) + &last),
        "the final read has record 1 of plain at in-0@1, but no leader appended a batch there: in-0 ends at 1",
    );
    contradiction(
        &(batch(0, 1, -1, -1, 0, "data")
            + &batch(1, 1, 7, 0, 0, "abort_marker")
            + &send(0)
            + &send(1)
            + &ack(0, 0)
            + &answer("unknown", 1)
            + &last),
        "the final read has record 1 of plain at in-0@1, but a marker of producer id 7 and epoch 0 was appended there",
    );
    let told = last.replace("\"visible\"", "\"pid\":7,\"epoch\":1,\"visible\"");
    none(&(batch(0, 2, 7, 1, 0, "data") + &two + &told));
    assert_eq!(
        contradictions(&(batch(0, 1, 7, 1, 0, "data") + &batch(1, 1, 7, 0, 0, "data") + &two + &told)),
        [
            "the final read has record 1 of plain of producer id 7 and epoch 1 at in-0@1, but the batch there was appended by \
          producer id 7 and epoch 0"
        ]
    );
    // A hole, or the beginning untold: what stands there is not known.
    none(&(batch(1, 1, -1, -1, 0, "data") + &two + &last));
    none(&(batch(0, 1, -1, -1, 0, "data") + &batch(5, 1, -1, -1, 0, "data") + &two + &last));
    // What a deposed leader had appended is gone; another leader's stands there.
    none(&(batch(0, 3, 7, 0, 0, "data") + &batch(0, 2, 7, 1, 1, "data") + &two + &told));
    // A leader that lacked the second batch appended a marker in its place; the one after it has the batch all the same.
    let passed = |pid| {
        batch(0, 1, 7, 1, 0, "data")
            + &batch(1, 1, pid, 1, 0, "data")
            + &batch(1, 1, 7, 2, 1, "abort_marker")
            + &batch(2, 1, 7, 2, 2, "abort_marker")
            + &two
            + &told.replace("\"hw\":2,\"leo\":2", "\"hw\":3,\"leo\":3").replace("\"lso\":2", "\"lso\":3")
    };
    none(&passed(7));
    contradiction(
        &passed(9),
        "the final read has record 1 of plain at in-0@1, but a marker of producer id 7 and epoch 2 was appended there",
    );
}

#[test]
fn what_was_acknowledged_is_in_a_batch() {
    let (both, last) = (send(0) + &send(1) + &ack(0, 0), log(1, &[(0, 0)]));
    contradiction(
        &(batch(0, 1, -1, -1, 0, "data") + &both + &ack(1, 4) + &last),
        "plain was told that record 1 of plain is stored at in-0@4, but leaders appended to in-0 up to offset 1 only",
    );
    contradiction(
        &(batch(0, 1, -1, -1, 0, "data")
            + &batch(1, 1, 7, 0, 0, "commit_marker")
            + &both
            + &ack(1, 1)
            + &log(2, &[(0, 0)])),
        "plain was told that record 1 of plain is stored at in-0@1, but a marker of producer id 7 and epoch 0 was appended there",
    );
    // Acknowledged by a leader whose end was truncated after that: lost, but it was there.
    let cut = batch(0, 2, -1, -1, 0, "data") + &both + &ack(1, 1) + &batch(1, 1, 7, 0, 1, "commit_marker");
    none(&(cut + &log(2, &[(0, 0)])));
}

#[test]
fn nobody_keeps_an_offset_beyond_the_end() {
    let (one, last) = (send(0) + &ack(0, 0), log(1, &[(0, 0)]));
    let commit = |next: i64| {
        format!("{{\"commit\":{{\"c\":2,\"op\":0,\"group\":0,\"at\":[0,0],\"next\":{next}}}}}\n")
            + "{\"commit_result\":{\"c\":2,\"op\":0,\"outcome\":\"ok\"}}\n"
    };
    contradiction(
        &(one.clone() + &commit(5) + &last),
        "group readers has committed offset 5 of in-0, but in-0 ends at 1 and nothing was ever seen beyond that",
    );
    none(&(one.clone() + &commit(1) + &last));
    // The log lost its end: that is told as loss.
    none(&(one.clone() + &send(1) + &ack(1, 4) + &commit(5) + &last));
    let kept = |next: i64| {
        "{\"sink_end\":{\"sink\":0}}\n".to_owned()
            + &format!("{{\"sink_offset\":{{\"sink\":0,\"at\":[0,0],\"next\":{next}}}}}\n")
    };
    contradiction(
        &(one.clone() + &last + &kept(2)),
        "db keeps offset 2 of in-0, but in-0 ends at 1 and nothing was ever seen beyond that",
    );
    none(&(one + &last + &kept(1)));
}

fn moved(offset: i64, cause: &str) -> String {
    format!("{{\"offset_moved\":{{\"group\":0,\"at\":[0,0],\"offset\":{offset},\"cause\":{cause}}}}}\n")
}

fn epoch(c: u32, pid: i64, epoch: i64) -> String {
    format!("{{\"epoch\":{{\"c\":{c},\"pid\":{pid},\"epoch\":{epoch}}}}}\n")
}

fn decided(c: u32, pid: i64, epoch: i64) -> String {
    format!("{{\"decided\":{{\"c\":{c},\"pid\":{pid},\"epoch\":{epoch},\"commit\":false,\"cause\":\"timeout\"}}}}\n")
}

#[test]
fn what_is_decided_is_of_an_epoch_that_somebody_had() {
    let last = send(0) + &ack(0, 0) + &log(1, &[(0, 0)]);
    contradiction(
        &(epoch(1, 7, 0) + &decided(1, 8, 0) + &last),
        "a transaction of txn with producer id 8 and epoch 0 was decided at 0.008 s, but no client ever had that producer id",
    );
    contradiction(
        &(epoch(1, 7, 0) + &decided(1, 7, 2) + &last),
        "a transaction of txn with producer id 7 and epoch 2 was decided at 0.008 s, but no client ever had that epoch of it, or \
         the one before",
    );
    none(&(epoch(1, 7, 0) + &decided(1, 7, 1) + &last));
    none(&(epoch(3, 7, 0) + &decided(3, 7, 0) + &last));
    // Clients may learn their epoch later than it is used; a history may tell no epochs.
    none(&(epoch(1, 7, 0) + &decided(1, 7, 3) + &epoch(1, 7, 2) + &last));
    none(&(decided(1, 7, 3) + &last));
}

#[test]
fn a_marker_is_of_an_epoch_that_somebody_had() {
    let ask =
        begin(1) + "{\"txn_offsets\":{\"c\":1,\"n\":1,\"group\":0,\"at\":[0,0],\"next\":1}}\n" + &end(1, true, "ok");
    let last = send(0) + &ack(0, 0) + &log(1, &[(0, 0)]);
    let marker = |pid: i64, epoch: i64| moved(1, &format!("{{\"marker\":{{\"pid\":{pid},\"epoch\":{epoch}}}}}"));
    contradiction(
        &(epoch(1, 7, 0) + &ask + &marker(9, 1) + &last),
        "a marker of producer id 9 and epoch 1 moved the offset of in-0 in group readers to 1 at 0.012 s, but no client ever had \
         that producer id",
    );
    none(&(epoch(1, 7, 0) + &ask + &marker(7, 1) + &last));
}

#[test]
fn what_is_loaded_was_committed_once() {
    let last = send(0) + &ack(0, 0) + &send(1) + &ack(1, 1) + &log(2, &[(0, 0), (1, 1)]);
    let position = |at: i64, reason: &str| {
        format!("{{\"position\":{{\"c\":2,\"at\":[0,0],\"position\":{at},\"reason\":\"{reason}\"}}}}\n")
    };
    contradiction(
        &(position(0, "reset") + &moved(2, "\"reload\"") + &last),
        "a new coordinator of group readers loaded offset 2 of in-0 at 0.008 s, which no client had ever asked for",
    );
    // What is from before the history.
    none(&(moved(2, "\"reload\"") + &last));
    none(&(position(2, "committed") + &moved(2, "\"reload\"") + &last));
    let commit = "{\"commit\":{\"c\":2,\"op\":0,\"group\":0,\"at\":[0,0],\"next\":2}}\n".to_owned();
    none(&(position(0, "reset") + &commit + &moved(2, "\"reload\"") + &last));
}

#[test]
fn who_has_stopped_does_nothing_more() {
    let last = log(1, &[(0, 0)]);
    let started = |i: u32| format!("{{\"started\":{{\"c\":0,\"i\":{i}}}}}\n");
    let stopped = "{\"stopped\":{\"c\":0,\"reason\":\"killed\"}}\n".to_owned();
    contradiction(
        &(started(0) + &stopped + &send(0) + &ack(0, 0) + &last),
        "plain stopped at 0.008 s, but sent a record at 0.009 s",
    );
    contradiction(
        &(started(0) + &started(0) + &send(0) + &ack(0, 0) + &last),
        "plain began to run at 0.007 s and again at 0.008 s, as one incarnation",
    );
    // What nobody heard is written when the process is gone; another incarnation goes on.
    none(&(started(0) + &send(0) + &stopped + &answer("unknown", 0) + &last));
    let again = "{\"send\":{\"c\":0,\"i\":1,\"op\":0,\"topic\":0,\"id\":[2147483648,0,0,0,0]}}\n\
                 {\"ack\":{\"c\":0,\"i\":1,\"op\":0,\"at\":[0,0],\"offset\":0}}\n";
    none(&(started(0) + &stopped + &started(1) + again + &last));
    // Who does not say that it started is not judged.
    none(&(stopped + &send(0) + &ack(0, 0) + &last));
}

#[test]
fn nobody_is_given_a_record_before_it_is_sent() {
    let last = log(1, &[(0, 0)]);
    let read = "{\"read\":{\"c\":2,\"at\":[0,0],\"offset\":0,\"id\":[2147483648,0,0,0,0]}}\n";
    contradiction(
        &(read.to_owned() + &send(0) + &ack(0, 0) + &last),
        "record 0 of workload 0 was first sent at 0.008 s, by plain, but rc had been given it at in-0@0 before",
    );
    // Before its acknowledgement it may be; of what nobody says that it sent it nothing is known.
    none(&(send(0) + read + &ack(0, 0) + &last));
    none(&(read.to_owned() + &last));
}

#[test]
fn effects_in_a_sink_are_numbered_once() {
    let one =
        send(0) + &ack(0, 0) + &send(1) + &ack(1, 1) + &log(2, &[(0, 0), (1, 1)]) + "{\"sink_end\":{\"sink\":0}}\n";
    let row = |n: u32, r: u32| format!("{{\"sink_final\":{{\"sink\":0,\"n\":{n},\"id\":[2147483648,0,{r},0,0]}}}}\n");
    contradiction(
        &(one.clone() + &row(0, 0) + &row(0, 1)),
        "db has two effects with number 0; the second one is for record 1 of plain",
    );
    none(&(one + &row(0, 0) + &row(1, 1)));
}
