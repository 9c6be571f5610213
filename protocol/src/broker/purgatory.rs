//! Writes that wait for the high watermark (§1.6, §1.9, §3.3): keyed per partition by the offset that it must reach.

use super::Broker;
use super::timer::Timer;
use super::wait::{Wait, Waiter};
use crate::config::BrokerVariant;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::*;
use crate::message::*;
use crate::sorted::Sorted;
use crate::time::Span;

/// A Produce with acks=all that is not answered yet.
#[derive(Clone, Debug)]
pub(super) struct ProduceOperation {
    pub conn: ConnId,
    pub response: ProduceResponse,
    /// Partitions whose high watermark has not passed the batch, plus one while the request is being handled.
    pub remaining: usize,
}

/// Everything that waits, except the waits themselves, which their partitions hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Purgatory {
    last: u64,
    pub produces: Sorted<u64, ProduceOperation>,
}

impl Purgatory {
    /// A number that was never used before.
    pub fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

impl Broker {
    /// `waiter` waits until the high watermark of `tp` has reached `required`.
    pub(super) fn wait(&mut self, tp: TopicPartition, required: Offset, timeout: Span, waiter: Waiter) {
        let deadline = self.now.mono + timeout;
        let id = self.purgatory.next();
        let partition = self.partitions.get_mut(tp).expect("a partition that was just written");
        partition.waiting.insert((required, id), Wait { deadline, waiter });
        self.timers.set(deadline, Timer::Wait(tp, required, id));
    }

    /// Moves the high watermark of a partition led here as far as §7.2 allows, and completes what waited for that.
    pub(super) fn advance_high_watermark(&mut self, tp: TopicPartition, out: &mut Outputs) {
        let now = self.now.mono;
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        let Some(allowed) = partition.allowed_high_watermark(&self.image, now, self.lag) else { return };
        if allowed <= partition.log.high_watermark() || !partition.log.set_high_watermark(allowed, false) {
            return;
        }
        self.jobs.watermark_moved(tp, partition);
        self.journal_watermark(tp);
        self.complete_waits(tp, out);
        self.notify(tp, false);
    }

    /// Completes the waits that the high watermark has reached.
    pub(super) fn complete_waits(&mut self, tp: TopicPartition, out: &mut Outputs) {
        loop {
            let Some(partition) = self.partitions.get_mut(tp) else { return };
            let mark = partition.log.high_watermark();
            match partition.waiting.first() {
                Some(((required, _), _)) if *required <= mark => {}
                _ => return,
            }
            let ((required, id), wait) = partition.waiting.pop_first().expect("a first wait");
            let outcome = partition.outcome_after_append();
            self.timers.clear(wait.deadline, Timer::Wait(tp, required, id));
            self.complete(wait.waiter, outcome, out);
        }
    }

    /// The leadership of `tp` is gone: everything that waits there fails with 6.
    pub(super) fn fail_waits(&mut self, tp: TopicPartition, out: &mut Outputs) {
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        let outcome = if self.config.variant.has(BrokerVariant::AckThenTruncate) {
            Ok(())
        } else {
            Err(ErrorCode::NotLeaderOrFollower)
        };
        let mut waiting = core::mem::take(&mut partition.waiting);
        while let Some(((required, id), wait)) = waiting.pop_first() {
            self.timers.clear(wait.deadline, Timer::Wait(tp, required, id));
            self.complete(wait.waiter, outcome, out);
        }
    }

    /// A wait has lasted too long: 7; the data is in the log and may still commit.
    pub(super) fn wait_expired(&mut self, tp: TopicPartition, required: Offset, id: u64, out: &mut Outputs) {
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        if let Some(wait) = partition.waiting.remove(&(required, id)) {
            self.complete(wait.waiter, Err(ErrorCode::RequestTimedOut), out);
        }
    }

    /// Tells a waiter its outcome.
    pub(super) fn complete(&mut self, waiter: Waiter, outcome: Result<(), ErrorCode>, out: &mut Outputs) {
        match waiter {
            Waiter::Produce { operation, index } => {
                let leader = match outcome {
                    Err(ErrorCode::NotLeaderOrFollower) => {
                        let produce = self.purgatory.produces.get(&operation);
                        let tp = produce.expect("a produce that waits").response.partitions[index].tp;
                        self.known_leader(tp)
                    }
                    _ => None,
                };
                let produce = self.purgatory.produces.get_mut(&operation).expect("a produce that waits");
                if let Err(error) = outcome {
                    let answer = &mut produce.response.partitions[index];
                    answer.error = Some(error);
                    answer.base_offset = -1;
                    answer.current_leader = leader;
                }
                self.produce_progressed(operation, out);
            }
            Waiter::Marker { token } => self.marker_done(token, outcome, out),
            Waiter::Coordinator { which, ticket, min_isr } => {
                let outcome = match outcome {
                    Err(ErrorCode::NotEnoughReplicasAfterAppend) if !min_isr => Ok(()),
                    other => other,
                };
                self.coordinator_committed(which, ticket, outcome, out);
            }
        }
    }

    /// One part of an acks=all Produce is decided; the last one sends the answer.
    pub(super) fn produce_progressed(&mut self, operation: u64, out: &mut Outputs) {
        let produce = self.purgatory.produces.get_mut(&operation).expect("a produce that waits");
        produce.remaining -= 1;
        if produce.remaining == 0 {
            let produce = self.purgatory.produces.remove(&operation).expect("a produce that waits");
            out.push(Output::Respond(produce.conn, produce.response.into()));
        }
    }
}
