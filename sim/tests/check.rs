//! `fencepost check`: what it says of a history that was written by a run.

use std::process::Command;

use fencepost_reports::checker::Checker;
use fencepost_reports::history::{self, Header, Writer};
use fencepost_sim::run::{Course, run};
use fencepost_sim::scenario::{Choice, Scenario, builtin};
use fencepost_sim::world::Keep;
use serde_json::Value;

fn fencepost(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fencepost")).args(arguments).output().expect("the command starts");
    String::from_utf8(output.stdout).unwrap_or_else(|e| panic!("{e}"))
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&fencepost(arguments)).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_figures_of_a_history_are_those_of_its_run_as_far_as_a_history_tells_them() {
    let path = std::env::temp_dir().join(format!("fencepost-check-{}.jsonl", std::process::id()));
    let file = path.display().to_string();
    for scenario in ["lessons/zombie", "lessons/coordinator-failover", "chaos/zombies"] {
        let run = json(&["run", scenario, "--history", &file, "--json"]);
        let check = json(&["check", &file, "--json"]);
        let words = fencepost(&["check", &file]);
        let (all, told) = (&run["figures"]["total"], &check["figures"]["total"]);
        for key in ["committed", "aborted", "commit_p50_ns", "commit_p99_ns", "fenced", "rebalances", "replayed"] {
            assert_eq!(told[key], all[key], "{scenario}: {key}");
        }
        for key in ["retries", "absorbed", "largest_lso_lag", "leader_moves", "coordinator_moves"] {
            assert!(!all[key].is_null() && told[key].is_null(), "{scenario}: no history tells {key}");
        }
        let expected = if scenario == "lessons/zombie" { "2 rebalances" } else { "committed" };
        assert!(words.contains(expected), "{scenario}: {words}");
    }
    std::fs::remove_file(&path).expect("the history can be removed");
}

/// The judge has nothing but the history: whatever a run says must be in it.
#[test]
fn check_says_of_the_history_of_every_built_in_scenario_what_its_run_says() {
    let mut histories = 0;
    for (name, _) in builtin::SCENARIOS.iter().filter(|(name, _)| !name.starts_with("bench/")) {
        let load = |case| Scenario::load_built_in(name, Choice { case, sets: Vec::new() }).expect("it is built in");
        let base = load(None);
        let cases = base.cases.iter().map(|(case, _)| load(Some(case.clone())));
        let scenarios: Vec<Scenario> = std::iter::once(base.clone()).chain(cases).collect();
        for scenario in scenarios {
            let mut writer = Writer::new(Vec::new(), &Header::new("a test"));
            let run = run(&scenario.plan, Course::Seed(scenario.seeds.0), Keep::default(), Some(&mut writer), None);
            let written = writer.finish().expect("memory can be written to");
            let mut checker = Checker::new();
            history::read(&written[..], &mut checker).unwrap_or_else(|e| panic!("{}: {e}", scenario.label()));
            assert_eq!(checker.finish(), run.report, "{}", scenario.label());
            histories += 1;
        }
    }
    assert!(histories > 140, "{histories} histories");
}

#[test]
fn run_and_check_print_the_same_judgement() {
    let path = std::env::temp_dir().join(format!("fencepost-check-same-{}.jsonl", std::process::id()));
    let file = path.display().to_string();
    for scenario in ["lessons/edge-of-the-world", "lessons/open-transaction", "chaos/sinks"] {
        let run = json(&["run", scenario, "--history", &file, "--json"]);
        let check = json(&["check", &file, "--json"]);
        for key in ["verdict", "violations", "allowed", "topics", "sinks", "untested", "account", "warnings", "notes"] {
            assert!(!run[key].is_null(), "{scenario}: {key} is told");
            assert_eq!(check[key], run[key], "{scenario}: {key}");
        }
        // Until the line with the costs of the run both print the report.
        let judgement = |text: &str| {
            let from = text.find("verdict:").expect("a verdict");
            text[from..].split("\n\n").take(2).collect::<Vec<_>>().join("\n\n")
        };
        assert_eq!(judgement(&fencepost(&["check", &file])), judgement(&fencepost(&["run", scenario])), "{scenario}");
    }
    std::fs::remove_file(&path).expect("the history can be removed");
}

/// An offset that goes back, moved by nobody knows whom.
const MOVED_BY_NOBODY: &str = r#"{"history":{"version":2,"writer":"a test"}}
{"topic":{"id":2,"name":"orders","partitions":1}}
{"group":{"id":0,"name":"billing"}}
{"client":{"id":0,"name":"billing-1","kind":"reader","group":0,"inputs":[2]}}
{"client":{"id":1,"name":"shop","kind":"producer","outputs":[2],"records":3}}
{"started":{"t":0,"c":0}}
{"started":{"t":0,"c":1}}
{"send":{"t":1,"c":1,"op":0,"topic":2,"id":[2147483648,0,0,0,0]}}
{"ack":{"t":2,"c":1,"op":0,"at":[2,0],"offset":0}}
{"send":{"t":2,"c":1,"op":1,"topic":2,"id":[2147483648,0,1,0,0]}}
{"ack":{"t":2,"c":1,"op":1,"at":[2,0],"offset":1}}
{"commit":{"t":3,"c":0,"op":0,"group":0,"at":[2,0],"next":2}}
{"commit_result":{"t":4,"c":0,"op":0,"outcome":"ok"}}
{"offset_moved":{"t":4,"group":0,"at":[2,0],"offset":2,"cause":{"commit":{"c":0,"i":0}}}}
{"offset_moved":{"t":5,"group":0,"at":[2,0],"offset":1,"cause":"unknown"}}
{"done":{"events":14}}
"#;

#[test]
fn where_it_is_not_known_who_moved_an_offset_nobody_is_accused() {
    let path = std::env::temp_dir().join(format!("fencepost-check-moved-{}.jsonl", std::process::id()));
    std::fs::write(&path, MOVED_BY_NOBODY).expect("a file can be written");
    let check = json(&["check", &path.display().to_string(), "--json"]);
    std::fs::remove_file(&path).expect("the history can be removed");
    let violations = check["violations"].as_array().expect("a list");
    assert_eq!(violations.len(), 1, "{check}");
    assert_eq!(violations[0]["kind"], "committed-offset-moved");
    let proof = &violations[0]["proof"];
    assert!(proof["clients"].is_null(), "{proof}");
    assert!(!proof["sentence"].as_str().expect("a text").contains("billing-1"), "{proof}");
    let told = check["account"].to_string();
    assert!(told.contains("who asked is not known"), "{told}");
}
