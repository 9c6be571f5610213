//! What a reader is asked to do.

use fencepost_protocol::config::ConsumerConfig;
use fencepost_protocol::message::ApiKey;
use fencepost_protocol::time::Span;

use crate::cast::{Back, Role};
use crate::message::Kind;
use crate::plan::client::ClientPlan;
use crate::plan::wait::{Times, Wait, of_consumer};
use crate::roles::sends::{self, OF_GROUPS};

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

    fn start(&self) -> Option<Span> {
        Some(self.start)
    }

    /// It comes back as soon as the world sees to it.
    fn away(&self) -> Option<Span> {
        Some(Span::ZERO)
    }

    fn sends(&self) -> Option<Vec<Kind>> {
        let mut can = Vec::new();
        sends::consumer(&self.config, self.config.enable_auto_commit, &mut can);
        Some(sends::kinds(can, &[]))
    }

    fn why_never(&self, kind: Kind) -> Option<&'static str> {
        match kind {
            Kind::Kafka(key) if OF_GROUPS.contains(&key) && self.config.group_id.is_none() => {
                Some("it has no group.id")
            }
            Kind::Kafka(ApiKey::OffsetCommit) => Some("it has enable.auto.commit=false"),
            _ => None,
        }
    }

    fn topics(&self, key: ApiKey) -> Option<Vec<&str>> {
        let reads = matches!(key, ApiKey::Fetch | ApiKey::OffsetCommit);
        reads.then(|| self.topics.iter().map(String::as_str).collect())
    }

    fn waits(&self, _: &Times) -> Vec<Wait> {
        of_consumer(&self.config, &self.name)
    }
}
