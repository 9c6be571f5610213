//! The final read against its own `end` line: what cannot both be true contradicts itself, whatever the system did.

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::Slot;
use crate::history::event::Final;
use crate::report::Kind;

/// The final read found a record; `again`: it found one at that offset before.
#[inline]
pub(crate) fn record(ev: &Evidence, findings: &mut Findings, log: u32, slot: Slot, e: &Final, again: bool) {
    let Some(end) = ev.logs[log as usize].end else { return };
    if again || e.offset < end.start || e.offset >= end.hw || e.visible && e.offset >= end.lso {
        contradiction(ev, findings, log, slot, e, again);
    }
}

#[cold]
fn contradiction(ev: &Evidence, findings: &mut Findings, log: u32, slot: Slot, e: &Final, again: bool) {
    let end = ev.logs[log as usize].end.expect("its end was just looked at");
    findings.add(&ev.promises, Kind::Contradiction, Some(e.at.topic), 1, || {
        let (place, name) = (ev.place(log, e.offset), ev.partition_name(log));
        let but = if again {
            "that offset has come before".to_owned()
        } else if e.offset < end.start {
            format!("{name} begins at {}", end.start)
        } else if e.offset >= end.hw {
            format!("the high watermark of {name} is {}", end.hw)
        } else {
            format!("the last stable offset of {name} is {}", end.lso)
        };
        let visible = if e.visible { " as visible" } else { "" };
        let sentence = format!("the final read has {} at {place}{visible}, but {but}", ev.slot_name(slot));
        ev.proof(slot, &[(log, e.offset)], sentence)
    });
}
