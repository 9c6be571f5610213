//! The checker: takes a history event by event and judges it at the end.
//!
//! It keeps one small cell for each distinct record (by identity and output topic), one small entry for each offset
//! that was seen, bit sets over offsets, and what is open at the moment: sends without an answer, transactions without
//! an end. Everything is judged as exactly-once unless a promise says otherwise. An unknown outcome is held against
//! nobody.

mod aborted;
mod answers;
mod appends;
mod batches;
mod beyond_end;
mod commit_effect;
mod committed_offset;
mod consumers;
mod decisions;
mod declarations;
mod duplicate;
mod early_reads;
mod epochs;
mod evidence;
mod failed_commits;
mod fencing;
mod final_read;
mod findings;
mod liveness;
mod lives;
mod log_ends;
mod loss;
mod markers;
mod missing_marker;
mod naming;
mod order;
mod outcomes;
mod owed;
mod owners;
mod paged;
mod panics;
mod pipelines;
mod producer_ids;
mod readers;
mod registry;
mod runs;
mod sink_offset;
mod sinks;
mod state;
mod tally;
mod torn;
mod two_values;
mod unanswered;
mod uncommitted;
mod vacuous;
mod values;

#[cfg(test)]
mod contradiction_tests;
#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod white_box_tests;

use crate::history::{Event, Sink};
use crate::report::{Class, Kind, Proof, Report, TopicAccount, Verdict};
use crate::words::seconds;
use answers::Answers;
use batches::Batches;
use consumers::Consumers;
use early_reads::EarlyReads;
use epochs::Epochs;
use evidence::Evidence;
use findings::Findings;
use liveness::Unfinished;
use lives::Lives;
use owners::Owners;
use runs::Runs;
use tally::Tally;
use values::Values;

/// Judges a history while it is written.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    ev: Evidence,
    findings: Findings,
    events: u64,
    /// Of the format that the events are written in, where it is not the newest.
    version: Option<u32>,
    unfinished: Unfinished,
    lives: Lives,
    owners: Owners,
    consumers: Consumers,
    tally: Tally,
    values: Values,
    answers: Answers,
    runs: Runs,
    early_reads: EarlyReads,
    batches: Batches,
    epochs: Epochs,
}

impl Checker {
    /// A checker that has seen nothing.
    pub fn new() -> Checker {
        Checker::default()
    }

    /// The judgement. The events that a run reports as not finished must have been given before.
    pub fn finish(self) -> Report {
        let Checker {
            mut ev,
            mut findings,
            events,
            version,
            mut unfinished,
            lives,
            owners,
            mut consumers,
            tally,
            values,
            batches,
            epochs,
            ..
        } = self;
        // The first version has no word for many things: that they are not in it says nothing.
        let first_version = version.is_some_and(|version| version < 2);
        if first_version {
            tally::note_version(&mut findings);
        } else {
            unanswered::close(&ev, &mut findings, &lives);
        }
        outcomes::close(&mut ev);
        final_read::mark_gone(&mut ev);
        decisions::close(&mut ev, &mut findings);
        let explained = missing_marker::close(&mut ev, &mut findings);
        explained.iter().for_each(|log| unfinished.explained(log));
        liveness::close(&ev, &mut findings, &unfinished);
        batches.close(&ev, &mut findings);
        beyond_end::close(&ev, &mut findings, &batches);
        epochs.close(&ev, &mut findings);
        commit_effect::close(&ev, &mut findings);
        failed_commits::close(&ev, &mut findings);

        let pipelines = pipelines::gather(&ev);
        pipelines::close(&mut ev, &mut findings, &consumers, &pipelines);
        aborted::close(&mut ev, &mut findings);
        duplicate::close(&ev, &mut findings);
        order::close(&ev, &mut findings);
        two_values::close(&ev, &mut findings);
        values.close(&ev, &mut findings);
        readers::close(&mut ev, &mut findings);
        torn::close(&mut ev, &mut findings);
        let mut accounts = vec![TopicAccount::default(); ev.topics.len()];
        loss::close(&ev, &mut findings, &pipelines, &mut accounts);
        let topics = account(&ev, &mut findings, accounts);

        let context = owed::Context { pipelines: &pipelines, lives: &lives, owners: &owners };
        let inputs = owed::close(&ev, &mut findings, &mut consumers, &context);
        owners.close(&ev, &mut findings, &lives, &owed::behind(&inputs));
        let mut warnings = Vec::new();
        for (line, judged) in consumers.unexplained() {
            if judged && !first_version {
                warnings.push(tally::behind(&ev, line));
            } else {
                liveness::undrained(&ev, &mut findings, line);
            }
        }
        let untested = vacuous::untested(&ev, &epochs);

        let left = tally.left();
        let account = tally.close(&ev, &lives, &topics, inputs);
        warnings.splice(0..0, tally::warnings(&ev, &lives, &account, &left));
        let sinks = sinks::close(&mut ev, &mut findings, &consumers);

        let verdict = if findings.has(|kind| kind.class() == Class::Safety) {
            Verdict::Violated
        } else if findings.has(|_| true) {
            Verdict::Stuck
        } else if !untested.is_empty() {
            Verdict::Vacuous
        } else {
            Verdict::Clean
        };
        let (violations, allowed, notes) = findings.into_lists();
        Report { verdict, violations, allowed, topics, sinks, untested, account, warnings, notes, events }
    }
}

/// Fills the accounts of the output topics, in order of their numbers.
fn account(ev: &Evidence, findings: &mut Findings, mut accounts: Vec<TopicAccount>) -> Vec<TopicAccount> {
    for log in &ev.logs {
        let account = &mut accounts[log.at.topic as usize];
        account.visible += log.visible.iter().count() as u64;
        account.leaked +=
            log.leaked.iter().count() as u64 + log.early.missing_from(&log.leaked, 0, i64::MAX).count() as u64;
    }
    // Every copy beyond the first.
    let mut distinct = vec![0; ev.topics.len()];
    for (_, topic, cell) in ev.records.cells() {
        distinct[topic as usize] += u64::from(cell.copies > 0);
    }
    for (account, distinct) in accounts.iter_mut().zip(distinct) {
        account.duplicates = account.visible - distinct;
    }
    let mut topics = Vec::new();
    for (number, (info, mut account)) in ev.topics.iter().zip(accounts).enumerate() {
        if info.internal || !(info.output || info.sent) {
            continue;
        }
        if !ev.read_to_the_end(number as u32) {
            findings
                .note(|| format!("loss in {} is not judged: not every partition of it was read in the end", info.name));
        }
        account.name.clone_from(&info.name);
        topics.push(account);
    }
    topics
}

impl Sink for Checker {
    fn version(&mut self, version: u32) {
        self.version = Some(version);
    }

    fn event(&mut self, event: &Event<'_>) {
        let Checker { ev, findings, lives, owners, consumers, tally, values, answers, runs, early_reads, .. } = self;
        self.events += 1;
        if let Some(t) = event.time() {
            ev.now = t;
        }
        runs.event(ev, findings, event);
        match event {
            Event::Topic(e) => {
                ev.declare_topic(e);
                if e.internal {
                    findings.is_internal(e.id);
                }
            }
            Event::Group(e) => ev.declare_group(e.id, &e.name),
            Event::Sink(e) => sinks::declare(ev, e),
            Event::Client(e) => {
                ev.declare_client(e);
                values.declare(findings, e);
                tally.declare(e);
            }
            Event::Promise(e) => {
                for name in ev.promises.declare(e) {
                    findings.note(|| format!("a promise allows '{name}', which is no kind of finding"));
                }
            }
            Event::Fault(e) => tally.fault(e),
            Event::Fired(e) => tally.fired(e),
            Event::FaultEnd(e) => tally.fault_end(e),
            Event::Started(e) => lives.started(e),
            Event::Stopped(e) => {
                lives.stopped(e);
                panics::stopped(ev, findings, e);
                owners.left(ev, e.c, e.i.saturating_add(1));
            }
            Event::Told(e) => {
                owners.error(e);
                tally.error(e.c, &e.call, &e.error, e.t);
            }
            Event::Skipped(e) => consumers.skipped(ev, e),
            Event::Send(e) => {
                tally.sent(e.c, &e.id);
                answers.send(ev, findings, e);
                early_reads.sent(ev, findings, e);
                outcomes::send(ev, findings, e);
                values.sent(ev, e);
            }
            Event::Ack(e) => {
                tally.acknowledged(e.c);
                if answers.ack(ev, findings, e) {
                    outcomes::ack(ev, findings, e);
                }
            }
            Event::Fail(e) => {
                tally.send_error(e, true);
                if answers.error(ev, findings, e, true) {
                    outcomes::error(ev, findings, e, true);
                }
            }
            Event::Unknown(e) => {
                tally.send_error(e, false);
                if answers.error(ev, findings, e, false) {
                    outcomes::error(ev, findings, e, false);
                }
            }
            Event::Begin(e) => {
                tally.begin(e);
                answers.begin(ev, findings, e);
                outcomes::begin(ev, e);
            }
            Event::TxnOffsets(e) => {
                tally.txn_offsets(e);
                answers.txn_offsets(ev, findings, e);
                outcomes::txn_offsets(ev, e);
            }
            Event::Ending(e) => {
                tally.ending(e);
                answers.ending(ev, findings, e);
                outcomes::ending(ev, e);
            }
            Event::Ended(e) => {
                tally.ended(e);
                answers.ended(ev, findings, e);
                outcomes::ended(ev, findings, e);
            }
            Event::Fenced(e) => {
                tally.fenced(e);
                fencing::fenced(ev, e.c, e.i);
            }
            Event::Epoch(e) => {
                fencing::epoch(ev, findings, e);
                tally.epoch(ev, e);
            }
            Event::Commit(e) => {
                answers.commit(e);
                committed_offset::commit(ev, e);
            }
            Event::CommitResult(e) => {
                tally.commit_result(ev, e);
                if answers.commit_result(ev, findings, e) {
                    committed_offset::commit_result(ev, e);
                }
            }
            Event::Assigned(e) => {
                owners.assigned(ev, e);
                readers::assigned(ev, e);
            }
            Event::Revoked(e) => {
                owners.revoked(ev, e);
                readers::revoked(ev, e);
            }
            Event::Position(e) => {
                consumers.position(ev, e);
                readers::position(ev, e);
            }
            Event::Read(e) => {
                tally.read(e.c);
                early_reads.read(ev, e);
                readers::read(ev, findings, e);
                values.read(ev, findings, e);
            }
            Event::Apply(e) => {
                tally.begun(e.c, &e.id);
                answers.apply(e);
                sinks::apply(ev, e);
            }
            Event::Applied(e) => {
                tally.error(e.c, "apply", &e.error, e.t);
                if answers.applied(ev, findings, e) {
                    sinks::applied(ev, findings, e);
                }
            }
            Event::SinkEnd(e) => sinks::end(ev, e),
            Event::SinkFinal(e) => {
                early_reads.sink(ev, findings, e);
                sinks::record(ev, e);
            }
            Event::SinkOffset(e) => sinks::offset(ev, e),
            Event::OffsetMoved(e) => {
                tally.moved(ev, e);
                self.epochs.moved(ev, findings, e);
                committed_offset::moved(ev, findings, e);
            }
            Event::Decided(e) => {
                tally.decided(e);
                self.epochs.decided(e);
                markers::decided(ev, e);
                decisions::decided(ev, findings, e, self.events);
            }
            Event::Divergence(e) => findings.add(&ev.promises, Kind::StateDivergence, None, 1, || Proof {
                sentence: format!(
                    "{} is {}, a replay of its log gives {} ({})",
                    e.what,
                    e.found,
                    e.expected,
                    seconds(e.t)
                ),
                times: vec![e.t],
                ..Proof::default()
            }),
            Event::Replica(e) => two_values::replica(ev, findings, e),
            Event::Appended(e) => {
                self.batches.appended(ev, e);
                let fenced = appends::appended(ev, findings, e) || fencing::appended(ev, findings, e);
                let before = markers::appended(ev, e);
                fencing::marker(ev, findings, e, before);
                decisions::marker(ev, findings, e, before);
                missing_marker::appended(ev, findings, e, before, fenced);
            }
            Event::End(e) => final_read::end(ev, e),
            Event::Final(e) => {
                final_read::record(ev, findings, e);
                values.stands(ev, findings, e);
            }
            Event::OpenTransaction(e) => {
                self.unfinished.open_transaction(e);
                liveness::open_transaction(ev, findings, e);
            }
            Event::Stalled(e) => {
                self.unfinished.stalled(ev, e);
                liveness::stalled(ev, findings, e);
            }
            Event::Undrained(e) => consumers.behind(ev, e),
            Event::Stuck(e) => liveness::stuck(ev, findings, e),
        }
    }
}
