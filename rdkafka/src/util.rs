//! Time-outs, opaque values, runtimes.

#![expect(clippy::disallowed_types, reason = "rust-rdkafka's signatures; in a simulation, virtual time")]

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timeout {
    /// This long.
    After(Duration),
    /// For as long as it takes.
    Never,
}

impl From<Duration> for Timeout {
    fn from(d: Duration) -> Timeout {
        Timeout::After(d)
    }
}

impl From<Option<Duration>> for Timeout {
    fn from(v: Option<Duration>) -> Timeout {
        v.map_or(Timeout::Never, Timeout::After)
    }
}

/// Milliseconds since the Unix epoch.
pub fn millis_to_epoch(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis() as i64
}

/// Now, in milliseconds since the Unix epoch.
pub fn current_time_millis() -> i64 {
    millis_to_epoch(SystemTime::now())
}

/// The version of librdkafka whose behaviour is simulated.
pub fn get_rdkafka_version() -> (i32, String) {
    (0x020c_01ff, "2.12.1-fencepost".into())
}

/// A value that goes with a message and comes back with its delivery. In a simulation it stays a Rust value, so there
/// are no pointers to convert to.
pub trait IntoOpaque: Send + Sync + Sized {}

impl IntoOpaque for () {}
impl IntoOpaque for usize {}
impl<T: Send + Sync> IntoOpaque for Box<T> {}
impl<T: Send + Sync> IntoOpaque for Arc<T> {}

/// What a client needs of an async runtime.
pub trait AsyncRuntime: Send + Sync + 'static {
    /// What [`AsyncRuntime::delay_for`] gives.
    type Delay: Future<Output = ()> + Send;

    /// Spawns a task.
    fn spawn<T>(task: T)
    where
        T: Future<Output = ()> + Send + 'static;

    /// Waits.
    fn delay_for(duration: Duration) -> Self::Delay;
}

/// The runtime that is used where none is named.
pub type DefaultRuntime = TokioRuntime;

/// Tokio: in a simulation, `fencepost-tokio`.
#[derive(Clone, Copy, Debug)]
pub struct TokioRuntime;

impl AsyncRuntime for TokioRuntime {
    type Delay = madsim::time::Sleep;

    fn spawn<T>(task: T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        fencepost_tokio::spawn(task);
    }

    fn delay_for(duration: Duration) -> Self::Delay {
        madsim::time::sleep(duration)
    }
}
