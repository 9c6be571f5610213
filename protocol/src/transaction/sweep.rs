//! The background jobs: abort of transactions that live too long, expiry of ids that are not used (§3.7).

use super::TransactionCoordinator;
use super::metadata::TransactionalId;
use crate::config::BrokerConfig;
use crate::coordinator::Turn;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::message::TransactionState;
use crate::time::{Instant, Now, Span};

/// When the jobs run next. They run while the broker owns a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sweeps {
    timeouts: Instant,
    expiry: Instant,
}

impl Default for Sweeps {
    fn default() -> Self {
        Sweeps { timeouts: Instant::NEVER, expiry: Instant::NEVER }
    }
}

fn timeouts_every(config: &BrokerConfig) -> Span {
    Span::from_millis(i64::from(config.transaction_sweep_ms))
}

fn expiry_every(config: &BrokerConfig) -> Span {
    Span::from_millis(i64::from(config.transaction_expiry_sweep_ms))
}

impl Sweeps {
    pub fn start(&mut self, now: Now, config: &BrokerConfig) {
        if self.timeouts == Instant::NEVER {
            self.timeouts = now.mono + timeouts_every(config);
            self.expiry = now.mono + expiry_every(config);
        }
    }

    pub fn stop(&mut self) {
        *self = Sweeps::default();
    }

    pub fn postpone(&mut self, by: Span) {
        self.timeouts += by;
        self.expiry += by;
    }

    pub fn poll_timeout(&self) -> Instant {
        self.timeouts.min(self.expiry)
    }
}

/// Ongoing for longer than the producer's `transaction.timeout.ms`. A pending transition decides for itself.
fn timed_out(id: &TransactionalId, now_ms: i64) -> bool {
    let value = &id.metadata.value;
    id.pending.is_none()
        && value.state == TransactionState::Ongoing
        && value.start_ms.saturating_add(i64::from(value.timeout_ms)) < now_ms
}

/// Without a transaction and not used for `transactional.id.expiration.ms`.
fn expired(id: &TransactionalId, expiration_ms: i32, now_ms: i64) -> bool {
    use TransactionState::{CompleteAbort, CompleteCommit, Empty};
    let value = &id.metadata.value;
    id.pending.is_none()
        && matches!(value.state, Empty | CompleteCommit | CompleteAbort)
        && value.last_update_ms <= now_ms.saturating_sub(i64::from(expiration_ms))
}

impl TransactionCoordinator {
    /// Runs the jobs that are due.
    pub(super) fn sweep(&mut self, turn: &mut Turn<'_>) {
        if self.sweeps.timeouts <= turn.now.mono {
            self.sweeps.timeouts = turn.now.mono + timeouts_every(&self.config);
            self.abort_timed_out(turn);
        }
        if self.sweeps.expiry <= turn.now.mono {
            self.sweeps.expiry = turn.now.mono + expiry_every(&self.config);
            self.expire(turn);
        }
    }

    fn loaded_partitions(&self) -> impl Iterator<Item = u32> + use<> {
        let loaded: Vec<u32> = (0u32..)
            .zip(&self.partitions)
            .filter(|(_, p)| p.as_ref().is_some_and(|p| !p.loading))
            .map(|(i, _)| i)
            .collect();
        loaded.into_iter()
    }

    /// Fences and aborts in the same step that finds the transaction, so that no later one of the id is hit.
    fn abort_timed_out(&mut self, turn: &mut Turn<'_>) {
        for partition in self.loaded_partitions() {
            let ids = &self.led(partition).ids;
            let due = |(_, id): &(&Name, &TransactionalId)| timed_out(id, turn.now.wall_ms);
            let due: Vec<Name> = ids.iter().filter(due).map(|(name, _)| name.clone()).collect();
            for name in due {
                // Without a producer id at hand (14) the next sweep tries again.
                let _ = self.fence(turn, partition, &name, None);
            }
        }
    }

    fn expire(&mut self, turn: &mut Turn<'_>) {
        let expiration_ms = self.config.transactional_id_expiration_ms;
        let timeout = Span::from_millis(i64::from(self.config.request_timeout_ms));
        for partition in self.loaded_partitions() {
            let led = self.partitions[partition as usize].as_mut().expect("a loaded partition is led");
            let mut names = Vec::new();
            for (name, id) in &mut led.ids {
                if expired(id, expiration_ms, turn.now.wall_ms) {
                    id.begin(TransactionState::Dead);
                    names.push(name.clone());
                }
            }
            if !names.is_empty() {
                self.writes.tombstones(turn, partition, led.epoch, names, timeout);
            }
        }
    }

    /// The tombstones are committed: the ids are gone. If they failed, the ids stay.
    pub(super) fn settle_tombstones(
        &mut self,
        partition: u32,
        epoch: CoordinatorEpoch,
        names: &[Name],
        outcome: Result<(), ErrorCode>,
    ) {
        if self.available(partition).is_ok_and(|led| led.epoch == epoch) {
            let led = self.partitions[partition as usize].as_mut().expect("the partition is available");
            for name in names {
                if outcome.is_ok() {
                    led.ids.remove(name);
                } else if let Some(id) = led.ids.get_mut(name) {
                    id.pending = None;
                }
            }
        }
    }
}
