//! Single lines of configuration that are tried in place of those that hold.

use fencepost_protocol::config::{BrokerConfig, ConsumerConfig, Entry, ProducerConfig};

use crate::plan::{Doing, Plan};
use crate::scenario::Scenario;

/// Words that a key can have, where it is no number and no truth value.
const WORDS: &[(&str, &[&str])] = &[
    ("acks", &["all", "1"]),
    ("isolation.level", &["read_committed", "read_uncommitted"]),
    ("auto.offset.reset", &["earliest", "latest"]),
    ("client.protocol", &["java-4", "librdkafka"]),
    ("partition.assignment.strategy", &["range", "cooperative-sticky"]),
];

/// Settings that promise more than the other values of their keys.
const STRONGER: &[&str] = &[
    "acks=all",
    "client.protocol=java-4",
    "enable.auto.commit=false",
    "enable.idempotence=true",
    "isolation.level=read_committed",
    "on_unknown=keep",
    "processing.guarantee=exactly_once_v2",
    "send.offsets.with=group_metadata",
    "transaction.partition.verification.enable=true",
    "transaction.version=2",
    "unclean.leader.election.enable=false",
];

/// Whether a setting helps by what it promises. Others only change what happens when, so that this does not.
pub fn is_a_guarantee(setting: &str) -> bool {
    setting.starts_with("variant=") || STRONGER.contains(&setting)
}

/// Settings of those who call sinks: keys, modes, and how services announce.
fn of_sinks(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    let mut all = |key: String, values: &[&str]| found.extend(values.iter().map(|value| format!("{key}={value}")));
    for pipeline in &plan.pipelines {
        match pipeline.call.as_ref().map(|call| call.doing) {
            Some(Doing::Charge { .. }) => {
                all(format!("{}.call.idempotency.key", pipeline.name), &["none", "offset", "record"]);
            }
            Some(Doing::Insert { .. }) => {
                all(format!("{}.mode", pipeline.name), &["insert", "on_conflict_do_nothing", "offsets_in_transaction"]);
                all(format!("{}.unique.key", pipeline.name), &["offset", "record"]);
            }
            None => {}
        }
    }
    for api in &plan.payments {
        all(format!("{}.keys.expire", api.name), &["never"]);
    }
    for service in &plan.services {
        all(format!("{}.call.on_unknown", service.name), &["keep", "resend"]);
    }
    found
}

/// Settings worth a try, each `KEY=VALUE`: every truth value turned, every word exchanged, every number a quarter and four
/// times of what it is; without each setting that was made; without each variant.
pub fn candidates(scenario: &Scenario) -> Vec<String> {
    let plan = &scenario.plan;
    let mut found = Vec::new();
    let variants: Vec<String> = {
        let brokers = plan.cluster.config.variant.iter().map(|v| v.name().to_string());
        let producers = plan.producers.iter().map(|p| p.config.variant);
        let all = producers.chain(plan.pipelines.iter().map(|p| p.producer.variant));
        let mut names: Vec<String> =
            brokers.chain(all.flat_map(|set| set.iter()).map(|v| v.name().to_string())).collect();
        names.sort();
        names.dedup();
        names
    };
    for variant in &variants {
        let rest: Vec<&str> = variants.iter().filter(|v| *v != variant).map(String::as_str).collect();
        found.push(format!("variant={}", rest.join(",")));
    }
    for version in 0..=2 {
        if version != plan.cluster.transaction_version {
            found.push(format!("transaction.version={version}"));
        }
    }
    if !plan.pipelines.is_empty() {
        let guarantees = ["at_least_once", "at_most_once", "exactly_once_v2"];
        found.extend(guarantees.iter().map(|g| format!("processing.guarantee={g}")));
        found.extend(["group_metadata", "group_id"].iter().map(|w| format!("send.offsets.with={w}")));
    }
    if plan.producers.len() + plan.pipelines.len() > 0 {
        found.extend(["keep", "resend"].iter().map(|w| format!("on_unknown={w}")));
    }
    found.extend(of_sinks(plan));
    let clients = |key: &str| BrokerConfig::KEYS.contains(&key);
    // Clients may differ: what one of them has may be what another one lacks.
    let producers = plan.producers.iter().map(|p| &p.config).chain(plan.pipelines.iter().map(|p| &p.producer));
    let consumers = plan.pipelines.iter().map(|p| &p.consumer).chain(plan.readers.iter().map(|r| &r.config));
    let of_clients: Vec<Entry> =
        producers.flat_map(ProducerConfig::entries).chain(consumers.flat_map(ConsumerConfig::entries)).collect();
    for entry in &of_clients {
        others(entry, if clients(entry.key) { "client." } else { "" }, &mut found);
    }
    let known = |key: &str| ProducerConfig::KEYS.contains(&key) || ConsumerConfig::KEYS.contains(&key);
    for entry in plan.cluster.config.entries() {
        others(&entry, if known(entry.key) { "broker." } else { "" }, &mut found);
    }
    found.sort();
    found.dedup();
    found
}

fn others(entry: &Entry, prefix: &str, found: &mut Vec<String>) {
    let key = entry.key;
    let mut push = |value: &str| {
        if value != entry.value {
            found.push(format!("{prefix}{key}={value}"));
        }
    };
    if let Some((_, words)) = WORDS.iter().find(|(k, _)| *k == key) {
        words.iter().for_each(|word| push(word));
    } else if let Ok(value) = entry.value.parse::<bool>() {
        push(if value { "false" } else { "true" });
    } else if let Ok(number) = entry.value.parse::<i64>() {
        push(&(number / 4).to_string());
        push(&number.saturating_mul(4).clamp(1, i64::from(i32::MAX)).to_string());
    }
}
