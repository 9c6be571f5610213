//! §8.3 to §8.5.

use super::key::config;
use super::variants::BrokerVariants;

config! {
    /// Configuration of a broker, the same on all brokers of a cluster. Times are milliseconds.
    BrokerConfig {
        min_insync_replicas: u32 = 1, "min.insync.replicas", 1..=u32::MAX;
        unclean_leader_election: bool = false, "unclean.leader.election.enable";
        replica_lag_time_max_ms: i64 = 30_000, "replica.lag.time.max.ms", 1..=i64::MAX;
        replica_fetch_wait_max_ms: i32 = 500, "replica.fetch.wait.max.ms", 0..=i32::MAX;
        replica_fetch_backoff_ms: i32 = 1_000, "replica.fetch.backoff.ms", 0..=i32::MAX;
        replica_fetch_max_bytes: i32 = 1_048_576, "replica.fetch.max.bytes", 1..=i32::MAX;
        replica_fetch_response_max_bytes: i32 = 10_485_760, "replica.fetch.response.max.bytes", 1..=i32::MAX;
        replica_socket_timeout_ms: i32 = 30_000, "replica.socket.timeout.ms", 1..=i32::MAX;
        high_watermark_checkpoint_ms: i64 = 5_000, "replica.high.watermark.checkpoint.interval.ms", 1..=i64::MAX;
        recovery_point_checkpoint_ms: i32 = 60_000, "log.flush.offset.checkpoint.interval.ms", 1..=i32::MAX;
        segment_bytes: u32 = 1_073_741_824, "log.segment.bytes", 1..=u32::MAX;
        message_max_bytes: u32 = 1_048_588, "message.max.bytes", 1..=u32::MAX;
        request_timeout_ms: i32 = 30_000, "request.timeout.ms", 1..=i32::MAX;
        producer_id_expiration_ms: i32 = 86_400_000, "producer.id.expiration.ms", 1..=i32::MAX;
        producer_id_expiration_check_ms: i32 = 600_000, "producer.id.expiration.check.interval.ms", 1..=i32::MAX;
        heartbeat_interval_ms: i32 = 2_000, "broker.heartbeat.interval.ms", 1..=i32::MAX;
        session_timeout_ms: i32 = 9_000, "broker.session.timeout.ms", 1..=i32::MAX;
        default_replication_factor: u32 = 1, "default.replication.factor", 1..=u32::MAX;
        transaction_max_timeout_ms: i32 = 900_000, "transaction.max.timeout.ms", 1..=i32::MAX;
        transactional_id_expiration_ms: i32 = 604_800_000, "transactional.id.expiration.ms", 1..=i32::MAX;
        transaction_sweep_ms: i32 = 10_000, "transaction.abort.timed.out.transaction.cleanup.interval.ms", 1..=i32::MAX;
        transaction_expiry_sweep_ms: i32 = 3_600_000, "transaction.remove.expired.transaction.cleanup.interval.ms", 1..=i32::MAX;
        transaction_partitions: u32 = 50, "transaction.state.log.num.partitions", 1..=u32::MAX;
        transaction_replication_factor: u32 = 3, "transaction.state.log.replication.factor", 1..=u32::MAX;
        transaction_min_isr: u32 = 2, "transaction.state.log.min.isr", 1..=u32::MAX;
        transaction_verification: bool = true, "transaction.partition.verification.enable";
        add_partitions_backoff_ms: i32 = 20, "add.partitions.to.txn.retry.backoff.ms", 1..=i32::MAX;
        add_partitions_backoff_max_ms: i32 = 100, "add.partitions.to.txn.retry.backoff.max.ms", 0..=i32::MAX;
        offsets_partitions: u32 = 50, "offsets.topic.num.partitions", 1..=u32::MAX;
        offsets_replication_factor: u32 = 3, "offsets.topic.replication.factor", 1..=u32::MAX;
        offsets_commit_timeout_ms: i32 = 5_000, "offsets.commit.timeout.ms", 1..=i32::MAX;
        offset_metadata_max_bytes: u32 = 4_096, "offset.metadata.max.bytes", 0..=u32::MAX;
        offsets_retention_minutes: i32 = 10_080, "offsets.retention.minutes", 1..=i32::MAX;
        offsets_retention_check_ms: i64 = 600_000, "offsets.retention.check.interval.ms", 1..=i64::MAX;
        group_initial_rebalance_delay_ms: i32 = 3_000, "group.initial.rebalance.delay.ms", 0..=i32::MAX;
        group_min_session_timeout_ms: i32 = 6_000, "group.min.session.timeout.ms", 0..=i32::MAX;
        group_max_session_timeout_ms: i32 = 1_800_000, "group.max.session.timeout.ms", 0..=i32::MAX;
        max_incremental_fetch_sessions: u32 = 1_000, "max.incremental.fetch.session.cache.slots", 0..=u32::MAX;
        /// Not a key of Kafka's: deliberate bugs.
        variant: BrokerVariants = BrokerVariants::NONE, "variant";
    }
}
