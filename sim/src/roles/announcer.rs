//! The Kafka side of a service or relay: sends some records, in a transaction or not, and says what became of them.

use fencepost_protocol::batch::Record;
use fencepost_protocol::config::{Domains, ProducerConfig, ProtocolGeneration};
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::{NodeId, TopicId};
use fencepost_protocol::io::{Client as _, Machine as _, NetInput, Outputs};
use fencepost_protocol::producer::{Certainty, Producer, ProducerError, ProducerEvent, ProducerRecord, ProducerState};
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::event as h;

use super::words;
use crate::cast::Names;
use crate::evidence::{Gone, History, Recorder, Returned, Sent, error_name, fingerprint, returned};
use crate::plan::Plan;

/// Pause before an application makes a new producer after a fatal error.
const RESTART_PAUSE: Span = Span::from_millis(1_000);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No process.
    Down,
    Initializing,
    Idle,
    Sending,
    Committing,
    Aborting,
    /// A new producer is made at that time.
    Broken(Instant),
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is there, committed if it was in a transaction.
    There,
    /// It is not there and will not be.
    NotThere,
    /// Nobody knows.
    Unknown,
}

/// The producer and what is under way with it.
pub(crate) struct Announcer {
    config: ProducerConfig,
    topic: TopicId,
    bootstrap: Vec<NodeId>,
    domains: Domains,
    producer: Option<Producer>,
    /// Keeps, of each send, its place in `fates`.
    recorder: Recorder<usize>,
    phase: Phase,
    op: u64,
    /// Of the records in hand.
    fates: Vec<Fate>,
    transaction: u64,
    news: Option<Vec<Fate>>,
}

impl Announcer {
    /// One that sends to `topic`.
    pub fn new(all: &Plan, topic: &str, config: &ProducerConfig) -> Announcer {
        Announcer {
            config: config.clone(),
            topic: all.topic_id(topic),
            bootstrap: all.cluster.ids().collect(),
            domains: all.cluster.domains,
            producer: None,
            recorder: Recorder::default(),
            phase: Phase::Down,
            op: 0,
            fates: Vec::new(),
            transaction: 0,
            news: None,
        }
    }

    /// What the history's preamble says of a client that has it.
    pub fn declare(&self, name: &str, transaction_version: u8) -> h::Client<'static> {
        let newer = self.config.protocol == ProtocolGeneration::Java4 && transaction_version >= 2;
        h::Client {
            name: name.to_string().into(),
            kind: h::ClientKind::Producer,
            transactional_id: self.config.transactional_id.as_ref().map(|t| t.to_string().into()),
            idempotent: self.config.enable_idempotence,
            transaction_version: if newer { 2 } else { 0 },
            outputs: vec![self.topic.0],
            ..h::Client::default()
        }
    }

    fn is_transactional(&self) -> bool {
        self.config.transactional_id.is_some()
    }

    /// The process begins to run.
    pub fn start(&mut self, now: Now, client: u32, incarnation: u32, out: &mut Outputs, history: &mut History<'_>) {
        self.recorder.introduce(client);
        if incarnation > 0 {
            self.recorder.set_incarnation(self.recorder.incarnation() + 1);
        }
        self.make_producer(now, out, history);
    }

    /// Who writes what its client does.
    pub fn recorder(&self) -> &Recorder<usize> {
        &self.recorder
    }

    /// Who writes what its client does, for what it does besides.
    pub fn recorder_mut(&mut self) -> &mut Recorder<usize> {
        &mut self.recorder
    }

    /// Where it sends to.
    pub fn output(&self) -> TopicId {
        self.topic
    }

    /// State of its producer, if its process runs.
    pub fn producer_state(&self) -> Option<ProducerState> {
        self.producer.as_ref().map(Producer::state)
    }

    /// Where its producer stands, in words.
    pub fn in_words(&self, names: &Names, lines: &mut Vec<String>) {
        if let Some(producer) = &self.producer {
            words::producer(producer, names, lines);
        }
    }

    fn make_producer(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        self.recorder.started(now, history);
        let mut producer = Producer::new(self.config.clone(), self.domains, self.bootstrap.clone(), vec![self.topic]);
        self.phase = Phase::Idle;
        if self.is_transactional() {
            self.phase = Phase::Initializing;
            producer.init_transactions(now, out).expect("a new producer may initialise");
        }
        self.producer = Some(producer);
        self.take_events(now, out, history);
    }

    /// Whether it can take records.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Idle && self.news.is_none()
    }

    /// What became of the records that were handed over last, in their order; once.
    pub fn news(&mut self) -> Option<Vec<Fate>> {
        self.news.take()
    }

    /// Sends records: all in one transaction if it has any.
    pub fn send(&mut self, now: Now, records: Vec<Record>, out: &mut Outputs, history: &mut History<'_>) {
        assert!(self.is_ready(), "the records before are settled");
        let producer = self.producer.as_mut().expect("a ready announcer has a producer");
        self.fates = vec![Fate::Unknown; records.len()];
        self.phase = Phase::Sending;
        let transactional = self.config.transactional_id.is_some();
        if transactional {
            if let Err(error) = producer.begin_transaction(now, out) {
                self.fates.fill(Fate::NotThere);
                return self.failed(now, error, out, history);
            }
            self.transaction += 1;
            self.recorder.begun(now, self.transaction, history);
        }
        for (place, record) in records.into_iter().enumerate() {
            let (op, topic) = (self.op, self.topic);
            self.op += 1;
            let (origin, value) = (record.origin, fingerprint(&record));
            let n = transactional.then_some(self.transaction);
            self.recorder.sent(now, &Sent { op, topic, to: None, origin, value, n }, place, history);
            let producer = self.producer.as_mut().expect("a ready announcer has a producer");
            let record = ProducerRecord { topic: self.topic, partition: None, record };
            if let Err(error) = producer.send(now, op, record, out) {
                self.returned(now, op, Err((error_name(error), Certainty::Definite)), history);
            }
        }
        self.take_events(now, out, history);
    }

    /// When it has something to do.
    pub fn next_deadline(&self) -> Instant {
        let own = if let Phase::Broken(until) = self.phase { until } else { Instant::NEVER };
        own.min(self.producer.as_ref().map_or(Instant::NEVER, |p| p.poll_timeout()))
    }

    /// Something happened on one of its connections.
    pub fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs, history: &mut History<'_>) {
        if let Some(producer) = &mut self.producer {
            producer.net(now, input, out);
            self.take_events(now, out, history);
        }
    }

    /// A deadline has come.
    pub fn wake(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        if let Some(producer) = &mut self.producer {
            producer.handle_timeout(now, out);
            self.take_events(now, out, history);
        }
        if matches!(self.phase, Phase::Broken(until) if now.mono >= until) {
            self.recorder.set_incarnation(self.recorder.incarnation() + 1);
            self.make_producer(now, out, history);
        }
    }

    fn take_events(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        while let Some(event) = self.producer.as_mut().and_then(Producer::poll_event) {
            match event {
                ProducerEvent::Delivered { token, result } => {
                    self.returned(now, token, returned(result), history);
                }
                ProducerEvent::EpochChanged(pair) => self.recorder.epoch(now, pair, history),
                ProducerEvent::InitDone(Ok(())) => self.phase = Phase::Idle,
                ProducerEvent::InitDone(Err(error)) => self.failed(now, error, out, history),
                ProducerEvent::Committed(result) => self.ended(now, true, result, out, history),
                ProducerEvent::Aborted(result) => self.ended(now, false, result, out, history),
                ProducerEvent::OffsetsSent(_)
                | ProducerEvent::Flushed
                | ProducerEvent::Closed
                | ProducerEvent::LocalEpochBump { .. } => {}
            }
        }
        self.go_on(now, out, history);
    }

    /// All records are answered, or the producer has failed.
    fn go_on(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        let Some(producer) = &self.producer else { return };
        match (producer.state(), self.phase) {
            (ProducerState::FatalError, Phase::Sending | Phase::Initializing) => {
                self.failed(now, ProducerError::Fatal(ErrorCode::UnknownServerError), out, history);
            }
            (ProducerState::AbortableError, Phase::Sending) if self.is_transactional() => {
                self.end(now, false, out, history);
            }
            (_, Phase::Sending) if self.recorder.open_sends() == 0 => {
                if self.is_transactional() {
                    self.end(now, true, out, history);
                } else {
                    self.settle();
                }
            }
            _ => {}
        }
    }

    fn settle(&mut self) {
        self.phase = Phase::Idle;
        self.news = Some(std::mem::take(&mut self.fates));
    }

    fn returned(&mut self, now: Now, op: u64, result: Returned, history: &mut History<'_>) {
        let Some(place) = self.recorder.returned(now, op, result, history) else { return };
        self.fates[place] = match result {
            Ok(_) => Fate::There,
            Err((_, Certainty::Definite)) => Fate::NotThere,
            Err((_, Certainty::Unknown)) => Fate::Unknown,
        };
    }

    fn end(&mut self, now: Now, commit: bool, out: &mut Outputs, history: &mut History<'_>) {
        self.recorder.ending(now, self.transaction, commit, history);
        self.call_end(now, commit, out, history);
    }

    fn call_end(&mut self, now: Now, commit: bool, out: &mut Outputs, history: &mut History<'_>) {
        self.phase = if commit { Phase::Committing } else { Phase::Aborting };
        let producer = self.producer.as_mut().expect("there is a producer while a transaction ends");
        let called = if commit { producer.commit_transaction(now, out) } else { producer.abort_transaction(now, out) };
        if let Err(error) = called {
            self.ended(now, commit, Err(error), out, history);
        }
    }

    fn ended(
        &mut self,
        now: Now,
        commit: bool,
        result: Result<(), ProducerError>,
        out: &mut Outputs,
        history: &mut History<'_>,
    ) {
        match result {
            Ok(()) => {
                self.recorder.ended(now, h::Outcome::Ok, "", history);
                if !commit {
                    self.fates.fill(Fate::NotThere);
                }
                self.recorder.give_up(now, "the transaction ended before its answer came", history);
                self.settle();
            }
            // The same call again: the outcome is not known (§5.2).
            Err(ProducerError::Timeout) => self.call_end(now, commit, out, history),
            Err(ProducerError::Abortable(code)) if commit => {
                self.recorder.ended(now, h::Outcome::Fail, code.name(), history);
                self.end(now, false, out, history);
            }
            Err(error) => {
                self.recorder.ended(now, h::Outcome::Unknown, error_name(error), history);
                // Without a commit the next incarnation aborts it.
                self.fates.fill(if commit { Fate::Unknown } else { Fate::NotThere });
                self.failed(now, error, out, history);
            }
        }
    }

    /// The producer is unusable: a new one is made after a pause.
    fn failed(&mut self, now: Now, error: ProducerError, out: &mut Outputs, history: &mut History<'_>) {
        self.recorder.failed(now, error, history);
        let had_records = !self.fates.is_empty();
        if let Some(mut producer) = self.producer.take() {
            let _ = producer.close(now, Span::ZERO, out);
            while let Some(event) = producer.poll_event() {
                if let ProducerEvent::Delivered { token, result } = event {
                    self.returned(now, token, returned(result), history);
                }
            }
        }
        self.recorder.give_up(now, "the producer is gone", history);
        if had_records {
            self.news = Some(std::mem::take(&mut self.fates));
        }
        self.phase = Phase::Broken(now.mono + RESTART_PAUSE);
    }

    /// The process is gone.
    pub fn crash(&mut self, now: Now, gone: Gone, history: &mut History<'_>) {
        self.producer = None;
        self.recorder.lost(now, gone, history);
        self.fates.clear();
        self.news = None;
        self.phase = Phase::Down;
    }
}
