//! How far a client has come: what it has done for the first time, and never what it does again.

use fencepost_protocol::ids::{Offset, PartitionMap, TopicPartition};

/// Progress of a client, over all its processes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// Steps that can be made only so often as there is input: the next record of a workload, a record's last outcome, a
    /// transaction's commit.
    steps: u64,
    /// The offset after the highest input that was processed, by partition.
    processed: PartitionMap<Offset>,
    /// Rises with each of them.
    version: u64,
}

impl Progress {
    /// Something was done that will not be done again.
    #[inline]
    pub fn step(&mut self) {
        self.steps += 1;
        self.version += 1;
    }

    /// Inputs below `next` were processed.
    #[inline]
    pub fn processed(&mut self, tp: TopicPartition, next: Offset) {
        if self.processed.get(tp).is_none_or(|before| *before < next) {
            self.processed.insert(tp, next);
            self.version += 1;
        }
    }

    /// Another number whenever there was progress.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The first kind.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The second.
    pub fn inputs(&self) -> impl Iterator<Item = (TopicPartition, Offset)> + '_ {
        self.processed.iter().map(|(tp, next)| (tp, *next))
    }
}
