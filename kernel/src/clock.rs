//! A node's wall clock: virtual time plus an offset, a drift and steps. The monotonic clock is the same everywhere.

use crate::time::Instant;

/// Wall time at the beginning of the world: 2026-01-01T00:00:00Z.
pub const EPOCH_MS: i64 = 1_767_225_600_000;

/// One node's wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    offset_ms: i64,
    drift_ppm: i64,
    drift_since: Instant,
}

impl Clock {
    /// Milliseconds since the Unix epoch that the clock shows at `now`.
    pub fn wall_ms(&self, now: Instant) -> i64 {
        let elapsed_ms = (now.0 / 1_000_000) as i64;
        if self.drift_ppm == 0 {
            return EPOCH_MS + elapsed_ms + self.offset_ms;
        }
        let drifting_ns = i128::from(now.since(self.drift_since).0);
        let drifted_ms = drifting_ns * i128::from(self.drift_ppm) / 1_000_000_000_000;
        EPOCH_MS + elapsed_ms + self.offset_ms + drifted_ms as i64
    }

    /// Steps the clock by `by_ms`, which may be negative.
    pub fn step(&mut self, by_ms: i64) {
        self.offset_ms += by_ms;
    }

    /// Lets the clock run `ppm` parts per million too fast (or slow) from `now` on.
    pub fn drift(&mut self, now: Instant, ppm: i64) {
        self.offset_ms = self.wall_ms(now) - EPOCH_MS - (now.0 / 1_000_000) as i64;
        self.drift_ppm = ppm;
        self.drift_since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_steps_and_drifts() {
        let mut clock = Clock::default();
        assert_eq!(clock.wall_ms(Instant(5_000_000)), EPOCH_MS + 5);
        clock.step(-100);
        assert_eq!(clock.wall_ms(Instant(5_000_000)), EPOCH_MS - 95);
        clock.drift(Instant(0), 1000); // 1 ms a second
        assert_eq!(clock.wall_ms(Instant(10_000_000_000)), EPOCH_MS - 100 + 10_000 + 10);
        clock.drift(Instant(10_000_000_000), 0);
        assert_eq!(clock.wall_ms(Instant(20_000_000_000)), EPOCH_MS - 100 + 20_000 + 10);
    }
}
