//! From the parts of a scenario's text to a plan, checked as Kafka checks.

use std::collections::{BTreeMap, BTreeSet};

use fencepost_protocol::batch::Value;
use fencepost_protocol::config::{ConfigError, ConsumerConfig, ProducerConfig};
use fencepost_protocol::pipeline::{Function, Guarantee};
use fencepost_protocol::time::Span;
use fencepost_reports::render::counted;

use super::chaos::{chaos, promises};
use super::checks::{check_names, check_size};
use super::deviation::read_faults;
use super::document::Document;
use super::fields::Fields;
use super::lines;
use super::problem::Complaint;
use super::sinks::{self, Sinks};
use super::streams;
use super::table::{self, MOST_RECORDS, Never, OffsetsWith};
use super::together;
use super::topics::{cluster, is_name_character, network, topics};
use super::written::{self, WrittenFault};
use crate::cast::Names;
use crate::nearest::choices;
use crate::plan::{ClusterPlan, EndPlan, OnUnknown, PipelinePlan, Plan, ProducerPlan, ReaderPlan, Source, TopicPlan};

type Result<T> = core::result::Result<T, Complaint>;
/// Reads a file that a scenario names; the message says why it cannot be read.
pub type ReadFile<'r> = &'r mut dyn FnMut(&str) -> core::result::Result<String, String>;

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
    let mut topics = topics(&document.topics, &cluster)?;
    let left_out = left_out(document)?;
    for topic in &mut topics {
        topic.may_be_empty |= left_out.contains(&topic.name);
    }
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
    let table::End { faults_until, bound, limit, delivery_budget } = table::End::read(&document.end)?;
    let table::Top { title, about, seed: _, seeds: _, sometimes: _ } = table::Top::read(&document.top)?;
    let mut plan = Plan {
        name: name.to_string(),
        title: title.ok_or_else(|| needs(&document.top, "title"))?,
        about: about.unwrap_or_default().trim().to_string(),
        network: network(&document.network)?,
        chaos: chaos(&document.chaos, !(document.databases.is_empty() && document.payments.is_empty()))?,
        end: EndPlan {
            faults_until: faults_until.unwrap_or(Span::from_secs(20)),
            bound: Span::ZERO,
            limit: limit.unwrap_or(LIMIT),
            delivery_budget: delivery_budget.unwrap_or(DELIVERY_BUDGET),
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
    plan.end.bound = bound.unwrap_or_else(|| usual_bound(&plan));
    check_size(document, &plan)?;
    check_names(document)?;
    together::check(document, &plan)?;
    let names = plan.names();
    let mut faults = Vec::new();
    for fields in &document.faults {
        let cases = fields.texts("cases")?;
        if let Some(cases) = &cases {
            if cases.is_empty() {
                let message =
                    "'cases' names no case, so that this fault would never be: leave the key out for all cases";
                return Err(fields.complain("cases", message));
            }
            check_cases(document, fields, cases)?;
        }
        if cases.is_none_or(|cases| cases.iter().any(|c| c == case.unwrap_or(super::BASE))) {
            let own = read_faults(fields, &names).map_err(|wrong| left_out_here(document, case, wrong))?;
            faults.extend(own.into_iter().map(|fault| WrittenFault { fields, fault }));
        } else {
            // A fault of another case is checked all the same; whom it hits may not be there in this one.
            read_faults(fields, &with_the_disabled(&names, document)?)?;
        }
    }
    written::check(&plan, &names, &faults)?;
    plan.faults = faults.into_iter().map(|written| written.fault).collect();
    Ok(Assembled { plan, files })
}

pub(super) fn needs(fields: &Fields, key: &str) -> Complaint {
    Complaint::new(&fields.place, format!("{} needs '{key}'", fields.what))
}

/// What to say of a fault that hits a client which is left out.
fn left_out_here(document: &Document, case: Option<&str>, wrong: Complaint) -> Complaint {
    let nobody = Names::default();
    let disabled = with_the_disabled(&nobody, document).map_or(Vec::new(), |names| names.nodes);
    let Some(name) = disabled.iter().find(|name| wrong.message.contains(&format!("there is no node '{name}'"))) else {
        return wrong;
    };
    let here = case.map_or_else(String::new, |case| format!(" in the case '{case}'"));
    let message = format!(
        "{name} is left out{here} (enabled = false), so that this fault would hit nobody: let 'cases' name those in which {name} runs"
    );
    Complaint { message, ..wrong }
}

/// The names, and those of clients that are left out.
fn with_the_disabled(names: &Names, document: &Document) -> Result<Names> {
    let mut names = names.clone();
    let Document { producers, pipelines, readers, connectors, services, relays, .. } = document;
    for fields in [producers, pipelines, readers, connectors, services, relays].into_iter().flatten() {
        if fields.boolean("enabled")? == Some(false) {
            let name = fields.needed_text("name")?;
            let members = fields.integer("members", 1u32, table::MOST_MEMBERS as u32)?.unwrap_or(1);
            names.nodes.extend((1..=members).map(|m| crate::cast::member_name(&name, m, members)));
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
            let all = choices(c, "cases", known.iter().map(String::as_str));
            Err(fields.complain("cases", format!("there is no case '{c}'{all}")))
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

/// The topics that nobody writes because whoever would is left out (`enabled = false`), or is a pipeline that reads nothing
/// but such topics: nobody expects anything in them.
fn left_out(document: &Document) -> Result<BTreeSet<String>> {
    let mut writers: BTreeMap<String, Vec<Option<Vec<String>>>> = BTreeMap::new();
    let lists = [(&document.producers, "topic"), (&document.pipelines, "output"), (&document.services, "topic")];
    for (fields, key) in lists.into_iter().flat_map(|(list, key)| list.iter().map(move |fields| (fields, key))) {
        let Some(topic) = fields.text(key)? else { continue };
        // What it reads: nothing at all, for a producer. One that is left out is none of the writers.
        let reads = if key == "output" { fields.texts("input")?.unwrap_or_default() } else { Vec::new() };
        let enabled = fields.boolean("enabled")? != Some(false) && !waits_for_a_relay(document, fields)?;
        writers.entry(topic).or_default().push(enabled.then_some(reads));
    }
    let mut left_out = BTreeSet::new();
    loop {
        let idle = |reads: &Option<Vec<String>>| match reads {
            None => true,
            Some(inputs) => !inputs.is_empty() && inputs.iter().all(|input| left_out.contains(input)),
        };
        let more = writers.iter().filter(|(topic, all)| !left_out.contains(*topic) && all.iter().all(idle));
        let more: Vec<String> = more.map(|(topic, _)| topic.clone()).collect();
        if more.is_empty() {
            return Ok(left_out);
        }
        left_out.extend(more);
    }
}

/// Whether it is a service of whose outbox nothing is ever sent, because its relays are left out.
fn waits_for_a_relay(document: &Document, service: &Fields) -> Result<bool> {
    let mut relays = Vec::new();
    for relay in &document.relays {
        if service.has("database") && relay.text("of")? == service.text("name")? {
            relays.push(relay.boolean("enabled")? != Some(false));
        }
    }
    Ok(!relays.is_empty() && !relays.contains(&true))
}

pub(super) fn client_name(fields: &Fields) -> Result<String> {
    let name = fields.needed_text("name")?;
    if name.is_empty() || !name.chars().all(is_name_character) {
        return Err(fields.complain("name", format!("'{name}' is no name: letters, digits, '.', '_' and '-'")));
    }
    if name.len() > table::LONGEST_NAME {
        let message = format!("a name of {} characters: at most {}", name.len(), table::LONGEST_NAME);
        return Err(fields.complain("name", message));
    }
    let reserved = table::ONCE.contains(&name.as_str()) || ["client", "broker", "controller"].contains(&name.as_str());
    if reserved || name.starts_with("broker-") {
        return Err(fields.complain("name", format!("'{name}' means something else; choose another name")));
    }
    Ok(name)
}

pub(super) fn known_topic(fields: &Fields, path: &str, name: &str, known: &[&str]) -> Result<()> {
    if known.contains(&name) {
        return Ok(());
    }
    let all = choices(name, "topics", known.iter().copied());
    Err(fields.complain(path, format!("there is no topic '{name}'{all}; topics are declared with [[topic]]")))
}

/// When a crashed client runs again.
pub(super) fn restart_after(given: Option<Never>) -> Option<Span> {
    given.map_or(Some(RESTART_AFTER), |Never(after)| after)
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
    let table::Producer {
        name: _,
        enabled: _,
        topic,
        partition,
        source: file,
        records,
        keys,
        value_bytes,
        start,
        interval,
        window,
        transaction_records,
        abort_every,
        abandon_transaction,
        transaction_pause,
        on_unknown,
        restart_after: restart,
    } = table::Producer::read(fields)?;
    let name = client_name(fields)?;
    let topic = topic.ok_or_else(|| needs(fields, "topic"))?;
    let known: Vec<&str> = topics.iter().map(|t| t.name.as_str()).collect();
    known_topic(fields, "topic", &topic, &known)?;
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
    let source = source(fields, (file, records, keys, value_bytes), read, files)?;
    let transaction_records = if transactional { transaction_records.unwrap_or(100) } else { 0 };
    check_abandoned(fields, abandon_transaction.unwrap_or(0), transaction_records, source.len())?;
    Ok(ProducerPlan {
        source,
        name,
        topic,
        partition,
        start: start.unwrap_or(Span::ZERO),
        interval: interval.unwrap_or(Span::ZERO),
        window: window.unwrap_or(1_000),
        transaction_records,
        abort_every: abort_every.unwrap_or(0),
        abandon_transaction: abandon_transaction.unwrap_or(0),
        transaction_pause: transaction_pause.unwrap_or(Span::ZERO),
        on_unknown: on_unknown.unwrap_or(OnUnknown::Keep),
        restart_after: restart_after(restart),
        config,
    })
}

/// Whoever wants a transaction abandoned wants to see what comes of it: there must be so many.
fn check_abandoned(fields: &Fields, abandoned: u32, transaction_records: u32, records: u64) -> Result<()> {
    let transactions = records.div_ceil(u64::from(transaction_records.max(1)));
    if u64::from(abandoned) <= transactions {
        return Ok(());
    }
    let message = format!(
        "there is no transaction {abandoned} to abandon: {} of {transaction_records} in each make {}",
        counted(records, "record"),
        counted(transactions, "transaction")
    );
    Err(fields.complain("abandon.transaction", message))
}

/// The keys `source`, `records`, `keys` and `value.bytes`.
pub(super) type SourceKeys = (Option<String>, Option<u64>, Option<u64>, Option<u32>);

pub(super) fn source(
    fields: &Fields,
    (path, records, keys, value_bytes): SourceKeys,
    read: ReadFile<'_>,
    files: &mut BTreeMap<String, String>,
) -> Result<Source> {
    let Some(path) = path else {
        let Some(records) = records else {
            let message = format!("{} needs 'records' (how many to generate) or 'source' (a file)", fields.what);
            return Err(Complaint::new(&fields.place, message));
        };
        return Ok(Source::Generated { records, keys: keys.unwrap_or(0), value_bytes: value_bytes.unwrap_or(100) });
    };
    for path in ["keys", "value.bytes"] {
        if fields.has(path) {
            return Err(fields.complain(path, format!("'{path}' is for generated records; these come from a file")));
        }
    }
    let text = read(&path).map_err(|m| fields.complain("source", format!("cannot read '{path}': {m}")))?;
    let lines = lines::read(&path, &text, records.unwrap_or(MOST_RECORDS as u64 + 1))
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
    let table::Pipeline {
        name: _,
        enabled: _,
        members,
        input,
        output,
        stage,
        outputs_per_input,
        function: function_name,
        guarantee,
        commit_interval_ms,
        processing_time,
        send_offsets_with,
        on_unknown,
        start,
        restart_after: restart,
        call_to,
        call_key,
        call_timeout,
        call_backoff,
        call_on_unknown,
    } = table::Pipeline::read(fields)?;
    let name = client_name(fields)?;
    let inputs = input.filter(|list| !list.is_empty()).ok_or_else(|| needs(fields, "input"))?;
    known_inputs(fields, "input", &inputs, known)?;
    let output = output.ok_or_else(|| needs(fields, "output"))?;
    known_topic(fields, "output", &output, known)?;
    if inputs.contains(&output) {
        return Err(fields.complain("output", format!("'{output}' is also an input: the pipeline would never end")));
    }
    let guarantee = guarantee.unwrap_or(Guarantee::AtLeastOnce);
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
    let commit_interval_ms = commit_interval_ms.unwrap_or(streams::commit_interval_ms(exactly_once));
    let timeout_ms = i64::from(producer.transaction_timeout_ms);
    if exactly_once && timeout_ms < commit_interval_ms {
        let message = format!(
            "commit.interval.ms of {commit_interval_ms} is longer than transaction.timeout.ms ({timeout_ms}), so that each transaction would \
             time out: Kafka Streams refuses it with an IllegalArgumentException (\"Transaction timeout {timeout_ms} was set lower than \
             streams commit interval {commit_interval_ms}\"); lower commit.interval.ms or raise producer.transaction.timeout.ms"
        );
        let path =
            if fields.has("commit.interval.ms") { "commit.interval.ms" } else { "producer.transaction.timeout.ms" };
        return Err(fields.complain(path, message));
    }
    let patience = (call_timeout, call_backoff, call_on_unknown);
    Ok(PipelinePlan {
        members: members.unwrap_or(1),
        stage: stage.unwrap_or(index as u16 + 1),
        outputs_per_input: outputs_per_input.unwrap_or(1),
        function: function(fields, function_name)?,
        slip_at: None,
        commit_interval: Span::from_millis(commit_interval_ms),
        processing_time: processing_time.unwrap_or(Span::ZERO),
        group_id_only: send_offsets_with == Some(OffsetsWith::GroupId),
        on_unknown: on_unknown.unwrap_or(OnUnknown::Keep),
        start: start.unwrap_or(Span::ZERO),
        restart_after: restart_after(restart),
        name,
        inputs,
        output: Some(output),
        call: sinks.call_of_pipeline(fields, call_to, call_key, patience)?,
        guarantee,
        consumer,
        producer,
    })
}

fn function(fields: &Fields, name: Option<String>) -> Result<Function> {
    let Some(name) = name else { return Ok(Function::Copy) };
    Function::from_name(&name).ok_or_else(|| {
        let message = format!("unknown function '{name}': it is \"copy\", \"append:TEXT\" or \"hash\"");
        fields.complain("function", message)
    })
}

/// The topics that a client reads: declared, and each once.
pub(super) fn known_inputs(fields: &Fields, path: &str, inputs: &[String], known: &[&str]) -> Result<()> {
    for (place, input) in inputs.iter().enumerate() {
        known_topic(fields, path, input, known)?;
        if inputs[..place].contains(input) {
            return Err(fields.complain(path, format!("'{input}' is listed twice")));
        }
    }
    Ok(())
}

fn reader(fields: &Fields, known: &[&str], cluster: &ClusterPlan) -> Result<ReaderPlan> {
    let table::Reader { name: _, enabled: _, members, topics, start } = table::Reader::read(fields)?;
    let name = client_name(fields)?;
    let topics = topics.filter(|list| !list.is_empty()).ok_or_else(|| needs(fields, "topics"))?;
    known_inputs(fields, "topics", &topics, known)?;
    let members = members.unwrap_or(1);
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
    Ok(ReaderPlan { name, members, topics, start: start.unwrap_or(Span::ZERO), config })
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
