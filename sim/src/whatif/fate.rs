//! What became of each record, told so that two runs can be compared: by the workload's record that it was made of.

use std::collections::BTreeMap;

use fencepost_reports::history::event::{Ack, Applied, Apply, Final, Outcome, Send, SendError, SinkFinal};
use fencepost_reports::history::{Event, Identity, Partition, Sink};

use crate::plan::Plan;

/// Set in the number of a sink, to tell it from that of a topic.
const SINK: u32 = 1 << 31;

/// What became of a record in one topic, or of its effect in one sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Its send was invoked.
    pub sent: bool,
    /// A send of it was acknowledged.
    pub acknowledged: bool,
    /// A send of it failed for certain.
    pub failed: bool,
    /// A send of it was given up without knowing its outcome.
    pub unknown: bool,
    /// How often a reader at read_committed is given it in the end.
    pub visible: u32,
    /// How often it is stored where such a reader does not see it.
    pub hidden: u32,
}

impl Fate {
    /// In words.
    pub fn words(self) -> String {
        let sent = match self {
            Fate { acknowledged: true, failed: true, .. } => "failed, sent again and acknowledged",
            Fate { acknowledged: true, .. } => "acknowledged",
            Fate { failed: true, .. } => "failed",
            Fate { unknown: true, .. } => "given up with unknown outcome",
            Fate { sent: true, .. } => "never answered",
            _ => "not sent",
        };
        let there = match (self.visible, self.hidden) {
            (0, 0) => "not there".to_string(),
            (0, _) => "there, but aborted or not decided".to_string(),
            (1, _) => "there once".to_string(),
            (2, _) => "there twice".to_string(),
            (n, _) => format!("there {n} times"),
        };
        if self.sent || self.visible + self.hidden > 0 { format!("{sent}, {there}") } else { sent.to_string() }
    }
}

/// A record of one topic in two runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFate {
    /// Name of the topic or sink.
    pub topic: String,
    /// The producer whose record it was made of.
    pub producer: String,
    /// Number of that record in the producer's workload.
    pub index: i64,
    /// What a proof calls it, in the first run and in the second; empty where it is not.
    pub names: [String; 2],
    /// In the first run.
    pub left: Fate,
    /// In the second.
    pub right: Fate,
}

impl RecordFate {
    /// What it is called and where it should be; with its other name in the second run if it has one.
    pub fn words(&self) -> String {
        let [name, other] = &self.names;
        match (name.is_empty(), other.is_empty() || other == name) {
            (true, _) => format!("{other}, in {}", self.topic),
            (_, true) => format!("{name}, in {}", self.topic),
            (false, false) => format!("{name} (what if: {other}), in {}", self.topic),
        }
    }
}

/// Gathers the fates of one run.
#[derive(Debug, Default)]
pub struct Fates {
    topics: BTreeMap<u32, String>,
    /// By client, incarnation and operation.
    sends: BTreeMap<(u32, u32, u64), (u32, Identity)>,
    /// The same for effects on sinks.
    applies: BTreeMap<(u32, u32, u64), (u32, Identity)>,
    /// By topic and identity.
    fates: BTreeMap<(u32, Identity), Fate>,
    /// What stands where in the end, to find what a record was made of.
    stored: BTreeMap<(Partition, i64), Identity>,
}

impl Sink for Fates {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Topic(topic) if !topic.internal => {
                self.topics.insert(topic.id, topic.name.to_string());
            }
            Event::Send(Send { c, i, op, topic, id, .. }) => {
                self.sends.insert((*c, *i, *op), (*topic, *id));
                self.fates.entry((*topic, *id)).or_default().sent = true;
            }
            Event::Ack(Ack { c, i, op, .. }) => {
                if let Some(fate) = self.of_send(*c, *i, *op) {
                    fate.acknowledged = true;
                }
            }
            Event::Fail(SendError { c, i, op, .. }) => {
                if let Some(fate) = self.of_send(*c, *i, *op) {
                    fate.failed = true;
                }
            }
            Event::Unknown(SendError { c, i, op, .. }) => {
                if let Some(fate) = self.of_send(*c, *i, *op) {
                    fate.unknown = true;
                }
            }
            Event::Final(Final { at, offset, id, visible, .. }) => {
                self.stored.insert((*at, *offset), *id);
                let fate = self.fates.entry((at.topic, *id)).or_default();
                if *visible { fate.visible += 1 } else { fate.hidden += 1 }
            }
            Event::Sink(sink) => {
                self.topics.insert(sink.id | SINK, sink.name.to_string());
            }
            Event::Apply(Apply { c, i, op, sink, id, .. }) => {
                self.applies.insert((*c, *i, *op), (*sink | SINK, *id));
                self.fates.entry((*sink | SINK, *id)).or_default().sent = true;
            }
            Event::Applied(Applied { c, i, op, outcome, .. }) => {
                let Some(fate) = self.applies.get(&(*c, *i, *op)).and_then(|key| self.fates.get_mut(key)) else {
                    return;
                };
                match outcome {
                    Outcome::Ok => fate.acknowledged = true,
                    Outcome::Fail => fate.failed = true,
                    Outcome::Unknown => fate.unknown = true,
                }
            }
            Event::SinkFinal(SinkFinal { sink, id, .. }) => {
                self.fates.entry((*sink | SINK, *id)).or_default().visible += 1;
            }
            _ => {}
        }
    }
}

/// Topic, producer, number of the record.
type Key = (String, String, i64);

impl Fates {
    fn of_send(&mut self, c: u32, i: u32, op: u64) -> Option<&mut Fate> {
        self.fates.get_mut(self.sends.get(&(c, i, op))?)
    }

    /// The workload's record that a record was made of, through all stages.
    fn root(&self, mut record: Identity) -> Option<Identity> {
        for _ in 0..=self.topics.len() {
            if record.is_workload() {
                return Some(record);
            }
            let input = Partition::new(record.source, record.partition);
            record = *self.stored.get(&(input, record.offset))?;
        }
        None
    }

    fn by_root(&self, plan: &Plan) -> BTreeMap<Key, (Fate, String)> {
        let mut found: BTreeMap<Key, (Fate, String)> = BTreeMap::new();
        for ((topic, id), fate) in &self.fates {
            let (Some(root), Some(topic)) = (self.root(*id), self.topics.get(topic)) else { continue };
            let workload = (root.source & !Identity::WORKLOAD) as usize;
            let Some(producer) = plan.workload_name(workload) else { continue };
            let key = (topic.clone(), producer.to_string(), root.offset);
            // The first of several that were made of one record stands for all.
            let (sum, _) = found.entry(key).or_insert_with(|| (Fate::default(), self.name(*id, producer, root)));
            sum.sent |= fate.sent;
            sum.acknowledged |= fate.acknowledged;
            sum.failed |= fate.failed;
            sum.unknown |= fate.unknown;
            sum.visible += fate.visible;
            sum.hidden += fate.hidden;
        }
        found
    }

    /// As proofs name records; what was made of another one, with the workload's record that it was made of.
    fn name(&self, id: Identity, producer: &str, root: Identity) -> String {
        let record = format!("record {} of {producer}", root.offset);
        if id.is_workload() {
            return record;
        }
        let source = self.topics.get(&id.source).map_or("?", String::as_str);
        let Identity { partition, offset, stage, index, .. } = id;
        format!("output {index} of stage {stage} for {source}-{partition}@{offset}, made of {record}")
    }
}

/// Every record of two runs, in order of topic, producer and number.
pub fn compare_fates(left: (&Fates, &Plan), right: (&Fates, &Plan)) -> Vec<RecordFate> {
    let (left, mut right) = (left.0.by_root(left.1), right.0.by_root(right.1));
    type Told = (Fate, String);
    let mut all: BTreeMap<Key, (Told, Told)> = BTreeMap::new();
    for (key, fate) in left {
        let other = right.remove(&key).unwrap_or_default();
        all.insert(key, (fate, other));
    }
    all.extend(right.into_iter().map(|(key, fate)| (key, (Told::default(), fate))));
    let record = |((topic, producer, index), ((left, name), (right, other)))| {
        let names = [name, other];
        RecordFate { topic, producer, index, names, left, right }
    };
    all.into_iter().map(record).collect()
}
