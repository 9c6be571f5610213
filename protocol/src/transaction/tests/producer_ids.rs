//! Producer-id blocks (§1.1).

use super::*;

const CHANNEL: Channel = Channel { to: NodeId::CONTROLLER, purpose: Purpose::ControllerProducerIds };

fn asked(out: &Outputs) -> usize {
    out.iter().filter(|o| matches!(o, Output::Send(CHANNEL, ..))).count()
}

#[test]
fn the_next_block_is_fetched_at_nine_tenths_of_the_current_one() {
    // §1.1.
    let mut h = Harness::fresh(2);
    h.net.clear();
    for n in 0..900 {
        assert_eq!(h.init_idempotent(), Ok(pair(FIRST_FRESH + n, 0)));
    }
    assert_eq!(asked(&h.net), 0);
    assert_eq!(h.init_idempotent(), Ok(pair(FIRST_FRESH + 900, 0)));
    assert_eq!(asked(&h.net), 1);
    for n in 901..1500 {
        assert_eq!(h.init_idempotent(), Ok(pair(FIRST_FRESH + n, 0)), "blocks follow each other without a gap");
    }
    assert_eq!(asked(&h.net), 1);
}

#[test]
fn without_an_id_at_hand_the_caller_sees_14() {
    // §1.1; one request at a time.
    let mut h = Harness::empty(2, Domains::default());
    h.controller = false;
    for _ in 0..3 {
        assert_eq!(h.init_idempotent(), Err(ErrorCode::CoordinatorLoadInProgress));
    }
    assert_eq!(asked(&h.net), 1);
}

#[test]
fn the_request_carries_the_broker_epoch() {
    let mut h = Harness::empty(2, Domains::default());
    h.coordinator.set_broker_epoch(42);
    let _ = h.init_idempotent();
    let request = AllocateProducerIdsRequest { broker: NodeId(1), broker_epoch: 42 };
    assert!(h.net.contains(&Output::Send(CHANNEL, 0, request.into())));
}

#[test]
fn a_refusal_is_followed_by_a_pause_of_50_ms() {
    // §8.4 and KAFKA-20058 (premature retries).
    let mut h = Harness::empty(2, Domains::default());
    h.controller = false;
    let _ = h.init_idempotent();
    let refused = AllocateProducerIdsResponse { block: Err(ErrorCode::StaleBrokerEpoch) };
    h.run(|c, turn| c.net(turn, NetInput::Response(CHANNEL, 0, refused.into())));
    h.advance(49);
    let _ = h.init_idempotent();
    assert_eq!(asked(&h.net), 1);
    h.advance(1);
    let _ = h.init_idempotent();
    assert_eq!(asked(&h.net), 2);
}

#[test]
fn a_lost_connection_is_made_again_and_a_late_block_is_not_taken() {
    // KAFKA-20031: a block that nobody waits for any more must not be used.
    let mut h = Harness::empty(2, Domains::default());
    h.controller = false;
    let _ = h.init_idempotent();
    h.run(|c, turn| c.net(turn, NetInput::Disconnected(CHANNEL)));
    h.advance(50);
    assert_eq!(asked(&h.net), 2, "asked again without a caller");
    let late = AllocateProducerIdsResponse { block: Ok((5000, 1000)) };
    h.run(|c, turn| c.net(turn, NetInput::Response(CHANNEL, 0, late.into())));
    assert_eq!(h.init_idempotent(), Err(ErrorCode::CoordinatorLoadInProgress));
    let block = AllocateProducerIdsResponse { block: Ok((6000, 1000)) };
    h.run(|c, turn| c.net(turn, NetInput::Response(CHANNEL, 1, block.into())));
    assert_eq!(h.init_idempotent(), Ok(pair(6000, 0)));
}

#[test]
fn a_silent_controller_is_given_up_after_the_request_time_out() {
    let mut h = Harness::empty(2, Domains::default());
    h.controller = false;
    let _ = h.init_idempotent();
    h.advance(30_000);
    assert!(h.net.contains(&Output::Close(CHANNEL)));
    h.controller = true;
    h.advance(50);
    assert_eq!(h.init_idempotent(), Ok(pair(FIRST_FRESH, 0)));
}
