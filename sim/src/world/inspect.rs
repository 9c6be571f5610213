//! Where each node stands, in words, for those who step through a run.
//!
//! Only nodes that something happened to are looked at, and only what changed is told.

use core::fmt::Write;

use fencepost_protocol::broker::{Broker, Partition};
use fencepost_protocol::controller::Controller;
use fencepost_protocol::group::GroupState;
use fencepost_protocol::ids::{NodeId, TopicId, TopicPartition};

use super::node::Process;
use super::{Body, Node, TracedEvent, World};
use crate::cast::Names;
use crate::message::state_name;
use crate::plan::Plan;
use crate::schedule::Actor;

/// Partitions, ids or groups of a broker that are listed at most.
const LISTED: usize = 24;

/// How far a node was when it was looked at: deliveries, incarnation, process.
type Progress = (u64, u32, Process);

/// What was told of each node last.
pub(super) struct Standings {
    names: Names,
    /// By actor: when it was looked at last, and what was told.
    told: Vec<(Option<Progress>, Vec<String>)>,
}

impl Standings {
    pub(super) fn new(plan: &Plan) -> Standings {
        let names = plan.names();
        let told = vec![(None, Vec::new()); names.nodes.len()];
        Standings { names, told }
    }
}

impl World<'_> {
    /// Tells the tracer where nodes stand that stand elsewhere than before.
    pub(super) fn tell_standings(&mut self) {
        let Some(mut standings) = self.standings.take() else { return };
        for actor in 0..self.nodes.len() {
            let node = &self.nodes[actor];
            let seen = Some((node.deliveries, node.incarnation, node.process));
            if standings.told[actor].0 == seen {
                continue;
            }
            let lines = in_words(node, &standings.names);
            let told = &mut standings.told[actor];
            told.0 = seen;
            if told.1 != lines {
                self.trace(actor as Actor, actor as Actor, TracedEvent::Stands(&lines));
                told.1 = lines;
            }
        }
        self.standings = Some(standings);
    }
}

fn in_words(node: &Node, names: &Names) -> Vec<String> {
    let mut lines = Vec::new();
    match node.process {
        Process::Running => {}
        Process::Paused { .. } => lines.push("stands still".to_string()),
        Process::Down => lines.push("does not run".to_string()),
        Process::HostDown => lines.push("has no power".to_string()),
    }
    match &node.body {
        Body::Controller(controller) => controller_in_words(controller, names, &mut lines),
        Body::Broker(slot) => {
            if let Some(broker) = &slot.broker {
                broker_in_words(broker, names, &mut lines);
            }
        }
        Body::Client(client) if matches!(node.process, Process::Running | Process::Paused { .. }) => {
            lines.extend(client.in_words(names));
        }
        Body::Client(_) => {}
        Body::Service(service) => lines.extend(service.in_words(names)),
    }
    lines
}

fn ids(nodes: &[NodeId]) -> String {
    let numbers: Vec<String> = nodes.iter().map(|id| id.0.to_string()).collect();
    numbers.join(",")
}

fn controller_in_words(controller: &Controller, names: &Names, lines: &mut Vec<String>) {
    let topics = controller.image().topics.iter().enumerate();
    for (t, topic) in topics.filter(|(t, _)| !TopicId(*t as u32).is_internal()) {
        for (p, partition) in topic.partitions.iter().enumerate().take(LISTED) {
            let name = names.partition_name(TopicPartition::new(TopicId(t as u32), p as u32));
            let leader = partition.leader.map_or("none".to_string(), |id| id.to_string());
            lines.push(format!("{name}: leader {leader} e{}, in sync {}", partition.leader_epoch, ids(&partition.isr)));
        }
    }
}

fn broker_in_words(broker: &Broker, names: &Names, lines: &mut Vec<String>) {
    if broker.is_fenced() {
        lines.push("fenced by the controller".to_string());
    }
    // A coordinator's partitions are told by what they hold, below.
    let logs = broker.partitions().filter(|(tp, partition)| !tp.topic.is_internal() || !partition.log().is_empty());
    for (tp, partition) in logs.take(LISTED) {
        log_in_words(&names.partition_name(tp), partition, !tp.topic.is_internal(), lines);
    }
    for (id, value) in broker.transactions().into_iter().take(LISTED) {
        let state = state_name(value.state);
        let producer = value.producer;
        let mut line = format!("coordinator of txn {id}: {state}, pid {} e{}", producer.id, producer.epoch);
        if !value.partitions.is_empty() {
            let partitions: Vec<String> = value.partitions.iter().map(|tp| names.partition_name(*tp)).collect();
            let _ = write!(line, ", {}", partitions.join(" "));
        }
        lines.push(line);
    }
    let offsets = broker.committed_offsets();
    for group in broker.groups().into_iter().take(LISTED) {
        let state = match group.state {
            GroupState::Empty => "Empty",
            GroupState::PreparingRebalance => "PreparingRebalance",
            GroupState::CompletingRebalance => "CompletingRebalance",
            GroupState::Stable => "Stable",
        };
        lines.push(format!("coordinator of group {}: {state}, generation {}", group.id, group.generation));
        for (client, assignment) in group.members.iter().take(LISTED) {
            let assigned: Vec<String> = assignment.iter().map(|tp| names.partition_name(*tp)).collect();
            let assigned = if assigned.is_empty() { "nothing".to_string() } else { assigned.join(" ") };
            lines.push(format!("  member {client}: {assigned}"));
        }
        for (_, tp, committed) in offsets.iter().filter(|(id, ..)| *id == group.id).take(LISTED) {
            lines.push(format!("  committed {}: {}", names.partition_name(*tp), committed.offset));
        }
    }
}

fn log_in_words(name: &str, partition: &Partition, producers: bool, lines: &mut Vec<String>) {
    let log = partition.log();
    let epoch = partition.leader_epoch();
    let mut line = if partition.is_leader() {
        format!("leader of {name} e{epoch}: end {}, hw {}", log.log_end_offset(), log.high_watermark())
    } else {
        format!("follower of {name} e{epoch}: end {}, hw {}", log.log_end_offset(), log.high_watermark())
    };
    if partition.is_leader() {
        if log.last_stable_offset() != log.high_watermark() {
            let _ = write!(line, ", stable {}", log.last_stable_offset());
        }
        if let Some(isr) = partition.isr() {
            let _ = write!(line, ", in sync {}", ids(isr));
        }
    }
    lines.push(line);
    if !producers || !partition.is_leader() {
        return;
    }
    for active in log.active_producers().into_iter().take(LISTED) {
        let producer = active.producer;
        let mut line = format!("  pid {} e{}: last seq {}", producer.id, producer.epoch, active.last_sequence);
        if active.current_txn_start_offset >= 0 {
            let _ = write!(line, ", open from {}", active.current_txn_start_offset);
        }
        lines.push(line);
    }
}
