//! Changes of partitions: AlterPartition, removal of a broker, elections, moved leaderships (§7.1, §7.2, §7.5).

use super::Controller;
use super::election::{Terms, amend};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::image::{MetadataChange, PartitionImage, TopicSettings};
use crate::io::Outputs;
use crate::message::*;
use crate::time::Now;

/// How a broker leaves the in-sync sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure {
    /// Its data are still there: it may stay eligible.
    Clean,
    /// It restarted and may have lost data (KIP-966).
    Unclean,
}

impl Controller {
    /// §7.2.
    pub(super) fn alter_partition(&mut self, request: AlterPartitionRequest) -> AlterPartitionResponse {
        if let Err(error) = self.check_broker_epoch(request.broker, request.broker_epoch) {
            return AlterPartitionResponse { error: Some(error), partitions: Vec::new() };
        }
        let leader = request.broker;
        let partitions = request.partitions.iter().map(|e| (e.tp, self.alter_one_partition(leader, e))).collect();
        AlterPartitionResponse { error: None, partitions }
    }

    fn alter_one_partition(
        &mut self,
        sender: NodeId,
        entry: &AlterPartitionEntry,
    ) -> Result<AlteredPartition, ErrorCode> {
        let tp = entry.tp;
        let topic = self.image.topic(tp.topic).ok_or(ErrorCode::UnknownTopicId)?;
        let old = topic.partitions.get(tp.partition as usize).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        self.check_alteration(sender, old, entry)?;
        // A leader that was elected uncleanly has recovered when it asks for its first change.
        let terms = Terms { recovering: false, ..self.terms(&topic.settings, old) };
        let isr = old.replicas.iter().copied().filter(|r| entry.isr.iter().any(|(id, _)| id == r)).collect();
        if let Some(new) = amend(old, isr, terms, |r| self.may_lead(r)) {
            self.commit_partition(tp, new);
        }
        let partition = self.image.partition(tp).expect("it was there a moment ago");
        // Only a finished reassignment could move the leadership.
        let leader = partition.leader.filter(|l| *l == sender).ok_or(ErrorCode::NewLeaderElected)?;
        Ok(AlteredPartition {
            leader,
            leader_epoch: partition.leader_epoch,
            isr: partition.isr.clone(),
            partition_epoch: partition.partition_epoch,
        })
    }

    /// The checks of §7.2, in their order.
    fn check_alteration(
        &self,
        sender: NodeId,
        partition: &PartitionImage,
        entry: &AlterPartitionEntry,
    ) -> Result<(), ErrorCode> {
        if entry.leader_epoch > partition.leader_epoch || entry.partition_epoch > partition.partition_epoch {
            return Err(ErrorCode::NotController);
        }
        if entry.leader_epoch < partition.leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if partition.leader != Some(sender) {
            return Err(ErrorCode::InvalidRequest);
        }
        if entry.partition_epoch < partition.partition_epoch {
            return Err(ErrorCode::InvalidUpdateVersion);
        }
        let well_formed = entry.isr.iter().enumerate().all(|(i, (id, _))| {
            partition.replicas.contains(id) && entry.isr[..i].iter().all(|(earlier, _)| earlier != id)
        });
        if !well_formed || !entry.isr.iter().any(|(id, _)| *id == sender) {
            return Err(ErrorCode::InvalidRequest);
        }
        let eligible = |&(id, epoch): &(NodeId, i64)| {
            self.is_active(id) && (epoch == -1 || self.image.brokers[&id].epoch == epoch)
        };
        if entry.isr.iter().all(eligible) { Ok(()) } else { Err(ErrorCode::IneligibleReplica) }
    }

    /// Takes the broker out of every in-sync set, electing new leaders where it led; after an unclean shutdown out of
    /// the eligible replicas, too.
    pub(super) fn remove_from_in_sync(&mut self, broker: NodeId, departure: Departure) {
        // Without ELR the controller does not tell the two apart.
        let unclean = departure == Departure::Unclean && self.elr();
        self.amend_all(
            |p| p.isr.contains(&broker) || unclean && p.elr.contains(&broker),
            Some(broker),
            unclean.then_some(broker),
        );
    }

    /// Tries to find a leader for every partition that has none.
    pub(super) fn elect_where_leaderless(&mut self) {
        self.amend_all(|p| p.leader.is_none(), None, None);
    }

    /// Amends every partition that is `concerned`, with `removed` neither in sync nor leader.
    fn amend_all(
        &mut self,
        concerned: impl Fn(&PartitionImage) -> bool,
        removed: Option<NodeId>,
        unclean_shutdown: Option<NodeId>,
    ) {
        for t in 0..self.image.topics.len() {
            for p in 0..self.image.topics[t].partitions.len() {
                let topic = &self.image.topics[t];
                let old = &topic.partitions[p];
                if !concerned(old) {
                    continue;
                }
                let terms = Terms { unclean_shutdown, ..self.terms(&topic.settings, old) };
                let isr = old.isr.iter().copied().filter(|r| Some(*r) != removed).collect();
                if let Some(new) = amend(old, isr, terms, |r| Some(r) != removed && self.may_lead(r)) {
                    self.commit_partition(TopicPartition::new(TopicId(t as u32), p as u32), new);
                }
            }
        }
    }

    /// Hands the leadership of `tp` to another in-sync replica: to `to`, or to the next active one in the order of the
    /// assignment. Returns whether that was possible; nothing changes otherwise.
    pub fn move_leader(&mut self, _now: Now, tp: TopicPartition, to: Option<NodeId>, out: &mut Outputs) -> bool {
        let moved = self.moved_leader(tp, to);
        let possible = moved.is_some();
        if let Some(new) = moved {
            self.commit_partition(tp, new);
        }
        self.publish(out);
        possible
    }

    fn moved_leader(&self, tp: TopicPartition, to: Option<NodeId>) -> Option<PartitionImage> {
        let old = self.image.partition(tp)?;
        let leader = old.leader?;
        let candidate = |r: &NodeId| *r != leader && old.isr.contains(r) && self.is_active(*r);
        let at = old.replicas.iter().position(|r| *r == leader).expect("the leader is a replica");
        let (before, after) = old.replicas.split_at(at);
        let next = || after.iter().chain(before).copied().find(candidate);
        let leader = to.map_or_else(next, |to| Some(to).filter(candidate))?;
        Some(PartitionImage {
            leader: Some(leader),
            leader_epoch: old.leader_epoch + 1,
            partition_epoch: old.partition_epoch + 1,
            ..old.clone()
        })
    }

    fn commit_partition(&mut self, tp: TopicPartition, new: PartitionImage) {
        let old_leader = self.image.partition(tp).expect("only existing partitions change").leader;
        if old_leader != new.leader {
            if let Some(leader) = old_leader {
                self.session(leader).leaderships -= 1;
            }
            if let Some(leader) = new.leader {
                self.session(leader).leaderships += 1;
                self.leader_moves.push((tp, leader));
            }
        }
        self.commit(MetadataChange::Partition(tp, new));
    }

    fn terms(&self, settings: &TopicSettings, partition: &PartitionImage) -> Terms {
        Terms {
            elr: self.elr(),
            unclean_election: settings.unclean_leader_election,
            min_insync_replicas: settings.min_insync_replicas,
            unclean_shutdown: None,
            recovering: partition.leader_recovering,
        }
    }

    fn elr(&self) -> bool {
        self.image.features.eligible_leader_replicas_version >= 1
    }
}
