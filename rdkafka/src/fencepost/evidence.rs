//! What is left of a seed that failed: a capsule, a page, the command that runs it alone, and whether other processes
//! come to the same.

#![expect(clippy::disallowed_methods, reason = "files and processes belong to the runner, not to the simulation")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fencepost_sim::capsule::Capsule;
use serde_json::{Value, json};

use super::Ran;
use super::processes::Came;

/// A capsule to replay.
pub(super) struct Replayed {
    pub path: PathBuf,
    /// Madsim's.
    pub seed: u64,
    pub capsule: Arc<Capsule>,
}

/// Reads a kit's capsule.
///
/// # Panics
/// If it is none.
pub(super) fn read(path: &str) -> Replayed {
    // Cargo runs a test in its package's folder; whoever typed the path was perhaps in another one.
    let typed_in = std::env::var_os("PWD").map(|folder| Path::new(&folder).join(path));
    let path = typed_in.filter(|p| p.exists()).unwrap_or_else(|| PathBuf::from(path));
    let name = path.display().to_string();
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("FENCEPOST_REPLAY: cannot read {name}: {error}"));
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("FENCEPOST_REPLAY: {name}: {error}"));
    let (Some(seed), Some(world)) = (value["madsim seed"].as_u64(), value.get("world")) else {
        panic!(
            "FENCEPOST_REPLAY: {name} is not a capsule that a program's test wrote: expected 'madsim seed' and 'world'"
        )
    };
    let capsule =
        Capsule::from_json(&world.to_string()).unwrap_or_else(|error| panic!("FENCEPOST_REPLAY: {name}: {error}"));
    Replayed { seed, capsule: Arc::new(capsule), path }
}

/// In one line, what a replay came to, with what no longer applies below it.
pub(super) fn fate(replayed: &Replayed, came: &Came) -> String {
    let Some(ran) = &came.ran else { return "replay: it did not come to finish()".into() };
    let capsule = &replayed.capsule;
    let (unused, written) = (&ran.unused.0, ran.unused.1);
    let fate = if capsule.digest.as_deref() == Some(&ran.digest) {
        "the same execution"
    } else if written > 0 && unused.len() == written {
        "no longer applies"
    } else if came.failed.is_none() {
        "now passes"
    } else if ran.kinds.iter().any(|kind| capsule.kinds.contains(kind)) {
        "still fails"
    } else {
        "fails differently"
    };
    let unused: String = unused.iter().map(|words| format!("\n  no longer applies: {words}")).collect();
    format!("replay: {fate}{unused}")
}

fn cargo_test(name: Option<&str>) -> String {
    let package = std::env::var("CARGO_PKG_NAME").map_or(String::new(), |p| format!(" -p {p}"));
    let name = name.map_or(String::new(), |n| format!(" {n} -- --exact"));
    format!("cargo test{package}{name}")
}

/// The command that runs one seed.
pub(super) fn alone_command(name: Option<&str>, seed: u64) -> String {
    format!("FENCEPOST_SEED={seed} {}", cargo_test(name))
}

/// The command that replays a capsule, with the verdict on it to be seen.
pub(super) fn replay_command(name: Option<&str>, path: &Path) -> String {
    let nocapture = if name.is_some() { " --nocapture" } else { " -- --nocapture" };
    format!("FENCEPOST_REPLAY={} {}{nocapture}", path.display(), cargo_test(name))
}

/// Where evidence goes: `fencepost` in cargo's folder of built things.
fn folder() -> PathBuf {
    let program = std::env::current_exe().ok();
    let target = program.as_deref().and_then(|p| p.ancestors().find(|a| a.join("CACHEDIR.TAG").exists()));
    target.map_or_else(|| PathBuf::from("target"), Path::to_path_buf).join("fencepost")
}

fn write_file(name: Option<&str>, which: &str, extension: &str, text: &str) -> Result<PathBuf, String> {
    let folder = folder();
    let path = folder.join(format!("{}-{which}.{extension}", name.unwrap_or("test").replace("::", "-")));
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, text));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(path)
}

/// Writes the page; where it is.
pub(super) fn write_page(name: Option<&str>, which: &str, page: Option<&str>) -> String {
    let Some(page) = page else { return "no page: there was no cluster".into() };
    match write_file(name, which, "html", page) {
        Ok(path) => format!("page:    {}", path.display()),
        Err(problem) => format!("no page: {problem}"),
    }
}

/// Writes the capsule and the page; where they are.
pub(super) fn write(
    name: Option<&str>,
    seed: u64,
    ran: Option<&Ran>,
    page: Option<&str>,
    command: &str,
    message: &str,
) -> String {
    let Some(ran) = ran else { return "there was no cluster: no capsule and no page".into() };
    let world: Value = serde_json::from_str(&ran.capsule).expect("a capsule is JSON");
    let capsule = json!({
        "madsim seed": seed, "command": command, "message": message, "digest": ran.digest, "world": world,
    });
    let text = serde_json::to_string_pretty(&capsule).expect("a capsule serializes") + "\n";
    let capsule = match write_file(name, &seed.to_string(), "json", &text) {
        Ok(path) => format!("capsule: {}\n         {}", path.display(), replay_command(name, &path)),
        Err(problem) => format!("no capsule: {problem}"),
    };
    format!("{capsule}\n{}", write_page(name, &seed.to_string(), page))
}

/// What two runs of a seed must have in common.
pub(super) fn fingerprint(came: &Came) -> String {
    let verdict = if came.failed.is_none() { "passes" } else { "fails" };
    came.ran.as_ref().map_or_else(|| format!("- {verdict}"), |r| format!("{} {} {verdict}", r.digest, r.verdict))
}

/// What is said of runs that differ and must not.
pub(super) fn not_deterministic(found: &[String], whence: &str) -> String {
    let found = found.iter().map(|f| format!("'{f}'")).collect::<Vec<_>>().join(" and to ");
    format!(
        "NOT DETERMINISTIC: the seed came to {found}, {whence}.\nKnown sources: random numbers of rand 0.8 or fastrand, \
         futures::select!, tokio::select! that is neither biased nor seeded; also threads, addresses used as values, files, the \
         process's id, the order of a HashMap."
    )
}

/// Whether three runs of a seed that failed came to the same.
pub(super) fn same(found: &[String; 3], in_processes: bool) -> String {
    match found.iter().any(|other| *other != found[0]) {
        true if in_processes => not_deterministic(found, "each time in a process of its own") + "\n",
        true => not_deterministic(found, "each time on a thread of its own") + "\n",
        false if in_processes => "the same in two more processes: the program is deterministic\n".into(),
        false => "the same on two more threads of this process; other processes were not asked (the test's name is not known with \
                  --test-threads=1, or FENCEPOST_PROCESSES=0 is set)\n"
            .into(),
    }
}
