//! §9.6, P1 to P5, under random answers.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::batch::{Payload, TransactionResult};

const CODES: [ErrorCode; 8] = [
    ErrorCode::NotEnoughReplicas,
    ErrorCode::RequestTimedOut,
    ErrorCode::NotLeaderOrFollower,
    ErrorCode::OutOfOrderSequenceNumber,
    ErrorCode::InvalidRecord,
    ErrorCode::InvalidProducerEpoch,
    ErrorCode::ConcurrentTransactions,
    ErrorCode::UnknownProducerId,
];

/// Time limits that are reached in a short run.
const SHORT: [(&str, &str); 2] = [("delivery.timeout.ms", "3000"), ("request.timeout.ms", "2000")];

struct Checker {
    /// P1: what each (id, epoch, partition, sequence) was first sent with, by its tokens' values.
    contents: BTreeMap<(ProducerIdAndEpoch, TopicPartition, Sequence), Payload>,
    sent: u64,
    fates: BTreeMap<u64, u32>,
    /// Producer and next sequence of the partitions that were unresolved at the last look.
    numbering: BTreeMap<TopicPartition, (ProducerIdAndEpoch, Sequence)>,
}

impl Checker {
    /// Looks at the requests that are new since `seen`.
    fn look(&mut self, b: &Bench, failed_in_transaction: bool, p1: bool) {
        let transactional =
            |a: &&Asked| !matches!(a.request.api_key(), ApiKey::Produce | ApiKey::Metadata | ApiKey::ApiVersions);
        assert!(b.asked.iter().filter(transactional).count() <= 1, "P4");
        for asked in &b.asked {
            match &asked.request {
                Request::Produce(request) => {
                    for p in request.partitions.iter().filter(|p| p.batch.producer_id != NO_PRODUCER_ID) {
                        let key = (pid(p.batch.producer_id, p.batch.producer_epoch), p.tp, p.batch.base_sequence);
                        let first = self.contents.entry(key).or_insert_with(|| p.batch.payload.clone());
                        assert!(!p1 || *first == p.batch.payload, "P1: {key:?}");
                    }
                }
                Request::EndTxn(end) => {
                    assert_eq!(b.p.accumulator.generations.incomplete(), 0, "P2");
                    assert!(end.result == TransactionResult::Abort || !failed_in_transaction, "P2");
                }
                _ => {}
            }
        }
        let mut numbering = BTreeMap::new();
        for (tp, partition) in b.p.accumulator.partitions.iter() {
            if partition.unresolved.is_none() {
                continue;
            }
            let (producer, next) = (partition.sequences.producer, partition.sequences.next);
            numbering.insert(tp, (producer, next));
            if let Some(&(old_producer, old_next)) = self.numbering.get(&tp) {
                assert!(producer != old_producer || next <= old_next, "P5: {tp:?} was given a new sequence");
            }
        }
        self.numbering = numbering;
    }
}

fn play(mut b: Bench, moves: Vec<(u8, u8)>) {
    let transactional = b.p.transactions.is_transactional();
    let mut checker =
        Checker { contents: BTreeMap::new(), sent: 0, fates: BTreeMap::new(), numbering: BTreeMap::new() };
    let mut failed = false;
    let mut drawn_p1 = true;
    for (what, which) in moves {
        match what % 10 {
            0..=2 => {
                checker.sent += u64::from(b.send(checker.sent, u32::from(which % 4)).is_ok());
            }
            3..=6 if !b.asked.is_empty() => {
                // Answers come in order on a connection.
                let channel = b.asked[usize::from(which) % b.asked.len()].channel;
                let place = b.asked.iter().position(|a| a.channel == channel).unwrap();
                let asked = b.asked.remove(place).unwrap();
                let error = (what % 10 == 6).then(|| CODES[usize::from(which) % CODES.len()]);
                match &asked.request {
                    Request::Produce(_) => {
                        // A definite refusal takes its sequences back (§5.4), which rebinds them.
                        drawn_p1 &= error.is_none_or(ErrorCode::is_retriable);
                        match error {
                            None => b.acked(&asked, 0),
                            Some(code) => b.produced(&asked, Some(code), -1, 0),
                        }
                    }
                    Request::FindCoordinator(_) => b.answer(&asked, FindCoordinatorResponse { node: Ok(NodeId(2)) }),
                    Request::AddPartitionsToTxn(request) => {
                        let error = error.filter(|e| e.is_retriable());
                        let partitions = request.transactions[0].partitions.iter().map(|tp| (*tp, error)).collect();
                        let transactions = vec![(TXN_ID.into(), partitions)];
                        b.answer(&asked, AddPartitionsToTxnResponse { error: None, transactions });
                    }
                    Request::InitProducerId(_) => {
                        let next = pid(b.p.producer_id_and_epoch().id.max(7), b.p.producer_id_and_epoch().epoch + 1);
                        b.answer(&asked, InitProducerIdResponse { result: Ok(next) });
                    }
                    Request::EndTxn(end) => {
                        let error = error.filter(|e| e.is_retriable());
                        let next = match (error, end.version) {
                            (None, 5..) => pid(end.producer.id, end.producer.epoch + 1),
                            _ => ProducerIdAndEpoch::NONE,
                        };
                        b.answer(&asked, EndTxnResponse { error, producer: next });
                    }
                    other => panic!("{other:?}"),
                }
            }
            7 => b.disconnect(1 + i32::from(which % 2)),
            8 => b.advance(u64::from(which) * 20),
            9 if transactional => {
                let _ = match which % 3 {
                    0 => b.begin(),
                    1 => b.commit(),
                    _ => b.abort(),
                };
            }
            _ => {}
        }
        for event in b.events() {
            match event {
                ProducerEvent::Delivered { token, result } => {
                    *checker.fates.entry(token).or_default() += 1;
                    failed |= result.is_err();
                }
                ProducerEvent::Committed(Ok(())) => {
                    assert!(!failed, "P2: a commit with a failed batch");
                }
                _ => {}
            }
        }
        if b.p.state() == ProducerState::Ready {
            failed = false;
        }
        checker.look(&b, failed && transactional, drawn_p1);
    }
    // Whatever happened, every record gets exactly one fate once the cluster behaves.
    for _ in 0..3000 {
        let Some(asked) = b.asked.pop_front() else {
            if b.p.accumulator.generations.incomplete() == 0 {
                break;
            }
            b.advance(100);
            continue;
        };
        match &asked.request {
            Request::Produce(_) => b.acked(&asked, 0),
            Request::FindCoordinator(_) => b.answer(&asked, FindCoordinatorResponse { node: Ok(NodeId(1)) }),
            Request::AddPartitionsToTxn(request) => {
                let partitions = request.transactions[0].partitions.iter().map(|tp| (*tp, None)).collect();
                let transactions = vec![(TXN_ID.into(), partitions)];
                b.answer(&asked, AddPartitionsToTxnResponse { error: None, transactions });
            }
            Request::InitProducerId(_) => {
                let next = pid(b.p.producer_id_and_epoch().id.max(7), b.p.producer_id_and_epoch().epoch + 1);
                b.answer(&asked, InitProducerIdResponse { result: Ok(next) });
            }
            Request::EndTxn(end) => {
                let next = match end.version {
                    5.. => pid(end.producer.id, end.producer.epoch + 1),
                    _ => ProducerIdAndEpoch::NONE,
                };
                b.answer(&asked, EndTxnResponse { error: None, producer: next });
            }
            other => panic!("{other:?}"),
        }
    }
    for (token, _) in b.delivered() {
        *checker.fates.entry(token).or_default() += 1;
    }
    assert_eq!(checker.fates.len() as u64, checker.sent, "every record has a fate");
    assert!(checker.fates.values().all(|n| *n == 1), "one fate each");
    assert!(b.p.accumulator.expiry.is_empty() && b.p.accumulator.queued.is_empty());
    assert_eq!(b.p.accumulator.batches.iter().filter(|(_, b)| !b.done).count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_idempotent_producer_keeps_p1_to_p5(moves in prop::collection::vec((any::<u8>(), any::<u8>()), 0..200)) {
        play(Bench::idempotent(&SHORT), moves);
    }

    #[test]
    fn a_transactional_producer_keeps_p1_to_p5(
        version in 1u8..=2,
        moves in prop::collection::vec((any::<u8>(), any::<u8>()), 0..200),
    ) {
        play(Bench::in_transaction(version, &SHORT), moves);
    }

    #[test]
    fn a_producer_without_idempotence_gives_every_record_one_fate(
        acks in 0u8..=1,
        moves in prop::collection::vec((any::<u8>(), any::<u8>()), 0..200),
    ) {
        play(Bench::plain(&[("acks", if acks == 0 { "0" } else { "1" }), ("linger.ms", "3")]), moves);
    }
}
