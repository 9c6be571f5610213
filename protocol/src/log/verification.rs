//! Verification entries: which producers are being checked with the transaction coordinator (§2.5).
//!
//! They live in the memory of a leader only: never persisted, never replicated.

use std::collections::BTreeMap;

use super::VerificationGuard;
use crate::ids::*;
use crate::message::ProducerIdAndEpoch;

/// One producer that is, or was, being verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VerificationEntry {
    /// Unique per entry: a stale guard shows that the entry was removed and made anew in between (ABA).
    pub guard: VerificationGuard,
    /// Wall milliseconds of its creation.
    pub created_ms: i64,
    /// Smallest first sequence that asked, within `epoch`.
    pub lowest_sequence: Sequence,
    /// Highest epoch that asked.
    pub epoch: ProducerEpoch,
    /// The first to ask spoke transaction version 2.
    pub tv2: bool,
}

/// The verification entries of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verifications {
    entries: BTreeMap<ProducerId, VerificationEntry>,
    last_guard: u64,
}

impl Verifications {
    /// Creates or reuses the entry of the producer; guard, creation time and `tv2` are those of the creation.
    pub fn start(
        &mut self,
        producer: ProducerIdAndEpoch,
        sequence: Sequence,
        tv2: bool,
        wall_ms: i64,
    ) -> VerificationGuard {
        let last_guard = &mut self.last_guard;
        let entry = self.entries.entry(producer.id).or_insert_with(|| {
            *last_guard += 1;
            VerificationEntry {
                guard: VerificationGuard(*last_guard),
                created_ms: wall_ms,
                lowest_sequence: sequence,
                epoch: producer.epoch,
                tv2,
            }
        });
        if producer.epoch > entry.epoch {
            entry.epoch = producer.epoch;
            entry.lowest_sequence = sequence;
        } else if producer.epoch == entry.epoch && sequence < entry.lowest_sequence {
            entry.lowest_sequence = sequence;
        }
        entry.guard
    }

    /// The entry of a producer.
    pub fn get(&self, producer_id: ProducerId) -> Option<&VerificationEntry> {
        self.entries.get(&producer_id)
    }

    /// Whether `guard` is the stored one. The guard 0 never verifies.
    pub fn verifies(&self, producer_id: ProducerId, guard: Option<VerificationGuard>) -> bool {
        let stored = self.entries.get(&producer_id).map(|entry| entry.guard);
        guard.is_some_and(|guard| guard.0 != 0) && stored == guard
    }

    /// A transactional data batch was applied.
    pub fn on_data(&mut self, producer_id: ProducerId) {
        self.entries.remove(&producer_id);
    }

    /// A marker was applied. A TV2 entry at the marker's own epoch belongs to the next transaction (a TV2 marker carries
    /// the old epoch + 1) and stays.
    pub fn on_marker(&mut self, producer_id: ProducerId, marker_epoch: ProducerEpoch) {
        if self.entries.get(&producer_id).is_some_and(|entry| !(entry.tv2 && entry.epoch == marker_epoch)) {
            self.entries.remove(&producer_id);
        }
    }

    /// Drops entries that are at least `limit_ms` old (§2.4).
    pub fn expire(&mut self, wall_ms: i64, limit_ms: i64) {
        self.entries.retain(|_, entry| wall_ms.saturating_sub(entry.created_ms) < limit_ms);
    }

    /// Drops all entries; guards stay unique.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}
