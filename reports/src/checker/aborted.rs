//! Aborted records visible, in the final read or to a reader (E2, E4, G1a), and other records that are visible and must
//! not be: of commits that failed for certain, of sends that failed for certain, of fenced producers, of nobody.
//!
//! A record that was aborted and sent again has several transactions. What is said of an offset is said of the transaction in
//! which it was acknowledged there; only where nobody was told an offset, of the record's latest transaction.

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::*;
use super::state::Fate;
use crate::history::event::Isolation;
use crate::report::Kind;

/// What is visible in the end and must not be.
pub(crate) fn close(ev: &mut Evidence, findings: &mut Findings) {
    for log in 0..ev.logs.len() as u32 {
        let mut leaked = Vec::new();
        for offset in ev.logs[log as usize].visible.iter() {
            let entry = ev.logs[log as usize].entries.get(offset);
            let cell = ev.records.cell(entry.slot);
            // The usual case first: nothing speaks against it.
            if cell.is(FIRM) && !cell.is(ABORTED | FAILED | DERIVED) && !ev.logs[log as usize].log_aborted.get(offset) {
                continue;
            }
            let Some((kind, why)) = wrong(ev, log, offset) else { continue };
            if !matches!(why, Why::FailedSend | Why::Nobody) {
                leaked.push(offset);
            }
            // A reader was given it before: that is the same case, and it has been told.
            if kind == Kind::UncommittedVisible && ev.logs[log as usize].early.get(offset) {
                continue;
            }
            report(ev, findings, log, offset, kind, why);
        }
        leaked.into_iter().for_each(|offset| {
            ev.logs[log as usize].leaked.set(offset);
        });
    }
    readers(ev, findings);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It is of this transaction, which did not commit.
    Transaction(u32),
    FailedSend,
    Marker,
    /// It was computed from an aborted record.
    Input,
    Nobody,
}

/// What a visible record of a transaction is that ended so.
fn of_fate(fate: Fate) -> Kind {
    match fate {
        Fate::Fenced => Kind::FencedEffect,
        Fate::CommitFailed => Kind::FalseFailure,
        Fate::Abandoned | Fate::Open => Kind::UncommittedVisible,
        _ => Kind::AbortedVisible,
    }
}

/// The transaction because of which what is at an offset must not be visible, or [`NONE`].
pub(crate) fn aborted_at(ev: &Evidence, log: u32, offset: i64) -> u32 {
    let entry = ev.logs[log as usize].entries.get(offset);
    if entry.slot == NONE {
        return NONE;
    }
    if entry.txn != NONE {
        return if ev.txns[entry.txn as usize].fate.ends_in_nothing() { entry.txn } else { NONE };
    }
    let cell = ev.records.cell(entry.slot);
    if cell.is(ABORTED) && !cell.is(FIRM | MAYBE) { cell.txn } else { NONE }
}

fn wrong(ev: &Evidence, log: u32, offset: i64) -> Option<(Kind, Why)> {
    let info = &ev.logs[log as usize];
    let entry = info.entries.get(offset);
    let cell = ev.records.cell(entry.slot);
    let txn = aborted_at(ev, log, offset);
    let (kind, why) = if txn != NONE {
        (of_fate(ev.txns[txn as usize].fate), Why::Transaction(txn))
    } else if cell.is(FAILED) && !cell.is(FIRM | MAYBE) {
        (Kind::FalseFailure, Why::FailedSend)
    } else if info.log_aborted.get(offset) {
        (Kind::AbortedVisible, Why::Marker)
    } else if cell.is(DERIVED) {
        (Kind::AbortedVisible, Why::Input)
    } else if !cell.is(SENT) && ev.topics[info.at.topic as usize].sent {
        (Kind::Phantom, Why::Nobody)
    } else {
        return None;
    };
    let session = match entry.session {
        NONE => ev.session_of_txn(cell.txn),
        session => session,
    };
    let certain = matches!(why, Why::FailedSend | Why::Nobody | Why::Input) || kind == Kind::FencedEffect;
    Some((if certain { kind } else { ev.blame(kind, session) }, why))
}

fn report(ev: &Evidence, findings: &mut Findings, log: u32, offset: i64, kind: Kind, why: Why) {
    let info = &ev.logs[log as usize];
    findings.add(&ev.promises, kind, Some(info.at.topic), 1, || {
        let slot = info.entries.get(offset).slot;
        let mut places = vec![(log, offset)];
        let mut txn = NONE;
        let why = match why {
            Why::Transaction(of) => {
                txn = of;
                format!("it is of {}", ev.txn_name(of))
            }
            Why::FailedSend => "its send failed with an error that means it was not written".to_owned(),
            Why::Marker => "its transaction was closed by an abort marker".to_owned(),
            Why::Input => {
                let (id, _) = ev.records.identity(slot);
                let input = ev.topics[id.source as usize].first_log + id.partition;
                places.push((input, id.offset));
                format!("it was computed from an aborted record at {}", ev.place(input, id.offset))
            }
            Why::Nobody => "nobody sent it".to_owned(),
        };
        let place = ev.place(log, offset);
        let sentence = format!("{} is visible at {place} under read_committed, although {why}", ev.slot_name(slot));
        ev.proof_in(slot, txn, &places, sentence)
    });
}

/// What readers were given and should not have been, whatever their isolation.
fn readers(ev: &mut Evidence, findings: &mut Findings) {
    for index in 0..ev.cursors.len() {
        let cursor = &ev.cursors[index];
        let (client, log) = (ev.client(cursor.client), cursor.log);
        let info = &ev.logs[log as usize];
        let wrong = |offset: &i64| aborted_at(ev, log, *offset) != NONE || info.log_aborted.get(*offset);
        let fresh = |offset: &i64| wrong(offset) && !info.leaked.get(*offset);
        let leaked: Vec<i64> = cursor.read.iter().filter(fresh).collect();
        for offset in &leaked {
            let slot = info.entries.get(*offset).slot;
            let txn = aborted_at(ev, log, *offset);
            let open = txn != NONE && ev.txns[txn as usize].fate == Fate::Abandoned;
            let open = open && !info.log_aborted.get(*offset);
            let kind = if open { Kind::UncommittedVisible } else { Kind::AbortedVisible };
            findings.add_of_reader(&ev.promises, kind, cursor.client, Some(info.at.topic), 1, || {
                let isolation = match client.isolation {
                    Isolation::ReadCommitted => "read_committed",
                    Isolation::ReadUncommitted => "read_uncommitted",
                };
                let of = if txn != NONE { ev.txn_name(txn) } else { "an aborted transaction".to_owned() };
                let sentence = format!(
                    "{} at {isolation} was given {} at {}, which is of {of}",
                    ev.incarnation_name(cursor.client, cursor.incarnation),
                    ev.slot_name(slot),
                    ev.place(log, *offset)
                );
                let mut proof = ev.proof_in(slot, txn, &[(log, *offset)], sentence);
                proof.clients.push((client.name.clone(), cursor.incarnation));
                proof
            });
        }
        leaked.into_iter().for_each(|offset| {
            ev.logs[log as usize].leaked.set(offset);
        });
    }
}
