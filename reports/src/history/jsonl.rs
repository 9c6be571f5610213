//! The history as JSON Lines: `docs/history-format.md`.
//!
//! The first line is the header, the last one says how many events there were (so that a cut file is noticed), each
//! line between them is one event: an object with a single key, the event's name.

use core::fmt;
use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use super::event::{Event, Sink};
use super::validate::Validator;

/// Version of the format that is written.
pub const VERSION: u32 = 2;

/// The oldest version that is read. What it cannot show is not judged.
pub const OLDEST: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`], or an older one.
    pub version: u32,
    /// Who wrote it: a name and a version.
    #[serde(default)]
    pub writer: String,
    /// What ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// With which seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Header {
    /// A header of this version of the format.
    pub fn new(writer: impl Into<String>) -> Header {
        Header { version: VERSION, writer: writer.into(), scenario: None, seed: None }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Frame<H> {
    History(H),
    Done(Done),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Done {
    events: u64,
}

/// Writes a history.
///
/// As a [`Sink`] it cannot fail; the first error of the writer below it is kept, what follows is dropped, and
/// [`Writer::finish`] returns it.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    buffer: Vec<u8>,
    events: u64,
    error: Option<io::Error>,
}

/// Bytes that are gathered before they are handed on.
const BUFFER: usize = 1 << 16;

impl<W: Write> Writer<W> {
    /// Begins a history.
    pub fn new(out: W, header: &Header) -> Writer<W> {
        let mut writer = Writer { out, buffer: Vec::with_capacity(BUFFER + 4096), events: 0, error: None };
        writer.line(&Frame::History(header));
        writer
    }

    /// Writes the last line and hands back the writer below.
    ///
    /// # Errors
    /// The first error that the writer below returned since the beginning.
    pub fn finish(mut self) -> io::Result<W> {
        self.line(&Frame::<Header>::Done(Done { events: self.events }));
        self.flush();
        match self.error {
            Some(error) => Err(error),
            None => {
                self.out.flush()?;
                Ok(self.out)
            }
        }
    }

    fn line<T: Serialize>(&mut self, value: &T) {
        serde_json::to_writer(&mut self.buffer, value).expect("an event serializes into memory");
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.error.is_none()
            && let Err(error) = self.out.write_all(&self.buffer)
        {
            self.error = Some(error);
        }
        self.buffer.clear();
    }
}

impl<W: Write> Sink for Writer<W> {
    fn event(&mut self, event: &Event<'_>) {
        self.events += 1;
        self.line(event);
    }
}

/// Why a history could not be read. Lines are counted from 1.
#[derive(Debug)]
pub enum HistoryError {
    /// The file could not be read.
    Io(io::Error),
    /// The file has no line.
    Empty,
    /// The first line is no header.
    Foreign {
        /// What the first line begins with.
        found: String,
    },
    /// Another version of the format.
    Version {
        /// The version in the header.
        found: u32,
    },
    /// A line that is no event, or that contradicts those before it.
    Line {
        /// Number of the line.
        line: u64,
        /// What was expected.
        message: String,
    },
    /// The last line ends in its middle.
    TruncatedLine {
        /// Number of the line.
        line: u64,
    },
    /// The last line is missing.
    NotClosed {
        /// Number of lines.
        lines: u64,
    },
    /// There are fewer or more events than the last line says.
    Count {
        /// How many the last line says.
        expected: u64,
        /// How many there are.
        found: u64,
    },
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HistoryError::Io(error) => write!(f, "cannot read the history: {error}"),
            HistoryError::Empty => write!(f, "line 1: the file is empty; expected a header like {HEADER_EXAMPLE}"),
            HistoryError::Foreign { found } => {
                write!(f, "line 1: not a history: expected a header like {HEADER_EXAMPLE}, found {found}")
            }
            HistoryError::Version { found } => {
                write!(f, "line 1: history format version {found}; expected one from {OLDEST} to {VERSION}")
            }
            HistoryError::Line { line, message } => write!(f, "line {line}: {message}"),
            HistoryError::TruncatedLine { line } => {
                write!(f, "line {line}: the last line ends in its middle: the history is truncated")
            }
            HistoryError::NotClosed { lines } => write!(
                f,
                "line {lines}: the history ends without its last line, expected {DONE_EXAMPLE}: it is truncated"
            ),
            HistoryError::Count { expected, found } => {
                write!(f, "the last line says {expected} events, found {found}: lines are missing or added")
            }
        }
    }
}

impl std::error::Error for HistoryError {}

impl From<io::Error> for HistoryError {
    fn from(error: io::Error) -> HistoryError {
        HistoryError::Io(error)
    }
}

const HEADER_EXAMPLE: &str = r#"{"history":{"version":2,"writer":"me"}}"#;
const DONE_EXAMPLE: &str = r#"{"done":{"events":N}}"#;

/// Reads a whole history, event by event, into `sink`; memory does not grow with its length.
///
/// # Errors
/// [`HistoryError`], with the number of the line; `sink` has then been given the events before it.
pub fn read<R: BufRead, S: Sink + ?Sized>(mut from: R, sink: &mut S) -> Result<Header, HistoryError> {
    let mut buffer = Vec::with_capacity(4096);
    if from.read_until(b'\n', &mut buffer)? == 0 {
        return Err(HistoryError::Empty);
    }
    if buffer.starts_with(&[0xff, 0xfe]) || buffer.starts_with(&[0xfe, 0xff]) {
        return Err(HistoryError::Line { line: 1, message: "it is UTF-16 text; save it as UTF-8".into() });
    }
    // Some editors begin UTF-8 with a mark.
    let header = header(buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&buffer))?;
    sink.version(header.version);
    let mut validator = Validator::default();
    let (mut line, mut events) = (1u64, 0u64);
    let mut done: Option<u64> = None;
    loop {
        buffer.clear();
        if from.read_until(b'\n', &mut buffer)? == 0 {
            break;
        }
        line += 1;
        let text = buffer.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if done.is_some() {
            return Err(HistoryError::Line { line, message: "expected nothing after the 'done' line".into() });
        }
        if is_done(text) {
            match serde_json::from_slice::<Frame<Header>>(text) {
                Ok(Frame::Done(last)) => done = Some(last.events),
                Ok(Frame::History(_)) => unreachable!("the key is 'done'"),
                Err(error) => return Err(bad_line(line, &buffer, &error)),
            }
            continue;
        }
        match serde_json::from_slice::<Event<'_>>(text) {
            Ok(event) => {
                validator.check(&event).map_err(|message| HistoryError::Line { line, message })?;
                events += 1;
                sink.event(&event);
            }
            Err(error) => return Err(bad_line(line, &buffer, &error)),
        }
    }
    match done {
        None => Err(HistoryError::NotClosed { lines: line }),
        Some(expected) if expected != events => Err(HistoryError::Count { expected, found: events }),
        Some(_) => Ok(header),
    }
}

fn header(line: &[u8]) -> Result<Header, HistoryError> {
    /// The version alone, so that another version is told apart from a foreign file whatever else its header has.
    #[derive(Deserialize)]
    struct Versioned {
        history: VersionOnly,
    }
    #[derive(Deserialize)]
    struct VersionOnly {
        version: u32,
    }
    let foreign = || {
        let start: String = String::from_utf8_lossy(line.trim_ascii()).chars().take(60).collect();
        HistoryError::Foreign { found: if start.is_empty() { "an empty line".into() } else { format!("'{start}'") } }
    };
    let versioned: Versioned = serde_json::from_slice(line).map_err(|_| foreign())?;
    if !(OLDEST..=VERSION).contains(&versioned.history.version) {
        return Err(HistoryError::Version { found: versioned.history.version });
    }
    match serde_json::from_slice::<Frame<Header>>(line) {
        Ok(Frame::History(header)) => Ok(header),
        Ok(Frame::Done(_)) => Err(foreign()),
        Err(error) => Err(HistoryError::Line { line: 1, message: error.to_string() }),
    }
}

fn is_done(text: &[u8]) -> bool {
    text.strip_prefix(b"{").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\"done\""))
}

fn bad_line(line: u64, buffer: &[u8], error: &serde_json::Error) -> HistoryError {
    if error.is_eof() && buffer.last() != Some(&b'\n') {
        return HistoryError::TruncatedLine { line };
    }
    // serde_json counts lines within this one; only the column says something.
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    HistoryError::Line { line, message: format!("column {}: {text}", error.column()) }
}
