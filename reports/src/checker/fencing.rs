//! Fenced producers and members of groups that still had an effect (E10, G3).

use super::evidence::Evidence;
use super::findings::Findings;
use super::producer_ids;
use super::registry::{NONE, Slot};
use super::state::OpenTxn;
use crate::history::event::{Appended, BatchKind, Epoch};
use crate::report::{Kind, Proof};
use crate::words::seconds;

/// A client was told that it is fenced.
pub(crate) fn fenced(ev: &mut Evidence, client: u32, incarnation: u32) {
    let (session, now) = (ev.session(client, incarnation), ev.now);
    ev.sessions[session as usize].fenced_at.get_or_insert(now);
}

/// A client has a producer id and epoch. If another one had the transactional id before, that one is fenced from now
/// on.
pub(crate) fn epoch(ev: &mut Evidence, findings: &mut Findings, e: &Epoch) {
    let session = ev.session(e.c, e.i);
    producer_ids::given(ev, findings, e, session);
    let own = &mut ev.sessions[session as usize];
    (own.pid, own.epoch) = (e.pid, e.epoch);
    let Some(scope) = ev.client(e.c).scope else {
        ev.pids.insert(e.pid, session);
        return;
    };
    let scope = &mut ev.scopes[scope as usize];
    if scope.latest != session && scope.latest != NONE {
        let known = scope.pids.contains(&e.pid);
        if known && (e.pid != scope.pid || e.epoch <= scope.epoch) {
            // An answer from before the newer one's initialisation, which arrived late.
            return;
        }
        let now = ev.now;
        ev.sessions[scope.latest as usize].fenced_at.get_or_insert(now);
        // What was fenced before stays so.
        for pid in scope.current.drain(..).filter(|pid| *pid != e.pid) {
            ev.fences.insert(pid, i32::MAX);
        }
        if known {
            ev.fences.insert(e.pid, i32::from(e.epoch));
        }
    }
    scope.latest = session;
    scope.pid = e.pid;
    scope.epoch = e.epoch;
    scope.pids.insert(e.pid);
    if scope.current.last() != Some(&e.pid) {
        scope.current.push(e.pid);
    }
    ev.pids.insert(e.pid, session);
    ev.sessions[session as usize].fenced_at = None;
}

/// A leader appended a batch. Whether it is one of a fenced producer.
#[inline]
pub(crate) fn appended(ev: &mut Evidence, findings: &mut Findings, e: &Appended) -> bool {
    if !matches!(e.kind, BatchKind::Data | BatchKind::TxnData) {
        return false;
    }
    let Some(below) = ev.fences.get(&e.pid).copied() else { return false };
    if i32::from(e.epoch) >= below {
        return false;
    }
    let log = ev.log(e.at);
    findings.add(&ev.promises, Kind::FencedEffect, Some(e.at.topic), 1, || {
        let sentence = format!(
            "a batch of producer id {} and epoch {} was appended at {} at {}, after a newer producer with its \
             transactional id had been initialised",
            e.pid,
            e.epoch,
            ev.place(log, e.base),
            seconds(e.t)
        );
        let clients = ev.pids.get(&e.pid).map(|session| ev.session_id(*session));
        Proof { clients: clients.into_iter().collect(), ..ev.proof_at(log, &[e.base], sentence) }
    });
    true
}

/// A marker closed a transaction that `before` had open in its log: it is of that one's epoch or a later one (§2.7).
pub(crate) fn marker(ev: &Evidence, findings: &mut Findings, e: &Appended, before: Option<OpenTxn>) {
    let is_marker = matches!(e.kind, BatchKind::CommitMarker | BatchKind::AbortMarker);
    let Some(open) = before.filter(|open| is_marker && e.epoch < open.epoch) else { return };
    let log = ev.log(e.at);
    findings.add(&ev.promises, Kind::FencedEffect, Some(e.at.topic), 1, || {
        let sentence = format!(
            "a marker of producer id {} and epoch {} was appended at {} at {}, and closed the transaction of epoch {} that \
             begins at {}",
            e.pid,
            e.epoch,
            ev.place(log, e.base),
            seconds(e.t),
            open.epoch,
            ev.place(log, open.first)
        );
        let clients = ev.pids.get(&e.pid).map(|session| ev.session_id(*session));
        Proof { clients: clients.into_iter().collect(), ..ev.proof_at(log, &[e.base], sentence) }
    });
}

/// A send that was invoked after fencing was acknowledged.
#[cold]
pub(crate) fn late_ack(ev: &Evidence, findings: &mut Findings, session: u32, slot: Slot, log: u32, offset: i64) {
    let topic = ev.logs[log as usize].at.topic;
    findings.add(&ev.promises, Kind::FencedEffect, Some(topic), 1, || {
        let sentence = format!(
            "{} was fenced at {}, sent {} after that, and had it acknowledged at {} at {}",
            ev.session_name(session),
            seconds(ev.sessions[session as usize].fenced_at.unwrap_or(ev.now)),
            ev.slot_name(slot),
            ev.place(log, offset),
            seconds(ev.now)
        );
        let mut proof = ev.proof(slot, &[(log, offset)], sentence);
        proof.clients = vec![ev.session_id(session)];
        proof.times = vec![ev.now];
        proof
    });
}

/// A commit that was invoked after fencing returned success.
#[cold]
pub(crate) fn late_commit(ev: &Evidence, findings: &mut Findings, txn: u32) {
    let session = ev.txns[txn as usize].session;
    findings.add(&ev.promises, Kind::FencedEffect, None, 1, || Proof {
        sentence: format!(
            "the commit of {} returned success, although its producer was fenced before it invoked it",
            ev.txn_name(txn)
        ),
        clients: vec![ev.session_id(session)],
        transaction: Some(ev.txns[txn as usize].ordinal),
        times: vec![ev.now],
        ..Proof::default()
    });
}

/// A plain commit of a generation took effect when the group's members had been told of a later one.
pub(crate) fn generation(
    ev: &Evidence,
    findings: &mut Findings,
    group: u32,
    log: u32,
    c: u32,
    i: u32,
    generation: i32,
) {
    let info = &ev.groups[group as usize];
    if generation < 0 || generation >= info.generation {
        return;
    }
    let topic = ev.logs[log as usize].at.topic;
    findings.add(&ev.promises, Kind::FencedEffect, Some(topic), 1, || {
        let sentence = format!(
            "{} committed an offset of {} in generation {generation} of group {}, whose members already were in \
             generation {}",
            ev.incarnation_name(c, i),
            ev.partition_name(log),
            info.name,
            info.generation
        );
        Proof { clients: vec![(ev.client(c).name.clone(), i)], ..ev.proof_at(log, &[], sentence) }
    });
}
