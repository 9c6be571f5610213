//! Safety, then liveness: when faults have stopped, everything must finish, and go on as long as it does not.

use std::collections::BTreeMap;

use fencepost_protocol::ids::{Name, TopicPartition};
use fencepost_protocol::message::{TransactionMetadataValue, TransactionState};
use fencepost_protocol::time::{Instant, Span};

use super::World;
use super::event::Step;
use super::node::{Body, Process};
use super::patience::Patience;
use crate::plan::Plan;
use crate::schedule::Actor;

/// How often the world looks whether everything has finished.
const LOOK: Span = Span::from_millis(100);

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything finished.
    Settled,
    /// The bound passed without progress; what had not finished is in the history.
    Bound,
    /// The run came to the end of the time that the scenario gives it.
    OverLimit {
        /// How long it may take.
        limit: Span,
    },
    /// More deliveries than the scenario allows.
    OverBudget {
        /// The node with most deliveries.
        busiest: String,
    },
    /// 100,000 deliveries without time moving.
    NoProgressInTime {
        /// The node with most deliveries.
        busiest: String,
    },
    /// Nothing was left to happen.
    Idle,
}

/// What has to finish, and since when it is waited for.
#[derive(Debug)]
pub(super) struct Settle {
    quiet: Option<Instant>,
    /// Programs outside the world are still at work: do not end.
    pub held: bool,
    /// When the last message that a deviation delays arrives: until then that fault goes on, and the bound is not running.
    delayed_until: Instant,
    pub patience: Patience,
}

impl Settle {
    pub fn new(plan: &Plan, nodes: usize) -> Settle {
        Settle { quiet: None, held: false, delayed_until: Instant::ZERO, patience: Patience::new(plan, nodes) }
    }

    pub fn first_look(&self) -> Span {
        LOOK
    }

    /// A delayed message arrives then.
    pub fn waits_for(&mut self, arrival: Instant) {
        self.delayed_until = self.delayed_until.max(arrival);
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

impl World<'_> {
    pub(super) fn look_whether_settled(&mut self) -> Option<Ending> {
        let ending = if self.settle.held { None } else { self.ending() };
        if ending.is_none() {
            self.after(LOOK, self.controller, Step::Settle);
        }
        ending
    }

    /// How the run ends now, if it does.
    fn ending(&mut self) -> Option<Ending> {
        let limit = self.plan.end.limit;
        if self.now.since(Instant::ZERO) > limit {
            return Some(Ending::OverLimit { limit });
        }
        self.look_for_progress();
        if self.faults.is_active(self.now) || self.somebody_is_to_come() {
            self.settle.quiet = None;
            return None;
        }
        let input_done = self.nodes.iter().all(|n| match &n.body {
            Body::Client(c) => c.has_finished_its_input() || !n.process.is_running(),
            _ => true,
        });
        let since = if input_done && self.brokers_are_back() {
            let since = *self.settle.quiet.get_or_insert(self.now);
            if self.unfinished(true).is_empty() {
                return Some(Ending::Settled);
            }
            since
        } else {
            self.settle.quiet = None;
            // Even input that never ends has an end: producers that cannot send count against the same bound.
            self.faults.last_end.max(Instant::ZERO + self.plan.latest_input())
        };
        let Settle { delayed_until, patience, .. } = &self.settle;
        let since = since.max(*delayed_until).max(patience.progress);
        (self.now.since(since) > patience.bound()).then_some(Ending::Bound)
    }

    /// Whether a process that does not run will run: it is still to start, is down for a while, or stands still.
    fn somebody_is_to_come(&self) -> bool {
        self.nodes.iter().any(|n| n.comes_back || matches!(n.process, Process::Paused { .. }))
    }

    /// Whether every broker that runs takes part in the cluster again.
    fn brokers_are_back(&self) -> bool {
        let gone = |b: u16| !self.nodes[b as usize].process.is_running();
        self.brokers.iter().all(|b| gone(*b) || self.is_back(*b))
    }

    /// What has not finished; with `any`, at most one thing.
    pub(super) fn unfinished(&self, any: bool) -> Vec<Unfinished> {
        let mut found = Vec::new();
        for (actor, node) in self.nodes.iter().enumerate() {
            match &node.body {
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
        let Body::Controller(controller) = &self.nodes[self.controller as usize].body else { return found };
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
            let node = &self.nodes[*broker as usize];
            let Body::Broker(slot) = &node.body else { continue };
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
        self.undrained(&mut found);
        found
    }

    /// Pipelines and readers must have read up to the end of their input; what they still have to read beyond it may only be
    /// markers and aborted records.
    fn undrained(&self, found: &mut Vec<Unfinished>) {
        for (actor, node) in self.nodes.iter().enumerate() {
            let Body::Client(client) = &node.body else { continue };
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
        self.unowned(found);
    }

    /// Every partition of a group's input must have an owner while members run.
    fn unowned(&self, found: &mut Vec<Unfinished>) {
        let mut groups: BTreeMap<&str, (Vec<Actor>, Vec<TopicPartition>)> = BTreeMap::new();
        for (actor, node) in self.nodes.iter().enumerate() {
            let Body::Client(client) = &node.body else { continue };
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
            let Body::Client(first) = &self.nodes[members[0] as usize].body else { continue };
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
