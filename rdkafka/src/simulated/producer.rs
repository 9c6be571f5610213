//! A producer behind the API.

use std::collections::{BTreeMap, VecDeque};

use fencepost_protocol::batch::{Blob, Record};
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::TopicPartition;
use fencepost_protocol::io::{Client as _, Machine as _, NetInput};
use fencepost_protocol::message::{GroupMetadata, OffsetToCommit};
use fencepost_protocol::producer::{DeliveryErrorKind, Producer, ProducerError, ProducerEvent, ProducerState};
use fencepost_protocol::time::{Instant, Span};
use fencepost_reports::history::event as h;
use fencepost_sim::embed::{Ended, Standing, WriterWitness};
use fencepost_sim::evidence::Gone;

use super::entry::Turn;
use super::ledger::Fact;
use super::settings::{Partitioning, ProducerSettings};
use super::{Eye, Shared, programs, shared};
use crate::error::{KafkaError, KafkaResult, RDKafkaError, RDKafkaErrorCode};
use crate::message::{Content, Timestamp};

/// A call that takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Init,
    Offsets,
    Commit,
    Abort,
}

/// A record with its fate.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub op: u64,
    pub content: Content,
    pub error: Option<KafkaError>,
}

pub(crate) struct ProducerCore {
    machine: Producer,
    settings: ProducerSettings,
    client: u32,
    witness: WriterWitness,
    /// With their numbers in the ledger.
    outstanding: BTreeMap<u64, (Content, usize)>,
    deliveries: VecDeque<Delivered>,
    /// Calls that have not returned; with a result, they have, and nobody has asked yet.
    calls: BTreeMap<Call, Option<Result<(), ProducerError>>>,
    /// Offsets that were made part of the transaction, with their group.
    offsets: Vec<(String, Vec<OffsetToCommit>)>,
    /// When the last commit began.
    commit_begun: Instant,
    fatal: Option<ErrorCode>,
    closing: bool,
    closed: bool,
}

impl ProducerCore {
    pub fn new(settings: ProducerSettings, turn: &mut Turn<'_>, name: &str) -> ProducerCore {
        let config = settings.config.clone();
        let client = turn.world.declare(h::Client {
            name: name.to_string().into(),
            kind: h::ClientKind::Producer,
            transactional_id: config.transactional_id.as_ref().map(|t| t.to_string().into()),
            idempotent: config.enable_idempotence,
            transaction_version: 0,
            ..h::Client::default()
        });
        let sweep = i64::from(turn.world.plan().cluster.config.transaction_sweep_ms);
        if let Some(shared) = shared() {
            let delivery = i64::from(config.delivery_timeout_ms % i32::MAX);
            let transaction = config.transactional_id.as_ref().map_or(0, |_| i64::from(config.transaction_timeout_ms));
            shared.be_patient(delivery.max(transaction + sweep));
        }
        let domains = turn.world.plan().cluster.domains;
        let mut machine = Producer::new(config, domains, turn.world.bootstrap(), Vec::new());
        machine.wake(turn.now, turn.out);
        ProducerCore {
            machine,
            settings,
            client,
            witness: WriterWitness::new(client),
            outstanding: BTreeMap::new(),
            deliveries: VecDeque::new(),
            calls: BTreeMap::new(),
            offsets: Vec::new(),
            commit_begun: Instant::ZERO,
            fatal: None,
            closing: false,
            closed: false,
        }
    }

    pub fn net(&mut self, input: NetInput, turn: &mut Turn<'_>) {
        self.machine.net(turn.now, input, turn.out);
    }

    pub fn wake(&mut self, turn: &mut Turn<'_>) {
        self.machine.wake(turn.now, turn.out);
    }

    pub fn deadline(&self) -> Instant {
        if self.closed { Instant::NEVER } else { self.machine.next_deadline() }
    }

    pub fn standing(&self) -> Standing {
        let in_call = self.calls.values().any(Option::is_none);
        let busy = in_call || !self.outstanding.is_empty();
        Standing { busy: busy && !self.closed, ..Standing::default() }
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        let error = RDKafkaError::of_producer(ProducerError::Fatal(self.fatal?));
        Some((error.code(), error.string()))
    }

    pub fn queue_is_full(&self) -> bool {
        self.outstanding.len() >= self.settings.queue_messages
    }

    pub fn in_flight(&self) -> i32 {
        (self.outstanding.len() + self.deliveries.len()) as i32
    }

    pub fn transaction_timeout_ms(&self) -> u64 {
        self.settings.config.transaction_timeout_ms as u64
    }

    pub fn take_deliveries(&mut self) -> Vec<Delivered> {
        self.deliveries.drain(..).collect()
    }

    /// Whether every record has its fate.
    pub fn is_flushed(&self) -> bool {
        self.outstanding.is_empty()
    }

    pub fn flush(&mut self, turn: &mut Turn<'_>) {
        let _ = self.machine.flush(turn.now, turn.out); // refused by a closed producer, which has nothing to flush
    }

    // ---- records ---------------------------------------------------------------------------------------------------

    pub fn send(
        &mut self,
        shared: &Shared,
        turn: &mut Turn<'_>,
        op: u64,
        mut content: Content,
        custom: Option<i32>,
        eye: Eye,
    ) -> KafkaResult<()> {
        let refuse = |code| Err(KafkaError::MessageProduction(code));
        if self.fatal.is_some() {
            return refuse(RDKafkaErrorCode::Fatal);
        }
        if self.queue_is_full() {
            return refuse(RDKafkaErrorCode::QueueFull);
        }
        let Some((topic, partitions)) = turn.world.topic(&content.topic) else {
            return refuse(RDKafkaErrorCode::UnknownTopic);
        };
        let transactional = self.settings.config.transactional_id.is_some();
        if transactional && self.machine.state() != ProducerState::InTransaction {
            return refuse(RDKafkaErrorCode::State);
        }
        let key = content.key.as_deref();
        let partition = match (content.partition, custom) {
            (n, _) if n >= 0 => Some(n as u32),
            (_, Some(n)) if n >= 0 => Some(n as u32),
            _ => match (self.settings.partitioning, key) {
                (Partitioning::Consistent, Some(key)) => Some(crc32(key) % partitions),
                (Partitioning::ConsistentRandom, Some(key)) if !key.is_empty() => Some(crc32(key) % partitions),
                _ => None,
            },
        };
        if partition.is_some_and(|p| p >= partitions) {
            return refuse(RDKafkaErrorCode::UnknownPartition);
        }
        let timestamp_ms = content.timestamp.to_millis().unwrap_or(turn.now.wall_ms);
        content.timestamp = Timestamp::CreateTime(timestamp_ms);
        turn.world.handed_over(turn.slot, programs::hashes(&content));
        let (number, origin) = shared.hand_over(turn, self.client, topic, &content, eye);
        let record = Record {
            origin,
            timestamp_ms,
            key: content.key.clone().map(Blob::Bytes),
            value: super::consumer::with_headers(content.payload.clone(), content.headers.as_ref()).map(Into::into),
        };
        self.witness.sent(turn.now, op, (topic, partition), &record, turn.world);
        self.outstanding.insert(op, (content, number));
        if let Err(error) = self.machine.send(turn.now, op, topic, partition, record, turn.out) {
            self.outstanding.remove(&op);
            self.witness.refused(turn.now, op, error, turn.world);
            shared.ledger.borrow_mut().note(turn.process, Fact::Failed(number));
            return refuse(match error {
                ProducerError::Fatal(_) => RDKafkaErrorCode::Fatal,
                _ => RDKafkaErrorCode::State,
            });
        }
        Ok(())
    }

    // ---- transactions ----------------------------------------------------------------------------------------------

    pub fn begin_transaction(&mut self, turn: &mut Turn<'_>) -> KafkaResult<()> {
        self.machine.begin_transaction(turn.now, turn.out).map_err(KafkaError::of_transaction)?;
        self.offsets.clear();
        self.witness.begun(turn.now, turn.world);
        Ok(())
    }

    /// Begins a call, or takes up one of the same kind that has not returned to anybody.
    pub fn call(&mut self, call: Call, turn: &mut Turn<'_>) -> KafkaResult<()> {
        if self.calls.contains_key(&call) {
            return Ok(());
        }
        let (now, out) = (turn.now, &mut *turn.out);
        let result = match call {
            Call::Init => self.machine.init_transactions(now, out),
            Call::Commit => self.machine.commit_transaction(now, out),
            Call::Abort => self.machine.abort_transaction(now, out),
            Call::Offsets => unreachable!("has a method of its own"),
        };
        // What was refused because it does not fit was no call.
        if !matches!(result, Err(ProducerError::IllegalState(_))) {
            match call {
                Call::Commit => {
                    self.commit_begun = turn.world.time();
                    self.witness.ending(now, true, turn.world);
                }
                Call::Abort => {
                    self.witness.ending(now, false, turn.world);
                    if let Some(shared) = shared() {
                        shared.ledger.borrow_mut().note(turn.process, Fact::Aborts(self.client));
                    }
                }
                _ => {}
            }
        }
        if let Err(error) = result {
            self.ended(call, Err(error), turn);
            self.note(error, turn);
            return Err(KafkaError::of_transaction(error));
        }
        self.calls.insert(call, None);
        Ok(())
    }

    pub fn send_offsets(
        &mut self,
        offsets: Vec<OffsetToCommit>,
        group: GroupMetadata,
        turn: &mut Turn<'_>,
    ) -> KafkaResult<()> {
        if self.calls.contains_key(&Call::Offsets) {
            return Ok(());
        }
        let name = group.group_id.clone();
        let begun = self.machine.send_offsets_to_transaction(turn.now, offsets.clone(), group, turn.out);
        if let Err(error) = begun {
            self.note(error, turn);
            return Err(KafkaError::of_transaction(error));
        }
        self.witness.offsets(turn.now, &name, &offsets, turn.world);
        self.offsets.push((name.to_string(), offsets));
        self.calls.insert(Call::Offsets, None);
        Ok(())
    }

    /// The result of a call, once it has one.
    pub fn take_result(&mut self, call: Call) -> Option<Result<(), ProducerError>> {
        match self.calls.get(&call) {
            Some(Some(_)) => self.calls.remove(&call).flatten(),
            _ => None,
        }
    }

    fn returned(&mut self, call: Call, result: Result<(), ProducerError>, turn: &mut Turn<'_>) {
        if result == Err(ProducerError::Timeout) && call != Call::Offsets {
            // The machine's own limit; librdkafka has none but the caller's. It goes on.
            let (now, out) = (turn.now, &mut *turn.out);
            let again = match call {
                Call::Init => self.machine.init_transactions(now, out),
                Call::Commit => self.machine.commit_transaction(now, out),
                _ => self.machine.abort_transaction(now, out),
            };
            match again {
                Ok(()) => return,
                Err(error) => return self.returned(call, Err(error), turn),
            }
        }
        if let (Call::Commit, Ok(()), Some(shared)) = (call, result, shared()) {
            let begun = self.commit_begun;
            for (group, offsets) in self.offsets.drain(..) {
                shared.note_committed(&group, &offsets, begun);
                let offsets = offsets.iter().map(|o| (o.tp, o.offset)).collect();
                shared.ledger.borrow_mut().note(turn.process, Fact::Commits(offsets));
            }
        }
        self.ended(call, result, turn);
        if let Err(error) = result {
            self.note(error, turn);
        }
        self.calls.insert(call, Some(result));
    }

    fn ended(&mut self, call: Call, result: Result<(), ProducerError>, turn: &mut Turn<'_>) {
        let how = match result {
            Ok(()) => Ended::Ok,
            Err(ProducerError::IllegalState(_)) => return,
            Err(error @ ProducerError::Abortable(_)) if call == Call::Commit => Ended::Failed(error),
            Err(error) => Ended::Unknown(error),
        };
        if matches!(call, Call::Commit | Call::Abort) {
            self.witness.ended(turn.now, how, turn.world);
        }
    }

    /// Remembers a fatal error.
    fn note(&mut self, error: ProducerError, turn: &mut Turn<'_>) {
        let ProducerError::Fatal(code) = error else { return };
        self.fatal.get_or_insert(code);
        if matches!(code, ErrorCode::ProducerFenced | ErrorCode::InvalidProducerEpoch) {
            self.witness.fenced(turn.now, code, turn.world);
        }
    }

    // ---- what the machine says -------------------------------------------------------------------------------------

    pub fn listen(&mut self, turn: &mut Turn<'_>) -> bool {
        let mut news = false;
        while let Some(event) = self.machine.poll_event() {
            news = true;
            match event {
                ProducerEvent::Delivered { token, result } => {
                    self.witness.delivered(turn.now, token, &result, turn.world);
                    let Some((mut content, number)) = self.outstanding.remove(&token) else { continue };
                    match (&result, shared()) {
                        (Ok(_), Some(shared)) => shared.note_progress(),
                        (Err(_), Some(shared)) => {
                            shared.ledger.borrow_mut().note(turn.process, Fact::Failed(number));
                        }
                        _ => {}
                    }
                    let error = match result {
                        Ok((tp, offset)) => {
                            place(&mut content, tp, offset);
                            None
                        }
                        Err(failure) => Some(KafkaError::MessageProduction(delivery_code(failure.error))),
                    };
                    self.deliveries.push_back(Delivered { op: token, content, error });
                }
                ProducerEvent::InitDone(result) => self.returned(Call::Init, result, turn),
                ProducerEvent::OffsetsSent(result) => self.returned(Call::Offsets, result, turn),
                ProducerEvent::Committed(result) => self.returned(Call::Commit, result, turn),
                ProducerEvent::Aborted(result) => self.returned(Call::Abort, result, turn),
                ProducerEvent::EpochChanged(pair) => self.witness.epoch(turn.now, pair, turn.world),
                ProducerEvent::Closed => self.closed = true,
                ProducerEvent::Flushed | ProducerEvent::LocalEpochBump { .. } => {}
            }
        }
        news
    }

    /// rust-rdkafka purges what is queued and in flight when a producer is dropped.
    pub fn close(&mut self, turn: &mut Turn<'_>) {
        if !std::mem::replace(&mut self.closing, true) {
            let _ = self.machine.close(turn.now, Span::ZERO, turn.out);
            self.listen(turn);
            self.closed = true;
        }
    }

    pub fn gone(&mut self, why: Gone, turn: &mut Turn<'_>) {
        self.closed = true;
        self.witness.gone(turn.now, why, turn.world);
    }

    pub fn client(&self) -> u32 {
        self.client
    }
}

fn place(content: &mut Content, tp: TopicPartition, offset: i64) {
    content.partition = tp.partition as i32;
    content.offset = offset;
}

fn delivery_code(kind: DeliveryErrorKind) -> RDKafkaErrorCode {
    match kind {
        DeliveryErrorKind::Code(code) => code.into(),
        DeliveryErrorKind::DeliveryTimeout | DeliveryErrorKind::MetadataTimeout | DeliveryErrorKind::BufferTimeout => {
            RDKafkaErrorCode::MessageTimedOut
        }
        DeliveryErrorKind::RecordTooLarge => RDKafkaErrorCode::MessageSizeTooLarge,
        DeliveryErrorKind::TransactionAborted => RDKafkaErrorCode::PurgeQueue,
        DeliveryErrorKind::Closed => RDKafkaErrorCode::PurgeInflight,
    }
}

/// CRC-32, by which librdkafka's default partitioner chooses.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn crc_32_is_that_of_zlib() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }
}
