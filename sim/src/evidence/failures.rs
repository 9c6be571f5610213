//! Names of what calls of an application come to.

use fencepost_protocol::ids::{Offset, TopicPartition};
use fencepost_protocol::producer::{Certainty, DeliveryError, DeliveryErrorKind, ProducerError};

/// What a send came to: where the record is, or a failure and how sure it is.
pub type Returned = Result<(TopicPartition, Offset), (&'static str, Certainty)>;

/// What a producer says of a send, in those words.
pub fn returned(result: Result<(TopicPartition, Offset), DeliveryError>) -> Returned {
    result.map_err(|failure| (delivery_error_name(failure.error), failure.certainty))
}

/// Name of a failure.
pub fn error_name(error: ProducerError) -> &'static str {
    match error {
        ProducerError::IllegalState(text) => text,
        ProducerError::Abortable(code) | ProducerError::Fatal(code) => code.name(),
        ProducerError::Timeout => "max.block.ms has passed",
    }
}

fn delivery_error_name(error: DeliveryErrorKind) -> &'static str {
    match error {
        DeliveryErrorKind::Code(code) => code.name(),
        DeliveryErrorKind::DeliveryTimeout => "delivery.timeout.ms has passed",
        DeliveryErrorKind::MetadataTimeout => "no metadata within max.block.ms",
        DeliveryErrorKind::BufferTimeout => "no buffer memory within max.block.ms",
        DeliveryErrorKind::RecordTooLarge => "the record is too large",
        DeliveryErrorKind::TransactionAborted => "the transaction was aborted",
        DeliveryErrorKind::Closed => "the producer was closed",
    }
}
