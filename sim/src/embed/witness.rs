//! What programs' clients did and saw, as the history writes it.

use std::collections::BTreeSet;

use fencepost_protocol::batch::Record;
use fencepost_protocol::consumer::{ConsumerEvent, Records};
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::{Offset, TopicId, TopicPartition};
use fencepost_protocol::message::{OffsetToCommit, ProducerIdAndEpoch};
use fencepost_protocol::producer::{Certainty, DeliveryError, ProducerError};
use fencepost_protocol::time::Now;
use fencepost_reports::history::event as h;

use super::Embedded;
use crate::client::Gone;
use crate::client::producer::{delivery_error_name, error_name};
use crate::client::reading::Reading;
use crate::history::{fingerprint, identity, partition};

/// Writes what a consumer was given.
#[derive(Clone, Debug)]
pub struct ReaderWitness(Reading);

impl ReaderWitness {
    /// For the client of that number, a member of that group.
    pub fn new(client: u32, group: Option<u32>) -> ReaderWitness {
        ReaderWitness(Reading::new(client, group))
    }

    /// The program was given records.
    pub fn records(&self, now: Now, records: &Records, world: &mut Embedded) {
        if world.ending.is_none() {
            self.0.records(now, 0, records, world.world.history());
        }
    }

    /// The consumer said something.
    pub fn event(&mut self, now: Now, event: ConsumerEvent, world: &mut Embedded) {
        if world.ending.is_none() {
            self.0.event(now, 0, event, world.world.history());
        }
    }

    /// The consumer is gone, or the run is over: commits under way have an unknown outcome.
    pub fn gone(&mut self, now: Now, why: Gone, world: &mut Embedded) {
        self.0.crash(now, 0, why, world.world.history());
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

/// Writes what a producer did.
#[derive(Clone, Debug)]
pub struct WriterWitness {
    client: u32,
    /// Sends that have not returned, with the number of their operation.
    pending: BTreeSet<u64>,
    transaction: u64,
    open: bool,
    ending: Option<bool>,
    fenced: bool,
}

impl WriterWitness {
    /// For the client of that number.
    pub fn new(client: u32) -> WriterWitness {
        WriterWitness { client, pending: BTreeSet::new(), transaction: 0, open: false, ending: None, fenced: false }
    }

    /// A record was handed over.
    pub fn sent(&mut self, now: Now, op: u64, topic: TopicId, to: Option<u32>, record: &Record, world: &mut Embedded) {
        if !world.is_open() {
            return;
        }
        self.pending.insert(op);
        let (t, c, n) = (now.mono.0, self.client, self.open.then_some(self.transaction));
        let (id, value) = (identity(&record.origin), fingerprint(record));
        world.write(&h::Event::Send(h::Send { t, c, i: 0, op, topic: topic.0, partition: to, id, n, value }));
    }

    /// A record has its fate.
    pub fn delivered(
        &mut self,
        now: Now,
        op: u64,
        result: &Result<(TopicPartition, Offset), DeliveryError>,
        world: &mut Embedded,
    ) {
        if !self.pending.remove(&op) {
            return;
        }
        let (t, c, i) = (now.mono.0, self.client, 0);
        match result {
            Ok((tp, offset)) => {
                world.write(&h::Event::Ack(h::Ack { t, c, i, op, at: partition(*tp), offset: *offset }));
            }
            Err(failure) => {
                let event = h::SendError { t, c, i, op, error: delivery_error_name(failure.error).into() };
                world.write(&match failure.certainty {
                    Certainty::Definite => h::Event::Fail(event),
                    Certainty::Unknown => h::Event::Unknown(event),
                });
            }
        }
    }

    /// A record was refused at once.
    pub fn refused(&mut self, now: Now, op: u64, error: ProducerError, world: &mut Embedded) {
        if self.pending.remove(&op) {
            let (t, c, i) = (now.mono.0, self.client, 0);
            world.write(&h::Event::Fail(h::SendError { t, c, i, op, error: error_name(error).into() }));
        }
    }

    /// A transaction began.
    pub fn begun(&mut self, now: Now, world: &mut Embedded) {
        if !world.is_open() {
            return;
        }
        self.transaction += 1;
        self.open = true;
        world.write(&h::Event::Begin(h::Begin { t: now.mono.0, c: self.client, i: 0, n: self.transaction }));
    }

    /// Offsets were made part of the transaction.
    pub fn offsets(&mut self, now: Now, group: &str, offsets: &[OffsetToCommit], world: &mut Embedded) {
        let group = world.group(group);
        for o in offsets {
            let (t, c, i, n) = (now.mono.0, self.client, 0, self.transaction);
            let (at, next) = (partition(o.tp), o.offset);
            world.write(&h::Event::TxnOffsets(h::TxnOffsets { t, c, i, n, group, at, next }));
        }
    }

    /// Commit or abort was called. Calling again for the same end is one call to the history.
    pub fn ending(&mut self, now: Now, commit: bool, world: &mut Embedded) {
        if !self.open || self.ending == Some(commit) || !world.is_open() {
            return;
        }
        self.ending = Some(commit);
        let (t, c, i, n) = (now.mono.0, self.client, 0, self.transaction);
        world.write(&h::Event::Ending(h::Ending { t, c, i, n, commit }));
    }

    /// Commit or abort returned.
    pub fn ended(&mut self, now: Now, how: Ended, world: &mut Embedded) {
        let Some(commit) = self.ending.take() else { return };
        self.open = matches!(how, Ended::Failed(_)); // the application aborts it then
        let (outcome, error) = match how {
            Ended::Ok => (h::Outcome::Ok, ""),
            Ended::Failed(error) => (h::Outcome::Fail, error_name(error)),
            Ended::Unknown(error) => (h::Outcome::Unknown, error_name(error)),
        };
        let (t, c, i, n) = (now.mono.0, self.client, 0, self.transaction);
        world.write(&h::Event::Ended(h::Ended { t, c, i, n, commit, outcome, error: error.into() }));
    }

    /// The producer learned that it is fenced.
    pub fn fenced(&mut self, now: Now, error: ErrorCode, world: &mut Embedded) {
        if !std::mem::replace(&mut self.fenced, true) {
            let (t, c, i) = (now.mono.0, self.client, 0);
            world.write(&h::Event::Fenced(h::Fenced { t, c, i, error: error.name().into() }));
        }
    }

    /// The producer has an id and epoch.
    pub fn epoch(&mut self, now: Now, pair: ProducerIdAndEpoch, world: &mut Embedded) {
        let (t, c, i) = (now.mono.0, self.client, 0);
        world.write(&h::Event::Epoch(h::Epoch { t, c, i, pid: pair.id, epoch: pair.epoch }));
    }

    /// The producer is gone, or the run is over: what was under way has an unknown outcome.
    pub fn gone(&mut self, now: Now, why: Gone, world: &mut Embedded) {
        let (t, c, i) = (now.mono.0, self.client, 0);
        for op in std::mem::take(&mut self.pending) {
            world.write_finding(&h::Event::Unknown(h::SendError { t, c, i, op, error: why.words().into() }));
        }
        if let Some(commit) = self.ending.take() {
            self.open = false;
            let (n, outcome) = (self.transaction, h::Outcome::Unknown);
            world.write_finding(&h::Event::Ended(h::Ended { t, c, i, n, commit, outcome, error: why.words().into() }));
        }
    }
}
