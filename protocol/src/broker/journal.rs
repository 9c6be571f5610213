//! What an observer of a broker may want to know as it happens: what its leaderships appended, and how far the logs of
//! the coordinators are committed. Off unless asked for.

use std::sync::Arc;

use super::Broker;
use crate::batch::RecordBatch;
use crate::ids::*;

/// Something that happened to a partition that the broker leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalEntry {
    /// A batch was appended: always told of applications' topics, of internal ones only if asked for.
    Appended(TopicPartition, Arc<RecordBatch>),
    /// The high watermark of a partition moved: always told of internal topics, of others only if asked for.
    Committed(TopicPartition),
}

/// The entries that have not been taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    kept: bool,
    /// Tells of every watermark, not only of those of internal topics, and of what is appended to these.
    whole: bool,
    entries: Vec<JournalEntry>,
    tally: BrokerTally,
}

/// What a broker has counted since its process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokerTally {
    /// Records of batches that it recognised as stored already, and did not store again (§2.3).
    pub absorbed: u64,
    /// Largest distance, in offsets, of a last stable offset from its high watermark, among partitions of applications
    /// that it led (§2.8).
    pub largest_lso_lag: u64,
}

impl Broker {
    /// Keeps a journal from now on; whoever asks for it has to take it regularly.
    pub fn keep_journal(&mut self) {
        self.journal.kept = true;
    }

    /// Tells of every move of a high watermark, and of every append, from now on.
    pub fn keep_whole_journal(&mut self) {
        self.journal.whole = true;
    }

    /// What it has counted.
    pub fn tally(&self) -> BrokerTally {
        self.journal.tally
    }

    pub(super) fn count_absorbed(&mut self, records: i64) {
        self.journal.tally.absorbed += records.max(0) as u64;
    }

    /// Whether there is something to take.
    pub fn has_journal(&self) -> bool {
        !self.journal.entries.is_empty()
    }

    /// Takes the entries, in the order in which they happened.
    pub fn take_journal(&mut self) -> Vec<JournalEntry> {
        core::mem::take(&mut self.journal.entries)
    }

    pub(super) fn journal_append(&mut self, tp: TopicPartition) {
        if !self.journal.kept || (tp.topic.is_internal() && !self.journal.whole) {
            return;
        }
        if let Some(batch) = self.partitions.get(tp).and_then(|p| p.log().last_batch()) {
            self.journal.entries.push(JournalEntry::Appended(tp, batch.clone()));
        }
    }

    pub(super) fn journal_watermark(&mut self, tp: TopicPartition) {
        if !tp.topic.is_internal() {
            let Some(log) = self.partitions.get(tp).map(|p| p.log()) else { return };
            let lag = (log.high_watermark() - log.last_stable_offset()).max(0) as u64;
            self.journal.tally.largest_lso_lag = self.journal.tally.largest_lso_lag.max(lag);
            if !self.journal.whole {
                return;
            }
        }
        if self.journal.kept {
            self.journal.entries.push(JournalEntry::Committed(tp));
        }
    }
}
