//! A client's connection over blocking TCP.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;

use fencepost_protocol::message::{Acks, ApiVersionsRequest, Request};

use fencepost_wire::{self as wire, Directory, Frame};

use crate::target::Reply;

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    correlation: i32,
    /// The request whose answer is awaited.
    pending: Option<Frame>,
    closed: bool,
}

impl Connection {
    pub fn open(port: u16) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, correlation: 0, pending: None, closed: false })
    }

    fn write(&mut self, directory: &Directory, version: i16, request: Request) -> Result<Frame, String> {
        self.correlation += 1;
        let frame = Frame { version, correlation: self.correlation, client_id: Some("c".into()), request };
        let bytes = wire::request_frame(directory, &frame).map_err(|e| e.to_string())?;
        if self.stream.write_all(&bytes).is_err() {
            self.closed = true;
        }
        Ok(frame)
    }

    pub fn send(&mut self, directory: &Directory, version: i16, request: Request) -> Result<(), String> {
        let frame = self.write(directory, version, request)?;
        self.pending = Some(frame);
        Ok(())
    }

    /// The answer's frame, `None` when the connection is closed; the outer `None` when time is up.
    fn read(&mut self, patience: Duration) -> Result<Option<Option<Vec<u8>>>, String> {
        if self.closed {
            return Ok(Some(None));
        }
        self.stream.set_read_timeout(Some(patience.max(Duration::from_millis(1)))).map_err(|e| e.to_string())?;
        match wire::read_frame(&mut self.stream) {
            Ok(bytes) => Ok(Some(Some(bytes))),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            Err(_) => {
                self.closed = true;
                Ok(Some(None))
            }
        }
    }

    pub fn receive(&mut self, directory: &Directory, patience: Duration) -> Result<Option<Reply>, String> {
        let Some(frame) = self.pending.take() else { return Err("nothing was asked on this connection".into()) };
        if let Request::Produce(r) = &frame.request
            && r.acks == Acks::None
        {
            // It has no answer; the next request of the connection shows whether it was accepted.
            let next = self.write(directory, 0, ApiVersionsRequest.into())?;
            return Ok(match self.read(patience)? {
                None => None,
                Some(None) => Some(Reply::Closed),
                Some(Some(bytes)) => {
                    wire::decode_response_frame(directory, &next, &bytes).map_err(|e| e.to_string())?;
                    Some(Reply::Silence)
                }
            });
        }
        match self.read(patience)? {
            None => {
                self.pending = Some(frame);
                Ok(None)
            }
            Some(None) => Ok(Some(Reply::Closed)),
            Some(Some(bytes)) => {
                let response = wire::decode_response_frame(directory, &frame, &bytes);
                Ok(Some(Reply::Answer(response.map_err(|e| e.to_string())?)))
            }
        }
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }
}
