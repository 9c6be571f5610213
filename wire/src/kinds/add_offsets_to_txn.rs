//! AddOffsetsToTxn.

use fencepost_protocol::message as ours;
use fencepost_protocol::message::ProducerIdAndEpoch;
use kafka_protocol::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

use crate::describe::message;

message! { ours::AddOffsetsToTxnRequest => AddOffsetsToTxnRequest {
    version from header,
    transactional_id = transactional_id,
    producer: ProducerIdAndEpoch { id = producer_id, epoch = producer_epoch, },
    group_id = group_id,
} }

message! { ours::AddOffsetsToTxnResponse => AddOffsetsToTxnResponse {
    error = error_code,
} }
