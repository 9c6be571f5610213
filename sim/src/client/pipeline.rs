//! A member of a read-process-write pipeline.
use super::*;
/// stub
pub struct PipelineClient;
#[expect(unused_variables, missing_docs)]
impl PipelineClient {
    pub fn new(all: &Plan, plan: &crate::plan::PipelinePlan, member: u32) -> Self { todo!() }
    pub(super) fn name(&self) -> &str { todo!() }
    pub(super) fn starts_at(&self) -> Span { todo!() }
    pub(super) fn restarts_after(&self) -> Option<Span> { todo!() }
    pub(super) fn group(&self) -> &str { todo!() }
    pub(super) fn input_partitions(&self) -> Vec<TopicPartition> { todo!() }
    pub(super) fn positions(&self) -> Vec<(TopicPartition, i64)> { todo!() }
    pub(super) fn reads_committed(&self) -> bool { todo!() }
    pub(super) fn is_idle(&self) -> bool { todo!() }
    pub(super) fn declare(&self, plan: &Plan) -> h::Client<'static> { todo!() }
    pub(super) fn start(&mut self, now: Now, incarnation: u32, out: &mut Outputs, history: &mut History<'_>) {}
    pub(super) fn next_deadline(&self) -> Instant { todo!() }
    pub(super) fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs, history: &mut History<'_>) {}
    pub(super) fn wake(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {}
    pub(super) fn crash(&mut self, now: Now, history: &mut History<'_>) {}
}
