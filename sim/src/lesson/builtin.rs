//! The course: the lessons that are part of the binary, in their order.

use super::{Lesson, LoadScenario};
use crate::nearest::hint;
use crate::scenario::{Choice, Problem, Scenario};

macro_rules! lessons {
    ($($name:literal),* $(,)?) => {
        /// Name and text of every lesson, in the order of the course.
        pub const LESSONS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../scenarios/lessons/", $name, ".lesson.toml")))),*];
    };
}

lessons! {
    "lost-ack",
    "rolling-restart",
    "payment-outage",
    "silent-switch",
    "crash-before-commit",
    "aborted-leak",
    "zombie",
    "open-transaction",
    "coordinator-failover",
    "zombie-consumer",
    "edge-of-the-world",
    "next-transaction",
}

/// The place of a lesson in the course, from 0: by its number from 1, or by its name.
///
/// # Errors
/// There is no such lesson.
pub fn find(what: &str) -> Result<usize, String> {
    let count = LESSONS.len();
    if let Ok(number) = what.parse::<usize>() {
        let place = number.checked_sub(1).filter(|place| *place < count);
        return place.ok_or_else(|| format!("there is no lesson {number}; there are lessons 1 to {count}"));
    }
    let name = what.strip_prefix("lessons/").unwrap_or(what);
    LESSONS.iter().position(|(known, _)| *known == name).ok_or_else(|| {
        let near = hint(name, LESSONS.iter().map(|(known, _)| *known));
        format!("there is no lesson '{what}'{near} ('fencepost lesson' lists all; a path ends in .lesson.toml)")
    })
}

/// Reads a lesson of the course.
///
/// # Errors
/// Something is wrong with its text, or with a scenario of it.
pub fn load(place: usize) -> Result<Lesson, Problem> {
    let (name, text) = LESSONS[place];
    Lesson::load(name, text)
}

/// Loads a built-in scenario.
///
/// # Errors
/// There is none, or the choice does not fit.
pub fn scenario(name: &str, choice: Choice) -> Result<Scenario, Problem> {
    Scenario::load_built_in(name, choice)
}

/// [`scenario`], as lessons take it.
pub const SCENARIOS: LoadScenario<'static> = &scenario;
