//! What an observer of a broker may want to know as it happens: what its leaderships appended, and how far the logs of
//! the coordinators are committed. Off unless asked for.

use std::sync::Arc;

use super::Broker;
use crate::batch::RecordBatch;
use crate::ids::*;

/// Something that happened to a partition that the broker leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalEntry {
    /// A batch was appended to an application's topic.
    Appended(TopicPartition, Arc<RecordBatch>),
    /// The high watermark of a partition of an internal topic moved.
    Committed(TopicPartition),
}

/// The entries that have not been taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    kept: bool,
    entries: Vec<JournalEntry>,
}

impl Broker {
    /// Keeps a journal from now on; whoever asks for it has to take it regularly.
    pub fn keep_journal(&mut self) {
        self.journal.kept = true;
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
        if !self.journal.kept || tp.topic.is_internal() {
            return;
        }
        if let Some(batch) = self.partitions.get(tp).and_then(|p| p.log().last_batch()) {
            self.journal.entries.push(JournalEntry::Appended(tp, batch.clone()));
        }
    }

    pub(super) fn journal_watermark(&mut self, tp: TopicPartition) {
        if self.journal.kept && tp.topic.is_internal() {
            self.journal.entries.push(JournalEntry::Committed(tp));
        }
    }
}
