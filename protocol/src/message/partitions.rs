//! What is said partition by partition.

use crate::error::ErrorCode;
use crate::ids::{LeaderEpoch, Offset, TopicPartition};

/// Per partition an error, or success.
pub type PartitionErrors = Vec<(TopicPartition, Option<ErrorCode>)>;
/// Per partition an offset (-1 for none) with its leader epoch, or an error.
pub type PartitionOffsets = Vec<(TopicPartition, Result<(Offset, LeaderEpoch), ErrorCode>)>;
