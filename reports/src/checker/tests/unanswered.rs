//! Calls without an outcome, and transactions without an end.

use super::history2::*;
use crate::report::{Kind, Verdict};

#[test]
fn a_send_without_an_outcome_is_unanswered() {
    let text = without(&healthy(), &["{\"ack\"", "\"c\":0,", "\"op\":4,"]);
    let report = finds(&text, &[(Kind::Unanswered, 1)]);
    assert_eq!(report.verdict, Verdict::Stuck);
    assert_eq!(
        proof(&report, Kind::Unanswered),
        "shop was never told what became of record 4 of shop, which it sent to orders: neither an answer nor an unknown outcome"
    );
    let unknown = "{\"unknown\":{\"t\":8,\"c\":0,\"op\":4,\"error\":\"the process ended\"}}\n";
    clean(&at_the_end(&text, unknown));
    // In the first version of the format no answer is an unknown outcome.
    assert_eq!(judge_version(1, &text).verdict, Verdict::Clean);
}

#[test]
fn an_outcome_is_owed_to_a_killed_incarnation_too() {
    let killed = "{\"stopped\":{\"t\":8,\"c\":0,\"reason\":\"killed\"}}\n{\"started\":{\"t\":9,\"c\":0,\"i\":1}}\n";
    let text = at_the_end(&without(&healthy(), &["{\"ack\"", "\"c\":0,", "\"op\":4,"]), killed);
    let report = finds(&text, &[(Kind::Unanswered, 1)]);
    assert!(proof(&report, Kind::Unanswered).contains(", although it runs no more since"));
    clean(&at_the_end(&text, "{\"unknown\":{\"t\":9,\"c\":0,\"op\":4,\"error\":\"the process ended\"}}\n"));
}

#[test]
fn every_send_without_an_outcome_is_counted() {
    let text = without(&healthy(), &["{\"ack\"", "\"c\":0,"]);
    let report = finds(&text, &[(Kind::Unanswered, 5)]);
    assert!(
        proof(&report, Kind::Unanswered).contains("record 0 of shop, which it sent to orders (and 4 further sends)")
    );
}

#[test]
fn an_offset_commit_without_an_outcome_is_unanswered() {
    let text = without(&healthy(), &["{\"commit_result\"", "\"op\":4,"]);
    let report = finds(&text, &[(Kind::Unanswered, 1)]);
    assert!(proof(&report, Kind::Unanswered).contains("its offset commit 4 to group job"));
    clean(&at_the_end(&text, "{\"commit_result\":{\"t\":8,\"c\":1,\"op\":4,\"outcome\":\"unknown\"}}\n"));
}

/// A transaction of `bank`, a client of its own, with one record in a topic of its own.
fn transaction(end: &str, lso: i64) -> String {
    let preamble = "{\"topic\":{\"id\":2,\"name\":\"ledger\",\"partitions\":1,\"may_be_empty\":true}}\n\
        {\"client\":{\"id\":4,\"name\":\"bank\",\"kind\":\"producer\",\"transactional_id\":\"bank\",\"outputs\":[2]}}\n\
        {\"started\":{\"t\":1,\"c\":4}}\n";
    let id = "[2147483652,0,0,0,0]";
    let lines = format!(
        "{{\"begin\":{{\"t\":7,\"c\":4,\"n\":3}}}}\n\
         {{\"send\":{{\"t\":7,\"c\":4,\"op\":0,\"topic\":2,\"id\":{id},\"n\":3}}}}\n\
         {{\"ack\":{{\"t\":7,\"c\":4,\"op\":0,\"at\":[2,0],\"offset\":0}}}}\n{end}"
    );
    let visible = end.contains("\"commit\":true") && lso > 0;
    at_the_end(&before(&healthy(), "{\"started\"", preamble), &lines)
        + &format!("{{\"end\":{{\"t\":99,\"at\":[2,0],\"start\":0,\"lso\":{lso},\"hw\":2,\"leo\":2}}}}\n")
        + &format!("{{\"final\":{{\"at\":[2,0],\"offset\":0,\"id\":{id},\"visible\":{visible}}}}}\n")
}

const ENDING: &str = "{\"ending\":{\"t\":8,\"c\":4,\"n\":3,\"commit\":true}}\n";

fn ended(outcome: &str) -> String {
    format!("{ENDING}{{\"ended\":{{\"t\":8,\"c\":4,\"n\":3,\"commit\":true,\"outcome\":\"{outcome}\"}}}}\n")
}

#[test]
fn the_end_of_a_transaction_without_an_outcome_is_unanswered() {
    let report = finds(&transaction(ENDING, 2), &[(Kind::Unanswered, 1)]);
    assert!(
        proof(&report, Kind::Unanswered).starts_with("bank was never told what became of the commit of transaction 3")
    );
    // Whatever it does after that.
    let next = ENDING.to_owned()
        + "{\"begin\":{\"t\":9,\"c\":4,\"n\":4}}\n{\"ending\":{\"t\":9,\"c\":4,\"n\":4,\"commit\":false}}\n{\"ended\":{\"t\":9,\"c\":4,\"n\":4,\"commit\":false,\"outcome\":\"ok\"}}\n";
    finds(&transaction(&next, 2), &[(Kind::Unanswered, 1)]);
    clean(&transaction(&ended("ok"), 2));
    clean(&transaction(&ended("unknown"), 2));
    // A commit that failed, and the abort that follows.
    let abort = ended("fail") + &ended("ok").replace("\"commit\":true", "\"commit\":false");
    let text = transaction(&abort, 2).replace(
        "\"at\":[2,0],\"offset\":0,\"id\":[2147483652,0,0,0,0],\"visible\":true",
        "\"at\":[2,0],\"offset\":0,\"id\":[2147483652,0,0,0,0],\"visible\":false",
    );
    clean(&text);
}

#[test]
fn an_effect_without_an_outcome_is_unanswered() {
    let sink = "{\"sink\":{\"id\":0,\"name\":\"bank\",\"kind\":\"charges\"}}\n";
    let apply = format!("{{\"apply\":{{\"t\":8,\"c\":0,\"op\":0,\"sink\":0,\"id\":{}}}}}\n", order(0));
    let end = format!(
        "{{\"sink_end\":{{\"t\":99,\"sink\":0}}}}\n{{\"sink_final\":{{\"sink\":0,\"n\":0,\"id\":{}}}}}\n",
        order(0)
    );
    let text = |answer: &str| at_the_end(&before(&healthy(), "{\"group\"", sink), &(apply.clone() + answer)) + &end;
    let report = finds(&text(""), &[(Kind::Unanswered, 1)]);
    assert!(proof(&report, Kind::Unanswered).contains("the effect of record 0 of shop, for which it asked"));
    clean(&text("{\"applied\":{\"t\":8,\"c\":0,\"op\":0,\"outcome\":\"unknown\"}}\n"));
}

// ---- transactions that never ended ----

#[test]
fn a_transaction_that_nobody_ended_and_that_holds_its_log_hangs_without_an_event_that_says_so() {
    let report = finds(&transaction("", 0), &[(Kind::HangingTransaction, 1), (Kind::StalledLso, 1)]);
    assert_eq!(
        proof(&report, Kind::HangingTransaction),
        "nothing at or after ledger-0@0 is stable: it is of transaction 3 of bank, which nobody asked to end; it began \
         (0.000000007 s), and that never ended"
    );
    finds(&transaction(&ended("unknown"), 0), &[(Kind::HangingTransaction, 1), (Kind::StalledLso, 1)]);
    // It ended for its client, and the log stands all the same: that is the log's matter.
    finds(&transaction(&ended("ok"), 0), &[(Kind::StalledLso, 1)]);
    // Nothing stands still: a coordinator has aborted it.
    clean(&transaction("", 2));
}

#[test]
fn a_hanging_transaction_that_an_event_names_is_told_once() {
    let line = "{\"open_transaction\":{\"t\":99,\"c\":4,\"pid\":7,\"epoch\":0,\"culprit\":\"nobody\"}}\n";
    finds(&(transaction("", 0) + line), &[(Kind::HangingTransaction, 1), (Kind::StalledLso, 1)]);
    // Another's is another one.
    let other = line.replace("\"c\":4,", "");
    finds(&(transaction("", 0) + &other), &[(Kind::HangingTransaction, 2), (Kind::StalledLso, 1)]);
}

#[test]
fn a_high_watermark_below_the_end_of_its_log_is_a_stall() {
    let text = healthy().replace(
        "\"at\":[0,0],\"start\":0,\"lso\":5,\"hw\":5,\"leo\":5",
        "\"at\":[0,0],\"start\":0,\"lso\":5,\"hw\":5,\"leo\":6",
    );
    for version in [1, 2] {
        let report = judge_version(version, &text);
        assert_eq!((report.verdict, report.count(Kind::StalledLso)), (Verdict::Stuck, 1));
        assert!(proof(&report, Kind::StalledLso).starts_with("the high watermark of orders-0 is 5 and below its end"));
    }
}
