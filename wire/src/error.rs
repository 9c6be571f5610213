//! Why bytes and messages do not map to one another, and where.

use core::fmt;

use fencepost_protocol::message::ApiKey;

/// Bytes and a message do not map to one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// Where.
    pub place: Place,
    /// Why.
    pub problem: Problem,
}

/// Where in a message something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Kind of the request that it is, or answers.
    pub key: ApiKey,
    /// API version.
    pub version: i16,
    /// Request or response.
    pub side: Side,
    /// Fields from the outermost inwards, with their names on the wire, as `topics.partitions.error_code`; empty for the
    /// message as a whole.
    pub field: String,
}

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Request,
    /// The broker.
    Response,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The kind exists in the model only, or not in that version.
    NotOnTheWire,
    /// A topic's name that the directory does not know.
    UnknownTopic(String),
    /// A topic's id on the wire that the directory does not know.
    UnknownTopicId(u128),
    /// A topic of the model that the directory does not know.
    UnnamedTopic(u32),
    /// An error code that the model does not know.
    UnknownErrorCode(i16),
    /// A number out of the range of its field.
    Number(i64),
    /// A word that its field does not have.
    Word(String),
    /// A list of that many entries where the version, or the model, has exactly one.
    NotOne(usize),
    /// A response of this kind to a request of another.
    NotItsAnswer(ApiKey),
    /// An API key that is not one of the model's.
    UnknownApiKey(i16),
    /// The answer to another request than the one that is waited for.
    Correlation(i32),
    /// The bytes are not a message of the kind and version.
    Bytes(String),
    /// Bytes after the end of the message.
    LeftOver(usize),
    /// The bytes are not a record batch.
    Batch(&'static str),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NotOnTheWire => write!(f, "not on the wire"),
            Problem::UnknownTopic(name) => write!(f, "unknown topic '{name}'"),
            Problem::UnknownTopicId(id) => write!(f, "unknown topic id {id:x}"),
            Problem::UnnamedTopic(id) => write!(f, "topic {id} has no name"),
            Problem::UnknownErrorCode(code) => write!(f, "unknown error code {code}"),
            Problem::Number(number) => write!(f, "{number} is out of range"),
            Problem::Word(word) => write!(f, "unknown value '{word}'"),
            Problem::NotOne(count) => write!(f, "{count} entries instead of one"),
            Problem::NotItsAnswer(key) => write!(f, "answered as {}", key.name()),
            Problem::UnknownApiKey(key) => write!(f, "unknown API key {key}"),
            Problem::Correlation(id) => write!(f, "an answer to request {id}"),
            Problem::Bytes(text) => write!(f, "malformed: {text}"),
            Problem::LeftOver(count) => write!(f, "{count} bytes are left over"),
            Problem::Batch(text) => write!(f, "malformed batch: {text}"),
        }
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Request => "request",
            Side::Response => "response",
        };
        write!(f, "{} {side} v{}", self.key.name(), self.version)?;
        if self.field.is_empty() { Ok(()) } else { write!(f, ", {}", self.field) }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for WireError {}

/// A problem on its way out of the fields that hold it.
#[derive(Debug)]
pub(crate) struct Fault {
    /// From the innermost outwards.
    path: Vec<&'static str>,
    problem: Problem,
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Fault {
        Fault { path: Vec::new(), problem }
    }
}

impl Fault {
    pub(crate) fn within(mut self, field: &'static str) -> Fault {
        self.path.push(field);
        self
    }

    pub(crate) fn at(self, key: ApiKey, version: i16, side: Side) -> WireError {
        let field = self.path.iter().rev().copied().collect::<Vec<_>>().join(".");
        WireError { place: Place { key, version, side, field }, problem: self.problem }
    }
}

pub(crate) type Wire<T> = Result<T, Fault>;
