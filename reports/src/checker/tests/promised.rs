//! What was promised and not put to the test, and promises of readers.

use super::history2::*;
use crate::report::{Kind, Verdict};

#[track_caller]
fn vacuous(text: &str, version: u32, untested: &[&str]) {
    let report = judge_version(version, text);
    assert_eq!((report.verdict, report.verdict.exit_code()), (Verdict::Vacuous, 3), "{}", report.render_text());
    assert_eq!(report.untested, untested);
    assert!(report.sentence().contains(untested[0]), "{}", report.sentence());
}

/// `shop` alone sends three records, and this comes of them.
fn sends(outcome: impl Fn(i64) -> String, visible: &[i64]) -> String {
    let mut text = "{\"topic\":{\"id\":0,\"name\":\"orders\",\"partitions\":2}}\n\
        {\"client\":{\"id\":0,\"name\":\"shop\",\"kind\":\"producer\",\"outputs\":[0]}}\n"
        .to_owned();
    for r in 0..3 {
        text += &format!("{{\"send\":{{\"t\":1,\"c\":0,\"op\":{r},\"topic\":0,\"id\":{}}}}}\n", order(r));
        text += &outcome(r);
    }
    let n = visible.len();
    text += &format!("{{\"end\":{{\"t\":9,\"at\":[0,0],\"start\":0,\"lso\":{n},\"hw\":{n},\"leo\":{n}}}}}\n");
    for (offset, r) in visible.iter().enumerate() {
        text += &format!("{{\"final\":{{\"at\":[0,0],\"offset\":{offset},\"id\":{},\"visible\":true}}}}\n", order(*r));
    }
    text + "{\"end\":{\"t\":9,\"at\":[0,1],\"start\":0,\"lso\":0,\"hw\":0,\"leo\":0}}\n"
}

fn error(kind: &str, r: i64) -> String {
    format!("{{\"{kind}\":{{\"t\":2,\"c\":0,\"op\":{r},\"error\":\"NOT_ENOUGH_REPLICAS\"}}}}\n")
}

fn ack(r: i64) -> String {
    format!("{{\"ack\":{{\"t\":2,\"c\":0,\"op\":{r},\"at\":[0,0],\"offset\":{r}}}}}\n")
}

#[test]
fn a_topic_of_which_all_sends_failed_was_not_put_to_the_test() {
    let text = sends(|r| error("fail", r), &[]);
    vacuous(&text, 2, &["nothing is owed to topic orders: 3 records asked for, 3 failed"]);
    let exempt = text.replace("\"partitions\":2", "\"partitions\":2,\"may_be_empty\":true");
    clean(&exempt);
}

#[test]
fn one_record_that_is_acknowledged_or_of_unknown_outcome_and_there_is_a_test() {
    let acked = "{\"ack\":{\"t\":2,\"c\":0,\"op\":1,\"at\":[0,0],\"offset\":0}}\n";
    clean(&sends(|r| if r == 1 { acked.to_owned() } else { error("fail", r) }, &[1]));
    clean(&sends(|r| error(if r == 1 { "unknown" } else { "fail" }, r), &[1]));
}

#[test]
fn records_of_unknown_outcome_that_left_nothing_prove_nothing() {
    let text = sends(|r| error(if r == 1 { "unknown" } else { "fail" }, r), &[]);
    let why =
        "nothing is owed to topic orders: 3 records asked for, 2 failed, 1 had an unknown outcome and left nothing";
    vacuous(&text, 2, &[why]);
    let text = sends(|r| error("unknown", r), &[]);
    vacuous(
        &text,
        2,
        &["nothing is owed to topic orders: 3 records asked for, 3 had an unknown outcome and left nothing"],
    );
}

#[test]
fn a_topic_to_which_nobody_sent_was_not_put_to_the_test() {
    let text = without(&sends(ack, &[]), &["\"c\":0,"]);
    for version in [1, 2] {
        vacuous(&text, version, &["nothing is owed to topic orders: nobody asked for any record"]);
    }
}

#[test]
fn why_records_of_transactions_are_owed_to_nobody_is_said_as_it_was() {
    let begin = "{\"begin\":{\"t\":1,\"c\":0,\"n\":0}}\n";
    let epoch = "{\"epoch\":{\"t\":1,\"c\":0,\"pid\":7,\"epoch\":0}}\n";
    let text = |told: &str, end: &str| {
        let text = before(&sends(ack, &[0, 1, 2]), "{\"send\"", &format!("{told}{begin}"));
        let text = at_the_end(&text.replace(",0,0]}}\n{\"ack\"", ",0,0],\"n\":0}}\n{\"ack\""), end);
        text.replace("\"visible\":true", "\"visible\":false")
            .replace("\"kind\":\"producer\"", "\"kind\":\"producer\",\"idempotent\":true,\"transactional_id\":\"t\"")
    };
    let ending = "{\"ending\":{\"t\":3,\"c\":0,\"n\":0,\"commit\":true}}\n";
    let ended = |outcome: &str| {
        format!("{ending}{{\"ended\":{{\"t\":3,\"c\":0,\"n\":0,\"commit\":true,\"outcome\":\"{outcome}\"}}}}\n")
    };
    let decided = |cause: &str| {
        format!("{{\"decided\":{{\"t\":4,\"c\":0,\"pid\":7,\"epoch\":1,\"commit\":false,\"cause\":\"{cause}\"}}}}\n")
    };
    let why = |text: &str| {
        let report = judge_version(2, text);
        let prefix = "nothing is owed to topic orders: 3 records asked for, 3 ";
        report.untested[0].strip_prefix(prefix).unwrap_or_else(|| panic!("{}", report.untested[0])).to_owned()
    };
    assert_eq!(why(&text("", "")), "belonged to transactions that nobody ended");
    assert_eq!(why(&text("", &ended("fail"))), "belonged to transactions whose commit failed");
    assert_eq!(why(&text("", &ended("unknown"))), "had an unknown outcome and left nothing");
    let timed_out = "belonged to transactions that timed out and were aborted";
    assert_eq!(why(&text(epoch, &(ended("unknown") + &decided("timeout")))), timed_out);
    assert_eq!(why(&text(epoch, &decided("timeout"))), timed_out);
    assert_eq!(
        why(&text(epoch, &(ended("unknown") + &decided("init")))),
        "belonged to transactions that were aborted, which their clients never learned"
    );
}

#[test]
fn records_of_aborted_transactions_are_owed_to_nobody() {
    let begin = "{\"begin\":{\"t\":1,\"c\":0,\"n\":0}}\n";
    let end = "{\"ending\":{\"t\":3,\"c\":0,\"n\":0,\"commit\":false}}\n{\"ended\":{\"t\":3,\"c\":0,\"n\":0,\"commit\":false,\"outcome\":\"ok\"}}\n";
    let text = before(&sends(ack, &[0, 1, 2]), "{\"send\"", begin);
    let text = at_the_end(&text.replace(",0,0]}}\n{\"ack\"", ",0,0],\"n\":0}}\n{\"ack\""), end);
    let text = text.replace("\"visible\":true", "\"visible\":false");
    vacuous(
        &text,
        2,
        &["nothing is owed to topic orders: 3 records asked for, 3 belonged to transactions that were aborted"],
    );
}

#[test]
fn a_topic_that_was_not_read_to_its_end_is_not_clean() {
    let text = without(&sends(ack, &[0, 1, 2]), &["{\"end\"", "[0,1]"]);
    for version in [1, 2] {
        vacuous(&text, version, &["topic orders was not read to its end: 1 of 2 partitions without a final read"]);
    }
    clean(&sends(ack, &[0, 1, 2]));
}

#[test]
fn a_history_that_ends_without_any_final_read_is_not_clean() {
    let whole = stops_at(0);
    let text = whole.lines().filter(|line| !line.starts_with("{\"end\"") && !line.starts_with("{\"final\""));
    let text: String = text.map(|line| format!("{line}\n")).collect();
    let untested = [
        "topic orders was not read to its end: 1 of 1 partition without a final read",
        "nothing is owed to topic invoices: nobody asked for any record",
        "topic invoices was not read to its end: 1 of 1 partition without a final read",
    ];
    for version in [1, 2] {
        vacuous(&text, version, &untested);
    }
    let notes = judge(&text).notes;
    let said =
        "whether all of orders was processed by group job is not judged: not every partition of it was read in the end";
    assert!(notes.iter().any(|note| note == said), "{notes:?}");
}

#[test]
fn without_any_topic_nothing_was_put_to_the_test() {
    for version in [1, 2] {
        vacuous("", version, &["the history declares no topic and no sink"]);
    }
}

#[test]
fn a_final_read_without_anybody_who_sent_proves_nothing() {
    let text = sends(ack, &[0, 1, 2]);
    let text = without(&without(&without(&text, &["{\"send\""]), &["{\"ack\""]), &["{\"client\""]);
    vacuous(
        &text,
        2,
        &[
            "no client writes any of the topics and no promise names one: of what is in them nobody knows whether it should be",
        ],
    );
    let promised = before(&text, "{\"end\"", "{\"promise\":{\"topic\":0}}\n");
    vacuous(&promised, 2, &["nothing is owed to topic orders: nobody asked for any record"]);
}

#[test]
fn a_sink_is_promised_and_wants_a_test_like_a_topic() {
    let sink = "{\"sink\":{\"id\":0,\"name\":\"bank\",\"kind\":\"charges\"}}\n";
    let text = before(&sends(ack, &[0, 1, 2]), "{\"client\"", sink);
    vacuous(
        &text,
        2,
        &["nothing is owed to bank (charges): nobody asked for any effect", "bank (charges) was not read in the end"],
    );
    let asked = format!(
        "{{\"apply\":{{\"t\":8,\"c\":0,\"op\":0,\"sink\":0,\"id\":{}}}}}\n{{\"applied\":{{\"t\":8,\"c\":0,\"op\":0,\"outcome\":\"ok\"}}}}\n",
        order(0)
    );
    let end = format!(
        "{{\"sink_end\":{{\"t\":99,\"sink\":0}}}}\n{{\"sink_final\":{{\"sink\":0,\"n\":0,\"id\":{}}}}}\n",
        order(0)
    );
    clean(&(at_the_end(&text, &asked) + &end));
    vacuous(&at_the_end(&text, &asked), 2, &["bank (charges) was not read in the end"]);
}

#[test]
fn something_wrong_outweighs_what_was_not_tested_and_both_are_told() {
    let text = without(&sends(ack, &[0, 1, 2]), &["{\"end\"", "[0,1]"]);
    let text = text.replace("\"offset\":2,\"id\":[2147483648,0,2", "\"offset\":2,\"id\":[2147483648,0,1");
    let report = judge(&text);
    assert_eq!(report.verdict, Verdict::Violated);
    let said = report.render_text();
    assert!(said.contains("\nnot put to the test: topic orders was not read to its end"), "{said}");
}

// ---- promises of readers ----

/// `bank` aborts a transaction, and `spy` at read_uncommitted and `clerk`, likewise, are given its record.
fn leaked(promise: &str) -> String {
    let preamble = "{\"client\":{\"id\":4,\"name\":\"bank\",\"kind\":\"producer\",\"transactional_id\":\"bank\",\"outputs\":[0]}}\n\
        {\"client\":{\"id\":5,\"name\":\"spy\",\"kind\":\"reader\",\"isolation\":\"read_uncommitted\",\"inputs\":[0]}}\n";
    let id = "[2147483652,0,0,0,0]";
    let lines = format!(
        "{{\"begin\":{{\"t\":3,\"c\":4,\"n\":0}}}}\n\
         {{\"send\":{{\"t\":3,\"c\":4,\"op\":0,\"topic\":0,\"id\":{id},\"n\":0}}}}\n\
         {{\"ack\":{{\"t\":3,\"c\":4,\"op\":0,\"at\":[0,0],\"offset\":3}}}}\n\
         {{\"read\":{{\"t\":4,\"c\":5,\"at\":[0,0],\"offset\":0,\"id\":{}}}}}\n\
         {{\"read\":{{\"t\":4,\"c\":5,\"at\":[0,0],\"offset\":1,\"id\":{}}}}}\n\
         {{\"read\":{{\"t\":4,\"c\":5,\"at\":[0,0],\"offset\":2,\"id\":{}}}}}\n\
         {{\"read\":{{\"t\":4,\"c\":5,\"at\":[0,0],\"offset\":3,\"id\":{id}}}}}\n\
         {{\"ending\":{{\"t\":5,\"c\":4,\"n\":0,\"commit\":false}}}}\n\
         {{\"ended\":{{\"t\":5,\"c\":4,\"n\":0,\"commit\":false,\"outcome\":\"ok\"}}}}\n",
        order(0),
        order(1),
        order(2)
    );
    let text = before(&sends(ack, &[0, 1, 2]), "{\"send\"", &(preamble.to_owned() + promise));
    let text = text.replace(
        "\"at\":[0,0],\"start\":0,\"lso\":3,\"hw\":3,\"leo\":3",
        "\"at\":[0,0],\"start\":0,\"lso\":5,\"hw\":5,\"leo\":5",
    );
    let last = format!("{{\"final\":{{\"at\":[0,0],\"offset\":3,\"id\":{id},\"visible\":false}}}}\n");
    before(&at_the_end(&text, &lines), "{\"end\":{\"t\":9,\"at\":[0,1]", &last)
}

#[test]
fn a_reader_at_read_uncommitted_can_be_allowed_to_see_aborted_records() {
    finds(&leaked(""), &[(Kind::AbortedVisible, 1)]);
    let promise = |client: u32| format!("{{\"promise\":{{\"client\":{client},\"allow\":[\"aborted-visible\"]}}}}\n");
    let report = clean(&leaked(&promise(5)));
    assert_eq!((report.allowed[0].kind, report.allowed[0].count), (Kind::AbortedVisible, 1));
    // Another's promise is another's, and what it allows is what it names.
    finds(&leaked(&promise(4)), &[(Kind::AbortedVisible, 1)]);
    finds(&leaked(&promise(5).replace("aborted", "uncommitted")), &[(Kind::AbortedVisible, 1)]);
}

#[test]
fn a_readers_promise_says_nothing_of_what_is_visible_in_the_end() {
    let text = leaked("{\"promise\":{\"client\":5,\"allow\":[\"aborted-visible\"]}}\n")
        .replace("\"visible\":false", "\"visible\":true");
    finds(&text, &[(Kind::AbortedVisible, 1)]);
}

#[test]
fn a_run_in_which_nobody_sends_anything_proves_nothing_even_where_every_topic_may_be_empty() {
    let sent = sends(|r| error("fail", r), &[]).replace("\"partitions\":2", "\"partitions\":2,\"may_be_empty\":true");
    let idle: String = sent
        .lines()
        .filter(|l| !l.starts_with("{\"send\"") && !l.starts_with("{\"fail\""))
        .map(|l| l.to_owned() + "\n")
        .collect();
    vacuous(&idle, 2, &["nothing was put to the test: every topic may be empty, and nobody sent a record"]);
}
