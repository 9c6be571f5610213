//! Near misses: legal histories that look suspicious. None may raise an alarm.

mod answers;
mod declarations;
mod groups;
mod logs;
mod producers;
mod readers;
mod transactions;

use fencepost_reports::Kind;
use fencepost_reports::history::event::*;

use crate::dice::Dice;
use crate::kinds::records::quiet;
use crate::past::{Past, Sent};
use answers::{aborted_and_sent_again, already, sent_again, unknown_not_stored, unknown_stored, without_offset};
use declarations::{allowed_duplicate, allowed_loss, may_be_empty, quiet_fault};
use groups::{committed_again, rebalance, reloaded};
use logs::{compacted, deleted, replicas_agree, truncated};
use producers::{ends, raised, zombie};
use readers::{again, another_reader, stopped_early};
use transactions::transaction;

pub use groups::owner;
pub use transactions::Stored;

/// A kind of near miss.
pub struct Near {
    pub name: &'static str,
    /// What is found and declared; nothing may be held against the verdict.
    pub allowed: &'static [Kind],
    pub make: fn(&Past, &mut Dice) -> Made,
}

/// The edited history, and what was done to it.
type Made = Option<(Vec<Event<'static>>, String)>;

pub fn all() -> Vec<Near> {
    let near = |name, make| Near { name, allowed: &[], make };
    vec![
        near("unknown-and-stored", unknown_stored),
        near("unknown-and-not-stored", unknown_not_stored),
        near("acknowledged-without-offset", without_offset),
        near("reader-seeks-back", |past, dice| again(past, dice, PositionReason::Seek)),
        near("reader-reset", |past, dice| again(past, dice, PositionReason::Reset)),
        Near { name: "reader-stopped-early", allowed: &[Kind::Unprocessed, Kind::Unowned], make: stopped_early },
        near("another-reader-at-read-committed", |past, dice| another_reader(past, dice, Isolation::ReadCommitted)),
        near("another-reader-at-read-uncommitted", |past, dice| another_reader(past, dice, Isolation::ReadUncommitted)),
        near("compacted", compacted),
        near("deleted-prefix", deleted),
        near("failed-and-sent-again", |past, dice| sent_again(past, dice, true)),
        near("unknown-and-sent-again", |past, dice| sent_again(past, dice, false)),
        near("aborted-and-sent-again", aborted_and_sent_again),
        near("commit-unknown-and-committed", |past, dice| {
            transaction(past, dice, Some(true), true, DecisionCause::Request)
        }),
        near("commit-unknown-and-aborted", |past, dice| {
            transaction(past, dice, Some(true), false, DecisionCause::Timeout)
        }),
        near("transaction-timed-out", |past, dice| transaction(past, dice, None, false, DecisionCause::Timeout)),
        near("aborted-by-the-next-incarnation", |past, dice| transaction(past, dice, None, false, DecisionCause::Init)),
        near("abort-unknown", |past, dice| transaction(past, dice, Some(false), false, DecisionCause::Request)),
        near("zombie-that-did-nothing", zombie),
        near("rebalance", rebalance),
        near("offset-reloaded", reloaded),
        near("offset-committed-again", committed_again),
        Near { name: "duplicate-that-is-allowed", allowed: &[Kind::Duplicate], make: allowed_duplicate },
        Near { name: "loss-that-is-allowed", allowed: &[Kind::Loss], make: allowed_loss },
        near("topic-that-may-be-empty", may_be_empty),
        near("replicas-agree", replicas_agree),
        near("truncated-tail", truncated),
        near("optional-fault-that-stays-out", |past, dice| quiet_fault(past, dice, true)),
        near("drawn-fault-that-stays-out", |past, dice| quiet_fault(past, dice, false)),
        near("effect-that-was-there-already", already),
        near("idempotent-producer-raises-its-epoch", raised),
        near("producer-ends-by-itself", ends),
    ]
}

fn plain(past: &Past) -> Vec<Sent> {
    quiet(past).into_iter().filter(|s| s.n.is_none() && s.id.is_workload()).collect()
}
