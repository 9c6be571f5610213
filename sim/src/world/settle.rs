//! Safety, then liveness: when faults have stopped, everything must finish within a bound of virtual time.

use fencepost_protocol::ids::TopicPartition;
use fencepost_protocol::message::TransactionState;
use fencepost_protocol::time::{Instant, Span};

use super::World;
use super::event::Step;
use super::node::{Body, Process};
use crate::plan::Plan;

/// How often the world looks whether everything has finished.
const LOOK: Span = Span::from_millis(100);

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything finished.
    Settled,
    /// The bound passed; what had not finished is in the history.
    Bound,
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
    input_done: Option<Instant>,
    pub bound: Span,
    /// Programs outside the world are still at work: do not end.
    pub held: bool,
    not_before: Instant,
    /// When the last message that a deviation delays arrives: until then that fault goes on, and the bound is not running.
    delayed_until: Instant,
}

impl Settle {
    pub fn new(plan: &Plan) -> Settle {
        Settle {
            input_done: None,
            bound: plan.end.bound,
            held: false,
            not_before: Instant::ZERO,
            delayed_until: Instant::ZERO,
        }
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
    Client(String),
    /// A transaction has not ended.
    Transaction { name: String, pid: i64, epoch: i16, state: TransactionState, start_ms: i64 },
    /// A last stable offset has not reached the high watermark (or there is no leader to ask).
    Stalled { tp: TopicPartition, lso: i64, hw: i64, leader: Option<String>, holder: Option<i64> },
    /// An outbox has rows that are not marked as sent.
    Unsent { database: String, rows: usize },
    /// A group has not committed up to the end of its input.
    Undrained { client: String, tp: TopicPartition, position: i64, end: i64 },
}

impl World<'_> {
    pub(super) fn look_whether_settled(&mut self) -> Option<Ending> {
        if self.settle.held {
            self.after(LOOK, self.controller, Step::Settle);
            return None;
        }
        let input_done = self.nodes.iter().all(|n| match &n.body {
            Body::Client(c) => {
                c.has_finished_its_input() || (n.process == Process::Down && c.restarts_after().is_none())
            }
            _ => true,
        });
        let quiet =
            input_done && !self.faults.is_active(self.now) && !self.waits_for_start() && self.brokers_are_back();
        if quiet {
            let since = *self.settle.input_done.get_or_insert(self.now);
            if self.now >= self.settle.not_before && self.unfinished(true).is_empty() {
                return Some(Ending::Settled);
            }
            if self.now.since(since.max(self.settle.delayed_until)) > self.settle.bound {
                return Some(Ending::Bound);
            }
        } else {
            self.settle.input_done = None;
            // Even input that never ends has an end: producers that cannot send count against the same bound.
            let latest =
                self.faults.last_end.max(Instant::ZERO + self.plan.latest_input()).max(self.settle.delayed_until);
            if self.now.since(latest) > self.settle.bound && !self.faults.is_active(self.now) {
                return Some(Ending::Bound);
            }
        }
        let actor = self.controller;
        self.after(LOOK, actor, Step::Settle);
        None
    }

    /// Whether every broker that runs takes part in the cluster again.
    fn brokers_are_back(&self) -> bool {
        let gone = |b: u16| !self.nodes[b as usize].process.is_running();
        self.brokers.iter().all(|b| gone(*b) || self.is_back(*b))
    }

    /// Whether a client is still to start; one that starts at this very time may not have done so yet.
    fn waits_for_start(&self) -> bool {
        self.nodes.iter().any(|n| matches!(&n.body, Body::Client(c) if self.now <= Instant::ZERO + c.starts_at()))
    }

    /// What has not finished; with `any`, at most one thing.
    pub(super) fn unfinished(&self, any: bool) -> Vec<Unfinished> {
        let mut found = Vec::new();
        for node in &self.nodes {
            match &node.body {
                Body::Client(client) if node.process == Process::Running && !client.is_idle() => {
                    found.push(Unfinished::Client(node.name.clone()));
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
                            let leader = self.leader_name(tp);
                            found.push(Unfinished::Stalled { tp, lso, hw, leader, holder });
                        }
                    }
                    None => {
                        let name = self.leader_name(tp);
                        found.push(Unfinished::Stalled { tp, lso: -1, hw: -1, leader: name, holder: None });
                    }
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
                    found.push(Unfinished::Transaction {
                        name: id.to_string(),
                        pid: value.producer.id,
                        epoch: value.producer.epoch,
                        state: value.state,
                        start_ms: value.start_ms,
                    });
                    if any {
                        return found;
                    }
                }
            }
        }
        self.undrained(&mut found);
        found
    }

    /// Pipelines and readers with a group must have committed up to the end of their input; what they still have to read
    /// beyond it may only be markers and aborted records.
    fn undrained(&self, found: &mut Vec<Unfinished>) {
        for node in &self.nodes {
            let Body::Client(client) = &node.body else { continue };
            if node.process != Process::Running {
                continue;
            }
            for (tp, position) in client.positions() {
                let Some((_, log)) = self.leader_log(tp) else { continue };
                let end = if client.reads_committed() { log.last_stable_offset() } else { log.high_watermark() };
                if position < end {
                    found.push(Unfinished::Undrained { client: node.name.clone(), tp, position, end });
                }
            }
        }
        self.unowned(found);
    }

    /// Every partition of a group's input must have an owner while members run.
    fn unowned(&self, found: &mut Vec<Unfinished>) {
        let mut groups: Vec<(&str, &str, Vec<TopicPartition>, Vec<TopicPartition>)> = Vec::new();
        for node in &self.nodes {
            let Body::Client(client) = &node.body else { continue };
            if node.process != Process::Running {
                continue;
            }
            let Some(group) = client.group() else { continue };
            let owned: Vec<TopicPartition> = client.positions().iter().map(|(tp, _)| *tp).collect();
            match groups.iter_mut().find(|(g, ..)| *g == group) {
                Some((.., all)) => all.extend(owned),
                None => groups.push((group, &node.name, client.input_partitions(), owned)),
            }
        }
        for (_, client, wanted, owned) in groups {
            for tp in wanted {
                if owned.contains(&tp) {
                    continue;
                }
                let end = self.leader_log(tp).map_or(0, |(_, log)| log.last_stable_offset());
                if end > 0 {
                    found.push(Unfinished::Undrained { client: client.to_string(), tp, position: -1, end });
                }
            }
        }
    }
}
