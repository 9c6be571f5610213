//! A relay of an outbox: it takes the rows that are not marked as sent, sends them to Kafka, and marks them.
//!
//! Kafka's answer and the mark are two things, so a crash between them sends the rows again: by another producer, to whom
//! idempotence and transactions mean nothing. Whoever reads must tell copies by what the rows are about.

use fencepost_protocol::batch::Record;
use fencepost_protocol::ids::TopicId;
use fencepost_protocol::io::{CorrelationId, NetInput, Outputs};
use fencepost_protocol::producer::ProducerState;
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::event as h;

use crate::cast::Names;
use crate::evidence::{Gone, History};
use crate::plan::{Plan, RelayPlan};
use crate::roles::announcer::{Announcer, Fate};
use crate::roles::application::{Application, Seat};
use crate::roles::caller::{Caller, Heard, OutgoingCall};
use crate::roles::progress::Progress;
use crate::schedule::Subject;
use crate::sink::{Answer, Call, Request, Response, Unsent};

/// What it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It looks again at that time.
    Resting(Instant),
    Query,
    Send,
    Mark,
    Commit,
}

/// The application.
pub struct RelayClient {
    plan: RelayPlan,
    transaction_version: u8,
    started: bool,
    caller: Caller,
    announcer: Announcer,
    step: Step,
    rows: Vec<Unsent>,
    /// What of `rows` is in Kafka.
    sent: Vec<u64>,
    progress: Progress,
}

impl RelayClient {
    /// The client of `plan`.
    pub(crate) fn new(all: &Plan, plan: &RelayPlan, _: Seat) -> RelayClient {
        RelayClient {
            transaction_version: all.cluster.transaction_version,
            started: false,
            caller: Caller::new(all.sink_id(&plan.database), plan.patience),
            announcer: Announcer::new(all, &plan.topic, &plan.producer),
            step: Step::Resting(Instant::ZERO),
            rows: Vec::new(),
            sent: Vec::new(),
            progress: Progress::default(),
            plan: plan.clone(),
        }
    }

    fn advance(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        match self.step {
            Step::Resting(until) if now.mono >= until && self.announcer.is_ready() => {
                let call = Call::Unsent { table: self.plan.table, limit: self.plan.batch };
                self.call(now, Step::Query, Subject::Any, call, out);
            }
            Step::Send if self.announcer.is_ready() => {
                let record = |row: &Unsent| Record {
                    origin: row.id,
                    timestamp_ms: now.wall_ms,
                    key: row.content.0.clone(),
                    value: row.content.1.clone(),
                };
                let records = self.rows.iter().map(record).collect();
                self.announcer.send(now, records, out, history);
                self.take_news(now, out);
            }
            Step::Send => self.take_news(now, out),
            _ => {}
        }
    }

    fn call(&mut self, now: Now, step: Step, about: Subject, call: Call, out: &mut Outputs) {
        self.step = step;
        self.caller.call(now, Request { about, call }, out);
    }

    /// What is in Kafka is marked; what is not, or may not be, is found again at the next look.
    fn take_news(&mut self, now: Now, out: &mut Outputs) {
        let Some(fates) = self.announcer.news() else { return };
        let there = self.rows.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::There);
        self.sent = there.map(|(row, _)| row.row).collect();
        let Some(first) = self.sent.first() else { return self.rest(now, self.plan.patience.backoff) };
        let about = Subject::Row(*first as i64);
        let call = Call::MarkSent { table: self.plan.table, rows: self.sent.clone() };
        self.call(now, Step::Mark, about, call, out);
    }

    fn rest(&mut self, now: Now, pause: Span) {
        self.caller.take_back();
        self.rows.clear();
        self.sent.clear();
        self.step = Step::Resting(now.mono + pause);
    }

    fn hear(&mut self, now: Now, heard: Option<Heard>, out: &mut Outputs) {
        let Some(heard) = heard else { return };
        match (self.step, heard) {
            (Step::Query, Heard::Answer(Answer::Unsent(rows))) if rows.is_empty() => {
                self.rest(now, self.plan.poll_interval);
            }
            (Step::Query, Heard::Answer(Answer::Unsent(rows))) => {
                self.rows = rows;
                self.step = Step::Send;
            }
            (Step::Mark, Heard::Answer(Answer::Changed(_))) => {
                let about = Subject::Row(self.sent.first().map_or(0, |row| *row as i64));
                self.call(now, Step::Commit, about, Call::Commit, out);
            }
            (Step::Commit, Heard::Answer(Answer::Done)) => {
                self.progress.step();
                self.rest(now, Span::ZERO);
            }
            // What is marked, the next look will tell.
            (Step::Query | Step::Mark | Step::Commit, Heard::Lost(_) | Heard::Answer(Answer::NoTransaction))
            | (Step::Commit, Heard::Disconnected) => self.rest(now, self.plan.patience.backoff),
            (_, Heard::Disconnected) => {}
            (step, heard) => panic!("{heard:?} is no answer in {step:?}"),
        }
    }
}

impl Application for RelayClient {
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
        Some(self.announcer.declare(&self.plan.name, self.transaction_version))
    }

    fn producer_state(&self) -> Option<ProducerState> {
        self.announcer.producer_state()
    }

    fn in_words(&self, names: &Names) -> Vec<String> {
        if !self.started {
            return Vec::new();
        }
        let doing = match self.step {
            Step::Resting(until) => format!("rests until {until}"),
            Step::Query => "asks for rows that are not marked as sent".to_string(),
            Step::Send => format!("sends {} rows", self.rows.len()),
            Step::Mark => format!("marks {} rows as sent", self.sent.len()),
            Step::Commit => "waits for the database's COMMIT".to_string(),
        };
        let mut lines = vec![format!("relay {doing}")];
        self.announcer.in_words(names, &mut lines);
        lines
    }

    fn is_idle(&self) -> bool {
        self.rows.is_empty()
    }

    fn start(&mut self, now: Now, incarnation: u32, out: &mut Outputs, history: &mut History<'_>) {
        let client = history.client_number(&self.plan.name);
        self.started = true;
        self.announcer.start(now, client, incarnation, out, history);
        self.step = Step::Resting(now.mono);
        self.advance(now, out, history);
    }

    fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs, history: &mut History<'_>) {
        if self.caller.is_for(&input) {
            let heard = self.caller.net(now, &input, out);
            self.hear(now, heard, out);
        } else {
            self.announcer.net(now, input, out, history);
        }
        self.advance(now, out, history);
    }

    fn answered(
        &mut self,
        now: Now,
        correlation: CorrelationId,
        response: Response,
        out: &mut Outputs,
        history: &mut History<'_>,
    ) {
        let heard = self.caller.answered(correlation, response);
        self.hear(now, heard, out);
        self.advance(now, out, history);
    }

    fn take_calls(&mut self) -> Vec<OutgoingCall> {
        self.caller.take_calls()
    }

    fn wake(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        let heard = self.caller.wake(now, out);
        self.hear(now, heard, out);
        self.announcer.wake(now, out, history);
        self.advance(now, out, history);
    }

    fn next_deadline(&self) -> Instant {
        let own = if let Step::Resting(until) = self.step { until } else { Instant::NEVER };
        // A producer that is not ready wakes by itself.
        let own = if self.announcer.is_ready() { own } else { Instant::NEVER };
        own.min(self.caller.next_deadline()).min(self.announcer.next_deadline())
    }

    fn crash(&mut self, now: Now, gone: Gone, history: &mut History<'_>) {
        if !self.started {
            return;
        }
        self.caller.crash();
        self.announcer.crash(now, gone, history);
        self.rows.clear();
        self.sent.clear();
        self.step = Step::Resting(Instant::NEVER);
    }

    fn place(&self) -> Option<(u32, u32)> {
        self.announcer.recorder().place()
    }

    fn progress(&self) -> Option<&Progress> {
        Some(&self.progress)
    }

    fn output(&self) -> Option<TopicId> {
        Some(self.announcer.output())
    }
}
