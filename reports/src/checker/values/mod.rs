//! Values: what stands in a log, or was given to a reader, is what its sender sent; what a pipeline wrote is what its
//! function makes of the input.

#[cfg(test)]
mod tests;

use indexmap::{IndexMap, IndexSet};

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::{Fast, NONE, Slot};
use crate::function::Function;
use crate::history::event::{Client, Final, Read, Send};
use crate::history::{Identity, Partition};
use crate::report::Kind;

/// Cells of a page of the registry, whose order of slots this follows.
const PAGE: usize = 64;

/// The values of a page's records.
#[derive(Clone, Debug)]
struct Page {
    values: [u64; PAGE],
    /// The value is known.
    known: u64,
    /// A sender told it; else what is known is what was seen first.
    sent: u64,
    /// It was seen with this value: visible in the end, or given to a reader.
    seen: u64,
}

const EMPTY: Page = Page { values: [0; PAGE], known: 0, sent: 0, seen: 0 };

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
    #[expect(clippy::vec_box, reason = "growth moves pointers, not pages")]
    pages: Vec<Option<Box<Page>>>,
    /// Attempts of records that were sent with several values.
    attempts: IndexMap<Slot, Vec<Attempt>, Fast>,
    /// Values at places where the record's first one is not all that there is to say.
    others: IndexMap<(u32, i64), Other, Fast>,
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

impl Values {
    fn page(&mut self, slot: Slot) -> &mut Page {
        let number = slot as usize / PAGE;
        if self.pages.len() <= number {
            self.pages.resize_with(number + 1, || None);
        }
        self.pages[number].get_or_insert_with(|| Box::new(EMPTY))
    }

    /// The first value that was sent of a record, or else seen.
    fn first(&self, slot: Slot) -> Option<u64> {
        let page = self.pages.get(slot as usize / PAGE)?.as_ref()?;
        let within = slot as usize % PAGE;
        (page.known >> within & 1 == 1).then(|| page.values[within])
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
            page.values[within] = value;
            page.known |= bit;
            page.sent |= bit;
        } else if page.values[within] != value {
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
            page.values[within] = value;
            page.known |= bit;
        }
        let same = page.values[within] == value;
        if same && seen {
            page.seen |= bit;
        }
        if same && self.attempts.is_empty() {
            return;
        }
        let log = ev.log(at);
        match self.attempts.get(&slot) {
            None if same => {}
            Some(attempts) if same || attempts.iter().any(|attempt| attempt.value == value) => {
                self.others.insert((log, offset), Other { slot, value, seen }); // which attempt it is is known in the end
            }
            _ => {
                self.others.insert((log, offset), Other { slot, value, seen });
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
        place: (u32, i64),
        slot: Slot,
        value: u64,
        witness: Witness,
    ) {
        if !self.wrong.insert(place) {
            return;
        }
        let (log, offset) = place;
        let page = self.pages[slot as usize / PAGE].as_ref().expect("its first value was noted");
        let within = slot as usize % PAGE;
        findings.add(&ev.promises, Kind::WrongValue, Some(ev.logs[log as usize].at.topic), 1, || {
            let how = match witness {
                Witness::FinalRead => format!("stands at {}", ev.place(log, offset)),
                Witness::Reader { client, incarnation } => {
                    format!("was given to {} at {}", ev.incarnation_name(client, incarnation), ev.place(log, offset))
                }
            };
            let (first, name) = (shown(page.values[within]), ev.slot_name(slot));
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
        for (place, other) in &others {
            self.acknowledged(ev, findings, *place, *other);
        }
        if self.judged.is_empty() {
            return;
        }
        for number in 0..self.pages.len() {
            let Some(page) = &self.pages[number] else { continue };
            let (first, mut seen) = ((number * PAGE) as Slot, page.seen);
            let Some(judged) = self.judged_of(ev, first).filter(|_| seen != 0) else { continue };
            while seen != 0 {
                let within = seen.trailing_zeros();
                seen &= seen - 1;
                self.made(ev, findings, judged, first + within, page.values[within as usize], &others, None);
            }
        }
        for (place, other) in &others {
            // What is not as it was sent was reported as that.
            if other.seen && !self.wrong.contains(place) && self.first(other.slot) != Some(other.value) {
                let Some(judged) = self.judged_of(ev, other.slot) else { continue };
                self.made(ev, findings, judged, other.slot, other.value, &others, Some(*place));
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

    /// The pipeline that made a record, if the values that it makes are judged.
    fn judged_of(&self, ev: &Evidence, slot: Slot) -> Option<&Judged> {
        let (id, topic) = ev.records.identity(slot);
        if id.is_workload() {
            return None;
        }
        let made_it = |j: &&Judged| j.stage == id.stage && j.outputs.contains(&topic) && j.inputs.contains(&id.source);
        self.judged.iter().find(made_it)
    }

    /// A pipeline's output was seen with a value.
    #[expect(clippy::too_many_arguments, reason = "what there is to say of one place")]
    fn made(
        &self,
        ev: &Evidence,
        findings: &mut Findings,
        judged: &Judged,
        slot: Slot,
        value: u64,
        others: &IndexMap<(u32, i64), Other, Fast>,
        place: Option<(u32, i64)>,
    ) {
        let (id, topic) = ev.records.identity(slot);
        let source = &ev.topics[id.source as usize];
        if id.partition >= source.partitions || id.offset < 0 {
            return;
        }
        let input = (source.first_log + id.partition, id.offset);
        let input_slot = ev.logs[input.0 as usize].entries.get(input.1).slot;
        if input_slot == NONE {
            return;
        }
        let Some(input_value) = others.get(&input).map(|other| other.value).or_else(|| self.first(input_slot)) else {
            return;
        };
        let expected = judged.function.apply(input_value);
        if value == expected {
            return;
        }
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
