//! Goals of a scenario: what a campaign must reach sometimes.
//!
//! `sometimes = ["EndTxn(abort) in PrepareCommit", "log: Produce(transactional) -> INVALID_PRODUCER_EPOCH"]`

use super::words::{self, Point};
use super::{Coverage, Machine};
use crate::nearest::choices;

/// `[MACHINE: ]INPUT[ QUALIFICATION][ in STATE][ -> OUTCOME]`; what is left out may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// As written.
    pub text: String,
    machine: Option<Machine>,
    input: String,
    qualifier: Option<String>,
    state: Option<String>,
    outcome: Option<String>,
}

impl Goal {
    /// Reads a goal.
    ///
    /// # Errors
    /// A word that no point has; the message names the nearest.
    pub fn parse(text: &str) -> Result<Goal, String> {
        let mut rest = text.trim();
        let mut machine = None;
        if let Some((name, after)) = rest.split_once(": ") {
            machine = Some(find_machine(name.trim())?);
            rest = after.trim();
        }
        let (rest, outcome) = match rest.split_once("->") {
            Some((before, outcome)) => (before.trim(), Some(outcome.trim().to_string())),
            None => (rest, None),
        };
        let (input, state) = match rest.rsplit_once(" in ") {
            Some((before, state)) => (before.trim(), Some(state.trim().to_string())),
            None => (rest, None),
        };
        let machines: Vec<Machine> = Machine::ALL.into_iter().filter(|m| machine.is_none_or(|k| k == *m)).collect();
        // The longest input that it begins with: what follows qualifies it.
        let known = || machines.iter().flat_map(|m| words::inputs(*m)).copied();
        let begins = |name: &&str| input == *name || input.starts_with(&format!("{name} "));
        let Some(name) = known().filter(begins).max_by_key(|name| name.len()) else {
            return Err(format!("no machine knows the input '{input}'{}", choices(input, "inputs", known())));
        };
        let qualifier = input[name.len()..].trim();
        let qualifier = qualifier.strip_prefix("answered ").unwrap_or(qualifier);
        let goal = Goal {
            text: text.trim().to_string(),
            machine,
            input: name.to_string(),
            qualifier: (!qualifier.is_empty()).then(|| qualifier.to_string()),
            state,
            outcome,
        };
        let fitting: Vec<Machine> = machines.into_iter().filter(|m| words::inputs(*m).contains(&name)).collect();
        goal.check(&fitting)?;
        Ok(goal)
    }

    fn check(&self, machines: &[Machine]) -> Result<(), String> {
        if let Some(state) = &self.state {
            let known = || machines.iter().flat_map(|m| words::states(*m)).copied();
            if !known().any(|s| s == state) {
                return Err(format!("there is no state '{state}'{}", choices(state, "states", known())));
            }
        }
        let codes = || (0..super::OUTCOMES).map(words::answer);
        let next = || words::states(Machine::Producer).iter().copied();
        if let Some(outcome) = &self.outcome
            && !codes().chain(next()).any(|o| o == outcome)
        {
            return Err(format!(
                "there is no outcome '{outcome}'{}",
                choices(outcome, "outcomes", codes().chain(next()))
            ));
        }
        if let Some(qualifier) = &self.qualifier {
            let known = || machines.iter().flat_map(|m| words::qualifiers(*m)).copied().chain(codes());
            if !known().any(|q| q == qualifier) {
                return Err(format!(
                    "'{qualifier}' does not qualify {}{}",
                    self.input,
                    choices(qualifier, "qualifications", known())
                ));
            }
        }
        Ok(())
    }

    fn fits(&self, point: Point) -> bool {
        self.machine.is_none_or(|m| m == point.machine)
            && self.input == point.input()
            && self.qualifier.as_deref().is_none_or(|q| q == point.qualifier())
            && self.state.as_deref().is_none_or(|s| s == point.state())
            && self.outcome.as_deref().is_none_or(|o| o == point.outcome())
    }

    /// Whether it was reached.
    pub fn is_reached(&self, coverage: &Coverage) -> bool {
        coverage.points().into_iter().any(|point| self.fits(Point::of(point)))
    }
}

fn find_machine(name: &str) -> Result<Machine, String> {
    let known = || Machine::ALL.into_iter().map(Machine::name);
    Machine::ALL
        .into_iter()
        .find(|m| m.name() == name)
        .ok_or_else(|| format!("there is no machine '{name}'{}", choices(name, "machines", known())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_reached_by_a_point_that_fits_what_it_says() {
        let point = |text: &str| {
            let all = Coverage::default().all();
            Coverage::of((0..all).filter(|p| Point::of(*p).to_string() == text))
        };
        let coverage = point("coordinator: EndTxn(abort) of an older epoch in PrepareCommit -> PRODUCER_FENCED");
        assert_eq!(coverage.count(), 1);
        for (goal, reached) in [
            ("EndTxn(abort) in PrepareCommit", true),
            ("EndTxn(abort)", true),
            ("coordinator: EndTxn(abort) of an older epoch -> PRODUCER_FENCED", true),
            ("EndTxn(commit) in PrepareCommit", false),
            ("EndTxn(abort) -> ok", false),
            ("fault: power_loss", false),
        ] {
            assert_eq!(Goal::parse(goal).unwrap().is_reached(&coverage), reached, "{goal}");
        }
        let producer = point("producer: EndTxn answered PRODUCER_FENCED in CommittingTransaction -> FatalError");
        assert!(Goal::parse("producer: EndTxn answered PRODUCER_FENCED").unwrap().is_reached(&producer));
    }

    #[test]
    fn a_goal_that_cannot_be_is_refused_with_the_nearest_word() {
        for (text, near) in [
            ("EndTxn(abbort)", "EndTxn(abort)"),
            ("EndTxn(abort) in PrepareComit", "PrepareCommit"),
            ("EndTxn(abort) -> PRODUCER_FENCD", "PRODUCER_FENCED"),
            ("kordinator: EndTxn(abort)", "coordinator"),
            ("EndTxn(abort) of an elder epoch", "of an older epoch"),
        ] {
            let error = Goal::parse(text).unwrap_err();
            assert!(error.contains(&format!("'{near}'")), "{text}: {error}");
        }
    }
}
