//! `show --resolved`: a scenario with every default written out, as TOML that can be run again.

use std::fmt::Write as _;

use fencepost_protocol::config::Entry;
use fencepost_protocol::time::Span;

use super::assemble::{FAMILIES, GUARANTEES, ON_UNKNOWN, PROMISES};
use super::deviation::write_fault;
use super::fields::Value;
use super::names::Names;
use super::sinks::{ANNOUNCING, KEYS, MODES, Mode};
use crate::plan::{Announcing, CallPlan, Doing, OnUnknown, Patience, PipelinePlan, Plan, Source};

/// Prints a plan.
pub fn print(plan: &Plan, seed: u64, seeds: (u64, u64)) -> String {
    let mut out = Printer(String::new());
    out.text("title", &plan.title);
    out.text("about", &plan.about);
    out.number("seed", seed);
    out.text("seeds", &format!("{}..{}", seeds.0, seeds.1));
    cluster(plan, &mut out);
    for topic in &plan.topics {
        out.head("[[topic]]");
        out.text("name", &topic.name);
        out.number("partitions", topic.partitions);
        out.number("replication.factor", topic.replication_factor);
        out.number("min.insync.replicas", topic.settings.min_insync_replicas);
        out.line("unclean.leader.election.enable", topic.settings.unclean_leader_election);
        out.number("max.message.bytes", topic.settings.max_message_bytes);
        out.number("segment.bytes", topic.settings.segment_bytes);
        if let Some(assignment) = &topic.assignment {
            let lists: Vec<Vec<i32>> = assignment.iter().map(|list| list.iter().map(|id| id.0).collect()).collect();
            out.line("assignment", format!("{lists:?}"));
        }
    }
    clients(plan, &mut out);
    outside(plan, &mut out);
    let names = Names::of(plan);
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

    fn text(&mut self, key: &str, text: &str) {
        self.line(key, quoted(text));
    }

    fn number(&mut self, key: &str, number: impl core::fmt::Display) {
        self.line(key, number);
    }

    fn span(&mut self, key: &str, span: Span) {
        self.text(key, &span.to_string());
    }

    fn config(&mut self, prefix: &str, entries: &[Entry]) {
        for entry in entries {
            let bare = entry.value == "true" || entry.value == "false" || entry.value.parse::<i64>().is_ok();
            let value = if bare { entry.value.clone() } else { quoted(&entry.value) };
            self.line(&format!("{prefix}{}", entry.key), value);
        }
    }
}

/// A basic string of TOML: JSON's escapes are among its own.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
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

fn word<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> &'static str {
    words.iter().find(|(_, v)| v == value).expect("every value has a name").0
}

fn cluster(plan: &Plan, out: &mut Printer) {
    let cluster = &plan.cluster;
    out.head("[cluster]");
    out.number("brokers", cluster.brokers);
    out.number("transaction.version", cluster.transaction_version);
    out.number("eligible.leader.replicas.version", cluster.eligible_leader_replicas_version);
    out.span("write.back", cluster.write_back);
    out.number("domains.max.sequence", cluster.domains.max_sequence);
    out.number("domains.max.epoch", cluster.domains.max_epoch);
    out.number("domains.batch.window", cluster.domains.batch_window);
    out.config("", &cluster.config.entries());
    let network = &plan.network;
    out.head("[network]");
    out.span("client.latency", network.client_latency);
    out.span("broker.latency", network.broker_latency);
    out.span("loopback.latency", network.loopback_latency);
    out.span("service.per.message", network.service_per_message);
    out.span("service.per.kib", network.service_per_kib);
}

fn clients(plan: &Plan, out: &mut Printer) {
    let on_unknown = |value: OnUnknown| word(&ON_UNKNOWN, &value);
    let restart = |after: Option<Span>| after.map_or("never".to_string(), |span| span.to_string());
    for p in &plan.producers {
        out.head("[[producer]]");
        out.text("name", &p.name);
        out.text("topic", &p.topic);
        if let Some(partition) = p.partition {
            out.number("partition", partition);
        }
        source(&p.source, out);
        out.span("start", p.start);
        out.span("interval", p.interval);
        out.number("window", p.window);
        if p.config.transactional_id.is_some() {
            out.number("transaction.records", p.transaction_records);
            out.number("abort.every", p.abort_every);
            out.number("abandon.transaction", p.abandon_transaction);
            out.span("transaction.pause", p.transaction_pause);
        }
        out.text("on_unknown", on_unknown(p.on_unknown));
        out.text("restart.after", &restart(p.restart_after));
        out.config("", &p.config.entries());
    }
    for p in plan.pipelines.iter().filter(|p| p.output.is_some()) {
        out.head("[[pipeline]]");
        out.text("name", &p.name);
        out.number("members", p.members);
        out.line("input", format!("[{}]", p.inputs.iter().map(|t| quoted(t)).collect::<Vec<_>>().join(", ")));
        out.text("output", p.output.as_deref().unwrap_or_default());
        out.number("stage", p.stage);
        out.number("outputs.per.input", p.outputs_per_input);
        out.text("function", &p.function.name());
        out.text("processing.guarantee", word(&GUARANTEES, &p.guarantee));
        out.number("commit.interval.ms", p.commit_interval.as_millis());
        out.span("processing.time", p.processing_time);
        out.text("send.offsets.with", if p.group_id_only { "group_id" } else { "group_metadata" });
        out.text("on_unknown", on_unknown(p.on_unknown));
        out.span("start", p.start);
        out.text("restart.after", &restart(p.restart_after));
        if let Some(CallPlan { to, doing: Doing::Charge { key }, patience }) = &p.call {
            out.text("call.to", to);
            out.text("call.idempotency.key", word(&KEYS, key));
            write_patience(patience, true, out);
        }
        out.config("consumer.", &p.consumer.entries());
        out.config("producer.", &p.producer.entries());
    }
    for r in &plan.readers {
        out.head("[[reader]]");
        out.text("name", &r.name);
        out.number("members", r.members);
        out.line("topics", format!("[{}]", r.topics.iter().map(|t| quoted(t)).collect::<Vec<_>>().join(", ")));
        out.span("start", r.start);
        out.config("", &r.config.entries());
    }
}

fn source(source: &Source, out: &mut Printer) {
    match source {
        Source::Generated { records, keys, value_bytes } => {
            out.number("records", records);
            out.number("keys", keys);
            out.number("value.bytes", value_bytes);
        }
        Source::Lines { path, records } => {
            out.text("source", path);
            out.number("records", records.len());
        }
    }
}

fn write_patience(patience: &Patience, on_unknown: bool, out: &mut Printer) {
    out.span("call.timeout", patience.timeout);
    out.span("call.backoff", patience.backoff);
    if on_unknown {
        out.text("call.on_unknown", word(&ON_UNKNOWN, &patience.on_unknown));
    }
}

/// Sinks outside Kafka, and the clients that only they have.
fn outside(plan: &Plan, out: &mut Printer) {
    let restart = |after: Option<Span>| after.map_or("never".to_string(), |span| span.to_string());
    for d in &plan.databases {
        out.head("[[database]]");
        out.text("name", &d.name);
        out.span("service.time", d.service_time);
        out.span("restart.after", d.restart_after);
        out.span("idle.in.transaction.timeout", d.idle_timeout);
    }
    for p in &plan.payments {
        out.head("[[payment_api]]");
        out.text("name", &p.name);
        out.span("service.time", p.service_time);
        out.span("restart.after", p.restart_after);
        out.text("keys.expire", &restart(p.keys_expire));
    }
    for p in plan.pipelines.iter().filter(|p| p.output.is_none()) {
        connector(plan, p, out);
    }
    for s in &plan.services {
        out.head("[[service]]");
        out.text("name", &s.name);
        out.text("database", &s.database);
        out.text("table", plan.table_name(&s.database, s.table));
        out.text("topic", &s.topic);
        out.text("announce", word(&ANNOUNCING, &s.announcing));
        source(&s.source, out);
        out.span("start", s.start);
        out.span("interval", s.interval);
        write_patience(&s.patience, true, out);
        out.text("restart.after", &restart(s.restart_after));
        if s.announcing != Announcing::Outbox {
            out.config("", &s.producer.entries());
        }
    }
    for r in &plan.relays {
        out.head("[[relay]]");
        out.text("name", &r.name);
        out.text("of", &r.of);
        out.span("start", r.start);
        out.span("poll.interval", r.poll_interval);
        out.number("poll.rows", r.batch);
        write_patience(&r.patience, false, out);
        out.text("restart.after", &restart(r.restart_after));
        out.config("", &r.producer.entries());
    }
}

fn connector(plan: &Plan, p: &PipelinePlan, out: &mut Printer) {
    let call = p.call.as_ref().expect("a connector calls a sink");
    out.head("[[connector]]");
    out.text("name", &p.name);
    out.number("members", p.members);
    out.line("input", format!("[{}]", p.inputs.iter().map(|t| quoted(t)).collect::<Vec<_>>().join(", ")));
    out.text("to", &call.to);
    match call.doing {
        Doing::Insert { table, key, offsets } => {
            out.text("table", plan.table_name(&call.to, table));
            let mode = match (offsets, key) {
                (true, _) => Mode::OffsetsInTransaction,
                (false, Some(_)) => Mode::OnConflictDoNothing,
                (false, None) => Mode::Insert,
            };
            out.text("mode", word(&MODES, &mode));
            if key.is_some() {
                out.text("unique.key", word(&KEYS, &key));
            }
        }
        Doing::Charge { key } => out.text("call.idempotency.key", word(&KEYS, &key)),
    }
    out.text("processing.guarantee", word(&GUARANTEES, &p.guarantee));
    out.number("commit.interval.ms", p.commit_interval.as_millis());
    write_patience(&call.patience, true, out);
    out.span("start", p.start);
    out.text("restart.after", &p.restart_after.map_or("never".to_string(), |span| span.to_string()));
    out.config("", &p.consumer.entries());
}

fn ending(plan: &Plan, out: &mut Printer) {
    let chaos = &plan.chaos;
    out.head("[chaos]");
    out.number("delay.ppm", chaos.delay_ppm);
    out.span("delay.min", chaos.delay_min);
    out.span("delay.max", chaos.delay_max);
    out.number("late.ppm", chaos.late_ppm);
    out.span("late.max", chaos.late_max);
    out.number("lose.request.ppm", chaos.lose_request_ppm);
    out.number("lose.response.ppm", chaos.lose_response_ppm);
    out.span("jitter.max", chaos.jitter_max);
    out.number("probes", chaos.probes);
    for family in &chaos.families {
        out.head("[[chaos.family]]");
        out.text("kind", word(&FAMILIES, &family.kind));
        out.text("count", &format!("{}..{}", family.min, family.max));
        out.text("lasts", &format!("{}..{}", family.shortest, family.longest));
    }
    out.head("[end]");
    out.span("faults.until", plan.end.faults_until);
    out.span("bound", plan.end.bound);
    out.span("limit", plan.end.limit);
    out.number("delivery.budget", plan.end.delivery_budget);
    if !plan.promises.is_empty() {
        out.head("[promise]");
        for (topic, promise) in &plan.promises {
            out.text(&quoted(topic), word(&PROMISES, promise));
        }
    }
}
