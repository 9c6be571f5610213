//! The variants that a log consults: each with what the log does without it.

use super::*;
use crate::config::BrokerVariant;

fn leader(variant: BrokerVariant) -> Leader {
    Leader::with(LogSettings { variants: BrokerVariants::NONE.with(variant), ..settings() })
}

/// A log that has seen epochs 0 and 1 of producer 7.
fn after_a_bump(mut leader: Leader) -> Leader {
    leader.append(batch(7, 0, 0, 1)).unwrap();
    leader.append(batch(7, 1, 0, 1)).unwrap();
    leader
}

#[test]
fn no_epoch_check_appends_what_a_zombie_sends() {
    // Against §2.3 step 3.
    after_a_bump(Leader::new()).refuses(batch(7, 0, 5, 1), InvalidProducerEpoch);
    let mut leader = after_a_bump(leader(BrokerVariant::NoEpochCheck));
    assert_eq!(leader.append(batch(7, 0, 5, 1)), Ok((2, false)));
    assert_eq!(leader.verify(7, 0, 0, true), Verification::Needed(VerificationGuard(1)), "epoch 0 is the newest again");
}

#[test]
fn verify_append_gap_takes_any_guard() {
    // Against §2.5: a marker invalidates the guard.
    for (variant, outcome) in [(None, Err(InvalidTxnState)), (Some(BrokerVariant::VerifyAppendGap), Ok(1))] {
        let mut leader = variant.map_or_else(Leader::new, leader);
        let guard = leader.guard(7, 0, 0, false);
        leader.marker(7, 0, Abort, 1, 0).unwrap();
        assert_eq!(leader.guarded(txn(7, 0, 0, 1), Some(guard)), outcome);
        assert_eq!(leader.guarded(txn(8, 0, 0, 1), None), Err(InvalidTxnState), "without a guard nothing goes");
    }
}

#[test]
fn marker_retry_livelock_refuses_a_repeated_marker() {
    // Against §2.7.
    for (variant, outcome) in [(None, Ok(2)), (Some(BrokerVariant::MarkerRetryLivelock), Err(InvalidProducerEpoch))] {
        let mut leader = variant.map_or_else(Leader::new, leader);
        leader.append(txn(7, 0, 0, 1)).unwrap();
        assert_eq!(leader.marker(7, 1, Commit, 1, 2), Ok(1), "the first one is written");
        assert_eq!(leader.marker(7, 1, Commit, 1, 2), outcome);
    }
}
