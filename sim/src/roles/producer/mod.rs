//! An application that sends a workload's records.

mod client;
pub(crate) mod keys;
pub mod plan;

pub use client::ProducerClient;
pub use plan::ProducerPlan;
