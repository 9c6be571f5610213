//! From `[cluster]`, `[network]` and `[[topic]]` to the plan.

use std::sync::Arc;

use fencepost_protocol::config::{BrokerConfig, Domains};
use fencepost_protocol::ids::NodeId;
use fencepost_protocol::image::TopicSettings;
use fencepost_protocol::time::Span;

use super::draft::{configure, is_name_character, needs};
use super::fields::Fields;
use super::problem::{Complaint, on_lines};
use super::table::{self, MOST_PARTITIONS};
use crate::plan::{ClusterPlan, NetworkPlan, TopicPlan};

type Result<T> = core::result::Result<T, Complaint>;

pub(super) fn cluster(fields: &Fields) -> Result<ClusterPlan> {
    let table::Cluster {
        brokers,
        transaction_version,
        eligible_leader_replicas,
        write_back,
        max_sequence,
        max_epoch,
        batch_window,
    } = table::Cluster::read(fields)?;
    let brokers = brokers.unwrap_or(3);
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
        transaction_version: transaction_version.unwrap_or(2),
        eligible_leader_replicas_version: eligible_leader_replicas.unwrap_or(1),
        domains: Domains {
            max_sequence: max_sequence.unwrap_or(usual.max_sequence),
            max_epoch: max_epoch.unwrap_or(usual.max_epoch),
            batch_window: batch_window.unwrap_or(usual.batch_window),
        },
        write_back: write_back.unwrap_or(Span::from_secs(30)),
        config: Arc::new(config),
    })
}

pub(super) fn network(fields: &Fields) -> Result<NetworkPlan> {
    let table::Network { client_latency, broker_latency, loopback_latency, service_per_message, service_per_kib } =
        table::Network::read(fields)?;
    Ok(NetworkPlan {
        client_latency: client_latency.unwrap_or(Span::from_micros(500)),
        broker_latency: broker_latency.unwrap_or(Span::from_micros(500)),
        loopback_latency: loopback_latency.unwrap_or(Span::from_micros(50)),
        service_per_message: service_per_message.unwrap_or(Span::ZERO),
        service_per_kib: service_per_kib.unwrap_or(Span::ZERO),
    })
}

pub(super) fn topics(list: &[Fields], cluster: &ClusterPlan) -> Result<Vec<TopicPlan>> {
    let mut topics: Vec<TopicPlan> = Vec::new();
    for fields in list {
        let topic = topic(fields, cluster)?;
        if let Some(first) = topics.iter().position(|t| t.name == topic.name) {
            let lines = on_lines(list[first].place_of("name"), fields.place_of("name"));
            let message = format!("there are two topics named '{}'{lines}: give one of them another name", topic.name);
            return Err(fields.complain("name", message));
        }
        topics.push(topic);
    }
    Ok(topics)
}

fn topic(fields: &Fields, cluster: &ClusterPlan) -> Result<TopicPlan> {
    let table::Topic {
        name,
        partitions,
        replication_factor,
        min_insync_replicas,
        unclean_leader_election,
        max_message_bytes,
        segment_bytes,
        assignment: lists,
        may_be_empty,
    } = table::Topic::read(fields)?;
    let name = name.ok_or_else(|| needs(fields, "name"))?;
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
    let assignment = assignment(fields, lists, brokers)?;
    let partitions = match (partitions, &assignment) {
        (Some(partitions), Some(lists)) if partitions as usize != lists.len() => {
            let message = format!("'{name}' has {partitions} partitions, but 'assignment' lists {}", lists.len());
            return Err(fields.complain("assignment", message));
        }
        (Some(partitions), _) => partitions,
        (None, Some(lists)) => lists.len() as u32,
        (None, None) => 1,
    };
    let replicas = assignment.as_ref().and_then(|lists| lists.first()).map(|list| list.len() as u32);
    let replication_factor = match (replication_factor, replicas) {
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
            min_insync_replicas: min_insync_replicas.unwrap_or(config.min_insync_replicas),
            unclean_leader_election: unclean_leader_election.unwrap_or(config.unclean_leader_election),
            max_message_bytes: max_message_bytes.unwrap_or(config.message_max_bytes),
            segment_bytes: segment_bytes.unwrap_or(config.segment_bytes),
        },
        name,
        partitions,
        replication_factor,
        assignment,
        may_be_empty: may_be_empty.unwrap_or(false),
    })
}

fn assignment(fields: &Fields, lists: Option<Vec<Vec<i64>>>, brokers: u32) -> Result<Option<Vec<Vec<NodeId>>>> {
    let Some(lists) = lists else { return Ok(None) };
    let complain = |message: String| Err(fields.complain("assignment", message));
    let length = lists.first().map_or(0, Vec::len);
    if lists.is_empty() || lists.len() as i64 > MOST_PARTITIONS {
        return complain(format!("a topic has 1 to {MOST_PARTITIONS} partitions"));
    }
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
