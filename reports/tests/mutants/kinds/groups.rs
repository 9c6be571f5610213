//! Partitions and offsets of groups.

use fencepost_reports::Kind;
use fencepost_reports::history::event::*;

use super::Expect::Kinds;
use super::jobs::{grouped_partitions, groups_of};
use super::{Mutant, Mutation};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::Past;

/// An offset that is not where its group's outputs say leaves these.
const BEHIND: &[Kind] = &[Kind::OutputsWithoutOffsets, Kind::Unprocessed];

pub fn kinds() -> Vec<Mutation> {
    vec![
        Mutation {
            name: "two-owners",
            what: "a partition is given to another member of the same generation too",
            expect: Kinds(&[Kind::TwoOwners]),
            also: &[],
            because: "",
            make: two_owners,
        },
        Mutation {
            name: "partition-without-owner",
            what: "a partition with a record in it was never given to any member",
            expect: Kinds(&[Kind::Unowned]),
            also: &[Kind::Unprocessed],
            because: "nobody processed the record in it",
            make: partition_without_owner,
        },
        Mutation {
            name: "owner-gone",
            what: "a partition's last owner lost it, a record came, and nobody was given the partition",
            expect: Kinds(&[Kind::Unowned]),
            also: &[Kind::Unprocessed],
            because: "nobody processed the record",
            make: owner_gone,
        },
        Mutation {
            name: "offset-set-back",
            what: "a committed offset goes back to an earlier value",
            expect: Kinds(&[Kind::CommittedOffsetMoved]),
            also: BEHIND,
            because: "the group's outputs are then ahead of its offset",
            make: set_back,
        },
        Mutation {
            name: "offset-vanishes",
            what: "a committed offset is deleted",
            expect: Kinds(&[Kind::CommittedOffsetMoved]),
            also: BEHIND,
            because: "the group's outputs are then ahead of its offset",
            make: vanishes,
        },
        Mutation {
            name: "offset-reloaded-otherwise",
            what: "a new coordinator loads another committed offset than there was",
            expect: Kinds(&[Kind::CommittedOffsetMoved]),
            also: BEHIND,
            because: "the group's outputs are then ahead of its offset",
            make: reloaded,
        },
        Mutation {
            name: "offset-nobody-asked-for",
            what: "a committed offset moves to where nobody committed",
            expect: Kinds(&[Kind::CommittedOffsetMoved]),
            also: &[Kind::Contradiction],
            because: "it is beyond the end of the log",
            make: nobody_asked,
        },
        Mutation {
            name: "commit-without-effect",
            what: "the last offset commit for a partition was answered 'ok' and moved nothing",
            expect: Kinds(&[Kind::CommitWithoutEffect]),
            also: &[Kind::Unprocessed],
            because: "the group has not committed past the inputs",
            make: |past, dice| without_effect(past, dice, true),
        },
        Mutation {
            name: "commit-between-without-effect",
            what: "an offset commit was answered 'ok' and moved nothing, until a later one did",
            expect: Kinds(&[Kind::CommitWithoutEffect]),
            also: &[],
            because: "",
            make: |past, dice| without_effect(past, dice, false),
        },
        Mutation {
            name: "transactional-offset-without-effect",
            what: "a transaction with offsets was answered 'ok', and the offset never moved",
            expect: Kinds(&[Kind::CommitWithoutEffect, Kind::OutputsWithoutOffsets]),
            also: &[Kind::Unprocessed, Kind::OutputsWithoutOffsets, Kind::CommitWithoutEffect],
            because: "a transaction is an offset commit too; its outputs are visible and its offsets are not",
            make: transaction_without_effect,
        },
        Mutation {
            name: "older-generation-commits",
            what: "an offset moves by a commit of a generation that was over",
            expect: Kinds(&[Kind::FencedEffect]),
            also: &[],
            because: "",
            make: older_generation,
        },
    ]
}

/// The incarnation of a client that runs at a place of the history.
fn running(past: &Past, c: u32, at: usize) -> Option<u32> {
    let mut running = None;
    for event in &past.events[..at] {
        match event {
            Event::Started(e) if e.c == c => running = Some(e.i),
            Event::Stopped(e) if e.c == c && running == Some(e.i) => running = None,
            _ => {}
        }
    }
    running
}

fn two_owners(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let (index, given) = dice.pick(&past.assigned)?;
    given.generation?;
    let group = past.clients[&given.c].group?;
    let others: Vec<u32> =
        past.clients.values().filter(|c| c.group == Some(group) && c.id != given.c).map(|c| c.id).collect();
    let c = dice.pick(&others)?;
    let i = running(past, c, index)?;
    // A member that was given nothing yet of this generation may not be in it.
    let member =
        past.assigned.iter().any(|(at, a)| (a.c, a.i, a.generation) == (c, i, given.generation) && *at < index + 8);
    if !member {
        return None;
    }
    let last = past.assigned.iter().filter(|(at, a)| a.generation == given.generation && *at < index + 8);
    let last = last.filter(|(_, a)| past.clients[&a.c].group == Some(group)).map(|(at, _)| *at).max()?;
    let mut edit = Edit::new(past);
    let t = past.events[last].time()?;
    edit.insert_after(last, Event::Assigned(Assignment { t, c, i, ..given }));
    let names = vec![past.client_name(c), past.client_name(given.c)];
    Some(Mutant::new(&edit, format!("{index} {c}")).clients(names).partition(past, given.at).once())
}

fn partition_without_owner(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let sites = grouped_partitions(past, |_| true);
    let topic = dice.pick(&sites)?.topic;
    let declared = past.events.iter().position(|e| matches!(e, Event::Topic(t) if t.id == topic))?;
    let at = Partition::new(topic, past.topics[&topic].partitions);
    let id = Identity::of_workload(8_888, dice.below(1_000_000) as i64);
    let value = past.has_values.then(|| crate::values::of_workload(id));
    let mut edit = Edit::new(past);
    let Event::Topic(old) = &past.events[declared] else { return None };
    edit.change(declared, Event::Topic(Topic { partitions: old.partitions + 1, ..old.clone() }));
    let c = edit.declare(Client { name: "latecomer".into(), outputs: vec![topic], ..Client::default() });
    let t = edit.now();
    edit.append(Event::Started(Started { t, c, i: 0 }));
    edit.append(Event::Send(Send { t, c, i: 0, op: 0, topic, partition: Some(at.partition), id, n: None, value }));
    edit.append(Event::Ack(Ack { t, c, i: 0, op: 0, at, offset: 0 }));
    for reader in past.loners(topic) {
        let i = past.last_incarnation(reader);
        edit.append(Event::Assigned(Assignment { t, c: reader, i, at, generation: None }));
        edit.append(Event::Position(Position { t, c: reader, i, at, position: 0, reason: PositionReason::Reset }));
        edit.append(Event::Read(Read { t, c: reader, i, at, offset: 0, id, value }));
    }
    let first = *past.ends.iter().filter(|(p, _)| p.topic == topic).map(|(_, (index, _))| index).min()?;
    let t = past.events[first].time()?;
    edit.insert_before(first, Event::End(End { t, at, start: 0, lso: 1, hw: 1, leo: 1 }));
    edit.insert_before(first, Event::Final(Final { at, offset: 0, id, pid: -1, epoch: -1, visible: true, value }));
    Some(Mutant::new(&edit, format!("{topic} {id:?}")).partition(past, at).once())
}

fn owner_gone(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let at = dice.pick(&grouped_partitions(past, |_| true))?;
    let group = groups_of(past, at.topic)[0];
    let mut owner = None;
    for event in &past.events {
        match event {
            Event::Assigned(e) if e.at == at && past.clients[&e.c].group == Some(group) => owner = Some(*e),
            Event::Revoked(e) if e.at == at && owner.is_some_and(|o| (o.c, o.i) == (e.c, e.i)) => owner = None,
            Event::Stopped(e) if owner.is_some_and(|o| (o.c, o.i) == (e.c, e.i)) => owner = None,
            _ => {}
        }
    }
    let owner = owner?;
    let mut edit = Edit::new(past);
    let t = edit.now();
    edit.append(Event::Revoked(Assignment { t, ..owner }));
    for _ in 0..=dice.below(3) {
        let (id, offset) = edit.fresh(at);
        let value = past.has_values.then(|| crate::values::of_workload(id));
        edit.give(at, offset, id, value);
    }
    let end = edit.end(at).leo;
    Some(Mutant::new(&edit, format!("{at:?} {end}")).partition(past, at).once())
}

/// Offsets of groups, with all their values.
fn moves(past: &Past) -> Vec<Vec<(usize, OffsetMoved)>> {
    let settled = past.settled();
    past.moved.iter().filter(|((_, at), _)| settled.contains(at)).map(|(_, moves)| moves.clone()).collect()
}

fn set_back(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let moves = dice.pick(&moves(past))?;
    let (_, last) = *moves.last()?;
    let earlier: Vec<_> = moves.iter().filter(|(_, m)| 0 <= m.offset && m.offset < last.offset).collect();
    let (_, old) = *dice.pick(&earlier)?;
    let mut edit = Edit::new(past);
    let t = edit.now();
    // By whoever moved it last: an older member's commit would be another kind.
    edit.append(Event::OffsetMoved(OffsetMoved { t, offset: old.offset, ..last }));
    let site = format!("{} {:?} {}", old.group, old.at, old.offset);
    Some(Mutant::new(&edit, site).partition(past, old.at).offset(old.offset).once())
}

fn vanishes(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let moves = dice.pick(&moves(past))?;
    let n = dice.below(moves.len());
    let (index, m) = moves[n];
    if m.offset < 0 {
        return None;
    }
    // Nobody goes on from where it was: it is the last thing that happens to it.
    let mut edit = Edit::new(past);
    let at = moves.last()?.0;
    let t = past.events[at].time()?;
    if index != at {
        return None;
    }
    edit.insert_after(at, Event::OffsetMoved(OffsetMoved { t, offset: -1, cause: MoveCause::Tombstone, ..m }));
    Some(Mutant::new(&edit, format!("{} {:?}", m.group, m.at)).partition(past, m.at).once())
}

fn reloaded(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let moves = dice.pick(&moves(past))?;
    let (_, last) = *moves.last()?;
    if last.offset < 1 {
        return None;
    }
    let offset = last.offset - 1 - dice.below(last.offset.min(3) as usize) as i64;
    let mut edit = Edit::new(past);
    let t = edit.now();
    edit.append(Event::OffsetMoved(OffsetMoved { t, offset, cause: MoveCause::Reload, ..last }));
    let site = format!("{} {:?} {offset}", last.group, last.at);
    Some(Mutant::new(&edit, site).partition(past, last.at).offset(offset).once())
}

fn nobody_asked(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let moves = dice.pick(&moves(past))?;
    let (_, last) = *moves.last()?;
    let offset = past.ends.get(&last.at)?.1.leo + 1 + dice.below(5) as i64;
    let mut edit = Edit::new(past);
    let t = edit.now();
    edit.append(Event::OffsetMoved(OffsetMoved { t, offset, ..last }));
    let site = format!("{} {:?} {offset}", last.group, last.at);
    Some(Mutant::new(&edit, site).partition(past, last.at).offset(offset).once())
}

fn without_effect(past: &Past, dice: &mut Dice, last: bool) -> Option<Mutant> {
    let mut sites = Vec::new();
    for (_, commit, result) in &past.commits {
        let Some(moves) = past.moved.get(&(commit.group, commit.at)) else { continue };
        let by = |m: &OffsetMoved| matches!(m.cause, MoveCause::Commit { c, i, .. } if (c, i) == (commit.c, commit.i));
        let its: Vec<usize> =
            (0..moves.len()).filter(|n| moves[*n].1.offset == commit.next && by(&moves[*n].1)).collect();
        let [n] = its.as_slice() else { continue };
        let ok = result.is_some_and(|(_, outcome)| outcome == Outcome::Ok);
        let changes = *n == 0 || moves[n - 1].1.offset != commit.next;
        let once =
            past.commits.iter().filter(|o| o.1.at == commit.at && o.1.group == commit.group && o.1.next == commit.next);
        if ok && changes && (*n + 1 == moves.len()) == last && once.count() == 1 {
            sites.push((*commit, moves[*n].0));
        }
    }
    let (commit, index) = dice.pick(&sites)?;
    let mut edit = Edit::new(past);
    edit.remove(index);
    let mutant = Mutant::new(&edit, format!("{index}")).client(past.client_name(commit.c));
    Some(mutant.partition(past, commit.at).once())
}

fn transaction_without_effect(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let mut sites = Vec::new();
    for (key, txn) in past.committed() {
        for index in &txn.offsets {
            let Event::TxnOffsets(e) = &past.events[*index] else { continue };
            let moves = past.moved.get(&(e.group, e.at)).cloned().unwrap_or_default();
            let Some((moved, m)) = moves.last().copied() else { continue };
            let changes = moves.len() < 2 || moves[moves.len() - 2].1.offset != e.next;
            // Without any move of the group it is not known where its offsets are.
            let others = past.moved.iter().filter(|((g, _), _)| *g == e.group).map(|(_, m)| m.len()).sum::<usize>() > 1;
            if m.offset == e.next && matches!(m.cause, MoveCause::Marker { .. }) && changes && others {
                sites.push((key, *e, moved));
            }
        }
    }
    let (key, e, moved) = dice.pick(&sites)?;
    let mut edit = Edit::new(past);
    edit.remove(moved);
    Some(Mutant::new(&edit, format!("{key:?} {:?}", e.at)).partition(past, e.at))
}

fn older_generation(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let mut sites = Vec::new();
    for (index, m) in past.moved.values().flatten() {
        let MoveCause::Commit { c, i, .. } = m.cause else { continue };
        let before = past.assigned.iter().filter(|(at, a)| at < index && past.clients[&a.c].group == Some(m.group));
        let latest = before.filter_map(|(_, a)| a.generation).max().unwrap_or(0);
        let mine = past.assigned.iter().any(|(at, a)| at < index && (a.c, a.i, a.at) == (c, i, m.at));
        if latest > 1 && mine {
            sites.push((*index, *m, c, i, latest));
        }
    }
    let (index, m, c, i, latest) = dice.pick(&sites)?;
    let generation = Some(1 + dice.below(latest as usize - 1) as i32);
    let mut edit = Edit::new(past);
    edit.change(index, Event::OffsetMoved(OffsetMoved { cause: MoveCause::Commit { c, i, generation }, ..m }));
    Some(Mutant::new(&edit, format!("{index} {generation:?}")).client(past.client_name(c)).once())
}
