//! The roles of clients: each has a folder with its keys, its plan and its application, and a line in [`list`].

pub(crate) mod announcer;
pub(crate) mod application;
pub(crate) mod caller;
pub(crate) mod connector;
pub mod echo;
pub mod external;
pub(crate) mod keys;
pub(crate) mod list;
pub mod pipeline;
pub mod producer;
pub(crate) mod progress;
pub mod reader;
pub mod relay;
pub(crate) mod sections;
pub(crate) mod sends;
pub mod service;
pub(crate) mod words;

use fencepost_protocol::ids::{TopicId, TopicPartition};
use fencepost_protocol::io::{CorrelationId, NetInput, Outputs};
use fencepost_protocol::producer::ProducerState;
use fencepost_protocol::time::{Instant, Now, Span};

use crate::cast::Names;
use crate::evidence::{Declared, Gone, History};
use crate::plan::{ClientPlan, Plan};
use crate::sink::Response;
use application::{Application, Seat};
use caller::OutgoingCall;
use list::each_client;
use progress::Progress;

macro_rules! clients {
    ($($role:ident, $module:ident, $list:ident: $plan:ident, $client:ident;)*) => {
        /// The application of a client node.
        #[expect(clippy::large_enum_variant, reason = "a client is allocated once")]
        pub enum Client {
            $(
                #[doc = concat!("See [`", stringify!($module), "`].")]
                $role($module::$client),
            )*
        }

        macro_rules! each {
            ($of:expr, $c:ident => $call:expr) => {
                match $of {
                    $(Client::$role($c) => $call,)*
                }
            };
        }

        /// The clients of a plan.
        pub fn populate(plan: &Plan, root_seed: u64) -> Vec<Client> {
            let mut clients = Vec::new();
            $(for (place, own) in plan.$list.iter().enumerate() {
                clients.extend((1..=own.members()).map(|member| {
                    Client::$role($module::$client::new(plan, own, Seat { place, member, root_seed }))
                }));
            })*
            clients
        }
    };
}
each_client!(clients);

impl Client {
    /// Name of the node.
    pub fn name(&self) -> &str {
        each!(self, c => c.name())
    }

    /// When the process first runs.
    pub fn starts_at(&self) -> Span {
        each!(self, c => c.starts_at())
    }

    /// How long after a crash the process runs again, where the fault does not say.
    pub fn restarts_after(&self) -> Option<Span> {
        each!(self, c => c.restarts_after())
    }

    /// What the history's preamble says of it, if it is there from the beginning; numbers are filled in later.
    pub fn declare(&self) -> Option<Declared> {
        let declared = each!(self, c => c.declare())?;
        Some((declared, self.group().map(str::to_string)))
    }

    /// Its consumer group.
    pub fn group(&self) -> Option<&str> {
        each!(self, c => c.group())
    }

    /// All partitions of what it reads.
    pub fn input_partitions(&self) -> Vec<TopicPartition> {
        each!(self, c => c.input_partitions())
    }

    /// Next offset to be processed of each partition that it owns.
    pub fn positions(&self) -> Vec<(TopicPartition, i64)> {
        each!(self, c => c.positions())
    }

    /// State of its producer, if it has one and its process runs.
    pub fn producer_state(&self) -> Option<ProducerState> {
        each!(self, c => c.producer_state())
    }

    /// Where it stands, in words, one line for each thing to say; nothing if its process does not run.
    pub fn in_words(&self, names: &Names) -> Vec<String> {
        each!(self, c => c.in_words(names))
    }

    /// Whether its consumer is at read_committed.
    pub fn reads_committed(&self) -> bool {
        each!(self, c => c.reads_committed())
    }

    /// Whether its own input (a workload) is used up; pipelines and readers have none of their own.
    pub fn has_finished_its_input(&self) -> bool {
        each!(self, c => c.has_finished_its_input())
    }

    /// Whether nothing that it began is unfinished.
    pub fn is_idle(&self) -> bool {
        each!(self, c => c.is_idle())
    }

    /// The process begins to run.
    pub fn start(&mut self, now: Now, incarnation: u32, out: &mut Outputs, history: &mut History<'_>) {
        each!(self, c => c.start(now, incarnation, out, history));
    }

    /// Something happened on one of its connections.
    #[inline(always)]
    pub fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs, history: &mut History<'_>) {
        each!(self, c => c.net(now, input, out, history));
    }

    /// A sink has answered.
    pub fn answered(
        &mut self,
        now: Now,
        correlation: CorrelationId,
        response: Response,
        out: &mut Outputs,
        history: &mut History<'_>,
    ) {
        each!(self, c => c.answered(now, correlation, response, out, history));
    }

    /// What it asks of a sink and has not handed over yet.
    pub(crate) fn take_calls(&mut self) -> Vec<OutgoingCall> {
        each!(self, c => c.take_calls())
    }

    /// A deadline has come.
    pub fn wake(&mut self, now: Now, out: &mut Outputs, history: &mut History<'_>) {
        each!(self, c => c.wake(now, out, history));
    }

    /// Its next deadline.
    #[inline(always)]
    pub fn next_deadline(&self) -> Instant {
        each!(self, c => c.next_deadline())
    }

    /// Its process is killed: what was under way stays unknown.
    pub fn crash(&mut self, now: Now, history: &mut History<'_>) {
        let place = self.place();
        each!(self, c => c.crash(now, Gone::Killed, history));
        // Whoever runs a program tells what becomes of it.
        if let (Some((c, i)), false) = (place, matches!(self, Client::External(_))) {
            history.killed(now.mono, c, i);
        }
    }

    /// The run is over: what is under way stays unknown.
    pub fn end_of_run(&mut self, now: Now, history: &mut History<'_>) {
        each!(self, c => c.crash(now, Gone::RunOver, history));
    }

    /// Its number in the history and its incarnation, once it has run.
    pub(crate) fn place(&self) -> Option<(u32, u32)> {
        each!(self, c => c.place())
    }

    /// How far it has come.
    pub(crate) fn progress(&self) -> Option<&Progress> {
        each!(self, c => c.progress())
    }

    /// Whether it keeps its offsets in a sink, and not in Kafka.
    pub(crate) fn keeps_offsets_itself(&self) -> bool {
        each!(self, c => c.keeps_offsets_itself())
    }

    /// The topic that it writes.
    pub(crate) fn output(&self) -> Option<TopicId> {
        each!(self, c => c.output())
    }
}
