//! Whether a history makes sense line by line: numbers declared before they are used, time that does not go back.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::event::*;
use super::limits::*;
use crate::fast::Fast;
use crate::kind::Kind;
use crate::words::counted;

/// Checks each event against those before it. A simulator's history holds these rules by construction; one that was
/// read from a file is checked, so that the checker can rely on them.
#[derive(Clone, Debug, Default)]
pub struct Validator {
    /// Number of partitions by topic; 0 where not declared.
    topics: Vec<u32>,
    groups: Vec<bool>,
    sinks: Vec<bool>,
    /// Sinks whose final read has begun.
    read_sinks: Vec<bool>,
    clients: Vec<bool>,
    faults: Vec<bool>,
    ended: Vec<Vec<bool>>,
    /// Partitions of all topics together.
    partitions: u32,
    /// Last operation numbers by client and incarnation.
    operations: IndexMap<(u32, u32), Operations, Fast>,
    now: u64,
    /// Whether anything has happened yet.
    begun: bool,
    /// Names of topics, groups, sinks and clients.
    names: BTreeSet<(&'static str, String)>,
}

/// The last numbers of an incarnation, each in a sequence of its own; -1 before the first.
#[derive(Clone, Copy, Debug)]
struct Operations {
    send: i128,
    commit: i128,
    apply: i128,
}

impl Validator {
    /// Takes the next event.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    #[inline]
    pub fn check(&mut self, event: &Event<'_>) -> Result<(), String> {
        if let Some(t) = event.time() {
            if t < self.now {
                return Err(format!("time goes back from {} to {t}", self.now));
            }
            if t > LARGEST_TIME {
                return Err(format!("time {t}: expected at most {LARGEST_TIME}"));
            }
            self.now = t;
            self.begun = true;
        }
        match event {
            Event::Topic(e) => self.declare_topic(e),
            Event::Group(e) => {
                self.called("group", &e.name)?;
                declare(&mut self.groups, e.id, "group")
            }
            Event::Sink(e) => {
                self.called("sink", &e.name)?;
                declare(&mut self.sinks, e.id, "sink")?;
                e.announced_in.map_or(Ok(()), |topic| self.topic(topic))
            }
            Event::Client(e) => {
                self.called("client", &e.name)?;
                e.transactional_id.as_ref().map_or(Ok(()), |id| name("transactional id", id))?;
                e.function.as_ref().map_or(Ok(()), |function| name("function", function))?;
                declare(&mut self.clients, e.id, "client")?;
                e.inputs.iter().chain(&e.outputs).try_for_each(|topic| self.topic(*topic))?;
                e.sinks.iter().try_for_each(|sink| self.sink(*sink))?;
                e.group.map_or(Ok(()), |group| self.group(group))
            }
            Event::Promise(e) if [e.topic, e.sink, e.client].iter().flatten().count() > 1 => {
                Err("a promise is of a topic, of a sink or of a client, not of several".to_owned())
            }
            Event::Promise(e) => {
                e.allow.iter().try_for_each(|name| kind(name))?;
                e.client.map_or(Ok(()), |client| self.client(client, 0))?;
                e.topic.map_or(Ok(()), |topic| self.topic(topic))?;
                e.sink.map_or(Ok(()), |sink| self.sink(sink))
            }
            Event::Send(e) => {
                self.client(e.c, e.i)?;
                match e.partition {
                    Some(partition) => self.partition(Partition::new(e.topic, partition)),
                    None => self.topic(e.topic),
                }?;
                let last = &mut self.operations(e.c, e.i).send;
                follows("send", "sends", e.c, last, e.op, false)
            }
            Event::Ack(e) => {
                self.client(e.c, e.i)?;
                if e.offset == -1 { self.partition(e.at) } else { self.offset(e.at, e.offset) }
            }
            Event::Fail(e) | Event::Unknown(e) => self.client(e.c, e.i).and_then(|()| name("error", &e.error)),
            Event::Begin(e) => self.client(e.c, e.i),
            Event::TxnOffsets(e) => {
                self.client(e.c, e.i).and_then(|()| self.group(e.group)).and_then(|()| self.offset(e.at, e.next))
            }
            Event::Ending(e) => self.client(e.c, e.i),
            Event::Ended(e) => self.client(e.c, e.i).and_then(|()| name("error", &e.error)),
            Event::Fenced(e) => self.client(e.c, e.i).and_then(|()| name("error", &e.error)),
            Event::Epoch(e) => self.client(e.c, e.i).and_then(|()| producer(e.pid, e.epoch)),
            Event::Commit(e) => {
                self.client(e.c, e.i).and_then(|()| self.group(e.group)).and_then(|()| self.offset(e.at, e.next))?;
                let last = &mut self.operations(e.c, e.i).commit;
                // One line for each partition of one commit.
                follows("commit", "commits", e.c, last, e.op, true)
            }
            Event::CommitResult(e) => self.client(e.c, e.i).and_then(|()| name("error", &e.error)),
            Event::Assigned(e) | Event::Revoked(e) => self.client(e.c, e.i).and_then(|()| self.partition(e.at)),
            Event::Position(e) => self.client(e.c, e.i).and_then(|()| self.offset(e.at, e.position)),
            Event::Read(e) => self.client(e.c, e.i).and_then(|()| self.offset(e.at, e.offset)),
            Event::Fault(e) => declare(&mut self.faults, e.id, "fault"),
            Event::Fired(e) => self.fault(e.fault),
            Event::FaultEnd(e) => self.fault(e.fault),
            Event::Started(e) => self.client(e.c, e.i),
            Event::Stopped(e) => self.client(e.c, e.i),
            Event::Told(e) => {
                self.client(e.c, e.i).and_then(|()| name("call", &e.call)).and_then(|()| name("error", &e.error))
            }
            Event::Skipped(e) => self.client(e.c, e.i).and_then(|()| self.offset(e.at, e.offset)),
            Event::Apply(e) => {
                self.client(e.c, e.i).and_then(|()| self.sink(e.sink))?;
                let last = &mut self.operations(e.c, e.i).apply;
                follows("effect", "effects", e.c, last, e.op, false)
            }
            Event::Applied(e) => self.client(e.c, e.i).and_then(|()| name("error", &e.error)),
            Event::OffsetMoved(e) => self.moved(e),
            Event::Decided(e) => self.client(e.c, 0).and_then(|()| producer(e.pid, e.epoch)),
            Event::Divergence(_) | Event::Stuck(_) => Ok(()),
            Event::Replica(e) => self.offset(e.at, e.offset),
            Event::Appended(e) => self.appended(e),
            Event::End(e) => self.end(e),
            Event::Final(e) => {
                self.offset(e.at, e.offset)?;
                producer(e.pid, e.epoch)?;
                if self.ended[e.at.topic as usize][e.at.partition as usize] {
                    return Ok(());
                }
                Err(format!("the final read of partition {:?} has no 'end' line before it", <(u32, u32)>::from(e.at)))
            }
            Event::SinkEnd(e) => {
                declare(&mut self.read_sinks, e.sink, "the final read of sink").and_then(|()| self.sink(e.sink))
            }
            Event::SinkFinal(e) => {
                self.sink(e.sink)?;
                e.c.map_or(Ok(()), |c| self.client(c, 0))?;
                match self.read_sinks.get(e.sink as usize) {
                    Some(true) => Ok(()),
                    _ => Err(format!("the final read of sink {} has no 'sink_end' line before it", e.sink)),
                }
            }
            Event::SinkOffset(e) => self.sink(e.sink).and_then(|()| self.offset(e.at, e.next)),
            Event::OpenTransaction(e) => {
                e.c.map_or(Ok(()), |c| self.client(c, 0))?;
                producer(e.pid, e.epoch)
            }
            // What is not known, where nobody leads or nobody has committed, is negative.
            Event::Stalled(e) => self.offset(e.at, e.lso.max(0)).and_then(|()| self.offset(e.at, e.hw.max(0))),
            Event::Undrained(e) => {
                self.client(e.c, 0)?;
                self.offset(e.at, e.position.max(0)).and_then(|()| self.offset(e.at, e.end.max(0)))
            }
        }
    }

    /// Whether something may be declared by that name: findings tell it apart by nothing else. A process that comes into being
    /// later may have the name of one that is gone.
    fn called(&mut self, what: &'static str, text: &str) -> Result<(), String> {
        name(what, text)?;
        if text.is_empty() {
            return Err(format!("a {what} without a name: expected at least one character"));
        }
        let may_come_again = what == "client" && self.begun;
        if !self.names.insert((what, text.to_owned())) && !may_come_again {
            return Err(format!("there is a {what} named '{text}' already"));
        }
        Ok(())
    }

    fn operations(&mut self, client: u32, incarnation: u32) -> &mut Operations {
        let none = Operations { send: -1, commit: -1, apply: -1 };
        self.operations.entry((client, incarnation)).or_insert(none)
    }

    fn moved(&self, e: &OffsetMoved) -> Result<(), String> {
        self.group(e.group)?;
        match e.cause {
            MoveCause::Tombstone | MoveCause::Expired if e.offset == -1 => self.partition(e.at),
            MoveCause::Tombstone | MoveCause::Expired => {
                Err(format!("offset {}: where it is deleted, expected -1", e.offset))
            }
            MoveCause::Commit { c, i, .. } => self.client(c, i).and_then(|()| self.offset(e.at, e.offset)),
            MoveCause::Marker { pid, epoch } => producer(pid, epoch).and_then(|()| self.offset(e.at, e.offset)),
            MoveCause::Unknown | MoveCause::Reload => self.offset(e.at, e.offset),
        }
    }

    fn appended(&self, e: &Appended) -> Result<(), String> {
        if e.count > LARGEST_NUMBER || e.count == 0 {
            return Err(format!("a batch of {} records: expected 1 to {LARGEST_NUMBER}", e.count));
        }
        if e.sequence < -1 || e.leader_epoch < -1 {
            return Err(format!(
                "sequence {} and leader epoch {}: expected at least 0, or -1 for none",
                e.sequence, e.leader_epoch
            ));
        }
        producer(e.pid, e.epoch)?;
        self.offset(e.at, e.base)
    }

    fn declare_topic(&mut self, topic: &Topic<'_>) -> Result<(), String> {
        self.called("topic", &topic.name)?;
        if topic.max_sequence < 0 {
            return Err(format!("largest sequence {}: expected at least 0", topic.max_sequence));
        }
        if topic.id > LARGEST_NUMBER || topic.partitions > LARGEST_NUMBER || topic.partitions == 0 {
            return Err(format!(
                "topic number {} and partition count {}: expected at most {LARGEST_NUMBER}, and at least one partition",
                topic.id, topic.partitions
            ));
        }
        self.partitions = self.partitions.saturating_add(topic.partitions);
        if self.partitions > LARGEST_NUMBER {
            return Err(format!("{} partitions of all topics: expected at most {LARGEST_NUMBER}", self.partitions));
        }
        let id = topic.id as usize;
        if self.topics.len() <= id {
            self.topics.resize(id + 1, 0);
            self.ended.resize(id + 1, Vec::new());
        }
        if self.topics[id] != 0 {
            return Err(format!("topic {id} is declared twice"));
        }
        self.topics[id] = topic.partitions;
        self.ended[id] = vec![false; topic.partitions as usize];
        Ok(())
    }

    fn end(&mut self, end: &End) -> Result<(), String> {
        self.offset(end.at, end.start)?;
        self.offset(end.at, end.leo)?;
        if !(0 <= end.start && end.start <= end.hw && end.lso <= end.hw && end.hw <= end.leo) {
            return Err(format!(
                "expected start <= hw, lso <= hw <= leo; found start {}, lso {}, hw {}, leo {}",
                end.start, end.lso, end.hw, end.leo
            ));
        }
        let ended = &mut self.ended[end.at.topic as usize][end.at.partition as usize];
        if core::mem::replace(ended, true) {
            return Err(format!("partition {:?} has an 'end' line already", <(u32, u32)>::from(end.at)));
        }
        Ok(())
    }

    #[inline]
    fn topic(&self, topic: u32) -> Result<(), String> {
        match self.topics.get(topic as usize) {
            Some(partitions) if *partitions > 0 => Ok(()),
            _ => Err(format!("topic {topic} is not declared")),
        }
    }

    #[inline]
    fn partition(&self, at: Partition) -> Result<(), String> {
        self.topic(at.topic)?;
        if at.partition < self.topics[at.topic as usize] {
            return Ok(());
        }
        let count = self.topics[at.topic as usize];
        let count = counted(u64::from(count), "partition");
        Err(format!("topic {} has {count}, not {}", at.topic, u64::from(at.partition) + 1))
    }

    #[inline]
    fn offset(&self, at: Partition, offset: i64) -> Result<(), String> {
        self.partition(at)?;
        match offset {
            0..=LARGEST_OFFSET => Ok(()),
            ..0 => Err(format!("offset {offset} is negative")),
            _ => Err(format!("offset {offset}: expected at most {LARGEST_OFFSET}")),
        }
    }

    #[inline]
    fn group(&self, group: u32) -> Result<(), String> {
        match self.groups.get(group as usize) {
            Some(true) => Ok(()),
            _ => Err(format!("group {group} is not declared")),
        }
    }

    #[inline]
    fn sink(&self, sink: u32) -> Result<(), String> {
        match self.sinks.get(sink as usize) {
            Some(true) => Ok(()),
            _ => Err(format!("sink {sink} is not declared")),
        }
    }

    fn fault(&self, fault: u32) -> Result<(), String> {
        match self.faults.get(fault as usize) {
            Some(true) => Ok(()),
            _ => Err(format!("fault {fault} is not declared")),
        }
    }

    #[inline]
    fn client(&self, client: u32, incarnation: u32) -> Result<(), String> {
        match self.clients.get(client as usize) {
            Some(true) if incarnation <= LARGEST_NUMBER => Ok(()),
            Some(true) => Err(format!("incarnation {incarnation}: expected at most {LARGEST_NUMBER}")),
            _ => Err(format!("client {client} is not declared")),
        }
    }
}

/// Whether a promise's `allow` names a kind of finding.
fn kind(name: &str) -> Result<(), String> {
    if Kind::from_name(name).is_some() {
        return Ok(());
    }
    let common = |kind: &Kind| kind.name().bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    let nearest = Kind::ALL.iter().rev().max_by_key(|kind| common(kind)).filter(|kind| common(kind) >= 3);
    let hint = nearest.map_or(String::new(), |kind| format!("; '{kind}' is one"));
    let all: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    Err(format!("a promise allows '{name}', which is no kind of finding{hint} (kinds: {})", all.join(", ")))
}

/// A name, or a text that is shown in a table like one.
#[inline]
fn name(what: &str, text: &str) -> Result<(), String> {
    if text.len() <= LONGEST_NAME {
        return Ok(());
    }
    let article = if what.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    Err(format!("{article} {what} of {} bytes: expected at most {LONGEST_NAME}", text.len()))
}

#[inline]
fn producer(pid: i64, epoch: i16) -> Result<(), String> {
    if pid >= -1 && epoch >= -1 {
        return Ok(());
    }
    Err(format!("producer id {pid} and epoch {epoch}: expected at least 0, or -1 for none"))
}

/// Whether an operation has a larger number than the one before it.
#[inline]
fn follows(what: &str, several: &str, client: u32, last: &mut i128, op: u64, same: bool) -> Result<(), String> {
    let op = i128::from(op);
    if op > *last || same && op == *last {
        *last = op;
        return Ok(());
    }
    Err(format!(
        "{what} {op} of client {client} comes after {what} {last}: within one incarnation 'op' increases from each to the next; \
         number the {several} 0, 1, 2 and so on"
    ))
}

fn declare(table: &mut Vec<bool>, id: u32, what: &str) -> Result<(), String> {
    if id > LARGEST_NUMBER {
        return Err(format!("{what} number {id}: expected at most {LARGEST_NUMBER}"));
    }
    if table.len() <= id as usize {
        table.resize(id as usize + 1, false);
    }
    if core::mem::replace(&mut table[id as usize], true) {
        return Err(format!("{what} {id} is declared twice"));
    }
    Ok(())
}
