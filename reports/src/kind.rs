//! What can be wrong with a history.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::words::{counted, thousands};

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
