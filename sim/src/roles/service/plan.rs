//! What a service is asked to do.

use fencepost_protocol::config::ProducerConfig;
use fencepost_protocol::message::ApiKey;
use fencepost_protocol::time::Span;

use crate::cast::{Back, Role};
use crate::message::Kind;
use crate::plan::calls::Patience;
use crate::plan::client::ClientPlan;
use crate::plan::source::Source;
use crate::plan::wait::{CALLS_OF_AN_ORDER, Times, Wait, failed, of_producer, sum, times, wait};
use crate::roles::sends;
use crate::sink::Kind::{SqlCommit, SqlInsert, SqlQuery, SqlRollback};

/// How a service announces what it has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcing {
    /// A row of an outbox, in the same transaction: a relay sends it.
    Outbox,
    /// It commits, then sends to Kafka.
    DatabaseThenKafka,
    /// It sends to Kafka within its database transaction, then commits.
    KafkaThenDatabase,
}

/// A service that takes orders: it writes each to a table and announces it in a topic.
#[derive(Clone, Debug)]
pub struct ServicePlan {
    /// Name of the client.
    pub name: String,
    /// Name of its database.
    pub database: String,
    /// Number of its table; its outbox is the next one.
    pub table: u16,
    /// Where it announces.
    pub topic: String,
    /// How.
    pub announcing: Announcing,
    /// The orders.
    pub source: Source,
    /// When it begins.
    pub start: Span,
    /// Pause between orders.
    pub interval: Span,
    /// With the database.
    pub patience: Patience,
    /// After a process crash: how long until it runs again; none: never.
    pub restart_after: Option<Span>,
    /// Its producer, for those that send themselves.
    pub producer: ProducerConfig,
}

impl ClientPlan for ServicePlan {
    fn role(&self) -> Role {
        Role::Service
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn back(&self) -> Back {
        Back::of(self.restart_after)
    }

    fn producer(&self) -> Option<&ProducerConfig> {
        Some(&self.producer)
    }

    fn start(&self) -> Option<Span> {
        Some(self.start)
    }

    fn sends(&self) -> Option<Vec<Kind>> {
        let mut can = Vec::new();
        if self.announcing != Announcing::Outbox {
            sends::producer(&self.producer, false, &mut can);
        }
        Some(sends::kinds(can, &[SqlInsert, SqlCommit, SqlRollback, SqlQuery]))
    }

    fn why_never(&self, kind: Kind) -> Option<&'static str> {
        (matches!(kind, Kind::Kafka(_)) && self.announcing == Announcing::Outbox)
            .then_some("with an outbox its relay sends to Kafka")
    }

    fn topics(&self, key: ApiKey) -> Option<Vec<&str>> {
        (key == ApiKey::Produce).then(|| vec![self.topic.as_str()])
    }

    fn waits(&self, own: &Times) -> Vec<Wait> {
        let calls = times(own.call(&self.database, &self.patience), CALLS_OF_AN_ORDER);
        let order = wait(sum(self.interval, calls), format!("what {} takes for an order", self.name));
        let mut waits = vec![order, failed(&self.patience, &self.name)];
        waits.extend(of_producer(&self.producer, &self.name));
        waits
    }
}
