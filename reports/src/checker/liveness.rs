//! What did not finish (V1, V2): hanging transactions, stalled last stable offsets, undrained pipelines.

use super::evidence::Evidence;
use super::findings::Findings;
use super::paged::Bits;
use super::registry::NONE;
use super::state::{Fate, Txn};
use crate::history::event::{OpenTransaction, Stalled, Stuck, Undrained};
use crate::report::{Kind, Proof};
use crate::words::seconds;

pub(crate) fn open_transaction(ev: &Evidence, findings: &mut Findings, e: &OpenTransaction<'_>) {
    findings.add(&ev.promises, Kind::HangingTransaction, None, 1, || {
        let since = e.since.map(|since| format!(" since {}", seconds(since))).unwrap_or_default();
        let of = e.c.map(|c| format!(" of {}", ev.client(c).name)).unwrap_or_default();
        Proof {
            sentence: format!(
                "the transaction{of} with producer id {} and epoch {} is open{since}, at {}: {}",
                e.pid,
                e.epoch,
                seconds(e.t),
                e.culprit
            ),
            clients: e.c.map(|c| (ev.client(c).name.clone(), 0)).into_iter().collect(),
            times: e.since.into_iter().chain([e.t]).collect(),
            ..Proof::default()
        }
    });
}

pub(crate) fn stalled(ev: &Evidence, findings: &mut Findings, e: &Stalled<'_>) {
    let log = ev.log(e.at);
    findings.add(&ev.promises, Kind::StalledLso, Some(e.at.topic), 1, || {
        let (name, at) = (ev.partition_name(log), seconds(e.t));
        let sentence = if e.lso < e.hw {
            format!(
                "the last stable offset of {name} is {}, its high watermark {}, at {at}: {}",
                e.lso, e.hw, e.culprit
            )
        } else {
            format!("the high watermark of {name} is {} and below its end, at {at}: {}", e.hw, e.culprit)
        };
        ev.proof_at(log, &[e.lso, e.hw], sentence)
    });
}

pub(crate) fn undrained(ev: &Evidence, findings: &mut Findings, e: &Undrained<'_>) {
    let log = ev.log(e.at);
    findings.add(&ev.promises, Kind::Unprocessed, Some(e.at.topic), 1, || {
        let client = &ev.client(e.c).name;
        let sentence = format!(
            "{client} has committed offset {} of {}, whose end is {}, at {}: {}",
            e.position,
            ev.partition_name(log),
            e.end,
            seconds(e.t),
            e.culprit
        );
        Proof { clients: vec![(client.clone(), 0)], ..ev.proof_at(log, &[e.position, e.end], sentence) }
    });
}

pub(crate) fn stuck(ev: &Evidence, findings: &mut Findings, e: &Stuck<'_>) {
    // However many hold it up, it is one run that does not end.
    let count = u64::from(!findings.has(|kind| kind == Kind::StuckRun));
    findings.add(&ev.promises, Kind::StuckRun, None, count, || Proof {
        sentence: format!("the run did not end: {} ({})", e.culprit, seconds(e.t)),
        times: vec![e.t],
        ..Proof::default()
    });
}

/// What the history itself says did not finish.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unfinished {
    /// Logs that are said to be stalled.
    stalled: Bits,
    /// Transactions that are said to be open: a client with the transactional id, and the producer id.
    open: Vec<(Option<u32>, i64)>,
}

impl Unfinished {
    pub(crate) fn open_transaction(&mut self, e: &OpenTransaction<'_>) {
        self.open.push((e.c, e.pid));
    }

    /// What keeps that log from going on is told otherwise.
    pub(crate) fn explained(&mut self, log: i64) {
        self.stalled.set(log);
    }

    pub(crate) fn stalled(&mut self, ev: &Evidence, e: &Stalled<'_>) {
        self.stalled.set(i64::from(ev.log(e.at)));
    }

    /// Whether some line is about the open transaction of that producer id, or of whoever has that transactional id.
    fn names(&self, ev: &Evidence, scope: Option<u32>, pid: i64) -> bool {
        let of_pid = |pid: &i64| ev.pids.get(pid).and_then(|session| ev.client_of(*session).scope);
        self.open.iter().any(|(client, open)| {
            let theirs = client.and_then(|client| ev.client(client).scope).or_else(|| of_pid(open));
            *open == pid || theirs.is_some() && theirs == scope
        })
    }
}

/// What the final state shows and no event named: partitions that stand still, and the transactions that hold them.
pub(crate) fn close(ev: &Evidence, findings: &mut Findings, unfinished: &Unfinished) {
    hanging(ev, findings, unfinished);
    for (number, log) in ev.logs.iter().enumerate() {
        let Some(end) = log.end else { continue };
        if unfinished.stalled.get(number as i64) || !(end.lso < end.hw || end.hw < end.leo) {
            continue;
        }
        let culprit = match log.open.oldest() {
            _ if end.lso == end.hw => {
                format!("what is there up to offset {} is not known to be on all in-sync replicas", end.leo)
            }
            Some(pid) => format!("the open transaction of producer id {pid}"),
            None => "no open transaction is known there".to_owned(),
        };
        stalled(ev, findings, &Stalled { t: end.t, at: log.at, lso: end.lso, hw: end.hw, culprit: culprit.into() });
    }
}

/// Transactions at which a last stable offset stands and that have no end: once for each transactional id or producer id.
fn hanging(ev: &Evidence, findings: &mut Findings, unfinished: &Unfinished) {
    let mut known: Vec<(Option<u32>, i64)> = Vec::new();
    for (number, log) in ev.logs.iter().enumerate() {
        let Some(end) = log.end.filter(|end| end.lso < end.hw) else { continue };
        let (number, at) = (number as u32, end.lso);
        let slot = log.entries.get(at).slot;
        // The log's own word first: who wrote what stands at the last stable offset, and has no marker.
        let open = log.open.holder(at);
        let pid = open.unwrap_or(ev.writer_of(number, at).0);
        let txn = (slot != NONE).then(|| ev.records.cell(slot).txn).filter(|txn| *txn != NONE);
        let ended = |txn: &Txn| txn.fate == Fate::Committed || txn.told_abort;
        // One that has ended, as its client knows, only waits for its marker: that is a stall.
        if txn.is_some_and(|txn| ended(&ev.txns[txn as usize])) || txn.is_none() && open.is_none() {
            continue;
        }
        let session = match txn {
            Some(txn) => Some(ev.txns[txn as usize].session),
            None => ev.pids.get(&pid).copied(),
        };
        let scope = session.and_then(|session| ev.client_of(session).scope);
        let same = |(of, id): &(Option<u32>, i64)| *id == pid && pid >= 0 || of.is_some() && *of == scope;
        if unfinished.names(ev, scope, pid) || known.iter().any(same) {
            continue;
        }
        known.push((scope, pid));
        findings.add(&ev.promises, Kind::HangingTransaction, Some(log.at.topic), 1, || {
            let who = match (txn, session) {
                (Some(txn), _) => ev.txn_name(txn),
                (None, Some(session)) => format!("a transaction of {}", ev.session_name(session)),
                (None, None) => format!("a transaction of producer id {pid}"),
            };
            let place = ev.place(number, at);
            let sentence = format!("nothing at or after {place} is stable: it is of {who}, and that never ended");
            match (slot, txn) {
                (NONE, _) | (_, None) => ev.proof_at(number, &[at], sentence),
                (slot, Some(_)) => ev.proof(slot, &[(number, at)], sentence),
            }
        });
    }
}
