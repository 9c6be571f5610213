//! An application that only reads.

mod client;
pub(crate) mod keys;
pub mod plan;

pub use client::ReaderClient;
pub use plan::ReaderPlan;
