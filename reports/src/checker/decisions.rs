//! White box: a transaction is decided once and for all (C4). What coordinators decided is held against each other,
//! against the markers that logs have, and against what clients asked for and were told.
//!
//! At transaction version 2 every transaction has an epoch of its own: what is decided at epoch e + 1 is the transaction
//! that its producer had at epoch e (§3.6). Below it one epoch has many transactions; there the markers between two
//! decisions are compared, whichever of both the history tells first: the same way for all of its producers. A marker
//! shows which, where it is the first of its producer's coordinator to be told, or closes records that were decided about.

use super::evidence::Evidence;
use super::findings::Findings;
use super::state::{DECIDED, Decisions, Fate, Group, MARKED, ON_REQUEST, OpenTxn, Place, REPORTED};
use crate::history::event::{Appended, BatchKind, Decided, DecisionCause};
use crate::report::{Kind, Proof};
use crate::words::seconds;

fn verb(commit: bool) -> &'static str {
    if commit { "commit" } else { "abort" }
}

/// A coordinator decided.
pub(crate) fn decided(ev: &mut Evidence, findings: &mut Findings, e: &Decided, order: u64) {
    let client = ev.client(e.c);
    let newer = client.transaction_version >= 2 && client.scope.is_some();
    let d = ev.decisions.entry(e.pid).or_insert_with(Decisions::new);
    d.newer = newer && (d.newer || d.client == u32::MAX);
    d.client = e.c;
    d.last = (order, e.t);
    if d.highest.is_none_or(|(epoch, _)| epoch < e.epoch) {
        d.highest = Some((e.epoch, e.t));
    }
    let (way, other) = (usize::from(!e.commit), usize::from(e.commit));
    let bits = d.by_epoch.get_mut(i64::from(e.epoch));
    let known = *bits;
    *bits |= DECIDED[way];
    if !e.commit && e.cause == DecisionCause::Request {
        *bits |= ON_REQUEST;
    }
    if d.newer {
        let twice = known & DECIDED[other] != 0;
        let marked = known & MARKED[other] != 0;
        if (twice || marked) && known & REPORTED == 0 {
            *bits |= REPORTED;
            let marker = d.markers[other].filter(|(epoch, _)| *epoch == e.epoch).map(|(_, place)| place);
            let marker = if twice { None } else { marker };
            report(ev, findings, e.pid, e.epoch, (e.commit, e.t), twice, marker);
        }
        return;
    }
    let group = core::mem::take(&mut d.group);
    let (before, this) = (d.current.replace((e.epoch, e.commit, e.t)), Some((e.epoch, e.commit, e.t)));
    let judged = if ev.decides_last == Some(true) { this } else { before };
    compare(ev, findings, e.pid, group, judged);
}

/// A leader appended a marker; `closed`: the transaction that it closed there.
pub(crate) fn marker(ev: &mut Evidence, findings: &mut Findings, e: &Appended, closed: Option<OpenTxn>) {
    let commit = match e.kind {
        BatchKind::CommitMarker => true,
        BatchKind::AbortMarker => false,
        BatchKind::Data | BatchKind::TxnData => return,
    };
    let log = ev.log(e.at);
    let d = ev.decisions.entry(e.pid).or_insert_with(Decisions::new);
    let (way, other) = (usize::from(!commit), usize::from(commit));
    d.markers[way] = Some((e.epoch, (log, e.base)));
    if ev.decides_last.is_none() {
        // A transaction that has nothing in these logs is decided, too, and no marker follows: a decision that is older than
        // the records that are closed is of such a one.
        ev.decides_last = match (d.current, closed) {
            (None, _) => Some(true),
            (Some((.., t)), Some(txn)) => Some(t < txn.t),
            (Some(_), None) => None,
        };
    }
    d.group.any[way] = true;
    let again = !d.newer && d.again(log, e.epoch, MARKED[way]);
    if closed.is_some() {
        d.group.closed[way].get_or_insert((log, e.base));
    } else if !again {
        d.group.empty[way].get_or_insert((e.epoch, (log, e.base)));
    }
    let bits = d.by_epoch.get_mut(i64::from(e.epoch));
    let known = *bits;
    *bits |= MARKED[way];
    if d.newer && known & DECIDED[other] != 0 && known & (DECIDED[way] | REPORTED) == 0 {
        *bits |= REPORTED;
        let t = d.last.1;
        report(ev, findings, e.pid, e.epoch, (!commit, t), false, Some((log, e.base)));
    }
}

/// Below version 2: the markers of a decision are of its kind. A marker of an earlier transaction that comes late may be
/// among them; then those of this one are there as well, or it was in its log before: a transaction of offsets alone has no
/// markers of its own in these logs.
fn compare(ev: &Evidence, findings: &mut Findings, pid: i64, group: Group, decision: Option<(i16, bool, u64)>) {
    let Some((epoch, commit, t)) = decision else { return };
    let (way, other) = (usize::from(!commit), usize::from(commit));
    let empty = group.empty[other].filter(|(at, _)| *at == epoch).map(|(_, place)| place);
    if let Some(place) = group.closed[other].or(empty).filter(|_| !group.any[way]) {
        report(ev, findings, pid, epoch, (commit, t), false, Some(place));
    }
}

/// In the end: what clients asked for and were told.
pub(crate) fn close(ev: &mut Evidence, findings: &mut Findings) {
    for index in 0..ev.decisions.len() {
        let (pid, d) = ev.decisions.get_index(index).expect("within its length");
        if !d.newer && ev.decides_last != Some(true) {
            let (pid, group, current) = (*pid, d.group, d.current);
            compare(ev, findings, pid, group, current);
        }
    }
    for number in 0..ev.txns.len() as u32 {
        let txn = &ev.txns[number as usize];
        let Some(epoch) = txn.epoch.checked_add(1).filter(|_| txn.pid >= 0) else { continue };
        let Some(d) = ev.decisions.get_mut(&txn.pid).filter(|d| d.newer) else { continue };
        let bits = d.by_epoch.get_mut(i64::from(epoch));
        let decided = *bits & (DECIDED[0] | DECIDED[1]);
        let commit = decided == DECIDED[0];
        // What had nothing to end is ended by its client alone, and the next transaction has the same epoch.
        if *bits & REPORTED != 0 || !txn.worked || !commit && decided != DECIDED[1] {
            continue;
        }
        let but = match txn.fate {
            Fate::Committed if !commit => "its client was told that it is committed",
            Fate::Aborted if commit && txn.told_abort => "its client was told that it is aborted",
            Fate::Aborted if commit => "its client asked for its abort only",
            Fate::Abandoned if commit => "its client never asked for its end",
            Fate::Unknown | Fate::Committing if *bits & ON_REQUEST != 0 && !txn.asked_abort => {
                "its client asked for its commit only, and the decision was made on request"
            }
            _ => continue,
        };
        *bits |= REPORTED;
        let pid = txn.pid;
        findings.add(&ev.promises, Kind::ContradictoryDecision, None, 1, || {
            let txn = &ev.txns[number as usize];
            let sentence = format!(
                "the coordinator decided to {} {} (producer id {pid}, epoch {epoch}), but {but}",
                verb(commit),
                ev.txn_name(number)
            );
            Proof {
                sentence,
                clients: vec![ev.session_id(txn.session)],
                transaction: Some(txn.ordinal),
                times: vec![txn.at],
                ..Proof::default()
            }
        });
    }
}

#[cold]
fn report(
    ev: &Evidence,
    findings: &mut Findings,
    pid: i64,
    epoch: i16,
    (commit, t): (bool, u64),
    twice: bool,
    marker: Option<Place>,
) {
    let topic = marker.map(|(log, _)| ev.logs[log as usize].at.topic);
    findings.add(&ev.promises, Kind::ContradictoryDecision, topic, 1, || {
        let but = match marker {
            Some((log, offset)) => {
                format!("but {} has the marker of its {}", ev.place(log, offset), verb(!commit))
            }
            None if twice => format!("after it had been decided to {} it", verb(!commit)),
            None => format!("but a partition has the marker of its {}", verb(!commit)),
        };
        let (of, clients) = match ev.decisions.get(&pid).filter(|d| d.client != u32::MAX) {
            Some(d) => {
                let name = &ev.client(d.client).name;
                (format!(" of {name}"), vec![(name.clone(), 0)])
            }
            None => (String::new(), Vec::new()),
        };
        let sentence = format!(
            "the transaction{of} with producer id {pid} and epoch {epoch} was decided to {}, at {}, {but}",
            verb(commit),
            seconds(t)
        );
        let place = match marker {
            Some((log, offset)) => ev.proof_at(log, &[offset], sentence),
            None => Proof { sentence, ..Proof::default() },
        };
        Proof { clients, times: vec![t], ..place }
    });
}
