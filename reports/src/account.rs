//! The account of a run: what happened in it, whatever the verdict.
//!
//! Everything in it is computed from the history. Verdict, table, proofs and pages read this one account, so that they cannot
//! disagree.

use serde::{Deserialize, Serialize};

use crate::history::event::{ClientKind, StopReason};

/// What happened in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Records, all clients and topics together.
    pub records: Records,
    /// Each client, in the order of their declaration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<ClientAccount>,
    /// Each group with what it reads, partition by partition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputAccount>,
    /// Each fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultAccount>,
    /// Each error code that a client was told, by code, call and client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorAccount>,
    /// Each reason for which transactions were aborted, producers fenced and offsets moved, by client or group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<ReasonAccount>,
}

/// How many records met with what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// Handed to `send()`.
    pub sent: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Failed for certain.
    pub failed: u64,
    /// Of unknown outcome, or without an answer.
    pub unknown: u64,
    /// Given to a reader at read_committed in the end, copies included, over all topics that are judged.
    pub visible: u64,
    /// Inputs of groups and connectors that were processed; what readers without a group were given is not counted here.
    pub processed: u64,
    /// Inputs that were skipped by declaration.
    pub skipped: u64,
    /// Inputs that should have been processed, or given to a reader, and were not.
    pub unprocessed: u64,
}

/// What one client did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientAccount {
    /// Name.
    pub name: String,
    /// What it does.
    pub kind: ClientKind,
    /// How many incarnations of it ran. 0: it never ran.
    pub incarnations: u32,
    /// How its last incarnation ended, unless it still ran in the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<(u64, StopReason)>,
    /// Handed to `send()`.
    pub sent: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Failed for certain.
    pub failed: u64,
    /// Of unknown outcome, or without an answer.
    pub unknown: u64,
    /// Records that its reading side was given.
    pub read: u64,
}

/// What became of one partition of what a group (or a reader without a group) reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputAccount {
    /// Name of the group, or of the reader.
    pub group: String,
    /// Name of the topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// Records that it may see.
    pub owed: u64,
    /// Processed.
    pub processed: u64,
    /// Skipped by declaration.
    pub skipped: u64,
    /// Its outputs are in a transaction that has not ended.
    #[serde(default)]
    pub pending: u64,
    /// It may have been processed: an outcome is unknown, or nobody read the place where it would show.
    #[serde(default)]
    pub unknown: u64,
    /// None of these.
    pub unprocessed: u64,
    /// Records that it may see and that are not owed to it: it began to read behind them, jumped over them, or stopped.
    #[serde(default)]
    pub waived: u64,
    /// Why those are not owed, each as a clause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// What became of one fault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultAccount {
    /// What it does and when.
    pub words: String,
    /// How often it fired.
    pub fired: u64,
    /// When it first did, nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// What its trigger counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<String>,
    /// How many of those were seen.
    #[serde(default)]
    pub seen: u64,
    /// How many were wanted.
    #[serde(default)]
    pub nth: u32,
    /// It may stay out.
    #[serde(default)]
    pub optional: bool,
    /// Drawn from the seed.
    #[serde(default)]
    pub drawn: bool,
}

/// One error code that a client was told in answer to one call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAccount {
    /// Name of the error, such as `NOT_ENOUGH_REPLICAS`.
    pub error: String,
    /// The call: a request's name, or `send()`, `commit`, `abort`, `commit offsets`, `apply` for what the application was told.
    pub call: String,
    /// Name of the client.
    pub client: String,
    /// How often.
    pub count: u64,
    /// When first, nanoseconds.
    pub first: u64,
}

/// What a reason is a reason for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// A transaction was aborted.
    Abort,
    /// A producer was fenced.
    Fencing,
    /// A committed offset moved.
    OffsetMove,
    /// A committed offset went.
    OffsetGone,
}

/// Why something happened to a client or a group, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonAccount {
    /// What happened.
    pub about: About,
    /// To whom: the name of a client or a group.
    pub whom: String,
    /// Why, in words: `a newer producer with its transactional id began`, `at its own request`.
    pub why: String,
    /// How often.
    pub count: u64,
    /// When first, nanoseconds.
    pub first: u64,
}
