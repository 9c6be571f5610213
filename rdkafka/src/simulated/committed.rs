//! What programs know to be committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use fencepost_protocol::ids::{Offset, TopicPartition};
use fencepost_protocol::time::Instant;

/// By group and partition, with the time at which the commit began: a process that stood still learns late of a commit
/// that others have overtaken.
#[derive(Debug, Default)]
pub(crate) struct Committed(BTreeMap<(Arc<str>, TopicPartition), (Instant, Offset)>);

impl Committed {
    /// A program learns that an offset is committed.
    pub fn note(&mut self, group: &str, tp: TopicPartition, begun: Instant, offset: Offset) {
        let entry = self.0.entry((group.into(), tp)).or_insert((begun, offset));
        if entry.0 <= begun {
            *entry = (begun, offset);
        }
    }

    /// The offset as far as it is known; `None` if nobody in the group has committed anything.
    pub fn of(&self, group: &Arc<str>, tp: TopicPartition) -> Option<Offset> {
        let any = self.0.keys().any(|(g, _)| g == group);
        any.then(|| self.0.get(&(group.clone(), tp)).map_or(0, |(_, offset)| *offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fencepost_protocol::ids::TopicId;

    #[test]
    fn a_commit_of_which_a_zombie_learns_late_does_not_undo_a_later_one() {
        let (group, tp): (Arc<str>, _) = ("mill".into(), TopicPartition::new(TopicId(2), 1));
        let mut committed = Committed::default();
        assert_eq!(committed.of(&group, tp), None);
        committed.note("mill", tp, Instant(9), 176);
        committed.note("mill", tp, Instant(5), 39);
        assert_eq!(committed.of(&group, tp), Some(176));
        committed.note("mill", tp, Instant(12), 100);
        assert_eq!(committed.of(&group, tp), Some(100), "whoever goes back means it");
        assert_eq!(committed.of(&group, TopicPartition::new(TopicId(2), 0)), Some(0));
        assert_eq!(committed.of(&"other".into(), tp), None);
    }
}
