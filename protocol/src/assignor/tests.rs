//! One test a rule, and the properties of both assignors.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;

fn tp(topic: u32, partition: u32) -> TopicPartition {
    TopicPartition::new(TopicId(topic), partition)
}

fn member(id: &str, topics: &[u32], owned: &[(u32, u32)], generation: i32) -> (Name, Subscription) {
    let topics = topics.iter().copied().map(TopicId).collect();
    let owned = owned.iter().map(|(t, p)| tp(*t, *p)).collect();
    (id.into(), Subscription { topics, owned, generation })
}

/// (topic, partition) of each member.
fn result(name: AssignorName, members: &[(Name, Subscription)], partitions: u32) -> Vec<Vec<(u32, u32)>> {
    let assigned = assign(name, members, |_| partitions);
    assigned.into_iter().map(|(_, tps)| tps.into_iter().map(|tp| (tp.topic.0, tp.partition)).collect()).collect()
}

// ---- range ---------------------------------------------------------------------------------------------------------

#[test]
fn range_gives_the_first_members_one_more_in_each_topic() {
    let members = [member("a", &[2, 3], &[], -1), member("b", &[2, 3], &[], -1)];
    assert_eq!(result(AssignorName::Range, &members, 3), [vec![(2, 0), (2, 1), (3, 0), (3, 1)], vec![(2, 2), (3, 2)]]);
}

#[test]
fn range_sorts_members_by_id_and_answers_in_their_order() {
    let members = [member("b", &[2], &[], -1), member("a", &[2], &[], -1)];
    let assigned = assign(AssignorName::Range, &members, |_| 3);
    assert_eq!(assigned, [("b".into(), vec![tp(2, 2)]), ("a".into(), vec![tp(2, 0), tp(2, 1)])]);
}

#[test]
fn range_gives_a_topic_to_its_subscribers_only() {
    let members = [member("a", &[2], &[], -1), member("b", &[2, 3], &[], -1), member("c", &[], &[], -1)];
    assert_eq!(result(AssignorName::Range, &members, 2), [vec![(2, 0)], vec![(2, 1), (3, 0), (3, 1)], vec![]]);
}

#[test]
fn range_does_not_look_at_what_is_owned() {
    let members = [member("a", &[2], &[(2, 1)], 4), member("b", &[2], &[(2, 0)], 4)];
    assert_eq!(result(AssignorName::Range, &members, 2), [vec![(2, 0)], vec![(2, 1)]]);
}

// ---- cooperative-sticky --------------------------------------------------------------------------------------------

const STICKY: AssignorName = AssignorName::CooperativeSticky;

#[test]
fn sticky_deals_unowned_partitions_out_evenly() {
    let members = [member("a", &[2], &[], -1), member("b", &[2], &[], -1)];
    assert_eq!(result(STICKY, &members, 3), [vec![(2, 0), (2, 2)], vec![(2, 1)]]);
}

#[test]
fn sticky_keeps_a_balanced_assignment_as_it_is() {
    let members = [member("a", &[2], &[(2, 1)], 4), member("b", &[2], &[(2, 0), (2, 2)], 4)];
    assert_eq!(result(STICKY, &members, 3), [vec![(2, 1)], vec![(2, 0), (2, 2)]]);
}

#[test]
fn sticky_withholds_what_moves_until_its_owner_has_given_it_up() {
    // KIP-429: two rebalances.
    let first = [member("a", &[2], &[(2, 0), (2, 1)], 4), member("b", &[2], &[], -1)];
    assert_eq!(result(STICKY, &first, 2), [vec![(2, 0)], vec![]]);
    let second = [member("a", &[2], &[(2, 0)], 5), member("b", &[2], &[], 5)];
    assert_eq!(result(STICKY, &second, 2), [vec![(2, 0)], vec![(2, 1)]]);
}

#[test]
fn sticky_believes_the_claim_of_the_newest_generation() {
    let members = [member("a", &[2], &[(2, 0), (2, 1)], 3), member("b", &[2], &[(2, 0)], 4)];
    assert_eq!(result(STICKY, &members, 2), [vec![(2, 1)], vec![(2, 0)]]);
}

#[test]
fn sticky_withholds_what_two_members_claim_in_one_generation() {
    let members = [member("a", &[2], &[(2, 0)], 4), member("b", &[2], &[(2, 0)], 4)];
    assert_eq!(result(STICKY, &members, 1), [vec![], vec![]]);
}

#[test]
fn sticky_takes_away_what_its_owner_no_longer_subscribes_to() {
    let members = [member("a", &[3], &[(2, 0)], 4), member("b", &[2], &[], 4)];
    assert_eq!(result(STICKY, &members, 1), [vec![(3, 0)], vec![]]);
}

#[test]
fn sticky_forgets_partitions_that_are_gone() {
    let members = [member("a", &[2], &[(2, 0), (2, 7), (9, 0)], 4)];
    assert_eq!(result(STICKY, &members, 1), [vec![(2, 0)]]);
}

#[test]
fn sticky_balances_members_with_unequal_subscriptions_as_far_as_they_allow() {
    let members = [member("a", &[2, 3], &[(2, 0), (2, 1), (3, 0), (3, 1)], 4), member("b", &[3], &[], 4)];
    assert_eq!(result(STICKY, &members, 2), [vec![(2, 0), (2, 1)], vec![]]);
}

// ---- Properties ----------------------------------------------------------------------------------------------------

/// Numbers of partitions of the topics 2, 3 and 4.
fn topics() -> impl Strategy<Value = Vec<u32>> {
    vec(0..9u32, 3)
}

fn count(topics: &[u32]) -> impl Fn(TopicId) -> u32 {
    |t| topics[t.0 as usize - 2]
}

/// Members that all subscribe to everything, or each to something, with arbitrary claims.
fn members(equal: bool) -> impl Strategy<Value = Vec<(Name, Subscription)>> {
    let subscribed = btree_set(2..5u32, usize::from(equal) * 3..=3);
    let owned = btree_set((2..5u32, 0..9u32), 0..6);
    vec((subscribed, owned, -1..4i32), 1..6).prop_map(|members| {
        let named = members.into_iter().enumerate();
        named
            .map(|(i, (topics, owned, generation))| {
                let topics: Vec<u32> = topics.into_iter().collect();
                let owned: Vec<(u32, u32)> = owned.into_iter().collect();
                member(&format!("m{}", (i * 7) % 5), &topics, &owned, generation)
            })
            .collect()
    })
}

type Assignments = Vec<(Name, Vec<TopicPartition>)>;

/// What holds for any assignor: names in order, subscribed and existing partitions only, nothing twice.
fn check(members: &[(Name, Subscription)], topics: &[u32], assigned: &Assignments) -> Result<(), TestCaseError> {
    let mut seen = BTreeSet::new();
    prop_assert_eq!(members.len(), assigned.len());
    for ((id, subscription), (name, tps)) in members.iter().zip(assigned) {
        prop_assert_eq!(id, name);
        for tp in tps {
            prop_assert!(subscription.topics.contains(&tp.topic) && tp.partition < count(topics)(tp.topic));
            prop_assert!(seen.insert(*tp), "{:?} is assigned twice", tp);
        }
    }
    Ok(())
}

fn all(topics: &[u32]) -> usize {
    topics.iter().sum::<u32>() as usize
}

fn loads(assigned: &Assignments) -> Vec<usize> {
    assigned.iter().map(|(_, tps)| tps.len()).collect()
}

fn even(loads: &[usize]) -> bool {
    loads.iter().max().zip(loads.iter().min()).is_none_or(|(max, min)| max - min <= 1)
}

/// The members as they rejoin after `assigned`.
fn rejoin(members: &[(Name, Subscription)], assigned: &Assignments, generation: i32) -> Vec<(Name, Subscription)> {
    let rejoined = members.iter().zip(assigned).map(|((id, s), (_, owned))| {
        (id.clone(), Subscription { topics: s.topics.clone(), owned: owned.clone(), generation })
    });
    rejoined.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn range_is_even_in_every_topic(topics in topics(), members in members(true)) {
        let assigned = assign(AssignorName::Range, &members, count(&topics));
        check(&members, &topics, &assigned)?;
        prop_assert_eq!(loads(&assigned).iter().sum::<usize>(), all(&topics));
        for topic in 2..5 {
            let of_topic: Vec<usize> =
                assigned.iter().map(|(_, tps)| tps.iter().filter(|tp| tp.topic.0 == topic).count()).collect();
            prop_assert!(even(&of_topic), "{:?}", of_topic);
        }
    }

    #[test]
    fn range_leaves_nothing_that_somebody_wants(topics in topics(), members in members(false)) {
        let assigned = assign(AssignorName::Range, &members, count(&topics));
        check(&members, &topics, &assigned)?;
        let wanted: BTreeSet<TopicId> = members.iter().flat_map(|(_, s)| s.topics.clone()).collect();
        let expected: u32 = wanted.into_iter().map(count(&topics)).sum();
        prop_assert_eq!(loads(&assigned).iter().sum::<usize>(), expected as usize);
    }

    /// Whatever is claimed, nobody gets what another member still claims, unless his own claim is newer.
    #[test]
    fn sticky_never_hands_over_what_is_still_owned(topics in topics(), members in members(false)) {
        let assigned = assign(STICKY, &members, count(&topics));
        check(&members, &topics, &assigned)?;
        for (at, (_, tps)) in assigned.iter().enumerate() {
            let mine = &members[at].1;
            for (other, (_, theirs)) in members.iter().enumerate() {
                let stolen = tps.iter().find(|tp| {
                    let superseded = mine.owned.contains(tp) && mine.generation > theirs.generation;
                    other != at && theirs.owned.contains(tp) && !superseded
                });
                prop_assert_eq!(stolen, None);
            }
        }
    }

    /// With equal subscriptions nobody exceeds his share, and after one rebalance more everything is dealt out evenly
    /// and nothing moves again.
    #[test]
    fn sticky_settles_evenly_in_two_rebalances(topics in topics(), members in members(true)) {
        let share = all(&topics).div_ceil(members.len());
        let first = assign(STICKY, &members, count(&topics));
        prop_assert!(loads(&first).iter().all(|l| *l <= share));
        let rejoined = rejoin(&members, &first, 5);
        let second = assign(STICKY, &rejoined, count(&topics));
        check(&rejoined, &topics, &second)?;
        prop_assert_eq!(loads(&second).iter().sum::<usize>(), all(&topics));
        prop_assert!(even(&loads(&second)), "{:?}", second);
        let third = assign(STICKY, &rejoin(&rejoined, &second, 6), count(&topics));
        prop_assert_eq!(second, third);
    }

    /// A member that leaves costs the others nothing; one that joins takes no more than its share.
    #[test]
    fn sticky_moves_no_more_than_it_must(topics in topics(), size in 2..6usize, leaver in 0..6usize) {
        let fresh: Vec<_> = (0..size).map(|i| member(&format!("m{i}"), &[2, 3, 4], &[], -1)).collect();
        let settled = assign(STICKY, &fresh, count(&topics));
        let owned: BTreeMap<Name, Vec<TopicPartition>> = settled.iter().cloned().collect();

        let mut rest = rejoin(&fresh, &settled, 1);
        rest.remove(leaver % size);
        for (name, tps) in assign(STICKY, &rest, count(&topics)) {
            prop_assert!(owned[&name].iter().all(|tp| tps.contains(tp)), "{} lost something", name);
        }

        let mut more = rejoin(&fresh, &settled, 1);
        more.push(member("new", &[2, 3, 4], &[], -1));
        let kept: usize = assign(STICKY, &more, count(&topics)).iter().map(|(_, tps)| tps.len()).sum();
        prop_assert_eq!(all(&topics) - kept, all(&topics) / (size + 1));
    }
}
