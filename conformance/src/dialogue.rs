//! Dialogues: readable scripts of requests, one step a line.
//!
//! ```text
//! # A retry of the last batch is answered with its original offset (§2.3 step 2).
//! cluster transaction.version=2
//! topic t
//! p = InitProducerId
//! Produce to=t-0 producer=p seq=0 n=3
//! Produce to=t-0 producer=p seq=0 n=3
//! ```
//!
//! A *family* has `case NAME key=value...` lines: each case is a dialogue of its own, in which `{key}` stands for the
//! value (in which `%` stands for a space and `~` for an equals sign). Lines that begin with `[key=value]` belong only to the cases that say so.

use std::collections::BTreeMap;
use std::path::Path;

/// A topic that a dialogue uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name within the dialogue.
    pub name: String,
    /// Number of partitions; 0: it is named but does not exist.
    pub partitions: u32,
    /// Replicas of each partition.
    pub replication_factor: u32,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
}

/// What kind of cluster a dialogue needs. Dialogues with equal clusters share one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cluster {
    /// Line of Apache Kafka's releases, the name of a directory in `conformance/kafka`.
    pub line: String,
    /// Number of brokers, ids from 1.
    pub brokers: u32,
    /// `transaction.version`.
    pub transaction_version: u8,
    /// A cluster of its own: the dialogue stops brokers.
    pub alone: bool,
    /// Kafka's keys, of the broker.
    pub settings: BTreeMap<String, String>,
}

impl Default for Cluster {
    fn default() -> Self {
        let line = "4.2".to_string();
        Cluster { line, brokers: 1, transaction_version: 2, alone: false, settings: BTreeMap::new() }
    }
}

/// Settings of every cluster of ours, both of Kafka's and of the machines'. A dialogue's own come after them. A JVM is
/// slow to stop and restart, so sessions are short.
const SETTINGS: &[(&str, &str)] = &[
    ("transaction.state.log.num.partitions", "5"),
    ("offsets.topic.num.partitions", "5"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "100"),
    ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500"),
    ("broker.session.timeout.ms", "6000"),
    ("broker.heartbeat.interval.ms", "500"),
    ("replica.fetch.wait.max.ms", "100"),
];

impl Cluster {
    /// The brokers' settings as far as they differ from Kafka's defaults.
    pub fn all_settings(&self) -> BTreeMap<String, String> {
        let mut settings: BTreeMap<String, String> =
            SETTINGS.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let replicas = self.brokers.to_string();
        settings.insert("transaction.state.log.replication.factor".into(), replicas.clone());
        settings.insert("offsets.topic.replication.factor".into(), replicas);
        settings.insert("transaction.state.log.min.isr".into(), self.brokers.min(2).to_string());
        settings.extend(self.settings.clone());
        settings
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line as written.
    pub text: String,
    /// Name that the answer's producer or member is bound to.
    pub bind: Option<String>,
    /// What to do.
    pub verb: String,
    /// Arguments without a value.
    pub words: Vec<String>,
    /// Arguments with a value.
    pub args: BTreeMap<String, String>,
}

impl Step {
    /// Whether it has the argument without a value.
    pub fn says(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }
}

/// A dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialogue {
    /// File name without extension; for a case of a family, `family.case`.
    pub name: String,
    /// What it pins.
    pub about: String,
    /// Where it is to be put.
    pub cluster: Cluster,
    /// Its topics.
    pub topics: Vec<Topic>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// Steps (from 1) whose answers are known to differ from the reference, with the row of `protocol/MODEL.md`.
    pub differs: BTreeMap<usize, String>,
}

fn pair(word: &str) -> Result<(String, String), String> {
    let (key, value) = word.split_once('=').ok_or_else(|| format!("'{word}' is not key=value"))?;
    Ok((key.to_string(), value.to_string()))
}

fn number<T: std::str::FromStr>(key: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{key}={value} is not a number that fits"))
}

/// Reads one step.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn step(text: &str) -> Result<Step, String> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let mut bind = None;
    if words.len() > 2 && words[1] == "=" {
        bind = Some(words[0].to_string());
        words.drain(..2);
    }
    let verb = words.first().ok_or("a step without a verb")?.to_string();
    let mut step = Step { text: text.to_string(), bind, verb, words: Vec::new(), args: BTreeMap::new() };
    for word in &words[1..] {
        match word.split_once('=') {
            Some((key, value)) => {
                if step.args.insert(key.to_string(), value.to_string()).is_some() {
                    return Err(format!("'{key}' is given twice"));
                }
            }
            None => step.words.push(word.to_string()),
        }
    }
    Ok(step)
}

fn one(name: String, lines: &[String]) -> Result<Dialogue, String> {
    let (about, cluster) = (String::new(), Cluster::default());
    let mut dialogue =
        Dialogue { name, about, cluster, topics: Vec::new(), steps: Vec::new(), differs: BTreeMap::new() };
    for line in lines {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix('#') {
            if dialogue.steps.is_empty() {
                dialogue.about = format!("{} {}", dialogue.about, comment.trim()).trim().to_string();
            }
            continue;
        }
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "cluster" => {
                for word in rest.split_whitespace() {
                    let (key, value) = pair(word)?;
                    let cluster = &mut dialogue.cluster;
                    match &*key {
                        "line" => cluster.line = value,
                        "brokers" => cluster.brokers = number(&key, &value)?,
                        "transaction.version" => cluster.transaction_version = number(&key, &value)?,
                        "alone" => cluster.alone = value == "yes",
                        _ => drop(cluster.settings.insert(key, value)),
                    }
                }
            }
            "topic" => {
                let mut words = rest.split_whitespace();
                let name = words.next().ok_or("a topic without a name")?.to_string();
                let mut topic = Topic { name, partitions: 1, replication_factor: 1, min_insync_replicas: 1 };
                for word in words {
                    let (key, value) = pair(word)?;
                    let value = number(&key, &value)?;
                    match &*key {
                        "partitions" => topic.partitions = value,
                        "replicas" => topic.replication_factor = value,
                        "min.insync.replicas" => topic.min_insync_replicas = value,
                        _ => return Err(format!("a topic has no '{key}'")),
                    }
                }
                dialogue.topics.push(topic);
            }
            "differs" => {
                let (index, reason) = rest.split_once(' ').ok_or("differs STEP REASON")?;
                dialogue.differs.insert(number("step", index)?, reason.to_string());
            }
            _ => dialogue.steps.push(step(line)?),
        }
    }
    Ok(dialogue)
}

/// The dialogues of one file's text: one, or one for each case.
///
/// # Errors
/// A sentence with the dialogue's name.
pub fn parse(name: &str, text: &str) -> Result<Vec<Dialogue>, String> {
    let mut cases = Vec::new();
    let mut lines = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("case ") {
            Some(case) => cases.push(case),
            None => lines.push(line),
        }
    }
    if cases.is_empty() {
        let lines: Vec<String> = lines.iter().map(|l| l.to_string()).collect();
        return Ok(vec![one(name.to_string(), &lines).map_err(|e| format!("{name}: {e}"))?]);
    }
    let mut dialogues = Vec::new();
    for case in cases {
        let mut words = case.split_whitespace();
        let case = words.next().ok_or_else(|| format!("{name}: a case without a name"))?;
        let full = format!("{name}.{case}");
        let values = words.map(pair).collect::<Result<BTreeMap<_, _>, _>>().map_err(|e| format!("{full}: {e}"))?;
        let mut text = Vec::new();
        for line in &lines {
            let mut line = line.trim();
            let mut applies = true;
            while let Some((condition, rest)) = line.strip_prefix('[').and_then(|l| l.split_once(']')) {
                let (key, value) = pair(condition).map_err(|e| format!("{full}: {e}"))?;
                applies &= values.get(&key).is_some_and(|v| value.split('|').any(|w| w == v));
                line = rest.trim();
            }
            if !applies {
                continue;
            }
            let mut line = line.to_string();
            for (key, value) in &values {
                line = line.replace(&format!("{{{key}}}"), &value.replace('%', " ").replace('~', "="));
            }
            if line.contains('{') {
                return Err(format!("{full}: '{line}' names what the case does not give"));
            }
            text.push(line);
        }
        dialogues.push(one(full.clone(), &text).map_err(|e| format!("{full}: {e}"))?);
    }
    Ok(dialogues)
}

/// All dialogues of a directory, by name.
///
/// # Errors
/// A sentence with the file's or the dialogue's name.
pub fn load(directory: &Path) -> Result<Vec<Dialogue>, String> {
    let entries = std::fs::read_dir(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let mut dialogues = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| e.to_string())?.path();
        if path.extension().is_some_and(|e| e == "dialogue") {
            let name = path.file_stem().and_then(|n| n.to_str()).ok_or("a file name that is not text")?;
            let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            dialogues.extend(parse(name, &text)?);
        }
    }
    dialogues.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(dialogues)
}

/// A dialogue as text that [`parse`] reads back (without families).
pub fn print(dialogue: &Dialogue) -> String {
    let mut lines = Vec::new();
    if !dialogue.about.is_empty() {
        lines.push(format!("# {}", dialogue.about));
    }
    let c = &dialogue.cluster;
    let mut cluster =
        format!("cluster line={} brokers={} transaction.version={}", c.line, c.brokers, c.transaction_version);
    if c.alone {
        cluster.push_str(" alone=yes");
    }
    for (key, value) in &c.settings {
        cluster.push_str(&format!(" {key}={value}"));
    }
    lines.push(cluster);
    for t in &dialogue.topics {
        lines.push(format!(
            "topic {} partitions={} replicas={} min.insync.replicas={}",
            t.name, t.partitions, t.replication_factor, t.min_insync_replicas
        ));
    }
    lines.extend(dialogue.differs.iter().map(|(i, reason)| format!("differs {i} {reason}")));
    lines.extend(dialogue.steps.iter().map(|s| s.text.clone()));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_one_dialogue_for_each_case() {
        let text =
            "# About {x}.\ntopic t\ncase a x=1 kind=yes\ncase b x=2 kind=no\nProduce seq={x}\n[kind=yes] wait 1s\n";
        let dialogues = parse("f", text).unwrap();
        assert_eq!(dialogues.iter().map(|d| &*d.name).collect::<Vec<_>>(), ["f.a", "f.b"]);
        assert_eq!(dialogues[0].steps.len(), 2);
        assert_eq!(dialogues[1].steps[0].args["seq"], "2");
        assert_eq!(dialogues[1].steps.len(), 1);
        assert_eq!(dialogues[1].about, "About 2.");
    }

    #[test]
    fn a_printed_dialogue_reads_back_as_itself() {
        let text = "# About.\ncluster brokers=3 alone=yes a.b=c\ntopic t partitions=2\ndiffers 1 row\np = Init id=T\n";
        let dialogue = parse("d", text).unwrap().remove(0);
        assert_eq!(parse("d", &print(&dialogue)).unwrap(), [dialogue]);
    }

    #[test]
    fn an_unfilled_hole_is_an_error() {
        assert!(parse("f", "case a x=1\nProduce seq={y}\n").is_err());
    }
}
