//! The checker: takes a history event by event and judges it at the end.
//!
//! It keeps one small cell for each distinct record (by identity and output topic), one small entry for each offset
//! that was seen, bit sets over offsets, and what is open at the moment: sends without an answer, transactions without
//! an end. Everything is judged as exactly-once unless a promise says otherwise. An unknown outcome is held against
//! nobody.

mod aborted;
mod appends;
mod commit_effect;
mod committed_offset;
mod cuts;
mod decisions;
mod duplicate;
mod evidence;
mod fencing;
mod final_read;
mod findings;
mod liveness;
mod log_ends;
mod loss;
mod markers;
mod missing_marker;
mod naming;
mod order;
mod outcomes;
mod paged;
mod pipelines;
mod producer_ids;
mod readers;
mod registry;
mod sink_offset;
mod sinks;
mod torn;
mod two_values;
mod uncommitted;

#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod white_box_tests;

use crate::history::{Event, Sink};
use crate::report::{Class, Kind, Proof, Report, TopicAccount, Verdict};
use evidence::Evidence;
use findings::Findings;
pub(crate) use naming::seconds;
use paged::Bits;
pub(crate) use registry::Fast;

/// Judges a history while it is written.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    ev: Evidence,
    findings: Findings,
    events: u64,
    /// Logs of which an event said that they are stalled.
    stalled: Bits,
}

impl Checker {
    /// A checker that has seen nothing.
    pub fn new() -> Checker {
        Checker::default()
    }

    /// The judgement. The events that a run reports as not finished must have been given before.
    pub fn finish(self) -> Report {
        let Checker { mut ev, mut findings, events, mut stalled } = self;
        outcomes::close(&mut ev);
        final_read::mark_gone(&mut ev);
        decisions::close(&mut ev, &mut findings);
        let explained = missing_marker::close(&mut ev, &mut findings);
        explained.iter().for_each(|log| {
            stalled.set(log);
        });
        liveness::close(&ev, &mut findings, &stalled);
        commit_effect::close(&ev, &mut findings);

        let pipelines = pipelines::gather(&ev);
        pipelines::close(&mut ev, &mut findings, &pipelines);
        aborted::close(&mut ev, &mut findings);
        duplicate::close(&ev, &mut findings);
        order::close(&ev, &mut findings);
        two_values::close(&ev, &mut findings);
        readers::close(&mut ev, &mut findings);
        torn::close(&mut ev, &mut findings);

        let mut accounts = vec![TopicAccount::default(); ev.topics.len()];
        loss::close(&ev, &mut findings, &pipelines, &mut accounts);
        let topics = account(&ev, &mut findings, accounts);
        let sinks = sinks::close(&mut ev, &mut findings);

        let verdict = if findings.has(|kind| kind.class() == Class::Safety) {
            Verdict::Violated
        } else if findings.has(|_| true) {
            Verdict::Stuck
        } else {
            Verdict::Clean
        };
        let (violations, allowed, notes) = findings.into_lists();
        let (untested, account, warnings) = Default::default();
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
    fn event(&mut self, event: &Event<'_>) {
        let Checker { ev, findings, .. } = self;
        self.events += 1;
        if let Some(t) = event.time() {
            ev.now = t;
        }
        match event {
            Event::Topic(e) => ev.declare_topic(e),
            Event::Group(e) => ev.declare_group(e.id, &e.name),
            Event::Sink(e) => sinks::declare(ev, e),
            Event::Client(e) => ev.declare_client(e),
            Event::Promise(e) => {
                for name in ev.declare_promise(e) {
                    findings.note(|| format!("a promise allows '{name}', which is no kind of finding"));
                }
            }
            Event::Fault(_) | Event::Fired(_) | Event::FaultEnd(_) => {}
            Event::Started(_) | Event::Stopped(_) | Event::Told(_) | Event::Skipped(_) => {}
            Event::Send(e) => outcomes::send(ev, findings, e),
            Event::Ack(e) => outcomes::ack(ev, findings, e),
            Event::Fail(e) => outcomes::error(ev, findings, e, true),
            Event::Unknown(e) => outcomes::error(ev, findings, e, false),
            Event::Begin(e) => outcomes::begin(ev, e),
            Event::TxnOffsets(e) => outcomes::txn_offsets(ev, e),
            Event::Ending(e) => outcomes::ending(ev, e),
            Event::Ended(e) => outcomes::ended(ev, findings, e),
            Event::Fenced(e) => fencing::fenced(ev, e.c, e.i),
            Event::Epoch(e) => fencing::epoch(ev, findings, e),
            Event::Commit(e) => committed_offset::commit(ev, e),
            Event::CommitResult(e) => committed_offset::commit_result(ev, e),
            Event::Assigned(e) => readers::assigned(ev, e),
            Event::Revoked(e) => readers::revoked(ev, e),
            Event::Position(e) => readers::position(ev, e),
            Event::Read(e) => readers::read(ev, findings, e),
            Event::Apply(e) => sinks::apply(ev, e),
            Event::Applied(e) => sinks::applied(ev, findings, e),
            Event::SinkEnd(e) => sinks::end(ev, e),
            Event::SinkFinal(e) => sinks::record(ev, e),
            Event::SinkOffset(e) => sinks::offset(ev, e),
            Event::OffsetMoved(e) => committed_offset::moved(ev, findings, e),
            Event::Decided(e) => {
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
                let fenced = appends::appended(ev, findings, e) || fencing::appended(ev, findings, e);
                let before = markers::appended(ev, e);
                decisions::marker(ev, findings, e, before.is_some());
                missing_marker::appended(ev, findings, e, before, fenced);
            }
            Event::End(e) => final_read::end(ev, e),
            Event::Final(e) => final_read::record(ev, findings, e),
            Event::OpenTransaction(e) => liveness::open_transaction(ev, findings, e),
            Event::Stalled(e) => {
                let log = ev.log(e.at);
                self.stalled.set(i64::from(log));
                liveness::stalled(ev, findings, e);
            }
            Event::Undrained(e) => liveness::undrained(ev, findings, e),
            Event::Stuck(e) => liveness::stuck(ev, findings, e),
        }
    }
}
