//! A Kafka cluster, its clients and the sinks beside it, as a system that the kernel runs.

mod cluster;
mod culprit;
mod evidence;
mod external;
mod faults;
mod inspect;
mod journal;
mod node;
mod patience;
mod services;
mod settle;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use fencepost_kernel::explorer::Explorer;
use fencepost_kernel::link::Latencies;
use fencepost_kernel::world::{self as kernel, Setup};
pub use fencepost_kernel::world::{MessageKey, Origin};
use fencepost_protocol::batch::RecordBatch;
use fencepost_protocol::broker::BrokerTally;
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::TopicPartition;
use fencepost_protocol::time::{Instant, Span};
use fencepost_reports::history::Sink;

use crate::cast::Names;
use crate::coverage::{Coverage, Seen};
use crate::digest::Digest;
use crate::evidence::{History, Observer};
use crate::plan::Plan;
use crate::schedule::{Actor, Deviation, Fault, Kafka};
pub use node::Body;
pub(crate) use node::link_table;
use node::{BrokerSlot, Recent};
pub use settle::Ending;

/// What one run amounted to, besides its history.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// Messages handed over and timers fired.
    pub deliveries: u64,
    /// Virtual time at the end.
    pub finished_at: Instant,
    /// Digest of everything that was delivered.
    pub digest: Digest,
    /// Faults that took effect.
    pub faults: u32,
    /// The deviations that took effect, if they were recorded.
    pub recorded: Vec<Deviation>,
    /// When each of them did.
    pub recorded_at: Vec<Instant>,
    /// Deviations of a written schedule that did not occur.
    pub unused: Vec<Deviation>,
    /// What each node counted.
    pub counts: Vec<NodeCounts>,
    /// What was reached of the protocol, if that was kept.
    pub coverage: Option<Box<Coverage>>,
}

/// What a run keeps besides its digest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    /// Write down the deviations that take effect.
    pub schedule: bool,
    /// Hand every delivery to the tracer.
    pub trace: bool,
    /// Keep which states, inputs and outcomes of the protocol were reached.
    pub coverage: bool,
    /// Tell the tracer where each node stands, in words, whenever that changes.
    pub standings: bool,
}

/// One line of a trace: something that was delivered.
pub type Traced<'a> = kernel::Traced<'a, Kafka>;
/// What was delivered, and what else happened.
pub type TracedEvent<'a> = kernel::TracedEvent<'a, Kafka>;
/// Takes the trace.
pub type Tracer<'a> = kernel::Tracer<'a, Kafka>;

/// What one node counted, beside what the history tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeCounts {
    /// Name.
    pub name: String,
    /// Batches that it sent again.
    pub retries: u64,
    /// Records that it recognised as stored already.
    pub absorbed: u64,
    /// Largest distance of a last stable offset from its high watermark on it.
    pub largest_lso_lag: u64,
    /// Leaderships of application partitions that moved to it.
    pub leader_moves: u64,
    /// Leaderships of coordinators' partitions that moved to it.
    pub coordinator_moves: u64,
}

/// What is Kafka's in a world: what nodes run, what is written of them, when everything has finished.
pub(crate) struct Cluster<'a> {
    plan: Arc<Plan>,
    /// By actor.
    bodies: Vec<Body>,
    brokers: Vec<Actor>,
    /// By their ids' order.
    sinks: Vec<Actor>,
    controller: Actor,
    history: History<'a>,
    settle: settle::Settle,
    observer: Observer,
    /// What deposed leaders appended, until it is known whether it lasts.
    withheld: Vec<(TopicPartition, Arc<RecordBatch>)>,
    /// Leader moves that the tracer has been told of.
    moves_told: usize,
    /// Markers that a leader refused, by producer id and partition: when, and why.
    refused_markers: BTreeMap<(i64, TopicPartition), (Instant, ErrorCode)>,
    coverage: Option<Box<Coverage>>,
    /// What coverage saw of the request in hand, by connection.
    seen: Vec<Seen>,
    standings: Option<Box<inspect::Standings>>,
    /// What former processes of a broker counted, by actor.
    tallies: Vec<BrokerTally>,
    /// What each node sent last, by actor.
    recent: Vec<Recent>,
    restart_down: Vec<Span>,
    /// A rolling restart goes on, with each broker down for that long.
    rolling: Option<Span>,
    /// For sentences about faults that are declared when they begin.
    names: Option<Box<Names>>,
}

/// The world.
pub struct World<'a>(kernel::World<'a, Cluster<'a>>);

impl<'a> World<'a> {
    /// A world at time zero. `faults` are those to apply (drawn or written); messages deviate by `explorer`.
    pub fn new(
        plan: Arc<Plan>,
        (root_seed, faults, explorer): (u64, Vec<(Fault, Origin)>, Explorer<Kafka>),
        keep: Keep,
        sink: &'a mut dyn Sink,
        tracer: Option<Tracer<'a>>,
    ) -> World<'a> {
        let (names, bodies) = node::populate(&plan, root_seed);
        let actors = |is: fn(&Body) -> bool| {
            let found = bodies.iter().enumerate().filter(|(_, body)| is(body));
            found.map(|(actor, _)| actor as Actor).collect::<Vec<_>>()
        };
        let place = |name: &str| names.iter().position(|n| n == name).expect("every sink is a node") as Actor;
        let controller = actors(|body| matches!(body, Body::Controller(_)))[0];
        let network = &plan.network;
        let setup = Setup {
            home: controller,
            links: link_table(&plan),
            latencies: Latencies {
                to_client: network.client_latency,
                between_servers: network.broker_latency,
                loopback: network.loopback_latency,
            },
            service_per_message: network.service_per_message,
            service_per_kib: network.service_per_kib,
            delivery_budget: plan.end.delivery_budget,
            recorded: keep.schedule,
            names: names.clone(),
        };
        let declared = bodies.iter().filter_map(|body| match body {
            Body::Client(client) => client.declare(),
            _ => None,
        });
        let declared = declared.collect();
        let count = bodies.len();
        let cluster = Cluster {
            brokers: actors(|body| matches!(body, Body::Broker(_))),
            sinks: plan.sinks().map(place).collect(),
            controller,
            history: History::new(&plan, declared, sink),
            settle: settle::Settle::new(&plan, count),
            observer: Observer::default(),
            withheld: Vec::new(),
            moves_told: 0,
            refused_markers: BTreeMap::new(),
            coverage: keep.coverage.then(Box::default),
            seen: Vec::new(),
            standings: keep.standings.then(|| Box::new(inspect::Standings::new(&plan))),
            tallies: vec![BrokerTally::default(); count],
            recent: vec![Recent::default(); count],
            restart_down: vec![Span::ZERO; count],
            rolling: None,
            names: None,
            bodies,
            plan,
        };
        let mut world = kernel::World::new(cluster, setup, explorer, tracer);
        world.system.trace_first_leaders(&mut world.net);
        world.system.schedule_first_faults(&mut world.net, faults);
        world.start();
        world.system.tell_standings(&mut world.net);
        World(world)
    }

    /// Runs to the end.
    pub fn run(mut self) -> Outcome {
        let ending = self.0.run();
        self.conclude(ending)
    }

    /// Writes what there is to say at the end.
    pub(crate) fn conclude(mut self, ending: Ending) -> Outcome {
        self.write_evidence(&ending);
        let counts = self.counts();
        let (cluster, kernel) = self.0.finish(ending);
        Outcome {
            ending: kernel.ending,
            deliveries: kernel.deliveries,
            finished_at: kernel.finished_at,
            digest: kernel.digest,
            faults: kernel.faults,
            recorded: kernel.recorded,
            recorded_at: kernel.recorded_at,
            unused: kernel.unused,
            counts,
            coverage: cluster.coverage,
        }
    }

    fn counts(&self) -> Vec<NodeCounts> {
        let Cluster { bodies, tallies, recent, controller, .. } = &self.0.system;
        let mut counts: Vec<NodeCounts> = Vec::with_capacity(bodies.len());
        for (actor, node) in self.0.net.nodes().iter().enumerate() {
            let mut tally = tallies[actor];
            if let Body::Broker(BrokerSlot { broker: Some(broker), .. }) = &bodies[actor] {
                tally = node::sum(tally, broker.tally());
            }
            counts.push(NodeCounts {
                name: node.name.clone(),
                retries: recent[actor].retries,
                absorbed: tally.absorbed,
                largest_lso_lag: tally.largest_lso_lag,
                ..NodeCounts::default()
            });
        }
        if let Body::Controller(controller) = &bodies[*controller as usize] {
            for (tp, leader) in controller.leader_moves() {
                let count = &mut counts[self.0.system.actor_of_id(*leader) as usize];
                *(if tp.topic.is_internal() { &mut count.coordinator_moves } else { &mut count.leader_moves }) += 1;
            }
        }
        counts
    }
}
