//! Frames: a length, a header, a body. Lengths are bounded before anything is decoded.

use std::io::Read;

use fencepost_protocol::message::{ApiKey, Request, Response};
use kafka_protocol::messages::{ApiKey as WireKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::{Directory, Wire, WireError, decode_request, encode_request, encode_response, malformed, s};

/// Largest frame that is read: 100 MiB, as `socket.request.max.bytes`.
const MAX_FRAME: i32 = 100 << 20;

/// A request with what its header says.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// API version.
    pub version: i16,
    /// Pairs the answer with it.
    pub correlation: i32,
    /// `client.id`.
    pub client_id: Option<String>,
    /// The request.
    pub request: Request,
}

fn framed(header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut frame = ((header.len() + body.len()) as i32).to_be_bytes().to_vec();
    frame.extend_from_slice(header);
    frame.extend_from_slice(body);
    frame
}

fn wire_key(key: ApiKey, version: i16) -> Wire<WireKey> {
    WireKey::try_from(key as i16).map_err(|()| WireError::NotOnTheWire(key, version))
}

/// A request as a whole frame.
pub fn request_frame(directory: &Directory, frame: &Frame) -> Wire<Vec<u8>> {
    let key = frame.request.api_key();
    let body = encode_request(directory, frame.version, &frame.request)?;
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(frame.version)
        .with_correlation_id(frame.correlation)
        .with_client_id(frame.client_id.as_deref().map(s));
    let mut bytes = bytes::BytesMut::new();
    header
        .encode(&mut bytes, wire_key(key, frame.version)?.request_header_version(frame.version))
        .map_err(malformed)?;
    Ok(framed(&bytes, &body))
}

/// A request frame without its length, as a server reads it.
pub fn decode_request_frame(directory: &Directory, bytes: &[u8]) -> Wire<Frame> {
    if bytes.len() < 8 {
        return Err(malformed("a request shorter than its header"));
    }
    let number = i16::from_be_bytes([bytes[0], bytes[1]]);
    let version = i16::from_be_bytes([bytes[2], bytes[3]]);
    let key = ApiKey::ALL.iter().copied().find(|k| *k as i16 == number && number >= 0);
    let key = key.ok_or_else(|| malformed(format!("API key {number}")))?;
    let mut buffer = bytes::Bytes::copy_from_slice(bytes);
    let header_version = wire_key(key, version)?.request_header_version(version);
    let header = RequestHeader::decode(&mut buffer, header_version).map_err(malformed)?;
    let request = decode_request(directory, key, version, &buffer)?;
    let client_id = header.client_id.map(|c| c.to_string());
    Ok(Frame { version, correlation: header.correlation_id, client_id, request })
}

/// A response as a whole frame.
pub fn response_frame(directory: &Directory, to: &Frame, response: &Response) -> Wire<Vec<u8>> {
    let key = to.request.api_key();
    let body = encode_response(directory, to.version, &to.request, response)?;
    let header = ResponseHeader::default().with_correlation_id(to.correlation);
    let mut bytes = bytes::BytesMut::new();
    header.encode(&mut bytes, wire_key(key, to.version)?.response_header_version(to.version)).map_err(malformed)?;
    Ok(framed(&bytes, &body))
}

/// The body of a response frame (without its length), after a check of its correlation id.
pub fn response_body(key: ApiKey, version: i16, correlation: i32, bytes: Vec<u8>) -> Wire<Vec<u8>> {
    let mut buffer = bytes::Bytes::from(bytes);
    let header_version = wire_key(key, version)?.response_header_version(version);
    let header = ResponseHeader::decode(&mut buffer, header_version).map_err(malformed)?;
    if header.correlation_id != correlation {
        return Err(malformed(format!("an answer to request {} instead of {correlation}", header.correlation_id)));
    }
    Ok(buffer.to_vec())
}

/// Reads one frame from a stream, without its length.
///
/// # Errors
/// Those of the stream, and a length that no peer of ours sends.
pub fn read_frame(stream: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = i32::from_be_bytes(length);
    if !(0..=MAX_FRAME).contains(&length) {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, format!("a frame of {length} bytes")));
    }
    let mut frame = vec![0; length as usize];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}
