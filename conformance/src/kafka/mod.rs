//! Apache Kafka itself: fetched by Maven, run as processes on loopback ports, spoken to over TCP.

mod classpath;
mod cluster;
mod connection;
mod node;
mod topics;

pub use classpath::{Release, fetch};
pub use cluster::KafkaCluster;
