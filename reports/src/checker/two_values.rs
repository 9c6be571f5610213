//! One offset with two values: across acknowledgements, readers, times or replicas (L1, R1, E9).

use super::evidence::{Entry, Evidence};
use super::findings::Findings;
use super::registry::{FIRM, NONE, Slot};
use crate::history::event::Replica;
use crate::report::Kind;

/// A send was acknowledged with an offset.
#[inline]
pub(crate) fn acknowledged(
    ev: &mut Evidence,
    findings: &mut Findings,
    log: u32,
    offset: i64,
    slot: Slot,
    session: u32,
    op: u32,
) {
    let entry = ev.logs[log as usize].entries.get_mut(offset);
    if entry.slot == NONE || entry.slot == slot {
        *entry = Entry { slot, session, op };
    } else {
        let other = entry.slot;
        report(ev, findings, log, offset, other, slot, "acknowledged");
    }
}

/// A reader was given the record, or the final read found it: `how` says which.
#[inline]
pub(crate) fn seen(ev: &mut Evidence, findings: &mut Findings, log: u32, offset: i64, slot: Slot, how: &str) {
    let entry = ev.logs[log as usize].entries.get_mut(offset);
    if entry.slot == NONE {
        entry.slot = slot;
    } else if entry.slot != slot {
        let other = entry.slot;
        report(ev, findings, log, offset, other, slot, how);
    }
}

#[cold]
fn report(ev: &Evidence, findings: &mut Findings, log: u32, offset: i64, one: Slot, two: Slot, how: &str) {
    let topic = ev.logs[log as usize].at.topic;
    findings.add(&ev.promises, Kind::TwoValues, Some(topic), 1, || {
        let sentence = format!(
            "{} held {} first, and later {} was {how} there",
            ev.place(log, offset),
            ev.slot_name(one),
            ev.slot_name(two)
        );
        ev.proof(two, &[(log, offset)], sentence)
    });
}

/// A replica's batch.
pub(crate) fn replica(ev: &mut Evidence, findings: &mut Findings, e: &Replica) {
    let log = ev.log(e.at);
    let print = e.fingerprint ^ (e.leader_epoch as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let known = ev.logs[log as usize].fingerprints.get_mut(e.offset);
    if known.1 == i32::MIN {
        *known = (print, e.replica);
        return;
    }
    let (other_print, other) = *known;
    if other_print != print {
        findings.add(&ev.promises, Kind::TwoValues, Some(e.at.topic), 1, || {
            let sentence = format!(
                "the batch at {} differs between replica {other} and replica {} (leader epoch {})",
                ev.place(log, e.offset),
                e.replica,
                e.leader_epoch
            );
            ev.proof_at(log, &[e.offset], sentence)
        });
    }
}

/// What was acknowledged or read at an offset where the final read finds nothing.
pub(crate) fn close(ev: &Evidence, findings: &mut Findings) {
    for (number, log) in ev.logs.iter().enumerate() {
        let Some(end) = log.end else { continue };
        for (first, page) in log.entries.pages() {
            for (n, entry) in page.iter().enumerate() {
                let offset = first + n as i64;
                if entry.slot == NONE || offset < end.start || log.present.get(offset) {
                    continue;
                }
                let cell = ev.records.cell(entry.slot);
                let acknowledged = entry.session != NONE;
                // What is acknowledged and nowhere is a loss; what was never committed may vanish.
                if !(cell.is(FIRM) && if acknowledged { cell.copies > 0 } else { true }) {
                    continue;
                }
                let log = number as u32;
                findings.add(&ev.promises, Kind::TwoValues, Some(ev.logs[number].at.topic), 1, || {
                    let how = if acknowledged { "acknowledged" } else { "read" };
                    let sentence = format!(
                        "{} was {how} at {}, where the final read finds no record",
                        ev.slot_name(entry.slot),
                        ev.place(log, offset)
                    );
                    ev.proof(entry.slot, &[(log, offset)], sentence)
                });
            }
        }
    }
}
