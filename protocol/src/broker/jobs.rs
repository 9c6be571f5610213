//! When the work is due that a broker does from time to time, and what it does. The simulator can make each kind late.

use std::collections::VecDeque;

use super::Broker;
use super::job::Job;
use super::partition::Partition;
use super::timer::{Timer, Timers};
use crate::config::BrokerConfig;
use crate::coordinator::CoordinatorKind;
use crate::ids::*;
use crate::io::Outputs;
use crate::time::{Instant, Span};

/// When each job is due, and what it has to look at.
#[derive(Clone, Debug, Default)]
pub(super) struct Jobs {
    due: [Instant; Job::PERIODIC.len()],
    /// Leader partitions with members of the in-sync set that lag.
    pub lag_list: Vec<TopicPartition>,
    watermark_list: Vec<TopicPartition>,
    recovery_list: Vec<TopicPartition>,
    load_not_before: Instant,
    /// Coordinator partitions to load, with their epochs.
    loads: VecDeque<(CoordinatorKind, u32, CoordinatorEpoch)>,
}

impl Jobs {
    pub fn new(config: &BrokerConfig, now: Instant, timers: &mut Timers) -> Jobs {
        let mut jobs = Jobs::default();
        for (due, job) in jobs.due.iter_mut().zip(Job::PERIODIC) {
            *due = now + job.interval(config);
            timers.set(*due, Timer::Job(job));
        }
        jobs
    }

    /// The high watermark of a partition moved.
    pub fn watermark_moved(&mut self, tp: TopicPartition, partition: &mut Partition) {
        if !core::mem::replace(&mut partition.on_watermark_list, true) {
            self.watermark_list.push(tp);
        }
    }

    /// The log of a partition changed.
    pub fn written(&mut self, tp: TopicPartition, partition: &mut Partition) {
        if !core::mem::replace(&mut partition.on_recovery_list, true) {
            self.recovery_list.push(tp);
        }
    }
}

impl Broker {
    /// Makes a job late: its next run comes `by` later.
    pub fn postpone(&mut self, job: Job, by: Span) {
        let now = self.now.mono;
        let later = |at: Instant| at.max(now) + by;
        match job {
            Job::TransactionSweep => self.transactions.postpone_sweep(by),
            Job::OffsetsExpiry => self.groups.postpone_expiry(by),
            Job::CoordinatorLoad => {
                let before = self.jobs.load_not_before;
                self.jobs.load_not_before = later(before);
                self.timers.clear(before, Timer::Load);
                if !self.jobs.loads.is_empty() {
                    self.timers.set(self.jobs.load_not_before, Timer::Load);
                }
            }
            periodic => {
                let index = Job::PERIODIC.iter().position(|j| *j == periodic).expect("a periodic job");
                let before = self.jobs.due[index];
                self.jobs.due[index] = later(before);
                self.timers.clear(before, Timer::Job(job));
                self.timers.set(self.jobs.due[index], Timer::Job(job));
            }
        }
        self.deadline = self.earliest();
    }

    /// A periodic job is due.
    pub(super) fn run_job(&mut self, job: Job, out: &mut Outputs) {
        if let Some(index) = Job::PERIODIC.iter().position(|j| *j == job) {
            self.jobs.due[index] = self.now.mono + job.interval(&self.config);
            self.timers.set(self.jobs.due[index], Timer::Job(job));
        }
        match job {
            Job::ProducerIdExpiry => {
                let wall_ms = self.now.wall_ms;
                self.partitions.iter_mut().for_each(|(_, partition)| partition.log.expire_producers(wall_ms));
            }
            Job::IsrCheck => self.check_isr(out),
            Job::HighWatermarkCheckpoint => {
                for tp in self.jobs.watermark_list.drain(..) {
                    let Some(partition) = self.partitions.get_mut(tp) else { continue };
                    partition.on_watermark_list = false;
                    partition.log.checkpoint_high_watermark();
                }
            }
            Job::RecoveryPointCheckpoint => {
                // What is not yet flushed stays on the list.
                let Broker { jobs, partitions, .. } = self;
                jobs.recovery_list.retain(|tp| {
                    let Some(partition) = partitions.get_mut(*tp) else { return false };
                    partition.log.checkpoint_recovery_point();
                    let unflushed = partition.log.flushed_offset() < partition.log.log_end_offset();
                    partition.on_recovery_list = unflushed;
                    unflushed
                });
            }
            Job::TransactionSweep | Job::CoordinatorLoad | Job::OffsetsExpiry => {}
        }
    }

    /// A coordinator partition is to be loaded: at once, or when the simulator lets it.
    pub(super) fn plan_load(&mut self, which: CoordinatorKind, partition: u32, epoch: CoordinatorEpoch) {
        self.jobs.loads.push_back((which, partition, epoch));
        if self.jobs.load_not_before > self.now.mono {
            self.timers.set(self.jobs.load_not_before, Timer::Load);
        }
    }

    /// Takes a load that is due.
    pub(super) fn take_load(&mut self) -> Option<(CoordinatorKind, u32, CoordinatorEpoch)> {
        if self.jobs.load_not_before > self.now.mono { None } else { self.jobs.loads.pop_front() }
    }

    /// Write-back of the page cache, as the simulator times it: everything is flushed.
    pub fn flush_all(&mut self) {
        for (_, partition) in self.partitions.iter_mut() {
            let end = partition.log.log_end_offset();
            partition.log.flush(end);
        }
    }
}
