//! What travels in the world: Kafka's requests and answers, and those of the sinks outside Kafka.
//!
//! `fencepost-protocol` knows Kafka only. What an application sends to a database or a payment API goes over the same
//! connections, has a logical name, is in the digest with all that it says, and can be delayed, lost and waited for by a fault like the rest.

pub(crate) mod inject;

use core::fmt;

use fencepost_protocol::content::content_of;
use fencepost_protocol::message as kafka;
use fencepost_protocol::message::ApiKey;

use crate::sink;

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub enum Request {
    /// To a broker or the controller.
    Kafka(kafka::Request),
    /// To a sink.
    Sink(Box<sink::Request>),
}

/// An answer; its variant is that of the request.
#[derive(Clone, PartialEq, Eq)]
pub enum Response {
    /// Of a broker or the controller.
    Kafka(kafka::Response),
    /// Of a sink.
    Sink(Box<sink::Response>),
}

/// Kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One of Kafka's.
    Kafka(ApiKey),
    /// One of a sink's.
    Sink(sink::Kind),
}

/// Name of a state of a transactional id.
pub(crate) fn state_name(state: kafka::TransactionState) -> &'static str {
    match state {
        kafka::TransactionState::Empty => "Empty",
        kafka::TransactionState::Ongoing => "Ongoing",
        kafka::TransactionState::PrepareCommit => "PrepareCommit",
        kafka::TransactionState::PrepareAbort => "PrepareAbort",
        kafka::TransactionState::CompleteCommit => "CompleteCommit",
        kafka::TransactionState::CompleteAbort => "CompleteAbort",
        kafka::TransactionState::Dead => "Dead",
        kafka::TransactionState::PrepareEpochFence => "PrepareEpochFence",
    }
}

const _: () = assert!(size_of::<Request>() <= 56, "messages are moved often, so they are small");
const _: () = assert!(size_of::<Response>() <= 40, "messages are moved often, so they are small");

impl Kind {
    /// All kinds.
    pub fn all() -> impl Iterator<Item = Kind> {
        ApiKey::ALL.iter().copied().map(Kind::Kafka).chain(sink::Kind::ALL.iter().copied().map(Kind::Sink))
    }

    /// Its name: Kafka's, or as [`sink::Kind::name`] has it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Kafka(key) => key.name(),
            Kind::Sink(kind) => kind.name(),
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::all().find(|kind| kind.name() == name)
    }

    /// For the digest: Kafka's API key, or a number that no API key has.
    pub const fn word(self) -> u64 {
        match self {
            Kind::Kafka(key) => key as i16 as u16 as u64,
            Kind::Sink(kind) => 0x8000 | kind as u64,
        }
    }
}

impl From<ApiKey> for Kind {
    fn from(key: ApiKey) -> Kind {
        Kind::Kafka(key)
    }
}

impl Request {
    /// The request to a broker or the controller.
    ///
    /// # Panics
    /// If it is one to a sink.
    #[inline(always)]
    pub(crate) fn of_kafka(self) -> kafka::Request {
        match self {
            Request::Kafka(request) => request,
            Request::Sink(request) => panic!("a request to a broker is one of Kafka's: {request:?}"),
        }
    }

    /// The request to a sink.
    ///
    /// # Panics
    /// If it is one of Kafka's.
    pub(crate) fn of_sink(self) -> sink::Request {
        match self {
            Request::Sink(request) => *request,
            Request::Kafka(request) => panic!("a request to a sink is none of Kafka's: {request:?}"),
        }
    }

    /// What it says beyond its kind, as a number for the digest.
    #[inline]
    pub fn content(&self) -> u64 {
        match self {
            Request::Kafka(request) => content_of(request),
            Request::Sink(request) => content_of(request),
        }
    }

    /// Its kind.
    #[inline]
    pub fn kind(&self) -> Kind {
        match self {
            Request::Kafka(request) => Kind::Kafka(request.api_key()),
            Request::Sink(request) => Kind::Sink(request.call.kind()),
        }
    }
}

impl Response {
    /// What it says beyond its kind, as a number for the digest.
    #[inline]
    pub fn content(&self) -> u64 {
        match self {
            Response::Kafka(response) => content_of(response),
            Response::Sink(response) => content_of(response),
        }
    }

    /// The kind of the request that it answers.
    #[inline]
    pub fn kind(&self) -> Kind {
        match self {
            Response::Kafka(response) => Kind::Kafka(response.api_key()),
            Response::Sink(response) => Kind::Sink(response.kind),
        }
    }
}

// What a trace shows is the message itself, not where it goes.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Kafka(request) => request.fmt(f),
            Request::Sink(request) => request.fmt(f),
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Response::Kafka(response) => response.fmt(f),
            Response::Sink(response) => response.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_and_a_word_of_its_own() {
        let kinds: Vec<Kind> = Kind::all().collect();
        for (n, kind) in kinds.iter().enumerate() {
            assert_eq!(Kind::from_name(kind.name()), Some(*kind));
            assert!(kinds[..n].iter().all(|other| other.word() != kind.word()), "{}", kind.name());
        }
    }
}
