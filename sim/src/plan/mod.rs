//! A resolved scenario: everything that a run is a function of, besides the seed or the schedule.

mod cast;
mod sinks;
mod waits;

use std::sync::Arc;

use fencepost_kernel::explorer::Chances;
use fencepost_protocol::batch::{Blob, Value};
use fencepost_protocol::config::{BrokerConfig, ConsumerConfig, Domains, ProducerConfig};
use fencepost_protocol::ids::NodeId;
use fencepost_protocol::image::TopicSettings;
use fencepost_protocol::time::Span;

use crate::schedule::Fault;
use crate::stream::mix;

pub use sinks::{Account, Announcing, CallPlan, Doing, KeyOf, Patience, RelayPlan, ServicePlan};

pub use crate::sink::{DatabasePlan, PaymentsPlan};

/// What is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the scenario, such as `lessons/lost-ack`.
    pub name: String,
    /// One line for lists.
    pub title: String,
    /// The story, a few sentences.
    pub about: String,
    /// The cluster.
    pub cluster: ClusterPlan,
    /// Latencies and service times.
    pub network: NetworkPlan,
    /// The application's topics.
    pub topics: Vec<TopicPlan>,
    /// Plain producers.
    pub producers: Vec<ProducerPlan>,
    /// Read-process-write pipelines.
    pub pipelines: Vec<PipelinePlan>,
    /// Readers.
    pub readers: Vec<ReaderPlan>,
    /// Databases outside Kafka.
    pub databases: Vec<DatabasePlan>,
    /// Payment APIs.
    pub payments: Vec<PaymentsPlan>,
    /// Services that write to a database and announce it in a topic.
    pub services: Vec<ServicePlan>,
    /// Relays of their outboxes.
    pub relays: Vec<RelayPlan>,
    /// Clients that only ask.
    pub echoes: Vec<EchoPlan>,
    /// Nodes whose clients are programs outside the world: see [`crate::embed`].
    pub externals: Vec<String>,
    /// Faults that happen whatever the seed.
    pub faults: Vec<Fault>,
    /// Faults that are drawn from the seed.
    pub chaos: ChaosPlan,
    /// When faults stop and how long everything may take to finish.
    pub end: EndPlan,
    /// What topics and sinks promise, where it is not exactly-once, and which readers may see what was not committed.
    pub promises: Vec<(String, Promise)>,
}

/// What is promised for a topic, a sink, or to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Each record once: the default.
    ExactlyOnce,
    /// Duplicates are allowed.
    AtLeastOnce,
    /// Loss is allowed.
    AtMostOnce,
    /// Each acknowledged record once and in order; a record of unknown outcome may be duplicated where the producer
    /// bumped its epoch locally (§5.6).
    Idempotent,
    /// Of a reader: it may be given what was not committed, or was aborted.
    ReadUncommitted,
}

/// The brokers.
#[derive(Clone, Debug)]
pub struct ClusterPlan {
    /// Number of brokers; their ids are 1 to n.
    pub brokers: u32,
    /// Their configuration.
    pub config: Arc<BrokerConfig>,
    /// Finalized `transaction.version` at the start.
    pub transaction_version: u8,
    /// Finalized `eligible.leader.replicas.version`.
    pub eligible_leader_replicas_version: u8,
    /// Sizes of the numeric domains.
    pub domains: Domains,
    /// Write-back of the page cache.
    pub write_back: Span,
}

impl ClusterPlan {
    /// Ids of the brokers.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.brokers as i32).map(NodeId)
    }
}

/// Nominal latencies, one way, and service times.
#[derive(Clone, Copy, Debug)]
pub struct NetworkPlan {
    /// Between a client and a broker.
    pub client_latency: Span,
    /// Between brokers, and between a broker and the controller.
    pub broker_latency: Span,
    /// Of a node to itself.
    pub loopback_latency: Span,
    /// Time that a node's processor takes for a message it sends.
    pub service_per_message: Span,
    /// Time for each KiB of it.
    pub service_per_kib: Span,
}

/// A topic of the application.
#[derive(Clone, Debug)]
pub struct TopicPlan {
    /// Name.
    pub name: String,
    /// Number of partitions.
    pub partitions: u32,
    /// Replicas of each.
    pub replication_factor: u32,
    /// Settings.
    pub settings: TopicSettings,
    /// Replicas of each partition, first the preferred leader; none: round robin.
    pub assignment: Option<Vec<Vec<NodeId>>>,
    /// Nothing need be put into it.
    pub may_be_empty: bool,
}

/// Where records come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A pure function of (root seed, workload, index).
    Generated {
        /// Number of records.
        records: u64,
        /// Number of distinct keys; 0 for records without key.
        keys: u64,
        /// Length of each value in bytes.
        value_bytes: u32,
    },
    /// Lines of the user's own file.
    Lines {
        /// Path as given, for messages.
        path: String,
        /// Key and value of each record.
        records: Arc<[(Option<Blob>, Option<Value>)]>,
    },
}

impl Source {
    /// Number of records.
    pub fn len(&self) -> u64 {
        match self {
            Source::Generated { records, .. } => *records,
            Source::Lines { records, .. } => records.len() as u64,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Key and value of record `index`: a pure function of (root seed, workload, index), or a line of the user's file.
    pub fn record(&self, root_seed: u64, workload: u32, index: u64) -> (Option<Blob>, Option<Value>) {
        match self {
            Source::Generated { keys, value_bytes, .. } => {
                let id = mix(mix(root_seed ^ u64::from(workload) << 48) ^ index);
                let key = (*keys > 0).then(|| Blob::Generated { id: id % keys.max(&1), len: 8 });
                (key, Some(Blob::Generated { id, len: *value_bytes }.into()))
            }
            Source::Lines { records, .. } => records[index as usize].clone(),
        }
    }
}

/// What a driver does with a record whose outcome stayed unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnknown {
    /// Leaves it: it may or may not be there.
    Keep,
    /// Sends it again, as applications do that must not lose it.
    Resend,
}

/// A plain producer.
#[derive(Clone, Debug)]
pub struct ProducerPlan {
    /// Name of the client.
    pub name: String,
    /// Where it writes.
    pub topic: String,
    /// Fixed partition, or the partitioner's choice.
    pub partition: Option<u32>,
    /// What it writes.
    pub source: Source,
    /// When it begins.
    pub start: Span,
    /// Pause between records; zero: as quickly as `window` allows.
    pub interval: Span,
    /// Records that may be on their way at a time.
    pub window: u32,
    /// Records in a transaction; 0 for none.
    pub transaction_records: u32,
    /// Every n-th transaction is aborted by the application; 0 for none.
    pub abort_every: u32,
    /// Stop in the middle of the n-th transaction (from 1), leaving it open, and do nothing more; 0 for never.
    pub abandon_transaction: u32,
    /// Pause between the last send of a transaction and its end.
    pub transaction_pause: Span,
    /// Unknown outcomes.
    pub on_unknown: OnUnknown,
    /// After a process crash: how long until it runs again; none: never.
    pub restart_after: Option<Span>,
    /// Resolved configuration.
    pub config: ProducerConfig,
}

/// A pipeline of several members, or a connector: one that brings records to a sink and writes no topic.
#[derive(Clone, Debug)]
pub struct PipelinePlan {
    /// Name; members are `name-1` to `name-n`.
    pub name: String,
    /// Number of members.
    pub members: u32,
    /// Input topics.
    pub inputs: Vec<String>,
    /// Output topic; none: it writes no topic (a connector).
    pub output: Option<String>,
    /// What it does outside Kafka with each record, before it writes its outputs.
    pub call: Option<CallPlan>,
    /// Number of the stage, from 1; part of the identity of what it writes.
    pub stage: u16,
    /// Outputs for each input record.
    pub outputs_per_input: u16,
    /// What it makes of a value.
    pub function: fencepost_protocol::pipeline::Function,
    /// A slip of each member, for tests of judges: this one of its sends (from 0) has another value than it should. No
    /// scenario says so.
    pub slip_at: Option<u64>,
    /// `processing.guarantee`.
    pub guarantee: fencepost_protocol::pipeline::Guarantee,
    /// `commit.interval.ms`; zero: a transaction (or commit) for each poll.
    pub commit_interval: Span,
    /// Virtual time that each record takes to process.
    pub processing_time: Span,
    /// Pass only the group id to sendOffsetsToTransaction, as before KIP-447.
    pub group_id_only: bool,
    /// Unknown outcomes.
    pub on_unknown: OnUnknown,
    /// When it begins.
    pub start: Span,
    /// After a process crash: how long until it runs again; none: never.
    pub restart_after: Option<Span>,
    /// Configuration of its consumer.
    pub consumer: ConsumerConfig,
    /// Resolved configuration of its producer; `transactional.id` is completed with the member's number.
    pub producer: ProducerConfig,
}

/// A reader of topics.
#[derive(Clone, Debug)]
pub struct ReaderPlan {
    /// Name; members are `name-1` to `name-n` if there are several.
    pub name: String,
    /// Number of members; above 1 needs a group.
    pub members: u32,
    /// Topics.
    pub topics: Vec<String>,
    /// When it begins.
    pub start: Span,
    /// Configuration; without `group.id` it reads all partitions by itself.
    pub config: ConsumerConfig,
}

impl ReaderPlan {
    /// How long after a crash its process runs again.
    pub const RESTARTS_AFTER: Span = Span::from_secs(1);
}

/// A client that only asks.
#[derive(Clone, Debug)]
pub struct EchoPlan {
    /// Name of the client.
    pub name: String,
    /// Questions that it asks, each after the answer to the one before.
    pub round_trips: u64,
    /// When it begins.
    pub start: Span,
}

impl EchoPlan {
    /// How long after a crash its process runs again.
    pub const RESTARTS_AFTER: Span = Span::from_secs(1);
}

/// Faults drawn from the seed: how many of each family, and how strong.
#[derive(Clone, Debug, Default)]
pub struct ChaosPlan {
    /// Messages delayed, in a million, and by how much at most.
    pub delay_ppm: u64,
    /// Shortest delay.
    pub delay_min: Span,
    /// Longest delay.
    pub delay_max: Span,
    /// Messages delayed for very long (late requests of dead connections), in a million.
    pub late_ppm: u64,
    /// Longest of those; Kafka's connections deliver for up to 100 s.
    pub late_max: Span,
    /// Connections lost before a request is handled, in a million requests.
    pub lose_request_ppm: u64,
    /// Connections lost after a request was handled, in a million requests.
    pub lose_response_ppm: u64,
    /// Every message travels up to this much longer; zero for none.
    pub jitter_max: Span,
    /// Large deviations of single messages, at places drawn from the seed.
    pub probes: u32,
    /// Node faults, by family.
    pub families: Vec<Family>,
}

impl ChaosPlan {
    /// How messages deviate.
    pub fn chances(&self) -> Chances {
        Chances {
            delay_ppm: self.delay_ppm,
            delay_min: self.delay_min,
            delay_max: self.delay_max,
            late_ppm: self.late_ppm,
            late_max: self.late_max,
            lose_request_ppm: self.lose_request_ppm,
            lose_response_ppm: self.lose_response_ppm,
            jitter_max: self.jitter_max,
            probes: self.probes,
        }
    }
}

/// One family of faults.
pub type Family = fencepost_kernel::faults::Family<FamilyKind>;

/// Families of faults that hit nodes or links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FamilyKind {
    /// A broker's process dies and comes back.
    BrokerCrash,
    /// A broker loses power and comes back.
    PowerLoss,
    /// A broker stops for a while (garbage collection, a frozen virtual machine).
    BrokerPause,
    /// A client stops for a while: the zombie.
    ClientPause,
    /// A client's process dies and comes back.
    ClientCrash,
    /// Links are cut, one way or both.
    Partition,
    /// All brokers are restarted one after the other, cleanly.
    RollingRestart,
    /// A partition's leadership moves.
    LeaderMove,
    /// A node's wall clock steps.
    ClockStep,
    /// A node's metadata lags.
    MetadataLag,
    /// A node serves slowly.
    SlowNode,
    /// A background job is late.
    JobDelay,
    /// A database or payment API dies and comes back.
    SinkCrash,
    /// A database or payment API stops for a while.
    SinkPause,
}

impl FamilyKind {
    /// Whether it hits sinks only, so that it is of no use where there are none.
    pub fn is_of_sinks(self) -> bool {
        matches!(self, FamilyKind::SinkCrash | FamilyKind::SinkPause)
    }
}

/// How a run ends.
#[derive(Clone, Copy, Debug)]
pub struct EndPlan {
    /// No drawn fault begins or lasts beyond this.
    pub faults_until: Span,
    /// How long there may be no progress after the last fault and the last input, before everything has finished.
    pub bound: Span,
    /// No run takes longer than this.
    pub limit: Span,
    /// Deliveries that a run may take.
    pub delivery_budget: u64,
}
