//! Kafka's wire protocol, mapped to and from the messages of `fencepost_protocol::message`.
//!
//! Both ends of a connection are served: a client encodes requests and decodes responses, a broker decodes requests and
//! encodes responses. The mapping is total: every request and response that Kafka has, in every version that the
//! `kafka-protocol` crate speaks, which knows the layout of each version; this crate says what its fields mean to the
//! model. What a version cannot carry comes back as Kafka's default ("none", -1, empty); what neither side knows is a
//! [`WireError`] that names the field, never a guess. Left out by name: compressed batches, the contents of internal
//! topics (they travel as empty batches), WriteTxnMarkers v2 and TxnOffsetCommit v6 (the crate has not got them).
//!
//! Each request kind has a file in `kinds/` with its request and its response, and a line in the table there.

mod batch;
mod codec;
mod consumer_protocol;
mod describe;
mod directory;
mod error;
mod frame;
mod guard;
mod kinds;
mod topics;
mod values;
mod varint;

pub use batch::{decode_batches, encode_batch};
pub use directory::Directory;
pub use error::{Place, Problem, Side, WireError};
pub use frame::{
    Frame, Head, decode_request_frame, decode_response_frame, read_frame, request_frame, response_body, response_frame,
};
pub use kinds::{decode_request, decode_response, encode_request, encode_response, versions};
