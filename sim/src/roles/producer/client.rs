//! An application that sends a workload's records, in transactions or not.

mod transactions;

use std::collections::VecDeque;

use fencepost_protocol::batch::{Origin, Record};
use fencepost_protocol::config::{Domains, ProtocolGeneration};
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::{NodeId, TopicId};
use fencepost_protocol::io::{Client as _, Machine as _, NetInput, Outputs};
use fencepost_protocol::producer::{Certainty, Producer, ProducerError, ProducerEvent, ProducerRecord};
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::event as h;

use crate::cast::Names;
use crate::evidence::{Gone, History, Recorder, Returned, Sent, error_name, fingerprint, returned};
use crate::plan::{OnUnknown, Plan, ProducerPlan};
use crate::roles::application::{Application, Seat};
use crate::roles::progress::Progress;
use crate::roles::words;

/// Pause before an application makes a new producer after a fatal error.
const RESTART_PAUSE: Span = Span::from_millis(1_000);

/// Where the application stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waiting for `initTransactions`.
    Initializing,
    /// Sending; within a transaction if there are any.
    Sending,
    /// All records of the transaction are sent; a pause before its end.
    BeforeEnd { until: Instant },
    /// `commitTransaction` is under way.
    Committing,
    /// `abortTransaction` is under way; the application wanted it, or an error made it necessary.
    Aborting { wanted: bool },
    /// The producer is unusable: a new one is made at that time.
    Broken { until: Instant },
    /// Stopped in the middle of a transaction, on purpose.
    Abandoned,
    /// Everything is sent and answered.
    Finished,
}

/// The application.
pub struct ProducerClient {
    plan: ProducerPlan,
    topic: TopicId,
    workload: u32,
    root_seed: u64,
    bootstrap: Vec<NodeId>,
    domains: Domains,
    transaction_version: u8,
    producer: Option<Producer>,
    /// Keeps, of each send, which record of the workload it is.
    recorder: Recorder<u64>,
    phase: Phase,
    /// Next record of the workload.
    next: u64,
    next_due: Instant,
    op: u64,
    /// Records to send again, before new ones.
    again: VecDeque<u64>,
    /// Ordinal of the current transaction; counts over all incarnations of the process.
    transaction: u64,
    /// Records of the current transaction, to be sent again if it fails.
    in_transaction: Vec<u64>,
    commit_invoked: bool,
    progress: Progress,
}

impl ProducerClient {
    /// The client of `plan`: its workload is its place among the plan's producers.
    pub(crate) fn new(all: &Plan, plan: &ProducerPlan, seat: Seat) -> ProducerClient {
        ProducerClient {
            topic: all.topic_id(&plan.topic),
            workload: seat.place as u32,
            root_seed: seat.root_seed,
            bootstrap: all.cluster.ids().collect(),
            domains: all.cluster.domains,
            transaction_version: all.cluster.transaction_version,
            producer: None,
            recorder: Recorder::default(),
            phase: Phase::Initializing,
            next: 0,
            next_due: Instant::ZERO,
            op: 0,
            again: VecDeque::new(),
            transaction: 0,
            in_transaction: Vec::new(),
            commit_invoked: false,
            progress: Progress::default(),
            plan: plan.clone(),
        }
    }

    /// Whether everything is sent and answered (or given up on purpose).
    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished | Phase::Abandoned)
    }

    fn is_transactional(&self) -> bool {
        self.plan.config.transactional_id.is_some()
    }

    fn make_producer(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        self.recorder.started(now, history);
        let config = self.plan.config.clone();
        let mut producer = Producer::new(config, self.domains, self.bootstrap.clone(), vec![self.topic]);
        if self.is_transactional() {
            self.phase = Phase::Initializing;
            producer.init_transactions(now, out).expect("a new producer may initialise");
        } else {
            self.phase = Phase::Sending;
        }
        self.producer = Some(producer);
        self.advance(now, out, history);
    }

    fn has_more(&self) -> bool {
        !self.again.is_empty() || self.next < self.plan.source.len()
    }

    fn has_room(&self) -> bool {
        self.recorder.open_sends() < self.plan.window as usize
    }

    /// Does what can be done now.
    fn advance(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        loop {
            self.take_events(now, out, history);
            match self.phase {
                Phase::Sending => {
                    if !self.send_next(now, out, history) {
                        return;
                    }
                }
                Phase::BeforeEnd { until } if now.mono >= until => self.end_transaction(now, out, history),
                _ => return,
            }
        }
    }

    /// Sends one record, or ends the transaction. Returns whether there may be more to do at once.
    fn send_next(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) -> bool {
        let per_transaction = self.plan.transaction_records as usize;
        let full = self.is_transactional() && self.in_transaction.len() >= per_transaction.max(1);
        let last = self.is_transactional() && !self.has_more() && !self.in_transaction.is_empty();
        if full || last {
            self.phase = Phase::BeforeEnd { until: now.mono + self.plan.transaction_pause };
            return true;
        }
        if !self.has_more() {
            if self.recorder.open_sends() == 0 {
                self.phase = Phase::Finished;
                self.recorder.finished(now, "", history);
            }
            return false;
        }
        if !self.has_room() || now.mono < self.next_due {
            return false;
        }
        if self.is_transactional() && self.in_transaction.is_empty() {
            let producer = self.producer.as_mut().expect("there is a producer while sending");
            if producer.begin_transaction(now, out).is_err() {
                return false; // an error event follows or has been seen
            }
            self.transaction += 1;
            self.recorder.begun(now, self.transaction, history);
        }
        let index = match self.again.pop_front() {
            Some(index) => index,
            None => {
                let index = self.next;
                self.next += 1;
                self.progress.step();
                index
            }
        };
        self.next_due = now.mono.max(self.next_due) + self.plan.interval;
        self.send(now, index, out, history);
        if self.plan.abandon_transaction > 0
            && self.transaction == u64::from(self.plan.abandon_transaction)
            && self.in_transaction.len() * 2 >= per_transaction
        {
            self.phase = Phase::Abandoned;
            let text = "it stopped in the middle of a transaction, on purpose";
            self.recorder.finished(now, text, history);
            return false;
        }
        true
    }

    fn send(&mut self, now: Now, index: u64, out: &mut Outputs, history: &mut History<'_>) {
        let record = self.record(index, now.wall_ms);
        let op = self.op;
        self.op += 1;
        let transactional = self.is_transactional();
        let sent = Sent {
            op,
            topic: self.topic,
            to: self.plan.partition,
            origin: record.origin,
            value: fingerprint(&record),
            n: transactional.then_some(self.transaction),
        };
        self.recorder.sent(now, &sent, index, history);
        if transactional {
            self.in_transaction.push(index);
        }
        let producer = self.producer.as_mut().expect("there is a producer while sending");
        let record = ProducerRecord { topic: self.topic, partition: self.plan.partition, record };
        if let Err(error) = producer.send(now, op, record, out) {
            self.returned(now, op, Err((error_name(error), Certainty::Definite)), history);
        }
    }

    /// Record `index` of the workload: a pure function of (root seed, workload, index), or a line of the user's file.
    fn record(&self, index: u64, wall_ms: i64) -> Record {
        let origin =
            Origin { source: Origin::SOURCE | self.workload, partition: 0, offset: index as i64, stage: 0, index: 0 };
        let (key, value) = self.plan.source.record(self.root_seed, self.workload, index);
        Record { origin, timestamp_ms: wall_ms, key, value }
    }

    // ---- what the producer says ------------------------------------------------------------------------------------

    fn take_events(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        while let Some(event) = self.producer.as_mut().and_then(Producer::poll_event) {
            match event {
                ProducerEvent::Delivered { token, result } => {
                    self.returned(now, token, returned(result), history);
                }
                ProducerEvent::EpochChanged(pair) => self.recorder.epoch(now, pair, history),
                ProducerEvent::InitDone(result) => match result {
                    Ok(()) => self.phase = Phase::Sending,
                    Err(ProducerError::Timeout | ProducerError::Abortable(_)) => {
                        self.call(now, out, history, Producer::init_transactions);
                    }
                    Err(error) => self.break_down(now, error, out, history),
                },
                ProducerEvent::Committed(result) => self.committed(now, result, out, history),
                ProducerEvent::Aborted(result) => self.aborted(now, result, out, history),
                ProducerEvent::OffsetsSent(_)
                | ProducerEvent::Flushed
                | ProducerEvent::Closed
                | ProducerEvent::LocalEpochBump { .. } => {}
            }
        }
        self.watch_for_errors(now, out, history);
    }

    /// Errors that no call has returned yet: a failed batch makes the transaction abortable, fencing makes it hopeless.
    fn watch_for_errors(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        use fencepost_protocol::producer::ProducerState;
        let Some(producer) = &self.producer else { return };
        match (producer.state(), self.phase) {
            (_, Phase::Broken { .. } | Phase::Abandoned | Phase::Finished) => {}
            (ProducerState::FatalError, Phase::Sending | Phase::BeforeEnd { .. } | Phase::Initializing) => {
                self.break_down(now, ProducerError::Fatal(ErrorCode::UnknownServerError), out, history);
            }
            (ProducerState::AbortableError, Phase::Sending | Phase::BeforeEnd { .. }) if self.is_transactional() => {
                self.abort(now, false, out, history);
            }
            _ => {}
        }
    }

    fn call(
        &mut self,
        now: Now,
        out: &mut Outputs,
        history: &mut History<'_>,
        call: impl FnOnce(&mut Producer, Now, &mut Outputs) -> Result<(), ProducerError>,
    ) {
        let producer = self.producer.as_mut().expect("calls go to a producer");
        if let Err(error) = call(producer, now, out) {
            self.break_down(now, error, out, history);
        }
    }

    fn returned(&mut self, now: Now, op: u64, result: Returned, history: &mut History<'_>) {
        let Some(index) = self.recorder.returned(now, op, result, history) else { return };
        if self.is_transactional() {
            return;
        }
        match (result, self.plan.on_unknown) {
            (Err(_), OnUnknown::Resend) => self.again.push_back(index),
            (Ok(_), _) | (Err(_), OnUnknown::Keep) => self.progress.step(),
        }
    }
}

impl Application for ProducerClient {
    fn has_finished_its_input(&self) -> bool {
        self.is_finished()
    }

    fn is_idle(&self) -> bool {
        self.is_finished()
    }

    fn name(&self) -> &str {
        &self.plan.name
    }

    fn starts_at(&self) -> Span {
        self.plan.start
    }

    fn restarts_after(&self) -> Option<Span> {
        self.plan.restart_after
    }

    fn declare(&self) -> Option<h::Client<'static>> {
        let config = &self.plan.config;
        let newer = config.protocol == ProtocolGeneration::Java4 && self.transaction_version >= 2;
        Some(h::Client {
            name: self.plan.name.clone().into(),
            kind: h::ClientKind::Producer,
            transactional_id: config.transactional_id.as_ref().map(|t| t.to_string().into()),
            idempotent: config.enable_idempotence,
            transaction_version: if newer { 2 } else { 0 },
            outputs: vec![self.topic.0],
            records: Some(self.plan.source.len()),
            ..h::Client::default()
        })
    }

    fn producer_state(&self) -> Option<fencepost_protocol::producer::ProducerState> {
        self.producer.as_ref().map(Producer::state)
    }

    fn in_words(&self, names: &Names) -> Vec<String> {
        let Some(producer) = &self.producer else {
            return match self.phase {
                Phase::Broken { until } => vec![format!("application makes a new producer at {until}")],
                _ => Vec::new(),
            };
        };
        let sent = self.plan.source.len().min(self.next);
        let doing = match self.phase {
            Phase::Initializing => "waits for initTransactions".to_string(),
            Phase::Sending => "sends".to_string(),
            Phase::BeforeEnd { until } => format!("pauses until {until} before it ends the transaction"),
            Phase::Committing => "waits for commitTransaction".to_string(),
            Phase::Aborting { .. } => "waits for abortTransaction".to_string(),
            Phase::Broken { until } => format!("its producer is unusable; makes a new one at {until}"),
            Phase::Abandoned => "stopped in the middle of a transaction, on purpose".to_string(),
            Phase::Finished => "is finished".to_string(),
        };
        let mut lines = vec![format!("application {doing}; {sent} of {} records handed over", self.plan.source.len())];
        if self.is_transactional() {
            lines.push(format!(
                "transaction {}: {} record{}",
                self.transaction,
                self.in_transaction.len(),
                if self.in_transaction.len() == 1 { "" } else { "s" }
            ));
        }
        words::producer(producer, names, &mut lines);
        lines
    }

    fn start(&mut self, now: Now, incarnation: u32, out: &mut Outputs, history: &mut History<'_>) {
        if incarnation > 0 {
            self.recorder.set_incarnation(self.recorder.incarnation() + 1);
        }
        self.recorder.introduce(history.client_number(&self.plan.name));
        self.next_due = self.next_due.max(now.mono);
        if self.is_finished() {
            return;
        }
        self.make_producer(now, out, history);
    }

    fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs, history: &mut History<'_>) {
        if let Some(producer) = &mut self.producer {
            producer.net(now, input, out);
        }
        self.advance(now, out, history);
    }

    fn wake(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        if let Some(producer) = &mut self.producer {
            producer.handle_timeout(now, out);
        }
        if let Phase::Broken { until } = self.phase
            && now.mono >= until
        {
            self.recorder.set_incarnation(self.recorder.incarnation() + 1);
            self.make_producer(now, out, history);
            return;
        }
        self.advance(now, out, history);
    }

    fn next_deadline(&self) -> Instant {
        let own = match self.phase {
            Phase::BeforeEnd { until } | Phase::Broken { until } => until,
            Phase::Sending if self.has_more() && self.has_room() => self.next_due,
            _ => Instant::NEVER,
        };
        own.min(self.producer.as_ref().map_or(Instant::NEVER, |p| p.poll_timeout()))
    }

    fn crash(&mut self, now: Now, gone: Gone, history: &mut History<'_>) {
        if self.recorder.place().is_none() {
            return; // never started
        }
        self.producer = None;
        let sends = self.recorder.lost(now, gone, history);
        self.settle_sends(sends);
        if !self.is_finished() {
            self.settle_transaction();
            self.phase = Phase::Initializing;
        }
    }

    fn place(&self) -> Option<(u32, u32)> {
        self.recorder.place()
    }

    fn progress(&self) -> Option<&Progress> {
        Some(&self.progress)
    }

    fn output(&self) -> Option<TopicId> {
        Some(self.topic)
    }
}
