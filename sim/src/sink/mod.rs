//! Sinks outside Kafka: a SQL database and a payment API, as nodes of the world, and what is asked of them.
//!
//! Their effects are durable when they are answered, and nothing of Kafka's takes them back: no offset, no epoch and no
//! abort marker reaches them. What they can tell is what they were told, which is why a caller gives a key.

mod content;
mod database;
mod payments;
mod plan;

use std::collections::BTreeMap;

use fencepost_protocol::batch::{Blob, Origin, Value};
use fencepost_protocol::ids::{NodeId, Offset, TopicPartition};
use fencepost_protocol::io::ConnId;
use fencepost_protocol::time::{Instant, Now, Span};

use crate::cast::Names;
use crate::schedule::Subject;

pub use database::Database;
pub use payments::Payments;
pub use plan::{DatabasePlan, PaymentsPlan};

/// Node ids of sinks, to which clients open channels; above those of brokers and of the controller.
const FIRST_ID: i32 = 10_000;

/// Id of the sink that stands in that place of a plan's list (databases first).
pub const fn node_id(place: usize) -> NodeId {
    NodeId(FIRST_ID + place as i32)
}

/// The place of a sink in a plan's list, if that is the id of one.
pub fn place_of(id: NodeId) -> Option<usize> {
    usize::try_from(id.0 - FIRST_ID).ok()
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident,)*) => {
        /// Kind of a request to a sink.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind { $($(#[$doc])* $variant,)* }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant),*];
            /// Its name in scenarios and capsules.
            pub const fn name(self) -> &'static str { match self { $(Kind::$variant => stringify!($variant),)* } }
        }
    };
}

kinds! {
    /// Reads: offsets, or rows of an outbox.
    SqlQuery,
    /// Inserts rows in the connection's transaction, which it begins if there is none.
    SqlInsert,
    /// Changes rows in the connection's transaction, which it begins if there is none.
    SqlUpdate,
    /// Commits the connection's transaction.
    SqlCommit,
    /// Rolls the connection's transaction back.
    SqlRollback,
    /// Charges a customer.
    Charge,
}

/// What tells an effect from another one that is asked for: a unique key of a table, or an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Where the record was read.
    Place(TopicPartition, Offset),
    /// Which record it is, wherever it was read: its header.
    Record(Origin),
}

/// A row that is to be inserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Number of the table.
    pub table: u16,
    /// What the row is about.
    pub id: Origin,
    /// `ON CONFLICT (key) DO NOTHING`; none: the table has no unique key.
    pub key: Option<Key>,
    /// Key and value, where they are needed again: in an outbox.
    pub content: Option<(Option<Blob>, Option<Value>)>,
}

/// A change of a consumer's offset that is kept in a database: `UPDATE ... SET next = :next WHERE next = :expected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetUpdate {
    /// The partition.
    pub tp: TopicPartition,
    /// What it must be; none: there must be no row.
    pub expected: Option<Offset>,
    /// What it becomes.
    pub next: Offset,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Insert rows.
    Insert(Vec<Row>),
    /// Change offsets: all of them, or none if one is not what is expected.
    SetOffsets {
        /// The consumer: the plan's number.
        of: u16,
        /// The changes.
        updates: Vec<OffsetUpdate>,
    },
    /// Mark rows of an outbox as sent.
    MarkSent {
        /// Number of the outbox's table.
        table: u16,
        /// Numbers of the rows.
        rows: Vec<u64>,
    },
    /// Commit.
    Commit,
    /// Roll back.
    Rollback,
    /// Offsets that are kept in the database.
    Offsets {
        /// The consumer: the plan's number.
        of: u16,
        /// Which.
        partitions: Vec<TopicPartition>,
    },
    /// Rows of an outbox that are not marked as sent, oldest first.
    Unsent {
        /// Number of the outbox's table.
        table: u16,
        /// At most so many.
        limit: u32,
    },
    /// Charge.
    Charge {
        /// For what.
        id: Origin,
        /// The idempotency key, if one is given.
        key: Option<Key>,
    },
}

impl Call {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Call::Insert(_) => Kind::SqlInsert,
            Call::SetOffsets { .. } | Call::MarkSent { .. } => Kind::SqlUpdate,
            Call::Commit => Kind::SqlCommit,
            Call::Rollback => Kind::SqlRollback,
            Call::Offsets { .. } | Call::Unsent { .. } => Kind::SqlQuery,
            Call::Charge { .. } => Kind::Charge,
        }
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it is about, for its name: a commit does not say it itself.
    pub about: Subject,
    /// What is asked.
    pub call: Call,
}

/// A row of an outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// Number of the row.
    pub row: u64,
    /// What it is about.
    pub id: Origin,
    /// Key and value.
    pub content: (Option<Blob>, Option<Value>),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Whether each row was inserted; those that were not conflicted.
    Inserted(Vec<bool>),
    /// So many rows were changed.
    Changed(u32),
    /// The transaction is committed, or rolled back.
    Done,
    /// There is no transaction on this connection: what it had done is rolled back.
    NoTransaction,
    /// Offsets; none where there is no row.
    Offsets(Vec<(TopicPartition, Option<Offset>)>),
    /// Rows of an outbox.
    Unsent(Vec<Unsent>),
    /// Charged; or the key was known, and this is the answer that was given then.
    Charged {
        /// The key was known.
        known: bool,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Kind of the request.
    pub kind: Kind,
    /// What is answered.
    pub answer: Answer,
}

/// An effect that has happened: a row that is committed, or a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// What it is about.
    pub id: Origin,
    /// When it happened, virtual time.
    pub at: Instant,
    /// Whose request it was: the history's number of the client.
    pub by: u32,
}

/// What a node outside Kafka runs.
#[derive(Clone, Debug)]
pub enum Service {
    /// A database.
    Database(Database),
    /// A payment API.
    Payments(Payments),
}

/// The sinks of a plan, in the order of their ids.
pub fn services(databases: &[DatabasePlan], payments: &[PaymentsPlan]) -> Vec<(String, Service)> {
    let databases = databases.iter().map(|d| (d.name.clone(), Service::Database(Database::new(d))));
    let payments = payments.iter().map(|p| (p.name.clone(), Service::Payments(Payments::new(p))));
    databases.chain(payments).collect()
}

impl Service {
    /// Where it stands, in words, one line for each thing to say.
    pub fn in_words(&self, names: &Names) -> Vec<String> {
        match self {
            Service::Database(s) => s.in_words(names),
            Service::Payments(s) => s.in_words(),
        }
    }

    /// How long after a crash it runs again, where the fault does not say.
    pub fn restarts_after(&self) -> Span {
        match self {
            Service::Database(s) => s.restart_after,
            Service::Payments(s) => s.restart_after,
        }
    }

    /// A request of a client (by the history's number).
    pub fn request(&mut self, now: Now, conn: ConnId, by: u32, request: Request) {
        match self {
            Service::Database(s) => s.request(now, conn, by, request.call),
            Service::Payments(s) => s.request(now, conn, by, request.call),
        }
    }

    /// A connection is gone, and what had arrived on it is done.
    pub fn closed(&mut self, now: Now, conn: ConnId) {
        match self {
            Service::Database(s) => s.closed(now, conn),
            Service::Payments(_) => {}
        }
    }

    /// When it has something to do by itself.
    pub fn next_deadline(&self) -> Instant {
        match self {
            Service::Database(s) => s.next_deadline(),
            Service::Payments(s) => s.replies.next_deadline(),
        }
    }

    /// Does what is due.
    pub fn wake(&mut self, now: Now) {
        if let Service::Database(s) = self {
            s.wake(now);
        }
    }

    /// Answers that are due now.
    pub fn take_replies(&mut self, now: Now) -> Vec<(ConnId, Response)> {
        match self {
            Service::Database(s) => s.replies.take(now),
            Service::Payments(s) => s.replies.take(now),
        }
    }

    /// The process ends: what is committed or charged stays, everything else is gone.
    pub fn crash(&mut self) {
        match self {
            Service::Database(s) => s.crash(),
            Service::Payments(s) => s.replies = Replies::new(s.replies.service_time),
        }
    }

    /// Rows of outboxes that are not marked as sent.
    pub fn unsent(&self) -> usize {
        match self {
            Service::Database(s) => s.unsent(),
            Service::Payments(_) => 0,
        }
    }
}

/// Answers that wait for the time that their requests take.
#[derive(Clone, Debug)]
struct Replies {
    service_time: Span,
    /// By time and connection.
    waiting: BTreeMap<(Instant, ConnId), Response>,
}

impl Replies {
    fn new(service_time: Span) -> Replies {
        Replies { service_time, waiting: BTreeMap::new() }
    }

    fn reply(&mut self, now: Now, conn: ConnId, kind: Kind, answer: Answer) {
        self.waiting.insert((now.mono + self.service_time, conn), Response { kind, answer });
    }

    fn next_deadline(&self) -> Instant {
        self.waiting.keys().next().map_or(Instant::NEVER, |(at, _)| *at)
    }

    fn take(&mut self, now: Now) -> Vec<(ConnId, Response)> {
        let mut due = Vec::new();
        while let Some(first) = self.waiting.first_entry() {
            if first.key().0 > now.mono {
                break;
            }
            let ((_, conn), response) = first.remove_entry();
            due.push((conn, response));
        }
        due
    }

    fn forget(&mut self, conn: ConnId) {
        self.waiting.retain(|(_, c), _| *c != conn);
    }
}
