//! Scripts against one to three brokers on an ideal network, with a controller that does what the test says.

mod consuming;
mod coordination;
mod fetching;
mod isr;
mod lifecycle;
mod producing;
mod replication;
mod variants;
mod verification;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::*;
use crate::batch::*;
use crate::error::ErrorCode;
use crate::image::*;
use crate::log::Ending;

/// The first application topic.
pub(super) const TOPIC: TopicId = TopicId(2);
pub(super) const TP: TopicPartition = TopicPartition::new(TOPIC, 0);
pub(super) const TP1: TopicPartition = TopicPartition::new(TOPIC, 1);

pub(super) fn node(id: i32) -> NodeId {
    NodeId(id)
}

/// A message of a purpose that the test answers by hand.
#[derive(Clone, Debug)]
pub(super) struct Caught {
    pub from: NodeId,
    pub channel: Channel,
    pub correlation: CorrelationId,
    pub request: Request,
}

/// Something on its way.
#[derive(Clone, Debug)]
enum Event {
    Net(NodeId, NetInput),
    Request(NodeId, ConnId, Request),
}

/// Controller: keeps the image, elects nobody by itself.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    pub image: ClusterImage,
    changes: Vec<MetadataChange>,
    polls: Vec<(NodeId, u64, CorrelationId)>,
    next_epoch: i64,
    next_producer_id: ProducerId,
    /// Errors with which the next registrations are answered.
    pub refuse_registrations: u32,
    pub unfence: bool,
    pub grant_shutdown: bool,
    pub registrations: Vec<BrokerRegistrationRequest>,
    pub heartbeats: Vec<BrokerHeartbeatRequest>,
    pub alters: Vec<AlterPartitionEntry>,
    /// Answers to the next AlterPartition entries; otherwise they are applied.
    pub alter_errors: VecDeque<ErrorCode>,
}

/// Brokers, controller, and what connects them.
pub(super) struct World {
    pub brokers: BTreeMap<NodeId, Broker>,
    pub disks: BTreeMap<NodeId, BrokerDisk>,
    pub controller: Controller,
    pub config: Arc<BrokerConfig>,
    pub ms: u64,
    queue: VecDeque<Event>,
    next_conn: u64,
    next_incarnation: u64,
    /// Requests under way between brokers: who is to get the answer.
    open: BTreeMap<ConnId, (NodeId, Channel, CorrelationId)>,
    answers: BTreeMap<ConnId, Response>,
    pub done: BTreeSet<ConnId>,
    pub closed: BTreeSet<ConnId>,
    /// Purposes that the test answers by hand.
    pub intercept: BTreeSet<Purpose>,
    pub caught: VecDeque<Caught>,
    /// Number of requests sent to brokers by brokers.
    pub sent: u64,
}

pub(super) fn topic(name: &str, partitions: usize, replicas: &[i32], min_isr: u32) -> TopicImage {
    let replicas: Arc<[NodeId]> = replicas.iter().map(|id| NodeId(*id)).collect();
    let partition = PartitionImage {
        isr: replicas.to_vec(),
        leader: Some(replicas[0]),
        replicas,
        elr: Vec::new(),
        last_known_leader: None,
        leader_epoch: 0,
        partition_epoch: 0,
        leader_recovering: false,
    };
    TopicImage {
        name: name.into(),
        settings: TopicSettings {
            min_insync_replicas: min_isr,
            unclean_leader_election: false,
            max_message_bytes: 10_000,
            segment_bytes: 1 << 20,
        },
        partitions: vec![partition; partitions],
    }
}

impl World {
    /// `brokers` brokers, numbered from 1; the topic has two partitions, replicas on all of them, and broker 1 leads.
    pub fn new(brokers: i32, min_isr: u32) -> World {
        World::with(brokers, min_isr, |_| {})
    }

    pub fn with(brokers: i32, min_isr: u32, configure: impl FnOnce(&mut BrokerConfig)) -> World {
        let mut config = BrokerConfig::default();
        configure(&mut config);
        let all: Vec<i32> = (1..=brokers).collect();
        let mut image = ClusterImage::empty();
        image.features.transaction_version = 2;
        image.topics = vec![
            topic("__transaction_state", 1, &all, min_isr),
            topic("__consumer_offsets", 1, &all, min_isr),
            topic("orders", 2, &all, min_isr),
        ];
        let changes = image.as_changes();
        image.version = changes.len() as u64;
        let controller = Controller {
            image,
            changes,
            polls: Vec::new(),
            next_epoch: 100,
            next_producer_id: 0,
            refuse_registrations: 0,
            unfence: true,
            grant_shutdown: false,
            registrations: Vec::new(),
            heartbeats: Vec::new(),
            alters: Vec::new(),
            alter_errors: VecDeque::new(),
        };
        let mut world = World {
            brokers: BTreeMap::new(),
            disks: BTreeMap::new(),
            controller,
            config: Arc::new(config),
            ms: 1_000,
            queue: VecDeque::new(),
            next_conn: 0,
            next_incarnation: 0,
            open: BTreeMap::new(),
            answers: BTreeMap::new(),
            done: BTreeSet::new(),
            closed: BTreeSet::new(),
            intercept: BTreeSet::new(),
            caught: VecDeque::new(),
            sent: 0,
        };
        for id in 1..=brokers {
            world.start(id);
        }
        world.run(0);
        world
    }

    pub fn now(&self) -> Now {
        Now::at_ms(self.ms)
    }

    pub fn start(&mut self, id: i32) {
        let id = NodeId(id);
        self.next_incarnation += 1;
        let disk = self.disks.remove(&id).unwrap_or_default();
        let mut out = Vec::new();
        let now = self.now();
        let (config, incarnation) = (self.config.clone(), self.next_incarnation);
        let process = BrokerProcess { id, config, domains: Domains::default(), disk, incarnation };
        let broker = Broker::start(process, now, &mut out);
        self.brokers.insert(id, broker);
        self.take(id, out);
    }

    /// Ends a broker's process; connections to it break at once.
    pub fn stop(&mut self, id: i32, mut ending: impl FnMut(&PartitionLog) -> Ending) {
        let id = NodeId(id);
        let broker = self.brokers.remove(&id).expect("a running broker");
        self.disks.insert(id, broker.stop(|_, log| ending(log)));
        self.controller.polls.retain(|(from, ..)| *from != id);
        self.caught.retain(|c| c.from != id);
        self.queue.retain(|e| !matches!(e, Event::Net(to, _) | Event::Request(to, ..) if *to == id));
        self.open.retain(|_, (from, ..)| *from != id);
        let broken: Vec<_> =
            self.open.iter().filter(|(_, (_, c, _))| c.to == id).map(|(k, v)| (*k, v.0, v.1)).collect();
        for (conn, from, channel) in broken {
            self.open.remove(&conn);
            self.queue.push_back(Event::Net(from, NetInput::Disconnected(channel)));
        }
        self.run(0);
    }

    pub fn broker(&self, id: i32) -> &Broker {
        &self.brokers[&NodeId(id)]
    }

    pub fn broker_mut(&mut self, id: i32) -> &mut Broker {
        self.brokers.get_mut(&NodeId(id)).expect("a running broker")
    }

    pub fn log(&self, id: i32) -> &PartitionLog {
        self.broker(id).log(TP).expect("a replica")
    }

    fn take(&mut self, from: NodeId, out: Outputs) {
        for output in out {
            match output {
                Output::Connect(channel) => {
                    let up = channel.to == NodeId::CONTROLLER || self.brokers.contains_key(&channel.to);
                    let input = if up { NetInput::Connected(channel) } else { NetInput::Disconnected(channel) };
                    self.queue.push_back(Event::Net(from, input));
                }
                Output::Send(channel, correlation, request) if self.intercept.contains(&channel.purpose) => {
                    self.caught.push_back(Caught { from, channel, correlation, request });
                }
                Output::Send(channel, correlation, request) if channel.to == NodeId::CONTROLLER => {
                    self.control(from, channel, correlation, request);
                }
                Output::Send(channel, correlation, request) => {
                    self.sent += 1;
                    if self.brokers.contains_key(&channel.to) {
                        self.next_conn += 1;
                        self.open.insert(ConnId(self.next_conn), (from, channel, correlation));
                        self.queue.push_back(Event::Request(channel.to, ConnId(self.next_conn), request));
                    } else {
                        self.queue.push_back(Event::Net(from, NetInput::Disconnected(channel)));
                    }
                }
                Output::Close(channel) => {
                    self.open.retain(|_, (node, c, _)| (*node, *c) != (from, channel));
                    self.caught.retain(|c| (c.from, c.channel) != (from, channel));
                }
                Output::Respond(conn, response) => match self.open.remove(&conn) {
                    Some((to, channel, correlation)) => {
                        self.queue.push_back(Event::Net(to, NetInput::Response(channel, correlation, response)));
                    }
                    None => assert!(self.answers.insert(conn, response).is_none(), "{conn:?} was answered twice"),
                },
                Output::Done(conn) => assert!(self.done.insert(conn)),
                Output::CloseIncoming(conn) => assert!(self.closed.insert(conn)),
            }
        }
    }

    fn control(&mut self, from: NodeId, channel: Channel, correlation: CorrelationId, request: Request) {
        let controller = &mut self.controller;
        let response: Response = match request {
            Request::BrokerRegistration(r) => {
                controller.registrations.push(r);
                let refused = controller.refuse_registrations > 0;
                controller.refuse_registrations = controller.refuse_registrations.saturating_sub(1);
                let broker_epoch = if refused {
                    Err(ErrorCode::DuplicateBrokerRegistration)
                } else {
                    controller.next_epoch += 1;
                    Ok(controller.next_epoch)
                };
                if let Ok(epoch) = broker_epoch {
                    let image =
                        BrokerImage { epoch, incarnation: r.incarnation, fenced: true, in_controlled_shutdown: false };
                    self.change(MetadataChange::Broker(from, image));
                }
                BrokerRegistrationResponse { broker_epoch }.into()
            }
            Request::BrokerHeartbeat(r) => {
                controller.heartbeats.push(r);
                let image = controller.image.brokers[&from];
                let unfence = image.fenced && !r.want_fence && controller.unfence;
                let should_shutdown = r.want_shutdown && controller.grant_shutdown;
                if unfence {
                    self.change(MetadataChange::Broker(from, BrokerImage { fenced: false, ..image }));
                }
                let is_fenced = image.fenced && !unfence;
                let error = None;
                BrokerHeartbeatResponse { error, is_caught_up: true, is_fenced, should_shutdown }.into()
            }
            Request::MetadataFetch(r) => {
                controller.polls.push((from, r.after_version, correlation));
                return self.publish();
            }
            Request::AlterPartition(r) => {
                let mut partitions = Vec::new();
                for entry in r.partitions {
                    let result = match self.controller.alter_errors.pop_front() {
                        Some(error) => Err(error),
                        None => {
                            let mut p = self.controller.image.partition(entry.tp).expect("known").clone();
                            p.isr = entry.isr.iter().map(|(id, _)| *id).collect();
                            p.partition_epoch += 1;
                            let (leader, leader_epoch) = (p.leader.expect("a leader"), p.leader_epoch);
                            let (isr, partition_epoch) = (p.isr.clone(), p.partition_epoch);
                            self.change(MetadataChange::Partition(entry.tp, p));
                            Ok(AlteredPartition { leader, leader_epoch, isr, partition_epoch })
                        }
                    };
                    partitions.push((entry.tp, result));
                    self.controller.alters.push(entry);
                }
                AlterPartitionResponse { error: None, partitions }.into()
            }
            Request::AllocateProducerIds(_) => {
                self.controller.next_producer_id += 1_000;
                AllocateProducerIdsResponse { block: Ok((self.controller.next_producer_id, 1_000)) }.into()
            }
            other => panic!("the controller was sent {other:?}"),
        };
        self.queue.push_back(Event::Net(from, NetInput::Response(channel, correlation, response)));
    }

    /// Answers the long polls of brokers that do not know the newest version.
    fn publish(&mut self) {
        let version = self.controller.changes.len() as u64;
        for (to, after, correlation) in core::mem::take(&mut self.controller.polls) {
            if after == version {
                self.controller.polls.push((to, after, correlation));
                continue;
            }
            let changes = self.controller.changes[after as usize..].into();
            let channel = Channel { to: NodeId::CONTROLLER, purpose: Purpose::ControllerMetadata };
            let response = MetadataFetchResponse { version, changes }.into();
            self.queue.push_back(Event::Net(to, NetInput::Response(channel, correlation, response)));
        }
    }

    /// A change of the metadata; brokers hear of it as soon as messages flow.
    pub fn change(&mut self, change: MetadataChange) {
        self.controller.image.apply(&change);
        self.controller.changes.push(change);
        self.controller.image.version += 1;
        self.publish();
    }

    /// Moves the leadership of a partition, with a new leader epoch.
    pub fn elect(&mut self, tp: TopicPartition, leader: Option<i32>, isr: &[i32]) {
        let mut p = self.controller.image.partition(tp).expect("a partition").clone();
        p.leader = leader.map(NodeId);
        p.isr = isr.iter().map(|id| NodeId(*id)).collect();
        p.leader_epoch += 1;
        p.partition_epoch += 1;
        self.change(MetadataChange::Partition(tp, p));
        self.flow();
    }

    /// Fences or unfences a broker.
    pub fn fence(&mut self, id: i32, fenced: bool) {
        let image = self.controller.image.brokers[&NodeId(id)];
        self.change(MetadataChange::Broker(NodeId(id), BrokerImage { fenced, ..image }));
        self.flow();
    }

    /// Delivers everything that is under way.
    pub fn flow(&mut self) {
        let mut steps = 0;
        while let Some(event) = self.queue.pop_front() {
            steps += 1;
            assert!(steps < 100_000, "messages flow for ever");
            let now = self.now();
            let mut out = Vec::new();
            let to = match event {
                Event::Net(to, input) => {
                    let Some(broker) = self.brokers.get_mut(&to) else { continue };
                    broker.net(now, input, &mut out);
                    to
                }
                Event::Request(to, conn, request) => {
                    let Some(broker) = self.brokers.get_mut(&to) else { continue };
                    broker.request(now, conn, request, &mut out);
                    to
                }
            };
            self.take(to, out);
        }
    }

    /// Lets `ms` milliseconds pass.
    pub fn run(&mut self, ms: u64) {
        let end = self.ms + ms;
        loop {
            self.flow();
            let due = self.brokers.values().map(|b| b.poll_timeout()).min().unwrap_or(Instant::NEVER);
            let due_ms = due.0.div_ceil(1_000_000);
            if due == Instant::NEVER || due_ms > end {
                break;
            }
            self.ms = self.ms.max(due_ms);
            let now = self.now();
            let ids: Vec<NodeId> = self.brokers.keys().copied().collect();
            for id in ids {
                let mut out = Vec::new();
                let broker = self.brokers.get_mut(&id).expect("a running broker");
                if broker.poll_timeout() <= now.mono {
                    broker.handle_timeout(now, &mut out);
                    self.take(id, out);
                }
            }
        }
        self.ms = end;
    }

    /// A client sends a request on a connection of its own.
    pub fn send(&mut self, to: i32, request: impl Into<Request>) -> ConnId {
        self.next_conn += 1;
        let conn = ConnId(self.next_conn);
        self.queue.push_back(Event::Request(NodeId(to), conn, request.into()));
        self.flow();
        conn
    }

    /// The answer to a client's request, if it is there.
    pub fn answer(&mut self, conn: ConnId) -> Option<Response> {
        self.answers.remove(&conn)
    }

    /// A client's request that is answered at once.
    pub fn ask(&mut self, to: i32, request: impl Into<Request>) -> Response {
        let conn = self.send(to, request);
        self.answer(conn).expect("an answer at once")
    }

    /// Answers a caught request.
    pub fn reply(&mut self, caught: &Caught, response: impl Into<Response>) {
        let input = NetInput::Response(caught.channel, caught.correlation, response.into());
        self.queue.push_back(Event::Net(caught.from, input));
        self.flow();
    }

    /// Breaks the connection of a caught request.
    pub fn break_off(&mut self, caught: &Caught) {
        self.queue.push_back(Event::Net(caught.from, NetInput::Disconnected(caught.channel)));
        self.flow();
    }

    /// Takes the oldest caught request.
    pub fn catch(&mut self) -> Caught {
        self.caught.pop_front().expect("a caught request")
    }

    /// Produces and returns the outcome of the only partition; `None`: no answer yet.
    pub fn outcome(&mut self, conn: ConnId) -> Option<Result<Offset, ErrorCode>> {
        let Response::Produce(r) = self.answer(conn)? else { panic!("not an answer to a Produce") };
        let p = r.partitions[0];
        Some(p.error.map_or(Ok(p.base_offset), Err))
    }

    /// R1 (§9.3): logs that agree on the leader epoch of an offset have the same prefix up to it.
    pub fn check_prefixes(&self) {
        for a in self.brokers.values() {
            for b in self.brokers.values() {
                for (tp, pa) in a.partitions() {
                    let Some(pb) = b.log(tp) else { continue };
                    let xs: Vec<_> = pa.log().batches().collect();
                    let ys: Vec<_> = pb.batches().collect();
                    let same =
                        |i: usize| (xs[i].base_offset, xs[i].leader_epoch) == (ys[i].base_offset, ys[i].leader_epoch);
                    if let Some(last) = (0..xs.len().min(ys.len())).rev().find(|i| same(*i)) {
                        assert_eq!(xs[..=last], ys[..=last], "{tp:?} of {} and {}", a.id(), b.id());
                    }
                }
            }
        }
    }
}

/// A batch of `count` records without producer.
pub(super) fn plain(count: usize) -> RecordBatch {
    let record = Record { origin: Origin::default(), timestamp_ms: 5, key: None, value: Some("v".into()) };
    RecordBatch::of_records(vec![record; count].into())
}

/// A batch of a producer.
pub(super) fn of(id: ProducerId, epoch: ProducerEpoch, sequence: Sequence, transactional: bool) -> RecordBatch {
    RecordBatch { producer_id: id, producer_epoch: epoch, base_sequence: sequence, transactional, ..plain(1) }
}

pub(super) fn produce(acks: Acks, batch: RecordBatch) -> ProduceRequest {
    let transactional_id = batch.transactional.then(|| "t".into());
    let partitions = vec![ProducePartition { tp: TP, batch: Arc::new(batch) }];
    ProduceRequest { version: 12, transactional_id, acks, timeout_ms: 30_000, partitions }
}

/// A consumer's fetch without session.
pub(super) fn read(offset: Offset, isolation: IsolationLevel, max_wait_ms: i32) -> FetchRequest {
    FetchRequest {
        replica: None,
        isolation,
        max_wait_ms,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_id: 0,
        session_epoch: -1,
        partitions: vec![position(TP, offset)],
        forgotten: Vec::new(),
    }
}

pub(super) fn position(tp: TopicPartition, fetch_offset: Offset) -> FetchPartition {
    FetchPartition {
        tp,
        current_leader_epoch: NO_LEADER_EPOCH,
        fetch_offset,
        last_fetched_epoch: NO_LEADER_EPOCH,
        max_bytes: 1 << 20,
        log_start_offset: -1,
    }
}

pub(super) fn fetched(response: Response) -> FetchResponse {
    match response {
        Response::Fetch(r) => r,
        other => panic!("not an answer to a Fetch: {other:?}"),
    }
}
