//! The swarm: which faults a seed has, how strong, and which settings (Groce et al., "Swarm testing", 2012).
//!
//! What a random test leaves out matters as much as what it has in: a run without crashes goes deep where one with crashes
//! never gets. Every draw has a named stream of its own, so that a new line in `[explore]` changes nothing else.

use super::{Drawn, Explorer, Profile};
use crate::plan::{Family, FamilyKind};
use crate::scenario::explore::{Part, Range};
use crate::scenario::table::Words as _;
use crate::scenario::{Place, Problem, Scenario};
use crate::stream::{PPM, Stream};

/// Draws that may be refused before the table is.
const TRIES: u64 = 16;

/// Strengths where neither `[chaos]` nor `[explore]` says anything about faults.
const USUAL: [(&str, &str); 6] = [
    ("delay.ppm", "100..10000"),
    ("delay.max", "5ms..2s"),
    ("late.ppm", "20..1000"),
    ("late.max", "5s..60s"),
    ("lose.request.ppm", "50..3000"),
    ("lose.response.ppm", "50..3000"),
];
/// The same for the jitter of noise, which every scenario gets.
const JITTER: (u64, u64) = (20_000, 20_000_000);

pub(super) fn draw(scenario: &Scenario, profile: Profile, seed: u64) -> Result<Drawn, Problem> {
    let mut refused = None;
    for attempt in 0..TRIES {
        let mut swarm = Swarm { scenario, profile, seed, attempt, sets: Vec::new() };
        let explorer = swarm.everything();
        // What Kafka would refuse is drawn again.
        match scenario.plan_with(&swarm.sets) {
            Ok(plan) => return Ok(Drawn { explorer, sets: swarm.sets, plan, seed, schedule: None }),
            Err(problem) => refused = Some(problem),
        }
    }
    let refused = refused.expect("there was an attempt");
    let message = format!(
        "[explore]: {TRIES} draws of seed {seed} were refused, the last because of: {refused}; narrow its ranges so that they fit together"
    );
    Err(Problem { file: scenario.name.clone(), place: Place::Whole, message })
}

struct Swarm<'s> {
    scenario: &'s Scenario,
    profile: Profile,
    seed: u64,
    attempt: u64,
    sets: Vec<String>,
}

impl Swarm<'_> {
    fn stream(&self, name: &str) -> Stream {
        match self.attempt {
            0 => Stream::new(self.seed, &format!("swarm {name}")),
            n => Stream::new(self.seed, &format!("swarm {name} again {n}")),
        }
    }

    fn set(&mut self, key: &str, value: impl core::fmt::Display) {
        self.sets.push(format!("{key}={value}"));
    }

    fn everything(&mut self) -> Explorer {
        let explorer = if self.stream("explorer").chance(PPM / 2) { Explorer::Noise } else { Explorer::Sparse };
        self.settings();
        let families = self.families();
        match explorer {
            Explorer::Sparse => self.sparse(&families),
            _ => self.noise(&families),
        }
        explorer
    }

    /// Three settings in four are drawn, the others stay as the scenario has them.
    fn settings(&mut self) {
        for line in self.scenario.explore.settings() {
            let mut stream = self.stream(&line.key);
            if stream.chance(3 * PPM / 4) {
                let value = line.range.draw(Part::Whole, &mut stream);
                self.set(&line.key, value);
            }
        }
        if self.scenario.explore.lines.is_empty() {
            for link in ["client", "broker"] {
                let key = format!("network.{link}.latency");
                let mut stream = self.stream(&key);
                let range = Range::Span(span(50_000), span(20_000_000));
                let value = range.draw(Part::Whole, &mut stream);
                self.set(&key, value);
            }
        }
    }

    /// Whether the scenario says nothing about faults, so that all of them are tried.
    fn is_bare(&self) -> bool {
        let chaos = &self.scenario.plan.chaos;
        chaos.messages.shares() == 0 && chaos.families.is_empty() && !self.scenario.explore.names_faults()
    }

    /// The families that may strike.
    fn families(&self) -> Vec<Family> {
        let chaos = &self.scenario.plan.chaos;
        let named = |name: &str| self.scenario.explore.get(&format!("chaos.{name}.count")).is_some();
        let of = |(name, kind): (&str, FamilyKind)| {
            if kind.is_of_sinks() && self.scenario.plan.sinks().next().is_none() {
                return None;
            }
            let known = chaos.families.iter().find(|f| f.kind == kind).cloned();
            let usual = Family { kind, min: 1, max: 2, shortest: span(500_000_000), longest: span(8_000_000_000) };
            known.or((self.is_bare() || named(name)).then_some(usual))
        };
        FamilyKind::WORDS.iter().copied().filter_map(of).collect()
    }

    /// How many faults of a family that is on.
    fn count(&self, name: &str, family: &Family, stream: &mut Stream) -> u64 {
        let text = match self.scenario.explore.get(&format!("chaos.{name}.count")) {
            Some(line) => line.range.draw(self.profile.strength(), stream),
            None => {
                let range = Range::Integer(u64::from(family.min.max(1)), u64::from(family.max.max(1)));
                range.draw(self.profile.strength(), stream)
            }
        };
        text.parse().unwrap_or(1)
    }

    fn lasts(&mut self, name: &str) {
        let key = format!("chaos.{name}.lasts");
        if let Some(line) = self.scenario.explore.get(&key) {
            let mut stream = self.stream(&key);
            let value = line.range.draw(Part::Whole, &mut stream);
            self.set(&key, value);
        } else if self.is_bare() {
            self.set(&key, "500ms..8s");
        }
    }

    /// Shares of messages are as `[explore]` or `[chaos]` says, or off.
    fn shares(&mut self) {
        let messages = self.scenario.plan.chaos.messages;
        let (bare, profile) = (self.is_bare(), self.profile);
        for (share, known, longest) in [
            ("delay.ppm", messages.delay_ppm, Some("delay.max")),
            ("late.ppm", messages.late_ppm, Some("late.max")),
            ("lose.request.ppm", messages.lose_request_ppm, None),
            ("lose.response.ppm", messages.lose_response_ppm, None),
        ] {
            let mut stream = self.stream(share);
            let on = stream.chance(profile.family_ppm());
            for (key, is_share) in [(Some(share), true), (longest, false)] {
                let Some(key) = key else { continue };
                let path = format!("chaos.{key}");
                let usual = USUAL.iter().find(|(name, _)| *name == key).filter(|_| bare).map(|(_, text)| *text);
                let range = self.scenario.explore.get(&path).map(|line| line.range.clone());
                let range = range.or(usual.map(Range::usual));
                if is_share && !on {
                    if known > 0 || range.is_some() {
                        self.set(&path, 0);
                    }
                } else if let Some(range) = range {
                    // The bounds of delays are drawn in any case: lateness begins where delays end.
                    let value = range.draw(profile.strength(), &mut stream);
                    self.set(&path, value);
                }
            }
        }
    }

    fn noise(&mut self, families: &[Family]) {
        self.shares();
        for family in families {
            let name = name_of(family);
            let mut stream = self.stream(name);
            let on = stream.chance(self.profile.family_ppm());
            let count = if on { self.count(name, family, &mut stream) } else { 0 };
            self.set(&format!("chaos.{name}.count"), count);
            if on {
                self.lasts(name);
            }
        }
        if self.profile != Profile::Lite {
            let mut stream = self.stream("jitter");
            let range = Range::Span(span(JITTER.0), span(JITTER.1));
            let jitter = range.draw(self.profile.strength(), &mut stream);
            self.set("chaos.jitter.max", jitter);
        }
    }

    /// `d` deviations in all: most of them of single messages, some of the families.
    fn sparse(&mut self, families: &[Family]) {
        for share in ["delay.ppm", "late.ppm", "lose.request.ppm", "lose.response.ppm"] {
            self.set(&format!("chaos.{share}"), 0);
        }
        let (low, high) = self.profile.deviations();
        let mut stream = self.stream("sparse");
        let (mut probes, mut counts) = (0, vec![0u64; families.len()]);
        for _ in 0..stream.between(low, high) {
            if families.is_empty() || stream.chance(6 * PPM / 10) {
                probes += 1;
            } else {
                counts[stream.below(families.len() as u64) as usize] += 1;
            }
        }
        for (family, count) in families.iter().zip(counts) {
            let name = name_of(family);
            self.set(&format!("chaos.{name}.count"), count);
            if count > 0 {
                self.lasts(name);
            }
        }
        self.set("chaos.probes", probes);
    }
}

fn name_of(family: &Family) -> &'static str {
    FamilyKind::WORDS.iter().find(|(_, kind)| *kind == family.kind).expect("every family has a name").0
}

const fn span(ns: u64) -> fencepost_protocol::time::Span {
    fencepost_protocol::time::Span(ns)
}
