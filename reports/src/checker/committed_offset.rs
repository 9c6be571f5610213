//! Committed offsets: they move only where a client asked (G1), and not back unless a member went back.

use super::evidence::Evidence;
use super::fencing;
use super::findings::Findings;
use super::naming::seconds;
use crate::history::event::{Commit, CommitResult, MoveCause, OffsetMoved, Outcome};
use crate::report::{Kind, Proof};

/// A plain commit was invoked.
pub(crate) fn commit(ev: &mut Evidence, e: &Commit) {
    let (session, log) = (ev.session(e.c, e.i), ev.log(e.at));
    ev.groups[e.group as usize].log(log).asked.set(e.next);
    ev.sessions[session as usize].commits.push_back((e.op, e.group, e.at, e.next));
}

/// A plain commit returned.
pub(crate) fn commit_result(ev: &mut Evidence, e: &CommitResult<'_>) {
    let session = ev.session(e.c, e.i);
    let mut commits = core::mem::take(&mut ev.sessions[session as usize].commits);
    commits.retain(|(op, group, at, next)| {
        if *op != e.op {
            return true;
        }
        let log = ev.log(*at);
        let log = ev.groups[*group as usize].log(log);
        match e.outcome {
            Outcome::Ok => {
                log.told = Some(*next);
                log.reached = log.reached.max(*next);
            }
            Outcome::Unknown => log.uncertain = true,
            Outcome::Fail => {}
        }
        false
    });
    ev.sessions[session as usize].commits = commits;
}

/// White box: the committed offset took a value.
pub(crate) fn moved(ev: &mut Evidence, findings: &mut Findings, e: &OffsetMoved) {
    let log = ev.log(e.at);
    let state = ev.groups[e.group as usize].log(log);
    let (before, floor, asked) = (state.moved, state.floor, state.asked.get(e.offset));
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
    if let MoveCause::Commit { c, i, generation: Some(generation) } = e.cause {
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
        let (by, clients) = match e.cause {
            MoveCause::Commit { c, i, .. } => {
                (format!(", by a commit of {}", ev.incarnation_name(c, i)), vec![(ev.client(c).name.clone(), i)])
            }
            MoveCause::Marker { pid, epoch } => {
                let clients = ev.pids.get(&pid).map(|session| ev.session_id(*session));
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
