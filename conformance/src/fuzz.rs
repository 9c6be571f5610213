//! Random dialogues, drawn from a seed, and their shrinking.
//!
//! A dialogue keeps a rough picture of what it has done, so that most of its steps do something; the rest are what no
//! well-behaved client would send. After whatever sets markers in motion it waits until they are written, so that both
//! targets are compared at rest.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::dialogue::{Cluster, Dialogue, Step, Topic, step};

/// What is drawn about.
#[derive(Clone, Copy, Debug, Default)]
struct Sketch {
    epoch_known: bool,
    open: bool,
    sequence: [i32; PARTITIONS],
}

const PARTITIONS: usize = 2;
const IDS: [&str; 2] = ["A", "B"];

struct Draw {
    random: ChaCha8Rng,
    /// Leave out what a 3.9 broker answers otherwise, as `protocol/MODEL.md` says: epochs beside the producer's own in
    /// an open transaction, and members of groups that do not exist.
    old_line: bool,
    version_2: bool,
    lines: Vec<String>,
    producers: BTreeMap<&'static str, Sketch>,
    idempotent: Sketch,
    member: bool,
}

impl Draw {
    fn below(&mut self, n: u32) -> u32 {
        self.random.next_u32() % n
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u32) as usize]
    }

    fn say(&mut self, line: String) {
        self.lines.push(line);
    }

    /// `p`, rarely another epoch or another producer's pair.
    fn who(&mut self, id: &str) -> String {
        let name = id.to_lowercase();
        match self.below(24) {
            0 | 1 if self.old_line => "900000001:0".to_string(),
            0 => format!("{name}-1"),
            1 => format!("{name}+1"),
            2 => if name == "a" { "b" } else { "a" }.to_string(),
            3 => "900000001:0".to_string(),
            _ => name,
        }
    }

    fn rest(&mut self, id: &str) {
        // Ends in one of the lasting states; an Ongoing transaction rests too.
        self.say(format!("AtRest id={id}"));
    }

    fn init(&mut self, id: &'static str) {
        let name = id.to_lowercase();
        let given = match self.below(8) {
            0 => " producer=".to_string() + &self.who(id),
            1 => format!(" producer={name}"),
            _ => String::new(),
        };
        self.say(format!("{name} = InitProducerId id={id}{given}"));
        self.rest(id);
        let sketch = self.producers.entry(id).or_default();
        if sketch.open {
            // The first call fenced the old transaction.
            if self.chance(85) {
                self.say(format!("{name} = InitProducerId id={id}{given}"));
            }
        }
        *self.producers.entry(id).or_default() = Sketch { epoch_known: true, ..Sketch::default() };
    }

    fn sequence(&mut self, expected: i32) -> i32 {
        match self.below(14) {
            0 => (expected - 1 - self.below(8) as i32).max(0),
            1 => expected + 1 + self.below(3) as i32,
            2 => 0,
            _ => expected,
        }
    }

    fn produce(&mut self, id: &'static str) {
        let partition = self.below(PARTITIONS as u32) as usize;
        let mut sketch = self.producers.get(id).copied().unwrap_or_default();
        let who = self.who(id);
        let old_client = !self.version_2 || self.chance(15);
        if old_client && self.chance(75) {
            self.say(format!("AddPartitions id={id} producer={who} to=t-{partition}"));
        }
        let version = match (self.version_2, old_client) {
            (true, true) => " v=11",
            _ => "",
        };
        let count = 1 + self.below(3) as i32;
        let sequence = self.sequence(sketch.sequence[partition]);
        let bits = match self.below(25) {
            0 => " txn=no",
            _ => "",
        };
        self.say(format!("Produce to=t-{partition} id={id} producer={who} seq={sequence} n={count}{version}{bits}"));
        sketch.open = true;
        sketch.sequence[partition] = sketch.sequence[partition].max(sequence + count);
        self.producers.insert(id, sketch);
    }

    fn plain(&mut self) {
        let partition = self.below(PARTITIONS as u32) as usize;
        if !self.idempotent.epoch_known {
            self.say("i = InitProducerId".to_string());
            self.idempotent.epoch_known = true;
        }
        let count = 1 + self.below(2) as i32;
        let sequence = self.sequence(self.idempotent.sequence[partition]);
        let who = match self.below(12) {
            0 => "i+1",
            1 => "i-1",
            _ => "i",
        };
        self.say(format!("Produce to=t-{partition} producer={who} seq={sequence} n={count}"));
        let next = &mut self.idempotent.sequence[partition];
        *next = (*next).max(sequence + count);
    }

    fn end(&mut self, id: &'static str) {
        let name = id.to_lowercase();
        let who = self.who(id);
        let result = self.pick(&["commit", "commit", "abort"]);
        let old = self.version_2 && self.chance(12);
        let version = if old { " v=4" } else { "" };
        let bind = if self.version_2 && !old && who == name { format!("{name} = ") } else { String::new() };
        let back = match self.below(8) {
            0 => "-1",
            _ => "",
        };
        let who = if back.is_empty() || who != name { who } else { format!("{name}{back}") };
        self.say(format!("{bind}EndTxn id={id} producer={who} {result}{version}"));
        self.rest(id);
        let sketch = self.producers.entry(id).or_default();
        sketch.open = false;
        if self.version_2 && !old {
            sketch.sequence = [0; PARTITIONS];
        }
    }

    fn offsets(&mut self, id: &'static str) {
        let who = self.who(id);
        let old_client = !self.version_2 || self.chance(15);
        if old_client && self.chance(75) {
            self.say(format!("AddOffsets id={id} producer={who} group=g"));
        }
        let version = if self.version_2 && old_client { " v=4" } else { "" };
        let identity = self.identity();
        let (partition, offset) = (self.below(PARTITIONS as u32), self.below(50));
        self.say(format!(
            "TxnOffsetCommit id={id} producer={who} group=g offsets=t-{partition}:{offset}{identity}{version}"
        ));
        self.producers.entry(id).or_default().open = true;
    }

    fn identity(&mut self) -> String {
        match (self.member, self.below(8)) {
            (true, 0) => " member=m generation=0".to_string(),
            (true, 1) => " member=m generation=+1".to_string(),
            (true, 2) => " member=nobody generation=1".to_string(),
            (true, 3..=6) => " member=m".to_string(),
            (false, 0) if !self.old_line => " member=nobody generation=1".to_string(),
            _ => String::new(),
        }
    }

    fn group(&mut self) {
        if !self.member {
            self.say("m = JoinGroup group=g topics=t".to_string());
            self.say("m = JoinGroup group=g member=m topics=t".to_string());
            self.member = true;
            if self.chance(80) {
                self.say("SyncGroup group=g member=m assign=m:t-0,t-1".to_string());
            }
            return;
        }
        match self.below(5) {
            0 => self.say("Heartbeat group=g member=m".to_string()),
            1 => {
                self.say("m = JoinGroup group=g member=m topics=t".to_string());
                self.say("SyncGroup group=g member=m assign=m:t-0".to_string());
            }
            2 => {
                self.say("LeaveGroup group=g member=m".to_string());
                if self.chance(50) {
                    self.member = false;
                }
            }
            _ => {
                let identity = self.identity();
                let offset = self.below(50);
                self.say(format!("OffsetCommit group=g offsets=t-0:{offset}{identity}"));
            }
        }
    }

    fn look(&mut self) {
        let id = self.pick(&IDS);
        match self.below(9) {
            0 => self.say("DescribeProducers of=t-0,t-1".to_string()),
            1 => self.say(format!("DescribeTransactions id={id}")),
            2 => self.say("OffsetFetch group=g of=t-0,t-1".to_string()),
            3 => self.say("OffsetFetch group=g of=t-0,t-1 unstable".to_string()),
            4 => self.say("ListOffsets of=t-0,t-1".to_string()),
            5 => {
                let from = self.below(6);
                self.say(format!("Fetch of=t-0 from={from}"));
            }
            6 => self.say("Fetch of=t-1 isolation=uncommitted".to_string()),
            _ => {
                let partition = self.below(PARTITIONS as u32);
                self.say(format!("Fetch of=t-{partition}"));
            }
        }
    }

    fn odd(&mut self, id: &'static str) {
        let who = self.who(id);
        let partition = self.below(PARTITIONS as u32);
        let result = self.pick(&["commit", "abort"]);
        match self.below(5) {
            0 => {
                let coordinator = self.below(3);
                self.say(format!("WriteTxnMarkers producer={who} to=t-{partition} {result} coordinator={coordinator}"));
            }
            1 => self.say(format!("AddPartitions id={id} producer={who} to=t-{partition} v=4 verify")),
            2 => self.say(format!("AddPartitions id={id} producer={who} to=t-0,t-1")),
            3 => self.say(format!("Produce to=t-0,t-1 id={id} producer={who} seq=0")),
            _ => self.say(format!("InitProducerId id={id} producer={who}")),
        }
        self.rest(id);
    }
}

/// The dialogue of a seed: some `length` steps on a cluster of that transaction version.
pub fn draw(seed: u64, line: &str, transaction_version: u8, length: usize) -> Dialogue {
    let mut draw = Draw {
        random: ChaCha8Rng::seed_from_u64(seed),
        old_line: line == "3.9",
        version_2: transaction_version >= 2,
        lines: Vec::new(),
        producers: BTreeMap::new(),
        idempotent: Sketch::default(),
        member: false,
    };
    while draw.lines.len() < length {
        let id = IDS[usize::from(draw.chance(35))];
        if !draw.producers.contains_key(id) && !draw.chance(5) {
            draw.init(id);
            continue;
        }
        match draw.below(100) {
            0..32 => draw.produce(id),
            32..52 => draw.end(id),
            52..60 => draw.init(id),
            60..68 => draw.offsets(id),
            68..74 => draw.group(),
            74..80 => draw.plain(),
            80..86 => draw.odd(id),
            _ => draw.look(),
        }
    }
    for line in
        ["Fetch of=t-0", "Fetch of=t-1", "DescribeProducers of=t-0,t-1", "OffsetFetch group=g of=t-0,t-1 unstable"]
    {
        draw.say(line.to_string());
    }
    let topic =
        Topic { name: "t".into(), partitions: PARTITIONS as u32, replication_factor: 1, min_insync_replicas: 1 };
    Dialogue {
        name: format!("fuzz-tv{transaction_version}-{seed}"),
        about: "Drawn at random.".into(),
        cluster: Cluster { line: line.into(), transaction_version, ..Cluster::default() },
        topics: vec![topic],
        steps: draw.lines.iter().map(|l| step(l).expect("a drawn step")).collect(),
        differs: BTreeMap::new(),
    }
}

/// Puts a `restart` or `crash` of the broker into the middle of a dialogue.
pub fn interrupt(dialogue: &mut Dialogue, ending: &str) {
    let steps = &mut dialogue.steps;
    let middle = steps.len() / 2;
    // Not between a step and its wait for rest.
    let at = (middle..steps.len()).find(|i| steps[*i].verb != "AtRest").unwrap_or(steps.len());
    steps.insert(at, step(&format!("{ending} 1")).expect("a step"));
}

/// The smallest dialogue that still fails: parts are left out, first halves, then smaller pieces, then single steps. A
/// wait for rest stays with the step before it: without it, what is left would be a race.
pub fn shrink(dialogue: &Dialogue, mut fails: impl FnMut(&Dialogue) -> bool) -> Dialogue {
    let mut groups: Vec<Vec<Step>> = Vec::new();
    for step in &dialogue.steps {
        match groups.last_mut() {
            Some(group) if step.verb == "AtRest" => group.push(step.clone()),
            _ => groups.push(vec![step.clone()]),
        }
    }
    let of = |groups: &[Vec<Step>]| Dialogue { steps: groups.concat(), ..dialogue.clone() };
    let mut piece = groups.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < groups.len() {
            let mut candidate = groups.clone();
            candidate.drain(at..(at + piece).min(groups.len()));
            if fails(&of(&candidate)) {
                groups = candidate;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    of(&groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_one_dialogue() {
        assert_eq!(draw(7, "4.2", 2, 20), draw(7, "4.2", 2, 20));
        assert_ne!(draw(7, "4.2", 2, 20).steps, draw(8, "4.2", 2, 20).steps);
    }

    #[test]
    fn shrinking_keeps_what_fails() {
        let dialogue = draw(3, "4.2", 2, 30);
        let fails = |d: &Dialogue| d.steps.iter().any(|s| s.verb == "EndTxn");
        let small = shrink(&dialogue, fails);
        let verbs: Vec<&str> = small.steps.iter().map(|s| &*s.verb).collect();
        assert_eq!(verbs, ["EndTxn", "AtRest"]);
    }
}
