//! Tasks that can wait in the middle of a synchronous call. All `unsafe` of this crate is in this file.
//!
//! Every poll of a [`Stackful`] future runs on a coroutine. If the poll returns, the coroutine goes back to a pool; a task
//! that is merely pending holds no stack. If something within the poll calls [`block_on`] and that is not ready, the
//! coroutine is suspended in the middle of the poll, and the task reports itself as pending; the next poll resumes it
//! there. So a blocking call takes virtual time, and the executor's only thread goes on with other tasks.
//!
//! # Why it is sound
//! - **One thread.** The executor of madsim polls and drops all tasks of a runtime on the thread that made them (its
//!   `spawn` is async-task's `spawn_local`, which checks it). A `Stackful` notes the thread on which it was first
//!   polled, and aborts the test if it is polled or dropped on another one while a coroutine of it is suspended. The pool
//!   is thread-local.
//! - **The future outlives the poll.** It is boxed and pinned; the coroutine has a pointer to it while a poll runs or is
//!   suspended. It is dropped only after the coroutine was unwound, because `Stackful::drop` does that first.
//! - **The context outlives its use.** The pointer to a `Context` is valid during one poll of the `Stackful`. It is
//!   replaced at every resumption before anything runs on the coroutine, and nothing runs on it after the poll returns.
//! - **Nothing else polls the future meanwhile**: while a coroutine of it is suspended, a poll resumes that one.
//! - **Unwinding.** Dropping a suspended coroutine unwinds its stack (corosensei's `force_unwind`), so everything on it
//!   is dropped, the half-polled future included, as if the blocking call had panicked. A panic within a poll reaches
//!   whoever polled.
//!
//! What a program must not do is what it must not do in a blocking call anyway: hold a borrow of a thread-local, or a lock
//! that another task needs, across it.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::ptr;
use std::task::{Context, Poll};
use std::thread::ThreadId;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

/// Bytes of a stack. Only what is touched becomes memory.
const STACK: usize = 1 << 20;
/// Coroutines that are kept for the next poll.
const POOL: usize = 64;

/// A poll of some future with that context.
#[derive(Clone, Copy)]
struct Job {
    poll: unsafe fn(*mut (), *mut Context<'static>),
    data: *mut (),
    context: *mut Context<'static>,
    task: u64,
}

/// Why a coroutine gives control back.
enum Pause {
    /// The poll returned; it is free for the next one.
    Free,
    /// Within the poll, a blocking call waits.
    Blocked,
}

type Worker = Coroutine<Job, Pause, ()>;

/// What the code that runs on a coroutine needs to suspend it.
struct Frame {
    yielder: *const Yielder<Job, Pause>,
    context: Cell<*mut Context<'static>>,
    task: Cell<u64>,
}

thread_local! {
    static CURRENT: Cell<*const Frame> = const { Cell::new(ptr::null()) };
    static MADE: Cell<u64> = const { Cell::new(0) };
    static IDLE: RefCell<Vec<Worker>> = const { RefCell::new(Vec::new()) };
}

fn new_worker() -> Worker {
    let stack = DefaultStack::new(STACK).expect("there is memory for a task's stack");
    Coroutine::with_stack(stack, |yielder: &Yielder<Job, Pause>, mut job: Job| {
        let frame = Frame { yielder, context: Cell::new(ptr::null_mut()), task: Cell::new(0) };
        loop {
            frame.context.set(job.context);
            frame.task.set(job.task);
            CURRENT.set(&frame);
            // SAFETY: `job` comes from `Stackful::poll`, whose future and slot are alive for as long as this poll is.
            unsafe { (job.poll)(job.data, job.context) };
            job = yielder.suspend(Pause::Free);
        }
    })
}

/// A future whose polls can wait in the middle.
pub struct Stackful<F: Future> {
    task: Pin<Box<Task<F>>>,
    /// The coroutine of a poll that waits in the middle, and the thread that it belongs to.
    suspended: Option<(Worker, ThreadId)>,
    number: u64,
}

struct Task<F: Future> {
    future: F,
    output: Option<F::Output>,
}

// SAFETY: the future itself is `Send`; a suspended coroutine, which is not, is never touched on another thread: see
// "One thread" above.
unsafe impl<F: Future + Send> Send for Stackful<F> where F::Output: Send {}

impl<F: Future> Stackful<F> {
    /// Makes a future stackful.
    pub fn new(future: F) -> Stackful<F> {
        let number = MADE.get() + 1;
        MADE.set(number);
        Stackful { task: Box::pin(Task { future, output: None }), suspended: None, number }
    }
}

/// Polls the task once.
///
/// # Safety
/// `data` points to a pinned `Task<F>` that nobody else uses, `context` to a live context.
unsafe fn poll_task<F: Future>(data: *mut (), context: *mut Context<'static>) {
    // SAFETY: as the caller promises. The future is not moved.
    let task = unsafe { &mut *data.cast::<Task<F>>() };
    let future = unsafe { Pin::new_unchecked(&mut task.future) };
    if let Poll::Ready(output) = future.poll(unsafe { &mut *context }) {
        task.output = Some(output);
    }
}

impl<F: Future> Future for Stackful<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: nothing is moved out of the pinned box; the rest is not pinned structurally.
        let this = unsafe { self.get_unchecked_mut() };
        let here = std::thread::current().id();
        let mut worker = match this.suspended.take() {
            Some((worker, thread)) => {
                if thread != here {
                    abort("a task with a stack was polled on another thread");
                }
                worker
            }
            None => IDLE.with_borrow_mut(Vec::pop).unwrap_or_else(new_worker),
        };
        // SAFETY: only the lifetime is forgotten; "The context outlives its use" above.
        let context: *mut Context<'static> = ptr::from_mut(context).cast();
        let data = ptr::from_mut(unsafe { this.task.as_mut().get_unchecked_mut() }).cast();
        let outer = CURRENT.get();
        let _restore = Restore(outer);
        let result = worker.resume(Job { poll: poll_task::<F>, data, context, task: this.number });
        match result {
            CoroutineResult::Yield(Pause::Blocked) => {
                this.suspended = Some((worker, here));
                Poll::Pending
            }
            CoroutineResult::Yield(Pause::Free) => {
                IDLE.with_borrow_mut(|idle| {
                    if idle.len() < POOL {
                        idle.push(worker);
                    }
                });
                // SAFETY: the output is not pinned.
                let output = unsafe { &mut this.task.as_mut().get_unchecked_mut().output };
                output.take().map_or(Poll::Pending, Poll::Ready)
            }
            CoroutineResult::Return(()) => unreachable!("a worker never returns"),
        }
    }
}

/// Puts the frame of whoever polled back, also when the poll panics.
struct Restore(*const Frame);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

impl<F: Future> Drop for Stackful<F> {
    fn drop(&mut self) {
        if let Some((worker, thread)) = self.suspended.take() {
            if thread != std::thread::current().id() {
                abort("a task with a stack was dropped on another thread");
            }
            // What is unwound may not wait: there is nobody to resume it.
            let _restore = Restore(CURRENT.replace(ptr::null()));
            drop(worker);
        }
    }
}

fn abort(why: &str) -> ! {
    eprintln!("fencepost-tokio: {why}");
    std::process::abort();
}

/// Whether the caller runs on a stack that can be suspended.
pub fn can_block() -> bool {
    !CURRENT.get().is_null()
}

/// Number of the task that runs: they count up on each thread from 1. 0 outside a task that has a stack of its own.
pub fn number() -> u64 {
    let frame = CURRENT.get();
    // SAFETY: the frame lives at the bottom of the stack that this code runs on.
    if frame.is_null() { 0 } else { unsafe { &*frame }.task.get() }
}

/// Waits for a future in the middle of a synchronous call.
///
/// # Panics
/// Outside a task that has a stack of its own.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let frame = CURRENT.get();
    assert!(
        !frame.is_null(),
        "a blocking call in a task without a stack of its own: spawn the task by fencepost-tokio, not by madsim"
    );
    // SAFETY: the frame lives at the bottom of the stack that this code runs on.
    let frame = unsafe { &*frame };
    let mut future = pin!(future);
    loop {
        // SAFETY: the context of the poll within which we are.
        let context = unsafe { &mut *frame.context.get() };
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return output;
        }
        // SAFETY: the yielder belongs to this very coroutine.
        let job = unsafe { &*frame.yielder }.suspend(Pause::Blocked);
        frame.context.set(job.context);
        CURRENT.set(frame);
    }
}
