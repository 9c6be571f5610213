//! What tools ask.

use crate::error::ErrorCode;
use crate::ids::*;
use crate::records::TransactionMetadataValue;

/// §2.11.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeProducersRequest {
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
}

/// Answer to DescribeProducers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeProducersResponse {
    /// Per partition its producers in id order.
    pub partitions: Vec<(TopicPartition, Result<Vec<ActiveProducer>, ErrorCode>)>,
}

/// Producer state of a partition as tooling sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Producer id and epoch.
    pub producer: ProducerIdAndEpoch,
    /// Last sequence, -1 for none.
    pub last_sequence: Sequence,
    /// Wall milliseconds of the last batch or marker.
    pub last_timestamp_ms: i64,
    /// Epoch of the last coordinator that wrote a marker, -1 for none.
    pub coordinator_epoch: CoordinatorEpoch,
    /// First offset of the open transaction, -1 for none.
    pub current_txn_start_offset: Offset,
}

/// DescribeTransactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeTransactionsRequest {
    /// The ids.
    pub transactional_ids: Vec<Name>,
}

/// Answer to DescribeTransactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeTransactionsResponse {
    /// Per id.
    pub transactions: Vec<(Name, Result<TransactionMetadataValue, ErrorCode>)>,
}
