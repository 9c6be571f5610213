//! What whoever spawned a task learns of its end. A panic ends its task alone, as with tokio; whoever watches over the
//! simulation is told of it.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

use madsim::task::{AbortHandle, Id};

use crate::stack::Stackful;

type Payload = Box<dyn Any + Send + 'static>;

/// Hears of every panic of a task, within that task. `false`: the whole simulation is to end by it.
pub type Watcher = Rc<dyn Fn(&(dyn Any + Send)) -> bool>;

thread_local! {
    static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
}

/// From now on this watcher hears of the panics of tasks on this thread.
pub fn watch_panics(watcher: Option<Watcher>) {
    WATCHER.set(watcher);
}

/// A task of which a panic is its output.
pub struct Contained<F: Future> {
    task: Stackful<F>,
    watched: bool,
}

impl<F: Future> Contained<F> {
    /// Makes a task with a stack of its own out of a future.
    pub(crate) fn new(future: F) -> Contained<F> {
        Contained { task: Stackful::new(future), watched: true }
    }

    /// The watcher is not told: whoever polls it sees to it.
    pub(crate) fn unwatched(future: F) -> Contained<F> {
        Contained { task: Stackful::new(future), watched: false }
    }
}

impl<F: Future> Future for Contained<F> {
    type Output = Result<F::Output, Payload>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let task = Pin::new(&mut this.task);
        match catch_unwind(AssertUnwindSafe(|| task.poll(context))) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => {
                let watcher = WATCHER.with_borrow(Clone::clone).filter(|_| this.watched);
                if watcher.is_some_and(|watcher| !watcher(&*payload)) {
                    resume_unwind(payload);
                }
                Poll::Ready(Err(payload))
            }
        }
    }
}

/// The text of a panic.
pub fn panic_text(payload: &(dyn Any + Send)) -> Option<&str> {
    payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied())
}

/// A hold on a task that was spawned; the task goes on when it is dropped.
pub struct JoinHandle<T>(madsim::task::JoinHandle<Result<T, Payload>>);

impl<T> JoinHandle<T> {
    pub(crate) fn new(task: madsim::task::JoinHandle<Result<T, Payload>>) -> JoinHandle<T> {
        JoinHandle(task)
    }

    /// Aborts the task.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// What can abort the task.
    pub fn abort_handle(&self) -> AbortHandle {
        self.0.abort_handle()
    }

    /// Number of the task.
    pub fn id(&self) -> Id {
        self.0.id()
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = ready!(Pin::new(&mut self.0).poll(context));
        let id = self.id();
        Poll::Ready(match ended {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(payload)) => Err(JoinError { id, panic: Some(Mutex::new(payload)) }),
            Err(_) => Err(JoinError { id, panic: None }),
        })
    }
}

/// Why a task has no output.
pub struct JoinError {
    id: Id,
    /// Behind a lock, so that an error can be shared, as tokio's.
    panic: Option<Mutex<Payload>>,
}

impl JoinError {
    /// Whether it was aborted.
    pub fn is_cancelled(&self) -> bool {
        self.panic.is_none()
    }

    /// Whether it panicked.
    pub fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// What it panicked with.
    ///
    /// # Panics
    /// If it was aborted.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        self.try_into_panic().expect("`JoinError` reason is not a panic.")
    }

    /// What it panicked with.
    ///
    /// # Errors
    /// It was aborted.
    pub fn try_into_panic(mut self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match self.panic.take() {
            Some(payload) => Ok(payload.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)),
            None => Err(self),
        }
    }

    /// Number of the task.
    pub fn id(&self) -> Id {
        self.id
    }

    fn with_text<T>(&self, f: impl FnOnce(Option<&str>) -> T) -> T {
        let payload = self.panic.as_ref().map(|p| p.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        f(payload.as_ref().and_then(|payload| panic_text(&***payload)))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_cancelled() {
            return write!(f, "task {} was cancelled", self.id);
        }
        self.with_text(|text| match text {
            Some(text) => write!(f, "task {} panicked with message {text:?}", self.id),
            None => write!(f, "task {} panicked", self.id),
        })
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_cancelled() {
            return write!(f, "JoinError::Cancelled({:?})", self.id);
        }
        self.with_text(|text| match text {
            Some(text) => write!(f, "JoinError::Panic({:?}, {text:?}, ...)", self.id),
            None => write!(f, "JoinError::Panic({:?}, ...)", self.id),
        })
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        io::Error::other(if error.is_panic() { "task panicked" } else { "task was cancelled" })
    }
}
