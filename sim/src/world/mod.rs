//! The world: nodes, the network between them, time, and what goes wrong.

mod culprit;
mod event;
mod evidence;
mod external;
mod faults;
mod inject;
mod inspect;
mod line;
mod link;
mod node;
mod parcel;
mod patience;
mod services;
mod settle;
mod told;
mod triggers;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use fencepost_protocol::batch::RecordBatch;
use fencepost_protocol::broker::JournalEntry;
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::{NodeId, TopicId, TopicPartition};
use fencepost_protocol::io::{ConnId, CorrelationId, Outputs};
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::Sink;

use crate::coverage::Coverage;
use crate::digest::Digest;
use crate::evidence::{History, Observer};
use crate::explorer::Explorer;
use crate::message::{Request, Response};
use crate::plan::Plan;
use crate::queue::{Class, Entry, Queue, Rank};
use crate::roles::Client;
use crate::schedule::{Actor, Attempts, Deviation};
use crate::sink;
use event::{Event, Step};
use faults::FaultState;
pub use faults::Origin;
use line::{Answer, Arrived, Line};
use link::Links;
pub(crate) use link::{LinkId, LinkTable};
use node::BrokerSlot;
pub use node::{Body, Node};
use parcel::Parcels;
pub use settle::Ending;
pub(crate) use triggers::Triggers;

/// More deliveries than this without time moving are no progress.
const MOST_AT_ONE_TIME: u64 = 100_000;

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
#[derive(Clone, Debug)]
pub struct Traced<'a> {
    /// When.
    pub at: Instant,
    /// Name of the sender.
    pub from: &'a str,
    /// Name of the receiver.
    pub to: &'a str,
    /// What.
    pub what: TracedEvent<'a>,
    /// For requests and answers: which.
    pub message: Option<MessageKey>,
}

/// Pairs what is said of one request, or of its answer: connection and correlation id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageKey {
    /// Connection.
    pub connection: u64,
    /// Number of the request on it.
    pub correlation: u32,
    /// Whether it is the answer.
    pub answer: bool,
    /// The client's end of the connection is gone: what still arrives is late, and its answer will not be read.
    pub late: bool,
}

/// What was delivered, and (from [`TracedEvent::Sent`] on) what else happened.
#[derive(Clone, Debug)]
pub enum TracedEvent<'a> {
    /// A request.
    Request(&'a Request),
    /// An answer.
    Response(&'a Response),
    /// A connection was made.
    Connected,
    /// A connection is gone.
    Disconnected,
    /// A timer fired.
    Timer,
    /// A fault, in words.
    Fault(String),
    /// A request left its sender and is due at that time; whether it arrives is told by itself.
    Sent(&'a Request, Instant),
    /// An answer left its sender and is due at that time.
    Answered(&'a Response, Instant),
    /// A request or an answer will not arrive, or nobody is there to take it.
    Lost,
    /// A process began to run.
    Started,
    /// A process ended; with its host, or by itself.
    Stopped {
        /// Its host lost power.
        power: bool,
    },
    /// A process stands still.
    Paused,
    /// A process runs on.
    Resumed,
    /// A fault began.
    Began(&'a crate::schedule::Action),
    /// The watermarks of a partition at its leader.
    Level {
        /// The partition.
        tp: TopicPartition,
        /// High watermark.
        hw: i64,
        /// Last stable offset.
        lso: i64,
    },
    /// The leader of a partition of an internal topic appended a batch.
    Stored(TopicPartition, &'a RecordBatch),
    /// The receiver leads a partition from now on.
    Leads(TopicPartition),
    /// Where the receiver stands from now on, in words, line by line.
    Stands(&'a [String]),
}

impl TracedEvent<'_> {
    /// Whether something was handed over to a machine, so that it counts as a delivery.
    pub fn is_delivery(&self) -> bool {
        use TracedEvent::{Connected, Disconnected, Fault, Request, Response, Timer};
        matches!(self, Request(_) | Response(_) | Connected | Disconnected | Timer | Fault(_))
    }
}

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

/// Takes the trace.
pub type Tracer<'a> = &'a mut dyn FnMut(&Traced<'_>);

/// The world.
pub struct World<'a> {
    pub(crate) plan: Arc<Plan>,
    pub(crate) now: Instant,
    queue: Queue<Event>,
    pub(crate) nodes: Vec<Node>,
    brokers: Vec<Actor>,
    /// By their ids' order.
    sinks: Vec<Actor>,
    pub(crate) controller: Actor,
    lines: Vec<Line>,
    requests: Parcels<Arrived>,
    answers: Parcels<Answer>,
    explorer: Explorer,
    attempts: Option<Attempts>,
    recorded: Option<Vec<(Instant, Deviation)>>,
    triggers: Triggers,
    faults: FaultState,
    out: Outputs,
    pub(crate) history: History<'a>,
    tracer: Option<Tracer<'a>>,
    pub(crate) digest: Digest,
    deliveries: u64,
    /// More than these are too many before time moves on.
    most_deliveries: u64,
    delivery_budget: u64,
    settle: settle::Settle,
    observer: Observer,
    /// What deposed leaders appended, until it is known whether it lasts.
    withheld: Vec<(TopicPartition, Arc<RecordBatch>)>,
    links: Links,
    /// What a message costs its sender for each KiB.
    service_per_kib: Span,
    /// Messages are drawn for and not named: nothing of a message is kept beside it.
    is_plain: bool,
    /// Leader moves that the tracer has been told of.
    moves_told: usize,
    /// Markers that a leader refused, by producer id and partition: when, and why.
    refused_markers: BTreeMap<(i64, TopicPartition), (Instant, ErrorCode)>,
    coverage: Option<Box<Coverage>>,
    standings: Option<Box<inspect::Standings>>,
}

impl<'a> World<'a> {
    /// A world at time zero. `deviations` are the faults to apply (drawn or written); messages deviate by `explorer`.
    pub fn new(
        plan: Arc<Plan>,
        root_seed: u64,
        faults: Vec<(crate::schedule::Fault, Origin)>,
        explorer: Explorer,
        keep: Keep,
        sink: &'a mut dyn Sink,
        tracer: Option<Tracer<'a>>,
    ) -> World<'a> {
        let naming = keep.schedule || explorer.needs_names();
        let (nodes, controller) = node::populate(&plan, root_seed);
        let table = LinkTable::new(nodes.len(), |a| matches!(nodes[a].body, Body::Client(_)));
        let links = Links::new(&plan.network, table);
        let brokers: Vec<Actor> =
            (0..nodes.len() as Actor).filter(|a| matches!(nodes[*a as usize].body, Body::Broker(_))).collect();
        let place = |name: &str| nodes.iter().position(|n| n.name == name).expect("every sink is a node") as Actor;
        let sinks: Vec<Actor> = plan.sinks().map(place).collect();
        let declared = nodes.iter().filter_map(|node| match &node.body {
            Body::Client(client) => client.declare(),
            _ => None,
        });
        let history = History::new(&plan, declared.collect(), sink);
        let count = nodes.len();
        let mut world = World {
            now: Instant::ZERO,
            queue: Queue::default(),
            nodes,
            brokers,
            sinks,
            controller,
            lines: Vec::new(),
            requests: Parcels::default(),
            answers: Parcels::default(),
            explorer,
            attempts: naming.then(Attempts::default),
            recorded: keep.schedule.then(Vec::new),
            triggers: Triggers::default(),
            faults: FaultState::new(count),
            out: Vec::new(),
            history,
            tracer,
            digest: Digest::default(),
            deliveries: 0,
            most_deliveries: plan.end.delivery_budget.min(MOST_AT_ONE_TIME),
            delivery_budget: plan.end.delivery_budget,
            settle: settle::Settle::new(&plan, count),
            observer: Observer::default(),
            withheld: Vec::new(),
            links,
            service_per_kib: plan.network.service_per_kib,
            is_plain: !naming,
            moves_told: 0,
            refused_markers: BTreeMap::new(),
            coverage: keep.coverage.then(Box::default),
            standings: keep.standings.then(|| Box::new(inspect::Standings::new(&plan))),
            plan,
        };
        world.trace_first_leaders();
        world.schedule_first_faults(faults);
        world.start_everybody();
        if world.standings.is_some() {
            world.tell_standings();
        }
        world
    }

    /// Runs to the end.
    pub fn run(mut self) -> Outcome {
        let ending = loop {
            let Some(next) = self.queue.pop() else { break Ending::Idle };
            if let Some(ending) = self.happen(next) {
                break ending;
            }
        };
        self.conclude(ending)
    }

    /// Writes what there is to say at the end.
    pub(crate) fn conclude(mut self, ending: Ending) -> Outcome {
        self.write_evidence(&ending);
        let mut unused: Vec<Deviation> = self.triggers.still_waiting().map(Deviation::Fault).collect();
        if let Explorer::Replay(replay) = &self.explorer {
            unused.extend(replay.unused().into_iter().map(|(n, e)| Deviation::Message(n, e)));
        }
        let counts = self.counts();
        let (recorded_at, recorded) = self.recorded.take().unwrap_or_default().into_iter().unzip();
        Outcome {
            ending,
            deliveries: self.deliveries,
            finished_at: self.now,
            digest: self.digest,
            faults: self.faults.executed,
            recorded,
            recorded_at,
            unused,
            counts,
            coverage: self.coverage.take(),
        }
    }

    /// Something happens. Returns how the run ends by it, if it does.
    #[inline(always)]
    fn happen(&mut self, next: Entry<Event>) -> Option<Ending> {
        debug_assert!(next.at >= self.now, "time does not run backwards");
        if next.at > self.now {
            self.stand_at(next.at);
        }
        if let Event::Step(step) = &next.event
            && matches!(**step, Step::Settle)
        {
            return self.look_whether_settled();
        }
        self.step(next);
        if self.standings.is_some() {
            self.tell_standings();
        }
        if self.deliveries > self.most_deliveries {
            return Some(self.too_many());
        }
        None
    }

    /// Time moves on.
    #[inline]
    fn stand_at(&mut self, time: Instant) {
        self.now = time;
        self.history.now = time;
        self.most_deliveries = self.delivery_budget.min(self.deliveries + MOST_AT_ONE_TIME);
    }

    #[cold]
    fn too_many(&self) -> Ending {
        let busiest = self.busiest();
        if self.deliveries > self.delivery_budget {
            Ending::OverBudget { busiest }
        } else {
            Ending::NoProgressInTime { busiest }
        }
    }

    #[inline(always)]
    fn step(&mut self, Entry { rank, event, .. }: Entry<Event>) {
        match event {
            Event::Wake(actor, incarnation) => self.wake(actor, incarnation, rank),
            Event::Request(number, parcel) => self.request_arrives(rank, number, parcel),
            Event::Response(number, parcel) => self.response_arrives(rank, number, parcel),
            Event::NextRequest(conn) => self.next_request(conn),
            Event::Syn(conn) => self.syn(rank, conn),
            Event::Accepted(conn) => self.syn_answer(rank, conn, true),
            Event::Refused(conn) => self.syn_answer(rank, conn, false),
            Event::ClosedByClient(conn) => self.closed_by_client(rank, conn),
            Event::ClosedByServer(conn) => self.closed_by_server(rank, conn),
            Event::Silence(conn) => self.silence(rank, conn),
            Event::Fault(index) => self.fault(index),
            Event::Step(step) => self.continue_fault(*step),
        }
    }

    /// What time it is on a node.
    pub(crate) fn now_at(&self, actor: Actor) -> Now {
        Now::new(self.now, self.nodes[actor as usize].clock.wall_ms(self.now))
    }

    /// The node that has this protocol id.
    pub(crate) fn actor_of(&self, id: NodeId) -> Actor {
        if id == NodeId::CONTROLLER {
            return self.controller;
        }
        if let Some(place) = sink::place_of(id) {
            return self.sinks[place];
        }
        *self.brokers.get((id.0 - 1) as usize).expect("brokers are numbered from 1")
    }

    fn busiest(&self) -> String {
        let busiest = self.nodes.iter().max_by_key(|n| (n.deliveries, std::cmp::Reverse(&n.name)));
        busiest.map_or_else(String::new, |n| n.name.clone())
    }

    /// Counts a delivery to `actor` and adds it to the digest.
    #[inline]
    fn delivered(&mut self, actor: Actor, rank: Rank, what: u64, about: u64) {
        self.deliveries += 1;
        self.nodes[actor as usize].deliveries += 1;
        self.digest.add_event([self.now.0, rank.word(), what, about]);
    }

    fn trace(&mut self, from: Actor, to: Actor, what: TracedEvent<'_>) {
        if let Some(tracer) = &mut self.tracer {
            let (from, to) = (&self.nodes[from as usize].name, &self.nodes[to as usize].name);
            tracer(&Traced { at: self.now, from, to, what, message: None });
        }
    }

    /// Traces something about a request of a connection, or about its answer.
    fn trace_message(&mut self, conn: ConnId, correlation: CorrelationId, answer: bool, what: TracedEvent<'_>) {
        let line = &self.lines[conn.0 as usize];
        if let Some(tracer) = &mut self.tracer {
            let (client, server) = (&self.nodes[line.client as usize].name, &self.nodes[line.server as usize].name);
            let (from, to) = if answer { (server, client) } else { (client, server) };
            let late = !line.client_open;
            let message = Some(MessageKey { connection: conn.0, correlation, answer, late });
            tracer(&Traced { at: self.now, from, to, what, message });
        }
    }

    fn trace_first_leaders(&mut self) {
        if self.tracer.is_none() {
            return;
        }
        let Body::Controller(controller) = &self.nodes[self.controller as usize].body else { return };
        let mut leaders = Vec::new();
        for (t, topic) in controller.image().topics.iter().enumerate() {
            for (p, partition) in topic.partitions.iter().enumerate() {
                leaders.extend(partition.leader.map(|l| (TopicPartition::new(TopicId(t as u32), p as u32), l)));
            }
        }
        for (tp, leader) in leaders {
            self.trace(self.controller, self.actor_of(leader), TracedEvent::Leads(tp));
        }
    }

    /// Tells the tracer of leaders that were elected since it was last told.
    fn trace_leaders(&mut self) {
        let Body::Controller(controller) = &self.nodes[self.controller as usize].body else { return };
        let new: Vec<_> = controller.leader_moves()[self.moves_told..].to_vec();
        self.moves_told += new.len();
        for (tp, leader) in new {
            self.trace(self.controller, self.actor_of(leader), TracedEvent::Leads(tp));
        }
    }

    fn counts(&self) -> Vec<NodeCounts> {
        let mut counts: Vec<NodeCounts> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let mut tally = node.tally;
            if let Body::Broker(BrokerSlot { broker: Some(broker), .. }) = &node.body {
                tally = node::sum(tally, broker.tally());
            }
            counts.push(NodeCounts {
                name: node.name.clone(),
                retries: node.retries,
                absorbed: tally.absorbed,
                largest_lso_lag: tally.largest_lso_lag,
                ..NodeCounts::default()
            });
        }
        if let Body::Controller(controller) = &self.nodes[self.controller as usize].body {
            for (tp, leader) in controller.leader_moves() {
                let count = &mut counts[self.actor_of(*leader) as usize];
                *(if tp.topic.is_internal() { &mut count.coordinator_moves } else { &mut count.leader_moves }) += 1;
            }
        }
        counts
    }

    /// Writes down a deviation that took effect.
    fn record(&mut self, deviation: impl FnOnce() -> Deviation) {
        if let Some(recorded) = &mut self.recorded {
            recorded.push((self.now, deviation()));
        }
    }

    /// Writes into the history what a broker's journal tells. What a deposed leader appends before it hears of its
    /// successor is withheld: it has an effect only if the successor, which may not have heard of it either and still
    /// fetch, takes it over.
    #[inline(always)]
    fn observe(&mut self, actor: Actor) {
        if !self.withheld.is_empty() {
            self.tell_withheld();
        }
        if let Body::Broker(BrokerSlot { broker: Some(broker), .. }) = &self.nodes[actor as usize].body
            && broker.has_journal()
        {
            self.tell_journal(actor);
        }
    }

    #[inline(never)]
    fn tell_journal(&mut self, actor: Actor) {
        let Body::Broker(slot) = &mut self.nodes[actor as usize].body else { return };
        let entries = slot.machine().take_journal();
        let t = self.now.0;
        for entry in entries {
            match entry {
                JournalEntry::Appended(tp, batch) => {
                    let Body::Controller(controller) = &self.nodes[self.controller as usize].body else { return };
                    let epoch = controller.image().partition(tp).map(|p| p.leader_epoch);
                    if tp.topic.is_internal() {
                        // Told only where it is traced, and not what a deposed leader appends.
                        if epoch == Some(batch.leader_epoch) {
                            self.trace(actor, actor, TracedEvent::Stored(tp, &batch));
                        }
                    } else if epoch == Some(batch.leader_epoch) {
                        self.history.write(&evidence::appended(t, tp, &batch));
                    } else {
                        self.withheld.push((tp, batch));
                    }
                }
                JournalEntry::Committed(tp) if !tp.topic.is_internal() => self.trace_level(actor, tp),
                JournalEntry::Committed(tp) => {
                    let Body::Broker(slot) = &self.nodes[actor as usize].body else { return };
                    if let Some(log) = slot.broker.as_ref().and_then(|b| b.log(tp)) {
                        self.observer.committed(t, tp, log, &mut self.history);
                    }
                    if self.tracer.is_some() {
                        self.trace_level(actor, tp);
                    }
                }
            }
        }
    }

    /// Tells what a deposed leader appended as soon as its successor has it, and forgets it once the successor leads
    /// without it: then it will be truncated.
    fn tell_withheld(&mut self) {
        let t = self.now.0;
        for (tp, batch) in std::mem::take(&mut self.withheld) {
            let Body::Controller(controller) = &self.nodes[self.controller as usize].body else { return };
            let successor = controller.image().partition(tp).and_then(|p| p.leader).map(|id| self.actor_of(id));
            let broker = successor.and_then(|actor| match &self.nodes[actor as usize].body {
                Body::Broker(slot) => slot.broker.as_deref(),
                _ => None,
            });
            let same =
                |b: &Arc<RecordBatch>| b.base_offset == batch.base_offset && b.leader_epoch == batch.leader_epoch;
            match broker {
                Some(broker)
                    if broker.log(tp).is_some_and(|l| l.batches_from(batch.base_offset).next().is_some_and(same)) =>
                {
                    self.history.write(&evidence::appended(t, tp, &batch));
                }
                Some(broker) if broker.is_leader(tp) => {}
                _ => self.withheld.push((tp, batch)),
            }
        }
    }

    /// Tells the tracer of the watermarks of a partition, if that broker is its leader and not a deposed one.
    fn trace_level(&mut self, actor: Actor, tp: TopicPartition) {
        let level = match self.leader_log(tp) {
            Some((leader, log)) if leader == actor => (log.high_watermark(), log.last_stable_offset()),
            _ => return,
        };
        let (hw, lso) = level;
        self.trace(actor, actor, TracedEvent::Level { tp, hw, lso });
    }

    fn after(&mut self, pause: Span, actor: Actor, step: Step) {
        let at = self.now + pause;
        self.queue.push(
            at,
            Rank::new(Class::Fault, actor, actor, 0, self.faults.next_ordinal()),
            Event::Step(Box::new(step)),
        );
    }

    /// Calls a client with the context it needs, then sends what it wants sent.
    fn with_client(&mut self, actor: Actor, call: impl FnOnce(&mut Client, Now, &mut Outputs, &mut History<'a>)) {
        let now = self.now_at(actor);
        if let Body::Client(client) = &mut self.nodes[actor as usize].body {
            call(client, now, &mut self.out, &mut self.history);
        }
        self.flush(actor);
    }
}
