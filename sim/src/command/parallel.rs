//! Many independent runs at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::{Refusal, interrupt};

/// Runs at a time, at most: each has a thread.
pub const MOST_JOBS: usize = 1_024;

/// Runs at a time: what `--jobs` says, or one for each processor.
///
/// # Errors
/// None, or too many.
pub fn jobs(asked: Option<usize>) -> Result<usize, Refusal> {
    match asked {
        None => Ok(std::thread::available_parallelism().map_or(1, usize::from).min(MOST_JOBS)),
        Some(jobs) if (1..=MOST_JOBS).contains(&jobs) => Ok(jobs),
        Some(jobs) => Err(Refusal(format!("--jobs {jobs}: expected a number between 1 and {MOST_JOBS}"))),
    }
}

/// Lets as many threads as may be had, up to `jobs`, do the same work; at least one does it.
pub fn together(jobs: usize, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 1..jobs {
            // Where no more threads are to be had, those that are there do it.
            if std::thread::Builder::new().spawn_scoped(scope, &work).is_err() {
                break;
            }
        }
        work();
    });
}

/// Calls `work` with every number below `count` that comes before an interruption, several at a time, in no order.
pub fn each(count: u64, jobs: usize, work: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(0);
    let take = || next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < count).then(|| n + 1)).ok();
    together(jobs.min(usize::try_from(count.max(1)).unwrap_or(usize::MAX)), || {
        while !interrupt::asked() {
            let Some(number) = take() else { break };
            work(number);
        }
    });
}

/// Calls `work` for each item, several at a time; results are in the order of the items, as far as it came before an
/// interruption. `done` is told after each.
pub fn map<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    work: impl Fn(&T) -> R + Sync,
    done: impl Fn() + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    together(jobs.clamp(1, items.len().max(1)), || {
        while !interrupt::asked() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(number) else { break };
            let result = work(item);
            results.lock().expect("nothing panics while it holds the results").push((number, result));
            done();
        }
    });
    let mut results = results.into_inner().expect("nothing panics while it holds the results");
    results.sort_by_key(|(number, _)| *number);
    // An interruption may leave out one in the middle: what comes after it has lost its place.
    let whole = results.iter().enumerate().take_while(|(place, (number, _))| place == number).count();
    results.truncate(whole);
    results.into_iter().map(|(_, result)| result).collect()
}
