//! Inputs that their consumers may see and did nothing with.
//!
//! A consumer is a group, or a reader without one. Each record that its isolation level may see in the end is owed to it, and
//! is done with once the consumer has committed past it, once its outputs or effects are there, or once it was read by one
//! that does nothing else. What its consumers declare to skip is skipped. What stands in a transaction that has not ended is
//! pending: the transaction is to blame, not the consumer.

use indexmap::IndexMap;

use super::consumers::{Consumer, Consumers, consumer};
use super::evidence::Evidence;
use super::findings::Findings;
use super::lives::Lives;
use super::owners::Owners;
use super::paged::Bits;
use super::pipelines::{self, Pipeline};
use super::registry::{FIRM, GONE, MAYBE, PENDING};
use super::sinks;
use crate::account::InputAccount;
use crate::fast::Fast;
use crate::history::Identity;
use crate::history::event::{ClientKind, Isolation};
use crate::report::{Kind, Proof};
use crate::words::counted;
use crate::words::seconds;

/// What makes an input of a consumer processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    /// Outputs of the pipeline of that number.
    Outputs(usize),
    /// An effect in that sink.
    Effect(u32),
    /// Nothing but reading it.
    Read,
}

/// A consumer and one topic of what it reads.
#[derive(Clone, Debug)]
struct Unit {
    consumer: Consumer,
    topic: u32,
    isolation: Isolation,
    members: Vec<u32>,
    /// What its members do, each of them all of one of these.
    duties: Vec<Vec<Job>>,
    /// It may do nothing for an input.
    may_skip: bool,
}

fn units(ev: &Evidence, pipelines: &[Pipeline]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for (number, client) in ev.clients.iter().enumerate() {
        let Some(client) = client else { continue };
        if client.kind == ClientKind::Producer {
            continue;
        }
        let number = number as u32;
        let consumer = consumer(ev, number);
        let writes = client.kind == ClientKind::Pipeline && !client.outputs.is_empty() && client.outputs_per_input > 0;
        let pipeline = pipelines.iter().position(|p| Some(p.group) == client.group && p.stage == client.stage);
        let mut jobs: Vec<Job> = pipeline.filter(|_| writes).map(Job::Outputs).into_iter().collect();
        jobs.extend(client.sinks.iter().map(|sink| Job::Effect(*sink)));
        if jobs.is_empty() {
            jobs.push(Job::Read);
        }
        for topic in client.inputs.iter().copied().filter(|topic| !ev.topics[*topic as usize].internal) {
            match units.iter_mut().find(|unit| unit.consumer == consumer && unit.topic == topic) {
                Some(unit) => {
                    if !unit.members.contains(&number) {
                        unit.members.push(number);
                    }
                    unit.isolation = unit.isolation.max(client.isolation);
                    unit.may_skip |= client.may_skip;
                    if !unit.duties.contains(&jobs) {
                        unit.duties.push(jobs.clone());
                    }
                }
                None => units.push(Unit {
                    consumer,
                    topic,
                    isolation: client.isolation,
                    members: vec![number],
                    duties: vec![jobs.clone()],
                    may_skip: client.may_skip,
                }),
            }
        }
    }
    units.sort_by_key(|unit| (unit.consumer, unit.topic));
    units
}

/// How far one input has come, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Done,
    /// Done, or on its way, in a transaction that has not ended.
    Pending,
    /// It may have been done: an outcome is unknown, or nobody read the place where it would show.
    Unknown,
    Undone,
}

/// What became of one log for one consumer.
#[derive(Clone, Debug)]
pub(crate) struct Owed {
    pub(crate) consumer: Consumer,
    pub(crate) log: u32,
    pub(crate) account: InputAccount,
}

/// What the judgement rests on besides the evidence.
pub(crate) struct Context<'a> {
    pub(crate) pipelines: &'a [Pipeline],
    pub(crate) lives: &'a Lives,
    pub(crate) owners: &'a Owners,
}

/// Finds what is unprocessed; the account of every consumer and partition.
pub(crate) fn close(
    ev: &Evidence,
    findings: &mut Findings,
    consumers: &mut Consumers,
    context: &Context<'_>,
) -> Vec<Owed> {
    let mut accounts = Vec::new();
    let mut readers: IndexMap<u32, Vec<u32>, Fast> = IndexMap::default();
    for (number, cursor) in ev.cursors.iter().enumerate() {
        readers.entry(cursor.log).or_default().push(number as u32);
    }
    let mut unread: Vec<(Consumer, u32)> = Vec::new();
    for unit in units(ev, context.pipelines) {
        let info = &ev.topics[unit.topic as usize];
        for log in info.first_log..info.first_log + info.partitions {
            if ev.logs[log as usize].end.is_none() {
                if !unread.contains(&(unit.consumer, unit.topic)) {
                    unread.push((unit.consumer, unit.topic));
                }
                continue;
            }
            let cursors = readers.get(&log).map_or(&[][..], Vec::as_slice);
            let judge = Judge { ev, consumers, context, unit: &unit, log, cursors };
            let (account, undone) = judge.account();
            if let Some(first) = undone {
                judge.report(findings, &account, first);
            }
            if let Some(behind) = consumers.behind.get_mut(&(unit.consumer, log)) {
                behind.judged = true;
                behind.explains = account.unprocessed > 0;
            }
            if account.owed + account.waived > 0 {
                accounts.push(Owed { consumer: unit.consumer, log, account });
            }
        }
    }
    let mut topics: Vec<u32> = unread.iter().map(|(_, topic)| *topic).collect();
    topics.sort_unstable();
    topics.dedup();
    for topic in topics {
        findings.note(|| {
            let of = unread.iter().filter(|(_, of)| *of == topic);
            let names: Vec<String> = of.map(|(consumer, _)| consumer_name(ev, *consumer)).collect();
            format!(
                "whether all of {} was processed by {} is not judged: not every partition of it was read in the end",
                ev.topic_name(topic),
                names.join(", ")
            )
        });
    }
    accounts
}

/// Groups and logs with inputs that are unprocessed, in order.
pub(crate) fn behind(accounts: &[Owed]) -> Vec<(u32, u32)> {
    let of = |owed: &Owed| match owed.consumer {
        Consumer::Group(group) if owed.account.unprocessed > 0 => Some((group, owed.log)),
        _ => None,
    };
    let mut behind: Vec<(u32, u32)> = accounts.iter().filter_map(of).collect();
    behind.sort_unstable();
    behind
}

fn consumer_name(ev: &Evidence, consumer: Consumer) -> String {
    match consumer {
        Consumer::Group(group) => format!("group {}", ev.groups[group as usize].name),
        Consumer::Alone(client) => ev.client(client).name.clone(),
    }
}

/// One consumer and one partition.
struct Judge<'a> {
    ev: &'a Evidence,
    consumers: &'a Consumers,
    context: &'a Context<'a>,
    unit: &'a Unit,
    log: u32,
    /// Cursors in this log, of whomever.
    cursors: &'a [u32],
}

impl Judge<'_> {
    /// The account, and the first input that is unprocessed.
    fn account(&self) -> (InputAccount, Option<i64>) {
        let (ev, unit) = (self.ev, self.unit);
        let log = &ev.logs[self.log as usize];
        let end = log.end.expect("only partitions with a final read are judged");
        let (seen, top) = match unit.isolation {
            Isolation::ReadCommitted => (&log.visible, i64::MAX),
            Isolation::ReadUncommitted => (&log.present, end.hw),
        };
        let mut account = InputAccount {
            group: match unit.consumer {
                Consumer::Group(group) => ev.groups[group as usize].name.clone(),
                Consumer::Alone(client) => ev.client(client).name.clone(),
            },
            topic: ev.topic_name(unit.topic).to_owned(),
            partition: log.at.partition,
            ..InputAccount::default()
        };
        let skipped = self.consumers.skipped.get(&(unit.consumer, self.log));
        let is_skipped = |offset: i64| skipped.is_some_and(|bits| bits.get(offset));
        // What it never took is looked at one by one, whatever it committed later.
        let start = end.start;
        let from = self.began().map_or(start, |began| began.min(self.past()).clamp(start, top));
        let past = self.past().clamp(from, top);
        // The usual case costs nothing: what was committed past is not looked at one by one.
        let below = seen.count(from, past);
        account.skipped = skipped.map_or(0, |bits| bits.count_common(seen, from, past));
        account.processed = below - account.skipped;
        account.owed = below;

        let waived = self.waived(&mut account);
        let none = Bits::default();
        let mut first = None;
        let never_taken = seen.missing_from(&none, start, from);
        for offset in never_taken.chain(seen.missing_from(&none, past, top)) {
            account.owed += 1;
            if is_skipped(offset) {
                account.skipped += 1;
                continue;
            }
            match self.state(offset) {
                State::Done => account.processed += 1,
                State::Pending => account.pending += 1,
                State::Unknown => account.unknown += 1,
                State::Undone if waived.iter().any(|(start, end)| (*start..*end).contains(&offset)) => {
                    account.owed -= 1;
                    account.waived += 1;
                }
                State::Undone => {
                    account.unprocessed += 1;
                    first.get_or_insert(offset);
                }
            }
        }
        if account.waived == 0 {
            account.remarks.clear();
        }
        (account, first)
    }

    /// Where the group began to read by `auto.offset.reset`, if its members do more than read.
    fn began(&self) -> Option<i64> {
        let Consumer::Group(group) = self.unit.consumer else { return None };
        let reads_only = self.unit.duties.iter().all(|jobs| jobs == &[Job::Read]);
        self.consumers.began(group, self.log).filter(|_| !reads_only)
    }

    /// Below this offset everything is done with, as the consumer itself says.
    fn past(&self) -> i64 {
        let committed = match self.unit.consumer {
            Consumer::Group(group) => self.ev.groups[group as usize].logs.get(&self.log).map_or(0, |log| log.reached),
            Consumer::Alone(_) => 0,
        };
        let kept = self.unit.duties.iter().flatten().filter_map(|job| match job {
            Job::Effect(sink) => sinks::kept(self.ev, *sink, self.log),
            _ => None,
        });
        kept.max().unwrap_or(0).max(committed)
    }

    /// What is not owed although it may be seen, and why.
    fn waived(&self, account: &mut InputAccount) -> Vec<(i64, i64)> {
        let (ev, unit) = (self.ev, self.unit);
        let mut waived = Vec::new();
        let reads_only = unit.duties.iter().all(|jobs| jobs == &[Job::Read]);
        if reads_only && let Some(start) = self.consumers.starts.get(&(unit.consumer, self.log)) {
            if start.first > 0 {
                waived.push((0, start.first));
                account.remarks.push(format!("it began to read at offset {}", start.first));
            }
            waived.extend(&start.jumps);
            if !start.jumps.is_empty() {
                account.remarks.push("it was told to read on from further on".to_owned());
            }
            let mut reached = i64::MIN;
            for (incarnation, position, seek) in &start.incarnations {
                if reached != i64::MIN && reached < *position && *seek {
                    waived.push((reached, *position));
                    account
                        .remarks
                        .push(format!("its incarnation {incarnation} was told to begin at offset {position}"));
                }
                reached = reached.max(*position).max(self.read_to(*incarnation));
            }
        }
        if let Consumer::Alone(client) = unit.consumer
            && self.context.lives.gone(client).is_some()
            && let Some(fate) = self.context.lives.fate(ev, client)
        {
            waived.push((0, i64::MAX));
            account.remarks.push(fate);
        }
        waived
    }

    /// Offset after the last one that an incarnation of a reader without a group was given.
    fn read_to(&self, incarnation: u32) -> i64 {
        let mine = self.members().filter(|cursor| cursor.incarnation == incarnation);
        mine.flat_map(|cursor| cursor.stretches.iter().map(|(_, end)| *end).chain([cursor.next])).max().unwrap_or(0)
    }

    /// Cursors of members in this log.
    fn members(&self) -> impl Iterator<Item = &super::state::Cursor> {
        let all = self.cursors.iter().map(|number| &self.ev.cursors[*number as usize]);
        all.filter(|cursor| self.unit.members.contains(&cursor.client))
    }

    fn was_read(&self, offset: i64) -> bool {
        self.members().any(|cursor| cursor.read.get(offset))
    }

    fn was_passed(&self, offset: i64) -> bool {
        let within = |stretches: &[(i64, i64)]| stretches.iter().any(|(start, end)| (*start..*end).contains(&offset));
        self.members().any(|cursor| within(&cursor.stretches))
    }

    fn state(&self, offset: i64) -> State {
        let duty = |jobs: &Vec<Job>| jobs.iter().map(|job| self.job(*job, offset)).max().unwrap_or(State::Undone);
        let best = self.unit.duties.iter().map(duty).min().unwrap_or(State::Undone);
        if best == State::Undone && self.unit.may_skip && self.may_be_committed() && self.was_read(offset) {
            return State::Unknown;
        }
        best
    }

    /// Some commit is of unknown outcome, and the log does not tell where the group stands.
    fn may_be_committed(&self) -> bool {
        let Consumer::Group(group) = self.unit.consumer else { return false };
        let state = self.ev.groups[group as usize].logs.get(&self.log);
        state.is_some_and(|state| state.uncertain && state.moved.is_none())
    }

    fn job(&self, job: Job, offset: i64) -> State {
        let ev = self.ev;
        match job {
            // What a reader passed without being given it is told as just that.
            Job::Read if self.was_read(offset) || self.was_passed(offset) => State::Done,
            Job::Read => State::Undone,
            Job::Effect(sink) => {
                let (id, _) = ev.records.identity(ev.logs[self.log as usize].entries.get(offset).slot);
                match sinks::is_done(ev, sink, id) {
                    Some(true) => State::Done,
                    Some(false) => State::Undone,
                    None => State::Unknown,
                }
            }
            Job::Outputs(pipeline) => self.outputs(&self.context.pipelines[pipeline], offset),
        }
    }

    fn outputs(&self, pipeline: &Pipeline, offset: i64) -> State {
        let ev = self.ev;
        let (mut worst, mut any) = (State::Done, false);
        for index in 0..pipeline.outputs_per_input {
            let id = Identity::of_input(ev.logs[self.log as usize].at, offset, pipeline.stage, index);
            let state = match pipelines::find(ev, pipeline, id) {
                Some(slot) => {
                    any = true;
                    let cell = ev.records.cell(slot);
                    let (_, topic) = ev.records.identity(slot);
                    let info = &ev.topics[topic as usize];
                    let shows = ev.read_to_the_end(topic) && !info.deletes && !info.compacted;
                    // What was acknowledged for good and is not there is lost, not undone.
                    if cell.copies > 0 || cell.is(FIRM | GONE) {
                        State::Done
                    } else if cell.is(PENDING) {
                        State::Pending
                    } else if cell.is(MAYBE) && !shows {
                        State::Unknown
                    } else {
                        State::Undone
                    }
                }
                None if pipeline.may_skip => continue,
                None => State::Undone,
            };
            worst = worst.max(state);
        }
        if any { worst } else { State::Undone }
    }

    fn report(&self, findings: &mut Findings, account: &InputAccount, first: i64) {
        let (ev, topic) = (self.ev, Some(self.unit.topic));
        let proof = || self.proof(account.unprocessed, first);
        match self.unit.consumer {
            Consumer::Alone(client) => {
                findings.add_of_reader(&ev.promises, Kind::Unprocessed, client, topic, account.unprocessed, proof);
            }
            Consumer::Group(_) => {
                findings.add(&ev.promises, Kind::Unprocessed, topic, account.unprocessed, proof);
            }
        }
    }

    fn proof(&self, count: u64, first: i64) -> Proof {
        let (ev, unit) = (self.ev, self.unit);
        let slot = ev.logs[self.log as usize].entries.get(first).slot;
        let mut sentence = format!("{} at {}", ev.slot_name(slot), ev.place(self.log, first));
        if count > 1 {
            sentence += &format!(" and {} after it", counted(count - 1, "record"));
        }
        let was = if count > 1 { "were" } else { "was" };
        match unit.consumer {
            Consumer::Group(group) => {
                let name = &ev.groups[group as usize].name;
                let members: Vec<&str> = unit.members.iter().map(|c| ev.client(*c).name.as_str()).collect();
                let of = if members == [name.as_str()] { String::new() } else { format!(" ({})", members.join(", ")) };
                sentence += &format!(" {was} not processed by group {name}{of}");
            }
            Consumer::Alone(client) => {
                sentence += &format!(" {was} never given to {}", ev.client(client).name);
            }
        }
        let reasons = self.reasons(first);
        if !reasons.is_empty() {
            sentence += &format!(": {}", reasons.join("; "));
        }
        let mut proof = ev.proof(slot, &[(self.log, first)], sentence);
        proof.clients = unit.members.iter().map(|c| (ev.client(*c).name.clone(), 0)).collect();
        proof.transaction = None;
        proof.times = Vec::new();
        proof
    }

    /// The later incarnation of a reader without a group that began beyond an offset.
    fn began_beyond(&self, offset: i64) -> Option<(u32, i64)> {
        let start = self.consumers.starts.get(&(self.unit.consumer, self.log))?;
        let later = start.incarnations.iter().skip(1);
        later.map(|(incarnation, position, _)| (*incarnation, *position)).find(|(_, position)| offset < *position)
    }

    /// Why it may be so, as far as the history knows.
    fn reasons(&self, first: i64) -> Vec<String> {
        let (ev, unit, context) = (self.ev, self.unit, self.context);
        let mut reasons: Vec<String> =
            unit.members.iter().filter_map(|client| context.lives.fate(ev, *client)).collect();
        if let Some(began) = self.began().filter(|began| first < *began) {
            let Consumer::Group(group) = unit.consumer else { return reasons };
            let name = &ev.groups[group as usize].name;
            reasons.push(format!("{name} began at {began} by auto.offset.reset"));
        }
        if let Consumer::Group(group) = unit.consumer {
            match context.owners.unowned(group, self.log, context.lives) {
                Some(None) => reasons.push("no member was ever given the partition".to_owned()),
                Some(Some((client, t))) => reasons.push(format!(
                    "nobody has the partition since {} lost it at {}",
                    ev.client(client).name,
                    seconds(t)
                )),
                None => {}
            }
            let known = ev.groups[group as usize].logs.get(&self.log).and_then(|log| log.committed());
            reasons.push(match known {
                Some(committed) => format!("the group's offset is {committed}"),
                None => "the group never committed an offset there".to_owned(),
            });
        } else if let Some((incarnation, position)) = self.began_beyond(first) {
            reasons.push(format!("its incarnation {incarnation} began at offset {position} by auto.offset.reset"));
        } else if self.members().all(|cursor| cursor.read.is_empty()) {
            reasons.push("it was given nothing of this partition".to_owned());
        }
        if let Some(behind) = self.consumers.behind.get(&(unit.consumer, self.log)) {
            reasons.push(behind.event.culprit.to_string());
        }
        reasons
    }
}
