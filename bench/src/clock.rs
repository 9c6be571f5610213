//! How long something took, by the wall clock and by the processor.
#![expect(clippy::disallowed_types, reason = "measuring is what this crate is for")]

use std::time::{Duration, Instant};

/// What a piece of work took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// By the wall clock.
    pub wall: Duration,
    /// Processor time of this process, user and system; the wall clock's where the system does not tell.
    pub core: Duration,
}

impl Taken {
    /// How much of a core the process had, in per cent. Far below 100 the machine was busy with something else.
    pub fn share(&self) -> u64 {
        (self.core.as_nanos() * 100 / self.wall.as_nanos().max(1)) as u64
    }
}

impl std::ops::AddAssign for Taken {
    fn add_assign(&mut self, other: Taken) {
        self.wall += other.wall;
        self.core += other.core;
    }
}

/// Measures `work`.
pub fn measure<T>(work: impl FnOnce() -> T) -> (Taken, T) {
    let (wall, core) = (Instant::now(), core_time());
    let result = work();
    let wall = wall.elapsed();
    let core = match (core, core_time()) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => wall,
    };
    (Taken { wall, core }, result)
}

#[cfg(unix)]
fn core_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

#[cfg(not(unix))]
fn core_time() -> Option<Duration> {
    None
}
