//! Takes the final read, and prepares what several checks need of it.

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::{GONE, NONE, PENDING};
use super::{log_ends, two_values};
use crate::history::event::{End, Final};

pub(crate) fn end(ev: &mut Evidence, e: &End) {
    let log = ev.log(e.at);
    ev.logs[log as usize].end = Some(*e);
}

#[inline]
pub(crate) fn record(ev: &mut Evidence, findings: &mut Findings, e: &Final) {
    let log = ev.log(e.at);
    let slot = ev.records.slot(e.id, e.at.topic);
    two_values::found(ev, log, e.offset, slot);
    let info = &mut ev.logs[log as usize];
    if info.writers.last().is_none_or(|(_, pid, epoch)| (*pid, *epoch) != (e.pid, e.epoch)) {
        info.writers.push((e.offset, e.pid, e.epoch));
    }
    let again = !info.present.set(e.offset);
    if !again {
        let cell = ev.records.cell_mut(slot);
        if e.visible {
            info.visible.set(e.offset);
            cell.copies = cell.copies.saturating_add(1);
        } else if info.end.is_some_and(|end| e.offset >= end.lso) && !info.log_aborted.get(e.offset) {
            cell.flags |= PENDING;
        }
    }
    log_ends::record(ev, findings, log, slot, e, again);
}

/// Marks what may have gone: below the log start where records may be deleted, and before the last record where a later one
/// may have replaced them.
pub(crate) fn mark_gone(ev: &mut Evidence) {
    for log in &ev.logs {
        let (Some(end), topic) = (log.end, &ev.topics[log.at.topic as usize]) else { continue };
        let deleted = if topic.deletes { end.start } else { 0 };
        let replaced = if topic.compacted { log.present.iter().last().unwrap_or(0) } else { 0 };
        let limit = deleted.max(replaced);
        for (first, page) in log.entries.pages().take_while(|(first, _)| *first < limit) {
            for (n, entry) in page.iter().enumerate() {
                let offset = first + n as i64;
                if entry.slot != NONE && offset < limit && !log.present.get(offset) {
                    ev.records.cell_mut(entry.slot).flags |= GONE;
                }
            }
        }
    }
}
