//! Looking through seeds: each is run, what it breaks is told by its rule, and the first case of each rule is shrunk.

use crate::explorer::{Chances, Draw, Explorer, Replay};
use crate::schedule::{Deviation, Fault, Schedule};
use crate::shrink::shrink;
use crate::system::System;
use crate::time::{Instant, Span};
use crate::vocabulary::Vocabulary;
use crate::world::{Outcome, Setup, Tracer, World};

/// A system that is to be tried: how it begins, what may go wrong, and what must hold in the end.
pub trait Case {
    /// Words of the system.
    type Vocabulary: Vocabulary;
    /// The system.
    type System: System<Vocabulary = Self::Vocabulary>;

    /// The system, before anything has begun.
    fn system(&self) -> Self::System;

    /// Its nodes and its network.
    fn setup(&self) -> Setup;

    /// How messages deviate.
    fn chances(&self) -> Chances {
        Chances::USUAL
    }

    /// What befalls nodes and links with that seed.
    fn faults(&self, seed: u64) -> Vec<Fault<Self::Vocabulary>>;

    /// No message deviates that is sent later, and no fault lasts longer.
    fn faults_until(&self) -> Span {
        Span::from_secs(10)
    }

    /// The rules that a run broke, each in words that are the same for every case of it.
    fn judge(&self, system: &Self::System, outcome: &Outcome<Self::Vocabulary>) -> Vec<String>;

    /// Runs a seed, which draws everything that deviates.
    fn draw(&self, seed: u64) -> Ran<Self::Vocabulary> {
        let (setup, until) = (self.setup(), Instant::ZERO + self.faults_until());
        let draw = Draw::new(seed, self.chances(), until, setup.names.clone(), setup.links.clone());
        self.run(setup, Explorer::Draw(Box::new(draw)), self.faults(seed), None)
    }

    /// Runs with written deviations and no others.
    fn replay(
        &self,
        schedule: &Schedule<Self::Vocabulary>,
        tracer: Option<Tracer<'_, Self::Vocabulary>>,
    ) -> Ran<Self::Vocabulary> {
        let replay = Replay::new(schedule.messages());
        self.run(self.setup(), Explorer::Replay(replay), schedule.faults().cloned().collect(), tracer)
    }

    /// Runs, and judges.
    fn run(
        &self,
        setup: Setup,
        explorer: Explorer<Self::Vocabulary>,
        faults: Vec<Fault<Self::Vocabulary>>,
        tracer: Option<Tracer<'_, Self::Vocabulary>>,
    ) -> Ran<Self::Vocabulary> {
        let mut world = World::new(self.system(), setup, explorer, tracer);
        let ending = world.run_with(faults);
        let (system, outcome) = world.finish(ending);
        Ran { broken: self.judge(&system, &outcome), outcome }
    }
}

/// What a run showed.
#[derive(Clone, Debug)]
pub struct Ran<V: Vocabulary> {
    /// The rules that were broken.
    pub broken: Vec<String>,
    /// What the kernel knows of the run.
    pub outcome: Outcome<V>,
}

/// A rule that was broken.
#[derive(Clone, Debug)]
pub struct Finding<V: Vocabulary> {
    /// The rule.
    pub rule: String,
    /// The first seed that breaks it.
    pub seed: u64,
    /// The seeds that break it.
    pub seeds: u64,
    /// Deviations of the first one as it was found.
    pub deviations: usize,
    /// What is left of them. A replay of it shows the finding.
    pub schedule: Schedule<V>,
    /// Runs that shrinking took.
    pub runs: u32,
}

/// Runs the seeds, for as long as `go_on` says so. The findings are in the order in which they were made.
///
/// # Panics
/// A replay of what was recorded does not break the rule that the run broke: then a run is no function of its deviations,
/// or [`Case::setup`] does not have them recorded.
pub fn fuzz<C: Case>(
    case: &C,
    seeds: impl IntoIterator<Item = u64>,
    go_on: impl Fn() -> bool,
) -> Vec<Finding<C::Vocabulary>> {
    let mut findings: Vec<Finding<C::Vocabulary>> = Vec::new();
    for seed in seeds {
        if !go_on() {
            break;
        }
        let ran = case.draw(seed);
        let recorded = ran.outcome.recorded;
        for rule in ran.broken {
            if let Some(known) = findings.iter_mut().find(|finding| finding.rule == rule) {
                known.seeds += 1;
                continue;
            }
            let replay = |deviations: &[Deviation<C::Vocabulary>]| {
                let again = case.replay(&Schedule { deviations: deviations.to_vec() }, None);
                again.broken.contains(&rule).then_some(again.outcome.recorded)
            };
            let shrunk = shrink(seed, &recorded, replay, &go_on)
                .unwrap_or_else(|| panic!("seed {seed} breaks '{rule}', and its replay does not"));
            let schedule = Schedule { deviations: shrunk.deviations };
            let (deviations, runs) = (recorded.len(), shrunk.runs);
            findings.push(Finding { rule, seed, seeds: 1, deviations, schedule, runs });
        }
    }
    findings
}
