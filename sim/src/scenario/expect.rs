//! What a scenario expects of its runs, and whether a run kept to it.

use core::fmt;

use fencepost_reports::figures::Tally;
use fencepost_reports::report::{Kind, Report, Verdict};

use crate::coverage::{Coverage, Goal};

use super::fields::{Fields, Item, Value};
use super::problem::Complaint;
use super::table;
use crate::nearest::hint;

/// A range of whole numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// At least.
    pub min: u64,
    /// At most.
    pub max: u64,
}

impl Bound {
    /// Exactly that many.
    pub const fn exactly(n: u64) -> Bound {
        Bound { min: n, max: n }
    }

    /// Reads `3000`, `>=1`, `>0`, `<=5`, `<6` or `10..20`.
    pub fn parse(text: &str) -> Option<Bound> {
        let number = |text: &str| text.trim().replace('_', "").parse::<u64>().ok();
        let text = text.trim();
        if let Some(n) = text.strip_prefix(">=") {
            return Some(Bound { min: number(n)?, max: u64::MAX });
        }
        if let Some(n) = text.strip_prefix("<=") {
            return Some(Bound { min: 0, max: number(n)? });
        }
        if let Some(n) = text.strip_prefix('>') {
            return Some(Bound { min: number(n)?.checked_add(1)?, max: u64::MAX });
        }
        if let Some(n) = text.strip_prefix('<') {
            return Some(Bound { min: 0, max: number(n)?.checked_sub(1)? });
        }
        if let Some((low, high)) = text.split_once("..") {
            let bound = Bound { min: number(low)?, max: number(high)? };
            return (bound.min <= bound.max).then_some(bound);
        }
        number(text).map(Bound::exactly)
    }

    /// Whether `n` lies in it.
    pub const fn holds(self, n: u64) -> bool {
        self.min <= n && n <= self.max
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (min, max) if min == max => write!(f, "{min}"),
            (min, u64::MAX) => write!(f, ">={min}"),
            (0, max) => write!(f, "<={max}"),
            (min, max) => write!(f, "{min}..{max}"),
        }
    }
}

/// A column of the account of a topic or sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Records that should be there.
    Input,
    /// Records that are, copies included.
    Visible,
    /// Copies.
    Duplicates,
    /// Records that are not there.
    Lost,
    /// Records that should not be there.
    Leaked,
}

const COLUMNS: [(&str, Column); 5] = [
    ("input", Column::Input),
    ("visible", Column::Visible),
    ("duplicates", Column::Duplicates),
    ("lost", Column::Lost),
    ("leaked", Column::Leaked),
];

/// Reads a figure; none if nothing was measured.
type Reading = fn(&Tally) -> Option<u64>;

/// Figures of the whole run. Times are whole milliseconds of virtual time; none is expected if nothing was committed.
const FIGURES: [(&str, Reading); 12] = [
    ("committed", |t| Some(t.committed)),
    ("aborted", |t| Some(t.aborted)),
    ("commit_p50_ms", |t| Some(t.commit_p50_ns? / 1_000_000)),
    ("commit_p99_ms", |t| Some(t.commit_p99_ns? / 1_000_000)),
    ("largest_lso_lag", |t| Some(t.largest_lso_lag)),
    ("fenced", |t| Some(t.fenced)),
    ("retries", |t| Some(t.retries)),
    ("absorbed", |t| Some(t.absorbed)),
    ("rebalances", |t| Some(t.rebalances)),
    ("replayed", |t| Some(t.replayed)),
    ("leader_moves", |t| Some(t.leader_moves)),
    ("coordinator_moves", |t| Some(t.coordinator_moves)),
];

/// What is expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The verdict; clean if nothing is said.
    pub verdict: Option<Verdict>,
    /// If there are any, kinds that are not named must not occur.
    pub violations: Vec<(Kind, Bound)>,
    /// What the promise allows, by kind.
    pub allowed: Vec<(Kind, Bound)>,
    /// Columns of topics.
    pub topics: Vec<(String, Column, Bound)>,
    /// Columns of sinks.
    pub sinks: Vec<(String, Column, Bound)>,
    /// Virtual time at the end, in milliseconds.
    pub virtual_ms: Option<Bound>,
    /// Deliveries.
    pub deliveries: Option<Bound>,
    /// Faults that took effect.
    pub faults: Option<Bound>,
    /// Figures of the whole run, by name.
    pub figures: Vec<(&'static str, Bound)>,
    /// Points of the protocol that the run must reach.
    pub reached: Vec<Goal>,
    /// Points of the protocol that the run must not reach.
    pub never: Vec<Goal>,
}

/// What a run gave besides its report.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'r> {
    /// Virtual time at the end, in milliseconds.
    pub virtual_ms: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Faults that took effect.
    pub faults: u64,
    /// Figures of the whole run.
    pub figures: &'r Tally,
    /// What was reached of the protocol; needed if [`Expectation::needs_coverage`].
    pub coverage: Option<&'r Coverage>,
}

impl Expectation {
    /// Reads `[expect]`. `topics` and `sinks` are the scenario's.
    pub(crate) fn read(fields: &Fields, topics: &[String], sinks: &[String]) -> Result<Expectation, Complaint> {
        let mut expectation = Expectation::default();
        let verdicts = [Verdict::Clean, Verdict::Violated, Verdict::Stuck, Verdict::Vacuous].map(|v| (v.name(), v));
        expectation.verdict = fields.word("verdict", &verdicts)?;
        for (key, goals) in [("reached", &mut expectation.reached), ("never", &mut expectation.never)] {
            for text in fields.texts(key)?.unwrap_or_default() {
                goals.push(Goal::parse(&text).map_err(|m| fields.complain(key, format!("'{text}': {m}")))?);
            }
        }
        for (path, item) in fields.iter() {
            let complain = |message: String| Err(Complaint::new(&item.place, message));
            if ["verdict", "reached", "never"].contains(&path) {
                continue;
            } else if let Some(name) = path.strip_prefix("figures.") {
                let Some((known, _)) = FIGURES.iter().find(|(known, _)| *known == name) else {
                    let near = hint(name, FIGURES.iter().map(|(known, _)| *known));
                    return complain(format!("'{path}': there is no figure '{name}'{near}"));
                };
                expectation.figures.push((known, bound(path, item)?));
            } else if let Some(kind) = path.strip_prefix("violations.") {
                expectation.violations.push((read_kind(kind, item)?, bound(path, item)?));
            } else if let Some(kind) = path.strip_prefix("allowed.") {
                expectation.allowed.push((read_kind(kind, item)?, bound(path, item)?));
            } else if let Some(rest) = path.strip_prefix("topics.") {
                let (topic, column) = column(path, rest, "topic", topics, item)?;
                expectation.topics.push((topic, column, bound(path, item)?));
            } else if let Some(rest) = path.strip_prefix("sinks.") {
                let (sink, column) = column(path, rest, "sink", sinks, item)?;
                expectation.sinks.push((sink, column, bound(path, item)?));
            } else {
                let place = match path {
                    "virtual_ms" => &mut expectation.virtual_ms,
                    "deliveries" => &mut expectation.deliveries,
                    "faults" => &mut expectation.faults,
                    _ => {
                        let known = table::EXPECT.keys.iter().map(|key| key.name);
                        let first = path.split('.').next().unwrap_or(path);
                        return complain(format!("unknown key '{path}' in {}{}", fields.what, hint(first, known)));
                    }
                };
                *place = Some(bound(path, item)?);
            }
        }
        Ok(expectation)
    }

    /// Whether a run must keep its coverage to be compared.
    pub fn needs_coverage(&self) -> bool {
        !self.reached.is_empty() || !self.never.is_empty()
    }

    /// What differs from what is expected, one sentence each.
    ///
    /// # Panics
    /// If the run did not keep its coverage although that is needed.
    pub fn differences(&self, report: &Report, numbers: &Numbers<'_>) -> Vec<String> {
        let mut found = Vec::new();
        let expected = self.verdict.unwrap_or(Verdict::Clean);
        if report.verdict != expected {
            found.push(format!("verdict: expected {expected}, was {}", report.verdict));
        }
        let mut compare = |what: &str, bound: Bound, n: u64| {
            if !bound.holds(n) {
                found.push(format!("{what}: expected {bound}, was {n}"));
            }
        };
        for (kind, bound) in &self.violations {
            compare(&format!("violations.{kind}"), *bound, report.count(*kind));
        }
        if !self.violations.is_empty() {
            for violation in &report.violations {
                if !self.violations.iter().any(|(kind, _)| *kind == violation.kind) {
                    compare(&format!("violations.{}", violation.kind), Bound::exactly(0), violation.count);
                }
            }
        }
        for (kind, bound) in &self.allowed {
            let count = report.allowed.iter().find(|v| v.kind == *kind).map_or(0, |v| v.count);
            compare(&format!("allowed.{kind}"), *bound, count);
        }
        let label = |column: &Column| COLUMNS.iter().find(|(_, c)| c == column).expect("every column has a name").0;
        for (name, column, bound) in &self.topics {
            let a = report.topic(name).cloned().unwrap_or_default();
            let n = column.of([a.input, a.visible, a.duplicates, a.lost, a.leaked]);
            compare(&format!("topics.{name}.{}", label(column)), *bound, n);
        }
        for (name, column, bound) in &self.sinks {
            let a = report.sink(name).cloned().unwrap_or_default();
            let n = column.of([a.input, a.visible, a.duplicates, a.lost, a.leaked]);
            compare(&format!("sinks.{name}.{}", label(column)), *bound, n);
        }
        let rest = [
            ("virtual_ms", self.virtual_ms, numbers.virtual_ms),
            ("deliveries", self.deliveries, numbers.deliveries),
            ("faults", self.faults, numbers.faults),
        ];
        for (what, bound, n) in rest {
            if let Some(bound) = bound {
                compare(what, bound, n);
            }
        }
        let mut unmeasured = Vec::new();
        for (name, bound) in &self.figures {
            let reading = FIGURES.iter().find(|(known, _)| known == name).expect("only known figures are kept").1;
            match reading(numbers.figures) {
                Some(n) => compare(&format!("figures.{name}"), *bound, n),
                None => unmeasured.push(format!("figures.{name}: expected {bound}, was not measured")),
            }
        }
        found.append(&mut unmeasured);
        if self.needs_coverage() {
            let coverage = numbers.coverage.expect("the run kept its coverage");
            let missed = self.reached.iter().filter(|goal| !goal.is_reached(coverage));
            found.extend(missed.map(|goal| format!("reached: '{}' was not", goal.text)));
            let met = self.never.iter().filter(|goal| goal.is_reached(coverage));
            found.extend(met.map(|goal| format!("never: '{}' was reached", goal.text)));
        }
        found
    }
}

impl Column {
    /// The number in this column of a row.
    const fn of(self, row: [u64; 5]) -> u64 {
        row[self as usize]
    }
}

/// `NAME.COLUMN` after `topics.` or `sinks.`.
fn column(path: &str, rest: &str, what: &str, names: &[String], item: &Item) -> Result<(String, Column), Complaint> {
    let complain = |message: String| Err(Complaint::new(&item.place, message));
    let Some((name, column)) = rest.rsplit_once('.') else {
        return complain(format!("'{path}': expected {what}s.NAME.COLUMN"));
    };
    if !names.iter().any(|n| n == name) {
        let near = hint(name, names.iter().map(String::as_str));
        return complain(format!("'{path}': there is no {what} '{name}'{near}"));
    }
    let Some((_, which)) = COLUMNS.iter().find(|(known, _)| *known == column) else {
        let near = hint(column, COLUMNS.iter().map(|(known, _)| *known));
        return complain(format!("'{path}': unknown column '{column}'{near}"));
    };
    Ok((name.to_string(), *which))
}

fn read_kind(name: &str, item: &Item) -> Result<Kind, Complaint> {
    Kind::from_name(name).ok_or_else(|| {
        let near = hint(name, Kind::ALL.iter().map(|kind| kind.name()));
        Complaint::new(&item.place, format!("there is no kind of violation '{name}'{near}"))
    })
}

fn bound(path: &str, item: &Item) -> Result<Bound, Complaint> {
    let bound = match &item.value {
        Value::Integer(number) => u64::try_from(*number).ok().map(Bound::exactly),
        Value::Text(text) | Value::Raw(text) => Bound::parse(text),
        _ => None,
    };
    bound.ok_or_else(|| {
        let message = format!("'{path}': expected a number or a bound such as \">=1\", \"<=5\" or \"10..20\"");
        Complaint::new(&item.place, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_and_printed() {
        for (text, min, max) in [
            ("3000", 3000, 3000),
            (">=1", 1, u64::MAX),
            (">1", 2, u64::MAX),
            ("<=5", 0, 5),
            ("< 5", 0, 4),
            ("10_000..20_000", 10_000, 20_000),
        ] {
            let bound = Bound::parse(text).unwrap();
            assert_eq!(bound, Bound { min, max }, "{text}");
            assert_eq!(Bound::parse(&bound.to_string()), Some(bound));
        }
        for text in ["", "many", "5..1", "<0", "-1"] {
            assert_eq!(Bound::parse(text), None, "{text}");
        }
    }

    fn report(verdict: Verdict, duplicates: u64) -> Report {
        use fencepost_reports::report::{TopicAccount, Violation};
        let violation =
            Violation { kind: Kind::Duplicate, count: duplicates, proof: Default::default(), further: Vec::new() };
        Report {
            untested: Vec::new(),
            account: Default::default(),
            warnings: Vec::new(),
            verdict,
            violations: if duplicates > 0 { vec![violation] } else { Vec::new() },
            allowed: Vec::new(),
            topics: vec![TopicAccount { name: "out".into(), duplicates, ..TopicAccount::default() }],
            sinks: Vec::new(),
            notes: Vec::new(),
            events: 0,
        }
    }

    fn numbers() -> Numbers<'static> {
        static FIGURES: Tally = Tally {
            committed: 2,
            aborted: 0,
            commit_p50_ns: Some(1_999_999),
            commit_p99_ns: None,
            largest_lso_lag: 0,
            fenced: 0,
            retries: 0,
            absorbed: 0,
            rebalances: 0,
            replayed: 0,
            leader_moves: 0,
            coordinator_moves: 0,
        };
        Numbers { virtual_ms: 0, deliveries: 0, faults: 0, figures: &FIGURES, coverage: None }
    }

    #[test]
    fn figures_are_compared_and_what_was_not_measured_is_a_difference() {
        let differences = |text| expect(text).differences(&report(Verdict::Clean, 0), &numbers());
        assert!(differences("figures.committed = 2\nfigures.commit_p50_ms = 1").is_empty());
        assert_eq!(differences("figures.committed = '>2'"), ["figures.committed: expected >=3, was 2"]);
        assert_eq!(differences("figures.commit_p99_ms = 1"), ["figures.commit_p99_ms: expected 1, was not measured"]);
    }

    #[test]
    fn points_must_be_reached_or_must_not() {
        use crate::coverage::Point;
        let coverage = Coverage::of(
            (0..Coverage::default().all())
                .filter(|p| Point::of(*p).to_string() == "coordinator: EndTxn(commit) in Ongoing -> ok"),
        );
        let numbers = Numbers { coverage: Some(&coverage), ..numbers() };
        let differences = |text| expect(text).differences(&report(Verdict::Clean, 0), &numbers);
        assert!(differences("reached = ['EndTxn(commit) -> ok']\nnever = ['EndTxn(abort)']").is_empty());
        assert_eq!(differences("reached = ['EndTxn(abort)']"), ["reached: 'EndTxn(abort)' was not"]);
        assert_eq!(differences("never = ['EndTxn(commit)']"), ["never: 'EndTxn(commit)' was reached"]);
    }

    fn expect(text: &str) -> Expectation {
        Expectation::read(&Fields::from_toml(text).unwrap(), &["out".to_string()], &["bank".to_string()]).unwrap()
    }

    #[test]
    fn nothing_said_means_clean() {
        let numbers = numbers();
        assert!(Expectation::default().differences(&report(Verdict::Clean, 0), &numbers).is_empty());
        assert_eq!(Expectation::default().differences(&report(Verdict::Violated, 1), &numbers).len(), 1);
    }

    #[test]
    fn a_run_that_puts_nothing_to_the_test_may_be_expected_and_is_not_clean() {
        let numbers = numbers();
        let vacuous = report(Verdict::Vacuous, 0);
        assert!(expect("verdict = 'vacuous'").differences(&vacuous, &numbers).is_empty());
        let differences = Expectation::default().differences(&vacuous, &numbers);
        assert_eq!(differences, ["verdict: expected clean, was vacuous"]);
    }

    #[test]
    fn numbers_are_compared_exactly_and_by_bounds() {
        let expectation = expect("verdict = 'violated'\nviolations.duplicate = 3\ntopics.out.duplicates = '>=3'");
        let numbers = numbers();
        assert!(expectation.differences(&report(Verdict::Violated, 3), &numbers).is_empty());
        assert_eq!(expectation.differences(&report(Verdict::Violated, 2), &numbers).len(), 2);
    }

    #[test]
    fn a_kind_that_is_not_named_must_not_occur_once_kinds_are_named() {
        let expectation = expect("verdict = 'violated'\nviolations.loss = 0");
        let differences = expectation.differences(&report(Verdict::Violated, 2), &numbers());
        assert_eq!(differences, ["violations.duplicate: expected 0, was 2"]);
    }

    #[test]
    fn unknown_kinds_and_columns_are_refused() {
        let names = ["out".to_string()];
        let read = |text| Expectation::read(&Fields::from_toml(text).unwrap(), &names, &[]).unwrap_err();
        assert!(read("violations.duplicates = 1").message.contains("'duplicate'"));
        assert!(read("topics.out.lots = 1").message.contains("lost"));
        assert!(read("topics.oat.lost = 1").message.contains("'out'"));
        assert!(read("virtual_sm = 1").message.contains("virtual_ms"));
        assert!(read("figures.comitted = 1").message.contains("'committed'"));
        assert!(read("reached = ['EndTxn(comit)']").message.contains("'EndTxn(commit)'"));
    }
}
