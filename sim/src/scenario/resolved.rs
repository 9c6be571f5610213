//! `show --resolved`: a scenario with every default written out, as TOML that can be run again.

use std::fmt::Write as _;

use fencepost_protocol::config::Entry;

use super::assemble::SourceKeys;
use super::chaos::promise_word;
use super::deviation::write_fault;
use super::fields::Value;
use super::sinks::PatienceKeys;
use super::table::{self, Mode, Never, OffsetsWith, Written, quoted};
use crate::plan::{Announcing, CallPlan, Doing, Patience, PipelinePlan, Plan, Source};

/// Prints a plan.
pub fn print(plan: &Plan, seed: u64, seeds: (u64, u64)) -> String {
    let mut out = Printer(String::new());
    out.keys(&table::Top {
        title: Some(plan.title.clone()),
        about: Some(plan.about.clone()),
        seed: Some(seed),
        seeds: Some(seeds),
        sometimes: None,
    });
    cluster(plan, &mut out);
    for topic in &plan.topics {
        let ids = |list: &Vec<fencepost_protocol::ids::NodeId>| list.iter().map(|id| i64::from(id.0)).collect();
        out.head("[[topic]]");
        out.keys(&table::Topic {
            name: Some(topic.name.clone()),
            partitions: Some(topic.partitions),
            replication_factor: Some(topic.replication_factor),
            min_insync_replicas: Some(topic.settings.min_insync_replicas),
            unclean_leader_election: Some(topic.settings.unclean_leader_election),
            max_message_bytes: Some(topic.settings.max_message_bytes),
            segment_bytes: Some(topic.settings.segment_bytes),
            assignment: topic.assignment.as_ref().map(|lists| lists.iter().map(ids).collect()),
            may_be_empty: Some(topic.may_be_empty),
        });
    }
    clients(plan, &mut out);
    outside(plan, &mut out);
    let names = plan.names();
    for fault in &plan.faults {
        out.head("[[fault]]");
        for (key, value) in write_fault(fault, &names) {
            out.line(key, toml(&value));
        }
    }
    ending(plan, &mut out);
    out.0
}

struct Printer(String);

impl Printer {
    fn head(&mut self, head: &str) {
        let _ = write!(self.0, "\n{head}\n");
    }

    fn line(&mut self, key: &str, value: impl core::fmt::Display) {
        let _ = writeln!(self.0, "{key} = {value}");
    }

    fn keys(&mut self, section: &dyn Written) {
        for (key, value) in section.lines() {
            self.line(key, value);
        }
    }

    fn config(&mut self, prefix: &str, entries: &[Entry]) {
        for entry in entries {
            let bare = entry.value == "true" || entry.value == "false" || entry.value.parse::<i64>().is_ok();
            let value = if bare { entry.value.clone() } else { quoted(&entry.value) };
            self.line(&format!("{prefix}{}", entry.key), value);
        }
    }
}

fn toml(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Raw(text) => quoted(text),
        Value::Integer(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| toml(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(_) | Value::Other(_) => quoted(""),
    }
}

fn cluster(plan: &Plan, out: &mut Printer) {
    let cluster = &plan.cluster;
    out.head("[cluster]");
    out.keys(&table::Cluster {
        brokers: Some(cluster.brokers),
        transaction_version: Some(cluster.transaction_version),
        eligible_leader_replicas: Some(cluster.eligible_leader_replicas_version),
        write_back: Some(cluster.write_back),
        max_sequence: Some(cluster.domains.max_sequence),
        max_epoch: Some(cluster.domains.max_epoch),
        batch_window: Some(cluster.domains.batch_window),
    });
    out.config("", &cluster.config.entries());
    let network = &plan.network;
    out.head("[network]");
    out.keys(&table::Network {
        client_latency: Some(network.client_latency),
        broker_latency: Some(network.broker_latency),
        loopback_latency: Some(network.loopback_latency),
        service_per_message: Some(network.service_per_message),
        service_per_kib: Some(network.service_per_kib),
    });
}

fn clients(plan: &Plan, out: &mut Printer) {
    for p in &plan.producers {
        let transactional = p.config.transactional_id.is_some();
        let (source, records, keys, value_bytes) = source(&p.source);
        out.head("[[producer]]");
        out.keys(&table::Producer {
            name: Some(p.name.clone()),
            enabled: None,
            topic: Some(p.topic.clone()),
            partition: p.partition,
            source,
            records,
            keys,
            value_bytes,
            start: Some(p.start),
            interval: Some(p.interval),
            window: Some(p.window),
            transaction_records: transactional.then_some(p.transaction_records),
            abort_every: transactional.then_some(p.abort_every),
            abandon_transaction: transactional.then_some(p.abandon_transaction),
            transaction_pause: transactional.then_some(p.transaction_pause),
            on_unknown: Some(p.on_unknown),
            restart_after: Some(Never(p.restart_after)),
        });
        out.config("", &p.config.entries());
    }
    for p in plan.pipelines.iter().filter(|p| p.output.is_some()) {
        let (mut call_to, mut call_key, mut patience) = (None, None, (None, None, None));
        if let Some(CallPlan { to, doing: Doing::Charge { key }, patience: given }) = &p.call {
            (call_to, call_key, patience) = (Some(to.clone()), Some(*key), written(given));
        }
        out.head("[[pipeline]]");
        out.keys(&table::Pipeline {
            name: Some(p.name.clone()),
            enabled: None,
            members: Some(p.members),
            input: Some(p.inputs.clone()),
            output: p.output.clone(),
            stage: Some(p.stage),
            outputs_per_input: Some(p.outputs_per_input),
            function: Some(p.function.name().to_string()),
            guarantee: Some(p.guarantee),
            commit_interval_ms: Some(p.commit_interval.as_millis() as i64),
            processing_time: Some(p.processing_time),
            send_offsets_with: Some(if p.group_id_only { OffsetsWith::GroupId } else { OffsetsWith::GroupMetadata }),
            on_unknown: Some(p.on_unknown),
            start: Some(p.start),
            restart_after: Some(Never(p.restart_after)),
            call_to,
            call_key,
            call_timeout: patience.0,
            call_backoff: patience.1,
            call_on_unknown: patience.2,
        });
        out.config("consumer.", &p.consumer.entries());
        out.config("producer.", &p.producer.entries());
    }
    for r in &plan.readers {
        out.head("[[reader]]");
        out.keys(&table::Reader {
            name: Some(r.name.clone()),
            enabled: None,
            members: Some(r.members),
            topics: Some(r.topics.clone()),
            start: Some(r.start),
        });
        out.config("", &r.config.entries());
    }
}

fn source(source: &Source) -> SourceKeys {
    match source {
        Source::Generated { records, keys, value_bytes } => (None, Some(*records), Some(*keys), Some(*value_bytes)),
        Source::Lines { path, records } => (Some(path.clone()), Some(records.len() as u64), None, None),
    }
}

fn written(patience: &Patience) -> PatienceKeys {
    (Some(patience.timeout), Some(patience.backoff), Some(patience.on_unknown))
}

/// Sinks outside Kafka, and the clients that only they have.
fn outside(plan: &Plan, out: &mut Printer) {
    for d in &plan.databases {
        out.head("[[database]]");
        out.keys(&table::Database {
            name: Some(d.name.clone()),
            service_time: Some(d.service_time),
            restart_after: Some(d.restart_after),
            idle_timeout: Some(d.idle_timeout),
        });
    }
    for p in &plan.payments {
        out.head("[[payment_api]]");
        out.keys(&table::PaymentApi {
            name: Some(p.name.clone()),
            service_time: Some(p.service_time),
            restart_after: Some(p.restart_after),
            keys_expire: Some(Never(p.keys_expire)),
        });
    }
    for p in plan.pipelines.iter().filter(|p| p.output.is_none()) {
        connector(plan, p, out);
    }
    for s in &plan.services {
        let (source, records, keys, value_bytes) = source(&s.source);
        let (call_timeout, call_backoff, call_on_unknown) = written(&s.patience);
        out.head("[[service]]");
        out.keys(&table::Service {
            name: Some(s.name.clone()),
            enabled: None,
            database: Some(s.database.clone()),
            table: Some(plan.table_name(&s.database, s.table).to_string()),
            topic: Some(s.topic.clone()),
            announce: Some(s.announcing),
            source,
            records,
            keys,
            value_bytes,
            start: Some(s.start),
            interval: Some(s.interval),
            call_timeout,
            call_backoff,
            call_on_unknown,
            restart_after: Some(Never(s.restart_after)),
        });
        if s.announcing != Announcing::Outbox {
            out.config("", &s.producer.entries());
        }
    }
    for r in &plan.relays {
        let (call_timeout, call_backoff, _) = written(&r.patience);
        out.head("[[relay]]");
        out.keys(&table::Relay {
            name: Some(r.name.clone()),
            enabled: None,
            of: Some(r.of.clone()),
            start: Some(r.start),
            poll_interval: Some(r.poll_interval),
            poll_rows: Some(r.batch),
            call_timeout,
            call_backoff,
            restart_after: Some(Never(r.restart_after)),
        });
        out.config("", &r.producer.entries());
    }
}

fn connector(plan: &Plan, p: &PipelinePlan, out: &mut Printer) {
    let call = p.call.as_ref().expect("a connector calls a sink");
    let (mut table, mut mode, mut unique_key, mut call_key) = (None, None, None, None);
    match call.doing {
        Doing::Insert { table: number, key, offsets } => {
            table = Some(plan.table_name(&call.to, number).to_string());
            mode = Some(match (offsets, key) {
                (true, _) => Mode::OffsetsInTransaction,
                (false, Some(_)) => Mode::OnConflictDoNothing,
                (false, None) => Mode::Insert,
            });
            unique_key = key.map(Some);
        }
        Doing::Charge { key } => call_key = Some(key),
    }
    let (call_timeout, call_backoff, call_on_unknown) = written(&call.patience);
    out.head("[[connector]]");
    out.keys(&table::Connector {
        name: Some(p.name.clone()),
        enabled: None,
        members: Some(p.members),
        input: Some(p.inputs.clone()),
        to: Some(call.to.clone()),
        table,
        mode,
        unique_key,
        call_key,
        guarantee: Some(p.guarantee),
        commit_interval_ms: Some(p.commit_interval.as_millis() as i64),
        call_timeout,
        call_backoff,
        call_on_unknown,
        start: Some(p.start),
        restart_after: Some(Never(p.restart_after)),
    });
    out.config("", &p.consumer.entries());
}

fn ending(plan: &Plan, out: &mut Printer) {
    let chaos = &plan.chaos;
    out.head("[chaos]");
    out.keys(&table::Chaos {
        delay_ppm: Some(chaos.delay_ppm),
        delay_min: Some(chaos.delay_min),
        delay_max: Some(chaos.delay_max),
        late_ppm: Some(chaos.late_ppm),
        late_max: Some(chaos.late_max),
        lose_request_ppm: Some(chaos.lose_request_ppm),
        lose_response_ppm: Some(chaos.lose_response_ppm),
        jitter_max: Some(chaos.jitter_max),
        probes: Some(chaos.probes),
    });
    for family in &chaos.families {
        out.head("[[chaos.family]]");
        out.keys(&table::ChaosFamily {
            kind: Some(family.kind),
            count: Some((family.min, family.max)),
            lasts: Some((family.shortest, family.longest)),
        });
    }
    out.head("[end]");
    out.keys(&table::End {
        faults_until: Some(plan.end.faults_until),
        bound: Some(plan.end.bound),
        limit: Some(plan.end.limit),
        delivery_budget: Some(plan.end.delivery_budget),
    });
    if !plan.promises.is_empty() {
        out.head("[promise]");
        for (name, promise) in &plan.promises {
            out.line(&quoted(name), quoted(promise_word(*promise)));
        }
    }
}
