//! The guided explorer: schedules of runs that reached something new, changed a little.

use std::collections::BTreeMap;
use std::sync::Arc;

use fencepost_protocol::message::ApiKey;
use fencepost_protocol::time::Span;

use super::{Drawn, Explorer};
use crate::coverage::Coverage;
use crate::draw::draw_fault;
use crate::plan::{Family, FamilyKind, Plan};
use crate::schedule::{Action, Deviation, Effect, Fault, Phase, Schedule, Trigger, When};
use crate::stream::{PPM, Stream};

/// Parents that are kept of a block: the last to reach something new, which are those that reached what is rare.
const PARENTS: usize = 48;
/// Deviations of a parent that are kept: beyond it, the smallest jitters go.
const LONGEST: usize = 400;

/// The seeds that guide the second half of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parents(Vec<u64>);

impl Parents {
    /// Chooses from the first half: coverage of each seed in the order of seeds.
    pub fn choose<'c>(first_half: impl IntoIterator<Item = (u64, &'c [u32])>) -> Parents {
        let mut all = Coverage::default();
        let mut chosen = Vec::new();
        for (seed, points) in first_half {
            let mut new = false;
            for point in points {
                new |= all.add(*point);
            }
            if new {
                chosen.push(seed);
            }
        }
        let surplus = chosen.len().saturating_sub(PARENTS);
        Parents(chosen.split_off(surplus))
    }

    /// The parent of a guided seed, if there is one at all.
    pub fn of(&self, seed: u64) -> Option<u64> {
        let mut stream = Stream::new(seed, "guided parent");
        (!self.0.is_empty()).then(|| self.0[stream.below(self.0.len() as u64) as usize])
    }
}

/// What a guided seed runs: the plan of its parent, and the parent's recorded schedule with some changes.
pub fn child(parent: &Drawn, recorded: &Schedule, seed: u64) -> Drawn {
    let mut stream = Stream::new(seed, "guided");
    let plan = &parent.plan;
    let mut deviations = shorten(recorded);
    for _ in 0..=stream.below(4) {
        change(&mut deviations, plan, &mut stream);
    }
    Drawn {
        explorer: Explorer::Guided,
        sets: parent.sets.clone(),
        plan: plan.clone(),
        // Generated records are the parent's, so that its names still fit.
        seed: parent.seed,
        schedule: Some(Arc::new(Schedule { deviations })),
    }
}

/// How much later something becomes.
fn span_of(deviation: &Deviation) -> u64 {
    match deviation {
        Deviation::Message(_, Effect::DelayRequest(span) | Effect::DelayResponse(span)) => span.0,
        _ => u64::MAX,
    }
}

fn shorten(recorded: &Schedule) -> Vec<Deviation> {
    let mut spans: Vec<u64> = recorded.deviations.iter().map(span_of).collect();
    if spans.len() <= LONGEST {
        return recorded.deviations.clone();
    }
    spans.sort_unstable_by(|a, b| b.cmp(a));
    let least = spans[LONGEST];
    recorded.deviations.iter().filter(|d| span_of(d) > least).cloned().collect()
}

fn change(deviations: &mut Vec<Deviation>, plan: &Plan, stream: &mut Stream) {
    let any = |deviations: &[Deviation], stream: &mut Stream| {
        (!deviations.is_empty()).then(|| stream.below(deviations.len() as u64) as usize)
    };
    match stream.below(8) {
        // A stretch of the script goes.
        0 => {
            let length = deviations.len() as u64;
            let gone = stream.between(1, (length / 2).max(1)).min(length);
            let from = stream.between(0, length - gone) as usize;
            deviations.drain(from..from + gone as usize);
        }
        // Jitter goes, what is large stays.
        1 => deviations.retain(|d| span_of(d) > 50_000_000),
        // One becomes stronger, weaker, earlier or later.
        2 | 3 => {
            if let Some(index) = any(deviations, stream) {
                adjust(&mut deviations[index], plan, stream);
            }
        }
        // What happened to a message happens to the next attempt too.
        4 => {
            if let Some(index) = any(deviations, stream)
                && let Deviation::Message(mut name, effect) = deviations[index].clone()
            {
                name.attempt += 1;
                deviations.push(Deviation::Message(name, effect));
            }
        }
        // A new fault of a node or a link.
        5 => deviations.extend(new_fault(plan, stream)),
        // Something happens when some message is on its way.
        _ => deviations.push(new_trigger(plan, stream)),
    }
}

fn scaled(span: Span, stream: &mut Stream) -> Span {
    let span = span.0.max(1_000_000);
    Span(match stream.below(4) {
        0 => span / 4,
        1 => span / 2,
        2 => span.saturating_mul(2),
        _ => span.saturating_mul(4),
    })
}

fn adjust(deviation: &mut Deviation, plan: &Plan, stream: &mut Stream) {
    let latest = plan.end.faults_until.0;
    match deviation {
        Deviation::Message(_, Effect::DelayRequest(span) | Effect::DelayResponse(span)) => {
            *span = Span(scaled(*span, stream).0.min(100_000_000_000));
        }
        Deviation::Message(_, effect) => {
            *effect = match effect {
                Effect::LoseRequest => Effect::LoseResponse,
                _ => Effect::LoseRequest,
            };
        }
        Deviation::Fault(fault) => {
            if let When::At(at) = &mut fault.when
                && stream.chance(PPM / 2)
            {
                let low = at.0.saturating_sub(2_000_000_000);
                at.0 = stream.between(low, at.0.saturating_add(2_000_000_000).min(latest).max(low));
                return;
            }
            if let Some(span) = fault.action.span_mut() {
                *span = Span(scaled(*span, stream).0.min(latest));
            }
        }
    }
}

fn new_fault(plan: &Plan, stream: &mut Stream) -> Option<Deviation> {
    let families = &plan.chaos.families;
    let family = match families.len() as u64 {
        0 => return None,
        n => families[stream.below(n) as usize].clone(),
    };
    draw_fault(plan, &family, stream).map(Deviation::Fault)
}

/// Kinds that triggers wait for, with how often they come: the n-th of them is drawn up to that.
const KINDS: [(ApiKey, u64); 12] = [
    (ApiKey::Produce, 400),
    (ApiKey::Fetch, 3_000),
    (ApiKey::InitProducerId, 8),
    (ApiKey::AddPartitionsToTxn, 200),
    (ApiKey::AddOffsetsToTxn, 60),
    (ApiKey::EndTxn, 200),
    (ApiKey::WriteTxnMarkers, 300),
    (ApiKey::TxnOffsetCommit, 100),
    (ApiKey::JoinGroup, 12),
    (ApiKey::SyncGroup, 12),
    (ApiKey::OffsetFetch, 12),
    (ApiKey::AlterPartition, 12),
];

/// Only what every cluster survives: a message is lost or late, a client stands still or dies, a leader moves.
fn new_trigger(plan: &Plan, stream: &mut Stream) -> Deviation {
    let (kind, often) = KINDS[stream.below(KINDS.len() as u64) as usize];
    let span = Span(1_000_000 << stream.below(15));
    let of_message = |stream: &mut Stream| match stream.below(3) {
        0 => Effect::LoseRequest,
        1 => Effect::LoseResponse,
        _ => Effect::DelayRequest(span),
    };
    let family = |kind| Family { kind, min: 1, max: 1, shortest: span, longest: span };
    let other = match stream.below(6) {
        0 => draw_fault(plan, &family(FamilyKind::ClientPause), stream),
        1 => draw_fault(plan, &family(FamilyKind::ClientCrash), stream),
        2 => draw_fault(plan, &family(FamilyKind::LeaderMove), stream),
        _ => None,
    };
    let (action, phase) = match other {
        Some(fault) => {
            let phases = [Phase::Sending, Phase::Handled, Phase::Answered, Phase::Received];
            (fault.action, phases[stream.below(4) as usize])
        }
        None => (Action::Message(of_message(stream)), Phase::Sending),
    };
    let kind = kind.into();
    let trigger = Trigger { kind, phase, from: None, to: None, item: None, nth: 1 + stream.below(often) as u32 };
    Deviation::Fault(Fault { when: When::After(trigger, Span::ZERO), action, optional: false })
}

/// Recorded schedules of parents, by seed.
pub type Recorded = BTreeMap<u64, Arc<(Drawn, Schedule)>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::{Profile, draw};
    use crate::run::run;
    use crate::scenario::{Choice, Scenario};
    use crate::world::Keep;
    use fencepost_protocol::time::Instant;

    fn latest(deviations: &[Deviation]) -> Instant {
        let at = |d: &Deviation| match d {
            Deviation::Fault(Fault { when: When::At(at), .. }) => *at,
            _ => Instant::ZERO,
        };
        deviations.iter().map(at).max().unwrap_or(Instant::ZERO)
    }

    #[test]
    fn parents_are_those_that_reached_something_new_in_the_order_of_seeds() {
        let first_half: [(u64, &[u32]); 4] = [(1, &[1, 2]), (2, &[2]), (3, &[2, 3]), (4, &[1, 3])];
        let parents = Parents::choose(first_half);
        assert_eq!(parents, Parents(vec![1, 3]));
        assert_eq!(parents.of(600), parents.of(600));
        assert_eq!(Parents::default().of(600), None);
    }

    #[test]
    fn a_child_is_a_pure_function_of_parent_and_seed_and_differs_from_its_siblings() {
        let scenario = Scenario::load_built_in("chaos/everything", Choice::default()).unwrap();
        let parent = draw(&scenario, Profile::Swarm, 7).unwrap();
        let keep = Keep { schedule: true, ..Keep::default() };
        let recorded = run(&parent.plan, parent.course(), keep, None, None).outcome.recorded;
        let recorded = Schedule { deviations: recorded };
        let children: Vec<Drawn> = (600..620).map(|seed| child(&parent, &recorded, seed)).collect();
        let mut digests = std::collections::BTreeSet::new();
        for (index, one) in children.iter().enumerate() {
            let again = child(&parent, &recorded, 600 + index as u64);
            assert_eq!(one.schedule, again.schedule);
            let deviations = &one.schedule.as_ref().unwrap().deviations;
            assert!(deviations.len() <= LONGEST + 8);
            assert!(latest(deviations) <= Instant::ZERO + parent.plan.end.faults_until);
            digests.insert(run(&one.plan, one.course(), Keep::default(), None, None).outcome.digest);
        }
        assert!(digests.len() > 10, "{} of 20 children ran differently", digests.len());
    }
}
