//! What is wrong with a scenario, and where.

use core::fmt;

use fencepost_reports::terminal::one_line;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the scenario's text; line and column count from 1, columns in characters.
    Text {
        /// Line.
        line: u32,
        /// Column.
        column: u32,
    },
    /// In a `--set` of the command line, or in the `set` of a case.
    Set(String),
    /// In a list that is not text with lines, such as the deviations of a capsule.
    Item(String),
    /// Nowhere in particular.
    Whole,
}

impl Place {
    /// The line of the scenario's text, if it is there.
    pub fn line(&self) -> Option<u32> {
        match self {
            Place::Text { line, .. } => Some(*line),
            _ => None,
        }
    }
}

/// Where two things stand, ` (on lines 5 and 9)`; nothing where there are no lines.
pub fn on_lines(first: &Place, second: &Place) -> String {
    match (first.line(), second.line()) {
        (Some(first), Some(second)) => format!(" (on lines {first} and {second})"),
        _ => String::new(),
    }
}

/// Something that keeps a scenario from being used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File, or name of the built-in scenario.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Text { line, column } => write!(f, "{}:{line}:{column}: ", one_line(&self.file))?,
            Place::Set(text) => write!(f, "{}: {}: ", one_line(&self.file), one_line(text))?,
            Place::Item(item) => write!(f, "{}: {}: ", one_line(&self.file), one_line(item))?,
            Place::Whole => write!(f, "{}: ", one_line(&self.file))?,
        }
        f.write_str(&one_line(&self.message))
    }
}

impl std::error::Error for Problem {}

/// What went wrong before it is known in which file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
}

impl Complaint {
    /// A complaint.
    pub fn new(place: &Place, message: impl Into<String>) -> Complaint {
        Complaint { place: place.clone(), message: message.into() }
    }

    /// Names the file.
    pub fn in_file(self, file: &str) -> Problem {
        Problem { file: file.to_string(), place: self.place, message: self.message }
    }
}
