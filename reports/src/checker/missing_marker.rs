//! White box: a decided transaction has a marker in every partition that holds its records (C2), and nothing of it is
//! appended once it is decided.
//!
//! A transaction that a log leaves open in the end may still be on its way to its marker: then the last stable offset is
//! held, and that is what is reported. Its marker is missing where the log counts it as closed, or where its producer has
//! gone on to the next one, which it cannot before all markers are written.

use super::evidence::Evidence;
use super::findings::Findings;
use super::paged::Bits;
use super::registry::NONE;
use super::state::{Decisions, OpenTxn};
use crate::history::event::{Appended, BatchKind};
use crate::report::{Kind, Proof};
use crate::words::seconds;

/// A leader appended a batch; to be told after the log's markers were taken. `before`: the producer's open transaction before
/// it; `fenced`: the batch was reported already.
pub(crate) fn appended(
    ev: &mut Evidence,
    findings: &mut Findings,
    e: &Appended,
    before: Option<OpenTxn>,
    fenced: bool,
) {
    match (e.kind, before) {
        (BatchKind::Data, _) => {}
        // It opens a transaction. Where a decision is told before its markers, one of them may yet come and close it.
        (BatchKind::TxnData, None) if fenced => {
            let log = ev.log(e.at);
            if let Some(txn) = ev.logs[log as usize].open.of(e.pid) {
                txn.fenced = true;
            }
        }
        (BatchKind::TxnData, None) => {
            let Some(d) = ev.decisions.get(&e.pid).filter(|d| d.newer) else { return };
            let Some((epoch, _)) = d.highest.filter(|(epoch, _)| *epoch > e.epoch) else { return };
            let log = ev.log(e.at);
            if let Some(txn) = ev.logs[log as usize].open.of(e.pid) {
                txn.late = Some(epoch);
            }
        }
        // It would join a transaction that is over.
        (BatchKind::TxnData, Some(txn)) if is_over(ev, e, &txn) => {
            let log = ev.log(e.at);
            match (txn.late, ev.decisions.get(&e.pid).and_then(|d| d.highest)) {
                _ if txn.fenced => {}
                (Some(_), _) => late(ev, findings, e.at.topic, log, e.pid, &txn),
                (None, Some((_, t))) => missing(ev, findings, log, e.pid, &txn, t),
                (None, None) => {}
            }
            if let Some(open) = ev.logs[log as usize].open.of(e.pid) {
                *open = OpenTxn { first: e.base, epoch: e.epoch, t: e.t, late: None, fenced };
            }
        }
        (BatchKind::TxnData, Some(_)) | (_, None) => {}
        (BatchKind::CommitMarker | BatchKind::AbortMarker, Some(txn)) => {
            if txn.late.is_some() && i32::from(e.epoch) > i32::from(txn.epoch) + 1 {
                late(ev, findings, e.at.topic, ev.log(e.at), e.pid, &txn);
            }
        }
    }
}

/// In the end; the logs whose stalled last stable offset is explained by what was found.
pub(crate) fn close(ev: &mut Evidence, findings: &mut Findings) -> Bits {
    let mut explained = Bits::default();
    for number in 0..ev.logs.len() as u32 {
        let log = &mut ev.logs[number as usize];
        let (at, end) = (log.at, log.end);
        let mut open = log.open.all();
        open.sort_by_key(|(_, txn)| txn.first);
        for (pid, txn) in open {
            let there = |end: crate::history::event::End| (end.start..end.leo).contains(&txn.first);
            if txn.fenced || end.is_some_and(|end| !there(end)) {
                continue;
            }
            if txn.late.is_some() {
                late(ev, findings, at.topic, number, pid, &txn);
                continue;
            }
            let Some(d) = ev.decisions.get(&pid) else { continue };
            let Some((epoch, t)) = d.highest.filter(|_| decided(d, &txn)) else { continue };
            let closed = end.is_some_and(|end| end.lso > txn.first);
            // With version 2 it goes on at an epoch of its own.
            let next = d.newer && (i32::from(epoch) > i32::from(txn.epoch) + 1 || ev.went_on(pid, txn.epoch));
            if !closed && !next {
                continue;
            }
            explained.set(i64::from(number));
            missing(ev, findings, number, pid, &txn, t);
        }
    }
    explained
}

/// Whether what was decided of its producer is about this transaction.
fn decided(d: &Decisions, txn: &OpenTxn) -> bool {
    match d.highest {
        Some((epoch, _)) if d.newer => epoch > txn.epoch,
        Some((epoch, _)) => epoch >= txn.epoch && d.last.1 >= txn.t,
        None => false,
    }
}

/// Whether a batch is of a later transaction than the one that its log has open for its producer. With version 2 it has an
/// epoch of its own; below it a decision lies between the two, where decisions are told after their markers.
fn is_over(ev: &Evidence, e: &Appended, txn: &OpenTxn) -> bool {
    let Some(d) = ev.decisions.get(&e.pid) else { return false };
    if d.newer { e.epoch > txn.epoch } else { ev.decides_last == Some(true) && d.last.1 > txn.t }
}

#[cold]
fn missing(ev: &Evidence, findings: &mut Findings, log: u32, pid: i64, txn: &OpenTxn, t: u64) {
    let topic = ev.logs[log as usize].at.topic;
    findings.add(&ev.promises, Kind::MissingMarker, Some(topic), 1, || {
        let (of, clients) = ev.producer(pid);
        let sentence = format!(
            "the transaction{of} with producer id {pid} and epoch {} that begins at {} was decided ({}), but {} has no marker of it",
            txn.epoch,
            ev.place(log, txn.first),
            seconds(t),
            ev.partition_name(log)
        );
        let slot = ev.logs[log as usize].entries.get(txn.first).slot;
        let record = (slot != NONE).then(|| ev.records.identity(slot).0);
        Proof { clients, record, times: vec![txn.t, t], ..ev.proof_at(log, &[txn.first], sentence) }
    });
}

#[cold]
fn late(ev: &Evidence, findings: &mut Findings, topic: u32, log: u32, pid: i64, txn: &OpenTxn) {
    let first = txn.first;
    findings.add(&ev.promises, Kind::FencedEffect, Some(topic), 1, || {
        let (of, clients) = ev.producer(pid);
        let decided = txn.late.unwrap_or_default();
        let sentence = format!(
            "a batch of producer id {pid} and epoch {}{of} was appended at {} at {}, after its coordinator had decided epoch \
             {decided} of that producer",
            txn.epoch,
            ev.place(log, first),
            seconds(txn.t)
        );
        let slot = ev.logs[log as usize].entries.get(first).slot;
        let record = (slot != NONE).then(|| ev.records.identity(slot).0);
        Proof { clients, record, times: vec![txn.t], ..ev.proof_at(log, &[first], sentence) }
    });
}
