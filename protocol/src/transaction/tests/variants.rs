//! The variants that the coordinator consults.

use super::*;
use crate::config::{BrokerVariant, BrokerVariants};
use ErrorCode::*;
use TransactionState::*;

fn with_variant(mut h: Harness, variant: BrokerVariant) -> Harness {
    Arc::make_mut(&mut h.coordinator.config).variant = BrokerVariants::NONE.with(variant);
    h
}

#[test]
fn txn_timeout_no_fence_leaves_the_epoch_valid() {
    // Against §3.7: the sweep raises the epoch.
    for tv in [1, 2] {
        let mut h = with_variant(Harness::loaded(tv, value(Ongoing, 7)), BrokerVariant::TxnTimeoutNoFence);
        h.advance(70_000);
        h.commit();
        assert_eq!((h.state(), h.installed().producer), (PrepareAbort, pair(PID, 7)));
        h.finish();
        let version = if tv == 2 { 4 } else { 3 };
        assert_eq!(h.add(version, pair(PID, 7), data(2)), None, "the producer goes on as if nothing had happened");
    }
}

#[test]
fn txn_timeout_no_fence_does_not_touch_the_fence_of_init_producer_id() {
    let mut h = with_variant(Harness::loaded(2, value(Ongoing, 7)), BrokerVariant::TxnTimeoutNoFence);
    assert_eq!(h.init(ProducerIdAndEpoch::NONE), Err(ConcurrentTransactions));
    assert_eq!(h.installed().producer, pair(PID, 8));
}

#[test]
fn coordinator_failover_forgets_begin_writes_no_record() {
    // Against §3.3: what is answered is written.
    let mut h = with_variant(Harness::loaded(2, value(Empty, 7)), BrokerVariant::CoordinatorFailoverForgetsBegin);
    let conn = h.ask_add(4, pair(PID, 7), &[data(0)]);
    assert_eq!(h.added(conn), [None]);
    assert!(h.uncommitted.is_empty());
    assert_eq!(h.state(), Ongoing);
    h.fail_over();
    assert_eq!(h.state(), Empty);
}
