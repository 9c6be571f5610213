//! Put this in the place of tokio, and the same program runs in production and in a simulation:
//!
//! ```toml
//! tokio = { package = "fencepost-tokio", version = "0.1", features = ["full"] }
//! ```
//!
//! Without `--cfg madsim` this *is* tokio. With it, it is madsim's tokio (one thread, virtual time, a seed for the order
//! of tasks), except that every task runs on a stack of its own. So a task can wait in the middle of a synchronous call,
//! as rust-rdkafka's `commit_transaction` or `flush` do, while virtual time goes on for everybody else:
//! [`task::block_on`](crate::task::block_on) is that wait.

#[cfg(not(madsim))]
pub use tokio::*;

#[cfg(madsim)]
mod join;
#[cfg(madsim)]
mod join_set;
#[cfg(madsim)]
mod simulated;
#[cfg(madsim)]
mod stack;
#[cfg(madsim)]
mod task_local;

#[cfg(madsim)]
pub use madsim_tokio::*;
#[cfg(madsim)]
pub use simulated::{runtime, signal, spawn, task, time};
