//! EndTxn.

use fencepost_protocol::message as ours;
use fencepost_protocol::message::ProducerIdAndEpoch;
use kafka_protocol::messages::{EndTxnRequest, EndTxnResponse};

use crate::describe::message;

message! { ours::EndTxnRequest => EndTxnRequest {
    version from header,
    transactional_id = transactional_id,
    producer: ProducerIdAndEpoch { id = producer_id, epoch = producer_epoch, },
    result = committed,
} }

message! { ours::EndTxnResponse => EndTxnResponse {
    error = error_code,
    producer: ProducerIdAndEpoch { id = producer_id since 5, epoch = producer_epoch since 5, },
} }
