//! The producer client: idempotent, transactional or neither (§5).

mod event;

pub use event::*;

use crate::batch::Record;
use crate::config::{Domains, ProducerConfig};
use crate::ids::*;
use crate::io::{Client, Machine, NetInput, Outputs};
use crate::message::{GroupMetadata, OffsetToCommit, ProducerIdAndEpoch};
use crate::time::{Instant, Now, Span};

/// A producer.
///
/// Calls return at once: `Err` means that the call was refused and changed nothing, `Ok` that it was taken. What Kafka's
/// client returns, or completes a future with, comes out of [`Producer::poll_event`]: drain it after every input.
#[derive(Clone, Debug)]
pub struct Producer {}

#[expect(unused_variables)]
impl Producer {
    /// A producer that knows the brokers `bootstrap`. `config` is resolved. `topics` are asked for in the first Metadata
    /// request; others join with their first record.
    pub fn new(config: ProducerConfig, domains: Domains, bootstrap: Vec<NodeId>, topics: Vec<TopicId>) -> Producer {
        Producer {}
    }

    /// `initTransactions`; ends with [`ProducerEvent::InitDone`].
    pub fn init_transactions(&mut self, now: Now, out: &mut Outputs) -> Result<(), ProducerError> {
        Ok(())
    }

    /// `beginTransaction`: local, nothing follows.
    pub fn begin_transaction(&mut self, now: Now, out: &mut Outputs) -> Result<(), ProducerError> {
        Ok(())
    }

    /// `send`; ends with [`ProducerEvent::Delivered`] for `token`. A record that must wait (for metadata or memory) does
    /// so for at most `max.block.ms`, and later ones behind it.
    pub fn send(
        &mut self,
        now: Now,
        token: u64,
        topic: TopicId,
        partition: Option<u32>,
        record: Record,
        out: &mut Outputs,
    ) -> Result<(), ProducerError> {
        Ok(())
    }

    /// `sendOffsetsToTransaction`; ends with [`ProducerEvent::OffsetsSent`].
    pub fn send_offsets_to_transaction(
        &mut self,
        now: Now,
        offsets: Vec<OffsetToCommit>,
        group: GroupMetadata,
        out: &mut Outputs,
    ) -> Result<(), ProducerError> {
        Ok(())
    }

    /// `commitTransaction`; ends with [`ProducerEvent::Committed`].
    pub fn commit_transaction(&mut self, now: Now, out: &mut Outputs) -> Result<(), ProducerError> {
        Ok(())
    }

    /// `abortTransaction`; ends with [`ProducerEvent::Aborted`].
    pub fn abort_transaction(&mut self, now: Now, out: &mut Outputs) -> Result<(), ProducerError> {
        Ok(())
    }

    /// `flush`; ends with [`ProducerEvent::Flushed`].
    pub fn flush(&mut self, now: Now, out: &mut Outputs) -> Result<(), ProducerError> {
        Ok(())
    }

    /// `close(timeout)`: delivers what was sent, aborts an unfinished transaction, closes the connections; ends with
    /// [`ProducerEvent::Closed`]. After `timeout` what is left is given up. `Span(u64::MAX)` is Kafka's default.
    pub fn close(&mut self, now: Now, timeout: Span, out: &mut Outputs) -> Result<(), ProducerError> {
        Ok(())
    }

    /// The next thing that the application has not yet been told.
    pub fn poll_event(&mut self) -> Option<ProducerEvent> {
        None
    }

    /// Producer id and epoch that new batches get; [`ProducerIdAndEpoch::NONE`] before there is one.
    pub fn producer_id_and_epoch(&self) -> ProducerIdAndEpoch {
        ProducerIdAndEpoch::NONE
    }

    /// State (§5.1).
    pub fn state(&self) -> ProducerState {
        ProducerState::Uninitialized
    }
}

#[expect(unused_variables)]
impl Machine for Producer {
    fn next_deadline(&self) -> Instant {
        Instant::NEVER
    }

    fn wake(&mut self, now: Now, out: &mut Outputs) {}
}

#[expect(unused_variables)]
impl Client for Producer {
    fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs) {}
}
