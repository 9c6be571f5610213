//! Which record is made of which message, told from what is known when everything is over.
//!
//! All records that processes with the same groups sent to one topic are attributed by one kind of evidence, the first that
//! holds for each of them:
//!
//! 1. the test's word ([`made_of`](crate::fencepost::Cluster::made_of));
//! 2. content: the value of exactly one message that the process has been given is the record's, or is part of it;
//! 3. the eye: the task had looked at exactly one message since it last sent;
//! 4. key, then order: as many messages (of the key) precede the records as there are records, between any two commits.
//!
//! Where none holds, nothing is guessed: the records stand for themselves, and the report says what is not judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use fencepost_protocol::batch::Origin;
use fencepost_protocol::ids::{TopicId, TopicPartition};
use fencepost_reports::history::Identity;
use fencepost_sim::embed::Slot;

use super::ledger::{Fact, Given, Ledger, Look, Process, Sent};
use super::{Relations, fingerprint, own_accord};
use crate::message::{Content, OwnedMessage};

/// So many messages are looked through for the one that a record is made of.
const GIVEN: usize = 10_000;
/// So many without a commit, where the content is searched through.
const SEARCHED: usize = 1_000;
/// A shorter value may be part of another one by chance.
const PART: usize = 4;

/// That a group's members make records of one topic out of others: seen, not declared.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub group: Arc<str>,
    pub output: TopicId,
    pub inputs: Vec<TopicId>,
    /// Most records that were made of one input.
    pub most: u16,
}

/// A topic of which records are made of something, and nobody knows of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unattributed {
    pub groups: Vec<Arc<str>>,
    pub output: TopicId,
    pub records: usize,
}

/// What became of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributed {
    /// Of each record that was sent, by its number.
    pub identities: Vec<Identity>,
    pub routes: Vec<Route>,
    pub unattributed: Vec<Unattributed>,
}

/// Inputs of which the test says that nothing is made of them for a topic.
pub(crate) type Skips = BTreeMap<TopicId, Box<dyn Fn(&OwnedMessage) -> bool>>;

/// Message and which of its records.
type Maker = (usize, u16);

/// Tells it.
pub(crate) fn attribute(ledger: &Ledger, relations: &Relations, skips: &Skips) -> Attributed {
    let processes = ledger.runs.len();
    let mut facts: Vec<Vec<&Fact>> = vec![Vec::new(); processes];
    for (process, fact) in &ledger.facts {
        facts[*process].push(fact);
    }
    let groups: Vec<Vec<Arc<str>>> = facts.iter().map(|facts| groups_of(ledger, facts)).collect();
    let mut makers: Vec<Option<Maker>> = vec![None; ledger.sent.len()];
    let mut alone = vec![false; ledger.sent.len()];
    let mut unattributed = Vec::new();
    let mut units: BTreeMap<(&[Arc<str>], TopicId), Vec<Process>> = BTreeMap::new();
    for sent in &ledger.sent {
        let members = units.entry((&groups[sent.process], sent.topic)).or_default();
        if !members.contains(&sent.process) {
            members.push(sent.process);
        }
    }
    for ((groups, output), members) in units {
        if groups.is_empty() {
            continue; // nothing that they send is made of anything
        }
        let unit = Unit { ledger, output, facts: members.iter().map(|p| (*p, &*facts[*p])).collect(), skips };
        match unit.by_any_evidence(relations) {
            Some(found) => found.into_iter().for_each(|(sent, maker)| makers[sent] = Some(maker)),
            None => {
                let mut records = 0;
                for (number, sent) in ledger.sent.iter().enumerate() {
                    if sent.topic == output && members.contains(&sent.process) {
                        alone[number] = true;
                        records += 1;
                    }
                }
                unattributed.push(Unattributed { groups: groups.to_vec(), output, records });
            }
        }
    }
    let mut attributed = Attributed { unattributed, ..Attributed::default() };
    let mut contents = BTreeMap::new();
    for (number, sent) in ledger.sent.iter().enumerate() {
        let identity = match makers[number] {
            Some((message, index)) => attributed.made(&ledger.given[message], sent, index),
            None => {
                // Of the program's own accord: it is known by its content, unless it may be made of something.
                let key = if alone[number] { Err(number) } else { Ok(fingerprint(&sent.content)) };
                let next = contents.len() as i64;
                Identity::of_workload(own_accord(sent.topic), *contents.entry((sent.topic, key)).or_insert(next))
            }
        };
        attributed.identities.push(identity);
    }
    attributed
}

fn groups_of(ledger: &Ledger, facts: &[&Fact]) -> Vec<Arc<str>> {
    let mut groups: Vec<Arc<str>> = Vec::new();
    for fact in facts {
        if let Fact::Given(number) = fact
            && let Some(group) = &ledger.given[*number].group
            && !groups.contains(group)
        {
            groups.push(group.clone());
        }
    }
    groups.sort();
    groups
}

impl Attributed {
    fn made(&mut self, of: &Given, sent: &Sent, index: u16) -> Identity {
        let group = of.group.clone().expect("what is attributed to has a group");
        let found = self.routes.iter().position(|r| r.group == group && r.output == sent.topic);
        let number = found.unwrap_or_else(|| {
            self.routes.push(Route { group, output: sent.topic, inputs: Vec::new(), most: 0 });
            self.routes.len() - 1
        });
        let route = &mut self.routes[number];
        if !route.inputs.contains(&of.tp.topic) {
            route.inputs.push(of.tp.topic);
        }
        route.most = route.most.max(index + 1);
        let (source, partition) = (of.tp.topic.0, of.tp.partition);
        Identity { source, partition, offset: of.offset, stage: number as u16 + 1, index }
    }
}

/// Why a record could not be attributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NoEvidence;

/// How the message of a record is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    Content,
    Eye,
    /// Content where there is any, else the eye.
    Both,
    Key,
    Order,
}

impl Evidence {
    /// It says something only where nothing was left out.
    fn is_order(self) -> bool {
        matches!(self, Evidence::Key | Evidence::Order)
    }
}

/// Takes the first record with this content out of a list.
fn same_record(ledger: &Ledger, list: &mut Vec<(usize, Maker)>, record: &Sent) -> Option<Maker> {
    let at = list.iter().position(|(sent, _)| ledger.sent[*sent].content.is_same_record(&record.content))?;
    Some(list.remove(at).1)
}

/// Records for one topic, of processes with the same groups.
struct Unit<'l> {
    ledger: &'l Ledger,
    output: TopicId,
    facts: Vec<(Process, &'l [&'l Fact])>,
    skips: &'l Skips,
}

impl Unit<'_> {
    fn by_any_evidence(&self, relations: &Relations) -> Option<Vec<(usize, Maker)>> {
        if let Some(relation) = relations.get(&self.output) {
            return Some(self.by_word(relation));
        }
        [Evidence::Content, Evidence::Eye, Evidence::Both, Evidence::Key, Evidence::Order]
            .into_iter()
            .find_map(|evidence| self.by(evidence).ok())
    }

    /// By what the test says; what fits nothing is of the program's own accord.
    fn by_word(&self, relation: &dyn Fn(&OwnedMessage, &OwnedMessage) -> bool) -> Vec<(usize, Maker)> {
        let owned = |content: &Content| OwnedMessage::of(content.clone());
        let mut found = Vec::new();
        for (_, facts) in &self.facts {
            let mut given: Vec<(usize, OwnedMessage, u16)> = Vec::new();
            for fact in *facts {
                match fact {
                    Fact::Given(number) if self.ledger.given[*number].group.is_some() => {
                        given.push((*number, owned(&self.ledger.given[*number].content), 0));
                    }
                    Fact::Sent(number) if self.ledger.sent[*number].topic == self.output => {
                        let output = owned(&self.ledger.sent[*number].content);
                        let fits = given.iter_mut().rev().take(GIVEN).find(|(_, input, _)| relation(input, &output));
                        if let Some((message, _, made)) = fits {
                            found.push((*number, (*message, *made)));
                            *made += 1;
                        }
                    }
                    _ => {}
                }
            }
        }
        found
    }

    fn by(&self, evidence: Evidence) -> Result<Vec<(usize, Maker)>, NoEvidence> {
        let mut found = Vec::new();
        for (process, facts) in &self.facts {
            let mut desk = Desk::new(self, evidence);
            for fact in *facts {
                desk.take(fact)?;
            }
            if self.ledger.runs[*process] && evidence.is_order() {
                desk.nothing_was_left_out()?;
            }
            found.append(&mut desk.found);
        }
        Ok(found)
    }
}

/// What lies before one process.
struct Desk<'u> {
    unit: &'u Unit<'u>,
    evidence: Evidence,
    /// Messages that have not been committed past.
    waiting: Vec<usize>,
    /// How many records were made of each message since it was given, or since a transaction was given up.
    made: BTreeMap<usize, u16>,
    found: Vec<(usize, Maker)>,
    /// What each task sent last is made of.
    last_of_task: BTreeMap<u64, usize>,
    /// Records that failed and were not sent again.
    failed: Vec<(usize, Maker)>,
    /// Those of transactions that were given up.
    given_up: Vec<(usize, Maker)>,
    /// Records since the last commit or abort.
    recent: Vec<(usize, Maker)>,
    /// How many messages had been given when the last record was sent.
    given_at_last_send: usize,
    given: usize,
}

impl<'u> Desk<'u> {
    fn new(unit: &'u Unit<'u>, evidence: Evidence) -> Desk<'u> {
        Desk {
            unit,
            evidence,
            waiting: Vec::new(),
            found: Vec::new(),
            made: BTreeMap::new(),
            last_of_task: BTreeMap::new(),
            failed: Vec::new(),
            given_up: Vec::new(),
            recent: Vec::new(),
            given_at_last_send: 0,
            given: 0,
        }
    }

    fn message(&self, number: usize) -> &'u Given {
        &self.unit.ledger.given[number]
    }

    fn record(&self, number: usize) -> &'u Sent {
        &self.unit.ledger.sent[number]
    }

    fn take(&mut self, fact: &Fact) -> Result<(), NoEvidence> {
        match fact {
            Fact::Given(number) => {
                let message = self.message(*number);
                if message.group.is_some() && !self.is_skipped(message) {
                    // What is given once more begins anew.
                    let given = &self.unit.ledger.given;
                    self.waiting.retain(|w| (given[*w].tp, given[*w].offset) != (message.tp, message.offset));
                    self.waiting.push(*number);
                    self.given += 1;
                }
            }
            Fact::Sent(number) if self.record(*number).topic == self.unit.output => self.send(*number)?,
            Fact::Failed(number) if self.record(*number).topic == self.unit.output => {
                if let Some(at) = self.recent.iter().position(|(sent, _)| sent == number) {
                    self.failed.push(self.recent.remove(at));
                }
            }
            Fact::Sent(_) | Fact::Failed(_) => {}
            Fact::Commits(offsets) => self.commit(offsets)?,
            Fact::Passes(offsets) => self.pass(offsets),
            Fact::Aborts(client) => {
                let sent = &self.unit.ledger.sent;
                let (given_up, kept) =
                    std::mem::take(&mut self.recent).into_iter().partition(|(n, _)| sent[*n].client == *client);
                self.recent = kept;
                self.failed.retain(|(n, _)| sent[*n].client != *client);
                let given_up: Vec<(usize, Maker)> = given_up;
                for (_, (message, _)) in &given_up {
                    self.made.remove(message);
                }
                self.given_up.extend(given_up);
                if self.evidence.is_order() {
                    self.waiting.clear(); // what is worked on now was given before, or will be given again
                }
            }
        }
        Ok(())
    }

    fn is_skipped(&self, message: &Given) -> bool {
        let skips = self.unit.skips.get(&self.unit.output);
        skips.is_some_and(|skips| skips(&OwnedMessage::of(message.content.clone())))
    }

    fn send(&mut self, number: usize) -> Result<(), NoEvidence> {
        let record = self.record(number);
        let ledger = self.unit.ledger;
        let maker = match same_record(ledger, &mut self.failed, record) {
            Some(maker) => maker,
            None => {
                let message = self.pick(record);
                // The program may have kept what it sends again after a transaction was given up.
                let given_up = || same_record(ledger, &mut self.given_up, record).map(|(message, _)| message);
                let message = message.or_else(given_up).ok_or(NoEvidence)?;
                let made = self.made.entry(message).or_default();
                *made += 1;
                (message, *made - 1)
            }
        };
        self.last_of_task.insert(record.task, maker.0);
        self.found.push((number, maker));
        self.recent.push((number, maker));
        self.given_at_last_send = self.given;
        Ok(())
    }

    fn is_free(&self, message: usize) -> bool {
        self.made.get(&message).is_none_or(|made| *made == 0)
    }

    fn pick(&self, record: &Sent) -> Option<usize> {
        match self.evidence {
            Evidence::Content => {
                let message = self.by_content(record)?;
                // Two kinds of evidence that contradict each other are none.
                match record.look {
                    Look::One(seen) if !self.is_same(seen, message) => None,
                    _ => Some(message),
                }
            }
            Evidence::Eye => self.by_eye(record),
            Evidence::Both => match (self.by_content(record), record.look) {
                (Some(message), Look::One(seen)) => self.is_same(seen, message).then_some(message),
                (Some(message), _) => Some(message),
                (None, _) => self.by_eye(record),
            },
            Evidence::Key => {
                let key = record.content.key.as_ref().filter(|key| !key.is_empty())?;
                self.next(|message| message.content.key.as_ref() == Some(key))
            }
            Evidence::Order => self.next(|_| true),
        }
    }

    fn is_same(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.message(one), self.message(other));
        (one.tp, one.offset) == (other.tp, other.offset)
            || (one.content.payload == other.content.payload && one.content.key == other.content.key)
    }

    /// The first of which nothing has been made.
    fn next(&self, fits: impl Fn(&Given) -> bool) -> Option<usize> {
        self.waiting.iter().copied().find(|w| self.is_free(*w) && fits(self.message(*w)))
    }

    fn by_eye(&self, record: &Sent) -> Option<usize> {
        match record.look {
            Look::One(message) => self.message(message).group.is_some().then_some(message),
            Look::Nothing => self.last_of_task.get(&record.task).copied(),
            Look::Never | Look::Several => None,
        }
    }

    /// The message whose value is the record's; else the one with the longest value that is part of it.
    fn by_content(&self, record: &Sent) -> Option<usize> {
        let value = record.content.payload.as_deref().filter(|value| !value.is_empty())?;
        let searched = &self.waiting[self.waiting.len().saturating_sub(SEARCHED)..];
        let of = |w: usize| self.message(w).content.payload.as_deref().unwrap_or_default();
        let mut best: Vec<usize> = searched.iter().copied().filter(|w| of(*w) == value).collect();
        if best.is_empty() {
            best = searched.iter().copied().filter(|w| of(*w).len() >= PART && contains(value, of(*w))).collect();
            let longest = best.iter().map(|w| of(*w).len()).max()?;
            best.retain(|w| of(*w).len() == longest);
        }
        let first = of(*best.first()?);
        if best.iter().any(|w| of(*w) != first) {
            return None;
        }
        if let Look::One(seen) = record.look
            && best.contains(&seen)
        {
            return Some(seen);
        }
        let key = record.content.key.as_deref().filter(|key| !key.is_empty());
        if best.iter().any(|w| self.message(*w).content.key.as_deref() == key) {
            best.retain(|w| self.message(*w).content.key.as_deref() == key);
        }
        // Of equal messages one is as good as the other: the first that has had nothing made of it.
        best.iter().find(|w| self.is_free(**w)).or(best.last()).copied()
    }

    fn commit(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), NoEvidence> {
        let is_past = |given: &Given| offsets.iter().any(|(tp, next)| *tp == given.tp && given.offset < *next);
        let given = &self.unit.ledger.given;
        if self.evidence.is_order() && self.waiting.iter().any(|w| self.is_free(*w) && is_past(&given[*w])) {
            return Err(NoEvidence); // more messages than records
        }
        self.pass(offsets);
        self.recent.clear();
        Ok(())
    }

    /// What has been made something of and is committed past is done with.
    fn pass(&mut self, offsets: &[(TopicPartition, i64)]) {
        let (given, made) = (&self.unit.ledger.given, &self.made);
        let is_past = |given: &Given| offsets.iter().any(|(tp, next)| *tp == given.tp && given.offset < *next);
        self.waiting.retain(|w| !made.contains_key(w) || !is_past(&given[*w]));
    }

    /// In the end, what nothing was made of came after the last record: messages that were passed over show that the order
    /// says nothing.
    fn nothing_was_left_out(&self) -> Result<(), NoEvidence> {
        let since = self.given - self.given_at_last_send;
        let free = self.waiting.iter().filter(|w| self.is_free(**w)).count();
        if free > since { Err(NoEvidence) } else { Ok(()) }
    }
}

fn contains(value: &[u8], part: &[u8]) -> bool {
    value.windows(part.len()).any(|window| window == part)
}

/// What the world knows the records by that programs send, before it is known what they are made of: the place of the client and
/// how many were sent from there. So it does not depend on the order in which programs run at one instant.
#[derive(Debug, Default)]
pub(crate) struct Provisional {
    /// Numbers in the ledger, by place.
    sent: BTreeMap<Slot, Vec<usize>>,
}

const PROVISIONAL: u32 = 0x0200_0000;

impl Provisional {
    /// A record is sent.
    pub fn name(&mut self, slot: Slot, number: usize) -> Origin {
        let sent = self.sent.entry(slot).or_default();
        sent.push(number);
        let offset = sent.len() as i64 - 1;
        Origin { source: Origin::SOURCE | PROVISIONAL, partition: slot, offset, stage: 0, index: 0 }
    }

    /// Number in the ledger of a record, if it is one of a program.
    pub fn number_of(&self, id: Identity) -> Option<usize> {
        if id.source != Identity::WORKLOAD | PROVISIONAL {
            return None;
        }
        self.sent.get(&id.partition)?.get(usize::try_from(id.offset).ok()?).copied()
    }
}

#[cfg(test)]
#[path = "attribution_tests.rs"]
mod tests;
