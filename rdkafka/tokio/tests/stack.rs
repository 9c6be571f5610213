//! Tasks that wait in the middle of a synchronous call.

#![cfg(madsim)]
#![expect(clippy::disallowed_methods, reason = "what happens on other threads is tested, too")]

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::process::{Command, Output};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use fencepost_tokio as tokio;
use fencepost_tokio::task::{block_on, can_block, is_being_dropped, number, stackful, try_block_on};
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

/// As with tokio.
#[test]
fn a_panic_of_a_task_ends_that_task_alone_and_is_told_to_whoever_joins_it() {
    simulate(async {
        let error = tokio::spawn(async {
            block_on(tokio::time::sleep(ms(1)));
            if can_block() {
                panic!("number {}", 7);
            }
        });
        let error = error.await.expect_err("it panics");
        assert!(error.is_panic() && !error.is_cancelled());
        assert!(error.to_string().ends_with("panicked with message \"number 7\""), "{error}");
        assert_eq!(tokio::task::panic_text(&*error.into_panic()), Some("number 7"));
        let aborted = tokio::spawn(pending::<()>());
        aborted.abort();
        let error = aborted.await.expect_err("it is aborted");
        assert!(error.is_cancelled() && !error.is_panic() && error.try_into_panic().is_err());
        let mut set = tokio::task::JoinSet::new();
        set.spawn(async { 1 });
        set.spawn(async { panic!("in a set") });
        let mut ended = Vec::new();
        while let Some(result) = set.join_next().await {
            ended.push(result.map_err(|error| error.is_panic()));
        }
        ended.sort();
        assert_eq!(ended, [Ok(1), Err(true)]);
    });
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
fn what_a_main_function_needs_is_there() {
    simulate(async {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("there is one");
        let _entered = runtime.enter();
        assert_eq!(runtime.block_on(async { 7 }), 7);
        #[expect(clippy::disallowed_types, reason = "madsim's own: virtual time")]
        let soon = tokio::time::Instant::now() + ms(1);
        assert!(tokio::time::timeout_at(soon, pending::<()>()).await.is_err());
        let mut set = tokio::task::JoinSet::new();
        set.spawn(async { 1 });
        assert!(set.try_join_next().is_none());
        tokio::time::sleep(ms(1)).await;
        assert_eq!(set.try_join_next().expect("it has ended").expect("by itself"), 1);
    });
}

#[test]
fn a_process_that_listens_is_told_of_a_signal_and_one_that_does_not_is_killed() {
    use tokio::signal::unix::{SignalKind, signal};
    static TOLD: AtomicU32 = AtomicU32::new(0);
    simulate(async {
        let handle = madsim::runtime::Handle::current();
        let program = || {
            stackful(async {
                let mut terminate = signal(SignalKind::terminate()).expect("it can listen");
                let mut hangup = signal(SignalKind::hangup()).expect("it can listen");
                wait(ms(10)); // what comes meanwhile is not lost
                for _ in 0..2 {
                    tokio::select! {
                        _ = terminate.recv() => TOLD.fetch_add(1, Ordering::Relaxed),
                        _ = hangup.recv() => unreachable!("nobody sends it"),
                    };
                }
            })
        };
        let listens = handle.create_node().name("listens").init(program).build();
        let does_not = handle.create_node().name("does not").init(|| stackful(pending::<()>())).build();
        tokio::time::sleep(ms(5)).await;
        handle.send_ctrl_c(listens.id());
        handle.send_ctrl_c(does_not.id());
        tokio::time::sleep(ms(10)).await;
        assert!(!handle.is_exit(listens.id()) && handle.is_exit(does_not.id()));
        handle.send_ctrl_c(listens.id());
        tokio::time::sleep(ms(10)).await;
    });
    assert_eq!(TOLD.load(Ordering::Relaxed), 2);
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

tokio::task_local! {
    /// As a program keeps the number of a request.
    static REQUEST: Cell<u32>;
    static NAME: String;
}

#[test]
fn a_value_of_a_task_stays_its_own_across_blocking_calls() {
    simulate(async {
        let task = |n: u32| {
            REQUEST.scope(Cell::new(n), async move {
                for round in 0..3 {
                    wait(ms(u64::from(n % 3 + 1)));
                    assert_eq!(REQUEST.with(Cell::take), n + round);
                    REQUEST.with(|request| request.set(n + round + 1));
                    tokio::time::sleep(ms(u64::from(n % 2 + 1))).await;
                    NAME.sync_scope(n.to_string(), || {
                        wait(ms(1));
                        assert_eq!(NAME.get(), n.to_string());
                    });
                    assert!(NAME.try_get().is_err());
                }
                REQUEST.scope(Cell::new(0), async { wait(ms(1)) }).await;
                REQUEST.with(Cell::take)
            })
        };
        let tasks: Vec<_> = (0..20).map(|n| tokio::spawn(task(10 * n))).collect();
        struct Looks(Arc<AtomicU32>);
        impl Drop for Looks {
            fn drop(&mut self) {
                self.0.store(REQUEST.with(Cell::take), Ordering::Relaxed);
            }
        }
        let seen = Arc::new(AtomicU32::new(0));
        let looks = Looks(seen.clone());
        let aborted = tokio::spawn(REQUEST.scope(Cell::new(7), async move {
            let _looks = looks;
            tokio::time::sleep(ms(1_000)).await;
        }));
        tokio::time::sleep(ms(2)).await;
        aborted.abort();
        tokio::time::sleep(ms(1)).await;
        assert_eq!(seen.load(Ordering::Relaxed), 7, "what is dropped has it, too");
        let looks = Looks(seen.clone());
        let aborted = tokio::spawn(REQUEST.scope(Cell::new(8), async move {
            let _looks = looks;
            wait(ms(1_000));
        }));
        tokio::time::sleep(ms(2)).await;
        aborted.abort();
        tokio::time::sleep(ms(1)).await;
        assert_eq!(seen.load(Ordering::Relaxed), 8, "also in the middle of a call");
        assert!(REQUEST.try_with(Cell::take).is_err(), "others have values, this task has none");
        for (n, task) in (0..20).zip(tasks) {
            assert_eq!(task.await.expect("it ends"), 10 * n + 3);
        }
    });
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Ready when it is polled for the second time.
async fn second_poll() {
    let mut polled = false;
    poll_fn(|_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// What was suspended in the middle of a poll still has the context of that poll, which is over.
#[test]
fn code_that_has_waited_is_woken_by_the_waker_of_the_poll_that_resumed_it() {
    let mut task = pin!(stackful(async {
        block_on(second_poll());
        poll_fn(|context| -> Poll<()> {
            context.waker().wake_by_ref();
            let waker = context.waker().clone();
            waker.wake();
            Poll::Pending
        })
        .await;
    }));
    let [first, second] = [Arc::new(Woken::default()), Arc::new(Woken::default())];
    let wakers = [Waker::from(first.clone()), Waker::from(second.clone())];
    let mut contexts = wakers.each_ref().map(Context::from_waker); // in two places
    assert!(task.as_mut().poll(&mut contexts[0]).is_pending());
    assert!(task.as_mut().poll(&mut contexts[1]).is_pending());
    assert_eq!(Arc::strong_count(&first), 2, "nobody else holds on to it");
    // Twice by the task, and once because somebody else has polled it to its end.
    assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 3));
}

/// What was registered before the wait would wake whoever polled then.
#[test]
fn who_polls_a_task_to_its_end_that_another_one_began_is_woken_to_poll_again() {
    let mut task = pin!(stackful(async {
        poll_fn(|_| {
            block_on(second_poll());
            Poll::<()>::Pending
        })
        .await;
    }));
    let woken = [Arc::new(Woken::default()), Arc::new(Woken::default())];
    let wakers = woken.each_ref().map(|woken| Waker::from(woken.clone()));
    let mut poll = |n: usize| assert!(task.as_mut().poll(&mut Context::from_waker(&wakers[n])).is_pending());
    let times = || woken.each_ref().map(|woken| woken.0.load(Ordering::Relaxed));
    poll(0);
    poll(0);
    assert_eq!(times(), [0, 0], "the same one");
    poll(0);
    poll(1);
    assert_eq!(times(), [0, 1], "another one");
}

/// As when a test catches what its program panics with, and polls it again.
#[test]
fn a_task_that_has_panicked_panics_again_when_it_is_polled_and_can_be_dropped() {
    let dropped = Rc::new(Cell::new(0));
    let guard = Dropped(dropped.clone());
    let mut task = Box::pin(stackful(async move {
        let _guard = guard;
        block_on(second_poll());
        panic!("once");
    }));
    let mut poll = || {
        let context = &mut Context::from_waker(Waker::noop());
        catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context).is_pending()))
    };
    assert!(poll().expect("it waits"));
    assert!(poll().is_err());
    assert_eq!(dropped.get(), 1);
    assert!(poll().is_err(), "a future that has panicked cannot go on");
    assert!(!can_block(), "no frame is left behind");
    drop(task);
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_panic_leaves_no_suspended_task_behind() {
    let dropped = Rc::new(Cell::new(0));
    let result = catch_unwind(AssertUnwindSafe(|| {
        simulate(async {
            let mut tasks = Vec::new();
            for _ in 0..5 {
                let guard = Dropped(dropped.clone());
                let mut task = Box::pin(stackful(async move {
                    let _guard = guard;
                    block_on(pending::<()>());
                }));
                assert!(tokio::time::timeout(ms(1), &mut task).await.is_err());
                tasks.push(task);
            }
            wait(ms(1));
            panic!("with five others in the middle of a call");
        });
    }));
    assert!(result.is_err());
    assert_eq!(dropped.get(), 5);
}

/// As a service does that flushes its producer when it is dropped.
#[test]
fn a_destructor_that_makes_a_blocking_call_is_told_that_it_cannot_wait() {
    struct Flushes(Rc<Cell<u32>>);
    impl Drop for Flushes {
        fn drop(&mut self) {
            assert!(is_being_dropped());
            assert!(try_block_on(pending::<()>()).is_none());
            self.0.set(self.0.get() + 1);
        }
    }
    let told = Rc::new(Cell::new(0));
    simulate(async {
        let (in_a_call, between_calls) = (Flushes(told.clone()), Flushes(told.clone()));
        let suspended = tokio::task::spawn_local(async move {
            let _guard = in_a_call;
            wait(ms(1_000));
        });
        let pending = tokio::task::spawn_local(async move {
            let _guard = between_calls;
            tokio::time::sleep(ms(1_000)).await;
        });
        tokio::time::sleep(ms(1)).await;
        suspended.abort();
        pending.abort();
        tokio::time::sleep(ms(1)).await;
        assert!(!is_being_dropped());
        wait(ms(1)); // whoever lives still can
    });
    assert_eq!(told.get(), 2);
}

#[test]
fn what_waits_in_a_destructor_while_it_panics_can_be_dropped() {
    struct Waits;
    impl Drop for Waits {
        fn drop(&mut self) {
            wait(ms(1_000));
        }
    }
    std::thread::spawn(|| {
        simulate(async {
            let task = tokio::task::spawn_local(async {
                let _guard = Waits;
                panic!("and a destructor that waits");
            });
            tokio::time::sleep(ms(1)).await;
            task.abort();
            tokio::time::sleep(ms(1)).await;
            assert!(task.await.expect_err("it was aborted").is_cancelled());
        });
    })
    .join()
    .expect("its stack is left alone");
}

#[test]
fn a_task_has_as_much_stack_as_a_thread_of_tokio() {
    simulate(async {
        // Nine tenths of two megabytes, in the middle of a call.
        assert_eq!(deep(1_800), 1_800);
    });
}

/// Takes at least a kilobyte of stack for each level.
#[inline(never)]
fn deep(levels: u64) -> u64 {
    let mut room = [0_u8; 900];
    std::hint::black_box(&mut room);
    if levels == 0 {
        wait(ms(1));
        return 0;
    }
    deep(levels - 1) + u64::from(std::hint::black_box(room[0]) == 0)
}

#[test]
fn stacks_are_given_back_when_their_thread_ends() {
    let stacks = || std::fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count());
    let round = || {
        let thread = || {
            simulate(async {
                let handle = madsim::runtime::Handle::current();
                let program = || stackful(async { block_on(pending::<()>()) });
                let nodes: Vec<_> = (0..10).map(|_| handle.create_node().init(program).build()).collect();
                tokio::time::sleep(ms(1)).await;
                nodes.iter().for_each(|node| handle.kill(node.id()));
                tokio::time::sleep(ms(1)).await;
            });
        };
        std::thread::spawn(thread).join().expect("it ends");
    };
    round();
    let before = stacks();
    (0..100).for_each(|_| round());
    // A thousand stacks were made, of two mappings each; other tests of this process may have some now.
    assert!(stacks() < before + 1_000, "{before} mappings before, {} after", stacks());
}

/// Runs a test of this file, which ends its process, in one of its own.
fn in_a_process_of_its_own(name: &str) -> Output {
    let program = std::env::current_exe().expect("this program");
    Command::new(program).args([name, "--exact", "--ignored", "--nocapture"]).output().expect("it runs")
}

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn who_overflows_a_stack_is_stopped_at_the_page_below_it() {
    let output = in_a_process_of_its_own("overflows");
    assert_eq!(output.status.signal(), Some(11), "SIGSEGV, not somebody else's memory: {}", says(&output));
}

#[test]
#[ignore = "ends its process"]
fn overflows() {
    simulate(async { deep(u64::MAX) });
}

#[test]
fn a_suspended_task_on_another_thread_ends_the_process() {
    for name in ["polls_on_another_thread", "drops_on_another_thread"] {
        let output = in_a_process_of_its_own(name);
        assert_eq!(output.status.signal(), Some(6), "{}", says(&output));
        assert!(says(&output).contains("on another thread"), "{}", says(&output));
    }
}

fn suspended() -> std::pin::Pin<Box<impl Future<Output = ()> + Send>> {
    let mut task = Box::pin(stackful(async { block_on(pending::<()>()) }));
    assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    task
}

#[test]
#[ignore = "ends its process"]
fn polls_on_another_thread() {
    let mut task = suspended();
    let thread = move || task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
    let _ = std::thread::spawn(thread).join();
}

#[test]
#[ignore = "ends its process"]
fn drops_on_another_thread() {
    let task = suspended();
    let _ = std::thread::spawn(move || drop(task)).join();
}

#[test]
fn a_task_that_cannot_be_killed_ends_the_process_with_the_reason() {
    let output = in_a_process_of_its_own("catches_every_panic");
    assert_eq!(output.status.signal(), Some(6), "{}", says(&output));
    assert!(says(&output).contains("it catches every panic"), "{}", says(&output));
}

#[test]
#[ignore = "ends its process"]
fn catches_every_panic() {
    std::panic::set_hook(Box::new(|_| ()));
    simulate(async {
        let task = tokio::task::spawn_local(async {
            loop {
                let _ = catch_unwind(|| wait(ms(1)));
            }
        });
        tokio::time::sleep(ms(10)).await;
        task.abort();
        tokio::time::sleep(ms(10)).await;
    });
}
