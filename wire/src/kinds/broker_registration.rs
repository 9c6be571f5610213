//! BrokerRegistration.

use fencepost_protocol::message as ours;
use kafka_protocol::messages::{BrokerRegistrationRequest, BrokerRegistrationResponse};

use crate::describe::{At, Wired, message, value};
use crate::error::Wire;
use crate::values::outcome;

message! { ours::BrokerRegistrationRequest => BrokerRegistrationRequest {
    broker = broker_id,
    incarnation = incarnation_id,
    previous_broker_epoch = previous_broker_epoch since 3,
} }

impl Wired<BrokerRegistrationResponse> for ours::BrokerRegistrationResponse {
    fn to_wire(&self, at: &At<'_>) -> Wire<BrokerRegistrationResponse> {
        self.broker_epoch.to_wire(at)
    }

    fn from_wire(wire: &BrokerRegistrationResponse, at: &At<'_>) -> Wire<Self> {
        Ok(ours::BrokerRegistrationResponse { broker_epoch: Wired::from_wire(wire, at)? })
    }
}

value! { i64 => BrokerRegistrationResponse { broker_epoch } }

outcome! { BrokerRegistrationResponse {} }
