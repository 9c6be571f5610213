//! Capsules: one execution as a file that stands alone.
//!
//! A capsule holds everything that was resolved: the scenario's text, its case and settings, the lines used of users'
//! files, the seed of generated records, and the deviations, by the names of nodes, topics and messages. A replay
//! applies them and draws nothing.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cast::Names;
use crate::scenario::deviation;
use crate::scenario::fields::Fields;
use crate::scenario::{Choice, Problem, Scenario};
use crate::schedule::{Deviation, Schedule};

/// Version of the format. Another version is refused.
pub const FORMAT: u64 = 1;
/// Version of the program that writes it.
pub const PROGRAM: &str = concat!("fencepost ", env!("CARGO_PKG_VERSION"));

/// One execution.
#[derive(Clone, Debug)]
pub struct Capsule {
    /// The program that wrote it.
    pub program: String,
    /// What ran.
    pub scenario: Scenario,
    /// Seed: of everything if there is no schedule, else of generated records.
    pub seed: u64,
    /// What came of it, in one word; `panicked` if a machine did.
    pub verdict: String,
    /// Kinds of violations that were found.
    pub kinds: Vec<String>,
    /// Digest, if the run came to its end.
    pub digest: Option<String>,
    /// Settings under which the same script must be clean, each `KEY=VALUE`: what was wrong, turned off. `verify` tries
    /// them; none: nothing to try.
    pub remedy: Vec<String>,
    /// The deviations; none if the run did not live to write them down, so that the seed has to draw them again.
    pub schedule: Option<Schedule>,
}

/// Why a capsule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapsuleError {
    /// It is no capsule, or a part of one.
    Foreign(String),
    /// It is that of a program's test, which alone can replay it, by this command.
    OfProgram(String),
    /// Another version of the format.
    Format(u64),
    /// Its scenario is not understood (any more).
    Scenario(Problem),
    /// A deviation is not understood.
    Deviation(Problem),
}

impl fmt::Display for CapsuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CapsuleError::Foreign(what) => {
                write!(f, "not a whole capsule: {what}; expected the JSON that 'fencepost run --save' writes")
            }
            CapsuleError::OfProgram(command) => {
                write!(
                    f,
                    "the capsule of a program's test: set FENCEPOST_REPLAY to this file's path and run: {command}"
                )
            }
            CapsuleError::Format(found) => {
                write!(f, "capsule format {found}; this program reads format {FORMAT}: use the program that wrote it")
            }
            CapsuleError::Scenario(problem) => write!(f, "the scenario within the capsule: {problem}"),
            CapsuleError::Deviation(problem) => write!(f, "{problem}"),
        }
    }
}

impl std::error::Error for CapsuleError {}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u64,
    program: String,
    scenario: WrittenScenario,
    seed: u64,
    verdict: String,
    #[serde(default)]
    violations: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    remedy: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deviations: Option<Vec<serde_json::Map<String, serde_json::Value>>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScenario {
    name: String,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    case: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    set: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    files: BTreeMap<String, String>,
    /// Places for clients of programs from outside.
    #[serde(default, skip_serializing_if = "is_zero")]
    places: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// The version alone, so that another version is told apart from a foreign file whatever else is in it.
#[derive(Deserialize)]
struct Versioned {
    format: u64,
}

/// What a test kit writes around a capsule: only the program's own test can replay it.
#[derive(Deserialize)]
struct Program {
    #[serde(rename = "madsim seed")]
    _seed: u64,
    command: String,
}

impl Capsule {
    /// The text of the file.
    pub fn to_json(&self) -> String {
        let names = self.scenario.names();
        let written = Written {
            format: FORMAT,
            program: self.program.clone(),
            scenario: WrittenScenario {
                name: self.scenario.name.clone(),
                text: self.scenario.text.to_string(),
                case: self.scenario.choice.case.clone(),
                set: self.scenario.choice.sets.clone(),
                files: self.scenario.files.clone(),
                places: self.scenario.plan.externals.len() as u32,
            },
            seed: self.seed,
            verdict: self.verdict.clone(),
            violations: self.kinds.clone(),
            digest: self.digest.clone(),
            remedy: self.remedy.clone(),
            deviations: self
                .schedule
                .as_ref()
                .map(|schedule| schedule.deviations.iter().map(|d| write_deviation(d, &names)).collect()),
        };
        let mut text = serde_json::to_string_pretty(&written).expect("a capsule serializes");
        text.push('\n');
        text
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`CapsuleError`].
    pub fn from_json(text: &str) -> Result<Capsule, CapsuleError> {
        let foreign = |error: serde_json::Error| CapsuleError::Foreign(error.to_string());
        if let Ok(Program { command, .. }) = serde_json::from_str(text) {
            return Err(CapsuleError::OfProgram(command));
        }
        let version: Versioned = serde_json::from_str(text).map_err(foreign)?;
        if version.format != FORMAT {
            return Err(CapsuleError::Format(version.format));
        }
        let written: Written = serde_json::from_str(text).map_err(foreign)?;
        let WrittenScenario { name, text, case, set, files, places } = written.scenario;
        let read = &mut |path: &str| files.get(path).cloned().ok_or_else(|| "it is not in the capsule".to_string());
        let choice = Choice { case, sets: set };
        let mut scenario = Scenario::load(&name, &text, choice, read).map_err(CapsuleError::Scenario)?;
        if places > 0 {
            crate::embed::make_places(Arc::make_mut(&mut scenario.plan), places);
        }
        let names = scenario.names();
        let schedule = match written.deviations {
            None => None,
            Some(list) => Some(Schedule { deviations: read_deviations(list, &names)? }),
        };
        Ok(Capsule {
            program: written.program,
            scenario,
            seed: written.seed,
            verdict: written.verdict,
            kinds: written.violations,
            digest: written.digest,
            remedy: written.remedy,
            schedule,
        })
    }
}

/// A deviation as an object, with a sentence for people beside it.
fn write_deviation(deviation: &Deviation, names: &Names) -> serde_json::Map<String, serde_json::Value> {
    let table = deviation::write(deviation, names);
    let serde_json::Value::Object(mut object) = deviation::to_json(&table) else {
        unreachable!("a table is written as an object")
    };
    object.insert("words".into(), deviation::words(deviation, names).into());
    object
}

fn read_deviations(
    list: Vec<serde_json::Map<String, serde_json::Value>>,
    names: &Names,
) -> Result<Vec<Deviation>, CapsuleError> {
    let mut deviations = Vec::with_capacity(list.len());
    for (index, mut object) in list.into_iter().enumerate() {
        object.remove("words");
        let item = format!("deviation {}", index + 1);
        let read = Fields::from_json(&object, &item).and_then(|fields| deviation::read(&fields, names));
        deviations.push(read.map_err(|complaint| CapsuleError::Deviation(complaint.in_file("deviations")))?);
    }
    Ok(deviations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fencepost_protocol::broker::Job;
    use fencepost_protocol::error::ErrorCode;
    use fencepost_protocol::ids::{NodeId, TopicId, TopicPartition};
    use fencepost_protocol::message::ApiKey;
    use fencepost_protocol::time::{Instant, Span};

    use crate::message::Kind;
    use crate::schedule::{Action, Effect, Fault, MessageName, Own, Phase, Subject, Trigger, When};
    use crate::sink;

    fn tp(topic: u32, partition: u32) -> TopicPartition {
        TopicPartition::new(TopicId(topic), partition)
    }

    /// One deviation of every form.
    fn deviations() -> Vec<Deviation> {
        let at = When::At(Instant(1_800_000_123));
        let ms = Span::from_millis(7);
        let actions = [
            Action::Crash { node: 1, down: None },
            Action::PowerLoss { node: 2, down: Some(ms), keep_ppm: 5 },
            Action::Pause { node: 4, span: ms },
            Action::Own(Own::Restart { node: 1, down: ms }),
            Action::Own(Own::RollingRestart { down: ms }),
            Action::Block { links: vec![(0, 1), (3, 2)], span: ms },
            Action::Slow { links: vec![(1, 4)], by: Span(1), span: ms },
            Action::LoseAnswers { node: 4, kind: ApiKey::Produce.into(), span: ms },
            Action::Own(Own::MoveLeader { partition: tp(2, 0), to: Some(NodeId(2)) }),
            Action::Own(Own::MoveLeader { partition: tp(1, 0), to: None }),
            Action::StepClock { node: 4, by_ms: -1_500 },
            Action::DriftClock { node: 4, ppm: -20 },
            Action::Own(Own::HoldMetadata { node: 2, span: ms }),
            Action::SlowNode { node: 3, by: Span(5), span: ms },
            Action::Own(Own::PostponeJob { node: 2, job: Job::CoordinatorLoad, by: ms }),
            Action::Own(Own::SetTransactionVersion(1)),
        ];
        let mut all: Vec<Deviation> = actions
            .into_iter()
            .map(|action| Deviation::Fault(Fault { when: at.clone(), action, optional: false }))
            .collect();
        let trigger = Trigger {
            kind: ApiKey::Produce.into(),
            phase: Phase::Sending,
            from: Some(4),
            to: Some(1),
            item: Some(tp(2, 0)),
            nth: 3,
        };
        let effects = [
            Effect::LoseRequest,
            Effect::LoseResponse,
            Effect::DelayRequest(ms),
            Effect::DelayResponse(Span(1)),
            Effect::ErrorBefore(ErrorCode::NotLeaderOrFollower),
            Effect::ErrorAfter(ErrorCode::RequestTimedOut),
        ];
        for effect in effects {
            let when = When::After(trigger.clone(), Span::ZERO);
            all.push(Deviation::Fault(Fault { when, action: Action::Message(effect), optional: false }));
        }
        let when = When::After(Trigger { from: None, to: None, item: None, phase: Phase::Answered, ..trigger }, ms);
        all.push(Deviation::Fault(Fault { when, action: Action::Crash { node: 1, down: None }, optional: true }));
        let subjects = [
            Subject::Any,
            Subject::Batch(tp(2, 0), 0, 40),
            Subject::Batch(tp(2, 0), -1, 7),
            Subject::Position(tp(0, 0), 12),
            Subject::Partition(tp(2, 0)),
            Subject::Transaction(4_000, 3),
            Subject::Generation(2),
            Subject::Row(17),
        ];
        for (n, subject) in subjects.into_iter().enumerate() {
            let to = [None, Some(NodeId::CONTROLLER), Some(NodeId(3))][n % 3];
            let name = MessageName {
                from: 4,
                incarnation: n as u32,
                to,
                kind: ApiKey::Produce.into(),
                subject,
                attempt: n as u32,
            };
            all.push(Deviation::Message(name, Effect::DelayResponse(ms)));
        }
        for kind in sink::Kind::ALL.iter().copied().map(Kind::Sink) {
            let name = MessageName { from: 4, incarnation: 0, to: None, kind, subject: Subject::Any, attempt: 0 };
            all.push(Deviation::Message(name, Effect::LoseResponse));
        }
        all
    }

    const TEXT: &str =
        "title = 'x'\n[[topic]]\nname = 'orders'\n[[producer]]\nname = 'shop'\ntopic = 'orders'\nsource = 'o.csv'\n";

    fn capsule() -> Capsule {
        let read = &mut |_: &str| Ok("key,value\na,b\n".to_string());
        let choice = Choice { case: None, sets: vec!["acks=1".into()] };
        Capsule {
            program: PROGRAM.into(),
            scenario: Scenario::load("my/own.toml", TEXT, choice, read).unwrap(),
            seed: 7,
            verdict: "violated".into(),
            kinds: vec!["duplicate".into()],
            digest: Some("0123".into()),
            remedy: vec!["acks=all".into()],
            schedule: Some(Schedule { deviations: deviations() }),
        }
    }

    #[test]
    fn a_capsule_is_read_back_and_stands_alone() {
        let capsule = capsule();
        let text = capsule.to_json();
        let read = Capsule::from_json(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(read.schedule, capsule.schedule);
        assert_eq!(read.scenario.resolved(), capsule.scenario.resolved());
        assert_eq!((read.seed, read.digest, read.kinds), (7, capsule.digest, capsule.kinds));
        assert_eq!(read.remedy, ["acks=all"]);
    }

    #[test]
    fn names_and_not_numbers_are_written() {
        let text = capsule().to_json();
        assert!(text.contains("\"broker-2\"") && text.contains("\"orders-0\""), "{text}");
        assert!(text.contains("the answer to shop's Produce orders-0 sequence 40"), "{text}");
    }

    #[test]
    fn a_truncated_capsule_is_refused_with_its_line() {
        let text = capsule().to_json();
        let error = Capsule::from_json(&text[..text.len() / 2]).unwrap_err().to_string();
        assert!(error.contains("line ") && error.contains("not a whole capsule"), "{error}");
    }

    #[test]
    fn foreign_files_and_other_formats_are_told_apart() {
        for foreign in ["", "hello", "[]", "{\"history\":{\"version\":1}}"] {
            assert!(matches!(Capsule::from_json(foreign), Err(CapsuleError::Foreign(_))), "{foreign}");
        }
        assert_eq!(Capsule::from_json("{\"format\": 2, \"new\": true}").unwrap_err(), CapsuleError::Format(2));
    }

    #[test]
    fn a_deviation_that_is_not_understood_is_numbered() {
        let text = capsule().to_json().replace("\"action\": \"pause\"", "\"action\": \"nap\"");
        let error = Capsule::from_json(&text).unwrap_err().to_string();
        assert!(error.contains("deviation 3") && error.contains("'nap'"), "{error}");
    }

    #[test]
    fn deviations_in_words() {
        let names = capsule().scenario.names();
        let name = MessageName {
            from: names.actor("shop").unwrap(),
            incarnation: 0,
            to: None,
            kind: ApiKey::Produce.into(),
            subject: Subject::Batch(tp(2, 0), 0, 40),
            attempt: 1,
        };
        assert_eq!(
            deviation::words(&Deviation::Message(name, Effect::LoseResponse), &names),
            "the answer to shop's Produce orders-0 sequence 40 (epoch 0, 2nd attempt) is lost with its connection"
        );
        let kind = Kind::Sink(sink::Kind::SqlCommit);
        let name = MessageName { kind, subject: Subject::Row(7), attempt: 0, ..name };
        assert_eq!(
            deviation::words(&Deviation::Message(name, Effect::LoseRequest), &names),
            "shop's SqlCommit of number 7 is lost with its connection"
        );
        let fault = Fault {
            when: When::At(Instant(1_800_000_000)),
            action: Action::PowerLoss {
                node: names.actor("broker-2").unwrap(),
                down: Some(Span(1_200_000_000)),
                keep_ppm: 0,
            },
            optional: false,
        };
        assert_eq!(
            deviation::words(&Deviation::Fault(fault), &names),
            "at 1.8s: broker-2 loses power, keeping 0 ppm of what it had not flushed, and is back after 1.2s"
        );
    }
}
