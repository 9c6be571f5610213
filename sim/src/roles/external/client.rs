//! A client whose application is a program outside the world: the world keeps its mail.

use fencepost_protocol::ids::TopicPartition;
use fencepost_protocol::io::{NetInput, Outputs};
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::event as h;

use crate::evidence::{Gone, History};
use crate::plan::{ExternalPlan, Plan};
use crate::roles::application::{Application, Seat};
use crate::roles::progress::Progress;

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
    pub(crate) fn new(_: &Plan, plan: &ExternalPlan, _: Seat) -> ExternalClient {
        ExternalClient {
            name: plan.name.clone(),
            mail: Mail::default(),
            deadline: Instant::NEVER,
            standing: Standing::default(),
            progress: Progress::default(),
            client: None,
        }
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
}

impl Application for ExternalClient {
    /// Its program's clients are declared when it makes them.
    fn declare(&self) -> Option<h::Client<'static>> {
        None
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn starts_at(&self) -> Span {
        Span::ZERO
    }

    fn restarts_after(&self) -> Option<Span> {
        None
    }

    fn positions(&self) -> Vec<(TopicPartition, i64)> {
        self.standing.positions.clone()
    }

    fn reads_committed(&self) -> bool {
        self.standing.reads_committed
    }

    fn is_idle(&self) -> bool {
        !self.standing.busy
    }

    fn start(&mut self, _: Now, _: u32, _: &mut Outputs, _: &mut History<'_>) {}

    fn net(&mut self, _: Now, input: NetInput, _: &mut Outputs, _: &mut History<'_>) {
        self.mail.inputs.push(input);
    }

    fn wake(&mut self, _: Now, _: &mut Outputs, _: &mut History<'_>) {
        self.mail.due = true;
        self.deadline = Instant::NEVER;
    }

    fn next_deadline(&self) -> Instant {
        self.deadline
    }

    fn crash(&mut self, _: Now, _: Gone, _: &mut History<'_>) {
        self.mail = Mail::default();
        self.deadline = Instant::NEVER;
        self.standing = Standing::default();
    }

    fn place(&self) -> Option<(u32, u32)> {
        self.client.map(|c| (c, 0))
    }

    fn progress(&self) -> Option<&Progress> {
        Some(&self.progress)
    }
}
