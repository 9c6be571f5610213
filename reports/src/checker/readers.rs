//! Readers that skip, go back, or see part of a transaction and pass the rest (E1, E9).

use indexmap::IndexSet;

use super::evidence::Evidence;
use super::findings::Findings;
use super::naming::seconds;
use super::registry::{FIRM, Fast, MAYBE, NONE};
use super::{two_values, uncommitted};
use crate::history::event::*;
use crate::report::{Kind, Proof};

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
    let log = ev.log(e.at);
    let cursor = ev.cursor(e.c, e.i, log);
    (cursor.start, cursor.next, cursor.active, cursor.last) = (e.position, e.position, true, 0);
    if let Some(group) = ev.client(e.c).group {
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
    two_values::seen(ev, findings, log, e.offset, slot, "read");
    let cursor = ev.cursor(e.c, e.i, log);
    if !cursor.active {
        (cursor.start, cursor.next, cursor.active) = (e.offset, e.offset, true);
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
    let (next, last) = {
        let cursor = ev.cursor(e.c, e.i, log);
        (cursor.next, cursor.last)
    };
    findings.add_of_reader(&ev.promises, Kind::ReaderBackwards, e.c, Some(e.at.topic), 1, || {
        let sentence = format!(
            "{} was given {} at {}, after it had read up to offset {} at {}",
            ev.session_name(session),
            ev.place(log, e.offset),
            seconds(e.t),
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
    for index in 0..ev.cursors.len() {
        skipped(ev, findings, index);
    }
    for group in 0..ev.groups.len() {
        skipped_by_group(ev, findings, group as u32);
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

fn skipped(ev: &Evidence, findings: &mut Findings, index: usize) {
    let cursor = &ev.cursors[index];
    let log = &ev.logs[cursor.log as usize];
    if log.end.is_none() {
        return;
    }
    let should = match ev.client(cursor.client).isolation {
        Isolation::ReadCommitted => &log.visible,
        Isolation::ReadUncommitted => &log.present,
    };
    let mut missed = Vec::new();
    for (start, end) in &cursor.stretches {
        missed.extend(should.missing_from(&cursor.read, *start, *end));
    }
    if missed.is_empty() {
        return;
    }
    let who = ev.incarnation_name(cursor.client, cursor.incarnation);
    let torn = torn(ev, index, &missed);
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

/// The transactions of missed records of which the same reader was given another record.
fn torn(ev: &Evidence, index: usize, missed: &[i64]) -> IndexSet<u32, Fast> {
    let Evidence { cursors, logs, records, .. } = ev;
    let reader = &cursors[index];
    let txn_at = |log: u32, offset: i64| match logs[log as usize].entries.get(offset).slot {
        NONE => NONE,
        slot if records.cell(slot).is(FIRM | MAYBE) => records.cell(slot).txn,
        _ => NONE,
    };
    let wanted: IndexSet<u32, Fast> =
        missed.iter().map(|offset| txn_at(reader.log, *offset)).filter(|txn| *txn != NONE).collect();
    let mut found = IndexSet::default();
    if wanted.is_empty() {
        return found;
    }
    for cursor in cursors.iter().filter(|c| (c.client, c.incarnation) == (reader.client, reader.incarnation)) {
        found.extend(cursor.read.iter().map(|offset| txn_at(cursor.log, offset)).filter(|txn| wanted.contains(txn)));
    }
    found
}

/// What plain readers of a group committed past, some member of the group was given.
fn skipped_by_group(ev: &Evidence, findings: &mut Findings, group: u32) {
    let is_member = |client: u32| {
        let info = ev.client(client);
        info.group == Some(group) && info.kind == ClientKind::Reader
    };
    for (log, state) in &ev.groups[group as usize].logs {
        let Some(committed) = state.committed() else { continue };
        let cursors: Vec<_> = ev.cursors.iter().filter(|c| c.log == *log && is_member(c.client)).collect();
        let info = &ev.logs[*log as usize];
        if cursors.is_empty() || info.end.is_none() {
            continue;
        }
        // What lies within a stretch of one of them was reported as skipped by that one.
        let given = |offset: &i64| {
            cursors
                .iter()
                .any(|c| c.read.get(*offset) || c.stretches.iter().any(|(start, end)| (*start..*end).contains(offset)))
        };
        for offset in info.visible.missing_from(&cursors[0].read, state.start, committed).filter(|o| !given(o)) {
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
