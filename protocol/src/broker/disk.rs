//! What remains of a broker when its process is gone.

use super::Broker;
use crate::ids::*;
use crate::log::{Ending, LogOnDisk, LogSettings, PartitionLog};

/// A broker's data directory. Empty by `Default`.
#[derive(Clone, Debug, Default)]
pub struct BrokerDisk {
    /// The replicas.
    pub(super) logs: PartitionMap<StoredLog>,
    /// Mark of a clean shutdown with the broker epoch of that run (KIP-966).
    pub(super) clean_shutdown: Option<i64>,
}

/// One replica's directory.
#[derive(Clone, Debug)]
pub(super) struct StoredLog {
    pub disk: LogOnDisk,
    pub settings: LogSettings,
}

impl BrokerDisk {
    /// Broker epoch of the run that shut down cleanly, if the last one did.
    pub fn clean_shutdown(&self) -> Option<i64> {
        self.clean_shutdown
    }

    pub(super) fn into_logs(mut self) -> Vec<(TopicPartition, StoredLog)> {
        let keys: Vec<TopicPartition> = self.logs.keys().collect();
        keys.into_iter().filter_map(|tp| Some((tp, self.logs.remove(tp)?))).collect()
    }

    /// Partitions that have a replica here.
    pub fn partitions(&self) -> impl Iterator<Item = TopicPartition> {
        self.logs.keys()
    }
}

impl Broker {
    /// Ends the process. `ending` says for each replica what its disk keeps; when all end cleanly (and the broker had
    /// registered), the mark of a clean shutdown is left.
    pub fn stop(self, mut ending: impl FnMut(TopicPartition, &PartitionLog) -> Ending) -> BrokerDisk {
        let mut disk = BrokerDisk::default();
        let mut clean = true;
        let settings: Vec<_> = self.partitions.iter().map(|(tp, p)| (tp, p.settings)).collect();
        let mut partitions = self.partitions;
        for (tp, settings) in settings {
            let partition = partitions.remove(tp).expect("a partition that was listed a moment ago");
            let ending = ending(tp, &partition.log);
            clean &= ending == Ending::Clean;
            disk.logs.insert(tp, StoredLog { disk: partition.log.close(ending), settings });
        }
        disk.clean_shutdown = if clean { self.life.broker_epoch } else { None };
        disk
    }
}
