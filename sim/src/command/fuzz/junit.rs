//! JUnit XML: one suite a scenario, one case for its clean runs, one for each bug, one for each goal.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use fencepost_reports::render::counted;

use super::super::Refusal;
use super::report::Report;
use crate::fuzz::group::Severity;

pub fn render(report: &Report) -> Result<String, Refusal> {
    let mut all = quick_junit::Report::new("fencepost fuzz");
    for tally in &report.results.scenarios {
        let mut suite = TestSuite::new(tally.name.as_str());
        let own = |scenario: &str| scenario == tally.name;
        let mut clean = TestCase::new(counted(tally.runs, "run"), TestCaseStatus::success());
        clean.set_classname(tally.name.as_str());
        suite.add_test_case(clean);
        if tally.vacuous > 0 {
            let of = counted(tally.runs, "run");
            let mut status = if tally.is_vacuous() {
                TestCaseStatus::non_success(NonSuccessKind::Failure)
            } else {
                TestCaseStatus::success()
            };
            if tally.is_vacuous() {
                status
                    .set_message(format!("more than one in a hundred: {} of {of}", tally.vacuous))
                    .set_type("vacuous");
                status.set_description(Report::vacuous_of(tally));
            }
            let mut case = TestCase::new(format!("vacuous: {} of {of}", tally.vacuous), status);
            case.set_classname(tally.name.as_str());
            suite.add_test_case(case);
        }
        for bug in &report.bugs {
            let Some(first) = bug.first.first().filter(|f| own(&f.scenario)) else { continue };
            let kind = if bug.severity == Severity::Panicked { NonSuccessKind::Error } else { NonSuccessKind::Failure };
            let mut status = TestCaseStatus::non_success(kind);
            let shown = bug.first.iter().find(|f| f.shrunk.is_some()).unwrap_or(first);
            let mut text = format!("{}\n", shown.sentence);
            if let Some(shrunk) = &shown.shrunk {
                text = format!("{}\n", shrunk.sentence);
                for (number, words) in shrunk.words.iter().enumerate() {
                    text += &format!("{}. {words}\n", number + 1);
                }
            }
            text.extend(report.replay(shown).map(|replay| format!("{replay}\n")));
            text += &report.again(first);
            status.set_message(format!("{}: {}, first seed {}", bug.kind, counted(bug.count, "run"), first.seed));
            status.set_type(bug.kind.as_str()).set_description(text);
            let mut case = TestCase::new(format!("{}: {}", bug.kind, bug.rules[0]), status);
            case.set_classname(tally.name.as_str());
            suite.add_test_case(case);
        }
        for goal in &tally.goals {
            let met = !report.unmet.iter().any(|(scenario, unmet)| own(scenario) && unmet == goal);
            let mut status = if met { TestCaseStatus::success() } else { TestCaseStatus::skipped() };
            if !met {
                status.set_message("never reached in this campaign");
            }
            let mut case = TestCase::new(format!("sometimes: {goal}"), status);
            case.set_classname(tally.name.as_str());
            suite.add_test_case(case);
        }
        all.add_test_suite(suite);
    }
    if report.results.nondeterminism.is_some() || !report.strays.is_empty() {
        let mut suite = TestSuite::new("campaign");
        let strays = report.strays.iter().map(|s| ("found by a part that did not come to its end", s));
        for (name, text) in report.results.nondeterminism.iter().map(|t| ("determinism", t)).chain(strays) {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(text.as_str());
            suite.add_test_case(TestCase::new(name, status));
        }
        all.add_test_suite(suite);
    }
    Ok(all.to_string()?)
}
