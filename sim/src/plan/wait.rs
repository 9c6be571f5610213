//! How long clients may wait by their own configuration.

use fencepost_protocol::config::{BrokerConfig, ConsumerConfig, ProducerConfig};
use fencepost_protocol::time::Span;

use super::calls::Patience;

/// Calls of a database for one order: begin, the row, the outbox's row, commit.
pub(crate) const CALLS_OF_AN_ORDER: u64 = 4;
/// Calls for one look of a relay: begin, the query, the mark, commit.
pub(crate) const CALLS_OF_A_LOOK: u64 = 4;
/// Calls of a database for a poll besides those for its records: begin, offsets, commit.
pub(crate) const CALLS_OF_A_POLL: u64 = 3;

/// Something that may take that long although all is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How long.
    pub span: Span,
    /// What it is, such as `poll.interval of relay`.
    pub what: String,
}

/// So many times as long.
pub(crate) fn times(span: Span, n: u64) -> Span {
    Span(span.0.saturating_mul(n))
}

/// One after the other.
pub(crate) fn sum(a: Span, b: Span) -> Span {
    Span(a.0.saturating_add(b.0))
}

/// Something that may take so long.
pub(crate) fn wait(span: Span, what: String) -> Wait {
    Wait { span, what }
}

/// The keys of `keys` that have more than Kafka's default, which every bound has room for.
fn raised<'k>(keys: impl IntoIterator<Item = (i64, i64, &'k str)>, of: &str) -> Vec<Wait> {
    let raised = keys.into_iter().filter(|(value, default, _)| value > default);
    raised.map(|(value, _, key)| wait(Span::from_millis(value.min(1 << 40)), format!("{key} of {of}"))).collect()
}

/// Of a consumer with that name.
pub(crate) fn of_consumer(config: &ConsumerConfig, name: &str) -> Vec<Wait> {
    let d = &ConsumerConfig::default();
    let int = |value: i32, default: i32, key| (i64::from(value), i64::from(default), key);
    raised(
        [
            int(config.fetch_max_wait_ms, d.fetch_max_wait_ms, "fetch.max.wait.ms"),
            int(config.auto_commit_interval_ms, d.auto_commit_interval_ms, "auto.commit.interval.ms"),
            int(config.heartbeat_interval_ms, d.heartbeat_interval_ms, "heartbeat.interval.ms"),
            int(config.request_timeout_ms, d.request_timeout_ms, "request.timeout.ms"),
            (config.retry_backoff_ms, d.retry_backoff_max_ms, "retry.backoff.ms"),
            (config.retry_backoff_max_ms, d.retry_backoff_max_ms, "retry.backoff.max.ms"),
            (config.reconnect_backoff_ms, d.reconnect_backoff_max_ms, "reconnect.backoff.ms"),
            (config.reconnect_backoff_max_ms, d.reconnect_backoff_max_ms, "reconnect.backoff.max.ms"),
            (config.metadata_max_age_ms, d.metadata_max_age_ms, "metadata.max.age.ms"),
        ],
        name,
    )
}

/// Of a producer with that name.
pub(crate) fn of_producer(config: &ProducerConfig, name: &str) -> Vec<Wait> {
    let d = &ProducerConfig::default();
    raised(
        [
            // Streams lingers for 100 ms.
            (config.linger_ms, 1_000, "linger.ms"),
            (i64::from(config.request_timeout_ms), i64::from(d.request_timeout_ms), "request.timeout.ms"),
            (config.retry_backoff_ms, d.retry_backoff_max_ms, "retry.backoff.ms"),
            (config.retry_backoff_max_ms, d.retry_backoff_max_ms, "retry.backoff.max.ms"),
            (config.reconnect_backoff_ms, d.reconnect_backoff_max_ms, "reconnect.backoff.ms"),
            (config.reconnect_backoff_max_ms, d.reconnect_backoff_max_ms, "reconnect.backoff.max.ms"),
            (config.metadata_max_age_ms, d.metadata_max_age_ms, "metadata.max.age.ms"),
        ],
        name,
    )
}

/// Of the brokers.
pub(super) fn of_cluster(config: &BrokerConfig) -> Vec<Wait> {
    let d = &BrokerConfig::default();
    let int = |value: i32, default: i32, key| (i64::from(value), i64::from(default), key);
    raised(
        [
            int(
                config.group_initial_rebalance_delay_ms,
                d.group_initial_rebalance_delay_ms,
                "group.initial.rebalance.delay.ms",
            ),
            int(config.session_timeout_ms, d.session_timeout_ms, "broker.session.timeout.ms"),
            int(config.heartbeat_interval_ms, d.heartbeat_interval_ms, "broker.heartbeat.interval.ms"),
            (config.replica_lag_time_max_ms, d.replica_lag_time_max_ms, "replica.lag.time.max.ms"),
            int(config.replica_fetch_wait_max_ms, d.replica_fetch_wait_max_ms, "replica.fetch.wait.max.ms"),
            int(config.replica_fetch_backoff_ms, d.replica_fetch_backoff_ms, "replica.fetch.backoff.ms"),
            int(config.replica_socket_timeout_ms, d.replica_socket_timeout_ms, "replica.socket.timeout.ms"),
            int(config.request_timeout_ms, d.request_timeout_ms, "request.timeout.ms"),
            int(
                config.transaction_sweep_ms,
                d.transaction_sweep_ms,
                "transaction.abort.timed.out.transaction.cleanup.interval.ms",
            ),
        ],
        "the cluster",
    )
}

/// What clients meet in a plan: how long the sinks take, and how much there may be to do.
#[derive(Clone, Debug)]
pub struct Times {
    /// What each sink takes for a request, and the way there and back, by name.
    pub(super) sinks: Vec<(String, Span)>,
    /// Records that one poll may give at most, if its consumer takes them.
    pub(super) records: u64,
}

impl Times {
    /// What a call takes whose sink is well: the sink's time, or the caller's patience where that is over before.
    pub fn call(&self, to: &str, patience: &Patience) -> Span {
        let found = self.sinks.iter().filter(|(name, _)| *name == to).map(|(_, time)| *time);
        let answer = found.max().unwrap_or(Span::ZERO);
        if answer < patience.timeout { answer } else { sum(patience.timeout, patience.backoff) }
    }

    /// Records that one poll may give to a consumer.
    pub fn records(&self, consumer: &ConsumerConfig) -> u64 {
        self.records.min(u64::try_from(consumer.max_poll_records).unwrap_or(0))
    }
}

/// A call without an answer, and the pause before the next one.
pub(crate) fn failed(patience: &Patience, name: &str) -> Wait {
    wait(sum(patience.timeout, patience.backoff), format!("call.timeout and call.backoff of {name}"))
}
