//! Readers that skip, go back, or see part of a transaction and pass the rest (E1, E9).

use indexmap::{IndexMap, IndexSet};

use super::evidence::Evidence;
use super::findings::Findings;
use super::paged::Bits;
use super::registry::{FIRM, MAYBE, NONE};
use super::{two_values, uncommitted};
use crate::fast::Fast;
use crate::history::event::*;
use crate::report::{Kind, Proof};
use crate::words::seconds;

pub(crate) fn assigned(ev: &mut Evidence, e: &Assignment) {
    if let (Some(group), Some(generation)) = (ev.client(e.c).group, e.generation) {
        let known = &mut ev.groups[group as usize].generation;
        *known = generation.max(*known);
    }
    interrupt(ev, e.c, e.i, e.at);
}

pub(crate) fn revoked(ev: &mut Evidence, e: &Assignment) {
    interrupt(ev, e.c, e.i, e.at);
}

fn interrupt(ev: &mut Evidence, c: u32, i: u32, at: Partition) {
    let log = ev.log(at);
    let cursor = ev.cursor(c, i, log);
    if cursor.active {
        cursor.active = false;
        if cursor.start < cursor.next {
            cursor.stretches.push((cursor.start, cursor.next));
        }
    }
}

pub(crate) fn position(ev: &mut Evidence, e: &Position) {
    interrupt(ev, e.c, e.i, e.at);
    let (log, group) = (ev.log(e.at), ev.client(e.c).group);
    let cursor = ev.cursor(e.c, e.i, log);
    (cursor.start, cursor.next, cursor.active, cursor.last) = (e.position, e.position, true, 0);
    (cursor.known, cursor.resumes) = (group.is_none(), false);
    if let Some(group) = group {
        let state = ev.groups[group as usize].log(log);
        state.start = state.start.min(e.position);
        if e.reason != PositionReason::Committed {
            state.floor = state.floor.min(e.position);
        }
    }
}

pub(crate) fn read(ev: &mut Evidence, findings: &mut Findings, e: &Read) {
    let log = ev.log(e.at);
    let slot = ev.records.slot(e.id, e.at.topic);
    two_values::read(ev, log, e.offset, slot);
    let alone = ev.client(e.c).group.is_none();
    let cursor = ev.cursor(e.c, e.i, log);
    if !cursor.active {
        // Nothing but a `position` takes a reader without a group elsewhere: no assignment, and no restart.
        if !cursor.known {
            cursor.next = e.offset;
        }
        (cursor.start, cursor.active, cursor.known) = (cursor.next, true, alone);
    }
    if e.offset < cursor.next {
        backwards(ev, findings, log, e);
    } else {
        cursor.next = e.offset + 1;
        cursor.last = e.t;
        cursor.read.set(e.offset);
    }
    if ev.client(e.c).isolation == Isolation::ReadCommitted {
        uncommitted::read(ev, findings, log, slot, e);
    }
}

#[cold]
fn backwards(ev: &mut Evidence, findings: &mut Findings, log: u32, e: &Read) {
    let session = ev.session(e.c, e.i);
    let (next, last, resumes) = {
        let cursor = ev.cursor(e.c, e.i, log);
        // It has read nothing beyond what its incarnation before had read.
        (cursor.next, cursor.last, cursor.resumes && cursor.start == cursor.next)
    };
    findings.add_of_reader(&ev.promises, Kind::ReaderBackwards, e.c, Some(e.at.topic), 1, || {
        let sentence = format!(
            "{} was given {} at {}, after {} had read up to offset {} at {}",
            ev.session_name(session),
            ev.place(log, e.offset),
            seconds(e.t),
            if resumes { "its incarnation before" } else { "it" },
            next - 1,
            seconds(last)
        );
        Proof {
            record: Some(e.id),
            clients: vec![ev.session_id(session)],
            times: vec![e.t, last],
            ..ev.proof_at(log, &[e.offset, next - 1], sentence)
        }
    });
}

/// Every visible record that a reader passed was given to it.
pub(crate) fn close(ev: &mut Evidence, findings: &mut Findings) {
    for cursor in &mut ev.cursors {
        if core::mem::take(&mut cursor.active) && cursor.start < cursor.next {
            cursor.stretches.push((cursor.start, cursor.next));
        }
        merge(&mut cursor.stretches);
    }
    // What belongs together is gathered once.
    let mut by_reader: IndexMap<(u32, u32), Vec<u32>, Fast> = IndexMap::default();
    let mut by_log: IndexMap<(u32, u32), Vec<u32>, Fast> = IndexMap::default();
    for (index, cursor) in ev.cursors.iter().enumerate() {
        by_reader.entry((cursor.client, cursor.incarnation)).or_default().push(index as u32);
        let client = ev.client(cursor.client);
        if let Some(group) = client.group.filter(|_| client.kind == ClientKind::Reader) {
            by_log.entry((group, cursor.log)).or_default().push(index as u32);
        }
    }
    let mut missed: Vec<Vec<i64>> = (0..ev.cursors.len()).map(|index| missed_by(ev, index)).collect();
    let mut torn: IndexMap<(u32, u32), Txns, Fast> = IndexMap::default();
    for (reader, own) in &by_reader {
        if own.iter().any(|index| !missed[*index as usize].is_empty()) {
            torn.insert(*reader, torn_for(ev, own, &missed));
        }
    }
    for (index, missed) in missed.iter_mut().enumerate().filter(|(_, missed)| !missed.is_empty()) {
        let cursor = &ev.cursors[index];
        let torn = &torn[&(cursor.client, cursor.incarnation)];
        skipped(ev, findings, index, core::mem::take(missed), torn);
    }
    for group in 0..ev.groups.len() {
        skipped_by_group(ev, findings, group as u32, &by_log);
    }
}

fn merge(stretches: &mut Vec<(i64, i64)>) {
    stretches.sort_unstable();
    stretches.dedup_by(|later, earlier| {
        let joins = later.0 <= earlier.1;
        if joins {
            earlier.1 = earlier.1.max(later.1);
        }
        joins
    });
}

/// Transactions.
type Txns = IndexSet<u32, Fast>;

/// What a reader passed without being given it.
fn missed_by(ev: &Evidence, index: usize) -> Vec<i64> {
    let cursor = &ev.cursors[index];
    let log = &ev.logs[cursor.log as usize];
    let mut missed = Vec::new();
    if log.end.is_none() {
        return missed;
    }
    let should = match ev.client(cursor.client).isolation {
        Isolation::ReadCommitted => &log.visible,
        Isolation::ReadUncommitted => &log.present,
    };
    // Stretches and what should have been read are both in order: one pass over either.
    let mut stretches = cursor.stretches.iter().peekable();
    let (Some((first, _)), Some((_, last))) = (cursor.stretches.first(), cursor.stretches.last()) else {
        return missed;
    };
    for offset in should.missing_from(&cursor.read, *first, *last) {
        while stretches.peek().is_some_and(|(_, end)| *end <= offset) {
            stretches.next();
        }
        if stretches.peek().is_some_and(|(start, _)| *start <= offset) {
            missed.push(offset);
        }
    }
    missed
}

fn skipped(ev: &Evidence, findings: &mut Findings, index: usize, missed: Vec<i64>, torn: &Txns) {
    let cursor = &ev.cursors[index];
    let log = &ev.logs[cursor.log as usize];
    let who = ev.incarnation_name(cursor.client, cursor.incarnation);
    let mut reported: IndexSet<u32, Fast> = IndexSet::default();
    for offset in missed {
        let slot = log.entries.get(offset).slot;
        let txn = ev.records.cell(slot).txn;
        let (kind, part) = if torn.contains(&txn) {
            if !reported.insert(txn) {
                continue;
            }
            (Kind::TornTransaction, true)
        } else {
            (Kind::ReaderSkipped, false)
        };
        findings.add_of_reader(&ev.promises, kind, cursor.client, Some(log.at.topic), 1, || {
            let mut sentence = format!(
                "{who} passed {} at {} without being given it",
                ev.slot_name(slot),
                ev.place(cursor.log, offset)
            );
            if part {
                sentence += &format!(", and was given other records of {}", ev.txn_name(txn));
            }
            let mut proof = ev.proof(slot, &[(cursor.log, offset)], sentence);
            proof.clients.push((ev.client(cursor.client).name.clone(), cursor.incarnation));
            proof
        });
    }
}

/// The transactions of missed records of which the same reader was given another record; `own`: what it read.
fn torn_for(ev: &Evidence, own: &[u32], missed: &[Vec<i64>]) -> Txns {
    let Evidence { cursors, logs, records, .. } = ev;
    let txn_at = |log: u32, offset: i64| match logs[log as usize].entries.get(offset).slot {
        NONE => NONE,
        slot if records.cell(slot).is(FIRM | MAYBE) => records.cell(slot).txn,
        _ => NONE,
    };
    let mut wanted = Txns::default();
    for index in own {
        let log = cursors[*index as usize].log;
        wanted.extend(missed[*index as usize].iter().map(|offset| txn_at(log, *offset)).filter(|txn| *txn != NONE));
    }
    let mut found = Txns::default();
    if wanted.is_empty() {
        return found;
    }
    for cursor in own.iter().map(|index| &cursors[*index as usize]) {
        found.extend(cursor.read.iter().map(|offset| txn_at(cursor.log, offset)).filter(|txn| wanted.contains(txn)));
    }
    found
}

/// What plain readers of a group committed past, some member of the group was given.
fn skipped_by_group(ev: &Evidence, findings: &mut Findings, group: u32, by_log: &IndexMap<(u32, u32), Vec<u32>, Fast>) {
    for (log, state) in &ev.groups[group as usize].logs {
        let Some(committed) = state.committed() else { continue };
        let Some(cursors) = by_log.get(&(group, *log)) else { continue };
        let info = &ev.logs[*log as usize];
        if info.end.is_none() {
            continue;
        }
        // What lies within a stretch of one of them was reported as skipped by that one.
        let (mut given, mut stretches) = (Bits::default(), Vec::new());
        for cursor in cursors.iter().map(|index| &ev.cursors[*index as usize]) {
            cursor.read.iter().for_each(|offset| {
                given.set(offset);
            });
            stretches.extend_from_slice(&cursor.stretches);
        }
        merge(&mut stretches);
        let within = |offset: &i64| {
            let index = stretches.partition_point(|(_, end)| *end <= *offset);
            stretches.get(index).is_some_and(|(start, _)| *start <= *offset)
        };
        for offset in info.visible.missing_from(&given, state.start, committed).filter(|o| !within(o)) {
            let slot = info.entries.get(offset).slot;
            findings.add(&ev.promises, Kind::ReaderSkipped, Some(info.at.topic), 1, || {
                let sentence = format!(
                    "group {} committed offset {committed} of {}, but no member of it was given {} at {}",
                    ev.groups[group as usize].name,
                    ev.partition_name(*log),
                    ev.slot_name(slot),
                    ev.place(*log, offset)
                );
                ev.proof(slot, &[(*log, offset)], sentence)
            });
        }
    }
}
