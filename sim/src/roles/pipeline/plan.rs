//! What a pipeline, or a connector, is asked to do.

use fencepost_protocol::config::{ConsumerConfig, ProducerConfig};
use fencepost_protocol::time::Span;

use crate::cast::{Back, ClientPlan, Role};
use crate::plan::calls::CallPlan;
use crate::plan::source::OnUnknown;

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

impl ClientPlan for PipelinePlan {
    fn role(&self) -> Role {
        if self.output.is_some() { Role::Pipeline } else { Role::Connector }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn members(&self) -> u32 {
        self.members
    }

    fn back(&self) -> Back {
        Back::of(self.restart_after)
    }

    fn producer(&self) -> Option<&ProducerConfig> {
        Some(&self.producer)
    }

    fn consumer(&self) -> Option<&ConsumerConfig> {
        Some(&self.consumer)
    }
}
