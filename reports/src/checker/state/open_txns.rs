//! White box: which offsets of a log belong to transactions that its markers have left open (§2.7, §2.9).

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::fast::Fast;
use crate::history::event::Appended;

/// Offsets that one batch or several adjoining ones of an open transaction take.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    end: i64,
    pid: i64,
}

/// A transaction that its log's markers have not closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenTxn {
    /// Its first offset.
    pub(crate) first: i64,
    /// Epoch of its first batch.
    pub(crate) epoch: i16,
    /// When that was appended.
    pub(crate) t: u64,
    /// It was opened when a decision about it had been told already: at which epoch.
    pub(crate) late: Option<i16>,
    /// It was opened by a batch that was reported already: its marker is not missed.
    pub(crate) fenced: bool,
}

/// The same with where it is.
#[derive(Clone, Debug)]
struct Open {
    txn: OpenTxn,
    /// First offsets of its stretches, in order. What was truncated is taken off the end when the transaction is looked at.
    starts: Vec<i64>,
}

/// What a log's markers have left open.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenInLog {
    /// By first offset.
    stretches: BTreeMap<i64, Stretch>,
    producers: IndexMap<i64, Open, Fast>,
    /// The log's end.
    pub(crate) end: i64,
}

impl OpenInLog {
    /// Whether an offset is of an open transaction.
    #[inline]
    pub(crate) fn holds(&self, offset: i64) -> bool {
        self.holder(offset).is_some()
    }

    /// The producer id of the open transaction that an offset is of.
    #[inline]
    pub(crate) fn holder(&self, offset: i64) -> Option<i64> {
        let (_, stretch) = self.stretches.range(..=offset).next_back()?;
        (offset < stretch.end).then_some(stretch.pid)
    }

    /// The producer id of the transaction that has been open for longest.
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.stretches.first_key_value().map(|(_, stretch)| stretch.pid)
    }

    /// A producer's open transaction.
    pub(crate) fn of(&mut self, pid: i64) -> Option<&mut OpenTxn> {
        let index = self.producers.get_index_of(&pid)?;
        let (stretches, starts) = (&self.stretches, &mut self.producers[index].starts);
        while starts.last().is_some_and(|start| stretches.get(start).is_none_or(|stretch| stretch.pid != pid)) {
            starts.pop();
        }
        if starts.is_empty() {
            self.producers.swap_remove_index(index);
            return None;
        }
        Some(&mut self.producers[index].txn)
    }

    /// Every open transaction with its producer id, in no particular order.
    pub(crate) fn all(&mut self) -> Vec<(i64, OpenTxn)> {
        let pids: Vec<i64> = self.producers.keys().copied().collect();
        pids.into_iter().filter_map(|pid| self.of(pid).map(|txn| (pid, *txn))).collect()
    }

    pub(crate) fn truncate(&mut self, offset: i64) {
        self.stretches.split_off(&offset);
        if let Some((_, last)) = self.stretches.iter_mut().next_back() {
            last.end = last.end.min(offset);
        }
    }

    pub(crate) fn extend(&mut self, e: &Appended, end: i64) {
        if self.of(e.pid).is_none() {
            let txn = OpenTxn { first: e.base, epoch: e.epoch, t: e.t, late: None, fenced: false };
            self.producers.insert(e.pid, Open { txn, starts: Vec::new() });
        }
        let starts = &mut self.producers[&e.pid].starts;
        if let Some(last) = starts.last().and_then(|start| self.stretches.get_mut(start))
            && last.end == e.base
        {
            last.end = end;
            return;
        }
        starts.push(e.base);
        self.stretches.insert(e.base, Stretch { end, pid: e.pid });
    }

    /// Closes a producer's transaction; its stretches.
    pub(crate) fn close(&mut self, pid: i64) -> Vec<(i64, i64)> {
        if self.of(pid).is_none() {
            return Vec::new();
        }
        let txn = self.producers.swap_remove(&pid).expect("it was just looked at");
        let stretch = |start: i64| Some((start, self.stretches.remove(&start)?.end));
        txn.starts.into_iter().filter_map(stretch).collect()
    }
}
