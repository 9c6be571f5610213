//! How stories begin: a topic and who writes to it, who reads it, who keeps its effects.

use fencepost_reports::history::event::*;

use super::annex::Annex;
use crate::kinds::{Mutant, Needle};

/// A group's member that has an effect in a sink for each record, before a topic that has some.
pub struct Desk {
    pub at: Partition,
    pub group: u32,
    pub sink: u32,
    pub c: u32,
    pub ids: Vec<Identity>,
}

impl Annex<'_> {
    /// A topic and a plain producer.
    pub fn till(&mut self, partitions: u32) -> (Partition, u32) {
        let topic = self.topic("readings", partitions);
        (Partition::new(topic, 0), self.producer("till", &[topic]))
    }

    /// A topic and an idempotent producer.
    pub fn meters(&mut self) -> (Partition, u32) {
        let topic = self.topic("meters", 1);
        (Partition::new(topic, 0), self.meter("meter", &[topic]))
    }

    /// A topic and a transactional producer.
    pub fn debits(&mut self) -> (Partition, u32) {
        let topic = self.topic("debits", 1);
        (Partition::new(topic, 0), self.bank("bank", &[topic]))
    }

    /// Records outside transactions, acknowledged.
    pub fn puts(&mut self, c: u32, at: Partition, many: usize) -> Vec<(Identity, i64)> {
        (0..many).map(|_| self.put(c, at)).collect()
    }

    /// A group and its one member, at the beginning of a partition.
    pub fn listener(&mut self, at: Partition, name: &'static str) -> (u32, u32) {
        let group = self.group(name);
        let c = self.member(name, group, at.topic);
        self.own(c, at, Some(1));
        self.position(c, at, 0, PositionReason::Reset);
        (group, c)
    }

    /// The same that has read and committed so many records.
    pub fn audience(&mut self, at: Partition, name: &'static str, read: usize) -> (u32, u32) {
        let (group, c) = self.listener(at, name);
        self.read_on(c, at, 0, read as i64);
        self.commit(c, group, at, read as i64);
        (group, c)
    }

    /// A connector before a topic of so many records.
    pub fn desk(&mut self, kind: SinkKind, many: usize) -> Desk {
        let topic = self.topic("bills", 1);
        let at = Partition::new(topic, 0);
        let till = self.producer("till", &[topic]);
        let ids = self.puts(till, at, many).iter().map(|put| put.0).collect();
        let (group, sink) = (self.group("desk"), self.sink("ledger", kind, None));
        let c = self.connector(at, group, sink);
        Desk { at, group, sink, c, ids }
    }

    /// A group's member that keeps effects in a sink, at the beginning of a partition.
    pub fn connector(&mut self, at: Partition, group: u32, sink: u32) -> u32 {
        let c = self.client(Client {
            name: "desk".into(),
            kind: ClientKind::Reader,
            group: Some(group),
            inputs: vec![at.topic],
            sinks: vec![sink],
            guarantee: Guarantee::AtLeastOnce,
            ..Client::default()
        });
        self.own(c, at, Some(1));
        self.position(c, at, 0, PositionReason::Reset);
        c
    }

    /// What is changed is in that partition.
    pub fn found_in(&self, at: Partition) -> Mutant {
        let mut found = self.found();
        found.needles.push(self.partition_needle(at));
        found
    }

    /// What is changed is what that client did, or was told.
    pub fn found_of(&self, c: u32) -> Mutant {
        self.found().client(self.name(c))
    }
}

impl Desk {
    /// Asked for and done.
    pub fn effect(&self, a: &mut Annex<'_>, id: Identity) {
        let op = a.apply(self.c, self.sink, id);
        a.row(self.sink, id, self.c);
        a.applied(self.c, op, Outcome::Ok, false);
    }

    /// All that is there is read and has its effect.
    pub fn work(&self, a: &mut Annex<'_>) {
        for (offset, id) in (0..).zip(self.ids.clone()) {
            a.read(self.c, self.at, offset);
            self.effect(a, id);
        }
    }

    /// All that is there is committed.
    pub fn commit(&self, a: &mut Annex<'_>) {
        a.commit(self.c, self.group, self.at, self.ids.len() as i64);
    }

    pub fn found(&self, a: &Annex<'_>, which: usize) -> Mutant {
        let mut found = a.found().record(self.ids[which]).once();
        found.needles.push(Needle::Sink("annex-ledger".into()));
        found
    }
}
