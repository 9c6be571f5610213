//! Which requests a node can ever send, so that a trigger that cannot come is refused where it is written.

use fencepost_protocol::config::{ConsumerConfig, ProducerConfig};
use fencepost_protocol::message::ApiKey;
use fencepost_protocol::pipeline::Guarantee;

use crate::cast::{self, Names};
use crate::message::Kind;
use crate::plan::{Announcing, Doing, PipelinePlan, Plan, ProducerPlan, ReaderPlan, ServicePlan};
use crate::schedule::{Actor, Phase, Trigger};
use crate::sink;

/// What a node is.
#[derive(Clone, Copy, Debug)]
pub enum Player<'p> {
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

impl<'p> Player<'p> {
    /// How it produces, if it does.
    fn producer(&self) -> Option<&'p ProducerConfig> {
        match self {
            Player::Producer(p) => Some(&p.config),
            Player::Pipeline(p) => p.output.as_ref().map(|_| &p.producer),
            Player::Service(s) => Some(&s.producer),
            Player::Relay(r) => Some(&r.producer),
            _ => None,
        }
    }
}

/// What every node is, by its number.
pub struct Players<'p> {
    roles: Vec<Player<'p>>,
}

impl<'p> Players<'p> {
    /// The nodes of a plan.
    pub fn of(plan: &'p Plan, names: &Names) -> Players<'p> {
        let role = |part: &cast::Part| {
            let place = usize::from(part.place);
            match part.role {
                cast::Role::Controller => Player::Controller,
                cast::Role::Broker => Player::Broker,
                cast::Role::Database => Player::Database,
                cast::Role::PaymentApi => Player::PaymentApi,
                cast::Role::Producer => Player::Producer(&plan.producers[place]),
                cast::Role::Pipeline | cast::Role::Connector => Player::Pipeline(&plan.pipelines[place]),
                cast::Role::Reader => Player::Reader(&plan.readers[place]),
                cast::Role::Service => Player::Service(&plan.services[place]),
                cast::Role::Relay => Player::Relay(&plan.relays[place]),
                cast::Role::Echo | cast::Role::External => Player::Program,
            }
        };
        Players { roles: names.parts.iter().map(role).collect() }
    }

    fn anybody(&self, has: impl Fn(&Player<'p>) -> bool) -> bool {
        self.roles.iter().any(|role| matches!(role, Player::Program) || has(role))
    }

    /// Why a node of this scenario never sends that kind, if it does not.
    pub fn never_sends(&self, actor: Actor, kind: Kind) -> Option<String> {
        let role = self.role(actor);
        let idle = || matches!(role, Player::Broker).then(|| self.no_reason(kind)).flatten();
        never_sends(role, kind).or_else(|| idle().map(str::to_string))
    }

    /// Why no broker ever has reason to send that kind, where it takes a client that gives one.
    fn no_reason(&self, kind: Kind) -> Option<&'static str> {
        let Kind::Kafka(key) = kind else { return None };
        let transactional = |role: &Player<'_>| role.producer().is_some_and(|config| config.transactional_id.is_some());
        let idempotent = |role: &Player<'_>| role.producer().is_some_and(|config| config.enable_idempotence);
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
    pub fn role(&self, actor: Actor) -> Player<'p> {
        self.roles.get(actor as usize).copied().unwrap_or(Player::Program)
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
fn kinds(role: Player<'_>) -> Option<Vec<Kind>> {
    use sink::Kind::{Charge, SqlCommit, SqlInsert, SqlQuery, SqlRollback, SqlUpdate};
    let (mut can, mut sinks): (Vec<ApiKey>, Vec<sink::Kind>) = (Vec::new(), Vec::new());
    match role {
        Player::Controller | Player::Database | Player::PaymentApi => {}
        Player::Broker => can.extend([
            ApiKey::Fetch,
            ApiKey::WriteTxnMarkers,
            ApiKey::AddPartitionsToTxn,
            ApiKey::AlterPartition,
            ApiKey::BrokerRegistration,
            ApiKey::BrokerHeartbeat,
            ApiKey::AllocateProducerIds,
            ApiKey::MetadataFetch,
        ]),
        Player::Producer(p) => producer(&p.config, false, &mut can),
        Player::Pipeline(p) => {
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
        Player::Reader(r) => consumer(&r.config, r.config.enable_auto_commit, &mut can),
        Player::Service(s) => {
            sinks.extend([SqlInsert, SqlCommit, SqlRollback, SqlQuery]);
            if s.announcing != Announcing::Outbox {
                producer(&s.producer, false, &mut can);
            }
        }
        Player::Relay(r) => {
            sinks.extend([SqlQuery, SqlUpdate, SqlCommit, SqlRollback]);
            producer(&r.producer, false, &mut can);
        }
        Player::Program => return None,
    }
    can.sort_unstable();
    can.dedup();
    Some(can.into_iter().map(Kind::Kafka).chain(sinks.into_iter().map(Kind::Sink)).collect())
}

/// Why a node never sends that kind, if it does not.
fn never_sends(role: Player<'_>, kind: Kind) -> Option<String> {
    let can = kinds(role)?;
    if can.contains(&kind) {
        return None;
    }
    let transactional = |config: &ProducerConfig| config.transactional_id.is_some();
    let why = match (role, kind) {
        (Player::Controller, _) => "it only answers".to_string(),
        (Player::Database | Player::PaymentApi, _) => "it only answers".to_string(),
        (Player::Producer(p), Kind::Kafka(key)) if OF_TRANSACTIONS.contains(&key) && !transactional(&p.config) => {
            "it has no transactional.id, so it has no transactions".to_string()
        }
        (Player::Pipeline(p), Kind::Kafka(key))
            if OF_TRANSACTIONS.contains(&key) && p.output.is_some() && !transactional(&p.producer) =>
        {
            "it has transactions with processing.guarantee = \"exactly_once_v2\" only".to_string()
        }
        (Player::Pipeline(p), Kind::Kafka(ApiKey::OffsetCommit)) if p.output.is_some() => {
            "with processing.guarantee = \"exactly_once_v2\" it commits its offsets by TxnOffsetCommit".to_string()
        }
        (Player::Reader(r), Kind::Kafka(key)) if OF_GROUPS.contains(&key) && r.config.group_id.is_none() => {
            "it has no group.id".to_string()
        }
        (Player::Reader(_), Kind::Kafka(ApiKey::OffsetCommit)) => "it has enable.auto.commit=false".to_string(),
        (Player::Service(s), Kind::Kafka(_)) if s.announcing == Announcing::Outbox => {
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
fn topics<'p>(role: Player<'p>, key: ApiKey) -> Option<Vec<&'p str>> {
    let inputs = |list: &'p [String]| list.iter().map(String::as_str).collect();
    match (key, role) {
        (ApiKey::Produce, Player::Producer(p)) => Some(vec![&p.topic]),
        (ApiKey::Produce, Player::Pipeline(p)) => Some(p.output.as_deref().into_iter().collect()),
        (ApiKey::Produce, Player::Service(s)) => Some(vec![&s.topic]),
        (ApiKey::Produce, Player::Relay(r)) => Some(vec![&r.topic]),
        (ApiKey::Fetch | ApiKey::OffsetCommit | ApiKey::TxnOffsetCommit, Player::Pipeline(p)) => {
            Some(inputs(&p.inputs))
        }
        (ApiKey::Fetch | ApiKey::OffsetCommit, Player::Reader(r)) => Some(inputs(&r.topics)),
        _ => None,
    }
}

/// Why a trigger can never come, and the key that says so, if that is certain.
pub fn impossible(cast: &Players<'_>, names: &Names, trigger: &Trigger) -> Option<(&'static str, String)> {
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
    if able.iter().all(|actor| matches!(role_of(*actor), Player::Broker))
        && let Some(why) = cast.no_reason(kind)
    {
        return Some(("after.kind", format!("nobody in this scenario ever sends {}: {why}", kind.name())));
    }
    if let Some(to) = trigger.to {
        let wanted = receivers(kind);
        let fits = match role_of(to) {
            Player::Controller => wanted == "the controller",
            Player::Broker => wanted == "a broker",
            Player::Database => wanted == "a database",
            Player::PaymentApi => wanted == "a payment API",
            _ => false,
        };
        if !fits {
            let message = format!("a {} goes to {wanted}, never to {}", kind.name(), names.node(to));
            return Some(("after.to", message));
        }
    }
    let tp = trigger.partition?;
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
        Player::Producer(p) if key == ApiKey::Produce => {
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
