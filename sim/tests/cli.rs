//! The command at the edges of its surroundings: ranges of seeds, devices, full disks, closed pipes.

#![expect(clippy::disallowed_methods, reason = "outside the simulation: tests that wait")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fencepost"));
    command.args(arguments);
    command
}

fn fencepost(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder of its own for each test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("fencepost-cli-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the temporary folder can be made");
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).expect("it can be written");
        self.path(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("it is there");
        let mut names: Vec<String> =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Refused with exit code 2 and a message that has all of these parts.
fn refused(arguments: &[&str], says: &[&str]) {
    let output = fencepost(arguments);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}\n{}", text(&output.stdout));
    assert!(says.iter().all(|part| error.contains(part)), "{arguments:?}: {error}");
}

const SMALL: &str =
    "title = \"small\"\n[[topic]]\nname = \"orders\"\n[[producer]]\nname = \"shop\"\ntopic = \"orders\"\nrecords = 5\n";

#[test]
fn settings_and_faults_that_would_be_swallowed_end_with_exit_code_2() {
    let folder = Folder::new("strict");
    let small = folder.write("small.toml", SMALL);
    for set in ["orders.cleanup.policy=compact", "orders.min.insync.replica=2", "cluster.foo=1"] {
        refused(&["run", &small, "--set", set], &[set]);
        refused(&["fuzz", &small, "--set", set, "--seeds", "1", "--out", &folder.path("out")], &[set]);
    }
    let fault = |more: &str| folder.write("fault.toml", &format!("{SMALL}[[fault]]\n{more}\n"));
    let crash = fault("at = \"2s\"\nkeep.ppm = 5\naction = \"crash\"\nnode = \"broker-1\"");
    refused(&["run", &crash], &["fault.toml:10:", "'keep.ppm' is no key of action = \"crash\"", "'down'"]);
    let never = fault("after = { kind = \"EndTxn\", from = \"shop\" }\naction = \"crash\"\nnode = \"broker-1\"");
    refused(&["verify", &never], &["this fault can never begin", "no transactional.id"]);
    let count = folder
        .write("count.toml", &format!("{SMALL}[[chaos.family]]\nkind = \"client_crash\"\ncount = \"0..4294967295\"\n"));
    refused(&["run", &count], &["count.toml:10:", "[[chaos.family]]", "at most 1000"]);
    refused(&["run", &small, "--set", "shop.records=10000000000"], &["between 0 and 10000000"]);
}

#[test]
fn seeds_are_a_range_and_never_a_list() {
    let folder = Folder::new("seeds");
    let small = folder.write("small.toml", SMALL);
    // As large as ranges get: it begins, and is ended here.
    for seeds in ["0..18446744073709551614", "1..3000000000"] {
        let mut child = command(&["verify", &small, "--seeds", seeds, "--jobs", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        std::thread::sleep(std::time::Duration::from_secs(2));
        let ended = child.try_wait().expect("it can be asked");
        let _ = child.kill();
        let output = child.wait_with_output().expect("it has ended");
        assert!(ended.is_none(), "{seeds}: {ended:?} {}", text(&output.stderr));
    }
    refused(&["verify", &small, "--seeds", "0..18446744073709551615"], &["more runs", "18446744073709551615"]);
    refused(&["verify", &small, "--seeds", "9..1"], &["before it begins at 9"]);
    refused(&["verify", &small, "--seeds", "0..18446744073709551616"], &["is too large"]);
    refused(&["verify", &small, "--seeds", "some"], &["such as 1..100"]);
    let fuzz = |seeds: &str, says: &[&str]| {
        refused(&["fuzz", &small, "--seeds", seeds, "--out", &folder.path("out")], says);
    };
    fuzz("0..18446744073709551615", &["seeds go up to 9223372036854775807"]);
    fuzz("9..1", &["before it begins at 9"]);
}

#[test]
fn jobs_have_a_limit() {
    let folder = Folder::new("jobs");
    let small = folder.write("small.toml", SMALL);
    for jobs in ["0", "1000000"] {
        refused(&["verify", &small, "--jobs", jobs], &["between 1 and 1024"]);
        refused(&["fuzz", &small, "--jobs", jobs, "--out", &folder.path("out")], &["between 1 and 1024"]);
    }
    let output = fencepost(&["verify", &small, "--seeds", "1..3", "--jobs", "1024"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn output_that_is_lost_is_not_success() {
    let folder = Folder::new("full");
    let small = folder.write("small.toml", SMALL);
    let full = || Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it"));
    for arguments in [
        vec!["run", &small, "--json"],
        vec!["run", &small],
        vec!["show", &small],
        vec!["list", "--json"],
        vec!["verify", &small],
        vec!["--help"],
        vec!["--version"],
    ] {
        let output = command(&arguments).stdout(full()).output().expect("it starts");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains("cannot write to standard output"), "{arguments:?}: {error}");
    }
    // What was found is still told, by the code and in a word.
    let output = command(&["run", "lost-ack", "--json"]).stdout(full()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("verdict: violated"), "{}", text(&output.stderr));
    // Nobody hears complaints about standard error, either.
    let output = command(&["run", &folder.path("none.toml")]).stderr(full()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_closed_pipe_ends_quietly_with_the_code_of_the_verdict() {
    let mut child =
        command(&["run", "lost-ack"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(1), ""));
}

#[test]
fn a_file_that_cannot_be_written_is_named_after_the_verdict() {
    for option in ["--history", "--save", "--html", "--trace", "--markdown"] {
        for json in [false, true] {
            let mut arguments = vec!["run", "lost-ack", option, "/dev/full"];
            arguments.extend(json.then_some("--json"));
            let output = fencepost(&arguments);
            let (printed, error) = (text(&output.stdout), text(&output.stderr));
            assert_eq!(output.status.code(), Some(1), "{option}: {error}");
            assert!(error.contains("cannot write /dev/full: "), "{option}: {error}");
            assert!(printed.contains("violated"), "{option}: {printed}");
            if json {
                let value: serde_json::Value = serde_json::from_str(&printed).expect("one document");
                assert!(value["errors"][0].as_str().is_some_and(|e| e.contains("/dev/full")), "{value}");
            }
        }
    }
    // A clean run is no success if what was asked for is missing.
    let folder = Folder::new("missing");
    let small = folder.write("small.toml", SMALL);
    assert_eq!(fencepost(&["run", &small, "--history", "/dev/full"]).status.code(), Some(2));
}

#[test]
fn devices_and_standard_output_are_written_to_and_not_replaced() {
    let folder = Folder::new("devices");
    let small = folder.write("small.toml", SMALL);
    // To a pipe, and to a file, in which the verdict follows the history.
    let piped = fencepost(&["run", &small, "--history", "/dev/stdout"]);
    assert!(
        text(&piped.stdout).starts_with("{\"fencepost\"") || text(&piped.stdout).starts_with('{'),
        "{}",
        text(&piped.stdout)
    );
    let file = fs::File::create(folder.0.join("both")).expect("it can be made");
    let status = command(&["run", &small, "--history", "/dev/stdout"]).stdout(file).status().expect("it starts");
    assert_eq!(status.code(), Some(0));
    let both = fs::read_to_string(folder.0.join("both")).expect("text");
    let (history, verdict) = both.split_once("\n{\"done\"").expect("the whole history");
    assert!(history.starts_with('{') && verdict.contains("verdict: clean"), "{both}");
    assert_eq!(folder.names(), ["both", "small.toml"]);
    fencepost(&["run", &small, "--html", "/dev/null"]);
    assert!(!fs::metadata("/dev/null").expect("it is there").is_file());
}

#[test]
fn a_fifo_is_written_to() {
    let folder = Folder::new("fifo");
    let small = folder.write("small.toml", SMALL);
    let fifo = folder.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo is there").success());
    let reader = {
        let fifo = fifo.clone();
        std::thread::spawn(move || fs::read_to_string(fifo).expect("text"))
    };
    let output = fencepost(&["run", &small, "--history", &fifo]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(reader.join().expect("it reads").contains("{\"done\""));
    assert_eq!(folder.names(), ["fifo", "small.toml"]);
    assert!(!fs::metadata(&fifo).expect("it is there").is_file());
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_read_only_files_left_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("links");
    let small = folder.write("small.toml", SMALL);
    let target = folder.write("target.html", "old");
    std::os::unix::fs::symlink("target.html", folder.0.join("link.html")).expect("a link");
    assert_eq!(fencepost(&["run", &small, "--html", &folder.path("link.html")]).status.code(), Some(0));
    assert!(fs::symlink_metadata(folder.path("link.html")).expect("it is there").is_symlink());
    assert!(fs::read_to_string(&target).expect("text").contains("<html"));
    let locked = folder.write("locked.html", "mine");
    fs::set_permissions(Path::new(&locked), fs::Permissions::from_mode(0o444)).expect("it can be locked");
    refused(&["run", &small, "--html", &locked], &["locked.html", "read-only"]);
    assert_eq!(fs::read_to_string(&locked).expect("text"), "mine");
    refused(&["run", &small, "--html", &folder.path("x"), "--markdown", &folder.path("x")], &["named twice"]);
    assert_eq!(folder.names(), ["link.html", "locked.html", "small.toml", "target.html"]);
}

#[test]
fn a_finding_is_told_before_it_is_written_and_what_cannot_be_written_is_named() {
    let folder = Folder::new("findings");
    let out = folder.path("out");
    fs::create_dir_all(&out).expect("it can be made");
    std::os::unix::fs::symlink("/dev/full", folder.0.join("out/findings.jsonl")).expect("a link");
    let mut fuzz = command(&["fuzz", "lost-ack", "--seeds", "1..4", "--jobs", "1", "--out", &out, "--json"]);
    for name in ["GITHUB_ACTIONS", "CI_NODE_INDEX", "CI_NODE_TOTAL"] {
        fuzz.env_remove(name);
    }
    let output = fuzz.output().expect("it starts");
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot write") && error.contains("findings.jsonl"), "{error}");
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert!(value["errors"][0].as_str().is_some_and(|e| e.contains("findings.jsonl")), "{value}");
}

#[cfg(unix)]
#[test]
fn a_run_that_is_asked_to_end_leaves_no_half_of_a_file() {
    let folder = Folder::new("ended");
    let history = folder.path("history.jsonl");
    let mut child = command(&["run", "bench/million", "--history", &history]).spawn().expect("it starts");
    while folder.names().is_empty() {
        assert_eq!(child.try_wait().expect("it can be asked"), None, "it has begun a file before it ends");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill is there").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(folder.names(), Vec::<String>::new());
}

#[test]
fn a_file_without_an_end_is_not_read_to_its_end() {
    let folder = Folder::new("endless");
    let text = SMALL.replace("records = 5", "source = \"/dev/zero\"");
    let endless = folder.write("endless.toml", &text);
    refused(&["run", &endless], &["/dev/zero", "more than 268435456 bytes"]);
}

#[test]
fn standard_output_is_not_shared_with_the_one_document() {
    let folder = Folder::new("shared");
    let small = folder.write("small.toml", SMALL);
    for option in ["--history", "--html", "--markdown", "--trace", "--save"] {
        refused(
            &["run", &small, "--json", option, "/dev/stdout"],
            &["cannot write /dev/stdout", "with --json", "name a file"],
        );
        refused(&["run", &small, option, "-"], &["'-' is not taken for standard output", "/dev/stdout"]);
    }
    refused(
        &["fuzz", &small, "--seeds", "1", "--json", "--junit", "/dev/stdout", "--out", &folder.path("f")],
        &["with --json"],
    );
    assert_eq!(fencepost(&["run", &small, "--json", "--history", "/dev/null"]).status.code(), Some(0));
    assert_eq!(folder.names(), ["small.toml"]);
}

#[test]
fn errors_show_control_characters_and_do_not_send_them_to_the_terminal() {
    let folder = Folder::new("control");
    let scenario = folder.write("esc.toml", "title = \"x\"\n[[topic]]\nname = \"a\\u001b[31mb\\u0000\\nc\"\n");
    let history = folder.write(
        "esc.jsonl",
        "{\"history\":{\"version\":2}}\n{\"group\":{\"id\":0,\"name\":\"a\\u001b[31m\"}}\n{\"group\":{\"id\":1,\"name\":\"a\\u001b[31m\"}}\n",
    );
    for arguments in [["run", &scenario], ["check", &history]] {
        let output = fencepost(&arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2));
        assert!(!error.trim_end().contains(char::is_control) && error.contains("\\u{1b}[31m"), "{error:?}");
    }
}

/// What no terminal should be sent, but for the ends of lines.
fn is_obeyed(c: char) -> bool {
    c != '\n' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

#[test]
fn names_in_files_reach_the_terminal_neither_in_reports_nor_in_json() {
    let folder = Folder::new("obeyed");
    let evil = "a\u{1b}[2J\u{9b}\u{202e}b\nverdict: clean: \r";
    let title = serde_json::Value::from(evil).to_string();
    let scenario = folder.write("esc.toml", &SMALL.replacen("title = \"small\"", &format!("title = {title}"), 1));
    assert!(fs::read_to_string(&scenario).expect("it is there").contains("verdict"), "the title is replaced: {SMALL}");
    let history = folder.path("small.jsonl");
    assert_eq!(fencepost(&["run", &scenario, "--history", &history]).status.code(), Some(0));
    let written = fs::read_to_string(&history).expect("it is there");
    let name = |text: &str, name: &str| text.replace(&format!("\"{name}\""), &title);
    let renamed = folder.write("renamed.jsonl", &name(&name(&written, "shop"), "orders"));
    for (arguments, code) in [
        (vec!["run", &scenario], 0),
        (vec!["run", &scenario, "--json"], 0),
        (vec!["run", &scenario, "--diagram"], 0),
        (vec!["show", &scenario], 0),
        (vec!["show", &scenario, "--resolved"], 0),
        (vec!["verify", &scenario, "--seeds", "1"], 0),
        (vec!["check", &renamed], 0),
        (vec!["check", &renamed, "--json"], 0),
        (vec!["run", evil], 2),
        (vec!["run", &scenario, "--case", evil], 2),
        (vec!["run", &scenario, "--set", evil], 2),
    ] {
        let output = fencepost(&arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(said.chars().find(|c| is_obeyed(*c)), None, "{arguments:?}: {said:?}");
        if arguments[0] == "run" || arguments[0] == "check" {
            let forged = said.lines().filter(|line| line.starts_with("verdict: clean: \\r")).count();
            assert_eq!(forged, 0, "{arguments:?}: {said}");
        }
        if arguments[0] != "check" {
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        }
    }
}

/// Commands are for copying and tables have their columns: sentences are what is broken.
#[test]
fn verdicts_and_proofs_are_no_wider_than_a_terminal_and_whole_in_json() {
    for (name, case) in [
        ("lessons/zombie", None),
        ("lessons/open-transaction", None),
        ("lessons/edge-of-the-world", None),
        ("interview/two-stages", Some("reads-uncommitted")),
        ("interview/transaction-state-offline", Some("for-good")),
    ] {
        let mut arguments = vec!["run", name];
        arguments.extend(case.into_iter().flat_map(|case| ["--case", case]));
        let said = text(&fencepost(&arguments).stdout);
        let judged: Vec<&str> = said.lines().take_while(|line| !line.starts_with("digest: ")).collect();
        let wide: Vec<&&str> = judged.iter().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{name}: {wide:#?}");
        arguments.push("--json");
        let json: serde_json::Value = serde_json::from_slice(&fencepost(&arguments).stdout).expect("one document");
        let unwrapped = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let violations = json["violations"].as_array().expect("a list");
        assert!(!violations.is_empty(), "{name}");
        for violation in violations {
            let sentence = violation["proof"]["sentence"].as_str().expect("a sentence");
            assert!(!sentence.contains('\n') && unwrapped.contains(sentence), "{name}: {sentence}\n{said}");
        }
    }
}

#[test]
fn where_no_broker_is_up_reports_say_so_and_begin_with_the_topics_of_the_user() {
    let folder = Folder::new("gone");
    let nodes = "nodes = [\"broker-1\", \"broker-2\", \"broker-3\"]";
    let gone = folder.write("gone.toml", &format!("{SMALL}\n[[fault]]\nat = \"10ms\"\naction = \"crash\"\n{nodes}\n"));
    let output = fencepost(&["run", &gone, "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(json["verdict"], "stuck", "{json:#}");
    let violations = json["violations"].as_array().expect("a list");
    let stalled = violations.iter().find(|v| v["kind"] == "stalled-lso").expect("partitions stand still");
    let first = stalled["proof"]["topic"].as_str().expect("a topic");
    assert!(!first.starts_with("__"), "{stalled:#}");
    for violation in violations {
        let sentence = violation["proof"]["sentence"].as_str().expect("a sentence");
        assert!(sentence.contains("no broker is up from 10ms on"), "{sentence}");
    }
    let proofs: Vec<&serde_json::Value> = stalled["further"].as_array().expect("more").iter().collect();
    assert!(proofs[0]["topic"] != proofs[1]["topic"], "{stalled:#}");
}

#[test]
fn a_byte_order_mark_is_taken_and_utf_16_is_named() {
    let folder = Folder::new("mark");
    let marked = folder.write("marked.toml", &format!("\u{feff}{SMALL}"));
    assert_eq!(fencepost(&["run", &marked]).status.code(), Some(0));
    let wide: Vec<u8> = [0xfeff].into_iter().chain(SMALL.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let path = folder.path("wide.toml");
    fs::write(&path, wide).expect("it can be written");
    refused(&["run", &path], &["UTF-16", "save it as UTF-8"]);
}

#[test]
fn a_shard_without_work_does_not_say_clean() {
    let folder = Folder::new("shard");
    let small = folder.write("small.toml", SMALL);
    let out = folder.path("out");
    let output = fencepost(&["fuzz", &small, "--seeds", "1..3", "--shard", "2/3", "--out", &out]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with("nothing run: no unit of the campaign falls to this shard"), "{said}");
    assert!(!said.contains("clean"), "{said}");
}
