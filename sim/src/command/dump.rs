//! `--dump`: what is visible in the end, topic by topic, as JSON Lines.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use fencepost_protocol::pipeline::Function;
use fencepost_reports::history::{Event, Identity, Partition, Sink};
use serde_json::json;

use super::Refusal;
use super::output::WholeFile;
use crate::generated::text;
use crate::plan::{PipelinePlan, Plan};

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
        let Some(stages) = self.stages(record) else {
            line["note"] = "the input record that this was made of is not there any more".into();
            return line;
        };
        let (root, stages) = stages.split_last().expect("a record is its own first stage");
        let workload = root.source & !Identity::WORKLOAD;
        if let Some(producer) = plan.producers.get(workload as usize) {
            let (key, mut value) = producer.source.record(seed, workload, root.offset as u64);
            // From the workload's record on, through all stages: pipelines hand keys on, and make values of values.
            for stage in stages.iter().rev() {
                value = value.map(|value| self.function(*stage, plan).apply(&value));
            }
            line["key"] = key.map(|blob| text(&blob)).into();
            line["value"] = value.map(|value| text(&value.blob())).into();
            line["origin"] = json!({ "producer": producer.name, "index": root.offset });
        }
        line
    }

    /// The record, what it was made of, what that was made of, and so on, to the workload's record.
    fn stages(&self, mut record: Identity) -> Option<Vec<Identity>> {
        let mut all = vec![record];
        let stages = self.topics.len();
        for _ in 0..=stages {
            if record.is_workload() {
                return Some(all);
            }
            let input = self.records.get(&Partition::new(record.source, record.partition))?;
            record = input.get(&record.offset)?.0;
            all.push(record);
        }
        None
    }

    /// What the pipeline that made a record makes of values.
    fn function(&self, record: Identity, plan: &Plan) -> Function {
        let input = self.topics.get(&record.source).map(|(name, _)| name);
        let made_it = |p: &&PipelinePlan| p.stage == record.stage && p.inputs.iter().any(|topic| Some(topic) == input);
        plan.pipelines.iter().find(made_it).map(|p| p.function.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fencepost_reports::function::fingerprint_of;

    use super::*;
    use crate::run::{Course, run};
    use crate::scenario::{Choice, Scenario};
    use crate::world::Keep;

    const THREE_TOPICS: &str = r#"
title = "A text, and the hash of it"
cluster.brokers = 1
cluster.default.replication.factor = 1
cluster.min.insync.replicas = 1
topic = [{ name = "in" }, { name = "longer" }, { name = "hashed" }]
producer = [{ name = "source", topic = "in", records = 5 }]
pipeline = [
    { name = "append", input = "in", output = "longer", function = "append: (seen)" },
    { name = "hash", input = "longer", output = "hashed", function = "hash" },
]
"#;

    /// The values that a history tells, in the order of the final read, by topic.
    #[derive(Default)]
    struct Told(BTreeMap<u32, Vec<Option<u64>>>);

    impl Sink for Told {
        fn event(&mut self, event: &Event<'_>) {
            if let Event::Final(f) = event {
                self.0.entry(f.at.topic).or_default().push(f.value);
            }
        }
    }

    #[test]
    fn a_dump_shows_what_the_functions_of_the_pipelines_give() {
        let mut read = |_: &str| panic!("no file is read");
        let scenario =
            Scenario::load("test", THREE_TOPICS, Choice::default(), &mut read).unwrap_or_else(|p| panic!("{p}"));
        let mut sink = (Dump::default(), Told::default());
        run(&Arc::clone(&scenario.plan), Course::Seed(1), Keep::default(), Some(&mut sink), None);
        let (dump, Told(told)) = sink;
        let ids: BTreeMap<String, u32> = dump.topics.iter().map(|(id, (name, _))| (name.clone(), *id)).collect();
        let mut values = BTreeMap::new();
        for topic in ["in", "longer", "hashed"] {
            let records = &dump.records[&Partition::new(ids[topic], 0)];
            let line = |(offset, (id, _)): (&i64, &(Identity, bool))| dump.line(*offset, *id, &scenario.plan, 1);
            let lines: Vec<serde_json::Value> = records.iter().map(line).collect();
            let shown: Vec<String> = lines.iter().map(|l| l["value"].as_str().expect("a value").to_owned()).collect();
            let fingerprints: Vec<_> = shown.iter().map(|value| Some(fingerprint_of(value))).collect();
            assert_eq!(fingerprints, told[&ids[topic]], "{topic}");
            values.insert(topic, shown);
        }
        let longer: Vec<String> = values["in"].iter().map(|value| format!("{value} (seen)")).collect();
        let hashed: Vec<String> = longer.iter().map(|value| format!("{:016x}", fingerprint_of(value))).collect();
        assert_eq!((&values["longer"], &values["hashed"]), (&longer, &hashed));
        assert_eq!(longer.len(), 5);
    }
}
