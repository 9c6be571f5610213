//! A client whose application is a program outside the world: the world keeps its mail.

use fencepost_protocol::ids::TopicPartition;
use fencepost_protocol::io::{NetInput, Outputs};
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::event as h;

use super::progress::Progress;
use crate::evidence::{Gone, History};
use crate::plan::Plan;

/// What reached a client and waits for its program.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    /// What happened on its connections, in order.
    pub inputs: Vec<NetInput>,
    /// The deadline that it had asked for has come.
    pub due: bool,
}

impl Mail {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && !self.due
    }
}

/// What a program says of its client, for the question whether everything has finished.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Something that it began is unfinished.
    pub busy: bool,
    /// Next offset to be processed of each partition that it owns.
    pub positions: Vec<(TopicPartition, i64)>,
    /// Its consumer is at read_committed.
    pub reads_committed: bool,
}

/// The world's end of it.
pub struct ExternalClient {
    name: String,
    pub(crate) mail: Mail,
    pub(crate) deadline: Instant,
    pub(crate) standing: Standing,
    progress: Progress,
    /// Its program's client in the history, as far as is known.
    client: Option<u32>,
}

impl ExternalClient {
    /// A client without a program.
    pub fn new(name: &str) -> ExternalClient {
        ExternalClient {
            name: name.to_string(),
            mail: Mail::default(),
            deadline: Instant::NEVER,
            standing: Standing::default(),
            progress: Progress::default(),
            client: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn starts_at(&self) -> Span {
        Span::ZERO
    }

    pub(super) fn restarts_after(&self) -> Option<Span> {
        None
    }

    pub(super) fn declare(&self, _: &Plan) -> h::Client<'static> {
        h::Client::default()
    }

    pub(super) fn positions(&self) -> Vec<(TopicPartition, i64)> {
        self.standing.positions.clone()
    }

    pub(super) fn reads_committed(&self) -> bool {
        self.standing.reads_committed
    }

    pub(super) fn is_idle(&self) -> bool {
        !self.standing.busy
    }

    pub(super) fn place(&self) -> Option<(u32, u32)> {
        self.client.map(|c| (c, 0))
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The program says how it stands.
    pub(crate) fn stand(&mut self, standing: Standing) {
        standing.positions.iter().for_each(|(tp, next)| self.progress.processed(*tp, *next));
        self.standing = standing;
    }

    /// Another client of a program is at this place.
    pub(crate) fn takes_over(&mut self, client: Option<u32>) {
        self.client = client;
    }

    pub(super) fn start(&mut self, _: Now, _: u32, _: &mut Outputs, _: &mut History<'_>) {}

    pub(super) fn next_deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) fn net(&mut self, _: Now, input: NetInput, _: &mut Outputs, _: &mut History<'_>) {
        self.mail.inputs.push(input);
    }

    pub(super) fn wake(&mut self, _: Now, _: &mut Outputs, _: &mut History<'_>) {
        self.mail.due = true;
        self.deadline = Instant::NEVER;
    }

    /// What was under way is told by its program, which knows it.
    pub(super) fn crash(&mut self, _: Now, _: Gone, _: &mut History<'_>) {
        self.mail = Mail::default();
        self.deadline = Instant::NEVER;
        self.standing = Standing::default();
    }
}
