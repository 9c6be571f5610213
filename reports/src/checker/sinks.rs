//! Sinks outside the log: rows and charges that happened twice, or never (and a table against the topic that announces it).
//!
//! What a sink has in the end decides. Where nobody read it, only what was answered counts: two answers that each say
//! "done now" are two effects, and of what has no answer nothing is known.

use indexmap::IndexMap;

use super::consumers::Consumers;
use super::evidence::Evidence;
use super::findings::Findings;
use super::paged::Bits;
use super::registry::*;
use super::sink_offset;
use super::state::{Effect, SinkInfo};
use crate::fast::Fast;
use crate::history::Identity;
use crate::history::event::{Applied, Apply, ExternalSink, Outcome, SinkEnd, SinkFinal, SinkKind, SinkOffset};
use crate::report::{Kind, Proof, SinkAccount};
use crate::words::seconds;

/// Cells of which something is kept for proofs while the history streams by.
const SHOWN: usize = 6;

pub(crate) fn declare(ev: &mut Evidence, e: &ExternalSink<'_>) {
    let id = e.id as usize;
    if ev.sinks.len() <= id {
        ev.sinks.resize(id + 1, None);
    }
    ev.sinks[id] = Some(SinkInfo {
        name: e.name.to_string(),
        kind: e.kind,
        announced_in: e.announced_in,
        read: false,
        effects: Vec::new(),
        offsets: IndexMap::default(),
        asked: false,
        again: 0,
        first_again: Vec::new(),
    });
}

fn sink(ev: &mut Evidence, sink: u32) -> &mut SinkInfo {
    ev.sinks[sink as usize].as_mut().expect("sinks are declared before they are used")
}

pub(crate) fn apply(ev: &mut Evidence, e: &Apply) {
    let session = ev.session(e.c, e.i);
    sink(ev, e.sink).asked = true;
    let slot = ev.effects.slot(e.id, e.sink);
    let cell = ev.effects.cell_mut(slot);
    cell.flags |= if cell.is(SENT) { RESENT } else { SENT };
    ev.sessions[session as usize].applies.insert(e.op, slot);
}

pub(crate) fn applied(ev: &mut Evidence, findings: &mut Findings, e: &Applied<'_>) {
    let session = ev.session(e.c, e.i);
    let Some(slot) = ev.sessions[session as usize].applies.remove(&e.op) else {
        let name = ev.incarnation_name(e.c, e.i);
        return findings.note(|| format!("{name} has an answer to effect {}, which it did not ask for", e.op));
    };
    let cell = ev.effects.cell_mut(slot);
    match e.outcome {
        Outcome::Ok if e.already => cell.flags |= FIRM,
        Outcome::Ok => {
            let again = cell.is(FRESH);
            cell.flags |= FIRM | FRESH;
            if again {
                let number = ev.effects.identity(slot).1;
                let sink = sink(ev, number);
                sink.again += 1;
                if sink.first_again.len() < SHOWN {
                    sink.first_again.push(slot);
                }
            }
        }
        Outcome::Fail => cell.flags |= FAILED,
        Outcome::Unknown => cell.flags |= MAYBE,
    }
}

pub(crate) fn end(ev: &mut Evidence, e: &SinkEnd) {
    sink(ev, e.sink).read = true;
}

pub(crate) fn record(ev: &mut Evidence, e: &SinkFinal) {
    let slot = ev.effects.slot(e.id, e.sink);
    let cell = ev.effects.cell_mut(slot);
    cell.copies = cell.copies.saturating_add(1);
    sink(ev, e.sink).effects.push(Effect { slot, number: e.n, done: e.done, client: e.c });
}

/// What a sink is called, if there is one of that number.
pub(crate) fn title(ev: &Evidence, sink: u32) -> Option<String> {
    let info = ev.sinks.get(sink as usize)?.as_ref()?;
    Some(SinkAccount { name: info.name.clone(), kind: info.kind, ..SinkAccount::default() }.title())
}

/// Whether a sink was read in the end.
pub(crate) fn was_read(ev: &Evidence, sink: u32) -> bool {
    ev.sinks[sink as usize].as_ref().is_some_and(|info| info.read)
}

/// The offset of a log that consumers keep in a sink.
pub(crate) fn kept(ev: &Evidence, sink: u32, log: u32) -> Option<i64> {
    ev.sinks[sink as usize].as_ref()?.offsets.get(&log).copied()
}

/// Whether the effect of a record is done, as far as that is known. What was answered as done and is not there is another
/// matter.
pub(crate) fn is_done(ev: &Evidence, sink: u32, id: Identity) -> Option<bool> {
    let cell = ev.effects.find(id, sink).map(|slot| ev.effects.cell(slot)).unwrap_or_default();
    if cell.copies > 0 || cell.is(FIRM) {
        return Some(true);
    }
    let may_be = cell.is(MAYBE) || cell.is(SENT) && !cell.is(FAILED);
    (was_read(ev, sink) || !may_be).then_some(false)
}

pub(crate) fn offset(ev: &mut Evidence, e: &SinkOffset) {
    let log = ev.log(e.at);
    sink(ev, e.sink).offsets.insert(log, e.next);
}

/// Judges every sink; their accounts, in order of their numbers.
pub(crate) fn close(ev: &mut Evidence, findings: &mut Findings, consumers: &Consumers) -> Vec<SinkAccount> {
    for session in &mut ev.sessions {
        for slot in core::mem::take(&mut session.applies).into_values() {
            ev.effects.cell_mut(slot).flags |= MAYBE;
        }
    }
    let mut accounts = Vec::new();
    for number in 0..ev.sinks.len() as u32 {
        let Some(info) = ev.sinks[number as usize].take() else { continue };
        if !info.read {
            let name = &info.name;
            findings.note(|| format!("{name} was not read in the end: only what was answered is judged"));
        }
        let mut account = SinkAccount { name: info.name.clone(), kind: info.kind, ..SinkAccount::default() };
        let past = expect(ev, consumers, number, &info);
        count(ev, findings, number, &info, &past, &mut account);
        copies(ev, findings, number, &info);
        account.leaked = of_aborted(ev, findings, number, &info);
        sink_offset::close(ev, findings, number, &info);
        announced(ev, findings, number, &info);
        accounts.push(account);
    }
    accounts
}

/// How somebody knows that records below an offset are done with.
#[derive(Clone, Debug)]
struct Past {
    log: u32,
    next: i64,
    /// The group that committed it; none: the sink itself keeps it.
    group: Option<u32>,
}

/// Marks what must be there: every visible input below the offset that its consumers have committed.
fn expect(ev: &mut Evidence, consumers: &Consumers, number: u32, info: &SinkInfo) -> Vec<Past> {
    // By log, then by group.
    let mut past: IndexMap<(u32, Option<u32>), Past, Fast> =
        info.offsets.iter().map(|(log, next)| ((*log, None), Past { log: *log, next: *next, group: None })).collect();
    for client in ev.clients.iter().flatten().filter(|client| client.sinks.contains(&number)) {
        let Some(group) = client.group else { continue };
        for topic in &client.inputs {
            let info = &ev.topics[*topic as usize];
            for log in info.first_log..info.first_log + info.partitions {
                let next = ev.groups[group as usize].logs.get(&log).and_then(|log| log.committed()).unwrap_or(0);
                if !past.contains_key(&(log, None)) {
                    past.entry((log, Some(group))).or_insert(Past { log, next, group: Some(group) });
                }
            }
        }
    }
    let past: Vec<Past> = past.into_values().collect();
    for p in &past {
        let log = &ev.logs[p.log as usize];
        // What a group skips, or never took, is not owed by its commits.
        let began = p.group.and_then(|group| consumers.began(group, p.log)).unwrap_or(0);
        let skips = |offset: i64| offset < began || p.group.is_some_and(|group| consumers.skips(group, p.log, offset));
        for offset in log.visible.iter().take_while(|offset| *offset < p.next) {
            if skips(offset) {
                continue;
            }
            let (id, _) = ev.records.identity(log.entries.get(offset).slot);
            let slot = ev.effects.slot(id, number);
            ev.effects.cell_mut(slot).flags |= EXPECTED;
        }
    }
    past
}

fn count(
    ev: &Evidence,
    findings: &mut Findings,
    number: u32,
    info: &SinkInfo,
    past: &[Past],
    account: &mut SinkAccount,
) {
    let mut distinct = 0;
    for (slot, _, cell) in ev.effects.cells().filter(|(_, sink, _)| *sink == number) {
        let there = cell.copies > 0;
        if cell.is(FIRM | EXPECTED) || there && cell.is(SENT) {
            account.input += 1;
        }
        distinct += u64::from(there);
        if !info.read {
            continue;
        }
        if !there && cell.is(FIRM | EXPECTED) {
            account.lost += 1;
            never(ev, findings, number, info, past, slot, cell);
        }
        if there && !cell.is(SENT) && info.asked {
            findings.add_of_sink(&ev.promises, Kind::Phantom, number, 1, || {
                let sentence = format!("{} is in {}, and nobody asked for it", ev.effect_name(info, slot), info.name);
                proof(ev, info, slot, &[], sentence)
            });
        }
        if there && cell.is(FAILED) && !cell.is(FIRM | MAYBE) {
            findings.add_of_sink(&ev.promises, Kind::FalseFailure, number, 1, || {
                let sentence = format!(
                    "{} failed for certain, as its client was told, but is in {}",
                    ev.effect_name(info, slot),
                    info.name
                );
                proof(ev, info, slot, &[], sentence)
            });
        }
    }
    account.visible = info.effects.len() as u64;
    account.duplicates = if info.read { account.visible - distinct } else { info.again };
}

fn proof(ev: &Evidence, info: &SinkInfo, slot: Slot, effects: &[Effect], sentence: String) -> Proof {
    let mut clients: Vec<(String, u32)> = Vec::new();
    for client in effects.iter().filter_map(|e| e.client) {
        let id = (ev.client(client).name.clone(), 0);
        if !clients.contains(&id) {
            clients.push(id);
        }
    }
    Proof {
        sentence,
        record: Some(ev.effects.identity(slot).0),
        sink: Some(info.name.clone()),
        effects: effects.iter().map(|e| e.number).collect(),
        clients,
        times: effects.iter().filter_map(|e| e.done).collect(),
        ..Proof::default()
    }
}

fn never(ev: &Evidence, findings: &mut Findings, number: u32, info: &SinkInfo, past: &[Past], slot: Slot, cell: Cell) {
    let kind = match info.kind {
        SinkKind::Rows => Kind::RowNever,
        SinkKind::Charges => Kind::ChargeNever,
    };
    findings.add_of_sink(&ev.promises, kind, number, 1, || {
        let (id, _) = ev.effects.identity(slot);
        let input = past.iter().find_map(|p| {
            let place = place_of(ev, p.log, p.next, id)?;
            Some((p, place))
        });
        let sentence = match input {
            Some((p, offset)) if !cell.is(FIRM) => {
                let keeper = match p.group {
                    Some(group) => format!("group {} committed", ev.groups[group as usize].name),
                    None => format!("{} keeps", info.name),
                };
                let asked = if cell.is(SENT) { "" } else { ": nobody asked for it" };
                format!(
                    "{keeper} offset {} of {}, but {} ({}) is not in {}{asked}",
                    p.next,
                    ev.partition_name(p.log),
                    ev.effect_name(info, slot),
                    ev.place(p.log, offset),
                    info.name
                )
            }
            _ => format!("{} was answered, but is not in {}", ev.effect_name(info, slot), info.name),
        };
        proof(ev, info, slot, &[], sentence)
    });
}

/// Where below `next` a record stands. Looks through the log: for proofs only.
fn place_of(ev: &Evidence, log: u32, next: i64, id: Identity) -> Option<i64> {
    let log = &ev.logs[log as usize];
    let same = |offset: &i64| ev.records.identity(log.entries.get(*offset).slot).0 == id;
    log.visible.iter().take_while(|offset| *offset < next).find(same)
}

fn copies(ev: &Evidence, findings: &mut Findings, number: u32, info: &SinkInfo) {
    let kind = match info.kind {
        SinkKind::Rows => Kind::RowTwice,
        SinkKind::Charges => Kind::ChargeTwice,
    };
    let asked = |slot: Slot| {
        let again = ev.effects.cell(slot).is(RESENT);
        if again { "it was asked for more than once" } else { "it was asked for once" }
    };
    if !info.read {
        let mut left = info.again;
        for (n, slot) in info.first_again.iter().enumerate() {
            // Each stands for itself, the last one for those that were not kept as well.
            let last = n + 1 == info.first_again.len();
            let cases = if last { left } else { 1 };
            left -= cases;
            findings.add_of_sink(&ev.promises, kind, number, cases, || {
                let sentence = format!("{} was answered as done now more than once", ev.effect_name(info, *slot));
                proof(ev, info, *slot, &[], sentence)
            });
        }
        return;
    }
    let mut places: IndexMap<Slot, Vec<Effect>, Fast> = IndexMap::default();
    for effect in &info.effects {
        if ev.effects.cell(effect.slot).copies > 1 {
            places.entry(effect.slot).or_default().push(*effect);
        }
    }
    for (slot, effects) in places {
        findings.add_of_sink(&ev.promises, kind, number, effects.len() as u64 - 1, || {
            let place = |e: &Effect| match e.done {
                Some(t) => format!("{}@{} ({})", info.name, e.number, seconds(t)),
                None => format!("{}@{}", info.name, e.number),
            };
            let mut at: Vec<String> = effects.iter().take(SHOWN).map(place).collect();
            if effects.len() > SHOWN {
                at.push(format!("{} more", effects.len() - SHOWN));
            }
            let happened = match info.kind {
                SinkKind::Rows => "is there",
                SinkKind::Charges => "was made",
            };
            let sentence = format!(
                "{} {happened} {} times, at {}; {}",
                ev.effect_name(info, slot),
                effects.len(),
                at.join(", "),
                asked(slot)
            );
            proof(ev, info, slot, &effects[..effects.len().min(SHOWN)], sentence)
        });
    }
}

/// Effects for records of which only aborted copies are left: how many.
fn of_aborted(ev: &Evidence, findings: &mut Findings, number: u32, info: &SinkInfo) -> u64 {
    let mut inputs = Bits::default();
    for client in ev.clients.iter().flatten().filter(|client| client.sinks.contains(&number)) {
        client.inputs.iter().for_each(|topic| {
            inputs.set(i64::from(*topic));
        });
    }
    let mut leaked = 0;
    for topic in inputs.iter() {
        let first = ev.topics[topic as usize].first_log;
        for log in first..first + ev.topics[topic as usize].partitions {
            let info_of_log = &ev.logs[log as usize];
            let Some(end) = info_of_log.end else { continue };
            let hidden = info_of_log.present.missing_from(&info_of_log.visible, 0, end.lso);
            for offset in hidden {
                let record = info_of_log.entries.get(offset).slot;
                let (id, _) = ev.records.identity(record);
                let Some(slot) = ev.effects.find(id, number) else { continue };
                if ev.records.cell(record).copies > 0 || ev.effects.cell(slot).copies == 0 {
                    continue;
                }
                leaked += 1;
                findings.add_of_sink(&ev.promises, Kind::AbortedVisible, number, 1, || {
                    let sentence = format!(
                        "{} is in {}, but the record, at {}, was aborted",
                        ev.effect_name(info, slot),
                        info.name,
                        ev.place(log, offset)
                    );
                    proof(ev, info, slot, &[], sentence)
                });
            }
        }
    }
    leaked
}

/// Every row must be announced in its topic, and nothing else may be.
fn announced(ev: &Evidence, findings: &mut Findings, number: u32, info: &SinkInfo) {
    let Some(topic) = info.announced_in.filter(|topic| info.read && ev.read_to_the_end(*topic)) else { return };
    for (slot, ..) in ev.effects.cells().filter(|(_, sink, cell)| *sink == number && cell.copies > 0) {
        let (id, _) = ev.effects.identity(slot);
        let record = ev.records.find(id, topic).map(|record| ev.records.cell(record));
        if record.is_some_and(|record| record.copies > 0 || record.is(PENDING | GONE)) {
            continue;
        }
        findings.add_of_sink(&ev.promises, Kind::RowWithoutRecord, number, 1, || {
            let effect = info.effects.iter().find(|e| e.slot == slot).expect("a copy is an effect");
            let name = ev.topic_name(topic);
            let sentence = format!(
                "{} is in {}, at {}@{}, but {name} has no record of it",
                ev.effect_name(info, slot),
                info.name,
                info.name,
                effect.number
            );
            proof(ev, info, slot, &[*effect], sentence)
        });
    }
    let first = ev.topics[topic as usize].first_log;
    for log in first..first + ev.topics[topic as usize].partitions {
        for offset in ev.logs[log as usize].visible.iter() {
            let record = ev.logs[log as usize].entries.get(offset).slot;
            let (id, _) = ev.records.identity(record);
            if ev.effects.find(id, number).is_some_and(|slot| ev.effects.cell(slot).copies > 0) {
                continue;
            }
            findings.add_of_sink(&ev.promises, Kind::RecordWithoutRow, number, 1, || {
                let sentence = format!(
                    "{} is at {}, but {} has no row for it",
                    ev.record_name(id),
                    ev.place(log, offset),
                    info.name
                );
                Proof { sink: Some(info.name.clone()), ..ev.proof(record, &[(log, offset)], sentence) }
            });
        }
    }
}
