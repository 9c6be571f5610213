//! Who holds up what has not finished, in words: asked while the clients still stand where they do.

use core::fmt::Write;

use fencepost_protocol::ids::{Name, NodeId, TopicPartition};
use fencepost_protocol::message::{Response as KafkaResponse, TransactionMetadataValue, TransactionState};
use fencepost_protocol::time::{Instant, Span};
use fencepost_reports::history::event as h;

use super::node::Body;
use super::settle::Unfinished;
use super::{Cluster, World};
use crate::cast::Names;
use crate::cast::member_name;
use crate::evidence::{Told, partition};
use crate::message::Response;
use crate::plan::PipelinePlan;
use crate::schedule::Actor;

/// Errors that were told so long before the end, or before progress stopped, are told still.
const RECENT: Span = Span::from_secs(60);
/// Members of a group that are told of at most.
const LISTED: usize = 3;

fn told_words(told: &Told) -> String {
    let Told { at, call, error, answered, .. } = told;
    match answered {
        true => format!("it was last told {error} by an answer to {call}, at {at}"),
        false => format!("{call} last came to {error}, at {at}"),
    }
}

impl World<'_> {
    /// What has not finished, and why, as the history tells it.
    pub(super) fn accuse(&self) -> Vec<h::Event<'static>> {
        let names = self.0.system.plan.names();
        let items = self.0.system.unfinished(&self.0.net, false);
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

    /// How long was waited for what, where that is longer than the scenario's own bound; what may help if something was
    /// still being written.
    fn advice(&self) -> Option<String> {
        let patience = &self.0.system.settle.patience;
        let waited = patience.reason().map(|reason| format!("nothing new happened for {}, {reason}", patience.bound()));
        let advice = waited.into_iter().chain(self.loop_advice()).collect::<Vec<_>>();
        (!advice.is_empty()).then(|| advice.join("; "))
    }

    fn loop_advice(&self) -> Option<String> {
        let patience = &self.0.system.settle.patience;
        let moves =
            patience.moved > patience.progress && self.0.net.now().since(patience.moved).0 < patience.bound().0 / 2;
        moves.then(|| {
            let (moved, bound) = (patience.moved, patience.bound());
            format!(
                "something was still written at {moved}, and nothing that had not been done before for {bound}: \
                 if that is no loop, a larger [end] bound lets it finish"
            )
        })
    }

    fn accusation(&self, item: Unfinished, names: &Names) -> h::Event<'static> {
        let t = self.0.net.now().0;
        match item {
            Unfinished::Client(actor) => {
                let mut culprit = format!("{} has not finished: {}", self.name(actor), self.standing(actor, names));
                if let Some(cause) = self.no_broker() {
                    culprit = format!("{cause}; {culprit}");
                }
                h::Event::Stuck(h::Stuck { t, culprit: culprit.into() })
            }
            Unfinished::Transaction { name, value, coordinator } => self.transaction(&name, &value, coordinator, names),
            Unfinished::Stalled { tp, lso, hw, holder } => {
                let culprit = self.stall(tp, holder).into();
                h::Event::Stalled(h::Stalled { t, at: partition(tp), lso, hw, culprit })
            }
            Unfinished::Unsent { database, rows } => {
                let relays = self.0.system.plan.relays.iter().filter(|r| r.database == database);
                let mut culprit = format!("{rows} rows stand in the outbox of {database} and nobody sends them");
                for relay in relays {
                    if let Some(actor) = self.0.net.nodes().iter().position(|n| n.name == relay.name) {
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
        &self.0.net.node(actor).name
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
        let Body::Client(client) = &self.0.system.bodies[actor as usize] else {
            unreachable!("only clients read");
        };
        let committed = client.group().map(|group| self.0.system.history.committed_offset(group, tp).unwrap_or(-1));
        let position = committed.filter(|_| !client.keeps_offsets_itself()).or(position).unwrap_or(-1);
        let (t, c) = (self.0.net.now().0, client.place().map_or(0, |(c, _)| c));
        h::Event::Undrained(h::Undrained { t, c, at: partition(tp), position, end, culprit: culprit.into() })
    }

    /// What a client is doing, what it cannot go on after, and what it was told last.
    fn standing(&self, actor: Actor, names: &Names) -> String {
        let Body::Client(client) = &self.0.system.bodies[actor as usize] else { return "it serves".to_string() };
        if !self.0.net.node(actor).process.is_running() {
            return "it does not run".to_string();
        }
        let mut lines = client.in_words(names);
        lines.retain(|line| !line.starts_with(' '));
        if lines.is_empty() {
            lines.push("it runs".to_string());
        }
        if let Some((c, _)) = client.place() {
            lines.extend(
                self.0.system.history.last_told(c).filter(|told| self.still_tells(told)).take(1).map(told_words),
            );
            lines.extend(self.too_small(actor, c));
        }
        lines.join("; ")
    }

    /// Whether an error may still be why nothing goes on. Those of the ordinary course are only if they are told to the
    /// end; others are not where everything went on for a while after them.
    fn still_tells(&self, told: &Told) -> bool {
        let patience = &self.0.system.settle.patience;
        let since = if told.routine {
            self.0.net.now()
        } else {
            patience.progress.max(self.0.net.last_end()).min(self.0.net.now())
        };
        told.at + RECENT >= since
    }

    /// Keys of a client that are too small for what it does.
    fn too_small(&self, actor: Actor, c: u32) -> Vec<String> {
        let name = self.name(actor);
        let mut keys = Vec::new();
        let pipelines = self.0.system.plan.pipelines.iter();
        let own = |p: &&PipelinePlan| (1..=p.members).any(|m| member_name(&p.name, m, p.members) == name);
        let pipeline = pipelines.filter(|p| p.members > 0).find(own);
        if let Some(p) = pipeline {
            let (poll, limit) = (p.poll(&self.0.system.plan.times()), p.consumer.max_poll_interval_ms);
            if poll > Span::from_millis(i64::from(limit)) {
                keys.push(format!(
                    "max.poll.interval.ms ({limit}) is too small: the records of one poll can take {poll} \
                     (max.poll.records={}), and who does not poll in time is put out of its group",
                    p.consumer.max_poll_records
                ));
            }
        }
        if let Some(at) = self.0.system.history.last_timed_out(c) {
            let producers = self.0.system.plan.producers.iter().filter(|p| p.name == name).map(|p| &p.config);
            let config = producers.chain(pipeline.map(|p| &p.producer)).next();
            let value = config.map_or_else(String::new, |config| format!(" ({})", config.transaction_timeout_ms));
            keys.push(format!("transaction.timeout.ms{value} is too small: its transaction timed out at {at}"));
        }
        keys
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
        let c = self.0.system.history.client_of_transactional_id(name);
        let mut culprit = format!("transactional id {name}: ");
        if value.state == TransactionState::Ongoing {
            culprit += "nobody has ended it";
            let owner = self.0.system.bodies.iter().position(|body| match body {
                Body::Client(client) => c.is_some() && client.place().map(|(c, _)| c) == c,
                _ => false,
            });
            if let Some(actor) = owner {
                let _ = write!(culprit, "; {}: {}", self.name(actor as Actor), self.standing(actor as Actor, names));
            }
        } else {
            let coordinator = self.name(coordinator);
            let _ =
                write!(culprit, "its coordinator {coordinator} is in {:?} and waits for the markers of ", value.state);
            let is_open = |tp: &&TopicPartition| {
                let log = self.0.system.leader_log(**tp).map(|(_, log)| log);
                log.is_none_or(|log| log.open_transactions().any(|(pid, _)| pid == value.producer.id))
            };
            let open: Vec<&TopicPartition> = value.partitions.iter().filter(is_open).collect();
            for (n, tp) in open.iter().enumerate() {
                let _ = write!(culprit, "{}{}", if n == 0 { "" } else { ", " }, names.partition_name(**tp));
                if let Some((at, error)) = self.0.system.refused_markers.get(&(value.producer.id, **tp)) {
                    let _ = write!(culprit, " (last answered {} at {at})", error.name());
                }
            }
            if open.is_empty() {
                culprit += "partitions that have them";
            }
        }
        let (t, pid, epoch) = (self.0.net.now().0, value.producer.id, value.producer.epoch);
        h::Event::OpenTransaction(h::OpenTransaction { t, c, pid, epoch, since, culprit: culprit.into() })
    }

    /// What all that stands still has in common where no broker runs, and none ever will.
    fn no_broker(&self) -> Option<String> {
        let brokers = || self.0.system.brokers.iter().map(|b| self.0.net.node(*b));
        let since = brokers().map(|broker| broker.ended_at).max()?;
        brokers().all(|broker| !broker.process.is_running()).then(|| format!("no broker is up from {since} on"))
    }

    fn stall(&self, tp: TopicPartition, holder: Option<i64>) -> String {
        if let Some(cause) = self.no_broker() {
            return cause;
        }
        let Body::Controller(controller) = &self.0.system.bodies[self.0.system.controller as usize] else {
            unreachable!("the controller is one");
        };
        let Some(registration) = controller.image().partition(tp) else {
            return "the controller does not know the partition".to_string();
        };
        let is_down = |id: &NodeId| !self.0.net.node(self.0.system.actor_of_id(*id)).process.is_running();
        let named = |ids: &[NodeId]| {
            let names = ids.iter().map(|id| {
                self.name(self.0.system.actor_of_id(*id)).to_string() + if is_down(id) { " (down)" } else { "" }
            });
            names.collect::<Vec<_>>().join(", ")
        };
        let in_sync = format!(
            "in sync: {} of {}",
            if registration.isr.is_empty() { "nobody".to_string() } else { named(&registration.isr) },
            named(&registration.replicas)
        );
        let Some(leader) = registration.leader else {
            return format!("the partition has no leader; {in_sync}");
        };
        if is_down(&leader) {
            return format!("its leader {} does not run; {in_sync}", self.name(self.0.system.actor_of_id(leader)));
        }
        let leader = self.name(self.0.system.actor_of_id(leader)).to_string();
        if let Some(pid) = holder {
            let brokers = self.0.system.brokers.iter().filter_map(|b| match &self.0.system.bodies[*b as usize] {
                Body::Broker(slot) => slot.broker.as_deref(),
                _ => None,
            });
            let owner = brokers.flat_map(|b| b.transactions()).find(|(_, value)| value.producer.id == pid);
            let of = owner.map_or_else(String::new, |(name, _)| format!(" (transactional id {name})"));
            return format!("an open transaction of producer id {pid}{of}, at {leader}");
        }
        let min = controller.image().topic(tp.topic).map_or(0, |topic| topic.settings.min_insync_replicas);
        if (registration.isr.len() as u32) < min {
            let n = registration.isr.len();
            return format!(
                "{leader}: {n} in-sync replica{}, fewer than min.insync.replicas ({min}); {in_sync}",
                if n == 1 { "" } else { "s" }
            );
        }
        let Some((_, log)) = self.0.system.leader_log(tp) else {
            return format!("{leader} does not lead it at the epoch that the controller gave; {in_sync}");
        };
        let behind = registration.isr.iter().filter_map(|id| {
            let Body::Broker(slot) = &self.0.system.bodies[self.0.system.actor_of_id(*id) as usize] else {
                return None;
            };
            let has = slot.broker.as_ref()?.log(tp)?.log_end_offset();
            (has < log.log_end_offset())
                .then(|| format!("{} has only what is below {has}", self.name(self.0.system.actor_of_id(*id))))
        });
        let behind: Vec<String> = behind.collect();
        if behind.is_empty() {
            return format!("{leader}; {in_sync}");
        }
        format!("{leader}: not all in-sync replicas have what is there: {}; {in_sync}", behind.join(", "))
    }
}

impl Cluster<'_> {
    /// A broker is answered: what markers it was refused is remembered until they are written.
    pub(super) fn remember_markers(&mut self, now: Instant, response: &Response) {
        let Response::Kafka(KafkaResponse::WriteTxnMarkers(answer)) = response else { return };
        for (pid, partitions) in &answer.markers {
            for (tp, error) in partitions {
                match error {
                    Some(error) => {
                        self.refused_markers.insert((*pid, *tp), (now, *error));
                    }
                    None => {
                        self.refused_markers.remove(&(*pid, *tp));
                    }
                }
            }
        }
    }
}
