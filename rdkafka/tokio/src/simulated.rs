//! What madsim's tokio has and we have differently.

use std::future::Future;

use crate::stack::Stackful;

/// Spawns a task with a stack of its own.
#[track_caller]
pub fn spawn<F>(future: F) -> task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    madsim::task::spawn(Stackful::new(future))
}

/// Tasks.
pub mod task {
    use super::{Future, Stackful};

    pub use super::spawn;
    pub use crate::join_set::JoinSet;
    pub use crate::stack::{block_on, can_block, is_being_dropped, number, try_block_on};
    pub use crate::task_local::LocalKey;
    pub use madsim::task::{AbortHandle, Id, JoinError, JoinHandle, yield_now};

    /// Futures of tasks.
    pub mod futures {
        pub use crate::task_local::TaskLocalFuture;
    }

    /// As the name says; used by test kits.
    pub fn stackful<F: Future>(future: F) -> Stackful<F> {
        Stackful::new(future)
    }

    /// Spawns a task that is not `Send`.
    #[track_caller]
    pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        madsim::task::spawn_local(Stackful::new(future))
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
