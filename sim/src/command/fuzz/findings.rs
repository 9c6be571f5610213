//! The folder of findings: every failure is there the moment it is made.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::json;

use super::super::Refusal;
use super::super::output::{Troubles, WholeFile, shell_word};
use super::results::Results;
use super::shard::Shard;
use crate::capsule::Capsule;
use crate::fuzz::group::Key;
use crate::scenario::Scenario;
use crate::stream::hash_name;

/// Capsules of one group that are written while the campaign runs; the lowest few are completed at its end.
const OF_A_GROUP: u32 = 16;

/// An open folder.
#[derive(Debug)]
pub struct Findings {
    folder: PathBuf,
    log: Mutex<File>,
    written: Mutex<BTreeMap<Key, u32>>,
    /// What could not be written: each finding is told all the same.
    troubles: Mutex<Troubles>,
}

impl Findings {
    pub fn open(folder: &Path) -> Result<Findings, Refusal> {
        let path = folder.join("findings.jsonl");
        let log = OpenOptions::new().create(true).append(true).open(&path);
        let log = log.map_err(|e| Refusal(format!("cannot write {}: {e}", path.display())))?;
        Ok(Findings {
            folder: folder.to_path_buf(),
            log: Mutex::new(log),
            written: Mutex::default(),
            troubles: Mutex::default(),
        })
    }

    /// Keeps what went wrong, once for each file.
    pub fn keep_trouble<T>(&self, result: Result<T, Refusal>) -> Option<T> {
        self.troubles.lock().expect("nothing panics while it holds the troubles").note(result)
    }

    /// What went wrong so far.
    pub fn troubles(&self) -> Troubles {
        std::mem::take(&mut *self.troubles.lock().expect("nothing panics while it holds the troubles"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whether one more capsule of this group is to be written now.
    pub fn wants(&self, key: &Key) -> bool {
        let mut written = self.written.lock().expect("nothing panics while it holds the counts");
        let count = written.entry(key.clone()).or_default();
        *count += 1;
        *count <= OF_A_GROUP
    }

    /// Writes a capsule. Returns its file name.
    pub fn write(&self, scenario: &Scenario, seed: u64, capsule: &Capsule, what: &str) -> Result<String, Refusal> {
        let name = file_name(scenario, seed, what);
        WholeFile::create(&self.path(&name))?.finish_with(&capsule.to_json())?;
        Ok(name)
    }

    /// Adds a line to the log.
    pub fn note(&self, scenario: &Scenario, seed: u64, key: &Key, capsule: Option<&str>) -> Result<(), Refusal> {
        let line = json!({
            "scenario": scenario.label(),
            "seed": seed,
            "kind": key.kind,
            "rule": key.rule,
            "capsule": capsule,
        });
        let mut log = self.log.lock().expect("nothing panics while it holds the log");
        // One write, so that a kill leaves a whole line or none.
        log.write_all(format!("{line}\n").as_bytes())
            .map_err(|e| Refusal(format!("cannot write {}: {e}", self.path("findings.jsonl").display())))
    }

    /// Writes the results of this process.
    pub fn write_results(&self, shard: &Shard, results: &Results) -> Result<(), Refusal> {
        let name = match shard.count {
            1 => "results.json".to_string(),
            count => format!("results-{}-of-{count}.json", shard.index + 1),
        };
        WholeFile::create(&self.path(&name))?.finish_with(&results.to_json())
    }

    /// The command that runs a capsule again.
    pub fn replay(folder: &Path, name: &str) -> String {
        format!("fencepost replay {}", shell_word(&folder.join(name).display().to_string()))
    }
}

/// `chaos-zombies-17-1f2e3d4c.json`: scenario and seed for people, and a number that tells settings apart.
fn file_name(scenario: &Scenario, seed: u64, what: &str) -> String {
    let plain: String = scenario.label().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let mut words: Vec<&str> = plain.split('-').filter(|w| !w.is_empty()).collect();
    words.drain(..words.len().saturating_sub(4));
    let settings = hash_name(scenario.choice.sets.join("\n").as_bytes()) as u32;
    format!("{}-{seed}-{settings:08x}{what}.json", words.join("-"))
}
