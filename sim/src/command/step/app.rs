//! What is shown, and what keys do to it. Nothing here knows of a terminal.

use fencepost_reports::story::{Fate, Story};

use super::marks::{Mark, marks, step_at};
use crate::story::{Happening, Tape};

/// What is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Words to search for.
    Search,
    /// A time to go to.
    Time,
}

/// What lies over the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sheet {
    /// The keys.
    Help,
    /// The verdict and the script.
    Verdict,
}

/// The state of the view.
pub struct App {
    /// The run.
    pub story: Story,
    /// Its steps.
    pub tape: Tape,
    /// Steps that the verdict is about.
    pub marks: Vec<Mark>,
    /// Steps that are shown: indices, ascending.
    shown: Vec<usize>,
    /// The current step; it is always shown.
    at: usize,
    /// Also steps that only keep the cluster going.
    pub everything: bool,
    /// Only steps of this node, and its standing first.
    pub node: Option<u32>,
    /// Only steps of the chosen node.
    pub only_node: bool,
    /// What is being typed, and what of it there is.
    pub asked: Option<(Asked, String)>,
    /// What was searched for last.
    query: String,
    /// What lies over the picture.
    pub sheet: Option<Sheet>,
    /// Something to say, until the next key.
    pub note: String,
    /// First line of the standings that is shown.
    pub scroll: usize,
    /// Steps that fit on a page; the view sets it.
    pub page: usize,
    over: bool,
}

impl App {
    /// A view of a run, at its first step.
    pub fn new(story: Story, tape: Tape) -> App {
        let marks = marks(&story, &tape);
        let mut app = App {
            story,
            tape,
            marks,
            shown: Vec::new(),
            at: 0,
            everything: false,
            node: None,
            only_node: false,
            asked: None,
            query: String::new(),
            sheet: None,
            note: String::new(),
            scroll: 0,
            page: 10,
            over: false,
        };
        app.select();
        app.at = app.shown.first().copied().unwrap_or(0);
        app
    }

    /// Whether the user wants to leave.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Leaves.
    pub fn leave(&mut self) {
        self.over = true;
    }

    /// The current step, if the run has any.
    pub fn at(&self) -> Option<usize> {
        (self.at < self.tape.steps.len()).then_some(self.at)
    }

    /// The steps that are shown.
    pub fn shown(&self) -> &[usize] {
        &self.shown
    }

    /// The current step's place among those that are shown.
    pub fn place(&self) -> usize {
        self.shown.partition_point(|step| *step < self.at)
    }

    /// The step that was shown before the current one.
    pub fn before(&self) -> Option<usize> {
        self.place().checked_sub(1).map(|place| self.shown[place])
    }

    fn is_wanted(&self, step: usize) -> bool {
        if self.only_node
            && let Some(node) = self.node
            && !self.tape.lanes(step, &self.story).contains(&node)
        {
            return false;
        }
        self.everything
            || match &self.tape.steps[step].what {
                Happening::Message(n) => {
                    let message = &self.story.messages[*n as usize];
                    message.purpose.is_essential()
                }
                Happening::Connection(..) => false,
                Happening::Timer(_) | Happening::Process(..) | Happening::Fault(_) => true,
            }
    }

    /// Chooses the steps that are shown anew.
    fn select(&mut self) {
        self.shown = (0..self.tape.steps.len()).filter(|step| *step == self.at || self.is_wanted(*step)).collect();
        // The first step is the place to begin with, but not worth showing for that alone.
        if self.at == 0 && self.shown.len() > 1 && !self.is_wanted(0) {
            self.shown.remove(0);
            self.at = self.shown[0];
        }
    }

    /// Goes to a step.
    pub fn go(&mut self, step: usize) {
        self.at = step.min(self.tape.steps.len().saturating_sub(1));
        self.scroll = 0;
        self.select();
    }

    /// Goes forward (or backward) by so many shown steps.
    pub fn by(&mut self, steps: isize) {
        let place = self.place().saturating_add_signed(steps).min(self.shown.len().saturating_sub(1));
        if let Some(step) = self.shown.get(place) {
            self.at = *step;
            self.scroll = 0;
        }
    }

    /// Goes to the first step, or to the last.
    pub fn go_to_end(&mut self, last: bool) {
        self.by(if last { isize::MAX } else { isize::MIN });
    }

    /// Goes to the next step (or the one before) that the verdict is about; round and round.
    pub fn go_to_mark(&mut self, forward: bool) {
        if self.marks.is_empty() {
            self.note = "nothing is wrong in this run".to_string();
            return;
        }
        let steps = self.marks.iter().map(|mark| mark.step);
        let found = if forward {
            steps.clone().find(|step| *step > self.at).or_else(|| steps.clone().min())
        } else {
            steps.clone().rev().find(|step| *step < self.at).or_else(|| steps.clone().max())
        };
        self.go(found.expect("there are marks"));
    }

    /// Goes to the next fault.
    pub fn go_to_fault(&mut self) {
        let is_fault = |step: &usize| match &self.tape.steps[*step].what {
            Happening::Fault(_) | Happening::Process(..) => true,
            Happening::Message(n) => {
                let message = &self.story.messages[*n as usize];
                message.purpose.is_essential() && message.fate != Fate::Delivered
            }
            Happening::Timer(_) | Happening::Connection(..) => false,
        };
        let count = self.tape.steps.len();
        match (self.at + 1..count).chain(0..self.at).find(is_fault) {
            Some(step) => self.go(step),
            None => self.note = "nothing else goes wrong".to_string(),
        }
    }

    /// Shows all steps, or only those of applications.
    pub fn toggle_everything(&mut self) {
        self.everything = !self.everything;
        self.select();
    }

    /// Chooses the next node, or none.
    pub fn next_node(&mut self, back: bool) {
        let count = self.story.lanes.len() as u32;
        self.node = match (self.node, back) {
            (None, false) => (count > 0).then_some(0),
            (None, true) => count.checked_sub(1),
            (Some(n), false) => Some(n + 1).filter(|n| *n < count),
            (Some(n), true) => n.checked_sub(1),
        };
        self.scroll = 0;
        if self.only_node {
            self.only_node = self.node.is_some();
            self.select();
        }
    }

    /// Shows only steps of the chosen node, or those of all.
    pub fn toggle_only_node(&mut self) {
        if self.node.is_none() {
            self.note = "choose a node first, with Tab".to_string();
            return;
        }
        self.only_node = !self.only_node;
        self.select();
    }

    /// Begins to ask.
    pub fn ask(&mut self, what: Asked) {
        self.asked = Some((what, String::new()));
    }

    /// What was typed is complete.
    pub fn answer(&mut self) {
        match self.asked.take() {
            Some((Asked::Search, text)) => {
                if !text.is_empty() {
                    self.query = text;
                }
                self.search(true);
            }
            Some((Asked::Time, text)) => match nanoseconds(&text) {
                Some(t) => self.go(step_at(&self.tape, t)),
                None => self.note = format!("'{text}' is no time: write seconds, such as 1.25"),
            },
            None => {}
        }
    }

    /// Goes to the next step (or the one before) that the words occur in; round and round.
    pub fn search(&mut self, forward: bool) {
        if self.query.is_empty() {
            self.note = "search with /".to_string();
            return;
        }
        let query = self.query.to_lowercase();
        let (count, at) = (self.tape.steps.len(), self.at);
        if count == 0 {
            return;
        }
        let hit = |step: &usize| self.text(*step).to_lowercase().contains(&query);
        let found = if forward {
            (at + 1..count).chain(0..=at).find(hit)
        } else {
            (0..at).rev().chain((at..count).rev()).find(hit)
        };
        match found {
            Some(step) => {
                let around = if forward { step <= at } else { step >= at };
                self.go(step);
                self.note =
                    if around { format!("'{}', from the other end", self.query) } else { format!("'{}'", self.query) };
            }
            None => self.note = format!("'{}' occurs nowhere", self.query),
        }
    }

    /// All words of a step.
    fn text(&self, step: usize) -> String {
        let name = |lane: u32| self.story.lanes[lane as usize].name.as_str();
        match &self.tape.steps[step].what {
            Happening::Message(n) => {
                let m = &self.story.messages[*n as usize];
                let answer = if m.answer { " answer" } else { "" };
                let error = m.error.as_deref().unwrap_or("");
                let fate = match m.fate {
                    Fate::Lost => "lost",
                    Fate::Late => "late",
                    _ => "",
                };
                format!("{}{answer} {} {error} {fate} {} {} {}", m.kind, m.label, name(m.from), name(m.to), m.detail)
            }
            Happening::Timer(lane) => format!("timer {}", name(*lane)),
            Happening::Process(lane, words) | Happening::Connection(lane, words) => format!("{} {words}", name(*lane)),
            Happening::Fault(words) => words.clone(),
        }
    }
}

/// Seconds with decimals as nanoseconds.
fn nanoseconds(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches('s').trim_end();
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 9 || (whole.is_empty() && decimals.is_empty()) {
        return None;
    }
    let number = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u64>().ok() };
    let nanos = number(&format!("{decimals:0<9}"))?;
    number(whole)?.checked_mul(1_000_000_000)?.checked_add(nanos)
}
