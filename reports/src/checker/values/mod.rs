//! Values: what stands in a log, or was given to a reader, is what its sender sent; what a pipeline wrote is what its
//! function makes of the input.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use indexmap::{IndexMap, IndexSet};

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::{NONE, Slot};
use crate::fast::Fast;
use crate::function::Function;
use crate::history::event::{Client, ClientKind, Final, Read, Send};
use crate::history::{Identity, Partition};
use crate::report::Kind;

/// Cells of a page of the registry, whose order of slots this follows.
const PAGE: usize = 64;

/// The values of a page's records.
#[derive(Clone, Debug, Default)]
struct Page {
    /// None while no value of any of them is known.
    values: Option<Box<[u64; PAGE]>>,
    /// The value is known.
    known: u64,
    /// A sender told it; else what is known is what was seen first.
    sent: u64,
    /// It was seen with this value: visible in the end, or given to a reader.
    seen: u64,
    /// It was found in the end with this value, or given to a pipeline: what is computed from it is computed from this.
    basis: u64,
}

impl Page {
    /// The first value that was sent of a record, or else seen.
    #[inline]
    fn first(&self, within: usize) -> Option<u64> {
        let values = self.values.as_ref().filter(|_| self.known >> within & 1 == 1)?;
        Some(values[within])
    }

    /// Takes a value for that.
    #[inline]
    fn set(&mut self, within: usize, value: u64) {
        self.values.get_or_insert_with(|| Box::new([0; PAGE]))[within] = value;
        self.known |= 1 << within;
    }
}

/// One attempt to send a record whose attempts have several values.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    session: u32,
    /// Its number within the session, as the entries of a log have it.
    op: u32,
    value: u64,
}

/// What stands, or was read, at a place.
#[derive(Clone, Copy, Debug)]
struct Other {
    slot: Slot,
    value: u64,
    seen: bool,
}

/// Log and offset.
type Place = (u32, i64);

/// Values at places where the record's first one is not all that there is to say.
#[derive(Clone, Debug, Default)]
struct Others {
    /// Of the final read.
    stored: IndexMap<Place, Other, Fast>,
    /// What readers were given, by place, client and value.
    given: BTreeMap<(Place, u32, u64), Slot>,
}

impl Others {
    fn met(&mut self, place: Place, other: Other, witness: Witness) {
        match witness {
            Witness::FinalRead => {
                self.stored.insert(place, other);
            }
            Witness::Reader { client, .. } => {
                self.given.insert((place, client, other.value), other.slot);
            }
        }
    }

    /// What clients were given at a place.
    fn given_at(&self, place: Place) -> impl Iterator<Item = (u32, u64)> {
        let there = self.given.range((place, 0, 0)..=(place, u32::MAX, u64::MAX));
        there.map(|((_, client, value), _)| (*client, *value))
    }

    /// All of them.
    fn all(&self) -> impl Iterator<Item = (Place, Other)> {
        let stored = self.stored.iter().map(|(place, other)| (*place, *other));
        let given = self
            .given
            .iter()
            .map(|((place, _, value), slot)| (*place, Other { slot: *slot, value: *value, seen: true }));
        stored.chain(given)
    }
}

/// A pipeline whose outputs' values are judged.
#[derive(Clone, Debug)]
struct Judged {
    stage: u16,
    inputs: Vec<u32>,
    outputs: Vec<u32>,
    function: Function,
}

/// All that is known of values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    pages: Vec<Page>,
    /// Attempts of records that were sent with several values.
    attempts: IndexMap<Slot, Vec<Attempt>, Fast>,
    others: Others,
    /// Places that were found to have a wrong value: each counts once, whoever reads it.
    wrong: IndexSet<(u32, i64), Fast>,
    judged: Vec<Judged>,
}

/// Whoever met a value.
#[derive(Clone, Copy, Debug)]
enum Witness {
    FinalRead,
    Reader { client: u32, incarnation: u32 },
}

impl Witness {
    /// Whether a pipeline may have computed something from what it met.
    #[inline]
    fn is_basis(self, ev: &Evidence) -> bool {
        match self {
            Witness::FinalRead => true,
            Witness::Reader { client, .. } => ev.client(client).kind == ClientKind::Pipeline,
        }
    }
}

impl Values {
    #[inline]
    fn page(&mut self, slot: Slot) -> &mut Page {
        let number = slot as usize / PAGE;
        if self.pages.len() <= number {
            self.pages.resize_with(number + 1, Page::default);
        }
        &mut self.pages[number]
    }

    /// The first value that was sent of a record, or else seen.
    #[inline]
    fn first(&self, slot: Slot) -> Option<u64> {
        self.pages.get(slot as usize / PAGE)?.first(slot as usize % PAGE)
    }

    /// The same, if it was sent or what is computed from the record may be computed from it.
    #[inline]
    fn basis(&self, slot: Slot) -> Option<u64> {
        let (page, within) = (self.pages.get(slot as usize / PAGE)?, slot as usize % PAGE);
        page.first(within).filter(|_| (page.sent | page.basis) >> within & 1 == 1)
    }

    /// A client was declared.
    pub(crate) fn declare(&mut self, findings: &mut Findings, client: &Client<'_>) {
        let Some(name) = &client.function else { return };
        let Some(function) = Function::from_name(name) else {
            return findings.note(|| {
                format!("the values that {} writes are not judged: no function '{name}' is known", client.name)
            });
        };
        self.judged.push(Judged {
            stage: client.stage,
            inputs: client.inputs.clone(),
            outputs: client.outputs.clone(),
            function,
        });
    }

    /// A record was sent.
    #[inline]
    pub(crate) fn sent(&mut self, ev: &mut Evidence, e: &Send) {
        let Some(value) = e.value else { return };
        let slot = ev.records.slot(e.id, e.topic);
        let (within, page) = (slot as usize % PAGE, self.page(slot));
        let bit = 1 << within;
        if page.sent & bit == 0 {
            page.set(within, value);
            page.sent |= bit;
        } else if page.first(within) != Some(value) {
            self.sent_otherwise(ev, e, slot, value);
        }
    }

    #[cold]
    fn sent_otherwise(&mut self, ev: &mut Evidence, e: &Send, slot: Slot, value: u64) {
        let session = ev.session(e.c, e.i);
        let first = ev.sessions[session as usize].first_op.unwrap_or(e.op);
        let op = u32::try_from(e.op.saturating_sub(first)).unwrap_or(u32::MAX);
        self.attempts.entry(slot).or_default().push(Attempt { session, op, value });
    }

    /// A record was given to a reader.
    #[inline]
    pub(crate) fn read(&mut self, ev: &mut Evidence, findings: &mut Findings, e: &Read) {
        if let Some(value) = e.value {
            let witness = Witness::Reader { client: e.c, incarnation: e.i };
            self.met(ev, findings, (e.at, e.offset, e.id), value, true, witness);
        }
    }

    /// A record was found in the end.
    #[inline]
    pub(crate) fn stands(&mut self, ev: &mut Evidence, findings: &mut Findings, e: &Final) {
        if let Some(value) = e.value {
            self.met(ev, findings, (e.at, e.offset, e.id), value, e.visible, Witness::FinalRead);
        }
    }

    #[inline]
    fn met(
        &mut self,
        ev: &mut Evidence,
        findings: &mut Findings,
        (at, offset, id): (Partition, i64, Identity),
        value: u64,
        seen: bool,
        witness: Witness,
    ) {
        let slot = ev.records.slot(id, at.topic);
        let (within, page) = (slot as usize % PAGE, self.page(slot));
        let bit = 1 << within;
        if page.known & bit == 0 {
            page.set(within, value);
        }
        let same = page.first(within) == Some(value);
        if same {
            page.seen |= if seen { bit } else { 0 };
            page.basis |= if witness.is_basis(ev) { bit } else { 0 };
        }
        if same && self.attempts.is_empty() {
            return;
        }
        let log = ev.log(at);
        match self.attempts.get(&slot) {
            None if same => {}
            Some(attempts) if same || attempts.iter().any(|attempt| attempt.value == value) => {
                self.others.met((log, offset), Other { slot, value, seen }, witness); // which attempt it is is known in the end
            }
            _ => {
                self.others.met((log, offset), Other { slot, value, seen }, witness);
                self.differs(ev, findings, (log, offset), slot, value, witness);
            }
        }
    }

    /// What is at a place is not what its sender sent.
    #[cold]
    fn differs(
        &mut self,
        ev: &Evidence,
        findings: &mut Findings,
        place: Place,
        slot: Slot,
        value: u64,
        witness: Witness,
    ) {
        if !self.wrong.insert(place) {
            return;
        }
        let (log, offset) = place;
        let (page, within) = (&self.pages[slot as usize / PAGE], slot as usize % PAGE);
        let first = page.first(within).expect("it was noted when the record was first met");
        findings.add(&ev.promises, Kind::WrongValue, Some(ev.logs[log as usize].at.topic), 1, || {
            let how = match witness {
                Witness::FinalRead => format!("stands at {}", ev.place(log, offset)),
                Witness::Reader { client, incarnation } => {
                    format!("was given to {} at {}", ev.incarnation_name(client, incarnation), ev.place(log, offset))
                }
            };
            let (first, name) = (shown(first), ev.slot_name(slot));
            let told = if page.sent >> within & 1 == 1 { "was sent with" } else { "was first seen with" };
            let mut proof =
                ev.proof(slot, &[place], format!("{name} {how} with the value {}, and {told} {first}", shown(value)));
            if let Witness::Reader { client, incarnation } = witness {
                proof.clients.push((ev.client(client).name.clone(), incarnation));
            }
            proof
        });
    }

    /// Which attempts were acknowledged where is known now, and what the inputs were.
    pub(crate) fn close(mut self, ev: &Evidence, findings: &mut Findings) {
        let others = core::mem::take(&mut self.others);
        for (place, other) in others.all() {
            self.acknowledged(ev, findings, place, other);
        }
        if self.judged.is_empty() {
            return;
        }
        for (number, page) in self.pages.iter().enumerate() {
            let (first, mut seen) = ((number * PAGE) as Slot, page.seen);
            if seen == 0 {
                continue;
            }
            let Some(making) = self.making_of(ev, first, &others) else { continue };
            while seen != 0 {
                let within = seen.trailing_zeros();
                seen &= seen - 1;
                if let Some(value) = page.first(within as usize) {
                    self.made(&making, i64::from(within), (first + within, value), findings, None);
                }
            }
        }
        let mut met: IndexSet<Place, Fast> = IndexSet::default();
        for (place, other) in others.all() {
            // What is not as it was sent was reported as that. Each place counts once: as it stands, or else as it was given.
            if other.seen
                && !self.wrong.contains(&place)
                && self.first(other.slot) != Some(other.value)
                && met.insert(place)
                && let Some(making) = self.making_of(ev, other.slot, &others)
            {
                self.made(&making, 0, (other.slot, other.value), findings, Some(place));
            }
        }
    }

    /// A record whose attempts have several values: at an acknowledged place is that of the attempt that was acknowledged.
    fn acknowledged(&mut self, ev: &Evidence, findings: &mut Findings, place: (u32, i64), other: Other) {
        let Some(attempts) = self.attempts.get(&other.slot) else { return };
        let entry = ev.logs[place.0 as usize].entries.get(place.1);
        if entry.session == NONE || entry.slot != other.slot {
            return;
        }
        let attempt = attempts.iter().find(|attempt| (attempt.session, attempt.op) == (entry.session, entry.op));
        let Some(told) = attempt.map(|attempt| attempt.value).or_else(|| self.first(other.slot)) else { return };
        if told == other.value || !self.wrong.insert(place) {
            return;
        }
        let topic = ev.logs[place.0 as usize].at.topic;
        findings.add(&ev.promises, Kind::WrongValue, Some(topic), 1, || {
            let sentence = format!(
                "{} is at {} with the value {}, but what was acknowledged there had been sent with {}",
                ev.slot_name(other.slot),
                ev.place(place.0, place.1),
                shown(other.value),
                shown(told)
            );
            ev.proof(other.slot, &[place], sentence)
        });
    }

    /// How a record was made, if the values that its pipeline makes are judged.
    fn making_of<'a>(&'a self, ev: &'a Evidence, slot: Slot, others: &'a Others) -> Option<Making<'a>> {
        let (id, topic) = ev.records.identity(slot);
        if id.is_workload() {
            return None;
        }
        let made_it = |j: &&Judged| j.stage == id.stage && j.outputs.contains(&topic) && j.inputs.contains(&id.source);
        let judged = self.judged.iter().find(made_it)?;
        let source = &ev.topics[id.source as usize];
        let input = source.first_log + id.partition;
        (id.partition < source.partitions).then_some(Making { ev, others, judged, topic, input, offset: id.offset })
    }

    /// A pipeline's output was seen with a value. Its input is so far behind the one that the making begins with.
    #[inline]
    fn made(
        &self,
        making: &Making<'_>,
        behind: i64,
        (slot, value): (Slot, u64),
        findings: &mut Findings,
        place: Option<(u32, i64)>,
    ) {
        let Making { ev, others, judged, input, .. } = *making;
        let Some(offset) = making.offset.checked_add(behind).filter(|offset| *offset >= 0) else { return };
        let input_slot = ev.logs[input as usize].entries.get(offset).slot;
        if input_slot == NONE {
            return;
        }
        let from = (input, offset);
        let stored = others.stored.get(&from).map(|other| other.value);
        let Some(input_value) = stored.or_else(|| self.basis(input_slot)).or_else(|| making.given(from).next()) else {
            return;
        };
        let expected = judged.function.apply(input_value);
        // Where the pipeline itself was given another value, that has been named as what is wrong, or is another attempt's. Where
        // what stands is wrong, it may have been given what was sent.
        let follows = |given: u64| judged.function.apply(given) == value;
        let as_sent = || self.wrong.contains(&from) && self.basis(input_slot).is_some_and(follows);
        if value != expected && !making.given(from).any(follows) && !as_sent() {
            making.report(findings, slot, place, input_slot, [value, input_value, expected]);
        }
    }
}

/// How a page of outputs was made: its pipeline, and where the input of the first of them is.
struct Making<'a> {
    ev: &'a Evidence,
    others: &'a Others,
    judged: &'a Judged,
    topic: u32,
    input: u32,
    offset: i64,
}

impl Making<'_> {
    /// What the pipeline itself was given at a place, where that is not all the same.
    fn given(&self, place: Place) -> impl Iterator<Item = u64> {
        let Making { ev, others, judged, .. } = *self;
        let own = move |client: u32| {
            let client = ev.client(client);
            client.kind == ClientKind::Pipeline && client.stage == judged.stage && client.inputs == judged.inputs
        };
        others.given_at(place).filter(move |(client, _)| own(*client)).map(|(_, value)| value)
    }

    #[cold]
    fn report(
        &self,
        findings: &mut Findings,
        slot: Slot,
        place: Option<(u32, i64)>,
        input_slot: Slot,
        [value, input_value, expected]: [u64; 3],
    ) {
        let Making { ev, judged, topic, .. } = *self;
        findings.add(&ev.promises, Kind::WrongValue, Some(topic), 1, || {
            let place = place.or_else(|| place_of(ev, slot));
            let at = place.map_or_else(String::new, |(log, offset)| format!(" at {}", ev.place(log, offset)));
            let sentence = format!(
                "{}{at} has the value {}, but {} of {} (value {}) is {}",
                ev.slot_name(slot),
                shown(value),
                judged.function.name(),
                ev.slot_name(input_slot),
                shown(input_value),
                shown(expected)
            );
            let places: Vec<_> = place.into_iter().collect();
            ev.proof(slot, &places, sentence)
        });
    }
}

/// Where a record stands, or was read. Looks through the logs: for proofs only.
fn place_of(ev: &Evidence, slot: Slot) -> Option<(u32, i64)> {
    let topic = &ev.topics[ev.records.identity(slot).1 as usize];
    let logs = topic.first_log..topic.first_log + topic.partitions;
    let visible = logs.clone().find_map(|log| {
        let info = &ev.logs[log as usize];
        info.visible.iter().find(|offset| info.entries.get(*offset).slot == slot).map(|offset| (log, offset))
    });
    visible.or_else(|| {
        logs.clone().find_map(|log| {
            ev.logs[log as usize].entries.pages().find_map(|(first, page)| {
                page.iter().position(|entry| entry.slot == slot).map(|within| (log, first + within as i64))
            })
        })
    })
}

/// A fingerprint for people.
fn shown(value: u64) -> String {
    format!("{value:016x}")
}
