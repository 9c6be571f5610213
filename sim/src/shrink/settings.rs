//! Making the scenario smaller: fewer clients, members, partitions, brokers, records and transactions.

use super::search::Search;
use crate::plan::Source;

/// Tries every way of making the scenario smaller once.
pub(super) fn reduce(search: &mut Search<'_>) {
    fewer_clients(search);
    fewer_partitions(search);
    fewer_brokers(search);
    fewer_records(search);
    plainer(search);
}

/// A setting, written for the command line.
fn set(key: &str, value: impl core::fmt::Display) -> String {
    format!("{key}={value}")
}

fn fewer_clients(search: &mut Search<'_>) {
    let plan = search.scenario.plan.clone();
    let readers = plan.readers.iter().map(|r| r.name.as_str());
    let pipelines = plan.pipelines.iter().map(|p| p.name.as_str());
    let producers = plan.producers.iter().map(|p| p.name.as_str());
    let relays = plan.relays.iter().map(|r| r.name.as_str());
    let services = plan.services.iter().map(|s| s.name.as_str());
    // The last in the flow first: what reads needs what writes.
    for name in readers.chain(pipelines.rev()).chain(producers).chain(relays).chain(services) {
        search.try_settings(&[set(&format!("{name}.enabled"), false)]);
    }
    let plan = search.scenario.plan.clone();
    let members = plan.pipelines.iter().map(|p| (&p.name, p.members));
    for (name, members) in members.chain(plan.readers.iter().map(|r| (&r.name, r.members))) {
        smaller(search, &format!("{name}.members"), members.into());
    }
}

/// Tries 1, then half, then one less.
fn smaller(search: &mut Search<'_>, key: &str, from: u64) {
    let mut tried = 0;
    for value in [1, from / 2, from.saturating_sub(1)] {
        if value > tried && value < from {
            tried = value;
            if search.try_settings(&[set(key, value)]) {
                return;
            }
        }
    }
}

fn fewer_partitions(search: &mut Search<'_>) {
    let plan = search.scenario.plan.clone();
    let config = &plan.cluster.config;
    let internal = [
        ("transaction.state.log.num.partitions", config.transaction_partitions),
        ("offsets.topic.num.partitions", config.offsets_partitions),
    ];
    for (key, partitions) in internal {
        smaller(search, key, partitions.into());
    }
    for topic in plan.topics.iter().filter(|t| t.assignment.is_none()) {
        smaller(search, &format!("{}.partitions", topic.name), topic.partitions.into());
    }
}

fn fewer_brokers(search: &mut Search<'_>) {
    let brokers = search.scenario.plan.cluster.brokers;
    smaller(search, "brokers", brokers.into());
}

/// The fewest records that halving, and then halving of what was too much, finds.
fn fewer_records(search: &mut Search<'_>) {
    let plan = search.scenario.plan.clone();
    let producers = plan.producers.iter().map(|p| (&p.name, &p.source));
    for (name, source) in producers.chain(plan.services.iter().map(|s| (&s.name, &s.source))) {
        let key = format!("{name}.records");
        let mut holds = source.len();
        let mut fails = 0;
        while holds - fails > 1 && !search.stopped {
            // First far down: most findings need few records.
            let middle = if fails == 0 { holds / 4 } else { fails + (holds - fails) / 2 };
            let middle = middle.max(fails + 1);
            if search.try_settings(&[set(&key, middle)]) {
                holds = middle
            } else {
                fails = middle
            }
            if holds - fails <= holds / 16 {
                break;
            }
        }
    }
}

/// What a reader of the script need not think of.
fn plainer(search: &mut Search<'_>) {
    let plan = search.scenario.plan.clone();
    for producer in &plan.producers {
        let key = |key: &str| format!("{}.{key}", producer.name);
        if producer.abort_every > 0 {
            search.try_settings(&[set(&key("abort.every"), 0)]);
        }
        if producer.transaction_records > 1 && producer.config.transactional_id.is_some() {
            let records = producer.source.len();
            let longest = u64::from(producer.transaction_records);
            if records > longest {
                search.try_settings(&[set(&key("transaction.records"), records)]);
            }
        }
        if matches!(producer.source, Source::Generated { keys, .. } if keys > 0) {
            search.try_settings(&[set(&key("keys"), 0)]);
        }
    }
}
