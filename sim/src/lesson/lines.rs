//! Which lines of configuration differ between two runs, defaults that follow from others included.

use fencepost_reports::lesson::Change;

use crate::scenario::Scenario;
use crate::scenario::fields::Fields;

/// A line of a resolved scenario: section, key, value.
type Line = (String, String, String);

/// Every line of configuration of a scenario, defaults included; no faults, and nothing of what is expected.
pub fn lines(scenario: &Scenario) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut section = String::new();
    let mut skipped = true; // before the first section stand title and seeds
    for line in scenario.resolved().lines() {
        if line.starts_with('[') {
            skipped = line.starts_with("[[fault]]") || line.starts_with("[expect]");
            section = line.to_string();
        } else if let Some((key, value)) = line.split_once(" = ").filter(|_| !skipped) {
            if key == "name" && section.starts_with("[[") {
                section = format!("{section} {}", value.trim_matches('"'));
            } else {
                lines.push(placed(&section, key, value));
            }
        }
    }
    lines
}

/// A line where it is written: what a pipeline's two clients and its call of a payment API are
/// configured to stands in tables of their own.
fn placed(section: &str, key: &str, value: &str) -> Line {
    let name = section.strip_prefix("[[pipeline]]");
    for part in ["consumer", "producer", "call"] {
        let bare = key.strip_prefix(part).and_then(|rest| rest.strip_prefix('.'));
        if let (Some(name), Some(key)) = (name, bare) {
            return (format!("[pipeline.{part}]{name}"), key.to_string(), value.to_string());
        }
    }
    (section.to_string(), key.to_string(), value.to_string())
}

/// What differs, in the order of the text. The lines that a case of either run writes come first.
pub fn changes(broken: &Scenario, fixed: &Scenario) -> Vec<Change> {
    let written = [written(broken), written(fixed)].concat();
    let (before, after) = (lines(broken), lines(fixed));
    let mut changes: Vec<Change> = Vec::new();
    for (section, key, was) in before {
        let now = after.iter().find(|(s, k, _)| *s == section && *k == key).map(|(.., now)| now.clone());
        let Some(now) = now.filter(|now| *now != was) else { continue };
        let written = written.iter().any(|wanted| means(wanted, &section, &key));
        changes.push(Change { section, key, was, now, written });
    }
    if changes.iter().all(|change| !change.written) {
        changes.iter_mut().for_each(|change| change.written = true);
    }
    changes.sort_by_key(|change| !change.written);
    changes
}

/// The keys that the scenario's case and settings set.
fn written(scenario: &Scenario) -> Vec<String> {
    let mut keys: Vec<String> =
        scenario.choice.sets.iter().filter_map(|s| s.split_once('=')).map(|(k, _)| k.to_string()).collect();
    let cases = Fields::from_toml(&scenario.text).and_then(|mut top| top.take_tables("case")).unwrap_or_default();
    for case in cases {
        if case.text("name").ok().flatten() == scenario.choice.case {
            keys.extend(case.paths().filter_map(|path| path.strip_prefix("set.")).map(str::to_string));
        }
    }
    keys
}

/// Whether a setting's key means this line: `KEY`, `ROLE.KEY` or `NAME.KEY`.
fn means(wanted: &str, section: &str, key: &str) -> bool {
    let name = section.rsplit([' ', '[']).next().unwrap_or(section).trim_end_matches(']');
    let without = |path: &str, first: &[&str]| match path.split_once('.') {
        Some((head, rest)) if first.contains(&head) => rest.to_string(),
        _ => path.to_string(),
    };
    let wanted = without(wanted, &[name, "client", "broker"]);
    wanted == key || (section.starts_with("[pipeline.") && without(&wanted, &["consumer", "producer", "call"]) == key)
}
