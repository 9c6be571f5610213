//! The log of metadata changes, and the brokers' long polls that wait at its end.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::image::{ClusterImage, MetadataChange};
use crate::io::{ConnId, Output, Outputs};
use crate::message::{MetadataFetchResponse, Response};

/// Changes that are kept; a broker that lags behind them gets the whole image, as from a KRaft snapshot.
const CAPACITY: usize = 1024;

/// The newest changes and the parked long polls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Journal {
    /// Version before the first change that is kept.
    start: u64,
    changes: VecDeque<MetadataChange>,
    /// Connections that wait, with the version that their broker has. Keyed by connection, not by broker, for a late
    /// poll of a dead incarnation must not displace that of the living one.
    parked: Vec<(ConnId, u64)>,
}

impl Journal {
    /// An empty log that begins after `version`.
    pub(super) fn starting_after(version: u64) -> Journal {
        Journal { start: version, changes: VecDeque::new(), parked: Vec::new() }
    }

    /// Appends a change.
    pub(super) fn append(&mut self, change: MetadataChange) {
        if self.changes.len() == CAPACITY {
            self.changes.pop_front();
            self.start += 1;
        }
        self.changes.push_back(change);
    }

    /// Parks a long poll of a broker that has `after_version`, until [`Journal::publish`] has news for it.
    pub(super) fn park(&mut self, conn: ConnId, after_version: u64) {
        self.parked.push((conn, after_version));
    }

    /// Answers every parked poll that lacks something of `image`.
    pub(super) fn publish(&mut self, image: &ClusterImage, out: &mut Outputs) {
        if self.parked.is_empty() {
            return;
        }
        // Brokers usually wait at the same version: they share one answer.
        let mut last: Option<(u64, Arc<[MetadataChange]>)> = None;
        let mut parked = core::mem::take(&mut self.parked);
        parked.retain(|&(conn, after)| {
            if after >= image.version {
                return true;
            }
            let changes = match &last {
                Some((version, changes)) if *version == after => changes.clone(),
                _ => self.after(after, image),
            };
            last = Some((after, changes.clone()));
            let response = MetadataFetchResponse { version: image.version, changes };
            out.push(Output::Respond(conn, Response::MetadataFetch(response)));
            false
        });
        self.parked = parked;
    }

    fn after(&self, version: u64, image: &ClusterImage) -> Arc<[MetadataChange]> {
        match version.checked_sub(self.start) {
            Some(known) => self.changes.range(known as usize..).cloned().collect(),
            None => image.as_changes().into(),
        }
    }
}
