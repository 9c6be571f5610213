//! Which requests a node can ever send, so that a trigger that cannot come is refused where it is written.

use std::collections::BTreeMap;

use fencepost_protocol::config::{ConsumerConfig, ProducerConfig};
use fencepost_protocol::message::ApiKey;
use fencepost_protocol::pipeline::Guarantee;

use super::names::Names;
use crate::client::member_name;
use crate::message::Kind;
use crate::plan::{Announcing, Doing, PipelinePlan, Plan, ProducerPlan, ReaderPlan, ServicePlan};
use crate::schedule::{Actor, Phase, Trigger};
use crate::sink;

/// What a node is.
#[derive(Clone, Copy, Debug)]
pub enum Role<'p> {
    /// The controller.
    Controller,
    /// A broker.
    Broker,
    /// A database.
    Database,
    /// A payment API.
    PaymentApi,
    /// A producer.
    Producer(&'p ProducerPlan),
    /// A member of a pipeline or of a connector.
    Pipeline(&'p PipelinePlan),
    /// A reader.
    Reader(&'p ReaderPlan),
    /// A service.
    Service(&'p ServicePlan),
    /// A relay, and the topic that it sends to.
    Relay(&'p crate::plan::RelayPlan),
    /// A program, or something else of which nothing is known here.
    Program,
}

impl<'p> Role<'p> {
    /// How it produces, if it does.
    fn producer(&self) -> Option<&'p ProducerConfig> {
        match self {
            Role::Producer(p) => Some(&p.config),
            Role::Pipeline(p) => p.output.as_ref().map(|_| &p.producer),
            Role::Service(s) => Some(&s.producer),
            Role::Relay(r) => Some(&r.producer),
            _ => None,
        }
    }
}

/// What every node is, by its number.
pub struct Cast<'p> {
    roles: Vec<Role<'p>>,
}

impl<'p> Cast<'p> {
    /// The nodes of a plan.
    pub fn of(plan: &'p Plan, names: &Names) -> Cast<'p> {
        let mut known: BTreeMap<String, Role<'p>> = BTreeMap::new();
        known.insert("controller".to_string(), Role::Controller);
        known.extend(plan.cluster.ids().map(|id| (crate::world::broker_name(plan, id), Role::Broker)));
        known.extend(plan.databases.iter().map(|d| (d.name.clone(), Role::Database)));
        known.extend(plan.payments.iter().map(|p| (p.name.clone(), Role::PaymentApi)));
        known.extend(plan.producers.iter().map(|p| (p.name.clone(), Role::Producer(p))));
        for p in &plan.pipelines {
            known.extend((1..=p.members).map(|m| (member_name(&p.name, m, p.members), Role::Pipeline(p))));
        }
        for r in &plan.readers {
            known.extend((1..=r.members).map(|m| (member_name(&r.name, m, r.members), Role::Reader(r))));
        }
        known.extend(plan.services.iter().map(|s| (s.name.clone(), Role::Service(s))));
        known.extend(plan.relays.iter().map(|r| (r.name.clone(), Role::Relay(r))));
        let role = |name: &String| known.get(name).copied().unwrap_or(Role::Program);
        Cast { roles: names.nodes.iter().map(role).collect() }
    }

    fn anybody(&self, has: impl Fn(&Role<'p>) -> bool) -> bool {
        self.roles.iter().any(|role| matches!(role, Role::Program) || has(role))
    }

    /// Why a node of this scenario never sends that kind, if it does not.
    pub fn never_sends(&self, actor: Actor, kind: Kind) -> Option<String> {
        let role = self.role(actor);
        let idle = || matches!(role, Role::Broker).then(|| self.no_reason(kind)).flatten();
        never_sends(role, kind).or_else(|| idle().map(str::to_string))
    }

    /// Why no broker ever has reason to send that kind, where it takes a client that gives one.
    fn no_reason(&self, kind: Kind) -> Option<&'static str> {
        let Kind::Kafka(key) = kind else { return None };
        let transactional = |role: &Role<'_>| role.producer().is_some_and(|config| config.transactional_id.is_some());
        let idempotent = |role: &Role<'_>| role.producer().is_some_and(|config| config.enable_idempotence);
        match key {
            ApiKey::WriteTxnMarkers | ApiKey::AddPartitionsToTxn if !self.anybody(transactional) => {
                Some("no client has a transactional.id, so there are no transactions")
            }
            ApiKey::AllocateProducerIds if !self.anybody(|role| transactional(role) || idempotent(role)) => {
                Some("no client has enable.idempotence or a transactional.id, so nobody asks for a producer id")
            }
            _ => None,
        }
    }

    /// What a node is.
    pub fn role(&self, actor: Actor) -> Role<'p> {
        self.roles.get(actor as usize).copied().unwrap_or(Role::Program)
    }
}

const OF_TRANSACTIONS: [ApiKey; 5] = [
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddOffsetsToTxn,
    ApiKey::EndTxn,
    ApiKey::TxnOffsetCommit,
    ApiKey::InitProducerId,
];
const OF_GROUPS: [ApiKey; 6] = [
    ApiKey::JoinGroup,
    ApiKey::SyncGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::OffsetFetch,
    ApiKey::OffsetCommit,
];

fn producer(config: &ProducerConfig, in_a_pipeline: bool, can: &mut Vec<ApiKey>) {
    can.extend([ApiKey::ApiVersions, ApiKey::Metadata, ApiKey::Produce]);
    let transactional = config.transactional_id.is_some();
    if transactional || config.enable_idempotence {
        can.push(ApiKey::InitProducerId);
    }
    if transactional {
        can.extend([ApiKey::FindCoordinator, ApiKey::AddPartitionsToTxn, ApiKey::EndTxn]);
        if in_a_pipeline {
            can.extend([ApiKey::AddOffsetsToTxn, ApiKey::TxnOffsetCommit]);
        }
    }
}

fn consumer(config: &ConsumerConfig, commits: bool, can: &mut Vec<ApiKey>) {
    can.extend([ApiKey::Metadata, ApiKey::Fetch, ApiKey::ListOffsets, ApiKey::OffsetForLeaderEpoch]);
    if config.group_id.is_some() {
        can.push(ApiKey::FindCoordinator);
        can.extend(OF_GROUPS.iter().filter(|key| commits || **key != ApiKey::OffsetCommit));
    }
}

/// All kinds that a node can ever send; none: anything.
fn kinds(role: Role<'_>) -> Option<Vec<Kind>> {
    use sink::Kind::{Charge, SqlCommit, SqlInsert, SqlQuery, SqlRollback, SqlUpdate};
    let (mut can, mut sinks): (Vec<ApiKey>, Vec<sink::Kind>) = (Vec::new(), Vec::new());
    match role {
        Role::Controller | Role::Database | Role::PaymentApi => {}
        Role::Broker => can.extend([
            ApiKey::Fetch,
            ApiKey::WriteTxnMarkers,
            ApiKey::AddPartitionsToTxn,
            ApiKey::AlterPartition,
            ApiKey::BrokerRegistration,
            ApiKey::BrokerHeartbeat,
            ApiKey::AllocateProducerIds,
            ApiKey::MetadataFetch,
        ]),
        Role::Producer(p) => producer(&p.config, false, &mut can),
        Role::Pipeline(p) => {
            let keeps_offsets = matches!(p.call.as_ref().map(|c| c.doing), Some(Doing::Insert { offsets: true, .. }));
            consumer(&p.consumer, p.guarantee != Guarantee::ExactlyOnceV2 && !keeps_offsets, &mut can);
            if p.output.is_some() {
                producer(&p.producer, true, &mut can);
            }
            match p.call.as_ref().map(|c| c.doing) {
                Some(Doing::Charge { .. }) => sinks.push(Charge),
                Some(Doing::Insert { .. }) => {
                    sinks.extend([SqlInsert, SqlCommit, SqlRollback]);
                    if keeps_offsets {
                        sinks.extend([SqlQuery, SqlUpdate]);
                    }
                }
                None => {}
            }
        }
        Role::Reader(r) => consumer(&r.config, r.config.enable_auto_commit, &mut can),
        Role::Service(s) => {
            sinks.extend([SqlInsert, SqlCommit, SqlRollback, SqlQuery]);
            if s.announcing != Announcing::Outbox {
                producer(&s.producer, false, &mut can);
            }
        }
        Role::Relay(r) => {
            sinks.extend([SqlQuery, SqlUpdate, SqlCommit, SqlRollback]);
            producer(&r.producer, false, &mut can);
        }
        Role::Program => return None,
    }
    can.sort_unstable();
    can.dedup();
    Some(can.into_iter().map(Kind::Kafka).chain(sinks.into_iter().map(Kind::Sink)).collect())
}

/// Why a node never sends that kind, if it does not.
fn never_sends(role: Role<'_>, kind: Kind) -> Option<String> {
    let can = kinds(role)?;
    if can.contains(&kind) {
        return None;
    }
    let transactional = |config: &ProducerConfig| config.transactional_id.is_some();
    let why = match (role, kind) {
        (Role::Controller, _) => "it only answers".to_string(),
        (Role::Database | Role::PaymentApi, _) => "it only answers".to_string(),
        (Role::Producer(p), Kind::Kafka(key)) if OF_TRANSACTIONS.contains(&key) && !transactional(&p.config) => {
            "it has no transactional.id, so it has no transactions".to_string()
        }
        (Role::Pipeline(p), Kind::Kafka(key))
            if OF_TRANSACTIONS.contains(&key) && p.output.is_some() && !transactional(&p.producer) =>
        {
            "it has transactions with processing.guarantee = \"exactly_once_v2\" only".to_string()
        }
        (Role::Pipeline(p), Kind::Kafka(ApiKey::OffsetCommit)) if p.output.is_some() => {
            "with processing.guarantee = \"exactly_once_v2\" it commits its offsets by TxnOffsetCommit".to_string()
        }
        (Role::Reader(r), Kind::Kafka(key)) if OF_GROUPS.contains(&key) && r.config.group_id.is_none() => {
            "it has no group.id".to_string()
        }
        (Role::Reader(_), Kind::Kafka(ApiKey::OffsetCommit)) => "it has enable.auto.commit=false".to_string(),
        (Role::Service(s), Kind::Kafka(_)) if s.announcing == Announcing::Outbox => {
            "with an outbox its relay sends to Kafka".to_string()
        }
        _ => {
            let names: Vec<&str> = can.iter().map(|kind| kind.name()).collect();
            format!("it sends {}", names.join(", "))
        }
    };
    Some(why)
}

/// Topics to which, or from which, requests of that kind of a node go; none: it is not known.
fn topics<'p>(role: Role<'p>, key: ApiKey) -> Option<Vec<&'p str>> {
    let inputs = |list: &'p [String]| list.iter().map(String::as_str).collect();
    match (key, role) {
        (ApiKey::Produce, Role::Producer(p)) => Some(vec![&p.topic]),
        (ApiKey::Produce, Role::Pipeline(p)) => Some(p.output.as_deref().into_iter().collect()),
        (ApiKey::Produce, Role::Service(s)) => Some(vec![&s.topic]),
        (ApiKey::Produce, Role::Relay(r)) => Some(vec![&r.topic]),
        (ApiKey::Fetch | ApiKey::OffsetCommit | ApiKey::TxnOffsetCommit, Role::Pipeline(p)) => Some(inputs(&p.inputs)),
        (ApiKey::Fetch | ApiKey::OffsetCommit, Role::Reader(r)) => Some(inputs(&r.topics)),
        _ => None,
    }
}

/// Why a trigger can never come, and the key that says so, if that is certain.
pub fn impossible(cast: &Cast<'_>, names: &Names, trigger: &Trigger) -> Option<(&'static str, String)> {
    let kind = trigger.kind;
    let role_of = |actor: Actor| cast.role(actor);
    let senders: Vec<Actor> = match trigger.from {
        Some(from) => vec![from],
        None => (0..names.nodes.len() as Actor).collect(),
    };
    let able: Vec<Actor> =
        senders.iter().copied().filter(|actor| never_sends(role_of(*actor), kind).is_none()).collect();
    if able.is_empty() {
        return Some(match trigger.from {
            Some(from) => {
                let why = never_sends(role_of(from), kind).unwrap_or_default();
                ("after.from", format!("{} never sends {}: {why}", names.node(from), kind.name()))
            }
            None => ("after.kind", format!("nobody in this scenario ever sends {}", kind.name())),
        });
    }
    if able.iter().all(|actor| matches!(role_of(*actor), Role::Broker))
        && let Some(why) = cast.no_reason(kind)
    {
        return Some(("after.kind", format!("nobody in this scenario ever sends {}: {why}", kind.name())));
    }
    if let Some(to) = trigger.to {
        let wanted = receivers(kind);
        let fits = match role_of(to) {
            Role::Controller => wanted == "the controller",
            Role::Broker => wanted == "a broker",
            Role::Database => wanted == "a database",
            Role::PaymentApi => wanted == "a payment API",
            _ => false,
        };
        if !fits {
            let message = format!("a {} goes to {wanted}, never to {}", kind.name(), names.node(to));
            return Some(("after.to", message));
        }
    }
    let tp = trigger.item?;
    let answered = matches!(trigger.phase, Phase::Answered | Phase::Received);
    let Kind::Kafka(key) = kind else {
        let message = format!("the answer to a {} concerns no partition: leave it out", kind.name());
        return answered.then_some(("after.partition", message));
    };
    let asked = [ApiKey::AddPartitionsToTxn, ApiKey::OffsetCommit, ApiKey::TxnOffsetCommit];
    let both = [ApiKey::Produce, ApiKey::Fetch, ApiKey::WriteTxnMarkers];
    let concerns_one = both.contains(&key) || (asked.contains(&key) && !answered);
    if !concerns_one {
        let what = if answered { "the answer to a" } else { "a" };
        let message = format!("{what} {} concerns no partition: leave it out", kind.name());
        return Some(("after.partition", message));
    }
    let (topic, _) = names.topics.get(tp.topic.0 as usize)?;
    let reaches = |actor: &Actor| match role_of(*actor) {
        Role::Producer(p) if key == ApiKey::Produce => {
            p.topic == *topic && p.partition.is_none_or(|partition| partition == tp.partition)
        }
        role => topics(role, key).is_none_or(|topics| topics.contains(&topic.as_str())),
    };
    if able.iter().any(reaches) {
        return None;
    }
    let who = trigger.from.map_or("nobody in this scenario".to_string(), |from| names.node(from).to_string());
    let never = if trigger.from.is_some() { "never sends" } else { "ever sends" };
    Some(("after.partition", format!("{who} {never} a {} that concerns {}", kind.name(), names.partition_name(tp))))
}

/// Who is asked. What brokers alone ask of the controller, and what everybody asks of brokers, are different kinds.
fn receivers(kind: Kind) -> &'static str {
    match kind {
        Kind::Sink(sink::Kind::Charge) => "a payment API",
        Kind::Sink(_) => "a database",
        Kind::Kafka(
            ApiKey::AlterPartition
            | ApiKey::BrokerRegistration
            | ApiKey::BrokerHeartbeat
            | ApiKey::AllocateProducerIds
            | ApiKey::MetadataFetch,
        ) => "the controller",
        Kind::Kafka(_) => "a broker",
    }
}
