//! Order: what one incarnation of a producer had acknowledged in one partition stands there in the order in which it
//! was sent (E6). Records with several copies are reported as duplicates only.

use indexmap::IndexMap;

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::{NONE, RESENT};
use crate::fast::Fast;
use crate::report::Kind;

pub(crate) fn close(ev: &Evidence, findings: &mut Findings) {
    for (number, log) in ev.logs.iter().enumerate() {
        let number = number as u32;
        // By session: its latest send so far, and where it is.
        let mut latest: IndexMap<u32, (u32, i64), Fast> = IndexMap::default();
        for offset in log.visible.iter() {
            let mut entry = log.entries.get(offset);
            let cell = ev.records.cell(entry.slot);
            if cell.copies > 1 {
                continue;
            }
            if entry.session == NONE {
                // The answer did not tell the offset: this only copy is the one that was acknowledged.
                let unplaced = ev.unplaced.get(&entry.slot).filter(|_| !cell.is(RESENT));
                let Some((session, op)) = unplaced.copied() else { continue };
                (entry.session, entry.op) = (session, op);
            }
            let (op, at) = latest.entry(entry.session).or_insert((entry.op, offset));
            if *op <= entry.op {
                (*op, *at) = (entry.op, offset);
                continue;
            }
            findings.add(&ev.promises, Kind::OrderViolated, Some(log.at.topic), 1, || {
                let sentence = format!(
                    "{} sent {} before {}, but they are stored at {} and {}",
                    ev.session_name(entry.session),
                    ev.slot_name(entry.slot),
                    ev.slot_name(log.entries.get(*at).slot),
                    ev.place(number, offset),
                    ev.place(number, *at)
                );
                let mut proof = ev.proof(entry.slot, &[(number, offset), (number, *at)], sentence);
                proof.clients = vec![ev.session_id(entry.session)];
                proof
            });
        }
    }
}
