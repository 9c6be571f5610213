//! One replica as the broker holds it: its log, its role, and the high-watermark rule (§7.2).

use super::wait::Wait;
use crate::config::BrokerVariant;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::image::ClusterImage;
use crate::log::{LogSettings, PartitionLog};
use crate::sorted::Sorted;
use crate::time::{Instant, Span};

/// What a leader knows of one follower (§7.2).
#[derive(Clone, Debug)]
pub(super) struct Replica {
    pub id: NodeId,
    /// Everything below is known to be replicated there; -1: unknown.
    pub end_offset: Offset,
    /// The follower was level with the leader at that time; `None`: not known to have been.
    pub caught_up: Option<Instant>,
    /// Leader's log end at the last fetch.
    pub leader_end_at_fetch: Offset,
    /// Time of the last fetch.
    pub last_fetch: Option<Instant>,
    /// Broker epoch that the last fetch carried.
    pub broker_epoch: Option<i64>,
    /// The follower's fetch session contains the partition, so that each fetch of the session says that it is still at
    /// `end_offset`.
    pub in_session: bool,
}

impl Replica {
    fn new(id: NodeId) -> Replica {
        Replica {
            id,
            end_offset: -1,
            caught_up: None,
            leader_end_at_fetch: -1,
            last_fetch: None,
            broker_epoch: None,
            in_session: false,
        }
    }

    /// §7.2, "caught up": level with the leader, or so within the lag time.
    pub fn is_caught_up(&self, leader_end: Offset, now: Instant, lag: Span) -> bool {
        self.end_offset == leader_end || self.caught_up.is_some_and(|at| now.since(at) <= lag)
    }

    /// A fetch at `offset` arrived while the leader's log ended at `leader_end`.
    pub fn fetched(&mut self, offset: Offset, leader_end: Offset, now: Instant, broker_epoch: i64) {
        if offset >= leader_end {
            self.caught_up = self.caught_up.max(Some(now));
        } else if self.last_fetch.is_some() && offset >= self.leader_end_at_fetch {
            self.caught_up = self.caught_up.max(self.last_fetch);
        }
        self.end_offset = offset;
        self.leader_end_at_fetch = self.leader_end_at_fetch.max(leader_end);
        self.last_fetch = Some(now);
        self.broker_epoch = Some(broker_epoch);
    }

    /// Takes over what the fetches of an idle session said: still at `end_offset`, which is the leader's end, at `at`.
    pub fn was_idle(&mut self, leader_end: Offset, at: Instant) {
        if self.in_session && self.end_offset == leader_end {
            self.caught_up = self.caught_up.max(Some(at));
            self.last_fetch = self.last_fetch.max(Some(at));
            self.leader_end_at_fetch = self.leader_end_at_fetch.max(leader_end);
        }
    }
}

/// A change of the in-sync set that the controller has not confirmed (§7.2).
#[derive(Clone, Debug)]
pub(super) struct ProposedIsr {
    /// The set that is asked for.
    pub isr: Vec<NodeId>,
    /// Who joins by it; counted already in the maximal ISR.
    pub joining: Option<NodeId>,
}

/// State of a leader.
#[derive(Clone, Debug)]
pub(super) struct Leader {
    /// Log end when the epoch began.
    pub epoch_start: Offset,
    /// Committed in-sync set.
    pub isr: Vec<NodeId>,
    /// At most one change at a time.
    pub proposed: Option<ProposedIsr>,
    /// The other replicas, in assignment order.
    pub followers: Vec<Replica>,
}

impl Leader {
    /// Whether `node` is in the maximal ISR: the committed one and, while an expansion is in flight, the new member.
    pub fn in_maximal_isr(&self, node: NodeId) -> bool {
        self.isr.contains(&node) || self.proposed.as_ref().is_some_and(|p| p.joining == Some(node))
    }

    /// Size of the maximal ISR.
    pub fn maximal_isr_len(&self) -> usize {
        self.isr.len() + usize::from(self.proposed.as_ref().is_some_and(|p| p.joining.is_some()))
    }

    /// The follower `node`.
    pub fn follower(&mut self, node: NodeId) -> Option<&mut Replica> {
        self.followers.iter_mut().find(|r| r.id == node)
    }
}

/// State of a follower.
#[derive(Clone, Debug, Default)]
pub(super) struct Follower {
    /// Whom it fetches from.
    pub leader: Option<NodeId>,
    /// Offset and leader epoch of the position that the leader was last told.
    pub sent: Option<(Offset, LeaderEpoch)>,
    /// In the fetcher's list of positions to tell.
    pub queued: bool,
    /// In the fetcher's session.
    pub in_session: bool,
    /// Not fetched for the moment: backing off, or fenced until new metadata.
    pub paused: bool,
}

/// What a replica is at present.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// The metadata has not said anything yet.
    Idle,
    /// Leader.
    Leader(Leader),
    /// Follower.
    Follower(Follower),
}

/// An entry in a partition's list of watchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watch {
    pub session: u32,
    /// The reader is a follower: appends are news, not only moves of the high watermark.
    pub follower: bool,
}

/// One replica.
#[derive(Clone, Debug)]
pub struct Partition {
    pub(super) log: PartitionLog,
    pub(super) settings: LogSettings,
    pub(super) role: Role,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) partition_epoch: i32,
    /// min(min.insync.replicas, replication factor) (§7.2).
    pub(super) min_isr: usize,
    pub(super) max_message_bytes: u32,
    /// Fetch sessions to be told of news.
    pub(super) watchers: Vec<Watch>,
    /// What waits for the high watermark, by the offset that it must reach.
    pub(super) waiting: Sorted<(Offset, u64), Wait>,
    /// On the list of partitions that the ISR check looks at.
    pub(super) on_lag_list: bool,
    /// On the list of partitions whose high watermark moved since its last checkpoint.
    pub(super) on_watermark_list: bool,
    /// On the list of partitions written since the last recovery-point checkpoint.
    pub(super) on_recovery_list: bool,
}

impl Partition {
    pub(super) fn new(log: PartitionLog, settings: LogSettings) -> Partition {
        Partition {
            log,
            settings,
            role: Role::Idle,
            leader_epoch: NO_LEADER_EPOCH,
            partition_epoch: -1,
            min_isr: 1,
            max_message_bytes: u32::MAX,
            watchers: Vec::new(),
            waiting: Sorted::default(),
            on_lag_list: false,
            on_watermark_list: false,
            on_recovery_list: false,
        }
    }

    /// The log.
    pub fn log(&self) -> &PartitionLog {
        &self.log
    }

    /// Whether this replica believes to be the leader.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Leader epoch of the present role; [`NO_LEADER_EPOCH`] before the first.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// Partition epoch on which the role rests; -1 before the first.
    pub fn partition_epoch(&self) -> i32 {
        self.partition_epoch
    }

    /// Committed in-sync set as the leader knows it; `None` on a follower.
    pub fn isr(&self) -> Option<&[NodeId]> {
        self.leader().map(|l| l.isr.as_slice())
    }

    /// Maximal in-sync set of the leader (§7.2); `None` on a follower.
    pub fn maximal_isr(&self) -> Option<Vec<NodeId>> {
        let leader = self.leader()?;
        let joining = leader.proposed.as_ref().and_then(|p| p.joining);
        Some(leader.isr.iter().copied().chain(joining).collect())
    }

    /// min(min.insync.replicas, replication factor).
    pub fn effective_min_isr(&self) -> usize {
        self.min_isr
    }

    pub(super) fn leader(&self) -> Option<&Leader> {
        match &self.role {
            Role::Leader(leader) => Some(leader),
            _ => None,
        }
    }

    pub(super) fn leader_mut(&mut self) -> Option<&mut Leader> {
        match &mut self.role {
            Role::Leader(leader) => Some(leader),
            _ => None,
        }
    }

    pub(super) fn follower_mut(&mut self) -> Option<&mut Follower> {
        match &mut self.role {
            Role::Follower(follower) => Some(follower),
            _ => None,
        }
    }

    /// The check of `currentLeaderEpoch`, then of leadership, in Kafka's order.
    pub(super) fn check_leader(&self, current_leader_epoch: LeaderEpoch) -> Result<&Leader, ErrorCode> {
        if current_leader_epoch != NO_LEADER_EPOCH && !matches!(self.role, Role::Idle) {
            if current_leader_epoch < self.leader_epoch {
                return Err(ErrorCode::FencedLeaderEpoch);
            }
            if current_leader_epoch > self.leader_epoch {
                return Err(ErrorCode::UnknownLeaderEpoch);
            }
        }
        self.leader().ok_or(ErrorCode::NotLeaderOrFollower)
    }

    /// Whether readers are served what this leader had when its epoch began, though its followers may not have it.
    pub(super) fn serves_unconfirmed(&self, leader: &Leader) -> bool {
        self.settings.variants.has(BrokerVariant::LeaderBeforeTermCommit)
            && self.log.high_watermark() < leader.epoch_start
    }

    /// §1.6 and §3.3: an acks=all write is refused before the append while the in-sync set is too small.
    pub(super) fn has_enough_in_sync(&self) -> bool {
        self.leader().is_some_and(|l| l.isr.len() >= self.min_isr)
    }

    /// Outcome of an acks=all write whose last record the high watermark has passed (§1.6, 20).
    pub(super) fn outcome_after_append(&self) -> Result<(), ErrorCode> {
        match self.leader() {
            None => Err(ErrorCode::NotLeaderOrFollower),
            Some(leader) if leader.maximal_isr_len() < self.min_isr => Err(ErrorCode::NotEnoughReplicasAfterAppend),
            Some(_) => Ok(()),
        }
    }

    /// Where the high watermark of this leader may stand (§7.2); `None`: it must not move.
    pub(super) fn allowed_high_watermark(&self, image: &ClusterImage, now: Instant, lag: Span) -> Option<Offset> {
        let leader = self.leader()?;
        if leader.isr.len() < self.min_isr {
            return None; // KIP-966
        }
        let end = self.log.log_end_offset();
        let mut mark = end;
        for replica in &leader.followers {
            if replica.end_offset < mark
                && (leader.in_maximal_isr(replica.id)
                    || (replica.is_caught_up(end, now, lag) && is_eligible(replica, image)))
            {
                mark = replica.end_offset;
            }
        }
        Some(mark)
    }
}

/// Whether a follower may join the in-sync set (§7.2): alive, not shutting down, and its fetches carry the broker epoch
/// of its registration.
pub(super) fn is_eligible(replica: &Replica, image: &ClusterImage) -> bool {
    image
        .brokers
        .get(&replica.id)
        .is_some_and(|b| !b.fenced && !b.in_controlled_shutdown && replica.broker_epoch == Some(b.epoch))
}

/// A leader's state for a new or changed registration; what is known of followers is kept if it led before.
pub(super) fn lead(
    before: Option<Leader>,
    new_epoch: bool,
    me: NodeId,
    registration: &crate::image::PartitionImage,
    log_end: Offset,
    now: Instant,
) -> Leader {
    let epoch_start = match &before {
        Some(leader) if !new_epoch => leader.epoch_start,
        _ => log_end,
    };
    let led_before = before.is_some();
    let mut known = before.map_or_else(Vec::new, |l| l.followers);
    let followers = registration
        .replicas
        .iter()
        .filter(|id| **id != me)
        .map(|id| {
            let kept = known.iter().position(|r| r.id == *id).map(|i| known.swap_remove(i));
            let mut replica = kept.unwrap_or_else(|| Replica::new(*id));
            if new_epoch {
                // The lag clock starts now for members of the in-sync set (§7.2).
                let in_sync = registration.isr.contains(id);
                replica.caught_up = in_sync.then_some(now);
                replica.last_fetch = if led_before && in_sync { Some(now) } else { None };
                replica.leader_end_at_fetch = if led_before { log_end } else { -1 };
            }
            replica
        })
        .collect();
    Leader { epoch_start, isr: registration.isr.clone(), proposed: None, followers }
}
