//! A cluster of one to three brokers on loopback ports: a node that is broker and controller, or a controller and
//! three brokers, as in the model.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fencepost_protocol::ids::*;
use fencepost_protocol::message::*;
use fencepost_wire::Directory;

use super::classpath::Release;
use super::connection::Connection;
use super::node::Node;
use super::topics::{self, NewTopic};
use crate::dialogue::{Cluster, Topic};
use crate::target::{Ending, Reply, Target};

static CLUSTERS: AtomicU32 = AtomicU32::new(0);

/// A running cluster.
#[derive(Debug)]
pub struct KafkaCluster {
    /// Brokers by id; the controller where it is a node of its own.
    nodes: BTreeMap<NodeId, Node>,
    directory: Directory,
    connections: BTreeMap<(NodeId, String), Connection>,
    dialogues: u32,
    cluster: Cluster,
    version: String,
    path: PathBuf,
}

fn free_ports(count: usize) -> Result<Vec<u16>, String> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect();
    listeners.into_iter().map(|l| l.and_then(|l| l.local_addr()).map(|a| a.port()).map_err(|e| e.to_string())).collect()
}

impl KafkaCluster {
    /// Starts a cluster with fresh storage and waits until every broker serves.
    ///
    /// # Errors
    /// What Kafka's tools or processes say.
    pub fn start(release: &Release, cluster: &Cluster) -> Result<KafkaCluster, String> {
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("fencepost-kafka-{}-{number}", std::process::id()));
        let brokers = cluster.brokers as usize;
        let ports = free_ports(2 * brokers + 1)?;
        let controller_port = ports[0];
        let single = brokers == 1;
        let quorum_node = if single { 1 } else { NodeId::CONTROLLER.0 };
        let settings = cluster.all_settings();
        let mut common = String::from("auto.create.topics.enable=false\nlog.retention.check.interval.ms=300000\n");
        common.push_str(&format!("controller.quorum.voters={quorum_node}@127.0.0.1:{controller_port}\n"));
        common.push_str("controller.listener.names=CONTROLLER\n");
        common.push_str("listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n");
        common.push_str("num.network.threads=1\nnum.io.threads=4\nbackground.threads=2\nlog.cleaner.enable=false\n");
        for (key, value) in &settings {
            common.push_str(&format!("{key}={value}\n"));
        }
        let mut features = Vec::new();
        if cluster.line != "3.9" || cluster.transaction_version > 0 {
            features.push(format!("transaction.version={}", cluster.transaction_version));
        }
        let mut nodes = BTreeMap::new();
        let id = "ZmVuY2Vwb3N0LWthZmthMA";
        if !single {
            let text = format!(
                "process.roles=controller\nnode.id={quorum_node}\nlisteners=CONTROLLER://127.0.0.1:{controller_port}\n{common}"
            );
            let at = path.join("controller");
            nodes.insert(NodeId::CONTROLLER, Node::format(release, &at, controller_port, id, &text, &features)?);
        }
        for (broker, port) in (1..).zip(ports[1..=brokers].iter().copied()) {
            let (roles, listeners) = if single {
                ("broker,controller", format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}"))
            } else {
                ("broker", format!("PLAINTEXT://127.0.0.1:{port}"))
            };
            let text = format!(
                "process.roles={roles}\nnode.id={broker}\nlisteners={listeners}\nadvertised.listeners=PLAINTEXT://127.0.0.1:{port}\n{common}"
            );
            let at = path.join(format!("broker-{broker}"));
            let node = Node::format(release, &at, port, id, &text, &features)?;
            nodes.insert(NodeId(broker), node);
        }
        let mut kafka = KafkaCluster {
            nodes,
            directory: Directory::new(),
            connections: BTreeMap::new(),
            dialogues: 0,
            cluster: cluster.clone(),
            version: release.version.clone(),
            path,
        };
        for node in kafka.nodes.values_mut() {
            node.start()?;
        }
        for broker in kafka.broker_ids() {
            kafka.await_broker(broker)?;
        }
        kafka.create_internal_topics(&settings)?;
        Ok(kafka)
    }

    /// Version of Apache Kafka.
    pub fn version(&self) -> &str {
        &self.version
    }

    fn broker_ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().filter(|id| *id != NodeId::CONTROLLER).collect()
    }

    /// The internal topics as the model places them: partition p of the topic with id t begins at broker (p + t) mod n.
    fn create_internal_topics(&mut self, settings: &BTreeMap<String, String>) -> Result<(), String> {
        let count = |key: &str| settings[key].parse::<u32>().map_err(|_| format!("{key} is no number"));
        let transactions = count("transaction.state.log.num.partitions")?;
        let offsets = count("offsets.topic.num.partitions")?;
        let config = |k: &str, v: &str| (k.to_string(), v.to_string());
        let min_isr = settings["transaction.state.log.min.isr"].clone();
        let list = [
            NewTopic {
                name: "__transaction_state".into(),
                assignment: self.assignment(0, transactions, self.cluster.brokers),
                configs: vec![
                    config("cleanup.policy", "compact"),
                    config("compression.type", "uncompressed"),
                    config("min.insync.replicas", &min_isr),
                    config("unclean.leader.election.enable", "false"),
                ],
            },
            NewTopic {
                name: "__consumer_offsets".into(),
                assignment: self.assignment(1, offsets, self.cluster.brokers),
                configs: vec![config("cleanup.policy", "compact"), config("compression.type", "producer")],
            },
        ];
        self.create(&list).map(drop)
    }

    fn assignment(&self, topic: u32, partitions: u32, replicas: u32) -> Vec<Vec<i32>> {
        let brokers = self.cluster.brokers;
        let of = |p| (0..replicas).map(|r| ((p + topic + r) % brokers) as i32 + 1).collect();
        (0..partitions).map(of).collect()
    }

    fn create(&mut self, list: &[NewTopic]) -> Result<Vec<u128>, String> {
        let live = self.brokers();
        let port = self.nodes[live.first().ok_or("no broker runs")?].port;
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match topics::create(port, list) {
                Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(100)),
                other => return other,
            }
        }
    }

    /// Waits until a broker answers ApiVersions and its controller lets it lead.
    fn await_broker(&mut self, id: NodeId) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(90);
        while Instant::now() < deadline {
            let node = self.nodes.get_mut(&id).ok_or_else(|| format!("there is no {id}"))?;
            if node.has_died() {
                return Err(format!("{id} died:\n{}", node.last_words()));
            }
            let port = node.port;
            if let Ok(mut connection) = Connection::open(port) {
                connection.send(&self.directory, 0, ApiVersionsRequest.into())?;
                let answer = connection.receive(&self.directory, Duration::from_secs(5))?;
                if matches!(answer, Some(Reply::Answer(_))) {
                    connection.send(&self.directory, 9, MetadataRequest { topics: Some(Vec::new()) }.into())?;
                    let answer = connection.receive(&self.directory, Duration::from_secs(5))?;
                    if let Some(Reply::Answer(Response::Metadata(r))) = answer
                        && r.brokers.contains(&id)
                    {
                        return Ok(());
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(format!("{id} does not serve within 90 s:\n{}", self.nodes[&id].last_words()))
    }

    /// Waits until every partition of the current dialogue's and Kafka's own topics has a leader that everybody knows.
    fn await_leaders(&mut self, topics: &[TopicId]) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        for id in self.brokers() {
            let port = self.nodes[&id].port;
            let mut connection = Connection::open(port).map_err(|e| e.to_string())?;
            loop {
                connection.send(&self.directory, 9, MetadataRequest { topics: Some(topics.to_vec()) }.into())?;
                let answer = connection.receive(&self.directory, Duration::from_secs(5))?;
                if let Some(Reply::Answer(Response::Metadata(r))) = &answer {
                    let led = |t: &TopicMetadata| {
                        t.error.is_none() && !t.partitions.is_empty() && t.partitions.iter().all(|p| p.leader.is_some())
                    };
                    if r.topics.len() == topics.len() && r.topics.iter().all(led) {
                        break;
                    }
                }
                if Instant::now() > deadline {
                    return Err(format!("topics without leaders at {id}: {answer:?}"));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    /// Waits until the leaders have opened the logs of new partitions: metadata runs ahead of them.
    fn await_logs(&mut self, ids: &[TopicId], topics: &[Topic]) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        for id in ids {
            let topic = &topics[id.0 as usize - 2];
            let assignment = self.assignment(id.0, topic.partitions, topic.replication_factor);
            for (p, replicas) in assignment.iter().enumerate() {
                let node = NodeId(replicas[0]);
                let mut connection = Connection::open(self.nodes[&node].port).map_err(|e| e.to_string())?;
                let asked = (TopicPartition::new(*id, p as u32), NO_LEADER_EPOCH, OffsetSpec::Latest);
                let request =
                    ListOffsetsRequest { isolation: IsolationLevel::ReadUncommitted, partitions: vec![asked] };
                loop {
                    connection.send(&self.directory, 7, request.clone().into())?;
                    let answer = connection.receive(&self.directory, Duration::from_secs(5))?;
                    if let Some(Reply::Answer(Response::ListOffsets(r))) = &answer
                        && r.partitions.iter().all(|(_, found)| found.is_ok())
                    {
                        break;
                    }
                    if Instant::now() > deadline {
                        return Err(format!("{node} does not serve a new partition: {answer:?}"));
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
        Ok(())
    }

    /// What a broker's log ends with.
    pub fn last_words(&self) -> String {
        self.nodes.iter().map(|(id, n)| format!("--- {id}\n{}\n", n.last_words())).collect()
    }

    /// The cluster's temporary directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for KafkaCluster {
    fn drop(&mut self) {
        self.nodes.values_mut().for_each(Node::kill);
        if std::env::var_os("FENCEPOST_KEEP_KAFKA").is_none() {
            // What cannot be removed stays in the temporary directory.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

impl Target for KafkaCluster {
    fn prefix(&self) -> String {
        format!("d{}-", self.dialogues)
    }

    fn begin(&mut self, topics: &[Topic]) -> Result<(), String> {
        self.dialogues += 1;
        self.connections.clear();
        let prefix = self.prefix();
        let mut list = Vec::new();
        let mut wanted = Vec::new();
        for (i, topic) in topics.iter().enumerate() {
            let id = TopicId::application(i);
            let name = format!("{prefix}{}", topic.name);
            self.directory.add_topic(id, &name, 0);
            if topic.partitions > 0 {
                let configs = vec![("min.insync.replicas".to_string(), topic.min_insync_replicas.to_string())];
                let assignment = self.assignment(id.0, topic.partitions, topic.replication_factor);
                list.push(NewTopic { name, assignment, configs });
                wanted.push(id);
            }
        }
        if list.is_empty() {
            return Ok(());
        }
        let ids = self.create(&list)?;
        for ((id, topic), uuid) in wanted.iter().zip(&list).zip(ids) {
            self.directory.add_topic(*id, &topic.name, uuid);
        }
        self.await_leaders(&wanted)?;
        self.await_logs(&wanted, topics)
    }

    fn brokers(&self) -> Vec<NodeId> {
        self.broker_ids().into_iter().filter(|id| self.nodes[id].is_running()).collect()
    }

    fn send(&mut self, to: NodeId, connection: &str, version: i16, request: Request) -> Result<(), String> {
        let key = (to, connection.to_string());
        if self.connections.get(&key).is_none_or(Connection::is_closed) {
            self.connections.remove(&key);
            let port = self.nodes.get(&to).ok_or_else(|| format!("there is no {to}"))?.port;
            match Connection::open(port) {
                Ok(connection) => drop(self.connections.insert(key.clone(), connection)),
                Err(_) => return Ok(()), // receive will say that it is closed
            }
        }
        let connection = self.connections.get_mut(&key).expect("it was opened");
        connection.send(&self.directory, version, request)
    }

    fn receive(&mut self, to: NodeId, connection: &str, patience_ms: u64) -> Result<Option<Reply>, String> {
        match self.connections.get_mut(&(to, connection.to_string())) {
            None => Ok(Some(Reply::Closed)),
            Some(connection) => connection.receive(&self.directory, Duration::from_millis(patience_ms)),
        }
    }

    fn pass(&mut self, ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }

    fn wall_ms(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
    }

    fn stop(&mut self, broker: NodeId, ending: Ending) -> Result<(), String> {
        self.connections.retain(|(to, _), _| *to != broker);
        let node = self.nodes.get_mut(&broker).ok_or_else(|| format!("there is no {broker}"))?;
        match ending {
            Ending::Clean => node.shut_down(),
            Ending::Kill => {
                node.kill();
                Ok(())
            }
        }
    }

    fn start(&mut self, broker: NodeId) -> Result<(), String> {
        self.nodes.get_mut(&broker).ok_or_else(|| format!("there is no {broker}"))?.start()?;
        self.await_broker(broker)?;
        self.await_leaders(&[TopicId::TRANSACTION_STATE, TopicId::CONSUMER_OFFSETS])
    }
}
