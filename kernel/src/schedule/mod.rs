//! A schedule: how one execution deviates from the nominal one.
//!
//! The world has a nominal behaviour, with fixed latencies and no faults. Everything else is a list of deviations from
//! it. An explorer draws them, a recording writes them down, a replay applies a written list and draws nothing.

mod name;
mod translate;

use crate::Actor;
use crate::time::{Instant, Span};
use crate::vocabulary::{OwnAction as _, Vocabulary};

pub use name::{Attempts, MessageName};
pub use translate::Cast;

/// One deviation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deviation<V: Vocabulary> {
    /// Something happens to one message.
    Message(MessageName<V>, Effect<V>),
    /// Something happens to nodes or links.
    Fault(Fault<V>),
}

/// What can happen to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect<V: Vocabulary> {
    /// The request travels this much longer.
    DelayRequest(Span),
    /// The answer travels this much longer.
    DelayResponse(Span),
    /// The connection dies before the request arrives.
    LoseRequest,
    /// The request is handled, and the connection dies before the answer arrives.
    LoseResponse,
    /// The request is not handled, and answered with this code.
    ErrorBefore(V::Error),
    /// The request is handled, and answered with this code all the same.
    ErrorAfter(V::Error),
}

/// A fault of nodes or links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault<V: Vocabulary> {
    /// When it begins.
    pub when: When<V>,
    /// What it is.
    pub action: Action<V>,
    /// It may stay out: nobody need be warned of that.
    pub optional: bool,
}

/// When a fault begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When<V: Vocabulary> {
    /// At a time.
    At(Instant),
    /// When something happens, plus a pause.
    After(Trigger<V>, Span),
}

/// "The 3rd write of this key was handled".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger<V: Vocabulary> {
    /// Kind of message.
    pub kind: V::Kind,
    /// Moment in the life of the message.
    pub phase: Phase,
    /// Only messages of this sender.
    pub from: Option<Actor>,
    /// Only messages to this receiver.
    pub to: Option<Actor>,
    /// Only messages that concern this.
    pub item: Option<V::Item>,
    /// Which of them, from 1.
    pub nth: u32,
}

/// Moment in the life of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Its sender is about to send it: a fault that stops the sender prevents it.
    Sending,
    /// The receiver has taken it (the answer may be pending).
    Handled,
    /// The receiver has sent its answer.
    Answered,
    /// The answer has been taken by the sender of the request.
    Received,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<V: Vocabulary> {
    /// A process dies; its host resets its connections. It comes back after the pause, if one is given.
    Crash {
        /// Whose.
        node: Actor,
        /// Down for.
        down: Option<Span>,
    },
    /// A host loses power: silence; of what was not flushed a part is lost.
    PowerLoss {
        /// Whose.
        node: Actor,
        /// Down for.
        down: Option<Span>,
        /// Parts per million of what was not flushed that survive.
        keep_ppm: u64,
    },
    /// A process stands still; its kernel accepts bytes.
    Pause {
        /// Whose.
        node: Actor,
        /// For.
        span: Span,
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
        kind: V::Kind,
        /// For.
        span: Span,
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
    /// A node takes longer for everything it sends (a slow disk, a busy processor).
    SlowNode {
        /// Which.
        node: Actor,
        /// Per message.
        by: Span,
        /// For.
        span: Span,
    },
    /// Happens to the very message that the trigger named, which is about to be sent ([`Phase::Sending`]).
    Message(Effect<V>),
    /// A fault that only the system knows.
    Own(V::Action),
}

/// The whole list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule<V: Vocabulary> {
    /// In the order in which they took effect.
    pub deviations: Vec<Deviation<V>>,
}

impl<V: Vocabulary> Default for Schedule<V> {
    fn default() -> Self {
        Schedule { deviations: Vec::new() }
    }
}

impl<V: Vocabulary> Schedule<V> {
    /// The faults.
    pub fn faults(&self) -> impl Iterator<Item = &Fault<V>> {
        self.deviations.iter().filter_map(|d| match d {
            Deviation::Fault(fault) => Some(fault),
            Deviation::Message(..) => None,
        })
    }

    /// The deviations of messages.
    pub fn messages(&self) -> impl Iterator<Item = (MessageName<V>, Effect<V>)> {
        self.deviations.iter().filter_map(|d| match d {
            Deviation::Message(name, effect) => Some((*name, *effect)),
            Deviation::Fault(_) => None,
        })
    }
}

impl<V: Vocabulary> Action<V> {
    /// How long it lasts, where it lasts.
    pub fn span_mut(&mut self) -> Option<&mut Span> {
        match self {
            Action::Crash { down, .. } | Action::PowerLoss { down, .. } => down.as_mut(),
            Action::Pause { span, .. }
            | Action::Block { span, .. }
            | Action::Slow { span, .. }
            | Action::LoseAnswers { span, .. }
            | Action::SlowNode { span, .. } => Some(span),
            Action::Own(own) => own.span_mut(),
            Action::StepClock { .. } | Action::DriftClock { .. } | Action::Message(_) => None,
        }
    }

    /// The nodes that it concerns.
    pub fn actors(&self) -> Vec<Actor> {
        match self {
            Action::Crash { node, .. }
            | Action::PowerLoss { node, .. }
            | Action::Pause { node, .. }
            | Action::LoseAnswers { node, .. }
            | Action::StepClock { node, .. }
            | Action::DriftClock { node, .. }
            | Action::SlowNode { node, .. } => vec![*node],
            Action::Block { links, .. } | Action::Slow { links, .. } => {
                let mut all: Vec<Actor> = links.iter().flat_map(|(a, b)| [*a, *b]).collect();
                all.sort_unstable();
                all.dedup();
                all
            }
            Action::Own(own) => own.actors(),
            Action::Message(_) => Vec::new(),
        }
    }
}

impl<V: Vocabulary> Effect<V> {
    fn family(&self) -> u8 {
        match self {
            Effect::DelayRequest(_) => 0,
            Effect::DelayResponse(_) => 1,
            Effect::LoseRequest => 2,
            Effect::LoseResponse => 3,
            Effect::ErrorBefore(_) => 4,
            Effect::ErrorAfter(_) => 5,
        }
    }
}

impl<V: Vocabulary> Deviation<V> {
    /// The nodes that it concerns: of a message its sender.
    pub fn actors(&self) -> Vec<Actor> {
        match self {
            Deviation::Message(name, _) => vec![name.from],
            Deviation::Fault(fault) => fault.action.actors(),
        }
    }

    /// Its family: deviations of one family differ only in whom they hit, when, and how hard. Of families that are equally
    /// frequent, shrinking tries first to do without the one with the larger number. The kernel's are tens, so that a
    /// system can place its own faults between them.
    pub fn family(&self) -> u8 {
        match self {
            Deviation::Message(_, effect) => effect.family(),
            Deviation::Fault(fault) => match &fault.action {
                Action::Message(effect) => effect.family(),
                Action::Crash { .. } => 60,
                Action::PowerLoss { .. } => 70,
                Action::Pause { .. } => 80,
                Action::Block { .. } => 110,
                Action::Slow { .. } => 120,
                Action::LoseAnswers { .. } => 130,
                Action::StepClock { .. } => 150,
                Action::DriftClock { .. } => 160,
                Action::SlowNode { .. } => 180,
                Action::Own(own) => own.family(),
            },
        }
    }
}
