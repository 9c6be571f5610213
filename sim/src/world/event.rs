//! What waits in the queue.

use fencepost_protocol::io::ConnId;

use super::faults::Occasion;
use super::line::{Answer, Arrived};
use crate::schedule::Actor;
use fencepost_kernel::envelope::Envelope;

/// The queue moves events about, so an event is two words: what is larger is behind a pointer. (With a tag of four bytes
/// they are moved as words, too; moving the seven bytes behind a smaller tag one by one took a twentieth of a run.)
#[derive(Clone, Debug)]
#[repr(u32)]
pub(crate) enum Event {
    /// A connection request reaches the host.
    Syn(ConnId),
    /// The host's answer reaches the client: it is connected.
    Accepted(ConnId),
    /// The host's answer reaches the client: nobody listens there.
    Refused(ConnId),
    /// A request reaches the host, on the connection of that number. (It is here so that the connection is found without
    /// having opened the envelope.)
    Request(u32, Envelope<Arrived>),
    /// An answer reaches the client.
    Response(u32, Envelope<Answer>),
    /// The client's end was closed.
    ClosedByClient(ConnId),
    /// The server's end was closed, or the connection was killed.
    ClosedByServer(ConnId),
    /// The server reads the next request of a connection.
    NextRequest(ConnId),
    /// A connection has been silent for too long.
    Silence(ConnId),
    /// A machine's deadline.
    Wake(Actor, u32),
    /// A fault of the schedule begins.
    Fault(u32),
    /// An action that a fault brought about (its end, its next step).
    Step(Box<Step>),
}

const _: () = assert!(size_of::<Event>() == 16, "an event is two words");

/// Continuations of faults, and the world's own jobs.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A process starts.
    Start(Actor),
    /// A pause ends; the number tells pauses of one node apart.
    Resume(Actor, u32),
    /// A cut link heals.
    Unblock(Vec<(Actor, Actor)>),
    /// A slow link is quick again.
    Unslow(Vec<(Actor, Actor)>, u64),
    /// Answers of that kind are no longer lost.
    KeepAnswers(u32),
    /// A node serves quickly again.
    Unburden(Actor, u64),
    /// A controlled shutdown is looked at.
    CheckShutdown(Actor, u64),
    /// The next broker of a rolling restart, if the cluster is in sync.
    Roll(u32, u64),
    /// The fault of the trigger at that place, whose pause is over.
    Act(usize, Occasion),
    /// Write-back of a broker's page cache.
    WriteBack(Actor, u32),
    /// Has everything finished?
    Settle,
}
