//! The kinds of work that a broker does from time to time.

use crate::config::BrokerConfig;
use crate::time::Span;

/// Background work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// The transaction coordinator looks for transactions that timed out and for ids that expired.
    TransactionSweep,
    /// `producer.id.expiration.check.interval.ms`.
    ProducerIdExpiry,
    /// Half of `replica.lag.time.max.ms`.
    IsrCheck,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    HighWatermarkCheckpoint,
    /// `log.flush.offset.checkpoint.interval.ms`.
    RecoveryPointCheckpoint,
    /// Reading the log of a coordinator partition after an election; nominally takes no time.
    CoordinatorLoad,
    /// The group coordinator looks for offsets that expired.
    OffsetsExpiry,
}

impl Job {
    /// The periodic kinds.
    pub(super) const PERIODIC: [Job; 4] =
        [Job::ProducerIdExpiry, Job::IsrCheck, Job::HighWatermarkCheckpoint, Job::RecoveryPointCheckpoint];

    pub(super) fn interval(self, config: &BrokerConfig) -> Span {
        Span::from_millis(match self {
            Job::ProducerIdExpiry => config.producer_id_expiration_check_ms.into(),
            Job::IsrCheck => (config.replica_lag_time_max_ms / 2).max(1),
            Job::HighWatermarkCheckpoint => config.high_watermark_checkpoint_ms,
            Job::RecoveryPointCheckpoint => config.recovery_point_checkpoint_ms.into(),
            Job::TransactionSweep | Job::CoordinatorLoad | Job::OffsetsExpiry => 0,
        })
    }
}
