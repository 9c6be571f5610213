//! How a partition's record changes: eligible leader replicas and elections (§7.1, §7.5, KIP-966).

use crate::ids::NodeId;
use crate::image::PartitionImage;

/// What an amendment has to respect beside the partition's own record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// `eligible.leader.replicas.version` is at least 1.
    pub elr: bool,
    /// The topic's `unclean.leader.election.enable`.
    pub unclean_election: bool,
    /// The topic's `min.insync.replicas`; never more than the partition has replicas counts (§7.2).
    pub min_insync_replicas: u32,
    /// A broker that lost its unflushed data: it may not stay eligible.
    pub unclean_shutdown: Option<NodeId>,
    /// Whether the leader has to recover from an unclean election.
    pub recovering: bool,
}

/// The record of a partition whose in-sync set is to become `isr` (in assignment order), or `None` if nothing changes.
/// Elects a leader if the present one may not stay; `acceptable` says who is alive.
pub(super) fn amend(
    old: &PartitionImage,
    mut isr: Vec<NodeId>,
    terms: Terms,
    acceptable: impl Fn(NodeId) -> bool,
) -> Option<PartitionImage> {
    let mut elr = if terms.elr { eligible(old, &isr, terms) } else { old.elr.clone() };
    let mut recovering = terms.recovering;
    let (leader, unclean) = elect(old, &isr, &elr, terms, acceptable);
    if let Some(new) = leader.filter(|_| leader != old.leader) {
        if unclean || elr.contains(&new) {
            isr = vec![new];
            elr.retain(|r| *r != new);
        }
        if unclean {
            recovering = true;
            elr.clear();
        }
    }
    if !terms.elr {
        elr.clear();
        if isr.is_empty() {
            // Without ELR the last member keeps its place while it is offline.
            isr.clone_from(&old.isr);
        }
    }
    let last_known_leader = match (terms.elr, leader) {
        (false, _) => old.last_known_leader,
        (true, Some(_)) => None,
        // The last leader is remembered when the set becomes empty. Where there was none (ELR was enabled while the
        // partition had no leader), Kafka remembers just that, and only an unclean election can help.
        (true, None) if isr.is_empty() && !old.isr.is_empty() => old.leader,
        (true, None) => old.last_known_leader,
    };
    let new = PartitionImage {
        replicas: old.replicas.clone(),
        isr,
        elr,
        last_known_leader,
        leader,
        leader_epoch: old.leader_epoch + i32::from(leader != old.leader),
        partition_epoch: old.partition_epoch,
        leader_recovering: recovering,
    };
    (new != *old).then(|| PartitionImage { partition_epoch: old.partition_epoch + 1, ..new })
}

/// The eligible leader replicas beside the in-sync set `isr`: nobody if that is large enough, else all who were in sync
/// or eligible and have not lost data since.
fn eligible(old: &PartitionImage, isr: &[NodeId], terms: Terms) -> Vec<NodeId> {
    if isr.len() >= old.replicas.len().min(terms.min_insync_replicas as usize) {
        return Vec::new();
    }
    let was_eligible = |r: &NodeId| old.isr.contains(r) || old.elr.contains(r);
    let keeps = |r: &NodeId| was_eligible(r) && !isr.contains(r) && terms.unclean_shutdown != Some(*r);
    old.replicas.iter().copied().filter(keeps).collect()
}

/// The leader under the new sets, and whether electing it is unclean.
fn elect(
    old: &PartitionImage,
    isr: &[NodeId],
    elr: &[NodeId],
    terms: Terms,
    acceptable: impl Fn(NodeId) -> bool,
) -> (Option<NodeId>, bool) {
    let valid = |r: NodeId| (isr.contains(&r) || isr.is_empty() && elr.contains(&r)) && acceptable(r);
    let present = old.leader.filter(|l| valid(*l));
    if let Some(leader) = present.or_else(|| old.replicas.iter().copied().find(|r| valid(*r))) {
        return (Some(leader), false);
    }
    if terms.elr && isr.is_empty() && elr.is_empty() {
        // Regardless of unclean.leader.election.enable (§7.5).
        if let Some(leader) = old.last_known_leader.filter(|l| acceptable(*l)) {
            return (Some(leader), true);
        }
    }
    let anyone = old.replicas.iter().copied().find(|r| terms.unclean_election && acceptable(*r));
    (anyone, anyone.is_some())
}
