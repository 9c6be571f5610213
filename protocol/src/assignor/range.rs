//! `range`: each topic by itself, in contiguous ranges, over its subscribers sorted by member id; the first ones get
//! one partition more if the division leaves a rest.

use super::subscription::Subscription;
use crate::ids::{Name, TopicId, TopicPartition};

/// The partitions of each member, by its index in `members`.
pub(super) fn assign(members: &[(Name, Subscription)], topics: &[(TopicId, u32)]) -> Vec<Vec<TopicPartition>> {
    let mut by_id: Vec<usize> = (0..members.len()).collect();
    by_id.sort_by(|a, b| members[*a].0.cmp(&members[*b].0));
    let mut assignments = vec![Vec::new(); members.len()];
    for &(topic, partitions) in topics {
        let subscribers: Vec<usize> = by_id.iter().copied().filter(|m| members[*m].1.topics.contains(&topic)).collect();
        let count = subscribers.len() as u32;
        let (share, rest) = (partitions / count, partitions % count);
        let mut next = 0;
        for (rank, member) in subscribers.into_iter().enumerate() {
            let end = next + share + u32::from((rank as u32) < rest);
            assignments[member].extend((next..end).map(|p| TopicPartition::new(topic, p)));
            next = end;
        }
    }
    assignments
}
