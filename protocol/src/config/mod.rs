//! Configuration: Kafka's keys with Kafka's defaults (§8).

mod broker;
mod consumer;
mod domains;
mod key;
mod producer;
mod variants;

pub use broker::BrokerConfig;
pub use consumer::{AutoOffsetReset, ConsumerConfig};
pub use domains::Domains;
pub use key::{ConfigError, ConfigValue, Entry};
pub use producer::{ProducerConfig, ProtocolGeneration};
pub use variants::{BrokerVariant, BrokerVariants, ProducerVariant, ProducerVariants};
