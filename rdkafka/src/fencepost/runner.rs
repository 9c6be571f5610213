//! Runs over many seeds: each on a fresh thread, several at a time; and what is said of one that fails.

#![expect(
    clippy::disallowed_methods,
    reason = "threads and the environment belong to the runner, not to the simulation"
)]

use std::fs;
use std::future::Future;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use madsim::runtime::Runtime;

use super::{LAST, RECORD, Ran};

/// A seed that failed.
struct Failure {
    seed: u64,
    message: String,
}

/// Runs a test's program on every seed, each in a runtime of madsim and on a thread of its own. `FENCEPOST_SEED=17` runs
/// that seed alone; `FENCEPOST_SEEDS=1..1000` other ones.
///
/// # Panics
/// If a seed fails: with the first such seed, where its capsule is, and how to run it alone.
pub fn test<F, Fut>(seeds: RangeInclusive<u64>, program: F)
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let variable = |name: &str| std::env::var(name).ok();
    let alone: Option<u64> = variable("FENCEPOST_SEED").and_then(|s| s.parse().ok());
    let others = variable("FENCEPOST_SEEDS").and_then(|s| fencepost_sim::scenario::parse_seeds(&s));
    let (first, last) = match (alone, others) {
        (Some(seed), _) => (seed, seed),
        (None, Some(range)) => range,
        (None, None) => (*seeds.start(), *seeds.end()),
    };
    let child = variable("FENCEPOST_CHILD").is_some();
    let name = thread::current().name().filter(|n| *n != "main").map(str::to_string);
    let program = Arc::new(program);
    let next = Arc::new(AtomicU64::new(first));
    let failed: Arc<Mutex<Option<Failure>>> = Arc::default();
    let workers = thread::available_parallelism().map_or(1, usize::from).min((last - first + 1) as usize);
    let workers: Vec<_> = (0..workers)
        .map(|_| {
            let (program, next, failed) = (program.clone(), next.clone(), failed.clone());
            thread::spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let enough = failed.lock().expect("nobody panics with it").as_ref().is_some_and(|f| f.seed < seed);
                    if seed > last || enough {
                        return;
                    }
                    let (result, ran) = on_a_fresh_thread(program.clone(), seed, false);
                    if child {
                        let ran = ran.map_or_else(|| "-".to_string(), |r| format!("{} {}", r.digest, r.verdict));
                        println!("fencepost-child: {ran}");
                    }
                    if let Err(message) = result {
                        let mut failed = failed.lock().expect("nobody panics with it");
                        if failed.as_ref().is_none_or(|f| f.seed > seed) {
                            *failed = Some(Failure { seed, message });
                        }
                    }
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().expect("a worker only starts threads"));
    let failure = failed.lock().expect("nobody panics with it").take();
    let Some(Failure { seed, message }) = failure else { return };
    if child {
        panic!("seed {seed} failed");
    }
    let (_, ran) = on_a_fresh_thread(program, seed, true);
    let command = alone_command(name.as_deref(), seed);
    let capsule = write_capsule(name.as_deref(), seed, ran.as_ref(), &command, &message);
    let same = name.as_deref().map_or(String::new(), |name| check_determinism(name, seed, ran.as_ref()));
    panic!("{message}\n\n{capsule}\n{same}run this seed alone: {command}\n");
}

/// Runs one seed; the text of its panic, and what the run amounted to.
fn on_a_fresh_thread<F, Fut>(program: Arc<F>, seed: u64, record: bool) -> (Result<(), String>, Option<Ran>)
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let run = move || {
        RECORD.with(|r| *r.borrow_mut() = record);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let runtime = Runtime::with_seed_and_config(seed, madsim::Config::default());
            runtime.block_on(fencepost_tokio::task::stackful(program()));
        }));
        crate::simulated::Shared::end();
        let result = result.map_err(|payload| {
            let text = payload.downcast_ref::<String>().cloned();
            text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string))
                .unwrap_or_else(|| "a panic without a text".into())
        });
        (result, LAST.with(|last| last.borrow_mut().take()))
    };
    let thread = thread::Builder::new().name(format!("seed {seed}")).spawn(run).expect("there can be a thread");
    thread.join().expect("the thread catches what its program panics with")
}

fn alone_command(name: Option<&str>, seed: u64) -> String {
    let package = std::env::var("CARGO_PKG_NAME").map_or(String::new(), |p| format!(" -p {p}"));
    let name = name.map_or(String::new(), |n| format!(" {n} -- --exact"));
    format!("FENCEPOST_SEED={seed} cargo test{package}{name}")
}

fn write_capsule(name: Option<&str>, seed: u64, ran: Option<&Ran>, command: &str, message: &str) -> String {
    let Some(ran) = ran else { return "the run did not come to finish(): no capsule".into() };
    let world: serde_json::Value = serde_json::from_str(&ran.capsule).unwrap_or_default();
    let capsule = serde_json::json!({
        "madsim seed": seed, "command": command, "message": message, "digest": ran.digest, "world": world,
    });
    let file = format!("{}-{seed}.json", name.unwrap_or("test").replace("::", "-"));
    let path = PathBuf::from("target/fencepost").join(file);
    let text = serde_json::to_string_pretty(&capsule).expect("a capsule serializes");
    let written = fs::create_dir_all("target/fencepost").and_then(|()| fs::write(&path, text));
    match written {
        Ok(()) => format!("capsule: {}", path.display()),
        Err(error) => format!("the capsule could not be written to {}: {error}", path.display()),
    }
}

/// Runs a seed twice more, each time in a fresh process, and compares.
fn check_determinism(name: &str, seed: u64, ran: Option<&Ran>) -> String {
    let Ok(program) = std::env::current_exe() else { return String::new() };
    let once = || {
        let output = Command::new(&program)
            .args([name, "--exact", "--nocapture"])
            .env("FENCEPOST_SEED", seed.to_string())
            .env("FENCEPOST_CHILD", "1")
            .env_remove("FENCEPOST_SEEDS")
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().find_map(|l| l.split_once("fencepost-child: ").map(|(_, found)| found.trim().to_string()))
    };
    let here = ran.map(|r| format!("{} {}", r.digest, r.verdict));
    match (here, once(), once()) {
        (Some(a), Some(b), Some(c)) if a == b && b == c => {
            "the same in two more processes: the program is deterministic\n".into()
        }
        (Some(a), Some(b), Some(c)) => format!(
            "NOT DETERMINISTIC: this process gives {a}, others {b} and {c}.\nKnown sources: random numbers of rand 0.8 or \
             fastrand, futures::select!, tokio::select! without a seed, threads, addresses, files.\n"
        ),
        _ => "it could not be run again in another process\n".into(),
    }
}
