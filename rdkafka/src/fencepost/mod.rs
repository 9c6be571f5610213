//! The test kit: a cluster for a program, and runs over many seeds.
//!
//! ```no_run
//! use fencepost_rdkafka::fencepost::{self, Cluster};
//! use std::time::Duration;
//!
//! # async fn enrich() {}
//! #[test]
//! fn enrich_is_exactly_once() {
//!     fencepost::test(1..=100, || async {
//!         let cluster = Cluster::from_scenario("examples/orders");
//!         cluster.node("enrich-1", || enrich());
//!         cluster.fault("at = '10s'\naction = 'rolling_restart'\ndown = '3s'");
//!         tokio::time::sleep(Duration::from_secs(5)).await;
//!         cluster.pause("enrich-1", Duration::from_secs(70));
//!         cluster.finish().await.assert_exactly_once("enriched");
//!     });
//! }
//! # mod tokio { pub use fencepost_tokio::*; }
//! ```

mod evidence;
mod faults;
mod finished;
mod processes;
mod runner;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fencepost_protocol::ids::TopicId;
use fencepost_protocol::time::{Instant, Span};
use fencepost_reports::history::Identity;
use fencepost_reports::history::event as h;
use fencepost_reports::story::Story;
use fencepost_sim::capsule::Capsule;
use fencepost_sim::embed::{Embedded, ProcessState, Recording, places};
use fencepost_sim::run::Course;
use fencepost_sim::scenario::{Choice, Scenario};
use fencepost_tokio::task::panic_text;
use madsim::runtime::Handle;
use madsim::task::NodeId;
use serde::{Deserialize, Serialize};

pub use finished::Finished;
pub use runner::{digest, test};

use crate::message::OwnedMessage;
use crate::simulated::Shared;

/// Points of the grid on which the world's time moves.
const GRID: Duration = Duration::from_micros(100);
/// Clients that programs can have at a time.
pub(crate) const SLOTS: u32 = 64;
/// So long a program must not have called before the run is taken to be over.
const QUIET: Span = Span::from_secs(2);
/// So many times its patience a run that goes on and on may take.
const LONGEST: u64 = 10;
/// What is left to the cluster when nothing has gone on for as long as it may take.
const LAST: Span = Span::from_secs(1);

thread_local! {
    /// What is wanted of runs on this thread, and what the last one amounted to.
    pub(crate) static WANTED: RefCell<Wanted> = RefCell::new(Wanted::default());
    pub(crate) static LAST_RUN: RefCell<Option<Ran>> = const { RefCell::new(None) };
    /// Programs that returned: how often, and what they gave the last time.
    pub(crate) static RETURNED: RefCell<BTreeMap<String, (u32, String)>> = const { RefCell::new(BTreeMap::new()) };
}

/// What is wanted of a run besides its judgement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// The deviations.
    pub deviations: bool,
    /// The story, in which these programs take part, and what their records are made of.
    pub story: Option<(Vec<String>, Arc<Vec<Identity>>)>,
    /// The deviations are not drawn, but those of this capsule.
    pub replay: Option<Arc<Capsule>>,
    /// The world's seed; without one madsim's.
    pub seed: Option<u64>,
}

/// What a run amounted to, for whoever started it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ran {
    pub digest: String,
    pub verdict: String,
    pub kinds: Vec<String>,
    pub capsule: String,
    /// Names of the programs' nodes.
    pub programs: Vec<String>,
    /// How often processes were started.
    pub processes: usize,
    /// What each program handed over, as a number.
    pub handed_over: BTreeMap<String, String>,
    /// What the records are that programs sent.
    pub identities: Vec<Identity>,
    /// Until the page is made of it; it does not leave its process.
    #[serde(skip)]
    pub story: Option<Story>,
    /// Deviations that were to be applied and do not occur any more, in words, and how many there were.
    pub unused: (Vec<String>, usize),
}

/// A simulated cluster, in the runtime of madsim that runs now.
pub struct Cluster {
    scenario: Scenario,
    shared: Rc<Shared>,
    seed: u64,
    /// Deviations come from a capsule, those that the test asks for included.
    replayed: bool,
    programs: RefCell<Vec<String>>,
    nodes: RefCell<Vec<NodeId>>,
    /// Topics in which an input may have no output.
    skipped: RefCell<Vec<String>>,
    /// The history is wanted.
    keeps_history: Cell<bool>,
    /// It has been judged.
    judged: bool,
}

impl Drop for Cluster {
    /// What had happened when the test itself panicked is kept, too.
    fn drop(&mut self) {
        if !self.judged && std::thread::panicking() {
            let _ = catch_unwind(AssertUnwindSafe(|| self.conclude()));
        }
        Shared::end();
    }
}

impl Cluster {
    /// The cluster of a built-in scenario, or of a file if the name ends with `.toml`. Its producers, pipelines, readers
    /// and faults are there too; the seed is that of the runtime.
    ///
    /// # Panics
    /// If there is no such scenario, or something is wrong with it; outside a runtime of madsim.
    #[track_caller]
    pub fn from_scenario(name: &str) -> Cluster {
        let scenario = if name.ends_with(".toml") {
            let text = match std::fs::read_to_string(name) {
                Ok(text) => text,
                Err(error) => {
                    let folder = std::env::current_dir().unwrap_or_default();
                    panic!("cannot read {name} in {}, where cargo runs the package's tests: {error}", folder.display());
                }
            };
            let mut read = |path: &str| std::fs::read_to_string(path).map_err(|error| error.to_string());
            Scenario::load(name, &text, Choice::default(), &mut read)
        } else {
            Scenario::load_built_in(name, Choice::default())
        };
        match scenario {
            Ok(scenario) => Cluster::new(scenario),
            Err(problem) => panic!("{problem}"),
        }
    }

    /// The cluster of a scenario's text.
    ///
    /// # Panics
    /// If something is wrong with it; outside a runtime of madsim.
    #[track_caller]
    pub fn from_text(name: &str, text: &str) -> Cluster {
        let mut read = |path: &str| Err(format!("{path}: a scenario in a text has no files"));
        let scenario = Scenario::load(name, text, Choice::default(), &mut read);
        match scenario {
            Ok(scenario) => Cluster::new(scenario),
            Err(problem) => panic!("{problem}"),
        }
    }

    fn new(mut scenario: Scenario) -> Cluster {
        let wanted = WANTED.with_borrow(Wanted::clone);
        let seed = wanted.seed.unwrap_or_else(|| Handle::current().seed());
        let recording = match &wanted.story {
            Some((programs, _)) => Recording::Story(programs),
            None if wanted.deviations => Recording::Deviations,
            None => Recording::Nothing,
        };
        let mut course = Course::Seed(seed);
        if let Some(capsule) = &wanted.replay {
            assert!(
                capsule.scenario.name == scenario.name,
                "the capsule is of the scenario '{}', and this test's is '{}': replay it by its own test",
                capsule.scenario.name,
                scenario.name
            );
            scenario = capsule.scenario.clone();
            course = match &capsule.schedule {
                Some(schedule) => Course::Schedule(capsule.seed, schedule),
                None => Course::Seed(capsule.seed),
            };
        }
        let world = Embedded::new(&scenario.plan, course, recording, SLOTS);
        let replayed = matches!(course, Course::Schedule(..));
        Cluster {
            shared: Shared::begin(world, GRID, wanted.story.as_ref().map(|(_, identities)| identities.clone())),
            seed,
            replayed,
            programs: RefCell::default(),
            nodes: RefCell::default(),
            skipped: RefCell::default(),
            keeps_history: Cell::new(false),
            judged: false,
            scenario,
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Starts a program on a node of its own. When it returns, the node is down, as when a process exits; what it returned
    /// is told if the seed fails.
    pub fn node<F, Fut>(&self, name: &str, program: F) -> NodeId
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Debug> + 'static,
    {
        let told = name.to_string();
        let init = move || {
            if let Some(shared) = crate::simulated::shared() {
                shared.program_started(&told);
            }
            let program = fencepost_tokio::task::contained(program());
            let name = told.clone();
            async move { ended(&name, program.await) }
        };
        self.shared.declare_program(name);
        let node = Handle::current().create_node().name(name).init(init).build();
        self.shared.name_node(node.id(), name);
        self.programs.borrow_mut().push(name.to_string());
        self.nodes.borrow_mut().push(node.id());
        node.id()
    }

    /// As [`Cluster::node`], and so long after the program returned, or its node was killed, it is started again.
    pub fn service<F, Fut>(&self, name: &str, restart_after: Duration, program: F) -> NodeId
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Debug> + 'static,
    {
        let id = self.node(name, program);
        self.shared.programs.borrow_mut().comes_back(name);
        let handle = Handle::current();
        madsim::task::spawn(async move {
            loop {
                madsim::time::sleep(Duration::from_millis(100)).await;
                if handle.is_exit(id) {
                    madsim::time::sleep(restart_after).await;
                    if crate::simulated::shared().is_none() {
                        return;
                    }
                    handle.restart(id);
                }
            }
        });
        id
    }

    /// Lets a node stand still for a while: the zombie.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn pause(&self, node: &str, span: Duration) {
        self.must_have(node);
        let handle = Handle::current();
        handle.pause(node);
        tell(node, ProcessState::Paused);
        let node = node.to_string();
        madsim::task::spawn(async move {
            madsim::time::sleep(span).await;
            tell(&node, ProcessState::Running);
            handle.resume(node);
        });
    }

    /// Kills a node's process.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn kill(&self, node: &str) {
        self.must_have(node);
        self.end_process(node);
        Handle::current().kill(node);
    }

    /// Asks a node's process to end, as `kill` and Kubernetes do: SIGTERM. If it listens neither to `tokio::signal::ctrl_c`
    /// nor to SIGTERM or SIGINT, it is killed.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn terminate(&self, node: &str) {
        self.must_have(node);
        Handle::current().send_ctrl_c(node);
        if Handle::current().is_exit(node) {
            self.end_process(node);
        }
    }

    /// Kills a node's process and starts it again at once.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn restart(&self, node: &str) {
        self.must_have(node);
        self.end_process(node);
        Handle::current().restart(node);
    }

    #[track_caller]
    fn must_have(&self, node: &str) {
        let names = self.programs.borrow();
        assert!(names.iter().any(|name| name == node), "there is no node '{node}' (nodes: {})", names.join(", "));
    }

    /// What is dropped with a process that is killed can say nothing more: a real one runs no destructors.
    fn end_process(&self, node: &str) {
        self.shared.touch();
        self.shared.end_node(node);
        self.shared.program_stopped(node, h::StopReason::Killed, "");
    }

    /// Panics of this program are part of what it does: they are no findings.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn may_panic(&self, node: &str) {
        self.must_have(node);
        self.shared.programs.borrow_mut().may_panic(node);
    }

    /// Something goes wrong in the cluster: the text is that of a scenario's `[[fault]]`, without the header. A time that
    /// has passed is now. The node of a program can be named where messages are held, slowed or lost (`block`, `slow`,
    /// `slow_node`, `lose_answers`): it stands for all clients that the program has or will have. When a capsule is replayed this does nothing: what went wrong is among the capsule's deviations,
    /// unless somebody took it out.
    ///
    /// # Panics
    /// If something is wrong with the text.
    #[track_caller]
    pub fn fault(&self, text: &str) {
        self.shared.touch();
        let mut world = self.shared.world.borrow_mut();
        let all_places = places(SLOTS);
        let text = {
            let known = faults::Known {
                nodes: world.names().nodes.iter().map(String::as_str).filter(|n| !is_place(n, &all_places)).collect(),
                programs: &self.programs.borrow(),
                places: &|name| {
                    let range = self.shared.places_of(name)?;
                    Ok(all_places[range].to_vec())
                },
            };
            match faults::with_places(text, &known) {
                Ok(text) => text,
                Err(problem) => panic!("fault: {problem}"),
            }
        };
        let faults = match world.read_faults(&text) {
            Ok(faults) => faults,
            Err(problem) => panic!("{problem}"),
        };
        if self.replayed {
            return;
        }
        faults.into_iter().for_each(|fault| world.fault(fault));
        drop(world);
        self.shared.wake_driver();
    }

    /// An input may have no output in this topic, or fewer than others: the program filters, or chooses among topics. What
    /// it once sent for an input must be there all the same when the input is committed. Without this, every input must
    /// have as many outputs in a topic as the inputs that had most.
    ///
    /// # Panics
    /// If there is no such topic.
    #[track_caller]
    pub fn may_skip(&self, topic: &str) {
        self.must_have_topic(topic);
        self.skipped.borrow_mut().push(topic.to_string());
    }

    /// Says which inputs have no output in this topic: those for which this is true. They count as skipped by declaration, and
    /// outputs can be attributed by their order although some inputs have none. All others must have theirs, as many as the
    /// inputs that had most: what is lost beside them is found. Only where the program chooses among topics, so that such an
    /// input has outputs in another one, is this topic judged as with [`Cluster::may_skip`].
    ///
    /// # Panics
    /// If there is no such topic.
    #[track_caller]
    pub fn skips(&self, topic: &str, which: impl Fn(&OwnedMessage) -> bool + 'static) {
        let id = self.must_have_topic(topic);
        self.shared.skips.borrow_mut().insert(id, Box::new(which));
    }

    /// Tells which message a record of this topic is made of: whether the second is made of the first. Without this it is told
    /// from their content, from what the sending task looked at, or from their order, where these say it without doubt. A record
    /// that is made of no message is the program's own.
    ///
    /// # Panics
    /// If there is no such topic.
    #[track_caller]
    pub fn made_of(&self, topic: &str, relation: impl Fn(&OwnedMessage, &OwnedMessage) -> bool + 'static) {
        let id = self.must_have_topic(topic);
        self.shared.relations.borrow_mut().insert(id, Box::new(relation));
    }

    #[track_caller]
    fn must_have_topic(&self, topic: &str) -> TopicId {
        let world = self.shared.world.borrow();
        let names = || world.plan().topics.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ");
        let Some((id, _)) = world.topic(topic) else { panic!("there is no topic '{topic}' (topics: {})", names()) };
        id
    }

    /// Keeps the history of the run: [`Finished::history`] gives it.
    pub fn keep_history(&self) {
        self.keeps_history.set(true);
    }

    /// Waits until everything has finished (faults over, what groups read processed, transactions ended), and judges what
    /// happened. It does not wait for longer than the scenario's bound, or the timeouts of the programs' clients and a minute,
    /// after the last thing that a program was given, had stored or committed; and it does not wait for groups of which no
    /// consumer is left and none will come.
    ///
    /// # Panics
    /// If a program has panicked: with the text and the place of it.
    #[track_caller]
    pub fn finish(mut self) -> impl Future<Output = Finished> {
        let caller = std::panic::Location::caller();
        async move {
            self.wait().await;
            let nodes = self.nodes.take();
            let finished = self.conclude();
            // Madsim keeps tasks that never end beyond its runtime, and with them their stacks; those of a killed node go.
            for node in nodes {
                Handle::current().kill(node);
            }
            madsim::time::sleep(Duration::from_millis(1)).await;
            finished.assert_no_panic(caller);
            finished
        }
    }

    async fn wait(&self) {
        let shared = &self.shared;
        let mut undisturbed_since: Option<Instant> = None;
        loop {
            madsim::time::sleep(Duration::from_millis(100)).await;
            shared.touch();
            let to_read = shared.has_in_hand() || shared.undrained().iter().any(|u| shared.has_readers(&u.group));
            let to_come = {
                let programs = shared.programs.borrow();
                programs.has_yet_to_begin() || programs.may_come_back()
            };
            let mut world = shared.world.borrow_mut();
            if world.ending().is_some() {
                return;
            }
            if world.is_disturbed() {
                undisturbed_since = None;
                continue;
            }
            let now = world.time();
            let since = *undisturbed_since.get_or_insert(now);
            let patience = shared.patience(self.scenario.plan.end.bound);
            let quiet = now.since(shared.last_call.get()) >= QUIET;
            if quiet && !to_read && !to_come {
                world.let_end(patience);
            } else if now.since(since.max(shared.last_progress.get())) > patience {
                world.let_end(LAST);
            } else if now.since(since) > Span(patience.0.saturating_mul(LONGEST)) {
                world.let_end(patience);
            }
        }
    }
}

fn is_place(node: &str, places: &[String]) -> bool {
    places.iter().any(|place| place == node)
}

/// A program's process has ended by itself.
fn ended<T: Debug>(name: &str, output: Result<T, Box<dyn Any + Send>>) {
    let (reason, text, panic, output) = match output {
        Ok(output) => (h::StopReason::Ended, String::new(), None, format!("{output:?}")),
        Err(payload) => {
            let text = panic_text(&*payload).unwrap_or(runner::NO_TEXT);
            let told = format!("{text} (at {})", runner::panicked_at());
            (h::StopReason::Panicked, told, Some(text.to_string()), "a panic".into())
        }
    };
    RETURNED.with_borrow_mut(|returned| {
        let entry = returned.entry(name.to_string()).or_default();
        *entry = (entry.0 + 1, output);
    });
    if let Some(shared) = crate::simulated::shared() {
        if let Some(text) = panic {
            shared.panicked(true, &text, &runner::panicked_at());
        }
        shared.main_ended(name, reason, &text);
    }
}

/// For the story: what a program's process does.
fn tell(name: &str, state: ProcessState) {
    if let Some(shared) = crate::simulated::shared() {
        shared.touch();
        shared.world.borrow_mut().process(name, state);
    }
}
