//! Seeds in processes of their own. The test's own binary is started again, for this one test; its call of the kit comes to the
//! job, runs that, writes down what came of it, and the process ends. So nothing that a program leaves in memory reaches
//! another seed.

#![expect(clippy::disallowed_methods, reason = "files and processes belong to the runner, not to the simulation")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use fencepost_reports::history::Identity;
use serde::{Deserialize, Serialize};

use super::Ran;

/// Set in a process that runs one job: the path of a file with it.
const JOB: &str = "FENCEPOST_JOB";
/// Set to 0 by whoever wants all seeds in one process, on threads.
const PROCESSES: &str = "FENCEPOST_PROCESSES";

/// What is to be kept of a run besides its verdict.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Keep {
    Nothing,
    Deviations,
    /// The page, in which these programs take part, with what their records are, and below which this command stands.
    Page(Vec<String>, Vec<Identity>, String),
}

/// A run that is to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub seed: u64,
    /// Madsim's, if it is another one.
    pub madsim_seed: Option<u64>,
    pub keep: Keep,
    /// The path of a capsule whose deviations are applied.
    pub replay: Option<String>,
    /// The run is done a second time after it, on the same thread.
    pub twice: bool,
}

/// What came of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Came {
    /// Why it failed.
    pub failed: Option<String>,
    /// `None` if there was no cluster, or the process did not live to tell.
    pub ran: Option<Ran>,
    /// The page.
    pub page: Option<String>,
}

/// What one call of the kit came to: an earlier one of the same test is not done again for a later one's job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CallCame {
    pub panicked: Option<String>,
    pub value: String,
}

#[derive(Serialize, Deserialize)]
struct Order {
    /// What the calls before this one came to.
    earlier: Vec<CallCame>,
    job: Job,
    out: PathBuf,
}

/// What a call of the kit has to do.
pub(super) enum Turn {
    /// This process runs the test: the call, with the ones before it.
    Whole(Call),
    /// An earlier call.
    Earlier(CallCame),
    /// The job.
    Job(Job, PathBuf),
}

/// A call of the kit in a test.
pub(super) struct Call {
    /// Name of the test.
    pub name: Option<String>,
    earlier: Vec<CallCame>,
    processes: bool,
}

/// What the calls of each test came to, in this process.
static CALLS: Mutex<BTreeMap<String, Vec<CallCame>>> = Mutex::new(BTreeMap::new());

fn with_calls<T>(f: impl FnOnce(&mut BTreeMap<String, Vec<CallCame>>) -> T) -> T {
    f(&mut CALLS.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// The name of the test that runs: that of its thread, or, where tests run on the main thread, the one that was asked for.
fn test_name() -> Option<String> {
    let current = std::thread::current();
    if let Some(name) = current.name().filter(|name| *name != "main") {
        return Some(name.to_string());
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let exact = arguments.iter().any(|argument| argument == "--exact");
    arguments.into_iter().find(|argument| !argument.starts_with('-')).filter(|_| exact)
}

/// Begins a call.
pub(super) fn begin() -> Turn {
    let name = test_name();
    if let Some(path) = std::env::var_os(JOB) {
        let path = PathBuf::from(path);
        let text = fs::read_to_string(&path).expect("whoever starts this process writes its job");
        let order: Order = serde_json::from_str(&text).expect("a job is JSON");
        let key = name.unwrap_or_default();
        let number = with_calls(|calls| calls.get(&key).map_or(0, Vec::len));
        return match order.earlier.get(number) {
            Some(came) => {
                with_calls(|calls| calls.entry(key).or_default().push(came.clone()));
                Turn::Earlier(came.clone())
            }
            None => Turn::Job(order.job, order.out),
        };
    }
    let wanted = std::env::var(PROCESSES).map_or(true, |value| value != "0");
    let earlier = name.as_ref().and_then(|name| with_calls(|calls| calls.get(name).cloned())).unwrap_or_default();
    Turn::Whole(Call { processes: wanted && name.is_some(), name, earlier })
}

/// Ends a process that runs a job.
pub(super) fn end(out: &Path, came: &[Came]) -> ! {
    let text = serde_json::to_string(came).expect("what came of it serializes");
    let written = fs::write(out, text);
    std::process::exit(i32::from(written.is_err()));
}

impl Call {
    /// Whether seeds run in processes of their own.
    pub fn has_processes(&self) -> bool {
        self.processes
    }

    /// What the call came to.
    pub fn ends(&self, panicked: Option<&str>, value: &str) {
        if let Some(name) = &self.name {
            let came = CallCame { panicked: panicked.map(str::to_string), value: value.to_string() };
            with_calls(|calls| calls.entry(name.clone()).or_default().push(came));
        }
    }

    /// Does a job in a process of its own: what came of the run, or of both.
    pub fn run(&self, job: &Job) -> Vec<Came> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file =
            |what: &str| std::env::temp_dir().join(format!("fencepost-{}-{number}-{what}.json", std::process::id()));
        let (order, out) = (file("job"), file("came"));
        let text = serde_json::to_string(&Order { earlier: self.earlier.clone(), job: job.clone(), out: out.clone() });
        let done = fs::write(&order, text.expect("a job serializes")).and_then(|()| self.start(&order));
        let came = fs::read_to_string(&out).ok().and_then(|text| serde_json::from_str(&text).ok());
        let _ = (fs::remove_file(&order), fs::remove_file(&out));
        came.unwrap_or_else(|| {
            let failed = match done {
                Ok(output) => {
                    let text = String::from_utf8_lossy(&output.stderr);
                    let lines: Vec<&str> = text.lines().collect();
                    let last = lines[lines.len().saturating_sub(20)..].join("\n");
                    format!("the process of seed {} ended before its run did: {}\n{last}", job.seed, output.status)
                }
                Err(error) => format!("the process of seed {} cannot be started: {error}", job.seed),
            };
            vec![Came { failed: Some(failed), ..Came::default() }]
        })
    }

    fn start(&self, order: &Path) -> std::io::Result<std::process::Output> {
        let name = self.name.as_deref().unwrap_or_default();
        Command::new(std::env::current_exe()?)
            .args([name, "--exact", "--include-ignored", "--nocapture"])
            .env(JOB, order)
            .env_remove("FENCEPOST_SEED")
            .env_remove("FENCEPOST_SEEDS")
            .env_remove("FENCEPOST_REPLAY")
            .output()
    }
}
