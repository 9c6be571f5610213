//! How machines talk to the world: connections they open, requests they serve.
//!
//! The unit of the network is the connection, as in TCP: it delivers in order or dies. A machine names its outgoing
//! connections by [`Channel`]; connections that others opened to it reach it as opaque [`ConnId`]s. A server is given the
//! next request of a connection only after it has answered the previous one (§1.11).

use crate::ids::NodeId;
use crate::message::{Request, Response};
use crate::time::{Instant, Now};

/// What an outgoing connection is for. Each purpose has a connection of its own, as in Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A producer's or a consumer's general connection to a broker: produce, fetch, metadata, look-ups, and a producer's
    /// transactional requests.
    Client,
    /// The same for the producer of a pipeline, whose consumer has [`Purpose::Client`].
    PipelineProducer,
    /// A consumer's connection to its group coordinator.
    GroupCoordinator,
    /// A follower's fetcher.
    ReplicaFetcher,
    /// A transaction coordinator's marker sender.
    TxnMarkers,
    /// The add/verify channel of KIP-890.
    AddPartitions,
    /// A broker's registration and heartbeats to the controller.
    ControllerHeartbeat,
    /// A broker's AlterPartition requests.
    ControllerAlterPartition,
    /// A broker's requests for producer-id blocks.
    ControllerProducerIds,
    /// A broker's long poll for metadata changes.
    ControllerMetadata,
}

/// An outgoing connection of a machine: at most one exists per peer and purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    /// The other end.
    pub to: NodeId,
    /// What for.
    pub purpose: Purpose,
}

pub use fencepost_kernel::{ConnId, CorrelationId};

/// What the world tells a machine that opened connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetInput {
    /// A connection that was asked for is there.
    Connected(Channel),
    /// A connection died, or could not be made. Requests without an answer on it have an unknown outcome.
    Disconnected(Channel),
    /// An answer arrived. Answers of one channel arrive in the order of its requests.
    Response(Channel, CorrelationId, Response),
}

/// What a machine asks of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Open a connection; answered by Connected or Disconnected, or by nothing for as long as a partition holds the bytes.
    Connect(Channel),
    /// Send a request on an open connection.
    Send(Channel, CorrelationId, Request),
    /// Close a connection from this end. No Disconnected follows.
    Close(Channel),
    /// Answer the request in hand of an incoming connection.
    Respond(ConnId, Response),
    /// The request in hand is done and has no answer (`acks=0`).
    Done(ConnId),
    /// Close an incoming connection (an `acks=0` request failed).
    CloseIncoming(ConnId),
}

/// A buffer that outputs are pushed into, in the order in which they happen.
pub type Outputs = Vec<Output>;

/// Pushes what is made, in its place: what is first put together elsewhere and then moved at once is read in other
/// pieces than it was just written in, for which processors have to wait (a twentieth of an exchange of small messages).
#[inline(always)]
pub(crate) fn push_made(out: &mut Outputs, make: impl FnOnce() -> Output) {
    out.extend(core::iter::once_with(make));
}

/// What every participant has in common.
pub trait Machine: Clone {
    /// The earliest time at which [`Machine::handle_timeout`] has something to do; [`Instant::NEVER`] if nothing is pending.
    fn poll_timeout(&self) -> Instant;

    /// Does what is due at `now`. Calling it early is harmless.
    fn handle_timeout(&mut self, now: Now, out: &mut Outputs);
}

/// A machine that serves requests (broker, controller).
pub trait Server: Machine {
    /// A request arrived on an incoming connection whose previous request has been answered.
    fn request(&mut self, now: Now, conn: ConnId, request: Request, out: &mut Outputs);
}

/// A machine that opens connections (everybody but the controller).
pub trait Client: Machine {
    /// Something happened on a connection that this machine opened.
    fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs);
}
