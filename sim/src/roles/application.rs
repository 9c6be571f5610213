//! What the world asks of an application, whatever its role.

use fencepost_protocol::ids::{TopicId, TopicPartition};
use fencepost_protocol::io::{CorrelationId, NetInput, Outputs};
use fencepost_protocol::producer::ProducerState;
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::event as h;

use super::caller::OutgoingCall;
use super::progress::Progress;
use crate::cast::Names;
use crate::evidence::{Gone, History};
use crate::sink::Response;

/// Which client of its kind it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    /// Place of its plan in the plan's list.
    pub place: usize,
    /// Number of the member, from 1.
    pub member: u32,
    /// The seed of generated records.
    pub root_seed: u64,
}

/// An application: see [`super::Client`] for what each of these asks.
pub(crate) trait Application {
    fn name(&self) -> &str;
    fn starts_at(&self) -> Span;
    fn restarts_after(&self) -> Option<Span>;
    fn declare(&self) -> Option<h::Client<'static>>;
    fn place(&self) -> Option<(u32, u32)>;
    fn progress(&self) -> Option<&Progress>;
    fn is_idle(&self) -> bool;

    fn start(&mut self, now: Now, incarnation: u32, out: &mut Outputs, history: &mut History<'_>);
    fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs, history: &mut History<'_>);
    fn wake(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>);
    fn next_deadline(&self) -> Instant;
    fn crash(&mut self, now: Now, gone: Gone, history: &mut History<'_>);

    // ---- of those that have a workload ----

    fn has_finished_its_input(&self) -> bool {
        true
    }

    // ---- of those that read ----

    fn group(&self) -> Option<&str> {
        None
    }

    fn input_partitions(&self) -> Vec<TopicPartition> {
        Vec::new()
    }

    fn positions(&self) -> Vec<(TopicPartition, i64)> {
        Vec::new()
    }

    fn reads_committed(&self) -> bool {
        false
    }

    fn keeps_offsets_itself(&self) -> bool {
        false
    }

    // ---- of those that write ----

    fn output(&self) -> Option<TopicId> {
        None
    }

    fn producer_state(&self) -> Option<ProducerState> {
        None
    }

    // ---- of those that call a sink ----

    fn take_calls(&mut self) -> Vec<OutgoingCall> {
        Vec::new()
    }

    fn answered(&mut self, _: Now, _: CorrelationId, _: Response, _: &mut Outputs, _: &mut History<'_>) {
        panic!("only clients that call a sink are answered by one");
    }

    // ---- to whoever steps through a run ----

    fn in_words(&self, _: &Names) -> Vec<String> {
        Vec::new()
    }
}
