//! A producer id and epoch are one producer's: nobody else is given them (C1). Ids are never reused, and whoever
//! initialises a known transactional id gets a higher epoch.

use core::ops::Bound;

use super::evidence::Evidence;
use super::findings::Findings;
use super::state::Owner;
use crate::history::event::Epoch;
use crate::report::{Kind, Proof};
use crate::words::seconds;

/// A client was given a producer id and epoch.
pub(crate) fn given(ev: &mut Evidence, findings: &mut Findings, e: &Epoch, session: u32) {
    let upto = (Bound::Unbounded, Bound::Included((e.pid, e.epoch)));
    let before = ev.owners.range_mut(upto).next_back().filter(|((pid, _), _)| *pid == e.pid);
    if let Some((_, owner)) = before {
        if owner.session == session && e.epoch <= owner.last.saturating_add(1) {
            owner.last = owner.last.max(e.epoch);
            return;
        }
        if owner.session != session && e.epoch <= owner.last {
            let owner = *owner;
            if ev.shared.insert(e.pid) {
                report(ev, findings, e, session, owner);
            }
            return;
        }
    }
    ev.owners.insert((e.pid, e.epoch), Owner { last: e.epoch, session, t: e.t });
}

#[cold]
fn report(ev: &Evidence, findings: &mut Findings, e: &Epoch, session: u32, owner: Owner) {
    findings.add(&ev.promises, Kind::SharedProducerId, None, 1, || Proof {
        sentence: format!(
            "{} was given producer id {} with epoch {} at {}, which {} has had since {}",
            ev.session_name(session),
            e.pid,
            e.epoch,
            seconds(e.t),
            ev.session_name(owner.session),
            seconds(owner.t)
        ),
        clients: vec![ev.session_id(session), ev.session_id(owner.session)],
        times: vec![e.t, owner.t],
        ..Proof::default()
    });
}
