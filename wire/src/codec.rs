//! Kafka's structures to bytes and back: the library's work, with nothing left over.

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable};

use crate::error::Problem;
use crate::guard;

pub(crate) fn encode<T: Encodable>(message: &T, version: i16) -> Result<Vec<u8>, Problem> {
    let mut buffer = BytesMut::new();
    message.encode(&mut buffer, version).map_err(|e| Problem::Bytes(e.to_string()))?;
    Ok(buffer.into())
}

pub(crate) fn decode<T: Decodable>(bytes: &[u8], version: i16) -> Result<T, Problem> {
    let mut buffer = Bytes::copy_from_slice(bytes);
    let message = guard::decode(&mut buffer, version)?;
    if buffer.is_empty() { Ok(message) } else { Err(Problem::LeftOver(buffer.len())) }
}
