//! Torn transactions: part of one is visible and the rest is not, whether its commit is known or not (E1).

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::*;
use super::state::Fate;
use crate::report::Kind;

pub(crate) fn close(ev: &mut Evidence, findings: &mut Findings) {
    for (_, topic, cell) in ev.records.cells() {
        if cell.txn == NONE || ev.topics[topic as usize].internal {
            continue;
        }
        let txn = &mut ev.txns[cell.txn as usize];
        txn.records += 1;
        if cell.copies > 0 {
            txn.visible += 1;
        } else if cell.is(PENDING | GONE) {
            txn.pending += 1;
        }
    }
    let torn = |txn: u32| {
        let txn = &ev.txns[txn as usize];
        matches!(txn.fate, Fate::Committed | Fate::Unknown)
            && txn.visible > 0
            && txn.visible + txn.pending < txn.records
    };
    if !(0..ev.txns.len() as u32).any(torn) {
        return;
    }
    // Once each, by the first record that is missing.
    let mut reported = super::paged::Bits::default();
    let complete: Vec<bool> = (0..ev.topics.len() as u32).map(|topic| ev.read_to_the_end(topic)).collect();
    for (slot, topic, cell) in ev.records.cells() {
        let missing = cell.txn != NONE && cell.copies == 0 && !cell.is(PENDING | GONE);
        if !missing || !complete[topic as usize] || !torn(cell.txn) || !reported.set(i64::from(cell.txn)) {
            continue;
        }
        let kind = ev.blame(Kind::TornTransaction, ev.session_of_txn(cell.txn));
        findings.add(&ev.promises, kind, Some(topic), 1, || {
            let txn = &ev.txns[cell.txn as usize];
            let there = visible_part(ev, cell.txn);
            let (is, at) = if txn.visible == 1 { ("is", "at") } else { ("are", "the first at") };
            let first = there.map_or(String::new(), |(log, offset)| format!(", {at} {}", ev.place(log, offset)));
            let (not, hidden) = ev.not_visible(slot);
            let sentence = format!(
                "of {} records of {}, {} {is} visible{first}; {} {not}",
                txn.records,
                ev.txn_name(cell.txn),
                txn.visible,
                ev.slot_name(slot)
            );
            let places: Vec<_> = hidden.or_else(|| ev.acknowledged_at(slot)).into_iter().chain(there).collect();
            ev.proof(slot, &places, sentence)
        });
    }
}

/// Where the first record of a transaction stands that is visible. Looks through the logs: for proofs only.
fn visible_part(ev: &Evidence, txn: u32) -> Option<(u32, i64)> {
    ev.logs.iter().enumerate().find_map(|(number, log)| {
        let of_it = |offset: &i64| ev.records.cell(log.entries.get(*offset).slot).txn == txn;
        log.visible.iter().find(of_it).map(|offset| (number as u32, offset))
    })
}
