//! The verdict on a history, and what it rests on.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::history::Identity;
use crate::history::event::SinkKind;
use crate::render::{counted, thousands};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $class:ident;)*) => {
        /// What can be wrong with a history.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind { $($(#[$doc])* #[serde(rename = $name)] $variant,)* }

        impl Kind {
            /// Every kind, in the order of a report.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant),*];

            /// Its name in reports, expectations and promises.
            pub const fn name(self) -> &'static str { match self { $(Kind::$variant => $name,)* } }

            /// Safety or liveness.
            pub const fn class(self) -> Class { match self { $(Kind::$variant => Class::$class,)* } }
        }
    };
}

/// What kind of promise a finding breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Something happened that must not.
    Safety,
    /// Something that must happen did not.
    Liveness,
}

kinds! {
    /// A record is visible more than once. Counted: extra copies.
    Duplicate = "duplicate", Safety;
    /// A record that was acknowledged, or whose transaction's commit returned success, is not readable.
    Loss = "loss", Safety;
    /// A plain pipeline committed past an input whose output is not there.
    LostProcessing = "lost-processing", Safety;
    /// A reader was given a record of an aborted transaction, or it is visible in the end.
    AbortedVisible = "aborted-visible", Safety;
    /// A read_committed reader was given a record before the commit of its transaction was asked for.
    UncommittedVisible = "uncommitted-visible", Safety;
    /// Part of a transaction is visible without the rest. Counted: transactions.
    TornTransaction = "torn-transaction", Safety;
    /// One producer's records are stored in a partition in another order than it sent them.
    OrderViolated = "order-violated", Safety;
    /// An exactly-once pipeline's offset is committed past an input, whose outputs are not visible.
    OffsetsWithoutOutputs = "offsets-without-outputs", Safety;
    /// An exactly-once pipeline's outputs are visible, the offset of their input is not committed.
    OutputsWithoutOffsets = "outputs-without-offsets", Safety;
    /// One offset had two values: at two times, for two readers, or on two replicas.
    TwoValues = "two-values", Safety;
    /// A fenced producer or member of a group still had an effect.
    FencedEffect = "fenced-effect", Safety;
    /// A reader passed a visible record without being given it.
    ReaderSkipped = "reader-skipped", Safety;
    /// A reader was given records again, or in another order than the log's, without having gone back.
    ReaderBackwards = "reader-backwards", Safety;
    /// An error that means "it did not happen" was returned for something that did.
    FalseFailure = "false-failure", Safety;
    /// A committed offset moved to where no client asked for, went back, or vanished.
    CommittedOffsetMoved = "committed-offset-moved", Safety;
    /// State differs from what a replay of its log gives.
    StateDivergence = "state-divergence", Safety;
    /// A program under test panicked. Counted: panics.
    Panicked = "panicked", Safety;
    /// A record is visible that nobody sent.
    Phantom = "phantom", Safety;
    /// A row for one record is in a table more than once. Counted: extra rows.
    RowTwice = "row-twice", Safety;
    /// A record's consumer is past it, or was told that its row is there, and it is not.
    RowNever = "row-never", Safety;
    /// A customer was charged more than once for one record. Counted: extra charges.
    ChargeTwice = "charge-twice", Safety;
    /// A record's consumer is past it, or was told that it was charged for, and it was not.
    ChargeNever = "charge-never", Safety;
    /// A row is in a table and is not announced in its topic.
    RowWithoutRecord = "row-without-record", Safety;
    /// A record announces a row that is not in its table.
    RecordWithoutRow = "record-without-row", Safety;
    /// A record's value is not what the pure function that made it gives for its input, or not what was sent.
    WrongValue = "wrong-value", Safety;
    /// A transaction was decided twice and differently, or otherwise than its client was told or its markers say.
    ContradictoryDecision = "contradictory-decision", Safety;
    /// A transaction was decided, and a partition that holds its records has no marker of it.
    MissingMarker = "missing-marker", Safety;
    /// In a log, a producer's sequence repeats or has a hole.
    SequenceBroken = "sequence-broken", Safety;
    /// In a log, a batch has an older leader epoch than one before it.
    LeaderEpochBack = "leader-epoch-back", Safety;
    /// Two clients were given one producer id and epoch.
    SharedProducerId = "shared-producer-id", Safety;
    /// Two members of one generation of a group own one partition.
    TwoOwners = "two-owners", Safety;
    /// An offset commit was answered with success and never took effect.
    CommitWithoutEffect = "commit-without-effect", Safety;
    /// The offset that consumers keep in a sink is behind the rows that are there.
    SinkOffsetBehind = "sink-offset-behind", Safety;
    /// The evidence contradicts itself: an offset at or above its partition's high watermark was read in the end, and the like.
    Contradiction = "contradiction", Safety;
    /// Named exception: an idempotent producer raised its epoch and sent a batch of unknown outcome again, and the
    /// first one had been stored (§5.6). Counted: extra copies.
    EpochBumpDuplicate = "epoch-bump-duplicate", Safety;
    /// Named exception: a request of a client below transaction version 2 arrived late and ended its next transaction.
    LateRequest = "late-request", Safety;
    /// A transaction stays open.
    HangingTransaction = "hanging-transaction", Liveness;
    /// A last stable offset stays below its high watermark.
    StalledLso = "stalled-lso", Liveness;
    /// An input that its consumers may see was neither processed nor skipped by declaration. Counted: records.
    Unprocessed = "unprocessed", Liveness;
    /// A partition that a group reads was never given to any of its members, or belongs to nobody in the end while inputs wait.
    Unowned = "unowned", Liveness;
    /// A send, a commit or a transaction's end has no outcome, not even an unknown one.
    Unanswered = "unanswered", Liveness;
    /// The run itself does not end.
    StuckRun = "stuck-run", Liveness;
}

impl Kind {
    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        const OF_FORMAT_1: &str = "undrained-pipeline";
        let known = Kind::ALL.iter().copied().find(|kind| kind.name() == name);
        known.or_else(|| (name == OF_FORMAT_1).then_some(Kind::Unprocessed))
    }

    /// So many cases of it, in words: `3,000 duplicates`, `1 aborted record visible`.
    pub fn counted(self, n: u64) -> String {
        let (one, many) = match self {
            Kind::Loss => ("record lost", "records lost"),
            Kind::LostProcessing => ("input without its output", "inputs without their output"),
            Kind::AbortedVisible => ("aborted record visible", "aborted records visible"),
            Kind::UncommittedVisible => ("uncommitted record visible", "uncommitted records visible"),
            Kind::TornTransaction => ("torn transaction", "torn transactions"),
            Kind::OrderViolated => ("record out of order", "records out of order"),
            Kind::OffsetsWithoutOutputs => ("committed offset without outputs", "committed offsets without outputs"),
            Kind::OutputsWithoutOffsets => ("output without its offset", "outputs without their offsets"),
            Kind::TwoValues => ("offset with two values", "offsets with two values"),
            Kind::FencedEffect => ("effect of a fenced client", "effects of fenced clients"),
            Kind::ReaderSkipped => ("record skipped by a reader", "records skipped by readers"),
            Kind::ReaderBackwards => ("step back of a reader", "steps back of readers"),
            Kind::FalseFailure => ("false failure", "false failures"),
            Kind::CommittedOffsetMoved => ("committed offset moved", "committed offsets moved"),
            Kind::StateDivergence => ("divergence of state", "divergences of state"),
            Kind::RowTwice => ("row too many", "rows too many"),
            Kind::RowNever => ("row missing", "rows missing"),
            Kind::ChargeTwice => ("charge too many", "charges too many"),
            Kind::ChargeNever => ("charge missing", "charges missing"),
            Kind::RowWithoutRecord => ("row without its record", "rows without their records"),
            Kind::RecordWithoutRow => ("record without its row", "records without their rows"),
            Kind::EpochBumpDuplicate => ("duplicate after an epoch bump", "duplicates after epoch bumps"),
            Kind::LateRequest => ("late request", "late requests"),
            Kind::HangingTransaction => ("hanging transaction", "hanging transactions"),
            Kind::StalledLso => ("stalled last stable offset", "stalled last stable offsets"),
            Kind::WrongValue => ("wrong value", "wrong values"),
            Kind::ContradictoryDecision => ("contradictory decision", "contradictory decisions"),
            Kind::MissingMarker => ("missing marker", "missing markers"),
            Kind::SequenceBroken => ("broken sequence", "broken sequences"),
            Kind::LeaderEpochBack => ("leader epoch that goes back", "leader epochs that go back"),
            Kind::SharedProducerId => ("shared producer id", "shared producer ids"),
            Kind::TwoOwners => ("partition with two owners", "partitions with two owners"),
            Kind::CommitWithoutEffect => ("commit without effect", "commits without effect"),
            Kind::SinkOffsetBehind => ("offset behind its rows", "offsets behind their rows"),
            Kind::Contradiction => ("contradiction in the evidence", "contradictions in the evidence"),
            Kind::Unprocessed => ("unprocessed input", "unprocessed inputs"),
            Kind::Unowned => ("partition without an owner", "partitions without an owner"),
            Kind::Unanswered => ("call without an outcome", "calls without an outcome"),
            Kind::Panicked => ("panic", "panics"),
            Kind::StuckRun => ("run without end", "runs without end"),
            // The name is a noun.
            _ => return counted(n, self.name()),
        };
        format!("{} {}", thousands(n), if n == 1 { one } else { many })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

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
