//! What a campaign found, in a form that can be joined: one file a shard.
//!
//! Nothing here depends on the clock or on the order in which jobs finished; sums, unions and the lowest few are all that
//! is kept, so that joining shards gives what one machine would have given.

use serde::{Deserialize, Serialize};

use super::shard::Shard;
use crate::capsule::PROGRAM;
use crate::coverage::Coverage;
use crate::fuzz::{Explorer, group};
use crate::scenario::Scenario;

/// Version of the file's format.
const FORMAT: u64 = 1;
/// Cases of a group that are kept, and shrunk.
pub const KEPT: usize = 3;

/// What was asked for: shards of one campaign agree in this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    pub profile: String,
    /// None: as many as there was time for.
    pub seeds: Option<(u64, u64)>,
    pub scenarios: Vec<String>,
    pub sets: Vec<String>,
    pub keep_going: bool,
}

/// Everything.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    pub format: u64,
    pub program: String,
    pub campaign: Campaign,
    /// Parts that are in here, from 0, and how many there are.
    pub shards: Vec<u64>,
    pub of_shards: u64,
    /// False if it was interrupted.
    pub complete: bool,
    /// Two runs of one seed that differed: nothing else counts then.
    pub nondeterminism: Option<String>,
    pub scenarios: Vec<Tally>,
    pub groups: Vec<Group>,
}

/// One scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub name: String,
    pub runs: u64,
    pub failures: u64,
    /// Runs in which nothing was wrong and not all was put to the test.
    #[serde(default)]
    pub vacuous: u64,
    /// The first of them.
    #[serde(default)]
    pub first_vacuous: Option<Vacuous>,
    /// Runs by explorer.
    pub noise: u64,
    pub sparse: u64,
    pub guided: u64,
    pub deliveries: u64,
    pub virtual_ms: u64,
    /// Sum over all runs of what tells each apart: equal campaigns have equal sums, in whatever order they ran.
    pub digest: String,
    pub goals: Vec<String>,
    pub coverage: Vec<u32>,
}

/// A run in which not all was put to the test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vacuous {
    pub seed: u64,
    /// What was missing.
    pub untested: String,
}

impl Tally {
    /// More than one run in a hundred proves nothing: what is clean then is not worth its name.
    pub fn is_vacuous(&self) -> bool {
        self.vacuous.saturating_mul(100) > self.runs
    }

    fn note_vacuous(&mut self, found: Vacuous) {
        if self.first_vacuous.as_ref().is_none_or(|first| found.seed < first.seed) {
            self.first_vacuous = Some(found);
        }
    }
}

/// One bug, as far as can be told before shrinking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub kind: String,
    pub rule: String,
    pub severity: String,
    pub count: u64,
    /// The first few, in the order of the campaign.
    pub first: Vec<Found>,
}

/// One failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Block and place of the scenario; with the seed, the order of the campaign.
    pub block: u64,
    pub place: u64,
    pub scenario: String,
    pub seed: u64,
    pub explorer: String,
    pub sentence: String,
    /// File name of its capsule; none if it was not written (yet).
    pub capsule: Option<String>,
    pub deviations: u64,
    pub shrunk: Option<Shrunk>,
}

impl Found {
    pub fn order(&self) -> (u64, u64, u64) {
        (self.block, self.place, self.seed)
    }
}

/// What shrinking made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shrunk {
    pub capsule: String,
    pub deviations: u64,
    pub deliveries: u64,
    pub shape: Vec<String>,
    /// The script.
    pub words: Vec<String>,
    pub settings: Vec<String>,
    pub sentence: String,
    pub runs: u64,
    pub finished: bool,
}

/// What one run came to.
#[derive(Clone, Debug)]
pub struct Ran {
    pub seed: u64,
    pub explorer: Explorer,
    pub deliveries: u64,
    pub virtual_ms: u64,
    /// Digest, or 0 of a run that panicked.
    pub digest: u128,
    pub points: Vec<u32>,
    /// Nothing was wrong, and this was not put to the test.
    pub untested: Option<String>,
    pub failure: Option<Failure>,
}

/// What was wrong with it.
#[derive(Clone, Debug)]
pub struct Failure {
    pub key: group::Key,
    pub severity: group::Severity,
    pub sentence: String,
    pub capsule: Option<String>,
    pub deviations: u64,
}

impl Results {
    pub fn new(campaign: &Campaign, shard: Shard, scenarios: &[Scenario]) -> Results {
        let tally = |s: &Scenario| Tally {
            name: s.label(),
            runs: 0,
            failures: 0,
            vacuous: 0,
            first_vacuous: None,
            noise: 0,
            sparse: 0,
            guided: 0,
            deliveries: 0,
            virtual_ms: 0,
            digest: format!("{:032x}", 0),
            goals: s.sometimes.iter().map(|g| g.text.clone()).collect(),
            coverage: Vec::new(),
        };
        Results {
            format: FORMAT,
            program: PROGRAM.into(),
            campaign: campaign.clone(),
            shards: vec![shard.index],
            of_shards: shard.count,
            complete: true,
            nondeterminism: None,
            scenarios: scenarios.iter().map(tally).collect(),
            groups: Vec::new(),
        }
    }

    /// Reads a file that [`Results::to_json`] wrote.
    pub fn from_json(text: &str) -> Result<Results, String> {
        #[derive(Deserialize)]
        struct Versioned {
            format: u64,
            #[serde(default)]
            groups: Option<serde::de::IgnoredAny>,
        }
        let foreign = |e: serde_json::Error| format!("no results of 'fencepost fuzz': {e}");
        let version: Versioned = serde_json::from_str(text).map_err(foreign)?;
        if version.groups.is_none() {
            return Err("no results of 'fencepost fuzz'".into());
        }
        if version.format != FORMAT {
            return Err(format!("results of format {}; this program reads format {FORMAT}", version.format));
        }
        serde_json::from_str(text).map_err(foreign)
    }

    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("results serialize");
        text.push('\n');
        text
    }

    /// Adds runs of one unit: scenario `place`, block `block`.
    pub fn add(&mut self, place: usize, block: u64, runs: Vec<Ran>) {
        let tally = &mut self.scenarios[place];
        let mut coverage = Coverage::of(tally.coverage.iter().copied());
        let mut digest = number(&tally.digest);
        for ran in runs {
            tally.runs += 1;
            match ran.explorer {
                Explorer::Noise => tally.noise += 1,
                Explorer::Sparse => tally.sparse += 1,
                Explorer::Guided => tally.guided += 1,
            }
            tally.deliveries += ran.deliveries;
            tally.virtual_ms += ran.virtual_ms;
            digest =
                digest.wrapping_add((ran.digest ^ u128::from(ran.seed)).wrapping_mul(2 * u128::from(ran.seed) + 1));
            ran.points.iter().for_each(|p| {
                coverage.add(*p);
            });
            if let Some(untested) = ran.untested {
                tally.vacuous += 1;
                tally.note_vacuous(Vacuous { seed: ran.seed, untested });
            }
            if let Some(failure) = ran.failure {
                tally.failures += 1;
                let found = Found {
                    block,
                    place: place as u64,
                    scenario: tally.name.clone(),
                    seed: ran.seed,
                    explorer: ran.explorer.name().into(),
                    sentence: failure.sentence,
                    capsule: failure.capsule,
                    deviations: failure.deviations,
                    shrunk: None,
                };
                let group = Group {
                    kind: failure.key.kind,
                    rule: failure.key.rule,
                    severity: failure.severity.name().into(),
                    count: 1,
                    first: vec![found],
                };
                join_group(&mut self.groups, group);
            }
        }
        tally.digest = format!("{digest:032x}");
        tally.coverage = coverage.points();
    }

    /// Joins the results of another part of the same campaign.
    pub fn join(&mut self, other: Results) -> Result<(), String> {
        let differ = |what: &str| Err(format!("not of one campaign: they differ in their {what}"));
        if self.program != other.program {
            return differ("program versions");
        }
        if self.campaign != other.campaign || self.of_shards != other.of_shards {
            return differ("seeds, scenarios, settings, profile or number of shards");
        }
        if let Some(twice) = other.shards.iter().find(|s| self.shards.contains(s)) {
            return Err(format!("shard {}/{} is given twice", twice + 1, self.of_shards));
        }
        self.shards.extend(other.shards);
        self.shards.sort_unstable();
        self.complete &= other.complete;
        self.nondeterminism = self.nondeterminism.take().or(other.nondeterminism);
        for (mine, theirs) in self.scenarios.iter_mut().zip(other.scenarios) {
            mine.runs += theirs.runs;
            mine.failures += theirs.failures;
            mine.vacuous += theirs.vacuous;
            theirs.first_vacuous.into_iter().for_each(|first| mine.note_vacuous(first));
            mine.noise += theirs.noise;
            mine.sparse += theirs.sparse;
            mine.guided += theirs.guided;
            mine.deliveries += theirs.deliveries;
            mine.virtual_ms += theirs.virtual_ms;
            mine.digest = format!("{:032x}", number(&mine.digest).wrapping_add(number(&theirs.digest)));
            let mut coverage = Coverage::of(mine.coverage.iter().copied());
            coverage.merge(&Coverage::of(theirs.coverage));
            mine.coverage = coverage.points();
        }
        for group in other.groups {
            join_group(&mut self.groups, group);
        }
        Ok(())
    }
}

fn number(hex: &str) -> u128 {
    u128::from_str_radix(hex, 16).unwrap_or_default()
}

/// Adds a group to a list in the order of (severity, kind, rule).
fn join_group(groups: &mut Vec<Group>, group: Group) {
    let rank = |g: &Group| (group::Severity::from_name(&g.severity), g.kind.clone(), g.rule.clone());
    match groups.iter_mut().find(|g| g.kind == group.kind && g.rule == group.rule) {
        None => {
            let at = groups.partition_point(|g| rank(g) < rank(&group));
            groups.insert(at, group);
        }
        Some(known) => {
            known.count += group.count;
            known.first.extend(group.first);
            known.first.sort_by_key(Found::order);
            known.first.truncate(KEPT);
        }
    }
}
