//! Apache Kafka itself: fetched by Maven, run as processes on loopback ports, spoken to over TCP.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a real Kafka runs in real time")]

mod classpath;
mod cluster;
mod connection;
mod node;
mod topics;

pub use classpath::{Release, fetch};
pub use cluster::KafkaCluster;
