//! An application that only reads.

use fencepost_protocol::consumer::{Consumer, ConsumerError, ConsumerEvent, Records};
use fencepost_protocol::ids::{NodeId, TopicId, TopicPartition};
use fencepost_protocol::io::{Client as _, Machine as _, NetInput, Outputs};
use fencepost_protocol::message::IsolationLevel;
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::event as h;

use crate::cast::{Names, member_name};
use crate::evidence::{Gone, History, Recorder, isolation};
use crate::plan::{Plan, ReaderPlan};
use crate::roles::application::{Application, Seat};
use crate::roles::progress::Progress;
use crate::roles::words;

/// The application.
pub struct ReaderClient {
    plan: ReaderPlan,
    name: String,
    topics: Vec<TopicId>,
    all_partitions: Vec<TopicPartition>,
    bootstrap: Vec<NodeId>,
    consumer: Option<Consumer>,
    recorder: Recorder,
    batches: Vec<Records>,
    progress: Progress,
    /// What it cannot go on after.
    failure: Option<String>,
}

impl ReaderClient {
    /// A member of a reader.
    pub(crate) fn new(all: &Plan, plan: &ReaderPlan, seat: Seat) -> ReaderClient {
        ReaderClient {
            name: member_name(&plan.name, seat.member, plan.members),
            topics: plan.topics.iter().map(|t| all.topic_id(t)).collect(),
            all_partitions: all.partitions_of(&plan.topics),
            bootstrap: all.cluster.ids().collect(),
            consumer: None,
            recorder: Recorder::default(),
            batches: Vec::new(),
            progress: Progress::default(),
            failure: None,
            plan: plan.clone(),
        }
    }

    fn advance(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        loop {
            self.take_events(now, history);
            let Some(consumer) = &mut self.consumer else { return };
            self.batches.clear();
            if consumer.poll(now, usize::MAX, &mut self.batches, out) == 0 {
                self.take_events(now, history);
                return;
            }
            self.take_events(now, history);
            for records in &self.batches {
                self.recorder.read(now, records, history);
                if let Some((last, _)) = records.iter().last() {
                    self.progress.processed(records.tp, last + 1);
                }
            }
        }
    }

    fn take_events(&mut self, now: Now, history: &mut History<'_>) {
        let Some(consumer) = &mut self.consumer else { return };
        while let Some(event) = consumer.poll_event() {
            if let ConsumerEvent::Fatal(error) = &event {
                let failure = words::failure(error, history);
                if let ConsumerError::Group(_) = error {
                    self.recorder.finished(now, &failure, history);
                }
                self.failure = Some(failure);
            }
            self.recorder.consumer(now, event, history);
        }
    }
}

impl Application for ReaderClient {
    fn is_idle(&self) -> bool {
        true
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn starts_at(&self) -> Span {
        self.plan.start
    }

    fn restarts_after(&self) -> Option<Span> {
        Some(ReaderPlan::RESTARTS_AFTER)
    }

    fn declare(&self) -> Option<h::Client<'static>> {
        Some(h::Client {
            name: self.name.clone().into(),
            kind: h::ClientKind::Reader,
            isolation: isolation(self.plan.config.isolation_level),
            inputs: self.topics.iter().map(|t| t.0).collect(),
            ..h::Client::default()
        })
    }

    fn group(&self) -> Option<&str> {
        self.plan.config.group_id.as_deref()
    }

    fn input_partitions(&self) -> Vec<TopicPartition> {
        self.all_partitions.clone()
    }

    fn positions(&self) -> Vec<(TopicPartition, i64)> {
        let alive = self.consumer.as_ref().filter(|c| !c.is_dead());
        let Some(consumer) = alive else { return Vec::new() };
        consumer.assignment().map(|tp| (tp, consumer.position(tp).unwrap_or(0))).collect()
    }

    fn in_words(&self, names: &Names) -> Vec<String> {
        let mut lines: Vec<String> = self.failure.iter().map(|failure| format!("cannot go on: {failure}")).collect();
        if let Some(consumer) = &self.consumer {
            words::consumer(consumer, names, &mut lines);
        }
        lines
    }

    fn reads_committed(&self) -> bool {
        self.plan.config.isolation_level == IsolationLevel::ReadCommitted
    }

    fn start(&mut self, now: Now, incarnation: u32, out: &mut Outputs, history: &mut History<'_>) {
        self.recorder.set_incarnation(incarnation);
        self.recorder.introduce(history.client_number(&self.name));
        self.recorder.joins(self.plan.config.group_id.as_deref().map(|g| history.group_number(g)));
        self.recorder.started(now, history);
        self.failure = None;
        let mut consumer = Consumer::new(self.plan.config.clone(), self.bootstrap.clone());
        if self.plan.config.group_id.is_some() {
            consumer.subscribe(now, self.topics.clone(), out);
        } else {
            consumer.assign(now, self.all_partitions.clone(), out);
        }
        self.consumer = Some(consumer);
        self.advance(now, out, history);
    }

    fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs, history: &mut History<'_>) {
        if let Some(consumer) = &mut self.consumer {
            consumer.net(now, input, out);
            self.advance(now, out, history);
        }
    }

    fn wake(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        if let Some(consumer) = &mut self.consumer {
            consumer.handle_timeout(now, out);
            self.advance(now, out, history);
        }
    }

    fn next_deadline(&self) -> Instant {
        self.consumer.as_ref().map_or(Instant::NEVER, |c| c.poll_timeout())
    }

    fn crash(&mut self, now: Now, gone: Gone, history: &mut History<'_>) {
        self.consumer = None;
        self.recorder.lost(now, gone, history);
    }

    fn place(&self) -> Option<(u32, u32)> {
        self.recorder.place()
    }

    fn progress(&self) -> Option<&Progress> {
        Some(&self.progress)
    }
}
