//! From the parts of a scenario's text to a plan, checked as Kafka checks.

use std::collections::BTreeMap;
use std::sync::Arc;

use fencepost_protocol::batch::Value;
use fencepost_protocol::config::{BrokerConfig, ConfigError, ConsumerConfig, Domains, ProducerConfig};
use fencepost_protocol::ids::NodeId;
use fencepost_protocol::image::TopicSettings;
use fencepost_protocol::pipeline::{Function, Guarantee};
use fencepost_protocol::time::Span;

use super::deviation::read_faults;
use super::document::Document;
use super::fields::Fields;
use super::keys;
use super::lines;
use super::names::Names;
use super::nearest::hint;
use super::problem::{Complaint, Place};
use super::sinks::{self, Sinks};
use super::streams;
use crate::plan::{
    ChaosPlan, ClusterPlan, EndPlan, Family, FamilyKind, NetworkPlan, OnUnknown, PipelinePlan, Plan, ProducerPlan,
    Promise, ReaderPlan, Source, TopicPlan,
};

type Result<T> = core::result::Result<T, Complaint>;
/// Reads a file that a scenario names; the message says why it cannot be read.
pub type ReadFile<'r> = &'r mut dyn FnMut(&str) -> core::result::Result<String, String>;

/// Families of drawn faults, by name.
pub const FAMILIES: [(&str, FamilyKind); 14] = [
    ("broker_crash", FamilyKind::BrokerCrash),
    ("power_loss", FamilyKind::PowerLoss),
    ("broker_pause", FamilyKind::BrokerPause),
    ("client_pause", FamilyKind::ClientPause),
    ("client_crash", FamilyKind::ClientCrash),
    ("partition", FamilyKind::Partition),
    ("rolling_restart", FamilyKind::RollingRestart),
    ("leader_move", FamilyKind::LeaderMove),
    ("clock_step", FamilyKind::ClockStep),
    ("metadata_lag", FamilyKind::MetadataLag),
    ("slow_node", FamilyKind::SlowNode),
    ("job_delay", FamilyKind::JobDelay),
    ("sink_crash", FamilyKind::SinkCrash),
    ("sink_pause", FamilyKind::SinkPause),
];

/// Promises, by name.
pub const PROMISES: [(&str, Promise); 4] = [
    ("exactly-once", Promise::ExactlyOnce),
    ("at-least-once", Promise::AtLeastOnce),
    ("at-most-once", Promise::AtMostOnce),
    ("idempotent", Promise::Idempotent),
];

/// `processing.guarantee`.
pub const GUARANTEES: [(&str, Guarantee); 3] = [
    ("at_most_once", Guarantee::AtMostOnce),
    ("at_least_once", Guarantee::AtLeastOnce),
    ("exactly_once_v2", Guarantee::ExactlyOnceV2),
];

/// `on_unknown`.
pub const ON_UNKNOWN: [(&str, OnUnknown); 2] = [("keep", OnUnknown::Keep), ("resend", OnUnknown::Resend)];

/// Deliveries that a run may take where the scenario does not say.
const DELIVERY_BUDGET: u64 = 20_000_000;
/// No run takes longer than a week, unless the scenario says so.
const LIMIT: Span = Span::from_secs(7 * 24 * 3_600);
/// Pause before a crashed client runs again where the scenario does not say.
const RESTART_AFTER: Span = Span::from_secs(3);

/// A plan and the lines of users' files that it holds.
pub struct Assembled {
    /// The plan.
    pub plan: Plan,
    /// By path, as much of the text as is used.
    pub files: BTreeMap<String, String>,
}

/// Makes the plan of `case` (none: the base).
pub fn assemble(name: &str, document: &Document, case: Option<&str>, read: ReadFile<'_>) -> Result<Assembled> {
    let mut files = BTreeMap::new();
    let cluster = cluster(&document.cluster)?;
    let topics = topics(&document.topics, &cluster)?;
    let known: Vec<&str> = topics.iter().map(|t| t.name.as_str()).collect();
    let mut producers = Vec::new();
    for fields in enabled(&document.producers)? {
        producers.push(producer(fields, &topics, &cluster, read, &mut files)?);
    }
    let mut outside = Sinks::read(document)?;
    let mut pipelines = Vec::new();
    for (index, fields) in document.pipelines.iter().enumerate() {
        if fields.boolean("enabled")? != Some(false) {
            pipelines.push(pipeline(fields, index, &known, &cluster, &outside)?);
        }
    }
    pipelines.extend(sinks::connectors(document, &known, &cluster, &mut outside)?);
    let services = sinks::services(document, &known, &cluster, &mut outside, read, &mut files)?;
    let relays = sinks::relays(document, &cluster, &services)?;
    let mut readers = Vec::new();
    for fields in enabled(&document.readers)? {
        readers.push(reader(fields, &known, &cluster)?);
    }
    let mut plan = Plan {
        name: name.to_string(),
        title: document.top.needed_text("title")?,
        about: document.top.text("about")?.unwrap_or_default().trim().to_string(),
        network: network(&document.network)?,
        chaos: chaos(&document.chaos)?,
        end: EndPlan {
            faults_until: document.end.span("faults.until")?.unwrap_or(Span::from_secs(20)),
            bound: Span::ZERO,
            limit: document.end.span("limit")?.unwrap_or(LIMIT),
            delivery_budget: document
                .end
                .integer("delivery.budget", 1, i64::MAX)?
                .map_or(DELIVERY_BUDGET, |n| n as u64),
        },
        promises: Vec::new(),
        cluster,
        topics,
        producers,
        pipelines,
        readers,
        databases: outside.databases,
        payments: outside.payments,
        services,
        relays,
        echoes: Vec::new(),
        externals: Vec::new(),
        faults: Vec::new(),
    };
    plan.promises = promises(&document.promise, &plan)?;
    plan.end.bound = document.end.span("bound")?.unwrap_or_else(|| usual_bound(&plan));
    check_names(document, &plan)?;
    let names = Names::of(&plan);
    for fields in &document.faults {
        let cases = fields.texts("cases")?;
        if let Some(cases) = &cases {
            check_cases(document, fields, cases)?;
        }
        if cases.is_none_or(|cases| cases.iter().any(|c| c == case.unwrap_or(super::BASE))) {
            plan.faults.extend(read_faults(fields, &names)?);
        } else {
            // A fault of another case is checked all the same; whom it hits may not be there in this one.
            read_faults(fields, &with_the_disabled(&names, document)?)?;
        }
    }
    Ok(Assembled { plan, files })
}

/// The names, and those of clients that are left out.
fn with_the_disabled(names: &Names, document: &Document) -> Result<Names> {
    let mut names = names.clone();
    let Document { producers, pipelines, readers, connectors, services, relays, .. } = document;
    for fields in [producers, pipelines, readers, connectors, services, relays].into_iter().flatten() {
        if fields.boolean("enabled")? == Some(false) {
            let name = fields.needed_text("name")?;
            let members = fields.integer("members", 1u32, 1_000)?.unwrap_or(1);
            names.nodes.extend((1..=members).map(|m| crate::client::member_name(&name, m, members)));
        }
    }
    Ok(names)
}

fn check_cases(document: &Document, fields: &Fields, cases: &[String]) -> Result<()> {
    let mut known = vec![super::BASE.to_string()];
    for case in &document.cases {
        known.extend(case.text("name")?);
    }
    match cases.iter().find(|c| !known.contains(c)) {
        None => Ok(()),
        Some(c) => {
            let near = hint(c, known.iter().map(String::as_str));
            Err(fields.complain("cases", format!("there is no case '{c}'{near}")))
        }
    }
}

/// The largest of delivery timeout, transaction timeout with its sweep, and session with poll interval, plus 60 s.
/// Streams' delivery timeout of 24 days does not count.
fn usual_bound(plan: &Plan) -> Span {
    let sweep = i64::from(plan.cluster.config.transaction_sweep_ms);
    let of_producer = |config: &ProducerConfig| {
        let delivery = if config.delivery_timeout_ms == i32::MAX { 0 } else { i64::from(config.delivery_timeout_ms) };
        let transaction =
            config.transactional_id.as_ref().map_or(0, |_| i64::from(config.transaction_timeout_ms) + sweep);
        delivery.max(transaction)
    };
    let of_consumer = |config: &ConsumerConfig| {
        config
            .group_id
            .as_ref()
            .map_or(0, |_| i64::from(config.session_timeout_ms) + i64::from(config.max_poll_interval_ms))
    };
    let producers = plan.producers.iter().map(|p| of_producer(&p.config));
    let pipelines = plan.pipelines.iter().map(|p| of_producer(&p.producer).max(of_consumer(&p.consumer)));
    let readers = plan.readers.iter().map(|r| of_consumer(&r.config));
    let services = plan.services.iter().map(|s| of_producer(&s.producer));
    let relays = plan.relays.iter().map(|r| of_producer(&r.producer));
    let largest = producers.chain(pipelines).chain(readers).chain(services).chain(relays).max().unwrap_or(0);
    Span::from_millis(largest) + Span::from_secs(60)
}

// ---- cluster and topics --------------------------------------------------------------------------------------------

pub(super) fn configure(
    fields: &Fields,
    prefix: &str,
    keys: &[&'static str],
    mut set: impl FnMut(&str, &str) -> core::result::Result<(), ConfigError>,
) -> Result<()> {
    for (path, item) in fields.iter() {
        let Some(key) = path.strip_prefix(prefix) else { continue };
        if keys.contains(&key) {
            set(key, &fields.config_text(path, item)?).map_err(|e| Complaint::new(&item.place, e.to_string()))?;
        }
    }
    Ok(())
}

fn cluster(fields: &Fields) -> Result<ClusterPlan> {
    let brokers = fields.integer("brokers", 1u32, 1_000)?.unwrap_or(3);
    let mut config = BrokerConfig::default();
    configure(fields, "", BrokerConfig::KEYS, |key, text| config.set(key, text))?;
    let factor = |key: &'static str, value: &mut u32| {
        if *value > brokers && config.is_explicit(key) {
            return Err(fields.complain(
                key,
                format!("{key} of {value} is above the number of brokers ({brokers}): Kafka refuses it; add brokers or lower it"),
            ));
        }
        *value = (*value).min(brokers);
        Ok(())
    };
    let mut factors =
        (config.transaction_replication_factor, config.offsets_replication_factor, config.default_replication_factor);
    factor("transaction.state.log.replication.factor", &mut factors.0)?;
    factor("offsets.topic.replication.factor", &mut factors.1)?;
    factor("default.replication.factor", &mut factors.2)?;
    (config.transaction_replication_factor, config.offsets_replication_factor, config.default_replication_factor) =
        factors;
    if !config.is_explicit("transaction.state.log.min.isr") {
        config.transaction_min_isr = config.transaction_min_isr.min(config.transaction_replication_factor);
    }
    let usual = Domains::default();
    Ok(ClusterPlan {
        brokers,
        transaction_version: fields.integer("transaction.version", 0, 2)?.unwrap_or(2),
        eligible_leader_replicas_version: fields.integer("eligible.leader.replicas.version", 0, 1)?.unwrap_or(1),
        domains: Domains {
            max_sequence: fields.integer("domains.max.sequence", 7, i32::MAX)?.unwrap_or(usual.max_sequence),
            max_epoch: fields.integer("domains.max.epoch", 2, i16::MAX)?.unwrap_or(usual.max_epoch),
            batch_window: fields.integer("domains.batch.window", 1, 1_000)?.unwrap_or(usual.batch_window),
        },
        write_back: fields.span("write.back")?.unwrap_or(Span::from_secs(30)),
        config: Arc::new(config),
    })
}

fn network(fields: &Fields) -> Result<NetworkPlan> {
    let span = |path: &str, usual: Span| Ok::<Span, Complaint>(fields.span(path)?.unwrap_or(usual));
    Ok(NetworkPlan {
        client_latency: span("client.latency", Span::from_micros(500))?,
        broker_latency: span("broker.latency", Span::from_micros(500))?,
        loopback_latency: span("loopback.latency", Span::from_micros(50))?,
        service_per_message: span("service.per.message", Span::ZERO)?,
        service_per_kib: span("service.per.kib", Span::ZERO)?,
    })
}

fn topics(list: &[Fields], cluster: &ClusterPlan) -> Result<Vec<TopicPlan>> {
    let mut topics: Vec<TopicPlan> = Vec::new();
    for fields in list {
        let topic = topic(fields, cluster)?;
        if topics.iter().any(|t| t.name == topic.name) {
            return Err(fields.complain("name", format!("there are two topics named '{}'", topic.name)));
        }
        topics.push(topic);
    }
    Ok(topics)
}

fn topic(fields: &Fields, cluster: &ClusterPlan) -> Result<TopicPlan> {
    let name = fields.needed_text("name")?;
    let legal =
        !name.is_empty() && name.len() <= 249 && name != "." && name != ".." && name.chars().all(is_name_character);
    if !legal {
        let message = format!("'{name}' is no name of a topic: up to 249 letters, digits, '.', '_' and '-'");
        return Err(fields.complain("name", message));
    }
    if name.starts_with("__") {
        return Err(fields.complain("name", format!("'{name}': topics that begin with '__' are Kafka's own")));
    }
    let brokers = cluster.brokers;
    let assignment = assignment(fields, brokers)?;
    let partitions = match (fields.integer("partitions", 1, 10_000)?, &assignment) {
        (Some(partitions), Some(lists)) if partitions as usize != lists.len() => {
            let message = format!("'{name}' has {partitions} partitions, but 'assignment' lists {}", lists.len());
            return Err(fields.complain("assignment", message));
        }
        (Some(partitions), _) => partitions,
        (None, Some(lists)) => lists.len() as u32,
        (None, None) => 1,
    };
    let replicas = assignment.as_ref().and_then(|lists| lists.first()).map(|list| list.len() as u32);
    let replication_factor = match (fields.integer("replication.factor", 1, 1_000)?, replicas) {
        (Some(factor), _) if factor > brokers => {
            return Err(fields.complain(
                "replication.factor",
                format!(
                    "replication.factor of {factor} is above the number of brokers ({brokers}): Kafka refuses it with \
                     INVALID_REPLICATION_FACTOR; add brokers or lower it"
                ),
            ));
        }
        (Some(factor), Some(replicas)) if factor != replicas => {
            let message = format!("replication.factor is {factor}, but 'assignment' lists {replicas} replicas");
            return Err(fields.complain("assignment", message));
        }
        (Some(factor), _) => factor,
        (None, Some(replicas)) => replicas,
        (None, None) => brokers.min(3),
    };
    let config = &cluster.config;
    Ok(TopicPlan {
        settings: TopicSettings {
            min_insync_replicas: fields
                .integer("min.insync.replicas", 1, u32::MAX)?
                .unwrap_or(config.min_insync_replicas),
            unclean_leader_election: fields
                .boolean("unclean.leader.election.enable")?
                .unwrap_or(config.unclean_leader_election),
            max_message_bytes: fields.integer("max.message.bytes", 1, u32::MAX)?.unwrap_or(config.message_max_bytes),
            segment_bytes: fields.integer("segment.bytes", 1, u32::MAX)?.unwrap_or(config.segment_bytes),
        },
        name,
        partitions,
        replication_factor,
        assignment,
    })
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn assignment(fields: &Fields, brokers: u32) -> Result<Option<Vec<Vec<NodeId>>>> {
    let Some(lists) = fields.integer_lists("assignment")? else { return Ok(None) };
    let complain = |message: String| Err(fields.complain("assignment", message));
    let length = lists.first().map_or(0, Vec::len);
    for list in &lists {
        if list.is_empty() || list.len() != length {
            return complain("every partition needs the same number of replicas, at least one".into());
        }
        for (index, id) in list.iter().enumerate() {
            if *id < 1 || *id > i64::from(brokers) {
                return complain(format!("there is no broker {id}; brokers are 1 to {brokers}"));
            }
            if list[..index].contains(id) {
                return complain(format!("broker {id} is listed twice for one partition"));
            }
        }
    }
    let ids = |list: &Vec<i64>| list.iter().map(|id| NodeId(*id as i32)).collect();
    Ok(Some(lists.iter().map(ids).collect()))
}

// ---- clients -------------------------------------------------------------------------------------------------------

/// Clients with `enabled = false` are left out.
pub(super) fn enabled(list: &[Fields]) -> Result<Vec<&Fields>> {
    let mut found = Vec::with_capacity(list.len());
    for fields in list {
        if fields.boolean("enabled")? != Some(false) {
            found.push(fields);
        }
    }
    Ok(found)
}

pub(super) fn client_name(fields: &Fields) -> Result<String> {
    let name = fields.needed_text("name")?;
    if name.is_empty() || !name.chars().all(is_name_character) {
        return Err(fields.complain("name", format!("'{name}' is no name: letters, digits, '.', '_' and '-'")));
    }
    let reserved =
        keys::SECTIONS.contains(&name.as_str()) || ["client", "broker", "controller"].contains(&name.as_str());
    if reserved || name.starts_with("broker-") {
        return Err(fields.complain("name", format!("'{name}' means something else; choose another name")));
    }
    Ok(name)
}

pub(super) fn known_topic(fields: &Fields, path: &str, name: &str, known: &[&str]) -> Result<()> {
    if known.contains(&name) {
        return Ok(());
    }
    let near = hint(name, known.iter().copied());
    Err(fields.complain(path, format!("there is no topic '{name}'{near}; topics are declared with [[topic]]")))
}

fn on_unknown(fields: &Fields) -> Result<OnUnknown> {
    Ok(fields.word("on_unknown", &ON_UNKNOWN)?.unwrap_or(OnUnknown::Keep))
}

/// `never`, or a duration.
pub(super) fn restart_after(fields: &Fields) -> Result<Option<Span>> {
    match fields.text("restart.after") {
        Ok(Some(text)) if text == "never" => Ok(None),
        _ => Ok(Some(fields.span("restart.after")?.unwrap_or(RESTART_AFTER))),
    }
}

/// A complaint about a configuration as a whole, placed at the key that it names first, if that was given.
pub(super) fn conflict(fields: &Fields, prefix: &str, error: &ConfigError) -> Complaint {
    let message = error.to_string();
    let given = fields.paths().filter_map(|path| path.strip_prefix(prefix).map(|key| (path, key)));
    let place = given
        .filter(|(_, key)| message.contains(key))
        .min_by_key(|(_, key)| message.find(key))
        .map_or(&fields.place, |(path, _)| fields.place_of(path));
    Complaint::new(place, format!("{}: {message} (Kafka refuses this with a ConfigException)", fields.what))
}

pub(super) fn check_transaction_timeout(
    fields: &Fields,
    path: &str,
    config: &ProducerConfig,
    cluster: &ClusterPlan,
) -> Result<()> {
    let cap = cluster.config.transaction_max_timeout_ms;
    if config.transactional_id.is_some() && config.transaction_timeout_ms > cap {
        let message = format!(
            "transaction.timeout.ms of {} is above the brokers' transaction.max.timeout.ms ({cap}): Kafka refuses it with \
             INVALID_TRANSACTION_TIMEOUT; lower the one or raise the other",
            config.transaction_timeout_ms
        );
        return Err(fields.complain(path, message));
    }
    Ok(())
}

fn producer(
    fields: &Fields,
    topics: &[TopicPlan],
    cluster: &ClusterPlan,
    read: ReadFile<'_>,
    files: &mut BTreeMap<String, String>,
) -> Result<ProducerPlan> {
    let name = client_name(fields)?;
    let topic = fields.needed_text("topic")?;
    let known: Vec<&str> = topics.iter().map(|t| t.name.as_str()).collect();
    known_topic(fields, "topic", &topic, &known)?;
    let partition = fields.integer("partition", 0u32, u32::MAX)?;
    let partitions = topics.iter().find(|t| t.name == topic).map_or(0, |t| t.partitions);
    if let Some(partition) = partition.filter(|p| *p >= partitions) {
        let message = format!("topic '{topic}' has partitions 0 to {}, not {partition}", partitions - 1);
        return Err(fields.complain("partition", message));
    }
    let mut config = ProducerConfig::default();
    configure(fields, "", ProducerConfig::KEYS, |key, text| config.set(key, text))?;
    let config = config.resolve().map_err(|e| conflict(fields, "", &e))?;
    check_transaction_timeout(fields, "transaction.timeout.ms", &config, cluster)?;
    let transactional = config.transactional_id.is_some();
    for path in ["transaction.records", "abort.every", "abandon.transaction", "transaction.pause"] {
        if !transactional && fields.has(path) {
            return Err(fields.complain(path, format!("'{path}' needs a transactional.id")));
        }
    }
    let number = |path: &str, min: u32| fields.integer(path, min, u32::MAX);
    Ok(ProducerPlan {
        source: source(fields, read, files)?,
        name,
        topic,
        partition,
        start: fields.span("start")?.unwrap_or(Span::ZERO),
        interval: fields.span("interval")?.unwrap_or(Span::ZERO),
        window: number("window", 1)?.unwrap_or(1_000),
        transaction_records: if transactional { number("transaction.records", 1)?.unwrap_or(100) } else { 0 },
        abort_every: number("abort.every", 0)?.unwrap_or(0),
        abandon_transaction: number("abandon.transaction", 0)?.unwrap_or(0),
        transaction_pause: fields.span("transaction.pause")?.unwrap_or(Span::ZERO),
        on_unknown: on_unknown(fields)?,
        restart_after: restart_after(fields)?,
        config,
    })
}

pub(super) fn source(fields: &Fields, read: ReadFile<'_>, files: &mut BTreeMap<String, String>) -> Result<Source> {
    let records = fields.integer("records", 0i64, i64::MAX)?.map(|n| n as u64);
    let Some(path) = fields.text("source")? else {
        let Some(records) = records else {
            let message = format!("{} needs 'records' (how many to generate) or 'source' (a file)", fields.what);
            return Err(Complaint::new(&fields.place, message));
        };
        let keys = fields.integer("keys", 0i64, i64::MAX)?.unwrap_or(0) as u64;
        return Ok(Source::Generated {
            records,
            keys,
            value_bytes: fields.integer("value.bytes", 0, 1 << 30)?.unwrap_or(100),
        });
    };
    for path in ["keys", "value.bytes"] {
        if fields.has(path) {
            return Err(fields.complain(path, format!("'{path}' is for generated records; these come from a file")));
        }
    }
    let text = read(&path).map_err(|m| fields.complain("source", format!("cannot read '{path}': {m}")))?;
    let lines = lines::read(&path, &text, records.unwrap_or(u64::MAX))
        .map_err(|m| fields.complain("source", format!("'{path}': {m}")))?;
    if let Some(wanted) = records.filter(|wanted| *wanted > lines.records.len() as u64) {
        let message = format!("'{path}' has {} records, not {wanted}", lines.records.len());
        return Err(fields.complain("records", message));
    }
    // Two clients may use different lengths of one file: the longer one serves both.
    let kept = files.entry(path.clone()).or_default();
    if kept.len() < lines.used.len() {
        *kept = lines.used;
    }
    let records = lines.records.into_iter().map(|(key, value)| (key, value.map(Value::from))).collect();
    Ok(Source::Lines { path, records })
}

fn pipeline(
    fields: &Fields,
    index: usize,
    known: &[&str],
    cluster: &ClusterPlan,
    sinks: &Sinks,
) -> Result<PipelinePlan> {
    let name = client_name(fields)?;
    let inputs = fields.texts("input")?.filter(|list| !list.is_empty());
    let inputs = inputs.ok_or_else(|| Complaint::new(&fields.place, format!("{} needs 'input'", fields.what)))?;
    for input in &inputs {
        known_topic(fields, "input", input, known)?;
    }
    let output = fields.needed_text("output")?;
    known_topic(fields, "output", &output, known)?;
    if inputs.contains(&output) {
        return Err(fields.complain("output", format!("'{output}' is also an input: the pipeline would never end")));
    }
    let guarantee = fields.word("processing.guarantee", &GUARANTEES)?.unwrap_or(Guarantee::AtLeastOnce);
    let exactly_once = guarantee == Guarantee::ExactlyOnceV2;
    let mut consumer = streams::consumer(&name, exactly_once);
    configure(fields, "consumer.", ConsumerConfig::KEYS, |key, text| consumer.set(key, text))?;
    check_consumer(fields, "consumer.", &consumer, cluster)?;
    if consumer.enable_auto_commit {
        let message = "a pipeline commits its offsets itself: leave enable.auto.commit at false";
        return Err(fields.complain("consumer.enable.auto.commit", message));
    }
    let mut producer = streams::producer(&name, exactly_once);
    configure(fields, "producer.", ProducerConfig::KEYS, |key, text| producer.set(key, text))?;
    if !exactly_once && producer.transactional_id.is_some() {
        let message = "a transactional.id is for processing.guarantee = \"exactly_once_v2\"";
        return Err(fields.complain("producer.transactional.id", message));
    }
    if exactly_once && producer.transactional_id.is_none() {
        let message = "processing.guarantee = \"exactly_once_v2\" needs a transactional.id; leave the key out for the pipeline's name";
        return Err(fields.complain("producer.transactional.id", message));
    }
    let producer = producer.resolve().map_err(|e| conflict(fields, "producer.", &e))?;
    check_transaction_timeout(fields, "producer.transaction.timeout.ms", &producer, cluster)?;
    let commit_ms = fields.integer("commit.interval.ms", 0i64, i64::MAX / 1_000_000)?;
    let with = [("group_metadata", false), ("group_id", true)];
    Ok(PipelinePlan {
        members: fields.integer("members", 1, 1_000)?.unwrap_or(1),
        stage: fields.integer("stage", 1, u16::MAX)?.unwrap_or(index as u16 + 1),
        outputs_per_input: fields.integer("outputs.per.input", 0, 1_000)?.unwrap_or(1),
        function: function(fields)?,
        slip_at: None,
        commit_interval: Span::from_millis(commit_ms.unwrap_or(streams::commit_interval_ms(exactly_once))),
        processing_time: fields.span("processing.time")?.unwrap_or(Span::ZERO),
        group_id_only: fields.word("send.offsets.with", &with)?.unwrap_or(false),
        on_unknown: on_unknown(fields)?,
        start: fields.span("start")?.unwrap_or(Span::ZERO),
        restart_after: restart_after(fields)?,
        name,
        inputs,
        output: Some(output),
        call: sinks.call_of_pipeline(fields)?,
        guarantee,
        consumer,
        producer,
    })
}

fn function(fields: &Fields) -> Result<Function> {
    let Some(name) = fields.text("function")? else { return Ok(Function::Copy) };
    Function::from_name(&name).ok_or_else(|| {
        let message = format!("unknown function '{name}': it is \"copy\", \"append:TEXT\" or \"hash\"");
        fields.complain("function", message)
    })
}

fn reader(fields: &Fields, known: &[&str], cluster: &ClusterPlan) -> Result<ReaderPlan> {
    let name = client_name(fields)?;
    let topics = fields.texts("topics")?.filter(|list| !list.is_empty());
    let topics = topics.ok_or_else(|| Complaint::new(&fields.place, format!("{} needs 'topics'", fields.what)))?;
    for topic in &topics {
        known_topic(fields, "topics", topic, known)?;
    }
    let members = fields.integer("members", 1, 1_000)?.unwrap_or(1);
    let mut config = ConsumerConfig::default();
    configure(fields, "", ConsumerConfig::KEYS, |key, text| config.set(key, text))?;
    check_consumer(fields, "", &config, cluster)?;
    if config.group_id.is_none() {
        if members > 1 {
            return Err(fields.complain("members", "several members need a group.id"));
        }
        if config.is_explicit("enable.auto.commit") && config.enable_auto_commit {
            let message =
                "enable.auto.commit=true needs a group.id: Kafka refuses it with an InvalidConfigurationException";
            return Err(fields.complain("enable.auto.commit", message));
        }
        config.enable_auto_commit = false;
    }
    Ok(ReaderPlan { name, members, topics, start: fields.span("start")?.unwrap_or(Span::ZERO), config })
}

pub(super) fn check_consumer(
    fields: &Fields,
    prefix: &str,
    config: &ConsumerConfig,
    cluster: &ClusterPlan,
) -> Result<()> {
    let complain = |key: &str, message: String| Err(fields.complain(&format!("{prefix}{key}"), message));
    if config.group_id.is_none() {
        if config.group_instance_id.is_some() {
            return complain("group.instance.id", "group.instance.id needs a group.id".into());
        }
        return Ok(());
    }
    let (session, heartbeat) = (config.session_timeout_ms, config.heartbeat_interval_ms);
    if heartbeat >= session {
        return complain(
            "heartbeat.interval.ms",
            format!(
                "heartbeat.interval.ms ({heartbeat}) must be below session.timeout.ms ({session}), as Kafka requires"
            ),
        );
    }
    let (min, max) = (cluster.config.group_min_session_timeout_ms, cluster.config.group_max_session_timeout_ms);
    if session < min || session > max {
        return complain(
            "session.timeout.ms",
            format!(
                "session.timeout.ms of {session} is not between the brokers' group.min.session.timeout.ms ({min}) and \
                 group.max.session.timeout.ms ({max}): Kafka refuses it with INVALID_SESSION_TIMEOUT; change the one or the other"
            ),
        );
    }
    Ok(())
}

/// Two nodes of one name could not be told apart.
fn check_names(document: &Document, plan: &Plan) -> Result<()> {
    let mut names = Names::of(plan).nodes;
    names.sort();
    let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) else { return Ok(()) };
    let name = &twice[0];
    let clients = document.producers.iter().chain(&document.pipelines).chain(&document.readers);
    let others = document.connectors.iter().chain(&document.services).chain(&document.relays);
    let sections = clients.chain(others).chain(&document.databases).chain(&document.payments);
    let mut place = Place::Whole;
    for fields in sections {
        if fields.text("name")?.is_some_and(|own| name.starts_with(&own)) {
            place = fields.place_of("name").clone();
        }
    }
    Err(Complaint::new(&place, format!("there are two clients named '{name}'")))
}

// ---- chaos and promises --------------------------------------------------------------------------------------------

fn chaos(fields: &Fields) -> Result<ChaosPlan> {
    let ppm = |path: &str| Ok::<u64, Complaint>(fields.integer(path, 0i64, 1_000_000)?.unwrap_or(0) as u64);
    let span = |path: &str, usual: Span| Ok::<Span, Complaint>(fields.span(path)?.unwrap_or(usual));
    let mut plan = ChaosPlan {
        delay_ppm: ppm("delay.ppm")?,
        delay_min: span("delay.min", Span::from_millis(1))?,
        delay_max: span("delay.max", Span::from_millis(1_000))?,
        late_ppm: ppm("late.ppm")?,
        late_max: span("late.max", Span::from_secs(100))?,
        lose_request_ppm: ppm("lose.request.ppm")?,
        lose_response_ppm: ppm("lose.response.ppm")?,
        jitter_max: span("jitter.max", Span::ZERO)?,
        probes: fields.integer("probes", 0, 1_000)?.unwrap_or(0),
        families: Vec::new(),
    };
    if plan.delay_min > plan.delay_max {
        return Err(fields.complain("delay.min", "delay.min is above delay.max"));
    }
    if plan.late_max < plan.delay_max {
        return Err(fields.complain("late.max", "late.max is below delay.max"));
    }
    if plan.delay_ppm + plan.late_ppm + plan.lose_request_ppm + plan.lose_response_ppm > 1_000_000 {
        return Err(Complaint::new(&fields.place, "the shares of [chaos] add up to more than 1,000,000 ppm"));
    }
    let mut rest = fields.clone();
    for family in rest.take_tables("family")? {
        family.only(&[keys::FAMILY])?;
        let Some(kind) = family.word("kind", &FAMILIES)? else {
            return Err(Complaint::new(&family.place, "[[chaos.family]] needs 'kind'"));
        };
        if plan.families.iter().any(|f| f.kind == kind) {
            return Err(family.complain("kind", "this family is given twice"));
        }
        let (min, max) = count(&family, "count")?.ok_or_else(|| family.complain("count", COUNT))?;
        let (shortest, longest) = lasts(&family, "lasts")?.unwrap_or(LASTS);
        plan.families.push(Family { kind, min, max, shortest, longest });
    }
    // `broker_crash.count = 1` in [chaos] changes or adds a family: how settings reach them.
    for (name, kind) in FAMILIES {
        let count = count(fields, &format!("{name}.count"))?;
        let lasts = lasts(fields, &format!("{name}.lasts"))?;
        if count.is_none() && lasts.is_none() {
            continue;
        }
        if !plan.families.iter().any(|f| f.kind == kind) {
            plan.families.push(Family { kind, min: 0, max: 0, shortest: LASTS.0, longest: LASTS.1 });
        }
        let family = plan.families.iter_mut().find(|f| f.kind == kind).expect("it was just added");
        (family.min, family.max) = count.unwrap_or((family.min, family.max));
        (family.shortest, family.longest) = lasts.unwrap_or((family.shortest, family.longest));
    }
    // A family that never strikes is none; so what is drawn does not depend on where a family is named.
    plan.families.retain(|f| f.max > 0);
    Ok(plan)
}

/// How long a fault of a family lasts where the scenario does not say.
const LASTS: (Span, Span) = (Span::from_secs(1), Span::from_secs(5));
const COUNT: &str = "[[chaos.family]] needs 'count', a number or a range such as \"0..2\"";

/// `2` or `"0..2"`.
fn count(fields: &Fields, path: &str) -> Result<Option<(u32, u32)>> {
    if !fields.has(path) {
        return Ok(None);
    }
    if let Ok(Some(count)) = fields.integer(path, 0u32, 1_000) {
        return Ok(Some((count, count)));
    }
    let text = fields.text(path).ok().flatten();
    let range = text.as_deref().and_then(|text| {
        let (low, high) = text.split_once("..")?;
        Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
    });
    range.filter(|(low, high)| low <= high).map(Some).ok_or_else(|| fields.complain(path, COUNT))
}

/// `"3s"` or `"1s..10s"`.
fn lasts(fields: &Fields, path: &str) -> Result<Option<(Span, Span)>> {
    let Some(text) = fields.text(path)? else { return Ok(None) };
    let (low, high) = text.split_once("..").unwrap_or((&text, &text));
    let range = super::duration::parse(low).zip(super::duration::parse(high));
    range
        .filter(|(low, high)| low <= high)
        .map(Some)
        .ok_or_else(|| fields.complain(path, format!("'{text}': expected a duration or a range such as \"1s..10s\"")))
}

fn promises(fields: &Fields, plan: &Plan) -> Result<Vec<(String, Promise)>> {
    let accounts: Vec<String> = plan.accounts().into_iter().map(|a| a.name).collect();
    let known: Vec<&str> = plan.topics.iter().map(|t| &t.name).chain(&accounts).map(String::as_str).collect();
    let mut promises = Vec::new();
    for name in fields.paths() {
        if !known.contains(&name) {
            let near = hint(name, known.iter().copied());
            return Err(fields.complain(name, format!("there is no topic and no sink '{name}'{near}")));
        }
        if let Some(promise) = fields.word(name, &PROMISES)? {
            promises.push((name.to_string(), promise));
        }
    }
    Ok(promises)
}
