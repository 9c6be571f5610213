//! Values that are one of a few words.

use fencepost_protocol::pipeline::Guarantee;

use crate::plan::{Announcing, FamilyKind, KeyOf, OnUnknown};

/// A value that is one of a few words.
pub trait Words: Copy + PartialEq + 'static {
    /// All of them.
    const WORDS: &'static [(&'static str, Self)];
}

/// The word of a value.
///
/// # Panics
/// If it has none.
pub fn word<T: Words>(value: &T) -> &'static str {
    T::WORDS.iter().find(|(_, v)| v == value).expect("every value has a word").0
}

/// Declares the words of a type, and that every variant has one: the match does not compile without.
macro_rules! words {
    ($ty:ty { $($word:literal = $value:pat => $made:expr,)* }) => {
        impl Words for $ty {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, $made)),*];
        }
        const _: fn($ty) = |value| match value { $($value => (),)* };
    };
}

words! { FamilyKind {
    "broker_crash" = FamilyKind::BrokerCrash => FamilyKind::BrokerCrash,
    "power_loss" = FamilyKind::PowerLoss => FamilyKind::PowerLoss,
    "broker_pause" = FamilyKind::BrokerPause => FamilyKind::BrokerPause,
    "client_pause" = FamilyKind::ClientPause => FamilyKind::ClientPause,
    "client_crash" = FamilyKind::ClientCrash => FamilyKind::ClientCrash,
    "partition" = FamilyKind::Partition => FamilyKind::Partition,
    "rolling_restart" = FamilyKind::RollingRestart => FamilyKind::RollingRestart,
    "leader_move" = FamilyKind::LeaderMove => FamilyKind::LeaderMove,
    "clock_step" = FamilyKind::ClockStep => FamilyKind::ClockStep,
    "metadata_lag" = FamilyKind::MetadataLag => FamilyKind::MetadataLag,
    "slow_node" = FamilyKind::SlowNode => FamilyKind::SlowNode,
    "job_delay" = FamilyKind::JobDelay => FamilyKind::JobDelay,
    "sink_crash" = FamilyKind::SinkCrash => FamilyKind::SinkCrash,
    "sink_pause" = FamilyKind::SinkPause => FamilyKind::SinkPause,
} }

words! { Guarantee {
    "at_most_once" = Guarantee::AtMostOnce => Guarantee::AtMostOnce,
    "at_least_once" = Guarantee::AtLeastOnce => Guarantee::AtLeastOnce,
    "exactly_once_v2" = Guarantee::ExactlyOnceV2 => Guarantee::ExactlyOnceV2,
} }

words! { OnUnknown {
    "keep" = OnUnknown::Keep => OnUnknown::Keep,
    "resend" = OnUnknown::Resend => OnUnknown::Resend,
} }

words! { Option<KeyOf> {
    "none" = None => None,
    "offset" = Some(KeyOf::Offset) => Some(KeyOf::Offset),
    "record" = Some(KeyOf::Record) => Some(KeyOf::Record),
} }

words! { Announcing {
    "outbox" = Announcing::Outbox => Announcing::Outbox,
    "database_then_kafka" = Announcing::DatabaseThenKafka => Announcing::DatabaseThenKafka,
    "kafka_then_database" = Announcing::KafkaThenDatabase => Announcing::KafkaThenDatabase,
} }

/// How a connector writes to a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `INSERT`.
    Insert,
    /// `INSERT ... ON CONFLICT (key) DO NOTHING`.
    OnConflictDoNothing,
    /// `INSERT`, with the offsets in the same transaction.
    OffsetsInTransaction,
}

words! { Mode {
    "insert" = Mode::Insert => Mode::Insert,
    "on_conflict_do_nothing" = Mode::OnConflictDoNothing => Mode::OnConflictDoNothing,
    "offsets_in_transaction" = Mode::OffsetsInTransaction => Mode::OffsetsInTransaction,
} }

/// What a pipeline hands to `sendOffsetsToTransaction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetsWith {
    /// The group's metadata.
    GroupMetadata,
    /// The group's id only, as before KIP-447.
    GroupId,
}

words! { OffsetsWith {
    "group_metadata" = OffsetsWith::GroupMetadata => OffsetsWith::GroupMetadata,
    "group_id" = OffsetsWith::GroupId => OffsetsWith::GroupId,
} }
