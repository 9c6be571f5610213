//! At least once and at most once.

use super::*;
use ApiKey::{OffsetCommit, Produce};

fn sent_records(rig: &Rig) -> usize {
    rig.events.iter().filter(|event| matches!(event, PipelineEvent::Sent { .. })).count()
}

#[test]
fn at_least_once_commits_when_outputs_are_acknowledged() {
    let mut rig = Rig::new(Guarantee::AtLeastOnce, |_| {});
    rig.hold(Produce);
    rig.feed(0, 2);
    rig.pass(10);
    assert_eq!((rig.p.phase(), rig.sent()), (Phase::Flushing, vec![Produce, Produce]));
    rig.release(Produce);
    rig.pass(10);
    assert_eq!(rig.sent(), [OffsetCommit]);
    assert_eq!((rig.committed[&input(0)], rig.p.is_idle()), (2, true));
}

#[test]
fn at_most_once_commits_before_it_processes() {
    let mut rig = Rig::new(Guarantee::AtMostOnce, |_| {});
    rig.hold(OffsetCommit);
    rig.feed(0, 2);
    rig.pass(10);
    assert_eq!((rig.p.phase(), sent_records(&rig)), (Phase::CommittingOffsets, 0));
    rig.release(OffsetCommit);
    rig.pass(10);
    assert_eq!((sent_records(&rig), rig.committed[&input(0)]), (2, 2));
    assert!(rig.p.is_idle());
}

#[test]
fn at_most_once_processes_nothing_that_it_could_not_commit() {
    let mut rig = Rig::new(Guarantee::AtMostOnce, |_| {});
    rig.hold(OffsetCommit);
    rig.feed(0, 2);
    rig.pass(10);
    rig.answer(OffsetCommit, |_| OffsetCommitResponse {
        partitions: vec![(input(0), Some(ErrorCode::OffsetMetadataTooLarge))],
    });
    rig.release(OffsetCommit);
    rig.pass(10);
    assert_eq!((sent_records(&rig), rig.rewound()), (0, vec![(0, 0), (1, 0)]));
}

#[test]
fn at_least_once_sends_again_what_certainly_failed() {
    let mut rig = Rig::new(Guarantee::AtLeastOnce, |_| {});
    rig.hold(Produce);
    rig.feed(0, 1);
    rig.pass(10);
    rig.answer(Produce, produce_error(ErrorCode::TopicAuthorizationFailed));
    assert!(!rig.sent().contains(&OffsetCommit));
    rig.release(Produce);
    rig.pass(200);
    assert_eq!((sent_records(&rig), rig.committed[&input(0)]), (2, 1));
}

#[test]
fn an_unknown_outcome_is_kept_or_sent_again_as_configured() {
    for (on_unknown, times) in [(OnUnknown::Keep, 1), (OnUnknown::Resend, 2)] {
        let mut rig = Rig::new(Guarantee::AtLeastOnce, |c| {
            c.on_unknown = on_unknown;
            c.producer.set("delivery.timeout.ms", "2000").unwrap();
            c.producer.set("request.timeout.ms", "1500").unwrap();
        });
        rig.hold(Produce);
        rig.feed(0, 1);
        rig.pass(2_100);
        rig.release(Produce);
        rig.pass(5_000);
        assert_eq!((sent_records(&rig), rig.committed[&input(0)]), (times, 1), "{on_unknown:?}");
    }
}

#[test]
fn a_revocation_flushes_and_commits_first() {
    let mut rig = Rig::new(Guarantee::AtLeastOnce, |c| c.commit_interval_ms = 60_000);
    rig.feed(0, 2);
    rig.sent();
    rig.rebalancing = true;
    rig.pass(3_000);
    let sent = rig.sent();
    let at = |key| sent.iter().position(|k| *k == key).expect("it was sent");
    assert!(at(OffsetCommit) < at(ApiKey::JoinGroup), "{sent:?}");
    assert_eq!(rig.committed[&input(0)], 2);
}

#[test]
fn the_crash_between_write_and_commit_can_be_reached() {
    let mut rig = Rig::new(Guarantee::AtLeastOnce, |c| c.halt_at = vec![(CrashPoint::AfterWrite, 1)]);
    rig.feed(0, 1);
    rig.pass(100);
    assert!(!rig.p.is_halted());
    rig.sent();
    rig.feed(1, 2);
    rig.pass(100);
    assert!(rig.p.is_halted());
    assert_eq!((rig.sent(), rig.committed[&input(0)]), (vec![Produce], 1));
    let acknowledged = |e: &PipelineEvent| matches!(e, PipelineEvent::Delivered { op: 1, result: Ok(_) });
    assert!(rig.events.iter().any(acknowledged));
}

#[test]
fn a_pipeline_without_a_group_is_refused() {
    let config = PipelineConfig::new("p".into(), vec![INPUT], OUTPUT, Guarantee::AtLeastOnce);
    assert!(config.resolve().is_err());
}

#[test]
fn a_group_error_that_cannot_be_retried_ends_the_pipeline() {
    let mut rig = Rig::new(Guarantee::AtLeastOnce, |_| {});
    rig.hold(ApiKey::Heartbeat);
    rig.pass(3_000);
    rig.answer(ApiKey::Heartbeat, |_| HeartbeatResponse { error: Some(ErrorCode::GroupAuthorizationFailed) });
    rig.pass(1_000);
    assert!(rig.events.contains(&PipelineEvent::Fatal(ErrorCode::GroupAuthorizationFailed)));
    assert_eq!(rig.p.phase(), Phase::Dead);
}
