//! The events of a history.
//!
//! A preamble declares small dense numbers for topics, groups and clients ([`Topic`], [`Group`], [`Client`]) and what
//! is promised ([`Promise`]). Timed events follow in the order in which they happened; `t` is nanoseconds of virtual
//! time and never decreases, `c` is the client's number, `i` its incarnation (0 for the first, one more after each
//! restart). The final read ([`End`], then [`Final`]) of every partition closes the history, with what was found not to
//! finish.
//!
//! Only what clients invoked and saw is needed for a judgement. What the second half of the enum calls *white box* is
//! what a simulator can see and a real cluster's clients cannot; each such event adds checks and none takes any away.
//!
//! In memory the texts borrow: a simulator writes `Event<'static>` with constant error names and allocates nothing.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A text of an event: borrowed where it can be.
pub type Text<'a> = Cow<'a, str>;

/// Something that takes events as they happen: the checker, a writer, several of them.
pub trait Sink {
    /// Takes the version of the format that the events are written in, before the first of them. Without it they are of the
    /// newest one.
    fn version(&mut self, _version: u32) {}

    /// Takes the next event.
    fn event(&mut self, event: &Event<'_>);
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn version(&mut self, version: u32) {
        (**self).version(version);
    }

    fn event(&mut self, event: &Event<'_>) {
        (**self).event(event);
    }
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn version(&mut self, version: u32) {
        (**self).version(version);
    }

    fn event(&mut self, event: &Event<'_>) {
        (**self).event(event);
    }
}

/// No sink.
impl Sink for () {
    fn event(&mut self, _: &Event<'_>) {}
}

impl<S: Sink> Sink for Option<S> {
    fn version(&mut self, version: u32) {
        if let Some(sink) = self {
            sink.version(version);
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        if let Some(sink) = self {
            sink.event(event);
        }
    }
}

/// Fan-out to two sinks.
impl<A: Sink, B: Sink> Sink for (A, B) {
    fn version(&mut self, version: u32) {
        self.0.version(version);
        self.1.version(version);
    }

    fn event(&mut self, event: &Event<'_>) {
        self.0.event(event);
        self.1.event(event);
    }
}

/// Fan-out to any number of sinks.
impl<S: Sink> Sink for [S] {
    fn version(&mut self, version: u32) {
        for sink in self {
            sink.version(version);
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        for sink in self {
            sink.event(event);
        }
    }
}

/// Fan-out to any number of sinks.
impl<S: Sink> Sink for Vec<S> {
    fn version(&mut self, version: u32) {
        self.as_mut_slice().version(version);
    }

    fn event(&mut self, event: &Event<'_>) {
        self.as_mut_slice().event(event);
    }
}

/// One partition of one topic; `[topic, partition]` in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(u32, u32)", into = "(u32, u32)")]
pub struct Partition {
    /// Number of the topic.
    pub topic: u32,
    /// Index of the partition within the topic.
    pub partition: u32,
}

impl Partition {
    /// The partition `partition` of `topic`.
    pub const fn new(topic: u32, partition: u32) -> Partition {
        Partition { topic, partition }
    }
}

impl From<(u32, u32)> for Partition {
    fn from((topic, partition): (u32, u32)) -> Partition {
        Partition { topic, partition }
    }
}

impl From<Partition> for (u32, u32) {
    fn from(at: Partition) -> (u32, u32) {
        (at.topic, at.partition)
    }
}

/// What makes a record itself, whatever its value; `[source, partition, offset, stage, index]` in JSON.
///
/// A record that a workload produced names the workload and its index there; one that a pipeline produced names the
/// input record that it was computed from, the pipeline's stage, and which of that input's outputs it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(u32, u32, i64, u16, u16)", into = "(u32, u32, i64, u16, u16)")]
pub struct Identity {
    /// The input topic's number, or [`Identity::WORKLOAD`]` | number` for a record of a workload.
    pub source: u32,
    /// Partition of the input.
    pub partition: u32,
    /// Offset of the input, or index of the record within its workload.
    pub offset: i64,
    /// Stage of the pipeline that made the record; 0 for a workload.
    pub stage: u16,
    /// Which of the outputs of one input.
    pub index: u16,
}

impl Identity {
    /// Set in `source` when the record came from a workload, not from a topic.
    pub const WORKLOAD: u32 = 1 << 31;

    /// Record `index` of a workload.
    pub const fn of_workload(workload: u32, index: i64) -> Identity {
        Identity { source: Identity::WORKLOAD | workload, partition: 0, offset: index, stage: 0, index: 0 }
    }

    /// Output `index` that stage `stage` computed from the record at `offset` of `input`.
    pub const fn of_input(input: Partition, offset: i64, stage: u16, index: u16) -> Identity {
        Identity { source: input.topic, partition: input.partition, offset, stage, index }
    }

    /// Whether the record came from a workload.
    pub const fn is_workload(self) -> bool {
        self.source & Identity::WORKLOAD != 0
    }
}

impl From<(u32, u32, i64, u16, u16)> for Identity {
    fn from((source, partition, offset, stage, index): (u32, u32, i64, u16, u16)) -> Identity {
        Identity { source, partition, offset, stage, index }
    }
}

impl From<Identity> for (u32, u32, i64, u16, u16) {
    fn from(id: Identity) -> (u32, u32, i64, u16, u16) {
        (id.source, id.partition, id.offset, id.stage, id.index)
    }
}

/// Preamble: a topic and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic<'a> {
    /// Number; small and dense.
    pub id: u32,
    /// Name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Number of partitions.
    pub partitions: u32,
    /// One of the system's own topics, which are not judged as outputs.
    #[serde(default, skip_serializing_if = "is_default")]
    pub internal: bool,
    /// It may stay empty: a run that puts nothing into it is not called vacuous for its sake.
    #[serde(default, skip_serializing_if = "is_default")]
    pub may_be_empty: bool,
    /// Records may go from its beginning (retention, DeleteRecords), acknowledged ones too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deletes: bool,
    /// Records that a later one with the same key has replaced may go.
    #[serde(default, skip_serializing_if = "is_default")]
    pub compacted: bool,
    /// The largest sequence of a producer; after it comes 0. Kafka's is the largest 32-bit number.
    #[serde(default = "largest_sequence", skip_serializing_if = "is_largest_sequence")]
    pub max_sequence: i32,
    /// How long a producer must have written nothing for a broker to forget it, nanoseconds: Kafka's
    /// `producer.id.expiration.ms`, a day.
    #[serde(default = "one_day", skip_serializing_if = "is_one_day")]
    pub forgets_after: u64,
}

impl Default for Topic<'_> {
    fn default() -> Self {
        Topic {
            id: 0,
            name: Text::default(),
            partitions: 0,
            internal: false,
            may_be_empty: false,
            deletes: false,
            compacted: false,
            max_sequence: largest_sequence(),
            forgets_after: one_day(),
        }
    }
}

/// Preamble: a consumer group and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group<'a> {
    /// Number; small and dense.
    pub id: u32,
    /// Name.
    #[serde(borrow)]
    pub name: Text<'a>,
}

/// What a sink outside the log consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkKind {
    /// Rows of a table.
    #[default]
    Rows,
    /// Charges of a payment API.
    Charges,
}

/// Preamble: a sink outside the log, such as a table of a database, and its number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalSink<'a> {
    /// Number; small and dense.
    pub id: u32,
    /// Name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// What its effects are.
    pub kind: SinkKind,
    /// The topic in which every row must be announced, and nothing else.
    #[serde(default, skip_serializing_if = "is_default")]
    pub announced_in: Option<u32>,
}

/// What a client does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// Sends a workload's records.
    #[default]
    Producer,
    /// Reads, processes, writes.
    Pipeline,
    /// Reads.
    Reader,
}

/// What a reader may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Everything below the high watermark.
    ReadUncommitted,
    /// Committed records below the last stable offset.
    #[default]
    ReadCommitted,
}

/// How often the effect of an input may be found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// No duplicates; loss allowed.
    AtMostOnce,
    /// No loss; duplicates allowed.
    AtLeastOnce,
    /// Neither.
    #[default]
    ExactlyOnce,
}

/// Preamble: a client (through all its incarnations) and its number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client<'a> {
    /// Number; small and dense.
    pub id: u32,
    /// Name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// What it does.
    pub kind: ClientKind,
    /// What its reading side may see.
    #[serde(default, skip_serializing_if = "is_default")]
    pub isolation: Isolation,
    /// The group that its reading side is a member of, and in which it commits offsets.
    #[serde(default, skip_serializing_if = "is_default")]
    pub group: Option<u32>,
    /// `transactional.id` of its producing side. Clients with the same one fence each other.
    #[serde(default, borrow, skip_serializing_if = "is_default")]
    pub transactional_id: Option<Text<'a>>,
    /// Whether its producing side is idempotent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub idempotent: bool,
    /// Transaction version that it speaks: below 2, requests that arrive late are not fenced by an epoch of their own.
    #[serde(default = "two", skip_serializing_if = "is_two")]
    pub transaction_version: u8,
    /// Topics that it reads.
    #[serde(default, skip_serializing_if = "is_default")]
    pub inputs: Vec<u32>,
    /// Topics that it writes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub outputs: Vec<u32>,
    /// Sinks in which each record that it reads (or each record of its workload) has an effect.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sinks: Vec<u32>,
    /// A pipeline's stage: unique among pipelines with a common input, from 1; 0 for other clients.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stage: u16,
    /// How many outputs a pipeline writes for each input; their identities have the indices 0, 1, ...
    #[serde(default, skip_serializing_if = "is_default")]
    pub outputs_per_input: u16,
    /// An input may have fewer outputs, or none: only what was once sent for it has to be there.
    #[serde(default, skip_serializing_if = "is_default")]
    pub may_skip: bool,
    /// `processing.guarantee` of a pipeline. Only `exactly_once` promises that outputs and offsets move together.
    #[serde(default, skip_serializing_if = "is_default")]
    pub guarantee: Guarantee,
    /// The pure function that makes a pipeline's output values of its input's: `copy`, `append:TEXT` or `hash`. Values are
    /// judged where it is given.
    #[serde(default, borrow, skip_serializing_if = "is_default")]
    pub function: Option<Text<'a>>,
    /// How many records its workload has, where it has one: those with the indices from 0 up to this.
    #[serde(default, skip_serializing_if = "is_default")]
    pub records: Option<u64>,
}

/// Preamble: something that is to go wrong in this run. Whether it did is told by [`Fired`] and [`FaultEnd`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault<'a> {
    /// Number; small and dense.
    pub id: u32,
    /// What it does and when, as a sentence without a full stop.
    #[serde(borrow)]
    pub words: Text<'a>,
    /// What its trigger counts, such as `EndTxn`; absent where it begins at a time.
    #[serde(default, borrow, skip_serializing_if = "is_default")]
    pub counts: Option<Text<'a>>,
    /// At which count it begins; 0 where it begins at a time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub nth: u32,
    /// It may stay out: nobody is warned of that.
    #[serde(default, skip_serializing_if = "is_default")]
    pub optional: bool,
    /// Drawn from the seed, not written by anybody: `optional` too, therefore.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drawn: bool,
}

/// Preamble: what is promised of a topic or sink. What no promise names is judged as exactly-once, nothing allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise<'a> {
    /// The topic; every topic and sink that no other promise names where both are absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub topic: Option<u32>,
    /// The sink.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sink: Option<u32>,
    /// The client: what `allow` names is then allowed in what this reader is given.
    #[serde(default, skip_serializing_if = "is_default")]
    pub client: Option<u32>,
    /// How often the effect of an input may be found there.
    #[serde(default, skip_serializing_if = "is_default")]
    pub guarantee: Guarantee,
    /// Kinds of finding that are reported and not held against the verdict, by name: usually the exceptions that
    /// Kafka's own rules make, `epoch-bump-duplicate` and `late-request`.
    #[serde(default, borrow, skip_serializing_if = "is_default")]
    pub allow: Vec<Text<'a>>,
}

/// A record was handed to `send()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// Number of the operation: increases in the order of `send()` within one incarnation.
    pub op: u64,
    /// Topic.
    pub topic: u32,
    /// Partition, where it is known already.
    #[serde(default, skip_serializing_if = "is_default")]
    pub partition: Option<u32>,
    /// The record.
    pub id: Identity,
    /// Ordinal of the transaction that it is part of.
    #[serde(default, skip_serializing_if = "is_default")]
    pub n: Option<u64>,
    /// Fingerprint of its value, where values are judged: any 64-bit hash that is a function of the value alone and that the
    /// named functions can be computed on (`docs/history-format.md`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub value: Option<u64>,
}

/// A send was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// The send's operation number.
    pub op: u64,
    /// Where the record was stored.
    pub at: Partition,
    /// At which offset; -1 where the answer does not tell.
    pub offset: i64,
}

/// A send failed, or its outcome stays unknown: see [`Event::Fail`] and [`Event::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendError<'a> {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// The send's operation number.
    pub op: u64,
    /// Name of the error.
    #[serde(borrow)]
    pub error: Text<'a>,
}

/// A transaction began. Ordinals are not reused within an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// Ordinal of the transaction.
    pub n: u64,
}

/// Offsets were made part of a transaction (one event for each partition).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TxnOffsets {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// Ordinal of the transaction.
    pub n: u64,
    /// Group.
    pub group: u32,
    /// Input partition.
    pub at: Partition,
    /// Offset of the next record to read.
    pub next: i64,
}

/// Commit or abort was invoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// Ordinal of the transaction.
    pub n: u64,
    /// Commit, or abort.
    pub commit: bool,
}

/// How something that was invoked ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It happened.
    Ok,
    /// It did not happen and will not.
    Fail,
    /// It happened, or not, or will yet.
    Unknown,
}

/// Commit or abort returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended<'a> {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// Ordinal of the transaction.
    pub n: u64,
    /// Whether it was a commit.
    pub commit: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Name of the error; empty if there was none.
    #[serde(default, borrow, skip_serializing_if = "str::is_empty")]
    pub error: Text<'a>,
}

/// The client learned that a newer producer with its transactional id exists: it can do nothing more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fenced<'a> {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// Name of the error that told it.
    #[serde(borrow)]
    pub error: Text<'a>,
}

/// The client has a producer id and epoch from now on: an initialisation returned, a transaction's end brought a new
/// epoch, or the client itself raised it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// Producer id.
    pub pid: i64,
    /// Producer epoch.
    pub epoch: i16,
}

/// A plain offset commit was invoked (one event for each partition, all with one operation number).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// Number of the commit, in a sequence of its own (not that of sends).
    pub op: u64,
    /// Group.
    pub group: u32,
    /// Input partition.
    pub at: Partition,
    /// Offset of the next record to read.
    pub next: i64,
}

/// A plain offset commit returned, for all its partitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitResult<'a> {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// Number of the commit.
    pub op: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Name of the error; empty if there was none.
    #[serde(default, borrow, skip_serializing_if = "str::is_empty")]
    pub error: Text<'a>,
}

/// A reader was given a partition, or it was taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// The partition.
    pub at: Partition,
    /// The group's generation, where there is one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub generation: Option<i32>,
}

/// Why a reader reads on from where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionReason {
    /// From the group's committed offset.
    Committed,
    /// By `auto.offset.reset`, because there was no committed offset or it was out of range.
    Reset,
    /// The application asked for it.
    Seek,
    /// A pipeline went back to what it had committed, after an aborted transaction.
    Rewind,
}

/// A reader will read on from `position`, whatever it read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// The partition.
    pub at: Partition,
    /// Offset of the next record to read.
    pub position: i64,
    /// Why.
    pub reason: PositionReason,
}

/// A reader's application was given a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// The partition.
    pub at: Partition,
    /// The record's offset.
    pub offset: i64,
    /// The record.
    pub id: Identity,
    /// Fingerprint of its value, where values are judged: any 64-bit hash that is a function of the value alone and that the
    /// named functions can be computed on (`docs/history-format.md`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub value: Option<u64>,
}

/// An input is skipped by declaration: the application says that it will write nothing for it (a filter, a poison record).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// The input partition.
    pub at: Partition,
    /// The input's offset.
    pub offset: i64,
}

/// An incarnation of a client began to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Started {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
}

/// Why an incarnation of a client runs no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It was killed, or its host lost power.
    Killed,
    /// It ended by itself: nothing was left to do, or it gave up.
    Ended,
    /// It panicked.
    Panicked,
}

/// An incarnation of a client runs no more. Without it the client still ran when the history ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopped<'a> {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// Why.
    pub reason: StopReason,
    /// More about it: an error, the text of a panic.
    #[serde(default, borrow, skip_serializing_if = "str::is_empty")]
    pub text: Text<'a>,
}

/// A client was told an error by a broker or a sink, whether or not its application heard of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told<'a> {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// The call that it answers: the name of a request, such as `Produce`.
    #[serde(borrow)]
    pub call: Text<'a>,
    /// Name of the error, such as `NOT_LEADER_OR_FOLLOWER`.
    #[serde(borrow)]
    pub error: Text<'a>,
}

/// A fault began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fired {
    /// Time.
    pub t: u64,
    /// Number of the fault.
    pub fault: u32,
}

/// In the end: how far a fault's trigger came, whether or not it fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultEnd {
    /// Number of the fault.
    pub fault: u32,
    /// How many of what its trigger counts were seen.
    pub seen: u64,
}

/// The application asked a sink for the effect of a record: a row, or a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// Number of the operation, in a sequence of its own (not that of sends).
    pub op: u64,
    /// The sink.
    pub sink: u32,
    /// The record.
    pub id: Identity,
}

/// What was asked of a sink returned; a row's when its transaction's commit did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied<'a> {
    /// Time.
    pub t: u64,
    /// Client.
    pub c: u32,
    /// Incarnation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub i: u32,
    /// Number of the operation.
    pub op: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The answer said that it had been there before: a key was known.
    #[serde(default, skip_serializing_if = "is_default")]
    pub already: bool,
    /// Name of the error; empty if there was none.
    #[serde(default, borrow, skip_serializing_if = "str::is_empty")]
    pub error: Text<'a>,
}

/// Final read: what follows of this sink is all that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkEnd {
    /// Time.
    pub t: u64,
    /// The sink.
    pub sink: u32,
}

/// Final read: a row of a table, or a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkFinal {
    /// The sink.
    pub sink: u32,
    /// Its number there, from 0, in the order in which the effects happened.
    pub n: u64,
    /// The record.
    pub id: Identity,
    /// When it happened, where that is known.
    #[serde(default, skip_serializing_if = "is_default")]
    pub done: Option<u64>,
    /// Whose request it was, where that is known.
    #[serde(default, skip_serializing_if = "is_default")]
    pub c: Option<u32>,
}

/// Final read: the offset of a partition that consumers keep in the sink, with its effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkOffset {
    /// Time.
    pub t: u64,
    /// The sink.
    pub sink: u32,
    /// Input partition.
    pub at: Partition,
    /// Offset of the next record to read.
    pub next: i64,
}

/// Why a committed offset changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MoveCause {
    /// A plain commit of a client.
    Commit {
        /// Client.
        c: u32,
        /// Incarnation.
        i: u32,
        /// Generation that the request carried, where there was one.
        #[serde(default, skip_serializing_if = "is_default")]
        generation: Option<i32>,
    },
    /// A commit marker made a transaction's offset take effect.
    Marker {
        /// Producer id.
        pid: i64,
        /// Producer epoch of the marker.
        epoch: i16,
    },
    /// The offset was deleted; `offset` is -1.
    Tombstone,
    /// The offset was deleted because nobody had committed it for `offsets.retention.minutes`; `offset` is -1.
    Expired,
    /// Who asked for it is not known: nobody is accused.
    Unknown,
    /// A new coordinator loaded it: it must be what it was.
    Reload,
}

/// White box: the group's committed offset of a partition took a value (durably: it would survive a failover).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OffsetMoved {
    /// Time.
    pub t: u64,
    /// Group.
    pub group: u32,
    /// Input partition.
    pub at: Partition,
    /// The value; -1 when deleted.
    pub offset: i64,
    /// Why.
    pub cause: MoveCause,
}

/// Why a coordinator decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionCause {
    /// A client's request to end the transaction.
    Request,
    /// The transaction timed out.
    Timeout,
    /// A producer with the same transactional id initialised itself.
    Init,
}

/// White box: the coordinator decided a transaction (its decision is durable).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// Time.
    pub t: u64,
    /// Any client with the transactional id.
    pub c: u32,
    /// Producer id.
    pub pid: i64,
    /// Producer epoch.
    pub epoch: i16,
    /// Commit, or abort.
    pub commit: bool,
    /// Why.
    pub cause: DecisionCause,
}

/// White box: state that differs from a replay of the log that it is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Divergence<'a> {
    /// Time.
    pub t: u64,
    /// Which state, of which node.
    #[serde(borrow)]
    pub what: Text<'a>,
    /// What the replay gives.
    #[serde(borrow)]
    pub expected: Text<'a>,
    /// What the live state is.
    #[serde(borrow)]
    pub found: Text<'a>,
}

/// White box: what a replica has at an offset below its high watermark: one event for each batch and replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replica {
    /// Time.
    pub t: u64,
    /// The partition.
    pub at: Partition,
    /// Offset of the batch's first record.
    pub offset: i64,
    /// The replica: a broker's id.
    pub replica: i32,
    /// Leader epoch of the batch.
    pub leader_epoch: i32,
    /// Any hash of the batch's content.
    pub fingerprint: u64,
}

/// What a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchKind {
    /// Records outside a transaction.
    Data,
    /// Records within a transaction.
    TxnData,
    /// A commit marker.
    CommitMarker,
    /// An abort marker.
    AbortMarker,
}

/// White box: a leader appended a batch. At an offset below the previous end the log was truncated to it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Appended {
    /// Time.
    pub t: u64,
    /// The partition.
    pub at: Partition,
    /// Offset of the first record.
    pub base: i64,
    /// Number of offsets.
    pub count: u32,
    /// Producer id; -1 for none.
    pub pid: i64,
    /// Producer epoch; -1 for none.
    pub epoch: i16,
    /// Sequence of the first record; -1 for none.
    pub sequence: i32,
    /// Leader epoch.
    pub leader_epoch: i32,
    /// What it is.
    pub kind: BatchKind,
}

/// Final read: the state of a partition when the run ended. Precedes the [`Final`] events of the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Time.
    pub t: u64,
    /// The partition.
    pub at: Partition,
    /// First offset that is still there.
    pub start: i64,
    /// Last stable offset.
    pub lso: i64,
    /// High watermark.
    pub hw: i64,
    /// Log end offset.
    pub leo: i64,
}

/// Final read: one record of the log, markers excluded, in offset order within the partition, from the log start to the
/// high watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Final {
    /// The partition.
    pub at: Partition,
    /// Offset.
    pub offset: i64,
    /// The record.
    pub id: Identity,
    /// Producer id; -1 for none.
    #[serde(default = "minus_one", skip_serializing_if = "is_minus_one")]
    pub pid: i64,
    /// Producer epoch; -1 for none.
    #[serde(default = "minus_one_16", skip_serializing_if = "is_minus_one_16")]
    pub epoch: i16,
    /// Whether a reader at read_committed that starts now is given it.
    pub visible: bool,
    /// Fingerprint of its value, where values are judged: any 64-bit hash that is a function of the value alone and that the
    /// named functions can be computed on (`docs/history-format.md`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub value: Option<u64>,
}

/// Liveness: a transaction that should have ended by now is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenTransaction<'a> {
    /// Time.
    pub t: u64,
    /// A client with the transactional id, where it is known.
    #[serde(default, skip_serializing_if = "is_default")]
    pub c: Option<u32>,
    /// Producer id.
    pub pid: i64,
    /// Producer epoch.
    pub epoch: i16,
    /// Since when, if known.
    #[serde(default, skip_serializing_if = "is_default")]
    pub since: Option<u64>,
    /// Who should have ended it, and why it did not.
    #[serde(borrow)]
    pub culprit: Text<'a>,
}

/// Liveness: the last stable offset of a partition has not reached its high watermark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stalled<'a> {
    /// Time.
    pub t: u64,
    /// The partition.
    pub at: Partition,
    /// Last stable offset.
    pub lso: i64,
    /// High watermark.
    pub hw: i64,
    /// What holds it.
    #[serde(borrow)]
    pub culprit: Text<'a>,
}

/// Liveness: a pipeline (or another member of a group) has not read its input to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undrained<'a> {
    /// Time.
    pub t: u64,
    /// A client of the pipeline.
    pub c: u32,
    /// Input partition.
    pub at: Partition,
    /// The group's committed offset.
    pub position: i64,
    /// Where it should have arrived.
    pub end: i64,
    /// What holds it.
    #[serde(borrow)]
    pub culprit: Text<'a>,
}

/// Liveness: the run went over its budget, or time stood still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stuck<'a> {
    /// Time.
    pub t: u64,
    /// The busiest machine, and what it was busy with.
    #[serde(borrow)]
    pub culprit: Text<'a>,
}

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event<'a> {
    /// Preamble: a topic.
    #[serde(borrow)]
    Topic(Topic<'a>),
    /// Preamble: a group.
    Group(Group<'a>),
    /// Preamble: a sink.
    Sink(ExternalSink<'a>),
    /// Preamble: a client.
    Client(Box<Client<'a>>),
    /// Preamble: a promise.
    Promise(Promise<'a>),
    /// Preamble: a fault.
    Fault(Fault<'a>),

    /// An incarnation of a client began to run.
    Started(Started),
    /// An incarnation of a client runs no more.
    Stopped(Stopped<'a>),
    /// A client was told an error.
    Told(Told<'a>),
    /// A fault began.
    Fired(Fired),
    /// In the end: how far a fault's trigger came.
    FaultEnd(FaultEnd),

    /// A record was handed to `send()`.
    Send(Send),
    /// A send was acknowledged.
    Ack(Ack),
    /// A send failed: the record was not written and will not be.
    Fail(SendError<'a>),
    /// The outcome of a send stays unknown: the record was written, or not, or will yet be.
    Unknown(SendError<'a>),
    /// A transaction began.
    Begin(Begin),
    /// Offsets were made part of a transaction.
    TxnOffsets(TxnOffsets),
    /// Commit or abort was invoked.
    Ending(Ending),
    /// Commit or abort returned.
    Ended(Ended<'a>),
    /// The producer is fenced for good.
    Fenced(Fenced<'a>),
    /// Producer id and epoch of a client.
    Epoch(Epoch),
    /// A plain offset commit was invoked.
    Commit(Commit),
    /// A plain offset commit returned.
    CommitResult(CommitResult<'a>),
    /// A reader was given a partition.
    Assigned(Assignment),
    /// A partition was taken from a reader.
    Revoked(Assignment),
    /// A reader reads on from somewhere.
    Position(Position),
    /// A reader was given a record.
    Read(Read),
    /// An input is skipped by declaration.
    Skipped(Skipped),
    /// An effect was asked of a sink.
    Apply(Apply),
    /// What was asked of a sink returned.
    Applied(Applied<'a>),

    /// White box: a committed offset took a value.
    OffsetMoved(OffsetMoved),
    /// White box: a transaction was decided.
    Decided(Decided),
    /// White box: state differs from its log.
    Divergence(Divergence<'a>),
    /// White box: a replica's batch.
    Replica(Replica),
    /// White box: a leader appended a batch.
    Appended(Appended),

    /// Final read: a partition.
    End(End),
    /// Final read: a record.
    Final(Final),
    /// Final read: a sink.
    SinkEnd(SinkEnd),
    /// Final read: a row or a charge.
    SinkFinal(SinkFinal),
    /// Final read: an offset that is kept in a sink.
    SinkOffset(SinkOffset),
    /// Liveness: a transaction stays open.
    OpenTransaction(OpenTransaction<'a>),
    /// Liveness: a last stable offset stays behind.
    Stalled(Stalled<'a>),
    /// Liveness: a pipeline stays behind.
    Undrained(Undrained<'a>),
    /// Liveness: the run itself did not end.
    Stuck(Stuck<'a>),
}

impl Event<'_> {
    /// When it happened, for timed events.
    pub fn time(&self) -> Option<u64> {
        Some(match self {
            Event::Topic(_) | Event::Group(_) | Event::Sink(_) | Event::Client(_) | Event::Promise(_) => return None,
            Event::Fault(_) | Event::FaultEnd(_) | Event::Final(_) | Event::SinkFinal(_) => return None,
            Event::Started(e) => e.t,
            Event::Stopped(e) => e.t,
            Event::Told(e) => e.t,
            Event::Fired(e) => e.t,
            Event::Skipped(e) => e.t,
            Event::Apply(e) => e.t,
            Event::Applied(e) => e.t,
            Event::SinkEnd(e) => e.t,
            Event::SinkOffset(e) => e.t,
            Event::Send(e) => e.t,
            Event::Ack(e) => e.t,
            Event::Fail(e) | Event::Unknown(e) => e.t,
            Event::Begin(e) => e.t,
            Event::TxnOffsets(e) => e.t,
            Event::Ending(e) => e.t,
            Event::Ended(e) => e.t,
            Event::Fenced(e) => e.t,
            Event::Epoch(e) => e.t,
            Event::Commit(e) => e.t,
            Event::CommitResult(e) => e.t,
            Event::Assigned(e) | Event::Revoked(e) => e.t,
            Event::Position(e) => e.t,
            Event::Read(e) => e.t,
            Event::OffsetMoved(e) => e.t,
            Event::Decided(e) => e.t,
            Event::Divergence(e) => e.t,
            Event::Replica(e) => e.t,
            Event::Appended(e) => e.t,
            Event::End(e) => e.t,
            Event::OpenTransaction(e) => e.t,
            Event::Stalled(e) => e.t,
            Event::Undrained(e) => e.t,
            Event::Stuck(e) => e.t,
        })
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn largest_sequence() -> i32 {
    i32::MAX
}

fn is_largest_sequence(sequence: &i32) -> bool {
    *sequence == largest_sequence()
}

fn one_day() -> u64 {
    86_400_000_000_000
}

fn is_one_day(time: &u64) -> bool {
    *time == one_day()
}

fn two() -> u8 {
    2
}

fn is_two(version: &u8) -> bool {
    *version == 2
}

fn minus_one() -> i64 {
    -1
}

fn is_minus_one(id: &i64) -> bool {
    *id == -1
}

fn minus_one_16() -> i16 {
    -1
}

fn is_minus_one_16(epoch: &i16) -> bool {
    *epoch == -1
}
