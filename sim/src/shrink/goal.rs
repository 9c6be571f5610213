//! What a shrunk run must still show.

use fencepost_reports::report::{Class, Kind, Proof, Report};

use crate::run::Run;

/// The finding that is kept while everything else is taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// A violation of this kind.
    Violation {
        /// The kind.
        kind: Kind,
        /// How it comes about, as [`rule`] tells it; none: any violation of the kind will do.
        rule: Option<String>,
    },
    /// A machine panics.
    Panic,
}

impl Goal {
    /// The first finding of a report: safety before liveness.
    pub fn of(report: &Report) -> Option<Goal> {
        let safety = report.violations.iter().find(|v| v.kind.class() == Class::Safety);
        let first = safety.or(report.violations.first())?;
        Some(Goal::Violation { kind: first.kind, rule: Some(rule(&first.proof)) })
    }

    /// A violation of that kind, however it comes about.
    pub fn of_kind(kind: Kind) -> Goal {
        Goal::Violation { kind, rule: None }
    }

    /// Whether a run shows it.
    pub fn is_shown_by(&self, ran: &Result<Run, String>) -> bool {
        match (self, ran) {
            (Goal::Panic, Err(_)) => true,
            (Goal::Violation { kind, rule: wanted }, Ok(run)) => {
                run.report.violations.iter().filter(|v| v.kind == *kind).any(|v| match wanted {
                    None => true,
                    Some(wanted) => std::iter::once(&v.proof).chain(&v.further).any(|p| rule(p) == *wanted),
                })
            }
            _ => false,
        }
    }

    /// In a few words.
    pub fn words(&self) -> String {
        match self {
            Goal::Violation { kind, .. } => kind.to_string(),
            Goal::Panic => "a machine panics".to_string(),
        }
    }
}

/// The rule that a finding breaks: its sentence without what differs from case to case (names that hold a digit or a dot,
/// numbers, times, and the names of the clients and of the topic concerned).
pub fn rule(proof: &Proof) -> String {
    let is_name = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric()).trim_end_matches("'s");
        word.chars().any(|c| c.is_ascii_digit())
            || proof.clients.iter().any(|(name, _)| name == word)
            || proof.topic.as_deref() == Some(word)
    };
    let words = proof.sentence.split_whitespace().map(|word| if is_name(word) { "#" } else { word });
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        text += word;
    }
    text
}
