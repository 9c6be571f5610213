//! A client that only asks.

mod client;
pub mod plan;

pub use client::EchoClient;
pub use plan::EchoPlan;
