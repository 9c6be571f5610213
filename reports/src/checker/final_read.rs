//! Takes the final read, and prepares what several checks need of it.

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::{ABORTED, FIRM, GONE, MAYBE, NONE, PENDING};
use super::two_values;
use crate::history::event::{End, Final};

pub(crate) fn end(ev: &mut Evidence, e: &End) {
    let log = ev.log(e.at);
    ev.logs[log as usize].end = Some(*e);
}

#[inline]
pub(crate) fn record(ev: &mut Evidence, findings: &mut Findings, e: &Final) {
    let log = ev.log(e.at);
    let slot = ev.records.slot(e.id, e.at.topic);
    two_values::seen(ev, findings, log, e.offset, slot, "found in the end");
    let log = &mut ev.logs[log as usize];
    if log.writers.last().is_none_or(|(_, pid, epoch)| (*pid, *epoch) != (e.pid, e.epoch)) {
        log.writers.push((e.offset, e.pid, e.epoch));
    }
    if !log.present.set(e.offset) {
        return findings.note(|| format!("the final read has offset {} of {:?} twice", e.offset, e.at));
    }
    let cell = ev.records.cell_mut(slot);
    if e.visible {
        log.visible.set(e.offset);
        cell.copies = cell.copies.saturating_add(1);
    } else if log.end.is_some_and(|end| e.offset >= end.lso) && !log.log_aborted.get(e.offset) {
        cell.flags |= PENDING;
    }
}

/// Marks what the log start has passed.
pub(crate) fn mark_gone(ev: &mut Evidence) {
    for log in &ev.logs {
        let Some(end) = log.end.filter(|end| end.start > 0) else { continue };
        for (first, page) in log.entries.pages().take_while(|(first, _)| *first < end.start) {
            for (n, entry) in page.iter().enumerate() {
                if entry.slot != NONE && first + (n as i64) < end.start {
                    ev.records.cell_mut(entry.slot).flags |= GONE;
                }
            }
        }
    }
}

/// Whether a record that is at an offset was in a transaction that cannot have committed.
pub(crate) fn is_aborted(ev: &Evidence, log: u32, offset: i64) -> bool {
    let log = &ev.logs[log as usize];
    if log.aborted.get(offset) || log.log_aborted.get(offset) {
        return true;
    }
    match log.entries.get(offset).slot {
        NONE => false,
        slot => {
            let cell = ev.records.cell(slot);
            cell.is(ABORTED) && !cell.is(FIRM | MAYBE)
        }
    }
}
