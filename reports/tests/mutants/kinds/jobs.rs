//! Inputs that pipelines and other members of groups did not process, or not as they promise.

use fencepost_reports::Kind;
use fencepost_reports::history::event::*;

use super::Expect::Kinds;
use super::records::is_quiet;
use super::{Mutant, Mutation};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::{Key, Past, Sent, Txn};

pub fn kinds() -> Vec<Mutation> {
    vec![
        Mutation {
            name: "unprocessed-by-exactly-once",
            what: "an exactly-once pipeline never took an acknowledged input",
            expect: Kinds(&[Kind::Unprocessed]),
            also: &[],
            because: "",
            make: |past, dice| {
                unprocessed(past, dice, |c| c.kind == ClientKind::Pipeline && c.guarantee == Guarantee::ExactlyOnce)
            },
        },
        Mutation {
            name: "unprocessed-by-pipeline",
            what: "a plain pipeline never took an acknowledged input",
            expect: Kinds(&[Kind::Unprocessed]),
            also: &[],
            because: "",
            make: |past, dice| {
                unprocessed(past, dice, |c| c.kind == ClientKind::Pipeline && c.guarantee != Guarantee::ExactlyOnce)
            },
        },
        Mutation {
            name: "unprocessed-by-connector",
            what: "a connector never took an acknowledged input",
            expect: Kinds(&[Kind::Unprocessed]),
            also: &[],
            because: "",
            make: |past, dice| unprocessed(past, dice, |c| c.kind == ClientKind::Reader && !c.sinks.is_empty()),
        },
        Mutation {
            name: "outputs-dropped",
            what: "all outputs of an exactly-once pipeline's transaction are gone, its offsets are committed",
            expect: Kinds(&[Kind::OffsetsWithoutOutputs, Kind::Loss]),
            also: &[Kind::OffsetsWithoutOutputs, Kind::Loss, Kind::Unprocessed, Kind::TornTransaction],
            because: "the outputs are missing to their offsets, and were acknowledged; without them the inputs are not processed; the offsets are its other part",
            make: outputs_dropped,
        },
        Mutation {
            name: "outputs-never-sent",
            what: "an exactly-once pipeline committed past an input that it wrote nothing for",
            expect: Kinds(&[Kind::OffsetsWithoutOutputs]),
            also: &[Kind::Unprocessed],
            because: "an input without its output is not processed",
            make: |past, dice| never_sent(past, dice, true),
        },
        Mutation {
            name: "output-never-sent",
            what: "a plain pipeline committed past an input that it wrote nothing for",
            expect: Kinds(&[Kind::LostProcessing]),
            also: &[Kind::Unprocessed],
            because: "an input without its output is not processed",
            make: |past, dice| never_sent(past, dice, false),
        },
        Mutation {
            name: "output-not-stored",
            what: "a plain pipeline committed past an input whose output was of unknown outcome and is not there",
            expect: Kinds(&[Kind::LostProcessing]),
            also: &[Kind::Unprocessed],
            because: "an input without its output is not processed",
            make: output_not_stored,
        },
        Mutation {
            name: "offsets-dropped",
            what: "outputs of an exactly-once pipeline are visible, and the offset of their inputs was never in the transaction",
            expect: Kinds(&[Kind::OutputsWithoutOffsets]),
            also: &[Kind::Unprocessed],
            because: "the group has not committed past the inputs",
            make: offsets_dropped,
        },
    ]
}

/// Groups that read a topic.
pub fn groups_of(past: &Past, topic: u32) -> Vec<u32> {
    let reads = past.clients.values().filter(|c| c.inputs.contains(&topic));
    let mut groups: Vec<u32> = reads.filter_map(|c| c.group).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// Partitions of topics that one group reads, in which somebody was given records of it.
pub fn grouped_partitions(past: &Past, fits: impl Fn(&Client<'_>) -> bool) -> Vec<Partition> {
    let read = |at: &Partition| past.reads.keys().any(|(c, p)| p == at && past.clients[c].group.is_some());
    let one = |at: &&Partition| {
        let readers: Vec<_> =
            past.clients.values().filter(|c| c.inputs.contains(&at.topic) && c.group.is_some()).collect();
        groups_of(past, at.topic).len() == 1
            && !past.is_announcing(at.topic)
            && readers.iter().all(|c| fits(c) && !c.may_skip)
            && read(at)
    };
    past.settled().iter().filter(one).copied().collect()
}

fn unprocessed(past: &Past, dice: &mut Dice, fits: fn(&Client<'_>) -> bool) -> Option<Mutant> {
    let at = dice.pick(&grouped_partitions(past, fits))?;
    // Without an owner the partition would be unowned, too: it may be just on its way from one member to another.
    if !past.assigned.is_empty() {
        crate::near::owner(past, at)?;
    }
    let mut edit = Edit::new(past);
    let mut first = None;
    let n = 1 + dice.below(3) as u64;
    for _ in 0..n {
        let (id, offset) = edit.fresh(at);
        let value = past.has_values.then(|| crate::values::of_workload(id));
        edit.give(at, offset, id, value);
        first.get_or_insert((id, offset));
    }
    let (id, offset) = first?;
    Some(Mutant::new(&edit, format!("{at:?} {n}")).record(id).offset(offset).partition(past, at).times(n))
}

/// Committed transactions of exactly-once pipelines whose outputs nobody consumes in a group.
fn quiet_jobs(past: &Past) -> Vec<(Key, Txn, Vec<Sent>)> {
    let quiet = |s: &Sent| s.place.is_some_and(|(at, _)| is_quiet(past, at.topic)) && past.copies(s.id) == 1;
    let of = |k: &Key| past.clients[&k.0].kind == ClientKind::Pipeline && past.clients[&k.0].sinks.is_empty();
    let all = past.committed().into_iter().filter(|(k, t)| of(k) && !t.offsets.is_empty());
    let with = all.map(|(k, t)| {
        let records = past.records(&t);
        (k, t, records)
    });
    with.filter(|(_, _, records)| records.iter().all(quiet)).collect()
}

/// The input that an output was made of.
fn input(past: &Past, id: Identity) -> Option<Identity> {
    past.final_at(Partition::new(id.source, id.partition), id.offset).map(|(_, f)| f.id)
}

fn with_inputs(past: &Past, ids: &[Identity]) -> Vec<Identity> {
    ids.iter().copied().chain(ids.iter().filter_map(|id| input(past, *id))).collect()
}

fn outputs_dropped(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let (key, _, records) = dice.pick(&quiet_jobs(past))?;
    let mut edit = Edit::new(past);
    records.iter().for_each(|s| {
        edit.unstore(s);
    });
    let ids: Vec<_> = records.iter().map(|s| s.id).collect();
    let n = ids.len() as u64;
    Some(Mutant::new(&edit, format!("{key:?}")).records(with_inputs(past, &ids)).times(n))
}

/// Nothing in the history is left of an output.
fn forget(past: &Past, edit: &mut Edit<'_>, sent: &Sent) -> Option<()> {
    edit.unstore(sent).remove(sent.send).remove(sent.outcome?);
    // Batches do not tell what is in them.
    edit.blind();
    (past.sent.iter().filter(|s| s.id == sent.id).count() == 1).then_some(())
}

/// Outputs of pipelines in or outside transactions, in quiet topics, whose input's group has committed past it.
fn outputs(past: &Past, exactly_once: bool) -> Vec<Sent> {
    let of = |s: &Sent| {
        let client = &past.clients[&s.key.0];
        let guarantee = if exactly_once { Guarantee::ExactlyOnce } else { Guarantee::AtLeastOnce };
        let quiet = s.place.is_some_and(|(at, _)| is_quiet(past, at.topic)) && past.copies(s.id) == 1;
        let input = Partition::new(s.id.source, s.id.partition);
        let moved = client.group.and_then(|g| past.moved.get(&(g, input))).and_then(|m| m.last());
        let past_it = moved.is_some_and(|(_, m)| m.offset > s.id.offset);
        let txn_ok = !exactly_once || s.n.is_some_and(|n| past.txns[&(s.key.0, s.key.1, n)].ok);
        client.kind == ClientKind::Pipeline
            && client.guarantee == guarantee
            && quiet
            && past_it
            && txn_ok
            && !client.may_skip
    };
    past.acked().filter(|s| of(s)).copied().collect()
}

fn never_sent(past: &Past, dice: &mut Dice, exactly_once: bool) -> Option<Mutant> {
    let sent = dice.pick(&outputs(past, exactly_once))?;
    let mut edit = Edit::new(past);
    forget(past, &mut edit, &sent)?;
    Some(Mutant::new(&edit, format!("{:?}", sent.id)).records(with_inputs(past, &[sent.id])).once())
}

fn output_not_stored(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let sent = dice.pick(&outputs(past, false))?;
    if past.sent.iter().filter(|s| s.id == sent.id).count() != 1 {
        return None;
    }
    let Event::Ack(ack) = &past.events[sent.outcome?] else { return None };
    let mut edit = Edit::new(past);
    let error = "REQUEST_TIMED_OUT".into();
    edit.unstore(&sent);
    edit.change(sent.outcome?, Event::Unknown(SendError { t: ack.t, c: ack.c, i: ack.i, op: ack.op, error }));
    Some(Mutant::new(&edit, format!("{:?}", sent.id)).records(with_inputs(past, &[sent.id])).once())
}

fn offsets_dropped(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let mut sites = Vec::new();
    for (key, txn) in past.committed() {
        for index in &txn.offsets {
            let Event::TxnOffsets(e) = &past.events[*index] else { continue };
            let Some(moves) = past.moved.get(&(e.group, e.at)) else { continue };
            let Some((last, m)) = moves.last().copied() else { continue };
            let before = moves.len().checked_sub(2).map_or(0, |n| moves[n].1.offset);
            let made =
                |s: &Sent| s.id.partition == e.at.partition && s.id.source == e.at.topic && s.id.offset >= before;
            let outputs: Vec<Identity> = past.records(&txn).into_iter().filter(made).map(|s| s.id).collect();
            // It is the last that moved it, and outputs of inputs beyond the one before are in it.
            if m.offset == e.next && matches!(m.cause, MoveCause::Marker { .. }) && !outputs.is_empty() {
                let once = past
                    .events
                    .iter()
                    .filter(|o| matches!(o, Event::TxnOffsets(o) if o.at == e.at && o.next >= e.next));
                if once.count() == 1 {
                    sites.push((key, *index, last, outputs));
                }
            }
        }
    }
    let (key, index, moved, outputs) = dice.pick(&sites)?;
    let mut edit = Edit::new(past);
    edit.remove(index).remove(moved);
    Some(Mutant::new(&edit, format!("{key:?} {index}")).records(with_inputs(past, &outputs)))
}
