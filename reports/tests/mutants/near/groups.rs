//! Partitions that change hands, and offsets that are committed or loaded again.

use fencepost_reports::history::event::*;

use super::Made;
use crate::dice::Dice;
use crate::edit::Edit;
use crate::kinds::jobs::grouped_partitions;
use crate::past::Past;

/// Who owns a partition of a group in the end.
pub fn owner(past: &Past, at: Partition) -> Option<Assignment> {
    let mut owner = None;
    for event in &past.events {
        match event {
            Event::Assigned(e) if e.at == at && past.clients[&e.c].group.is_some() => owner = Some(*e),
            Event::Revoked(e) if e.at == at && owner.is_some_and(|o| (o.c, o.i) == (e.c, e.i)) => owner = None,
            Event::Stopped(e) if owner.is_some_and(|o| (o.c, o.i) == (e.c, e.i)) => owner = None,
            _ => {}
        }
    }
    owner
}

pub(super) fn rebalance(past: &Past, dice: &mut Dice) -> Made {
    // With its offsets in the group: one that is kept in a sink would be sought.
    let at = dice.pick(&grouped_partitions(past, |c| c.sinks.is_empty()))?;
    let old = owner(past, at)?;
    let group = past.clients[&old.c].group?;
    let latest = past
        .assigned
        .iter()
        .filter(|(_, a)| past.clients[&a.c].group == Some(group))
        .filter_map(|(_, a)| a.generation)
        .max()?;
    let members: Vec<u32> = past.clients.values().filter(|c| c.group == Some(group)).map(|c| c.id).collect();
    let c = dice.pick(&members)?;
    let i = past.last_incarnation(c);
    let position = past.moved.get(&(group, at))?.last()?.1.offset;
    let stopped = past.events.iter().any(|e| matches!(e, Event::Stopped(s) if (s.c, s.i) == (c, i)));
    // The other partitions of the group move on to the new generation with their owners.
    let others: Vec<Assignment> =
        past.ends.keys().filter(|p| p.topic == at.topic && **p != at).filter_map(|p| owner(past, *p)).collect();
    if position < 0 || stopped {
        return None;
    }
    let mut edit = Edit::new(past);
    let (t, generation) = (edit.now(), Some(latest + 1));
    for given in &others {
        edit.append(Event::Revoked(Assignment { t, ..*given }));
    }
    edit.append(Event::Revoked(Assignment { t, ..old }));
    for (at, c, i) in others.iter().map(|o| (o.at, o.c, o.i)).chain([(at, c, i)]) {
        edit.append(Event::Assigned(Assignment { t, c, i, at, generation }));
        let position = past.moved.get(&(group, at))?.last()?.1.offset;
        edit.append(Event::Position(Position { t, c, i, at, position, reason: PositionReason::Committed }));
    }
    Some((edit.done(), format!("{at:?} {c}")))
}

pub(super) fn reloaded(past: &Past, dice: &mut Dice) -> Made {
    let all: Vec<OffsetMoved> =
        past.moved.values().filter_map(|m| m.last()).map(|m| m.1).filter(|m| m.offset >= 0).collect();
    let m = dice.pick(&all)?;
    let mut edit = Edit::new(past);
    let t = edit.now();
    let times = 1 + dice.below(3);
    for _ in 0..times {
        edit.append(Event::OffsetMoved(OffsetMoved { t, cause: MoveCause::Reload, ..m }));
    }
    Some((edit.done(), format!("{} {:?} {times}", m.group, m.at)))
}

pub(super) fn committed_again(past: &Past, dice: &mut Dice) -> Made {
    let (_, commit, _) = dice.pick(&past.commits)?;
    let last = past.moved.get(&(commit.group, commit.at))?.last()?.1;
    let MoveCause::Commit { c, i, generation } = last.cause else { return None };
    if (c, i) != (commit.c, commit.i) || owner(past, commit.at).is_none_or(|o| (o.c, o.i) != (c, i)) {
        return None;
    }
    let op = past.commits.iter().filter(|(_, o, _)| (o.c, o.i) == (c, i)).map(|(_, o, _)| o.op).max()? + 1;
    let mut edit = Edit::new(past);
    let t = edit.now();
    edit.append(Event::Commit(Commit { t, c, i, op, group: commit.group, at: commit.at, next: last.offset }));
    edit.append(Event::OffsetMoved(OffsetMoved { t, cause: MoveCause::Commit { c, i, generation }, ..last }));
    let (outcome, error) = (if dice.one_in(2) { Outcome::Ok } else { Outcome::Unknown }, Text::from(""));
    edit.append(Event::CommitResult(CommitResult { t, c, i, op, outcome, error }));
    Some((edit.done(), format!("{c} {op} {outcome:?}")))
}
