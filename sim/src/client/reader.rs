//! An application that only reads.

use fencepost_protocol::consumer::{Consumer, ConsumerEvent, PositionReason, Records};
use fencepost_protocol::ids::{NodeId, TopicId, TopicPartition};
use fencepost_protocol::io::{Client as _, Machine as _, NetInput, Outputs};
use fencepost_protocol::message::IsolationLevel;
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::event as h;

use crate::history::{History, identity, isolation, partition};
use crate::plan::{Plan, ReaderPlan};

/// The application.
pub struct ReaderClient {
    plan: ReaderPlan,
    name: String,
    topics: Vec<TopicId>,
    all_partitions: Vec<TopicPartition>,
    bootstrap: Vec<NodeId>,
    consumer: Option<Consumer>,
    incarnation: u32,
    client: Option<u32>,
    batches: Vec<Records>,
    commits: u64,
}

impl ReaderClient {
    /// Member `member` of a reader.
    pub fn new(all: &Plan, plan: &ReaderPlan, member: u32) -> ReaderClient {
        ReaderClient {
            name: super::member_name(&plan.name, member, plan.members),
            topics: plan.topics.iter().map(|t| super::topic_id(all, t)).collect(),
            all_partitions: super::partitions_of(all, &plan.topics),
            bootstrap: all.cluster.ids().collect(),
            consumer: None,
            incarnation: 0,
            client: None,
            batches: Vec::new(),
            commits: 0,
            plan: plan.clone(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn starts_at(&self) -> Span {
        self.plan.start
    }

    pub(super) fn restarts_after(&self) -> Option<Span> {
        Some(Span::from_secs(1))
    }

    pub(super) fn group(&self) -> Option<&str> {
        self.plan.config.group_id.as_deref()
    }

    pub(super) fn input_partitions(&self) -> Vec<TopicPartition> {
        self.all_partitions.clone()
    }

    pub(super) fn positions(&self) -> Vec<(TopicPartition, i64)> {
        let Some(consumer) = &self.consumer else { return Vec::new() };
        consumer.assignment().map(|tp| (tp, consumer.position(tp).unwrap_or(0))).collect()
    }

    pub(super) fn reads_committed(&self) -> bool {
        self.plan.config.isolation_level == IsolationLevel::ReadCommitted
    }

    pub(super) fn declare(&self, _: &Plan) -> h::Client<'static> {
        h::Client {
            name: self.name.clone().into(),
            kind: h::ClientKind::Reader,
            isolation: isolation(self.plan.config.isolation_level),
            inputs: self.topics.iter().map(|t| t.0).collect(),
            ..h::Client::default()
        }
    }

    pub(super) fn start(&mut self, now: Now, incarnation: u32, out: &mut Outputs, history: &mut History<'_>) {
        self.incarnation = incarnation;
        self.client.get_or_insert_with(|| history.client_number(&self.name));
        let mut consumer = Consumer::new(self.plan.config.clone(), self.bootstrap.clone());
        if self.plan.config.group_id.is_some() {
            consumer.subscribe(now, self.topics.clone(), out);
        } else {
            consumer.assign(now, self.all_partitions.clone(), out);
        }
        self.consumer = Some(consumer);
        self.advance(now, out, history);
    }

    pub(super) fn next_deadline(&self) -> Instant {
        self.consumer.as_ref().map_or(Instant::NEVER, |c| c.next_deadline())
    }

    pub(super) fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs, history: &mut History<'_>) {
        if let Some(consumer) = &mut self.consumer {
            consumer.net(now, input, out);
            self.advance(now, out, history);
        }
    }

    pub(super) fn wake(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        if let Some(consumer) = &mut self.consumer {
            consumer.wake(now, out);
            self.advance(now, out, history);
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
            let (t, c, i) = (now.mono.0, self.client.expect("the client was started"), self.incarnation);
            for records in &self.batches {
                let at = partition(records.tp);
                for (offset, record) in records.iter() {
                    let id = identity(&record.origin);
                    history.write(&h::Event::Read(h::Read { t, c, i, at, offset, id }));
                }
            }
        }
    }

    fn take_events(&mut self, now: Now, history: &mut History<'_>) {
        let Some(consumer) = &mut self.consumer else { return };
        let (t, c, i) = (now.mono.0, self.client.expect("the client was started"), self.incarnation);
        let group = self.plan.config.group_id.as_deref();
        while let Some(event) = consumer.poll_event() {
            match event {
                ConsumerEvent::Assigned { partitions, generation } => {
                    let generation = (generation >= 0).then_some(generation);
                    for tp in partitions {
                        let at = partition(tp);
                        history.write(&h::Event::Assigned(h::Assignment { t, c, i, at, generation }));
                    }
                }
                ConsumerEvent::Revoked { partitions } | ConsumerEvent::Lost { partitions } => {
                    for tp in partitions {
                        let at = partition(tp);
                        history.write(&h::Event::Revoked(h::Assignment { t, c, i, at, generation: None }));
                    }
                }
                ConsumerEvent::PositionReset { tp, position, reason } => {
                    let reason = position_reason(reason);
                    history.write(&h::Event::Position(h::Position { t, c, i, at: partition(tp), position, reason }));
                }
                ConsumerEvent::CommitBegun { id, offsets, .. } => {
                    self.commits = self.commits.max(id);
                    let Some(group) = group.map(|g| history.group_number(g)) else { continue };
                    for o in offsets {
                        let commit = h::Commit { t, c, i, op: id, group, at: partition(o.tp), next: o.offset };
                        history.write(&h::Event::Commit(commit));
                    }
                }
                ConsumerEvent::CommitDone { id, result } => {
                    let (outcome, error) = match result {
                        Ok(()) => (h::Outcome::Ok, ""),
                        Err(f) if f.unknown => (h::Outcome::Unknown, f.error.name()),
                        Err(f) => (h::Outcome::Fail, f.error.name()),
                    };
                    let error = error.into();
                    history.write(&h::Event::CommitResult(h::CommitResult { t, c, i, op: id, outcome, error }));
                }
                _ => {}
            }
        }
    }

    pub(super) fn crash(&mut self, _: Now, _: &mut History<'_>) {
        self.consumer = None;
    }
}

/// Reason of a position as the history writes it.
pub(super) fn position_reason(reason: PositionReason) -> h::PositionReason {
    match reason {
        PositionReason::Committed => h::PositionReason::Committed,
        PositionReason::Earliest | PositionReason::Latest | PositionReason::Truncated => h::PositionReason::Reset,
        PositionReason::Seek => h::PositionReason::Seek,
    }
}
