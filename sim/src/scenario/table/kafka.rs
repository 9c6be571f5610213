//! Kafka's own keys: those that are modelled have their table in the protocol, the others are known by name.

use fencepost_protocol::config::{BrokerConfig, ConfigError, ConsumerConfig, Entry, ProducerConfig};

/// Whose configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kafka {
    /// A broker's.
    Broker,
    /// A producer's.
    Producer,
    /// A consumer's.
    Consumer,
}

impl Kafka {
    /// The keys that are modelled.
    pub const fn keys(self) -> &'static [&'static str] {
        match self {
            Kafka::Broker => BrokerConfig::KEYS,
            Kafka::Producer => ProducerConfig::KEYS,
            Kafka::Consumer => ConsumerConfig::KEYS,
        }
    }

    /// All keys with their defaults.
    pub fn defaults(self) -> Vec<Entry> {
        match self {
            Kafka::Broker => BrokerConfig::default().entries(),
            Kafka::Producer => ProducerConfig::default().entries(),
            Kafka::Consumer => ConsumerConfig::default().entries(),
        }
    }

    /// Whether a key takes this text, and the simulation can carry it.
    ///
    /// # Errors
    /// What would be right.
    pub fn check(self, key: &str, text: &str) -> Result<(), String> {
        let set: Result<(), ConfigError> = match self {
            Kafka::Broker => BrokerConfig::default().set(key, text),
            Kafka::Producer => ProducerConfig::default().set(key, text),
            Kafka::Consumer => ConsumerConfig::default().set(key, text),
        };
        set.map_err(|error| error.to_string())?;
        let most = if key.ends_with(".num.partitions") { MOST_INTERNAL_PARTITIONS } else { return Ok(()) };
        match text.trim().parse::<i64>() {
            Ok(number) if number > most => Err(format!("{key}: {number} is more than Fencepost takes, {most}")),
            _ => Ok(()),
        }
    }
}

/// Partitions of an internal topic.
pub const MOST_INTERNAL_PARTITIONS: i64 = 1_000;

/// What Kafka's brokers know and is not modelled (Kafka 4.x).
const BROKERS: &str = "
advertised.listeners alter.config.policy.class.name alter.log.dirs.replication.quota.window.num
alter.log.dirs.replication.quota.window.size.seconds authorizer.class.name auto.create.topics.enable
auto.include.jmx.reporter auto.leader.rebalance.enable background.threads broker.id
broker.id.generation.enable broker.rack client.quota.callback.class compression.gzip.level compression.lz4.level
compression.type compression.zstd.level config.providers connection.failed.authentication.delay.ms
connections.max.idle.ms connections.max.reauth.ms control.plane.listener.name controlled.shutdown.enable
controlled.shutdown.max.retries controlled.shutdown.retry.backoff.ms controller.listener.names
controller.quorum.append.linger.ms controller.quorum.bootstrap.servers controller.quorum.election.backoff.max.ms
controller.quorum.election.timeout.ms controller.quorum.fetch.timeout.ms controller.quorum.request.timeout.ms
controller.quorum.retry.backoff.ms controller.quorum.voters controller.quota.window.num
controller.quota.window.size.seconds controller.performance.always.log.threshold.ms
controller.performance.sample.period.ms create.topic.policy.class.name delegation.token.expiry.check.interval.ms
delegation.token.expiry.time.ms delegation.token.max.lifetime.ms delegation.token.secret.key
delete.records.purgatory.purge.interval.requests delete.topic.enable early.start.listeners fetch.purgatory.purge.interval.requests group.consumer.assignors group.consumer.heartbeat.interval.ms
group.consumer.max.heartbeat.interval.ms group.consumer.max.session.timeout.ms group.consumer.max.size
group.consumer.migration.policy group.consumer.min.heartbeat.interval.ms group.consumer.min.session.timeout.ms
group.consumer.regex.refresh.interval.ms group.consumer.session.timeout.ms group.coordinator.append.linger.ms
group.coordinator.cached.buffer.max.bytes group.coordinator.new.enable group.coordinator.rebalance.protocols
group.coordinator.threads group.max.size group.share.assignors group.share.delivery.count.limit
group.share.heartbeat.interval.ms group.share.max.heartbeat.interval.ms group.share.max.record.lock.duration.ms
group.share.max.session.timeout.ms group.share.max.share.sessions group.share.max.size
group.share.min.heartbeat.interval.ms group.share.min.record.lock.duration.ms group.share.min.session.timeout.ms
group.share.partition.max.record.locks group.share.record.lock.duration.ms group.share.session.timeout.ms
group.streams.heartbeat.interval.ms group.streams.max.size group.streams.num.standby.replicas
group.streams.session.timeout.ms initial.broker.registration.timeout.ms inter.broker.listener.name
inter.broker.protocol.version kafka.metrics.polling.interval.secs kafka.metrics.reporters
leader.imbalance.check.interval.seconds leader.imbalance.per.broker.percentage listener.security.protocol.map
listeners log.cleaner.backoff.ms log.cleaner.dedupe.buffer.size log.cleaner.delete.retention.ms log.cleaner.enable
log.cleaner.io.buffer.load.factor log.cleaner.io.buffer.size log.cleaner.io.max.bytes.per.second
log.cleaner.max.compaction.lag.ms log.cleaner.min.cleanable.ratio log.cleaner.min.compaction.lag.ms
log.cleaner.threads log.cleanup.policy log.dir log.dir.failure.timeout.ms log.dirs log.flush.interval.messages
log.flush.interval.ms log.flush.scheduler.interval.ms log.flush.start.offset.checkpoint.interval.ms
log.index.interval.bytes log.index.size.max.bytes log.initial.task.delay.ms log.local.retention.bytes
log.local.retention.ms log.message.downconversion.enable log.message.format.version
log.message.timestamp.after.max.ms log.message.timestamp.before.max.ms log.message.timestamp.difference.max.ms
log.message.timestamp.type log.preallocate log.retention.bytes log.retention.check.interval.ms log.retention.hours
log.retention.minutes log.retention.ms log.roll.hours log.roll.jitter.hours log.roll.jitter.ms log.roll.ms
log.segment.delete.delay.ms max.connection.creation.rate max.connections max.connections.per.ip
max.connections.per.ip.overrides max.request.partition.size.limit metadata.log.dir
metadata.log.max.record.bytes.between.snapshots metadata.log.max.snapshot.interval.ms metadata.log.segment.bytes
metadata.log.segment.min.bytes metadata.log.segment.ms metadata.max.idle.interval.ms metadata.max.retention.bytes
metadata.max.retention.ms metric.reporters metrics.num.samples metrics.recording.level metrics.sample.window.ms
node.id num.io.threads num.network.threads num.partitions num.recovery.threads.per.data.dir
num.replica.alter.log.dirs.threads num.replica.fetchers offsets.load.buffer.size offsets.topic.compression.codec
offsets.topic.segment.bytes password.encoder.secret principal.builder.class process.roles
producer.purgatory.purge.interval.requests queued.max.request.bytes queued.max.requests quota.window.num
quota.window.size.seconds remote.fetch.max.wait.ms remote.list.offsets.request.timeout.ms
remote.log.manager.copier.thread.pool.size remote.log.manager.copy.max.bytes.per.second
remote.log.manager.expiration.thread.pool.size remote.log.manager.fetch.max.bytes.per.second
remote.log.manager.task.interval.ms remote.log.manager.thread.pool.size remote.log.metadata.custom.metadata.max.bytes
remote.log.metadata.manager.class.name remote.log.reader.threads remote.log.storage.manager.class.name
remote.log.storage.system.enable replica.fetch.min.bytes replica.selector.class
replica.socket.receive.buffer.bytes replication.quota.window.num replication.quota.window.size.seconds
reserved.broker.max.id sasl.client.callback.handler.class sasl.enabled.mechanisms
sasl.mechanism.controller.protocol sasl.mechanism.inter.broker.protocol sasl.server.callback.handler.class
sasl.server.max.receive.size security.inter.broker.protocol server.max.startup.time.ms
share.coordinator.append.linger.ms share.coordinator.load.buffer.size share.coordinator.snapshot.update.records.per.snapshot
share.coordinator.state.topic.min.isr share.coordinator.state.topic.num.partitions
share.coordinator.state.topic.replication.factor share.coordinator.threads socket.connection.setup.timeout.max.ms
socket.connection.setup.timeout.ms socket.listen.backlog.size socket.receive.buffer.bytes socket.request.max.bytes
socket.send.buffer.bytes telemetry.max.bytes transaction.state.log.load.buffer.size
transaction.state.log.segment.bytes transaction.two.phase.commit.enable unstable.api.versions.enable unstable.feature.versions.enable zookeeper.connect zookeeper.session.timeout.ms";

/// What Kafka's topics know and is not modelled.
const TOPICS: &str = "
cleanup.policy compression.gzip.level compression.lz4.level compression.type compression.zstd.level
delete.retention.ms file.delete.delay.ms flush.messages flush.ms follower.replication.throttled.replicas
index.interval.bytes leader.replication.throttled.replicas local.retention.bytes local.retention.ms
max.compaction.lag.ms message.downconversion.enable message.format.version message.timestamp.after.max.ms
message.timestamp.before.max.ms message.timestamp.difference.max.ms message.timestamp.type
min.cleanable.dirty.ratio min.compaction.lag.ms preallocate remote.copy.disable remote.log.delete.on.disable
remote.storage.enable retention.bytes retention.ms segment.index.bytes segment.jitter.ms segment.ms";

/// What Kafka's producers and consumers know and is not modelled, those of Connect and Streams among them.
const CLIENTS: &str = "
allow.auto.create.topics application.id application.server auto.include.jmx.reporter bootstrap.servers
bootstrap.controllers buffered.records.per.partition cache.max.bytes.buffering check.crcs client.dns.lookup
client.rack compression.gzip.level compression.level compression.lz4.level compression.type compression.zstd.level
config.providers connections.max.idle.ms default.client.supplier default.deserialization.exception.handler
default.dsl.store default.key.serde default.production.exception.handler default.timestamp.extractor
default.value.serde deserialization.exception.handler dsl.store.suppliers.class enable.metrics.push
ensure.explicit.internal.resource.naming exactly.once.source.support
exactly.once.support exclude.internal.topics group.protocol group.remote.assignor
interceptor.classes internal.leave.group.on.close key.converter key.deserializer key.serializer
log.summary.interval.ms max.task.idle.ms max.warmup.replicas metadata.max.idle.ms
metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy metric.reporters metrics.num.samples
metrics.recording.level metrics.sample.window.ms num.standby.replicas num.stream.threads
partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms partitioner.class
partitioner.ignore.keys poll.ms probing.rebalance.interval.ms processing.exception.handler
processor.wrapper.class production.exception.handler rack.aware.assignment.strategy receive.buffer.bytes
repartition.purge.interval.ms rocksdb.config.setter sasl.client.callback.handler.class sasl.jaas.config
sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin sasl.kerberos.service.name
sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor sasl.login.callback.handler.class
sasl.login.class sasl.login.connect.timeout.ms sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds
sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor sasl.login.refresh.window.jitter
sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms sasl.mechanism sasl.oauthbearer.clock.skew.seconds
sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer sasl.oauthbearer.header.urlencode
sasl.oauthbearer.jwks.endpoint.refresh.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.url
sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name sasl.oauthbearer.token.endpoint.url
security.protocol security.providers send.buffer.bytes share.acknowledgement.mode
socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms ssl.ca.location ssl.cipher.suites
ssl.enabled.protocols ssl.endpoint.identification.algorithm ssl.engine.factory.class ssl.key.location
ssl.key.password ssl.keymanager.algorithm ssl.keystore.certificate.chain ssl.keystore.key ssl.keystore.location
ssl.keystore.password ssl.keystore.type ssl.protocol ssl.provider ssl.secure.random.implementation
ssl.trustmanager.algorithm ssl.truststore.certificates ssl.truststore.location ssl.truststore.password
ssl.truststore.type state.cleanup.delay.ms state.dir statestore.cache.max.bytes task.assignor.class
task.timeout.ms topology.optimization transaction.two.phase.commit.enable upgrade.from value.converter
value.deserializer value.serializer window.size.ms windowed.inner.class.serde windowstore.changelog.additional.retention.ms";

/// What librdkafka knows and is not modelled, where its names are its own.
const LIBRDKAFKA: &str = "
api.version.fallback.ms api.version.request api.version.request.timeout.ms auto.commit.enable
background_event_cb broker.address.family broker.address.ttl broker.version.fallback builtin.features
client.software.name client.software.version closesocket_cb compression.codec connect_cb consume.callback.max.messages
consume_cb debug default_topic_conf delivery.report.only.error dr_cb dr_msg_cb enable.gapless.guarantee
enable.partition.eof enable.random.seed enable.sasl.oauthbearer.unsecure.jwt enable.ssl.certificate.verification
enabled_events error_cb fetch.error.backoff.ms fetch.message.max.bytes fetch.queue.backoff.ms group.protocol.type
https.ca.location https.ca.pem internal.termination.signal interceptors log.connection.close log.queue log.thread.name
log_cb log_level max.in.flight message.copy.max.bytes metadata.broker.list metadata.max.idle.ms msg_order_cmp
msg_order.cmp oauth_cb oauthbearer_token_refresh_cb offset.store.method offset.store.path
offset.store.sync.interval.ms offset_commit_cb opaque open_cb partitioner partitioner_cb plugin.library.paths
produce.offset.report queue.buffering.backpressure.threshold queue.buffering.max.kbytes queue.buffering.max.messages
queued.max.messages.kbytes queued.min.messages queuing.strategy rebalance_cb receive.message.max.bytes
sasl.kerberos.keytab sasl.kerberos.principal sasl.mechanisms sasl.oauthbearer.client.id
sasl.oauthbearer.client.secret sasl.oauthbearer.config sasl.oauthbearer.extensions sasl.oauthbearer.method
sasl.oauthbearer.scope sasl.password sasl.username socket.blocking.max.ms socket.keepalive.enable socket.max.fails
socket.nagle.disable socket_cb ssl.ca.certificate.stores ssl.ca.pem ssl.certificate.location ssl.certificate.pem
ssl.certificate.verify_cb ssl.crl.location ssl.curves.list ssl.engine.id ssl.engine.location ssl.key.pem
ssl.providers ssl.sigalgs.list ssl_ca ssl_certificate ssl_key statistics.interval.ms stats_cb sticky.partitioning.linger.ms
throttle_cb topic.blacklist topic.metadata.propagation.max.ms topic.metadata.refresh.fast.cnt
topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.sparse topic_conf coordinator.query.interval.ms
enable.auto.offset.store allow.auto.create.topics ";

/// librdkafka's names of what is modelled under Kafka's.
const ALSO_CALLED: &[(&str, &str)] = &[
    ("queue.buffering.max.ms", "linger.ms"),
    ("message.timeout.ms", "delivery.timeout.ms"),
    ("message.send.max.retries", "retries"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("request.required.acks", "acks"),
    ("socket.timeout.ms", "request.timeout.ms"),
    ("fetch.wait.max.ms", "fetch.max.wait.ms"),
    ("fetch.message.max.bytes", "max.partition.fetch.bytes"),
    ("topic.metadata.refresh.interval.ms", "metadata.max.age.ms"),
    ("auto.commit.enable", "enable.auto.commit"),
    ("batch.num.messages", "batch.size"),
];

fn listed(list: &str, key: &str) -> bool {
    list.split_ascii_whitespace().any(|name| name == key)
}

/// What to say of a key that no section has and Kafka does.
pub fn advice(key: &str) -> Option<String> {
    if ["compression.type", "compression.codec"].contains(&key) {
        return Some(
            "Kafka takes none, gzip, snappy, lz4 and zstd there (topics: producer and uncompressed, too); Fencepost does \
             not model it, and every batch goes as with none, so leave it out"
                .to_string(),
        );
    }
    if let Some((_, known)) = ALSO_CALLED.iter().find(|(name, _)| *name == key) {
        return Some(format!("'{known}' is what Kafka and Fencepost call it"));
    }
    let of = [
        (TOPICS, "of Kafka's topics"),
        (CLIENTS, "of Kafka's clients"),
        (BROKERS, "of Kafka's brokers"),
        (LIBRDKAFKA, "of librdkafka"),
    ];
    let whose = of.into_iter().find(|(list, _)| listed(list, key)).map(|(_, whose)| whose).or_else(|| {
        let families = ["ssl.", "sasl.", "listener.name.", "metrics.", "remote.log."];
        families.iter().any(|family| key.starts_with(family)).then_some("of Kafka")
    })?;
    Some(format!(
        "it is a key {whose} that Fencepost does not model: it would change nothing here, so leave it out \
         (docs/scenarios.md lists the keys that are modelled)"
    ))
}

/// All names that are known and not modelled.
#[cfg(test)]
pub fn not_modelled() -> impl Iterator<Item = &'static str> {
    [BROKERS, TOPICS, CLIENTS, LIBRDKAFKA].into_iter().flat_map(str::split_ascii_whitespace)
}
