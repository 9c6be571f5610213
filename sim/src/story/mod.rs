//! Makes a story of a run while it happens: the history tells of transactions and logs, the trace of everything between.

mod sinks;
mod tape;
pub(crate) mod words;

pub use tape::{Happening, Recorder, Step, Tape};

use std::cell::RefCell;
use std::collections::BTreeMap;

use fencepost_protocol::ids::{TopicId, coordinator_partition};
use fencepost_protocol::message::Request as KafkaRequest;
use fencepost_protocol::time::{Instant, Span};
use fencepost_reports::figures::{Figures, Tally};
use fencepost_reports::history::{Event, Sink};
use fencepost_reports::story::{
    Band, BandKind, Chronicle, FORMAT, Fate, Lane, LaneKind, Level, Message, Office, Purpose, Story,
};

use crate::cast::{Names, Role, member_name};
use crate::message::{Request, Response};
use crate::plan::Plan;
use crate::run::Run;
use crate::scenario::deviation;
use crate::schedule::{Action, Actor, Own, OwnTraced};
use crate::sink::Call;
use crate::world::{MessageKey, NodeCounts, Traced, TracedEvent};

/// Messages that are kept at most; then those that only keep the cluster going are left out, and at twice as many all.
const MESSAGES: usize = 150_000;

/// Listens to a run and tells its story. The two ends ([`Teller::sink`], [`Teller::trace`]) are used in turn.
#[derive(Debug)]
pub struct Teller {
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    names: Names,
    chronicle: Chronicle,
    /// Lane of each actor.
    lanes: Vec<u32>,
    /// Which messages are under way, by connection, correlation and direction.
    underway: BTreeMap<(u64, u32, bool), u32>,
    messages: Vec<Message>,
    /// Requests by connection and correlation, for their answers.
    requests: BTreeMap<(u64, u32), u32>,
    omitted: u64,
    bands: Vec<Band>,
    /// Bands of a node's process that have not ended.
    open: BTreeMap<u32, usize>,
    restarting: Vec<u32>,
    offices: Vec<Office>,
    coordinated: Vec<(TopicId, u32, String)>,
    /// Requests that had an effect on a sink, by when they were taken and whose they were.
    effects: BTreeMap<(u64, u32), u32>,
    end: u64,
}

/// What a program's process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// It runs.
    Running,
    /// It stands still.
    Paused,
    /// There is none.
    Down,
}

/// The history's end of a teller.
#[derive(Debug)]
pub struct HistoryEnd<'t>(&'t Teller);

impl Sink for HistoryEnd<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.0.state.borrow_mut().chronicle.event(event);
    }
}

impl Teller {
    /// A teller for runs of a plan.
    pub fn new(plan: &Plan) -> Teller {
        Teller::with_programs(plan, &[])
    }

    /// A teller for runs in which programs from outside take part. Each has one lane, whatever clients it makes.
    pub fn with_programs(plan: &Plan, programs: &[String]) -> Teller {
        let names = plan.names();
        let mut order: Vec<(LaneKind, usize)> =
            names.parts.iter().enumerate().map(|(n, part)| (part.role.lane(), n)).collect();
        let rank = |kind: LaneKind| match kind {
            LaneKind::Producer => 0,
            LaneKind::Pipeline => 1,
            LaneKind::Broker => 2,
            LaneKind::Controller => 3,
            LaneKind::Reader => 4,
            LaneKind::Sink => 5,
        };
        order.sort_by_key(|(kind, n)| (rank(*kind), *n));
        // The places of programs' clients have no lanes: the programs have.
        order.retain(|(_, n)| names.parts[*n].role != Role::External);
        let before = order.iter().take_while(|(kind, _)| rank(*kind) < rank(LaneKind::Broker)).count();
        let mut lanes = vec![0; names.nodes.len()];
        for (lane, (_, actor)) in order.iter().enumerate() {
            let shift = if lane < before { 0 } else { programs.len() };
            lanes[*actor] = (lane + shift) as u32;
        }
        let mut drawn: Vec<Lane> =
            order.iter().map(|(kind, n)| Lane { name: names.nodes[*n].clone(), kind: *kind }).collect();
        let lane = |name: &String| Lane { name: name.clone(), kind: LaneKind::Pipeline };
        drawn.splice(before..before, programs.iter().map(lane));
        let state = State {
            chronicle: Chronicle::new(drawn),
            lanes,
            underway: BTreeMap::new(),
            messages: Vec::new(),
            requests: BTreeMap::new(),
            omitted: 0,
            bands: Vec::new(),
            open: BTreeMap::new(),
            restarting: Vec::new(),
            offices: Vec::new(),
            coordinated: coordinated(plan),
            effects: BTreeMap::new(),
            end: 0,
            names,
        };
        Teller { state: RefCell::new(state) }
    }

    /// Where the history goes.
    pub fn sink(&self) -> HistoryEnd<'_> {
        HistoryEnd(self)
    }

    /// Takes a piece of the trace.
    pub fn trace(&self, traced: &Traced<'_>) {
        self.follow(traced);
    }

    /// Takes a piece of the trace; says which message was taken or lost by it, as an index of the story's messages.
    pub fn follow(&self, traced: &Traced<'_>) -> Option<u32> {
        let mut state = self.state.borrow_mut();
        let key = traced
            .message
            .filter(|_| matches!(traced.what, TracedEvent::Request(_) | TracedEvent::Response(_) | TracedEvent::Lost));
        let index = key.and_then(|k| state.underway.get(&(k.connection, k.correlation, k.answer)).copied());
        state.trace(traced);
        index
    }

    /// A program's process stands still, or is down, from an instant on; or it runs (again).
    pub fn process(&self, name: &str, at: Instant, state: ProcessState) {
        let mut told = self.state.borrow_mut();
        let Some(lane) = told.chronicle.lane(name) else { return };
        let (kind, what) = match state {
            ProcessState::Running => {
                if let Some(band) = told.open.remove(&lane) {
                    told.bands[band].to = at.0;
                }
                return;
            }
            ProcessState::Paused => (BandKind::Paused, "stands still"),
            ProcessState::Down => (BandKind::Crashed, "is down"),
        };
        if let Some(band) = told.open.remove(&lane) {
            told.bands[band].to = at.0;
        }
        told.begin(lane, kind, at.0, format!("{name} {what}"));
    }

    /// The story; scenario, seed and command are left to the caller.
    pub fn tell(self, run: &Run) -> Story {
        let names = self.state.borrow().names.clone();
        let mut story = self.tell_until(run.outcome.finished_at.0);
        story.digest = run.outcome.digest.to_string();
        story.script = run.outcome.recorded.iter().map(|d| deviation::words(d, &names)).collect();
        story.figures = run.figures.clone();
        story.judge(&run.report);
        story
    }

    /// The story of a run that a panic ended: without a verdict.
    pub fn tell_of_panic(self) -> Story {
        let end = self.state.borrow().end;
        self.tell_until(end)
    }

    fn tell_until(self, end: u64) -> Story {
        let mut state = self.state.into_inner();
        state.find_what_brought_effects();
        let mut story = Story {
            format: FORMAT,
            end,
            offices: state.offices,
            messages: state.messages,
            messages_omitted: state.omitted,
            bands: state.bands,
            ..Story::default()
        };
        for band in &mut story.bands {
            band.to = band.to.min(end);
        }
        state.chronicle.tell(&mut story);
        story
    }
}

/// A request on one line: its kind, what it is about, and what it holds.
pub(crate) fn request_line(request: &Request, names: &Names) -> String {
    one_line(&words::request(request, names, &Chronicle::new(Vec::new())))
}

/// An answer on one line.
pub(crate) fn response_line(response: &Response, names: &Names) -> String {
    one_line(&words::response(response, None, names, &Chronicle::new(Vec::new())))
}

fn one_line(message: &Message) -> String {
    let mut line = message.kind.clone();
    for (before, text) in [(" ", message.label.as_str()), (": ", &message.detail.replace('\n', "; "))] {
        if !text.is_empty() {
            line.push_str(before);
            line.push_str(text);
        }
    }
    line
}

/// Which partitions of the internal topics make their leaders coordinators, and of what.
fn coordinated(plan: &Plan) -> Vec<(TopicId, u32, String)> {
    let config = &plan.cluster.config;
    let mut coordinated = Vec::new();
    for (_, client) in plan.client_plans() {
        let Some(id) = client.producer().and_then(|producer| producer.transactional_id.as_ref()) else { continue };
        for member in 1..=client.members() {
            let id = member_name(id, member, client.members());
            let partition = coordinator_partition(&id, config.transaction_partitions);
            coordinated.push((TopicId::TRANSACTION_STATE, partition, format!("coordinator of txn {id}")));
        }
    }
    for (_, client) in plan.client_plans() {
        let Some(group) = client.consumer().and_then(|consumer| consumer.group_id.as_ref()) else { continue };
        let partition = coordinator_partition(group, config.offsets_partitions);
        let office = (TopicId::CONSUMER_OFFSETS, partition, format!("coordinator of group {group}"));
        if !coordinated.contains(&office) {
            coordinated.push(office);
        }
    }
    coordinated
}

/// What nodes counted, as figures.
pub fn with_counts(mut figures: Figures, counts: &[NodeCounts]) -> Figures {
    for count in counts {
        let tally = Tally {
            retries: count.retries,
            absorbed: count.absorbed,
            largest_lso_lag: count.largest_lso_lag,
            leader_moves: count.leader_moves,
            coordinator_moves: count.coordinator_moves,
            ..Tally::default()
        };
        if tally != Tally::default() {
            figures.node(&count.name, &tally);
        }
    }
    figures.without_idle_nodes()
}

impl State {
    fn trace(&mut self, traced: &Traced<'_>) {
        let t = traced.at.0;
        self.end = t;
        match (&traced.what, traced.message) {
            (TracedEvent::Sent(request, due), Some(key)) => {
                let message = words::request(request, &self.names, &self.chronicle);
                self.sent(traced, key, due.0, message);
            }
            (TracedEvent::Answered(response, due), Some(key)) => {
                let request = self.requests.get(&(key.connection, key.correlation)).copied();
                let asked = request.map(|n| &self.messages[n as usize]);
                let mut message = words::response(response, asked, &self.names, &self.chronicle);
                message.request = request;
                self.sent(traced, key, due.0, message);
            }
            (TracedEvent::Request(request), Some(key)) => {
                let index = self.taken(t, key, key.late);
                match request {
                    Request::Kafka(KafkaRequest::Produce(produce)) => self.brought(produce, index),
                    Request::Sink(request) if matches!(request.call, Call::Commit | Call::Charge { .. }) => {
                        let lane = index.map(|index| self.messages[index as usize].from);
                        self.effects.extend(lane.zip(index).map(|(lane, index)| ((t, lane), index)));
                    }
                    _ => {}
                }
            }
            (TracedEvent::Response(_), Some(key)) => {
                self.taken(t, key, false);
                self.requests.remove(&(key.connection, key.correlation));
            }
            (TracedEvent::Lost, Some(key)) => {
                if let Some(index) = self.underway.remove(&(key.connection, key.correlation, key.answer)) {
                    let message = &mut self.messages[index as usize];
                    message.fate = Fate::Lost;
                    message.arrived = message.arrived.max(t);
                }
            }
            (TracedEvent::Started, _) => self.process_runs(traced, t),
            (TracedEvent::Resumed, _) => self.process_runs(traced, t),
            (TracedEvent::Stopped { power }, _) => self.process_stops(traced, t, *power),
            (TracedEvent::Paused, _) => {
                let Some(lane) = self.chronicle.lane(traced.from) else { return };
                self.begin(lane, BandKind::Paused, t, format!("{} stands still", traced.from));
            }
            (TracedEvent::Began(action), _) => self.fault(t, action),
            (TracedEvent::Own(OwnTraced::Stored(tp, batch)), _) => {
                let name = || self.names.partition_name(*tp);
                let told = words::stored(t, batch, &self.names);
                self.chronicle.stored(tp.topic.0, tp.partition, name, told);
            }
            (TracedEvent::Own(OwnTraced::Level { tp, hw, lso }), _) => {
                let (topic, partition) = (tp.topic.0, tp.partition);
                let strip = self.chronicle.strip(topic, partition);
                if let Some(strip) = strip.or_else(|| self.chronicle.internal_strip(topic, partition)) {
                    let levels = &mut self.chronicle.strip_mut(strip).levels;
                    levels.push(Level { t, hw: *hw, lso: *lso });
                }
            }
            (TracedEvent::Own(OwnTraced::Leads(tp)), _) => {
                let Some(lane) = self.chronicle.lane(traced.to) else { return };
                if tp.topic.is_internal() {
                    let held = self.coordinated.iter().filter(|(topic, p, _)| (*topic, *p) == (tp.topic, tp.partition));
                    self.offices.extend(held.map(|(.., name)| Office { t, lane, name: name.clone() }));
                } else {
                    let name = format!("leader of {}", self.names.partition_name(*tp));
                    self.offices.push(Office { t, lane, name });
                }
            }
            _ => {}
        }
    }

    fn sent(&mut self, traced: &Traced<'_>, key: MessageKey, due: u64, mut message: Message) {
        let ends = (self.chronicle.lane(traced.from), self.chronicle.lane(traced.to));
        let (Some(from), Some(to)) = ends else { return };
        let busy = self.messages.len() >= MESSAGES && !message.purpose.is_essential();
        if busy || self.messages.len() >= 2 * MESSAGES {
            self.omitted += 1;
            return;
        }
        let index = self.messages.len() as u32;
        message.from = from;
        message.to = to;
        message.answer = key.answer;
        message.sent = traced.at.0;
        message.arrived = due;
        message.fate = Fate::Underway;
        // News that came makes the question part of the story, too.
        if let Some(request) = message.request {
            let request = &mut self.messages[request as usize];
            request.purpose = request.purpose.min(message.purpose);
        }
        self.messages.push(message);
        self.underway.insert((key.connection, key.correlation, key.answer), index);
        if !key.answer {
            self.requests.insert((key.connection, key.correlation), index);
        }
    }

    fn taken(&mut self, t: u64, key: MessageKey, late: bool) -> Option<u32> {
        let index = self.underway.remove(&(key.connection, key.correlation, key.answer))?;
        let message = &mut self.messages[index as usize];
        message.arrived = t;
        message.fate = if late { Fate::Late } else { Fate::Delivered };
        Some(index)
    }

    fn brought(&mut self, produce: &fencepost_protocol::message::ProduceRequest, index: Option<u32>) {
        let Some(index) = index else { return };
        let lane = self.messages[index as usize].from;
        for part in &produce.partitions {
            if let Some(strip) = self.chronicle.strip(part.tp.topic.0, part.tp.partition) {
                let batch = &part.batch;
                let producer = (batch.producer_id, batch.producer_epoch);
                let count = batch.last_offset_delta as u32 + 1;
                self.chronicle.brings(strip, producer, batch.base_sequence, count, lane, index);
            }
        }
    }

    /// Each row and charge was brought by the request of its client that was taken at that time.
    fn find_what_brought_effects(&mut self) {
        let strips: Vec<u32> = self.chronicle.strips_of_sinks().collect();
        for strip in strips {
            for batch in &mut self.chronicle.strip_mut(strip).batches {
                batch.message = batch.lane.and_then(|lane| self.effects.get(&(batch.t, lane)).copied());
            }
        }
    }

    fn begin(&mut self, lane: u32, kind: BandKind, t: u64, words: String) {
        self.open.insert(lane, self.bands.len());
        self.bands.push(Band { kind, lanes: vec![lane], from: t, to: u64::MAX, words });
    }

    /// A process ends, or its host loses power.
    fn process_stops(&mut self, traced: &Traced<'_>, t: u64, power: bool) {
        let Some(lane) = self.chronicle.lane(traced.from) else { return };
        self.process_runs(traced, t);
        let restarting = self.restarting.iter().position(|l| *l == lane);
        let (kind, what) = match (power, restarting) {
            (true, _) => (BandKind::PowerLoss, "has no power"),
            (false, Some(_)) => (BandKind::Restarting, "restarts"),
            (false, None) => (BandKind::Crashed, "is down"),
        };
        if let Some(n) = restarting {
            self.restarting.remove(n);
        }
        self.begin(lane, kind, t, format!("{} {what}", traced.from));
    }

    /// Whatever kept the process from running is over.
    fn process_runs(&mut self, traced: &Traced<'_>, t: u64) {
        let Some(lane) = self.chronicle.lane(traced.from) else { return };
        if let Some(band) = self.open.remove(&lane) {
            self.bands[band].to = t;
        }
    }

    fn fault(&mut self, t: u64, action: &Action) {
        let lane = |actor: &Actor| self.lanes[*actor as usize];
        let ends = |links: &[(Actor, Actor)]| {
            let mut lanes: Vec<u32> = links.iter().flat_map(|(a, b)| [lane(a), lane(b)]).collect();
            lanes.sort_unstable();
            lanes.dedup();
            lanes
        };
        let words = deviation::action_words(action, &self.names);
        let (kind, lanes, span) = match action {
            // Told by the life of the processes.
            Action::Crash { .. } | Action::PowerLoss { .. } | Action::Pause { .. } => return,
            Action::Own(Own::Restart { node, .. }) => {
                self.restarting.push(lane(node));
                (BandKind::Event, vec![lane(node)], Span::ZERO)
            }
            Action::Own(Own::RollingRestart { .. }) => {
                let lanes: Vec<u32> = self.names.brokers().map(|n| self.lanes[n as usize]).collect();
                self.restarting.extend(&lanes);
                (BandKind::Event, lanes, Span::ZERO)
            }
            Action::Block { links, span } => (BandKind::Partitioned, ends(links), *span),
            Action::Slow { links, span, .. } => (BandKind::Impaired, ends(links), *span),
            Action::LoseAnswers { node, span, .. }
            | Action::Own(Own::HoldMetadata { node, span })
            | Action::SlowNode { node, span, .. } => (BandKind::Impaired, vec![lane(node)], *span),
            Action::StepClock { node, .. }
            | Action::DriftClock { node, .. }
            | Action::Own(Own::PostponeJob { node, .. }) => (BandKind::Event, vec![lane(node)], Span::ZERO),
            Action::Own(Own::MoveLeader { to, .. }) => {
                let to = to.and_then(|id| self.names.broker(id));
                (BandKind::Event, to.map(|n| self.lanes[n as usize]).into_iter().collect(), Span::ZERO)
            }
            Action::Own(Own::SetTransactionVersion(_)) => (BandKind::Event, Vec::new(), Span::ZERO),
            // Shown by the message itself.
            Action::Message(_) => return,
        };
        self.bands.push(Band { kind, lanes, from: t, to: t + span.0, words });
    }
}

/// The purpose of a fetch that brought nothing.
const NOTHING_NEW: Purpose = Purpose::Idle;
