//! §8.2.

use super::key::{ConfigValue, config};
use crate::ids::Name;
use crate::message::{AssignorName, IsolationLevel};

/// `auto.offset.reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AutoOffsetReset {
    /// Begin at the log start offset.
    Earliest,
    /// Begin at the end as the isolation level sees it.
    Latest,
    /// Fail.
    None,
}

impl ConfigValue for AutoOffsetReset {
    const EXPECTED: &'static str = "earliest, latest or none";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "earliest" => Some(AutoOffsetReset::Earliest),
            "latest" => Some(AutoOffsetReset::Latest),
            "none" => Some(AutoOffsetReset::None),
            _ => None,
        }
    }
    fn print(&self) -> String {
        match self {
            AutoOffsetReset::Earliest => "earliest",
            AutoOffsetReset::Latest => "latest",
            AutoOffsetReset::None => "none",
        }
        .into()
    }
}

impl ConfigValue for AssignorName {
    const EXPECTED: &'static str = "range or cooperative-sticky";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "range" => Some(AssignorName::Range),
            "cooperative-sticky" => Some(AssignorName::CooperativeSticky),
            _ => None,
        }
    }
    fn print(&self) -> String {
        match self {
            AssignorName::Range => "range",
            AssignorName::CooperativeSticky => "cooperative-sticky",
        }
        .into()
    }
}

config! {
    /// Configuration of a consumer. Times are milliseconds.
    ConsumerConfig {
        client_id: Option<Name> = None, "client.id";
        group_id: Option<Name> = None, "group.id";
        group_instance_id: Option<Name> = None, "group.instance.id";
        isolation_level: IsolationLevel = IsolationLevel::ReadUncommitted, "isolation.level";
        enable_auto_commit: bool = true, "enable.auto.commit";
        auto_commit_interval_ms: i32 = 5_000, "auto.commit.interval.ms", 0..=i32::MAX;
        auto_offset_reset: AutoOffsetReset = AutoOffsetReset::Latest, "auto.offset.reset";
        /// Kafka's default lists range and cooperative-sticky and thereby uses range.
        assignor: AssignorName = AssignorName::Range, "partition.assignment.strategy";
        session_timeout_ms: i32 = 45_000, "session.timeout.ms", 1..=i32::MAX;
        heartbeat_interval_ms: i32 = 3_000, "heartbeat.interval.ms", 1..=i32::MAX;
        max_poll_interval_ms: i32 = 300_000, "max.poll.interval.ms", 1..=i32::MAX;
        max_poll_records: i32 = 500, "max.poll.records", 1..=i32::MAX;
        fetch_min_bytes: i32 = 1, "fetch.min.bytes", 0..=i32::MAX;
        fetch_max_bytes: i32 = 52_428_800, "fetch.max.bytes", 0..=i32::MAX;
        fetch_max_wait_ms: i32 = 500, "fetch.max.wait.ms", 0..=i32::MAX;
        max_partition_fetch_bytes: i32 = 1_048_576, "max.partition.fetch.bytes", 0..=i32::MAX;
        request_timeout_ms: i32 = 30_000, "request.timeout.ms", 1..=i32::MAX;
        default_api_timeout_ms: i32 = 60_000, "default.api.timeout.ms", 0..=i32::MAX;
        retry_backoff_ms: i64 = 100, "retry.backoff.ms", 0..=i64::MAX;
        retry_backoff_max_ms: i64 = 1_000, "retry.backoff.max.ms", 0..=i64::MAX;
        reconnect_backoff_ms: i64 = 50, "reconnect.backoff.ms", 0..=i64::MAX;
        reconnect_backoff_max_ms: i64 = 1_000, "reconnect.backoff.max.ms", 0..=i64::MAX;
        metadata_max_age_ms: i64 = 300_000, "metadata.max.age.ms", 0..=i64::MAX;
    }
}
