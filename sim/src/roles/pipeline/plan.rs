//! What a pipeline, or a connector, is asked to do.

use fencepost_protocol::config::{ConsumerConfig, ProducerConfig};
use fencepost_protocol::message::ApiKey;
use fencepost_protocol::pipeline::{Function, Guarantee};
use fencepost_protocol::time::Span;

use crate::cast::{Back, Role};
use crate::message::Kind;
use crate::plan::calls::CallPlan;
use crate::plan::calls::Doing;
use crate::plan::client::ClientPlan;
use crate::plan::source::OnUnknown;
use crate::plan::wait::{CALLS_OF_A_POLL, Times, Wait, failed, of_consumer, of_producer, sum, times, wait};
use crate::roles::sends::{self, OF_TRANSACTIONS};
use crate::sink;

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
    pub function: Function,
    /// A slip of each member, for tests of judges: this one of its sends (from 0) has another value than it should. No
    /// scenario says so.
    pub slip_at: Option<u64>,
    /// `processing.guarantee`.
    pub guarantee: Guarantee,
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

    fn start(&self) -> Option<Span> {
        Some(self.start)
    }

    fn sends(&self) -> Option<Vec<Kind>> {
        use sink::Kind::{Charge, SqlCommit, SqlInsert, SqlQuery, SqlRollback, SqlUpdate};
        let doing = self.call.as_ref().map(|call| call.doing);
        let keeps_offsets = matches!(doing, Some(Doing::Insert { offsets: true, .. }));
        let mut can = Vec::new();
        let commits = self.guarantee != Guarantee::ExactlyOnceV2 && !keeps_offsets;
        sends::consumer(&self.consumer, commits, &mut can);
        if self.output.is_some() {
            sends::producer(&self.producer, true, &mut can);
        }
        let sinks: &[sink::Kind] = match doing {
            Some(Doing::Charge { .. }) => &[Charge],
            Some(Doing::Insert { offsets: false, .. }) => &[SqlInsert, SqlCommit, SqlRollback],
            Some(Doing::Insert { offsets: true, .. }) => &[SqlInsert, SqlCommit, SqlRollback, SqlQuery, SqlUpdate],
            None => &[],
        };
        Some(sends::kinds(can, sinks))
    }

    fn why_never(&self, kind: Kind) -> Option<&'static str> {
        let Kind::Kafka(key) = kind else { return None };
        self.output.as_ref()?;
        if OF_TRANSACTIONS.contains(&key) && self.producer.transactional_id.is_none() {
            return Some("it has transactions with processing.guarantee = \"exactly_once_v2\" only");
        }
        let instead = "with processing.guarantee = \"exactly_once_v2\" it commits its offsets by TxnOffsetCommit";
        (key == ApiKey::OffsetCommit).then_some(instead)
    }

    fn topics(&self, key: ApiKey) -> Option<Vec<&str>> {
        match key {
            ApiKey::Produce => Some(self.output.as_deref().into_iter().collect()),
            ApiKey::Fetch | ApiKey::OffsetCommit | ApiKey::TxnOffsetCommit => {
                Some(self.inputs.iter().map(String::as_str).collect())
            }
            _ => None,
        }
    }

    fn waits(&self, own: &Times) -> Vec<Wait> {
        let poll = wait(self.poll(own), format!("what {} takes for the records of a poll", self.name));
        let mut waits = vec![poll, wait(self.commit_interval, format!("commit.interval.ms of {}", self.name))];
        waits.extend(of_consumer(&self.consumer, &self.name));
        waits.extend(of_producer(&self.producer, &self.name));
        waits.extend(self.call.iter().map(|call| failed(&call.patience, &self.name)));
        waits
    }
}

impl PipelinePlan {
    /// What it takes for as many records as one poll may give it.
    pub fn poll(&self, own: &Times) -> Span {
        let records = own.records(&self.consumer);
        let call = self.call.as_ref().map_or(Span::ZERO, |call| own.call(&call.to, &call.patience));
        let calls = self.call.as_ref().map_or(0, |_| records.saturating_add(CALLS_OF_A_POLL));
        sum(times(self.processing_time, records), times(call, calls))
    }
}
