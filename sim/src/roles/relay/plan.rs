//! What a relay is asked to do.

use fencepost_protocol::config::ProducerConfig;
use fencepost_protocol::message::ApiKey;
use fencepost_protocol::time::Span;

use crate::cast::{Back, Role};
use crate::message::Kind;
use crate::plan::calls::Patience;
use crate::plan::client::ClientPlan;
use crate::plan::wait::{CALLS_OF_A_LOOK, Times, Wait, failed, of_producer, sum, times, wait};
use crate::roles::sends;
use crate::sink::Kind::{SqlCommit, SqlQuery, SqlRollback, SqlUpdate};

/// A relay: it sends the rows of a service's outbox to Kafka, and marks them.
#[derive(Clone, Debug)]
pub struct RelayPlan {
    /// Name of the client.
    pub name: String,
    /// Whose outbox: name of the service.
    pub of: String,
    /// Name of the database.
    pub database: String,
    /// Number of the outbox's table.
    pub table: u16,
    /// Where it sends.
    pub topic: String,
    /// When it begins.
    pub start: Span,
    /// Pause after a look that found nothing.
    pub poll_interval: Span,
    /// Rows that it takes at a time.
    pub batch: u32,
    /// With the database.
    pub patience: Patience,
    /// After a process crash: how long until it runs again; none: never.
    pub restart_after: Option<Span>,
    /// Its producer.
    pub producer: ProducerConfig,
}

impl ClientPlan for RelayPlan {
    fn role(&self) -> Role {
        Role::Relay
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
        sends::producer(&self.producer, false, &mut can);
        Some(sends::kinds(can, &[SqlQuery, SqlUpdate, SqlCommit, SqlRollback]))
    }

    fn topics(&self, key: ApiKey) -> Option<Vec<&str>> {
        (key == ApiKey::Produce).then(|| vec![self.topic.as_str()])
    }

    fn waits(&self, own: &Times) -> Vec<Wait> {
        let calls = times(own.call(&self.database, &self.patience), CALLS_OF_A_LOOK);
        let look = wait(sum(self.poll_interval, calls), format!("poll.interval of {}", self.name));
        let mut waits = vec![look, failed(&self.patience, &self.name)];
        waits.extend(of_producer(&self.producer, &self.name));
        waits
    }
}
