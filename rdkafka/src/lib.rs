//! Put this in the place of rdkafka, and the same program runs in production and against a simulated Kafka cluster:
//!
//! ```toml
//! rdkafka = { package = "fencepost-rdkafka", version = "0.1" }
//! tokio = { package = "fencepost-tokio", version = "0.1", features = ["full"] }
//! ```
//!
//! Without `--cfg madsim` this *is* rdkafka 0.39. With it, its API stands before the world of `fencepost-sim`: the same
//! brokers, coordinators, network, disks, faults, history and judge as `fencepost run` has. [`fencepost`] is the test kit.
//! `docs/rdkafka.md` says what is there and what is not.

#[cfg(not(madsim))]
pub use rdkafka::*;

#[cfg(madsim)]
pub mod client;
#[cfg(madsim)]
pub mod config;
#[cfg(madsim)]
pub mod consumer;
#[cfg(madsim)]
pub mod error;
#[cfg(madsim)]
pub mod fencepost;
#[cfg(not(madsim))]
#[path = "fencepost_missing.rs"]
pub mod fencepost;
#[cfg(madsim)]
pub mod message;
#[cfg(madsim)]
pub mod metadata;
#[cfg(madsim)]
pub mod producer;
#[cfg(madsim)]
mod simulated;
#[cfg(madsim)]
pub mod statistics;
#[cfg(madsim)]
pub mod topic_partition_list;
#[cfg(madsim)]
pub mod types;
#[cfg(madsim)]
pub mod util;

#[cfg(madsim)]
pub use crate::{
    client::ClientContext,
    config::ClientConfig,
    message::{Message, Timestamp},
    statistics::Statistics,
    topic_partition_list::{Offset, TopicPartitionList},
    util::IntoOpaque,
};
