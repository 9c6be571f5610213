//! For every check a history that has the anomaly and a near miss that has not.

use super::Checker;
use crate::history;
use crate::report::{Kind, Report, Verdict};

mod account;
mod history2;
mod owners;
mod promised;
mod unanswered;
mod unprocessed;
mod where_it_was;

/// Two topics and clients of every kind:
/// 0 a plain producer, 1 an idempotent one, 2 a transactional one, 3 one that speaks transaction version 1,
/// 4 a reader at read_committed, 5 a reader at read_uncommitted, 6 an exactly-once pipeline `in` -> `out`,
/// 7 an at-least-once pipeline `in` -> `out`, 8 another client with the transactional id of 2.
/// Topic 0 is `in`, with two partitions; topic 1 is `out`, with one. Only those clients are part of a test that do something
/// in it: who would do nothing with its inputs would be at fault for that.
const PREAMBLE: &str = r#"
{"topic":{"id":0,"name":"in","partitions":2,"may_be_empty":true}}
{"topic":{"id":1,"name":"out","partitions":1,"may_be_empty":true}}
{"group":{"id":0,"name":"eos"}}
{"group":{"id":1,"name":"alo"}}
{"group":{"id":2,"name":"readers"}}
{"client":{"id":0,"name":"plain","kind":"producer","outputs":[0]}}
{"client":{"id":1,"name":"idem","kind":"producer","idempotent":true,"outputs":[0]}}
{"client":{"id":2,"name":"txn","kind":"producer","idempotent":true,"transactional_id":"t","outputs":[0]}}
{"client":{"id":3,"name":"old","kind":"producer","idempotent":true,"transactional_id":"o","transaction_version":1,"outputs":[0]}}
{"client":{"id":4,"name":"rc","kind":"reader","group":2,"inputs":[0]}}
{"client":{"id":5,"name":"ru","kind":"reader","isolation":"read_uncommitted","inputs":[0]}}
{"client":{"id":6,"name":"eos-1","kind":"pipeline","group":0,"transactional_id":"e","idempotent":true,"inputs":[0],"outputs":[1],"stage":1,"outputs_per_input":1,"guarantee":"exactly_once"}}
{"client":{"id":7,"name":"alo-1","kind":"pipeline","group":1,"inputs":[0],"outputs":[1],"stage":2,"outputs_per_input":1,"guarantee":"at_least_once"}}
{"client":{"id":8,"name":"heir","kind":"producer","idempotent":true,"transactional_id":"t","outputs":[0]}}
"#;

/// Something that is put to the test in every history: a topic of its own and one record in it.
const STEADY: &str = r#"
{"topic":{"id":2,"name":"steady","partitions":1}}
{"client":{"id":20,"name":"steady","kind":"producer","outputs":[2]}}
{"send":{"t":0,"c":20,"op":0,"topic":2,"id":[2147483668,0,0,0,0]}}
{"ack":{"t":0,"c":20,"op":0,"at":[2,0],"offset":0}}
{"end":{"t":99,"at":[2,0],"start":0,"lso":1,"hw":1,"leo":1}}
{"final":{"at":[2,0],"offset":0,"id":[2147483668,0,0,0,0],"visible":true}}
"#;

/// The part of a preamble that the events need: all but clients that do nothing in them, and sinks of which they have nothing.
fn used(preamble: &str, events: &str) -> String {
    let number = |line: &str| line.split("\"id\":").nth(1).and_then(|rest| rest.split(',').next()?.parse::<u32>().ok());
    let mentions = |key: &str, n: u32| [",", "}"].iter().any(|end| events.contains(&format!("\"{key}\":{n}{end}")));
    let mut text = String::new();
    for line in preamble.lines() {
        let key = if line.starts_with("{\"client\"") { "c" } else { "sink" };
        let optional = line.starts_with("{\"client\"") || line.starts_with("{\"sink\"");
        if !optional || number(line).is_some_and(|n| mentions(key, n)) {
            text += line;
            text += "\n";
        }
    }
    text
}

/// Judges the events of a test. Partitions that it says nothing of end without a record, far behind what is committed there.
fn judge(events: &str) -> Report {
    let mut checker = Checker::new();
    read_into(events, &mut checker);
    let mut report = checker.finish();
    // Of the format's first version, which has less to say: these tests are about what has always been in it.
    report.notes.retain(|note| !note.contains("format version 1"));
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    report
}

/// Hands the events of a test to a checker, after the preamble.
fn read_into(events: &str, checker: &mut Checker) {
    read_with(PREAMBLE, events, checker);
}

fn read_with(preamble: &str, events: &str, checker: &mut Checker) {
    let preamble = used(preamble, events);
    let is_end = |line: &&str| line.starts_with("{\"end\"") || line.starts_with("{\"final\"");
    let steady = STEADY.lines().filter(|line| !line.is_empty());
    let begin = preamble.lines().chain(steady.clone().filter(|line| !is_end(line)));
    let mut lines: Vec<&str> = begin.chain(events.lines()).map(str::trim).filter(|l| !l.is_empty()).collect();
    let ends = [[0, 0], [0, 1], [1, 0]].map(|[topic, partition]| {
        let at = format!("\"at\":[{topic},{partition}]");
        let mentioned = lines.iter().any(|l| l.starts_with("{\"end\"") && l.contains(&at));
        (!mentioned).then(|| format!("{{\"end\":{{\"t\":99,{at},\"start\":0,\"lso\":99,\"hw\":99,\"leo\":99}}}}"))
    });
    lines.extend(ends.iter().flatten().map(String::as_str));
    lines.extend(steady.filter(|line| is_end(line)));
    // Times in the tests are rough: none is earlier than the one before.
    let mut now = 0;
    let lines: Vec<String> = lines.iter().map(|line| later(line, &mut now)).collect();
    let text = format!(
        "{{\"history\":{{\"version\":1}}}}\n{}\n{{\"done\":{{\"events\":{}}}}}\n",
        lines.join("\n"),
        lines.len()
    );
    history::read(text.as_bytes(), checker).unwrap_or_else(|error| panic!("{error}\n{text}"));
}

/// The line with its time, or with `now` if that is later.
fn later(line: &str, now: &mut u64) -> String {
    let Some((head, tail)) = line.split_once("\"t\":") else { return line.to_owned() };
    let digits = tail.find(|c: char| !c.is_ascii_digit()).expect("a time is followed by something");
    *now = tail[..digits].parse::<u64>().expect("a time").max(*now);
    format!("{head}\"t\":{now}{}", &tail[digits..])
}

/// Exactly these kinds are found, with these counts.
#[track_caller]
fn finds(events: &str, expected: &[(Kind, u64)]) -> Report {
    let report = judge(events);
    let found: Vec<(Kind, u64)> = report.violations.iter().map(|v| (v.kind, v.count)).collect();
    assert_eq!(found, expected, "\n{}", report.render_text());
    report
}

#[track_caller]
fn clean(events: &str) -> Report {
    let report = finds(events, &[]);
    assert_eq!(report.verdict, Verdict::Clean);
    report
}

/// Records 0.. of workload 0, sent by `c` with operation numbers 0.., plain.
fn sends(c: u32, n: i64) -> String {
    (0..n).map(|r| format!("{{\"send\":{{\"t\":1,\"c\":{c},\"op\":{r},\"topic\":0,\"id\":{}}}}}\n", w(r))).collect()
}

/// The same in transaction `txn`.
fn txn_sends(c: u32, txn: u64, records: core::ops::Range<i64>) -> String {
    let begin = format!("{{\"begin\":{{\"t\":1,\"c\":{c},\"n\":{txn}}}}}\n");
    let send = |r| format!("{{\"send\":{{\"t\":1,\"c\":{c},\"op\":{r},\"topic\":0,\"id\":{},\"n\":{txn}}}}}\n", w(r));
    begin + &records.map(send).collect::<String>()
}

fn ack(c: u32, op: i64, offset: i64) -> String {
    format!("{{\"ack\":{{\"t\":2,\"c\":{c},\"op\":{op},\"at\":[0,0],\"offset\":{offset}}}}}\n")
}

fn ending(c: u32, txn: u64, commit: bool) -> String {
    format!("{{\"ending\":{{\"t\":3,\"c\":{c},\"n\":{txn},\"commit\":{commit}}}}}\n")
}

fn ended(c: u32, txn: u64, commit: bool, outcome: &str) -> String {
    format!("{{\"ended\":{{\"t\":4,\"c\":{c},\"n\":{txn},\"commit\":{commit},\"outcome\":\"{outcome}\"}}}}\n")
}

/// Record `r` of workload 0.
fn w(r: i64) -> String {
    format!("[2147483648,0,{r},0,0]")
}

/// The final read of `in`-0: offset, record, visible.
fn log(records: &[(i64, i64, bool)]) -> String {
    let end = records.last().map_or(0, |last| last.0 + 1);
    log_with(0, end, end, records)
}

fn log_with(start: i64, lso: i64, hw: i64, records: &[(i64, i64, bool)]) -> String {
    let end =
        format!("{{\"end\":{{\"t\":9,\"at\":[0,0],\"start\":{start},\"lso\":{lso},\"hw\":{hw},\"leo\":{hw}}}}}\n");
    let record = |(offset, r, visible): &(i64, i64, bool)| {
        format!("{{\"final\":{{\"at\":[0,0],\"offset\":{offset},\"id\":{},\"visible\":{visible}}}}}\n", w(*r))
    };
    end + &records.iter().map(record).collect::<String>()
}

/// The final read of `out`-0: outputs of `stage` for inputs of `in`-0, at offsets 0, 1, ...
fn out(stage: u16, inputs: &[i64]) -> String {
    let end = inputs.len();
    let end = format!("{{\"end\":{{\"t\":9,\"at\":[1,0],\"start\":0,\"lso\":{end},\"hw\":{end},\"leo\":{end}}}}}\n");
    let record = |(offset, input): (usize, &i64)| {
        format!("{{\"final\":{{\"at\":[1,0],\"offset\":{offset},\"id\":[0,0,{input},{stage},0],\"visible\":true}}}}\n")
    };
    end + &inputs.iter().enumerate().map(record).collect::<String>()
}

fn read(c: u32, t: u64, offset: i64, r: i64) -> String {
    format!("{{\"read\":{{\"t\":{t},\"c\":{c},\"at\":[0,0],\"offset\":{offset},\"id\":{}}}}}\n", w(r))
}

fn position(c: u32, position: i64, reason: &str) -> String {
    format!("{{\"position\":{{\"t\":5,\"c\":{c},\"at\":[0,0],\"position\":{position},\"reason\":\"{reason}\"}}}}\n")
}

/// The committed offset of group `group` in `in`-0 moved.
fn moved(group: u32, offset: i64, cause: &str) -> String {
    format!("{{\"offset_moved\":{{\"t\":5,\"group\":{group},\"at\":[0,0],\"offset\":{offset},\"cause\":{cause}}}}}\n")
}

fn plain_commit(c: u32, op: u64, group: u32, next: i64) -> String {
    format!("{{\"commit\":{{\"t\":5,\"c\":{c},\"op\":{op},\"group\":{group},\"at\":[0,0],\"next\":{next}}}}}\n")
}

fn appended(t: u64, base: i64, count: u32, pid: i64, epoch: i16, kind: &str) -> String {
    format!(
        "{{\"appended\":{{\"t\":{t},\"at\":[0,0],\"base\":{base},\"count\":{count},\"pid\":{pid},\"epoch\":{epoch},\
         \"sequence\":0,\"leader_epoch\":0,\"kind\":\"{kind}\"}}}}\n"
    )
}

fn epoch(c: u32, i: u32, pid: i64, epoch: i16) -> String {
    format!("{{\"epoch\":{{\"t\":2,\"c\":{c},\"i\":{i},\"pid\":{pid},\"epoch\":{epoch}}}}}\n")
}

const RC: u32 = 4;
const RU: u32 = 5;

// ---- duplicate ----

#[test]
fn a_record_stored_twice_is_a_duplicate() {
    let report = finds(
        &(sends(0, 2) + &ack(0, 0, 0) + &ack(0, 1, 2) + &log(&[(0, 0, true), (1, 1, true), (2, 1, true)])),
        &[(Kind::Duplicate, 1)],
    );
    let topic = report.topic("in").expect("it is an output");
    assert_eq!((topic.input, topic.visible, topic.duplicates, topic.lost, topic.leaked), (2, 3, 1, 0, 0));
    let proof = &report.violations[0].proof;
    assert_eq!(proof.offsets, [(0, 1), (0, 2)]);
    assert_eq!(proof.sentence, "record 1 of plain is visible 2 times, at in-0@1, in-0@2; it was sent once");
}

#[test]
fn three_copies_are_two_duplicates_and_an_unknown_outcome_excuses_none() {
    let events = sends(0, 1)
        + "{\"unknown\":{\"t\":2,\"c\":0,\"op\":0,\"error\":\"TIMEOUT\"}}\n"
        + &log(&[(0, 0, true), (1, 0, true), (2, 0, true)]);
    finds(&events, &[(Kind::Duplicate, 2)]);
}

#[test]
fn a_copy_that_is_aborted_is_no_duplicate() {
    let events = txn_sends(2, 0, 0..1)
        + &ack(2, 0, 0)
        + &ending(2, 0, false)
        + &ended(2, 0, false, "ok")
        + &txn_sends(2, 1, 0..1).replace("\"op\":0", "\"op\":1")
        + &ack(2, 1, 2)
        + &ending(2, 1, true)
        + &ended(2, 1, true, "ok")
        + &log(&[(0, 0, false), (2, 0, true)]);
    assert_eq!(clean(&events).topic("in").expect("is there").input, 1);
}

#[test]
fn equal_values_are_distinct_records() {
    clean(&(sends(0, 2) + &ack(0, 0, 0) + &ack(0, 1, 1) + &log(&[(0, 0, true), (1, 1, true)])));
}

#[test]
fn a_promise_of_at_least_once_allows_duplicates_and_nothing_else() {
    let promise = "{\"promise\":{\"topic\":0,\"guarantee\":\"at_least_once\"}}\n".to_owned();
    let report = clean(&(promise.clone() + &sends(0, 1) + &ack(0, 0, 0) + &log(&[(0, 0, true), (1, 0, true)])));
    assert_eq!((report.allowed[0].kind, report.allowed[0].count), (Kind::Duplicate, 1));
    assert_eq!(report.topic("in").expect("is there").duplicates, 1);
    finds(&(promise + &sends(0, 1) + &ack(0, 0, 0)), &[(Kind::Loss, 1)]);
}

#[test]
fn a_promise_of_at_most_once_allows_loss_and_nothing_else() {
    let promise = "{\"promise\":{\"guarantee\":\"at_most_once\"}}\n".to_owned();
    let report = clean(&(promise.clone() + &sends(0, 1) + &ack(0, 0, 0)));
    assert_eq!((report.allowed[0].kind, report.topic("in").expect("is there").lost), (Kind::Loss, 1));
    let twice = log(&[(0, 0, true), (1, 0, true)]);
    finds(&(promise + &sends(0, 1) + &ack(0, 0, 0) + &twice), &[(Kind::Duplicate, 1)]);
}

// ---- epoch-bump-duplicate (§5.6, E7) ----

/// Record 0 at two offsets, written by these producer ids and epochs.
fn copies(one: (i64, i16), two: (i64, i16)) -> String {
    let mut text = "{\"end\":{\"t\":9,\"at\":[0,0],\"start\":0,\"lso\":2,\"hw\":2,\"leo\":2}}\n".to_owned();
    for (offset, (pid, epoch)) in [one, two].iter().enumerate() {
        text += &format!(
            "{{\"final\":{{\"at\":[0,0],\"offset\":{offset},\"id\":{},\"pid\":{pid},\"epoch\":{epoch},\"visible\":true}}}}\n",
            w(0)
        );
    }
    text
}

#[test]
fn a_copy_under_a_raised_epoch_is_named_and_can_be_allowed() {
    let events = epoch(1, 0, 7, 0) + &sends(1, 1) + &epoch(1, 0, 7, 1) + &ack(1, 0, 1) + &copies((7, 0), (7, 1));
    finds(&events, &[(Kind::EpochBumpDuplicate, 1)]);
    let promise = "{\"promise\":{\"allow\":[\"epoch-bump-duplicate\"]}}\n";
    assert_eq!(clean(&(promise.to_owned() + &events)).allowed[0].kind, Kind::EpochBumpDuplicate);
}

#[test]
fn a_copy_under_the_same_epoch_is_a_plain_duplicate() {
    let events = epoch(1, 0, 7, 0) + &sends(1, 1) + &epoch(1, 0, 7, 1) + &ack(1, 0, 1) + &copies((7, 1), (7, 1));
    finds(&events, &[(Kind::Duplicate, 1)]);
}

#[test]
fn a_copy_that_the_application_sent_again_is_a_plain_duplicate() {
    let again = sends(1, 1).replace("\"op\":0", "\"op\":1");
    let events = epoch(1, 0, 7, 0) + &sends(1, 1) + &epoch(1, 0, 7, 1) + &again + &copies((7, 0), (7, 1));
    finds(&events, &[(Kind::Duplicate, 1)]);
}

// ---- loss ----

#[test]
fn an_acknowledged_record_that_is_not_there_is_lost() {
    let report = finds(&(sends(0, 2) + &ack(0, 0, 0) + &ack(0, 1, 1) + &log(&[(0, 0, true)])), &[(Kind::Loss, 1)]);
    assert_eq!(report.topic("in").expect("is there").lost, 1);
    assert_eq!(
        report.violations[0].proof.sentence,
        "record 1 of plain was acknowledged at in-0@1, but is not in the final read of in"
    );
}

#[test]
fn a_record_of_unknown_outcome_is_not_lost() {
    let unknown = "{\"unknown\":{\"t\":2,\"c\":0,\"op\":1,\"error\":\"TIMEOUT\"}}\n";
    let report = clean(&(sends(0, 3) + &ack(0, 0, 0) + unknown + &log(&[(0, 0, true)])));
    assert_eq!(report.topic("in").expect("is there").input, 1);
}

#[test]
fn a_committed_record_that_is_not_there_is_lost_acknowledged_or_not() {
    let events = txn_sends(2, 0, 0..1) + &ending(2, 0, true) + &ended(2, 0, true, "ok");
    finds(&events, &[(Kind::Loss, 1)]);
    clean(&events.replace("\"ok\"", "\"unknown\""));
}

#[test]
fn a_record_that_is_there_but_not_yet_stable_is_not_lost() {
    let events = sends(0, 1) + &ack(0, 0, 1) + &log_with(0, 0, 2, &[(1, 0, false)]);
    let report = finds(&events, &[(Kind::StalledLso, 1)]);
    assert_eq!(report.verdict, Verdict::Stuck);
}

#[test]
fn a_record_below_the_log_start_is_lost_unless_its_topic_deletes() {
    let events = sends(0, 2) + &ack(0, 0, 0) + &ack(0, 1, 1);
    let report = finds(&(events.clone() + &log_with(1, 2, 2, &[(1, 1, true)])), &[(Kind::Loss, 1)]);
    let sentence = &report.violations[0].proof.sentence;
    assert!(
        sentence.ends_with("in-0 begins at 1 now, and nothing says that records of in may be deleted"),
        "{sentence}"
    );
    finds(&(events.clone() + &log_with(0, 2, 2, &[(1, 1, true)])), &[(Kind::Loss, 1)]);
    let preamble = PREAMBLE.replacen("\"name\":\"in\"", "\"name\":\"in\",\"deletes\":true", 1);
    let judge = |events: &str| {
        let mut checker = Checker::new();
        read_with(&preamble, events, &mut checker);
        checker.finish()
    };
    assert_eq!(judge(&(events.clone() + &log_with(1, 2, 2, &[(1, 1, true)]))).verdict, Verdict::Clean);
    // Only what is below the beginning may have been deleted.
    assert_eq!(judge(&(events + &log_with(0, 2, 2, &[(1, 1, true)]))).count(Kind::Loss), 1);
}

#[test]
fn loss_is_not_judged_where_the_final_read_is_missing() {
    let mut checker = Checker::new();
    let events = PREAMBLE.to_owned() + &sends(0, 1) + &ack(0, 0, 0);
    for line in events.lines().filter(|line| !line.is_empty()) {
        crate::history::Sink::event(&mut checker, &serde_json::from_str(line).expect("an event"));
    }
    let report = checker.finish();
    assert_eq!((report.verdict, report.violations.len()), (Verdict::Vacuous, 0), "{}", report.render_text());
    assert!(report.notes[0].contains("loss in in is not judged"), "{:?}", report.notes);
}

// ---- aborted-visible ----

#[test]
fn a_record_of_an_aborted_transaction_that_is_visible_is_a_leak() {
    let events = txn_sends(2, 0, 0..1) + &ack(2, 0, 0) + &ending(2, 0, false) + &ended(2, 0, false, "ok");
    let report = finds(&(events.clone() + &log(&[(0, 0, true)])), &[(Kind::AbortedVisible, 1)]);
    assert_eq!(report.topic("in").expect("is there").leaked, 1);
    clean(&(events + &log(&[(0, 0, false)])));
}

#[test]
fn an_aborted_record_is_known_by_its_identity_when_its_answer_was_lost() {
    let events = txn_sends(2, 0, 0..1) + &ending(2, 0, false) + &ended(2, 0, false, "unknown");
    finds(&(events.clone() + &log(&[(0, 0, true)])), &[(Kind::AbortedVisible, 1)]);
    clean(&(events + &log(&[(0, 0, false)])));
}

#[test]
fn a_reader_at_read_uncommitted_that_sees_an_aborted_record_has_a_leak() {
    let begin = txn_sends(2, 0, 0..1) + &ack(2, 0, 0);
    let end = ending(2, 0, false) + &ended(2, 0, false, "ok") + &log(&[(0, 0, false)]);
    let report = finds(&(begin.clone() + &read(RU, 3, 0, 0) + &end), &[(Kind::AbortedVisible, 1)]);
    assert_eq!(report.topic("in").expect("is there").leaked, 1);
    assert!(report.violations[0].proof.sentence.starts_with("ru at read_uncommitted was given record 0"));
    let committed = end.replace("\"commit\":false", "\"commit\":true").replace("\"visible\":false", "\"visible\":true");
    clean(&(begin + &read(RU, 3, 0, 0) + &committed));
}

#[test]
fn an_abort_marker_tells_what_is_aborted_when_clients_do_not_know() {
    let batch = appended(1, 0, 1, 9, 0, "txn_data");
    let events = txn_sends(2, 0, 0..1) + &ending(2, 0, true) + &ended(2, 0, true, "unknown");
    let marker = |kind: &str| appended(5, 1, 1, 9, 1, kind);
    finds(&(batch.clone() + &events + &marker("abort_marker") + &log(&[(0, 0, true)])), &[(Kind::AbortedVisible, 1)]);
    clean(&(batch.clone() + &events + &marker("abort_marker") + &log(&[(0, 0, false)])));
    clean(&(batch + &events + &marker("commit_marker") + &log(&[(0, 0, true)])));
}

#[test]
fn what_was_truncated_before_its_marker_is_not_aborted() {
    let events = sends(0, 1) + &ack(0, 0, 0);
    let lost = appended(1, 0, 1, 9, 0, "txn_data") + &appended(2, 0, 1, -1, -1, "data");
    clean(&(lost + &appended(3, 1, 1, 9, 1, "abort_marker") + &events + &log(&[(0, 0, true)])));
}

#[test]
fn an_output_of_an_aborted_input_is_a_leak() {
    let events = txn_sends(2, 0, 0..1) + &ack(2, 0, 0) + &ending(2, 0, false) + &ended(2, 0, false, "ok");
    let events = events + &position(6, 0, "reset");
    let result = |visible| events.clone() + &log(&[(0, 0, visible)]) + &out(1, &[0]);
    let report = judge(&result(false));
    assert_eq!(report.count(Kind::AbortedVisible), 1, "{}", report.render_text());
}

// ---- uncommitted-visible ----

#[test]
fn a_reader_at_read_committed_is_given_nothing_before_the_commit_is_asked_for() {
    let (begin, commit) = (txn_sends(2, 0, 0..1) + &ack(2, 0, 0), ending(2, 0, true));
    let end = ended(2, 0, true, "ok") + &log(&[(0, 0, true)]);
    finds(&(begin.clone() + &read(RC, 2, 0, 0) + &commit + &end), &[(Kind::UncommittedVisible, 1)]);
    clean(&(begin.clone() + &commit + &read(RC, 3, 0, 0) + &end));
    clean(&(begin + &read(RU, 2, 0, 0) + &commit + &end));
}

#[test]
fn a_reader_at_read_committed_is_given_nothing_of_a_transaction_that_is_open_in_the_log() {
    let begin = appended(1, 0, 1, 9, 0, "txn_data") + &txn_sends(2, 0, 0..1) + &ending(2, 0, true);
    let marker = appended(3, 1, 1, 9, 1, "commit_marker");
    let end = ended(2, 0, true, "ok") + &log(&[(0, 0, true)]);
    finds(&(begin.clone() + &read(RC, 3, 0, 0) + &marker + &end), &[(Kind::UncommittedVisible, 1)]);
    clean(&(begin + &marker + &read(RC, 3, 0, 0) + &end));
}

#[test]
fn a_record_of_a_transaction_that_nobody_ended_must_not_be_visible() {
    let events = txn_sends(2, 0, 0..1) + &ack(2, 0, 0);
    finds(&(events.clone() + &log(&[(0, 0, true)])), &[(Kind::UncommittedVisible, 1)]);
    clean(&(events + &log(&[(0, 0, false)])));
}

// ---- torn-transaction ----

#[test]
fn a_transaction_of_unknown_outcome_is_visible_whole_or_not_at_all() {
    let events = txn_sends(2, 0, 0..2) + &ack(2, 0, 0) + &ack(2, 1, 1) + &ending(2, 0, true);
    let end = ended(2, 0, true, "unknown");
    let result = |one, two| events.clone() + &end + &log(&[(0, 0, one), (1, 1, two)]);
    let report = finds(&result(true, false), &[(Kind::TornTransaction, 1)]);
    let sentence = &report.violations[0].proof.sentence;
    assert!(sentence.contains(", 1 is visible, at in-0@0; record 1 of"), "{sentence}");
    clean(&result(true, true));
    clean(&result(false, false));
    // No answer at all is an unknown outcome too.
    finds(&(events.clone() + &log(&[(0, 0, true), (1, 1, false)])), &[(Kind::TornTransaction, 1)]);
}

#[test]
fn a_committed_transaction_of_which_a_part_is_missing_is_torn_and_lost() {
    let events = txn_sends(2, 0, 0..2) + &ack(2, 0, 0) + &ack(2, 1, 1) + &ending(2, 0, true) + &ended(2, 0, true, "ok");
    finds(&(events + &log(&[(0, 0, true), (1, 1, false)])), &[(Kind::Loss, 1), (Kind::TornTransaction, 1)]);
}

#[test]
fn a_send_that_failed_is_no_part_of_its_transaction() {
    let fail = "{\"fail\":{\"t\":2,\"c\":2,\"op\":1,\"error\":\"INVALID_RECORD\"}}\n";
    let events = txn_sends(2, 0, 0..2) + &ack(2, 0, 0) + fail + &ending(2, 0, true) + &ended(2, 0, true, "ok");
    clean(&(events + &log(&[(0, 0, true)])));
}

#[test]
fn a_reader_that_passes_part_of_a_transaction_saw_it_torn() {
    let events = txn_sends(2, 0, 0..3) + &ending(2, 0, true) + &ended(2, 0, true, "ok");
    let reads = |offsets: &[i64]| offsets.iter().map(|o| read(RC, 5, *o, *o)).collect::<String>();
    let end = log(&[(0, 0, true), (1, 1, true), (2, 2, true)]);
    finds(&(events.clone() + &reads(&[0, 2]) + &end), &[(Kind::TornTransaction, 1)]);
    clean(&(events + &reads(&[0, 1, 2]) + &end));
}

// ---- order-violated ----

#[test]
fn acknowledged_records_stand_in_the_order_in_which_they_were_sent() {
    let events = sends(0, 2) + &ack(0, 1, 0) + &ack(0, 0, 1);
    let report = finds(&(events + &log(&[(0, 1, true), (1, 0, true)])), &[(Kind::OrderViolated, 1)]);
    assert_eq!(
        report.violations[0].proof.sentence,
        "plain sent record 0 of plain before record 1 of plain, but they are stored at in-0@1 and in-0@0"
    );
    // Answers may come in any order.
    clean(&(sends(0, 2) + &ack(0, 1, 1) + &ack(0, 0, 0) + &log(&[(0, 0, true), (1, 1, true)])));
}

#[test]
fn order_is_that_of_sends_across_answers() {
    let one = |op: usize, offset: i64| {
        let send = sends(0, 3).lines().nth(op).expect("three").to_owned() + "\n";
        send + &ack(0, op as i64, offset)
    };
    let end = log(&[(0, 0, true), (1, 1, true), (2, 2, true)]);
    clean(&(one(0, 0) + &one(1, 1) + &one(2, 2) + &end));
    let end = log(&[(0, 0, true), (1, 2, true), (2, 1, true)]);
    finds(&(one(0, 0) + &one(1, 2) + &one(2, 1) + &end), &[(Kind::OrderViolated, 1)]);
}

#[test]
fn order_is_promised_within_an_incarnation_only() {
    let second = "{\"send\":{\"t\":1,\"c\":0,\"i\":1,\"op\":1,\"topic\":0,\"id\":".to_owned() + &w(1) + "}}\n";
    let acks = ack(0, 0, 1) + "{\"ack\":{\"t\":2,\"c\":0,\"i\":1,\"op\":1,\"at\":[0,0],\"offset\":0}}\n";
    clean(&(sends(0, 1) + &second + &acks + &log(&[(0, 1, true), (1, 0, true)])));
}

// ---- pipelines: offsets-without-outputs, lost-processing, outputs-without-offsets ----

/// Two inputs, and a transaction of the exactly-once pipeline that commits up to offset `next`.
fn eos(outputs: &[i64], next: i64, outcome: &str) -> String {
    let mut text = sends(0, 2) + &ack(0, 0, 0) + &ack(0, 1, 1) + "{\"begin\":{\"t\":3,\"c\":6,\"n\":0}}\n";
    for (op, input) in outputs.iter().enumerate() {
        text += &format!("{{\"send\":{{\"t\":3,\"c\":6,\"op\":{op},\"topic\":1,\"id\":[0,0,{input},1,0],\"n\":0}}}}\n");
    }
    text += &format!("{{\"txn_offsets\":{{\"t\":3,\"c\":6,\"n\":0,\"group\":0,\"at\":[0,0],\"next\":{next}}}}}\n");
    text + &ending(6, 0, true) + &ended(6, 0, true, outcome) + &log(&[(0, 0, true), (1, 1, true)])
}

#[test]
fn outputs_and_offsets_that_move_together_are_clean() {
    let report = clean(&(eos(&[0, 1], 2, "ok") + &out(1, &[0, 1])));
    let topic = report.topic("out").expect("it is an output");
    assert_eq!((topic.input, topic.visible), (2, 2));
}

#[test]
fn a_committed_offset_without_the_output_of_its_input_is_found() {
    let report = finds(&(eos(&[0], 2, "ok") + &out(1, &[0])), &[(Kind::OffsetsWithoutOutputs, 1)]);
    let topic = report.topic("out").expect("it is an output");
    assert_eq!((topic.input, topic.visible, topic.lost), (2, 1, 1));
    // What is not committed past is not done yet, and nothing worse.
    finds(&(eos(&[0], 1, "ok") + &out(1, &[0])), &[(Kind::Unprocessed, 1)]);
}

#[test]
fn an_input_that_may_be_skipped_has_no_output_or_the_one_that_was_sent() {
    let skips = "{\"client\":{\"id\":9,\"name\":\"eos-2\",\"kind\":\"pipeline\",\"group\":0,\"inputs\":[0],\"outputs\":[1],\
                 \"stage\":1,\"outputs_per_input\":1,\"may_skip\":true,\"guarantee\":\"exactly_once\"}}\n";
    clean(&(skips.to_owned() + &eos(&[0], 2, "ok") + &out(1, &[0])));
    // Once it was sent, in a transaction that was aborted.
    let aborted = "{\"begin\":{\"t\":2,\"c\":6,\"n\":0}}\n{\"send\":{\"t\":2,\"c\":6,\"op\":0,\"topic\":1,\"id\":[0,0,1,1,0],\"n\":0}}\n";
    let aborted = aborted.to_owned() + &ending(6, 0, false) + &ended(6, 0, false, "ok");
    let later = eos(&[0], 2, "ok").replace("\"n\":0", "\"n\":1").replace("\"c\":6,\"op\":0", "\"c\":6,\"op\":1");
    finds(&(skips.to_owned() + &aborted + &later + &out(1, &[0])), &[(Kind::OffsetsWithoutOutputs, 1)]);
    finds(&(skips.to_owned() + &eos(&[0, 1], 1, "ok") + &out(1, &[0, 1])), &[(Kind::OutputsWithoutOffsets, 1)]);
}

#[test]
fn an_output_without_the_offset_of_its_input_is_found() {
    finds(&(eos(&[0, 1], 1, "ok") + &out(1, &[0, 1])), &[(Kind::OutputsWithoutOffsets, 1)]);
    // The commit's outcome is unknown, and so is the offset.
    clean(&(eos(&[0, 1], 1, "unknown") + &out(1, &[0, 1])));
    // Unless the log tells.
    let moved = "{\"offset_moved\":{\"t\":4,\"group\":0,\"at\":[0,0],\"offset\":1,\"cause\":{\"marker\":{\"pid\":5,\"epoch\":1}}}}\n";
    let told = eos(&[0, 1], 1, "unknown").replace("{\"end\"", &(moved.to_owned() + "{\"end\""));
    finds(&(told + &out(1, &[0, 1])), &[(Kind::OutputsWithoutOffsets, 1)]);
}

#[test]
fn a_plain_pipeline_that_commits_past_an_input_without_its_output_lost_it() {
    let commit = plain_commit(7, 0, 1, 2) + "{\"commit_result\":{\"t\":5,\"c\":7,\"op\":0,\"outcome\":\"ok\"}}\n";
    let events = sends(0, 2) + &ack(0, 0, 0) + &ack(0, 1, 1) + &commit + &log(&[(0, 0, true), (1, 1, true)]);
    let report = finds(&(events.clone() + &out(2, &[0])), &[(Kind::LostProcessing, 1)]);
    assert_eq!(report.topic("out").expect("it is an output").lost, 1);
    clean(&(events + &out(2, &[0, 1])));
    // It may have written and not committed.
    let ahead = sends(0, 1) + &ack(0, 0, 0) + &log(&[(0, 0, true)]) + &out(2, &[0]);
    clean(&ahead);
}

#[test]
fn an_input_that_is_aborted_needs_no_output() {
    let begin = txn_sends(2, 0, 0..1) + &ack(2, 0, 0) + &ending(2, 0, false) + &ended(2, 0, false, "ok");
    let commit = plain_commit(7, 0, 1, 1) + "{\"commit_result\":{\"t\":5,\"c\":7,\"op\":0,\"outcome\":\"ok\"}}\n";
    clean(&(begin + &commit + &log(&[(0, 0, false)])));
}

// ---- two-values ----

#[test]
fn an_offset_holds_one_record() {
    let acks = sends(0, 2) + &ack(0, 0, 0) + &ack(0, 1, 0);
    let report = judge(&(acks + &log(&[(0, 0, true), (1, 1, true)])));
    assert_eq!(report.count(Kind::TwoValues), 1, "{}", report.render_text());

    let events = sends(0, 2) + &ack(0, 0, 0) + &ack(0, 1, 1) + &read(RC, 5, 0, 1) + &read(RC, 5, 1, 1);
    finds(&(events + &log(&[(0, 0, true), (1, 1, true)])), &[(Kind::TwoValues, 1)]);
    let events = sends(0, 2) + &ack(0, 0, 0) + &ack(0, 1, 1) + &read(RC, 5, 0, 0) + &read(RC, 5, 1, 1);
    clean(&(events + &log(&[(0, 0, true), (1, 1, true)])));
}

#[test]
fn a_record_that_was_read_and_is_gone_is_found() {
    let events = sends(0, 1) + &ack(0, 0, -1) + &read(RC, 5, 0, 0);
    let moved = events.clone() + &read(RC, 5, 1, 0) + &log_with(0, 2, 2, &[(1, 0, true)]);
    finds(&moved, &[(Kind::TwoValues, 1)]);
    clean(&(events + &log(&[(0, 0, true)])));
}

#[test]
fn replicas_hold_the_same_batches() {
    let replica = |replica: i32, epoch: i32, print: u64| {
        format!(
            "{{\"replica\":{{\"t\":8,\"at\":[0,0],\"offset\":0,\"replica\":{replica},\"leader_epoch\":{epoch},\"fingerprint\":{print}}}}}\n"
        )
    };
    let events = |last: &str| sends(0, 1) + &ack(0, 0, 0) + &replica(1, 0, 5) + last + &log(&[(0, 0, true)]);
    clean(&events(&replica(2, 0, 5)));
    finds(&events(&replica(2, 0, 6)), &[(Kind::TwoValues, 1)]);
    finds(&events(&replica(2, 1, 5)), &[(Kind::TwoValues, 1)]);
}

// ---- fenced-effect (E10, G3) ----

#[test]
fn a_fenced_producer_has_nothing_acknowledged() {
    let fenced = epoch(2, 0, 7, 0) + &epoch(2, 1, 7, 1);
    let ended = ending(2, 0, false) + &ended(2, 0, false, "ok") + &log(&[(0, 0, false)]);
    let send = txn_sends(2, 0, 0..1);
    finds(&(fenced.clone() + &send + &ack(2, 0, 0) + &ended), &[(Kind::FencedEffect, 1)]);
    clean(&(fenced + &send + "{\"fail\":{\"t\":2,\"c\":2,\"op\":0,\"error\":\"PRODUCER_FENCED\"}}\n" + &ended));
    // What was sent before it was fenced may be acknowledged after.
    clean(&(epoch(2, 0, 7, 0) + &send + &epoch(2, 1, 7, 1) + &ack(2, 0, 0) + &ended));
}

#[test]
fn clients_with_one_transactional_id_fence_each_other() {
    let send = txn_sends(2, 0, 0..1);
    let ended = ending(2, 0, false) + &ended(2, 0, false, "ok") + &log(&[(0, 0, false)]);
    let events = epoch(2, 0, 7, 0) + &epoch(8, 0, 7, 1) + &send + &ack(2, 0, 0) + &ended;
    finds(&events, &[(Kind::FencedEffect, 1)]);
    // An answer to the fenced one that comes late does not make it the newest.
    let events = epoch(2, 0, 7, 1) + &epoch(8, 0, 7, 2) + &epoch(2, 0, 7, 1) + &send + &ack(2, 0, 0) + &ended;
    finds(&events, &[(Kind::FencedEffect, 1)]);
}

#[test]
fn no_batch_of_a_fenced_epoch_is_appended() {
    let init = epoch(2, 0, 7, 0) + &epoch(2, 1, 7, 1);
    finds(&(init.clone() + &appended(3, 0, 1, 7, 0, "txn_data")), &[(Kind::FencedEffect, 1)]);
    clean(&(init.clone() + &appended(3, 0, 1, 7, 1, "txn_data")));
    clean(&(init + &appended(3, 0, 1, 7, 0, "abort_marker")));
    // A new epoch of the same incarnation fences nothing: an abort may overtake a batch.
    clean(&(epoch(2, 0, 7, 0) + &epoch(2, 0, 7, 1) + &appended(3, 0, 1, 7, 0, "txn_data")));
    // After exhaustion the new producer id fences the old one.
    let rotated = epoch(2, 0, 7, 9) + &epoch(2, 1, 8, 0);
    finds(&(rotated + &appended(3, 0, 1, 7, 9, "txn_data")), &[(Kind::FencedEffect, 1)]);
}

#[test]
fn a_commit_that_a_fenced_producer_invoked_has_no_effect() {
    let begin = epoch(2, 0, 7, 0) + &txn_sends(2, 0, 0..1) + &ack(2, 0, 0);
    let fenced = "{\"fenced\":{\"t\":2,\"c\":2,\"error\":\"PRODUCER_FENCED\"}}\n";
    let visible = log(&[(0, 0, true)]);
    let commit = |outcome| ending(2, 0, true) + &ended(2, 0, true, outcome);
    finds(&(begin.clone() + fenced + &commit("ok") + &visible), &[(Kind::FencedEffect, 1)]);
    finds(&(begin.clone() + fenced + &commit("unknown") + &visible), &[(Kind::FencedEffect, 1)]);
    clean(&(begin.clone() + fenced + &commit("fail") + &log(&[(0, 0, false)])));
    // Fenced after it had invoked the commit: either is right.
    clean(&(begin + &ending(2, 0, true) + fenced + &visible));
}

#[test]
fn a_commit_of_an_earlier_generation_has_no_effect() {
    let assigned =
        |generation: i32| format!("{{\"assigned\":{{\"t\":4,\"c\":4,\"at\":[0,0],\"generation\":{generation}}}}}\n");
    let events = sends(0, 1) + &ack(0, 0, 0) + &assigned(2) + &position(RC, 0, "reset") + &read(RC, 5, 0, 0);
    let commit = plain_commit(RC, 0, 2, 1);
    let moved =
        |generation: i32| moved(2, 1, &format!("{{\"commit\":{{\"c\":4,\"i\":0,\"generation\":{generation}}}}}"));
    let end = log(&[(0, 0, true)]);
    finds(&(events.clone() + &commit + &moved(1) + &end), &[(Kind::FencedEffect, 1)]);
    clean(&(events + &commit + &moved(2) + &end));
}

// ---- readers ----

#[test]
fn a_reader_is_given_every_visible_record_that_it_passes() {
    let events = sends(0, 3) + &ack(0, 0, 0) + &ack(0, 1, 1) + &ack(0, 2, 2);
    let end = log(&[(0, 0, true), (1, 1, true), (2, 2, true)]);
    finds(&(events.clone() + &read(RC, 5, 0, 0) + &read(RC, 5, 2, 2) + &end), &[(Kind::ReaderSkipped, 1)]);
    // From its position on, not only from its first record on.
    finds(&(events.clone() + &position(RC, 0, "reset") + &read(RC, 5, 2, 2) + &end), &[(Kind::ReaderSkipped, 2)]);
    clean(&(events.clone() + &position(RC, 2, "seek") + &read(RC, 5, 2, 2) + &end));
    // What lies between is not visible.
    let end = log(&[(0, 0, true), (2, 2, true)]);
    let aborted = txn_sends(2, 0, 1..2) + &ack(2, 1, 1) + &ending(2, 0, false) + &ended(2, 0, false, "ok");
    let sends = sends(0, 1) + &ack(0, 0, 0) + sends(0, 3).lines().last().expect("three");
    clean(&(sends + "\n" + &aborted + &read(RC, 5, 0, 0) + &read(RC, 5, 2, 2) + &end));
}

#[test]
fn a_reader_does_not_go_back_by_itself() {
    let events = sends(0, 2) + &ack(0, 0, 0) + &ack(0, 1, 1) + &read(RC, 5, 0, 0) + &read(RC, 5, 1, 1);
    let end = log(&[(0, 0, true), (1, 1, true)]);
    let report = finds(&(events.clone() + &read(RC, 6, 0, 0) + &end), &[(Kind::ReaderBackwards, 1)]);
    assert!(report.violations[0].proof.sentence.contains("after it had read up to offset 1"));
    for reason in ["seek", "rewind", "committed"] {
        clean(&(events.clone() + &position(RC, 0, reason) + &read(RC, 6, 0, 0) + &end));
    }
}

#[test]
fn a_group_commits_past_no_record_that_none_of_its_members_was_given() {
    let events = sends(0, 3) + &ack(0, 0, 0) + &ack(0, 1, 1) + &ack(0, 2, 2) + &position(RC, 0, "reset");
    let commit =
        |next| plain_commit(RC, 0, 2, next) + "{\"commit_result\":{\"t\":5,\"c\":4,\"op\":0,\"outcome\":\"ok\"}}\n";
    let end = log(&[(0, 0, true), (1, 1, true), (2, 2, true)]);
    let restart = "{\"position\":{\"t\":6,\"c\":4,\"i\":1,\"at\":[0,0],\"position\":2,\"reason\":\"committed\"}}\n"
        .to_owned()
        + &read(RC, 6, 2, 2).replace("\"c\":4", "\"c\":4,\"i\":1");
    finds(&(events.clone() + &read(RC, 5, 0, 0) + &commit(2) + &restart + &end), &[(Kind::ReaderSkipped, 1)]);
    clean(&(events + &read(RC, 5, 0, 0) + &read(RC, 5, 1, 1) + &commit(2) + &restart + &end));
}

// ---- false-failure ----

#[test]
fn an_error_that_means_not_written_is_true() {
    let fail = "{\"fail\":{\"t\":2,\"c\":0,\"op\":0,\"error\":\"NOT_ENOUGH_REPLICAS\"}}\n";
    finds(&(sends(0, 1) + fail + &log(&[(0, 0, true)])), &[(Kind::FalseFailure, 1)]);
    clean(&(sends(0, 1) + fail));
    clean(&(sends(0, 1) + &fail.replace("fail", "unknown") + &log(&[(0, 0, true)])));
}

#[test]
fn a_commit_that_failed_for_certain_has_no_effect() {
    let events = txn_sends(2, 0, 0..1) + &ack(2, 0, 0) + &ending(2, 0, true) + &ended(2, 0, true, "fail");
    finds(&(events.clone() + &log(&[(0, 0, true)])), &[(Kind::FalseFailure, 1)]);
    clean(&(events + &log(&[(0, 0, false)])));
}

// ---- committed-offset-moved (G1) ----

#[test]
fn a_committed_offset_moves_where_a_client_asked_for() {
    let by = "{\"commit\":{\"c\":4,\"i\":0}}";
    clean(&(plain_commit(RC, 0, 2, 3) + &moved(2, 3, by)));
    finds(&(plain_commit(RC, 0, 2, 3) + &moved(2, 4, by)), &[(Kind::CommittedOffsetMoved, 1)]);
    // Another group's request is no request.
    finds(&(plain_commit(RC, 0, 1, 3) + &moved(2, 3, by)), &[(Kind::CommittedOffsetMoved, 1)]);
}

#[test]
fn a_transactions_offset_moves_after_its_commit_was_asked_for() {
    let offsets = "{\"begin\":{\"t\":3,\"c\":6,\"n\":0}}\n{\"txn_offsets\":{\"t\":3,\"c\":6,\"n\":0,\"group\":0,\"at\":[0,0],\"next\":2}}\n";
    let moved = moved(0, 2, "{\"marker\":{\"pid\":5,\"epoch\":1}}");
    clean(&(offsets.to_owned() + &ending(6, 0, true) + &moved));
    finds(&(offsets.to_owned() + &ending(6, 0, false) + &moved), &[(Kind::CommittedOffsetMoved, 1)]);
}

#[test]
fn a_committed_offset_goes_back_only_with_a_member() {
    let by = "{\"commit\":{\"c\":4,\"i\":0}}";
    let events = plain_commit(RC, 0, 2, 3) + &plain_commit(RC, 1, 2, 1) + &moved(2, 3, by);
    finds(&(events.clone() + &moved(2, 1, by)), &[(Kind::CommittedOffsetMoved, 1)]);
    clean(&(events + &position(RC, 0, "seek") + &moved(2, 1, by)));
}

#[test]
fn a_committed_offset_survives_a_failover() {
    let events = plain_commit(RC, 0, 2, 3) + &moved(2, 3, "{\"commit\":{\"c\":4,\"i\":0}}");
    clean(&(events.clone() + &moved(2, 3, "\"reload\"")));
    finds(&(events.clone() + &moved(2, 2, "\"reload\"")), &[(Kind::CommittedOffsetMoved, 1)]);
    finds(&(events + &moved(2, -1, "\"tombstone\"")), &[(Kind::CommittedOffsetMoved, 1)]);
}

// ---- late-request ----

/// A client of transaction version 1 (3) or 2 (2) ends transaction 0, aborts transaction 1, and a second commit on
/// request is decided in between.
fn second_commit(c: u32) -> String {
    let decided =
        format!("{{\"decided\":{{\"t\":4,\"c\":{c},\"pid\":7,\"epoch\":0,\"commit\":true,\"cause\":\"request\"}}}}\n");
    let first = txn_sends(c, 0, 0..1) + &ack(c, 0, 0) + &ending(c, 0, true) + &decided + &ended(c, 0, true, "ok");
    let next = txn_sends(c, 1, 1..2) + &ack(c, 1, 2);
    let end = ending(c, 1, false) + &ended(c, 1, false, "ok");
    first + &next + &decided + &end + &log(&[(0, 0, true), (2, 1, true)])
}

#[test]
fn a_late_request_below_transaction_version_2_is_named_and_can_be_allowed() {
    finds(&second_commit(3), &[(Kind::LateRequest, 1)]);
    let promise = "{\"promise\":{\"allow\":[\"late-request\"]}}\n";
    assert_eq!(clean(&(promise.to_owned() + &second_commit(3))).allowed[0].kind, Kind::LateRequest);
}

#[test]
fn a_record_that_is_sent_again_after_a_late_commit_is_put_down_to_the_late_request() {
    let again = |c| {
        let text = second_commit(c);
        let (run, read) = text.split_once("{\"end\"").expect("it is read in the end");
        let third = txn_sends(c, 2, 1..2).replace("\"op\":1", "\"op\":2") + &ack(c, 2, 4);
        let third = third + &ending(c, 2, true) + &ended(c, 2, true, "ok");
        assert!(read.contains("\"visible\":true"));
        run.to_owned() + &third + &log(&[(0, 0, true), (2, 1, true), (4, 1, true)])
    };
    finds(&again(3), &[(Kind::LateRequest, 2)]);
    finds(&again(2), &[(Kind::Duplicate, 1), (Kind::AbortedVisible, 1)]);
}

#[test]
fn at_transaction_version_2_a_late_request_is_no_excuse() {
    finds(&second_commit(2), &[(Kind::AbortedVisible, 1)]);
}

// ---- phantom, state-divergence ----

#[test]
fn a_record_that_nobody_sent_is_a_phantom() {
    finds(&(sends(0, 1) + &ack(0, 0, 0) + &log(&[(0, 0, true), (1, 9, true)])), &[(Kind::Phantom, 1)]);
    // Where no send is recorded at all, the topic was filled by others.
    clean(&log(&[(0, 0, true), (1, 9, true)]));
}

#[test]
fn state_that_differs_from_its_log_is_reported() {
    let events = "{\"divergence\":{\"t\":8,\"what\":\"group eos on broker-1\",\"expected\":\"3\",\"found\":\"4\"}}\n";
    let report = finds(events, &[(Kind::StateDivergence, 1)]);
    assert!(report.violations[0].proof.sentence.starts_with("group eos on broker-1 is 4, a replay of its log gives 3"));
}

// ---- liveness ----

#[test]
fn what_does_not_finish_is_stuck_and_not_violated() {
    let open = "{\"open_transaction\":{\"t\":9,\"c\":2,\"pid\":7,\"epoch\":0,\"since\":1000000000,\"culprit\":\"nobody coordinates it\"}}\n";
    let stalled = "{\"stalled\":{\"t\":9,\"at\":[0,0],\"lso\":0,\"hw\":1,\"culprit\":\"producer id 7\"}}\n";
    let undrained = "{\"undrained\":{\"t\":9,\"c\":6,\"at\":[0,0],\"position\":0,\"end\":1,\"culprit\":\"eos-1\"}}\n";
    let kinds = [(Kind::HangingTransaction, 1), (Kind::StalledLso, 1), (Kind::Unprocessed, 1)];
    let end = log_with(0, 0, 1, &[(0, 0, false)]);
    let events = txn_sends(2, 0, 0..1) + &ack(2, 0, 0) + &end + open + stalled + undrained;
    let report = finds(&events, &kinds);
    assert_eq!((report.verdict, report.verdict.exit_code()), (Verdict::Stuck, 3));
    assert!(
        report.violations[0].proof.sentence.contains("of txn with producer id 7 and epoch 0 is open since 1.000 s")
    );

    let report = judge(&(events + &out(1, &[0]).replace("\"id\":[0,0,0,1,0]", "\"id\":[0,1,5,1,0]")));
    assert_eq!(report.verdict, Verdict::Stuck);
}

#[test]
fn a_stall_that_no_event_names_is_found_in_the_final_state() {
    let report = finds(&log_with(0, 1, 3, &[]), &[(Kind::StalledLso, 1)]);
    assert!(report.violations[0].proof.sentence.contains("the last stable offset of in-0 is 1, its high watermark 3"));
    clean(&log_with(0, 3, 3, &[]));
}

#[test]
fn safety_outweighs_liveness() {
    let events = sends(0, 1) + &ack(0, 0, 0) + "{\"stuck\":{\"t\":5,\"culprit\":\"broker-1\"}}\n";
    let report = finds(&events, &[(Kind::Loss, 1), (Kind::StuckRun, 1)]);
    assert_eq!((report.verdict, report.verdict.exit_code()), (Verdict::Violated, 1));
}

// ---- canary ----

/// 200 records through the exactly-once pipeline in transactions of 20, read in the end by a reader.
fn long_run() -> Vec<String> {
    const N: i64 = 200;
    let mut lines = vec!["{\"client\":{\"id\":9,\"name\":\"audit\",\"kind\":\"reader\",\"inputs\":[1]}}".to_owned()];
    lines.extend(sends(0, N).lines().map(str::to_owned));
    let push = |lines: &mut Vec<String>, text: String| lines.push(text.trim_end().to_owned());
    (0..N).for_each(|r| push(&mut lines, ack(0, r, r)));
    let (mut offset, mut places) = (0, Vec::new());
    for txn in 0..N / 20 {
        push(&mut lines, format!("{{\"begin\":{{\"t\":6,\"c\":6,\"n\":{txn}}}}}"));
        for input in txn * 20..txn * 20 + 20 {
            let op = input;
            push(
                &mut lines,
                format!("{{\"read\":{{\"t\":6,\"c\":6,\"at\":[0,0],\"offset\":{input},\"id\":{}}}}}", w(input)),
            );
            let id = format!("[0,0,{input},1,0]");
            push(
                &mut lines,
                format!("{{\"send\":{{\"t\":6,\"c\":6,\"op\":{op},\"topic\":1,\"id\":{id},\"n\":{txn}}}}}"),
            );
            push(&mut lines, format!("{{\"ack\":{{\"t\":6,\"c\":6,\"op\":{op},\"at\":[1,0],\"offset\":{offset}}}}}"));
            places.push((offset, id));
            offset += 1;
        }
        offset += 1;
        let next = txn * 20 + 20;
        push(
            &mut lines,
            format!("{{\"txn_offsets\":{{\"t\":6,\"c\":6,\"n\":{txn},\"group\":0,\"at\":[0,0],\"next\":{next}}}}}"),
        );
        push(&mut lines, ending(6, txn as u64, true));
        push(&mut lines, ended(6, txn as u64, true, "ok"));
    }
    for (offset, id) in &places {
        push(&mut lines, format!("{{\"read\":{{\"t\":7,\"c\":9,\"at\":[1,0],\"offset\":{offset},\"id\":{id}}}}}"));
    }
    let all: Vec<(i64, i64, bool)> = (0..N).map(|r| (r, r, true)).collect();
    lines.extend(log(&all).lines().map(str::to_owned));
    lines.push(format!(
        "{{\"end\":{{\"t\":9,\"at\":[1,0],\"start\":0,\"lso\":{offset},\"hw\":{offset},\"leo\":{offset}}}}}"
    ));
    for (offset, id) in &places {
        lines.push(format!("{{\"final\":{{\"at\":[1,0],\"offset\":{offset},\"id\":{id},\"visible\":true}}}}"));
    }
    lines
}

#[test]
fn canary_a_long_run_is_clean() {
    let report = clean(&long_run().join("\n"));
    let topic = report.topic("out").expect("it is an output");
    assert_eq!((topic.input, topic.visible, topic.duplicates, topic.lost, topic.leaked), (200, 200, 0, 0, 0));
}

#[test]
fn canary_a_record_that_is_dropped_anywhere_is_found() {
    let lines = long_run();
    let records: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].starts_with("{\"final\"")).collect();
    assert_eq!(records.len(), 400);
    for dropped in records {
        let mut lines = lines.clone();
        let line = lines.remove(dropped);
        let report = judge(&lines.join("\n"));
        assert_eq!(report.count(Kind::Loss), 1, "{line}\n{}", report.render_text());
    }
}

#[test]
fn canary_a_record_that_is_hidden_anywhere_is_found() {
    let lines = long_run();
    for hidden in (0..lines.len()).filter(|n| lines[*n].starts_with("{\"final\"")) {
        let mut lines = lines.clone();
        lines[hidden] = lines[hidden].replace("\"visible\":true", "\"visible\":false");
        assert_eq!(judge(&lines.join("\n")).count(Kind::Loss), 1, "{}", lines[hidden]);
    }
}

#[test]
fn canary_a_reader_that_misses_any_record_is_found() {
    let lines = long_run();
    let reads: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].starts_with("{\"read\":{\"t\":7")).collect();
    assert_eq!(reads.len(), 200);
    for missed in &reads {
        let mut lines = lines.clone();
        lines.remove(*missed);
        let report = judge(&lines.join("\n"));
        let kinds = [Kind::ReaderSkipped, Kind::TornTransaction, Kind::Unprocessed];
        assert_eq!(kinds.map(|kind| report.count(kind)).iter().sum::<u64>(), 1, "{}", report.render_text());
    }
}

#[test]
fn a_judgement_is_the_same_every_time() {
    let text = second_commit(2) + &sends(0, 5);
    assert_eq!(judge(&text), judge(&text));
}

// ---- sinks ----

/// Adds a payment API (sink 0), a table (1) that `in` announces, and a connector 9 that reads `in` for both, in group 3.
fn with_sinks(events: &str) -> String {
    let preamble = r#"
{"sink":{"id":0,"name":"bank","kind":"charges"}}
{"sink":{"id":1,"name":"db.orders","kind":"rows"}}
{"group":{"id":3,"name":"payer"}}
{"client":{"id":9,"name":"payer","kind":"reader","isolation":"read_uncommitted","group":3,"inputs":[0],"sinks":[0]}}
{"client":{"id":10,"name":"loader","kind":"reader","inputs":[0],"sinks":[1]}}
"#;
    used(preamble, events) + events
}

fn apply(c: u32, op: u64, sink: u32, r: i64) -> String {
    format!("{{\"apply\":{{\"t\":5,\"c\":{c},\"op\":{op},\"sink\":{sink},\"id\":{}}}}}\n", w(r))
}

fn applied(c: u32, op: u64, outcome: &str) -> String {
    format!("{{\"applied\":{{\"t\":6,\"c\":{c},\"op\":{op},\"outcome\":\"{outcome}\"}}}}\n")
}

/// The final read of a sink: records in the order of their effects, the first of which was at 7 s, the next at 8 s.
fn effects(sink: u32, c: u32, records: &[i64]) -> String {
    let line = |(n, r): (usize, &i64)| {
        let done = (n as u64 + 7) * 1_000_000_000;
        format!("{{\"sink_final\":{{\"sink\":{sink},\"n\":{n},\"id\":{},\"done\":{done},\"c\":{c}}}}}\n", w(*r))
    };
    format!("{{\"sink_end\":{{\"t\":9,\"sink\":{sink}}}}}\n")
        + &records.iter().enumerate().map(line).collect::<String>()
}

/// The payment API is read in the end.
fn charges(records: &[i64]) -> String {
    effects(0, 9, records)
}

fn committed_to(next: i64) -> String {
    plain_commit(9, 0, 3, next) + "{\"commit_result\":{\"t\":6,\"c\":9,\"op\":0,\"outcome\":\"ok\"}}\n"
}

/// `in` with records 0.. of workload 0.
fn inputs(n: i64) -> String {
    let records: Vec<(i64, i64, bool)> = (0..n).map(|r| (r, r, true)).collect();
    sends(0, n) + &(0..n).map(|r| ack(0, r, r)).collect::<String>() + &log(&records)
}

#[test]
fn a_charge_that_was_made_twice_is_charge_twice() {
    let events = apply(9, 0, 0, 0) + &applied(9, 0, "unknown") + &apply(9, 1, 0, 0) + &applied(9, 1, "ok");
    let report = finds(&with_sinks(&(events + &inputs(1) + &charges(&[0, 0]))), &[(Kind::ChargeTwice, 1)]);
    let account = report.sink("bank").expect("it is declared");
    assert_eq!((account.input, account.visible, account.duplicates, account.lost), (1, 2, 1, 0));
    let proof = &report.violations[0].proof;
    assert_eq!(
        proof.sentence,
        "the charge for record 0 of plain was made 2 times, at bank@0 (7.000 s), bank@1 (8.000 s); it was asked \
         for more than once"
    );
    assert_eq!((proof.sink.as_deref(), &proof.effects[..], proof.times.len()), (Some("bank"), &[0, 1][..], 2));
}

#[test]
fn a_charge_that_was_asked_for_twice_and_made_once_is_not() {
    let events = apply(9, 0, 0, 0) + &applied(9, 0, "unknown") + &apply(9, 1, 0, 0);
    let known = "{\"applied\":{\"t\":6,\"c\":9,\"op\":1,\"outcome\":\"ok\",\"already\":true}}\n";
    clean(&with_sinks(&(events + known + &inputs(1) + &committed_to(1) + &charges(&[0]))));
}

#[test]
fn rows_are_counted_as_rows() {
    let events = apply(10, 0, 1, 0) + &applied(10, 0, "ok") + &apply(10, 1, 1, 0) + &applied(10, 1, "ok");
    let twice = with_sinks(&(events.clone() + &inputs(1) + &effects(1, 10, &[0, 0])));
    finds(&twice, &[(Kind::RowTwice, 1)]);
    let never = with_sinks(&(events + &inputs(1) + &effects(1, 10, &[])));
    let report = finds(&never, &[(Kind::RowNever, 1)]);
    let sentence = &report.violations[0].proof.sentence;
    assert_eq!(sentence, "the row for record 0 of plain was answered, but is not in db.orders");
}

#[test]
fn an_input_that_its_group_has_committed_past_and_nobody_charged_for_is_charge_never() {
    let events = apply(9, 0, 0, 0) + &applied(9, 0, "ok") + &inputs(3) + &committed_to(2);
    let found = [(Kind::ChargeNever, 1), (Kind::Unprocessed, 1)];
    let report = finds(&with_sinks(&(events + &charges(&[0]))), &found);
    let account = report.sink("bank").expect("it is declared");
    assert_eq!((account.input, account.visible, account.duplicates, account.lost), (2, 1, 0, 1));
    assert_eq!(
        report.violations[0].proof.sentence,
        "group payer committed offset 2 of in-0, but the charge for record 1 of plain (in-0@1) is not in bank: \
         nobody asked for it"
    );
}

#[test]
fn what_is_not_committed_yet_may_be_charged_for_later() {
    let events = apply(9, 0, 0, 0) + &applied(9, 0, "ok") + &inputs(3) + &committed_to(1);
    finds(&with_sinks(&(events + &charges(&[0]))), &[(Kind::Unprocessed, 2)]);
}

#[test]
fn an_unknown_outcome_is_neither_twice_nor_never() {
    // The client gave up, and its group has not committed past it: done or not, both may be.
    let events = apply(9, 0, 0, 0) + &applied(9, 0, "unknown") + &inputs(1);
    clean(&with_sinks(&(events.clone() + &charges(&[0]))));
    finds(&with_sinks(&(events + &charges(&[]))), &[(Kind::Unprocessed, 1)]);
    // Without an answer at all, and without a final read of the sink, nothing is held against anybody.
    let events = with_sinks(&(apply(9, 0, 0, 0) + &apply(9, 1, 0, 0) + &inputs(1) + &committed_to(1)));
    let mut checker = Checker::new();
    read_into(&events, &mut checker);
    let report = checker.finish();
    assert_eq!((report.verdict, report.violations.len()), (Verdict::Vacuous, 0), "{}", report.render_text());
    assert_eq!(report.untested, ["bank (charges) was not read in the end"]);
    let said = report.notes.iter().filter(|note| note.starts_with("bank was not read in the end")).count();
    assert_eq!(said, 1, "{:?}", report.notes);
}

#[test]
fn without_a_final_read_two_answers_that_say_done_now_are_two_effects() {
    let ask = |op: u64, outcome: &str| apply(9, op, 0, 0) + &applied(9, op, outcome);
    let judge_without_read = |events: String| {
        let mut checker = Checker::new();
        read_into(&with_sinks(&(events + &inputs(1))), &mut checker);
        checker.finish()
    };
    let report = judge_without_read(ask(0, "ok") + &ask(1, "ok") + &ask(2, "ok"));
    assert_eq!(report.count(Kind::ChargeTwice), 2, "{}", report.render_text());
    // Nothing is wrong, and nobody looked whether that is so.
    assert_eq!(judge_without_read(ask(0, "unknown") + &ask(1, "ok")).verdict, Verdict::Vacuous);
    assert_eq!(judge_without_read(ask(0, "ok") + &ask(1, "fail")).verdict, Verdict::Vacuous);
}

#[test]
fn offsets_that_are_kept_in_the_sink_say_how_far_its_consumers_are() {
    let events = apply(10, 0, 1, 0) + &applied(10, 0, "ok") + &inputs(2) + &effects(1, 10, &[0]);
    let kept = |next: i64| format!("{{\"sink_offset\":{{\"t\":9,\"sink\":1,\"at\":[0,0],\"next\":{next}}}}}\n");
    finds(&with_sinks(&(events.clone() + &kept(1))), &[(Kind::Unprocessed, 1)]);
    let report = finds(&with_sinks(&(events + &kept(2))), &[(Kind::RowNever, 1)]);
    let sentence = &report.violations[0].proof.sentence;
    assert!(sentence.starts_with("db.orders keeps offset 2 of in-0, but the row for record 1"), "{sentence}");
}

#[test]
fn an_effect_of_an_aborted_record_is_a_leak() {
    let events = txn_sends(2, 0, 0..1) + &ack(2, 0, 0) + &ending(2, 0, false) + &ended(2, 0, false, "ok");
    let charged = apply(9, 0, 0, 0) + &applied(9, 0, "ok") + &log(&[(0, 0, false)]) + &charges(&[0]);
    let report = finds(&with_sinks(&(events.clone() + &charged)), &[(Kind::AbortedVisible, 1)]);
    assert_eq!(report.sink("bank").expect("it is declared").leaked, 1);
    // The same record was sent again, and committed.
    let again = txn_sends(2, 1, 0..1).replace("\"op\":0", "\"op\":1")
        + &ack(2, 1, 2)
        + &ending(2, 1, true)
        + &ended(2, 1, true, "ok")
        + &apply(9, 0, 0, 0)
        + &applied(9, 0, "ok")
        + &log(&[(0, 0, false), (2, 0, true)])
        + &charges(&[0]);
    clean(&with_sinks(&(events + &again)));
}

#[test]
fn effects_that_failed_or_that_nobody_asked_for_must_not_be_there() {
    let failed = apply(9, 0, 0, 0) + &applied(9, 0, "fail") + &inputs(1);
    finds(&with_sinks(&(failed.clone() + &charges(&[]))), &[(Kind::Unprocessed, 1)]);
    finds(&with_sinks(&(failed + &charges(&[0]))), &[(Kind::FalseFailure, 1)]);
    let asked = apply(9, 0, 0, 0) + &applied(9, 0, "ok") + &inputs(2);
    finds(&with_sinks(&(asked + &charges(&[0, 1]))), &[(Kind::Phantom, 1)]);
}

#[test]
fn a_promise_of_a_sink_allows_what_it_says() {
    let events = apply(9, 0, 0, 0) + &applied(9, 0, "ok") + &inputs(1) + &charges(&[0, 0]);
    let promise = |sink: u32| format!("{{\"promise\":{{\"sink\":{sink},\"guarantee\":\"at_least_once\"}}}}\n");
    let report = clean(&with_sinks(&(promise(0) + &events)));
    assert_eq!(report.allowed[0].kind, Kind::ChargeTwice);
    finds(&with_sinks(&(promise(1) + &events + &effects(1, 10, &[]))), &[(Kind::ChargeTwice, 1)]);
}

/// `in` announces the rows of `db.orders`, which client 11 writes.
fn announced(events: &str) -> String {
    let announces = "\"kind\":\"rows\",\"announced_in\":0}}\n{\"client\":{\"id\":11,\"name\":\"shop\",\"kind\":\"producer\",\
                     \"sinks\":[1],\"outputs\":[0]}}";
    with_sinks(events).replacen("\"kind\":\"rows\"}}", announces, 1)
}

#[test]
fn a_row_and_the_record_that_announces_it_are_both_there_or_neither_is() {
    let row = |r: i64| apply(11, r as u64, 1, r) + &applied(11, r as u64, "ok");
    let rows = row(0) + &row(1) + &effects(1, 11, &[0, 1]);
    clean(&announced(&(rows.clone() + &inputs(2))));
    let report = finds(&announced(&(rows.clone() + &inputs(1))), &[(Kind::RowWithoutRecord, 1)]);
    assert_eq!(
        report.violations[0].proof.sentence,
        "the row for record 1 of plain is in db.orders, at db.orders@1, but in has no record of it"
    );
    let report = finds(&announced(&(rows + &inputs(3))), &[(Kind::RecordWithoutRow, 1)]);
    let sentence = &report.violations[0].proof.sentence;
    assert_eq!(sentence, "record 2 of plain is at in-0@2, but db.orders has no row for it");
    // Announced in a transaction that has not ended: it is on its way.
    let waits = row(0) + &effects(1, 11, &[0]);
    let open = "{\"end\":{\"t\":9,\"at\":[0,0],\"start\":0,\"lso\":0,\"hw\":1,\"leo\":1}}\n\
                {\"final\":{\"at\":[0,0],\"offset\":0,\"id\":[2147483648,0,0,0,0],\"visible\":false}}\n";
    finds(&announced(&(waits + open)), &[(Kind::StalledLso, 1)]);
}
