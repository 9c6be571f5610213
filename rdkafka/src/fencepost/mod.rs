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
mod runner;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fencepost_protocol::time::{Instant, Span};
use fencepost_reports::history::event as h;
use fencepost_reports::report::{Report, Verdict};
use fencepost_reports::story::Story;
use fencepost_sim::capsule::{Capsule, PROGRAM};
use fencepost_sim::embed::{Embedded, ProcessState, Recording, places};
use fencepost_sim::run::{Course, Run};
use fencepost_sim::scenario::{Choice, Scenario, deviation};
use fencepost_sim::schedule::Schedule;
use madsim::runtime::Handle;
use madsim::task::NodeId;

pub use runner::{digest, test};

use crate::message::OwnedMessage;
use crate::simulated::Shared;

/// Points of the grid on which the world's time moves.
const GRID: Duration = Duration::from_micros(100);
/// Clients that programs can have at a time.
pub(crate) const SLOTS: u32 = 64;
/// So long a program must not have called before the run is taken to be over.
const QUIET: Span = Span::from_secs(2);

thread_local! {
    /// What is wanted of runs on this thread, and what the last one amounted to.
    pub(crate) static WANTED: RefCell<Wanted> = RefCell::new(Wanted::default());
    pub(crate) static LAST: RefCell<Option<Ran>> = const { RefCell::new(None) };
    /// Programs that returned: how often, and what they gave the last time.
    pub(crate) static RETURNED: RefCell<BTreeMap<String, (u32, String)>> = const { RefCell::new(BTreeMap::new()) };
}

/// What is wanted of a run besides its judgement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// The deviations and the story, in which these programs take part.
    pub story: Option<Vec<String>>,
    /// The deviations are not drawn, but those of this capsule.
    pub replay: Option<Arc<Capsule>>,
    /// The world's seed; without one madsim's.
    pub seed: Option<u64>,
    /// Madsim's, if it is another one.
    pub madsim_seed: Option<u64>,
}

/// What a run amounted to, for whoever started it.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    pub digest: String,
    pub verdict: String,
    pub kinds: Vec<String>,
    pub capsule: String,
    /// Names of the programs' nodes.
    pub programs: Vec<String>,
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
}

impl Drop for Cluster {
    fn drop(&mut self) {
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
        let recording = wanted.story.as_deref().map_or(Recording::Nothing, Recording::Story);
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
            shared: Shared::begin(world, GRID),
            seed,
            replayed,
            programs: RefCell::default(),
            nodes: RefCell::default(),
            skipped: RefCell::default(),
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
            let program = fencepost_tokio::task::stackful(program());
            let name = told.clone();
            async move {
                let output = format!("{:?}", program.await);
                RETURNED.with_borrow_mut(|returned| {
                    let entry = returned.entry(name).or_default();
                    *entry = (entry.0 + 1, output);
                });
            }
        };
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
        let handle = Handle::current();
        let name = name.to_string();
        madsim::task::spawn(async move {
            loop {
                madsim::time::sleep(Duration::from_millis(100)).await;
                if handle.is_exit(id) {
                    tell(&name, ProcessState::Down);
                    madsim::time::sleep(restart_after).await;
                    handle.restart(id);
                    tell(&name, ProcessState::Running);
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
        self.end_clients(node);
        Handle::current().kill(node);
        tell(node, ProcessState::Down);
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
            self.end_clients(node);
            tell(node, ProcessState::Down);
        }
    }

    /// Kills a node's process and starts it again at once.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn restart(&self, node: &str) {
        self.must_have(node);
        self.end_clients(node);
        Handle::current().restart(node);
        tell(node, ProcessState::Down);
        tell(node, ProcessState::Running);
    }

    #[track_caller]
    fn must_have(&self, node: &str) {
        let names = self.programs.borrow();
        assert!(names.iter().any(|name| name == node), "there is no node '{node}' (nodes: {})", names.join(", "));
    }

    /// What is dropped with a process that is killed can say nothing more: a real one runs no destructors.
    fn end_clients(&self, node: &str) {
        self.shared.touch();
        self.shared.end_node(node);
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

    /// Tells which message a record of this topic is made of: whether the second is made of the first. Without this it is
    /// taken to be the one that the sending task looked at last, which it is not if a program computes several records
    /// before it sends the first.
    ///
    /// # Panics
    /// If there is no such topic.
    #[track_caller]
    pub fn made_of(&self, topic: &str, relation: impl Fn(&OwnedMessage, &OwnedMessage) -> bool + 'static) {
        self.must_have_topic(topic);
        self.shared.relate(topic, Box::new(relation));
    }

    #[track_caller]
    fn must_have_topic(&self, topic: &str) {
        let world = self.shared.world.borrow();
        let names = || world.plan().topics.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ");
        assert!(world.topic(topic).is_some(), "there is no topic '{topic}' (topics: {})", names());
    }

    /// Waits until everything has finished (faults over, input processed, transactions ended), or until the scenario's
    /// bound has passed, and judges what happened.
    pub async fn finish(self) -> Finished {
        let patience = self.scenario.plan.end.bound;
        let mut undisturbed_since: Option<Instant> = None;
        loop {
            madsim::time::sleep(Duration::from_millis(100)).await;
            self.shared.touch();
            let drained = self.shared.undrained().is_empty();
            let mut world = self.shared.world.borrow_mut();
            if world.ending().is_some() {
                break;
            }
            if world.is_disturbed() {
                undisturbed_since = None;
                continue;
            }
            let since = *undisturbed_since.get_or_insert(world.time());
            let quiet = world.time().since(self.shared.last_call.get()) >= QUIET;
            if quiet && drained || world.time().since(since) > patience {
                world.let_end();
            }
        }
        let nodes = self.nodes.take();
        let finished = self.conclude();
        // Madsim keeps tasks that never end beyond its runtime, and with them their stacks; those of a killed node go.
        for node in nodes {
            Handle::current().kill(node);
        }
        madsim::time::sleep(Duration::from_millis(1)).await;
        finished
    }

    fn conclude(self) -> Finished {
        let undrained = self.shared.undrained();
        Shared::end();
        let routes = self.shared.routes.take();
        let nobody = Embedded::new(&self.scenario.plan, Course::Seed(self.seed), Recording::Nothing, 0);
        let world = self.shared.world.replace(nobody);
        let names = world.names().clone();
        let several = routes.iter().filter(|route| route.most > 1);
        let several = several.map(|route| (world.topic_name(route.output).to_string(), route.most)).collect();
        let (Run { outcome, report, .. }, story) = judge(world, &routes, &undrained, &self.skipped.take());
        // Deviations name the clients of programs by their places.
        let mut scenario = self.scenario.clone();
        Arc::make_mut(&mut scenario.plan).externals = places(SLOTS);
        let capsule = Capsule {
            remedy: Vec::new(),
            program: PROGRAM.into(),
            scenario,
            seed: WANTED.with_borrow(|w| w.replay.as_ref().map_or(self.seed, |capsule| capsule.seed)),
            verdict: format!("{:?}", report.verdict).to_lowercase(),
            kinds: report.violations.iter().map(|v| v.kind.name().to_string()).collect(),
            digest: Some(outcome.digest.to_string()),
            schedule: (!outcome.recorded.is_empty()).then(|| Schedule { deviations: outcome.recorded.clone() }),
        };
        let unused = outcome.unused.iter().map(|d| deviation::words(d, &names)).collect();
        let written =
            WANTED.with_borrow(|w| w.replay.as_ref()?.schedule.as_ref().map(|s| s.deviations.len())).unwrap_or(0);
        let ran = Ran {
            digest: outcome.digest.to_string(),
            verdict: capsule.verdict.clone(),
            kinds: capsule.kinds.clone(),
            capsule: capsule.to_json(),
            programs: self.programs.take(),
            story: story.map(|mut story| {
                story.title.clone_from(&self.scenario.plan.title);
                story.label = self.scenario.label();
                story.seed = self.seed;
                story.program = PROGRAM.to_string();
                story
            }),
            unused: (unused, written),
        };
        LAST.with(|last| *last.borrow_mut() = Some(ran));
        Finished {
            seed: self.seed,
            digest: outcome.digest.to_string(),
            deliveries: outcome.deliveries,
            report,
            several,
        }
    }
}

fn is_place(node: &str, places: &[String]) -> bool {
    places.iter().any(|place| place == node)
}

/// For the story: what a program's process does.
fn tell(name: &str, state: ProcessState) {
    if let Some(shared) = crate::simulated::shared() {
        shared.touch();
        shared.world.borrow_mut().process(name, state);
    }
}

/// A program that makes records out of others is judged as a pipeline: the routes were seen.
fn judge(
    mut world: Embedded,
    routes: &[crate::simulated::Route],
    undrained: &[(usize, fencepost_protocol::ids::TopicPartition, i64, i64)],
    skipped: &[String],
) -> (Run, Option<Story>) {
    let mut clients = Vec::new();
    let t = world.time().0;
    for (index, route) in routes.iter().enumerate() {
        let group = world.group(&route.group);
        let client = world.declare(h::Client {
            name: format!("group {}", route.group).into(),
            kind: h::ClientKind::Pipeline,
            group: Some(group),
            inputs: route.inputs.iter().map(|t| t.0).collect(),
            outputs: vec![route.output.0],
            stage: index as u16 + 1,
            outputs_per_input: route.most,
            may_skip: skipped.iter().any(|topic| topic == world.topic_name(route.output)),
            guarantee: h::Guarantee::ExactlyOnce,
            ..h::Client::default()
        });
        clients.push(client);
    }
    for (route, tp, position, end) in undrained {
        let culprit = format!("group {} has processed it up to {position}", routes[*route].group).into();
        let (c, at) = (clients[*route], h::Partition::new(tp.topic.0, tp.partition));
        world.write_finding(&h::Event::Undrained(h::Undrained { t, c, at, position: *position, end: *end, culprit }));
    }
    world.finish()
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    seed: u64,
    digest: String,
    deliveries: u64,
    report: Report,
    /// Topics of which several records were taken to be made of one message, and of how many at most.
    several: Vec<(String, u16)>,
}

impl Finished {
    /// The judgement.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Records of a topic that a reader of committed data sees at the end.
    pub fn visible(&self, topic: &str) -> u64 {
        self.report.topic(topic).map_or(0, |t| t.visible)
    }

    /// Digest of what happened in the world.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Messages handed over and timers fired in the world.
    pub fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Each input has its outputs in the topic once, nothing is lost, nothing aborted is visible, and everything has come
    /// to its end.
    ///
    /// # Panics
    /// If not, with the proof.
    #[track_caller]
    pub fn assert_exactly_once(&self, topic: &str) {
        assert!(
            self.report.topic(topic).is_some(),
            "seed {}: nobody has written to {topic} (topics written: {})",
            self.seed,
            self.report.topics.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ")
        );
        let hints = self.several.iter().filter(|(name, _)| name == topic).map(|(name, most)| {
            format!(
                "\n(Up to {most} records of {name} were taken to be made of one message: the one that the sending task looked \
                 at last. If the program computes several records before it sends the first, say by Cluster::made_of() \
                 which is made of which.)"
            )
        });
        let hints: String = hints.collect();
        assert!(self.report.verdict == Verdict::Clean, "seed {}: {}{hints}", self.seed, self.report.render_text());
    }
}
