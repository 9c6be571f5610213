//! Histories of the format's first version, as an earlier Fencepost wrote them: they are still read, and judged as they were
//! where that was right.

use fencepost_reports::{Checker, Report, Verdict, history};

/// The judgement on one of the files in `format-1/`.
fn check(name: &str) -> Report {
    let path = format!("{}/tests/format-1/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(text.starts_with(b"{\"history\":{\"version\":1,"), "{name}");
    let mut checker = Checker::new();
    history::read(&*text, &mut checker).unwrap_or_else(|error| panic!("{name}: {error}"));
    checker.finish()
}

#[track_caller]
fn judged(name: &str, verdict: Verdict, found: &[(&str, u64)]) {
    let report = check(name);
    let kinds: Vec<(&str, u64)> = report.violations.iter().map(|v| (v.kind.name(), v.count)).collect();
    assert_eq!((report.verdict, &kinds[..]), (verdict, found), "{name}\n{}", report.render_text());
    assert!(report.warnings.is_empty(), "{name}: {:?}", report.warnings);
    assert!(report.notes[0].starts_with("the history is of format version 1"), "{name}: {:?}", report.notes);
}

#[test]
fn what_was_clean_is_clean() {
    for name in [
        "lost-ack-fixed",
        "zombie-consumer-fixed",
        "edge-of-the-world-fixed",
        "open-transaction-fixed",
        "aborted-leak-fixed",
        "next-transaction-fixed",
        "coordinator-failover",
    ] {
        judged(name, Verdict::Clean, &[]);
    }
}

#[test]
fn what_was_violated_is_violated_in_the_same_way() {
    judged("lost-ack", Verdict::Violated, &[("duplicate", 10)]);
    judged("aborted-leak", Verdict::Violated, &[("aborted-visible", 20)]);
    judged("edge-of-the-world-rows", Verdict::Violated, &[("row-twice", 10)]);
    judged("next-transaction", Verdict::Violated, &[("uncommitted-visible", 10), ("late-request", 20)]);
    let found = [("duplicate", 10), ("outputs-without-offsets", 35), ("committed-offset-moved", 1)];
    judged("zombie-consumer", Verdict::Violated, &found);
}

#[test]
fn what_was_stuck_is_stuck() {
    judged("open-transaction", Verdict::Stuck, &[("hanging-transaction", 1), ("stalled-lso", 1)]);
    judged("coordinator-failover-one-replica", Verdict::Stuck, &[("stalled-lso", 2), ("stuck-run", 1)]);
}

#[test]
fn what_was_called_clean_and_proved_nothing_is_vacuous() {
    judged("lost-ack-request-lost", Verdict::Vacuous, &[]);
}
