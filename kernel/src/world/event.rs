//! What waits in the queue.

use super::connection::{Answer, Arrived};
use super::occasion::Occasion;
use crate::envelope::Envelope;
use crate::vocabulary::Vocabulary;
use crate::{Actor, ConnId};

/// The queue moves events about, so an event is two words: what is larger is behind a pointer. (With a tag of four bytes
/// they are moved as words, too; moving the seven bytes behind a smaller tag one by one took a twentieth of a run.)
#[derive(Clone, Debug)]
#[repr(u32)]
pub(crate) enum Event<V: Vocabulary> {
    /// A connection request reaches the host.
    Syn(ConnId),
    /// The host's answer reaches the client: it is connected.
    Accepted(ConnId),
    /// The host's answer reaches the client: nobody listens there.
    Refused(ConnId),
    /// A request reaches the host, on the connection of that number. (It is here so that the connection is found without
    /// having opened the envelope.)
    Request(u32, Envelope<Arrived<V>>),
    /// An answer reaches the client.
    Response(u32, Envelope<Answer<V>>),
    /// The client's end was closed.
    ClosedByClient(ConnId),
    /// The server's end was closed, or the connection was killed.
    ClosedByServer(ConnId),
    /// The server reads the next request of a connection.
    NextRequest(ConnId),
    /// A connection has been silent for too long.
    Silence(ConnId),
    /// A machine's deadline.
    Timeout(Actor, u32),
    /// A fault of the schedule begins.
    Fault(u32),
    /// An action that a fault brought about (its end, its next step).
    Step(Box<Step<V>>),
}

impl<V: Vocabulary> Event<V> {
    pub const IS_SMALL: () = assert!(size_of::<Event<V>>() == 16, "an event is two words");

    /// The connection that it happens to.
    pub fn conn(&self) -> Option<ConnId> {
        match self {
            Event::Syn(c) | Event::Accepted(c) | Event::Refused(c) => Some(*c),
            Event::ClosedByClient(c) | Event::ClosedByServer(c) => Some(*c),
            Event::Request(number, _) | Event::Response(number, _) => Some(ConnId(u64::from(*number))),
            _ => None,
        }
    }
}

/// Continuations of faults, and the world's own jobs.
#[derive(Clone, Debug)]
pub(crate) enum Step<V: Vocabulary> {
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
    /// The fault of the trigger at that place, whose pause is over.
    Act(usize, Occasion<V>),
    /// Has everything finished?
    Look,
    /// One of the system's.
    Own(V::Step),
}
