//! Capsules as a user meets them: pinned ones, shrinking, what-if, explaining.

use std::path::PathBuf;
use std::process::{Command, Output};

fn fencepost(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fencepost")).args(arguments).output().expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr)))
}

fn zoo(name: &str) -> String {
    format!("{}/../scenarios/zoo/{name}.json", env!("CARGO_MANIFEST_DIR"))
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
fn every_target_is_in_the_zoo_and_half_of_them_need_at_most_three_deviations() {
    let targets = [
        "late-endtxn-hits-next-txn",
        "late-produce-hangs-lso",
        "verify-append-gap",
        "txn-timeout-no-fence",
        "coordinator-failover-forgets-begin",
        "marker-retry-livelock",
        "zombie-eos-group-id-only",
        "aborted-seq-reuse",
        "metadata-flap-seq-reset",
        "duplicate-producer-id-block",
        "leader-before-term-commit",
        "ack-then-truncate",
        "no-epoch-check",
    ];
    let deviations = |name: &&str| {
        let capsule = std::fs::read_to_string(zoo(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let capsule: serde_json::Value = serde_json::from_str(&capsule).expect("JSON");
        assert!(capsule["remedy"].as_array().is_some_and(|list| !list.is_empty()), "{name} has a remedy");
        capsule["deviations"].as_array().expect("a list").len()
    };
    let mut counts: Vec<usize> = targets.iter().map(deviations).collect();
    counts.sort_unstable();
    assert!(counts[counts.len() / 2] <= 3, "{counts:?}");
}

#[test]
fn a_pinned_capsule_whose_deviations_do_not_occur_any_more_is_not_passed() {
    let folder = Folder::new("gone");
    let pinned = std::fs::read_to_string(zoo("marker-retry-livelock")).expect("it is there");
    let (good, gone, wrong) = (folder.path("a-good.json"), folder.path("b-gone.json"), folder.path("c-wrong.json"));
    std::fs::write(&good, &pinned).expect("the folder can be written to");
    assert!(pinned.contains("\"attempt\": 1"), "{pinned}");
    std::fs::write(&gone, pinned.replace("\"attempt\": 1", "\"attempt\": 99")).expect("the folder can be written to");
    let other = pinned.replace("\"hanging-transaction\"", "\"duplicate\"");
    std::fs::write(&wrong, other).expect("the folder can be written to");
    let output = fencepost(&["verify", &folder.0.display().to_string(), "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    let results: Vec<&str> =
        report["capsules"].as_array().unwrap().iter().map(|row| row["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["as pinned", "no longer applies", "differs"], "{report}");
}

#[test]
fn a_finding_is_shrunk_to_a_script_that_replays() {
    let folder = Folder::new("shrink");
    let (found, short) = (folder.path("found.json"), folder.path("found.shrunk.json"));
    fencepost(&["run", "chaos/zombies", "--seed", "2", "--set", "variant=no-epoch-check", "--save", &found]);
    let output = fencepost(&["shrink", &found, "--json", "--seconds", "60"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let shrunk = json(&output);
    assert_eq!(shrunk["finished"], true);
    assert!(shrunk["script"].as_array().unwrap().len() <= 3, "{shrunk}");
    assert!(shrunk["after"]["deliveries"].as_u64() < shrunk["before"]["deliveries"].as_u64(), "{shrunk}");
    assert_eq!(json(&fencepost(&["replay", &short, "--json"]))["replay"], "the same execution");
}

#[test]
fn without_the_pause_every_record_is_there_once() {
    let output = fencepost(&["whatif", &zoo("zombie-eos-group-id-only"), "--without", "1"]);
    assert_eq!(output.status.code(), Some(0));
    is_pinned("whatif-zombie", &text(&output.stdout));
    let output = fencepost(&["whatif", &zoo("zombie-eos-group-id-only"), "--set", "variant=", "--json"]);
    let report = json(&output);
    assert_eq!(
        (&report["was"]["verdict"], &report["what_if"]["verdict"]),
        (&"violated: duplicate".into(), &"clean".into())
    );
    assert!(report["parting"]["same_events"].as_u64() > Some(0));
}

#[test]
fn what_is_asked_of_whatif_must_exist() {
    let capsule = zoo("zombie-eos-group-id-only");
    for (arguments, says) in [
        (vec!["whatif", &capsule], "1. at 3.4s: enrich-1 stands still for 10s"),
        (vec!["whatif", &capsule, "--without", "2"], "the capsule has deviations 1 to 1"),
        (vec!["whatif", &capsule, "--set", "no.such.key=1"], "nothing in this scenario knows 'no.such.key'"),
        (vec!["shrink", &capsule, "--kind", "doubles"], "there is no such kind of violation"),
    ] {
        let output = fencepost(&arguments);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(says), "{arguments:?}: {message}");
    }
}

#[test]
fn an_explanation_names_the_deviation_the_settings_and_the_rise() {
    let output = fencepost(&["explain", &zoo("zombie-eos-group-id-only"), "--futures", "20"]);
    assert_eq!(output.status.code(), Some(1));
    is_pinned("explain-zombie", &text(&output.stdout));
    let report = json(&fencepost(&["explain", &zoo("zombie-eos-group-id-only"), "--futures", "20", "--json"]));
    assert_eq!(report["deviations"][0]["flips"], true);
    let cure = report["settings"].as_array().unwrap().iter().find(|s| s["what"] == "variant=").expect("it is tried");
    assert_eq!((&cure["verdict"], &cure["flips"]), (&"clean".into(), &true.into()));
    let chance = report["chance"].as_array().unwrap();
    assert!(chance.last().unwrap()["ppm"].as_u64() >= chance[0]["ppm"].as_u64(), "{chance:?}");
    assert!(
        chance
            .iter()
            .all(|p| p["low_ppm"].as_u64() <= p["ppm"].as_u64() && p["ppm"].as_u64() <= p["high_ppm"].as_u64())
    );
}

/// Compares with `tests/snapshots/NAME.txt`. `FENCEPOST_PIN=1` writes it anew.
fn is_pinned(name: &str, found: &str) {
    let path = format!("{}/tests/snapshots/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("FENCEPOST_PIN").is_some() {
        std::fs::write(&path, found).expect("the snapshot can be written");
    }
    let pinned = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, pinned, "{path} (FENCEPOST_PIN=1 writes it anew)");
}
