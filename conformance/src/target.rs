//! What a dialogue is put to: Apache Kafka, or our machines.

use fencepost_protocol::ids::*;
use fencepost_protocol::message::{Request, Response};

use crate::dialogue::Topic;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It was answered.
    Answer(Response),
    /// It was done and has no answer (`acks=0`).
    Silence,
    /// The server closed the connection, or there is none.
    Closed,
}

/// How a broker's process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Controlled shutdown.
    Clean,
    /// SIGKILL.
    Kill,
}

/// A cluster. Errors of its methods are those of the machinery around it, never Kafka's.
pub trait Target {
    /// Comes before every transactional id and group id, so that dialogues on one cluster do not meet.
    fn prefix(&self) -> String;

    /// Prepares for a new dialogue: fresh names, no open connections, its topics created; the i-th has the
    /// id [`TopicId::application`] of i.
    ///
    /// # Errors
    /// The cluster cannot be brought into that state.
    fn begin(&mut self, topics: &[Topic]) -> Result<(), String>;

    /// Brokers whose processes run.
    fn brokers(&self) -> Vec<NodeId>;

    /// Sends a request on a client's connection, which is opened if need be.
    ///
    /// # Errors
    /// The request cannot be sent at all.
    fn send(&mut self, to: NodeId, connection: &str, version: i16, request: Request) -> Result<(), String>;

    /// Waits for the answer to what was sent last on a connection; `None` when `patience_ms` pass without one.
    ///
    /// # Errors
    /// An answer that cannot be understood.
    fn receive(&mut self, to: NodeId, connection: &str, patience_ms: u64) -> Result<Option<Reply>, String>;

    /// Lets time pass.
    fn pass(&mut self, ms: u64);

    /// The wall clock, milliseconds.
    fn wall_ms(&self) -> i64;

    /// Ends a broker's process and waits until it is gone.
    ///
    /// # Errors
    /// It does not go.
    fn stop(&mut self, broker: NodeId, ending: Ending) -> Result<(), String>;

    /// Starts a broker's process again on its disk and waits until it serves.
    ///
    /// # Errors
    /// It does not come.
    fn start(&mut self, broker: NodeId) -> Result<(), String>;
}
