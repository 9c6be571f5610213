//! A schedule: how one execution deviates from the nominal one.
//!
//! The world has a nominal behaviour, with fixed latencies and no faults. Everything else is a list of deviations from
//! it. An explorer draws them, a recording writes them down, a replay applies a written list and draws nothing.

mod name;
mod translate;

use fencepost_protocol::broker::Job;
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::{NodeId, TopicPartition};
use fencepost_protocol::time::{Instant, Span};

use crate::message::Kind;

pub use name::{Attempts, MessageName, Subject};
pub use translate::Cast;

pub use crate::cast::Actor;

/// One deviation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deviation {
    /// Something happens to one message.
    Message(MessageName, Effect),
    /// Something happens to nodes or links.
    Fault(Fault),
}

/// What can happen to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The request travels this much longer.
    DelayRequest(Span),
    /// The answer travels this much longer.
    DelayResponse(Span),
    /// The connection dies before the request arrives.
    LoseRequest,
    /// The request is handled, and the connection dies before the answer arrives.
    LoseResponse,
    /// The request is not handled, and answered with this code.
    ErrorBefore(ErrorCode),
    /// The request is handled, and answered with this code all the same.
    ErrorAfter(ErrorCode),
}

/// A fault of nodes or links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When it begins.
    pub when: When,
    /// What it is.
    pub action: Action,
    /// It may stay out: nobody need be warned of that.
    pub optional: bool,
}

/// When a fault begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// At a time.
    At(Instant),
    /// When something happens, plus a pause.
    After(Trigger, Span),
}

/// "The 3rd Produce to orders-0 was handled".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Kind of message.
    pub kind: Kind,
    /// Moment in the life of the message.
    pub phase: Phase,
    /// Only messages of this sender.
    pub from: Option<Actor>,
    /// Only messages to this receiver.
    pub to: Option<Actor>,
    /// Only messages that concern this partition (and carry data, for fetches).
    pub partition: Option<TopicPartition>,
    /// Which of them, from 1.
    pub nth: u32,
}

/// Moment in the life of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Its sender is about to send it: a fault that stops the sender prevents it.
    Sending,
    /// The receiver has taken it (a batch is appended; the answer may be pending).
    Handled,
    /// The receiver has sent its answer.
    Answered,
    /// The answer has been taken by the sender of the request.
    Received,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A process dies; its host resets its connections. It comes back after the pause, if one is given.
    Crash {
        /// Whose.
        node: Actor,
        /// Down for.
        down: Option<Span>,
    },
    /// A host loses power: silence; of what was not flushed a part is lost. `keep_ppm` says how much of each
    /// partition's unflushed tail survives.
    PowerLoss {
        /// Whose.
        node: Actor,
        /// Down for.
        down: Option<Span>,
        /// Parts per million of the unflushed tail that survive, one draw for all partitions.
        keep_ppm: u64,
    },
    /// A process stands still; its kernel accepts bytes.
    Pause {
        /// Whose.
        node: Actor,
        /// For.
        span: Span,
    },
    /// A controlled shutdown and start.
    Restart {
        /// Which broker.
        node: Actor,
        /// Down for, after it has stopped.
        down: Span,
    },
    /// All brokers, one after the other, each when the previous one is back in sync.
    RollingRestart {
        /// Down for, each.
        down: Span,
    },
    /// Bytes from one node to another are held.
    Block {
        /// Pairs (from, to).
        links: Vec<(Actor, Actor)>,
        /// For.
        span: Span,
    },
    /// Messages from one node to another take longer.
    Slow {
        /// Pairs (from, to).
        links: Vec<(Actor, Actor)>,
        /// By how much each.
        by: Span,
        /// For.
        span: Span,
    },
    /// For a while, every answer of that kind to a node is lost with its connection; requests are handled.
    LoseAnswers {
        /// Whose answers.
        node: Actor,
        /// To which requests.
        kind: Kind,
        /// For.
        span: Span,
    },
    /// A leadership moves to another in-sync replica.
    MoveLeader {
        /// Of.
        partition: TopicPartition,
        /// To; none: the next one.
        to: Option<NodeId>,
    },
    /// A wall clock steps.
    StepClock {
        /// Whose.
        node: Actor,
        /// Milliseconds.
        by_ms: i64,
    },
    /// A wall clock runs at another speed.
    DriftClock {
        /// Whose.
        node: Actor,
        /// Parts per million.
        ppm: i64,
    },
    /// A broker applies metadata late.
    HoldMetadata {
        /// Which broker.
        node: Actor,
        /// For.
        span: Span,
    },
    /// A node takes longer for everything it sends (a slow disk, a busy processor).
    SlowNode {
        /// Which.
        node: Actor,
        /// Per message.
        by: Span,
        /// For.
        span: Span,
    },
    /// A background job comes later.
    PostponeJob {
        /// Which broker.
        node: Actor,
        /// Which job.
        job: Job,
        /// By.
        by: Span,
    },
    /// The finalized transaction version changes.
    SetTransactionVersion(u8),
    /// Happens to the very message that the trigger named, which is about to be sent ([`Phase::Sending`]).
    Message(Effect),
}

/// The whole list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// In the order in which they took effect.
    pub deviations: Vec<Deviation>,
}

impl Action {
    /// How long it lasts, where it lasts.
    pub fn span_mut(&mut self) -> Option<&mut Span> {
        match self {
            Action::Crash { down, .. } | Action::PowerLoss { down, .. } => down.as_mut(),
            Action::Restart { down, .. } | Action::RollingRestart { down } => Some(down),
            Action::Pause { span, .. }
            | Action::Block { span, .. }
            | Action::Slow { span, .. }
            | Action::LoseAnswers { span, .. }
            | Action::HoldMetadata { span, .. }
            | Action::SlowNode { span, .. } => Some(span),
            Action::PostponeJob { by, .. } => Some(by),
            _ => None,
        }
    }
}
