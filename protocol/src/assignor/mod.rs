//! Partition assignors: what the leader of a classic group computes between JoinGroup and SyncGroup (§4.6).
//!
//! They are pure functions of the members' subscriptions, so that every replay assigns alike.

mod cooperative_sticky;
mod range;
mod subscription;
#[cfg(test)]
mod tests;

use crate::ids::{Name, TopicId, TopicPartition};

pub use subscription::{AssignorName, Subscription};

/// Assigns the partitions of the subscribed topics to `members`, one entry a member, in the order of `members`, each
/// with its partitions sorted. `partitions_of` is the number of partitions that the group's leader knows of a topic,
/// 0 for a topic that it does not know.
pub fn assign(
    name: AssignorName,
    members: &[(Name, Subscription)],
    partitions_of: impl Fn(TopicId) -> u32,
) -> Vec<(Name, Vec<TopicPartition>)> {
    let mut topics: Vec<TopicId> = members.iter().flat_map(|(_, s)| s.topics.iter().copied()).collect();
    topics.sort_unstable();
    topics.dedup();
    let topics: Vec<(TopicId, u32)> = topics.into_iter().map(|t| (t, partitions_of(t))).collect();
    let mut assignments = match name {
        AssignorName::Range => range::assign(members, &topics),
        AssignorName::CooperativeSticky => cooperative_sticky::assign(members, &topics),
    };
    assignments.iter_mut().for_each(|partitions| partitions.sort_unstable());
    members.iter().map(|(member, _)| member.clone()).zip(assignments).collect()
}
