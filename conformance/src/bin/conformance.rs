//! `conformance record [NAME...]`: puts dialogues to a real Kafka and writes what it answered into `vectors/`.

use std::path::Path;
use std::process::ExitCode;

use fencepost_conformance::dialogue::{self, Dialogue};
use fencepost_conformance::kafka::{KafkaCluster, fetch};
use fencepost_conformance::runner;
use fencepost_conformance::vector::Vector;

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

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.split_first() {
        Some((verb, rest)) if verb == "record" => record(rest),
        _ => Err("usage: conformance record [NAME...]".to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
