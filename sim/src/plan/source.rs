//! What clients write.

use std::sync::Arc;

use fencepost_protocol::batch::{Blob, Value};

use crate::stream::mix;

/// Where records come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A pure function of (root seed, workload, index).
    Generated {
        /// Number of records.
        records: u64,
        /// Number of distinct keys; 0 for records without key.
        keys: u64,
        /// Length of each value in bytes.
        value_bytes: u32,
    },
    /// Lines of the user's own file.
    Lines {
        /// Path as given, for messages.
        path: String,
        /// Key and value of each record.
        records: Arc<[(Option<Blob>, Option<Value>)]>,
    },
}

impl Source {
    /// Number of records.
    pub fn len(&self) -> u64 {
        match self {
            Source::Generated { records, .. } => *records,
            Source::Lines { records, .. } => records.len() as u64,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Key and value of record `index`: a pure function of (root seed, workload, index), or a line of the user's file.
    pub fn record(&self, root_seed: u64, workload: u32, index: u64) -> (Option<Blob>, Option<Value>) {
        match self {
            Source::Generated { keys, value_bytes, .. } => {
                let id = mix(mix(root_seed ^ u64::from(workload) << 48) ^ index);
                let key = (*keys > 0).then(|| Blob::Generated { id: id % keys.max(&1), len: 8 });
                (key, Some(Blob::Generated { id, len: *value_bytes }.into()))
            }
            Source::Lines { records, .. } => records[index as usize].clone(),
        }
    }
}

/// What a driver does with a record whose outcome stayed unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnknown {
    /// Leaves it: it may or may not be there.
    Keep,
    /// Sends it again, as applications do that must not lose it.
    Resend,
}
