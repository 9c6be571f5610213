//! `show --resolved`: a scenario with every default written out, as TOML that can be run again.

use super::chaos::promise_word;
use super::deviation::write_fault;
use super::printer::{Printer, toml};
use super::table::{self, Never, quoted};
use crate::plan::Plan;
use crate::roles::sections;

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
    outside(plan, &mut out);
    sections::print(plan, &mut out);
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

/// Sinks outside Kafka.
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
}

fn ending(plan: &Plan, out: &mut Printer) {
    let (chaos, messages) = (&plan.chaos, &plan.chaos.messages);
    out.head("[chaos]");
    out.keys(&table::Chaos {
        delay_ppm: Some(messages.delay_ppm),
        delay_min: Some(messages.delay_min),
        delay_max: Some(messages.delay_max),
        late_ppm: Some(messages.late_ppm),
        late_max: Some(messages.late_max),
        lose_request_ppm: Some(messages.lose_request_ppm),
        lose_response_ppm: Some(messages.lose_response_ppm),
        jitter_max: Some(messages.jitter_max),
        probes: Some(messages.probes),
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
