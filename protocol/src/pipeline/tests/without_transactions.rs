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

/// Numbers of the work that the application was given since the last call of `events`.
fn work(rig: &Rig) -> Vec<(u64, usize)> {
    let of = |event: &PipelineEvent| match event {
        PipelineEvent::Work { number, records } => Some((*number, records.iter().map(Records::len).sum())),
        _ => None,
    };
    rig.events.iter().filter_map(of).collect()
}

#[test]
fn outputs_and_offsets_wait_for_the_application_s_own_work() {
    let mut rig = Rig::new(Guarantee::AtLeastOnce, |c| c.own_work = true);
    rig.feed(0, 2);
    rig.pass(1_000);
    assert_eq!((work(&rig), rig.sent(), rig.p.phase()), (vec![(0, 2)], vec![], Phase::Processing));
    rig.with(|p, now, out| p.worked(now, 7, false, out));
    assert_eq!(rig.sent(), [], "that is not the work in hand");
    rig.with(|p, now, out| p.worked(now, 0, false, out));
    rig.pass(10);
    assert_eq!(rig.sent(), [Produce, Produce, OffsetCommit]);
    assert_eq!((rig.committed[&input(0)], rig.p.is_idle()), (2, true));
}

#[test]
fn at_most_once_works_after_the_commit() {
    let mut rig = Rig::new(Guarantee::AtMostOnce, |c| c.own_work = true);
    rig.hold(OffsetCommit);
    rig.feed(0, 2);
    rig.pass(10);
    assert_eq!(work(&rig), []);
    rig.release(OffsetCommit);
    assert_eq!(work(&rig), [(0, 2)]);
}

/// Partitions of which the application was asked where to read them, since the last call of `events`.
fn located(rig: &Rig) -> Vec<TopicPartition> {
    let of = |event: &PipelineEvent| match event {
        PipelineEvent::Locate { partitions } => partitions.clone(),
        _ => Vec::new(),
    };
    rig.events.iter().flat_map(of).collect()
}

fn keeps_its_offsets(config: &mut PipelineConfig) {
    (config.own_work, config.own_offsets, config.outputs_per_input) = (true, true, 0);
}

#[test]
fn an_application_that_keeps_its_offsets_reads_from_there_and_commits_none() {
    let mut rig = Rig::new(Guarantee::AtLeastOnce, keeps_its_offsets);
    assert!(!rig.p.is_idle(), "it has not been told where to read");
    rig.with(|p, now, out| p.located(now, &[(input(0), Some(5)), (input(1), None)], out));
    assert!(rig.p.is_idle());
    rig.pass(10);
    assert_eq!((rig.p.consumer().position(input(0)), rig.p.consumer().position(input(1))), (Some(5), Some(0)));
    rig.feed_nothing();
    rig.feed(5, 7);
    assert_eq!((rig.read(), work(&rig)), (vec![5, 6], vec![(0, 2)]));
    rig.with(|p, now, out| p.worked(now, 0, false, out));
    rig.pass(10);
    assert_eq!((rig.sent().contains(&OffsetCommit), rig.p.is_idle()), (false, true));
}

#[test]
fn work_that_must_begin_again_without_an_offset_goes_back_to_where_reading_began() {
    let mut rig = Rig::new(Guarantee::AtLeastOnce, keeps_its_offsets);
    let nothing = [(input(0), None), (input(1), None)];
    rig.with(|p, now, out| p.located(now, &nothing, out));
    rig.feed(0, 2);
    assert_eq!(rig.p.consumer().position(input(0)), Some(2));
    rig.with(|p, now, out| p.worked(now, 0, true, out));
    rig.with(|p, now, out| p.located(now, &nothing, out));
    assert_eq!(rig.p.consumer().position(input(0)), Some(0));
}

#[test]
fn work_that_must_begin_again_asks_for_the_offsets_again() {
    let mut rig = Rig::new(Guarantee::AtLeastOnce, keeps_its_offsets);
    rig.with(|p, now, out| p.located(now, &[(input(0), Some(0)), (input(1), Some(0))], out));
    rig.feed_nothing();
    rig.feed(0, 2);
    rig.events();
    rig.with(|p, now, out| p.worked(now, 0, true, out));
    assert_eq!(located(&rig), [input(0), input(1)]);
    rig.with(|p, now, out| p.located(now, &[(input(0), Some(1)), (input(1), Some(0))], out));
    assert_eq!(rig.p.consumer().position(input(0)), Some(1));
    let mut config = PipelineConfig::new("p".into(), vec![INPUT], OUTPUT, Guarantee::ExactlyOnceV2);
    config.consumer.set("group.id", "g").unwrap();
    config.own_offsets = true;
    assert!(config.resolve().is_err(), "a transaction takes the offsets with it");
}
