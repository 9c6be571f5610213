//! Fingerprints of values, as `docs/history-format.md` defines them, for histories that have none.

use std::collections::BTreeMap;

use fencepost_reports::history::event::*;

const BASIS: u64 = 14_695_981_039_346_656_037;
const PRIME: u64 = 1_099_511_628_211;

/// The fingerprint of what has the fingerprint `of` with more bytes after it.
fn longer(of: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(of, |h, b| (h ^ u64::from(*b)).wrapping_mul(PRIME))
}

pub fn fingerprint(bytes: &[u8]) -> u64 {
    longer(BASIS, bytes)
}

/// The value of a workload's record that was not told: its identity in words.
pub fn of_workload(id: Identity) -> u64 {
    fingerprint(format!("record {} of {}", id.offset, id.source).as_bytes())
}

/// What a pipeline's function makes of a value.
pub fn apply(function: &str, input: u64) -> u64 {
    match function.strip_prefix("append:") {
        Some(text) => longer(input, text.as_bytes()),
        None if function == "copy" => input,
        None if function == "hash" => fingerprint(format!("{input:016x}").as_bytes()),
        None => panic!("no function {function}"),
    }
}

/// The functions of pipelines by stage and input topic.
type Functions = BTreeMap<(u16, u32), String>;

/// What the values of a history's records are, as far as their origin is in it.
pub struct Lineage {
    functions: Functions,
    stored: BTreeMap<(u32, u32, i64), Identity>,
}

impl Lineage {
    pub fn new(events: &[Event<'_>]) -> Lineage {
        let mut lineage = Lineage { functions: BTreeMap::new(), stored: BTreeMap::new() };
        for event in events {
            match event {
                Event::Client(c) if c.function.is_some() => {
                    for input in &c.inputs {
                        let function = c.function.as_deref().unwrap_or_default().to_string();
                        lineage.functions.insert((c.stage, *input), function);
                    }
                }
                Event::Read(e) => drop(lineage.stored.insert((e.at.topic, e.at.partition, e.offset), e.id)),
                Event::Final(e) => drop(lineage.stored.insert((e.at.topic, e.at.partition, e.offset), e.id)),
                _ => {}
            }
        }
        lineage
    }

    /// The record's value, given that of some other record.
    pub fn value(&self, id: Identity, given: Option<(Identity, u64)>) -> Option<u64> {
        if let Some((other, value)) = given
            && other == id
        {
            return Some(value);
        }
        if id.is_workload() {
            return Some(of_workload(id));
        }
        let input = *self.stored.get(&(id.source, id.partition, id.offset))?;
        let function = self.functions.get(&(id.stage, id.source))?;
        self.value(input, given).map(|value| apply(function, value))
    }
}

/// Gives each record of a history the value that it has by its origin, and each pipeline a function.
pub fn add(events: &mut [Event<'static>], first: usize) {
    const FUNCTIONS: [&str; 3] = ["copy", "append:!", "hash"];
    for event in events.iter_mut() {
        if let Event::Client(c) = event
            && c.kind == ClientKind::Pipeline
        {
            c.function = Some(FUNCTIONS[(first + usize::from(c.stage)) % FUNCTIONS.len()].into());
        }
    }
    let lineage = Lineage::new(events);
    for event in events {
        match event {
            Event::Send(e) => e.value = lineage.value(e.id, None),
            Event::Read(e) => e.value = lineage.value(e.id, None),
            Event::Final(e) => e.value = lineage.value(e.id, None),
            _ => {}
        }
    }
}
