//! The request/response echo: clients that each ask a server over a connection of their own, again and again, one
//! request at a time. Each message takes between 1 and 10 ms.
//!
//! A delivery is a message handed over or a timer fired. Of every contender only the two messages of each round trip are
//! counted; whatever else its world does on the way (a timer, a tick, a task's wake-up) is its own business.

pub mod fencepost;
pub mod madsim;
pub mod turmoil;

/// Size of an echo.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Clients, each on a node of its own.
    pub clients: u32,
    /// Round trips of each.
    pub round_trips: u32,
}

impl Shape {
    /// Messages handed over in all.
    pub fn deliveries(&self) -> u64 {
        2 * u64::from(self.clients) * u64::from(self.round_trips)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Shape = Shape { clients: 3, round_trips: 20 };

    // One-way latencies are uniform in 1 to 10 ms: 20 round trips take about 220 ms.
    const PLAUSIBLE_MS: std::ops::Range<u128> = 120..350;

    #[test]
    fn fencepost_makes_every_round_trip_and_little_else() {
        let (elapsed, outcome) = fencepost::run(&fencepost::plan(SMALL), 1);
        assert!(PLAUSIBLE_MS.contains(&elapsed.as_millis()), "{elapsed:?}");
        let beside = outcome.deliveries - SMALL.deliveries();
        assert!(beside < 100, "registration and heartbeats are few: {beside}");
    }

    #[test]
    fn madsim_makes_every_round_trip() {
        let elapsed = madsim::run(SMALL, 1);
        assert!(PLAUSIBLE_MS.contains(&elapsed.as_millis()), "{elapsed:?}");
    }

    #[test]
    fn turmoil_makes_every_round_trip() {
        let elapsed = turmoil::run(SMALL, 1, turmoil::Latency::SameMean);
        assert!(PLAUSIBLE_MS.contains(&elapsed.as_millis()), "{elapsed:?}");
        let elapsed = turmoil::run(SMALL, 1, turmoil::Latency::Default);
        assert!((60..250).contains(&elapsed.as_millis()), "{elapsed:?}");
    }
}
