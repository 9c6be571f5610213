//! A read-process-write loop over a consumer and a producer (§6.3, §6.4), as an application would write it.
//!
//! The pipeline is single-threaded: it polls, processes what the poll returned, and commits. What its consumer and its
//! producer do in the background goes on meanwhile. A revocation is answered when the work in progress is committed (or
//! aborted); after an abort the consumer goes back to the committed offsets; after a fatal error a new producer takes
//! over. A commit whose outcome is not known is never followed by an abort: the same call is repeated (§5.2).
//!
//! # Halting
//! A simulator that wants to crash or pause the pipeline at a particular place names it in [`PipelineConfig::halt_at`].
//! There the pipeline halts, as if the thread were descheduled, and says [`PipelineEvent::Halted`]; consumer and producer
//! go on in the background until the simulator kills it or calls [`Pipeline::proceed`].

mod config;
mod ending;
mod event;
mod function;
mod producer_life;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

pub use config::*;
pub use event::*;
pub use function::Function;

use crate::batch::Record;
use crate::consumer::{
    CommitFailure, CommitId, CommittedPosition, Consumer, ConsumerError, ConsumerEvent, PositionReason, QueryId,
    Records,
};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::{Channel, Client, Machine, NetInput, Output, Outputs, Purpose};
use crate::producer::{Certainty, DeliveryError, DeliveryErrorKind, Producer, ProducerError, ProducerEvent};
use crate::time::{Instant, Now, Span};

/// What consumer and producer have said and no step has looked at yet.
#[derive(Clone, Debug, Default)]
struct Inbox {
    initialized: Option<Result<(), ProducerError>>,
    offsets_sent: Option<Result<(), ProducerError>>,
    committed: Option<Result<(), ProducerError>>,
    aborted: Option<Result<(), ProducerError>>,
    flushed: bool,
    producer_closed: bool,
    offsets_committed: Option<Result<(), CommitFailure>>,
    committed_offsets: Option<Vec<CommittedPosition>>,
    records: bool,
    revoking: bool,
    lost: bool,
    /// The consumer failed for good.
    dead: Option<ErrorCode>,
}

/// An output that is not acknowledged. The record is kept where it may have to be sent again.
#[derive(Clone, Debug)]
struct Unacknowledged {
    op: u64,
    record: Option<Record>,
}

/// A pipeline. See the module's text.
#[derive(Clone, Debug)]
pub struct Pipeline {
    config: PipelineConfig,
    bootstrap: Vec<NodeId>,
    consumer: Consumer,
    producer: Producer,
    incarnation: u32,
    phase: Phase,
    /// The call that the phase is about was made.
    called: bool,
    /// The call was made before and timed out.
    repeats: bool,
    subscribed: bool,
    inbox: Inbox,
    events: VecDeque<PipelineEvent>,
    /// Records of the last poll that are not processed, with the index of the next one in the first entry.
    work: VecDeque<Records>,
    next_record: u32,
    /// Index of the record in hand's next output.
    next_output: u16,
    /// When the record in hand is done.
    busy_until: Instant,
    /// Partitions read from since the last commit.
    touched: BTreeSet<TopicPartition>,
    /// Ordinal of the open transaction.
    open: Option<u64>,
    next_txn: u64,
    /// When the work in progress is to be committed; `NEVER` when there is none.
    commit_at: Instant,
    next_op: u64,
    /// By operation number. Empty inside transactions.
    unacknowledged: VecDeque<Unacknowledged>,
    /// Outputs to send again, oldest first.
    resend: VecDeque<Record>,
    /// Offset commit that is waited for.
    waits_for: Option<CommitId>,
    query: Option<QueryId>,
    /// Where partitions began to be read, for a rewind to where nothing is committed.
    beginnings: PartitionMap<Offset>,
    rewinding: bool,
    /// The application has not yet been told of its work for what the last poll returned.
    work_is_new: bool,
    /// The work that the application does.
    working: Option<u64>,
    next_work: u64,
    /// Partitions of which the application has not yet said from where they are read.
    unlocated: BTreeSet<TopicPartition>,
    pause_until: Instant,
    closing: bool,
    halted: bool,
    passed: Vec<u64>,
    records: Vec<Records>,
    scratch: Outputs,
}

impl Pipeline {
    /// A pipeline that has not begun. `config` is resolved.
    pub fn new(config: PipelineConfig, bootstrap: Vec<NodeId>) -> Pipeline {
        let mut consumer = Consumer::new(config.consumer.clone(), bootstrap.clone());
        consumer.set_auto_revoke(false);
        Pipeline {
            producer: new_producer(&config, &bootstrap),
            passed: vec![0; config.halt_at.len()],
            incarnation: config.incarnation,
            config,
            bootstrap,
            consumer,
            phase: Phase::New,
            called: false,
            repeats: false,
            subscribed: false,
            inbox: Inbox::default(),
            events: VecDeque::new(),
            work: VecDeque::new(),
            next_record: 0,
            next_output: 0,
            busy_until: Instant::NEVER,
            touched: BTreeSet::new(),
            open: None,
            next_txn: 0,
            commit_at: Instant::NEVER,
            next_op: 0,
            unacknowledged: VecDeque::new(),
            resend: VecDeque::new(),
            waits_for: None,
            query: None,
            beginnings: PartitionMap::new(),
            rewinding: false,
            work_is_new: false,
            working: None,
            next_work: 0,
            unlocated: BTreeSet::new(),
            pause_until: Instant::NEVER,
            closing: false,
            halted: false,
            records: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Begins: initTransactions (exactly_once_v2), then subscribes and polls.
    pub fn start(&mut self, now: Now, out: &mut Outputs) {
        if self.phase == Phase::New {
            self.initialize(now, out);
            self.run(now, out);
        }
    }

    /// Finishes the work in progress, leaves the group and closes; says [`PipelineEvent::Closed`] when done.
    pub fn close(&mut self, now: Now, out: &mut Outputs) {
        self.closing = true;
        self.run(now, out);
    }

    /// Goes on after a halt.
    pub fn proceed(&mut self, now: Now, out: &mut Outputs) {
        self.halted = false;
        self.run(now, out);
    }

    /// The application has done its work of that number, or has found that it must begin again from where its offsets
    /// stand (`again`; with [`PipelineConfig::own_offsets`]).
    pub fn worked(&mut self, now: Now, number: u64, again: bool, out: &mut Outputs) {
        if self.working == Some(number) {
            self.working = None;
            if again {
                self.forget_work();
                self.go_back();
            } else {
                self.begin_record(now);
            }
            self.run(now, out);
        }
    }

    /// The application says from where partitions are read; `None`: it has no offset, so from where reading began, by
    /// `auto.offset.reset`.
    pub fn located(&mut self, now: Now, offsets: &[(TopicPartition, Option<Offset>)], out: &mut Outputs) {
        for (tp, offset) in offsets {
            if self.unlocated.remove(tp) {
                let target = offset.or_else(|| self.beginnings.get(*tp).copied());
                if let Some(target) = target.filter(|target| self.consumer.position(*tp) != Some(*target)) {
                    self.consumer.seek(now, *tp, target, out);
                }
                self.consumer.resume(now, *tp, out);
            }
        }
        self.run(now, out);
    }

    /// What the pipeline is doing.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether it halted at a point of [`PipelineConfig::halt_at`].
    pub fn is_halted(&self) -> bool {
        self.halted
    }

    /// Number of the producer's incarnation.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Ordinal of the open transaction.
    pub fn open_transaction(&self) -> Option<u64> {
        self.open
    }

    /// Whether nothing is in progress and everything that was fetched is processed and committed.
    pub fn is_idle(&self) -> bool {
        let nothing_to_do = !self.has_uncommitted_work() && !self.consumer.has_records() && self.unlocated.is_empty();
        self.phase == Phase::Polling && nothing_to_do
    }

    /// The configuration.
    pub fn config(&self) -> &PipelineConfig {
        &self.config
    }

    /// The reading side.
    pub fn consumer(&self) -> &Consumer {
        &self.consumer
    }

    /// The writing side.
    pub fn producer(&self) -> &Producer {
        &self.producer
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<PipelineEvent> {
        self.events.pop_front()
    }

    fn transactional(&self) -> bool {
        self.config.guarantee == Guarantee::ExactlyOnceV2
    }

    fn has_uncommitted_work(&self) -> bool {
        self.open.is_some() || !self.touched.is_empty()
    }

    fn say(&mut self, event: PipelineEvent) {
        self.events.push_back(event);
    }

    /// Calls the producer, whose general connections are the pipeline's [`Purpose::PipelineProducer`].
    fn with_producer<R>(&mut self, out: &mut Outputs, call: impl FnOnce(&mut Producer, &mut Outputs) -> R) -> R {
        let result = call(&mut self.producer, &mut self.scratch);
        out.extend(self.scratch.drain(..).map(|output| match output {
            Output::Connect(channel) => Output::Connect(outer(channel)),
            Output::Send(channel, correlation, request) => Output::Send(outer(channel), correlation, request),
            Output::Close(channel) => Output::Close(outer(channel)),
            served => served,
        }));
        result
    }

    /// Takes in what consumer and producer say, and does what can be done, until nothing is left to do.
    fn run(&mut self, now: Now, out: &mut Outputs) {
        loop {
            let mut progress = false;
            while let Some(event) = self.consumer.poll_event() {
                progress = true;
                self.on_consumer(event);
            }
            while let Some(event) = self.producer.poll_event() {
                progress = true;
                self.on_producer(event);
            }
            if !self.halted && self.phase != Phase::Dead {
                progress |= self.step(now, out);
            }
            if !progress {
                return;
            }
        }
    }

    fn on_consumer(&mut self, event: ConsumerEvent) {
        match &event {
            ConsumerEvent::RecordsAvailable => return self.inbox.records = true,
            ConsumerEvent::Revoking { .. } => return self.inbox.revoking = true,
            ConsumerEvent::Closed => return,
            ConsumerEvent::Committed { id, offsets } => {
                if self.query == Some(*id) {
                    self.inbox.committed_offsets = Some(offsets.clone());
                }
                return;
            }
            ConsumerEvent::CommitDone { id, result } if self.waits_for == Some(*id) => {
                self.inbox.offsets_committed = Some(*result);
            }
            ConsumerEvent::Fatal(ConsumerError::Group(error)) => self.inbox.dead = Some(*error),
            ConsumerEvent::Assigned { partitions, .. } if self.config.own_offsets => {
                let partitions = partitions.clone();
                self.say(PipelineEvent::Consumer(event));
                return self.locate(partitions);
            }
            ConsumerEvent::Lost { partitions } => {
                self.inbox.lost = true;
                self.forget(partitions);
            }
            ConsumerEvent::Revoked { partitions } => self.forget(partitions),
            ConsumerEvent::PositionReset { tp, position, reason } => {
                if self.rewinding && *reason == PositionReason::Seek {
                    let (tp, position) = (*tp, *position);
                    return self.say(PipelineEvent::Rewound { tp, position });
                }
                if *reason != PositionReason::Seek {
                    self.beginnings.insert(*tp, *position);
                }
            }
            _ => {}
        }
        self.say(PipelineEvent::Consumer(event));
    }

    fn forget(&mut self, partitions: &[TopicPartition]) {
        for tp in partitions {
            self.beginnings.remove(*tp);
            self.unlocated.remove(tp);
        }
    }

    /// Asks the application from where these partitions are read; nothing of them is delivered meanwhile.
    fn locate(&mut self, partitions: Vec<TopicPartition>) {
        for tp in &partitions {
            self.consumer.pause(*tp);
        }
        self.unlocated.extend(&partitions);
        self.say(PipelineEvent::Locate { partitions });
    }

    fn on_producer(&mut self, event: ProducerEvent) {
        match event {
            ProducerEvent::InitDone(result) => self.inbox.initialized = Some(result),
            ProducerEvent::OffsetsSent(result) => self.inbox.offsets_sent = Some(result),
            ProducerEvent::Committed(result) => self.inbox.committed = Some(result),
            ProducerEvent::Aborted(result) => self.inbox.aborted = Some(result),
            ProducerEvent::Flushed => self.inbox.flushed = true,
            ProducerEvent::Closed => self.inbox.producer_closed = true,
            ProducerEvent::EpochChanged(producer) => self.say(PipelineEvent::Epoch(producer)),
            ProducerEvent::LocalEpochBump { tp, rewritten_tokens_of_unknown_outcome: ops } => {
                self.say(PipelineEvent::LocalEpochBump { tp, ops });
            }
            ProducerEvent::Delivered { token: op, result } => {
                self.say(PipelineEvent::Delivered { op, result });
                if !self.transactional() {
                    let again = match result {
                        Ok(_) => false,
                        Err(error) => {
                            error.certainty == Certainty::Definite || self.config.on_unknown == OnUnknown::Resend
                        }
                    };
                    self.settle(op, again && self.config.guarantee == Guarantee::AtLeastOnce);
                }
            }
        }
    }

    /// The fate of an output outside transactions is known, or as good as known.
    fn settle(&mut self, op: u64, again: bool) {
        let Ok(index) = self.unacknowledged.binary_search_by_key(&op, |u| u.op) else { return };
        let record = self.unacknowledged[index].record.take();
        self.resend.extend(record.filter(|_| again));
        while self.unacknowledged.front().is_some_and(|u| u.record.is_none()) {
            self.unacknowledged.pop_front();
        }
    }
}

fn new_producer(config: &PipelineConfig, bootstrap: &[NodeId]) -> Producer {
    Producer::new(config.producer.clone(), config.domains, bootstrap.to_vec(), vec![config.output])
}

/// The producer's channel as the world knows it.
fn outer(channel: Channel) -> Channel {
    let purpose = match channel.purpose {
        Purpose::Client => Purpose::PipelineProducer,
        other => other,
    };
    Channel { purpose, ..channel }
}

/// The world's channel as the producer knows it; `None` if it is the consumer's.
fn inner(channel: Channel) -> Option<Channel> {
    (channel.purpose == Purpose::PipelineProducer).then_some(Channel { purpose: Purpose::Client, ..channel })
}

impl Machine for Pipeline {
    fn poll_timeout(&self) -> Instant {
        if self.phase == Phase::Dead {
            return Instant::NEVER;
        }
        let own = if self.halted { Instant::NEVER } else { self.own_deadline() };
        own.min(self.consumer.poll_timeout()).min(self.producer.poll_timeout())
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Outputs) {
        if self.consumer.poll_timeout() <= now.mono {
            self.consumer.handle_timeout(now, out);
        }
        if self.producer.poll_timeout() <= now.mono {
            self.with_producer(out, |producer, out| producer.handle_timeout(now, out));
        }
        self.run(now, out);
    }
}

impl Client for Pipeline {
    fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs) {
        let channel = match &input {
            NetInput::Connected(channel) | NetInput::Disconnected(channel) => *channel,
            NetInput::Response(channel, ..) => *channel,
        };
        match inner(channel) {
            None => self.consumer.net(now, input, out),
            Some(channel) => {
                let input = match input {
                    NetInput::Connected(_) => NetInput::Connected(channel),
                    NetInput::Disconnected(_) => NetInput::Disconnected(channel),
                    NetInput::Response(_, correlation, response) => NetInput::Response(channel, correlation, response),
                };
                self.with_producer(out, |producer, out| producer.net(now, input, out));
            }
        }
        self.run(now, out);
    }
}
