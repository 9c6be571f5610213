//! What librdkafka's settings mean, with librdkafka's defaults.

use std::collections::BTreeMap;
use std::str::FromStr;

use fencepost_protocol::config::{AutoOffsetReset, ConsumerConfig, ProducerConfig, ProtocolGeneration};
use fencepost_protocol::message::{Acks, AssignorName, IsolationLevel};

use crate::config::ClientConfig;
use crate::error::{KafkaError, KafkaResult};
use crate::types::RDKafkaConfRes;

/// Settings that the simulation heeds, with their other names.
const HEEDED: &[&[&str]] = &[
    &["client.id"],
    &["acks", "request.required.acks"],
    &["enable.idempotence"],
    &["retries", "message.send.max.retries"],
    &["max.in.flight.requests.per.connection", "max.in.flight"],
    &["transactional.id"],
    &["transaction.timeout.ms"],
    &["message.timeout.ms", "delivery.timeout.ms"],
    &["request.timeout.ms"],
    &["retry.backoff.ms"],
    &["retry.backoff.max.ms"],
    &["reconnect.backoff.ms"],
    &["reconnect.backoff.max.ms"],
    &["linger.ms", "queue.buffering.max.ms"],
    &["batch.size"],
    &["message.max.bytes"],
    &["queue.buffering.max.messages"],
    &["queue.buffering.max.kbytes"],
    &["partitioner"],
    &["topic.metadata.refresh.interval.ms"],
    &["socket.timeout.ms"],
    &["group.id"],
    &["group.instance.id"],
    &["isolation.level"],
    &["enable.auto.commit", "auto.commit.enable"],
    &["enable.auto.offset.store"],
    &["auto.commit.interval.ms"],
    &["auto.offset.reset"],
    &["partition.assignment.strategy"],
    &["session.timeout.ms"],
    &["heartbeat.interval.ms"],
    &["max.poll.interval.ms"],
    &["fetch.min.bytes"],
    &["fetch.max.bytes"],
    &["fetch.wait.max.ms"],
    &["max.partition.fetch.bytes", "fetch.message.max.bytes"],
];

/// Settings that mean nothing here: they are accepted, as librdkafka does, whatever their value.
const ACCEPTED: &[&str] = &[
    "bootstrap.servers",
    "metadata.broker.list",
    "builtin.features",
    "message.copy.max.bytes",
    "receive.message.max.bytes",
    "metadata.max.age.ms",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.sparse",
    "topic.metadata.propagation.max.ms",
    "topic.blacklist",
    "debug",
    "socket.send.buffer.bytes",
    "socket.receive.buffer.bytes",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "socket.max.fails",
    "broker.address.ttl",
    "broker.address.family",
    "socket.connection.setup.timeout.ms",
    "connections.max.idle.ms",
    "statistics.interval.ms",
    "log_level",
    "log.queue",
    "log.thread.name",
    "enable.random.seed",
    "log.connection.close",
    "api.version.request",
    "api.version.request.timeout.ms",
    "api.version.fallback.ms",
    "allow.auto.create.topics",
    "broker.version.fallback",
    "security.protocol",
    "client.rack",
    "client.dns.lookup",
    "enable.metrics.push",
    "group.protocol",
    "group.protocol.type",
    "group.remote.assignor",
    "coordinator.query.interval.ms",
    "queued.min.messages",
    "queued.max.messages.kbytes",
    "fetch.queue.backoff.ms",
    "fetch.error.backoff.ms",
    "enable.partition.eof",
    "check.crcs",
    "queue.buffering.backpressure.threshold",
    "compression.codec",
    "compression.type",
    "compression.level",
    "batch.num.messages",
    "delivery.report.only.error",
    "sticky.partitioning.linger.ms",
    "queuing.strategy",
    "enable.gapless.guarantee",
    "consume.callback.max.messages",
    "offset.store.method",
    "retries.backoff.ms",
    "metadata.recovery.strategy",
    "metadata.recovery.rebootstrap.trigger.ms",
    "test.mock.num.brokers",
];

fn is_accepted(key: &str) -> bool {
    ACCEPTED.contains(&key)
        || ["ssl.", "sasl.", "enable.sasl.", "enable.ssl.", "https."].iter().any(|p| key.starts_with(p))
}

fn refuse(result: RDKafkaConfRes, what: String, key: &str, value: &str) -> KafkaError {
    KafkaError::ClientConfig(result, what, key.to_string(), value.to_string())
}

/// The settings by their first names.
struct Settings<'c>(BTreeMap<&'static str, &'c str>);

impl<'c> Settings<'c> {
    fn new(config: &'c ClientConfig, given: &'c [(String, String)]) -> KafkaResult<Settings<'c>> {
        let _ = config;
        let mut settings = BTreeMap::new();
        for (key, value) in given {
            match HEEDED.iter().find(|names| names.contains(&&**key)) {
                Some(names) => {
                    settings.insert(names[0], &**value);
                }
                None if is_accepted(key) => {}
                None => {
                    let what = format!("No such configuration property: \"{key}\"");
                    return Err(refuse(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, what, key, value));
                }
            }
        }
        Ok(Settings(settings))
    }

    fn text(&self, key: &str) -> Option<&'c str> {
        self.0.get(key).copied().filter(|v| !v.is_empty())
    }

    fn invalid(key: &str, value: &str) -> KafkaError {
        let what = format!("Invalid value \"{value}\" for configuration property \"{key}\"");
        refuse(RDKafkaConfRes::RD_KAFKA_CONF_INVALID, what, key, value)
    }

    fn number<T: FromStr>(&self, key: &str, default: T) -> KafkaResult<T> {
        let Some(text) = self.text(key) else { return Ok(default) };
        // Some are fractions of milliseconds; the model's are whole.
        let whole = text.split('.').next().unwrap_or(text);
        whole.parse().map_err(|_| Self::invalid(key, text))
    }

    fn flag(&self, key: &str, default: bool) -> KafkaResult<bool> {
        match self.text(key) {
            None => Ok(default),
            Some("true" | "t" | "1") => Ok(true),
            Some("false" | "f" | "0") => Ok(false),
            Some(other) => Err(Self::invalid(key, other)),
        }
    }

    fn word<T: Copy>(&self, key: &str, words: &[(&str, T)], default: T) -> KafkaResult<T> {
        let Some(text) = self.text(key) else { return Ok(default) };
        words.iter().find(|(word, _)| *word == text).map(|(_, v)| *v).ok_or_else(|| Self::invalid(key, text))
    }
}

fn given(config: &ClientConfig) -> Vec<(String, String)> {
    let keys: Vec<String> = config.config_map().keys().map(ToString::to_string).collect();
    keys.into_iter().map(|key| (config.get(&key).unwrap_or_default().to_string(), key)).map(|(v, k)| (k, v)).collect()
}

/// How a partition is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Partitioning {
    /// CRC-32 of the key.
    Consistent,
    /// The same, and the model's choice (one partition until its batch is full) for records without a key.
    ConsistentRandom,
    /// Java's.
    Murmur2,
}

/// Settings of a producer.
#[derive(Clone, Debug)]
pub(crate) struct ProducerSettings {
    pub config: ProducerConfig,
    pub queue_messages: usize,
    pub partitioning: Partitioning,
}

impl ProducerSettings {
    pub fn read(config: &ClientConfig) -> KafkaResult<ProducerSettings> {
        let given = given(config);
        let s = Settings::new(config, &given)?;
        let transactional_id = s.text("transactional.id").map(Into::into);
        let idempotent = s.flag("enable.idempotence", transactional_id.is_some())?;
        if transactional_id.is_some() && !idempotent {
            return Err(KafkaError::ClientCreation("`transactional.id` requires `enable.idempotence=true`".into()));
        }
        let conflict = |what: &str| Err(KafkaError::ClientCreation(what.into()));
        let acks = [("all", Acks::All), ("-1", Acks::All), ("1", Acks::Leader), ("0", Acks::None)];
        let acks = s.word("acks", &acks, Acks::All)?;
        let mut max_in_flight = s.number("max.in.flight.requests.per.connection", 1_000_000)?;
        let retries = s.number("retries", i32::MAX)?;
        if idempotent {
            if acks != Acks::All {
                return conflict("`acks` must be set to `all` when `enable.idempotence` is true");
            }
            if retries == 0 {
                return conflict("`retries` must be set to >= 1 when `enable.idempotence` is true");
            }
            match s.text("max.in.flight.requests.per.connection") {
                Some(_) if max_in_flight > 5 => {
                    return conflict("`max.in.flight` must be set <= 5 when `enable.idempotence` is true");
                }
                Some(_) => {}
                None => max_in_flight = 5,
            }
        }
        let transaction_timeout_ms = s.number("transaction.timeout.ms", 60_000)?;
        // A message must not outlive its transaction.
        let usual = if transactional_id.is_some() { transaction_timeout_ms } else { 300_000 };
        let message_timeout_ms = match s.number("message.timeout.ms", usual)? {
            0 => i32::MAX,
            ms if transactional_id.is_some() && ms > transaction_timeout_ms => {
                return conflict("`message.timeout.ms` must be set <= `transaction.timeout.ms`");
            }
            ms => ms,
        };
        let partitioners = [
            ("random", Partitioning::Murmur2),
            ("consistent", Partitioning::Consistent),
            ("consistent_random", Partitioning::ConsistentRandom),
            ("murmur2", Partitioning::Murmur2),
            ("murmur2_random", Partitioning::Murmur2),
        ];
        let mut config = ProducerConfig::default();
        config.client_id = s.text("client.id").map(Into::into);
        config.acks = acks;
        config.enable_idempotence = idempotent;
        config.retries = retries;
        config.max_in_flight = max_in_flight;
        config.transactional_id = transactional_id;
        config.transaction_timeout_ms = transaction_timeout_ms;
        config.delivery_timeout_ms = message_timeout_ms;
        config.max_block_ms = i64::from(message_timeout_ms);
        config.request_timeout_ms = s.number("request.timeout.ms", 30_000)?;
        config.retry_backoff_ms = s.number("retry.backoff.ms", 100)?;
        config.retry_backoff_max_ms = s.number("retry.backoff.max.ms", 1_000)?;
        config.reconnect_backoff_ms = s.number("reconnect.backoff.ms", 100)?;
        config.reconnect_backoff_max_ms = s.number("reconnect.backoff.max.ms", 10_000)?;
        config.linger_ms = s.number("linger.ms", 5)?;
        config.batch_size = s.number("batch.size", 1_000_000)?;
        config.max_request_size = s.number("message.max.bytes", 1_000_000)?;
        config.buffer_memory = s.number("queue.buffering.max.kbytes", 1_048_576i64)?.saturating_mul(1024);
        config.metadata_max_age_ms = s.number("topic.metadata.refresh.interval.ms", 300_000)?;
        config.protocol = ProtocolGeneration::Librdkafka;
        Ok(ProducerSettings {
            config,
            queue_messages: match s.number("queue.buffering.max.messages", 100_000)? {
                0 => usize::MAX,
                n => n,
            },
            partitioning: s.word("partitioner", &partitioners, Partitioning::ConsistentRandom)?,
        })
    }
}

/// Settings of a consumer.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerSettings {
    pub config: ConsumerConfig,
    pub auto_commit: bool,
    pub auto_commit_interval_ms: i64,
    pub auto_store: bool,
    pub partition_eof: bool,
}

impl ConsumerSettings {
    pub fn read(config: &ClientConfig) -> KafkaResult<ConsumerSettings> {
        let given = given(config);
        let s = Settings::new(config, &given)?;
        let mut model = ConsumerConfig::default();
        model.client_id = s.text("client.id").map(Into::into);
        model.group_id = s.text("group.id").map(Into::into);
        model.group_instance_id = s.text("group.instance.id").map(Into::into);
        let levels =
            [("read_committed", IsolationLevel::ReadCommitted), ("read_uncommitted", IsolationLevel::ReadUncommitted)];
        model.isolation_level = s.word("isolation.level", &levels, IsolationLevel::ReadCommitted)?;
        let resets = [
            ("smallest", AutoOffsetReset::Earliest),
            ("earliest", AutoOffsetReset::Earliest),
            ("beginning", AutoOffsetReset::Earliest),
            ("largest", AutoOffsetReset::Latest),
            ("latest", AutoOffsetReset::Latest),
            ("end", AutoOffsetReset::Latest),
            ("error", AutoOffsetReset::None),
        ];
        model.auto_offset_reset = s.word("auto.offset.reset", &resets, AutoOffsetReset::Latest)?;
        model.assignor = match s.text("partition.assignment.strategy") {
            Some("cooperative-sticky") => AssignorName::CooperativeSticky,
            _ => AssignorName::Range, // librdkafka's default is "range,roundrobin"
        };
        // librdkafka commits what was stored; the machine would commit its positions.
        model.enable_auto_commit = false;
        model.session_timeout_ms = s.number("session.timeout.ms", 45_000)?;
        model.heartbeat_interval_ms = s.number("heartbeat.interval.ms", 3_000)?;
        model.max_poll_interval_ms = s.number("max.poll.interval.ms", 300_000)?;
        if model.max_poll_interval_ms < model.session_timeout_ms {
            let what = "`max.poll.interval.ms`must be >= `session.timeout.ms`";
            return Err(KafkaError::ClientCreation(what.into()));
        }
        model.fetch_min_bytes = s.number("fetch.min.bytes", 1)?;
        model.fetch_max_bytes = s.number("fetch.max.bytes", 52_428_800)?;
        model.fetch_max_wait_ms = s.number("fetch.wait.max.ms", 500)?;
        model.max_partition_fetch_bytes = s.number("max.partition.fetch.bytes", 1_048_576)?;
        model.request_timeout_ms = s.number("socket.timeout.ms", 60_000)?;
        model.retry_backoff_ms = s.number("retry.backoff.ms", 100)?;
        model.retry_backoff_max_ms = s.number("retry.backoff.max.ms", 1_000)?;
        model.reconnect_backoff_ms = s.number("reconnect.backoff.ms", 100)?;
        model.reconnect_backoff_max_ms = s.number("reconnect.backoff.max.ms", 10_000)?;
        model.metadata_max_age_ms = s.number("topic.metadata.refresh.interval.ms", 300_000)?;
        let partition_eof = config.get("enable.partition.eof") == Some("true");
        Ok(ConsumerSettings {
            config: model,
            auto_commit: s.flag("enable.auto.commit", true)?,
            auto_commit_interval_ms: s.number("auto.commit.interval.ms", 5_000)?,
            auto_store: s.flag("enable.auto.offset.store", true)?,
            partition_eof,
        })
    }
}
