//! What a member wants, and by which assignor.

use crate::ids::{TopicId, TopicPartition};

/// `partition.assignment.strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssignorName {
    /// `range`, eager.
    Range,
    /// `cooperative-sticky`, incremental.
    CooperativeSticky,
}

/// What a member tells the leader of its group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Topics wanted, sorted.
    pub topics: Vec<TopicId>,
    /// Partitions owned at the time (cooperative).
    pub owned: Vec<TopicPartition>,
    /// Generation in which they were owned, -1 for none.
    pub generation: i32,
}
