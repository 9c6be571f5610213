//! Uncommitted records visible: a read_committed reader was given a record before the commit of its transaction was
//! asked for (E1, G1b).

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::{POSSIBLE, SENT, Slot};
use crate::history::event::Read;
use crate::report::Kind;
use crate::words::seconds;

/// A read_committed reader was given a record.
#[inline]
pub(crate) fn read(ev: &mut Evidence, findings: &mut Findings, log: u32, slot: Slot, e: &Read) {
    let cell = ev.records.cell(slot);
    let unasked = cell.is(SENT) && !cell.is(POSSIBLE);
    let open = || ev.logs[log as usize].open.holds(e.offset);
    if !(unasked || open()) || !ev.logs[log as usize].early.set(e.offset) {
        return;
    }
    let session = ev.session(e.c, e.i);
    let kind = ev.blame(Kind::UncommittedVisible, ev.logs[log as usize].entries.get(e.offset).session);
    findings.add_of_reader(&ev.promises, kind, e.c, Some(e.at.topic), 1, || {
        let why = if unasked {
            "before the commit of its transaction was asked for"
        } else {
            "while its transaction was open in the log"
        };
        let sentence = format!(
            "{} at read_committed was given {} at {} at {}, {why}",
            ev.session_name(session),
            ev.slot_name(slot),
            ev.place(log, e.offset),
            seconds(e.t)
        );
        let mut proof = ev.proof(slot, &[(log, e.offset)], sentence);
        proof.times = vec![e.t];
        proof
    });
}
