//! The variants that a producer consults.

use super::*;

const TV1: [(&str, &str); 3] =
    [("client.protocol", "librdkafka"), ("delivery.timeout.ms", "5000"), ("request.timeout.ms", "5000")];

/// Record 1 was sent and expires without an answer; the transaction is aborted, the next one sends record 2. The epoch
/// and sequence of that.
fn after_an_expiry(variant: &str) -> (ProducerIdAndEpoch, Sequence) {
    let mut b = Bench::in_transaction(1, &[&TV1[..], &[("variant", variant)]].concat());
    b.send(1, 0).unwrap();
    b.answer_add(None);
    b.take_batch();
    b.advance(5_000);
    b.asked.clear();
    b.abort().unwrap();
    b.advance(1_000);
    while let Some(asked) = b.asked.pop_front() {
        match &asked.request {
            Request::EndTxn(_) => b.answer(&asked, EndTxnResponse { error: None, producer: ProducerIdAndEpoch::NONE }),
            Request::InitProducerId(_) => b.answer(&asked, InitProducerIdResponse { result: Ok(pid(7, 1)) }),
            Request::FindCoordinator(_) => b.answer(&asked, FindCoordinatorResponse { node: Ok(NodeId(1)) }),
            other => panic!("{other:?}"),
        }
        b.advance(1_000);
    }
    b.begin().unwrap();
    b.send(2, 0).unwrap();
    b.advance(200);
    b.answer_add(None);
    b.advance(200);
    id(&b.take_batch().1)
}

#[test]
fn aborted_seq_reuse_uses_sequences_of_unknown_outcome_again() {
    // Against §5.4: the epoch is raised after a batch of unknown outcome.
    assert_eq!(after_an_expiry(""), (pid(7, 1), 0));
    assert_eq!(after_an_expiry("aborted-seq-reuse"), (pid(7, 0), 0));
}

#[test]
fn metadata_flap_seq_reset_begins_anew_when_a_topic_is_not_known() {
    for (variant, sequence) in [("", 1), ("metadata-flap-seq-reset", 0)] {
        let mut b = Bench::idempotent(&[("variant", variant)]);
        b.send(1, 0).unwrap();
        let (asked, _) = b.take_batch();
        b.acked(&asked, 0);
        let gone =
            TopicMetadata { topic: TOPIC, error: Some(ErrorCode::UnknownTopicOrPartition), partitions: Vec::new() };
        let response = MetadataResponse { brokers: vec![NodeId(1), NodeId(2)], topics: vec![gone] };
        let now = b.now;
        b.call(|p, _, _| p.metadata_response(now, &response));
        b.send(2, 0).unwrap();
        assert_eq!(id(&b.take_batch().1), (pid(7, 0), sequence), "{variant}");
    }
}
