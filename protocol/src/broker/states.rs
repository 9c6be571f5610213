//! In what state the machines inside a broker are, as far as one request is concerned: white box, for coverage.
//!
//! Each look-up is one search in a small map and copies a few words, because it is made for every request.

use super::Broker;
use crate::group::GroupState;
use crate::ids::*;
use crate::transaction::IdState;

impl Broker {
    /// State of a transactional id; `None` if this broker does not coordinate it now, or is still loading.
    pub fn transactional_id_state(&self, id: &str) -> Option<IdState> {
        let partitions = self.image.topic(TopicId::TRANSACTION_STATE)?.partitions.len() as u32;
        (partitions > 0).then(|| self.transactions.state_of(coordinator_partition(id, partitions), id))?
    }

    /// State of a group (`Some(None)` if there is none of that id); `None` if this broker does not coordinate it now, or is
    /// still loading.
    pub fn group_state(&self, id: &Name) -> Option<Option<GroupState>> {
        let partitions = self.image.topic(TopicId::CONSUMER_OFFSETS)?.partitions.len() as u32;
        (partitions > 0).then(|| self.groups.state_of(coordinator_partition(id, partitions), id))?
    }
}
