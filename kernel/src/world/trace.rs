//! What a tracer is told.

use crate::schedule::Action;
use crate::time::Instant;
use crate::vocabulary::Vocabulary;

/// One line of a trace: something that was delivered.
#[derive(Clone, Debug)]
pub struct Traced<'a, V: Vocabulary> {
    /// When.
    pub at: Instant,
    /// Name of the sender.
    pub from: &'a str,
    /// Name of the receiver.
    pub to: &'a str,
    /// What.
    pub what: TracedEvent<'a, V>,
    /// For requests and answers: which.
    pub message: Option<MessageKey>,
}

/// Pairs what is said of one request, or of its answer: connection and correlation id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageKey {
    /// Connection.
    pub connection: u64,
    /// Number of the request on it.
    pub correlation: u32,
    /// Whether it is the answer.
    pub answer: bool,
    /// The client's end of the connection is gone: what still arrives is late, and its answer will not be read.
    pub late: bool,
}

/// What was delivered, and (from [`TracedEvent::Sent`] on) what else happened.
#[derive(Clone, Debug)]
pub enum TracedEvent<'a, V: Vocabulary> {
    /// A request.
    Request(&'a V::Request),
    /// An answer.
    Response(&'a V::Response),
    /// A connection was made.
    Connected,
    /// A connection is gone.
    Disconnected,
    /// A timer fired.
    Timer,
    /// A fault, in words.
    Fault(String),
    /// A request left its sender and is due at that time; whether it arrives is told by itself.
    Sent(&'a V::Request, Instant),
    /// An answer left its sender and is due at that time.
    Answered(&'a V::Response, Instant),
    /// A request or an answer will not arrive, or nobody is there to take it.
    Lost,
    /// A process began to run.
    Started,
    /// A process ended; with its host, or by itself.
    Stopped {
        /// Its host lost power.
        power: bool,
    },
    /// A process stands still.
    Paused,
    /// A process runs on.
    Resumed,
    /// A fault began.
    Began(&'a Action<V>),
    /// What the system itself tells.
    Own(V::Traced),
}

impl<V: Vocabulary> TracedEvent<'_, V> {
    /// Whether something was handed over to a machine, so that it counts as a delivery.
    pub fn is_delivery(&self) -> bool {
        use TracedEvent::{Connected, Disconnected, Fault, Request, Response, Timer};
        matches!(self, Request(_) | Response(_) | Connected | Disconnected | Timer | Fault(_))
    }
}

/// Takes the trace.
pub type Tracer<'a, V> = &'a mut dyn FnMut(&Traced<'_, V>);
