//! §6.3, §6.4.

use super::*;
use ApiKey::{EndTxn, FindCoordinator, InitProducerId, JoinGroup, OffsetFetch, Produce, TxnOffsetCommit};
use Outcome::{Failed, Ok as Done, Unknown};

fn exactly_once() -> Rig {
    Rig::new(Guarantee::ExactlyOnceV2, |_| {})
}

fn end_error(error: ErrorCode) -> impl FnOnce(&Request) -> EndTxnResponse {
    move |_| EndTxnResponse { error: Some(error), producer: ProducerIdAndEpoch::NONE }
}

/// Records of input partition 0 are read, the outputs produced, and the commit interval passes. The first transaction
/// also looks up the group's coordinator and, as Kafka's producer does, pauses for retry.backoff.ms after that.
fn through_a_transaction(rig: &mut Rig) {
    rig.feed(0, 3);
    rig.pass(200);
}

#[test]
fn a_transaction_covers_outputs_and_offsets_of_a_commit_interval() {
    let mut rig = exactly_once();
    rig.feed(0, 3);
    assert_eq!(rig.read(), [0, 1, 2]);
    assert_eq!((rig.p.phase(), rig.p.open_transaction()), (Phase::Polling, Some(0)));
    rig.pass(50);
    rig.feed(3, 5);
    rig.pass(49);
    assert_eq!(rig.p.phase(), Phase::Polling);
    rig.sent();
    rig.pass(1);
    assert_eq!(rig.p.phase(), Phase::SendingOffsets);
    rig.pass(100);
    let offsets = rig.log.iter().find_map(|request| match request {
        Request::TxnOffsetCommit(r) => Some(r.clone()),
        _ => None,
    });
    let offsets = offsets.expect("the offsets were sent");
    assert_eq!(offsets.offsets.iter().map(|o| (o.tp, o.offset)).collect::<Vec<_>>(), [(input(0), 5)]);
    assert_eq!((offsets.group.generation, &*offsets.group.member_id), (1, "m"));
    assert_eq!(rig.sent(), [FindCoordinator, TxnOffsetCommit, EndTxn]);
    assert_eq!(rig.ended(), [(0, true, Done)]);
    assert_eq!(rig.committed[&input(0)], 5);
    assert!(rig.p.is_idle());
}

#[test]
fn an_output_is_named_after_its_input() {
    let mut rig = Rig::new(Guarantee::ExactlyOnceV2, |c| (c.stage, c.outputs_per_input) = (4, 2));
    rig.feed(8, 9);
    let sent: Vec<_> = rig
        .events()
        .into_iter()
        .filter_map(|event| match event {
            PipelineEvent::Sent { op, topic, origin, n, .. } => Some((op, topic, origin, n)),
            _ => None,
        })
        .collect();
    let origin = |index| crate::batch::Origin { source: INPUT.0, partition: 0, offset: 8, stage: 4, index };
    assert_eq!(sent, [(0, OUTPUT, origin(0), Some(0)), (1, OUTPUT, origin(1), Some(0))]);
}

#[test]
fn without_an_interval_each_poll_is_a_transaction() {
    let mut rig = Rig::new(Guarantee::ExactlyOnceV2, |c| {
        c.commit_interval_ms = 0;
        c.consumer.set("max.poll.records", "2").unwrap();
    });
    rig.feed(0, 5);
    rig.pass(110);
    assert_eq!(rig.ended(), [(0, true, Done), (1, true, Done), (2, true, Done)]);
}

#[test]
fn processing_takes_its_time() {
    let mut rig = Rig::new(Guarantee::ExactlyOnceV2, |c| c.processing_time = Span::from_millis(10));
    rig.feed(0, 3);
    assert_eq!(rig.p.phase(), Phase::Processing);
    rig.pass(29);
    let sent = |rig: &Rig| rig.events.iter().filter(|e| matches!(e, PipelineEvent::Sent { .. })).count();
    assert_eq!(sent(&rig), 2);
    rig.pass(1);
    assert_eq!((sent(&rig), rig.p.phase()), (3, Phase::Polling));
}

#[test]
fn a_failed_output_aborts_and_goes_back_to_the_committed_offsets() {
    let mut rig = exactly_once();
    rig.committed.insert(input(0), 0);
    rig.hold(Produce);
    rig.feed(0, 2);
    rig.pass(10);
    rig.answer(Produce, produce_error(ErrorCode::InvalidProducerEpoch)); // §5.4: abortable
    rig.release(Produce);
    rig.pass(200);
    assert_eq!(rig.ended(), [(0, false, Done)]);
    assert_eq!(rig.rewound(), [(0, 0), (1, 0)], "where nothing is committed, to where reading began");
    rig.events();
    rig.feed_nothing();
    rig.feed(0, 2);
    rig.pass(200);
    rig.pass(100);
    assert_eq!((rig.read(), rig.ended()), (vec![0, 1], vec![(1, true, Done)]));
}

#[test]
fn a_commit_refused_by_the_group_is_aborted() {
    // §4.5, case 2: the generation has gone on.
    let mut rig = exactly_once();
    rig.hold(TxnOffsetCommit);
    through_a_transaction(&mut rig);
    rig.answer(TxnOffsetCommit, offsets_error(ErrorCode::IllegalGeneration));
    rig.pass(100);
    assert_eq!(rig.ended(), [(0, false, Done)]);
    assert_eq!(rig.rewound().len(), 2);
    assert_eq!(rig.p.incarnation(), 0, "the producer lives on");
}

#[test]
fn a_rewind_waits_for_stable_offsets() {
    let mut rig = exactly_once();
    rig.hold(TxnOffsetCommit);
    through_a_transaction(&mut rig);
    rig.hold(OffsetFetch);
    rig.answer(TxnOffsetCommit, offsets_error(ErrorCode::UnknownMemberId));
    rig.pass(20);
    let unstable = |request: &Request| match request {
        Request::OffsetFetch(r) => OffsetFetchResponse {
            error: None,
            partitions: r.partitions.iter().flatten().map(|tp| (*tp, Err(ErrorCode::UnstableOffsetCommit))).collect(),
        },
        other => panic!("not an OffsetFetch: {other:?}"),
    };
    rig.answer(OffsetFetch, unstable);
    assert_eq!((rig.p.phase(), rig.rewound()), (Phase::Rewinding, vec![]));
    rig.release(OffsetFetch);
    rig.pass(200);
    assert_eq!((rig.p.phase(), rig.rewound().len()), (Phase::Polling, 2));
}

#[test]
fn a_fenced_producer_is_replaced_by_the_next_incarnation() {
    let mut rig = exactly_once();
    rig.hold(EndTxn);
    through_a_transaction(&mut rig);
    rig.sent();
    rig.answer(EndTxn, end_error(ErrorCode::ProducerFenced));
    rig.release(EndTxn);
    rig.pass(100);
    assert_eq!(rig.ended(), [(0, true, Unknown)], "an earlier attempt might have been carried out");
    let error = ErrorCode::ProducerFenced;
    assert!(rig.events.contains(&PipelineEvent::ProducerFailed { error, fenced: true }));
    assert!(rig.events.contains(&PipelineEvent::Incarnation(1)));
    assert_eq!(rig.rewound().len(), 2);
    let sent = rig.sent();
    let at = |key| sent.iter().position(|k| *k == key).expect("it was sent");
    assert!(at(InitProducerId) < at(OffsetFetch), "the new incarnation settles the open transaction first: {sent:?}");
    rig.events();
    rig.feed_nothing();
    rig.feed(0, 2);
    rig.pass(300);
    assert_eq!(rig.ended(), [(1, true, Done)]);
}

#[test]
fn a_commit_that_times_out_is_repeated_and_never_aborted() {
    // §5.2.
    let mut rig = exactly_once();
    rig.hold(EndTxn);
    through_a_transaction(&mut rig);
    rig.pass(59_000);
    assert!(!rig.events.contains(&PipelineEvent::TimedOut { n: 0, commit: true }));
    rig.pass(60_000);
    assert!(rig.events.contains(&PipelineEvent::TimedOut { n: 0, commit: true }));
    assert_eq!((rig.p.phase(), rig.ended()), (Phase::Committing, vec![]));
    rig.release(EndTxn);
    rig.pass(1_000);
    assert_eq!(rig.ended(), [(0, true, Done)]);
    let results: Vec<_> = rig
        .log
        .iter()
        .filter_map(|request| match request {
            Request::EndTxn(r) => Some(r.result),
            _ => None,
        })
        .collect();
    assert!(results.iter().all(|r| *r == crate::batch::TransactionResult::Commit), "{results:?}");
    let endings = rig.events.iter().filter(|e| matches!(e, PipelineEvent::Ending { .. })).count();
    assert_eq!(endings, 1);
}

#[test]
fn a_commit_that_the_coordinator_refuses_is_a_definite_failure() {
    let mut rig = exactly_once();
    rig.hold(EndTxn);
    through_a_transaction(&mut rig);
    rig.answer(EndTxn, end_error(ErrorCode::TransactionAbortable));
    rig.release(EndTxn);
    rig.pass(100);
    assert_eq!(rig.ended(), [(0, true, Failed), (0, false, Done)]);
}

#[test]
fn a_revocation_commits_the_open_transaction_first() {
    let mut rig = Rig::new(Guarantee::ExactlyOnceV2, |c| c.commit_interval_ms = 60_000);
    rig.feed(0, 2);
    rig.sent();
    rig.own = vec![input(1)];
    rig.rebalancing = true;
    rig.pass(3_000);
    assert_eq!(rig.ended(), [(0, true, Done)]);
    let sent = rig.sent();
    let at = |key| sent.iter().position(|k| *k == key).expect("it was sent");
    assert!(at(TxnOffsetCommit) < at(EndTxn) && at(EndTxn) < at(JoinGroup), "{sent:?}");
    assert_eq!(rig.committed[&input(0)], 2);
    assert_eq!(rig.p.consumer().assignment().collect::<Vec<_>>(), [input(1)]);
    assert_eq!(rig.p.phase(), Phase::Polling);
}

#[test]
fn a_revocation_whose_commit_fails_aborts_first() {
    let mut rig = Rig::new(Guarantee::ExactlyOnceV2, |c| c.commit_interval_ms = 60_000);
    rig.hold(TxnOffsetCommit);
    rig.feed(0, 2);
    rig.sent();
    rig.rebalancing = true;
    rig.pass(3_000);
    rig.answer(TxnOffsetCommit, offsets_error(ErrorCode::IllegalGeneration));
    rig.pass(100);
    assert_eq!(rig.ended(), [(0, false, Done)]);
    let sent = rig.sent();
    let at = |key| sent.iter().position(|k| *k == key).expect("it was sent");
    assert!(at(EndTxn) < at(JoinGroup), "{sent:?}");
}

#[test]
fn lost_partitions_abort_the_open_transaction() {
    // §6.3, step 5.
    let mut rig = Rig::new(Guarantee::ExactlyOnceV2, |c| c.commit_interval_ms = 60_000);
    rig.hold(ApiKey::Heartbeat);
    rig.feed(0, 2);
    rig.pass(3_000);
    rig.answer(ApiKey::Heartbeat, |_| HeartbeatResponse { error: Some(ErrorCode::UnknownMemberId) });
    rig.release(ApiKey::Heartbeat);
    rig.pass(100);
    assert_eq!(rig.ended(), [(0, false, Done)]);
    assert!(!rig.sent().contains(&TxnOffsetCommit));
    assert_eq!(rig.p.phase(), Phase::Polling);
}

#[test]
fn a_zombie_presents_its_old_generation() {
    // The process pauses in the middle of a transaction and wakes when its session is long over.
    let mut rig = exactly_once();
    rig.feed(0, 2);
    rig.now = Now::at_ms(100_000);
    rig.hold(TxnOffsetCommit);
    rig.pass(200);
    let offsets = rig.held.iter().find_map(|(_, _, request)| match request {
        Request::TxnOffsetCommit(r) => Some(r.group.generation),
        _ => None,
    });
    assert_eq!(offsets, Some(1));
}

#[test]
fn group_id_only_gives_no_generation() {
    let mut rig = Rig::new(Guarantee::ExactlyOnceV2, |c| c.send_offsets_with = SendOffsetsWith::GroupIdOnly);
    through_a_transaction(&mut rig);
    let group = rig.log.iter().find_map(|request| match request {
        Request::TxnOffsetCommit(r) => Some(r.group.clone()),
        _ => None,
    });
    assert_eq!(group, Some(GroupMetadata::only_group("g".into())));
}

#[test]
fn the_pipeline_halts_where_it_is_told_to() {
    for (point, sent) in [
        (CrashPoint::AfterPoll, vec![]),
        (CrashPoint::AfterWrite, vec![Produce]),
        (CrashPoint::AfterOffsets, vec![Produce, FindCoordinator, TxnOffsetCommit]),
        (CrashPoint::CommitSent, vec![Produce, FindCoordinator, TxnOffsetCommit, EndTxn]),
        (CrashPoint::AfterCommit, vec![Produce, FindCoordinator, TxnOffsetCommit, EndTxn]),
    ] {
        let mut rig = Rig::new(Guarantee::ExactlyOnceV2, |c| c.halt_at = vec![(point, 0)]);
        rig.feed(0, 1);
        rig.pass(1_000);
        assert!(rig.p.is_halted() && rig.events.contains(&PipelineEvent::Halted(point)), "{point:?}");
        assert_eq!(rig.sent(), sent, "{point:?}");
        rig.with(|p, now, out| p.proceed(now, out));
        rig.pass(1_000);
        assert_eq!(rig.ended(), [(0, true, Done)], "{point:?}");
    }
}

#[test]
fn closing_commits_leaves_and_closes() {
    let mut rig = Rig::new(Guarantee::ExactlyOnceV2, |c| c.commit_interval_ms = 60_000);
    rig.feed(0, 2);
    rig.sent();
    rig.with(|p, now, out| p.close(now, out));
    rig.pass(1_000);
    assert_eq!((rig.p.phase(), rig.ended()), (Phase::Dead, vec![(0, true, Done)]));
    assert_eq!(rig.sent(), [FindCoordinator, TxnOffsetCommit, EndTxn, ApiKey::LeaveGroup]);
    assert_eq!(rig.p.poll_timeout(), Instant::NEVER);
}
