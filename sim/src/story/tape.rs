//! A run as a tape that can be wound forward and backward: what happened, one step after the other, and where every node
//! stood after each.
//!
//! Nothing is run again to show a step: what a node says of itself is kept whenever it changes, line by line, and a line
//! that stays the same is kept once.

use std::sync::Arc;

use fencepost_reports::story::Story;

use super::Teller;
use crate::cast::Names;
use crate::scenario::deviation;
use crate::schedule::{Action, OwnTraced};
use crate::world::{Traced, TracedEvent};

/// Steps that are kept at most; what comes later is not.
const STEPS: usize = 400_000;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A message was taken, or got lost: its index in the story.
    Message(u32),
    /// A timer of a node fired, and the node stands elsewhere since.
    Timer(u32),
    /// Something happened to a node's process, in words.
    Process(u32, &'static str),
    /// A node was connected, or lost a connection, in words.
    Connection(u32, &'static str),
    /// A fault began, in words.
    Fault(String),
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, in nanoseconds of virtual time.
    pub t: u64,
    /// What.
    pub what: Happening,
}

/// What a node says of itself, from a step on.
type Standing = (u32, Vec<Arc<str>>);

/// The tape.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    /// The steps, in the order in which they happened.
    pub steps: Vec<Step>,
    /// There were too many steps, and only the first are kept.
    pub is_cut: bool,
    /// By lane of the story, in the order of steps.
    standings: Vec<Vec<Standing>>,
}

impl Tape {
    /// Where a node stood after a step, line by line.
    pub fn standing(&self, lane: u32, step: usize) -> &[Arc<str>] {
        let Some(all) = self.standings.get(lane as usize) else { return &[] };
        let count = all.partition_point(|(from, _)| *from as usize <= step);
        if count == 0 { &[] } else { &all[count - 1].1 }
    }

    /// Nodes that a step is about: where it ends first.
    pub fn lanes(&self, step: usize, story: &Story) -> Vec<u32> {
        match &self.steps[step].what {
            Happening::Message(n) => {
                let message = &story.messages[*n as usize];
                if message.from == message.to { vec![message.to] } else { vec![message.to, message.from] }
            }
            Happening::Timer(lane) | Happening::Process(lane, _) | Happening::Connection(lane, _) => vec![*lane],
            Happening::Fault(_) => {
                let t = self.steps[step].t;
                story.bands.iter().filter(|b| b.from == t).flat_map(|b| b.lanes.iter().copied()).collect()
            }
        }
    }
}

/// Makes a tape and a story of a run while it happens; the run has to keep its trace and its standings.
#[derive(Debug)]
pub struct Recorder<'t> {
    teller: &'t Teller,
    names: Names,
    tape: Tape,
    /// A timer fired last, and nothing is known to have come of it.
    timer: Option<(u64, u32)>,
}

impl<'t> Recorder<'t> {
    /// A recorder that also hands the trace to `teller`.
    pub fn new(teller: &'t Teller) -> Recorder<'t> {
        let names = teller.state.borrow().names.clone();
        let standings = vec![Vec::new(); names.nodes.len()];
        Recorder { teller, names, tape: Tape { standings, ..Tape::default() }, timer: None }
    }

    /// Takes a piece of the trace.
    pub fn trace(&mut self, traced: &Traced<'_>) {
        if self.tape.steps.len() >= STEPS {
            self.tape.is_cut = true;
            self.teller.trace(traced);
            return;
        }
        let lane = |name: &str| self.teller.state.borrow().chronicle.lane(name);
        let message = self.teller.follow(traced);
        let t = traced.at.0;
        let process = |words| lane(traced.to).map(|lane| Happening::Process(lane, words));
        let connection = |words| lane(traced.to).map(|lane| Happening::Connection(lane, words));
        let what = match &traced.what {
            TracedEvent::Request(_) | TracedEvent::Response(_) | TracedEvent::Lost => message.map(Happening::Message),
            TracedEvent::Timer => {
                self.timer = lane(traced.to).map(|lane| (t, lane));
                return;
            }
            TracedEvent::Started if t > 0 => process("begins to run"),
            TracedEvent::Stopped { power: false } => process("ends"),
            TracedEvent::Stopped { power: true } => process("loses its power"),
            TracedEvent::Paused => process("stands still"),
            TracedEvent::Resumed => process("runs on"),
            TracedEvent::Connected => connection("is connected"),
            TracedEvent::Disconnected => connection("has lost a connection"),
            // Shown by the message itself.
            TracedEvent::Began(Action::Message(_)) => return,
            TracedEvent::Began(action) => Some(Happening::Fault(deviation::action_words(action, &self.names))),
            TracedEvent::Own(OwnTraced::Stands(lines)) => {
                if let Some(lane) = lane(traced.to) {
                    self.stands(lane, lines);
                }
                return;
            }
            _ => return,
        };
        self.timer = None;
        if let Some(what) = what {
            self.tape.steps.push(Step { t, what });
        }
    }

    fn stands(&mut self, lane: u32, lines: &[String]) {
        if let Some((t, of)) = self.timer.take() {
            self.tape.steps.push(Step { t, what: Happening::Timer(of) });
        }
        let step = self.tape.steps.len().saturating_sub(1) as u32;
        let all = &mut self.tape.standings[lane as usize];
        let before = all.last().map_or(&[][..], |(_, lines)| lines);
        let keep =
            |line: &String| before.iter().find(|b| ***b == **line).cloned().unwrap_or_else(|| Arc::from(&**line));
        let lines: Vec<Arc<str>> = lines.iter().map(keep).collect();
        match all.last_mut() {
            Some((at, last)) if *at == step => *last = lines,
            _ => all.push((step, lines)),
        }
    }

    /// The tape.
    pub fn finish(self) -> Tape {
        self.tape
    }
}
