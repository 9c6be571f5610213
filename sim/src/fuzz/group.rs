//! Which failures are the same bug.

use fencepost_reports::report::{Class, Report, Violation};

use crate::cast::Names;
use crate::coverage::action_name;
use crate::schedule::{Action, Deviation, Effect, Fault, Schedule, When};

/// What tells one bug from another before anything was shrunk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Kind of violation, or `panicked`.
    pub kind: String,
    /// The rule that was broken and the state that it was broken in: the proof's sentence without names and numbers.
    pub rule: String,
}

/// How bad a failure is, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A machine panicked.
    Panicked,
    /// Something happened that must not.
    Safety,
    /// Something did not finish.
    Liveness,
}

impl Severity {
    /// As in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Panicked => "panicked",
            Severity::Safety => "safety",
            Severity::Liveness => "liveness",
        }
    }

    /// The severity of that name.
    pub fn from_name(name: &str) -> Option<Severity> {
        [Severity::Panicked, Severity::Safety, Severity::Liveness].into_iter().find(|s| s.name() == name)
    }
}

/// The violation that a failure is known by: the first, safety before liveness.
pub fn main_violation(report: &Report) -> Option<&Violation> {
    let safety = report.violations.iter().find(|v| v.kind.class() == Class::Safety);
    safety.or(report.violations.first())
}

/// The key of a violation.
pub fn key(violation: &Violation, names: &Names) -> Key {
    Key { kind: violation.kind.name().to_string(), rule: template(&violation.proof.sentence, names) }
}

/// The key of a panic: where it happened, and what was expected.
pub fn panic_key(message: &str, names: &Names) -> Key {
    // The file's path differs between machines; its end does not.
    let text = message.replace('\\', "/");
    let text = text.split_whitespace().map(|w| w.rsplit_once("/src/").map_or(w, |(_, file)| file));
    Key { kind: "panicked".to_string(), rule: template(&text.collect::<Vec<_>>().join(" "), names) }
}

/// A sentence without what differs from run to run: numbers become `#`, nodes and topics become what they are. Words of
/// a list that repeat ("at #, at #, at #") are said once.
fn template(sentence: &str, names: &Names) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in sentence.split_whitespace() {
        let (core, tail) = match word.find(|c: char| !(c.is_alphanumeric() || "-_./".contains(c))) {
            Some(0) | None => (word, ""),
            Some(at) => word.split_at(at),
        };
        let core = core.trim_end_matches('.');
        let role = if names.nodes.iter().any(|n| n == core) {
            if core.starts_with("broker-") { "BROKER".to_string() } else { "CLIENT".to_string() }
        } else if names.topics.iter().any(|(t, _)| t == core) || names.partition(core).is_ok() {
            "PARTITION".to_string()
        } else if core.chars().any(|c| c.is_ascii_digit()) {
            "#".to_string()
        } else {
            format!("{core}{}", tail.trim_end_matches([',', ';', '.']))
        };
        let role = if role.chars().any(|c| c.is_ascii_digit()) { "#".to_string() } else { role };
        words.push(role);
    }
    // Repetitions of one to three words.
    for length in 1..=3 {
        let mut index = 0;
        while index + 2 * length <= words.len() {
            if words[index..index + length] == words[index + length..index + 2 * length] {
                words.drain(index..index + length);
            } else {
                index += 1;
            }
        }
    }
    words.join(" ")
}

/// What a schedule consists of, whatever it hits and when: two shrunk schedules of one shape are one bug.
pub fn shape(schedule: &Schedule) -> Vec<String> {
    let mut shape: Vec<String> = schedule.deviations.iter().map(part).collect();
    shape.sort();
    shape
}

fn part(deviation: &Deviation) -> String {
    let effect = |effect: &Effect| match effect {
        Effect::DelayRequest(_) | Effect::DelayResponse(_) => "late",
        Effect::LoseRequest | Effect::LoseResponse => "lost",
        Effect::ErrorBefore(_) | Effect::ErrorAfter(_) => "refused",
    };
    match deviation {
        Deviation::Message(name, what) => format!("{} {}", name.kind.name(), effect(what)),
        Deviation::Fault(Fault { when: When::After(trigger, _), action: Action::Message(what), .. }) => {
            format!("{} {}", trigger.kind.name(), effect(what))
        }
        Deviation::Fault(fault) => action_name(&fault.action).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let nodes = ["broker-1", "broker-2", "controller", "shop", "till"].map(String::from).to_vec();
        Names { nodes, topics: vec![("orders".into(), 3), ("sales".into(), 1)], ..Names::default() }
    }

    #[test]
    fn sentences_about_other_records_are_the_same_rule() {
        let one = template("record 7 of shop is visible 2 times in orders-0: at offsets 12, 15", &names());
        let two = template("record 31 of till is visible 3 times in sales-0: at offsets 1, 5, 9", &names());
        assert_eq!(one, two);
        assert_eq!(one, "record # of CLIENT is visible # times in PARTITION at offsets #");
        let other = template("the transaction of shop stays in PrepareCommit since 7.2s", &names());
        let state = template("the transaction of shop stays in Ongoing since 7.2s", &names());
        assert_ne!(other, state, "states tell bugs apart");
    }

    #[test]
    fn a_panic_is_known_by_its_place_wherever_the_program_was_built() {
        let one = panic_key("panicked at /home/a/protocol/src/log/mod.rs:12:5:\nexpected 3", &names());
        let two = panic_key("panicked at /b/protocol/src/log/mod.rs:99:1:\nexpected 4", &names());
        assert_eq!(one, two);
    }
}
