//! White box: a plain offset commit that failed for certain moved the offset all the same (E3).
//!
//! It is accused where the history says that its client moved the offset to that value, and no commit of the value that was
//! answered otherwise, or not at all, may have done it. Whose commit that would be does not matter: who writes a history
//! often knows the value alone, and takes for its client the one that asked for it last.

use indexmap::IndexMap;

use super::evidence::Evidence;
use super::findings::Findings;
use crate::fast::Fast;
use crate::report::{Kind, Proof};
use crate::words::seconds;

/// Where an offset moved to, and when.
#[derive(Clone, Copy, Debug)]
struct Moved {
    group: u32,
    log: u32,
    next: i64,
    t: u64,
}

/// In the end. A commit of several partitions counts once.
pub(crate) fn close(ev: &Evidence, findings: &mut Findings) {
    // By session and number of the commit: the first partition that it moved.
    let mut found: IndexMap<(u32, u64), Moved, Fast> = IndexMap::default();
    for (number, group) in ev.groups.iter().enumerate() {
        for (log, state) in &group.logs {
            for (next, session, t, op) in state.failed.found() {
                found.entry((session, op)).or_insert(Moved { group: number as u32, log: *log, next, t });
            }
        }
    }
    for ((session, _), moved) in &found {
        let Moved { group, log, next, t } = *moved;
        findings.add(&ev.promises, Kind::FalseFailure, Some(ev.logs[log as usize].at.topic), 1, || {
            let sentence = format!(
                "a commit of offset {next} of {} in group {} by {} failed for certain, but moved the group's offset ({})",
                ev.partition_name(log),
                ev.groups[group as usize].name,
                ev.session_name(*session),
                seconds(t)
            );
            let proof = ev.proof_at(log, &[next], sentence);
            Proof { clients: vec![ev.session_id(*session)], times: vec![t], ..proof }
        });
    }
}
