//! Virtual time: a monotonic instant in nanoseconds and a wall clock in milliseconds.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// A span of virtual time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub u64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// A span that does not end.
    pub const FOREVER: Span = Span(u64::MAX);

    /// A span of whole milliseconds. Kafka's configuration is in milliseconds; negative values count as zero.
    pub const fn from_millis(ms: i64) -> Span {
        if ms <= 0 { Span(0) } else { Span((ms as u64).saturating_mul(1_000_000)) }
    }

    /// A span of whole microseconds.
    pub const fn from_micros(us: u64) -> Span {
        Span(us.saturating_mul(1_000))
    }

    /// A span of whole seconds.
    pub const fn from_secs(s: u64) -> Span {
        Span(s.saturating_mul(1_000_000_000))
    }

    /// The span in whole milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s, ns) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if s == 0 && ns.is_multiple_of(1_000_000) {
            write!(f, "{}ms", ns / 1_000_000)
        } else if ns == 0 {
            write!(f, "{s}s")
        } else {
            let digits = format!("{ns:09}");
            write!(f, "{s}.{}s", digits.trim_end_matches('0'))
        }
    }
}

/// A point of monotonic virtual time: nanoseconds since the world began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(pub u64);

impl Instant {
    /// The beginning of the world.
    pub const ZERO: Instant = Instant(0);
    /// A time that is never reached.
    pub const NEVER: Instant = Instant(u64::MAX);

    /// The span since `earlier`, zero if `earlier` is later.
    pub const fn since(self, earlier: Instant) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Instant {
    type Output = Instant;
    fn add(self, span: Span) -> Instant {
        Instant(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Instant {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Span> for Instant {
    type Output = Instant;
    fn sub(self, span: Span) -> Instant {
        Instant(self.0.saturating_sub(span.0))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Span(self.0).fmt(f)
    }
}

/// What a machine is told of time with every input.
///
/// Timers and time-outs use `mono`; transaction time-outs, producer-id expiry and record times use `wall_ms`, which may
/// be offset, drift or step. `jitter` is what a real client would draw at random (back-off jitter): parts per
/// million, 0 for "none", which is the nominal value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time of the node.
    pub mono: Instant,
    /// Wall clock of the node, milliseconds since the Unix epoch.
    pub wall_ms: i64,
    /// Signed jitter for back-offs in parts per million of the nominal pause; 0 is nominal.
    pub jitter_ppm: i64,
}

impl Now {
    /// A `Now` without jitter.
    pub const fn new(mono: Instant, wall_ms: i64) -> Now {
        Now { mono, wall_ms, jitter_ppm: 0 }
    }

    /// For tests and tools: both clocks at `ms` milliseconds.
    pub const fn at_ms(ms: u64) -> Now {
        Now::new(Instant(ms * 1_000_000), ms as i64)
    }
}
