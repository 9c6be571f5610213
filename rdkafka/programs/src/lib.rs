//! Programs as people write them for rust-rdkafka. Nothing in them knows of a simulation; `tests/` runs them in one.

pub mod audit;
pub mod enrichment;
pub mod mistakes;
pub mod relay;
pub mod sieve;
