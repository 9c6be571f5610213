//! Points in words, and which of them one may expect to reach.

use core::fmt;

use fencepost_protocol::error::ErrorCode;

use super::{Coverage, Machine};

/// States by machine. Order is part of the format of shard results.
pub(crate) fn states(machine: Machine) -> &'static [&'static str] {
    match machine {
        Machine::Coordinator => &[
            "NotCoordinator",
            "Unknown",
            "Empty",
            "Ongoing",
            "PrepareCommit",
            "PrepareAbort",
            "CompleteCommit",
            "CompleteAbort",
            "InTransition",
        ],
        Machine::Log => &["NotLeader", "NoProducer", "NothingOpen", "TransactionOpen"],
        Machine::Group => {
            &["NotCoordinator", "Unknown", "Empty", "PreparingRebalance", "CompletingRebalance", "Stable"]
        }
        Machine::Producer => &[
            "Uninitialized",
            "Initializing",
            "Ready",
            "InTransaction",
            "CommittingTransaction",
            "AbortingTransaction",
            "AbortableError",
            "FatalError",
        ],
        Machine::Fault => &["World"],
    }
}

/// Inputs by machine, without what qualifies them.
pub(crate) fn inputs(machine: Machine) -> &'static [&'static str] {
    match machine {
        Machine::Coordinator => &[
            "InitProducerId",
            "InitProducerId(bump)",
            "AddPartitionsToTxn",
            "AddPartitionsToTxn(verify)",
            "AddOffsetsToTxn",
            "EndTxn(commit)",
            "EndTxn(abort)",
        ],
        Machine::Log => {
            &["Produce(plain)", "Produce(idempotent)", "Produce(transactional)", "Marker(commit)", "Marker(abort)"]
        }
        Machine::Group => &[
            "JoinGroup(new)",
            "JoinGroup",
            "SyncGroup(leader)",
            "SyncGroup",
            "Heartbeat",
            "LeaveGroup",
            "OffsetCommit",
            "OffsetFetch",
            "OffsetFetch(stable)",
            "TxnOffsetCommit",
            "TxnOffsetCommit(group id only)",
        ],
        Machine::Producer => &[
            "Disconnected",
            "Produce",
            "InitProducerId",
            "AddPartitionsToTxn",
            "AddOffsetsToTxn",
            "EndTxn",
            "TxnOffsetCommit",
            "FindCoordinator",
        ],
        Machine::Fault => &[
            "crash",
            "power_loss",
            "pause",
            "restart",
            "rolling_restart",
            "block",
            "slow",
            "lose_answers",
            "move_leader",
            "step_clock",
            "drift_clock",
            "hold_metadata",
            "slow_node",
            "postpone_job",
            "set_transaction_version",
            "delay_request",
            "delay_response",
            "lose_request",
            "lose_response",
            "error_before",
            "error_after",
        ],
    }
}

/// What qualifies an input: epochs for the coordinator, epochs and sequences for the log, the error for the producer.
pub(crate) fn qualifiers(machine: Machine) -> &'static [&'static str] {
    match machine {
        Machine::Coordinator => &["", "of an older epoch", "of a newer or another producer"],
        Machine::Log => &["", "repeated", "ahead of its sequence", "of an older epoch", "of a newer epoch"],
        _ => &[""],
    }
}

/// Number of inputs with their qualifications.
pub(crate) fn input_count(machine: Machine) -> usize {
    let plain = inputs(machine).len();
    match machine {
        Machine::Producer => plain * super::OUTCOMES,
        _ => plain * qualifiers(machine).len(),
    }
}

/// A point, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Whose.
    pub machine: Machine,
    pub(crate) state: usize,
    pub(crate) input: usize,
    pub(crate) outcome: usize,
}

impl Point {
    /// The point of that number.
    ///
    /// # Panics
    /// If there is none.
    pub fn of(number: u32) -> Point {
        let mut rest = number as usize;
        for machine in Machine::ALL {
            let (states, inputs, outcomes) = machine.size();
            if rest < states * inputs * outcomes {
                return Point {
                    machine,
                    state: rest / (inputs * outcomes),
                    input: rest / outcomes % inputs,
                    outcome: rest % outcomes,
                };
            }
            rest -= states * inputs * outcomes;
        }
        panic!("a number below that of all points");
    }

    /// The state.
    pub fn state(self) -> &'static str {
        states(self.machine)[self.state]
    }

    /// The input without its qualification.
    pub fn input(self) -> &'static str {
        inputs(self.machine)[self.input / self.qualified_by()]
    }

    fn qualified_by(self) -> usize {
        if self.machine == Machine::Producer { super::OUTCOMES } else { qualifiers(self.machine).len() }
    }

    /// What qualifies the input; empty for the usual case.
    pub fn qualifier(self) -> &'static str {
        let index = self.input % self.qualified_by();
        match self.machine {
            Machine::Producer => {
                if index == 0 {
                    ""
                } else {
                    answer(index)
                }
            }
            machine => qualifiers(machine)[index],
        }
    }

    /// What came of it: `ok` or an error code, or the producer's next state.
    pub fn outcome(self) -> &'static str {
        match self.machine {
            Machine::Producer => states(Machine::Producer)[self.outcome],
            Machine::Fault => "took effect",
            _ => answer(self.outcome),
        }
    }
}

/// `ok`, or the name of an error code.
pub(crate) fn answer(index: usize) -> &'static str {
    match index {
        0 => "ok",
        n => ErrorCode::ALL.get(n - 1).map_or("?", |code| code.name()),
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.machine.name(), self.input())?;
        match (self.machine, self.qualifier()) {
            (Machine::Fault, _) => return Ok(()),
            (_, "") => {}
            (Machine::Producer, error) => write!(f, " answered {error}")?,
            (_, qualifier) => write!(f, " {qualifier}")?,
        }
        write!(f, " in {} -> {}", self.state(), self.outcome())
    }
}

/// What one may expect to see in a long campaign, in words, and whether it was seen. The first list is by state, whatever
/// the outcome; the second by answer, whatever the state (§1.3 to §1.10).
pub fn never(coverage: &Coverage) -> Vec<String> {
    let mut seen_in = std::collections::BTreeSet::new();
    let mut seen_answers = std::collections::BTreeSet::new();
    for point in coverage.points().into_iter().map(Point::of) {
        seen_in.insert((point.machine, point.input, point.state));
        seen_answers.insert((point.machine, point.input(), point.outcome));
    }
    let mut missing = Vec::new();
    for machine in [Machine::Coordinator, Machine::Log, Machine::Group] {
        let (states, inputs, _) = machine.size();
        for input in 0..inputs {
            for state in 0..states {
                let point = Point { machine, state, input, outcome: 0 };
                if is_plausible(point) && !seen_in.contains(&(machine, input, state)) {
                    let qualifier = match point.qualifier() {
                        "" => String::new(),
                        text => format!(" {text}"),
                    };
                    missing.push(format!(
                        "{}: {}{qualifier} in {}: never seen",
                        machine.name(),
                        point.input(),
                        point.state()
                    ));
                }
            }
        }
    }
    for (machine, input, errors) in ANSWERS {
        for error in *errors {
            let outcome = 1 + ErrorCode::ALL.iter().position(|e| e == error).expect("a code that the model knows");
            if !seen_answers.contains(&(*machine, *input, outcome)) {
                missing.push(format!("{}: {input} answered {}: never seen", machine.name(), error.name()));
            }
        }
    }
    missing
}

/// Whether some legal run can have this input in this state.
fn is_plausible(point: Point) -> bool {
    let usual = point.qualifier().is_empty();
    match point.machine {
        Machine::Coordinator => match (point.state(), point.input()) {
            ("NotCoordinator", _) => usual,
            ("Unknown", "InitProducerId") => usual,
            ("Unknown", _) => false,
            (_, "InitProducerId") => usual,
            (_, "InitProducerId(bump)") => point.qualifier() != "of a newer or another producer",
            ("Empty", "EndTxn(commit)" | "EndTxn(abort)") => usual,
            _ => point.qualifier() != "of a newer or another producer",
        },
        Machine::Log => match (point.state(), point.input(), point.qualifier()) {
            ("NotLeader", _, qualifier) => qualifier.is_empty(),
            (_, "Produce(plain)", qualifier) => point.state() == "NoProducer" && qualifier.is_empty(),
            ("NoProducer", "Marker(commit)" | "Marker(abort)", qualifier) => qualifier.is_empty(),
            (_, "Marker(commit)" | "Marker(abort)", "repeated" | "ahead of its sequence") => false,
            ("NoProducer", _, "repeated" | "of an older epoch" | "of a newer epoch") => false,
            ("TransactionOpen", "Produce(idempotent)", _) => false,
            _ => true,
        },
        Machine::Group => match (point.state(), point.input()) {
            ("Unknown", input) => matches!(input, "JoinGroup(new)" | "OffsetFetch" | "OffsetFetch(stable)"),
            _ => true,
        },
        Machine::Producer | Machine::Fault => false,
    }
}

/// Answers that the reference lists and that faults can bring about.
const ANSWERS: &[(Machine, &str, &[ErrorCode])] = {
    use ErrorCode::*;
    use Machine::{Coordinator, Group, Log};
    &[
        (Coordinator, "InitProducerId", &[NotCoordinator, CoordinatorLoadInProgress, ConcurrentTransactions]),
        (Coordinator, "AddPartitionsToTxn(verify)", &[NotCoordinator, TransactionAbortable]),
        (Coordinator, "AddPartitionsToTxn", &[NotCoordinator, ConcurrentTransactions, InvalidProducerEpoch]),
        (Coordinator, "EndTxn(commit)", &[NotCoordinator, ConcurrentTransactions, ProducerFenced]),
        (Coordinator, "EndTxn(abort)", &[NotCoordinator, ConcurrentTransactions, ProducerFenced]),
        (
            Log,
            "Produce(idempotent)",
            &[NotLeaderOrFollower, NotEnoughReplicas, OutOfOrderSequenceNumber, RequestTimedOut],
        ),
        (
            Log,
            "Produce(transactional)",
            &[NotLeaderOrFollower, NotEnoughReplicas, InvalidProducerEpoch, OutOfOrderSequenceNumber, RequestTimedOut],
        ),
        (Group, "JoinGroup", &[NotCoordinator, UnknownMemberId]),
        (Group, "SyncGroup", &[NotCoordinator, RebalanceInProgress, UnknownMemberId]),
        (Group, "Heartbeat", &[NotCoordinator, RebalanceInProgress, UnknownMemberId]),
        (Group, "OffsetFetch(stable)", &[NotCoordinator, UnstableOffsetCommit]),
        (Group, "TxnOffsetCommit", &[NotCoordinator, IllegalGeneration, UnknownMemberId]),
    ]
};
