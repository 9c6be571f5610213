//! A member of a read-process-write pipeline.

use fencepost_protocol::batch::Origin;
use fencepost_protocol::config::ProtocolGeneration;
use fencepost_protocol::consumer::ConsumerEvent;
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::{Name, NodeId, TopicId, TopicPartition};
use fencepost_protocol::io::{Client as _, CorrelationId, Machine as _, NetInput, Outputs};
use fencepost_protocol::message::IsolationLevel;
use fencepost_protocol::pipeline::{
    self as p, Guarantee, Outcome, Phase, Pipeline, PipelineConfig, PipelineEvent, SendOffsetsWith,
};
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::event as h;

use super::work::{self, Work};
use crate::cast::{Names, member_name};
use crate::evidence::{Gone, History, Recorder, Sent, isolation, returned};
use crate::plan::{Doing, OnUnknown, PipelinePlan, Plan};
use crate::roles::application::{Application, Seat};
use crate::roles::caller::OutgoingCall;
use crate::roles::progress::Progress;
use crate::roles::words;
use crate::sink::Response;

/// The application.
pub struct PipelineClient {
    name: String,
    start: Span,
    restart_after: Option<Span>,
    config: PipelineConfig,
    group: Name,
    input_partitions: Vec<TopicPartition>,
    bootstrap: Vec<NodeId>,
    transaction_version: u8,
    pipeline: Option<Pipeline>,
    recorder: Recorder,
    /// It writes a topic; a connector does not.
    writes: bool,
    /// What it does outside Kafka.
    work: Option<Work>,
    /// The history's number of the sink that it does it in.
    sink: Option<u32>,
    progress: Progress,
    /// What it cannot go on after.
    failure: Option<String>,
}

impl PipelineClient {
    /// A member of a pipeline.
    pub(crate) fn new(all: &Plan, plan: &PipelinePlan, seat: Seat) -> PipelineClient {
        let Seat { place, member, .. } = seat;
        let name = member_name(&plan.name, member, plan.members);
        let inputs: Vec<_> = plan.inputs.iter().map(|t| all.topic_id(t)).collect();
        // Nothing is ever sent by a pipeline without outputs.
        let output = plan.output.as_ref().map_or(inputs[0], |topic| all.topic_id(topic));
        let mut config = PipelineConfig::new(name.as_str().into(), inputs, output, plan.guarantee);
        config.stage = plan.stage;
        config.outputs_per_input = plan.outputs_per_input;
        config.function = plan.function.clone();
        config.slip_at = plan.slip_at;
        config.own_work = plan.call.is_some();
        config.own_offsets =
            plan.call.as_ref().is_some_and(|call| matches!(call.doing, Doing::Insert { offsets: true, .. }));
        config.on_unknown = match plan.on_unknown {
            OnUnknown::Keep => p::OnUnknown::Keep,
            OnUnknown::Resend => p::OnUnknown::Resend,
        };
        config.commit_interval_ms = plan.commit_interval.as_millis() as i64;
        config.processing_time = plan.processing_time;
        if plan.group_id_only {
            config.send_offsets_with = SendOffsetsWith::GroupIdOnly;
        }
        config.consumer = plan.consumer.clone();
        config.producer = plan.producer.clone();
        if let Some(id) = &config.producer.transactional_id
            && plan.members > 1
        {
            config.producer.transactional_id = Some(member_name(id, member, plan.members).as_str().into());
        }
        config.domains = all.cluster.domains;
        let config = config.resolve().expect("the plan was checked");
        let group = config.consumer.group_id.clone().expect("a resolved pipeline has a group");
        PipelineClient {
            name,
            start: plan.start,
            restart_after: plan.restart_after,
            group,
            input_partitions: all.partitions_of(&plan.inputs),
            bootstrap: all.cluster.ids().collect(),
            transaction_version: all.cluster.transaction_version,
            pipeline: None,
            recorder: Recorder::default(),
            writes: plan.output.is_some(),
            work: plan.call.as_ref().map(|call| Work::new(all, call, place as u16)),
            sink: plan.call.as_ref().map(|call| all.account_number(&call.to, call.table())),
            progress: Progress::default(),
            failure: None,
            config,
        }
    }

    fn take_events(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        loop {
            while let Some(event) = self.pipeline.as_mut().and_then(Pipeline::poll_event) {
                self.event(now, event, out, history);
            }
            let Some(result) = self.work.as_mut().and_then(Work::poll) else { return };
            if let (work::Result::Worked { again: false, .. }, Some(work)) = (&result, &self.work) {
                work.brought().for_each(|(tp, next)| self.progress.processed(tp, next));
            }
            let pipeline = self.pipeline.as_mut().expect("work is done for a running pipeline");
            match result {
                work::Result::Worked { number, again } => pipeline.worked(now, number, again, out),
                work::Result::Located(offsets) => pipeline.located(now, &offsets, out),
            }
        }
    }

    fn work(&mut self) -> &mut Work {
        self.work.as_mut().expect("a pipeline without work of its own asks for none")
    }

    fn event(&mut self, now: Now, event: PipelineEvent, out: &mut Outputs, history: &mut History<'_>) {
        // The machine counts its transactions from 0; in a history the first one is 1, as of producers.
        let ordinal = |n: u64| n + 1;
        match event {
            PipelineEvent::Consumer(event) => {
                if let ConsumerEvent::Fatal(error) = &event {
                    self.failure = Some(words::failure(error, history));
                }
                self.recorder.consumer(now, event, history);
            }
            PipelineEvent::Rewound { tp, position } => self.recorder.rewound(now, tp, position, history),
            PipelineEvent::Read(records) => self.recorder.read(now, &records, history),
            PipelineEvent::Work { number, records } => self.work().begin(now, number, &records, out, history),
            PipelineEvent::Locate { partitions } => self.work().locate(now, partitions, out),
            PipelineEvent::Sent { op, topic, origin, n, value } => {
                if origin.source & Origin::SOURCE == 0 {
                    let input = TopicPartition::new(TopicId(origin.source), origin.partition);
                    self.progress.processed(input, origin.offset + 1);
                }
                let sent = Sent { op, topic, to: None, origin, value, n: n.map(ordinal) };
                self.recorder.sent(now, &sent, (), history);
            }
            PipelineEvent::Delivered { op, result } => {
                self.recorder.returned(now, op, returned(result), history);
            }
            PipelineEvent::Begun { n } => self.recorder.begun(now, ordinal(n), history),
            PipelineEvent::Offsets { n, offsets, group } => {
                self.recorder.offsets(now, ordinal(n), (&group.group_id, &offsets), history);
            }
            PipelineEvent::Ending { n, commit } => self.recorder.ending(now, ordinal(n), commit, history),
            PipelineEvent::Ended { outcome, error, .. } => {
                let outcome = match outcome {
                    Outcome::Ok => h::Outcome::Ok,
                    Outcome::Failed => h::Outcome::Fail,
                    Outcome::Unknown => h::Outcome::Unknown,
                };
                self.recorder.ended(now, outcome, error.map_or("", ErrorCode::name), history);
            }
            PipelineEvent::ProducerFailed { error, fenced } => {
                if fenced {
                    self.recorder.fenced(now, error, history);
                }
            }
            PipelineEvent::Incarnation(incarnation) => {
                self.recorder.set_incarnation(incarnation);
                self.recorder.started(now, history);
                if let Some(work) = &mut self.work {
                    work.set_incarnation(incarnation);
                }
            }
            PipelineEvent::Epoch(pair) => self.recorder.epoch(now, pair, history),
            PipelineEvent::Fatal(error) => {
                let failure = self.failure.get_or_insert_with(|| error.name().to_string());
                self.recorder.finished(now, failure, history);
            }
            PipelineEvent::Closed => self.recorder.finished(now, "", history),
            PipelineEvent::TimedOut { .. } | PipelineEvent::LocalEpochBump { .. } | PipelineEvent::Halted(_) => {}
        }
    }
}

impl Application for PipelineClient {
    fn name(&self) -> &str {
        &self.name
    }

    fn starts_at(&self) -> Span {
        self.start
    }

    fn restarts_after(&self) -> Option<Span> {
        self.restart_after
    }

    fn declare(&self) -> Option<h::Client<'static>> {
        let producer = &self.config.producer;
        let newer = producer.protocol == ProtocolGeneration::Java4 && self.transaction_version >= 2;
        Some(h::Client {
            name: self.name.clone().into(),
            kind: if self.writes { h::ClientKind::Pipeline } else { h::ClientKind::Reader },
            isolation: isolation(self.config.consumer.isolation_level),
            transactional_id: producer.transactional_id.as_ref().map(|t| t.to_string().into()),
            idempotent: producer.enable_idempotence,
            transaction_version: if newer { 2 } else { 0 },
            inputs: self.config.inputs.iter().map(|t| t.0).collect(),
            outputs: if self.writes { vec![self.config.output.0] } else { Vec::new() },
            sinks: self.sink.into_iter().collect(),
            stage: self.config.stage,
            outputs_per_input: self.config.outputs_per_input,
            function: self.writes.then(|| self.config.function.name().into()),
            guarantee: match self.config.guarantee {
                Guarantee::AtMostOnce => h::Guarantee::AtMostOnce,
                Guarantee::AtLeastOnce => h::Guarantee::AtLeastOnce,
                Guarantee::ExactlyOnceV2 => h::Guarantee::ExactlyOnce,
            },
            ..h::Client::default()
        })
    }

    fn group(&self) -> Option<&str> {
        Some(&self.group)
    }

    fn input_partitions(&self) -> Vec<TopicPartition> {
        self.input_partitions.clone()
    }

    fn positions(&self) -> Vec<(TopicPartition, i64)> {
        let alive = self.pipeline.as_ref().filter(|p| p.phase() != Phase::Dead);
        let Some(pipeline) = alive else { return Vec::new() };
        let consumer = pipeline.consumer();
        consumer.assignment().map(|tp| (tp, consumer.position(tp).unwrap_or(0))).collect()
    }

    fn producer_state(&self) -> Option<fencepost_protocol::producer::ProducerState> {
        self.pipeline.as_ref().map(|p| p.producer().state())
    }

    fn in_words(&self, names: &Names) -> Vec<String> {
        let Some(pipeline) = &self.pipeline else { return Vec::new() };
        let halted = if pipeline.is_halted() { " (its thread is held)" } else { "" };
        let mut lines = vec![format!("application {}{halted}", words::phase(pipeline.phase()))];
        lines.extend(self.failure.as_ref().map(|failure| format!("cannot go on: {failure}")));
        if let Some(n) = pipeline.open_transaction() {
            lines.push(format!("transaction {} is open", n + 1));
        }
        words::consumer(pipeline.consumer(), names, &mut lines);
        words::producer(pipeline.producer(), names, &mut lines);
        lines
    }

    fn reads_committed(&self) -> bool {
        self.config.consumer.isolation_level == IsolationLevel::ReadCommitted
    }

    fn is_idle(&self) -> bool {
        self.pipeline.as_ref().is_some_and(|p| p.is_idle() || p.phase() == Phase::Dead)
            && self.work.as_ref().is_none_or(Work::is_idle)
    }

    fn start(&mut self, now: Now, incarnation: u32, out: &mut Outputs, history: &mut History<'_>) {
        if incarnation > 0 {
            self.recorder.set_incarnation(self.recorder.incarnation() + 1);
        }
        let client = history.client_number(&self.name);
        self.recorder.introduce(client);
        self.recorder.joins(Some(history.group_number(&self.group)));
        if let (Some(work), Some(sink)) = (&mut self.work, self.sink) {
            work.introduce(client, sink);
            work.set_incarnation(self.recorder.incarnation());
        }
        self.recorder.started(now, history);
        self.failure = None;
        let mut config = self.config.clone();
        config.incarnation = self.recorder.incarnation();
        let mut pipeline = Pipeline::new(config, self.bootstrap.clone());
        pipeline.start(now, out);
        self.pipeline = Some(pipeline);
        self.take_events(now, out, history);
    }

    fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs, history: &mut History<'_>) {
        match (&mut self.work, &mut self.pipeline) {
            (Some(work), Some(_)) if work.is_for(&input) => work.net(now, &input, out, history),
            (_, Some(pipeline)) => pipeline.net(now, input, out),
            (_, None) => return,
        }
        self.take_events(now, out, history);
    }

    fn answered(
        &mut self,
        now: Now,
        correlation: CorrelationId,
        response: Response,
        out: &mut Outputs,
        history: &mut History<'_>,
    ) {
        let work = self.work.as_mut().expect("only who calls a sink is answered by one");
        work.answered(now, correlation, response, out, history);
        self.take_events(now, out, history);
    }

    fn take_calls(&mut self) -> Vec<OutgoingCall> {
        self.work.as_mut().map_or_else(Vec::new, Work::take_calls)
    }

    fn wake(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        if let Some(pipeline) = &mut self.pipeline {
            pipeline.handle_timeout(now, out);
            if let Some(work) = &mut self.work {
                work.wake(now, out, history);
            }
            self.take_events(now, out, history);
        }
    }

    fn next_deadline(&self) -> Instant {
        let work = self.work.as_ref().map_or(Instant::NEVER, Work::next_deadline);
        self.pipeline.as_ref().map_or(Instant::NEVER, |p| p.poll_timeout()).min(work)
    }

    fn crash(&mut self, now: Now, gone: Gone, history: &mut History<'_>) {
        self.pipeline = None;
        if let Some(work) = &mut self.work {
            work.crash(now, gone, history);
        }
        self.recorder.lost(now, gone, history);
    }

    fn place(&self) -> Option<(u32, u32)> {
        self.recorder.place()
    }

    fn progress(&self) -> Option<&Progress> {
        Some(&self.progress)
    }

    fn keeps_offsets_itself(&self) -> bool {
        self.config.own_offsets
    }

    fn output(&self) -> Option<TopicId> {
        self.writes.then_some(self.config.output)
    }
}
