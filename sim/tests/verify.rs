//! The command as a user meets it: every built-in scenario as expected, and bad input refused.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn fencepost(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fencepost")).args(arguments).output().expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder of its own for each test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("fencepost-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary folder can be made");
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_built_in_scenario_is_as_it_expects() {
    let output = fencepost(&["verify"]);
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn a_fault_that_never_begins_fails_verify_although_the_verdict_is_as_expected() {
    let folder = Folder::new("never-began");
    let scenario = |name: &str, nth: u32| {
        let path = folder.path(name);
        let text = format!(
            "title = 'x'\n[[topic]]\nname = 'orders'\n[[producer]]\nname = 'shop'\ntopic = 'orders'\nrecords = 10\n\
             [[fault]]\nafter = {{ kind = 'Produce', nth = {nth} }}\naction = 'lose_response'\n[expect]\nverdict = 'clean'\n"
        );
        std::fs::write(&path, text).expect("the folder can be written to");
        path
    };
    let (first, third) =
        (fencepost(&["verify", &scenario("1.toml", 1)]), fencepost(&["verify", &scenario("3.toml", 3)]));
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    assert_eq!(third.status.code(), Some(1), "{}", text(&third.stdout));
    let said = text(&third.stderr);
    assert!(said.contains("fault '") && said.contains("' never began"), "{said}");
}

#[test]
fn a_run_says_what_the_documentation_says_it_says() {
    let output = fencepost(&["run", "lost-ack", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    for key in ["scenario", "seed", "verdict", "violations", "topics", "deliveries", "virtual_ms", "wall_ms", "digest"]
    {
        assert!(!json[key].is_null(), "{key}: {json}");
    }
    assert_eq!(json["violations"][0]["kind"], "duplicate");
    assert_eq!(json["violations"][0]["count"], 10);
    assert!(json["violations"][0]["proof"]["sentence"].is_string());
    assert_eq!(json["topics"][0]["visible"], 20);
}

#[test]
fn a_saved_run_is_replayed_with_the_same_digest_and_its_history_with_the_same_verdict() {
    let folder = Folder::new("replay");
    let (capsule, history) = (folder.path("capsule.json"), folder.path("history.jsonl"));
    let run =
        fencepost(&["run", "chaos/everything", "--seed", "5", "--json", "--save", &capsule, "--history", &history]);
    let replay = fencepost(&["replay", &capsule, "--json"]);
    let check = fencepost(&["check", &history, "--json"]);
    let json = |output: &Output| -> serde_json::Value { serde_json::from_slice(&output.stdout).expect("JSON") };
    let (run_json, replay_json, check_json) = (json(&run), json(&replay), json(&check));
    assert_eq!(run_json["digest"], replay_json["digest"]);
    assert_eq!(replay_json["replay"], "the same execution");
    assert_eq!(run_json["verdict"], check_json["verdict"]);
    assert_eq!((run.status.code(), run.status.code()), (replay.status.code(), check.status.code()));
}

#[test]
fn bad_input_is_refused_with_code_2_and_writes_nothing() {
    let folder = Folder::new("bad-input");
    let scenario = folder.path("bad.toml");
    std::fs::write(&scenario, "title = \"x\"\n[cluster]\nborkers = 3\n").expect("the folder can be written to");
    let out = folder.path("capsule.json");
    std::fs::write(&out, "what was there before").expect("the folder can be written to");
    let foreign = folder.path("capsule.json");
    let missing = folder.path("missing.jsonl");
    for (arguments, says) in [
        (vec!["run", "lost-ak", "--save", &out], "'lost-ack'"),
        (vec!["run", "rolling-restart"], "lessons/rolling-restart or chaos/rolling-restart"),
        (
            vec!["run", &scenario, "--save", &out],
            "bad.toml:3:11: unknown key 'borkers' in [cluster]; did you mean 'brokers'?",
        ),
        (vec!["run", "lost-ack", "--set", "request.timeout.ms=1"], "broker.request.timeout.ms"),
        (vec!["run", "lost-ack", "--set", "topic.x=1"], "nothing in this scenario knows"),
        (vec!["run", "lost-ack", "--set", "sales.replication.factor=4"], "above the number of brokers"),
        (vec!["replay", &foreign], "not a whole capsule"),
        (vec!["check", &foreign], "not a history"),
        (vec!["check", &missing], "cannot read"),
    ] {
        let output = fencepost(&arguments);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(says), "{arguments:?}: {message}");
    }
    assert_eq!(std::fs::read_to_string(Path::new(&out)).expect("it is still there"), "what was there before");
    assert_eq!(std::fs::read_dir(&folder.0).expect("the folder is there").count(), 2, "no other file was left");
}
