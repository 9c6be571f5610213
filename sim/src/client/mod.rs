//! Client nodes: an application with its producer, consumer or pipeline, and what it calls outside Kafka.

mod announcer;
mod caller;
mod echo;
pub(crate) mod external;
mod pipeline;
mod producer;
pub(crate) mod progress;
mod reader;
mod relay;
mod service;
mod words;
mod work;

use fencepost_protocol::ids::{TopicId, TopicPartition};
use fencepost_protocol::io::{CorrelationId, NetInput, Outputs};
use fencepost_protocol::time::{Instant, Now, Span};

use crate::cast::{Names, member_name};
use crate::evidence::{Declared, Gone, History};
use crate::plan::{Plan, Source};
use crate::sink::Response;
use progress::Progress;

pub use echo::EchoClient;
pub use external::ExternalClient;
pub use pipeline::PipelineClient;
pub use producer::ProducerClient;
pub use reader::ReaderClient;
pub use relay::RelayClient;
pub use service::ServiceClient;

/// The application of a client node.
#[expect(clippy::large_enum_variant, reason = "a client is allocated once")]
pub enum Client {
    /// Sends a workload's records.
    Producer(ProducerClient),
    /// Reads, processes, writes.
    Pipeline(PipelineClient),
    /// Reads.
    Reader(ReaderClient),
    /// Writes to a database and announces it.
    Service(ServiceClient),
    /// Sends what stands in an outbox.
    Relay(RelayClient),
    /// Only asks.
    Echo(EchoClient),
    /// A program outside the world.
    External(ExternalClient),
}

macro_rules! each {
    ($self:expr, $client:ident => $call:expr) => {
        match $self {
            Client::Producer($client) => $call,
            Client::Pipeline($client) => $call,
            Client::Reader($client) => $call,
            Client::Service($client) => $call,
            Client::Relay($client) => $call,
            Client::Echo($client) => $call,
            Client::External($client) => $call,
        }
    };
}

impl Client {
    /// Name of the node.
    pub fn name(&self) -> &str {
        each!(self, c => c.name())
    }

    /// When the process first runs.
    pub fn starts_at(&self) -> Span {
        each!(self, c => c.starts_at())
    }

    /// How long after a crash the process runs again, where the fault does not say.
    pub fn restarts_after(&self) -> Option<Span> {
        each!(self, c => c.restarts_after())
    }

    /// What the history's preamble says of it; numbers are filled in later. A program's clients are declared when it
    /// makes them.
    pub fn declare(&self, plan: &Plan) -> Option<Declared> {
        let declared = each!(self, c => c.declare(plan));
        let is_there = !matches!(self, Client::External(_));
        is_there.then(|| (declared, self.group().map(str::to_string)))
    }

    /// Its consumer group.
    pub fn group(&self) -> Option<&str> {
        match self {
            Client::Producer(_) | Client::Service(_) | Client::Relay(_) | Client::Echo(_) | Client::External(_) => None,
            Client::Pipeline(c) => Some(c.group()),
            Client::Reader(c) => c.group(),
        }
    }

    /// All partitions of what it reads.
    pub fn input_partitions(&self) -> Vec<TopicPartition> {
        match self {
            Client::Producer(_) | Client::Service(_) | Client::Relay(_) | Client::Echo(_) | Client::External(_) => {
                Vec::new()
            }
            Client::Pipeline(c) => c.input_partitions(),
            Client::Reader(c) => c.input_partitions(),
        }
    }

    /// Next offset to be processed of each partition that it owns.
    pub fn positions(&self) -> Vec<(TopicPartition, i64)> {
        match self {
            Client::Producer(_) | Client::Service(_) | Client::Relay(_) | Client::Echo(_) => Vec::new(),
            Client::External(c) => c.positions(),
            Client::Pipeline(c) => c.positions(),
            Client::Reader(c) => c.positions(),
        }
    }

    /// State of its producer, if it has one and its process runs.
    pub fn producer_state(&self) -> Option<fencepost_protocol::producer::ProducerState> {
        match self {
            Client::Producer(c) => c.producer_state(),
            Client::Pipeline(c) => c.producer_state(),
            Client::Service(c) => c.producer_state(),
            Client::Relay(c) => c.producer_state(),
            Client::Reader(_) | Client::Echo(_) | Client::External(_) => None,
        }
    }

    /// Where it stands, in words, one line for each thing to say; nothing if its process does not run.
    pub fn in_words(&self, names: &Names) -> Vec<String> {
        match self {
            Client::Producer(c) => c.in_words(names),
            Client::Pipeline(c) => c.in_words(names),
            Client::Reader(c) => c.in_words(names),
            Client::Service(c) => c.in_words(names),
            Client::Relay(c) => c.in_words(names),
            Client::Echo(_) | Client::External(_) => Vec::new(),
        }
    }

    /// Whether its consumer is at read_committed.
    pub fn reads_committed(&self) -> bool {
        match self {
            Client::Producer(_) | Client::Service(_) | Client::Relay(_) | Client::Echo(_) => false,
            Client::External(c) => c.reads_committed(),
            Client::Pipeline(c) => c.reads_committed(),
            Client::Reader(c) => c.reads_committed(),
        }
    }

    /// Whether its own input (a workload) is used up; pipelines and readers have none of their own.
    pub fn has_finished_its_input(&self) -> bool {
        match self {
            Client::Producer(c) => c.is_finished(),
            Client::Service(c) => c.is_finished(),
            Client::Echo(c) => c.is_finished(),
            _ => true,
        }
    }

    /// Whether nothing that it began is unfinished.
    pub fn is_idle(&self) -> bool {
        match self {
            Client::Producer(c) => c.is_finished(),
            Client::Service(c) => c.is_finished(),
            Client::Relay(c) => c.is_idle(),
            Client::Echo(c) => c.is_finished(),
            Client::External(c) => c.is_idle(),
            Client::Pipeline(c) => c.is_idle(),
            Client::Reader(_) => true,
        }
    }

    /// The process begins to run.
    pub fn start(&mut self, now: Now, incarnation: u32, out: &mut Outputs, history: &mut History<'_>) {
        each!(self, c => c.start(now, incarnation, out, history));
    }

    /// Something happened on one of its connections.
    #[inline(always)]
    pub fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs, history: &mut History<'_>) {
        each!(self, c => c.net(now, input, out, history));
    }

    /// A sink has answered.
    pub fn answered(
        &mut self,
        now: Now,
        correlation: CorrelationId,
        response: Response,
        out: &mut Outputs,
        history: &mut History<'_>,
    ) {
        match self {
            Client::Pipeline(c) => c.answered(now, correlation, response, out, history),
            Client::Service(c) => c.answered(now, correlation, response, out, history),
            Client::Relay(c) => c.answered(now, correlation, response, out, history),
            _ => panic!("only clients that call a sink are answered by one"),
        }
    }

    /// What it asks of a sink and has not handed over yet.
    pub(crate) fn take_calls(&mut self) -> Vec<caller::OutgoingCall> {
        match self {
            Client::Pipeline(c) => c.take_calls(),
            Client::Service(c) => c.take_calls(),
            Client::Relay(c) => c.take_calls(),
            _ => Vec::new(),
        }
    }

    /// A deadline has come.
    pub fn wake(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        each!(self, c => c.wake(now, out, history));
    }

    /// Its next deadline.
    #[inline(always)]
    pub fn next_deadline(&self) -> Instant {
        each!(self, c => c.next_deadline())
    }

    /// Its process is killed: what was under way stays unknown.
    pub fn crash(&mut self, now: Now, history: &mut History<'_>) {
        let place = self.place();
        each!(self, c => c.crash(now, Gone::Killed, history));
        // Whoever runs a program tells what becomes of it.
        if let (Some((c, i)), false) = (place, matches!(self, Client::External(_))) {
            history.killed(now.mono, c, i);
        }
    }

    /// The run is over: what is under way stays unknown.
    pub fn end_of_run(&mut self, now: Now, history: &mut History<'_>) {
        each!(self, c => c.crash(now, Gone::RunOver, history));
    }

    /// Its number in the history and its incarnation, once it has run.
    pub(crate) fn place(&self) -> Option<(u32, u32)> {
        each!(self, c => c.place())
    }

    /// How far it has come.
    pub(crate) fn progress(&self) -> Option<&Progress> {
        match self {
            Client::Producer(c) => Some(c.progress()),
            Client::Pipeline(c) => Some(c.progress()),
            Client::Reader(c) => Some(c.progress()),
            Client::Service(c) => Some(c.progress()),
            Client::Relay(c) => Some(c.progress()),
            Client::Echo(_) => None,
            Client::External(c) => Some(c.progress()),
        }
    }

    /// Whether it keeps its offsets in a sink, and not in Kafka.
    pub(crate) fn keeps_offsets_itself(&self) -> bool {
        matches!(self, Client::Pipeline(c) if c.keeps_offsets_itself())
    }

    /// The topic that it writes.
    pub(crate) fn output(&self) -> Option<TopicId> {
        match self {
            Client::Producer(c) => Some(c.output()),
            Client::Pipeline(c) => c.output(),
            Client::Service(c) => c.output(),
            Client::Relay(c) => Some(c.output()),
            Client::Reader(_) | Client::Echo(_) | Client::External(_) => None,
        }
    }
}

/// The clients of a plan.
pub fn populate(plan: &Plan, root_seed: u64) -> Vec<Client> {
    let mut clients = Vec::new();
    for (workload, producer) in plan.producers.iter().enumerate() {
        clients.push(Client::Producer(ProducerClient::new(plan, producer, workload as u32, root_seed)));
    }
    for (place, pipeline) in plan.pipelines.iter().enumerate() {
        for member in 1..=pipeline.members {
            clients.push(Client::Pipeline(PipelineClient::new(plan, pipeline, place as u16, member)));
        }
    }
    for reader in &plan.readers {
        for member in 1..=reader.members {
            clients.push(Client::Reader(ReaderClient::new(plan, reader, member)));
        }
    }
    for (place, service) in plan.services.iter().enumerate() {
        let workload = (plan.producers.len() + place) as u32;
        clients.push(Client::Service(ServiceClient::new(plan, service, workload, root_seed)));
    }
    clients.extend(plan.relays.iter().map(|relay| Client::Relay(RelayClient::new(plan, relay))));
    clients.extend(plan.echoes.iter().map(|echo| Client::Echo(EchoClient::new(plan, echo))));
    clients.extend(plan.externals.iter().map(|name| Client::External(ExternalClient::new(name))));
    clients
}

/// Id of a topic of the plan.
pub(crate) fn topic_id(plan: &Plan, name: &str) -> TopicId {
    let index = plan.topics.iter().position(|t| t.name == name).expect("the plan's topics were checked");
    TopicId::application(index)
}

/// All partitions of topics of the plan.
pub(crate) fn partitions_of(plan: &Plan, topics: &[String]) -> Vec<TopicPartition> {
    let mut all = Vec::new();
    for name in topics {
        let topic = topic_id(plan, name);
        let count = plan.topics[topic.0 as usize - 2].partitions;
        all.extend((0..count).map(|p| TopicPartition::new(topic, p)));
    }
    all.sort();
    all
}

impl Plan {
    /// When the last record of a workload is due at the earliest.
    pub fn latest_input(&self) -> Span {
        let end =
            |start: Span, interval: Span, source: &Source| Span(start.0 + interval.0.saturating_mul(source.len()));
        let producers = self.producers.iter().map(|p| end(p.start, p.interval, &p.source));
        let services = self.services.iter().map(|s| end(s.start, s.interval, &s.source));
        producers.chain(services).max().unwrap_or(Span::ZERO)
    }
}
