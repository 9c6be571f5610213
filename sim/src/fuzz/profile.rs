//! How hard a campaign tries.

use crate::scenario::explore::Part;
use crate::stream::PPM;

/// A named builder of plans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Each family of faults is on in half of the seeds.
    #[default]
    Swarm,
    /// No drawn faults: tests the machines and the harness under changed settings.
    Lite,
    /// Few faults, and weak ones.
    Calm,
    /// Every family, and strong.
    Hostile,
}

impl Profile {
    /// All of them, by name.
    pub const ALL: [(&'static str, Profile); 4] =
        [("swarm", Profile::Swarm), ("lite", Profile::Lite), ("calm", Profile::Calm), ("hostile", Profile::Hostile)];

    /// As in the command line.
    pub fn name(self) -> &'static str {
        Profile::ALL.iter().find(|(_, p)| *p == self).expect("every profile has a name").0
    }

    /// The profile of that name.
    pub fn from_name(name: &str) -> Option<Profile> {
        Profile::ALL.iter().find(|(n, _)| *n == name).map(|(_, p)| *p)
    }

    /// Chance that a family of faults is on, in a million.
    pub(super) const fn family_ppm(self) -> u64 {
        match self {
            Profile::Lite => 0,
            Profile::Calm => PPM / 5,
            Profile::Swarm => PPM / 2,
            Profile::Hostile => PPM,
        }
    }

    /// Part of the ranges that strengths are drawn from.
    pub(super) const fn strength(self) -> Part {
        match self {
            Profile::Lite | Profile::Swarm => Part::Whole,
            Profile::Calm => Part::Low,
            Profile::Hostile => Part::High,
        }
    }

    /// Number of large deviations of a sparse run: at least and at most.
    pub(super) const fn deviations(self) -> (u64, u64) {
        match self {
            Profile::Lite => (0, 0),
            Profile::Calm => (1, 2),
            Profile::Swarm => (1, 5),
            Profile::Hostile => (3, 9),
        }
    }
}
