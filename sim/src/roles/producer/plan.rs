//! What a plain producer is asked to do.

use fencepost_protocol::config::ProducerConfig;
use fencepost_protocol::message::ApiKey;
use fencepost_protocol::time::Span;

use crate::cast::{Back, Role};
use crate::message::Kind;
use crate::plan::client::ClientPlan;
use crate::plan::source::{OnUnknown, Source};
use crate::plan::wait::{Times, Wait, of_producer, sum, times, wait};
use crate::roles::sends::{self, OF_TRANSACTIONS};

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

    fn start(&self) -> Option<Span> {
        Some(self.start)
    }

    fn sends(&self) -> Option<Vec<Kind>> {
        let mut can = Vec::new();
        sends::producer(&self.config, false, &mut can);
        Some(sends::kinds(can, &[]))
    }

    fn why_never(&self, kind: Kind) -> Option<&'static str> {
        let of_transactions = matches!(kind, Kind::Kafka(key) if OF_TRANSACTIONS.contains(&key));
        (of_transactions && self.config.transactional_id.is_none())
            .then_some("it has no transactional.id, so it has no transactions")
    }

    fn topics(&self, key: ApiKey) -> Option<Vec<&str>> {
        (key == ApiKey::Produce).then(|| vec![self.topic.as_str()])
    }

    fn fixed_partition(&self) -> Option<u32> {
        self.partition
    }

    fn waits(&self, _: &Times) -> Vec<Wait> {
        let records = times(self.interval, u64::from(self.transaction_records.max(1)));
        let step = sum(records, self.transaction_pause);
        let mut waits = vec![wait(step, format!("what {} takes for one step", self.name))];
        waits.extend(of_producer(&self.config, &self.name));
        waits
    }
}
