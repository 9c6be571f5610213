//! The limits of the format: `docs/history-format.md` states them. They keep arithmetic on what was read from going over, and
//! memory from being spent on a number instead of on events.

/// The largest number that a preamble may hand out, the largest incarnation, the largest batch, and the largest number of
/// partitions of all topics together. Tables are indexed by them.
pub const LARGEST_NUMBER: u32 = 1 << 20;

/// The largest offset.
pub const LARGEST_OFFSET: i64 = (1 << 62) - 1;

/// The latest time, in nanoseconds: after 292 years.
pub const LARGEST_TIME: u64 = i64::MAX as u64;

/// The longest name, in bytes: as long as a string of Kafka's protocol may be. Error names and calls count as names.
pub const LONGEST_NAME: usize = i16::MAX as usize;
