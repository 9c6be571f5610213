//! Runs over many seeds: each in a process of its own, several at a time; and what is said of one that fails.

#![expect(
    clippy::disallowed_methods,
    reason = "threads and the environment belong to the runner, not to the simulation"
)]

use std::cell::RefCell;
use std::fmt::Display;
use std::future::Future;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::thread;

use fencepost_reports::page;
use fencepost_tokio::task::{panic_text, watch_panics};
use madsim::runtime::Runtime;

use super::evidence::{self, Replayed};
use super::processes::{self, Call, Came, Job, Keep, Turn};
use super::{LAST_RUN, RETURNED, WANTED, Wanted};

/// One seed in so many is run twice more, and compared; the first of a test is one of them.
const COMPARED: u64 = 20;

/// What a panic without a text is said to be.
pub(super) const NO_TEXT: &str = "a panic without a text";

/// A seed that failed.
struct Failure {
    seed: u64,
    message: String,
    /// What the run came to.
    fingerprint: String,
}

/// Runs a test's program on every seed, each in a runtime of madsim and in a process of its own. `FENCEPOST_SEED=17` runs
/// that seed alone, in this process; `FENCEPOST_SEEDS=1..1000` other ones; `FENCEPOST_REPLAY=capsule.json` the run of a
/// capsule, with the deviations that stand in it.
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
    let program = Arc::new(program);
    let call = match processes::begin() {
        Turn::Whole(call) => call,
        Turn::Earlier(came) => return came.panicked.map_or((), |message| panic!("{message}")),
        Turn::Job(job, out) => processes::end(&out, &on_a_fresh_thread(&program, &job)),
    };
    let failed = whole(seeds, &program, &call).err();
    call.ends(failed.as_deref(), "");
    if let Some(message) = failed {
        panic!("{message}");
    }
}

/// # Errors
/// What is said of the seed that fails.
fn whole<F, Fut>(seeds: RangeInclusive<u64>, program: &Arc<F>, call: &Call) -> Result<(), String>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    if let Some(replayed) = variable::<String>("FENCEPOST_REPLAY", "the path of a capsule") {
        return replay(&evidence::read(&replayed), program, call);
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
    let next = AtomicU64::new(first);
    let failed: Mutex<Option<Failure>> = Mutex::default();
    let seeds = usize::try_from(last - first).unwrap_or(usize::MAX).saturating_add(1);
    let workers = thread::available_parallelism().map_or(1, usize::from).min(seeds);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let enough = failed.lock().expect("nobody panics with it").as_ref().is_some_and(|f| f.seed < seed);
            if seed > last || seed < first || enough {
                return;
            }
            // Whoever runs one seed alone wants it in this process, for a debugger or to see what it prints.
            let came = match alone {
                Some(_) => on_a_fresh_thread(program, &plain(seed)).remove(0),
                None => run(program, call, &plain(seed)),
            };
            let compared = (seed - first).is_multiple_of(COMPARED) && alone.is_none() && call.has_processes();
            let message = came.failed.clone().or_else(|| compared.then(|| compare(call, seed, &came)).flatten());
            if let Some(message) = message {
                let mut failed = failed.lock().expect("nobody panics with it");
                if failed.as_ref().is_none_or(|f| f.seed > seed) {
                    *failed = Some(Failure { seed, message, fingerprint: evidence::fingerprint(&came) });
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let failure = failed.into_inner().expect("nobody panics with it");
    let Some(Failure { seed, message, fingerprint }) = failure else { return Ok(()) };
    // Once with the deviations, to learn which nodes there are and what records are made of; once more for the page.
    let again = run(program, call, &Job { keep: Keep::Deviations, ..plain(seed) });
    let third = run(program, call, &plain(seed));
    let command = evidence::alone_command(call.name.as_deref(), seed);
    let page = again.ran.as_ref().and_then(|ran| {
        let keep = Keep::Page(ran.programs.clone(), ran.identities.clone(), command.clone());
        run(program, call, &Job { keep, ..plain(seed) }).page
    });
    let files = evidence::write(call.name.as_deref(), seed, again.ran.as_ref(), page.as_deref(), &command, &message);
    let found = [fingerprint, evidence::fingerprint(&again), evidence::fingerprint(&third)];
    let same = evidence::same(&found, call.has_processes());
    Err(format!("{message}\n\n{files}\n{same}run this seed alone: {command}\n"))
}

fn plain(seed: u64) -> Job {
    Job { seed, madsim_seed: None, keep: Keep::Nothing, replay: None, twice: false }
}

/// Does a job in a process of its own, where that can be.
fn run<F, Fut>(program: &Arc<F>, call: &Call, job: &Job) -> Came
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let mut came = if call.has_processes() { call.run(job) } else { on_a_fresh_thread(program, job) };
    came.remove(0)
}

/// Runs a seed once more in another process, and there, where it has processes that could leave something behind, a second
/// time on the same thread: what is wrong if those come to something else.
fn compare(call: &Call, seed: u64, came: &Came) -> Option<String> {
    let first = came.ran.as_ref()?;
    let both = call.run(&Job { twice: first.processes > 1, ..plain(seed) });
    let [fresh, used] = [both.first()?, both.last()?];
    let [expected, of_fresh, of_used] = [came, fresh, used].map(evidence::fingerprint);
    if expected != of_fresh {
        return Some(format!(
            "seed {seed}: {}",
            evidence::not_deterministic(&[expected, of_fresh], "in one process and in another")
        ));
    }
    if of_fresh == of_used {
        return None;
    }
    let handed_over = used.ran.as_ref().map(|ran| &ran.handed_over);
    let differs = |(name, hash): &(&String, &String)| handed_over.and_then(|all| all.get(*name)) != Some(*hash);
    let programs: Vec<&str> = first.handed_over.iter().filter(differs).map(|(name, _)| name.as_str()).collect();
    let whose = if programs.is_empty() {
        "All programs hand over the same records, at other times".to_string()
    } else {
        format!("What differs is what these hand over: {}", programs.join(", "))
    };
    let why = used.failed.as_deref().map_or(String::new(), |text| format!("\nThe second time: {text}"));
    Some(format!(
        "seed {seed}: SOMETHING OUTLIVES THE PROCESS of a program: a static or a thread-local.\nThe seed came to '{of_fresh}' where \
         its programs were started in a fresh process, and to '{of_used}' where they had been started in it before. {whose}.\nIn a \
         simulation all processes share one memory: what one leaves there is found by its next incarnation, and by its \
         neighbours; a real process that is killed takes it along. Keep it in what the program's main function owns.{why}"
    ))
}

/// # Errors
/// What is said of a replay that fails.
fn replay<F, Fut>(replayed: &Replayed, program: &Arc<F>, call: &Call) -> Result<(), String>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let job = Job { replay: Some(replayed.path.display().to_string()), ..plain(replayed.seed) };
    let came = on_a_fresh_thread(program, &job).remove(0);
    println!("{}", evidence::fate(replayed, &came));
    let Some(message) = came.failed else { return Ok(()) };
    let command = evidence::replay_command(call.name.as_deref(), &replayed.path);
    let page = came.ran.and_then(|ran| {
        let keep = Keep::Page(ran.programs, ran.identities, command.clone());
        run(program, call, &Job { keep, ..job }).page
    });
    let page = evidence::write_page(call.name.as_deref(), &format!("{}-replay", replayed.seed), page.as_deref());
    Err(format!("{message}\n\n{page}\nreplay it again: {command}\n"))
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
    keep_panics_of_seeds_quiet();
    let program = Arc::new(program);
    let call = match processes::begin() {
        Turn::Whole(call) => call,
        Turn::Earlier(came) => return came.panicked.map_or(came.value, |message| panic!("{message}")),
        Turn::Job(job, out) => processes::end(&out, &on_a_fresh_thread(&program, &job)),
    };
    let came = run(&program, &call, &Job { madsim_seed: Some(madsim_seed), ..plain(seed) });
    let digest = came.ran.map(|ran| ran.digest).unwrap_or_default();
    call.ends(came.failed.as_deref(), &digest);
    if let Some(message) = came.failed {
        panic!("{message}");
    }
    assert!(!digest.is_empty(), "the program finishes its cluster");
    digest
}

thread_local! {
    /// Where something panicked last on this thread of a seed; `None` on threads that run no seed.
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Where something panicked last on this thread.
pub(super) fn panicked_at() -> String {
    PANICKED_AT.with_borrow(|at| at.clone()).filter(|at| !at.is_empty()).unwrap_or_else(|| "an unknown place".into())
}

/// What a seed panics with is part of what is said in the end; it is not printed for each seed and each repetition.
fn keep_panics_of_seeds_quiet() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let of_a_seed = PANICKED_AT.with_borrow_mut(|at| {
                let Some(at) = at else { return false };
                *at = info.location().map_or_else(String::new, ToString::to_string);
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

/// Does a job on a thread of its own in this process.
fn on_a_fresh_thread<F, Fut>(program: &Arc<F>, job: &Job) -> Vec<Came>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let (program, job) = (program.clone(), job.clone());
    let name = format!("seed {}", job.seed);
    let all = move || (0..=u32::from(job.twice)).map(|_| here(&program, &job)).collect();
    let thread = thread::Builder::new().name(name).spawn(all).expect("there can be a thread");
    thread.join().expect("the thread catches what its program panics with")
}

/// Runs one seed on this thread.
fn here<F, Fut>(program: &Arc<F>, job: &Job) -> Came
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let madsim_seed = job.madsim_seed.unwrap_or(job.seed);
    let (story, command) = match &job.keep {
        Keep::Page(programs, identities, command) => {
            (Some((programs.clone(), Arc::new(identities.clone()))), command.as_str())
        }
        _ => (None, ""),
    };
    WANTED.set(Wanted {
        deviations: matches!(job.keep, Keep::Deviations),
        story,
        replay: job.replay.as_deref().map(|path| evidence::read(path).capsule),
        seed: Some(job.seed),
    });
    PANICKED_AT.set(Some(String::new()));
    RETURNED.take();
    LAST_RUN.take();
    watch_panics(Some(Rc::new(|payload| {
        let text = panic_text(payload).unwrap_or(NO_TEXT);
        crate::simulated::shared().is_some_and(|shared| shared.panicked(false, text, &panicked_at()))
    })));
    let program = program.clone();
    let result = catch_unwind(AssertUnwindSafe(|| {
        let runtime = Runtime::with_seed_and_config(madsim_seed, madsim::Config::default());
        runtime.block_on(fencepost_tokio::task::stackful(program()));
    }));
    crate::simulated::Shared::end();
    watch_panics(None);
    let failed = result.err().map(|payload| {
        let text = panic_text(&*payload).unwrap_or(NO_TEXT);
        format!("{text}\n(at {}){}", PANICKED_AT.take().unwrap_or_default(), returned())
    });
    let mut ran = LAST_RUN.take();
    let page = ran.as_mut().and_then(|ran| ran.story.take()).map(|mut story| {
        story.command = command.to_string();
        page::html(&story)
    });
    Came { failed, ran, page }
}
