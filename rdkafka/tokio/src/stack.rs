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
//! - **The future outlives the poll.** It has a place of its own in memory and stays there; the coroutine borrows it while
//!   a poll runs or is suspended. Everybody else has a raw pointer, and makes a reference of it only when no coroutine has
//!   one. It is dropped only after the coroutine was unwound, because `Stackful::drop` does that first.
//! - **A context outlives its poll.** Code that was suspended in the middle of a poll goes on with the `Context` that it
//!   had, in a later poll of the `Stackful`, when the executor's own context of that time is long gone. So what it is
//!   given is a context of the coroutine's, whose waker looks up who is to be woken: a pointer, under a lock, to the
//!   waker of the poll that runs now, and null while the coroutine is suspended. Its clones are clones of that waker.
//!   What took such a clone before the poll was suspended wakes whoever polled then; if the poll ends for somebody else,
//!   that one is woken at once and polls again.
//! - **Nothing else polls the future meanwhile**: while a coroutine of it is suspended, a poll resumes that one.
//! - **Unwinding.** Dropping a suspended coroutine unwinds its stack (corosensei's `force_unwind`), so everything on it
//!   is dropped, the half-polled future included, as if the blocking call had panicked. A panic within a poll reaches
//!   whoever polled. A stack that is suspended in a destructor while it unwinds from a panic already cannot be unwound a
//!   second time: it is leaked, with the future.
//! - **Overflow.** Below each stack lies a page that cannot be touched: who needs more than [`STACK`] ends the process by
//!   SIGSEGV (and, since Rust knows the stacks of threads only, without "has overflowed its stack").
//!
//! What a program must not do is what it must not do in a blocking call anyway: hold a borrow of a thread-local, or a lock
//! that another task needs, across it.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::pin::{Pin, pin};
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::thread::ThreadId;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

/// Bytes of a stack, as many as a thread of tokio has. Only what is touched becomes memory.
const STACK: usize = 2 << 20;
/// Coroutines that are kept for the next poll.
const POOL: usize = 64;

/// So often what is dropped may try to wait: it would go on forever.
const TRIES: u32 = 10_000;

/// A poll of some future.
#[derive(Clone, Copy)]
struct Job {
    poll: unsafe fn(*mut (), &Slot),
    data: *mut (),
    /// That of the poll of the `Stackful`.
    waker: *const Waker,
    task: u64,
}

/// Why a coroutine gives control back.
enum Pause {
    /// The poll returned; it is free for the next one.
    Free,
    /// Within the poll, a blocking call waits; perhaps in a destructor while a panic unwinds the stack.
    Blocked { panicking: bool },
}

type Worker = Coroutine<Job, Pause, ()>;

/// Who is to be woken for the coroutine: null while it does not run.
struct Slot(Mutex<*const Waker>);

impl Slot {
    fn get(&self) -> MutexGuard<'_, *const Waker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `f` with a context that stays good when the coroutine is suspended and resumed meanwhile.
    fn with_context<T>(&self, f: impl FnOnce(&mut Context<'_>) -> T) -> T {
        // SAFETY: the functions of `LOOKS_UP` take the data for a slot, which it is. No waker that has them outlives
        // this call: contexts lend theirs, and a clone is one of the executor's.
        let waker = ManuallyDrop::new(unsafe { Waker::new(ptr::from_ref(self).cast(), &LOOKS_UP) });
        f(&mut Context::from_waker(&waker))
    }
}

static LOOKS_UP: RawWakerVTable = RawWakerVTable::new(looked_up, wake_looked_up, wake_looked_up, |_| ());

/// The waker itself.
///
/// # Safety
/// `slot` points to a [`Slot`].
unsafe fn looked_up(slot: *const ()) -> RawWaker {
    // SAFETY: the slot as the caller promises; the waker because it is alive for as long as the slot names it.
    let waker = unsafe { (&*slot.cast::<Slot>()).get().as_ref().map_or_else(|| Waker::noop().clone(), Waker::clone) };
    let waker = ManuallyDrop::new(waker);
    RawWaker::new(waker.data(), waker.vtable())
}

/// Wakes it.
///
/// # Safety
/// `slot` points to a [`Slot`].
unsafe fn wake_looked_up(slot: *const ()) {
    // SAFETY: as the caller promises. The clone is woken when the lock is open again.
    unsafe { Waker::from_raw(looked_up(slot)) }.wake();
}

/// What the code that runs on a coroutine needs to suspend it.
struct Frame {
    yielder: *const Yielder<Job, Pause>,
    waker: Slot,
    task: Cell<u64>,
}

impl Frame {
    /// Takes up a job.
    fn begin(&self, job: &Job) {
        *self.waker.get() = job.waker;
        self.task.set(job.task);
        CURRENT.set(self);
    }

    /// Gives control back until there is something to do.
    fn suspend(&self, pause: Pause) -> Job {
        *self.waker.get() = ptr::null();
        // SAFETY: the yielder belongs to the coroutine at the bottom of whose stack the frame is.
        let job = unsafe { &*self.yielder }.suspend(pause);
        self.begin(&job);
        job
    }
}

thread_local! {
    static CURRENT: Cell<*const Frame> = const { Cell::new(ptr::null()) };
    /// Not 0 while something is dropped: how often what is dropped has tried to wait, and one.
    static DROPPING: Cell<u32> = const { Cell::new(0) };
    /// The task that is dropped; 0 without one.
    static DROPPED: Cell<u64> = const { Cell::new(0) };
    static MADE: Cell<u64> = const { Cell::new(0) };
    static IDLE: RefCell<Vec<Worker>> = const { RefCell::new(Vec::new()) };
}

fn new_worker() -> Worker {
    let stack = DefaultStack::new(STACK).expect("there is memory for a task's stack");
    Coroutine::with_stack(stack, |yielder: &Yielder<Job, Pause>, mut job: Job| {
        let frame = Frame { yielder, waker: Slot(Mutex::new(ptr::null())), task: Cell::new(0) };
        frame.begin(&job);
        loop {
            // SAFETY: `job` comes from `Stackful::poll`, whose future is alive for as long as this poll is.
            unsafe { (job.poll)(job.data, &frame.waker) };
            job = frame.suspend(Pause::Free);
        }
    })
}

/// Something is dropped on this thread.
struct Dropping(u32, *const Frame, u64);

impl Dropping {
    /// What is dropped may not wait: there is nobody to resume it.
    fn begin(task: u64) -> Dropping {
        Dropping(DROPPING.replace(1), CURRENT.replace(ptr::null()), DROPPED.replace(task))
    }
}

impl Drop for Dropping {
    fn drop(&mut self) {
        DROPPING.set(self.0);
        CURRENT.set(self.1);
        DROPPED.set(self.2);
    }
}

/// A future whose polls can wait in the middle.
pub struct Stackful<F: Future> {
    /// `None` only when it is dropped.
    task: Option<NonNull<Task<F>>>,
    suspended: Option<Suspended>,
    number: u64,
    owns: PhantomData<Box<Task<F>>>,
}

/// The coroutine of a poll that waits in the middle, and the thread that it belongs to.
struct Suspended {
    worker: Worker,
    thread: ThreadId,
    /// Within a destructor that a panic runs.
    panicking: bool,
    /// Whose poll it is; `None` if several have polled in its course.
    waker: Option<Waker>,
}

struct Task<F: Future> {
    /// Pinned.
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
        let task = NonNull::from(Box::leak(Box::new(Task { future, output: None })));
        Stackful { task: Some(task), suspended: None, number, owns: PhantomData }
    }
}

/// Polls the task once.
///
/// # Safety
/// `data` points to a pinned `Task<F>` that nobody else uses.
unsafe fn poll_task<F: Future>(data: *mut (), waker: &Slot) {
    let task = data.cast::<Task<F>>();
    // SAFETY: as the caller promises. The future is not moved before it is dropped.
    let future = unsafe { Pin::new_unchecked(&mut (*task).future) };
    if let Poll::Ready(output) = waker.with_context(|context| future.poll(context)) {
        // SAFETY: as the caller promises.
        unsafe { (*task).output = Some(output) };
    }
}

impl<F: Future> Future for Stackful<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let here = std::thread::current().id();
        let (mut worker, resumed) = match this.suspended.take() {
            Some(Suspended { worker, thread, waker, .. }) => {
                if thread != here {
                    abort("a task with a stack was polled on another thread");
                }
                (worker, Some(waker.filter(|waker| waker.will_wake(context.waker()))))
            }
            None => (IDLE.with_borrow_mut(Vec::pop).unwrap_or_else(new_worker), None),
        };
        let task = this.task.expect("a task that is polled was not dropped");
        let _restore = Restore(CURRENT.get());
        let job = Job { poll: poll_task::<F>, data: task.as_ptr().cast(), waker: context.waker(), task: this.number };
        match worker.resume(job) {
            CoroutineResult::Yield(Pause::Blocked { panicking }) => {
                let waker = resumed.unwrap_or_else(|| Some(context.waker().clone()));
                this.suspended = Some(Suspended { worker, thread: here, panicking, waker });
                Poll::Pending
            }
            CoroutineResult::Yield(Pause::Free) => {
                IDLE.with_borrow_mut(|idle| {
                    if idle.len() < POOL {
                        idle.push(worker);
                    }
                });
                // SAFETY: the poll has returned, so that nobody else borrows it. The output is not pinned.
                match unsafe { (*task.as_ptr()).output.take() } {
                    Some(output) => Poll::Ready(output),
                    None => {
                        if matches!(resumed, Some(None)) {
                            context.waker().wake_by_ref();
                        }
                        Poll::Pending
                    }
                }
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
        let _dropping = Dropping::begin(self.number);
        let task = self.task.take();
        if let Some(Suspended { worker, thread, panicking, .. }) = self.suspended.take() {
            if thread != std::thread::current().id() {
                abort("a task with a stack was dropped on another thread");
            }
            if panicking {
                mem::forget(worker);
                return; // the task is left alone, too
            }
            drop(worker);
        }
        // SAFETY: it comes from a box, and nobody borrows it any more.
        drop(task.map(|task| unsafe { Box::from_raw(task.as_ptr()) }));
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

/// Whether the caller is a destructor of a task that was aborted or whose node was killed. It cannot wait.
pub fn is_being_dropped() -> bool {
    DROPPING.get() > 0
}

/// Number of the task that runs, or is dropped: they count up on each thread from 1. 0 outside a task that has a stack of
/// its own.
pub fn number() -> u64 {
    let frame = CURRENT.get();
    // SAFETY: the frame lives at the bottom of the stack that this code runs on.
    if frame.is_null() { DROPPED.get() } else { unsafe { &*frame }.task.get() }
}

/// Waits for a future in the middle of a synchronous call.
///
/// # Panics
/// Outside a task that has a stack of its own, and in a destructor of a task that was aborted or killed.
pub fn block_on<F: Future>(future: F) -> F::Output {
    if let Some(found) = try_block_on(future) {
        return found;
    }
    const WHY: &str =
        "what is dropped with a task that was aborted, or with its node, cannot wait: it makes a blocking call";
    if std::thread::panicking() {
        eprintln!("fencepost-tokio: {WHY}"); // Rust ends the process here, and says only that a destructor panicked
    }
    panic!("{WHY}");
}

/// As [`block_on`]; `None` in a destructor of a task that was aborted or killed, where nothing can wait.
///
/// # Panics
/// Outside a task that has a stack of its own.
pub fn try_block_on<F: Future>(future: F) -> Option<F::Output> {
    if is_being_dropped() {
        let tries = DROPPING.get();
        if tries == TRIES {
            abort(
                "a task that was aborted, or whose node was killed, does not end: it catches every panic, or repeats every call",
            );
        }
        DROPPING.set(tries + 1);
        return None;
    }
    let frame = CURRENT.get();
    assert!(
        !frame.is_null(),
        "a blocking call in a task without a stack of its own: spawn the task by fencepost-tokio, not by madsim"
    );
    // SAFETY: the frame lives at the bottom of the stack that this code runs on.
    let frame = unsafe { &*frame };
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = frame.waker.with_context(|context| future.as_mut().poll(context)) {
            return Some(output);
        }
        frame.suspend(Pause::Blocked { panicking: std::thread::panicking() });
    }
}
