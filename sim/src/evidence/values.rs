//! Values of the protocol as the history writes them.

use fencepost_protocol::batch::{Origin, Record, Value};
use fencepost_protocol::ids::TopicPartition;
use fencepost_protocol::message::IsolationLevel;
use fencepost_reports::history::event as h;

/// An identity header.
pub fn identity(origin: &Origin) -> h::Identity {
    h::Identity {
        source: origin.source,
        partition: origin.partition,
        offset: origin.offset,
        stage: origin.stage,
        index: origin.index,
    }
}

/// The fingerprint of a record's value; none for a tombstone.
#[inline]
pub fn fingerprint(record: &Record) -> Option<u64> {
    record.value.as_ref().map(Value::fingerprint)
}

/// A partition.
pub fn partition(tp: TopicPartition) -> h::Partition {
    h::Partition::new(tp.topic.0, tp.partition)
}

/// An isolation level.
pub fn isolation(level: IsolationLevel) -> h::Isolation {
    match level {
        IsolationLevel::ReadUncommitted => h::Isolation::ReadUncommitted,
        IsolationLevel::ReadCommitted => h::Isolation::ReadCommitted,
    }
}
