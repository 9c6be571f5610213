//! A resolved scenario: everything that a run is a function of, besides the seed or the schedule.

pub(crate) mod calls;
mod cast;
pub(crate) mod client;
mod sinks;
pub(crate) mod source;
mod topics;
pub(crate) mod wait;
mod waits;

use std::sync::Arc;

pub use fencepost_kernel::explorer::Chances;
use fencepost_protocol::config::{BrokerConfig, Domains};
use fencepost_protocol::ids::NodeId;
use fencepost_protocol::image::TopicSettings;
use fencepost_protocol::time::Span;

use crate::roles::list::each_client;
use crate::schedule::Fault;

pub use calls::{CallPlan, Doing, KeyOf, Patience};
pub use client::ClientPlan;
pub use sinks::Account;
pub use source::{OnUnknown, Source};

pub use crate::roles::echo::plan::EchoPlan;
pub use crate::roles::external::plan::ExternalPlan;
pub use crate::roles::pipeline::plan::PipelinePlan;
pub use crate::roles::producer::plan::ProducerPlan;
pub use crate::roles::reader::plan::ReaderPlan;
pub use crate::roles::relay::plan::RelayPlan;
pub use crate::roles::service::plan::{Announcing, ServicePlan};

pub use crate::sink::{DatabasePlan, PaymentsPlan};

macro_rules! plan {
    ($($role:ident, $module:ident, $list:ident: $plan:ident, $client:ident;)*) => {
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
            /// Databases outside Kafka.
            pub databases: Vec<DatabasePlan>,
            /// Payment APIs.
            pub payments: Vec<PaymentsPlan>,
            $(
                /// Clients of that role.
                pub $list: Vec<$plan>,
            )*
            /// Faults that happen whatever the seed.
            pub faults: Vec<Fault>,
            /// Faults that are drawn from the seed.
            pub chaos: ChaosPlan,
            /// When faults stop and how long everything may take to finish.
            pub end: EndPlan,
            /// What topics and sinks promise, where it is not exactly-once, and which readers may see what was not
            /// committed.
            pub promises: Vec<(String, Promise)>,
        }

        impl Plan {
            /// One with no clients, no sinks and no faults.
            pub(crate) fn empty(cluster: ClusterPlan, network: NetworkPlan, end: EndPlan) -> Plan {
                Plan {
                    name: String::new(),
                    title: String::new(),
                    about: String::new(),
                    cluster,
                    network,
                    topics: Vec::new(),
                    databases: Vec::new(),
                    payments: Vec::new(),
                    $($list: Vec::new(),)*
                    faults: Vec::new(),
                    chaos: ChaosPlan::default(),
                    end,
                    promises: Vec::new(),
                }
            }

            /// What the clients are asked to do, in the order of the lists, each with its place in its list.
            pub fn client_plans(&self) -> Vec<(usize, &dyn ClientPlan)> {
                let mut all: Vec<(usize, &dyn ClientPlan)> = Vec::new();
                $(all.extend(self.$list.iter().enumerate().map(|(n, plan)| (n, plan as &dyn ClientPlan)));)*
                all
            }
        }
    };
}
each_client!(plan);

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

/// Faults drawn from the seed: how many of each family, and how strong.
#[derive(Clone, Debug, Default)]
pub struct ChaosPlan {
    /// How messages deviate.
    pub messages: Chances,
    /// Node faults, by family.
    pub families: Vec<Family>,
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
