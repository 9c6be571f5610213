//! Sinks outside Kafka and the clients that use them, from their sections to the plan.

use std::collections::BTreeMap;

use fencepost_protocol::config::{ConsumerConfig, ProducerConfig};
use fencepost_protocol::pipeline::{Function, Guarantee};
use fencepost_protocol::time::Span;

use super::assemble::{
    ReadFile, check_consumer, check_transaction_timeout, client_name, configure, conflict, enabled, known_inputs,
    known_topic, needs, restart_after, source,
};
use super::document::Document;
use super::fields::Fields;
use super::problem::Complaint;
use super::streams;
use super::table::{self, Mode, Never};
use crate::nearest::choices;
use crate::plan::{
    Announcing, CallPlan, ClusterPlan, DatabasePlan, Doing, KeyOf, OnUnknown, Patience, PaymentsPlan, PipelinePlan,
    RelayPlan, ServicePlan,
};

type Result<T> = core::result::Result<T, Complaint>;

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
        let mut sinks = Sinks { databases: Vec::new(), payments: Vec::new() };
        for fields in &document.databases {
            let table::Database { name: _, service_time, restart_after, idle_timeout } = table::Database::read(fields)?;
            sinks.databases.push(DatabasePlan {
                name: client_name(fields)?,
                service_time: service_time.unwrap_or(Span::ZERO),
                restart_after: restart_after.unwrap_or(RESTART_AFTER),
                idle_timeout: idle_timeout.unwrap_or(IDLE),
                tables: Vec::new(),
            });
        }
        for fields in &document.payments {
            let table::PaymentApi { name: _, service_time, restart_after, keys_expire } =
                table::PaymentApi::read(fields)?;
            sinks.payments.push(PaymentsPlan {
                name: client_name(fields)?,
                service_time: service_time.unwrap_or(Span::ZERO),
                restart_after: restart_after.unwrap_or(RESTART_AFTER),
                keys_expire: keys_expire.and_then(|Never(after)| after),
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
        let all = choices(name, "sinks", all);
        let message =
            format!("there is no sink '{name}'{all}; sinks are declared with [[database]] and [[payment_api]]");
        Err(fields.complain(path, message))
    }

    fn database(&mut self, fields: &Fields, path: &str, name: &str) -> Result<&mut DatabasePlan> {
        match self.find(fields, path, name)? {
            Place::Database(place) => Ok(&mut self.databases[place]),
            Place::PaymentApi => Err(fields.complain(path, format!("'{name}' is a payment API, not a database"))),
        }
    }

    /// What a pipeline calls for each record, if it does.
    pub fn call_of_pipeline(
        &self,
        fields: &Fields,
        to: Option<String>,
        key: Option<Option<KeyOf>>,
        given: PatienceKeys,
    ) -> Result<Option<CallPlan>> {
        let Some(to) = to else {
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
        let doing = Doing::Charge { key: key.flatten() };
        Ok(Some(CallPlan { to, doing, patience: patience(given, OnUnknown::Resend) }))
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

/// The keys `call.timeout`, `call.backoff` and `call.on_unknown`.
pub type PatienceKeys = (Option<Span>, Option<Span>, Option<OnUnknown>);

fn patience((timeout, backoff, on_unknown): PatienceKeys, usual: OnUnknown) -> Patience {
    Patience {
        timeout: timeout.unwrap_or(TIMEOUT),
        backoff: backoff.unwrap_or(BACKOFF),
        on_unknown: on_unknown.unwrap_or(usual),
    }
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
    let table::Connector {
        name: _,
        enabled: _,
        members,
        input,
        to,
        table: _,
        mode,
        unique_key,
        call_key,
        guarantee,
        commit_interval_ms,
        call_timeout,
        call_backoff,
        call_on_unknown,
        start,
        restart_after: restart,
    } = table::Connector::read(fields)?;
    let name = client_name(fields)?;
    let inputs = input.filter(|list| !list.is_empty()).ok_or_else(|| needs(fields, "input"))?;
    known_inputs(fields, "input", &inputs, known)?;
    let guarantee = guarantee.unwrap_or(Guarantee::AtLeastOnce);
    let to = to.ok_or_else(|| needs(fields, "to"))?;
    let doing = match sinks.find(fields, "to", &to)? {
        Place::Database(place) => {
            if fields.has("call.idempotency.key") {
                let message =
                    "'call.idempotency.key' is for payment APIs; a table has mode = \"on_conflict_do_nothing\"";
                return Err(fields.complain("call.idempotency.key", message));
            }
            let mode = mode.unwrap_or(Mode::Insert);
            if unique_key.is_some() && mode != Mode::OnConflictDoNothing {
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
            let key = (mode == Mode::OnConflictDoNothing).then(|| unique_key.flatten().unwrap_or(KeyOf::Offset));
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
            Doing::Charge { key: call_key.flatten() }
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
    let patience = patience((call_timeout, call_backoff, call_on_unknown), OnUnknown::Resend);
    Ok(PipelinePlan {
        members: members.unwrap_or(1),
        stage: 0,
        outputs_per_input: 0,
        function: Function::Copy,
        slip_at: None,
        commit_interval: Span::from_millis(commit_interval_ms.unwrap_or(0)),
        processing_time: Span::ZERO,
        group_id_only: false,
        on_unknown: OnUnknown::Keep,
        start: start.unwrap_or(Span::ZERO),
        restart_after: restart_after(restart),
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
    let table::Service {
        name: _,
        enabled: _,
        database,
        table: _,
        topic,
        announce,
        source: file,
        records,
        keys,
        value_bytes,
        start,
        interval,
        call_timeout,
        call_backoff,
        call_on_unknown,
        restart_after: restart,
    } = table::Service::read(fields)?;
    let name = client_name(fields)?;
    let topic = topic.ok_or_else(|| needs(fields, "topic"))?;
    known_topic(fields, "topic", &topic, known)?;
    let announcing = announce.unwrap_or(Announcing::Outbox);
    let database = database.ok_or_else(|| needs(fields, "database"))?;
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
        source: source(fields, (file, records, keys, value_bytes), read, files)?,
        name,
        database,
        table: number,
        topic,
        announcing,
        start: start.unwrap_or(Span::ZERO),
        interval: interval.unwrap_or(Span::ZERO),
        patience: patience((call_timeout, call_backoff, call_on_unknown), OnUnknown::Keep),
        restart_after: restart_after(restart),
        producer,
    })
}

/// Relays of outboxes.
pub fn relays(document: &Document, cluster: &ClusterPlan, services: &[ServicePlan]) -> Result<Vec<RelayPlan>> {
    enabled(&document.relays)?.into_iter().map(|fields| relay(fields, cluster, services)).collect()
}

fn relay(fields: &Fields, cluster: &ClusterPlan, services: &[ServicePlan]) -> Result<RelayPlan> {
    let table::Relay {
        name: _,
        enabled: _,
        of,
        start,
        poll_interval,
        poll_rows,
        call_timeout,
        call_backoff,
        restart_after: restart,
    } = table::Relay::read(fields)?;
    let name = client_name(fields)?;
    let of = of.ok_or_else(|| needs(fields, "of"))?;
    let outboxes = || services.iter().filter(|s| s.announcing == Announcing::Outbox);
    let Some(service) = outboxes().find(|s| s.name == of) else {
        let all = choices(&of, "services with an outbox", outboxes().map(|s| s.name.as_str()));
        let message = format!("there is no service '{of}' with announce = \"outbox\"{all}");
        return Err(fields.complain("of", message));
    };
    Ok(RelayPlan {
        name,
        of,
        database: service.database.clone(),
        table: service.table + 1,
        topic: service.topic.clone(),
        start: start.unwrap_or(Span::ZERO),
        poll_interval: poll_interval.unwrap_or(POLL_INTERVAL),
        batch: poll_rows.unwrap_or(100),
        patience: patience((call_timeout, call_backoff, None), OnUnknown::Resend),
        restart_after: restart_after(restart),
        producer: producer_config(fields, cluster)?,
    })
}
