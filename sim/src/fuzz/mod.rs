//! Exploring: what a seed of a campaign runs, as a pure function of (scenario, profile, seed).
//!
//! A seed draws a plan (the swarm, `swarm.rs`) and deviations from it, by one of three explorers. *Noise* lets every
//! message jitter and lets many kinds of faults strike. *Sparse* is nominal but for a few large deviations at random
//! places, in the manner of PCT. *Guided* changes the schedules of runs that reached new protocol coverage.
//!
//! Seeds form fixed blocks of [`BLOCK`]: the first half is noise and sparse, the second half is guided by the coverage of
//! the first, merged in the order of seeds. So nothing depends on how many jobs or machines share the work.

pub mod group;
pub mod guided;
mod profile;
mod swarm;

use std::sync::Arc;

pub use profile::Profile;

use crate::plan::Plan;
use crate::run::Course;
use crate::scenario::{Problem, Scenario};
use crate::schedule::Schedule;

/// Seeds in a block.
pub const BLOCK: u64 = 1_024;
/// Of these, noise and sparse.
pub const HALF: u64 = BLOCK / 2;

/// How a seed looks for trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Explorer {
    /// Every message jitters, faults strike.
    Noise,
    /// Few large deviations.
    Sparse,
    /// Changed schedules of runs that reached something new.
    Guided,
}

impl Explorer {
    /// As in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Explorer::Noise => "noise",
            Explorer::Sparse => "sparse",
            Explorer::Guided => "guided",
        }
    }
}

/// Number of the block of a seed. Block n has the seeds from `1024 n + 1` to `1024 (n + 1)`; seed 0 belongs to the first.
pub const fn block_of(seed: u64) -> u64 {
    seed.saturating_sub(1) / BLOCK
}

/// First and last seed of a block.
pub const fn seeds_of(block: u64) -> (u64, u64) {
    (if block == 0 { 0 } else { block * BLOCK + 1 }, (block + 1) * BLOCK)
}

/// Whether a seed is of the second half of its block.
pub const fn is_guided(seed: u64) -> bool {
    seed > block_of(seed) * BLOCK + HALF
}

/// What one seed runs.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The explorer.
    pub explorer: Explorer,
    /// Settings beyond those of the scenario: everything that the swarm drew.
    pub sets: Vec<String>,
    /// The plan that they make.
    pub plan: Arc<Plan>,
    /// Seed of the run.
    pub seed: u64,
    /// The schedule of a guided run; its faults are left out where they would exceed what the cluster promises to survive.
    pub schedule: Option<Arc<Schedule>>,
}

impl Drawn {
    /// Where its deviations come from.
    pub fn course(&self) -> Course<'_> {
        match &self.schedule {
            Some(schedule) => Course::Legal(self.seed, schedule),
            None => Course::Seed(self.seed),
        }
    }
}

/// What a seed of the first half of a block runs.
///
/// # Errors
/// The scenario's `[explore]` table makes no plan that Kafka would accept, in many draws.
pub fn draw(scenario: &Scenario, profile: Profile, seed: u64) -> Result<Drawn, Problem> {
    swarm::draw(scenario, profile, seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Choice;

    #[test]
    fn blocks_are_fixed_and_their_halves_too() {
        assert_eq!([0, 1, 1024, 1025, 2048].map(block_of), [0, 0, 0, 1, 1]);
        assert_eq!(seeds_of(0), (0, 1024));
        assert_eq!(seeds_of(1), (1025, 2048));
        assert_eq!(
            [1, 512, 513, 1024, 1025, 1536, 1537].map(is_guided),
            [false, false, true, true, false, false, true]
        );
    }

    fn everything() -> Scenario {
        Scenario::load_built_in("chaos/everything", Choice::default()).unwrap()
    }

    #[test]
    fn a_seed_draws_the_same_always_and_its_settings_alone_make_its_plan() {
        let scenario = everything();
        for seed in 1..40 {
            let one = draw(&scenario, Profile::Swarm, seed).unwrap();
            let two = draw(&scenario, Profile::Swarm, seed).unwrap();
            assert_eq!(one.sets, two.sets);
            let choice = Choice { case: None, sets: one.sets.clone() };
            let loaded = Scenario::load_built_in("chaos/everything", choice).unwrap();
            assert_eq!(format!("{:?}", loaded.plan), format!("{:?}", one.plan));
        }
    }

    #[test]
    fn the_swarm_switches_families_on_and_off_and_uses_both_explorers() {
        let scenario = everything();
        let drawn: Vec<Drawn> = (1..60).map(|seed| draw(&scenario, Profile::Swarm, seed).unwrap()).collect();
        for explorer in [Explorer::Noise, Explorer::Sparse] {
            assert!(drawn.iter().filter(|d| d.explorer == explorer).count() > 10);
        }
        for family in &scenario.plan.chaos.families {
            let has = |d: &&Drawn| d.plan.chaos.families.iter().any(|f| f.kind == family.kind);
            let on = drawn.iter().filter(has).count();
            assert!(on > 0 && on < drawn.len(), "{:?}: {on}", family.kind);
        }
        assert!(drawn.iter().any(|d| d.plan.cluster.brokers > 3), "settings of [explore] are drawn");
    }

    #[test]
    fn lite_has_no_faults_and_hostile_has_all_of_them() {
        let scenario = everything();
        for seed in 1..20 {
            let lite = draw(&scenario, Profile::Lite, seed).unwrap().plan.chaos.clone();
            assert!(lite.families.is_empty() && lite.messages.probes == 0 && lite.messages.jitter_max.0 == 0);
            assert_eq!(lite.messages.shares(), 0);
            let hostile = draw(&scenario, Profile::Hostile, seed).unwrap();
            if hostile.explorer == Explorer::Noise {
                assert_eq!(hostile.plan.chaos.families.len(), scenario.plan.chaos.families.len());
            }
        }
    }
}
