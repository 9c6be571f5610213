//! Campaigns as a user meets them.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "outside the simulation: a test that waits")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use fencepost_sim::capsule::Capsule;

/// A folder of its own for each test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("fencepost-fuzz-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
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

/// Variables of parallel jobs and of GitHub that the tests' own surroundings may have.
const SURROUNDINGS: [&str; 8] = [
    "JOB_COMPLETION_INDEX",
    "FENCEPOST_SHARDS",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_ARRAY_TASK_COUNT",
    "CI_NODE_INDEX",
    "CI_NODE_TOTAL",
    "GITHUB_ACTIONS",
    "GITHUB_STEP_SUMMARY",
];

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fencepost"));
    command.args(arguments);
    SURROUNDINGS.iter().for_each(|name| {
        command.env_remove(name);
    });
    command
}

fn fencepost(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the command starts")
}

fn json(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

fn without_speed(mut value: serde_json::Value) -> serde_json::Value {
    value.as_object_mut().expect("an object").remove("speed");
    value
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn a_planted_bug_is_found_shrunk_and_its_capsules_replay() {
    let folder = Folder::new("planted");
    let (out, junit, markdown) = (folder.path("out"), folder.path("junit.xml"), folder.path("summary.md"));
    let arguments = ["fuzz", "lost-ack", "--json", "--out", &out, "--junit", &junit, "--markdown", &markdown];
    let output = fencepost(&arguments);
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    assert_eq!(report["failures"].as_array().map(Vec::len), Some(1), "{report}");
    let failure = &report["failures"][0];
    assert_eq!((failure["kind"].as_str(), failure["count"].as_u64()), (Some("duplicate"), Some(1)));
    let first = &failure["first"][0];
    assert_eq!(first["seed"], 1, "the lowest seed that fails is reported");
    let shrunk = &first["shrunk"];
    assert_eq!(shrunk["deviations"], 1, "the lost answer is all that it takes: {shrunk}");
    for capsule in [&first["capsule"], &shrunk["capsule"]] {
        let path = format!("{out}/{}", capsule.as_str().expect("a file name"));
        let replay = fencepost(&["replay", &path, "--json"]);
        assert_eq!(replay.status.code(), Some(1), "{path}");
        assert_eq!(json(&replay)["replay"], "the same execution", "{path}");
    }
    let junit = read(&junit);
    assert!(junit.contains("<testsuite name=\"lessons/lost-ack\"") && junit.contains("failures=\"1\""), "{junit}");
    let markdown = read(&markdown);
    assert!(markdown.contains("### duplicate (safety), 1 run, first lessons/lost-ack seed 1"), "{markdown}");
    assert!(markdown.contains("fencepost replay") && markdown.contains("1. when the 1st Produce"), "{markdown}");
}

#[test]
fn one_job_and_two_find_the_same_to_the_byte() {
    let folder = Folder::new("jobs");
    let run = |jobs: &str, keep_going: bool| {
        // The same folder, so that paths in the report are the same.
        let out = folder.path("out");
        let _ = std::fs::remove_dir_all(&out);
        let mut arguments = vec!["fuzz", "lessons", "--seeds", "1..24", "--jobs", jobs, "--json", "--out", &out];
        arguments.extend(keep_going.then_some("--keep-going"));
        let output = fencepost(&arguments);
        (output.status.code(), without_speed(json(&output)), read(&format!("{out}/results.json")))
    };
    for keep_going in [true, false] {
        let (one, two) = (run("1", keep_going), run("2", keep_going));
        assert_eq!(one, two, "keep going: {keep_going}");
        assert_eq!(one.0, Some(1));
    }
}

#[test]
fn four_shards_merged_are_one_run_to_the_byte() {
    let folder = Folder::new("shards");
    // Two scenarios of two blocks each make four units; small ones, and one of them fails now and then.
    let scenarios = folder.path("scenarios");
    std::fs::create_dir_all(&scenarios).expect("the folder can be made");
    let scenario = |name: &str, idempotent: bool| {
        let text = format!(
            "title = '{name}'\n[[topic]]\nname = 'sales'\n[[producer]]\nname = 'till'\ntopic = 'sales'\nrecords = 20\n\
             interval = '20ms'\nenable.idempotence = {idempotent}\n[chaos]\nlose.response.ppm = 2000\n\
             [explore]\nlinger.ms = '0..50'\n[end]\nfaults.until = '2s'\n"
        );
        std::fs::write(format!("{scenarios}/{name}.toml"), text).expect("the folder can be written to");
    };
    scenario("plain", false);
    scenario("idempotent", true);
    let reports = |out: &str| (format!("{out}.xml"), format!("{out}.md"));
    let whole = folder.path("joint");
    let (junit, markdown) = reports(&whole);
    let seeds = ["--seeds", "1..1100", "--keep-going"];
    let files = ["--json", "--out", &whole, "--junit", &junit, "--markdown", &markdown];
    let one = fencepost(&[&["fuzz", &scenarios], &seeds[..], &files[..]].concat());
    let one = (one.status.code(), without_speed(json(&one)), read(&junit), read(&markdown));
    let capsules = |folder: &str| {
        let list = std::fs::read_dir(folder).expect("it is there").flatten();
        list.filter(|e| e.file_name().to_string_lossy().contains("shrunk")).count()
    };
    let shrunk = capsules(&whole);
    std::fs::remove_dir_all(&whole).expect("it was made");

    let outs: Vec<String> = (1..=4).map(|index| folder.path(&format!("part-{index}"))).collect();
    for (index, out) in outs.iter().enumerate() {
        let shard = format!("{}/4", index + 1);
        let part = fencepost(&[&["fuzz", &scenarios, "--shard", &shard, "--out", out], &seeds[..]].concat());
        assert!(matches!(part.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&part.stderr));
    }
    let parts: Vec<&str> = outs.iter().map(String::as_str).collect();
    let four = fencepost(&[&["merge"], &parts[..], &files[..]].concat());
    let four = (four.status.code(), without_speed(json(&four)), read(&junit), read(&markdown));
    assert_eq!(one, four);
    assert_eq!(one.0, Some(1), "the plain producer stores records twice: {}", one.1);
    assert!(shrunk > 0 && capsules(&whole) >= shrunk, "the capsules that the report names came along");

    let missing = fencepost(&[&["merge"], &parts[..3], &["--out", &whole]].concat());
    assert!(String::from_utf8_lossy(&missing.stderr).contains("missing: shard 4 of 4"));
    let twice = fencepost(&["merge", parts[0], parts[0], "--out", &whole]);
    assert_eq!(twice.status.code(), Some(2));
}

#[test]
fn killing_a_campaign_loses_no_finding() {
    let folder = Folder::new("kill");
    let out = folder.path("out");
    let arguments = ["fuzz", "lost-ack", "--keep-going", "--seeds", "1..1000000", "--jobs", "1", "--out", &out];
    let mut child = command(&arguments).stderr(Stdio::null()).stdout(Stdio::null()).spawn().expect("it starts");
    let log = format!("{out}/findings.jsonl");
    let lines = || std::fs::read_to_string(&log).unwrap_or_default().lines().count();
    let begun = std::time::Instant::now();
    while lines() < 40 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("it was running");
    child.wait().expect("it is gone");
    let text = read(&log);
    assert!(text.ends_with('\n') && text.lines().count() >= 40);
    let mut with_capsules = 0;
    for (index, line) in text.lines().enumerate() {
        let line: serde_json::Value = serde_json::from_str(line).expect("every line is whole");
        assert_eq!(line["seed"], index as u64 + 1, "none is missing");
        if let Some(name) = line["capsule"].as_str() {
            with_capsules += 1;
            Capsule::from_json(&read(&format!("{out}/{name}"))).expect("every capsule is whole");
        }
    }
    assert!(with_capsules >= 10);
    // What a killed part found is in the joint report.
    let other = folder.path("other");
    fencepost(&["fuzz", "lost-ack", "--keep-going", "--seeds", "1..2", "--shard", "1/2", "--out", &other]);
    let merged = fencepost(&["merge", &out, &other, "--out", &folder.path("joint"), "--json"]);
    let strays = json(&merged)["strays"].as_array().map(Vec::len);
    assert_eq!((merged.status.code(), strays), (Some(1), Some(with_capsules)));
}

#[test]
fn a_goal_that_was_not_reached_is_said() {
    let folder = Folder::new("goals");
    let scenario = folder.path("goals.toml");
    let text = "title = 'x'\nsometimes = ['Produce(idempotent) -> ok', 'EndTxn(abort) in PrepareCommit']\n[[topic]]\n\
                name = 'sales'\n[[producer]]\nname = 'till'\ntopic = 'sales'\nrecords = 5\n";
    std::fs::write(&scenario, text).expect("the folder can be written to");
    let out = folder.path("out");
    let report =
        json(&fencepost(&["fuzz", &scenario, "--seeds", "1..5", "--profile", "lite", "--json", "--out", &out]));
    let unmet: Vec<&str> =
        report["goals_unmet"].as_array().expect("a list").iter().filter_map(|g| g["goal"].as_str()).collect();
    assert_eq!(unmet, ["EndTxn(abort) in PrepareCommit"]);
    let never = report["never_seen"].as_array().expect("a list");
    assert!(never.iter().any(|n| n == "coordinator: EndTxn(abort) in PrepareCommit: never seen"), "{never:?}");
}

#[test]
fn github_is_told_where_it_runs_the_job() {
    let folder = Folder::new("github");
    let (out, page) = (folder.path("out"), folder.path("page.md"));
    let output = command(&["fuzz", "lost-ack", "--seeds", "1", "--out", &out])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &page)
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("::error title=duplicate in lessons/lost-ack (seed 1)::"), "{text}");
    assert!(read(&page).contains("fencepost replay"));
}

#[test]
fn bad_input_is_refused() {
    let folder = Folder::new("bad");
    let out = folder.path("out");
    for (arguments, says) in [
        (vec!["fuzz", "lost-ack", "--seeds", "9..1"], "--seeds 9..1"),
        (vec!["fuzz", "lost-ack", "--time", "ten"], "--time ten"),
        (vec!["fuzz", "lost-ack", "--shard", "5/4"], "--shard 5/4"),
        (vec!["fuzz", "lost-ack", "--profile", "hostil"], "'hostile'"),
        (vec!["fuzz", "lost-ack", "--jobs", "0"], "--jobs 0"),
        (vec!["fuzz", "lost-ak"], "'lost-ack'"),
        (vec!["merge", "/nowhere/at/all.json"], "cannot read"),
    ] {
        let arguments = [&arguments[..], &["--out", &out]].concat();
        let output = fencepost(&arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(says), "{arguments:?}: {message}");
    }
}
