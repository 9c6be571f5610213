//! What a client's producer does: sends and transactions.

use std::collections::VecDeque;

use fencepost_protocol::batch::Origin;
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::TopicId;
use fencepost_protocol::message::{OffsetToCommit, ProducerIdAndEpoch};
use fencepost_protocol::producer::{Certainty, ProducerError};
use fencepost_protocol::time::Now;
use fencepost_reports::history::event as h;

use super::{History, Recorder, Returned, identity, partition};

/// A record that is handed over.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Number of the send.
    pub op: u64,
    /// Where to.
    pub topic: TopicId,
    /// The partition, where the application chose it.
    pub to: Option<u32>,
    /// What it is about.
    pub origin: Origin,
    /// Fingerprint of its value; none for a tombstone.
    pub value: Option<u64>,
    /// The transaction that it is part of.
    pub n: Option<u64>,
}

impl<T> Recorder<T> {
    /// How many sends have not returned.
    #[inline]
    pub fn open_sends(&self) -> usize {
        self.sends.len()
    }

    /// A record is handed over; `kept` comes back with its outcome.
    pub fn sent(&mut self, now: Now, sent: &Sent, kept: T, history: &mut History<'_>) {
        let (t, c, i) = self.stamp(now);
        let Sent { op, topic, to, origin, value, n } = *sent;
        // They come in the order of their numbers, and there is a window full of them.
        let place = match self.sends.back() {
            Some((last, _)) if *last >= op => self.sends.partition_point(|(other, _)| *other < op),
            _ => self.sends.len(),
        };
        self.sends.insert(place, (op, kept));
        let id = identity(&origin);
        history.write(&h::Event::Send(h::Send { t, c, i, op, topic: topic.0, partition: to, id, n, value }));
    }

    /// A send has returned; nothing if it had before.
    pub fn returned(&mut self, now: Now, op: u64, result: Returned, history: &mut History<'_>) -> Option<T> {
        let place = self.sends.binary_search_by_key(&op, |(op, _)| *op).ok()?;
        let (_, kept) = self.sends.remove(place).expect("just found");
        let (t, c, i) = self.stamp(now);
        history.write(&match result {
            Ok((tp, offset)) => h::Event::Ack(h::Ack { t, c, i, op, at: partition(tp), offset }),
            Err((error, Certainty::Definite)) => h::Event::Fail(h::SendError { t, c, i, op, error: error.into() }),
            Err((error, Certainty::Unknown)) => h::Event::Unknown(h::SendError { t, c, i, op, error: error.into() }),
        });
        Some(kept)
    }

    /// What became of the sends that have not returned will never be known.
    pub fn give_up(&mut self, now: Now, why: &'static str, history: &mut History<'_>) -> VecDeque<(u64, T)> {
        let sends = std::mem::take(&mut self.sends);
        for (op, _) in &sends {
            let (t, c, i) = self.stamp(now);
            history.write(&h::Event::Unknown(h::SendError { t, c, i, op: *op, error: why.into() }));
        }
        sends
    }

    /// A transaction begins.
    pub fn begun(&self, now: Now, n: u64, history: &mut History<'_>) {
        let (t, c, i) = self.stamp(now);
        history.write(&h::Event::Begin(h::Begin { t, c, i, n }));
    }

    /// Offsets are made part of a transaction.
    pub fn offsets(&self, now: Now, n: u64, (group, offsets): (&str, &[OffsetToCommit]), history: &mut History<'_>) {
        let (t, c, i) = self.stamp(now);
        let group = history.declare_group(group);
        for o in offsets {
            let (at, next) = (partition(o.tp), o.offset);
            history.write(&h::Event::TxnOffsets(h::TxnOffsets { t, c, i, n, group, at, next }));
        }
    }

    /// Commit or abort is called. Calling again for the same end is one call.
    pub fn ending(&mut self, now: Now, n: u64, commit: bool, history: &mut History<'_>) {
        if self.ending.replace((n, commit)) != Some((n, commit)) {
            let (t, c, i) = self.stamp(now);
            history.write(&h::Event::Ending(h::Ending { t, c, i, n, commit }));
        }
    }

    /// Whether a commit or abort has not returned.
    pub fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// Commit or abort has returned.
    pub fn ended(&mut self, now: Now, outcome: h::Outcome, error: &'static str, history: &mut History<'_>) {
        let Some((n, commit)) = self.ending.take() else { return };
        let (t, c, i) = self.stamp(now);
        history.write(&h::Event::Ended(h::Ended { t, c, i, n, commit, outcome, error: error.into() }));
    }

    /// The producer has an id and epoch.
    pub fn epoch(&self, now: Now, pair: ProducerIdAndEpoch, history: &mut History<'_>) {
        let (t, c, i) = self.stamp(now);
        history.write(&h::Event::Epoch(h::Epoch { t, c, i, pid: pair.id, epoch: pair.epoch }));
    }

    /// The producer is of no use any more: it may be that it learned that it is fenced.
    pub fn failed(&mut self, now: Now, error: ProducerError, history: &mut History<'_>) {
        if let ProducerError::Fatal(code @ (ErrorCode::ProducerFenced | ErrorCode::InvalidProducerEpoch)) = error {
            self.fenced(now, code, history);
        }
    }

    /// The producer learned that it is fenced: told once for each incarnation.
    pub fn fenced(&mut self, now: Now, code: ErrorCode, history: &mut History<'_>) {
        if !std::mem::replace(&mut self.fenced, true) {
            let (t, c, i) = self.stamp(now);
            history.write(&h::Event::Fenced(h::Fenced { t, c, i, error: code.name().into() }));
        }
    }
}
