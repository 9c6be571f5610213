//! How clients call sinks.

use fencepost_protocol::time::Span;

use super::source::OnUnknown;

/// What a key is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOf {
    /// Topic, partition and offset of the record that was read.
    Offset,
    /// The record's own identity, which a copy at another offset has, too.
    Record,
}

/// What a consumer does with each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Inserts a row into a table (by number), each poll's rows in a transaction.
    Insert {
        /// Number of the table.
        table: u16,
        /// `ON CONFLICT (key) DO NOTHING`; none: there is no unique key.
        key: Option<KeyOf>,
        /// The consumer's offsets are kept in the same database and change in the same transaction.
        offsets: bool,
    },
    /// Charges a customer.
    Charge {
        /// The idempotency key.
        key: Option<KeyOf>,
    },
}

/// How a client calls a sink.
#[derive(Clone, Debug)]
pub struct CallPlan {
    /// Name of the sink.
    pub to: String,
    /// What for.
    pub doing: Doing,
    /// How patient it is.
    pub patience: Patience,
}

/// How patient a client of a sink is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long it waits for an answer.
    pub timeout: Span,
    /// Pause before it tries again.
    pub backoff: Span,
    /// Whether it tries again what may have happened.
    pub on_unknown: OnUnknown,
}
