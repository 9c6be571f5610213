//! WriteTxnMarkers. Version 2, which has `transaction_version`, is not one of the library's.

use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::ProducerId;
use fencepost_protocol::message as ours;
use fencepost_protocol::message::{PartitionErrors, ProducerIdAndEpoch};
use kafka_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use kafka_protocol::messages::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};

use crate::describe::{At, Wired, message, value};
use crate::error::Wire;
use crate::topics::by_topic;

message! { ours::WriteTxnMarkersRequest => WriteTxnMarkersRequest {
    markers = markers,
} }

message! { ours::TxnMarkerEntry => WritableTxnMarker {
    producer: ProducerIdAndEpoch { id = producer_id, epoch = producer_epoch, },
    result = transaction_result,
    coordinator_epoch = coordinator_epoch,
    transaction_version is (0),
    partitions = topics by topic,
} }

by_topic! { WritableTxnMarkerTopic { name name, partition_indexes: [i32] } }

message! { ours::WriteTxnMarkersResponse => WriteTxnMarkersResponse {
    markers = markers,
} }

impl Wired<WritableTxnMarkerResult> for (ProducerId, PartitionErrors) {
    fn to_wire(&self, at: &At<'_>) -> Wire<WritableTxnMarkerResult> {
        let result = WritableTxnMarkerResult::default().with_producer_id(self.0.into());
        Ok(result.with_topics(at.write_topics("topics", &self.1)?))
    }

    fn from_wire(wire: &WritableTxnMarkerResult, at: &At<'_>) -> Wire<Self> {
        Ok((wire.producer_id.0, at.read_topics("topics", &wire.topics)?))
    }
}

by_topic! { WritableTxnMarkerTopicResult {
    name name, partitions: [WritableTxnMarkerPartitionResult.partition_index]
} }

value! { Option<ErrorCode> => WritableTxnMarkerPartitionResult { error_code } }
