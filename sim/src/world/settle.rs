//! Safety, then liveness: when faults have stopped, everything must finish, and go on as long as it does not.

use std::collections::BTreeMap;

use fencepost_protocol::ids::{Name, TopicPartition};
use fencepost_protocol::message::{TransactionMetadataValue, TransactionState};
use fencepost_protocol::time::Instant;

pub use fencepost_kernel::world::Ending;
use fencepost_kernel::world::{Net, Process};

use super::Cluster;
use super::node::Body;
use super::patience::Patience;
use crate::plan::Plan;
use crate::schedule::{Actor, Kafka};

/// What has to finish, and since when it is waited for.
#[derive(Debug)]
pub(super) struct Settle {
    quiet: Option<Instant>,
    /// Programs outside the world are still at work: do not end.
    pub held: bool,
    pub patience: Patience,
}

impl Settle {
    pub fn new(plan: &Plan, nodes: usize) -> Settle {
        Settle { quiet: None, held: false, patience: Patience::new(plan, nodes) }
    }
}

/// Something that has not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// A client still has something to do.
    Client(Actor),
    /// A transaction has not ended.
    Transaction { name: Name, value: TransactionMetadataValue, coordinator: Actor },
    /// A last stable offset has not reached the high watermark (or there is no leader to ask).
    Stalled { tp: TopicPartition, lso: i64, hw: i64, holder: Option<i64> },
    /// An outbox has rows that are not marked as sent.
    Unsent { database: String, rows: usize },
    /// A client has not read its input to the end.
    Undrained { client: Actor, tp: TopicPartition, position: i64, end: i64 },
    /// No member of the group of these clients owns the partition.
    Unowned { members: Vec<Actor>, tp: TopicPartition, end: i64 },
}

impl Cluster<'_> {
    /// How the run ends now, if it does.
    pub(super) fn ending_now(&mut self, net: &Net<'_, Kafka>) -> Option<Ending> {
        if self.settle.held {
            return None;
        }
        let limit = self.plan.end.limit;
        if net.now().since(Instant::ZERO) > limit {
            return Some(Ending::OverLimit { limit });
        }
        self.look_for_progress(net.now());
        if self.is_disturbed(net) || net.somebody_is_to_come() {
            self.settle.quiet = None;
            return None;
        }
        let input_done = self.bodies.iter().zip(net.nodes()).all(|(body, node)| match body {
            Body::Client(c) => c.has_finished_its_input() || !node.process.is_running(),
            _ => true,
        });
        let since = if input_done && self.brokers_are_back(net) {
            let since = *self.settle.quiet.get_or_insert(net.now());
            if self.unfinished(net, true).is_empty() {
                return Some(Ending::Settled);
            }
            since
        } else {
            self.settle.quiet = None;
            // Even input that never ends has an end: producers that cannot send count against the same bound.
            net.last_end().max(Instant::ZERO + self.plan.latest_input())
        };
        let patience = &self.settle.patience;
        // As long as a delayed message is on its way, that fault goes on, and the bound is not running.
        let since = since.max(net.delayed_until()).max(patience.progress);
        (net.now().since(since) > patience.bound()).then_some(Ending::Bound)
    }

    /// Whether something is broken or will be.
    pub(super) fn is_disturbed(&self, net: &Net<'_, Kafka>) -> bool {
        net.is_disturbed() || self.rolling.is_some()
    }

    /// Whether every broker that runs takes part in the cluster again.
    fn brokers_are_back(&self, net: &Net<'_, Kafka>) -> bool {
        let gone = |b: u16| !net.node(b).process.is_running();
        self.brokers.iter().all(|b| gone(*b) || self.is_back(*b))
    }

    /// What has not finished; with `any`, at most one thing.
    pub(super) fn unfinished(&self, net: &Net<'_, Kafka>, any: bool) -> Vec<Unfinished> {
        let mut found = Vec::new();
        for (actor, (body, node)) in self.bodies.iter().zip(net.nodes()).enumerate() {
            match body {
                Body::Client(client) if node.process == Process::Running && !client.is_idle() => {
                    found.push(Unfinished::Client(actor as Actor));
                }
                Body::Service(service) if service.unsent() > 0 => {
                    found.push(Unfinished::Unsent { database: node.name.clone(), rows: service.unsent() });
                }
                _ => {}
            }
            if any && !found.is_empty() {
                return found;
            }
        }
        let Body::Controller(controller) = &self.bodies[self.controller as usize] else { return found };
        let image = controller.image();
        for topic in 0..image.topics.len() as u32 {
            for partition in 0..image.topics[topic as usize].partitions.len() as u32 {
                let tp = TopicPartition::new(fencepost_protocol::ids::TopicId(topic), partition);
                let leader = self.leader_log(tp);
                match leader {
                    Some((_, log)) => {
                        let (lso, hw, leo) = (log.last_stable_offset(), log.high_watermark(), log.log_end_offset());
                        if lso < hw || hw < leo {
                            let holder = log.open_transactions().next().map(|(pid, _)| pid);
                            found.push(Unfinished::Stalled { tp, lso, hw, holder });
                        }
                    }
                    None => found.push(Unfinished::Stalled { tp, lso: -1, hw: -1, holder: None }),
                }
                if any && !found.is_empty() {
                    return found;
                }
            }
        }
        for broker in &self.brokers {
            let Body::Broker(slot) = &self.bodies[*broker as usize] else { continue };
            let Some(machine) = &slot.broker else { continue };
            for (id, value) in machine.transactions() {
                let open = matches!(
                    value.state,
                    TransactionState::Ongoing | TransactionState::PrepareCommit | TransactionState::PrepareAbort
                );
                if open {
                    found.push(Unfinished::Transaction { name: id, value, coordinator: *broker });
                    if any {
                        return found;
                    }
                }
            }
        }
        self.undrained(net, &mut found);
        found
    }

    /// Pipelines and readers must have read up to the end of their input; what they still have to read beyond it may only be
    /// markers and aborted records.
    fn undrained(&self, net: &Net<'_, Kafka>, found: &mut Vec<Unfinished>) {
        for (actor, (body, node)) in self.bodies.iter().zip(net.nodes()).enumerate() {
            let Body::Client(client) = body else { continue };
            if node.process != Process::Running {
                continue;
            }
            for (tp, position) in client.positions() {
                let Some((_, log)) = self.leader_log(tp) else { continue };
                let end = if client.reads_committed() { log.last_stable_offset() } else { log.high_watermark() };
                if position < end {
                    found.push(Unfinished::Undrained { client: actor as Actor, tp, position, end });
                }
            }
        }
        self.unowned(net, found);
    }

    /// Every partition of a group's input must have an owner while members run.
    fn unowned(&self, net: &Net<'_, Kafka>, found: &mut Vec<Unfinished>) {
        let mut groups: BTreeMap<&str, (Vec<Actor>, Vec<TopicPartition>)> = BTreeMap::new();
        for (actor, (body, node)) in self.bodies.iter().zip(net.nodes()).enumerate() {
            let Body::Client(client) = body else { continue };
            if node.process != Process::Running {
                continue;
            }
            let Some(group) = client.group() else { continue };
            let owned = client.positions().into_iter().map(|(tp, _)| tp);
            let (members, all) = groups.entry(group).or_default();
            members.push(actor as Actor);
            all.extend(owned);
        }
        for (members, owned) in groups.into_values() {
            let Body::Client(first) = &self.bodies[members[0] as usize] else { continue };
            for tp in first.input_partitions() {
                if owned.contains(&tp) {
                    continue;
                }
                let end = self.leader_log(tp).map_or(0, |(_, log)| log.last_stable_offset());
                if end > 0 {
                    found.push(Unfinished::Unowned { members: members.clone(), tp, end });
                }
            }
        }
    }
}
