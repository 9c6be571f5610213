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
                lines.push((section.clone(), key.to_string(), value.to_string()));
            }
        }
    }
    lines
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
    let own = |key: &str| {
        let bare = key.strip_prefix("consumer.").or_else(|| key.strip_prefix("producer.")).unwrap_or(key);
        [key.to_string(), bare.to_string()]
    };
    let name = section.rsplit([' ', '[']).next().unwrap_or(section).trim_end_matches(']');
    let rest = wanted.split_once('.').filter(|(first, _)| *first == name || ["client", "broker"].contains(first));
    own(key).iter().any(|key| key == wanted || rest.is_some_and(|(_, rest)| rest == key))
}
