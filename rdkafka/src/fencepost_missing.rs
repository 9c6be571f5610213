//! The test kit's place in a build without the simulation: tests compile, and stop with the reason.

use std::fmt::Debug;
use std::future::Future;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::message::OwnedMessage;

fn missing() -> ! {
    panic!(
        "this test needs Fencepost's simulation, and was built without it: cfg(madsim) is missing.\n\
         Put this into .cargo/config.toml beside the workspace's Cargo.toml:\n\n    \
         [target.'cfg(not(target_family = \"wasm\"))']\n    rustflags = [\"--cfg\", \"madsim\"]\n\n\
         An environment variable RUSTFLAGS, even an empty one, replaces what stands there: unset it."
    )
}

/// Stops with the reason.
///
/// # Panics
/// Always: this build has no simulation.
pub fn test<F, Fut>(_seeds: RangeInclusive<u64>, _program: F)
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    missing()
}

/// Stops with the reason.
///
/// # Panics
/// Always: this build has no simulation.
pub fn digest<F, Fut>(_seed: u64, _madsim_seed: u64, _program: F) -> String
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    missing()
}

/// There is none without the simulation.
#[derive(Debug)]
pub struct Cluster(());

/// There is none without the simulation.
#[derive(Debug)]
pub struct Finished(());

#[expect(missing_docs, reason = "documented where the simulation is")]
impl Cluster {
    pub fn from_scenario(_name: &str) -> Cluster {
        missing()
    }

    pub fn from_text(_name: &str, _text: &str) -> Cluster {
        missing()
    }

    pub fn seed(&self) -> u64 {
        missing()
    }

    pub fn node<F, Fut>(&self, _name: &str, _program: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Debug> + 'static,
    {
        missing()
    }

    pub fn service<F, Fut>(&self, _name: &str, _restart_after: Duration, _program: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Debug> + 'static,
    {
        missing()
    }

    pub fn pause(&self, _node: &str, _span: Duration) {
        missing()
    }

    pub fn kill(&self, _node: &str) {
        missing()
    }

    pub fn terminate(&self, _node: &str) {
        missing()
    }

    pub fn made_of(&self, _topic: &str, _relation: impl Fn(&OwnedMessage, &OwnedMessage) -> bool + 'static) {
        missing()
    }

    pub fn keep_history(&self) {
        missing()
    }

    pub fn skips(&self, _topic: &str, _which: impl Fn(&OwnedMessage) -> bool + 'static) {
        missing()
    }

    pub fn may_panic(&self, _node: &str) {
        missing()
    }

    pub fn may_skip(&self, _topic: &str) {
        missing()
    }

    pub fn restart(&self, _node: &str) {
        missing()
    }

    pub fn fault(&self, _text: &str) {
        missing()
    }

    #[expect(clippy::unused_async, reason = "it waits where the simulation is")]
    pub async fn finish(self) -> Finished {
        missing()
    }
}

#[expect(missing_docs, reason = "documented where the simulation is")]
impl Finished {
    pub fn digest(&self) -> &str {
        missing()
    }

    pub fn history(&self) -> Option<&str> {
        missing()
    }

    pub fn seed(&self) -> u64 {
        missing()
    }

    pub fn visible(&self, _topic: &str) -> u64 {
        missing()
    }

    pub fn deliveries(&self) -> u64 {
        missing()
    }

    pub fn assert_exactly_once(&self, _topic: &str) {
        missing()
    }
}
