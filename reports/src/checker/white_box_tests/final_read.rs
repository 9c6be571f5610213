//! The final read: its end, two values, order, and what a sink keeps.

use super::*;

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
