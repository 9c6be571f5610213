//! A relay of an outbox.

mod client;
pub(crate) mod keys;
pub mod plan;

pub use client::RelayClient;
pub use plan::RelayPlan;
