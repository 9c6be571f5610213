//! Committed offsets: they move only where a client asked (G1), and not back unless a member went back.

use super::commit_effect;
use super::evidence::Evidence;
use super::fencing;
use super::findings::Findings;
use super::state::Committer;
use crate::history::event::{Commit, CommitResult, MoveCause, OffsetMoved, Outcome};
use crate::report::{Kind, Proof};
use crate::words::seconds;

/// A plain commit was invoked.
pub(crate) fn commit(ev: &mut Evidence, e: &Commit) {
    let (session, log) = (ev.session(e.c, e.i), ev.log(e.at));
    let state = ev.groups[e.group as usize].log(log);
    state.ask(e.c, e.next);
    state.awaiting.plain(e.next, state.moved, session, e.op);
    state.failed.asked(e.next, session, e.op);
    ev.sessions[session as usize].commits.insert((e.op, log), (e.group, e.next));
}

/// A plain commit returned.
pub(crate) fn commit_result(ev: &mut Evidence, e: &CommitResult<'_>) {
    let session = ev.session(e.c, e.i);
    loop {
        let commits = &mut ev.sessions[session as usize].commits;
        let Some(entry) = commits.range((e.op, 0)..=(e.op, u32::MAX)).next().map(|(key, _)| *key) else { return };
        let (group, next) = commits.remove(&entry).expect("it was just found");
        let (op, log) = entry;
        let by = Committer::Plain(session, op);
        let state = ev.groups[group as usize].log(log);
        if e.outcome == Outcome::Fail {
            state.failed.failed(next, session);
        } else {
            state.failed.excuse(next);
        }
        match e.outcome {
            Outcome::Ok => {
                state.told = Some(next);
                state.reached = state.reached.max(next);
                commit_effect::told(ev, group, log, next, by, session);
            }
            Outcome::Unknown => {
                state.uncertain = true;
                state.awaiting.forget(next, by);
            }
            Outcome::Fail => state.awaiting.forget(next, by),
        }
    }
}

/// White box: the committed offset took a value.
pub(crate) fn moved(ev: &mut Evidence, findings: &mut Findings, e: &OffsetMoved) {
    let log = ev.log(e.at);
    ev.groups[e.group as usize].moves = true;
    let state = ev.groups[e.group as usize].log(log);
    state.awaiting.moved(e.offset, e.cause);
    let (before, floor, asked) = (state.moved, state.floor, state.asked.get(e.offset));
    // Who is said to have committed it, if that client did ask for it.
    let by = match e.cause {
        MoveCause::Commit { c, i, .. } => {
            state.askers.get(&c).is_some_and(|asked| asked.get(e.offset)).then_some((c, i))
        }
        _ => None,
    };
    if let Some((c, i)) = by {
        let session = ev.session(c, i);
        ev.groups[e.group as usize].log(log).failed.moved(e.offset, session, e.t);
    }
    let state = ev.groups[e.group as usize].log(log);
    let mut what = None;
    state.reached = state.reached.max(e.offset);
    match e.cause {
        MoveCause::Tombstone | MoveCause::Expired => {
            what = before.map(|before| format!("was deleted; it was {before}"));
            state.moved = None;
        }
        MoveCause::Reload => {
            if let Some(before) = before.filter(|before| *before != e.offset) {
                what = Some(format!("was {} after its coordinator was loaded anew, and {before} before", e.offset));
            }
            state.moved = Some(e.offset);
        }
        MoveCause::Commit { .. } | MoveCause::Marker { .. } | MoveCause::Unknown => {
            if !asked {
                what = Some(format!("moved to {}, which no client asked for", e.offset));
            } else if let Some(before) = before.filter(|before| e.offset < *before && e.offset < floor) {
                what = Some(format!("went back from {before} to {}", e.offset));
            }
            state.moved = Some(e.offset);
            state.floor = i64::MAX;
        }
    }
    if let (MoveCause::Commit { generation: Some(generation), .. }, Some((c, i))) = (e.cause, by) {
        fencing::generation(ev, findings, e.group, log, c, i, generation);
    }
    let Some(what) = what else { return };
    let kind = match e.cause {
        MoveCause::Marker { pid, .. } if ev.pids.get(&pid).is_some_and(|s| ev.hit_by_late_request(*s).is_some()) => {
            Kind::LateRequest
        }
        _ => Kind::CommittedOffsetMoved,
    };
    findings.add(&ev.promises, kind, Some(e.at.topic), 1, || {
        let (by, clients) = match (e.cause, by) {
            (_, Some((c, i))) => {
                (format!(", by a commit of {}", ev.incarnation_name(c, i)), vec![(ev.client(c).name.clone(), i)])
            }
            // Whose pending offset a marker makes effective is not in doubt, whether that client asked or not: it is said by
            // its producer id, and the client is named where it had asked.
            (MoveCause::Marker { pid, epoch }, None) => {
                let clients = ev.pids.get(&pid).filter(|_| asked).map(|session| ev.session_id(*session));
                (format!(", by a marker of producer id {pid} and epoch {epoch}"), clients.into_iter().collect())
            }
            _ => (String::new(), Vec::new()),
        };
        let group = &ev.groups[e.group as usize].name;
        let sentence =
            format!("the offset of {} in group {group} {what}{by} ({})", ev.partition_name(log), seconds(e.t));
        Proof { clients, ..ev.proof_at(log, &[e.offset], sentence) }
    });
}
