//! What a reader is asked to do.

use fencepost_protocol::config::ConsumerConfig;
use fencepost_protocol::time::Span;

use crate::cast::{Back, ClientPlan, Role};

/// A reader of topics.
#[derive(Clone, Debug)]
pub struct ReaderPlan {
    /// Name; members are `name-1` to `name-n` if there are several.
    pub name: String,
    /// Number of members; above 1 needs a group.
    pub members: u32,
    /// Topics.
    pub topics: Vec<String>,
    /// When it begins.
    pub start: Span,
    /// Configuration; without `group.id` it reads all partitions by itself.
    pub config: ConsumerConfig,
}

impl ReaderPlan {
    /// How long after a crash its process runs again.
    pub const RESTARTS_AFTER: Span = Span::from_secs(1);
}

impl ClientPlan for ReaderPlan {
    fn role(&self) -> Role {
        Role::Reader
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn members(&self) -> u32 {
        self.members
    }

    fn back(&self) -> Back {
        Back::After(ReaderPlan::RESTARTS_AFTER)
    }

    fn consumer(&self) -> Option<&ConsumerConfig> {
        Some(&self.config)
    }
}
