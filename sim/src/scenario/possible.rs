//! Which requests a node can ever send, so that a trigger that cannot come is refused where it is written.

use fencepost_protocol::config::ProducerConfig;
use fencepost_protocol::message::ApiKey;

use crate::cast::{Names, Part, Role};
use crate::message::Kind;
use crate::plan::{ClientPlan, Plan};
use crate::roles::sends::kinds;
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
    /// A client.
    Client(&'p dyn ClientPlan),
}

impl<'p> Player<'p> {
    /// How it produces, if it does.
    fn producer(&self) -> Option<&'p ProducerConfig> {
        let Player::Client(client) = self else { return None };
        let produces = client.sends().is_some_and(|kinds| kinds.contains(&Kind::Kafka(ApiKey::Produce)));
        client.producer().filter(|_| produces)
    }

    /// Whether nothing is known here of what it sends.
    fn is_a_program(&self) -> bool {
        matches!(self, Player::Client(client) if client.sends().is_none())
    }
}

/// What every node is, by its number.
pub struct Players<'p> {
    roles: Vec<Player<'p>>,
}

impl<'p> Players<'p> {
    /// The nodes of a plan.
    pub fn of(plan: &'p Plan, names: &Names) -> Players<'p> {
        let clients = plan.client_plans();
        let client = |part: &Part| {
            let found = clients.iter().find(|(n, own)| own.role() == part.role && *n == usize::from(part.place));
            found.expect("every client has a plan").1
        };
        let role = |part: &Part| match part.role {
            Role::Controller => Player::Controller,
            Role::Broker => Player::Broker,
            Role::Database => Player::Database,
            Role::PaymentApi => Player::PaymentApi,
            _ => Player::Client(client(part)),
        };
        Players { roles: names.parts.iter().map(role).collect() }
    }

    fn anybody(&self, has: impl Fn(&Player<'p>) -> bool) -> bool {
        self.roles.iter().any(|role| role.is_a_program() || has(role))
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
        self.roles[actor as usize]
    }
}

/// What brokers ask.
const OF_BROKERS: [ApiKey; 8] = [
    ApiKey::Fetch,
    ApiKey::WriteTxnMarkers,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AlterPartition,
    ApiKey::BrokerRegistration,
    ApiKey::BrokerHeartbeat,
    ApiKey::AllocateProducerIds,
    ApiKey::MetadataFetch,
];

/// Why a node never sends that kind, if it does not.
fn never_sends(role: Player<'_>, kind: Kind) -> Option<String> {
    let can = match role {
        Player::Controller | Player::Database | Player::PaymentApi => return Some("it only answers".to_string()),
        Player::Broker => kinds(OF_BROKERS.to_vec(), &[]),
        Player::Client(client) => client.sends()?,
    };
    if can.contains(&kind) {
        return None;
    }
    if let Player::Client(client) = role
        && let Some(why) = client.why_never(kind)
    {
        return Some(why.to_string());
    }
    let names: Vec<&str> = can.iter().map(|kind| kind.name()).collect();
    Some(format!("it sends {}", names.join(", ")))
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
    let reaches = |actor: &Actor| {
        let Player::Client(client) = role_of(*actor) else { return true };
        let fixed = client.fixed_partition().filter(|_| key == ApiKey::Produce);
        client.topics(key).is_none_or(|topics| topics.contains(&topic.as_str()))
            && fixed.is_none_or(|partition| partition == tp.partition)
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
