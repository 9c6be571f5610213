//! Measures a run while it happens: requests from its trace, times from its history.

use std::cell::RefCell;
use std::collections::BTreeMap;

use fencepost_protocol::message::Request as KafkaRequest;
use fencepost_reports::history::{Event, Sink, event};

use super::Latency;
use crate::message::Request;
use crate::world::{Traced, TracedEvent};

/// Listens at both ends of a run.
#[derive(Debug, Default)]
pub(super) struct Meter(RefCell<Reading>);

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Requests that write, commit or end transactions.
    pub writing: u64,
    /// Fetches of replicas.
    pub replicating: u64,
    /// Times from `send()` to the read_uncommitted reader.
    pub read_early: Vec<u64>,
    /// Times from `send()` to the read_committed reader.
    pub read: Vec<u64>,
    first_send: Option<u64>,
    /// When the read_uncommitted reader was given each record; the other one is given whole transactions at a time.
    given: Vec<u64>,
    /// Readers at read_committed, and others.
    readers: BTreeMap<u32, bool>,
    /// When each operation was invoked, and for which record.
    sends: BTreeMap<(u32, u32, u64), u64>,
    /// When the record was sent that is a workload's, by workload and index.
    workload: BTreeMap<(u32, i64), u64>,
    /// When the record was sent that is stored there: topic, partition, offset.
    stored: BTreeMap<(u32, u32, i64), u64>,
}

/// The history's end.
pub(super) struct HistoryEnd<'m>(&'m Meter);

impl Sink for HistoryEnd<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.0.0.borrow_mut().event(event);
    }
}

impl Meter {
    pub fn sink(&self) -> HistoryEnd<'_> {
        HistoryEnd(self)
    }

    pub fn trace(&self, traced: &Traced<'_>) {
        let mut reading = self.0.borrow_mut();
        if reading.first_send.is_none() {
            return;
        }
        if let TracedEvent::Request(Request::Kafka(request)) = &traced.what {
            match request {
                KafkaRequest::Fetch(fetch) if fetch.replica.is_some() => reading.replicating += 1,
                KafkaRequest::Produce(_)
                | KafkaRequest::AddPartitionsToTxn(_)
                | KafkaRequest::AddOffsetsToTxn(_)
                | KafkaRequest::TxnOffsetCommit(_)
                | KafkaRequest::OffsetCommit(_)
                | KafkaRequest::EndTxn(_)
                | KafkaRequest::WriteTxnMarkers(_) => reading.writing += 1,
                _ => {}
            }
        }
    }

    pub fn finish(self) -> Reading {
        let mut reading = self.0.into_inner();
        reading.read.sort_unstable();
        reading.read_early.sort_unstable();
        reading
    }
}

impl Reading {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Client(client) if client.kind == event::ClientKind::Reader => {
                self.readers.insert(client.id, client.isolation == event::Isolation::ReadCommitted);
            }
            Event::Send(send) if send.id.source & event::Identity::WORKLOAD != 0 => {
                self.first_send.get_or_insert(send.t);
                self.sends.insert((send.c, send.i, send.op), send.t);
                self.workload.insert((send.id.source, send.id.offset), send.t);
            }
            Event::Ack(ack) => {
                if let Some(t) = self.sends.remove(&(ack.c, ack.i, ack.op)) {
                    self.stored.insert((ack.at.topic, ack.at.partition, ack.offset), t);
                }
            }
            Event::Read(read) => {
                let Some(committed) = self.readers.get(&read.c).copied() else { return };
                let id = read.id;
                let sent = if id.source & event::Identity::WORKLOAD != 0 {
                    self.workload.get(&(id.source, id.offset))
                } else {
                    self.stored.get(&(id.source, id.partition, id.offset))
                };
                let took = read.t - sent.expect("a record is sent, and its producer answered, before a reader has it");
                if committed {
                    self.read.push(took);
                } else {
                    self.given.push(read.t);
                    self.read_early.push(took);
                }
            }
            _ => {}
        }
    }

    /// How many records the read_uncommitted reader was given after the first tenth of them, and in how many nanoseconds:
    /// what happens once, such as asking for a producer id, is left out.
    pub fn steady(&self) -> (u64, u64) {
        let warm = self.given.len() / 10;
        match (self.given.get(warm), self.given.last()) {
            (Some(from), Some(to)) => ((self.given.len() - 1 - warm) as u64, to - from),
            _ => (0, 0),
        }
    }

    pub fn latency_uncommitted(&self) -> Latency {
        latency(&self.read_early)
    }

    pub fn latency_committed(&self) -> Latency {
        latency(&self.read)
    }
}

/// The smallest time that so many of a hundred did not exceed.
fn latency(sorted: &[u64]) -> Latency {
    let at =
        |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).max(1) - 1).copied().unwrap_or_default();
    Latency { p50_ns: at(50), p99_ns: at(99) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_smallest_time_that_so_many_did_not_exceed() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(latency(&hundred), Latency { p50_ns: 50, p99_ns: 99 });
        assert_eq!(latency(&[7]), Latency { p50_ns: 7, p99_ns: 7 });
        assert_eq!(latency(&[]), Latency::default());
    }
}
