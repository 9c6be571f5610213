//! Aborted records visible, in the final read or to a reader (E2, E4, G1a), and other records that are visible and must
//! not be: of commits that failed for certain, of sends that failed for certain, of fenced producers, of nobody.

use super::evidence::Evidence;
use super::final_read::is_aborted;
use super::findings::Findings;
use super::registry::*;
use crate::history::event::Isolation;
use crate::report::Kind;

/// What is visible in the end and must not be.
pub(crate) fn close(ev: &mut Evidence, findings: &mut Findings) {
    for log in 0..ev.logs.len() as u32 {
        let mut leaked = Vec::new();
        for offset in ev.logs[log as usize].visible.iter() {
            let slot = ev.logs[log as usize].entries.get(offset).slot;
            let cell = ev.records.cell(slot);
            // The usual case first: nothing speaks against it.
            if cell.is(FIRM) && !cell.is(ABORTED | FAILED) && !ev.logs[log as usize].log_aborted.get(offset) {
                continue;
            }
            let Some((kind, why)) = wrong(ev, log, offset, slot) else { continue };
            if !matches!(why, Why::FailedSend | Why::Nobody) {
                leaked.push(offset);
            }
            report(ev, findings, log, offset, slot, kind, why);
        }
        leaked.into_iter().for_each(|offset| {
            ev.logs[log as usize].leaked.set(offset);
        });
    }
    readers(ev, findings);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    Aborted,
    Open,
    FailedCommit,
    FailedSend,
    Fenced,
    Marker,
    Nobody,
}

fn wrong(ev: &Evidence, log: u32, offset: i64, slot: Slot) -> Option<(Kind, Why)> {
    let cell = ev.records.cell(slot);
    let info = &ev.logs[log as usize];
    let good = cell.is(FIRM | MAYBE);
    let (kind, why) = if info.aborted.get(offset) || cell.is(ABORTED) && !good {
        if cell.is(FENCED) {
            (Kind::FencedEffect, Why::Fenced)
        } else if cell.is(COMMIT_FAILED) {
            (Kind::FalseFailure, Why::FailedCommit)
        } else if cell.is(OPENED) {
            (Kind::UncommittedVisible, Why::Open)
        } else {
            (Kind::AbortedVisible, Why::Aborted)
        }
    } else if cell.is(FAILED) && !good {
        (Kind::FalseFailure, Why::FailedSend)
    } else if info.log_aborted.get(offset) {
        (Kind::AbortedVisible, Why::Marker)
    } else if !cell.is(SENT) && ev.topics[info.at.topic as usize].sent {
        (Kind::Phantom, Why::Nobody)
    } else {
        return None;
    };
    let session = match info.entries.get(offset).session {
        NONE => ev.session_of_txn(cell.txn),
        session => session,
    };
    let certain = matches!(why, Why::FailedSend | Why::Nobody | Why::Fenced);
    Some((if certain { kind } else { ev.blame(kind, session) }, why))
}

fn report(ev: &Evidence, findings: &mut Findings, log: u32, offset: i64, slot: Slot, kind: Kind, why: Why) {
    let topic = ev.logs[log as usize].at.topic;
    findings.add(&ev.promises, kind, Some(topic), 1, || {
        let txn = ev.records.cell(slot).txn;
        let of = if txn == NONE { "an aborted transaction".to_owned() } else { ev.txn_name(txn) };
        let why = match why {
            Why::Aborted | Why::Open | Why::FailedCommit | Why::Fenced => format!("it is of {of}"),
            Why::FailedSend => "its send failed with an error that means it was not written".to_owned(),
            Why::Marker => "its transaction was closed by an abort marker".to_owned(),
            Why::Nobody => "nobody sent it".to_owned(),
        };
        let sentence = format!(
            "{} is visible at {} under read_committed, although {why}",
            ev.slot_name(slot),
            ev.place(log, offset)
        );
        ev.proof(slot, &[(log, offset)], sentence)
    });
}

/// What readers were given and should not have been, whatever their isolation.
fn readers(ev: &mut Evidence, findings: &mut Findings) {
    for index in 0..ev.cursors.len() {
        let cursor = &ev.cursors[index];
        let (client, log) = (ev.client(cursor.client), cursor.log);
        let info = &ev.logs[log as usize];
        let fresh = |offset: &i64| is_aborted(ev, log, *offset) && !info.leaked.get(*offset);
        let leaked: Vec<i64> = cursor.read.iter().filter(fresh).collect();
        for offset in &leaked {
            let slot = info.entries.get(*offset).slot;
            let cell = ev.records.cell(slot);
            let open = cell.is(OPENED) && !cell.is(FIRM | MAYBE) && !info.log_aborted.get(*offset);
            let kind = if open { Kind::UncommittedVisible } else { Kind::AbortedVisible };
            findings.add_of_reader(&ev.promises, kind, cursor.client, Some(info.at.topic), 1, || {
                let isolation = match client.isolation {
                    Isolation::ReadCommitted => "read_committed",
                    Isolation::ReadUncommitted => "read_uncommitted",
                };
                let txn = cell.txn;
                let known = txn != NONE && !cell.is(FIRM | MAYBE);
                let of = if known { ev.txn_name(txn) } else { "an aborted transaction".to_owned() };
                let sentence = format!(
                    "{} at {isolation} was given {} at {}, which is of {of}",
                    ev.incarnation_name(cursor.client, cursor.incarnation),
                    ev.slot_name(slot),
                    ev.place(log, *offset)
                );
                let mut proof = ev.proof(slot, &[(log, *offset)], sentence);
                proof.clients.push((client.name.clone(), cursor.incarnation));
                proof
            });
        }
        leaked.into_iter().for_each(|offset| {
            ev.logs[log as usize].leaked.set(offset);
        });
    }
}
