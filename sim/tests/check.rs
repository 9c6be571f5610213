//! `fencepost check`: what it says of a history that was written by a run.

use std::process::Command;

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
