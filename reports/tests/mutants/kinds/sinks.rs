//! Rows and charges.

use fencepost_reports::Kind;
use fencepost_reports::history::event::*;

use super::Expect::Kinds;
use super::{Mutant, Mutation};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::{Answer, Past};

pub fn kinds() -> Vec<Mutation> {
    vec![
        Mutation {
            name: "row-lost",
            what: "a row that was answered 'ok' is not in the table",
            expect: Kinds(&[Kind::RowNever]),
            also: &[],
            because: "",
            make: |past, dice| lost(past, dice, SinkKind::Rows),
        },
        Mutation {
            name: "charge-lost",
            what: "a charge that was answered 'ok' was never made",
            expect: Kinds(&[Kind::ChargeNever]),
            also: &[],
            because: "",
            make: |past, dice| lost(past, dice, SinkKind::Charges),
        },
        Mutation {
            name: "row-twice",
            what: "a row is in the table twice",
            expect: Kinds(&[Kind::RowTwice]),
            also: &[],
            because: "",
            make: |past, dice| twice(past, dice, SinkKind::Rows),
        },
        Mutation {
            name: "charge-twice",
            what: "a customer was charged twice for one record",
            expect: Kinds(&[Kind::ChargeTwice]),
            also: &[],
            because: "",
            make: |past, dice| twice(past, dice, SinkKind::Charges),
        },
        Mutation {
            name: "row-twice-by-answers",
            what: "a row was answered as done now for the second time, and nobody looked into the table",
            expect: Kinds(&[Kind::RowTwice]),
            also: &[],
            because: "",
            make: |past, dice| twice_by_answers(past, dice, SinkKind::Rows),
        },
        Mutation {
            name: "charge-twice-by-answers",
            what: "a charge was answered as done now for the second time, and there is no bank statement",
            expect: Kinds(&[Kind::ChargeTwice]),
            also: &[],
            because: "",
            make: |past, dice| twice_by_answers(past, dice, SinkKind::Charges),
        },
        Mutation {
            name: "row-never-asked-for",
            what: "a connector has committed past a record, to its group or in the table, and never asked for its row",
            expect: Kinds(&[Kind::RowNever]),
            also: &[Kind::Unprocessed],
            because: "an input without its row is not processed",
            make: never_asked_for,
        },
        Mutation {
            name: "row-unannounced",
            what: "a row is in the table, and its topic never had its record",
            expect: Kinds(&[Kind::RowWithoutRecord]),
            also: &[],
            because: "",
            make: unannounced,
        },
        Mutation {
            name: "announced-without-row",
            what: "a record announces a row that was never asked for",
            expect: Kinds(&[Kind::RecordWithoutRow]),
            also: &[],
            because: "",
            make: without_row,
        },
        Mutation {
            name: "sink-offset-behind",
            what: "the offset in a table is behind the rows that are there",
            expect: Kinds(&[Kind::SinkOffsetBehind]),
            also: &[Kind::Unprocessed],
            because: "by its offset the inputs are still to come",
            make: offset_behind,
        },
        Mutation {
            name: "effect-failed-falsely",
            what: "an effect failed for certain, and it is there",
            expect: Kinds(&[Kind::FalseFailure]),
            also: &[],
            because: "",
            make: failed_falsely,
        },
    ]
}

/// Sinks of a kind that were read in the end and are promised exactly once.
fn strict(past: &Past, kind: SinkKind) -> Vec<u32> {
    let is = |s: &&ExternalSink<'_>| s.kind == kind && past.is_strict_sink(s.id) && past.sink_ends.contains_key(&s.id);
    past.sinks.values().filter(is).map(|s| s.id).collect()
}

/// A row goes, and those after it get its number.
fn remove_row(past: &Past, edit: &mut Edit<'_>, sink: u32, n: usize) {
    let rows = &past.rows[&sink];
    edit.remove(rows[n].0);
    for (index, row) in &rows[n + 1..] {
        edit.change(*index, Event::SinkFinal(SinkFinal { n: row.n - 1, ..*row }));
    }
}

/// A row's number, its record, and where it was asked for and answered, and how.
type Asked = (usize, Identity, Vec<(usize, usize, Outcome)>);

/// Rows that are there once, with what was asked and answered for each.
fn asked(past: &Past, sink: u32) -> Vec<Asked> {
    let rows = past.rows.get(&sink).cloned().unwrap_or_default();
    let mut found = Vec::new();
    for (n, (_, row)) in rows.iter().enumerate() {
        if rows.iter().filter(|(_, r)| r.id == row.id).count() != 1 {
            continue;
        }
        let of = past.applies.iter().filter(|(_, a, _)| a.sink == sink && a.id == row.id);
        let calls: Option<Vec<_>> = of.map(|(at, _, result)| result.map(|(to, o)| (*at, to, o))).collect();
        if let Some(calls) = calls {
            found.push((n, row.id, calls));
        }
    }
    found
}

fn lost(past: &Past, dice: &mut Dice, kind: SinkKind) -> Option<Mutant> {
    let sink = dice.pick(&strict(past, kind))?;
    if past.sinks[&sink].announced_in.is_some() {
        return None; // what it announces would be missing its row, too
    }
    let ok: Vec<_> = asked(past, sink).into_iter().filter(|a| a.2.iter().any(|c| c.2 == Outcome::Ok)).collect();
    let (n, id, _) = dice.pick(&ok)?;
    let mut edit = Edit::new(past);
    remove_row(past, &mut edit, sink, n);
    Some(Mutant::new(&edit, format!("{sink} {id:?}")).record(id).sink(past, sink).once())
}

fn twice(past: &Past, dice: &mut Dice, kind: SinkKind) -> Option<Mutant> {
    let sink = dice.pick(&strict(past, kind))?;
    let rows = past.rows.get(&sink)?;
    let (_, row) = dice.pick(rows)?;
    let (last, n) = (rows.last()?.0, rows.len() as u64);
    let mut edit = Edit::new(past);
    edit.insert_after(last, Event::SinkFinal(SinkFinal { n, done: None, ..row }));
    Some(Mutant::new(&edit, format!("{sink} {:?}", row.id)).record(row.id).sink(past, sink).once())
}

/// Effects that were answered as done now, each with its record once.
fn twice_by_answers(past: &Past, dice: &mut Dice, kind: SinkKind) -> Option<Mutant> {
    let sink = dice.pick(&strict(past, kind))?;
    let ok = |e: &Event<'_>| match e {
        Event::Applied(e) if e.outcome == Outcome::Ok && !e.already => Some((e.c, e.i, e.op)),
        _ => None,
    };
    let done: std::collections::BTreeSet<_> = past.events.iter().filter_map(ok).collect();
    let now = |a: &&(usize, Apply, Answer)| a.1.sink == sink && done.contains(&(a.1.c, a.1.i, a.1.op));
    let asked: Vec<Apply> = past.applies.iter().filter(now).map(|a| a.1).collect();
    let apply = dice.pick(&asked)?;
    let stopped = |e: &Event<'_>| matches!(e, Event::Stopped(s) if (s.c, s.i) == (apply.c, apply.i));
    // Of a second effect that was there by itself it would be a third.
    if past.events.iter().any(stopped) || asked.iter().filter(|a| a.id == apply.id).count() > 1 {
        return None;
    }
    let (c, i) = (apply.c, apply.i);
    let op = past.applies.iter().filter(|(_, a, _)| (a.c, a.i) == (c, i)).map(|(_, a, _)| a.op).max()? + 1;
    let mut edit = Edit::new(past);
    edit.remove(*past.sink_ends.get(&sink)?);
    past.rows.get(&sink).into_iter().flatten().for_each(|(index, _)| {
        edit.remove(*index);
    });
    let t = edit.now();
    edit.append(Event::Apply(Apply { t, op, ..apply }));
    edit.append(Event::Applied(Applied { t, c, i, op, outcome: Outcome::Ok, already: false, error: "".into() }));
    Some(Mutant::new(&edit, format!("{sink} {:?}", apply.id)).record(apply.id).sink(past, sink).once())
}

fn never_asked_for(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let sink = dice.pick(&strict(past, SinkKind::Rows))?;
    if past.sinks[&sink].announced_in.is_some() {
        return None;
    }
    let (n, id, calls) = dice.pick(&asked(past, sink))?;
    let place = past.finals.values().flatten().find(|(_, f)| f.id == id && f.visible)?.1;
    let groups: Vec<u32> = past.clients.values().filter(|c| c.sinks.contains(&sink)).filter_map(|c| c.group).collect();
    let by_group = groups.iter().any(|g| {
        let moved = past.moved.get(&(*g, place.at)).and_then(|m| m.last());
        moved.is_some_and(|(_, m)| m.offset > place.offset)
    });
    let in_sink = past.sink_offsets.iter().any(|(_, o)| o.sink == sink && o.at == place.at && o.next > place.offset);
    if !by_group && !in_sink {
        return None;
    }
    let mut edit = Edit::new(past);
    remove_row(past, &mut edit, sink, n);
    calls.iter().for_each(|(at, to, _)| {
        edit.remove(*at).remove(*to);
    });
    Some(Mutant::new(&edit, format!("{sink} {id:?}")).record(id).sink(past, sink).once())
}

fn announced(past: &Past) -> Vec<(u32, u32)> {
    let of = strict(past, SinkKind::Rows).into_iter();
    of.filter_map(|s| past.sinks[&s].announced_in.map(|topic| (s, topic))).collect()
}

fn unannounced(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let (sink, topic) = dice.pick(&announced(past))?;
    let of = |s: &&crate::past::Sent| s.place.is_some_and(|(at, _)| at.topic == topic) && s.n.is_none();
    let sent: Vec<_> = past.acked().filter(of).filter(|s| past.copies(s.id) == 1).copied().collect();
    let sent = dice.pick(&sent)?;
    if past.is_grouped(topic) || past.sent.iter().filter(|s| s.id == sent.id).count() != 1 {
        return None;
    }
    past.rows.get(&sink)?.iter().find(|(_, r)| r.id == sent.id)?;
    let mut edit = Edit::new(past);
    edit.blind().unstore(&sent).remove(sent.send).remove(sent.outcome?);
    Some(Mutant::new(&edit, format!("{:?}", sent.id)).record(sent.id).once())
}

fn without_row(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let (sink, topic) = dice.pick(&announced(past))?;
    let (n, id, calls) = dice.pick(&asked(past, sink))?;
    let copies = past.finals.iter().filter(|(at, _)| at.topic == topic).flat_map(|(_, f)| f);
    if copies.filter(|(_, f)| f.id == id && f.visible).count() != 1 {
        return None;
    }
    let mut edit = Edit::new(past);
    remove_row(past, &mut edit, sink, n);
    calls.iter().for_each(|(at, to, _)| {
        edit.remove(*at).remove(*to);
    });
    Some(Mutant::new(&edit, format!("{sink} {id:?}")).record(id).once())
}

fn offset_behind(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let (index, kept) = dice.pick(&past.sink_offsets)?;
    if !past.is_strict_sink(kept.sink) {
        return None;
    }
    let rows = past.rows.get(&kept.sink)?;
    let there = |id: Identity| rows.iter().any(|(_, r)| r.id == id);
    let finals = past.finals.get(&kept.at)?.iter().filter(|(_, f)| f.offset < kept.next && f.visible && there(f.id));
    let back: Vec<i64> = finals.map(|(_, f)| f.offset).rev().take(6).collect();
    let next = dice.pick(&back)?;
    let ids = past.finals[&kept.at].iter().filter(|(_, f)| f.offset >= next && f.visible && there(f.id));
    let ids: Vec<_> = ids.map(|(_, f)| f.id).collect();
    let mut edit = Edit::new(past);
    edit.change(index, Event::SinkOffset(SinkOffset { next, ..kept }));
    let site = format!("{} {:?} {next}", kept.sink, kept.at);
    Some(Mutant::new(&edit, site).records(ids).sink(past, kept.sink))
}

fn failed_falsely(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let kind = if dice.one_in(3) { SinkKind::Charges } else { SinkKind::Rows };
    let sink = dice.pick(&strict(past, kind))?;
    let once: Vec<_> = asked(past, sink).into_iter().filter(|a| a.2.len() == 1 && a.2[0].2 == Outcome::Ok).collect();
    let (_, id, calls) = dice.pick(&once)?;
    let Event::Applied(applied) = &past.events[calls[0].1] else { return None };
    let mut edit = Edit::new(past);
    let failed = Applied { outcome: Outcome::Fail, already: false, error: "rolled back".into(), ..applied.clone() };
    edit.change(calls[0].1, Event::Applied(failed));
    Some(Mutant::new(&edit, format!("{sink} {id:?}")).record(id).sink(past, sink).once())
}
