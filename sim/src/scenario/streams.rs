//! Defaults of a pipeline's clients, where they differ from those of Kafka's plain clients (reference §8.6).
//!
//! `processing.guarantee` and `commit.interval.ms` are Kafka Streams' keys, and a pipeline is configured as Streams
//! configures its consumer and its producer. Every key can be set; `show --resolved` prints what holds.

use fencepost_protocol::config::{AutoOffsetReset, ConsumerConfig, ProducerConfig};
use fencepost_protocol::message::IsolationLevel;

/// `commit.interval.ms`.
pub fn commit_interval_ms(exactly_once: bool) -> i64 {
    if exactly_once { 100 } else { 30_000 }
}

/// The consumer; its group is the pipeline's name.
pub fn consumer(name: &str, exactly_once: bool) -> ConsumerConfig {
    let mut config = ConsumerConfig::default();
    config.group_id = Some(name.into());
    config.enable_auto_commit = false;
    config.auto_offset_reset = AutoOffsetReset::Earliest;
    config.max_poll_records = 1_000;
    if exactly_once {
        config.isolation_level = IsolationLevel::ReadCommitted;
    }
    config
}

/// The producer; the member's number is added to its transactional id.
pub fn producer(name: &str, exactly_once: bool) -> ProducerConfig {
    let mut config = ProducerConfig::default();
    config.linger_ms = 100;
    if exactly_once {
        config.transactional_id = Some(name.into());
        config.transaction_timeout_ms = 10_000;
        config.delivery_timeout_ms = i32::MAX;
    }
    config
}
