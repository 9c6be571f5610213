//! The log's check of itself against a replay from scratch (§9.2, L8 and L10). For tests and white-box findings; costs
//! time in proportion to the log.

use super::PartitionLog;
use super::producer_entry::ProducerEntry;
use super::producer_state::ProducerState;
use crate::ids::*;

impl PartitionLog {
    /// Rebuilds producer state and the aborted index from all batches and compares them with the live ones: a text names
    /// the first difference. `None`, too, where data was deleted from the log's start, so that a replay cannot tell.
    ///
    /// Allowed differences are those of L10: a shorter memory of batches after a reload, and producers that expired.
    pub fn replay_difference(&self) -> Option<String> {
        if self.log_start != self.state_complete_from || self.batches.first_base() > self.log_start {
            return None;
        }
        let mut replayed = ProducerState::default();
        let aborted: Vec<_> =
            self.batches().filter_map(|batch| replayed.apply(batch, &self.settings.domains)).collect();
        let live = &self.producers;
        for (producer_id, entry) in &live.entries {
            let Some(expected) = replayed.entries.get(producer_id) else {
                return Some(format!("producer {producer_id} is known, but nothing in the log is its"));
            };
            if let Some(what) = self.entry_difference(entry, expected) {
                return Some(format!("producer {producer_id}: {what}; live {entry:?}, replayed {expected:?}"));
            }
        }
        for (producer_id, expected) in &replayed.entries {
            if !live.entries.contains_key(producer_id) && !self.may_have_expired(expected) {
                return Some(format!("producer {producer_id} is forgotten, replayed {expected:?}"));
            }
        }
        let open = |state: &ProducerState| state.transactions.ongoing().collect::<Vec<(ProducerId, Offset)>>();
        if open(live) != open(&replayed) {
            return Some(format!("open transactions: live {:?}, replayed {:?}", open(live), open(&replayed)));
        }
        if !self.aborted.iter().eq(aborted.iter()) {
            return Some(format!("aborted index: live {:?}, replayed {aborted:?}", self.aborted));
        }
        None
    }

    fn entry_difference(&self, live: &ProducerEntry, replayed: &ProducerEntry) -> Option<&'static str> {
        let n = live.batches.len();
        let forgot_coordinator = live.coordinator_epoch == -1 && self.producers.expired_at_ms.is_some();
        if live.epoch != replayed.epoch {
            Some("epoch")
        } else if live.coordinator_epoch != replayed.coordinator_epoch && !forgot_coordinator {
            Some("coordinator epoch")
        } else if live.last_timestamp_ms != replayed.last_timestamp_ms {
            Some("last timestamp")
        } else if live.current_txn_first_offset != replayed.current_txn_first_offset {
            Some("open transaction")
        } else if n > replayed.batches.len() || !live.batches.iter().rev().eq(replayed.batches.iter().rev().take(n)) {
            Some("remembered batches")
        } else if n == 0 && !replayed.batches.is_empty() && !self.may_forget_batches() {
            Some("last batch")
        } else {
            None
        }
    }

    /// Only a producer that expired and came back with a marker has forgotten its last batch of the same epoch.
    fn may_forget_batches(&self) -> bool {
        self.producers.expired_at_ms.is_some()
    }

    fn may_have_expired(&self, entry: &ProducerEntry) -> bool {
        let limit = i64::from(self.settings.producer_id_expiration_ms);
        let idle = |wall_ms: i64| wall_ms.saturating_sub(entry.last_timestamp_ms) >= limit;
        entry.current_txn_first_offset.is_none() && self.producers.expired_at_ms.is_some_and(idle)
    }
}
