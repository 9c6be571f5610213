//! What a pipeline or connector does outside Kafka with the records of a poll: rows in a database, or charges.
//!
//! Rows of one poll are one transaction of the database. Charges are made one by one. What has failed for certain is tried
//! again; what may have happened is tried again or left, as the plan says. The application does one thing at a time.

use std::collections::{BTreeMap, VecDeque};

use fencepost_protocol::batch::Origin;
use fencepost_protocol::consumer::Records;
use fencepost_protocol::ids::{Offset, TopicPartition};
use fencepost_protocol::io::{CorrelationId, NetInput, Outputs};
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::event as h;

use crate::evidence::{Gone, History, Recorder};
use crate::plan::{CallPlan, Doing, KeyOf, OnUnknown, Plan};
use crate::roles::caller::{Caller, Heard, OutgoingCall};
use crate::schedule::Subject;
use crate::sink::{Answer, Call, Key, OffsetUpdate, Request, Response, Row};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Result {
    /// The work of that number is done; or it must begin again from where the offsets stand.
    Worked {
        /// Number.
        number: u64,
        /// It must begin again.
        again: bool,
    },
    /// From where partitions are read.
    Located(Vec<(TopicPartition, Option<Offset>)>),
}

/// A record in hand.
#[derive(Clone, Copy, Debug)]
struct Item {
    tp: TopicPartition,
    offset: Offset,
    id: Origin,
}

impl Item {
    fn key(&self, of: KeyOf) -> Key {
        match of {
            KeyOf::Offset => Key::Place(self.tp, self.offset),
            KeyOf::Record => Key::Record(self.id),
        }
    }

    fn subject(&self) -> Subject {
        Subject::Position(self.tp, self.offset)
    }
}

/// The request that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Insert,
    SetOffsets,
    Commit,
    Rollback,
    Charge,
}

#[derive(Clone, Debug)]
struct Task {
    number: u64,
    items: Vec<Item>,
    /// The next record to charge for.
    next: usize,
    step: Step,
}

impl Task {
    /// What a request of it is about.
    fn subject(&self) -> Subject {
        self.items[if self.step == Step::Charge { self.next } else { 0 }].subject()
    }
}

/// The application's own work.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    plan: CallPlan,
    /// The plan's number of the consumer, for its offsets in a database.
    of: u16,
    caller: Caller,
    recorder: Recorder,
    task: Option<Task>,
    /// Partitions whose offsets are to be asked for; the first list is asked for now, if `locating`.
    locate: VecDeque<Vec<TopicPartition>>,
    locating: bool,
    /// What the database has, as far as is known.
    stored: BTreeMap<TopicPartition, Option<Offset>>,
    results: VecDeque<Result>,
    /// The offset after the last record whose effect is there, by partition, of this process.
    brought: BTreeMap<TopicPartition, Offset>,
}

impl Work {
    /// Of the pipeline that stands at place `of` in the plan.
    pub fn new(all: &Plan, plan: &CallPlan, of: u16) -> Work {
        Work {
            caller: Caller::new(all.sink_id(&plan.to), plan.patience),
            plan: plan.clone(),
            of,
            recorder: Recorder::default(),
            task: None,
            locate: VecDeque::new(),
            locating: false,
            stored: BTreeMap::new(),
            results: VecDeque::new(),
            brought: BTreeMap::new(),
        }
    }

    /// Who it is to the history, and what it has effects on.
    pub fn introduce(&mut self, client: u32, sink: u32) {
        self.recorder.introduce(client);
        self.recorder.uses(sink);
    }

    /// From now on it is that incarnation which asks.
    pub fn set_incarnation(&mut self, incarnation: u32) {
        self.recorder.set_incarnation(incarnation);
    }

    /// Whether nothing is in hand.
    pub fn is_idle(&self) -> bool {
        self.task.is_none() && self.locate.is_empty()
    }

    /// The offset after the last record whose effect is there, by partition.
    pub fn brought(&self) -> impl Iterator<Item = (TopicPartition, Offset)> + '_ {
        self.brought.iter().map(|(tp, next)| (*tp, *next))
    }

    /// The next result.
    pub fn poll(&mut self) -> Option<Result> {
        self.results.pop_front()
    }

    /// Requests that the world has to send.
    pub fn take_calls(&mut self) -> Vec<OutgoingCall> {
        self.caller.take_calls()
    }

    /// Whether something concerns its connection.
    pub fn is_for(&self, input: &NetInput) -> bool {
        self.caller.is_for(input)
    }

    /// When it has something to do.
    pub fn next_deadline(&self) -> Instant {
        self.caller.next_deadline()
    }

    /// Something happened on its connection.
    pub fn net(&mut self, now: Now, input: &NetInput, out: &mut Outputs, history: &mut History<'_>) {
        if let Some(heard) = self.caller.net(now, input, out) {
            self.hear(now, heard, out, history);
        }
    }

    /// An answer arrived.
    pub fn answered(
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
    }

    /// A deadline has come.
    pub fn wake(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        if let Some(heard) = self.caller.wake(now, out) {
            self.hear(now, heard, out, history);
        }
    }

    /// There is work for what a poll returned.
    pub fn begin(&mut self, now: Now, number: u64, list: &[Records], out: &mut Outputs, history: &mut History<'_>) {
        assert!(self.task.is_none(), "the application does one thing at a time");
        let of = |records: &Records| {
            let tp = records.tp;
            records.iter().map(move |(offset, record)| Item { tp, offset, id: record.origin }).collect::<Vec<_>>()
        };
        let items = list.iter().flat_map(of).collect();
        let step = match self.plan.doing {
            Doing::Insert { .. } => Step::Insert,
            Doing::Charge { .. } => Step::Charge,
        };
        self.task = Some(Task { number, items, next: 0, step });
        if !self.locating {
            self.go_on(now, Span::ZERO, out, history);
        }
    }

    /// Offsets are to be looked up.
    pub fn locate(&mut self, now: Now, partitions: Vec<TopicPartition>, out: &mut Outputs) {
        self.locate.push_back(partitions);
        if self.task.is_none() && !self.locating {
            self.look_up(now, Span::ZERO, out);
        }
    }

    fn look_up(&mut self, now: Now, pause: Span, out: &mut Outputs) {
        let Some(partitions) = self.locate.front().cloned() else { return };
        self.locating = true;
        let about = partitions.first().map_or(Subject::Any, |tp| Subject::Partition(*tp));
        let call = Call::Offsets { of: self.of, partitions };
        self.caller.call_after(now, pause, Request { about, call }, out);
    }

    /// Sends the request of the step in hand.
    fn go_on(&mut self, now: Now, pause: Span, out: &mut Outputs, history: &mut History<'_>) {
        let Some(task) = &self.task else { return };
        let call = match (task.step, self.plan.doing) {
            (Step::Insert, Doing::Insert { table, key, .. }) => {
                let row = |item: &Item| Row { table, id: item.id, key: key.map(|of| item.key(of)), content: None };
                task.items.iter().for_each(|item| self.recorder.asked(now, &item.id, history));
                Call::Insert(task.items.iter().map(row).collect())
            }
            (Step::Charge, Doing::Charge { key }) => {
                let item = &task.items[task.next];
                self.recorder.asked(now, &item.id, history);
                Call::Charge { id: item.id, key: key.map(|of| item.key(of)) }
            }
            (Step::SetOffsets, _) => Call::SetOffsets { of: self.of, updates: self.updates(task) },
            (Step::Commit, _) => Call::Commit,
            (Step::Rollback, _) => Call::Rollback,
            (step, doing) => panic!("{step:?} is no step of {doing:?}"),
        };
        self.caller.call_after(now, pause, Request { about: task.subject(), call }, out);
    }

    /// The offsets after what is in hand.
    fn updates(&self, task: &Task) -> Vec<OffsetUpdate> {
        let mut next: BTreeMap<TopicPartition, Offset> = BTreeMap::new();
        for item in &task.items {
            next.insert(item.tp, item.offset + 1);
        }
        let expected = |tp| self.stored.get(&tp).copied().flatten();
        next.into_iter().map(|(tp, next)| OffsetUpdate { tp, expected: expected(tp), next }).collect()
    }

    fn keeps_offsets(&self) -> bool {
        matches!(self.plan.doing, Doing::Insert { offsets: true, .. })
    }

    fn hear(&mut self, now: Now, heard: Heard, out: &mut Outputs, history: &mut History<'_>) {
        if self.locating {
            return self.hear_of_offsets(now, heard, out, history);
        }
        let after_insert = if self.keeps_offsets() { Step::SetOffsets } else { Step::Commit };
        let Some(task) = &mut self.task else { return };
        let redo = if task.step == Step::Charge { Step::Charge } else { Step::Insert };
        match (task.step, heard) {
            (Step::Insert, Heard::Answer(Answer::Inserted(fresh))) => {
                self.recorder.were_there(fresh.iter().map(|fresh| !fresh).collect());
                task.step = after_insert;
                self.go_on(now, Span::ZERO, out, history);
            }
            (Step::SetOffsets, Heard::Answer(Answer::Changed(count))) => {
                let task = self.task.as_ref().expect("it is in hand");
                let all = self.updates(task).len();
                let step = if count as usize == all { Step::Commit } else { Step::Rollback };
                self.task.as_mut().expect("it is in hand").step = step;
                self.go_on(now, Span::ZERO, out, history);
            }
            (Step::Commit, Heard::Answer(Answer::Done)) => {
                self.recorder.answered(now, h::Outcome::Ok, "", history);
                let task = self.task.as_ref().expect("it is in hand");
                let updates = self.updates(task);
                self.stored.extend(updates.iter().map(|u| (u.tp, Some(u.next))));
                self.brought.extend(updates.iter().map(|u| (u.tp, u.next)));
                self.done(now, false, out);
            }
            // Another consumer has moved the offsets: this one's work is not wanted.
            (Step::Rollback, _) => {
                self.caller.take_back();
                self.recorder.answered(now, h::Outcome::Fail, "the offsets have moved", history);
                self.done(now, true, out);
            }
            (Step::Charge, Heard::Answer(Answer::Charged { known })) => {
                self.recorder.were_there(vec![known]);
                self.recorder.answered(now, h::Outcome::Ok, "", history);
                let item = task.items[task.next];
                self.brought.insert(item.tp, item.offset + 1);
                self.charged(now, out, history);
            }
            (_, Heard::Answer(Answer::NoTransaction)) => {
                self.recorder.answered(now, h::Outcome::Fail, "the transaction was rolled back", history);
                self.try_again(now, redo, out, history);
            }
            (step @ (Step::Charge | Step::Commit), Heard::Lost(why)) => {
                self.recorder.answered(now, h::Outcome::Unknown, why, history);
                if self.keeps_offsets() {
                    self.done(now, true, out); // where they stand tells
                } else if self.plan.patience.on_unknown == OnUnknown::Resend {
                    self.try_again(now, redo, out, history);
                } else if step == Step::Charge {
                    self.charged(now, out, history);
                } else {
                    self.done(now, false, out);
                }
            }
            // No commit was asked for: the database rolls back what it knows of.
            (Step::Insert | Step::SetOffsets, Heard::Lost(why)) => {
                self.recorder.answered(now, h::Outcome::Fail, why, history);
                self.try_again(now, redo, out, history);
            }
            (Step::SetOffsets | Step::Commit, Heard::Disconnected) => {
                self.recorder.answered(now, h::Outcome::Fail, "the connection was lost", history);
                self.try_again(now, redo, out, history);
            }
            // Nothing was open: what waits is sent on the next connection.
            (Step::Insert | Step::Charge, Heard::Disconnected) => {}
            (step, Heard::Answer(answer)) => panic!("{answer:?} is no answer to {step:?}"),
        }
    }

    fn try_again(&mut self, now: Now, step: Step, out: &mut Outputs, history: &mut History<'_>) {
        self.caller.take_back();
        self.task.as_mut().expect("it is in hand").step = step;
        self.go_on(now, self.plan.patience.backoff, out, history);
    }

    fn charged(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        let task = self.task.as_mut().expect("it is in hand");
        task.next += 1;
        if task.next < task.items.len() {
            self.go_on(now, Span::ZERO, out, history);
        } else {
            self.done(now, false, out);
        }
    }

    fn done(&mut self, now: Now, again: bool, out: &mut Outputs) {
        let task = self.task.take().expect("it is in hand");
        self.results.push_back(Result::Worked { number: task.number, again });
        self.look_up(now, Span::ZERO, out);
    }

    fn hear_of_offsets(&mut self, now: Now, heard: Heard, out: &mut Outputs, history: &mut History<'_>) {
        match heard {
            Heard::Answer(Answer::Offsets(offsets)) => {
                self.locating = false;
                self.locate.pop_front();
                self.stored.extend(offsets.iter().copied());
                self.results.push_back(Result::Located(offsets));
                if self.task.is_some() {
                    self.go_on(now, Span::ZERO, out, history);
                } else {
                    self.look_up(now, Span::ZERO, out);
                }
            }
            Heard::Lost(_) => self.look_up(now, self.plan.patience.backoff, out),
            Heard::Disconnected => {}
            Heard::Answer(answer) => panic!("{answer:?} is no answer to a query of offsets"),
        }
    }

    /// The process is gone: what was under way stays unknown.
    pub fn crash(&mut self, now: Now, gone: Gone, history: &mut History<'_>) {
        self.recorder.lost(now, gone, history);
        self.caller.crash();
        self.task = None;
        self.locate.clear();
        self.locating = false;
        self.stored.clear();
        self.results.clear();
        self.brought.clear();
    }
}
