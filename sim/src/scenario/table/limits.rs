//! What is the most that a scenario may ask for. Everything is compared before memory is spent.

use fencepost_protocol::time::Span;

/// Characters of a name: as many as Kafka allows for a topic's.
pub const LONGEST_NAME: usize = 249;
/// Records of all producers and services of a scenario together.
pub const MOST_RECORDS: i64 = 10_000_000;
/// Bytes of one generated value.
pub const MOST_VALUE_BYTES: i64 = 100 << 20;
/// Distinct keys of generated records.
pub const MOST_KEYS: i64 = 1_000_000_000;
/// Records on their way at a time.
pub const MOST_WINDOW: i64 = 1_000_000;
/// Brokers.
pub const MOST_BROKERS: i64 = 100;
/// Partitions of one topic, and of all topics together.
pub const MOST_PARTITIONS: i64 = 10_000;
/// Members of one client.
pub const MOST_MEMBERS: i64 = 1_000;
/// Nodes: brokers, sinks and clients with all their members.
pub const MOST_NODES: usize = 20_000;
/// Faults of a family in a run.
pub const MOST_OF_A_FAMILY: u32 = 1_000;
/// Deliveries of a run.
pub const MOST_DELIVERIES: i64 = 1_000_000_000_000;
/// The longest duration, and the latest time: about fourteen months.
pub const LONGEST: Span = Span::from_secs(10_000 * 3_600);
/// The longest in milliseconds.
pub const LONGEST_MS: i64 = 10_000 * 3_600_000;
