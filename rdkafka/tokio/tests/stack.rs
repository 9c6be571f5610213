//! Tasks that wait in the middle of a synchronous call.

#![cfg(madsim)]

use std::cell::Cell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fencepost_tokio as tokio;
use fencepost_tokio::task::{block_on, can_block, number, stackful};
use madsim::runtime::Runtime;
use madsim::time::TimeHandle;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn simulate<F: Future<Output = T>, T>(f: F) -> T {
    Runtime::with_seed_and_config(1, madsim::Config::default()).block_on(stackful(f))
}

/// Tells that it was dropped.
struct Dropped(Rc<Cell<u32>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

fn wait(span: Duration) {
    block_on(tokio::time::sleep(span));
}

#[test]
fn a_blocking_call_takes_virtual_time_and_others_go_on_meanwhile() {
    let (ticks, took) = simulate(async {
        let ticks = Arc::new(AtomicU32::new(0));
        let counter = ticks.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(ms(10)).await;
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        let began = TimeHandle::current().elapsed();
        wait(ms(105));
        (ticks.load(Ordering::Relaxed), TimeHandle::current().elapsed() - began)
    });
    assert_eq!(ticks, 10);
    assert!(took >= ms(105) && took < ms(107), "{took:?}");
}

#[test]
fn blocking_calls_nest() {
    let sum = simulate(async {
        block_on(async {
            tokio::time::sleep(ms(1)).await;
            let inner = block_on(async {
                tokio::time::sleep(ms(2)).await;
                wait(ms(3));
                7
            });
            tokio::time::sleep(ms(1)).await;
            inner + 1
        })
    });
    assert_eq!(sum, 8);
}

#[test]
fn a_panic_after_a_wait_reaches_whoever_joins() {
    simulate(async {
        let dropped = Rc::new(Cell::new(0));
        let guard = Dropped(dropped.clone());
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _guard = guard;
            wait(ms(1));
            panic!("in the middle");
        }));
        assert_eq!(*result.expect_err("it panics").downcast_ref::<&str>().expect("a text"), "in the middle");
        assert_eq!(dropped.get(), 1);
        wait(ms(1)); // the stack is as good as before
    });
}

#[test]
fn a_panic_in_a_poll_ends_the_simulation_and_leaves_the_thread_usable() {
    for round in 0..3 {
        let result = catch_unwind(|| {
            simulate(async move {
                wait(ms(1));
                panic!("round {round}");
            });
        });
        let payload = result.expect_err("it panics");
        assert_eq!(*payload.downcast_ref::<String>().expect("a text"), format!("round {round}"));
        assert!(!can_block(), "no frame is left behind");
        assert_eq!(simulate(async { block_on(async { 5 }) }), 5);
    }
}

#[test]
fn what_a_suspended_task_holds_is_dropped_with_it() {
    let dropped = Rc::new(Cell::new(0));
    simulate(async {
        let (on_stack, in_future) = (Dropped(dropped.clone()), Dropped(dropped.clone()));
        let task = tokio::task::spawn_local(async move {
            let _in_future = in_future;
            let block = move || {
                let _on_stack = on_stack;
                block_on(pending::<()>());
            };
            block();
        });
        tokio::time::sleep(ms(1)).await;
        assert_eq!(dropped.get(), 0);
        task.abort();
        tokio::time::sleep(ms(1)).await;
        assert_eq!(dropped.get(), 2);
        assert!(task.await.expect_err("it was aborted").is_cancelled());
    });
}

#[test]
fn what_is_unwound_may_not_wait_again() {
    struct Waits(Rc<Cell<bool>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            self.0.set(can_block());
        }
    }
    let could = Rc::new(Cell::new(true));
    simulate(async {
        let guard = Waits(could.clone());
        let mut task = Box::pin(stackful(async move {
            let _guard = guard;
            block_on(pending::<()>());
        }));
        let waited = tokio::time::timeout(ms(5), &mut task).await;
        assert!(waited.is_err());
        drop(task);
        assert!(can_block(), "whoever drops it still can");
    });
    assert!(!could.get());
}

#[test]
fn a_suspended_task_is_dropped_with_its_node() {
    static DROPPED: AtomicU32 = AtomicU32::new(0);
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    simulate(async {
        let handle = madsim::runtime::Handle::current();
        let program = || {
            stackful(async {
                let _guard = Counted;
                block_on(pending::<()>());
            })
        };
        let node = handle.create_node().name("victim").init(program).build();
        tokio::time::sleep(ms(5)).await;
        handle.kill(node.id());
        tokio::time::sleep(ms(5)).await;
        assert_eq!(DROPPED.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn every_kind_of_task_can_wait() {
    simulate(async {
        let spawned = tokio::spawn(async {
            wait(ms(1));
            1
        });
        let blocking = tokio::task::spawn_blocking(|| {
            wait(ms(2));
            2
        });
        let local = tokio::task::spawn_local(async {
            tokio::task::block_in_place(|| wait(ms(3)));
            3
        });
        let handle = tokio::runtime::Handle::current();
        let by_handle = handle.spawn(async {
            tokio::runtime::Handle::current().block_on(tokio::time::sleep(ms(1)));
            4
        });
        let mut set = tokio::task::JoinSet::new();
        for n in [30, 10, 20] {
            set.spawn(async move {
                wait(ms(n));
                n
            });
        }
        set.spawn_blocking(|| {
            wait(ms(5));
            5
        });
        let mut order = Vec::new();
        while let Some(done) = set.join_next().await {
            order.push(done.expect("it ends"));
        }
        assert_eq!(order, [5, 10, 20, 30]);
        assert_eq!(spawned.await.expect("it ends"), 1);
        assert_eq!(blocking.await.expect("it ends"), 2);
        assert_eq!(local.await.expect("it ends"), 3);
        assert_eq!(by_handle.await.expect("it ends"), 4);
    });
}

#[test]
fn tasks_of_a_set_that_is_dropped_are_aborted() {
    let dropped = Rc::new(Cell::new(0));
    simulate(async {
        let count = Arc::new(AtomicU32::new(0));
        let mut set = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let count = count.clone();
            set.spawn(async move {
                wait(ms(10));
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
        tokio::time::sleep(ms(1)).await;
        drop(set);
        tokio::time::sleep(ms(50)).await;
        assert_eq!(count.load(Ordering::Relaxed), 0);
        dropped.set(1);
    });
    assert_eq!(dropped.get(), 1);
}

#[test]
fn more_tasks_can_wait_at_once_than_stacks_are_kept() {
    let sum = simulate(async {
        let tasks: Vec<_> = (0..300u64)
            .map(|n| {
                tokio::spawn(async move {
                    wait(ms(n % 7 + 1));
                    tokio::task::yield_now().await;
                    wait(ms(n % 5 + 1));
                    n
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.expect("it ends");
        }
        sum
    });
    assert_eq!(sum, 299 * 300 / 2);
}

#[test]
fn tasks_are_numbered_in_the_order_in_which_they_are_made() {
    let numbers = simulate(async {
        let first = tokio::spawn(async { number() });
        let second = tokio::spawn(async {
            wait(ms(1));
            number()
        });
        (number(), first.await.expect("it ends"), second.await.expect("it ends"))
    });
    assert_eq!((numbers.1, numbers.2), (numbers.0 + 1, numbers.0 + 2));
    assert_eq!(number(), 0);
}

#[test]
#[should_panic(expected = "spawn the task by fencepost-tokio")]
fn a_task_without_a_stack_says_what_to_do() {
    Runtime::with_seed_and_config(1, madsim::Config::default()).block_on(async { wait(ms(1)) });
}
