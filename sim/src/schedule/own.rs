//! Faults that only a cluster of Kafka's knows.

use fencepost_kernel::vocabulary::OwnAction;
use fencepost_protocol::broker::Job;
use fencepost_protocol::ids::{NodeId, TopicPartition};
use fencepost_protocol::time::Span;

use super::{Actor, Cast, Kafka};

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Own {
    /// A controlled shutdown and start.
    Restart {
        /// Which broker.
        node: Actor,
        /// Down for, after it has stopped.
        down: Span,
    },
    /// All brokers, one after the other, each when the previous one is back in sync.
    RollingRestart {
        /// Down for, each.
        down: Span,
    },
    /// A leadership moves to another in-sync replica.
    MoveLeader {
        /// Of.
        partition: TopicPartition,
        /// To; none: the next one.
        to: Option<NodeId>,
    },
    /// A broker applies metadata late.
    HoldMetadata {
        /// Which broker.
        node: Actor,
        /// For.
        span: Span,
    },
    /// A background job comes later.
    PostponeJob {
        /// Which broker.
        node: Actor,
        /// Which job.
        job: Job,
        /// By.
        by: Span,
    },
    /// The finalized transaction version changes.
    SetTransactionVersion(u8),
}

impl OwnAction<Kafka> for Own {
    fn actors(&self) -> Vec<Actor> {
        match self {
            Own::Restart { node, .. } | Own::HoldMetadata { node, .. } | Own::PostponeJob { node, .. } => vec![*node],
            Own::RollingRestart { .. } | Own::MoveLeader { .. } | Own::SetTransactionVersion(_) => Vec::new(),
        }
    }

    fn span_mut(&mut self) -> Option<&mut Span> {
        match self {
            Own::Restart { down, .. } | Own::RollingRestart { down } => Some(down),
            Own::HoldMetadata { span, .. } => Some(span),
            Own::PostponeJob { by, .. } => Some(by),
            Own::MoveLeader { .. } | Own::SetTransactionVersion(_) => None,
        }
    }

    fn family(&self) -> u8 {
        match self {
            Own::Restart { .. } => 90,
            Own::RollingRestart { .. } => 100,
            Own::MoveLeader { .. } => 140,
            Own::HoldMetadata { .. } => 170,
            Own::PostponeJob { .. } => 190,
            Own::SetTransactionVersion(_) => 200,
        }
    }

    fn translated(&self, cast: &Cast<'_>) -> Option<Own> {
        let mut other = self.clone();
        match &mut other {
            Own::Restart { node, .. } | Own::HoldMetadata { node, .. } | Own::PostponeJob { node, .. } => {
                *node = cast.actor(*node)?;
            }
            Own::MoveLeader { partition, .. } => {
                cast.item(*partition)?;
            }
            Own::RollingRestart { .. } | Own::SetTransactionVersion(_) => {}
        }
        Some(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fencepost_kernel::schedule::{Action, Deviation, Fault, When};
    use fencepost_protocol::ids::TopicId;
    use fencepost_protocol::time::Instant;

    #[test]
    fn what_concerns_a_missing_broker_or_partition_is_left_out() {
        let fault = |own: Own| {
            Deviation::Fault(Fault { when: When::At(Instant(7)), action: Action::Own(own), optional: false })
        };
        // Node 1 is gone, so 2 moves up; partitions 0 are there.
        let has_item = |tp: TopicPartition| tp.partition == 0;
        let cast = Cast { actors: &[Some(0), None, Some(1)], has_item: &has_item };
        let restart = |node| fault(Own::Restart { node, down: Span(5) });
        assert_eq!(restart(2).translated(&cast), Some(restart(1)));
        assert_eq!(restart(1).translated(&cast), None);
        let moved = |p| fault(Own::MoveLeader { partition: TopicPartition::new(TopicId(2), p), to: None });
        assert_eq!(moved(0).translated(&cast), Some(moved(0)));
        assert_eq!(moved(1).translated(&cast), None);
    }
}
