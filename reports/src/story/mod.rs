//! A run as a story: who took part, what they sent each other, what went wrong, and what the logs held at each time.
//!
//! Plain data, made by whoever ran the system, and drawn by the renderers: [`crate::page`] as one HTML file,
//! [`crate::diagram`] as text, [`crate::markdown`] for pull requests. Times are nanoseconds of virtual time. Nodes are
//! indices into [`Story::lanes`], partitions are indices into [`Story::strips`].

mod chronicle;
mod held;
mod select;
mod verdict;
mod window;

use serde::{Deserialize, Serialize};

pub use chronicle::Chronicle;
pub use select::{Moment, moments};
pub use verdict::{Finding, Judgement, Link, Part};
pub use window::Window;

use crate::figures::Figures;
use crate::history::event::SinkKind;

/// Version of the form that [`Story`] has as JSON.
pub const FORMAT: u32 = 1;

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// [`FORMAT`].
    pub format: u32,
    /// What the run is about.
    pub title: String,
    /// Scenario and case.
    pub label: String,
    /// Seed.
    pub seed: u64,
    /// Command that runs it again.
    pub command: String,
    /// Digest of the execution.
    pub digest: String,
    /// Program that ran it.
    pub program: String,
    /// When it ended.
    pub end: u64,
    /// Nodes, in the order in which they are drawn.
    pub lanes: Vec<Lane>,
    /// Offices that nodes hold, in the order of time.
    pub offices: Vec<Office>,
    /// Requests and answers, in the order of sending.
    pub messages: Vec<Message>,
    /// Messages that were left out because there were too many.
    pub messages_omitted: u64,
    /// What went wrong, as spans of time.
    pub bands: Vec<Band>,
    /// Transactions.
    pub transactions: Vec<Transaction>,
    /// Producers that learned that they are fenced.
    pub fences: Vec<Fence>,
    /// Logs of applications' partitions and what is in sinks, and after them the logs of internal topics, as far as something
    /// was appended to them.
    pub strips: Vec<Strip>,
    /// Deviations from the nominal execution, in words.
    pub script: Vec<String>,
    /// The verdict with its proofs.
    pub judgement: Judgement,
    /// Figures.
    pub figures: Figures,
}

/// What a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneKind {
    /// Sends a workload's records.
    #[default]
    Producer,
    /// Reads, processes, writes.
    Pipeline,
    /// Reads.
    Reader,
    /// A broker.
    Broker,
    /// The controller.
    Controller,
    /// A database or payment API outside the log.
    Sink,
}

impl LaneKind {
    /// Whether it is a client of the cluster.
    pub fn is_client(self) -> bool {
        matches!(self, LaneKind::Producer | LaneKind::Pipeline | LaneKind::Reader)
    }
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Name.
    pub name: String,
    /// What it is.
    pub kind: LaneKind,
}

/// A node holds an office (leads a partition, coordinates a group or transactional id) until another one does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Office {
    /// From when on.
    pub t: u64,
    /// The node.
    pub lane: u32,
    /// Which office, as `leader of orders-0` or `coordinator of txn bank`.
    pub name: String,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It was taken.
    #[default]
    Delivered,
    /// It was taken although its sender had closed the connection: nobody will read the answer.
    Late,
    /// It was never taken.
    Lost,
    /// It was still travelling when the run ended.
    Underway,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Writes records.
    Produce,
    /// Transactions and producer ids.
    Transaction,
    /// Brings records to a reader; offsets of readers.
    Consume,
    /// Membership of groups.
    Group,
    /// Calls of what is outside the log: databases, payment APIs.
    Sink,
    /// Brings records to a follower.
    Replication,
    /// Metadata, elections, in-sync sets.
    Cluster,
    /// Asks for news where there are none, says that somebody is alive.
    #[default]
    Idle,
}

impl Purpose {
    /// Whether it is part of what an application is about.
    pub fn is_essential(self) -> bool {
        self <= Purpose::Sink
    }
}

/// A request or an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Sender.
    pub from: u32,
    /// Receiver.
    pub to: u32,
    /// Kind of request, as Kafka calls it.
    pub kind: String,
    /// It is the answer.
    pub answer: bool,
    /// What it is for.
    pub purpose: Purpose,
    /// When it left.
    pub sent: u64,
    /// When it was taken; for lost ones when they would have arrived.
    pub arrived: u64,
    /// What became of it.
    pub fate: Fate,
    /// In a few words: `sales-0 seq 0..9 e0`.
    pub label: String,
    /// In full.
    pub detail: String,
    /// Error that it carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The partitions that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strips: Vec<u32>,
    /// Producer id and epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<(i64, i16)>,
    /// For answers: index of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u32>,
}

/// Kind of a band.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BandKind {
    /// No process.
    #[default]
    Crashed,
    /// No power.
    PowerLoss,
    /// The process stands still.
    Paused,
    /// It stops and starts in good order.
    Restarting,
    /// Links are cut.
    Partitioned,
    /// Links or nodes are slow, metadata is held, answers are lost.
    Impaired,
    /// Something that takes no time: a clock steps, a leadership is moved.
    Event,
}

/// Something is wrong with nodes for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// Kind.
    pub kind: BandKind,
    /// The nodes.
    pub lanes: Vec<u32>,
    /// From.
    pub from: u64,
    /// Until.
    pub to: u64,
    /// In words.
    pub words: String,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fortune {
    /// It did not.
    #[default]
    Open,
    /// Committed.
    Committed,
    /// Aborted.
    Aborted,
}

/// A transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Whose.
    pub lane: u32,
    /// Ordinal within its client.
    pub ordinal: u64,
    /// Incarnation of the client.
    pub incarnation: u32,
    /// Producer id; -1 while it is not known.
    pub pid: i64,
    /// Epoch.
    pub epoch: i16,
    /// When it began.
    pub begin: u64,
    /// When its end was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<u64>,
    /// When it was over: the last marker that was seen, or the client's own end of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// How it ended.
    pub fortune: Fortune,
}

/// A producer learned that it is fenced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// Who.
    pub lane: u32,
    /// When.
    pub t: u64,
    /// Name of the error that told it.
    pub error: String,
}

/// What a batch in a log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchKind {
    /// Records outside transactions.
    #[default]
    Data,
    /// Records of a transaction.
    Transactional,
    /// A commit marker.
    Commit,
    /// An abort marker.
    Abort,
}

/// A batch in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// When it was appended.
    pub t: u64,
    /// When it was truncated away, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<u64>,
    /// First offset.
    pub base: i64,
    /// Number of offsets.
    pub count: u32,
    /// What it is.
    pub kind: BatchKind,
    /// Who wrote it, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<u32>,
    /// Producer id, -1 for none.
    pub pid: i64,
    /// Producer epoch, -1 for none.
    pub epoch: i16,
    /// First sequence, -1 for none.
    pub sequence: i32,
    /// Leader epoch.
    pub leader_epoch: i32,
    /// The transaction that it is part of (or ends).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<u32>,
    /// For records of a transaction: when its marker came, and whether it was a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<(u64, bool)>,
    /// The request that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<u32>,
    /// What it says, for batches of internal topics.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub words: String,
}

/// What is wrong with records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// A copy of a record that stands elsewhere.
    #[default]
    Duplicate,
    /// Acknowledged here, and not there in the end.
    Lost,
    /// Aborted, and a reader was given it all the same.
    Leaked,
}

/// A run of records with the same flaw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flawed {
    /// What is wrong.
    pub flaw: Flaw,
    /// First offset.
    pub first: i64,
    /// Last offset.
    pub last: i64,
    /// For duplicates: partition and offset of the original of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<(u32, i64)>,
}

/// Watermarks from a time on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// When.
    pub t: u64,
    /// High watermark.
    pub hw: i64,
    /// Last stable offset.
    pub lso: i64,
}

/// The log of a partition over time, as its leaders had it; or the rows of a table, or the charges of a payment API, one
/// offset each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strip {
    /// As `orders-0`; of a sink its name.
    pub name: String,
    /// It belongs to one of Kafka's own topics.
    #[serde(default)]
    pub internal: bool,
    /// What it consists of, where it is a sink and no log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<SinkKind>,
    /// What was appended, in the order of time.
    pub batches: Vec<Batch>,
    /// Watermarks, in the order of time.
    pub levels: Vec<Level>,
    /// What is wrong in the end.
    pub flaws: Vec<Flawed>,
}

impl Strip {
    /// The batch that held `offset` last, by index.
    pub fn batch_at(&self, offset: i64) -> Option<usize> {
        self.batches.iter().rposition(|b| b.base <= offset && offset < b.base + i64::from(b.count))
    }
}

/// Virtual time for people: `1.250 s`.
pub fn seconds(t: u64) -> String {
    crate::words::seconds(t)
}
