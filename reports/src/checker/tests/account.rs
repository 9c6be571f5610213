//! What the account says of a run.

use super::history2::*;
use crate::account::{About, ReasonAccount};
use crate::history::event::StopReason;
use crate::report::Report;

fn reasons(report: &Report, about: About) -> Vec<(&str, &str, u64)> {
    let of = |reason: &&ReasonAccount| reason.about == about;
    report.account.reasons.iter().filter(of).map(|r| (&*r.whom, &*r.why, r.count)).collect()
}

#[test]
fn records_are_counted_by_client_and_in_all() {
    let fail = "{\"send\":{\"t\":8,\"c\":0,\"op\":8,\"topic\":0,\"id\":[2147483648,0,8,0,0]}}\n\
                {\"fail\":{\"t\":8,\"c\":0,\"op\":8,\"error\":\"NOT_ENOUGH_REPLICAS\"}}\n\
                {\"send\":{\"t\":8,\"c\":0,\"op\":9,\"topic\":0,\"id\":[2147483648,0,9,0,0]}}\n\
                {\"unknown\":{\"t\":8,\"c\":0,\"op\":9,\"error\":\"REQUEST_TIMED_OUT\"}}\n\
                {\"stopped\":{\"t\":8,\"c\":0,\"reason\":\"ended\"}}\n";
    let account = clean(&at_the_end(&healthy(), fail)).account;
    let shop = &account.clients[0];
    assert_eq!((shop.sent, shop.acknowledged, shop.failed, shop.unknown), (7, 5, 1, 1));
    assert_eq!((shop.incarnations, shop.stopped), (1, Some((8, StopReason::Ended))));
    assert_eq!((&*account.clients[3].name, account.clients[3].read, account.clients[3].stopped), ("audit", 5, None));
    let all = account.records;
    assert_eq!((all.sent, all.acknowledged, all.failed, all.unknown, all.visible), (12, 10, 1, 1, 10));
    assert_eq!((all.processed, all.skipped, all.unprocessed), (5, 0, 0));
    let inputs: Vec<(&str, &str, u64)> = account.inputs.iter().map(|i| (&*i.group, &*i.topic, i.owed)).collect();
    assert_eq!(inputs, [("job", "orders", 5), ("audit", "invoices", 5)]);
}

#[test]
fn a_send_without_an_answer_counts_as_unknown() {
    let text = without(&healthy(), &["{\"ack\"", "\"c\":0,", "\"op\":4,"]);
    let shop = &judge(&text).account.clients[0];
    assert_eq!((shop.sent, shop.acknowledged, shop.failed, shop.unknown), (5, 4, 0, 1));
}

#[test]
fn every_input_is_processed_skipped_pending_unknown_or_unprocessed() {
    for text in [healthy(), stops_at(0), stops_at(3)] {
        for input in judge(&text).account.inputs {
            let parts = input.processed + input.skipped + input.pending + input.unknown + input.unprocessed;
            assert_eq!(parts, input.owed, "{input:?}");
        }
    }
}

#[test]
fn errors_are_told_by_code_call_and_client_with_count_and_first_time() {
    let told = |t: u64| {
        format!("{{\"told\":{{\"t\":{t},\"c\":0,\"call\":\"Produce\",\"error\":\"NOT_LEADER_OR_FOLLOWER\"}}}}\n")
    };
    let refused = "{\"commit\":{\"t\":8,\"c\":1,\"op\":9,\"group\":0,\"at\":[0,0],\"next\":5}}\n\
                   {\"commit_result\":{\"t\":9,\"c\":1,\"op\":9,\"outcome\":\"fail\",\"error\":\"ILLEGAL_GENERATION\"}}\n";
    let text = at_the_end(&healthy(), &(told(7) + &told(8) + &told(8) + refused));
    let errors = clean(&text).account.errors;
    let errors: Vec<_> = errors.iter().map(|e| (&*e.error, &*e.call, &*e.client, e.count, e.first)).collect();
    assert_eq!(
        errors,
        [("ILLEGAL_GENERATION", "commit offsets", "job-1", 1, 9), ("NOT_LEADER_OR_FOLLOWER", "Produce", "shop", 3, 7)]
    );
}

#[test]
fn a_fault_is_told_with_when_how_often_or_how_near_it_came_and_a_silent_one_is_warned_of() {
    let faults = |more: &str| {
        format!(
            "{{\"fault\":{{\"id\":0,\"words\":\"broker-1 crashes at 5 s\"}}}}\n\
             {{\"fault\":{{\"id\":1,\"words\":\"job-1 crashes at the 3rd EndTxn\",\"counts\":\"EndTxn\",\"nth\":3{more}}}}}\n"
        )
    };
    let fired = "{\"fired\":{\"t\":8,\"fault\":0}}\n{\"fired\":{\"t\":9,\"fault\":0}}\n";
    let text = |more: &str| {
        at_the_end(&before(&healthy(), "{\"started\"", &faults(more)), fired)
            + "{\"fault_end\":{\"fault\":1,\"seen\":1}}\n"
    };
    let report = clean(&text(""));
    let told: Vec<_> = report.account.faults.iter().map(|f| (f.fired, f.first, f.seen, f.nth)).collect();
    assert_eq!(told, [(2, Some(8), 0, 0), (0, None, 1, 3)]);
    assert_eq!(report.warnings, ["fault 'job-1 crashes at the 3rd EndTxn' never began: 1 of 3 EndTxn seen"]);
    assert!(report.render_text().contains("\nwarning: fault 'job-1 crashes at the 3rd EndTxn' never began"));
    for exempt in [",\"optional\":true", ",\"drawn\":true"] {
        assert!(clean(&text(exempt)).warnings.is_empty());
    }
}

#[test]
fn why_transactions_were_aborted_is_told_by_the_log_or_else_by_the_client() {
    let end = |n: u32| {
        format!(
            "{{\"begin\":{{\"t\":8,\"c\":0,\"n\":{n}}}}}\n{{\"ending\":{{\"t\":8,\"c\":0,\"n\":{n},\"commit\":false}}}}\n{{\"ended\":{{\"t\":8,\"c\":0,\"n\":{n},\"commit\":false,\"outcome\":\"ok\"}}}}\n"
        )
    };
    let asked = at_the_end(&healthy(), &(end(0) + &end(1)));
    assert_eq!(reasons(&judge(&asked), About::Abort), [("shop", "at its own request", 2)]);
    let decided = |cause: &str| {
        format!("{{\"decided\":{{\"t\":9,\"c\":0,\"pid\":7,\"epoch\":0,\"commit\":false,\"cause\":\"{cause}\"}}}}\n")
    };
    let text = at_the_end(&asked, &(decided("request") + &decided("timeout") + &decided("init")));
    let expected = [
        ("shop", "a newer producer with its transactional id began", 1),
        ("shop", "at its own request", 1),
        ("shop", "open for longer than transaction.timeout.ms, so its coordinator ended it", 1),
    ];
    assert_eq!(reasons(&judge(&text), About::Abort), expected);
}

#[test]
fn who_fenced_a_producer_is_told() {
    let preamble = "{\"client\":{\"id\":4,\"name\":\"one\",\"kind\":\"producer\",\"transactional_id\":\"x\"}}\n\
                    {\"client\":{\"id\":5,\"name\":\"two\",\"kind\":\"producer\",\"transactional_id\":\"x\"}}\n\
                    {\"started\":{\"t\":0,\"c\":4}}\n{\"started\":{\"t\":0,\"c\":5}}\n";
    let epoch = |c: u32, i: u32, epoch: i32| {
        format!("{{\"epoch\":{{\"t\":8,\"c\":{c},\"i\":{i},\"pid\":7,\"epoch\":{epoch}}}}}\n")
    };
    let fenced =
        |c: u32, i: u32| format!("{{\"fenced\":{{\"t\":8,\"c\":{c},\"i\":{i},\"error\":\"PRODUCER_FENCED\"}}}}\n");
    let text = |lines: &str| at_the_end(&before(&healthy(), "{\"started\"", preamble), lines);
    // The news may come before the newer one has its answer.
    let report = judge(&text(&(epoch(4, 0, 0) + &fenced(4, 0) + &epoch(5, 0, 1))));
    let why = "by two, which has its transactional id, told PRODUCER_FENCED";
    assert_eq!(reasons(&report, About::Fencing), [("one", why, 1)]);
    let report = judge(&text(&(epoch(4, 0, 0) + &epoch(4, 1, 1) + &fenced(4, 0))));
    let why = "by an incarnation of its own that began later, told PRODUCER_FENCED";
    assert_eq!(reasons(&report, About::Fencing), [("one", why, 1)]);
    let decided = "{\"decided\":{\"t\":8,\"c\":4,\"pid\":7,\"epoch\":1,\"commit\":false,\"cause\":\"timeout\"}}\n";
    let report = judge(&text(&(epoch(4, 0, 0) + decided + &fenced(4, 0))));
    assert_eq!(
        reasons(&report, About::Fencing),
        [("one", "its transaction was open for longer than transaction.timeout.ms, told PRODUCER_FENCED", 1)]
    );
    let report = judge(&text(&(epoch(4, 0, 0) + &fenced(4, 0))));
    assert_eq!(reasons(&report, About::Fencing), [("one", "by whom is not known, told PRODUCER_FENCED", 1)]);
}

#[test]
fn why_offsets_moved_or_went_is_told_by_the_log_or_else_by_who_committed() {
    assert_eq!(reasons(&judge(&healthy()), About::OffsetMove), [("job", "a commit of job-1", 5)]);
    let moved = |offset: i64, cause: &str| {
        format!("{{\"offset_moved\":{{\"t\":8,\"group\":0,\"at\":[0,0],\"offset\":{offset},\"cause\":{cause}}}}}\n")
    };
    let lines = moved(5, "{\"commit\":{\"c\":1,\"i\":0}}")
        + &moved(5, "\"unknown\"")
        + &moved(5, "\"reload\"")
        + &moved(-1, "\"expired\"");
    let report = judge(&at_the_end(&healthy(), &lines));
    assert_eq!(
        reasons(&report, About::OffsetMove),
        [("job", "a commit of job-1", 1), ("job", "who asked is not known", 1)]
    );
    assert_eq!(reasons(&report, About::OffsetGone), [("job", "it expired: nobody had committed it for too long", 1)]);
}

#[test]
fn removing_a_client_a_fault_or_an_answer_changes_the_account() {
    let full = judge(&healthy()).account;
    assert_ne!(judge(&without(&healthy(), &["{\"ack\"", "\"c\":0,", "\"op\":2,"])).account, full);
    assert_ne!(judge(&without(&healthy(), &["{\"started\"", "\"c\":2"])).account, full);
    assert_ne!(judge(&without(&healthy(), &["{\"read\"", "\"c\":3,", &invoice(4)])).account, full);
    let fault = "{\"fault\":{\"id\":0,\"words\":\"broker-1 crashes at 5 s\"}}\n";
    assert_ne!(judge(&before(&healthy(), "{\"started\"", fault)).account, full);
}

#[test]
fn a_history_of_the_first_version_says_what_it_cannot_show_and_its_clients_are_counted_by_what_they_did() {
    let report = judge_version(1, &without(&healthy(), &["{\"started\""]));
    assert!(report.notes[0].starts_with("the history is of format version 1"), "{:?}", report.notes);
    let incarnations: Vec<u32> = report.account.clients.iter().map(|c| c.incarnations).collect();
    assert_eq!(incarnations, [1, 1, 0, 1]);
    assert!(report.warnings.is_empty());
}
