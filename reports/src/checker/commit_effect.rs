//! White box: an offset commit that was answered with success takes effect (E3, G1): the committed offset takes that value,
//! if the history tells where the group's offsets move at all.
//!
//! A plain commit is a record of its own and always moves the offset. A transaction's offset takes effect at its marker, and
//! not if somebody else's commit was written after it (§4.2).

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::NONE;
use super::state::Committer;
use crate::report::{Kind, Proof};

/// Commits that are kept before the first event that tells of a group's offsets.
const KEPT: u32 = 64;

/// A group's commit was answered with success.
pub(crate) fn told(ev: &mut Evidence, group: u32, log: u32, next: i64, by: Committer, session: u32) {
    let now = ev.now;
    let group = &mut ev.groups[group as usize];
    let (moves, kept) = (group.moves, group.unmoved);
    let awaiting = &mut group.log(log).awaiting;
    if !awaiting.told(next, by, session, now) || moves {
        return;
    }
    if kept < KEPT {
        group.unmoved += 1;
    } else {
        awaiting.forget(next, by);
    }
}

/// In the end: what was answered and never took effect. While a transaction hangs, the last one of its producer may yet.
pub(crate) fn close(ev: &Evidence, findings: &mut Findings) {
    let hangs = findings.has(|kind| matches!(kind, Kind::HangingTransaction | Kind::StuckRun));
    for group in ev.groups.iter().filter(|group| group.moves) {
        for (log, state) in &group.logs {
            for ((next, by), asked) in &state.awaiting.asked {
                let Some(told) = asked.told else { continue };
                let (session, txn) = match *by {
                    Committer::Plain(session, _) => (session, NONE),
                    Committer::Transaction(txn) => (ev.txns[txn as usize].session, txn),
                };
                if txn != NONE {
                    let last = ev.sessions[session as usize].latest == txn;
                    if asked.met || state.awaiting.plain > asked.plain || hangs && last {
                        continue;
                    }
                }
                let topic = ev.logs[*log as usize].at.topic;
                findings.add(&ev.promises, Kind::CommitWithoutEffect, Some(topic), 1, || {
                    let who = match txn {
                        NONE => format!("a commit of {}", ev.session_name(session)),
                        txn => ev.txn_name(txn),
                    };
                    let sentence = format!(
                        "offset {next} of {} was committed in group {} by {who}, which was told so, but the group's offset never \
                         was {next} after that",
                        ev.partition_name(*log),
                        group.name
                    );
                    let mut proof = Proof { clients: vec![ev.session_id(session)], ..ev.proof_at(*log, &[*next], sentence) };
                    proof.times = vec![told];
                    proof.transaction = (txn != NONE).then(|| ev.txns[txn as usize].ordinal);
                    proof
                });
            }
        }
    }
}
