//! White box: what a leader may append after what stands in its log: no older leader epoch (L1), no older epoch of a
//! producer (L3), and the next sequence (L4, L5; §2.3).
//!
//! Whatever a client retries and in whichever order it arrives, a leader appends the next sequence or nothing. After a
//! truncation what is expected goes back with the log; a producer that the broker may have forgotten may begin anywhere.

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::NONE;
use super::state::{Step, Wrong};
use crate::history::event::{Appended, BatchKind};
use crate::report::{Kind, Proof};
use crate::words::seconds;

/// A leader appended a batch. To be told before the log's end is moved. Whether the batch is one of a fenced epoch.
#[inline]
pub(crate) fn appended(ev: &mut Evidence, findings: &mut Findings, e: &Appended) -> bool {
    let log = ev.log(e.at);
    let topic = &ev.topics[e.at.topic as usize];
    if topic.internal {
        // Coordinators write theirs without sequences that count (§4.2).
        return false;
    }
    let (largest, forgets_after) = (topic.max_sequence, topic.forgets_after);
    // At transaction version 2 a leader takes no sequence but 0 from a producer that it does not know (§2.3).
    let strict = e.kind == BatchKind::TxnData && ev.pids.get(&e.pid).is_some_and(|session| ev.is_version_2(*session));
    let Evidence { logs, .. } = ev;
    let info = &mut logs[log as usize];
    let end = info.open.end;
    let order = &mut info.order;
    if e.base < end {
        order.cuts.cut(e.base);
        while order.epochs.last().is_some_and(|(first, _)| *first >= e.base) {
            order.epochs.pop();
        }
    } else if e.base > end {
        order.cuts.cut(i64::MIN);
        order.gap = true;
    }
    let back = order.leader_epoch(e);
    let wrong = if e.pid < 0 { None } else { order.producer(e, largest, forgets_after, strict) };
    if let Some((first, epoch)) = back {
        report_leader_epoch(ev, findings, log, e, first, epoch);
    }
    match wrong {
        None => false,
        Some(Wrong::Fenced(last)) => {
            report_fenced(ev, findings, log, e, last);
            true
        }
        Some(Wrong::Sequence { expected, after }) => {
            report_sequence(ev, findings, log, e, expected, after);
            false
        }
    }
}

/// The batch's place, its producer's name if that is known, and the clients for a proof.
fn about(ev: &Evidence, log: u32, e: &Appended) -> (String, String, Vec<(String, u32)>) {
    let session = ev.pids.get(&e.pid).copied().filter(|session| *session != NONE);
    let of = session.map(|session| format!(" ({})", ev.session_name(session))).unwrap_or_default();
    (ev.place(log, e.base), of, session.map(|session| ev.session_id(session)).into_iter().collect())
}

/// The record that is known to stand there makes a proof easier to look up.
fn proof(ev: &Evidence, log: u32, e: &Appended, sentence: String, clients: Vec<(String, u32)>) -> Proof {
    let slot = ev.logs[log as usize].entries.get(e.base).slot;
    let record = (slot != NONE).then(|| ev.records.identity(slot).0);
    Proof { clients, record, ..ev.proof_at(log, &[e.base], sentence) }
}

#[cold]
fn report_leader_epoch(ev: &Evidence, findings: &mut Findings, log: u32, e: &Appended, first: i64, epoch: i32) {
    findings.add(&ev.promises, Kind::LeaderEpochBack, Some(e.at.topic), 1, || {
        let sentence = format!(
            "the batch at {} was appended with leader epoch {} at {}, although leader epoch {epoch} begins before it, at {}",
            ev.place(log, e.base),
            e.leader_epoch,
            seconds(e.t),
            ev.place(log, first)
        );
        proof(ev, log, e, sentence, Vec::new())
    });
}

#[cold]
fn report_fenced(ev: &Evidence, findings: &mut Findings, log: u32, e: &Appended, last: Step) {
    findings.add(&ev.promises, Kind::FencedEffect, Some(e.at.topic), 1, || {
        let (place, of, clients) = about(ev, log, e);
        let sentence = format!(
            "a batch of producer id {} and epoch {}{of} was appended at {place} at {}, although the log had epoch {} of that \
             producer at {} already",
            e.pid,
            e.epoch,
            seconds(e.t),
            last.epoch,
            ev.place(log, last.base)
        );
        proof(ev, log, e, sentence, clients)
    });
}

#[cold]
fn report_sequence(ev: &Evidence, findings: &mut Findings, log: u32, e: &Appended, expected: i32, after: Option<Step>) {
    findings.add(&ev.promises, Kind::SequenceBroken, Some(e.at.topic), 1, || {
        let (place, of, clients) = about(ev, log, e);
        let follows = match after {
            Some(last) => format!("after what stands at {} it had to be {expected}", ev.place(log, last.base)),
            None => "it is the first of this producer there".to_owned(),
        };
        let sentence = format!(
            "the batch of producer id {} and epoch {}{of} at {place} begins with sequence {}: {follows}",
            e.pid, e.epoch, e.sequence
        );
        proof(ev, log, e, sentence, clients)
    });
}
