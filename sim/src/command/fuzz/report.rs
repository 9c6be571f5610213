//! The report of a campaign: bugs, each once, what was reached, and how to see everything again.

use std::path::{Path, PathBuf};

use fencepost_reports::render::{counted, thousands};
use serde_json::{Value, json};

use super::super::output::shell_word;
use super::super::{INTERRUPTED, NONDETERMINISM, OK, PANICKED, VIOLATED};
use super::findings::Findings;
use super::results::{Found, Group, KEPT, Results, Tally};
use crate::coverage::{Coverage, Goal, Machine, Point, never};
use crate::fuzz::group::Severity;

/// Exit code where only liveness was violated, or too many runs were vacuous.
const STUCK: u8 = 3;
/// What was never reached is listed up to so many lines in texts; JSON has all.
const NEVER_SHOWN: usize = 12;
/// What fewer runs than these have not reached is not listed: one block of seeds.
const TELLING_RUNS: u64 = 1024;

/// Groups of one kind whose shrunk schedules have one shape are one bug.
#[derive(Clone, Debug)]
pub struct Bug {
    pub kind: String,
    pub severity: Severity,
    pub rules: Vec<String>,
    pub count: u64,
    pub first: Vec<Found>,
}

/// A report.
#[derive(Debug)]
pub struct Report {
    pub results: Results,
    pub bugs: Vec<Bug>,
    /// Goals that were not reached, with their scenarios.
    pub unmet: Vec<(String, String)>,
    pub coverage: Coverage,
    pub never: Vec<String>,
    pub folder: PathBuf,
    /// Capsules of parts that did not come to their end.
    pub strays: Vec<String>,
}

impl Report {
    pub fn new(results: &Results, folder: &Path) -> Report {
        let mut coverage = Coverage::default();
        let mut unmet = Vec::new();
        for tally in &results.scenarios {
            let own = Coverage::of(tally.coverage.iter().copied());
            coverage.merge(&own);
            for goal in &tally.goals {
                if !Goal::parse(goal).is_ok_and(|g| g.is_reached(&own)) {
                    unmet.push((tally.name.clone(), goal.clone()));
                }
            }
        }
        Report {
            results: results.clone(),
            bugs: bugs(&results.groups),
            unmet,
            never: never(&coverage),
            coverage,
            folder: folder.to_path_buf(),
            strays: Vec::new(),
        }
    }

    pub fn exit_code(&self) -> u8 {
        if self.results.nondeterminism.is_some() {
            return NONDETERMINISM;
        }
        let worst = self.bugs.iter().map(|b| b.severity).min();
        match worst {
            Some(Severity::Panicked) => PANICKED,
            Some(Severity::Safety) => VIOLATED,
            Some(Severity::Liveness) => STUCK,
            None if !self.strays.is_empty() => VIOLATED,
            None if self.vacuous_scenarios().next().is_some() => STUCK,
            None if !self.results.complete => INTERRUPTED,
            None => OK,
        }
    }

    /// The command that runs a failure again, shrunk if it is.
    pub fn replay(&self, found: &Found) -> Option<String> {
        let shrunk = found.shrunk.as_ref().map(|s| &s.capsule);
        shrunk.or(found.capsule.as_ref()).map(|name| Findings::replay(&self.folder, name))
    }

    /// The command that finds a failure again.
    pub fn again(&self, found: &Found) -> String {
        let campaign = &self.results.campaign;
        let (name, case) = match found.scenario.strip_suffix(')').and_then(|s| s.split_once(" (")) {
            Some((name, case)) => (name, Some(case)),
            None => (found.scenario.as_str(), None),
        };
        let mut words = vec!["fencepost".to_string(), "fuzz".to_string(), shell_word(name)];
        if let Some(case) = case {
            words.extend(["--case".to_string(), shell_word(case)]);
        }
        words.extend(["--seeds".to_string(), found.seed.to_string()]);
        if campaign.profile != "swarm" {
            words.extend(["--profile".to_string(), campaign.profile.clone()]);
        }
        for set in &campaign.sets {
            words.extend(["--set".to_string(), shell_word(set)]);
        }
        words.join(" ")
    }

    /// What was asked for, in a line.
    pub fn asked(&self) -> String {
        let campaign = &self.results.campaign;
        let seeds = campaign
            .seeds
            .map_or("as many seeds as there was time for".to_string(), |(a, b)| format!("seeds {a} to {b}"));
        let mut text = format!("{seeds}, profile {}", campaign.profile);
        for set in &campaign.sets {
            text += &format!(", {set}");
        }
        if self.results.of_shards > 1 {
            let parts: Vec<String> = self.results.shards.iter().map(|s| (s + 1).to_string()).collect();
            if (parts.len() as u64) < self.results.of_shards {
                text += &format!(", shard {} of {}", parts.join(", "), self.results.of_shards);
            }
        }
        text
    }

    fn runs(&self) -> u64 {
        self.results.scenarios.iter().map(|t| t.runs).sum()
    }

    /// Scenarios of which too many runs proved nothing.
    pub fn vacuous_scenarios(&self) -> impl Iterator<Item = &Tally> {
        self.results.scenarios.iter().filter(|tally| tally.is_vacuous())
    }

    /// What is to be said of a scenario's vacuous runs.
    pub fn vacuous_of(tally: &Tally) -> String {
        let first = tally.first_vacuous.as_ref();
        let first = first.map_or_else(String::new, |f| format!(", first seed {}: {}", f.seed, f.untested));
        let limit = if tally.is_vacuous() { " (more than one in a hundred)" } else { "" };
        format!("{}: {} of {}{limit}{first}", tally.name, thousands(tally.vacuous), counted(tally.runs, "run"))
    }

    /// What is to be said of vacuous runs, a line for each scenario that has any.
    pub fn vacuous(&self) -> Vec<String> {
        self.results.scenarios.iter().filter(|tally| tally.vacuous > 0).map(Report::vacuous_of).collect()
    }

    /// The verdict as a sentence.
    pub fn verdict(&self) -> String {
        let runs = self.runs();
        let vacuous: u64 = self.results.scenarios.iter().map(|t| t.vacuous).sum();
        let failures: u64 = self.results.scenarios.iter().map(|t| t.failures).sum();
        if let Some(what) = &self.results.nondeterminism {
            return format!("nondeterminism: {what}");
        }
        let mut text = match self.bugs.len() {
            0 if self.vacuous_scenarios().next().is_some() => {
                format!("vacuous: nothing wrong, but too much was not put to the test, in {}", counted(runs, "run"))
            }
            0 if runs == 0 && self.results.of_shards > 1 && self.results.complete => {
                let parts = counted(self.results.of_shards, "part");
                format!(
                    "nothing run: no unit of the campaign falls to this shard, for there are fewer units than {parts}"
                )
            }
            0 if runs == 0 => "nothing run".to_string(),
            0 => format!("clean: {}, nothing wrong", counted(runs, "run")),
            n => format!(
                "{} found, in {} of {}",
                counted(n as u64, "failure"),
                thousands(failures),
                counted(runs, "run")
            ),
        };
        if vacuous > 0 {
            text += &format!("; {} vacuous", thousands(vacuous));
        }
        if !self.results.complete {
            text += "; interrupted";
        }
        text
    }

    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n\n", self.verdict(), self.asked());
        let width = self.results.scenarios.iter().map(|t| t.name.len()).max().unwrap_or(0);
        for t in &self.results.scenarios {
            text += &format!(
                "{:width$}  {:>9} run{} ({} noise, {} sparse, {} guided), {}, {} deliveries, {} points reached\n",
                t.name,
                thousands(t.runs),
                if t.runs == 1 { "" } else { "s" },
                thousands(t.noise),
                thousands(t.sparse),
                thousands(t.guided),
                counted(t.failures, "failure"),
                thousands(t.deliveries),
                t.coverage.len(),
            );
        }
        for (n, line) in self.vacuous().into_iter().enumerate() {
            text += &format!("{}vacuous: {line}\n", if n == 0 { "\n" } else { "" });
        }
        for bug in &self.bugs {
            text.push('\n');
            text += &self.bug_text(bug);
        }
        for (scenario, goal) in &self.unmet {
            text += &format!("\nsometimes: {scenario}: \"{goal}\" was never reached");
        }
        if !self.unmet.is_empty() {
            text.push('\n');
        }
        text += &format!("\ncoverage: {}\n", self.covered());
        if self.runs() < TELLING_RUNS {
            let missing = counted(self.never.len() as u64, "point");
            text += &format!(
                "  {missing} that one may expect were not reached; so few runs say little (--json lists them)\n"
            );
        } else {
            self.never.iter().take(NEVER_SHOWN).for_each(|line| text += &format!("  {line}\n"));
            if self.never.len() > NEVER_SHOWN {
                let more = self.never.len() - NEVER_SHOWN;
                text += &format!("  and {more} more that one may expect (--json lists all)\n");
            }
        }
        for stray in &self.strays {
            text += &format!("\nfound by a part that did not come to its end: {stray}");
        }
        if !self.strays.is_empty() {
            text.push('\n');
        }
        text += &format!("digest: {}\n", self.digest());
        text
    }

    fn bug_text(&self, bug: &Bug) -> String {
        let Some(first) = bug.first.first() else { return String::new() };
        let runs = counted(bug.count, "run");
        let mut text = format!(
            "{} ({}): {runs}, first {} seed {} ({})\n",
            bug.kind,
            bug.severity.name(),
            first.scenario,
            first.seed,
            first.explorer
        );
        let shrunk = bug.first.iter().find_map(|f| f.shrunk.as_ref());
        let sentence = shrunk.map_or(&first.sentence, |s| &s.sentence);
        text += &format!("  {}\n", sentence.replace('\n', "\n  "));
        if let Some(s) = shrunk {
            text += &format!(
                "  shrunk to {} and {} deliveries:\n",
                counted(s.deviations, "deviation"),
                thousands(s.deliveries)
            );
            for (number, words) in s.words.iter().enumerate() {
                text += &format!("    {}. {words}\n", number + 1);
            }
        } else if first.deviations > 0 {
            text += &format!("  {}, not shrunk\n", counted(first.deviations, "deviation"));
        }
        let shown = bug.first.iter().find(|f| f.shrunk.is_some()).unwrap_or(first);
        if let Some(replay) = self.replay(shown) {
            text += &format!("  replay: {replay}\n");
        }
        text += &format!("  again:  {}\n", self.again(first));
        text
    }

    /// How much of each machine was reached, in a line.
    pub fn covered(&self) -> String {
        let of = |m: Machine| format!("{} {}", m.name(), thousands(u64::from(self.coverage.count_of(m))));
        Machine::ALL.map(of).join(", ")
    }

    /// The digest of the campaign: of all scenarios.
    pub fn digest(&self) -> String {
        let mut digest = crate::digest::Digest::default();
        for tally in &self.results.scenarios {
            digest.add_text(&tally.name);
            digest.add_text(&tally.digest);
            digest.add(tally.runs);
        }
        digest.to_string()
    }

    pub fn json(&self) -> Value {
        let scenario = |t: &Tally| {
            json!({
                "name": t.name,
                "runs": t.runs,
                "failures": t.failures,
                "vacuous": t.vacuous,
                "first_vacuous": t.first_vacuous,
                "explorers": { "noise": t.noise, "sparse": t.sparse, "guided": t.guided },
                "deliveries": t.deliveries,
                "virtual_ms": t.virtual_ms,
                "coverage": t.coverage.len(),
                "digest": t.digest,
            })
        };
        let bug = |b: &Bug| {
            let cases: Vec<Value> = b
                .first
                .iter()
                .map(|f| {
                    let mut value = serde_json::to_value(f).expect("a finding serializes");
                    value["replay"] = self.replay(f).into();
                    value["again"] = self.again(f).into();
                    value
                })
                .collect();
            json!({ "kind": b.kind, "severity": b.severity.name(), "rules": b.rules, "count": b.count, "first": cases })
        };
        let unmet = |(scenario, goal): &(String, String)| json!({ "scenario": scenario, "goal": goal });
        json!({
            "verdict": self.verdict(),
            "ok": self.exit_code() == OK,
            "exit_code": self.exit_code(),
            "program": self.results.program,
            "profile": self.results.campaign.profile,
            "seeds": self.results.campaign.seeds,
            "complete": self.results.complete,
            "nondeterminism": self.results.nondeterminism,
            "scenarios": self.results.scenarios.iter().map(scenario).collect::<Vec<_>>(),
            "failures": self.bugs.iter().map(bug).collect::<Vec<_>>(),
            "coverage": self.coverage.count(),
            "reached": self.coverage.points().into_iter().map(|p| Point::of(p).to_string()).collect::<Vec<_>>(),
            "never_seen": self.never,
            "goals_unmet": self.unmet.iter().map(unmet).collect::<Vec<_>>(),
            "strays": self.strays,
            "digest": self.digest(),
        })
    }
}

fn bugs(groups: &[Group]) -> Vec<Bug> {
    let mut bugs: Vec<(Option<Vec<String>>, Bug)> = Vec::new();
    for group in groups {
        let severity = Severity::from_name(&group.severity).unwrap_or(Severity::Safety);
        let shape = group.first.iter().find_map(|f| f.shrunk.as_ref()).map(|s| s.shape.clone());
        let same = |(other, bug): &&mut (Option<Vec<String>>, Bug)| {
            shape.is_some() && *other == shape && bug.kind == group.kind && bug.severity == severity
        };
        match bugs.iter_mut().find(same) {
            Some((_, bug)) => {
                bug.rules.push(group.rule.clone());
                bug.count += group.count;
                bug.first.extend(group.first.iter().cloned());
                bug.first.sort_by_key(Found::order);
                bug.first.truncate(KEPT);
            }
            None => {
                let bug = Bug {
                    kind: group.kind.clone(),
                    severity,
                    rules: vec![group.rule.clone()],
                    count: group.count,
                    first: group.first.clone(),
                };
                bugs.push((shape, bug));
            }
        }
    }
    bugs.into_iter().map(|(_, bug)| bug).collect()
}

#[cfg(test)]
mod tests {
    use super::super::results::{Campaign, Ran};
    use super::super::shard::Shard;
    use super::super::{junit, markdown};
    use super::*;
    use crate::fuzz::Explorer;
    use crate::scenario::Scenario;

    fn results(shard: Shard, seeds: std::ops::RangeInclusive<u64>, vacuous: &[u64]) -> Results {
        let campaign =
            Campaign { profile: "swarm".into(), seeds: None, scenarios: vec![], sets: vec![], keep_going: true };
        let scenario = Scenario::load_built_in("lost-ack", Default::default()).unwrap();
        let mut results = Results::new(&campaign, shard, &[scenario]);
        let ran = |seed: u64| Ran {
            seed,
            explorer: Explorer::Noise,
            deliveries: 1,
            virtual_ms: 1,
            digest: 7,
            points: Vec::new(),
            untested: vacuous.contains(&seed).then(|| format!("nothing is owed to topic {seed}")),
            failure: None,
        };
        results.add(0, 0, seeds.map(ran).collect());
        results
    }

    fn report(vacuous: &[u64]) -> Report {
        Report::new(&results(Shard::WHOLE, 1..=100, vacuous), Path::new("findings"))
    }

    #[test]
    fn one_vacuous_run_in_a_hundred_is_told_and_two_are_a_failure() {
        let one = report(&[17]);
        assert_eq!((one.exit_code(), one.verdict()), (OK, "clean: 100 runs, nothing wrong; 1 vacuous".to_string()));
        assert!(
            one.text()
                .contains("\nvacuous: lessons/lost-ack: 1 of 100 runs, first seed 17: nothing is owed to topic 17\n")
        );
        assert!(!junit::render(&one).unwrap().contains("<failure"));
        let two = report(&[17, 9]);
        assert_eq!(two.exit_code(), STUCK);
        assert_eq!(
            two.verdict(),
            "vacuous: nothing wrong, but too much was not put to the test, in 100 runs; 2 vacuous"
        );
        let line =
            "lessons/lost-ack: 2 of 100 runs (more than one in a hundred), first seed 9: nothing is owed to topic 9";
        assert!(two.text().contains(line), "{}", two.text());
        assert!(markdown::render(&two).contains(&format!("- {line}\n")));
        assert!(junit::render(&two).unwrap().contains("<failure"));
        assert_eq!((&two.json()["scenarios"][0]["vacuous"], &two.json()["ok"]), (&json!(2), &json!(false)));
        assert_eq!(report(&[]).verdict(), "clean: 100 runs, nothing wrong");
    }

    #[test]
    fn vacuous_runs_of_shards_are_added_and_the_lowest_seed_is_named() {
        let part = |index, seeds, vacuous: &[u64]| results(Shard { index, count: 2 }, seeds, vacuous);
        let mut joint = part(1, 51..=100, &[60]);
        joint.join(part(0, 1..=50, &[8])).unwrap();
        let again = Results::from_json(&joint.to_json()).unwrap();
        let tally = &again.scenarios[0];
        assert_eq!((tally.vacuous, tally.first_vacuous.as_ref().map(|first| first.seed)), (2, Some(8)));
    }

    #[test]
    fn a_failure_weighs_more_than_runs_that_prove_nothing() {
        let mut results = results(Shard::WHOLE, 1..=100, &[1, 2, 3]);
        let found = Found {
            block: 0,
            place: 0,
            scenario: "lessons/lost-ack".into(),
            seed: 4,
            explorer: "noise".into(),
            sentence: String::new(),
            capsule: None,
            deviations: 0,
            shrunk: None,
        };
        results.groups.push(Group {
            kind: "duplicate".into(),
            rule: "a rule".into(),
            severity: Severity::Safety.name().into(),
            count: 1,
            first: vec![found],
        });
        let report = Report::new(&results, Path::new("findings"));
        assert_eq!(report.exit_code(), VIOLATED);
        assert!(report.verdict().ends_with("; 3 vacuous"), "{}", report.verdict());
    }
}
