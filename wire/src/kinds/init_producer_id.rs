//! InitProducerId.

use fencepost_protocol::ids::NO_PRODUCER_EPOCH;
use fencepost_protocol::message as ours;
use fencepost_protocol::message::ProducerIdAndEpoch;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use crate::describe::{At, Wired, message};
use crate::error::Wire;
use crate::values::outcome;

message! { ours::InitProducerIdRequest => InitProducerIdRequest {
    version from header,
    transactional_id = transactional_id,
    transaction_timeout_ms = transaction_timeout_ms,
    producer: ProducerIdAndEpoch { id = producer_id since 3, epoch = producer_epoch since 3, },
} }

impl Wired<InitProducerIdResponse> for ours::InitProducerIdResponse {
    fn to_wire(&self, at: &At<'_>) -> Wire<InitProducerIdResponse> {
        self.result.to_wire(at)
    }

    fn from_wire(wire: &InitProducerIdResponse, at: &At<'_>) -> Wire<Self> {
        Ok(ours::InitProducerIdResponse { result: Wired::from_wire(wire, at)? })
    }
}

message! { ProducerIdAndEpoch => InitProducerIdResponse {
    id = producer_id,
    epoch = producer_epoch,
} }

outcome! { InitProducerIdResponse { producer_epoch: NO_PRODUCER_EPOCH } }
