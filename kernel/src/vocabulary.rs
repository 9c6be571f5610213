//! What a system has to say about its messages, its nodes' connections and its own faults.

use core::fmt::Debug;

use crate::Actor;
use crate::schedule::Cast;
use crate::time::Span;

/// A request or an answer.
pub trait Message: Clone + Debug {
    /// Kinds of messages.
    type Kind;

    /// One without content, which owns nothing: what is in an empty envelope.
    const EMPTY: Self;

    /// Its kind; of an answer, that of the request that it answers.
    fn kind(&self) -> Self::Kind;

    /// What it says beyond its kind, as a number for the digest.
    fn content(&self) -> u64;

    /// Bytes that matter for service times.
    #[inline]
    fn size(&self) -> u64 {
        64
    }
}

/// Kinds of messages.
pub trait Kind: Copy + Ord + Debug {
    /// A number of its own below 2^16, for the digest.
    fn word(self) -> u64;

    /// For people.
    fn name(self) -> &'static str;
}

/// What a request is about: its name, besides its sender, its kind and how often it was tried.
pub trait Subject: Copy + Ord + Debug {
    /// Two numbers that tell subjects apart, for look-ups.
    fn words(self) -> (u64, u64);
}

/// A system without subjects: its requests are told apart by attempt.
impl Subject for () {
    fn words(self) -> (u64, u64) {
        (0, 0)
    }
}

/// Faults that only the system knows.
pub trait OwnAction<V: Vocabulary<Action = Self>>: Clone + Eq + Debug {
    /// The nodes that it concerns.
    fn actors(&self) -> Vec<Actor>;

    /// How long it lasts, where it lasts.
    fn span_mut(&mut self) -> Option<&mut Span>;

    /// Its family's place among all families of faults ([`crate::schedule::Deviation::family`]).
    fn family(&self) -> u8;

    /// The same in another cast; none if it concerns what is not there.
    fn translated(&self, cast: &Cast<'_, V>) -> Option<Self>;
}

/// For a system that adds no faults, no traces and no steps of its own to the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nothing {}

impl<V: Vocabulary<Action = Nothing>> OwnAction<V> for Nothing {
    fn actors(&self) -> Vec<Actor> {
        match *self {}
    }

    fn span_mut(&mut self) -> Option<&mut Span> {
        match *self {}
    }

    fn family(&self) -> u8 {
        match *self {}
    }

    fn translated(&self, _: &Cast<'_, V>) -> Option<Nothing> {
        match *self {}
    }
}

/// How the subject of a request is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About<S> {
    /// It says so.
    Itself(S),
    /// It says so, and the requests that follow on its channel and say nothing are about the same.
    FromHereOn(S),
    /// It says nothing, and is about what was said last on its channel; if nothing was, about this.
    AsBefore(S),
}

/// The types that a system's runs are told in. A type without values implements it, so that what is generic over it can be
/// copied and compared.
pub trait Vocabulary: Copy + Ord + Debug + 'static {
    /// What clients send.
    type Request: Message<Kind = Self::Kind>;
    /// What servers answer.
    type Response: Message<Kind = Self::Kind>;
    /// Kinds of both.
    type Kind: Kind;
    /// What a request is about.
    type Subject: Subject;
    /// What a trigger may be limited to: "the 3rd write *of this key*".
    type Item: Copy + Ord + Debug;
    /// How nodes call each other.
    type Address: Copy + Ord + Debug;
    /// A node's outgoing connection: to whom, what for.
    type Channel: Copy + Ord + Debug;
    /// Errors that can be put into answers.
    type Error: Copy + Ord + Debug;
    /// Faults that only the system knows.
    type Action: OwnAction<Self>;
    /// What those faults, and the system's own jobs, have to do later.
    type Step: Clone + Debug;
    /// What a machine wants done ([`crate::world::Output`] unless it has a type of its own).
    type Output;
    /// What the system tells a trace beyond what the kernel does.
    type Traced: Clone + Debug;

    /// The kinds that probes aim at ([`crate::explorer::Draw`]); those that come more than once are hit more often.
    const AIMS: &'static [Self::Kind] = &[];

    /// What a request that is sent on a channel is about.
    fn about(channel: Self::Channel, request: &Self::Request) -> About<Self::Subject>;

    /// To whom requests of that kind go, where that does not follow from the sender and the subject.
    fn addressee(kind: Self::Kind, channel: Self::Channel) -> Option<Self::Address> {
        let _ = (kind, channel);
        None
    }

    /// A channel as a number, for the digest.
    fn channel_word(channel: Self::Channel) -> u64;

    /// The item that a subject names.
    fn item(subject: Self::Subject) -> Option<Self::Item> {
        let _ = subject;
        None
    }

    /// Whether a request concerns an item.
    fn request_concerns(request: &Self::Request, item: Self::Item) -> bool {
        let _ = (request, item);
        false
    }

    /// Whether an answer does.
    fn response_concerns(response: &Self::Response, item: Self::Item) -> bool {
        let _ = (response, item);
        false
    }

    /// The answer to a request that says nothing but this error; none where no answer can.
    fn refusal(request: &Self::Request, error: Self::Error) -> Option<Self::Response> {
        let _ = (request, error);
        None
    }

    /// Makes an error of what an answer says.
    fn overwrite(response: &mut Self::Response, error: Self::Error) {
        let _ = (response, error);
    }
}
