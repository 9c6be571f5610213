//! Duplicates: a record visible more than once (E5, E7).

use indexmap::{IndexMap, IndexSet};

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::{NONE, RESENT, Slot};
use crate::fast::Fast;
use crate::report::Kind;

pub(crate) fn close(ev: &Evidence, findings: &mut Findings) {
    let mut places: IndexMap<Slot, Vec<(u32, i64)>, Fast> = IndexMap::default();
    for (number, log) in ev.logs.iter().enumerate() {
        for offset in log.visible.iter() {
            let slot = log.entries.get(offset).slot;
            if ev.records.cell(slot).copies > 1 {
                places.entry(slot).or_default().push((number as u32, offset));
            }
        }
    }
    for (slot, places) in places {
        // A copy of an aborted attempt, which a late request committed: its leak is reported under the same name.
        let late = |(log, offset): &(u32, i64)| {
            let entry = ev.logs[*log as usize].entries.get(*offset);
            let aborted = entry.txn != NONE && ev.txns[entry.txn as usize].fate.ends_in_nothing();
            aborted && ev.hit_by_late_request(entry.session).is_some()
        };
        if places.iter().any(late) {
            report(ev, findings, slot, &places, Kind::LateRequest, places.len() as u64 - 1);
            continue;
        }
        let (mut plain, mut bumped) = (0, 0);
        let mut earlier = Writers::default();
        for (n, place) in places.iter().enumerate() {
            let bump = earlier.take(ev, *place) && !ev.records.cell(slot).is(RESENT);
            match n {
                0 => {}
                _ if bump => bumped += 1,
                _ => plain += 1,
            }
        }
        for (kind, count) in [(Kind::Duplicate, plain), (Kind::EpochBumpDuplicate, bumped)] {
            if count > 0 {
                report(ev, findings, slot, &places, kind, count);
            }
        }
    }
}

/// Who wrote the copies of one record so far.
#[derive(Debug, Default)]
struct Writers {
    seen: IndexSet<(i64, i16), Fast>,
    /// The session that all of them are of: not known yet, or none.
    session: Option<Option<u32>>,
}

impl Writers {
    /// Whether the copy was sent again by an idempotent producer itself, under an epoch that no earlier copy has.
    fn take(&mut self, ev: &Evidence, (log, offset): (u32, i64)) -> bool {
        let (pid, epoch) = ev.writer_of(log, offset);
        let session = ev.pids.get(&pid).copied();
        let same = *self.session.get_or_insert(session) == session;
        if !same {
            self.session = Some(None);
        }
        let fresh = self.seen.insert((pid, epoch));
        let Some(client) = session.map(|session| ev.client_of(session)) else { return false };
        same && fresh && client.idempotent && client.scope.is_none()
    }
}

fn report(ev: &Evidence, findings: &mut Findings, slot: Slot, places: &[(u32, i64)], kind: Kind, count: u64) {
    let topic = ev.logs[places[0].0 as usize].at.topic;
    findings.add(&ev.promises, kind, Some(topic), count, || {
        const SHOWN: usize = 6;
        let mut at: Vec<String> = places.iter().take(SHOWN).map(|(log, offset)| ev.place(*log, *offset)).collect();
        if places.len() > SHOWN {
            at.push(format!("{} more", places.len() - SHOWN));
        }
        let sent = if ev.records.cell(slot).is(RESENT) { "it was sent more than once" } else { "it was sent once" };
        let mut sentence =
            format!("{} is visible {} times, at {}; {sent}", ev.slot_name(slot), places.len(), at.join(", "));
        if kind == Kind::EpochBumpDuplicate {
            sentence += ", and its idempotent producer raised its epoch in between";
        }
        let mut proof = ev.proof(slot, &places[..places.len().min(SHOWN)], sentence);
        let sessions = places.iter().map(|(log, offset)| ev.logs[*log as usize].entries.get(*offset).session);
        for session in sessions.filter(|session| *session != NONE) {
            let id = ev.session_id(session);
            if !proof.clients.contains(&id) {
                proof.clients.push(id);
            }
        }
        proof
    });
}
