//! Our machines as a target: one to three brokers and a controller on an ideal network, in virtual time. Messages take
//! no time; only waiting moves the clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use fencepost_protocol::broker::{Broker, BrokerDisk, BrokerProcess};
use fencepost_protocol::config::{BrokerConfig, Domains};
use fencepost_protocol::controller::{Controller, NewTopic};
use fencepost_protocol::ids::*;
use fencepost_protocol::image::{Features, TopicSettings};
use fencepost_protocol::io::*;
use fencepost_protocol::log::Ending as LogEnding;
use fencepost_protocol::message::Request;
use fencepost_protocol::time::{Instant, Now};

use crate::dialogue::{Cluster, Topic};
use crate::target::{Ending, Reply, Target};

/// Wall clock at the beginning of every dialogue, milliseconds.
const EPOCH_MS: i64 = 1_700_000_000_000;
/// Inputs at one instant after which the machines are taken to talk in circles.
const BUSY: u32 = 1_000_000;

#[derive(Clone, Debug)]
enum Peer {
    /// Another machine's channel.
    Machine(NodeId, Channel),
    /// A client's connection of that name.
    Client(NodeId, String),
}

#[derive(Clone, Debug)]
struct Connection {
    server: NodeId,
    peer: Peer,
    /// Correlation id of the request in hand.
    in_hand: Option<CorrelationId>,
    queue: VecDeque<(CorrelationId, Request)>,
}

#[derive(Clone, Debug)]
enum Event {
    /// The server may take the connection's next request.
    Take(ConnId),
    Net(NodeId, NetInput),
}

/// A cluster of our machines; a fresh one for each dialogue.
#[derive(Clone, Debug)]
pub struct Machines {
    cluster: Cluster,
    config: Arc<BrokerConfig>,
    brokers: BTreeMap<NodeId, Broker>,
    disks: BTreeMap<NodeId, BrokerDisk>,
    controller: Option<Controller>,
    connections: BTreeMap<ConnId, Connection>,
    events: VecDeque<Event>,
    clients: BTreeMap<(NodeId, String), ConnId>,
    replies: BTreeMap<(NodeId, String), Reply>,
    now: Instant,
    next_connection: u64,
    incarnation: u64,
    out: Outputs,
}

impl Machines {
    /// Machines for a dialogue's cluster.
    ///
    /// # Errors
    /// A setting that our brokers do not know.
    pub fn new(cluster: &Cluster) -> Result<Machines, String> {
        let mut config = BrokerConfig::default();
        for (key, value) in cluster.all_settings() {
            config.set(&key, &value).map_err(|e| format!("{key}={value}: {e}"))?;
        }
        Ok(Machines {
            cluster: cluster.clone(),
            config: Arc::new(config),
            brokers: BTreeMap::new(),
            disks: BTreeMap::new(),
            controller: None,
            connections: BTreeMap::new(),
            events: VecDeque::new(),
            clients: BTreeMap::new(),
            replies: BTreeMap::new(),
            now: Instant::ZERO,
            next_connection: 0,
            incarnation: 0,
            out: Vec::new(),
        })
    }

    /// The brokers, for white-box questions.
    pub fn running(&self) -> impl Iterator<Item = &Broker> {
        self.brokers.values()
    }

    fn clock(&self) -> Now {
        Now::new(self.now, EPOCH_MS + (self.now.0 / 1_000_000) as i64)
    }

    fn launch(&mut self, id: NodeId) {
        self.incarnation += 1;
        let disk = self.disks.remove(&id).unwrap_or_default();
        let mut out = Vec::new();
        let (config, now) = (self.config.clone(), self.clock());
        let incarnation = self.incarnation;
        let process = BrokerProcess { id, config, domains: Domains::default(), disk, incarnation };
        let broker = Broker::start(process, now, &mut out);
        self.brokers.insert(id, broker);
        self.outputs(id, out);
    }

    fn up(&self, id: NodeId) -> bool {
        id == NodeId::CONTROLLER || self.brokers.contains_key(&id)
    }

    fn connect(&mut self, server: NodeId, peer: Peer) -> ConnId {
        self.next_connection += 1;
        let id = ConnId(self.next_connection);
        self.connections.insert(id, Connection { server, peer, in_hand: None, queue: VecDeque::new() });
        id
    }

    fn of_channel(&self, from: NodeId, channel: Channel) -> Option<ConnId> {
        let found = self
            .connections
            .iter()
            .find(|(_, c)| matches!(&c.peer, Peer::Machine(f, ch) if (*f, *ch) == (from, channel)));
        found.map(|(id, _)| *id)
    }

    fn enqueue(&mut self, id: ConnId, correlation: CorrelationId, request: Request) {
        let connection = self.connections.get_mut(&id).expect("an open connection");
        connection.queue.push_back((correlation, request));
        if connection.in_hand.is_none() && connection.queue.len() == 1 {
            self.events.push_back(Event::Take(id));
        }
    }

    fn answered(&mut self, id: ConnId, reply: Reply) {
        let Some(connection) = self.connections.get_mut(&id) else { return }; // its client is gone
        let correlation = connection.in_hand.take().expect("an answer belongs to a request in hand");
        if !connection.queue.is_empty() {
            self.events.push_back(Event::Take(id));
        }
        match (connection.peer.clone(), reply) {
            (Peer::Machine(to, channel), Reply::Answer(response)) => {
                self.events.push_back(Event::Net(to, NetInput::Response(channel, correlation, response)));
            }
            (Peer::Machine(..), _) => {}
            (Peer::Client(node, name), reply) => drop(self.replies.insert((node, name), reply)),
        }
    }

    /// The connection breaks at the server's end.
    fn broken(&mut self, id: ConnId) {
        let Some(connection) = self.connections.remove(&id) else { return };
        match connection.peer {
            Peer::Machine(to, channel) => self.events.push_back(Event::Net(to, NetInput::Disconnected(channel))),
            Peer::Client(node, name) => {
                self.clients.remove(&(node, name.clone()));
                if connection.in_hand.is_some() || !connection.queue.is_empty() {
                    self.replies.insert((node, name), Reply::Closed);
                }
            }
        }
    }

    fn outputs(&mut self, from: NodeId, out: Outputs) {
        for output in out {
            match output {
                Output::Connect(channel) => {
                    if let Some(old) = self.of_channel(from, channel) {
                        self.connections.remove(&old);
                    }
                    let input = if self.up(channel.to) {
                        self.connect(channel.to, Peer::Machine(from, channel));
                        NetInput::Connected(channel)
                    } else {
                        NetInput::Disconnected(channel)
                    };
                    self.events.push_back(Event::Net(from, input));
                }
                Output::Send(channel, correlation, request) => match self.of_channel(from, channel) {
                    Some(id) => self.enqueue(id, correlation, request),
                    None => self.events.push_back(Event::Net(from, NetInput::Disconnected(channel))),
                },
                Output::Close(channel) => {
                    if let Some(id) = self.of_channel(from, channel) {
                        self.connections.remove(&id);
                    }
                }
                Output::Respond(id, response) => self.answered(id, Reply::Answer(response)),
                Output::Done(id) => self.answered(id, Reply::Silence),
                Output::CloseIncoming(id) => self.broken(id),
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let now = self.clock();
        let mut out = core::mem::take(&mut self.out);
        let at = match event {
            Event::Net(to, input) => {
                let Some(broker) = self.brokers.get_mut(&to) else { return };
                broker.net(now, input, &mut out);
                to
            }
            Event::Take(id) => {
                let Some(connection) = self.connections.get_mut(&id) else { return };
                if connection.in_hand.is_some() {
                    return;
                }
                let Some((correlation, request)) = connection.queue.pop_front() else { return };
                connection.in_hand = Some(correlation);
                let server = connection.server;
                if server == NodeId::CONTROLLER {
                    self.controller.as_mut().expect("a cluster has a controller").request(now, id, request, &mut out);
                } else {
                    let broker = self.brokers.get_mut(&server).expect("connections to a dead broker are broken");
                    broker.request(now, id, request, &mut out);
                }
                server
            }
        };
        self.outputs(at, out);
    }

    /// Delivers all that is under way at this instant, and wakes whoever is due.
    fn flow(&mut self) {
        let mut steps = 0;
        loop {
            while let Some(event) = self.events.pop_front() {
                self.handle(event);
                steps += 1;
                assert!(steps < BUSY, "messages flow for ever");
            }
            let Some(id) = self.due() else { return };
            let now = self.clock();
            let mut out = Vec::new();
            match self.brokers.get_mut(&id) {
                Some(broker) => broker.handle_timeout(now, &mut out),
                None => self.controller.as_mut().expect("a cluster has a controller").handle_timeout(now, &mut out),
            }
            self.outputs(id, out);
            steps += 1;
            assert!(steps < BUSY, "{id} wants to be woken for ever at {}", self.now);
        }
    }

    fn due(&self) -> Option<NodeId> {
        let broker = self.brokers.iter().find(|(_, b)| b.poll_timeout() <= self.now).map(|(id, _)| *id);
        let controller = self.controller.as_ref().filter(|c| c.poll_timeout() <= self.now);
        broker.or(controller.map(|_| NodeId::CONTROLLER))
    }

    fn next_deadline(&self) -> Instant {
        let brokers = self.brokers.values().map(|b| b.poll_timeout()).min().unwrap_or(Instant::NEVER);
        brokers.min(self.controller.as_ref().map_or(Instant::NEVER, |c| c.poll_timeout()))
    }

    /// Lets time pass until `done`, at most until `end`; answers whether it is done.
    fn run_until(&mut self, end: Instant, mut done: impl FnMut(&Machines) -> bool) -> bool {
        loop {
            self.flow();
            if done(self) {
                return true;
            }
            let next = self.next_deadline();
            if next > end {
                self.now = self.now.max(end);
                return false;
            }
            self.now = self.now.max(next);
        }
    }

    fn after(&self, ms: u64) -> Instant {
        Instant(self.now.0 + ms * 1_000_000)
    }

    /// Every partition that has a live in-sync replica is led, as all brokers know.
    fn is_led(&self) -> bool {
        let Some(controller) = &self.controller else { return false };
        let image = controller.image();
        let partitions = image.topics.iter().enumerate().flat_map(|(t, topic)| {
            (0..topic.partitions.len()).map(move |p| TopicPartition::new(TopicId(t as u32), p as u32))
        });
        let led = |tp: TopicPartition| {
            let leader = image.partition(tp).and_then(|p| p.leader);
            leader.is_none_or(|l| self.brokers.get(&l).is_some_and(|b| b.is_leader(tp)))
        };
        self.brokers.values().all(|b| !b.is_fenced() && b.image().version == image.version)
            && partitions.into_iter().all(led)
    }
}

impl Target for Machines {
    fn prefix(&self) -> String {
        String::new()
    }

    fn begin(&mut self, topics: &[Topic]) -> Result<(), String> {
        let mut fresh = Machines::new(&self.cluster)?;
        let ids: Vec<NodeId> = (1..=self.cluster.brokers as i32).map(NodeId).collect();
        let mut list = Vec::new();
        for topic in topics {
            if topic.partitions == 0 {
                continue; // it comes last, so that the ids of the others are dense
            }
            list.push(NewTopic {
                name: topic.name.as_str().into(),
                partitions: topic.partitions,
                replication_factor: topic.replication_factor,
                settings: TopicSettings {
                    min_insync_replicas: topic.min_insync_replicas,
                    unclean_leader_election: false,
                    max_message_bytes: self.config.message_max_bytes,
                    segment_bytes: self.config.segment_bytes,
                },
                assignment: None,
            });
        }
        let features = Features {
            transaction_version: self.cluster.transaction_version,
            eligible_leader_replicas_version: u8::from(self.cluster.line != "3.9"),
        };
        let controller = Controller::new(fresh.config.clone(), features, list, ids.clone(), fresh.clock());
        fresh.controller = Some(controller.map_err(|e| e.to_string())?);
        for id in ids {
            fresh.launch(id);
        }
        let end = fresh.after(60_000);
        if !fresh.run_until(end, Machines::is_led) {
            return Err("our machines do not begin to serve within 60 s".to_string());
        }
        *self = fresh;
        Ok(())
    }

    fn brokers(&self) -> Vec<NodeId> {
        self.brokers.keys().copied().collect()
    }

    fn send(&mut self, to: NodeId, connection: &str, _version: i16, request: Request) -> Result<(), String> {
        let key = (to, connection.to_string());
        self.replies.remove(&key);
        if !self.up(to) {
            self.replies.insert(key, Reply::Closed);
            return Ok(());
        }
        let id = match self.clients.get(&key) {
            Some(id) if self.connections.contains_key(id) => *id,
            _ => {
                let id = self.connect(to, Peer::Client(to, connection.to_string()));
                self.clients.insert(key, id);
                id
            }
        };
        self.enqueue(id, 0, request);
        self.flow();
        Ok(())
    }

    fn receive(&mut self, to: NodeId, connection: &str, patience_ms: u64) -> Result<Option<Reply>, String> {
        let key = (to, connection.to_string());
        let end = self.after(patience_ms);
        self.run_until(end, |m| m.replies.contains_key(&key));
        Ok(self.replies.remove(&key))
    }

    fn pass(&mut self, ms: u64) {
        let end = self.after(ms);
        self.run_until(end, |_| false);
        self.flow();
    }

    fn wall_ms(&self) -> i64 {
        self.clock().wall_ms
    }

    fn stop(&mut self, id: NodeId, ending: Ending) -> Result<(), String> {
        if ending == Ending::Clean {
            let now = self.clock();
            let mut out = Vec::new();
            self.brokers.get_mut(&id).ok_or_else(|| format!("{id} does not run"))?.begin_shutdown(now, &mut out);
            self.outputs(id, out);
            let end = self.after(60_000);
            self.run_until(end, |m| m.brokers[&id].is_stopped());
        }
        let broker = self.brokers.remove(&id).ok_or_else(|| format!("{id} does not run"))?;
        let log_ending = if ending == Ending::Clean { LogEnding::Clean } else { LogEnding::Crash };
        self.disks.insert(id, broker.stop(|_, _| log_ending));
        let mine = |c: &Connection| matches!(c.peer, Peer::Machine(from, _) if from == id);
        self.connections.retain(|_, c| !mine(c));
        let to_it: Vec<ConnId> = self.connections.iter().filter(|(_, c)| c.server == id).map(|(k, _)| *k).collect();
        to_it.into_iter().for_each(|conn| self.broken(conn));
        self.flow();
        Ok(())
    }

    fn start(&mut self, id: NodeId) -> Result<(), String> {
        self.launch(id);
        let end = self.after(90_000);
        if self.run_until(end, Machines::is_led) { Ok(()) } else { Err(format!("{id} does not serve within 90 s")) }
    }
}
