//! Lessons: a run that goes wrong, the line of configuration that mends it, and three questions whose answers are runs.
//!
//! A lesson is data beside its scenario (`scenarios/lessons/NAME.lesson.toml`, see `CONTRIBUTING.md`). Its sentences state no
//! numbers: they name figures of its runs in braces, such as `{broken.topics.sales.visible}`, which are filled in when it
//! is given.

pub mod builtin;
pub mod fill;
pub mod lines;
mod read;
mod told;

#[cfg(test)]
mod tests;

use fencepost_reports::story::Window;

pub use read::LoadScenario;
pub use told::{Answered, Given, Reply, Told};

use crate::scenario::Choice;
use crate::scenario::fields::Fields;

/// A lesson as it is written.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Its short name, such as `lost-ack`, or the path of its file.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The scenario that it is about.
    pub scenario: String,
    /// What it is about; paragraphs are separated by empty lines.
    pub story: String,
    /// Words that it uses for the first time, and what they mean.
    pub words: Vec<(String, String)>,
    /// What will happen.
    pub before: String,
    /// What would prevent it?
    pub ask: String,
    /// Why the answer is one.
    pub after: String,
    /// How it belongs to what the whole course says.
    pub thread: String,
    /// The run that goes wrong.
    pub broken: Recipe,
    /// The same, mended.
    pub fixed: Recipe,
    /// Three questions.
    pub questions: Vec<Question>,
}

/// A run: which, and what is shown of it.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The scenario.
    pub scenario: String,
    /// Its case and settings.
    pub choice: Choice,
    /// What its diagram shows.
    pub window: Window,
}

/// A question that a run answers.
#[derive(Clone, Debug)]
pub struct Question {
    /// The question.
    pub ask: String,
    /// The run that answers it.
    pub recipe: Recipe,
    /// The answer, with the figures of that run.
    pub answer: String,
    /// What the run must come to for the answer to be true.
    expect: Fields,
    /// Kafka refuses these settings: that is the answer.
    pub refused: bool,
}
