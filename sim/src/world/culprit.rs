//! Who holds up what has not finished, in words: asked while the clients still stand where they do.

use core::fmt::Write;

use fencepost_protocol::ids::{Name, TopicPartition};
use fencepost_protocol::message::{Response as KafkaResponse, TransactionMetadataValue, TransactionState};
use fencepost_reports::history::event as h;

use super::World;
use super::node::Body;
use super::settle::Unfinished;
use crate::history::partition;
use crate::message::Response;
use crate::scenario::Names;
use crate::schedule::Actor;

/// Members of a group that are told of at most.
const LISTED: usize = 3;

impl World<'_> {
    /// What has not finished, and why, as the history tells it.
    pub(super) fn accuse(&self) -> Vec<h::Event<'static>> {
        let names = Names::of(&self.plan);
        let items = self.unfinished(false);
        let mut events: Vec<_> = items.into_iter().map(|item| self.accusation(item, &names)).collect();
        if let (Some(event), Some(advice)) = (events.first_mut(), self.advice())
            && let h::Event::Stuck(h::Stuck { culprit, .. })
            | h::Event::Undrained(h::Undrained { culprit, .. })
            | h::Event::Stalled(h::Stalled { culprit, .. })
            | h::Event::OpenTransaction(h::OpenTransaction { culprit, .. }) = event
        {
            *culprit = format!("{culprit}; {advice}").into();
        }
        events
    }

    /// What may help if something was still being written.
    fn advice(&self) -> Option<String> {
        let patience = &self.settle.patience;
        let moves = patience.moved > patience.progress && self.now.since(patience.moved).0 < patience.bound().0 / 2;
        moves.then(|| {
            let (moved, bound) = (patience.moved, patience.bound());
            format!(
                "something was still written at {moved}, and nothing that had not been done before for {bound}: \
                 if that is no loop, a larger [end] bound lets it finish"
            )
        })
    }

    fn accusation(&self, item: Unfinished, names: &Names) -> h::Event<'static> {
        let t = self.now.0;
        match item {
            Unfinished::Client(actor) => {
                let culprit = format!("{} has not finished: {}", self.name(actor), self.standing(actor, names));
                h::Event::Stuck(h::Stuck { t, culprit: culprit.into() })
            }
            Unfinished::Transaction { name, value, coordinator } => self.transaction(&name, &value, coordinator, names),
            Unfinished::Stalled { tp, lso, hw, holder } => {
                let culprit = self.stall(tp, holder).into();
                h::Event::Stalled(h::Stalled { t, at: partition(tp), lso, hw, culprit })
            }
            Unfinished::Unsent { database, rows } => {
                let relays = self.plan.relays.iter().filter(|r| r.database == database);
                let mut culprit = format!("{rows} rows stand in the outbox of {database} and nobody sends them");
                for relay in relays {
                    if let Some(actor) = self.nodes.iter().position(|n| n.name == relay.name) {
                        let _ = write!(culprit, "; {}: {}", relay.name, self.standing(actor as Actor, names));
                    }
                }
                h::Event::Stuck(h::Stuck { t, culprit: culprit.into() })
            }
            Unfinished::Undrained { client, tp, position, end } => {
                let standing = self.standing(client, names);
                let culprit = format!("{} stands at {position}: {standing}", self.name(client));
                self.undrained_event(client, tp, Some(position), end, culprit)
            }
            Unfinished::Unowned { members, tp, end } => {
                let mut culprit = "no member of the group owns the partition".to_string();
                for (n, actor) in members.iter().enumerate().take(LISTED) {
                    let sep = if n == 0 { ": " } else { "; " };
                    let _ = write!(culprit, "{sep}{}: {}", self.name(*actor), self.standing(*actor, names));
                }
                if members.len() > LISTED {
                    let _ = write!(culprit, "; and {} more", members.len() - LISTED);
                }
                self.undrained_event(members[0], tp, None, end, culprit)
            }
        }
    }

    fn name(&self, actor: Actor) -> &str {
        &self.nodes[actor as usize].name
    }

    /// The offset that counts is the committed one; where a client keeps none in Kafka, it is that from which it reads on.
    fn undrained_event(
        &self,
        actor: Actor,
        tp: TopicPartition,
        position: Option<i64>,
        end: i64,
        culprit: String,
    ) -> h::Event<'static> {
        let Body::Client(client) = &self.nodes[actor as usize].body else {
            unreachable!("only clients read");
        };
        let committed = client.group().map(|group| self.history.committed_offset(group, tp).unwrap_or(-1));
        let position = committed.filter(|_| !client.keeps_offsets_itself()).or(position).unwrap_or(-1);
        let (t, c) = (self.now.0, client.place().map_or(0, |(c, _)| c));
        h::Event::Undrained(h::Undrained { t, c, at: partition(tp), position, end, culprit: culprit.into() })
    }

    /// What a client is doing, what it cannot go on after, and what it was told last.
    fn standing(&self, actor: Actor, names: &Names) -> String {
        let node = &self.nodes[actor as usize];
        let Body::Client(client) = &node.body else { return "it serves".to_string() };
        if !node.process.is_running() {
            return "it does not run".to_string();
        }
        let mut lines = client.in_words(names);
        lines.retain(|line| !line.starts_with(' '));
        if lines.is_empty() {
            lines.push("it runs".to_string());
        }
        if let Some(told) = client.place().and_then(|(c, _)| self.history.last_told(c)) {
            lines.push(format!("it was last told {} by an answer to {}, at {}", told.error, told.call, told.at));
        }
        lines.join("; ")
    }

    fn transaction(
        &self,
        name: &Name,
        value: &TransactionMetadataValue,
        coordinator: Actor,
        names: &Names,
    ) -> h::Event<'static> {
        let since = (value.start_ms >= crate::clock::EPOCH_MS)
            .then(|| (value.start_ms - crate::clock::EPOCH_MS) as u64 * 1_000_000);
        let c = self.history.client_of_transactional_id(name);
        let mut culprit = format!("transactional id {name}: ");
        if value.state == TransactionState::Ongoing {
            culprit += "nobody has ended it";
            let owner = self.nodes.iter().position(|n| match &n.body {
                Body::Client(client) => c.is_some() && client.place().map(|(c, _)| c) == c,
                _ => false,
            });
            if let Some(actor) = owner {
                let _ = write!(culprit, "; {}: {}", self.nodes[actor].name, self.standing(actor as Actor, names));
            }
        } else {
            let coordinator = self.name(coordinator);
            let _ =
                write!(culprit, "its coordinator {coordinator} is in {:?} and waits for the markers of ", value.state);
            let is_open = |tp: &&TopicPartition| {
                let log = self.leader_log(**tp).map(|(_, log)| log);
                log.is_none_or(|log| log.open_transactions().any(|(pid, _)| pid == value.producer.id))
            };
            let open: Vec<&TopicPartition> = value.partitions.iter().filter(is_open).collect();
            for (n, tp) in open.iter().enumerate() {
                let _ = write!(culprit, "{}{}", if n == 0 { "" } else { ", " }, names.partition_name(**tp));
                if let Some((at, error)) = self.refused_markers.get(&(value.producer.id, **tp)) {
                    let _ = write!(culprit, " (last answered {} at {at})", error.name());
                }
            }
            if open.is_empty() {
                culprit += "partitions that have them";
            }
        }
        let (t, pid, epoch) = (self.now.0, value.producer.id, value.producer.epoch);
        h::Event::OpenTransaction(h::OpenTransaction { t, c, pid, epoch, since, culprit: culprit.into() })
    }

    fn stall(&self, tp: TopicPartition, holder: Option<i64>) -> String {
        let Some(leader) = self.leader_name(tp) else { return "the partition has no leader".to_string() };
        if let Some(pid) = holder {
            let brokers = self.brokers.iter().filter_map(|b| match &self.nodes[*b as usize].body {
                Body::Broker(slot) => slot.broker.as_deref(),
                _ => None,
            });
            let owner = brokers.flat_map(|b| b.transactions()).find(|(_, value)| value.producer.id == pid);
            let of = owner.map_or_else(String::new, |(name, _)| format!(" (transactional id {name})"));
            return format!("an open transaction of producer id {pid}{of}, at {leader}");
        }
        let Body::Controller(controller) = &self.nodes[self.controller as usize].body else { return leader };
        let in_sync = controller.image().partition(tp).map_or_else(String::new, |p| {
            let ids: Vec<String> = p.isr.iter().map(|id| id.0.to_string()).collect();
            format!(" (in sync: {} of {})", ids.join(","), p.replicas.len())
        });
        format!("{leader}: not all in-sync replicas have what is there{in_sync}")
    }

    /// A broker is answered: what markers it was refused is remembered until they are written.
    pub(super) fn remember_markers(&mut self, response: &Response) {
        let Response::Kafka(KafkaResponse::WriteTxnMarkers(answer)) = response else { return };
        for (pid, partitions) in &answer.markers {
            for (tp, error) in partitions {
                match error {
                    Some(error) => {
                        self.refused_markers.insert((*pid, *tp), (self.now, *error));
                    }
                    None => {
                        self.refused_markers.remove(&(*pid, *tp));
                    }
                }
            }
        }
    }
}
