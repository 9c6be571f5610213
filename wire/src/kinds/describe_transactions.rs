//! DescribeTransactions.

use std::sync::Arc;

use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::{NO_PRODUCER_ID, Name, TopicPartition};
use fencepost_protocol::message as ours;
use fencepost_protocol::message::{ProducerIdAndEpoch, TransactionMetadataValue};
use kafka_protocol::messages::describe_transactions_response::{TopicData, TransactionState};
use kafka_protocol::messages::{DescribeTransactionsRequest, DescribeTransactionsResponse};

use crate::describe::{At, Wired, message};
use crate::error::Wire;
use crate::topics::by_topic;
use crate::values::outcome;

message! { ours::DescribeTransactionsRequest => DescribeTransactionsRequest {
    transactional_ids = transactional_ids,
} }

message! { ours::DescribeTransactionsResponse => DescribeTransactionsResponse {
    transactions = transaction_states,
} }

impl Wired<TransactionState> for (Name, Result<TransactionMetadataValue, ErrorCode>) {
    fn to_wire(&self, at: &At<'_>) -> Wire<TransactionState> {
        let state: TransactionState = self.1.to_wire(at)?;
        Ok(state.with_transactional_id(self.0.to_wire(at)?))
    }

    fn from_wire(wire: &TransactionState, at: &At<'_>) -> Wire<Self> {
        Ok((at.read("transactional_id", &wire.transactional_id)?, Wired::from_wire(wire, at)?))
    }
}

message! { TransactionMetadataValue => TransactionState {
    producer: ProducerIdAndEpoch { id = producer_id, epoch = producer_epoch, },
    previous_producer_id is (NO_PRODUCER_ID),
    next_producer_id is (NO_PRODUCER_ID),
    timeout_ms = transaction_timeout_ms,
    state = transaction_state,
    partitions with partitions,
    last_update_ms is (-1),
    start_ms = transaction_start_time_ms,
    client_transaction_version is (0),
} }

/// Sorted, whatever the order on the wire.
mod partitions {
    use super::*;

    pub fn write(partitions: &Arc<[TopicPartition]>, at: &At<'_>, wire: &mut TransactionState) -> Wire<()> {
        wire.topics = at.write_topics("topics", partitions)?;
        Ok(())
    }

    pub fn read(wire: &TransactionState, at: &At<'_>) -> Wire<Arc<[TopicPartition]>> {
        let mut partitions: Vec<TopicPartition> = at.read_topics("topics", &wire.topics)?;
        partitions.sort();
        Ok(partitions.into())
    }
}

by_topic! { TopicData { name topic, partitions: [i32] } }

outcome! { TransactionState {} }
