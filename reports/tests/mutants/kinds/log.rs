//! Logs whose ends do not hold what was acknowledged.

use fencepost_reports::Kind;
use fencepost_reports::history::event::*;

use super::Expect::Kinds;
use super::records::{is_quiet, quiet};
use super::{Mutant, Mutation};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::{Past, Sent};

pub fn kinds() -> Vec<Mutation> {
    vec![
        Mutation {
            name: "start-moved",
            what: "the log start is past acknowledged records of a topic that deletes nothing",
            expect: Kinds(&[Kind::Loss]),
            also: &[],
            because: "",
            make: start_moved,
        },
        Mutation {
            name: "end-cut",
            what: "a log ends before acknowledged records that it had",
            expect: Kinds(&[Kind::Loss]),
            also: &[Kind::Contradiction],
            because: "a broker's own log, where the history has it, goes beyond that end",
            make: end_cut,
        },
        Mutation {
            name: "high-watermark-below-end",
            what: "a log has an end that its high watermark has not reached",
            expect: Kinds(&[Kind::StalledLso, Kind::StuckRun]),
            also: &[Kind::StalledLso, Kind::StuckRun],
            because: "the format names no kind of its own for a high watermark that does not reach the end",
            make: high_watermark_below_end,
        },
        Mutation {
            name: "stable-offset-held",
            what: "a last stable offset stays below the high watermark",
            expect: Kinds(&[Kind::StalledLso]),
            also: &[Kind::HangingTransaction],
            because: "what holds a last stable offset is an open transaction",
            make: stable_offset_held,
        },
        Mutation {
            name: "read-above-high-watermark",
            what: "the final read has a record at the high watermark",
            expect: Kinds(&[Kind::Contradiction]),
            also: &[Kind::StalledLso, Kind::StuckRun],
            because: "the high watermark is then below the end of the log as well",
            make: read_above_high_watermark,
        },
        Mutation {
            name: "replicas-differ",
            what: "two replicas have different batches at one offset below the high watermark",
            expect: Kinds(&[Kind::TwoValues]),
            also: &[],
            because: "",
            make: replicas_differ,
        },
        Mutation {
            name: "state-diverges",
            what: "a coordinator's state is not what its log gives",
            expect: Kinds(&[Kind::StateDivergence]),
            also: &[],
            because: "",
            make: state_diverges,
        },
        Mutation {
            name: "run-stuck",
            what: "the run itself came to no end",
            expect: Kinds(&[Kind::StuckRun]),
            also: &[],
            because: "",
            make: run_stuck,
        },
    ]
}

fn start_moved(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    // What consumers have read and committed may go from under them: any topic will do whose outputs nobody must find.
    let sent = dice.pick(&quiet(past))?;
    let (at, offset) = sent.place?;
    let mut edit = Edit::new(past);
    let below: Vec<_> = past.finals[&at].iter().filter(|(_, f)| f.offset <= offset).copied().collect();
    let lost: Vec<Sent> =
        quiet(past).into_iter().filter(|s| s.place.is_some_and(|(p, o)| p == at && o <= offset)).collect();
    below.iter().for_each(|(index, _)| {
        edit.remove(*index);
    });
    let end = edit.end(at);
    edit.set_end(End { start: offset + 1, ..end });
    // Whole transactions or none: what is torn by it is another kind.
    let cut = |s: &Sent| s.n.is_some() && s.id.is_workload();
    if lost.iter().any(cut) || lost.iter().any(|s| !s.id.is_workload()) {
        return None;
    }
    let ids = lost.iter().map(|s| s.id).collect();
    Some(Mutant::new(&edit, format!("{at:?} {offset}")).records(ids))
}

fn end_cut(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let plain: Vec<Sent> = quiet(past).into_iter().filter(|s| s.n.is_none() && s.id.is_workload()).collect();
    let sent = dice.pick(&plain)?;
    let (at, offset) = sent.place?;
    let mut edit = Edit::new(past);
    let mut ids = Vec::new();
    for (index, line) in past.finals[&at].iter().filter(|(_, f)| f.offset >= offset) {
        if !plain.iter().any(|s| s.id == line.id) {
            return None;
        }
        edit.remove(*index).unread(at, line.offset);
        ids.push(line.id);
    }
    let end = edit.end(at);
    edit.set_end(End { lso: offset, hw: offset, leo: offset, ..end });
    Some(Mutant::new(&edit, format!("{at:?} {offset}")).records(ids))
}

fn high_watermark_below_end(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let at = dice.pick(&past.settled())?;
    let beyond = 1 + dice.below(4) as i64;
    let mut edit = Edit::new(past);
    let end = edit.end(at);
    edit.set_end(End { leo: end.leo + beyond, ..end });
    Some(Mutant::new(&edit, format!("{at:?} {beyond}")).partition(past, at))
}

fn stable_offset_held(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    // At the end of the log stands a marker: no record loses its visibility by it.
    let marker = |at: &Partition| {
        let end = past.ends[at].1;
        end.hw > end.start && past.final_at(*at, end.hw - 1).is_none()
    };
    let sites: Vec<_> = past.settled().into_iter().filter(marker).collect();
    let at = dice.pick(&sites)?;
    let mut edit = Edit::new(past);
    let end = edit.end(at);
    edit.set_end(End { lso: end.hw - 1, ..end });
    Some(Mutant::new(&edit, format!("{at:?}")).partition(past, at))
}

fn read_above_high_watermark(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let quiet: Vec<Partition> = past.settled().into_iter().filter(|at| is_quiet(past, at.topic)).collect();
    let last = |at: &Partition| {
        let found = past.finals.get(at).and_then(|f| f.last());
        // The reader must not have been given it either.
        found.is_some_and(|(_, f)| past.reads_at(*at, f.offset).is_empty() && f.offset + 1 == past.ends[at].1.leo)
    };
    let sites: Vec<Partition> = quiet.into_iter().filter(last).collect();
    let at = dice.pick(&sites)?;
    let offset = past.finals[&at].last()?.1.offset;
    let mut edit = Edit::new(past);
    let end = edit.end(at);
    edit.set_end(End { lso: offset, hw: offset, ..end });
    Some(Mutant::new(&edit, format!("{at:?}")).partition(past, at).offset(offset))
}

fn replicas_differ(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let settled = past.settled();
    let batches: Vec<Appended> = past
        .appended
        .iter()
        .filter(|(at, _)| settled.contains(at))
        .flat_map(|(_, log)| log.iter().map(|b| b.1))
        .collect();
    let batch = dice.pick(&batches)?;
    if past.batch_at(batch.at, batch.base)?.1 != batch {
        return None; // it was truncated
    }
    let mut edit = Edit::new(past);
    for replica in 1..=2 {
        let (t, leader_epoch, fingerprint) = (edit.now(), batch.leader_epoch, 17 + replica as u64);
        edit.append(Event::Replica(Replica {
            t,
            at: batch.at,
            offset: batch.base,
            replica,
            leader_epoch,
            fingerprint,
        }));
    }
    Some(
        Mutant::new(&edit, format!("{:?} {}", batch.at, batch.base))
            .partition(past, batch.at)
            .offset(batch.base)
            .once(),
    )
}

fn state_diverges(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let what = format!("group coordinator of broker-{}", 1 + dice.below(1000));
    let mut edit = Edit::new(past);
    let (t, expected, found) = (edit.now(), "offset 3".into(), "offset 4".into());
    edit.append(Event::Divergence(Divergence { t, what: what.clone().into(), expected, found }));
    Some(Mutant::new(&edit, what.clone()).word(&what).once())
}

fn run_stuck(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let culprit = format!("client-{} sends without end", dice.below(1000));
    let mut edit = Edit::new(past);
    let t = past.events.iter().filter_map(Event::time).max()?;
    let len = past.events.len();
    edit.insert_before(len, Event::Stuck(Stuck { t, culprit: culprit.clone().into() }));
    Some(Mutant::new(&edit, culprit.clone()).word(&culprit).once())
}
