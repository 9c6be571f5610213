//! The verdict on a history, and what it rests on.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::history::Identity;
use crate::history::event::SinkKind;
pub use crate::kind::{Class, Kind};

/// The judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing wrong, and everything that was promised was put to the test.
    Clean,
    /// Nothing wrong was seen, and something that was promised was not put to the test.
    Vacuous,
    /// Something did not finish; nothing else is wrong.
    Stuck,
    /// Something happened that must not.
    Violated,
}

impl Verdict {
    /// Exit code of a command that judges one run.
    pub const fn exit_code(self) -> u8 {
        match self {
            Verdict::Clean => 0,
            Verdict::Violated => 1,
            Verdict::Stuck | Verdict::Vacuous => 3,
        }
    }

    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Clean => "clean",
            Verdict::Vacuous => "vacuous",
            Verdict::Stuck => "stuck",
            Verdict::Violated => "violated",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One case of something wrong, in terms that can be looked up in the history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The case as a sentence.
    pub sentence: String,
    /// The record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Identity>,
    /// Name of the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Name of the sink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<String>,
    /// Numbers of rows or charges of the sink, in the order in which the sentence names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<u64>,
    /// Where: partition and offset, in the order in which the sentence names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offsets: Vec<(u32, i64)>,
    /// Names of the clients concerned, each with its incarnation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<(String, u32)>,
    /// Ordinal of the transaction, within the first client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<u64>,
    /// Virtual times, nanoseconds, in the order in which the sentence names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<u64>,
}

/// Everything of one kind that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// What is wrong.
    pub kind: Kind,
    /// How many cases.
    pub count: u64,
    /// The first case.
    pub proof: Proof,
    /// A few more cases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Proof>,
}

/// The account of one output topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicAccount {
    /// Name.
    pub name: String,
    /// Distinct records that should be there.
    pub input: u64,
    /// Records that a reader at read_committed is given in the end, copies included.
    pub visible: u64,
    /// Copies beyond the first.
    pub duplicates: u64,
    /// Records that should be there and are not.
    pub lost: u64,
    /// Aborted or uncommitted records that are visible or that some reader was given.
    pub leaked: u64,
}

/// The account of one sink outside the log: a table, or the charges of a payment API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkAccount {
    /// Name.
    pub name: String,
    /// What it consists of.
    pub kind: SinkKind,
    /// Distinct records whose effect should be there.
    pub input: u64,
    /// Rows or charges that are there in the end, copies included.
    pub visible: u64,
    /// Rows or charges beyond the first for one record.
    pub duplicates: u64,
    /// Records whose effect should be there and is not.
    pub lost: u64,
    /// Rows or charges for aborted records.
    pub leaked: u64,
}

impl SinkAccount {
    /// Name and kind, as a person would say them.
    pub fn title(&self) -> String {
        let kind = match self.kind {
            SinkKind::Rows => "rows",
            SinkKind::Charges => "charges",
        };
        format!("{} ({kind})", self.name)
    }
}

/// The judgement on a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// In one word.
    pub verdict: Verdict,
    /// What was found wrong, in the order of [`Kind::ALL`].
    pub violations: Vec<Violation>,
    /// What was found and the promise allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Violation>,
    /// Each output topic.
    pub topics: Vec<TopicAccount>,
    /// Each sink outside the log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sinks: Vec<SinkAccount>,
    /// What was promised and not put to the test, each as a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untested: Vec<String>,
    /// What happened in the run: records, clients, faults, errors.
    #[serde(default)]
    pub account: Account,
    /// What its user should know although it is not held against the verdict: a fault that did not fire, a client that never ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What could not be judged, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Number of events judged.
    pub events: u64,
}

impl Report {
    /// How many cases of `kind` are held against the verdict.
    pub fn count(&self, kind: Kind) -> u64 {
        self.violations.iter().find(|violation| violation.kind == kind).map_or(0, |violation| violation.count)
    }

    /// The account of the sink named `name`.
    pub fn sink(&self, name: &str) -> Option<&SinkAccount> {
        self.sinks.iter().find(|sink| sink.name == name)
    }

    /// The account of the topic named `name`.
    pub fn topic(&self, name: &str) -> Option<&TopicAccount> {
        self.topics.iter().find(|topic| topic.name == name)
    }
}
