//! How long the world waits for what has not finished: as long as there is progress, and a bound beyond.
//!
//! Progress is what can only happen so often as there is input: a record of a workload that is sent for the first time, or
//! has its last outcome; an input that is processed for the first time. A loop that does the same again and again makes
//! none. One that repeats its outputs makes its readers read on for ever, and that is none either: what was written to a
//! topic counts as input of others as far as it was there when one of the topic's writers made progress last.

use std::collections::BTreeMap;

use fencepost_protocol::ids::{Offset, TopicId, TopicPartition};
use fencepost_protocol::time::{Instant, Span};

use super::Cluster;
use super::node::Body;
use crate::plan::Plan;
use crate::roles::Client;
use crate::schedule::Actor;

/// Progress is looked for so often while the bound passes.
const LOOKS: u64 = 32;

/// What was seen of a client's progress.
#[derive(Clone, Debug, Default)]
struct Seen {
    version: u64,
    steps: u64,
    /// How far its inputs counted.
    inputs: BTreeMap<TopicPartition, Offset>,
    /// Some of them did not, as far as they had come.
    limited: bool,
}

/// What is known of the progress of a run.
#[derive(Debug)]
pub(super) struct Patience {
    bound: Span,
    /// What makes it longer than the scenario's own bound, in words.
    reason: Option<String>,
    pause: Span,
    next_look: Instant,
    /// By actor.
    seen: Vec<Seen>,
    /// How far each partition counts as input; all of it where it is not limited.
    marks: BTreeMap<TopicPartition, Offset>,
    commits: u64,
    movement: u64,
    /// When there was progress last.
    pub progress: Instant,
    /// When anything was written last, progress or not.
    pub moved: Instant,
}

impl Patience {
    pub fn new(plan: &Plan, nodes: usize) -> Patience {
        // Whoever may take that long for one step, and then has to do it again, is given the time.
        let (bound, longest) = (plan.patience(), plan.longest_wait());
        Patience {
            reason: (bound > plan.end.bound).then(|| format!("twice {} ({})", longest.what, longest.span)),
            bound,
            pause: Span(bound.0 / LOOKS),
            next_look: Instant::ZERO,
            seen: vec![Seen::default(); nodes],
            marks: BTreeMap::new(),
            commits: 0,
            movement: 0,
            progress: Instant::ZERO,
            moved: Instant::ZERO,
        }
    }

    /// From now on nothing may happen for that long.
    pub fn bound_by(&mut self, bound: Span) {
        self.bound = bound;
        self.reason = None;
        self.pause = Span(bound.0 / LOOKS);
    }

    /// What makes it longer than the scenario's own bound, in words.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// How long nothing may happen.
    pub fn bound(&self) -> Span {
        self.bound
    }
}

impl Cluster<'_> {
    /// Looks for progress, if it is time.
    pub(super) fn look_for_progress(&mut self, now: Instant) {
        if now < self.settle.patience.next_look {
            return;
        }
        self.settle.patience.next_look = now + self.settle.patience.pause;
        self.limit_outputs();
        for actor in 0..self.bodies.len() {
            if self.has_progressed(actor as Actor) {
                self.settle.patience.progress = now;
                self.mark_outputs(actor as Actor);
            }
        }
        // Of a program nothing is known but what it reads and commits.
        let commits = if self.plan.externals.is_empty() { 0 } else { self.history.commits_advanced };
        if std::mem::replace(&mut self.settle.patience.commits, commits) != commits {
            self.settle.patience.progress = now;
        }
        let movement = self.movement();
        if std::mem::replace(&mut self.settle.patience.movement, movement) != movement {
            self.settle.patience.moved = now;
        }
    }

    /// At first nothing that the plan's clients write counts as input.
    fn limit_outputs(&mut self) {
        if !self.settle.patience.marks.is_empty() {
            return;
        }
        for actor in 0..self.bodies.len() {
            for tp in self.outputs_of(actor as Actor) {
                self.settle.patience.marks.entry(tp).or_insert(0);
            }
        }
    }

    fn client(&self, actor: Actor) -> Option<&Client> {
        match &self.bodies[actor as usize] {
            Body::Client(client) => Some(client),
            _ => None,
        }
    }

    fn outputs_of(&self, actor: Actor) -> Vec<TopicPartition> {
        self.client(actor).and_then(Client::output).map_or_else(Vec::new, |topic| self.partitions_of(topic))
    }

    fn has_progressed(&mut self, actor: Actor) -> bool {
        let Body::Client(client) = &self.bodies[actor as usize] else { return false };
        let Some(progress) = client.progress() else { return false };
        let Patience { seen, marks, .. } = &mut self.settle.patience;
        let seen = &mut seen[actor as usize];
        if seen.version == progress.version() && !seen.limited {
            return false;
        }
        seen.version = progress.version();
        let mut progressed = std::mem::replace(&mut seen.steps, progress.steps()) != progress.steps();
        seen.limited = false;
        for (tp, next) in progress.inputs() {
            let mark = marks.get(&tp).copied().unwrap_or(Offset::MAX);
            let counted = next.min(mark);
            seen.limited |= counted < next;
            let before = seen.inputs.entry(tp).or_insert(0);
            progressed |= *before < counted;
            *before = counted.max(*before);
        }
        progressed
    }

    fn mark_outputs(&mut self, actor: Actor) {
        for tp in self.outputs_of(actor) {
            if let Some(end) = self.leader_log(tp).map(|(_, log)| log.log_end_offset()) {
                self.settle.patience.marks.insert(tp, end);
            }
        }
    }

    /// A number that changes whenever something is written that applications see.
    fn movement(&self) -> u64 {
        let topics = (0..self.plan.topics.len()).map(TopicId::application);
        let ends = topics.flat_map(|topic| self.partitions_of(topic)).filter_map(|tp| self.leader_log(tp));
        ends.map(|(_, log)| log.log_end_offset() as u64).sum::<u64>() + self.history.commits_moved
    }
}
