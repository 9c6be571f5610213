//! What proofs are made of: names for people, and where to look.

use super::evidence::Evidence;
use super::registry::{NONE, Slot};
use super::state::{Fate, Session, SinkInfo, Txn};
use crate::history::Identity;
use crate::history::event::SinkKind;
use crate::report::Proof;
use crate::words::seconds;

impl Evidence {
    pub(crate) fn topic_name(&self, topic: u32) -> &str {
        &self.topics[topic as usize].name
    }

    /// As `orders-0`.
    pub(crate) fn partition_name(&self, log: u32) -> String {
        let at = self.logs[log as usize].at;
        format!("{}-{}", self.topic_name(at.topic), at.partition)
    }

    /// As `orders-0@17`.
    pub(crate) fn place(&self, log: u32, offset: i64) -> String {
        format!("{}@{offset}", self.partition_name(log))
    }

    /// As `record 5 of shop` (whoever sends that workload) or `output 0 of stage 1 for orders-0@17`.
    pub(crate) fn record_name(&self, id: Identity) -> String {
        if id.is_workload() {
            let workload = id.source & !Identity::WORKLOAD;
            return match self.senders.get(workload as usize).filter(|client| **client != NONE) {
                Some(client) => format!("record {} of {}", id.offset, self.client(*client).name),
                None => format!("record {} of workload {workload}", id.offset),
            };
        }
        let source = match self.topics.get(id.source as usize) {
            Some(topic) => topic.name.clone(),
            None => format!("topic {}", id.source),
        };
        format!("output {} of stage {} for {source}-{}@{}", id.index, id.stage, id.partition, id.offset)
    }

    pub(crate) fn slot_name(&self, slot: Slot) -> String {
        self.record_name(self.records.identity(slot).0)
    }

    /// As `the charge for record 5 of workload 0`.
    pub(crate) fn effect_name(&self, sink: &SinkInfo, slot: Slot) -> String {
        let noun = match sink.kind {
            SinkKind::Rows => "row",
            SinkKind::Charges => "charge",
        };
        format!("the {noun} for {}", self.record_name(self.effects.identity(slot).0))
    }

    /// As `enrich-1`, or `enrich-1 (incarnation 2)`.
    pub(crate) fn session_name(&self, session: u32) -> String {
        let Session { client, incarnation, .. } = &self.sessions[session as usize];
        self.incarnation_name(*client, *incarnation)
    }

    /// As [`Evidence::session_name`].
    pub(crate) fn incarnation_name(&self, client: u32, incarnation: u32) -> String {
        let name = &self.client(client).name;
        if incarnation == 0 { name.clone() } else { format!("{name} (incarnation {incarnation})") }
    }

    /// As `transaction 4 of enrich-1, which aborted (1.250 s)`.
    pub(crate) fn txn_name(&self, txn: u32) -> String {
        let Txn { session, ordinal, fate, at, .. } = &self.txns[txn as usize];
        let fate = match fate {
            Fate::Open | Fate::Abandoned => "which nobody asked to end; it began",
            Fate::Committing | Fate::Unknown => "whose commit has an unknown outcome",
            Fate::Aborting => "whose abort was invoked",
            Fate::Committed => "which committed",
            Fate::Aborted => "which aborted",
            Fate::CommitFailed => "whose commit failed",
            Fate::Fenced => "whose commit was invoked after it was fenced",
        };
        format!("transaction {ordinal} of {}, {fate} ({})", self.session_name(*session), seconds(*at))
    }

    /// A proof about a record.
    pub(crate) fn proof(&self, slot: Slot, places: &[(u32, i64)], sentence: String) -> Proof {
        let (record, topic) = self.records.identity(slot);
        let txn = self.records.cell(slot).txn;
        let mut proof = Proof {
            sentence,
            record: Some(record),
            topic: Some(self.topic_name(topic).to_owned()),
            offsets: places.iter().map(|(log, offset)| (self.logs[*log as usize].at.partition, *offset)).collect(),
            ..Proof::default()
        };
        if txn != NONE {
            let Txn { session, ordinal, at, .. } = &self.txns[txn as usize];
            proof.clients = vec![self.session_id(*session)];
            proof.transaction = Some(*ordinal);
            proof.times = vec![*at];
        }
        proof
    }

    /// The same of a record in one of its transactions, or of one that is in none that is known.
    pub(crate) fn proof_in(&self, slot: Slot, txn: u32, places: &[(u32, i64)], sentence: String) -> Proof {
        let mut proof = self.proof(slot, places, sentence);
        if txn != NONE {
            let Txn { session, ordinal, at, .. } = &self.txns[txn as usize];
            proof.clients = vec![self.session_id(*session)];
            proof.transaction = Some(*ordinal);
            proof.times = vec![*at];
        }
        proof
    }

    /// Whose a producer id is, as ` of shop`, and the client for a proof; nothing where nobody told.
    pub(crate) fn producer(&self, pid: i64) -> (String, Vec<(String, u32)>) {
        match self.pids.get(&pid) {
            Some(session) => (format!(" of {}", self.session_name(*session)), vec![self.session_id(*session)]),
            None => (String::new(), Vec::new()),
        }
    }

    /// Where the final read has a record that is visible. Looks through the logs: for proofs only.
    pub(crate) fn visible_at(&self, slot: Slot) -> Option<(u32, i64)> {
        self.found_at(slot, true)
    }

    /// Where the final read has a record that is not visible. Looks through the logs: for proofs only.
    pub(crate) fn hidden_at(&self, slot: Slot) -> Option<(u32, i64)> {
        self.found_at(slot, false)
    }

    fn found_at(&self, slot: Slot, visible: bool) -> Option<(u32, i64)> {
        let topic = &self.topics[self.records.identity(slot).1 as usize];
        (topic.first_log..topic.first_log + topic.partitions).find_map(|number| {
            let log = &self.logs[number as usize];
            let wanted = |offset: &i64| log.entries.get(*offset).slot == slot && log.visible.get(*offset) == visible;
            log.present.iter().find(wanted).map(|offset| (number, offset))
        })
    }

    /// What became of a record that is not visible, as `is not in the final read of orders`, and where it is if it is there.
    pub(crate) fn not_visible(&self, slot: Slot) -> (String, Option<(u32, i64)>) {
        match self.hidden_at(slot) {
            Some((log, offset)) => (
                format!("is in the final read at {} only, where it is not visible", self.place(log, offset)),
                Some((log, offset)),
            ),
            None => {
                let topic = self.records.identity(slot).1;
                (format!("is not in the final read of {}", self.topic_name(topic)), None)
            }
        }
    }

    /// A session as a proof names it.
    pub(crate) fn session_id(&self, session: u32) -> (String, u32) {
        let Session { client, incarnation, .. } = &self.sessions[session as usize];
        (self.client(*client).name.clone(), *incarnation)
    }

    /// A proof about a place, not a record.
    pub(crate) fn proof_at(&self, log: u32, offsets: &[i64], sentence: String) -> Proof {
        let at = self.logs[log as usize].at;
        Proof {
            sentence,
            topic: Some(self.topic_name(at.topic).to_owned()),
            offsets: offsets.iter().map(|offset| (at.partition, *offset)).collect(),
            times: vec![self.now],
            ..Proof::default()
        }
    }

    /// Where a record was acknowledged. Looks through the logs: for proofs only.
    pub(crate) fn acknowledged_at(&self, slot: Slot) -> Option<(u32, i64)> {
        let topic = &self.topics[self.records.identity(slot).1 as usize];
        (topic.first_log..topic.first_log + topic.partitions).find_map(|log| {
            self.logs[log as usize].entries.pages().find_map(|(first, page)| {
                let within = page.iter().position(|entry| entry.slot == slot && entry.session != NONE)?;
                Some((log, first + within as i64))
            })
        })
    }
}
