//! Where a proof points, and what is counted as leaked.

use super::*;

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
