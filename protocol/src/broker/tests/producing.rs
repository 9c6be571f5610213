//! Produce at the leader (§1.6, §2.3 step 0).

use super::*;

#[test]
fn acks_all_is_answered_when_the_high_watermark_passes() {
    let mut world = World::new(3, 2);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500); // the fetches that are parked end; the next ones are caught
    let conn = world.send(1, produce(Acks::All, plain(2)));
    assert_eq!(world.outcome(conn), None);
    assert_eq!((world.log(1).log_end_offset(), world.log(1).high_watermark()), (2, 0));
    world.intercept.clear();
    for caught in core::mem::take(&mut world.caught) {
        world.break_off(&caught);
    }
    world.run(1_000);
    assert_eq!(world.outcome(conn), Some(Ok(0)));
    assert_eq!(world.log(1).high_watermark(), 2); // R3
}

#[test]
fn acks_1_is_answered_at_once_and_acks_0_never() {
    let mut world = World::new(3, 2);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    let conn = world.send(1, produce(Acks::Leader, plain(1)));
    assert_eq!(world.outcome(conn), Some(Ok(0)));
    let conn = world.send(1, produce(Acks::None, plain(1)));
    assert_eq!(world.outcome(conn), None);
    assert!(world.done.contains(&conn));
}

#[test]
fn an_error_under_acks_0_closes_the_connection() {
    let mut world = World::new(2, 1);
    let conn = world.send(2, produce(Acks::None, plain(1)));
    assert!(world.closed.contains(&conn) && !world.done.contains(&conn));
}

#[test]
fn too_small_an_in_sync_set_is_found_before_the_append_and_before_the_duplicate_check() {
    // §1.6, 19: the retry of a batch that is in the log can get 19 too.
    let mut world = World::new(2, 2);
    let batch = of(7, 0, 0, false);
    let conn = world.send(1, produce(Acks::All, batch.clone()));
    world.run(0);
    assert_eq!(world.outcome(conn), Some(Ok(0)));
    let mut p = world.controller.image.partition(TP).expect("a partition").clone();
    p.isr = vec![node(1)];
    p.partition_epoch += 1;
    world.controller.unfence = false;
    world.fence(2, true);
    world.change(MetadataChange::Partition(TP, p));
    world.flow();
    let conn = world.send(1, produce(Acks::All, batch));
    assert_eq!(world.outcome(conn), Some(Err(ErrorCode::NotEnoughReplicas)));
    let conn = world.send(1, produce(Acks::All, plain(1)));
    assert_eq!(world.outcome(conn), Some(Err(ErrorCode::NotEnoughReplicas)));
    assert_eq!(world.log(1).log_end_offset(), 1);
    // acks=1 is still appended, but stays below the high watermark (KIP-966).
    let conn = world.send(1, produce(Acks::Leader, plain(1)));
    assert_eq!(world.outcome(conn), Some(Ok(1)));
    world.run(2_000);
    assert_eq!(world.log(1).high_watermark(), 1);
}

#[test]
fn acks_all_times_out_with_7_and_the_data_stays() {
    let mut world = World::new(2, 2);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    let conn = world.send(1, ProduceRequest { timeout_ms: 200, ..produce(Acks::All, plain(1)) });
    world.run(199);
    assert_eq!(world.outcome(conn), None);
    world.run(1);
    assert_eq!(world.outcome(conn), Some(Err(ErrorCode::RequestTimedOut)));
    assert_eq!(world.log(1).log_end_offset(), 1);
}

#[test]
fn a_leader_change_answers_waiting_produces_with_6_and_the_new_leader() {
    let mut world = World::new(2, 2);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    let conn = world.send(1, produce(Acks::All, plain(1)));
    world.elect(TP, Some(2), &[1, 2]);
    let Some(Response::Produce(answer)) = world.answer(conn) else { panic!("no answer") };
    assert_eq!(answer.partitions[0].error, Some(ErrorCode::NotLeaderOrFollower));
    assert_eq!(answer.partitions[0].base_offset, -1);
    assert_eq!(answer.partitions[0].current_leader, Some((node(2), 1)));
}

#[test]
fn a_duplicate_under_acks_all_waits_for_the_original_to_be_replicated() {
    // §2.3 step 2.
    let mut world = World::new(2, 2);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    let first = world.send(1, produce(Acks::All, of(7, 0, 0, false)));
    let second = world.send(1, produce(Acks::All, of(7, 0, 0, false)));
    assert_eq!((world.outcome(first), world.outcome(second)), (None, None));
    assert_eq!(world.log(1).log_end_offset(), 1);
    world.intercept.clear();
    let caught = world.catch();
    world.break_off(&caught);
    world.caught.clear();
    world.run(1_000);
    assert_eq!(world.outcome(first), Some(Ok(0)));
    assert_eq!(world.outcome(second), Some(Ok(0)));
}

#[test]
fn what_a_produce_is_refused_for() {
    // §1.6.
    let mut world = World::new(2, 1);
    let mut refusal = |to: i32, request: ProduceRequest| {
        let conn = world.send(to, request);
        world.outcome(conn).expect("an answer at once").expect_err("a refusal")
    };
    let at = |tp: TopicPartition, batch: RecordBatch| ProduceRequest {
        partitions: vec![ProducePartition { tp, batch: Arc::new(batch) }],
        ..produce(Acks::All, plain(1))
    };
    assert_eq!(refusal(2, produce(Acks::All, plain(1))), ErrorCode::NotLeaderOrFollower);
    assert_eq!(refusal(1, at(TopicPartition::new(TOPIC, 9), plain(1))), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(refusal(1, at(TopicPartition::new(TopicId(1), 0), plain(1))), ErrorCode::InvalidTopic);
    let invalid = [
        RecordBatch { base_offset: 3, ..plain(1) },
        RecordBatch { last_offset_delta: 4, ..plain(1) },
        RecordBatch::marker(1, 0, TransactionResult::Commit, 0, 0),
        of(7, 0, NO_SEQUENCE, false),
    ];
    for batch in invalid {
        let request = ProduceRequest { transactional_id: Some("t".into()), ..produce(Acks::All, batch) };
        assert_eq!(refusal(1, request), ErrorCode::InvalidRecord);
    }
    assert_eq!(refusal(1, produce(Acks::All, plain(500))), ErrorCode::MessageTooLarge);
    let nameless = ProduceRequest { transactional_id: None, ..produce(Acks::All, of(7, 0, 0, true)) };
    assert_eq!(refusal(1, nameless), ErrorCode::TransactionalIdAuthorizationFailed);
    let mut two = produce(Acks::All, of(7, 0, 0, true));
    two.partitions.push(ProducePartition { tp: TP1, batch: Arc::new(of(8, 0, 0, true)) });
    assert_eq!(refusal(1, two), ErrorCode::InvalidProducerIdMapping);
    assert_eq!(world.log(1).log_end_offset(), 0);
}

#[test]
fn a_batch_larger_than_a_segment_is_18() {
    let mut world = World::new(1, 1);
    let mut small = topic("small", 1, &[1], 1);
    small.settings.segment_bytes = 200;
    world.change(MetadataChange::Topic(TopicId(3), Arc::new(small)));
    world.flow();
    let mut request = produce(Acks::All, plain(20));
    request.partitions[0].tp = TopicPartition::new(TopicId(3), 0);
    let conn = world.send(1, request);
    assert_eq!(world.outcome(conn), Some(Err(ErrorCode::RecordListTooLarge)));
}

#[test]
fn a_request_with_several_partitions_is_answered_once_and_in_order() {
    let mut world = World::new(3, 2);
    let mut request = produce(Acks::All, plain(1));
    request.partitions.insert(0, ProducePartition { tp: TopicPartition::new(TOPIC, 7), batch: Arc::new(plain(1)) });
    request.partitions.push(ProducePartition { tp: TP1, batch: Arc::new(plain(3)) });
    let conn = world.send(1, request);
    world.run(0);
    let Some(Response::Produce(answer)) = world.answer(conn) else { panic!("no answer") };
    let got: Vec<_> = answer.partitions.iter().map(|p| (p.tp.partition, p.error, p.base_offset)).collect();
    assert_eq!(got, [(7, Some(ErrorCode::UnknownTopicOrPartition), -1), (0, None, 0), (1, None, 0)]);
}

#[test]
fn an_in_sync_set_that_is_too_small_when_the_high_watermark_passes_is_20() {
    let mut world = World::new(2, 1);
    let mut partition = world.broker(1).partitions.get(TP).expect("a partition").clone();
    assert_eq!(partition.outcome_after_append(), Ok(()));
    partition.min_isr = 3;
    assert_eq!(partition.outcome_after_append(), Err(ErrorCode::NotEnoughReplicasAfterAppend));
    world.run(0);
}
