//! The search: what is best so far, and how a candidate is tried.

use fencepost_kernel::shrink;

use super::{Goal, Runner};
use crate::run::{Course, Run};
use crate::scenario::Scenario;
use crate::schedule::{Action, Actor, Cast, Deviation, Kafka, Own, Schedule};
use crate::world::Keep;

const KEEP: Keep = Keep { schedule: true, trace: false, coverage: false, standings: false };

/// The best so far, and what finding it has cost.
pub(super) struct Search<'s> {
    seed: u64,
    goal: &'s Goal,
    run: Runner<'s>,
    go_on: &'s dyn Fn() -> bool,
    /// Settings that were there before.
    given: Vec<String>,
    pub runs: u32,
    pub stopped: bool,
    pub scenario: Scenario,
    pub deviations: Vec<Deviation>,
    pub ran: Result<Run, String>,
}

impl<'s> Search<'s> {
    /// Begins with what is to be shrunk; none if it does not show the goal.
    pub fn begin(
        scenario: &Scenario,
        seed: u64,
        schedule: &Schedule,
        goal: &'s Goal,
        run: Runner<'s>,
        go_on: &'s dyn Fn() -> bool,
    ) -> Option<Search<'s>> {
        let ran = run(&scenario.plan, Course::Legal(seed, schedule), KEEP);
        if !goal.is_shown_by(&ran) {
            return None;
        }
        let deviations = took_effect(&ran, schedule.deviations.clone());
        let (given, scenario) = (scenario.choice.sets.clone(), scenario.clone());
        Some(Search { seed, goal, run, go_on, given, runs: 1, stopped: false, scenario, deviations, ran })
    }

    /// The settings that were added.
    pub fn settings(&self) -> Vec<String> {
        self.scenario.choice.sets.iter().filter(|set| !self.given.contains(set)).cloned().collect()
    }

    /// Numbers of the brokers.
    fn brokers(&self) -> Vec<Actor> {
        self.scenario.names().brokers().collect()
    }

    /// Messages and timers of the best run.
    pub fn deliveries(&self) -> u64 {
        self.ran.as_ref().map_or(u64::MAX, |run| run.outcome.deliveries)
    }

    /// Runs a candidate; none if it does not show the goal, or time is up.
    fn shown(
        &mut self,
        scenario: &Scenario,
        deviations: Vec<Deviation>,
    ) -> Option<(Vec<Deviation>, Result<Run, String>)> {
        if self.stopped || !(self.go_on)() {
            self.stopped = true;
            return None;
        }
        self.runs += 1;
        let schedule = Schedule { deviations };
        let ran = (self.run)(&scenario.plan, Course::Legal(self.seed, &schedule), KEEP);
        self.goal.is_shown_by(&ran).then(|| (took_effect(&ran, schedule.deviations), ran))
    }

    /// Tries a change of settings, with the deviations as they are. A change that the scenario does not know, or that does
    /// not fit the rest, or that makes the run longer, is none.
    pub fn try_settings(&mut self, settings: &[String]) -> bool {
        let Some(scenario) = with_settings(&self.scenario, settings) else { return false };
        let deviations = translated(&self.deviations, &self.scenario, &scenario);
        let before = self.deliveries();
        let Some((deviations, ran)) = self.shown(&scenario, deviations) else { return false };
        if ran.as_ref().is_ok_and(|run| run.outcome.deliveries > before) {
            return false;
        }
        (self.scenario, self.deviations, self.ran) = (scenario, deviations, ran);
        true
    }

    /// Runs the best once more as a plain replay does, and takes its deviations as that recorded them. False if it does
    /// not show the goal.
    pub fn confirm(&mut self) -> bool {
        let schedule = Schedule { deviations: self.deviations.clone() };
        self.runs += 1;
        let ran = (self.run)(&self.scenario.plan, Course::Schedule(self.seed, &schedule), KEEP);
        let shown = self.goal.is_shown_by(&ran);
        if shown {
            self.deviations = took_effect(&ran, schedule.deviations);
            self.ran = ran;
        }
        shown
    }
}

impl shrink::Search<Kafka> for Search<'_> {
    fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    fn try_deviations(&mut self, deviations: Vec<Deviation>) -> bool {
        let scenario = self.scenario.clone();
        let Some((deviations, ran)) = self.shown(&scenario, deviations) else { return false };
        (self.deviations, self.ran) = (deviations, ran);
        true
    }

    fn is_stopped(&self) -> bool {
        self.stopped
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    /// A clean restart for a crash, and one broker's for that of all.
    fn milder(&self, action: &Action) -> Vec<Action> {
        let restart = |node, down| Action::Own(Own::Restart { node, down });
        match action {
            Action::Own(Own::RollingRestart { down }) => {
                self.brokers().into_iter().map(|node| restart(node, *down)).collect()
            }
            Action::Crash { node, down: Some(down) } if self.brokers().contains(node) => vec![restart(*node, *down)],
            _ => Vec::new(),
        }
    }
}

/// What took effect; of a run that a panic ended nobody knows.
fn took_effect(ran: &Result<Run, String>, tried: Vec<Deviation>) -> Vec<Deviation> {
    ran.as_ref().map_or(tried, |run| run.outcome.recorded.clone())
}

/// The scenario with further settings; an earlier one of the same key gives way.
pub fn with_settings(scenario: &Scenario, settings: &[String]) -> Option<Scenario> {
    let key = |setting: &String| setting.split('=').next().unwrap_or_default().to_string();
    let mut choice = scenario.choice.clone();
    for setting in settings {
        choice.sets.retain(|other| key(other) != key(setting));
        choice.sets.push(setting.clone());
    }
    let files = &scenario.files;
    let read = &mut |path: &str| files.get(path).cloned().ok_or_else(|| "it is not at hand".to_string());
    Scenario::load(&scenario.name, &scenario.text, choice, read).ok()
}

/// Deviations of one scenario in terms of another one, as far as they mean something there.
pub fn translated(deviations: &[Deviation], from: &Scenario, to: &Scenario) -> Vec<Deviation> {
    let (from, to) = (from.names(), to.names());
    let actors = from.actors_among(&to);
    let has_partition = |tp| to.has_partition(tp);
    let cast = Cast { actors: &actors, has_item: &has_partition };
    deviations.iter().filter_map(|d| d.translated(&cast)).collect()
}
