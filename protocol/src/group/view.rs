//! What a group coordinator knows of its groups, for those who look into it (white box).

use super::group::GroupState;
use super::{GroupCoordinator, Shard};
use crate::ids::{Name, TopicPartition};

/// A group as its coordinator has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Its id.
    pub id: Name,
    /// Its state.
    pub state: GroupState,
    /// Its generation.
    pub generation: i32,
    /// Client id and assignment of each member, in the order of member ids.
    pub members: Vec<(Name, Vec<TopicPartition>)>,
}

impl GroupCoordinator {
    /// All groups led here, by partition and then by id.
    pub fn groups(&self) -> Vec<GroupView> {
        let groups = self.shards.iter().flatten().flat_map(Shard::groups_by_id);
        let view = |(id, group): (&Name, &super::group::Group)| GroupView {
            id: Name::clone(id),
            state: group.state(),
            generation: group.generation(),
            members: group.members.values().map(|m| (Name::clone(&m.client_id), m.assignment.clone())).collect(),
        };
        groups.map(view).collect()
    }
}
