//! `cooperative-sticky`: members keep what they own as far as balance allows. A partition that has to move is withheld
//! in this rebalance; its owner gives it up, rejoins, and only then it goes to its new owner (KIP-429).

use std::collections::{BTreeMap, BTreeSet};

use super::subscription::Subscription;
use crate::ids::{Name, TopicId, TopicPartition};

/// The partitions of each member, by its index in `members`.
pub(super) fn assign(members: &[(Name, Subscription)], topics: &[(TopicId, u32)]) -> Vec<Vec<TopicPartition>> {
    let claims = claims(members);
    let mut plan = Plan::new(members);
    let partitions = topics.iter().flat_map(|&(t, n)| (0..n).map(move |p| TopicPartition::new(t, p)));
    let mut unowned = Vec::new();
    for tp in partitions {
        match claims.get(&tp).and_then(|c| c.owner).filter(|m| plan.subscribes(*m, tp.topic)) {
            Some(owner) => plan.give(owner, tp),
            None => unowned.push(tp),
        }
    }
    for tp in unowned {
        let least = plan.least_loaded(tp.topic).expect("a topic is in question because a member subscribes to it");
        plan.give(least, tp);
    }
    plan.balance();
    let keeps = |member: usize, tp: &TopicPartition| claims.get(tp).is_none_or(|c| c.owner == Some(member));
    let assignments = plan.assigned.into_iter().enumerate();
    assignments.map(|(member, owned)| owned.into_iter().filter(|tp| keeps(member, tp)).collect()).collect()
}

/// Who says that a partition is his.
#[derive(Clone, Copy)]
struct Claim {
    generation: i32,
    /// The only member that claims it in that, the newest, generation; `None` if several do: none of them may keep it.
    owner: Option<usize>,
}

fn claims(members: &[(Name, Subscription)]) -> BTreeMap<TopicPartition, Claim> {
    let mut claims: BTreeMap<TopicPartition, Claim> = BTreeMap::new();
    for (member, (_, subscription)) in members.iter().enumerate() {
        let claim = Claim { generation: subscription.generation, owner: Some(member) };
        for tp in &subscription.owned {
            let newest = claims.entry(*tp).or_insert(claim);
            if claim.generation > newest.generation {
                *newest = claim;
            } else if claim.generation == newest.generation && newest.owner != claim.owner {
                newest.owner = None;
            }
        }
    }
    claims
}

/// The assignment that the group is heading for.
struct Plan<'a> {
    members: &'a [(Name, Subscription)],
    /// Indices of the members in id order, which breaks ties.
    by_id: Vec<usize>,
    assigned: Vec<BTreeSet<TopicPartition>>,
}

impl<'a> Plan<'a> {
    fn new(members: &'a [(Name, Subscription)]) -> Plan<'a> {
        let mut by_id: Vec<usize> = (0..members.len()).collect();
        by_id.sort_by(|a, b| members[*a].0.cmp(&members[*b].0));
        Plan { members, by_id, assigned: vec![BTreeSet::new(); members.len()] }
    }

    fn subscribes(&self, member: usize, topic: TopicId) -> bool {
        self.members[member].1.topics.contains(&topic)
    }

    fn load(&self, member: usize) -> usize {
        self.assigned[member].len()
    }

    fn give(&mut self, member: usize, tp: TopicPartition) {
        self.assigned[member].insert(tp);
    }

    /// The subscriber of `topic` with the fewest partitions, the first by id among equals.
    fn least_loaded(&self, topic: TopicId) -> Option<usize> {
        self.by_id.iter().copied().filter(|m| self.subscribes(*m, topic)).min_by_key(|m| self.load(*m))
    }

    /// Moves partitions from the members with most to those with fewest until no single move evens out any more. Each
    /// move lowers the sum of the squared loads, so this ends.
    fn balance(&mut self) {
        while let Some((from, to, tp)) = self.best_move() {
            self.assigned[from].remove(&tp);
            self.give(to, tp);
        }
    }

    fn best_move(&self) -> Option<(usize, usize, TopicPartition)> {
        let mut most_first = self.by_id.clone();
        most_first.sort_by_key(|m| core::cmp::Reverse(self.load(*m)));
        most_first.into_iter().find_map(|from| {
            // Which one moves does not matter, as long as it is always the same: the last.
            let candidates = self.assigned[from].iter().rev().filter_map(|tp| {
                let to = self.least_loaded(tp.topic)?;
                (self.load(from) >= self.load(to) + 2).then_some((from, to, *tp))
            });
            candidates.reduce(|best, other| if self.load(other.1) < self.load(best.1) { other } else { best })
        })
    }
}
