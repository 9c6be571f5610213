//! How long clients and the cluster may wait by their own configuration: whoever watches a run for progress must wait longer.

use fencepost_protocol::config::{BrokerConfig, ConsumerConfig, ProducerConfig};
use fencepost_protocol::time::Span;

use super::{Patience, PipelinePlan, Plan, Source};

/// Calls of a database for one order: begin, the row, the outbox's row, commit.
const CALLS_OF_AN_ORDER: u64 = 4;
/// Calls for one look of a relay: begin, the query, the mark, commit.
const CALLS_OF_A_LOOK: u64 = 4;
/// Calls of a database for a poll besides those for its records: begin, offsets, commit.
const CALLS_OF_A_POLL: u64 = 3;

/// Something that may take that long although all is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How long.
    pub span: Span,
    /// What it is, such as `poll.interval of relay`.
    pub what: String,
}

fn times(span: Span, n: u64) -> Span {
    Span(span.0.saturating_mul(n))
}

fn sum(a: Span, b: Span) -> Span {
    Span(a.0.saturating_add(b.0))
}

fn wait(span: Span, what: String) -> Wait {
    Wait { span, what }
}

/// The keys of `keys` that have more than Kafka's default, which every bound has room for.
fn raised<'k>(keys: impl IntoIterator<Item = (i64, i64, &'k str)>, of: &str) -> Vec<Wait> {
    let raised = keys.into_iter().filter(|(value, default, _)| value > default);
    raised.map(|(value, _, key)| wait(Span::from_millis(value.min(1 << 40)), format!("{key} of {of}"))).collect()
}

fn of_consumer(config: &ConsumerConfig, name: &str) -> Vec<Wait> {
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

fn of_producer(config: &ProducerConfig, name: &str) -> Vec<Wait> {
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

fn of_cluster(config: &BrokerConfig) -> Vec<Wait> {
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

impl Plan {
    /// The longest time that a client or the cluster may take, by this plan, for something that shows no progress before it
    /// is done: a producer's transaction, what a pipeline is given by one poll, a pause between looks.
    pub fn longest_wait(&self) -> Wait {
        let all = self.waits();
        let longest = all.into_iter().rev().max_by_key(|wait| wait.span);
        longest.unwrap_or(Wait { span: Span::ZERO, what: String::new() })
    }

    /// How long there may be no progress: the bound, and twice the longest wait, since whoever waits may have to do it again.
    pub fn patience(&self) -> Span {
        self.end.bound.max(times(self.longest_wait().span, 2))
    }

    fn waits(&self) -> Vec<Wait> {
        let mut waits = of_cluster(&self.cluster.config);
        for p in &self.producers {
            let records = times(p.interval, u64::from(p.transaction_records.max(1)));
            waits.push(wait(sum(records, p.transaction_pause), format!("what {} takes for one step", p.name)));
            waits.extend(of_producer(&p.config, &p.name));
        }
        for p in &self.pipelines {
            waits.push(wait(self.poll_of(p), format!("what {} takes for the records of a poll", p.name)));
            waits.push(wait(p.commit_interval, format!("commit.interval.ms of {}", p.name)));
            waits.extend(of_consumer(&p.consumer, &p.name));
            waits.extend(of_producer(&p.producer, &p.name));
            waits.extend(p.call.iter().map(|call| failed(&call.patience, &p.name)));
        }
        for r in &self.readers {
            waits.extend(of_consumer(&r.config, &r.name));
        }
        for s in &self.services {
            let calls = times(self.call_time(&s.database, &s.patience), CALLS_OF_AN_ORDER);
            waits.push(wait(sum(s.interval, calls), format!("what {} takes for an order", s.name)));
            waits.push(failed(&s.patience, &s.name));
            waits.extend(of_producer(&s.producer, &s.name));
        }
        for r in &self.relays {
            let calls = times(self.call_time(&r.database, &r.patience), CALLS_OF_A_LOOK);
            waits.push(wait(sum(r.poll_interval, calls), format!("poll.interval of {}", r.name)));
            waits.push(failed(&r.patience, &r.name));
            waits.extend(of_producer(&r.producer, &r.name));
        }
        waits
    }

    /// What a pipeline takes for as many records as one poll may give it.
    pub fn poll_of(&self, p: &PipelinePlan) -> Span {
        let sources = self.producers.iter().map(|p| &p.source).chain(self.services.iter().map(|s| &s.source));
        let records = sources.map(Source::len).fold(0, u64::saturating_add);
        let outputs = self.pipelines.iter().map(|p| u64::from(p.outputs_per_input.max(1))).fold(1, u64::saturating_mul);
        let most = u64::try_from(p.consumer.max_poll_records).unwrap_or(0);
        let records = records.saturating_mul(outputs).min(most);
        let call = p.call.as_ref().map_or(Span::ZERO, |call| self.call_time(&call.to, &call.patience));
        let calls = p.call.as_ref().map_or(0, |_| records.saturating_add(CALLS_OF_A_POLL));
        sum(times(p.processing_time, records), times(call, calls))
    }

    /// What a call takes whose sink is well: the sink's time, or the caller's patience where that is over before.
    fn call_time(&self, to: &str, patience: &Patience) -> Span {
        let databases = self.databases.iter().map(|d| (&d.name, d.service_time));
        let sinks = databases.chain(self.payments.iter().map(|p| (&p.name, p.service_time)));
        let service = sinks.filter(|(name, _)| *name == to).map(|(_, time)| time).max().unwrap_or(Span::ZERO);
        let way = self.network.client_latency + self.network.client_latency;
        let answer = sum(service, way);
        if answer < patience.timeout { answer } else { sum(patience.timeout, patience.backoff) }
    }
}

/// A call without an answer, and the pause before the next one.
fn failed(patience: &Patience, name: &str) -> Wait {
    wait(sum(patience.timeout, patience.backoff), format!("call.timeout and call.backoff of {name}"))
}
