//! `--dump`: what is visible in the end, topic by topic, as JSON Lines.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use fencepost_reports::history::{Event, Identity, Partition, Sink};
use serde_json::json;

use super::Refusal;
use super::output::WholeFile;
use crate::generated::text;
use crate::plan::Plan;

/// Gathers the final read.
#[derive(Debug, Default)]
pub struct Dump {
    topics: BTreeMap<u32, (String, u32)>,
    records: BTreeMap<Partition, BTreeMap<i64, (Identity, bool)>>,
}

impl Sink for Dump {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Topic(topic) if !topic.internal => {
                self.topics.insert(topic.id, (topic.name.to_string(), topic.partitions));
            }
            Event::Final(record) => {
                self.records.entry(record.at).or_default().insert(record.offset, (record.id, record.visible));
            }
            _ => {}
        }
    }
}

impl Dump {
    /// Writes one file for each partition: all of them, or what is missing is said.
    pub fn write(self, folder: &Path, plan: &Plan, seed: u64) -> Result<(), Refusal> {
        let mut files = Vec::new();
        for (id, (name, partitions)) in &self.topics {
            for partition in 0..*partitions {
                let path = folder.join(format!("{name}-{partition}.jsonl"));
                let mut file = WholeFile::create(&path)?;
                let none = BTreeMap::new();
                let records = self.records.get(&Partition::new(*id, partition)).unwrap_or(&none);
                for (offset, (record, _)) in records.iter().filter(|(_, (_, visible))| *visible) {
                    let line = self.line(*offset, *record, plan, seed);
                    writeln!(file, "{line}").map_err(|e| Refusal(format!("cannot write {}: {e}", path.display())))?;
                }
                // There may be more partitions than files that can be open at a time.
                file.seal()?;
                files.push(file);
            }
        }
        files.into_iter().try_for_each(WholeFile::finish)
    }

    fn line(&self, offset: i64, record: Identity, plan: &Plan, seed: u64) -> serde_json::Value {
        let mut line = json!({ "offset": offset });
        let Some(root) = self.root(record) else {
            line["note"] = "the input record that this was made of is not there any more".into();
            return line;
        };
        let workload = root.source & !Identity::WORKLOAD;
        if let Some(producer) = plan.producers.get(workload as usize) {
            let (key, value) = producer.source.record(seed, workload, root.offset as u64);
            line["key"] = key.map(|blob| text(&blob)).into();
            line["value"] = value.map(|blob| text(&blob)).into();
            line["origin"] = json!({ "producer": producer.name, "index": root.offset });
        }
        line
    }

    /// The workload's record that a record was made of, through all stages: pipelines hand keys and values on.
    fn root(&self, mut record: Identity) -> Option<Identity> {
        let stages = self.topics.len();
        for _ in 0..=stages {
            if record.is_workload() {
                return Some(record);
            }
            let input = self.records.get(&Partition::new(record.source, record.partition))?;
            record = input.get(&record.offset)?.0;
        }
        None
    }
}
