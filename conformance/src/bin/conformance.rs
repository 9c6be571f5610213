//! `conformance record [NAME...]`: puts dialogues to a real Kafka and writes what it answered into `vectors/`.
//!
//! `conformance fuzz [seeds=N] [first=SEED] [length=N] [transaction.version=V] [line=L]
//! [ending=restart|crash]`: puts random dialogues to a
//! real Kafka and to our machines, and shrinks each that is answered differently. With `ending`, the broker is restarted
//! (or killed and started) in the middle of each. Exit code 1 if there is a difference.

#![expect(clippy::disallowed_types, reason = "a real Kafka takes real time")]

use std::path::Path;
use std::process::ExitCode;

use fencepost_conformance::dialogue::{self, Dialogue};
use fencepost_conformance::kafka::{KafkaCluster, fetch};
use fencepost_conformance::machines::Machines;
use fencepost_conformance::vector::{Mismatch, Vector, compare};
use fencepost_conformance::{fuzz, runner};

fn here(directory: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)
}

/// Records the dialogues whose names begin with one of `wanted`; without any, those that have no vector of their steps.
fn record(wanted: &[String]) -> Result<(), String> {
    let vectors = here("vectors");
    let mut dialogues = dialogue::load(&here("dialogues"))?;
    dialogues.retain(|d| {
        if !wanted.is_empty() {
            return wanted.iter().any(|w| d.name.starts_with(&**w));
        }
        let text = std::fs::read_to_string(Vector::path(&vectors, &d.name)).unwrap_or_default();
        !Vector::parse(&text).is_ok_and(|v| v.is_of(d))
    });
    dialogues.sort_by(|a, b| (&a.cluster, &a.name).cmp(&(&b.cluster, &b.name)));
    println!("{} dialogues to record", dialogues.len());
    let mut running: Option<(&Dialogue, KafkaCluster)> = None;
    let mut failures = 0;
    for dialogue in &dialogues {
        if !running.as_ref().is_some_and(|(d, _)| d.cluster == dialogue.cluster && !dialogue.cluster.alone) {
            drop(running.take());
            let release = fetch(&dialogue.cluster.line)?;
            println!("starting Apache Kafka {} for {:?}", release.version, dialogue.cluster);
            running = Some((dialogue, KafkaCluster::start(&release, &dialogue.cluster)?));
        }
        let (_, kafka) = running.as_mut().expect("it was started");
        match runner::run(kafka, dialogue) {
            Ok(answers) => {
                let version = kafka.version().to_string();
                let vector = Vector::new(dialogue, &version, &answers);
                let path = Vector::path(&vectors, &dialogue.name);
                std::fs::write(&path, vector.print()).map_err(|e| format!("{}: {e}", path.display()))?;
                println!("  {}", dialogue.name);
            }
            Err(error) => {
                failures += 1;
                println!("  FAILED {error}");
            }
        }
    }
    if failures > 0 { Err(format!("{failures} dialogues could not be recorded")) } else { Ok(()) }
}

/// Puts one dialogue to both; what differs.
fn differ(kafka: &mut KafkaCluster, dialogue: &Dialogue) -> Result<Vec<Mismatch>, String> {
    let mut machines = Machines::new(&dialogue.cluster)?;
    let theirs = runner::run(kafka, dialogue)?;
    let ours = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runner::run(&mut machines, dialogue)));
    let ours = match ours {
        Ok(answers) => answers?,
        Err(_) => vec!["our machines panicked".into(); theirs.len()],
    };
    Ok(compare(dialogue, &theirs, &ours))
}

fn fuzz(args: &[String]) -> Result<(), String> {
    let (mut seeds, mut first, mut length, mut version, mut line) = (200u64, 1u64, 12usize, 2u8, "4.2".to_string());
    let mut ending = None;
    for arg in args {
        let (key, value) = arg.split_once('=').ok_or_else(|| format!("'{arg}' is not KEY=VALUE"))?;
        let bad = |_| format!("{key}={value} is no number");
        match key {
            "seeds" => seeds = value.parse().map_err(bad)?,
            "first" => first = value.parse().map_err(bad)?,
            "length" => length = value.parse().map_err(bad)?,
            "transaction.version" => version = value.parse().map_err(bad)?,
            "line" => line = value.to_string(),
            "ending" => ending = Some(value.to_string()),
            _ => return Err(format!("unknown key '{key}'")),
        }
    }
    let cluster = fuzz::draw(first, &line, version, length).cluster;
    let release = fetch(&line)?;
    println!("starting Apache Kafka {}", release.version);
    let mut kafka = KafkaCluster::start(&release, &cluster)?;
    let began = std::time::Instant::now();
    let (mut steps, mut mismatches, mut races) = (0, 0, 0);
    for seed in first..first + seeds {
        let mut dialogue = fuzz::draw(seed, &line, version, length);
        if let Some(ending) = &ending {
            fuzz::interrupt(&mut dialogue, ending);
        }
        steps += dialogue.steps.len();
        let different = differ(&mut kafka, &dialogue)?;
        if different.is_empty() {
            continue;
        }
        // A race that does not come back is not a difference, but it is shown.
        if differ(&mut kafka, &dialogue)?.is_empty() {
            races += 1;
            println!("seed {seed} differed once and not again: {}", different[0]);
            continue;
        }
        mismatches += 1;
        let small = fuzz::shrink(&dialogue, |d| differ(&mut kafka, d).is_ok_and(|list| !list.is_empty()));
        let list: Vec<String> = differ(&mut kafka, &small)?.iter().map(|m| m.to_string()).collect();
        println!("seed {seed} differs:\n{}  {}", dialogue::print(&small), list.join("\n  "));
    }
    let seconds = began.elapsed().as_secs();
    println!(
        "{seeds} dialogues, {steps} steps, {mismatches} mismatches, {races} that did not come back, in {seconds} s, Apache Kafka {}, transaction.version {version}",
        kafka.version()
    );
    if mismatches > 0 { Err(format!("{mismatches} dialogues differ")) } else { Ok(()) }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.split_first() {
        Some((verb, rest)) if verb == "record" => record(rest),
        Some((verb, rest)) if verb == "fuzz" => fuzz(rest),
        _ => Err("usage: conformance record [NAME...] | fuzz [KEY=VALUE...]".to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
