//! A world inside another simulator: its cluster, network, disks, faults, history and judge are those of [`crate::run`];
//! what its clients do is decided outside, by real programs.
//!
//! The outside has a clock of its own and moves this world with it, from one point of a grid to the next:
//!
//! 1. [`Embedded::run_to`] takes in what the clients did since the last point (in the order of their slots, and for each
//!    in the order in which it was done), does what is due up to the new point, and stands there;
//! 2. the outside looks which clients have mail ([`Embedded::with_mail`]), and lets their machines work on it;
//! 3. what these and the programs' calls have to send is handed in by [`Embedded::turn`].
//!
//! The order in which programs run between two points of the grid leaves this world alone.

mod kept;
mod witness;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use fencepost_protocol::ids::{NodeId, Offset, TopicId, TopicPartition};
use fencepost_protocol::image::ClusterImage;
use fencepost_protocol::io::Outputs;
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::checker::Checker;
use fencepost_reports::figures::Counting;
use fencepost_reports::history::Sink;
use fencepost_reports::history::event as h;
use fencepost_reports::story::Story;

pub use crate::roles::external::{Mail, Standing};
pub use witness::{Ended, ReaderWitness, WriterWitness};

use kept::keep;
pub use kept::record_of;

use crate::cast::{Actor, Names};
use crate::plan::{ExternalPlan, Plan};
use crate::run::{Course, Run, prepare};
use crate::scenario::Problem;
use crate::scenario::deviation::read_faults;
use crate::scenario::fields::Fields;
use crate::schedule::Fault;
pub use crate::story::ProcessState;
use crate::story::Teller;
use crate::world::{Ending, Keep, Traced, Tracer, World};

/// Number of a place that a client can have in the world.
pub type Slot = u32;

/// Names of the places.
pub fn places(slots: u32) -> Vec<String> {
    let width = slots.to_string().len();
    (0..slots).map(|n| format!("program-{n:0width$}")).collect()
}

/// Gives a plan that many places.
pub fn make_places(plan: &mut Plan, slots: u32) {
    plan.externals = places(slots).into_iter().map(|name| ExternalPlan { name }).collect();
}

enum Admission {
    Turn(Outputs, Instant, Standing),
    /// The program handed over something with this content.
    Content([u64; 2]),
    End,
}

/// What is kept of a run besides its judgement.
#[derive(Clone, Copy, Debug)]
pub enum Recording<'p> {
    /// Nothing.
    Nothing,
    /// The deviations.
    Deviations,
    /// The deviations, and the story in which these programs (the parts of clients' names before a slash) take part.
    Story(&'p [String]),
}

/// Takes the history: it is kept for the judge, until it is known what its records are made of; and there may be somebody who
/// tells the story as it goes.
struct Listeners {
    kept: Vec<h::Event<'static>>,
    teller: Option<Teller>,
}

struct Shared(Rc<RefCell<Option<Listeners>>>);

impl Sink for Shared {
    fn event(&mut self, event: &h::Event<'_>) {
        if let Some(listeners) = &mut *self.0.borrow_mut() {
            listeners.kept.push(keep(event));
            if let Some(teller) = &listeners.teller {
                teller.sink().event(event);
            }
        }
    }
}

/// The world.
pub struct Embedded {
    world: World<'static>,
    plan: Arc<Plan>,
    names: Names,
    listeners: Rc<RefCell<Option<Listeners>>>,
    slots: Vec<Actor>,
    taken: Vec<bool>,
    pending: Vec<(Slot, Admission)>,
    ending: Option<Ending>,
}

impl Embedded {
    /// A world at time zero with room for `slots` clients of programs at a time. It does not end by itself before
    /// [`Embedded::let_end`].
    pub fn new(plan: &Plan, course: Course<'_>, recording: Recording<'_>, slots: u32) -> Embedded {
        let mut plan = plan.clone();
        make_places(&mut plan, slots);
        let plan = Arc::new(plan);
        let slots = World::nodes_of_externals(&plan);
        let prepared = prepare(&plan, course);
        let teller = match recording {
            Recording::Nothing | Recording::Deviations => None,
            Recording::Story(programs) => Some(Teller::with_programs(&plan, programs)),
        };
        let (recorded, told) = (!matches!(recording, Recording::Nothing), teller.is_some());
        let listeners = Rc::new(RefCell::new(Some(Listeners { kept: Vec::new(), teller })));
        // A world borrows its sink for as long as it lives, and this one is kept beside it. What is never freed is one
        // pointer or two for each world; the listeners themselves are taken out at the end.
        let sink: &'static mut Shared = Box::leak(Box::new(Shared(listeners.clone())));
        let tracer: Option<Tracer<'static>> = told.then(|| {
            let listeners = listeners.clone();
            let trace = move |traced: &Traced<'_>| {
                if let Some(Listeners { teller: Some(teller), .. }) = &*listeners.borrow() {
                    teller.trace(traced);
                }
            };
            Box::leak(Box::new(trace)) as Tracer<'static>
        });
        let keep = Keep { schedule: recorded, trace: told, ..Keep::default() };
        let mut world = World::new(plan.clone(), prepared, keep, sink, tracer);
        world.hold_open(true);
        let taken = vec![false; slots.len()];
        let names = plan.names();
        Embedded { world, names, plan, listeners, slots, taken, pending: Vec::new(), ending: None }
    }

    /// What is run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Ids of the brokers.
    pub fn bootstrap(&self) -> Vec<NodeId> {
        self.plan.cluster.ids().collect()
    }

    /// The topic of that name and its number of partitions.
    pub fn topic(&self, name: &str) -> Option<(TopicId, u32)> {
        let index = self.plan.topics.iter().position(|t| t.name == name)?;
        Some((TopicId::application(index), self.plan.topics[index].partitions))
    }

    /// Name of a topic.
    pub fn topic_name(&self, topic: TopicId) -> &str {
        topic.application_index().and_then(|i| self.plan.topics.get(i)).map_or("?", |t| &t.name)
    }

    /// The cluster's metadata, as the controller has it.
    pub fn image(&self) -> ClusterImage {
        self.world.image()
    }

    /// First and next offset of a partition, by its leader's log; `None` while it has no leader.
    pub fn watermarks(&self, tp: TopicPartition) -> Option<(Offset, Offset)> {
        self.world.watermarks(tp)
    }

    // ---- time ------------------------------------------------------------------------------------------------------

    /// Where the world stands.
    pub fn time(&self) -> Instant {
        self.world.now()
    }

    /// When something is due next: the world does not have to be moved before.
    pub fn next_time(&self) -> Option<Instant> {
        if self.ending.is_some() { None } else { self.world.next_time() }
    }

    /// Whether clients have done something that the world has not yet taken in.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes in what clients did, does everything that is due up to `until` and stands there.
    pub fn run_to(&mut self, until: Instant) {
        if self.ending.is_some() {
            self.pending.clear();
            return;
        }
        self.take_in();
        self.ending = self.world.run_to(until);
    }

    fn take_in(&mut self) {
        self.pending.sort_by_key(|(slot, _)| *slot); // stable: each client's own in the order in which it did them
        for (slot, admission) in std::mem::take(&mut self.pending) {
            let actor = self.slots[slot as usize];
            match admission {
                Admission::Turn(mut outputs, deadline, standing) => {
                    self.world.admit(actor, &mut outputs, deadline, standing);
                }
                Admission::Content([one, other]) => {
                    let time = self.world.now().0;
                    self.world.digest().add_event([time, u64::from(slot), one, other]);
                }
                Admission::End => {
                    self.world.end_external(actor);
                    self.taken[slot as usize] = false;
                }
            }
        }
    }

    // ---- clients ---------------------------------------------------------------------------------------------------

    /// A place for a client: the first free one from `preferred` on.
    pub fn attach(&mut self, preferred: Slot, name: &str) -> Option<Slot> {
        let count = self.taken.len() as u32;
        let slot = (0..count).map(|n| (preferred + n) % count).find(|s| !self.taken[*s as usize])?;
        self.taken[slot as usize] = true;
        self.world.name_external(self.slots[slot as usize], name);
        Some(slot)
    }

    /// The client is gone, together with its connections.
    pub fn detach(&mut self, slot: Slot) {
        self.pending.push((slot, Admission::End));
    }

    /// What time it is on the client's node.
    pub fn now(&self, slot: Slot) -> Now {
        self.world.now_at(self.slots[slot as usize])
    }

    /// The clients that have mail.
    pub fn with_mail(&mut self, into: &mut Vec<Slot>) {
        for slot in 0..self.slots.len() {
            if self.taken[slot] && self.world.has_mail(self.slots[slot]) {
                into.push(slot as Slot);
            }
        }
    }

    /// Takes a client's mail.
    pub fn take_mail(&mut self, slot: Slot, mail: &mut Mail) {
        if self.taken[slot as usize] {
            self.world.take_mail(self.slots[slot as usize], mail);
        }
    }

    /// What a client sends, when it wants to be woken, and how it stands.
    pub fn turn(&mut self, slot: Slot, outputs: &mut Outputs, deadline: Instant, standing: Standing) {
        if self.ending.is_none() {
            self.pending.push((slot, Admission::Turn(std::mem::take(outputs), deadline, standing)));
        }
        outputs.clear();
    }

    /// What a client's program handed over, as two hashes of its content: the digest covers it.
    pub fn handed_over(&mut self, slot: Slot, content: [u64; 2]) {
        if self.ending.is_none() {
            self.pending.push((slot, Admission::Content(content)));
        }
    }

    // ---- history ---------------------------------------------------------------------------------------------------

    /// Declares a client; its number in the history.
    pub fn declare(&mut self, client: h::Client<'static>) -> u32 {
        self.world.history().declare_client(client)
    }

    /// Number of a group, which is declared if it is not known.
    pub fn group(&mut self, name: &str) -> u32 {
        self.world.history().declare_group(name)
    }

    /// A program's process stands still, is down, or runs again: for the story.
    pub fn process(&mut self, name: &str, state: ProcessState) {
        if let Some(Listeners { teller: Some(teller), .. }) = &*self.listeners.borrow() {
            teller.process(name, self.world.now(), state);
        }
    }

    /// Whether what clients do still counts.
    pub fn is_open(&self) -> bool {
        self.ending.is_none()
    }

    /// Writes an event.
    pub fn write(&mut self, event: &h::Event<'_>) {
        if self.ending.is_none() {
            self.world.history().write(event);
        }
    }

    /// Writes something that was found when everything was over.
    pub fn write_finding(&mut self, event: &h::Event<'_>) {
        self.world.history().write(event);
    }

    // ---- faults and the end ----------------------------------------------------------------------------------------

    /// Names of nodes and topics.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Reads faults in the form of a scenario's `[[fault]]`: one table without its header.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn read_faults(&self, text: &str) -> Result<Vec<Fault>, Problem> {
        let read = Fields::from_toml(text).and_then(|fields| read_faults(&fields, &self.names));
        read.map_err(|complaint| complaint.in_file("fault"))
    }

    /// Something goes wrong: at its time, or now if that has passed.
    pub fn fault(&mut self, fault: Fault) {
        if self.ending.is_none() {
            self.world.fault_from_outside(fault);
        }
    }

    /// Whether a fault is at work or still to come.
    pub fn is_disturbed(&self) -> bool {
        self.world.is_disturbed()
    }

    /// From now on the run ends once everything has finished, or when this time has passed after the faults.
    pub fn let_end(&mut self, bound: Span) {
        self.world.bound_by(bound);
        self.world.hold_open(false);
    }

    /// How it ended, if it has.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Ends the run where it stands, if it has not ended, and judges it. `settle` may still change each event: it tells what
    /// records are made of, and adds (behind the event) what is known only now. The story's title, label, seed and command are
    /// left to the caller.
    pub fn finish(
        mut self,
        mut settle: impl FnMut(&mut h::Event<'static>) -> Option<h::Event<'static>>,
    ) -> (Run, Option<Story>) {
        self.take_in();
        let ending = self.ending.take().unwrap_or(Ending::Idle);
        let outcome = self.world.conclude(ending);
        let Listeners { kept, teller } = self.listeners.borrow_mut().take().expect("a world is judged once");
        let (mut checker, mut counting) = (Checker::new(), Counting::new());
        for mut event in kept {
            let more = settle(&mut event);
            for event in std::iter::once(event).chain(more) {
                checker.event(&event);
                counting.event(&event);
            }
        }
        let figures = crate::story::with_counts(counting.finish(), &outcome.counts);
        let run = Run { outcome, report: checker.finish(), figures };
        let story = teller.map(|teller| teller.tell(&run));
        (run, story)
    }
}
