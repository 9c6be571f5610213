//! What a relay is asked to do.

use fencepost_protocol::config::ProducerConfig;
use fencepost_protocol::time::Span;

use crate::cast::{Back, ClientPlan, Role};
use crate::plan::calls::Patience;

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
}
