//! The keys that each part of a scenario knows, besides Kafka's own.

/// Top level.
pub const TOP: &[&str] = &["title", "about", "seed", "seeds", "sometimes"];
/// Sections: `[name]`.
pub const SECTIONS: &[&str] = &["cluster", "network", "chaos", "end", "promise", "expect", "explore"];
/// Lists of tables: `[[name]]`.
pub const LISTS: &[&str] = &[
    "topic",
    "producer",
    "pipeline",
    "reader",
    "database",
    "payment_api",
    "connector",
    "service",
    "relay",
    "fault",
    "case",
];

/// `[cluster]`; with Kafka's broker configuration.
pub const CLUSTER: &[&str] = &[
    "brokers",
    "transaction.version",
    "eligible.leader.replicas.version",
    "write.back",
    "domains.max.sequence",
    "domains.max.epoch",
    "domains.batch.window",
];
/// `[network]`.
pub const NETWORK: &[&str] =
    &["client.latency", "broker.latency", "loopback.latency", "service.per.message", "service.per.kib"];
/// `[[topic]]`.
pub const TOPIC: &[&str] = &[
    "name",
    "partitions",
    "replication.factor",
    "min.insync.replicas",
    "unclean.leader.election.enable",
    "max.message.bytes",
    "segment.bytes",
    "assignment",
];
/// `[[producer]]`; with Kafka's producer configuration.
pub const PRODUCER: &[&str] = &[
    "name",
    "enabled",
    "topic",
    "partition",
    "records",
    "source",
    "keys",
    "value.bytes",
    "start",
    "interval",
    "window",
    "transaction.records",
    "abort.every",
    "abandon.transaction",
    "transaction.pause",
    "on_unknown",
    "restart.after",
];
/// `[[pipeline]]`; with Kafka's configuration under `consumer.` and `producer.`.
pub const PIPELINE: &[&str] = &[
    "name",
    "enabled",
    "members",
    "input",
    "output",
    "stage",
    "outputs.per.input",
    "function",
    "processing.guarantee",
    "commit.interval.ms",
    "processing.time",
    "send.offsets.with",
    "on_unknown",
    "start",
    "restart.after",
    "call.to",
    "call.idempotency.key",
    "call.timeout",
    "call.backoff",
    "call.on_unknown",
];
/// `[[reader]]`; with Kafka's consumer configuration.
pub const READER: &[&str] = &["name", "enabled", "members", "topics", "start"];
/// `[[database]]`.
pub const DATABASE: &[&str] = &["name", "service.time", "restart.after", "idle.in.transaction.timeout"];
/// `[[payment_api]]`.
pub const PAYMENT_API: &[&str] = &["name", "service.time", "restart.after", "keys.expire"];
/// `[[connector]]`; with Kafka's consumer configuration.
pub const CONNECTOR: &[&str] = &[
    "name",
    "enabled",
    "members",
    "input",
    "to",
    "table",
    "mode",
    "unique.key",
    "call.idempotency.key",
    "call.timeout",
    "call.backoff",
    "call.on_unknown",
    "processing.guarantee",
    "commit.interval.ms",
    "start",
    "restart.after",
];
/// `[[service]]`; with Kafka's producer configuration.
pub const SERVICE: &[&str] = &[
    "name",
    "enabled",
    "database",
    "table",
    "topic",
    "announce",
    "records",
    "source",
    "keys",
    "value.bytes",
    "start",
    "interval",
    "call.timeout",
    "call.backoff",
    "call.on_unknown",
    "restart.after",
];
/// `[[relay]]`; with Kafka's producer configuration.
pub const RELAY: &[&str] =
    &["name", "enabled", "of", "poll.interval", "poll.rows", "start", "call.timeout", "call.backoff", "restart.after"];
/// `[[fault]]` and the faults of a capsule.
pub const FAULT: &[&str] = &[
    "at",
    "after.kind",
    "after.phase",
    "after.from",
    "after.to",
    "after.partition",
    "after.nth",
    "after.pause",
    "cases",
    "action",
    "node",
    "nodes",
    "span",
    "down",
    "keep.ppm",
    "from",
    "to",
    "both.ways",
    "links",
    "by",
    "kind",
    "partition",
    "drift.ppm",
    "job",
    "version",
    "error",
    "optional",
];
/// `[chaos]`.
pub const CHAOS: &[&str] = &[
    "delay.ppm",
    "delay.min",
    "delay.max",
    "late.ppm",
    "late.max",
    "lose.request.ppm",
    "lose.response.ppm",
    "jitter.max",
    "probes",
    "family",
];
/// `[[chaos.family]]`.
pub const FAMILY: &[&str] = &["kind", "count", "lasts"];
/// `[end]`.
pub const END: &[&str] = &["faults.until", "bound", "limit", "delivery.budget"];
/// `[[case]]`; `set.` and `expect.` take more.
pub const CASE: &[&str] = &["name", "title", "seeds"];
