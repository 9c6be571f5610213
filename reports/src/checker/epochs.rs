//! White box: what coordinators and markers tell of a producer id and epoch must be of one that some client had.
//!
//! A decision is made at the epoch that its client has, or at the one above: at transaction version 2 every end raises the
//! epoch, and below it a transaction that timed out, or that a newer incarnation found open, is aborted at a raised one. Two
//! above nobody can be: without a client at an epoch there is no transaction at it. Judged where the history tells epochs
//! (`epoch`) at all; in the end, since clients may learn theirs later than coordinators use them.

use indexmap::IndexMap;

use super::evidence::Evidence;
use super::findings::Findings;
use crate::fast::Fast;
use crate::history::event::{Decided, DecisionCause, MoveCause, OffsetMoved};
use crate::report::{Kind, Proof};
use crate::words::seconds;

/// What a coordinator decided last at a producer id and epoch.
#[derive(Clone, Copy, Debug)]
struct Decision {
    t: u64,
    client: u32,
    commit: bool,
    cause: DecisionCause,
}

/// A marker moved an offset.
#[derive(Clone, Copy, Debug)]
struct Move {
    t: u64,
    group: u32,
    log: u32,
    offset: i64,
}

/// What was told of producer ids and epochs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epochs {
    decisions: IndexMap<(i64, i16), Decision, Fast>,
    /// The first of each.
    moves: IndexMap<(i64, i16), Move, Fast>,
}

impl Epochs {
    pub(crate) fn decided(&mut self, e: &Decided) {
        let decision = Decision { t: e.t, client: e.c, commit: e.commit, cause: e.cause };
        self.decisions.insert((e.pid, e.epoch), decision);
    }

    /// To be told before the offset has moved.
    pub(crate) fn moved(&mut self, ev: &Evidence, findings: &mut Findings, e: &OffsetMoved) {
        let log = ev.log(e.at);
        match e.cause {
            MoveCause::Marker { pid, epoch } => {
                self.moves.entry((pid, epoch)).or_insert(Move { t: e.t, group: e.group, log, offset: e.offset });
            }
            MoveCause::Reload => reloaded(ev, findings, e, log),
            _ => {}
        }
    }

    /// In the end.
    pub(crate) fn close(&self, ev: &Evidence, findings: &mut Findings) {
        if ev.owners.is_empty() {
            return;
        }
        for ((pid, epoch), decision) in &self.decisions {
            // Of a transactional id of which no client ever told its producer id nothing is known.
            let told = ev.client(decision.client).scope.is_none_or(|scope| !ev.scopes[scope as usize].pids.is_empty());
            let Some(but) = impossible(ev, *pid, *epoch).filter(|_| told) else { continue };
            findings.add(&ev.promises, Kind::Contradiction, None, 1, || {
                let name = &ev.client(decision.client).name;
                Proof {
                    sentence: format!(
                        "a transaction of {name} with producer id {pid} and epoch {epoch} was decided at {}, but {but}",
                        seconds(decision.t)
                    ),
                    clients: vec![(name.clone(), 0)],
                    times: vec![decision.t],
                    ..Proof::default()
                }
            });
        }
        for ((pid, epoch), moved) in &self.moves {
            let Some(but) = impossible(ev, *pid, *epoch) else { continue };
            let topic = ev.logs[moved.log as usize].at.topic;
            findings.add(&ev.promises, Kind::Contradiction, Some(topic), 1, || {
                let sentence = format!(
                    "a marker of producer id {pid} and epoch {epoch} moved the offset of {} in group {} to {} at {}, but {but}",
                    ev.partition_name(moved.log),
                    ev.groups[moved.group as usize].name,
                    moved.offset,
                    seconds(moved.t)
                );
                Proof { times: vec![moved.t], ..ev.proof_at(moved.log, &[moved.offset], sentence) }
            });
        }
    }

    /// How a transaction was aborted whose client does not know what became of it, if that was decided: why.
    pub(crate) fn aborted(&self, ev: &Evidence, number: u32) -> Option<DecisionCause> {
        let txn = &ev.txns[number as usize];
        let raised = self.decisions.get(&(txn.pid, txn.epoch.checked_add(1)?))?;
        // Below version 2 one epoch has many transactions, and only the last of them can have been ended at a raised one.
        let last = ev.is_version_2(txn.session) || ev.sessions[txn.session as usize].latest == number;
        (!raised.commit && last && txn.pid >= 0).then_some(raised.cause)
    }
}

/// Why no transaction can have been at an epoch.
fn impossible(ev: &Evidence, pid: i64, epoch: i16) -> Option<String> {
    let mut had = ev.owners.range((pid, i16::MIN)..=(pid, i16::MAX)).peekable();
    if had.peek().is_none() {
        return Some("no client ever had that producer id".to_owned());
    }
    let near = |((_, first), owner): (&(i64, i16), &super::state::Owner)| {
        *first <= epoch && i32::from(epoch) <= i32::from(owner.last) + 1
    };
    (!had.any(near)).then(|| "no client ever had that epoch of it, or the one before".to_owned())
}

/// A new coordinator loaded an offset of a partition of which none was committed: somebody must have asked for it once. What
/// a group had committed before the history begins is where its members begin to read.
fn reloaded(ev: &Evidence, findings: &mut Findings, e: &OffsetMoved, log: u32) {
    let (asked, begun) = match ev.groups[e.group as usize].logs.get(&log) {
        // That it differs from what it was is told as that.
        Some(state) if state.moved.is_some() => return,
        Some(state) => (state.asked.get(e.offset), state.start),
        None => (false, i64::MAX),
    };
    let nobody = ev.groups[e.group as usize].logs.get(&log).is_none_or(|state| state.asked.is_empty());
    if asked || nobody && (begun == i64::MAX || begun == e.offset) {
        return;
    }
    findings.add(&ev.promises, Kind::Contradiction, Some(e.at.topic), 1, || {
        let sentence = format!(
            "a new coordinator of group {} loaded offset {} of {} at {}, which no client had ever asked for",
            ev.groups[e.group as usize].name,
            e.offset,
            ev.partition_name(log),
            seconds(e.t)
        );
        ev.proof_at(log, &[e.offset], sentence)
    });
}
