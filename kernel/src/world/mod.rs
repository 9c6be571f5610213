//! The world: nodes, the network between them, time, and what goes wrong.

mod answer;
mod broken;
mod connect;
mod connection;
mod event;
mod fate;
mod faults;
mod life;
mod moments;
mod node;
mod occasion;
mod outcome;
mod output;
mod process;
mod request;
#[cfg(test)]
mod tests;
mod trace;
mod triggers;

use crate::digest::Digest;
use crate::envelope::Envelopes;
use crate::explorer::Explorer;
use crate::link::{Latencies, LinkTable, Links};
use crate::queue::{Class, Entry, Queue, Rank};
use crate::schedule::{Attempts, Deviation, Fault};
use crate::system::System;
use crate::time::{Instant, Now, Span};
use crate::vocabulary::Vocabulary;
use crate::{Actor, ConnId, CorrelationId};

use broken::FaultState;
use connection::{Answer, Arrived, Connection};
use event::{Event, Step};
pub use node::Node;
pub use occasion::{Occasion, Origin};
pub use outcome::{Ending, Outcome};
pub use output::Output;
pub use process::{Ended, Process};
pub use trace::{MessageKey, Traced, TracedEvent, Tracer};
use triggers::Triggers;

/// More deliveries than this without time moving are no progress.
const MOST_AT_ONE_TIME: u64 = 100_000;

/// How often the system is asked whether everything has finished.
const LOOK: Span = Span::from_millis(100);

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Names of the nodes, in their order, which is that of their numbers.
    pub names: Vec<String>,
    /// The node under whose number the world's own jobs are ordered.
    pub home: Actor,
    /// The links between them.
    pub links: LinkTable,
    /// How long a message takes.
    pub latencies: Latencies,
    /// Time that a node's processor takes for a message it sends.
    pub service_per_message: Span,
    /// Time for each KiB of it.
    pub service_per_kib: Span,
    /// Deliveries after which the run is cut off.
    pub delivery_budget: u64,
    /// Whether the deviations that take effect are written down.
    pub recorded: bool,
}

impl Setup {
    /// Nodes of these names, with a millisecond between any two, whose processors take no time.
    pub fn new(names: &[&str], links: LinkTable) -> Setup {
        let latencies =
            Latencies { to_client: Span::from_millis(1), between_servers: Span::from_millis(1), loopback: Span::ZERO };
        Setup {
            names: names.iter().map(|name| (*name).to_string()).collect(),
            home: 0,
            links,
            latencies,
            service_per_message: Span::ZERO,
            service_per_kib: Span::ZERO,
            delivery_budget: 1_000_000,
            recorded: true,
        }
    }
}

/// All that belongs to the kernel: nodes as processes and hosts, the network, time, faults.
pub struct Net<'a, V: Vocabulary> {
    /// What the node that is at work wants done.
    pub out: Vec<V::Output>,
    /// Digest of everything that was delivered.
    pub digest: Digest,
    now: Instant,
    queue: Queue<Event<V>>,
    nodes: Vec<Node<V>>,
    home: Actor,
    connections: Vec<Connection<V>>,
    requests: Envelopes<Arrived<V>>,
    answers: Envelopes<Answer<V>>,
    explorer: Explorer<V>,
    attempts: Option<Attempts<V>>,
    recorded: Option<Vec<(Instant, Deviation<V>)>>,
    triggers: Triggers<V>,
    faults: FaultState<V>,
    tracer: Option<Tracer<'a, V>>,
    deliveries: u64,
    /// More than these are too many before time moves on.
    most_deliveries: u64,
    delivery_budget: u64,
    links: Links,
    service_per_kib: Span,
    /// Messages are drawn for and not named: nothing of a message is kept beside it.
    is_plain: bool,
    /// When the last message that a deviation delays arrives.
    delayed_until: Instant,
}

/// A system and what the kernel keeps of it.
pub struct World<'a, S: System> {
    /// The system.
    pub system: S,
    /// What the kernel keeps.
    pub net: Net<'a, S::Vocabulary>,
}

impl<'a, V: Vocabulary> Net<'a, V> {
    fn new(setup: Setup, explorer: Explorer<V>, tracer: Option<Tracer<'a, V>>) -> Net<'a, V> {
        let () = Event::<V>::IS_SMALL;
        let naming = setup.recorded || explorer.needs_names();
        let mut nodes: Vec<Node<V>> = setup.names.into_iter().map(Node::new).collect();
        nodes.iter_mut().for_each(|node| node.burden = setup.service_per_message);
        Net {
            out: Vec::new(),
            digest: Digest::default(),
            now: Instant::ZERO,
            queue: Queue::default(),
            nodes,
            home: setup.home,
            connections: Vec::new(),
            requests: Envelopes::default(),
            answers: Envelopes::default(),
            explorer,
            attempts: naming.then(Attempts::default),
            recorded: setup.recorded.then(Vec::new),
            triggers: Triggers::default(),
            faults: FaultState::default(),
            tracer,
            deliveries: 0,
            most_deliveries: setup.delivery_budget.min(MOST_AT_ONE_TIME),
            delivery_budget: setup.delivery_budget,
            links: Links::new(&setup.latencies, setup.links),
            service_per_kib: setup.service_per_kib,
            is_plain: !naming,
            delayed_until: Instant::ZERO,
        }
    }

    /// What time it is.
    #[inline]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// What time it is on a node.
    #[inline]
    pub fn now_at(&self, actor: Actor) -> Now {
        Now::new(self.now, self.nodes[actor as usize].clock.wall_ms(self.now))
    }

    /// A node.
    #[inline]
    pub fn node(&self, actor: Actor) -> &Node<V> {
        &self.nodes[actor as usize]
    }

    /// All nodes, in the order of their numbers.
    pub fn nodes(&self) -> &[Node<V>] {
        &self.nodes
    }

    /// A node has another name from now on. Its number stays.
    pub fn rename(&mut self, actor: Actor, name: &str) {
        self.nodes[actor as usize].name = name.to_string();
    }

    /// When the last message that a deviation delays arrives: until then that deviation goes on.
    pub fn delayed_until(&self) -> Instant {
        self.delayed_until
    }

    /// A step of the system's own is due after that time.
    pub fn after(&mut self, pause: Span, actor: Actor, step: V::Step) {
        self.step_after(pause, actor, Step::Own(step));
    }

    fn step_after(&mut self, pause: Span, actor: Actor, step: Step<V>) {
        let at = self.now + pause;
        let rank = Rank::new(Class::Fault, actor, actor, 0, self.faults.next_ordinal());
        self.queue.push(at, rank, Event::Step(Box::new(step)));
    }

    fn busiest(&self) -> String {
        let busiest = self.nodes.iter().max_by_key(|n| (n.deliveries, std::cmp::Reverse(&n.name)));
        busiest.map_or_else(String::new, |n| n.name.clone())
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

    /// Counts a delivery to `actor` and adds it to the digest.
    #[inline]
    fn delivered(&mut self, actor: Actor, rank: Rank, what: u64, about: u64) {
        self.deliveries += 1;
        self.nodes[actor as usize].deliveries += 1;
        self.digest.add_event([self.now.0, rank.word(), what, about]);
    }

    /// Writes down a deviation that took effect.
    fn record(&mut self, deviation: impl FnOnce() -> Deviation<V>) {
        if let Some(recorded) = &mut self.recorded {
            recorded.push((self.now, deviation()));
        }
    }

    // ---- tracing ---------------------------------------------------------------------------------------------------

    /// Whether somebody takes the trace.
    #[inline]
    pub fn is_traced(&self) -> bool {
        self.tracer.is_some()
    }

    /// Tells the tracer.
    pub fn trace(&mut self, from: Actor, to: Actor, what: TracedEvent<'_, V>) {
        if let Some(tracer) = &mut self.tracer {
            let (from, to) = (&self.nodes[from as usize].name, &self.nodes[to as usize].name);
            tracer(&Traced { at: self.now, from, to, what, message: None });
        }
    }

    /// Traces something about a request of a connection, or about its answer.
    fn trace_message(&mut self, conn: ConnId, correlation: CorrelationId, answer: bool, what: TracedEvent<'_, V>) {
        let connection = &self.connections[conn.0 as usize];
        if let Some(tracer) = &mut self.tracer {
            let client = &self.nodes[connection.client as usize].name;
            let server = &self.nodes[connection.server as usize].name;
            let (from, to) = if answer { (server, client) } else { (client, server) };
            let late = !connection.client_open;
            let message = Some(MessageKey { connection: conn.0, correlation, answer, late });
            tracer(&Traced { at: self.now, from, to, what, message });
        }
    }

    /// Tells the tracer that what waits on a connection will never be read.
    fn trace_inbox(&mut self, conn: ConnId) {
        let waiting: Vec<_> = self.connections[conn.0 as usize].inbox.iter().map(|p| p.content().correlation).collect();
        for correlation in waiting {
            self.trace_message(conn, correlation, false, TracedEvent::Lost);
        }
    }
}

impl<'a, S: System> World<'a, S> {
    /// A world at time zero in which nothing has begun. Messages deviate by `explorer`.
    pub fn new(
        system: S,
        setup: Setup,
        explorer: Explorer<S::Vocabulary>,
        tracer: Option<Tracer<'a, S::Vocabulary>>,
    ) -> World<'a, S> {
        World { system, net: Net::new(setup, explorer, tracer) }
    }

    /// Everybody starts, and the faults that are scheduled by now are on their way.
    pub fn start(&mut self) {
        for actor in 0..self.net.nodes.len() as Actor {
            let pause = self.system.starts_after(actor);
            if pause == Span::ZERO {
                self.start_process(actor);
            } else {
                self.net.start_after(pause, actor);
            }
        }
        self.net.step_after(LOOK, self.net.home, Step::Look);
    }

    /// Everybody starts, these faults happen, and it is run to the end.
    pub fn run_with(&mut self, faults: impl IntoIterator<Item = Fault<S::Vocabulary>>) -> Ending {
        let occasions = faults.into_iter().map(|fault| (Occasion { fault, number: None }, Origin::Written));
        self.net.schedule(occasions);
        self.start();
        self.run()
    }

    /// Runs to the end.
    pub fn run(&mut self) -> Ending {
        loop {
            let Some(next) = self.net.queue.pop() else { return Ending::Idle };
            if let Some(ending) = self.happen(next) {
                return ending;
            }
        }
    }

    /// Does everything that is due up to `until`, and stands at that time. Returns how the run ended, if it did.
    pub fn run_to(&mut self, until: Instant) -> Option<Ending> {
        while self.net.queue.next_time().is_some_and(|at| at <= until) {
            let next = self.net.queue.pop().expect("something is due");
            if let Some(ending) = self.happen(next) {
                return Some(ending);
            }
        }
        if until > self.net.now {
            self.stand_at(until);
        }
        None
    }

    /// When something is due next.
    pub fn next_time(&self) -> Option<Instant> {
        self.net.queue.next_time()
    }

    /// The system, and what the run amounted to.
    pub fn finish(self, ending: Ending) -> (S, Outcome<S::Vocabulary>) {
        let World { system, mut net } = self;
        let mut unused: Vec<_> = net.triggers.still_waiting().map(Deviation::Fault).collect();
        if let Explorer::Replay(replay) = &net.explorer {
            unused.extend(replay.unused().into_iter().map(|(n, e)| Deviation::Message(n, e)));
        }
        let (recorded_at, recorded) = net.recorded.take().unwrap_or_default().into_iter().unzip();
        let outcome = Outcome {
            ending,
            deliveries: net.deliveries,
            finished_at: net.now,
            digest: net.digest,
            faults: net.faults.executed,
            recorded,
            recorded_at,
            unused,
        };
        (system, outcome)
    }

    /// Something happens. Returns how the run ends by it, if it does.
    #[inline(always)]
    fn happen(&mut self, next: Entry<Event<S::Vocabulary>>) -> Option<Ending> {
        debug_assert!(next.at >= self.net.now, "time does not run backwards");
        if next.at > self.net.now {
            self.stand_at(next.at);
        }
        if let Event::Step(step) = &next.event
            && matches!(**step, Step::Look)
        {
            return self.look();
        }
        self.step(next);
        self.system.stepped(&mut self.net);
        if self.net.deliveries > self.net.most_deliveries {
            return Some(self.net.too_many());
        }
        None
    }

    fn look(&mut self) -> Option<Ending> {
        let ending = self.system.ending(&self.net);
        if ending.is_none() {
            self.net.step_after(LOOK, self.net.home, Step::Look);
        }
        ending
    }

    /// Time moves on.
    #[inline]
    fn stand_at(&mut self, time: Instant) {
        self.net.now = time;
        self.system.time_is(time);
        self.net.most_deliveries = self.net.delivery_budget.min(self.net.deliveries + MOST_AT_ONE_TIME);
    }

    #[inline(always)]
    fn step(&mut self, Entry { rank, event, .. }: Entry<Event<S::Vocabulary>>) {
        match event {
            Event::Timeout(actor, incarnation) => self.timeout(actor, incarnation, rank),
            Event::Request(number, envelope) => self.request_arrives(rank, number, envelope),
            Event::Response(number, envelope) => self.response_arrives(rank, number, envelope),
            Event::NextRequest(conn) => self.next_request(conn),
            Event::Syn(conn) => self.net.syn(rank, conn),
            Event::Accepted(conn) => self.syn_answer(rank, conn, true),
            Event::Refused(conn) => self.syn_answer(rank, conn, false),
            Event::ClosedByClient(conn) => self.closed_by_client(rank, conn),
            Event::ClosedByServer(conn) => self.closed_by_server(rank, conn),
            Event::Silence(conn) => self.silence(rank, conn),
            Event::Fault(index) => self.fault(index),
            Event::Step(step) => self.continue_fault(*step),
        }
    }
}
