//! Many independent runs at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::interrupt;

/// Calls `work` for each item, several at a time; results are in the order of the items, as far as it came before an
/// interruption. `done` is told after each.
pub fn map<T: Sync, R: Send>(
    items: &[T],
    jobs: Option<usize>,
    work: impl Fn(&T) -> R + Sync,
    done: impl Fn() + Sync,
) -> Vec<R> {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = jobs.unwrap_or_else(processors).clamp(1, items.len().max(1));
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while !interrupt::asked() {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(number) else { break };
                    let result = work(item);
                    results.lock().expect("nothing panics while it holds the results").push((number, result));
                    done();
                }
            });
        }
    });
    let mut results = results.into_inner().expect("nothing panics while it holds the results");
    results.sort_by_key(|(number, _)| *number);
    // An interruption may leave out one in the middle: what comes after it has lost its place.
    let whole = results.iter().enumerate().take_while(|(place, (number, _))| place == number).count();
    results.truncate(whole);
    results.into_iter().map(|(_, result)| result).collect()
}
