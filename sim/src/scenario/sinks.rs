//! Sinks outside Kafka and the clients that use them, from their sections to the plan.

use std::collections::BTreeMap;

use fencepost_protocol::config::{ConsumerConfig, ProducerConfig};
use fencepost_protocol::pipeline::{Function, Guarantee};
use fencepost_protocol::time::Span;

use super::assemble::{
    GUARANTEES, ON_UNKNOWN, ReadFile, check_consumer, check_transaction_timeout, client_name, configure, conflict,
    enabled, known_topic, restart_after, source,
};
use super::document::Document;
use super::fields::Fields;
use super::nearest::hint;
use super::problem::Complaint;
use super::streams;
use crate::plan::{
    Announcing, CallPlan, ClusterPlan, DatabasePlan, Doing, KeyOf, OnUnknown, Patience, PaymentsPlan, PipelinePlan,
    RelayPlan, ServicePlan,
};

type Result<T> = core::result::Result<T, Complaint>;

/// What a key is made from.
pub const KEYS: [(&str, Option<KeyOf>); 3] =
    [("none", None), ("offset", Some(KeyOf::Offset)), ("record", Some(KeyOf::Record))];

/// How a connector writes to a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `INSERT`.
    Insert,
    /// `INSERT ... ON CONFLICT (key) DO NOTHING`.
    OnConflictDoNothing,
    /// `INSERT`, with the offsets in the same transaction.
    OffsetsInTransaction,
}

/// The modes by name.
pub const MODES: [(&str, Mode); 3] = [
    ("insert", Mode::Insert),
    ("on_conflict_do_nothing", Mode::OnConflictDoNothing),
    ("offsets_in_transaction", Mode::OffsetsInTransaction),
];

/// How a service announces.
pub const ANNOUNCING: [(&str, Announcing); 3] = [
    ("outbox", Announcing::Outbox),
    ("database_then_kafka", Announcing::DatabaseThenKafka),
    ("kafka_then_database", Announcing::KafkaThenDatabase),
];

/// Time-out of a call where the scenario does not say.
const TIMEOUT: Span = Span::from_secs(10);
/// Pause before a call is repeated where the scenario does not say.
const BACKOFF: Span = Span::from_millis(100);
/// After that an open transaction in which nothing happens is rolled back, where the scenario does not say.
const IDLE: Span = Span::from_secs(60);
/// Pause of a relay that has found nothing, where the scenario does not say.
const POLL_INTERVAL: Span = Span::from_millis(100);
/// Pause before a crashed sink runs again where the scenario does not say.
const RESTART_AFTER: Span = Span::from_secs(3);

/// The sinks of a scenario.
pub struct Sinks {
    pub databases: Vec<DatabasePlan>,
    pub payments: Vec<PaymentsPlan>,
}

/// Which kind of sink a name means.
enum Place {
    Database(usize),
    PaymentApi,
}

impl Sinks {
    /// The declared ones; tables come with the clients that name them.
    pub fn read(document: &Document) -> Result<Sinks> {
        let span = |fields: &Fields, path: &str, usual: Span| Ok(fields.span(path)?.unwrap_or(usual));
        let mut sinks = Sinks { databases: Vec::new(), payments: Vec::new() };
        for fields in &document.databases {
            sinks.databases.push(DatabasePlan {
                name: client_name(fields)?,
                service_time: span(fields, "service.time", Span::ZERO)?,
                restart_after: span(fields, "restart.after", RESTART_AFTER)?,
                idle_timeout: span(fields, "idle.in.transaction.timeout", IDLE)?,
                tables: Vec::new(),
            });
        }
        for fields in &document.payments {
            let keys_expire = match fields.text("keys.expire") {
                Ok(Some(text)) if text == "never" => None,
                _ => fields.span("keys.expire")?,
            };
            sinks.payments.push(PaymentsPlan {
                name: client_name(fields)?,
                service_time: span(fields, "service.time", Span::ZERO)?,
                restart_after: span(fields, "restart.after", RESTART_AFTER)?,
                keys_expire,
            });
        }
        Ok(sinks)
    }

    fn find(&self, fields: &Fields, path: &str, name: &str) -> Result<Place> {
        if let Some(place) = self.databases.iter().position(|d| d.name == name) {
            return Ok(Place::Database(place));
        }
        if self.payments.iter().any(|p| p.name == name) {
            return Ok(Place::PaymentApi);
        }
        let all = self.databases.iter().map(|d| d.name.as_str()).chain(self.payments.iter().map(|p| p.name.as_str()));
        let near = hint(name, all);
        let message =
            format!("there is no sink '{name}'{near}; sinks are declared with [[database]] and [[payment_api]]");
        Err(fields.complain(path, message))
    }

    fn database(&mut self, fields: &Fields, path: &str, name: &str) -> Result<&mut DatabasePlan> {
        match self.find(fields, path, name)? {
            Place::Database(place) => Ok(&mut self.databases[place]),
            Place::PaymentApi => Err(fields.complain(path, format!("'{name}' is a payment API, not a database"))),
        }
    }

    /// What a pipeline calls for each record, if it does.
    pub fn call_of_pipeline(&self, fields: &Fields) -> Result<Option<CallPlan>> {
        let Some(to) = fields.text("call.to")? else {
            let orphan = fields.paths().find(|path| path.starts_with("call."));
            return match orphan {
                Some(path) => Err(fields.complain(path, format!("'{path}' needs 'call.to', a payment API"))),
                None => Ok(None),
            };
        };
        match self.find(fields, "call.to", &to)? {
            Place::PaymentApi => {}
            Place::Database(_) => {
                let message =
                    format!("'{to}' is a database: a pipeline calls a payment API; rows are for a [[connector]]");
                return Err(fields.complain("call.to", message));
            }
        }
        let key = fields.word("call.idempotency.key", &KEYS)?.unwrap_or(None);
        Ok(Some(CallPlan { to, doing: Doing::Charge { key }, patience: patience(fields, OnUnknown::Resend)? }))
    }
}

/// Names of all accounts that the scenario may have, whichever of its clients are left out.
pub fn accounts(document: &Document) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for fields in &document.payments {
        names.extend(fields.text("name")?);
    }
    for fields in &document.connectors {
        let input = fields.texts("input")?.and_then(|list| list.first().cloned()).unwrap_or_default();
        let table = table_name(fields, &input)?;
        names.extend(fields.text("to")?.map(|to| format!("{to}.{table}")));
    }
    for fields in &document.services {
        let table = table_name(fields, "orders")?;
        names.extend(fields.text("database")?.map(|database| format!("{database}.{table}")));
    }
    Ok(names)
}

fn patience(fields: &Fields, on_unknown: OnUnknown) -> Result<Patience> {
    let timeout = fields.span("call.timeout")?.unwrap_or(TIMEOUT);
    if timeout < Span::from_millis(1) {
        return Err(fields.complain("call.timeout", "a time-out is at least \"1ms\""));
    }
    Ok(Patience {
        timeout,
        backoff: fields.span("call.backoff")?.unwrap_or(BACKOFF),
        on_unknown: fields.word("call.on_unknown", &ON_UNKNOWN)?.unwrap_or(on_unknown),
    })
}

/// Name of a table: what SQL takes without quotes.
fn table_name(fields: &Fields, usual: &str) -> Result<String> {
    let given = fields.text("table")?;
    let name = given.clone().unwrap_or_else(|| usual.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
    let legal = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if legal {
        Ok(name)
    } else {
        Err(fields.complain("table", format!("'{name}' is no name of a table: letters, digits and '_'")))
    }
}

/// Connectors: pipelines that write no topic.
pub fn connectors(
    document: &Document,
    known: &[&str],
    cluster: &ClusterPlan,
    sinks: &mut Sinks,
) -> Result<Vec<PipelinePlan>> {
    enabled(&document.connectors)?.into_iter().map(|fields| connector(fields, known, cluster, sinks)).collect()
}

fn connector(fields: &Fields, known: &[&str], cluster: &ClusterPlan, sinks: &mut Sinks) -> Result<PipelinePlan> {
    let name = client_name(fields)?;
    let inputs = fields.texts("input")?.filter(|list| !list.is_empty());
    let inputs = inputs.ok_or_else(|| Complaint::new(&fields.place, format!("{} needs 'input'", fields.what)))?;
    for input in &inputs {
        known_topic(fields, "input", input, known)?;
    }
    let guarantees = [GUARANTEES[0], GUARANTEES[1]];
    let guarantee = fields.word("processing.guarantee", &guarantees)?.unwrap_or(Guarantee::AtLeastOnce);
    let to = fields.needed_text("to")?;
    let doing = match sinks.find(fields, "to", &to)? {
        Place::Database(place) => {
            if fields.has("call.idempotency.key") {
                let message =
                    "'call.idempotency.key' is for payment APIs; a table has mode = \"on_conflict_do_nothing\"";
                return Err(fields.complain("call.idempotency.key", message));
            }
            let mode = fields.word("mode", &MODES)?.unwrap_or(Mode::Insert);
            let unique = fields.word("unique.key", &[KEYS[1], KEYS[2]])?;
            if unique.is_some() && mode != Mode::OnConflictDoNothing {
                let message = "'unique.key' is for mode = \"on_conflict_do_nothing\"";
                return Err(fields.complain("unique.key", message));
            }
            if mode == Mode::OffsetsInTransaction && guarantee != Guarantee::AtLeastOnce {
                let message = "with offsets in the database nothing is committed to the group: leave \
                               processing.guarantee at at_least_once";
                return Err(fields.complain("processing.guarantee", message));
            }
            let table = table_name(fields, &inputs[0])?;
            let tables = &mut sinks.databases[place].tables;
            let number = tables.iter().position(|t| *t == table).unwrap_or_else(|| {
                tables.push(table);
                tables.len() - 1
            });
            let key = (mode == Mode::OnConflictDoNothing).then(|| unique.flatten().unwrap_or(KeyOf::Offset));
            Doing::Insert { table: number as u16, key, offsets: mode == Mode::OffsetsInTransaction }
        }
        Place::PaymentApi => {
            for path in ["mode", "table", "unique.key"] {
                if fields.has(path) {
                    return Err(
                        fields.complain(path, format!("'{path}' is for databases, and '{to}' is a payment API"))
                    );
                }
            }
            Doing::Charge { key: fields.word("call.idempotency.key", &KEYS)?.unwrap_or(None) }
        }
    };
    let mut consumer = streams::consumer(&name, false);
    consumer.max_poll_records = ConsumerConfig::default().max_poll_records;
    configure(fields, "", ConsumerConfig::KEYS, |key, text| consumer.set(key, text))?;
    check_consumer(fields, "", &consumer, cluster)?;
    if consumer.enable_auto_commit {
        let message = "a connector commits its offsets itself: leave enable.auto.commit at false";
        return Err(fields.complain("enable.auto.commit", message));
    }
    let producer = ProducerConfig::default().resolve().map_err(|e| conflict(fields, "", &e))?;
    let patience = patience(fields, OnUnknown::Resend)?;
    Ok(PipelinePlan {
        members: fields.integer("members", 1, 1_000)?.unwrap_or(1),
        stage: 0,
        outputs_per_input: 0,
        function: Function::Copy,
        slip_at: None,
        commit_interval: Span::from_millis(
            fields.integer("commit.interval.ms", 0i64, i64::MAX / 1_000_000)?.unwrap_or(0),
        ),
        processing_time: Span::ZERO,
        group_id_only: false,
        on_unknown: OnUnknown::Keep,
        start: fields.span("start")?.unwrap_or(Span::ZERO),
        restart_after: restart_after(fields)?,
        name,
        inputs,
        output: None,
        call: Some(CallPlan { to, doing, patience }),
        guarantee,
        consumer,
        producer,
    })
}

fn producer_config(fields: &Fields, cluster: &ClusterPlan) -> Result<ProducerConfig> {
    let mut config = ProducerConfig::default();
    configure(fields, "", ProducerConfig::KEYS, |key, text| config.set(key, text))?;
    let config = config.resolve().map_err(|e| conflict(fields, "", &e))?;
    check_transaction_timeout(fields, "transaction.timeout.ms", &config, cluster)?;
    Ok(config)
}

/// Services that write to a database and announce it.
pub fn services(
    document: &Document,
    known: &[&str],
    cluster: &ClusterPlan,
    sinks: &mut Sinks,
    read: ReadFile<'_>,
    files: &mut BTreeMap<String, String>,
) -> Result<Vec<ServicePlan>> {
    let mut services: Vec<ServicePlan> = Vec::new();
    for fields in enabled(&document.services)? {
        services.push(service(fields, known, cluster, sinks, read, files)?);
    }
    Ok(services)
}

fn service(
    fields: &Fields,
    known: &[&str],
    cluster: &ClusterPlan,
    sinks: &mut Sinks,
    read: ReadFile<'_>,
    files: &mut BTreeMap<String, String>,
) -> Result<ServicePlan> {
    let name = client_name(fields)?;
    let topic = fields.needed_text("topic")?;
    known_topic(fields, "topic", &topic, known)?;
    let announcing = fields.word("announce", &ANNOUNCING)?.unwrap_or(Announcing::Outbox);
    let database = fields.needed_text("database")?;
    let table = table_name(fields, "orders")?;
    let tables = &mut sinks.database(fields, "database", &database)?.tables;
    if tables.contains(&table) {
        let message = format!("'{database}' has a table '{table}' already, of another client; name this one's 'table'");
        return Err(fields.complain(if fields.has("table") { "table" } else { "name" }, message));
    }
    let number = tables.len() as u16;
    tables.push(table.clone());
    if announcing == Announcing::Outbox {
        tables.push(format!("{table}_outbox"));
    }
    let producer = producer_config(fields, cluster)?;
    if announcing == Announcing::Outbox
        && let Some(path) = fields.paths().find(|path| ProducerConfig::KEYS.contains(path))
    {
        let message = format!("'{path}' is a producer's: with an outbox the relay sends, so it goes into [[relay]]");
        return Err(fields.complain(path, message));
    }
    if producer.transactional_id.is_some() {
        let message = "a service sends outside transactions: what must be atomic is Kafka and its database, and no \
                       transactional.id does that";
        return Err(fields.complain("transactional.id", message));
    }
    Ok(ServicePlan {
        source: source(fields, read, files)?,
        name,
        database,
        table: number,
        topic,
        announcing,
        start: fields.span("start")?.unwrap_or(Span::ZERO),
        interval: fields.span("interval")?.unwrap_or(Span::ZERO),
        patience: patience(fields, OnUnknown::Keep)?,
        restart_after: restart_after(fields)?,
        producer,
    })
}

/// Relays of outboxes.
pub fn relays(document: &Document, cluster: &ClusterPlan, services: &[ServicePlan]) -> Result<Vec<RelayPlan>> {
    enabled(&document.relays)?.into_iter().map(|fields| relay(fields, cluster, services)).collect()
}

fn relay(fields: &Fields, cluster: &ClusterPlan, services: &[ServicePlan]) -> Result<RelayPlan> {
    let name = client_name(fields)?;
    let of = fields.needed_text("of")?;
    let outboxes = || services.iter().filter(|s| s.announcing == Announcing::Outbox);
    let Some(service) = outboxes().find(|s| s.name == of) else {
        let near = hint(&of, outboxes().map(|s| s.name.as_str()));
        let message = format!("there is no service '{of}' with announce = \"outbox\"{near}");
        return Err(fields.complain("of", message));
    };
    Ok(RelayPlan {
        name,
        of,
        database: service.database.clone(),
        table: service.table + 1,
        topic: service.topic.clone(),
        start: fields.span("start")?.unwrap_or(Span::ZERO),
        poll_interval: fields.span("poll.interval")?.unwrap_or(POLL_INTERVAL),
        batch: fields.integer("poll.rows", 1, 100_000)?.unwrap_or(100),
        patience: patience(fields, OnUnknown::Resend)?,
        restart_after: restart_after(fields)?,
        producer: producer_config(fields, cluster)?,
    })
}
