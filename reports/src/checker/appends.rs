//! White box: what a leader may append after what stands in its log: no older leader epoch (L1), no older epoch of a
//! producer (L3), and the next sequence (L4, L5; §2.3).
//!
//! Whatever a client retries and in whichever order it arrives, a leader appends the next sequence or nothing. After a
//! truncation what is expected goes back with the log; a producer that the broker may have forgotten may begin anywhere.

use indexmap::IndexMap;

use super::cuts::Cuts;
use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::NONE;
use crate::fast::Fast;
use crate::history::event::{Appended, BatchKind};
use crate::report::{Kind, Proof};
use crate::words::seconds;

/// States of a producer that are kept, to go back to after a truncation.
const STEPS: usize = 6;

/// Any sequence may follow.
const ANY: i32 = -1;

/// A producer's state in a log after one of its batches.
#[derive(Clone, Copy, Debug)]
struct Step {
    base: i64,
    epoch: i16,
    /// Sequence that must follow at the same epoch, or [`ANY`].
    next: i32,
    t: u64,
}

/// A producer in one log.
#[derive(Clone, Debug, Default)]
struct InLog {
    /// Truncations that it has been taken back for.
    cuts: u64,
    steps: Vec<Step>,
    /// There was something before the first step.
    more: bool,
}

/// What the end of a log demands of the next batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Appends {
    cuts: Cuts,
    /// Part of the log was not told.
    gap: bool,
    /// First offset of each leader epoch.
    epochs: Vec<(i64, i32)>,
    producers: IndexMap<i64, InLog, Fast>,
}

/// Why a batch must not stand where it does.
enum Wrong {
    /// The producer's epoch was this one already, since then.
    Fenced(Step),
    /// This sequence had to follow.
    Sequence { expected: i32, after: Option<Step> },
}

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

impl Appends {
    /// Where a later leader epoch begins, if the batch's is older.
    fn leader_epoch(&mut self, e: &Appended) -> Option<(i64, i32)> {
        match self.epochs.last() {
            _ if e.leader_epoch < 0 => None,
            Some((first, epoch)) if *epoch > e.leader_epoch => Some((*first, *epoch)),
            Some((_, epoch)) if *epoch == e.leader_epoch => None,
            _ => {
                self.epochs.push((e.base, e.leader_epoch));
                None
            }
        }
    }

    fn producer(&mut self, e: &Appended, largest: i32, forgets_after: u64, strict: bool) -> Option<Wrong> {
        let taken = self.cuts.taken();
        let gap = self.gap;
        let fresh = || InLog { cuts: taken, steps: Vec::with_capacity(STEPS), more: gap };
        let producer = self.producers.entry(e.pid).or_insert_with(fresh);
        if producer.cuts < taken {
            if let Some(offset) = self.cuts.since(producer.cuts) {
                while producer.steps.last().is_some_and(|step| step.base >= offset) {
                    producer.steps.pop();
                }
            }
            producer.cuts = taken;
            producer.more |= gap;
        }
        let last = producer.steps.last().copied();
        let mut wrong = None;
        let next = if matches!(e.kind, BatchKind::Data | BatchKind::TxnData) {
            // A broker that has forgotten a producer takes what comes.
            let known = last.filter(|last| e.t.saturating_sub(last.t) < forgets_after);
            if let Some(last) = known.filter(|last| e.epoch < last.epoch) {
                return Some(Wrong::Fenced(last));
            }
            let expected = match known {
                Some(last) if last.epoch == e.epoch => last.next,
                Some(_) => 0,
                None if strict && last.is_none() && !producer.more => 0,
                None => ANY,
            };
            if e.sequence >= 0 && expected != ANY && e.sequence != expected {
                wrong = Some(Wrong::Sequence { expected, after: known });
            }
            if e.sequence < 0 { ANY } else { after(e.sequence, e.count, largest) }
        } else {
            match last {
                // Refused: it changes nothing.
                Some(last) if e.epoch < last.epoch => return None,
                Some(last) if e.epoch == last.epoch => last.next,
                None if producer.more => ANY,
                _ => 0,
            }
        };
        if producer.steps.len() == STEPS {
            producer.steps.remove(0);
            producer.more = true;
        }
        producer.steps.push(Step { base: e.base, epoch: e.epoch, next, t: e.t });
        wrong
    }
}

/// The sequence after `count` ones from `sequence` on; after the largest comes 0 (§2.1).
fn after(sequence: i32, count: u32, largest: i32) -> i32 {
    let modulus = i64::from(largest) + 1;
    ((i64::from(sequence) + i64::from(count)) % modulus) as i32
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

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn after_the_largest_sequence_comes_zero() {
        assert_eq!(after(i32::MAX, 1, i32::MAX), 0);
        assert_eq!(after(2_147_483_637, 21, i32::MAX), 10);
        assert_eq!(after(18, 5, 20), 2);
        assert_eq!(after(3, 4, i32::MAX), 7);
    }
}
