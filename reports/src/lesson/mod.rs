//! Lessons for people: two runs that differ in a line of configuration, as one HTML file that needs nothing else.
//!
//! The page is written whole, so that it can be read and printed without a script; the script only opens the runs in the
//! page of [`crate::page`], whose parts travel along.

mod html;

use serde::{Deserialize, Serialize};

use crate::story::{Story, Window};

pub use html::{html, index};

/// A line of configuration that differs between two runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The section, such as `[[producer]] till`.
    pub section: String,
    /// The key.
    pub key: String,
    /// Its value in the first run, as it is written in TOML.
    pub was: String,
    /// Its value in the second run.
    pub now: String,
    /// Somebody wrote this line; others follow from such lines.
    pub written: bool,
}

/// A lesson as it is shown. In its texts paragraphs are separated by empty lines, and what is typed stands in backticks.
#[derive(Clone, Debug)]
pub struct Sheet<'s> {
    /// Its title.
    pub title: &'s str,
    /// What it is about.
    pub story: &'s str,
    /// Words that it uses for the first time, and what they mean.
    pub words: &'s [(String, String)],
    /// What will happen.
    pub before: &'s str,
    /// What would prevent it?
    pub ask: &'s str,
    /// Why the answer is one.
    pub after: &'s str,
    /// How it belongs to what the course says.
    pub thread: &'s str,
    /// The run that goes wrong.
    pub broken: Exhibit<'s>,
    /// The run that does not.
    pub fixed: Exhibit<'s>,
    /// What differs between their configurations.
    pub changes: &'s [Change],
    /// Questions with their answers.
    pub questions: Vec<Card<'s>>,
    /// The course that it is part of.
    pub course: Vec<Entry>,
    /// Program that ran it.
    pub program: &'s str,
}

/// A run, and what its picture shows.
#[derive(Clone, Copy, Debug)]
pub struct Exhibit<'s> {
    /// The run.
    pub story: &'s Story,
    /// What is shown.
    pub window: &'s Window,
}

/// A question with its answer.
#[derive(Clone, Copy, Debug)]
pub struct Card<'s> {
    /// The question.
    pub ask: &'s str,
    /// The command whose run answers it.
    pub command: &'s str,
    /// The answer in words.
    pub answer: &'s str,
    /// The run, or why Kafka refuses it.
    pub outcome: Result<&'s Story, &'s str>,
}

/// A lesson in the list of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its title.
    pub title: String,
    /// The file of its page, if it was written beside this one.
    pub link: Option<String>,
    /// It is this one.
    pub here: bool,
}
