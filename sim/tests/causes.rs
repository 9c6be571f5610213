//! The built-in scenarios prove what they say: what goes wrong in a case is owed to each of its faults, or to its line of
//! configuration, and where nothing goes wrong each fault has happened all the same.

use std::collections::BTreeSet;

use fencepost_reports::report::Kind;
use fencepost_sim::run::{Course, Run, run};
use fencepost_sim::scenario::{BASE, Choice, Scenario, builtin};
use fencepost_sim::world::Keep;
use toml::{Table, Value};

/// A case of a scenario, as a text that can be changed.
struct Case<'a> {
    scenario: &'a str,
    text: Table,
    case: Option<String>,
}

impl Case<'_> {
    /// All cases of a text, the scenario as it stands first.
    fn all<'a>(scenario: &'a str, text: &str) -> Vec<Case<'a>> {
        let text: Table = text.parse().unwrap_or_else(|e| panic!("{scenario}: {e}"));
        let names = sections(&text, "case").iter().map(|case| case["name"].as_str().map(str::to_string));
        let names: Vec<Option<String>> = std::iter::once(None).chain(names).collect();
        names.into_iter().map(|case| Case { scenario, text: text.clone(), case }).collect()
    }

    fn label(&self) -> String {
        format!("{} ({})", self.scenario, self.case.as_deref().unwrap_or(BASE))
    }

    fn run(&self, text: &Table) -> (Scenario, Run) {
        let choice = Choice { case: self.case.clone(), sets: Vec::new() };
        let text = toml::to_string(text).unwrap_or_else(|e| panic!("{}: {e}", self.label()));
        let read = &mut |path: &str| builtin::read_file(self.scenario, path);
        let scenario = Scenario::load(self.scenario, &text, choice, read).unwrap_or_else(|p| panic!("{p}"));
        let keep = Keep { schedule: true, ..Keep::default() };
        let run = run(&scenario.plan, Course::Seed(scenario.seeds.0), keep, None, None);
        (scenario, run)
    }

    /// The text without each of the faults that are the case's, and what was left out.
    fn without_a_fault(&self) -> Vec<(String, Table)> {
        let name = self.case.as_deref().unwrap_or(BASE);
        let is_own = |fault: &Value| match fault.get("cases").and_then(Value::as_array) {
            Some(cases) => cases.iter().any(|case| case.as_str() == Some(name)),
            None => true,
        };
        let faults = sections(&self.text, "fault");
        let own = (0..faults.len()).filter(|n| is_own(&faults[*n]));
        let without = |n: usize| {
            let mut text = self.text.clone();
            let Some(Value::Array(faults)) = text.get_mut("fault") else { unreachable!("it has faults") };
            let fault = faults.remove(n);
            (format!("fault {}, {fault}", n + 1), text)
        };
        own.map(without).collect()
    }

    /// The text without each line of configuration that the case sets.
    fn without_a_line(&self) -> Vec<(String, Table)> {
        let cases = sections(&self.text, "case");
        let Some(n) = cases.iter().position(|case| case["name"].as_str() == self.case.as_deref()) else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        if let Some(set) = cases[n].get("set") {
            leaves(set, &mut Vec::new(), &mut lines);
        }
        let without = |line: Vec<String>| {
            let mut text = self.text.clone();
            let Some(Value::Array(cases)) = text.get_mut("case") else { unreachable!("it has cases") };
            let mut place = &mut cases[n]["set"];
            for part in &line[..line.len() - 1] {
                place = &mut place[part.as_str()];
            }
            place.as_table_mut().expect("a table holds the key").remove(&line[line.len() - 1]);
            (format!("the setting {}", line.join(".")), text)
        };
        lines.into_iter().map(without).collect()
    }
}

fn sections<'t>(text: &'t Table, name: &str) -> &'t [Value] {
    text.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Paths of the values of a table of tables.
fn leaves(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let Value::Table(table) = value else {
        found.push(path.clone());
        return;
    };
    for (key, value) in table {
        path.push(key.clone());
        leaves(value, path, found);
        path.pop();
    }
}

fn kinds(run: &Run) -> BTreeSet<Kind> {
    run.report.violations.iter().map(|violation| violation.kind).collect()
}

/// What in a scenario proves nothing, one sentence each.
fn idle(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let cases = Case::all(name, text);
    let runs: Vec<(Scenario, Run)> = cases.iter().map(|case| case.run(&case.text)).collect();
    for (case, (_, run)) in cases.iter().zip(&runs) {
        let label = case.label();
        found.extend(run.report.account.faults_that_never_began().iter().map(|what| format!("{label}: {what}")));
        let wrong = kinds(run);
        if wrong.is_empty() {
            continue;
        }
        let faults = case.without_a_fault();
        let causes = if faults.is_empty() { case.without_a_line() } else { faults };
        for (cause, text) in &causes {
            let (_, run) = case.run(text);
            let left: Vec<&str> = wrong.intersection(&kinds(&run)).map(|kind| kind.name()).collect();
            if !left.is_empty() {
                found.push(format!("{label}: there is {} without {cause}, too", left.join(", ")));
            }
        }
        let mends = |(_, other): &(Scenario, Run)| wrong.is_disjoint(&kinds(other));
        if causes.is_empty() && !runs.iter().any(mends) {
            found.push(format!("{label}: it has no fault, and none of the cases is without what goes wrong"));
        }
    }
    found
}

#[test]
fn what_goes_wrong_needs_each_fault_or_the_line_of_configuration_and_each_fault_happens() {
    let mut found = Vec::new();
    let mut cases = 0;
    for (name, text) in builtin::SCENARIOS.iter().filter(|(name, _)| !name.starts_with("bench/")) {
        cases += Case::all(name, text).len();
        found.extend(idle(name, text));
    }
    assert!(cases > 140, "{cases} cases");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_fault_that_is_not_needed_or_never_happens_is_found() {
    let (name, text) = builtin::find("lessons/lost-ack").expect("it is built in");
    let fault = |when: &str| {
        format!(
            "{text}\n[[fault]]\ncases = [\"base\"]\n{when}\naction = \"pause\"\nnode = \"broker-2\"\nspan = \"1ms\"\n"
        )
    };
    assert_eq!(idle(name, text), Vec::<String>::new());
    let needless = idle(name, &fault("at = \"50ms\""));
    assert!(matches!(&needless[..], [one] if one.contains("there is duplicate without fault 3")), "{needless:?}");
    let never = idle(name, &fault("after = { kind = \"Produce\", nth = 30 }"));
    assert!(
        matches!(&never[..], [one, two] if one.contains("never began") && two.contains("without fault 3")),
        "{never:?}"
    );
}

#[test]
fn a_line_of_configuration_that_is_not_needed_is_found() {
    let (name, text) = builtin::find("lessons/aborted-leak").expect("it is built in");
    let more = "[[case]]\nname = \"more\"\nset = { bank.linger.ms = 7 }\n[case.expect]\nverdict = \"violated\"\n";
    let needless = idle(name, &format!("{text}\n{more}"));
    assert!(matches!(&needless[..], [one] if one.contains("without the setting bank.linger.ms")), "{needless:?}");
}
