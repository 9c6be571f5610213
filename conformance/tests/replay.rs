//! What a real Kafka answered, put to our machines.

use std::path::Path;

use fencepost_conformance::dialogue;
use fencepost_conformance::machines::Machines;
use fencepost_conformance::runner;
use fencepost_conformance::vector::{Vector, compare};

#[test]
fn our_machines_answer_as_kafka_did() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dialogues = dialogue::load(&here.join("dialogues")).unwrap();
    let (mut green, mut problems) = (0, Vec::new());
    for dialogue in &dialogues {
        let path = Vector::path(&here.join("vectors"), &dialogue.name);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(_) => {
                problems.push(format!("{} was never recorded", dialogue.name));
                continue;
            }
        };
        let vector = Vector::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        if !vector.is_of(dialogue) {
            problems.push(format!("{} was recorded with other steps", dialogue.name));
            continue;
        }
        let mut machines = Machines::new(&dialogue.cluster).unwrap();
        let ours = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runner::run(&mut machines, dialogue)));
        match ours {
            Err(_) => problems.push(format!("{}: our machines panicked", dialogue.name)),
            Ok(Err(error)) => problems.push(error),
            Ok(Ok(answers)) if dialogue.differs.keys().any(|step| vector.steps[step - 1].1 == answers[step - 1]) => {
                problems.push(format!("{}: a step that is declared to differ does not", dialogue.name));
            }
            Ok(Ok(answers)) => match compare(dialogue, &vector.answers(), &answers).as_slice() {
                [] => green += 1,
                list => {
                    let list: Vec<String> = list.iter().map(|m| m.to_string()).collect();
                    problems.push(format!("{} (Kafka {}):\n  {}", dialogue.name, vector.kafka, list.join("\n  ")));
                }
            },
        }
    }
    for entry in std::fs::read_dir(here.join("vectors")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
        if !dialogues.iter().any(|d| d.name == name) {
            problems.push(format!("{} belongs to no dialogue", path.display()));
        }
    }
    println!("{green} dialogues are green");
    assert!(problems.is_empty(), "{green} green, {} not:\n{}", problems.len(), problems.join("\n"));
}
