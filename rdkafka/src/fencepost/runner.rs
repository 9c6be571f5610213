//! Runs over many seeds: each on a fresh thread, several at a time; and what is said of one that fails.

#![expect(
    clippy::disallowed_methods,
    reason = "threads and the environment belong to the runner, not to the simulation"
)]

use std::cell::RefCell;
use std::fmt::Display;
use std::future::Future;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::thread;

use madsim::runtime::Runtime;

use super::evidence::{self, Replayed};
use super::{LAST, RETURNED, Ran, WANTED, Wanted};

/// A seed that failed.
struct Failure {
    seed: u64,
    message: String,
    /// What the run came to.
    fingerprint: String,
}

/// Set in a process that runs a failing seed once more, only to compare.
pub(super) const CHILD: &str = "FENCEPOST_CHILD";

/// Runs a test's program on every seed, each in a runtime of madsim and on a thread of its own. `FENCEPOST_SEED=17` runs
/// that seed alone; `FENCEPOST_SEEDS=1..1000` other ones; `FENCEPOST_REPLAY=capsule.json` the run of a capsule, with the
/// deviations that stand in it.
///
/// # Panics
/// If a seed fails: with the first such seed, where its capsule and its page are, and how to run it alone. If one of the
/// variables cannot be understood, or there are no seeds.
pub fn test<F, Fut>(seeds: RangeInclusive<u64>, program: F)
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    keep_panics_of_seeds_quiet();
    let name = thread::current().name().filter(|n| *n != "main").map(str::to_string);
    let program = Arc::new(program);
    if let Some(replayed) = variable::<String>("FENCEPOST_REPLAY", "the path of a capsule") {
        return replay(&evidence::read(&replayed), &program, name.as_deref());
    }
    let alone: Option<u64> = variable("FENCEPOST_SEED", "a number");
    let others = variable::<String>("FENCEPOST_SEEDS", "a range such as 1..1000").map(|text| {
        fencepost_sim::scenario::parse_seeds(&text)
            .unwrap_or_else(|_| panic!("FENCEPOST_SEEDS is '{text}'; expected a range such as 1..1000"))
    });
    let (first, last) = match (alone, others) {
        (Some(seed), _) => (seed, seed),
        (None, Some(range)) => range,
        (None, None) => (*seeds.start(), *seeds.end()),
    };
    assert!(first <= last, "there are no seeds from {first} to {last}");
    let child = std::env::var_os(CHILD).is_some();
    let next = Arc::new(AtomicU64::new(first));
    let failed: Arc<Mutex<Option<Failure>>> = Arc::default();
    let seeds = usize::try_from(last - first).unwrap_or(usize::MAX).saturating_add(1);
    let workers = thread::available_parallelism().map_or(1, usize::from).min(seeds);
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
                    let (result, ran) = on_a_fresh_thread(&program, seed, Wanted::default());
                    let fingerprint = evidence::fingerprint(ran.as_ref(), &result);
                    if child {
                        println!("{}{fingerprint}", evidence::CHILD_SAYS);
                    }
                    if let Err(message) = result {
                        let mut failed = failed.lock().expect("nobody panics with it");
                        if failed.as_ref().is_none_or(|f| f.seed > seed) {
                            *failed = Some(Failure { seed, message, fingerprint });
                        }
                    }
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().expect("a worker only starts threads"));
    let failure = failed.lock().expect("nobody panics with it").take();
    let Some(Failure { seed, message, fingerprint }) = failure else { return };
    if child {
        panic!("seed {seed} failed");
    }
    // Once to learn which nodes there are, once more with everything that is wanted of it.
    let (_, first) = on_a_fresh_thread(&program, seed, Wanted::default());
    let programs = first.map(|ran| ran.programs).unwrap_or_default();
    let (result, ran) = on_a_fresh_thread(&program, seed, Wanted { story: Some(programs), ..Wanted::default() });
    let again = evidence::fingerprint(ran.as_ref(), &result);
    let command = evidence::alone_command(name.as_deref(), seed);
    let files = evidence::write(name.as_deref(), seed, ran, &command, &message);
    let same = evidence::compare(name.as_deref(), seed, &fingerprint, &again);
    panic!("{message}\n\n{files}\n{same}run this seed alone: {command}\n");
}

fn replay<F, Fut>(replayed: &Replayed, program: &Arc<F>, name: Option<&str>)
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let wanted = || Wanted { replay: Some(replayed.capsule.clone()), ..Wanted::default() };
    let (result, first) = on_a_fresh_thread(program, replayed.seed, wanted());
    println!("{}", evidence::fate(replayed, first.as_ref(), result.is_err()));
    let Err(message) = result else { return };
    let story = first.map(|ran| ran.programs);
    let (_, ran) = on_a_fresh_thread(program, replayed.seed, Wanted { story, ..wanted() });
    let command = evidence::replay_command(name, &replayed.path);
    let page = evidence::write_page(name, &format!("{}-replay", replayed.seed), ran, &command);
    panic!("{message}\n\n{page}\nreplay it again: {command}\n");
}

fn variable<T: FromStr<Err: Display>>(name: &str, expected: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name} is '{text}' ({error}); expected {expected}")))
}

/// Runs one seed once, with another seed for madsim, and gives the digest of what happened in the cluster. Madsim's own
/// seed decides the order in which tasks that are ready at the same instant run, and some nanoseconds for each of them:
/// where two of its seeds give two digests, what the program does depends on that.
///
/// # Panics
/// If the program does, or if it does not come to [`Cluster::finish`](super::Cluster::finish).
pub fn digest<F, Fut>(seed: u64, madsim_seed: u64, program: F) -> String
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let wanted = Wanted { madsim_seed: Some(madsim_seed), ..Wanted::default() };
    let (result, ran) = on_a_fresh_thread(&Arc::new(program), seed, wanted);
    if let Err(message) = result {
        panic!("{message}");
    }
    ran.expect("the program finishes its cluster").digest
}

thread_local! {
    /// Where the program of this thread's seed panicked; `None` on threads that run no seed.
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What a seed panics with is part of what is said in the end; it is not printed for each seed and each repetition.
fn keep_panics_of_seeds_quiet() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let of_a_seed = PANICKED_AT.with_borrow_mut(|at| {
                let Some(at) = at else { return false };
                if at.is_empty() {
                    *at = info.location().map_or_else(String::new, ToString::to_string);
                }
                true
            });
            if !of_a_seed {
                others(info);
            }
        }));
    });
}

/// Programs of this thread's seed that returned: a line each.
fn returned() -> String {
    let times = |n: u32| if n == 1 { "once".to_string() } else { format!("{n} times, the last time") };
    let line =
        |(name, (n, output)): (&String, &(u32, String))| format!("\n{name} returned {} with {output}", times(*n));
    RETURNED.with_borrow(|programs| programs.iter().map(line).collect())
}

/// Runs one seed; the text of its panic, and what the run amounted to.
fn on_a_fresh_thread<F, Fut>(program: &Arc<F>, seed: u64, mut wanted: Wanted) -> (Result<(), String>, Option<Ran>)
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let program = program.clone();
    wanted.seed = Some(seed);
    let run = move || {
        let madsim_seed = wanted.madsim_seed.unwrap_or(seed);
        WANTED.set(wanted);
        PANICKED_AT.set(Some(String::new()));
        let result = catch_unwind(AssertUnwindSafe(|| {
            let runtime = Runtime::with_seed_and_config(madsim_seed, madsim::Config::default());
            runtime.block_on(fencepost_tokio::task::stackful(program()));
        }));
        crate::simulated::Shared::end();
        let result = result.map_err(|payload| {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text
                .or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string))
                .unwrap_or_else(|| "a panic without a text".into());
            let at = PANICKED_AT.take().unwrap_or_default();
            format!("{text}\n(at {at}){}", returned())
        });
        (result, LAST.take())
    };
    let thread = thread::Builder::new().name(format!("seed {seed}")).spawn(run).expect("there can be a thread");
    thread.join().expect("the thread catches what its program panics with")
}
