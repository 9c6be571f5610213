//! What clients were told of their sends and transactions, settled into what must, may and must not be readable.

use super::commit_effect;
use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::*;
use super::state::{Committer, Entry, Fate, Live, Member, Op};
use super::{fencing, two_values};
use crate::history::event::*;

pub(crate) fn send(ev: &mut Evidence, findings: &mut Findings, e: &Send) {
    let session = ev.session(e.c, e.i);
    let slot = ev.records.slot(e.id, e.topic);
    ev.topics[e.topic as usize].sent = true;
    ev.note_sender(e.id, e.c);
    let (mut txn, mut member, mut possible) = (NONE, 0, true);
    if let Some(ordinal) = e.n {
        txn = ev.txn(session, ordinal);
        let txn = &mut ev.txns[txn as usize];
        possible = txn.fate != Fate::Open;
        let live = txn.live.as_mut().expect("a transaction that is found by its ordinal is live");
        member = live.members.len() as u32;
        live.members.push(Member { slot, failed: false, unknown: false });
    }
    let cell = ev.records.cell_mut(slot);
    let again = if cell.is(SENT) { RESENT } else { SENT };
    cell.flags |= again | if possible { POSSIBLE } else { 0 };

    let session = &mut ev.sessions[session as usize];
    if e.op < session.next_op {
        return findings.note(|| format!("send {} of client {} does not follow its earlier ones", e.op, e.c));
    }
    session.next_op = e.op.saturating_add(1);
    session.first_op.get_or_insert(e.op);
    let late = session.fenced_at.is_some();
    session.ops.push_back(Op { number: e.op, slot, txn, member, late, done: false });
}

pub(crate) fn ack(ev: &mut Evidence, findings: &mut Findings, e: &Ack) {
    let session = ev.session(e.c, e.i);
    let Some((op, counted)) = take(ev, session, e.op) else {
        return findings.note(|| format!("client {} has an answer to send {}, which it did not invoke", e.c, e.op));
    };
    let log = ev.log(e.at);
    if e.offset >= 0 {
        two_values::acknowledged(ev, log, e.offset, Entry { slot: op.slot, session, op: counted, txn: op.txn });
    } else {
        ev.unplaced.insert(op.slot, (session, counted));
    }
    if op.late && ev.client_of(session).scope.is_some() {
        fencing::late_ack(ev, findings, session, op.slot, log, e.offset);
    }
    if op.txn == NONE {
        ev.records.cell_mut(op.slot).flags |= FIRM;
        return;
    }
    let txn = &mut ev.txns[op.txn as usize];
    txn.worked = true;
    if txn.live.is_none() && txn.fate == Fate::Committed {
        ev.records.cell_mut(op.slot).flags |= FIRM;
    }
}

pub(crate) fn error(ev: &mut Evidence, findings: &mut Findings, e: &SendError<'_>, definite: bool) {
    let session = ev.session(e.c, e.i);
    let Some((op, _)) = take(ev, session, e.op) else {
        return findings.note(|| format!("client {} has an answer to send {}, which it did not invoke", e.c, e.op));
    };
    if op.txn == NONE {
        ev.records.cell_mut(op.slot).flags |= if definite { FAILED } else { MAYBE };
    } else if let Some(live) = &mut ev.txns[op.txn as usize].live {
        let member = &mut live.members[op.member as usize];
        member.failed = definite;
        member.unknown = !definite;
    }
}

/// The send of that number and its count within the session; from now on it is settled.
fn take(ev: &mut Evidence, session: u32, number: u64) -> Option<(Op, u32)> {
    let session = &mut ev.sessions[session as usize];
    let index = session.op_index(number)?;
    let op = session.ops[index];
    if op.done {
        return None;
    }
    session.settle(index);
    Some((op, u32::try_from(number - session.first_op?).unwrap_or(u32::MAX)))
}

pub(crate) fn begin(ev: &mut Evidence, e: &Begin) {
    let session = ev.session(e.c, e.i);
    // Whatever came before can bring no more news: a producer has one transaction at a time.
    // One that is open and begins again, which is told as a contradiction, is still the same one: what it held is in it.
    let live = core::mem::take(&mut ev.sessions[session as usize].live);
    for (ordinal, txn) in live {
        if ordinal == e.n && ev.txns[txn as usize].fate == Fate::Open {
            ev.sessions[session as usize].live.insert(ordinal, txn);
        } else {
            settle_silent(ev, txn);
        }
    }
    ev.txn(session, e.n);
}

pub(crate) fn txn_offsets(ev: &mut Evidence, e: &TxnOffsets) {
    let session = ev.session(e.c, e.i);
    let (number, log) = (ev.txn(session, e.n), ev.log(e.at));
    let live = ev.txns[number as usize].live.as_mut();
    let live = live.expect("a transaction that is found by its ordinal is live");
    live.offsets.push((e.group, log, e.next));
    let state = ev.groups[e.group as usize].log(log);
    state.awaiting.transaction(e.next, state.moved, session, number);
}

pub(crate) fn ending(ev: &mut Evidence, e: &Ending) {
    let session = ev.session(e.c, e.i);
    let number = ev.txn(session, e.n);
    let scope = ev.client_of(session).scope;
    let fenced = ev.sessions[session as usize].fenced_at.is_some();
    let (now, txn) = (ev.now, &mut ev.txns[number as usize]);
    txn.at = now;
    txn.waits = Some(e.commit);
    txn.asked_abort |= !e.commit;
    let first = match (txn.fate, e.commit) {
        (Fate::Open, true) => {
            txn.fate = if fenced { Fate::Fenced } else { Fate::Committing };
            true
        }
        (Fate::Open, false) => {
            txn.fate = Fate::Aborting;
            true
        }
        (Fate::Aborting, commit) => commit,
        (_, commit) => !commit,
    };
    if let (true, Some(scope)) = (first, scope) {
        ev.scopes[scope as usize].asked[usize::from(!e.commit)] += 1;
    }
    if e.commit {
        let live = ev.txns[number as usize].live.as_mut().expect("a transaction that is found by its ordinal is live");
        // What a second call finds anew is all that it asks for.
        let (members, offsets) = live.asked;
        for member in &live.members[members..] {
            ev.records.cell_mut(member.slot).flags |= POSSIBLE;
        }
        for (group, log, next) in &live.offsets[offsets..] {
            ev.groups[*group as usize].log(*log).ask(e.c, *next);
        }
        live.asked = (live.members.len(), live.offsets.len());
    }
}

pub(crate) fn ended(ev: &mut Evidence, findings: &mut Findings, e: &Ended<'_>) {
    let session = ev.session(e.c, e.i);
    let txn = ev.txn(session, e.n);
    let fate = ev.txns[txn as usize].fate;
    ev.txns[txn as usize].at = ev.now;
    ev.txns[txn as usize].waits = None;
    match (e.commit, e.outcome) {
        (true, Outcome::Ok) => {
            if fate == Fate::Fenced {
                fencing::late_commit(ev, findings, txn);
            }
            settle(ev, txn, Fate::Committed);
        }
        (false, Outcome::Ok) => {
            ev.txns[txn as usize].told_abort = true;
            settle(ev, txn, Fate::Aborted);
        }
        (true, Outcome::Fail) if fate == Fate::Committing => ev.txns[txn as usize].fate = Fate::CommitFailed,
        // An abort may follow, or the same commit again.
        _ => {}
    }
}

/// Settles what brought no news in the end.
pub(crate) fn close(ev: &mut Evidence) {
    for session in 0..ev.sessions.len() {
        for op in core::mem::take(&mut ev.sessions[session].ops) {
            if !op.done && op.txn == NONE {
                ev.records.cell_mut(op.slot).flags |= MAYBE;
            }
        }
        for txn in core::mem::take(&mut ev.sessions[session].live).into_values() {
            settle_silent(ev, txn);
        }
        for ((_, log), (group, _)) in core::mem::take(&mut ev.sessions[session].commits) {
            ev.groups[group as usize].log(log).uncertain = true;
        }
    }
}

fn settle_silent(ev: &mut Evidence, txn: u32) {
    let fate = match ev.txns[txn as usize].fate {
        Fate::Open => Fate::Abandoned,
        Fate::Committing => Fate::Unknown,
        Fate::Aborting => Fate::Aborted,
        settled => settled,
    };
    settle(ev, txn, fate);
}

fn settle(ev: &mut Evidence, number: u32, fate: Fate) {
    let txn = &mut ev.txns[number as usize];
    txn.fate = fate;
    let (session, ordinal) = (txn.session, txn.ordinal);
    let Some(live) = txn.live.take() else { return };
    ev.sessions[session as usize].live.remove(&ordinal);
    let Live { members, offsets, .. } = *live;
    ev.txns[number as usize].worked |= fate == Fate::Committed && !offsets.is_empty();
    for member in members {
        let cell = ev.records.cell_mut(member.slot);
        let (flags, decides) = match fate {
            Fate::Committed if member.failed => (FAILED, false),
            Fate::Committed if member.unknown => (MAYBE, false),
            Fate::Committed => (FIRM, true),
            Fate::Unknown if member.failed => (FAILED, false),
            Fate::Unknown => (MAYBE, !member.unknown && !cell.is(FIRM)),
            _ => (ABORTED, !cell.is(FIRM | MAYBE)),
        };
        cell.flags |= flags;
        if decides {
            cell.txn = number;
        }
    }
    match fate {
        Fate::Committed => {
            for (group, log, next) in offsets {
                let state = ev.groups[group as usize].log(log);
                state.told = Some(next);
                state.reached = state.reached.max(next);
                commit_effect::told(ev, group, log, next, Committer::Transaction(number), session);
            }
        }
        fate => {
            for (group, log, next) in offsets {
                let state = ev.groups[group as usize].log(log);
                state.uncertain |= fate == Fate::Unknown;
                state.awaiting.forget(next, Committer::Transaction(number));
            }
        }
    }
}
