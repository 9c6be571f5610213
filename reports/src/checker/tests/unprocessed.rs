//! Inputs that nobody did anything with.

use super::history2::*;
use crate::history::Identity;
use crate::report::{Kind, Verdict};

const UNDONE: [(Kind, u64); 1] = [(Kind::Unprocessed, 3)];

#[test]
fn an_input_that_its_pipeline_did_nothing_with_is_unprocessed() {
    let report = finds(&stops_at(2), &UNDONE);
    assert_eq!((report.verdict, report.verdict.exit_code()), (Verdict::Stuck, 3));
    let proof = &report.violations[0].proof;
    assert_eq!(
        proof.sentence,
        "record 2 of shop at orders-0@2 and 2 records after it were not processed by group job (job-1, job-2): the group's \
         offset is 2"
    );
    assert_eq!((proof.record, &proof.offsets[..]), (Some(Identity::of_workload(0, 2)), &[(0, 2)][..]));
    assert_eq!(proof.clients, [("job-1".to_owned(), 0), ("job-2".to_owned(), 0)]);
    let input = &report.account.inputs[0];
    assert_eq!((input.owed, input.processed, input.skipped, input.unprocessed), (5, 2, 0, 3));
}

#[test]
fn a_pipeline_that_did_nothing_at_all_is_found_in_a_history_of_any_version() {
    // Nothing but sends, and a reader that was given nothing of nothing.
    let text = r#"
{"topic":{"id":0,"name":"o","partitions":1}}
{"topic":{"id":1,"name":"out","partitions":1}}
{"group":{"id":0,"name":"g"}}
{"client":{"id":0,"name":"p","kind":"producer","outputs":[0]}}
{"client":{"id":1,"name":"j","kind":"pipeline","inputs":[0],"outputs":[1],"group":0,"stage":1,"outputs_per_input":1}}
{"client":{"id":2,"name":"r","kind":"reader","inputs":[1]}}
{"send":{"t":0,"c":0,"op":0,"topic":0,"id":[2147483648,0,0,0,0]}}
{"ack":{"t":0,"c":0,"op":0,"at":[0,0],"offset":0}}
{"send":{"t":1,"c":0,"op":1,"topic":0,"id":[2147483648,0,1,0,0]}}
{"ack":{"t":1,"c":0,"op":1,"at":[0,0],"offset":1}}
{"end":{"t":9,"at":[0,0],"start":0,"lso":2,"hw":2,"leo":2}}
{"final":{"at":[0,0],"offset":0,"id":[2147483648,0,0,0,0],"visible":true}}
{"final":{"at":[0,0],"offset":1,"id":[2147483648,0,1,0,0],"visible":true}}
{"end":{"t":9,"at":[1,0],"start":0,"lso":0,"hw":0,"leo":0}}
"#;
    for version in [1, 2] {
        let report = judge_version(version, text);
        assert_eq!((report.verdict, report.count(Kind::Unprocessed)), (Verdict::Stuck, 2), "version {version}");
        assert!(proof(&report, Kind::Unprocessed).ends_with("the group never committed an offset there"));
    }
}

#[test]
fn outputs_prove_that_an_input_was_processed_though_its_offset_was_never_committed() {
    let text = without(&healthy(), &["{\"commit\""]);
    clean(&without(&text, &["{\"commit_result\""]));
}

#[test]
fn a_committed_offset_is_the_pipelines_own_word_and_the_output_is_missed_under_its_own_name() {
    let read = without(&healthy(), &["{\"read\"", "\"c\":3,", &invoice(4)]);
    let sent = without(&read, &["{\"send\"", "\"c\":1,", &invoice(4)]);
    let acked = without(&sent, &["{\"ack\"", "\"c\":1,", "\"op\":4,"]);
    let text = without(&acked, &["{\"final\"", "[1,0]", &invoice(4)]);
    finds(
        &text.replace(
            "\"lso\":5,\"hw\":5,\"leo\":5}}\n{\"final\":{\"at\":[1,0]",
            "\"lso\":4,\"hw\":4,\"leo\":4}}\n{\"final\":{\"at\":[1,0]",
        ),
        &[(Kind::LostProcessing, 1)],
    );
}

#[test]
fn what_a_pipeline_declares_to_skip_is_skipped_committed_past_or_not() {
    let skipped = "{\"skipped\":{\"t\":8,\"c\":1,\"at\":[0,0],\"offset\":4}}\n";
    let report = clean(&at_the_end(&stops_at(4), skipped));
    let input = &report.account.inputs[0];
    assert_eq!((input.owed, input.processed, input.skipped, input.unprocessed), (5, 4, 1, 0));
    let commit = "{\"commit\":{\"t\":8,\"c\":1,\"op\":9,\"group\":0,\"at\":[0,0],\"next\":5}}\n\
                  {\"commit_result\":{\"t\":8,\"c\":1,\"op\":9,\"outcome\":\"ok\"}}\n";
    let report = clean(&at_the_end(&stops_at(4), &(skipped.to_owned() + commit)));
    assert_eq!((report.account.records.processed, report.account.records.skipped), (4, 1));
    // Another's declaration is none.
    let stranger = skipped.replace("\"c\":1", "\"c\":3");
    finds(&at_the_end(&stops_at(4), &stranger), &[(Kind::Unprocessed, 1)]);
}

#[test]
fn a_pipeline_that_may_skip_must_still_come_past_its_inputs() {
    let may = |text: &str| text.replace("\"outputs_per_input\":1", "\"outputs_per_input\":1,\"may_skip\":true");
    finds(&may(&stops_at(2)), &UNDONE);
    let commit = |outcome: &str| {
        format!(
            "{{\"commit\":{{\"t\":8,\"c\":1,\"op\":9,\"group\":0,\"at\":[0,0],\"next\":5}}}}\n\
             {{\"commit_result\":{{\"t\":8,\"c\":1,\"op\":9,\"outcome\":\"{outcome}\"}}}}\n"
        )
    };
    clean(&at_the_end(&may(&stops_at(2)), &commit("ok")));
    finds(&at_the_end(&may(&stops_at(2)), &commit("fail")), &UNDONE);
    // Of unknown outcome: what it has read it may have come past, and what it has not read it has not.
    finds(&at_the_end(&may(&stops_at(2)), &commit("unknown")), &UNDONE);
    let reads: String = (2..5)
        .map(|r| format!("{{\"read\":{{\"t\":8,\"c\":1,\"at\":[0,0],\"offset\":{r},\"id\":{}}}}}\n", order(r)))
        .collect();
    let report = clean(&at_the_end(&may(&stops_at(2)), &(reads + &commit("unknown"))));
    assert_eq!(report.account.inputs[0].unknown, 3);
}

#[test]
fn who_was_killed_and_did_not_come_back_is_named() {
    let killed = "{\"stopped\":{\"t\":5000000000,\"c\":1,\"reason\":\"killed\"}}\n";
    let text = before(&stops_at(2), "{\"end\"", killed).replace("\"t\":99", "\"t\":9000000000");
    let report = finds(&text, &[(Kind::Unprocessed, 3), (Kind::Unowned, 1)]);
    let sentence = proof(&report, Kind::Unprocessed);
    assert!(
        sentence.contains(": job-1 was killed at 5.000 s and did not come back; nobody has the partition"),
        "{sentence}"
    );
    assert_eq!(
        proof(&report, Kind::Unowned),
        "orders-0 with 5 records belongs to no member of group job in the end: job-1 lost it at 5.000 s, and job-2 still runs"
    );
    // It came back, and did nothing.
    let back = killed.to_owned() + "{\"started\":{\"t\":6000000000,\"c\":1,\"i\":1}}\n";
    let report = judge(&before(&stops_at(2), "{\"end\"", &back).replace("\"t\":99", "\"t\":9000000000"));
    assert!(!proof(&report, Kind::Unprocessed).contains("killed"));
}

#[test]
fn who_never_ran_is_named_and_warned_of() {
    let text = without(&stops_at(2), &["{\"started\"", "\"c\":2"]);
    let report = finds(&text, &UNDONE);
    assert!(proof(&report, Kind::Unprocessed).contains(": job-2 never ran; the group's offset is 2"));
    assert_eq!(report.warnings, ["client job-2 never ran"]);
    // Where nobody is said to have begun, nothing is known of it.
    let report = finds(&without(&stops_at(2), &["{\"started\""]), &UNDONE);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}

#[test]
fn a_line_that_says_why_a_consumer_is_behind_becomes_its_reason_and_no_finding_of_its_own() {
    let line = "{\"undrained\":{\"t\":98,\"c\":1,\"at\":[0,0],\"position\":2,\"end\":5,\"culprit\":\"auto.offset.reset is none\"}}\n";
    let report = finds(&at_the_end(&stops_at(2), line), &UNDONE);
    assert!(proof(&report, Kind::Unprocessed).ends_with("the group's offset is 2; auto.offset.reset is none"));
    // The judge sees for itself that everything was processed.
    let report = clean(&at_the_end(&healthy(), line));
    assert_eq!(report.warnings.len(), 1);
    assert!(report.warnings[0].starts_with("job-1 stands at offset 2 of orders-0"), "{:?}", report.warnings);
    // The first version of the format has nothing better than the writer's word.
    let report = judge_version(1, &at_the_end(&healthy(), line));
    assert_eq!((report.verdict, report.count(Kind::Unprocessed)), (Verdict::Stuck, 1));
}

// ---- readers ----

/// The last two invoices were never given to `audit`.
fn misses_the_tail() -> String {
    without(&without(&healthy(), &["{\"read\"", "\"c\":3,", &invoice(4)]), &["{\"read\"", "\"c\":3,", &invoice(3)])
}

#[test]
fn a_reader_without_a_group_is_given_everything_up_to_the_end() {
    let report = finds(&misses_the_tail(), &[(Kind::Unprocessed, 2)]);
    assert_eq!(
        proof(&report, Kind::Unprocessed),
        "output 0 of stage 1 for orders-0@3 at invoices-0@3 and 1 record after it were never given to audit"
    );
    assert_eq!(judge_version(1, &misses_the_tail()).count(Kind::Unprocessed), 2);
    let nothing = without(&healthy(), &["{\"read\"", "\"c\":3,"]);
    let report = finds(&nothing, &[(Kind::Unprocessed, 5)]);
    assert!(
        proof(&report, Kind::Unprocessed).ends_with("never given to audit: it was given nothing of this partition")
    );
}

#[test]
fn a_reader_without_a_group_that_stopped_is_owed_nothing_more_and_the_account_says_so() {
    let stopped = "{\"stopped\":{\"t\":8,\"c\":3,\"reason\":\"ended\"}}\n";
    let report = clean(&at_the_end(&misses_the_tail(), stopped));
    let input = &report.account.inputs[1];
    assert_eq!((&*input.group, input.owed, input.processed, input.waived), ("audit", 3, 3, 2));
    assert_eq!(input.remarks, ["audit ended at 0.000000008 s and did not come back"]);
    let again = stopped.to_owned() + "{\"started\":{\"t\":9,\"c\":3,\"i\":1}}\n";
    finds(&at_the_end(&misses_the_tail(), &again), &[(Kind::Unprocessed, 2)]);
}

#[test]
fn a_reader_that_began_at_the_latest_offset_is_not_owed_what_was_there_before() {
    let late = misses_the_tail().replace("\"at\":[1,0],\"position\":0", "\"at\":[1,0],\"position\":3");
    let reads = without(&late, &["{\"read\"", "\"c\":3,"]);
    let read = |r: i64| format!("{{\"read\":{{\"t\":8,\"c\":3,\"at\":[1,0],\"offset\":{r},\"id\":{}}}}}\n", invoice(r));
    let report = clean(&at_the_end(&reads, &(read(3) + &read(4))));
    let input = &report.account.inputs[1];
    assert_eq!((input.owed, input.waived), (2, 3));
    assert_eq!(input.remarks, ["it began to read at offset 3"]);
    finds(&at_the_end(&reads, &read(3)), &[(Kind::Unprocessed, 1)]);
}

#[test]
fn a_reader_that_begins_anew_at_the_latest_offset_missed_what_lies_between() {
    let again = |reason: &str| {
        "{\"stopped\":{\"t\":8,\"c\":3,\"reason\":\"killed\"}}\n{\"started\":{\"t\":9,\"c\":3,\"i\":1}}\n".to_owned()
            + &format!(
                "{{\"position\":{{\"t\":9,\"c\":3,\"i\":1,\"at\":[1,0],\"position\":5,\"reason\":\"{reason}\"}}}}\n"
            )
    };
    let report = finds(&at_the_end(&misses_the_tail(), &again("reset")), &[(Kind::Unprocessed, 2)]);
    assert_eq!(
        proof(&report, Kind::Unprocessed),
        "output 0 of stage 1 for orders-0@3 at invoices-0@3 and 1 record after it were never given to audit: its incarnation 1 \
         began at offset 5 by auto.offset.reset"
    );
    // Its application asked for that; or it begins where the one before it stopped.
    let report = clean(&at_the_end(&misses_the_tail(), &again("seek")));
    assert_eq!(report.account.inputs[1].remarks, ["its incarnation 1 was told to begin at offset 5"]);
    clean(&at_the_end(&healthy(), &again("reset")));
}

/// `job` begins at order 3 by `auto.offset.reset`, and goes on from there.
fn job_begins_late() -> String {
    let text = healthy().replace(
        "\"at\":[0,0],\"position\":0,\"reason\":\"reset\"",
        "\"at\":[0,0],\"position\":3,\"reason\":\"reset\"",
    );
    let mut text = without(&text, &["{\"final\"", "[1,0]", &invoice(0)]);
    for r in 0..3 {
        text = without(&text, &["{\"read\"", "\"c\":1,", &order(r)]);
        text = without(&text, &["{\"send\"", "\"c\":1,", &invoice(r)]);
        text = without(&text, &["{\"ack\"", "\"c\":1,", &format!("\"op\":{r},")]);
        text = without(&text, &["{\"commit\"", "\"c\":1,", &format!("\"op\":{r},")]);
        text = without(&text, &["{\"commit_result\"", "\"c\":1,", &format!("\"op\":{r},")]);
        text = without(&text, &["{\"read\"", "\"c\":3,", &invoice(r)]);
        if r > 0 {
            text = without(&text, &["{\"final\"", "[1,0]", &invoice(r)]);
        }
    }
    text.replace("\"at\":[1,0],\"position\":0", "\"at\":[1,0],\"position\":3")
}

#[test]
fn what_lay_before_a_pipelines_beginning_was_never_taken_whatever_it_commits_later() {
    let sentence = "record 0 of shop at orders-0@0 and 2 records after it were not processed by group job (job-1, job-2): job \
                    began at 3 by auto.offset.reset; the group's offset is ";
    let found = |text: &str, offset: &str| {
        let report = finds(text, &UNDONE);
        assert_eq!(proof(&report, Kind::Unprocessed), format!("{sentence}{offset}"));
        let input = &report.account.inputs[0];
        assert_eq!((input.owed, input.processed, input.unprocessed), (5, 2, 3));
    };
    found(&job_begins_late(), "5");
    let exactly_once = |text: &str| text.replace("\"guarantee\":\"at_least_once\"", "\"guarantee\":\"exactly_once\"");
    found(&exactly_once(&job_begins_late()), "5");
    // It commits where it began and does nothing more.
    let early = "{\"commit\":{\"t\":2,\"c\":1,\"op\":0,\"group\":0,\"at\":[0,0],\"next\":3}}\n\
                 {\"commit_result\":{\"t\":2,\"c\":1,\"op\":0,\"outcome\":\"ok\"}}\n";
    found(&before(&job_begins_late(), "{\"commit\"", early), "5");
    // Who begins at 0 has taken everything.
    clean(&healthy());
}

#[test]
fn what_a_reader_was_told_to_jump_over_is_not_owed() {
    let seek = "{\"position\":{\"t\":8,\"c\":3,\"at\":[1,0],\"position\":5,\"reason\":\"seek\"}}\n";
    let report = clean(&at_the_end(&misses_the_tail(), seek));
    assert_eq!(report.account.inputs[1].waived, 2);
}

/// `audit` is a member of group 1 instead, and commits nothing unless it is said here.
fn in_a_group(text: &str) -> String {
    text.replace(
        "{\"group\":{\"id\":0,\"name\":\"job\"}}",
        "{\"group\":{\"id\":0,\"name\":\"job\"}}\n{\"group\":{\"id\":1,\"name\":\"audit\"}}",
    )
    .replace("\"kind\":\"reader\",\"inputs\":[1]", "\"kind\":\"reader\",\"group\":1,\"inputs\":[1]")
}

#[test]
fn a_record_that_one_member_of_a_group_of_readers_was_given_is_processed() {
    clean(&in_a_group(&healthy()));
    let report = finds(&in_a_group(&misses_the_tail()), &[(Kind::Unprocessed, 2)]);
    assert!(proof(&report, Kind::Unprocessed).contains("were not processed by group audit: the group never committed"));
    // It stopped: a group is owed its inputs all the same.
    let stopped = "{\"stopped\":{\"t\":8,\"c\":3,\"reason\":\"ended\"}}\n";
    let report = finds(&in_a_group(&at_the_end(&misses_the_tail(), stopped)), &[(Kind::Unprocessed, 2)]);
    assert!(proof(&report, Kind::Unprocessed).contains("audit ended at"));
}

#[test]
fn a_group_that_reset_to_the_latest_offset_later_on_lost_what_lay_between() {
    let reset = "{\"position\":{\"t\":8,\"c\":3,\"at\":[1,0],\"position\":5,\"reason\":\"reset\"}}\n";
    finds(&in_a_group(&at_the_end(&misses_the_tail(), reset)), &[(Kind::Unprocessed, 2)]);
    let first = misses_the_tail().replace("\"at\":[1,0],\"position\":0", "\"at\":[1,0],\"position\":5");
    clean(&in_a_group(&without(&first, &["{\"read\"", "\"c\":3,"])));
}

#[test]
fn an_offset_that_was_committed_before_the_history_began_is_a_beginning_and_one_that_nobody_committed_is_not() {
    let at = |text: &str| {
        text.replace(
            "\"at\":[1,0],\"position\":0,\"reason\":\"reset\"",
            "\"at\":[1,0],\"position\":3,\"reason\":\"committed\"",
        )
    };
    let text = (0..3).fold(in_a_group(&healthy()), |text, r| without(&text, &["{\"read\"", "\"c\":3,", &invoice(r)]));
    clean(&at(&text));
    // The group's members did commit in this history, and not that.
    let commit = "{\"commit\":{\"t\":1,\"c\":3,\"op\":0,\"group\":1,\"at\":[1,0],\"next\":1}}\n\
                  {\"commit_result\":{\"t\":1,\"c\":3,\"op\":0,\"outcome\":\"ok\"}}\n";
    finds(&before(&at(&text), "{\"assigned\"", commit), &[(Kind::Unprocessed, 2)]);
}

#[test]
fn a_reader_at_read_uncommitted_is_owed_what_its_level_may_see() {
    let hidden = healthy().replace(
        "\"offset\":4,\"id\":[0,0,4,1,0],\"visible\":true",
        "\"offset\":4,\"id\":[0,0,4,1,0],\"visible\":false",
    );
    let aborted = |text: &str| {
        let begun = before(text, "\"c\":1,\"op\":4,\"topic\":1", "{\"begin\":{\"t\":5,\"c\":1,\"n\":7}}");
        let send = "\"topic\":1,\"id\":[0,0,4,1,0]";
        let sent = begun.replace(send, &format!("{send},\"n\":7"));
        at_the_end(
            &sent,
            "{\"ending\":{\"t\":8,\"c\":1,\"n\":7,\"commit\":false}}\n{\"ended\":{\"t\":8,\"c\":1,\"n\":7,\"commit\":false,\"outcome\":\"ok\"}}\n",
        )
    };
    let text = aborted(&without(&hidden, &["{\"read\"", "\"c\":3,", &invoice(4)]));
    let uncommitted = text.replace("\"kind\":\"reader\"", "\"kind\":\"reader\",\"isolation\":\"read_uncommitted\"");
    let count = |text: &str| judge(text).count(Kind::Unprocessed);
    // At read_committed it is not owed the aborted record; at read_uncommitted it is.
    assert_eq!((count(&text), count(&uncommitted)), (0, 1));
}

#[test]
fn what_the_log_start_has_passed_is_not_owed() {
    let text = stops_at(2).replace("\"at\":[0,0],\"start\":0", "\"at\":[0,0],\"start\":4");
    let text = (0..4).fold(text, |text, r| without(&text, &["{\"final\"", "[0,0],", &order(r)]));
    let text =
        text.replace("\"name\":\"orders\",\"partitions\":1", "\"name\":\"orders\",\"partitions\":1,\"deletes\":true");
    assert_eq!(judge(&text).count(Kind::Unprocessed), 1);
}

#[test]
fn an_output_that_waits_for_another_transaction_is_pending_and_not_unprocessed() {
    let text = healthy().replace("\"at\":[1,0],\"start\":0,\"lso\":5", "\"at\":[1,0],\"start\":0,\"lso\":3");
    let text = (3..5).fold(text, |text, r| {
        let text = without(&text, &["{\"commit\"", "\"c\":1,", &format!("\"op\":{r},")]);
        let text = without(&text, &["{\"commit_result\"", "\"c\":1,", &format!("\"op\":{r},")]);
        let text = without(&text, &["{\"ack\"", "\"c\":1,", &format!("\"op\":{r},")]);
        let text = without(&text, &["{\"read\"", "\"c\":3,", &invoice(r)]);
        let text =
            at_the_end(&text, &format!("{{\"unknown\":{{\"t\":8,\"c\":1,\"op\":{r},\"error\":\"TIMEOUT\"}}}}\n"));
        let id = format!("\"id\":{},\"visible\":", invoice(r));
        text.replace(&format!("{id}true"), &format!("{id}false"))
    });
    let report = finds(&text, &[(Kind::StalledLso, 1)]);
    assert_eq!((report.account.inputs[0].pending, report.account.inputs[0].unprocessed), (2, 0));
}

// ---- connectors ----

/// `payer` charges for each order; `charged` are those that the bank has in the end.
fn connector(charged: &[i64], extra: &str) -> String {
    let mut text = r#"
{"topic":{"id":0,"name":"orders","partitions":1}}
{"sink":{"id":0,"name":"bank","kind":"charges"}}
{"group":{"id":0,"name":"payer"}}
{"client":{"id":0,"name":"shop","kind":"producer","outputs":[0]}}
{"client":{"id":1,"name":"payer","kind":"reader","group":0,"inputs":[0],"sinks":[0]}}
{"started":{"t":0,"c":0}}
{"started":{"t":0,"c":1}}
"#
    .to_owned();
    for r in 0..3 {
        text += &format!("{{\"send\":{{\"t\":1,\"c\":0,\"op\":{r},\"topic\":0,\"id\":{}}}}}\n", order(r));
        text += &format!("{{\"ack\":{{\"t\":1,\"c\":0,\"op\":{r},\"at\":[0,0],\"offset\":{r}}}}}\n");
        text += &format!("{{\"read\":{{\"t\":2,\"c\":1,\"at\":[0,0],\"offset\":{r},\"id\":{}}}}}\n", order(r));
    }
    for r in charged {
        text += &format!("{{\"apply\":{{\"t\":3,\"c\":1,\"op\":{r},\"sink\":0,\"id\":{}}}}}\n", order(*r));
        text += &format!("{{\"applied\":{{\"t\":3,\"c\":1,\"op\":{r},\"outcome\":\"ok\"}}}}\n");
    }
    text += extra;
    text += "{\"end\":{\"t\":9,\"at\":[0,0],\"start\":0,\"lso\":3,\"hw\":3,\"leo\":3}}\n";
    for r in 0..3 {
        text += &format!("{{\"final\":{{\"at\":[0,0],\"offset\":{r},\"id\":{},\"visible\":true}}}}\n", order(r));
    }
    text += "{\"sink_end\":{\"t\":9,\"sink\":0}}\n";
    for (n, r) in charged.iter().enumerate() {
        text += &format!("{{\"sink_final\":{{\"sink\":0,\"n\":{n},\"id\":{}}}}}\n", order(*r));
    }
    text
}

#[test]
fn a_connector_has_processed_what_has_its_effect_and_not_what_it_has_read() {
    clean(&connector(&[0, 1, 2], ""));
    let report = finds(&connector(&[0, 2], ""), &[(Kind::Unprocessed, 1)]);
    assert_eq!(
        proof(&report, Kind::Unprocessed),
        "record 1 of shop at orders-0@1 was not processed by group payer: the group never committed an offset there"
    );
    // It says that it is done with it: then the charge itself is missed.
    let commit = "{\"commit\":{\"t\":4,\"c\":1,\"op\":0,\"group\":0,\"at\":[0,0],\"next\":3}}\n\
                  {\"commit_result\":{\"t\":4,\"c\":1,\"op\":0,\"outcome\":\"ok\"}}\n";
    finds(&connector(&[0, 2], commit), &[(Kind::ChargeNever, 1)]);
    // Or that there is nothing to be done.
    clean(&connector(&[0, 2], &("{\"skipped\":{\"t\":4,\"c\":1,\"at\":[0,0],\"offset\":1}}\n".to_owned() + commit)));
}

#[test]
fn a_promise_can_allow_it_for_a_topic_or_for_one_reader() {
    let promise = |of: &str| format!("{{\"promise\":{{{of},\"allow\":[\"unprocessed\"]}}}}\n");
    let with = |of: &str, text: &str| before(text, "{\"started\"", &promise(of));
    assert_eq!(clean(&with("\"topic\":0", &stops_at(2))).allowed[0].count, 3);
    assert_eq!(clean(&with("\"client\":3", &misses_the_tail())).allowed[0].count, 2);
    finds(&with("\"client\":3", &stops_at(2)), &UNDONE);
    finds(&with("\"topic\":0", &misses_the_tail()), &[(Kind::Unprocessed, 2)]);
}
