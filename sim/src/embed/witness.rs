//! What programs' clients did and saw, as the history writes it.

use fencepost_protocol::batch::Record;
use fencepost_protocol::consumer::{ConsumerEvent, Records};
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::{Offset, TopicId, TopicPartition};
use fencepost_protocol::message::{OffsetToCommit, ProducerIdAndEpoch};
use fencepost_protocol::producer::{Certainty, DeliveryError, ProducerError};
use fencepost_protocol::time::Now;
use fencepost_reports::history::event as h;

use super::Embedded;
use crate::evidence::{Gone, Recorder, Sent, error_name, fingerprint, returned};

/// Writes what a consumer was given.
#[derive(Clone, Debug)]
pub struct ReaderWitness(Recorder);

impl ReaderWitness {
    /// For the client of that number, a member of that group.
    pub fn new(client: u32, group: Option<u32>) -> ReaderWitness {
        let mut recorder = Recorder::of(client);
        recorder.joins(group);
        ReaderWitness(recorder)
    }

    /// The program was given records.
    pub fn records(&self, now: Now, records: &Records, world: &mut Embedded) {
        if world.is_open() {
            self.0.read(now, records, &mut world.world.history);
        }
    }

    /// The consumer said something.
    pub fn event(&mut self, now: Now, event: ConsumerEvent, world: &mut Embedded) {
        if world.is_open() {
            self.0.consumer(now, event, &mut world.world.history);
        }
    }

    /// The consumer is gone, or the run is over: commits under way have an unknown outcome.
    pub fn gone(&mut self, now: Now, why: Gone, world: &mut Embedded) {
        self.0.lost(now, why, &mut world.world.history);
    }
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As was wanted.
    Ok,
    /// It failed, with nothing of it visible ever.
    Failed(ProducerError),
    /// Nobody knows.
    Unknown(ProducerError),
}

/// Writes what a producer did, as long as the run counts.
#[derive(Clone, Debug)]
pub struct WriterWitness {
    recorder: Recorder,
    transaction: u64,
    open: bool,
}

impl WriterWitness {
    /// For the client of that number.
    pub fn new(client: u32) -> WriterWitness {
        WriterWitness { recorder: Recorder::of(client), transaction: 0, open: false }
    }

    /// A record was handed over.
    pub fn sent(
        &mut self,
        now: Now,
        op: u64,
        (topic, to): (TopicId, Option<u32>),
        record: &Record,
        world: &mut Embedded,
    ) {
        if world.is_open() {
            let (origin, value) = (record.origin, fingerprint(record));
            let n = self.open.then_some(self.transaction);
            self.recorder.sent(now, &Sent { op, topic, to, origin, value, n }, (), &mut world.world.history);
        }
    }

    /// A record has its fate.
    pub fn delivered(
        &mut self,
        now: Now,
        op: u64,
        result: &Result<(TopicPartition, Offset), DeliveryError>,
        world: &mut Embedded,
    ) {
        if world.is_open() {
            self.recorder.returned(now, op, returned(*result), &mut world.world.history);
        }
    }

    /// A record was refused at once.
    pub fn refused(&mut self, now: Now, op: u64, error: ProducerError, world: &mut Embedded) {
        if world.is_open() {
            let refused = Err((error_name(error), Certainty::Definite));
            self.recorder.returned(now, op, refused, &mut world.world.history);
        }
    }

    /// A transaction began.
    pub fn begun(&mut self, now: Now, world: &mut Embedded) {
        if world.is_open() {
            self.transaction += 1;
            self.open = true;
            self.recorder.begun(now, self.transaction, &mut world.world.history);
        }
    }

    /// Offsets were made part of the transaction.
    pub fn offsets(&mut self, now: Now, group: &str, offsets: &[OffsetToCommit], world: &mut Embedded) {
        if world.is_open() {
            self.recorder.offsets(now, self.transaction, (group, offsets), &mut world.world.history);
        }
    }

    /// Commit or abort was called.
    pub fn ending(&mut self, now: Now, commit: bool, world: &mut Embedded) {
        if self.open && world.is_open() {
            self.recorder.ending(now, self.transaction, commit, &mut world.world.history);
        }
    }

    /// Commit or abort returned.
    pub fn ended(&mut self, now: Now, how: Ended, world: &mut Embedded) {
        if !self.recorder.is_ending() || !world.is_open() {
            return;
        }
        self.open = matches!(how, Ended::Failed(_)); // the application aborts it then
        let (outcome, error) = match how {
            Ended::Ok => (h::Outcome::Ok, ""),
            Ended::Failed(error) => (h::Outcome::Fail, error_name(error)),
            Ended::Unknown(error) => (h::Outcome::Unknown, error_name(error)),
        };
        self.recorder.ended(now, outcome, error, &mut world.world.history);
    }

    /// The producer learned that it is fenced.
    pub fn fenced(&mut self, now: Now, error: ErrorCode, world: &mut Embedded) {
        if world.is_open() {
            self.recorder.fenced(now, error, &mut world.world.history);
        }
    }

    /// The producer has an id and epoch.
    pub fn epoch(&mut self, now: Now, pair: ProducerIdAndEpoch, world: &mut Embedded) {
        if world.is_open() {
            self.recorder.epoch(now, pair, &mut world.world.history);
        }
    }

    /// The producer is gone, or the run is over: what was under way has an unknown outcome.
    pub fn gone(&mut self, now: Now, why: Gone, world: &mut Embedded) {
        self.recorder.lost(now, why, &mut world.world.history);
        self.open = false;
    }
}
