//! Nodes: what runs where, and the life of their processes.

use std::collections::VecDeque;

use fencepost_protocol::batch::{Payload, Record};
use fencepost_protocol::broker::{Broker, BrokerDisk, BrokerTally};
use fencepost_protocol::content::Shared;
use fencepost_protocol::controller::{Controller, NewTopic};
use fencepost_protocol::ids::{NodeId, TopicPartition};
use fencepost_protocol::image::Features;
use fencepost_protocol::io::{Channel, ConnId, Machine as _};
use fencepost_protocol::log::{Ending as LogEnding, PartitionLog};
use fencepost_protocol::message::ProduceRequest;
use fencepost_protocol::time::{Instant, Now, Span};

use super::event::{Event, Step};
use super::{TracedEvent, World};
use crate::clock::Clock;
use crate::plan::Plan;
use crate::queue::{Class, Rank};
use crate::roles::{self, Client};
use crate::schedule::Actor;
use crate::sink::{self, Service};
use crate::stream::{PPM, mix};

/// State of a node's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// It runs.
    Running,
    /// It stands still; its kernel works on.
    Paused {
        /// Which pause.
        number: u32,
    },
    /// It is not there, its host is.
    Down,
    /// Its host is not there.
    HostDown,
}

impl Process {
    /// Whether it can do something.
    pub fn is_running(self) -> bool {
        self == Process::Running
    }
}

/// What a node runs.
#[expect(clippy::large_enum_variant, reason = "a node is allocated once")]
pub enum Body {
    /// The controller.
    Controller(Box<Controller>),
    /// A broker.
    Broker(BrokerSlot),
    /// A producer, pipeline or reader with what drives it.
    Client(Client),
    /// A database or payment API outside Kafka.
    Service(Service),
}

/// A broker, running or only its disk.
pub struct BrokerSlot {
    /// Its id.
    pub id: NodeId,
    /// The process.
    pub broker: Option<Box<Broker>>,
    /// What it left when it ended.
    pub disk: Option<BrokerDisk>,
}

impl BrokerSlot {
    /// The running broker.
    ///
    /// # Panics
    /// If it does not run: events for a process that is gone are dropped before.
    pub fn machine(&mut self) -> &mut Broker {
        self.broker.as_mut().expect("the broker's process runs")
    }
}

/// One node.
pub struct Node {
    /// Name.
    pub name: String,
    /// What it runs.
    pub body: Body,
    /// How often its process was ended.
    pub incarnation: u32,
    /// Its process.
    pub process: Process,
    /// Its wall clock.
    pub clock: Clock,
    /// Its process takes requests once it runs; a broker's only once it has caught up with the cluster.
    serving: bool,
    pub(super) wake_at: Instant,
    pub(super) channels: Vec<(Channel, ConnId)>,
    pub(super) lines_made: u16,
    pub(super) busy_until: Instant,
    /// What it costs to send a message.
    pub(super) burden: Span,
    pub(super) frozen: Vec<(Rank, Event)>,
    pub(super) pauses: u32,
    /// Its process does not run, and it is certain that it will.
    pub(super) comes_back: bool,
    pub(super) deliveries: u64,
    /// What former processes of a broker counted.
    pub(super) tally: BrokerTally,
    /// Batches that were sent again.
    pub(super) retries: u64,
    /// The records of the batches that it sent last: a batch that is sent again has the very same.
    recently_sent: VecDeque<Shared<Record>>,
}

/// How many batches are remembered for telling which are sent again.
const REMEMBERED: usize = 16;

/// Both counts together.
pub(super) fn sum(a: BrokerTally, b: BrokerTally) -> BrokerTally {
    BrokerTally { absorbed: a.absorbed + b.absorbed, largest_lso_lag: a.largest_lso_lag.max(b.largest_lso_lag) }
}

/// Makes the nodes of a plan, in the order of their names, and says which is the controller.
pub(super) fn populate(plan: &Plan, root_seed: u64) -> (Vec<Node>, Actor) {
    let topics = plan.topics.iter().map(|t| NewTopic {
        name: t.name.as_str().into(),
        partitions: t.partitions,
        replication_factor: t.replication_factor,
        settings: t.settings.clone(),
        assignment: t.assignment.clone(),
    });
    let features = Features {
        transaction_version: plan.cluster.transaction_version,
        eligible_leader_replicas_version: plan.cluster.eligible_leader_replicas_version,
    };
    let now = Now::new(Instant::ZERO, crate::clock::EPOCH_MS);
    let controller =
        Controller::new(plan.cluster.config.clone(), features, topics.collect(), plan.cluster.ids().collect(), now)
            .expect("the plan was checked against the cluster's size");
    let mut nodes = vec![Node::new("controller".into(), Body::Controller(Box::new(controller)))];
    for id in plan.cluster.ids() {
        let slot = BrokerSlot { id, broker: None, disk: Some(BrokerDisk::default()) };
        nodes.push(Node::new(plan.cluster.name_of(id), Body::Broker(slot)));
    }
    for (name, service) in sink::services(&plan.databases, &plan.payments) {
        nodes.push(Node::new(name, Body::Service(service)));
    }
    for client in roles::populate(plan, root_seed) {
        nodes.push(Node::new(client.name().to_string(), Body::Client(client)));
    }
    nodes.iter_mut().for_each(|node| node.burden = plan.network.service_per_message);
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    let controller = nodes.iter().position(|n| matches!(n.body, Body::Controller(_))).expect("there is a controller");
    (nodes, controller as Actor)
}

impl Node {
    fn new(name: String, body: Body) -> Node {
        Node {
            name,
            serving: !matches!(body, Body::Broker(_)),
            body,
            incarnation: 0,
            process: Process::Down,
            clock: Clock::default(),
            wake_at: Instant::NEVER,
            channels: Vec::new(),
            lines_made: 0,
            busy_until: Instant::ZERO,
            burden: Span::ZERO,
            frozen: Vec::new(),
            pauses: 0,
            comes_back: false,
            deliveries: 0,
            tally: BrokerTally::default(),
            retries: 0,
            recently_sent: VecDeque::new(),
        }
    }

    /// Counts the batches of a Produce that were sent before.
    pub(super) fn count_retries(&mut self, request: &ProduceRequest) {
        for partition in &request.partitions {
            let Payload::Records(records) = &partition.batch.payload else { continue };
            if self.recently_sent.iter().any(|sent| sent.is(records)) {
                self.retries += 1;
                continue;
            }
            if self.recently_sent.len() == REMEMBERED {
                self.recently_sent.pop_front();
            }
            self.recently_sent.push_back(records.clone());
        }
    }

    /// Whether its process takes requests from its connections.
    pub(super) fn is_serving(&self) -> bool {
        self.process.is_running() && self.serving
    }

    #[inline(always)]
    fn next_deadline(&self) -> Instant {
        match &self.body {
            Body::Controller(c) => c.next_deadline(),
            Body::Broker(slot) => slot.broker.as_ref().map_or(Instant::NEVER, |b| b.next_deadline()),
            Body::Client(c) => c.next_deadline(),
            Body::Service(s) => s.next_deadline(),
        }
    }
}

impl World<'_> {
    pub(super) fn start_everybody(&mut self) {
        for actor in 0..self.nodes.len() as Actor {
            let pause = match &self.nodes[actor as usize].body {
                Body::Client(client) => client.starts_at(),
                _ => Span::ZERO,
            };
            if pause == Span::ZERO {
                self.start_process(actor);
            } else {
                self.start_after(pause, actor);
            }
        }
        let settle = self.settle.first_look();
        self.after(settle, self.controller, Step::Settle);
    }

    /// A process will begin to run.
    pub(super) fn start_after(&mut self, pause: Span, actor: Actor) {
        self.nodes[actor as usize].comes_back = true;
        self.after(pause, actor, Step::Start(actor));
    }

    /// A process begins to run.
    pub(super) fn start_process(&mut self, actor: Actor) {
        let now = self.now_at(actor);
        let incarnation = self.nodes[actor as usize].incarnation;
        let host_was_down = self.nodes[actor as usize].process == Process::HostDown;
        self.nodes[actor as usize].process = Process::Running;
        self.nodes[actor as usize].comes_back = false;
        self.nodes[actor as usize].wake_at = Instant::NEVER;
        match &mut self.nodes[actor as usize].body {
            Body::Controller(_) => {}
            Body::Broker(slot) => {
                let disk = slot.disk.take().expect("a broker that does not run has a disk");
                let mut broker = Broker::start(
                    slot.id,
                    self.plan.cluster.config.clone(),
                    self.plan.cluster.domains,
                    disk,
                    u64::from(incarnation),
                    now,
                    &mut self.out,
                );
                broker.keep_journal();
                if self.tracer.is_some() {
                    broker.keep_whole_journal();
                }
                slot.broker = Some(Box::new(broker));
                self.after(self.plan.cluster.write_back, actor, Step::WriteBack(actor, incarnation));
            }
            Body::Client(_) | Body::Service(_) => {}
        }
        if self.tracer.is_some() {
            self.trace(actor, actor, TracedEvent::Started);
        }
        if host_was_down {
            self.reset_peers_of_returned_host(actor);
        }
        if matches!(self.nodes[actor as usize].body, Body::Client(_)) {
            self.with_client(actor, |client, now, out, history| client.start(now, incarnation, out, history));
        } else {
            self.flush(actor);
        }
    }

    /// Connections to the host's former processes: their peers' retransmissions are now answered with a reset.
    fn reset_peers_of_returned_host(&mut self, actor: Actor) {
        for index in 0..self.lines.len() {
            let line = &self.lines[index];
            if line.server == actor && line.client_open && !line.dead && line.unanswered > 0 {
                self.reset_to_client(ConnId(index as u64));
            }
        }
    }

    /// A process ends. Its host resets its connections, unless it is gone too.
    pub(super) fn end_process(&mut self, actor: Actor, ending: Ended) {
        let history_now = self.now_at(actor);
        if self.tracer.is_some() {
            self.trace_end(actor, ending.is_power_loss());
        }
        let node = &mut self.nodes[actor as usize];
        node.incarnation += 1;
        node.process = if ending.is_power_loss() { Process::HostDown } else { Process::Down };
        node.frozen.clear();
        node.busy_until = Instant::ZERO;
        let channels = std::mem::take(&mut node.channels);
        match &mut node.body {
            Body::Controller(_) => panic!("the controller is reliable"),
            Body::Broker(slot) => {
                node.serving = false;
                let broker = slot.broker.take().expect("a process that ends was running");
                node.tally = sum(node.tally, broker.tally());
                node.recently_sent.clear();
                slot.disk = Some(broker.stop(|tp, log| ending.of_log(tp, log)));
            }
            Body::Client(client) => client.crash(history_now, &mut self.history),
            Body::Service(service) => service.crash(),
        }
        for (_, conn) in channels {
            if ending.is_power_loss() {
                self.lines[conn.0 as usize].client_open = false;
            } else {
                self.close_client_end(conn);
            }
        }
        for index in 0..self.lines.len() {
            let line = &mut self.lines[index];
            if line.server != actor || !line.server_open {
                continue;
            }
            line.server_open = false;
            line.in_hand = None;
            line.inbox = VecDeque::new();
            if !ending.is_power_loss() {
                self.reset_to_client(ConnId(index as u64));
            }
        }
    }

    /// Tells the tracer that a process ends, with what waits in its kernel.
    fn trace_end(&mut self, actor: Actor, power: bool) {
        self.trace(actor, actor, TracedEvent::Stopped { power });
        for index in 0..self.lines.len() {
            if self.lines[index].server == actor && self.lines[index].server_open {
                self.trace_inbox(ConnId(index as u64));
            }
        }
    }

    /// Tells the tracer that what waits on a connection will never be read.
    pub(super) fn trace_inbox(&mut self, conn: ConnId) {
        let waiting: Vec<_> = self.lines[conn.0 as usize].inbox.iter().map(|p| p.content().correlation).collect();
        for correlation in waiting {
            self.trace_message(conn, correlation, false, TracedEvent::Lost);
        }
    }

    /// The machine's next deadline may have come nearer.
    #[inline(always)]
    pub(super) fn rearm(&mut self, actor: Actor) {
        let node = &self.nodes[actor as usize];
        if node.process.is_running() {
            let deadline = node.next_deadline();
            if deadline < node.wake_at {
                self.arm(actor, deadline);
            }
        }
    }

    #[inline(never)]
    fn arm(&mut self, actor: Actor, deadline: Instant) {
        let node = &mut self.nodes[actor as usize];
        let at = deadline.max(self.now);
        node.wake_at = at;
        let rank = Rank::new(Class::Timer, actor, actor, 0, 0);
        self.queue.push(at, rank, Event::Wake(actor, node.incarnation));
    }

    pub(super) fn wake(&mut self, actor: Actor, incarnation: u32, rank: Rank) {
        let now = self.now_at(actor);
        let node = &mut self.nodes[actor as usize];
        if node.incarnation != incarnation || node.wake_at != self.now || !node.process.is_running() {
            return; // an older alarm, or of an older process
        }
        node.wake_at = Instant::NEVER;
        if node.next_deadline() > self.now {
            self.rearm(actor); // what the alarm was set for is gone
            return;
        }
        self.delivered(actor, rank, 1 << 17, 0);
        if self.tracer.is_some() {
            self.trace(actor, actor, TracedEvent::Timer);
        }
        match &mut self.nodes[actor as usize].body {
            Body::Controller(c) => c.wake(now, &mut self.out),
            Body::Broker(slot) => slot.machine().wake(now, &mut self.out),
            Body::Client(c) => c.wake(now, &mut self.out, &mut self.history),
            Body::Service(s) => s.wake(now),
        }
        self.flush(actor);
    }

    /// While a process stands still, what reaches it waits. Returns whether it was kept.
    pub(super) fn freeze(&mut self, actor: Actor, rank: Rank, event: impl FnOnce() -> Event) -> bool {
        let node = &mut self.nodes[actor as usize];
        let paused = matches!(node.process, Process::Paused { .. });
        if paused {
            node.frozen.push((rank, event()));
        }
        paused
    }

    pub(super) fn pause(&mut self, actor: Actor) -> u32 {
        let node = &mut self.nodes[actor as usize];
        node.pauses += 1;
        let number = node.pauses;
        node.process = Process::Paused { number };
        if self.tracer.is_some() {
            self.trace(actor, actor, TracedEvent::Paused);
        }
        number
    }

    pub(super) fn resume(&mut self, actor: Actor, number: u32) {
        let node = &mut self.nodes[actor as usize];
        if node.process != (Process::Paused { number }) {
            return;
        }
        node.process = Process::Running;
        node.wake_at = Instant::NEVER;
        let frozen = std::mem::take(&mut node.frozen);
        if self.tracer.is_some() {
            self.trace(actor, actor, TracedEvent::Resumed);
        }
        for (rank, event) in frozen {
            self.queue.push(self.now, rank, event);
        }
        self.read_inboxes(actor);
        self.forget_closed(actor);
        self.rearm(actor);
    }

    /// A broker may have begun to take requests.
    #[inline]
    pub(super) fn maybe_serve(&mut self, actor: Actor) {
        let node = &mut self.nodes[actor as usize];
        if !node.serving
            && let Body::Broker(BrokerSlot { broker: Some(broker), .. }) = &node.body
            && broker.is_serving()
        {
            node.serving = true;
            self.read_inboxes(actor);
        }
    }

    /// A server begins, or goes on, to take requests from its connections.
    fn read_inboxes(&mut self, actor: Actor) {
        for index in 0..self.lines.len() {
            let line = &self.lines[index];
            if line.server == actor && line.in_hand.is_none() && !line.inbox.is_empty() {
                self.queue.push(self.now, line.rank_to_server, Event::NextRequest(ConnId(index as u64)));
            }
        }
    }
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, having finished.
    Cleanly,
    /// It was killed.
    Crash,
    /// With its host.
    PowerLoss { keep_ppm: u64 },
}

impl Ended {
    fn is_power_loss(self) -> bool {
        matches!(self, Ended::PowerLoss { .. })
    }

    fn of_log(self, tp: TopicPartition, log: &PartitionLog) -> LogEnding {
        match self {
            Ended::Cleanly => LogEnding::Clean,
            Ended::Crash => LogEnding::Crash,
            Ended::PowerLoss { keep_ppm } => {
                // Each partition is cut at a place of its own: the one draw is spread by the partition's number.
                let spread = mix(keep_ppm ^ mix(u64::from(tp.topic.0) << 32 | u64::from(tp.partition))) % (PPM + 1);
                let ppm = if keep_ppm == 0 || keep_ppm == PPM { keep_ppm } else { spread };
                let flushed = log.flushed_offset();
                let tail = (log.log_end_offset() - flushed).max(0) as u128;
                let kept = (tail * u128::from(ppm) / u128::from(PPM)) as i64;
                LogEnding::PowerLoss { keep_until: flushed + kept }
            }
        }
    }
}
