//! What a plain producer is asked to do.

use fencepost_protocol::config::ProducerConfig;
use fencepost_protocol::time::Span;

use crate::cast::{Back, ClientPlan, Role};
use crate::plan::source::{OnUnknown, Source};

/// A plain producer.
#[derive(Clone, Debug)]
pub struct ProducerPlan {
    /// Name of the client.
    pub name: String,
    /// Where it writes.
    pub topic: String,
    /// Fixed partition, or the partitioner's choice.
    pub partition: Option<u32>,
    /// What it writes.
    pub source: Source,
    /// When it begins.
    pub start: Span,
    /// Pause between records; zero: as quickly as `window` allows.
    pub interval: Span,
    /// Records that may be on their way at a time.
    pub window: u32,
    /// Records in a transaction; 0 for none.
    pub transaction_records: u32,
    /// Every n-th transaction is aborted by the application; 0 for none.
    pub abort_every: u32,
    /// Stop in the middle of the n-th transaction (from 1), leaving it open, and do nothing more; 0 for never.
    pub abandon_transaction: u32,
    /// Pause between the last send of a transaction and its end.
    pub transaction_pause: Span,
    /// Unknown outcomes.
    pub on_unknown: OnUnknown,
    /// After a process crash: how long until it runs again; none: never.
    pub restart_after: Option<Span>,
    /// Resolved configuration.
    pub config: ProducerConfig,
}

impl ClientPlan for ProducerPlan {
    fn role(&self) -> Role {
        Role::Producer
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn back(&self) -> Back {
        Back::of(self.restart_after)
    }

    fn producer(&self) -> Option<&ProducerConfig> {
        Some(&self.config)
    }
}
