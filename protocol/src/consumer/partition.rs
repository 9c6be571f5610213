//! What a consumer keeps for each assigned partition and for each broker it fetches from.

use std::collections::BTreeSet;

use crate::ids::*;
use crate::message::FetchPartition;

/// Where a position is to be reset to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResetTo {
    Earliest,
    Latest,
}

/// What a partition is waiting for before it can be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The committed offset.
    Initializing,
    /// ListOffsets.
    AwaitReset(ResetTo),
    /// OffsetForLeaderEpoch: the leader changed, or the position came from elsewhere.
    AwaitValidation,
    /// Nothing.
    Fetching,
    /// A seek by the application.
    Stopped,
}

/// An assigned partition.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    pub state: State,
    /// Changes with every change of state or position, so that an answer to an older question is recognised.
    pub token: u32,
    /// Next offset to deliver. Meaningful while fetching or awaiting validation.
    pub position: Offset,
    /// Leader epoch of the last record delivered (or committed).
    pub position_epoch: LeaderEpoch,
    pub leader: Option<NodeId>,
    pub leader_epoch: LeaderEpoch,
    /// By the application.
    pub paused: bool,
    /// Offered for revocation.
    pub revoking: bool,
    /// Backing off after an error.
    pub held: bool,
    /// Undelivered data is there.
    pub buffered: bool,
    /// The broker whose fetch session lists the partition, and the position that the session has.
    pub listed_on: Option<NodeId>,
    pub listed_offset: Offset,
    pub listed_epoch: LeaderEpoch,
    /// End as the isolation level sees it, -1 while unknown.
    pub end: Offset,
    /// Counted in the consumer's number of partitions that are behind.
    pub lagging: bool,
    /// Consecutive failures, for the back-off.
    pub failures: u32,
}

impl Partition {
    pub fn new(token: u32, leader: Option<NodeId>, leader_epoch: LeaderEpoch) -> Partition {
        Partition {
            state: State::Initializing,
            token,
            position: -1,
            position_epoch: NO_LEADER_EPOCH,
            leader,
            leader_epoch,
            paused: false,
            revoking: false,
            held: false,
            buffered: false,
            listed_on: None,
            listed_offset: -1,
            listed_epoch: NO_LEADER_EPOCH,
            end: -1,
            lagging: true,
            failures: 0,
        }
    }

    /// Whether the position is one that may be committed.
    pub fn has_position(&self) -> bool {
        matches!(self.state, State::Fetching | State::AwaitValidation)
    }

    /// Whether the next fetch to `node` should have the partition.
    pub fn is_fetchable_from(&self, node: NodeId) -> bool {
        self.state == State::Fetching
            && self.leader == Some(node)
            && !self.paused
            && !self.revoking
            && !self.held
            && !self.buffered
    }

    /// Whether the session on `node` has the partition at its position.
    pub fn is_listed_as_is(&self, node: NodeId) -> bool {
        self.listed_on == Some(node) && self.listed_offset == self.position && self.listed_epoch == self.leader_epoch
    }

    /// The entry of a fetch request to `node`.
    pub fn list(&mut self, tp: TopicPartition, node: NodeId, max_bytes: i32) -> FetchPartition {
        self.listed_on = Some(node);
        self.listed_offset = self.position;
        self.listed_epoch = self.leader_epoch;
        FetchPartition {
            tp,
            current_leader_epoch: self.leader_epoch,
            fetch_offset: self.position,
            last_fetched_epoch: NO_LEADER_EPOCH,
            max_bytes,
            log_start_offset: -1,
        }
    }
}

/// A broker that leads partitions of interest: its fetch session (KIP-227) and what waits to be asked there.
#[derive(Clone, Debug)]
pub(super) struct Broker {
    pub node: NodeId,
    pub session_id: u32,
    /// 0: the next fetch is a full one.
    pub session_epoch: i32,
    /// At most one fetch is.
    pub in_flight: bool,
    /// Partitions that the session lists.
    pub members: usize,
    /// Partitions with undelivered data from here. While there are any, nothing is fetched (KAFKA-17182).
    pub buffered: usize,
    /// Partitions to look at when the next fetch is built; may repeat.
    pub changed: Vec<TopicPartition>,
    /// Partitions that left the session.
    pub forgotten: BTreeSet<TopicPartition>,
    /// Partitions that wait for ListOffsets, with their tokens.
    pub to_reset: Vec<(TopicPartition, u32)>,
    /// Partitions that wait for OffsetForLeaderEpoch, with their tokens.
    pub to_validate: Vec<(TopicPartition, u32)>,
}

impl Broker {
    pub fn new(node: NodeId) -> Broker {
        Broker {
            node,
            session_id: 0,
            session_epoch: 0,
            in_flight: false,
            members: 0,
            buffered: 0,
            changed: Vec::new(),
            forgotten: BTreeSet::new(),
            to_reset: Vec::new(),
            to_validate: Vec::new(),
        }
    }
}
