//! AllocateProducerIds.

use fencepost_protocol::ids::ProducerId;
use fencepost_protocol::message as ours;
use kafka_protocol::messages::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};

use crate::describe::{At, Wired, message, tuple};
use crate::error::Wire;
use crate::values::outcome;

message! { ours::AllocateProducerIdsRequest => AllocateProducerIdsRequest {
    broker = broker_id,
    broker_epoch = broker_epoch,
} }

impl Wired<AllocateProducerIdsResponse> for ours::AllocateProducerIdsResponse {
    fn to_wire(&self, at: &At<'_>) -> Wire<AllocateProducerIdsResponse> {
        self.block.to_wire(at)
    }

    fn from_wire(wire: &AllocateProducerIdsResponse, at: &At<'_>) -> Wire<Self> {
        Ok(ours::AllocateProducerIdsResponse { block: Wired::from_wire(wire, at)? })
    }
}

tuple! { (ProducerId, i32) => AllocateProducerIdsResponse { 0 = producer_id_start, 1 = producer_id_len } }

outcome! { AllocateProducerIdsResponse {} }
