//! `--dump`: what is visible in the end, topic by topic, as JSON Lines.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use fencepost_protocol::batch::Blob;
use fencepost_reports::history::{Event, Identity, Partition, Sink};
use serde_json::json;

use super::Refusal;
use super::output::WholeFile;
use crate::plan::Plan;
use crate::stream::mix;

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

/// Bytes as text; generated ones become words that can be read aloud, a pure function of what they are generated from.
fn text(blob: &Blob) -> String {
    match blob {
        Blob::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Blob::Generated { id, len } => {
            const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
            const VOWELS: &[u8; 4] = b"aeio";
            let mut text = String::with_capacity(*len as usize);
            let mut block = 0;
            while text.len() < *len as usize {
                let mut bits = mix(id.wrapping_add(block));
                block += 1;
                for _ in 0..3 {
                    text.push(CONSONANTS[(bits & 15) as usize] as char);
                    text.push(VOWELS[(bits >> 4 & 3) as usize] as char);
                    bits >>= 6;
                }
                text.push(' ');
            }
            text.truncate(*len as usize);
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_text_has_its_length_and_is_a_function_of_its_id() {
        let of = |id, len| text(&Blob::Generated { id, len });
        assert_eq!(of(7, 100).len(), 100);
        assert_eq!(of(7, 10), of(7, 10));
        assert_ne!(of(7, 10), of(8, 10));
        assert_eq!(of(7, 0), "");
    }
}
