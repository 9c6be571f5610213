//! A service that takes orders: it writes each to its database, and announces it in a topic by an outbox, or by itself
//! (the dual write).

use fencepost_protocol::batch::{Origin, Record};
use fencepost_protocol::ids::TopicId;
use fencepost_protocol::io::{CorrelationId, NetInput, Outputs};
use fencepost_protocol::producer::ProducerState;
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::event as h;

use crate::cast::Names;
use crate::evidence::{Gone, History, Recorder};
use crate::plan::{Announcing, OnUnknown, Plan, ServicePlan};
use crate::roles::announcer::{Announcer, Fate};
use crate::roles::application::{Application, Seat};
use crate::roles::caller::{Caller, Heard, OutgoingCall};
use crate::roles::progress::Progress;
use crate::schedule::Subject;
use crate::sink::{Answer, Call, Key, Request, Response, Row};

/// What is done with the order in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// None is in hand.
    Waiting,
    /// INSERT into the table, and into the outbox if there is one.
    Insert,
    /// COMMIT.
    Commit,
    /// Sent to Kafka, or about to be.
    Announce,
    /// ROLLBACK, because the announcement has failed.
    Rollback,
}

/// The application.
pub struct ServiceClient {
    plan: ServicePlan,
    workload: u32,
    root_seed: u64,
    transaction_version: u8,
    sink: u32,
    started: bool,
    caller: Caller,
    announcer: Option<Announcer>,
    announced: bool,
    /// The connection to the database was lost with the transaction open.
    session_lost: bool,
    /// Of a service that only writes rows; one that announces shares its announcer's.
    recorder: Recorder<usize>,
    step: Step,
    /// Index of the order in hand, or of the next one.
    order: u64,
    next_due: Instant,
    progress: Progress,
}

impl ServiceClient {
    /// The client of `plan`; the workloads of services come after those of producers.
    pub(crate) fn new(all: &Plan, plan: &ServicePlan, seat: Seat) -> ServiceClient {
        let announces = plan.announcing != Announcing::Outbox;
        ServiceClient {
            workload: (all.producers.len() + seat.place) as u32,
            root_seed: seat.root_seed,
            transaction_version: all.cluster.transaction_version,
            sink: all.account_number(&plan.database, Some(plan.table)),
            started: false,
            caller: Caller::new(all.sink_id(&plan.database), plan.patience),
            announcer: announces.then(|| Announcer::new(all, &plan.topic, &plan.producer)),
            announced: false,
            session_lost: false,
            recorder: Recorder::default(),
            step: Step::Waiting,
            order: 0,
            next_due: Instant::ZERO,
            progress: Progress::default(),
            plan: plan.clone(),
        }
    }

    /// Whether every order is taken care of.
    pub fn is_finished(&self) -> bool {
        self.order >= self.plan.source.len()
    }

    /// Who writes what it does.
    fn recorder(&mut self) -> &mut Recorder<usize> {
        self.announcer.as_mut().map_or(&mut self.recorder, Announcer::recorder_mut)
    }

    /// The identity of the order in hand.
    fn id(&self) -> Origin {
        let offset = self.order as i64;
        Origin { source: Origin::SOURCE | self.workload, partition: 0, offset, stage: 0, index: 0 }
    }

    fn advance(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        if self.step == Step::Waiting && !self.is_finished() && now.mono >= self.next_due {
            self.next_due = now.mono.max(self.next_due) + self.plan.interval;
            self.insert(now, Span::ZERO, out, history);
        }
        if self.step == Step::Announce {
            self.announce(now, out, history);
        }
    }

    fn call(&mut self, now: Now, step: Step, pause: Span, call: Call, out: &mut Outputs) {
        self.step = step;
        let about = Subject::Row(self.order as i64);
        self.caller.call_after(now, pause, Request { about, call }, out);
    }

    fn insert(&mut self, now: Now, pause: Span, out: &mut Outputs, history: &mut History<'_>) {
        let id = self.id();
        let table = self.plan.table;
        // An order has a number, which the table's primary key is: one that comes again is not written again.
        let mut rows = vec![Row { table, id, key: Some(Key::Record(id)), content: None }];
        if self.plan.announcing == Announcing::Outbox {
            let content = Some(self.plan.source.record(self.root_seed, self.workload, self.order));
            rows.push(Row { table: table + 1, id, key: Some(Key::Record(id)), content });
        }
        self.recorder().asked(now, &id, history);
        self.call(now, Step::Insert, pause, Call::Insert(rows), out);
    }

    /// Sends the order in hand to Kafka, or looks what became of that.
    fn announce(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        let id = self.id();
        let announcer = self.announcer.as_mut().expect("only a service that announces by itself comes here");
        if let Some(fates) = announcer.news() {
            self.announced = false;
            let there = fates[..] == [Fate::There];
            let resends = self.plan.patience.on_unknown == OnUnknown::Resend;
            match self.plan.announcing {
                _ if !there && resends => {}
                Announcing::KafkaThenDatabase if self.session_lost => {
                    self.recorder().answered(now, h::Outcome::Fail, "the connection was lost", history);
                    self.failed(now, out, history);
                }
                Announcing::KafkaThenDatabase => {
                    let (step, call) =
                        if there { (Step::Commit, Call::Commit) } else { (Step::Rollback, Call::Rollback) };
                    self.call(now, step, Span::ZERO, call, out);
                }
                _ => self.next(now, history),
            }
        } else if announcer.is_ready() && !self.announced {
            let (key, value) = self.plan.source.record(self.root_seed, self.workload, self.order);
            let record = Record { origin: id, timestamp_ms: now.wall_ms, key, value };
            self.announced = true;
            announcer.send(now, vec![record], out, history);
        } else {
            return;
        }
        self.advance(now, out, history);
    }

    fn next(&mut self, now: Now, history: &mut History<'_>) {
        self.order += 1;
        self.progress.step();
        self.step = Step::Waiting;
        if self.is_finished() {
            self.end(now, history);
        }
    }

    fn end(&mut self, now: Now, history: &mut History<'_>) {
        self.recorder().finished(now, "", history);
    }

    fn hear(&mut self, now: Now, heard: Heard, out: &mut Outputs, history: &mut History<'_>) {
        match (self.step, heard) {
            (Step::Insert, Heard::Answer(Answer::Inserted(fresh))) => {
                self.recorder().were_there(vec![!fresh[0]]);
                self.session_lost = false;
                if fresh[0] && self.plan.announcing == Announcing::KafkaThenDatabase {
                    self.step = Step::Announce;
                } else {
                    self.call(now, Step::Commit, Span::ZERO, Call::Commit, out);
                }
            }
            (Step::Commit, Heard::Answer(Answer::Done)) => {
                self.recorder().answered(now, h::Outcome::Ok, "", history);
                match self.plan.announcing {
                    Announcing::DatabaseThenKafka => self.step = Step::Announce,
                    Announcing::Outbox | Announcing::KafkaThenDatabase => self.next(now, history),
                }
            }
            (Step::Commit, Heard::Lost(why)) => {
                self.recorder().answered(now, h::Outcome::Unknown, why, history);
                self.failed(now, out, history);
            }
            (Step::Insert, Heard::Lost(why)) => {
                self.recorder().answered(now, h::Outcome::Fail, why, history);
                self.failed(now, out, history);
            }
            (Step::Rollback, _) => {
                self.recorder().answered(now, h::Outcome::Fail, "it could not be announced", history);
                self.failed(now, out, history);
            }
            (Step::Insert | Step::Commit, Heard::Answer(Answer::NoTransaction)) => {
                self.recorder().answered(now, h::Outcome::Fail, "the transaction was rolled back", history);
                self.failed(now, out, history);
            }
            (Step::Commit, Heard::Disconnected) => {
                self.recorder().answered(now, h::Outcome::Fail, "the connection was lost", history);
                self.failed(now, out, history);
            }
            // The transaction is gone with its connection; the application will learn it from its commit.
            (Step::Announce, Heard::Disconnected) => self.session_lost = true,
            (_, Heard::Disconnected) => {}
            (step, heard) => panic!("{heard:?} is no answer in {step:?}"),
        }
    }

    /// The order is not stored, or may not be: it is tried again; or whoever placed it is told of an error, and that is it.
    fn failed(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        self.caller.take_back();
        match self.plan.patience.on_unknown {
            OnUnknown::Resend => self.insert(now, self.plan.patience.backoff, out, history),
            OnUnknown::Keep => self.next(now, history),
        }
    }
}

impl Application for ServiceClient {
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
        let mut client = match &self.announcer {
            Some(announcer) => announcer.declare(&self.plan.name, self.transaction_version),
            None => h::Client { name: self.plan.name.clone().into(), ..h::Client::default() },
        };
        client.sinks = vec![self.sink];
        client.records = Some(self.plan.source.len());
        Some(client)
    }

    fn producer_state(&self) -> Option<ProducerState> {
        self.announcer.as_ref().and_then(Announcer::producer_state)
    }

    fn in_words(&self, names: &Names) -> Vec<String> {
        if !self.started {
            return Vec::new();
        }
        let doing = match self.step {
            Step::Waiting => "waits for the next order",
            Step::Insert => "waits for the database's INSERT",
            Step::Commit => "waits for the database's COMMIT",
            Step::Announce => "announces the order",
            Step::Rollback => "waits for the database's ROLLBACK",
        };
        let mut lines = vec![format!("service {doing}; {} of {} orders taken", self.order, self.plan.source.len())];
        if let Some(announcer) = &self.announcer {
            announcer.in_words(names, &mut lines);
        }
        lines
    }

    fn start(&mut self, now: Now, incarnation: u32, out: &mut Outputs, history: &mut History<'_>) {
        let client = history.client_number(&self.plan.name);
        self.started = true;
        self.next_due = self.next_due.max(now.mono);
        if let Some(announcer) = &mut self.announcer {
            announcer.start(now, client, incarnation, out, history);
        } else {
            self.recorder.introduce(client);
            self.recorder.set_incarnation(incarnation);
            self.recorder.started(now, history);
        }
        let sink = self.sink;
        self.recorder().uses(sink);
        if self.is_finished() {
            self.end(now, history);
        }
        self.advance(now, out, history);
    }

    fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs, history: &mut History<'_>) {
        if self.caller.is_for(&input) {
            if let Some(heard) = self.caller.net(now, &input, out) {
                self.hear(now, heard, out, history);
            }
        } else if let Some(announcer) = &mut self.announcer {
            announcer.net(now, input, out, history);
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
        if let Some(heard) = self.caller.answered(correlation, response) {
            self.hear(now, heard, out, history);
        }
        self.advance(now, out, history);
    }

    fn take_calls(&mut self) -> Vec<OutgoingCall> {
        self.caller.take_calls()
    }

    fn wake(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        if let Some(heard) = self.caller.wake(now, out) {
            self.hear(now, heard, out, history);
        }
        if let Some(announcer) = &mut self.announcer {
            announcer.wake(now, out, history);
        }
        self.advance(now, out, history);
    }

    fn next_deadline(&self) -> Instant {
        let own = if self.step == Step::Waiting && !self.is_finished() { self.next_due } else { Instant::NEVER };
        let announcer = self.announcer.as_ref().map_or(Instant::NEVER, Announcer::next_deadline);
        own.min(self.caller.next_deadline()).min(announcer)
    }

    fn crash(&mut self, now: Now, gone: Gone, history: &mut History<'_>) {
        if !self.started {
            return;
        }
        self.caller.crash();
        match &mut self.announcer {
            Some(announcer) => announcer.crash(now, gone, history),
            None => drop(self.recorder.lost(now, gone, history)),
        }
        self.announced = false;
        // Whoever placed the order in hand got no answer; what a crash leaves undone nobody remembers.
        if self.step != Step::Waiting {
            self.next(now, history);
        }
    }

    fn place(&self) -> Option<(u32, u32)> {
        self.announcer.as_ref().map_or(&self.recorder, Announcer::recorder).place()
    }

    fn progress(&self) -> Option<&Progress> {
        Some(&self.progress)
    }

    fn output(&self) -> Option<TopicId> {
        self.announcer.as_ref().map(Announcer::output)
    }
}
