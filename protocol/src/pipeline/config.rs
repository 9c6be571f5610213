//! What a pipeline reads and writes, and what it promises.

use super::Function;
use crate::config::{AutoOffsetReset, ConfigError, ConsumerConfig, Domains, ProducerConfig};
use crate::ids::*;
use crate::message::IsolationLevel;
use crate::time::Span;

/// `processing.guarantee`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    /// Offsets are committed before the records are processed.
    AtMostOnce,
    /// Offsets are committed when the outputs are acknowledged.
    AtLeastOnce,
    /// Outputs and offsets are one transaction (§6.3, §6.4).
    ExactlyOnceV2,
}

/// What to do about an output of unknown outcome, outside transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnUnknown {
    /// Leave it at that: it may be missing.
    Keep,
    /// Send it again: it may be there twice.
    Resend,
}

/// What sendOffsetsToTransaction is given (§4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SendOffsetsWith {
    /// The consumer's group metadata, taken after the poll that returned the records.
    GroupMetadata,
    /// Only the group id, as before KIP-447: zombies are not fenced by the generation.
    GroupIdOnly,
}

/// A point between two steps, at which a pipeline can be halted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrashPoint {
    /// Records were read; nothing was done about them.
    AfterPoll,
    /// All outputs were sent, and acknowledged too unless they are in a transaction; offsets were not yet sent. At most
    /// once: the offsets are committed already.
    AfterWrite,
    /// Offsets are part of the transaction, or committed; nothing else was done since.
    AfterOffsets,
    /// The commit of the transaction was called and has not returned.
    CommitSent,
    /// The transaction was committed.
    AfterCommit,
}

/// Configuration of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineConfig {
    /// Name; the transactional id where none is set.
    pub name: Name,
    /// Topics to read.
    pub inputs: Vec<TopicId>,
    /// Topic to write.
    pub output: TopicId,
    /// Stage in the outputs' identities.
    pub stage: u16,
    /// Outputs for each input; 0 for a pipeline that writes nothing.
    pub outputs_per_input: u16,
    /// What it makes of a value.
    pub function: Function,
    /// A slip, for tests of judges: this one of its sends (from 0) has another value than it should.
    pub slip_at: Option<u64>,
    /// What is promised.
    pub guarantee: Guarantee,
    /// Outputs of unknown outcome, outside transactions.
    pub on_unknown: OnUnknown,
    /// How long a transaction (or the span between two offset commits) lasts; 0: one for each poll. Ignored by
    /// `AtMostOnce`, which commits at each poll.
    pub commit_interval_ms: i64,
    /// Virtual time that processing one record takes.
    pub processing_time: Span,
    /// What sendOffsetsToTransaction is given.
    pub send_offsets_with: SendOffsetsWith,
    /// Its consumer.
    pub consumer: ConsumerConfig,
    /// Its producer.
    pub producer: ProducerConfig,
    /// Sizes of the numeric domains.
    pub domains: Domains,
    /// Number of the producer's first incarnation.
    pub incarnation: u32,
    /// Before the outputs for what a poll returned are sent, the application does work of its own
    /// ([`super::PipelineEvent::Work`]): it calls what is not Kafka.
    pub own_work: bool,
    /// The application keeps the offsets itself ([`super::PipelineEvent::Locate`]): none are committed to the group, which
    /// only assigns partitions. Needs `AtLeastOnce`.
    pub own_offsets: bool,
    /// Where to halt: the point, and how many times it is passed before (0: halt at the first).
    pub halt_at: Vec<(CrashPoint, u64)>,
}

impl PipelineConfig {
    /// A pipeline of stage 1 with one output for each input and everything else at its default: a transaction for each
    /// 100 ms, or an offset commit for each poll.
    pub fn new(name: Name, inputs: Vec<TopicId>, output: TopicId, guarantee: Guarantee) -> PipelineConfig {
        PipelineConfig {
            name,
            inputs,
            output,
            stage: 1,
            outputs_per_input: 1,
            function: Function::Copy,
            slip_at: None,
            guarantee,
            on_unknown: OnUnknown::Keep,
            commit_interval_ms: if guarantee == Guarantee::ExactlyOnceV2 { 100 } else { 0 },
            processing_time: Span::ZERO,
            send_offsets_with: SendOffsetsWith::GroupMetadata,
            consumer: ConsumerConfig::default(),
            producer: ProducerConfig::default(),
            domains: Domains::default(),
            incarnation: 0,
            own_work: false,
            own_offsets: false,
            halt_at: Vec::new(),
        }
    }

    /// Applies what a read-process-write loop needs where the user set nothing (§6.3, §8.6): no automatic commits,
    /// `auto.offset.reset=earliest`, and for exactly_once_v2 read_committed and a transactional id. Resolves the
    /// producer's configuration.
    ///
    /// # Errors
    /// [`ConfigError::Conflict`] for settings that contradict each other.
    pub fn resolve(mut self) -> Result<PipelineConfig, ConfigError> {
        let exactly_once = self.guarantee == Guarantee::ExactlyOnceV2;
        let conflict = |text: &str| Err(ConfigError::Conflict(text.to_string()));
        if self.consumer.group_id.is_none() {
            return conflict("a pipeline needs group.id");
        }
        if self.own_offsets && self.guarantee != Guarantee::AtLeastOnce {
            return conflict("offsets that the application keeps need processing.guarantee=at_least_once");
        }
        if !self.consumer.is_explicit("enable.auto.commit") {
            self.consumer.enable_auto_commit = false;
        }
        if !self.consumer.is_explicit("auto.offset.reset") {
            self.consumer.auto_offset_reset = AutoOffsetReset::Earliest;
        }
        if exactly_once && !self.consumer.is_explicit("isolation.level") {
            self.consumer.isolation_level = IsolationLevel::ReadCommitted;
        }
        match (exactly_once, &self.producer.transactional_id) {
            (true, None) => self.producer.transactional_id = Some(self.name.clone()),
            (false, Some(_)) => return conflict("transactional.id needs processing.guarantee=exactly_once_v2"),
            _ => {}
        }
        self.producer = self.producer.resolve()?;
        Ok(self)
    }
}
