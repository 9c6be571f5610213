//! The shrinker on one bug, and on what is no bug.

use std::cell::Cell;
use std::sync::Arc;

use fencepost_reports::report::{Kind, Proof};

use super::*;
use crate::scenario::{Choice, deviation};

fn runner(plan: &Arc<Plan>, course: Course<'_>, keep: Keep) -> Result<Run, String> {
    Ok(crate::run::run(plan, course, keep, None, None))
}

fn load(sets: &[&str]) -> Scenario {
    let sets = sets.iter().map(|set| (*set).to_string()).collect();
    Scenario::load_built_in("chaos/zombies", Choice { case: None, sets }).unwrap_or_else(|p| panic!("{p}"))
}

/// The first seed that goes wrong, with its schedule and its goal.
fn failing(scenario: &Scenario) -> (u64, Schedule, Goal) {
    let keep = Keep { schedule: true, ..Keep::default() };
    (1..200)
        .find_map(|seed| {
            let run = runner(&scenario.plan, Course::Seed(seed), keep).ok()?;
            let goal = Goal::of(&run.report)?;
            Some((seed, Schedule { deviations: run.outcome.recorded }, goal))
        })
        .expect("the bug shows within 200 seeds")
}

#[test]
fn a_zombie_write_becomes_a_script_of_a_few_lines_that_replays() {
    let scenario = load(&["variant=no-epoch-check"]);
    let (seed, schedule, goal) = failing(&scenario);
    let shrunk = shrink(&scenario, seed, &schedule, &goal, &runner, &|| true).expect("the schedule shows it");
    assert!(shrunk.finished);
    let names = shrunk.scenario.names();
    let script: Vec<String> = shrunk.schedule.deviations.iter().map(|d| deviation::words(d, &names)).collect();
    assert!(script.len() <= 3 && script.len() < schedule.deviations.len(), "{script:#?}");
    // It replays from the settings and the schedule alone, and says the same again.
    let sets: Vec<String> = ["variant=no-epoch-check".to_string()].into_iter().chain(shrunk.settings.clone()).collect();
    let again = Scenario::load_built_in("chaos/zombies", Choice { case: None, sets }).unwrap();
    let replayed = runner(&again.plan, Course::Schedule(seed, &shrunk.schedule), Keep::default());
    assert!(goal.is_shown_by(&replayed));
    let (replayed, shown) = (replayed.unwrap().outcome, shrunk.ran.unwrap().outcome);
    assert_eq!(replayed.digest, shown.digest);
    assert_eq!(replayed.unused, []);
    // Every deviation is needed.
    for (place, line) in script.iter().enumerate() {
        let mut deviations = shrunk.schedule.deviations.clone();
        deviations.remove(place);
        let ran = runner(&shrunk.scenario.plan, Course::Schedule(seed, &Schedule { deviations }), Keep::default());
        assert!(!goal.is_shown_by(&ran), "'{}' is not needed", line);
    }
    // And without the bug the script is harmless.
    let cured = with_settings(&shrunk.scenario, &["variant=".to_string()]).unwrap();
    let ran = runner(&cured.plan, Course::Schedule(seed, &shrunk.schedule), Keep::default()).unwrap();
    assert_eq!(ran.report.violations, []);
}

#[test]
fn a_clean_schedule_is_not_shrunk() {
    let scenario = load(&["shop.records=10", "web.records=10", "logger.records=10"]);
    let goal = Goal::of_kind(Kind::Duplicate);
    let result = shrink(&scenario, 1, &Schedule::default(), &goal, &runner, &|| true);
    assert_eq!(result.err(), Some(NotReproduced));
}

#[test]
fn when_time_is_up_the_best_so_far_is_given() {
    let scenario = load(&["variant=no-epoch-check"]);
    let (seed, schedule, goal) = failing(&scenario);
    let left = Cell::new(4);
    let go_on = || left.replace(left.get().max(1) - 1) > 0;
    let shrunk = shrink(&scenario, seed, &schedule, &goal, &runner, &go_on).expect("the schedule shows it");
    assert!(!shrunk.finished);
    assert!(goal.is_shown_by(&shrunk.ran));
    assert!(shrunk.runs <= 6, "{}", shrunk.runs);
}

#[test]
fn a_rule_is_what_two_findings_of_one_cause_have_in_common() {
    let proof = |sentence: &str, client: &str| Proof {
        sentence: sentence.into(),
        clients: vec![(client.into(), 0)],
        topic: Some("orders".into()),
        ..Proof::default()
    };
    let one = proof("record 7 of shop is visible 2 times, at orders-0@7, orders-0@9", "shop");
    let two = proof("record 12 of web is visible 3 times, at orders-1@1, orders-1@4", "web");
    let other = proof("record 12 of web is not in the final read of orders", "web");
    assert_eq!(rule(&one), rule(&two));
    assert_ne!(rule(&one), rule(&other));
    assert_eq!(rule(&other), "record # of # is not in the final read of #");
}

#[test]
fn a_setting_that_is_made_twice_counts_once() {
    let scenario = load(&["shop.records=50"]);
    let changed = with_settings(&scenario, &["shop.records=5".into(), "brokers=1".into()]).unwrap();
    assert_eq!(changed.choice.sets, ["shop.records=5", "brokers=1"]);
    assert_eq!(changed.plan.producers[0].source.len(), 5);
    assert!(with_settings(&scenario, &["no.such.key=1".into()]).is_none());
}
