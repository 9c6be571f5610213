//! One offset with two values: across acknowledgements, readers, times or replicas (L1, R1, E9). Each offset counts once,
//! however often it was seen.
//!
//! Who is accused is said in the end: what the final read finds at an offset is what is there, and whoever said otherwise of
//! it was wrong.

use super::aborted::aborted_at;
use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::{FIRM, NONE, Slot};
use super::state::{Clash, Entry, How};
use crate::history::event::Replica;
use crate::report::{Kind, Proof};

/// Offsets of a log, and claims about one of them, that are kept for proofs.
const KEPT: usize = 8;

/// A send was acknowledged with an offset.
#[inline]
pub(crate) fn acknowledged(ev: &mut Evidence, log: u32, offset: i64, claim: Entry) {
    let entry = ev.logs[log as usize].entries.get_mut(offset);
    if entry.slot == NONE || entry.slot == claim.slot {
        *entry = claim;
    } else {
        let known = *entry;
        clash(ev, log, offset, known, (claim, How::Acknowledged));
    }
}

/// A reader was given the record.
#[inline]
pub(crate) fn read(ev: &mut Evidence, log: u32, offset: i64, slot: Slot) {
    let entry = ev.logs[log as usize].entries.get_mut(offset);
    if entry.slot == NONE {
        *entry = Entry::seen(slot);
    } else if entry.slot != slot {
        let known = *entry;
        clash(ev, log, offset, known, (Entry::seen(slot), How::Read));
    }
}

/// The final read found the record: from now on it is what the offset holds.
#[inline]
pub(crate) fn found(ev: &mut Evidence, log: u32, offset: i64, slot: Slot) {
    let entry = ev.logs[log as usize].entries.get_mut(offset);
    if entry.slot == NONE {
        *entry = Entry::seen(slot);
    } else if entry.slot != slot {
        let known = *entry;
        clash(ev, log, offset, known, (Entry::seen(slot), How::Final));
        let log = &mut ev.logs[log as usize];
        let clash = log.clashes.iter().find(|clash| clash.offset == offset);
        let own = clash.and_then(|clash| clash.claims.iter().find(|(claim, _)| claim.slot == slot));
        *log.entries.get_mut(offset) = own.map_or(Entry::seen(slot), |(claim, _)| *claim);
    }
}

#[cold]
fn clash(ev: &mut Evidence, log: u32, offset: i64, known: Entry, claim: (Entry, How)) {
    let log = &mut ev.logs[log as usize];
    let fresh = log.two.set(offset);
    if fresh && log.clashes.len() < KEPT {
        let how = if known.session == NONE { How::Read } else { How::Acknowledged };
        log.clashes.push(Clash { offset, claims: vec![(known, how), claim] });
    } else if let Some(clash) = log.clashes.iter_mut().find(|clash| clash.offset == offset)
        && clash.claims.len() < KEPT
        && !clash.claims.iter().any(|(other, how)| (other.slot, *how) == (claim.0.slot, claim.1))
    {
        clash.claims.push(claim);
    }
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
    if other_print != print && ev.logs[log as usize].differ.set(e.offset) {
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

/// In the end: offsets with two values, and what was acknowledged or read at an offset where the final read finds nothing.
pub(crate) fn close(ev: &Evidence, findings: &mut Findings) {
    for number in 0..ev.logs.len() as u32 {
        let log = &ev.logs[number as usize];
        let topic = Some(log.at.topic);
        // A batch that differs between replicas was reported by its first offset.
        let all = log.two.missing_from(&log.differ, i64::MIN, i64::MAX).count() as u64;
        let mut left = all;
        for clash in log.clashes.iter().filter(|clash| !log.differ.get(clash.offset)) {
            findings.add(&ev.promises, Kind::TwoValues, topic, 1, || two(ev, number, clash));
            left -= 1;
        }
        if left > 0 {
            let last = log.clashes.last().expect("the first offsets with two values are kept");
            findings.add(&ev.promises, Kind::TwoValues, topic, left, || two(ev, number, last));
        }
        vanished(ev, findings, number);
    }
}

/// The proof for an offset with two values.
fn two(ev: &Evidence, log: u32, clash: &Clash) -> Proof {
    let info = &ev.logs[log as usize];
    let (offset, place) = (clash.offset, ev.place(log, clash.offset));
    let holder = info.present.get(offset).then(|| info.entries.get(offset).slot);
    let wrong = clash.claims.iter().find(|(claim, _)| holder.is_some_and(|holder| holder != claim.slot));
    let (Some((claim, how)), Some(holder)) = (wrong, holder) else {
        let ((one, _), (two, how)) = (clash.claims[0], clash.claims[1]);
        let how = if how == How::Read { "read" } else { "acknowledged" };
        let sentence = format!(
            "{place} held {} first, and later {} was {how} there",
            ev.slot_name(one.slot),
            ev.slot_name(two.slot)
        );
        return ev.proof(two.slot, &[(log, offset)], sentence);
    };
    let how = if *how == How::Acknowledged { "was acknowledged" } else { "was read" };
    let mut sentence =
        format!("{} {how} at {place}, where the final read has {}", ev.slot_name(claim.slot), ev.slot_name(holder));
    let mut places = vec![(log, offset)];
    if let Some(own) = ev.visible_at(claim.slot) {
        sentence += &format!("; it is at {}", ev.place(own.0, own.1));
        places.push(own);
    }
    let mut proof = ev.proof(claim.slot, &places, sentence);
    if claim.session != NONE {
        proof.clients = vec![ev.session_id(claim.session)];
    }
    proof
}

fn vanished(ev: &Evidence, findings: &mut Findings, number: u32) {
    let log = &ev.logs[number as usize];
    let Some(end) = log.end else { return };
    let compacted = ev.topics[log.at.topic as usize].compacted;
    for (first, page) in log.entries.pages() {
        for (n, entry) in page.iter().enumerate() {
            let offset = first + n as i64;
            if entry.slot == NONE || offset < end.start || log.present.get(offset) || log.two.get(offset) {
                continue;
            }
            let cell = ev.records.cell(entry.slot);
            let acknowledged = entry.session != NONE;
            // What is acknowledged and nowhere is a loss. What a reader was given was below the high watermark, and nothing
            // there goes again; but for compaction. Of what is aborted it is reported that a reader was given it at all.
            let wrong =
                if acknowledged { cell.is(FIRM) && cell.copies > 0 } else { aborted_at(ev, number, offset) == NONE };
            if !wrong || compacted {
                continue;
            }
            findings.add(&ev.promises, Kind::TwoValues, Some(log.at.topic), 1, || {
                let how = if acknowledged { "acknowledged" } else { "read" };
                let sentence = format!(
                    "{} was {how} at {}, where the final read finds no record",
                    ev.slot_name(entry.slot),
                    ev.place(number, offset)
                );
                ev.proof(entry.slot, &[(number, offset)], sentence)
            });
        }
    }
}
