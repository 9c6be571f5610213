//! Whether a history makes sense line by line: numbers declared before they are used, time that does not go back.

use super::event::*;
use crate::report::Kind;

/// The largest number that a preamble may hand out, and the largest incarnation. Tables are indexed by them.
pub const LARGEST_NUMBER: u32 = 1 << 20;

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
    now: u64,
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
            self.now = t;
        }
        match event {
            Event::Topic(e) => self.declare_topic(e),
            Event::Group(e) => declare(&mut self.groups, e.id, "group"),
            Event::Sink(e) => {
                declare(&mut self.sinks, e.id, "sink")?;
                e.announced_in.map_or(Ok(()), |topic| self.topic(topic))
            }
            Event::Client(e) => {
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
                }
            }
            Event::Ack(e) => self.client(e.c, e.i).and_then(|()| self.partition(e.at)),
            Event::Fail(e) | Event::Unknown(e) => self.client(e.c, e.i),
            Event::Begin(e) => self.client(e.c, e.i),
            Event::TxnOffsets(e) => {
                self.client(e.c, e.i).and_then(|()| self.group(e.group)).and_then(|()| self.offset(e.at, e.next))
            }
            Event::Ending(e) => self.client(e.c, e.i),
            Event::Ended(e) => self.client(e.c, e.i),
            Event::Fenced(e) => self.client(e.c, e.i),
            Event::Epoch(e) => self.client(e.c, e.i),
            Event::Commit(e) => {
                self.client(e.c, e.i).and_then(|()| self.group(e.group)).and_then(|()| self.offset(e.at, e.next))
            }
            Event::CommitResult(e) => self.client(e.c, e.i),
            Event::Assigned(e) | Event::Revoked(e) => self.client(e.c, e.i).and_then(|()| self.partition(e.at)),
            Event::Position(e) => self.client(e.c, e.i).and_then(|()| self.offset(e.at, e.position)),
            Event::Read(e) => self.client(e.c, e.i).and_then(|()| self.offset(e.at, e.offset)),
            Event::Fault(e) => declare(&mut self.faults, e.id, "fault"),
            Event::Fired(e) => self.fault(e.fault),
            Event::FaultEnd(e) => self.fault(e.fault),
            Event::Started(e) => self.client(e.c, e.i),
            Event::Stopped(e) => self.client(e.c, e.i),
            Event::Told(e) => self.client(e.c, e.i),
            Event::Skipped(e) => self.client(e.c, e.i).and_then(|()| self.offset(e.at, e.offset)),
            Event::Apply(e) => self.client(e.c, e.i).and_then(|()| self.sink(e.sink)),
            Event::Applied(e) => self.client(e.c, e.i),
            Event::OffsetMoved(e) => self.group(e.group).and_then(|()| self.partition(e.at)),
            Event::Decided(e) => self.client(e.c, 0),
            Event::Divergence(_) | Event::Stuck(_) => Ok(()),
            Event::Replica(e) => self.offset(e.at, e.offset),
            Event::Appended(e) if e.count > LARGEST_NUMBER => {
                Err(format!("a batch of {} records: expected at most {LARGEST_NUMBER}", e.count))
            }
            Event::Appended(e) => self.offset(e.at, e.base),
            Event::End(e) => self.end(e),
            Event::Final(e) => {
                self.offset(e.at, e.offset)?;
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
            Event::OpenTransaction(e) => e.c.map_or(Ok(()), |c| self.client(c, 0)),
            Event::Stalled(e) => self.partition(e.at),
            Event::Undrained(e) => self.client(e.c, 0).and_then(|()| self.partition(e.at)),
        }
    }

    fn declare_topic(&mut self, topic: &Topic<'_>) -> Result<(), String> {
        if topic.id > LARGEST_NUMBER || topic.partitions > LARGEST_NUMBER || topic.partitions == 0 {
            return Err(format!(
                "topic number {} and partition count {}: expected at most {LARGEST_NUMBER}, and at least one partition",
                topic.id, topic.partitions
            ));
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
        self.partition(end.at)?;
        if !(0 <= end.start && end.start <= end.hw && end.lso <= end.hw && end.hw <= end.leo) {
            return Err(format!(
                "expected start <= hw, lso <= hw <= leo; found start {}, lso {}, hw {}, leo {}",
                end.start, end.lso, end.hw, end.leo
            ));
        }
        self.ended[end.at.topic as usize][end.at.partition as usize] = true;
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
        Err(format!("topic {} has {} partitions, not {}", at.topic, self.topics[at.topic as usize], at.partition + 1))
    }

    #[inline]
    fn offset(&self, at: Partition, offset: i64) -> Result<(), String> {
        self.partition(at)?;
        if offset >= 0 { Ok(()) } else { Err(format!("offset {offset} is negative")) }
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
    Err(format!("a promise allows '{name}', which is no kind of finding{hint}"))
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
