//! The variants that a broker consults.

use super::*;
use crate::config::{BrokerVariant, BrokerVariants};

fn world(brokers: i32, variant: Option<BrokerVariant>) -> World {
    World::with(brokers, 1, |c| {
        c.variant = variant.map_or(BrokerVariants::NONE, |v| BrokerVariants::NONE.with(v));
    })
}

#[test]
fn late_produce_hangs_lso_asks_nobody_below_transaction_version_2() {
    // Against §2.5.
    let mut world = world(1, Some(BrokerVariant::LateProduceHangsLso));
    world.intercept.insert(Purpose::AddPartitions);
    let first = |version, epoch| ProduceRequest { version, ..produce(Acks::All, of(7, epoch, 0, true)) };
    let conn = world.send(1, first(11, 0));
    assert_eq!(world.outcome(conn), Some(Ok(0)));
    let conn = world.send(1, first(12, 1));
    assert_eq!(world.outcome(conn), None, "to add is not optional");
}

#[test]
fn ack_then_truncate_reports_waiting_writes_as_done() {
    // Against §1.6: a leadership that ends fails what waits.
    let lost = Some(Err(ErrorCode::NotLeaderOrFollower));
    for (variant, outcome) in [(None, lost), (Some(BrokerVariant::AckThenTruncate), Some(Ok(0)))] {
        let mut world = world(2, variant);
        world.intercept.insert(Purpose::ReplicaFetcher);
        world.run(500);
        let conn = world.send(1, produce(Acks::All, plain(1)));
        assert_eq!(world.outcome(conn), None);
        world.elect(TP, Some(2), &[2]);
        world.flow();
        assert_eq!(world.outcome(conn), outcome);
    }
}

#[test]
fn leader_before_term_commit_serves_what_followers_may_not_have() {
    // Against §2.9: nobody reads beyond the high watermark.
    for (variant, records) in [(None, 0), (Some(BrokerVariant::LeaderBeforeTermCommit), 1)] {
        let mut world = world(3, variant);
        world.run(500);
        // Broker 2 has the record, and knows of no high watermark beyond it, when it becomes leader.
        world.send(1, produce(Acks::All, plain(1)));
        assert_eq!((world.log(2).log_end_offset(), world.log(2).high_watermark()), (1, 0));
        world.intercept.insert(Purpose::ReplicaFetcher);
        world.elect(TP, Some(2), &[2, 3]);
        world.flow();
        for isolation in [IsolationLevel::ReadUncommitted, IsolationLevel::ReadCommitted] {
            let response = fetched(world.ask(2, read(0, isolation, 0)));
            assert_eq!(response.partitions[0].batches.len(), records, "{variant:?} {isolation:?}");
        }
    }
}
