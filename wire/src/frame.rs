//! Frames: a length, a header, a body. Lengths are bounded before anything is decoded.

use std::io::Read;

use bytes::Bytes;
use fencepost_protocol::message::{ApiKey, Request, Response};
use kafka_protocol::messages::{ApiKey as WireKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::Encodable;

use crate::codec;
use crate::directory::Directory;
use crate::error::{Fault, Problem, Side, Wire, WireError};
use crate::guard;
use crate::kinds::{decode_request, decode_response, encode_request, encode_response};
use crate::values::s;

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

/// What stands in front of every request, whatever its kind and version: enough to pass on what is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// API key, perhaps of a kind that the model has not.
    pub api_key: i16,
    /// API version, perhaps one that is not known here.
    pub version: i16,
    /// Pairs the answer with it.
    pub correlation: i32,
}

impl Head {
    /// The head of a request frame without its length; `None` where it is shorter.
    pub fn read(bytes: &[u8]) -> Option<Head> {
        let [k0, k1, v0, v1, c @ ..] = *bytes.first_chunk::<8>()?;
        let (api_key, version) = (i16::from_be_bytes([k0, k1]), i16::from_be_bytes([v0, v1]));
        Some(Head { api_key, version, correlation: i32::from_be_bytes(c) })
    }

    /// The model's kind, where Kafka has it too.
    pub fn known(&self) -> Option<ApiKey> {
        ApiKey::ALL.iter().copied().find(|k| *k as i16 == self.api_key && self.api_key >= 0)
    }
}

fn framed(header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut frame = ((header.len() + body.len()) as i32).to_be_bytes().to_vec();
    frame.extend_from_slice(header);
    frame.extend_from_slice(body);
    frame
}

/// The header of `key` in `version`, in the layout that the library chooses for it.
fn headed(header: &impl Encodable, layout: i16, body: &[u8]) -> Wire<Vec<u8>> {
    Ok(framed(&codec::encode(header, layout)?, body))
}

fn wire_key(key: ApiKey) -> Wire<WireKey> {
    Ok(WireKey::try_from(key as i16).map_err(|()| Problem::NotOnTheWire)?)
}

/// A request as a whole frame.
///
/// # Errors
/// Those of [`encode_request`].
pub fn request_frame(directory: &Directory, frame: &Frame) -> Result<Vec<u8>, WireError> {
    let key = frame.request.api_key();
    let body = encode_request(directory, frame.version, &frame.request)?;
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(frame.version)
        .with_correlation_id(frame.correlation)
        .with_client_id(frame.client_id.as_deref().map(s));
    let bytes = wire_key(key).and_then(|k| headed(&header, k.request_header_version(frame.version), &body));
    bytes.map_err(|f| f.at(key, frame.version, Side::Request))
}

/// A request frame without its length, as a broker reads it.
///
/// # Errors
/// Those of [`decode_request`]; the place of a frame without a known API key is that of an ApiVersions request.
pub fn decode_request_frame(directory: &Directory, bytes: &[u8]) -> Result<Frame, WireError> {
    let head = Head::read(bytes).ok_or_else(|| Fault::from(Problem::Bytes("shorter than its header".to_string())));
    let head = head.map_err(|f| f.at(ApiKey::ApiVersions, 0, Side::Request))?;
    let key = head.known().ok_or_else(|| Fault::from(Problem::UnknownApiKey(head.api_key)));
    let key = key.map_err(|f| f.at(ApiKey::ApiVersions, head.version, Side::Request))?;
    let mut buffer = Bytes::copy_from_slice(bytes);
    let header = wire_key(key)
        .and_then(|k| Ok(guard::decode::<RequestHeader>(&mut buffer, k.request_header_version(head.version))?));
    let header = header.map_err(|f| f.within("header").at(key, head.version, Side::Request))?;
    let mut request = decode_request(directory, key, head.version, &buffer)?;
    let client_id = header.client_id.map(|c| c.to_string());
    if let (Request::JoinGroup(join), Some(client_id)) = (&mut request, &client_id) {
        join.client_id = client_id.as_str().into();
    }
    Ok(Frame { version: head.version, correlation: header.correlation_id, client_id, request })
}

/// A response as a whole frame.
///
/// # Errors
/// Those of [`encode_response`].
pub fn response_frame(directory: &Directory, to: &Frame, response: &Response) -> Result<Vec<u8>, WireError> {
    let key = to.request.api_key();
    let body = encode_response(directory, to.version, &to.request, response)?;
    let header = ResponseHeader::default().with_correlation_id(to.correlation);
    let bytes = wire_key(key).and_then(|k| headed(&header, k.response_header_version(to.version), &body));
    bytes.map_err(|f| f.at(key, to.version, Side::Response))
}

/// The response that a frame (without its length) holds, as a client reads it.
///
/// # Errors
/// It answers another request than `to`, or those of [`decode_response`].
pub fn decode_response_frame(directory: &Directory, to: &Frame, bytes: &[u8]) -> Result<Response, WireError> {
    let body = response_body(to.request.api_key(), to.version, to.correlation, bytes)?;
    decode_response(directory, to.version, &to.request, &body)
}

/// The body of a response frame (without its length), after a check of its correlation id.
///
/// # Errors
/// No header, or another request's.
pub fn response_body(key: ApiKey, version: i16, correlation: i32, bytes: &[u8]) -> Result<Bytes, WireError> {
    let mut buffer = Bytes::copy_from_slice(bytes);
    let header = wire_key(key).and_then(|k| {
        let header: ResponseHeader = guard::decode(&mut buffer, k.response_header_version(version))?;
        match header.correlation_id {
            id if id == correlation => Ok(()),
            other => Err(Problem::Correlation(other).into()),
        }
    });
    header.map_err(|f| f.within("header").at(key, version, Side::Response))?;
    Ok(buffer)
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
