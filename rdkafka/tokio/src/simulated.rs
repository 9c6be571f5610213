//! What madsim's tokio has and we have differently.

use std::future::Future;

use crate::join::{Contained, JoinHandle};
use crate::stack::Stackful;

/// Spawns a task with a stack of its own.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    JoinHandle::new(madsim::task::spawn(Contained::new(future)))
}

/// Tasks.
pub mod task {
    use super::{Future, Stackful};

    pub use super::spawn;
    pub use crate::join::{Contained, JoinError, JoinHandle, Watcher, panic_text, watch_panics};
    pub use crate::join_set::JoinSet;
    pub use crate::stack::{block_on, can_block, is_being_dropped, number, try_block_on};
    pub use crate::task_local::LocalKey;
    pub use madsim::task::{AbortHandle, Id, yield_now};

    /// Futures of tasks.
    pub mod futures {
        pub use crate::task_local::TaskLocalFuture;
    }

    /// As the name says; used by test kits.
    pub fn stackful<F: Future>(future: F) -> Stackful<F> {
        Stackful::new(future)
    }

    /// As [`stackful`]; a panic is its output, of which no watcher is told. Used by test kits.
    pub fn contained<F: Future>(future: F) -> Contained<F> {
        Contained::unwatched(future)
    }

    /// Spawns a task that is not `Send`.
    #[track_caller]
    pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        JoinHandle::new(madsim::task::spawn_local(Contained::new(future)))
    }

    /// Runs a closure as a task of its own; what it blocks on takes virtual time.
    #[track_caller]
    pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        spawn(async move { f() })
    }

    /// Runs a closure that may block; what it blocks on takes virtual time.
    pub fn block_in_place<F, R>(f: F) -> R
    where
        F: FnOnce() -> R,
    {
        f()
    }
}

/// Runtimes: there is one, the simulation's.
pub mod runtime {
    use std::io;
    use std::marker::PhantomData;
    use std::time::Duration;

    use super::Future;
    use super::task::{self, JoinHandle};

    pub use madsim_tokio::runtime::TryCurrentError;

    /// A handle to the simulation's runtime.
    #[derive(Clone, Debug)]
    pub struct Handle(());

    impl Handle {
        /// The current runtime.
        pub fn current() -> Handle {
            Handle(())
        }

        /// The current runtime, if there is one.
        ///
        /// # Errors
        /// Outside a simulation.
        pub fn try_current() -> Result<Handle, TryCurrentError> {
            madsim_tokio::runtime::Handle::try_current().map(|_| Handle(()))
        }

        /// Spawns a task.
        #[track_caller]
        pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
        where
            F: Future + Send + 'static,
            F::Output: Send + 'static,
        {
            super::spawn(future)
        }

        /// Runs a closure that may block.
        #[track_caller]
        pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
        where
            F: FnOnce() -> R + Send + 'static,
            R: Send + 'static,
        {
            task::spawn_blocking(f)
        }

        /// Waits for a future in the middle of a synchronous call.
        pub fn block_on<F: Future>(&self, future: F) -> F::Output {
            task::block_on(future)
        }

        /// Nothing: the simulation's runtime is always entered.
        pub fn enter(&self) -> EnterGuard<'_> {
            EnterGuard(PhantomData)
        }
    }

    /// What [`Handle::enter`] gives.
    #[derive(Debug)]
    pub struct EnterGuard<'a>(PhantomData<&'a Handle>);

    /// Settings of a runtime; they mean nothing in a simulation.
    #[derive(Debug)]
    pub struct Builder(());

    impl Builder {
        /// Of the runtime with several threads.
        pub fn new_multi_thread() -> Builder {
            Builder(())
        }

        /// Of the runtime with one thread.
        pub fn new_current_thread() -> Builder {
            Builder(())
        }

        /// All drivers.
        pub fn enable_all(&mut self) -> &mut Builder {
            self
        }

        /// The driver of networks.
        pub fn enable_io(&mut self) -> &mut Builder {
            self
        }

        /// The driver of timers.
        pub fn enable_time(&mut self) -> &mut Builder {
            self
        }

        /// How many threads.
        pub fn worker_threads(&mut self, _: usize) -> &mut Builder {
            self
        }

        /// How many threads for what blocks.
        pub fn max_blocking_threads(&mut self, _: usize) -> &mut Builder {
            self
        }

        /// Name of the threads.
        pub fn thread_name(&mut self, _: impl Into<String>) -> &mut Builder {
            self
        }

        /// Stacks of the threads: see [`crate::task`].
        pub fn thread_stack_size(&mut self, _: usize) -> &mut Builder {
            self
        }

        /// The simulation's runtime.
        ///
        /// # Errors
        /// Never.
        pub fn build(&mut self) -> io::Result<Runtime> {
            Runtime::new()
        }
    }

    /// Something that looks like a runtime.
    #[derive(Debug)]
    pub struct Runtime(Handle);

    impl Runtime {
        /// The simulation's runtime.
        ///
        /// # Errors
        /// Never.
        pub fn new() -> io::Result<Runtime> {
            Ok(Runtime(Handle(())))
        }

        /// Its handle.
        pub fn handle(&self) -> &Handle {
            &self.0
        }

        /// As [`Handle::enter`].
        pub fn enter(&self) -> EnterGuard<'_> {
            self.0.enter()
        }

        /// Runs a closure that may block.
        #[track_caller]
        pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
        where
            F: FnOnce() -> R + Send + 'static,
            R: Send + 'static,
        {
            task::spawn_blocking(f)
        }

        /// Nothing: tasks go on.
        pub fn shutdown_background(self) {}

        /// Nothing: tasks go on.
        pub fn shutdown_timeout(self, _: Duration) {}

        /// Spawns a task. It goes on when this value is dropped.
        #[track_caller]
        pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
        where
            F: Future + Send + 'static,
            F::Output: Send + 'static,
        {
            super::spawn(future)
        }

        /// Waits for a future in the middle of a synchronous call.
        pub fn block_on<F: Future>(&self, future: F) -> F::Output {
            task::block_on(future)
        }
    }
}

/// Virtual time.
pub mod time {
    use super::Future;

    pub use madsim::time::*;

    /// As [`timeout`], until an instant.
    ///
    /// # Errors
    /// The instant came first.
    #[expect(clippy::disallowed_types, reason = "madsim's own: virtual time")]
    pub async fn timeout_at<F: Future>(deadline: Instant, future: F) -> Result<F::Output, error::Elapsed> {
        timeout(deadline.saturating_duration_since(Instant::now()), future).await
    }
}

/// Signals that a test sends to a process.
pub mod signal {
    pub use madsim::signal::*;

    /// Signals by their kind.
    pub mod unix {
        use std::fmt;
        use std::future::{Future, poll_fn};
        use std::io;
        use std::pin::Pin;
        use std::task::{Context, Poll, Waker};

        use super::ctrl_c;

        /// A kind of signal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct SignalKind(i32);

        impl SignalKind {
            /// Any.
            pub const fn from_raw(signum: i32) -> SignalKind {
                SignalKind(signum)
            }

            /// SIGHUP.
            pub const fn hangup() -> SignalKind {
                SignalKind(1)
            }

            /// SIGINT.
            pub const fn interrupt() -> SignalKind {
                SignalKind(2)
            }

            /// SIGQUIT.
            pub const fn quit() -> SignalKind {
                SignalKind(3)
            }

            /// SIGUSR1.
            pub const fn user_defined1() -> SignalKind {
                SignalKind(10)
            }

            /// SIGUSR2.
            pub const fn user_defined2() -> SignalKind {
                SignalKind(12)
            }

            /// SIGTERM.
            pub const fn terminate() -> SignalKind {
                SignalKind(15)
            }
        }

        type Next = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;

        /// Signals of one kind that come from now on.
        pub struct Signal(Option<Next>);

        /// From now on the process is told of signals of this kind, and does not end by them. A test sends SIGTERM and
        /// SIGINT, which are one here; others never come.
        ///
        /// # Errors
        /// Never.
        pub fn signal(kind: SignalKind) -> io::Result<Signal> {
            let comes = kind == SignalKind::terminate() || kind == SignalKind::interrupt();
            Ok(Signal(comes.then(listen)))
        }

        /// Madsim listens when such a future is polled for the first time.
        fn listen() -> Next {
            let mut next: Next = Box::pin(ctrl_c());
            let _ = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            next
        }

        impl Signal {
            /// The next one.
            pub async fn recv(&mut self) -> Option<()> {
                poll_fn(|context| self.poll_recv(context)).await
            }

            /// The next one.
            pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<()>> {
                let Some(next) = &mut self.0 else { return Poll::Pending };
                next.as_mut().poll(context).map(|_| {
                    self.0 = Some(listen());
                    Some(())
                })
            }
        }

        impl fmt::Debug for Signal {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad("Signal { .. }")
            }
        }
    }
}
