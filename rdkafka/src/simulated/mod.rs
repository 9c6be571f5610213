//! The world behind the API: one for each runtime of madsim, moved along in its virtual time.
//!
//! Whoever touches the world first at a new point of the grid moves it there: a call of the program, or the driver, a
//! task that sleeps until the world has something to do. So it does not matter in which order they are scheduled.

mod consumer;
mod entry;
mod producer;
mod settings;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use fencepost_protocol::batch::{Blob, Origin};
use fencepost_protocol::ids::{NodeId, TopicId, TopicPartition};
use fencepost_protocol::image::ClusterImage;
use fencepost_protocol::message::OffsetToCommit;
use fencepost_protocol::time::Instant;
use fencepost_sim::embed::{Embedded, Slot};
use madsim::time::TimeHandle;

use crate::message::{Content, OwnedMessage};

pub(crate) use consumer::partition_of;
pub(crate) use consumer::{ConsumerCore, Notice, Polled};
pub(crate) use entry::{Core, Entry, Handle, Turn, or_until, wait};
pub(crate) use producer::{Call, Delivered, ProducerCore};
pub(crate) use settings::{ConsumerSettings, ProducerSettings};

/// So many messages are looked through for the one that a record is made of.
const GIVEN: usize = 10_000;

/// Whether the second is made of the first.
pub(crate) type Relation = Box<dyn Fn(&OwnedMessage, &OwnedMessage) -> bool>;

/// Places for clients of one node; a node's further ones take any that are free.
const SLOTS_OF_A_NODE: u32 = 8;

/// A record that was given to a program: what it then sends is taken to be computed from the one that it looked at last.
#[derive(Debug)]
pub(crate) struct Input {
    pub tp: TopicPartition,
    pub offset: i64,
    /// Group of the consumer that it was given to.
    pub group: Option<Arc<str>>,
    /// How many records for each topic have been made of it since it was given.
    outputs: Mutex<Vec<(TopicId, u16)>>,
}

impl Input {
    pub fn new(tp: TopicPartition, offset: i64, group: Option<Arc<str>>) -> Input {
        Input { tp, offset, group, outputs: Mutex::new(Vec::new()) }
    }

    fn next_output(&self, topic: TopicId) -> u16 {
        let mut outputs = self.outputs.lock().expect("one thread");
        let found = outputs.iter_mut().find(|(t, _)| *t == topic);
        match found {
            Some((_, n)) => {
                *n += 1;
                *n - 1
            }
            None => {
                outputs.push((topic, 1));
                0
            }
        }
    }
}

/// That a group's members make records of one topic out of others: seen, not declared.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub group: Arc<str>,
    pub output: TopicId,
    pub inputs: Vec<TopicId>,
    /// Most records that were made of one input.
    pub most: u16,
}

/// One simulation.
pub(crate) struct Shared {
    pub world: RefCell<Embedded>,
    pub grid: u64,
    began: Duration,
    cell: Cell<u64>,
    entries: RefCell<BTreeMap<Slot, Rc<Entry>>>,
    driver: RefCell<Option<Waker>>,
    ready: RefCell<Vec<Slot>>,
    nodes: RefCell<BTreeMap<madsim::task::NodeId, NodeSeen>>,
    looked_at: RefCell<BTreeMap<u64, Arc<Input>>>,
    contents: RefCell<BTreeMap<(TopicId, u128), i64>>,
    /// How the test tells which message a record of a topic is made of.
    relations: RefCell<BTreeMap<String, Relation>>,
    /// What programs were given lately, by node, where there are relations.
    given: RefCell<VecDeque<(madsim::task::NodeId, Arc<Input>, OwnedMessage)>>,
    pub routes: RefCell<Vec<Route>>,
    /// Offsets that programs know to be committed, by group.
    committed: RefCell<BTreeMap<(Arc<str>, TopicPartition), i64>>,
    /// Time of the last call of a program, polls that gave nothing excepted.
    pub last_call: Cell<Instant>,
}

#[derive(Clone, Debug)]
struct NodeSeen {
    ordinal: u32,
    name: String,
    clients: u32,
}

thread_local! {
    static SHARED: RefCell<Option<Rc<Shared>>> = const { RefCell::new(None) };
}

/// The simulation of this thread.
pub(crate) fn shared() -> Option<Rc<Shared>> {
    SHARED.try_with(|s| s.borrow().clone()).ok().flatten()
}

/// The program looks at a record's content.
pub(crate) fn looked_at(input: Option<&Arc<Input>>) {
    let (Some(input), Some(shared)) = (input, shared()) else { return };
    shared.looked_at.borrow_mut().insert(fencepost_tokio::task::number(), input.clone());
}

/// What a task looked at last.
pub(crate) fn last_looked_at() -> Option<Arc<Input>> {
    shared()?.looked_at.borrow().get(&fencepost_tokio::task::number()).cloned()
}

impl Shared {
    /// Begins a simulation on this thread, in a runtime of madsim.
    pub fn begin(world: Embedded, grid: Duration) -> Rc<Shared> {
        let shared = Rc::new(Shared {
            world: RefCell::new(world),
            grid: grid.as_nanos() as u64,
            began: TimeHandle::current().elapsed(),
            cell: Cell::new(0),
            entries: RefCell::default(),
            driver: RefCell::default(),
            ready: RefCell::default(),
            nodes: RefCell::default(),
            looked_at: RefCell::default(),
            contents: RefCell::default(),
            relations: RefCell::default(),
            given: RefCell::default(),
            routes: RefCell::default(),
            committed: RefCell::default(),
            last_call: Cell::new(Instant::ZERO),
        });
        SHARED.with(|s| *s.borrow_mut() = Some(shared.clone()));
        madsim::task::spawn_local(drive());
        shared
    }

    /// The simulation is over: clients that are still there can do nothing more.
    pub fn end() {
        let shared = SHARED.with(|s| s.borrow_mut().take());
        if let Some(shared) = shared {
            shared.entries.borrow_mut().clear();
            if let Some(driver) = shared.driver.borrow_mut().take() {
                driver.wake();
            }
        }
    }

    fn elapsed(&self) -> u64 {
        (TimeHandle::current().elapsed() - self.began).as_nanos() as u64
    }

    /// Moves the world to the present point of the grid, and wakes the clients that have mail.
    pub fn touch(&self) {
        let cell = self.elapsed() / self.grid;
        if cell == self.cell.get() {
            return;
        }
        self.cell.set(cell);
        let mut ready = self.ready.take();
        {
            let mut world = self.world.borrow_mut();
            world.run_to(Instant(cell * self.grid));
            world.with_mail(&mut ready);
        }
        for slot in ready.drain(..) {
            if let Some(entry) = self.entries.borrow().get(&slot) {
                entry.wake_pump();
            }
        }
        self.ready.replace(ready);
    }

    /// The program does something.
    pub fn note_call(&self) {
        self.last_call.set(Instant(self.elapsed()));
    }

    /// The world has something new to take in.
    pub fn wake_driver(&self) {
        if let Some(driver) = &*self.driver.borrow() {
            driver.wake_by_ref();
        }
    }

    /// The point of the grid at which the world has to be moved next.
    fn next_cell(&self) -> Option<u64> {
        let world = self.world.borrow();
        let next = world.next_time().map(|at| at.0.div_ceil(self.grid).max(self.cell.get() + 1));
        if world.has_pending() { Some(self.cell.get() + 1) } else { next }
    }

    #[expect(clippy::disallowed_types, reason = "madsim's own: virtual time")]
    fn instant_of(&self, cell: u64) -> madsim::time::Instant {
        let time = TimeHandle::current();
        time.now_instant() + (self.began + Duration::from_nanos(cell * self.grid)).saturating_sub(time.elapsed())
    }

    pub fn entry(&self, slot: Slot) -> Option<Rc<Entry>> {
        self.entries.borrow().get(&slot).cloned()
    }

    /// Takes a place for a client of the node that runs now; the node's name and its own.
    pub fn attach(&self, kind: &str) -> Option<(Slot, String, String)> {
        self.touch();
        let id = madsim::plugin::node();
        let (preferred, node, name) = {
            let mut nodes = self.nodes.borrow_mut();
            let ordinal = nodes.len() as u32;
            let node = nodes.entry(id).or_insert_with(|| NodeSeen { ordinal, name: format!("node-{id}"), clients: 0 });
            node.clients += 1;
            (node.ordinal * SLOTS_OF_A_NODE, node.name.clone(), format!("{}/{kind}-{}", node.name, node.clients))
        };
        let slot = self.world.borrow_mut().attach(preferred, &name)?;
        Some((slot, node, name))
    }

    /// Gives a node its name, and its clients their order among those of other nodes.
    pub fn name_node(&self, id: madsim::task::NodeId, name: &str) {
        let mut nodes = self.nodes.borrow_mut();
        let ordinal = nodes.len() as u32;
        nodes.insert(id, NodeSeen { ordinal, name: name.to_string(), clients: 0 });
    }

    /// The places of a node's clients.
    ///
    /// # Errors
    /// Others could have them, too.
    pub fn places_of(&self, name: &str) -> Result<std::ops::Range<usize>, String> {
        let nodes = self.nodes.borrow();
        let node = nodes.values().find(|node| node.name == name).ok_or("the node has no places")?;
        let (first, count) = (node.ordinal * SLOTS_OF_A_NODE, SLOTS_OF_A_NODE);
        if first + count > crate::fencepost::SLOTS {
            let nodes = crate::fencepost::SLOTS / count;
            return Err(format!(
                "'{name}' is one of more than {nodes} programs: faults can name the first {nodes} of them"
            ));
        }
        Ok(first as usize..(first + count) as usize)
    }

    /// A node's process is killed: its clients are gone at this instant, before anything of it is dropped.
    pub fn end_node(&self, name: &str) {
        let clients: Vec<_> = self.entries.borrow().values().filter(|entry| entry.node == name).cloned().collect();
        clients.into_iter().for_each(|client| client.end(self));
    }

    /// A program learned that offsets are committed.
    pub fn note_committed(&self, group: &str, offsets: &[OffsetToCommit]) {
        let mut committed = self.committed.borrow_mut();
        for o in offsets {
            committed.insert((group.into(), o.tp), o.offset);
        }
    }

    /// The committed offset as far as it is known here; `None` if nobody in the group has committed anything.
    pub fn committed(&self, group: &Arc<str>, tp: TopicPartition) -> Option<i64> {
        let committed = self.committed.borrow();
        let any = committed.keys().any(|(g, _)| g == group);
        any.then(|| committed.get(&(group.clone(), tp)).copied().unwrap_or(0))
    }

    /// Inputs that a group has not processed to their end: where it stands, and the end.
    pub fn undrained(&self) -> Vec<(usize, TopicPartition, i64, i64)> {
        let mut found = Vec::new();
        for (number, route) in self.routes.borrow().iter().enumerate() {
            for topic in &route.inputs {
                let partitions = {
                    let world = self.world.borrow();
                    world.topic(world.topic_name(*topic)).map_or(0, |(_, count)| count)
                };
                for tp in (0..partitions).map(|p| TopicPartition::new(*topic, p)) {
                    let end = self.world.borrow().watermarks(tp).map(|(_, end)| end);
                    let Some(end) = end else { continue };
                    let committed = self.committed(&route.group, tp).unwrap_or(0);
                    let reached = committed.max(self.processed(&route.group, tp).unwrap_or(0));
                    if reached < end {
                        found.push((number, tp, reached, end));
                    }
                }
            }
        }
        found
    }

    /// How far the member of a group that has a partition has come.
    fn processed(&self, group: &str, tp: TopicPartition) -> Option<i64> {
        self.entries.borrow().values().filter_map(|entry| entry.processed(group, tp)).max()
    }

    /// From now on the test tells what records of this topic are made of.
    pub fn relate(&self, topic: &str, relation: Relation) {
        self.relations.borrow_mut().insert(topic.to_string(), relation);
    }

    /// The program that runs now is given a message.
    pub fn note_given(&self, content: &Content) {
        let Some(input) = content.input.as_ref().filter(|_| !self.relations.borrow().is_empty()) else { return };
        let message = OwnedMessage::of(Content { input: None, ..content.clone() });
        let mut given = self.given.borrow_mut();
        given.push_back((madsim::plugin::node(), input.clone(), message));
        if given.len() > GIVEN {
            given.pop_front();
        }
    }

    /// The message that a record is made of: by the test's relation, or that which the task looked at last.
    pub fn made_of(&self, content: &Content) -> Option<Arc<Input>> {
        let relations = self.relations.borrow();
        let Some(relation) = relations.get(&*content.topic) else { return last_looked_at() };
        let output = OwnedMessage::of(Content { input: None, ..content.clone() });
        let node = madsim::plugin::node();
        let given = self.given.borrow();
        let fits = |of: &&(_, _, OwnedMessage)| of.0 == node && relation(&of.2, &output);
        given.iter().rev().find(fits).map(|(_, input, _)| input.clone())
    }

    /// The identity of a record that is about to be sent.
    pub fn identify(&self, topic: TopicId, key: Option<&[u8]>, value: Option<&[u8]>, input: Option<&Input>) -> Origin {
        if let Some(input) = input
            && let Some(group) = &input.group
        {
            let index = input.next_output(topic);
            let mut routes = self.routes.borrow_mut();
            let found = routes.iter().position(|r| r.group == *group && r.output == topic);
            let number = found.unwrap_or_else(|| {
                routes.push(Route { group: group.clone(), output: topic, inputs: Vec::new(), most: 0 });
                routes.len() - 1
            });
            let route = &mut routes[number];
            if !route.inputs.contains(&input.tp.topic) {
                route.inputs.push(input.tp.topic);
            }
            route.most = route.most.max(index + 1);
            return Origin {
                source: input.tp.topic.0,
                partition: input.tp.partition,
                offset: input.offset,
                stage: number as u16 + 1,
                index,
            };
        }
        // Of the program's own accord: it is known by its content.
        let mut contents = self.contents.borrow_mut();
        let next = contents.len() as i64;
        let index = *contents.entry((topic, fingerprint(key, value))).or_insert(next);
        Origin { source: Origin::SOURCE | 0x0100_0000 | topic.0, partition: 0, offset: index, stage: 0, index: 0 }
    }
}

/// 128 bits over key and value.
fn fingerprint(key: Option<&[u8]>, value: Option<&[u8]>) -> u128 {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d; // FNV-1a
    let mut add = |byte: u8| hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    for part in [key, value] {
        add(u8::from(part.is_some()));
        let bytes = part.unwrap_or_default();
        (bytes.len() as u64).to_le_bytes().into_iter().for_each(&mut add);
        bytes.iter().copied().for_each(&mut add);
    }
    hash
}

/// Moves the world along while nobody calls.
async fn drive() {
    let mut sleep = Box::pin(madsim::time::sleep(Duration::ZERO));
    let mut armed: Option<u64> = None;
    poll_fn(move |cx| {
        let Some(shared) = shared() else { return Poll::Ready(()) };
        loop {
            shared.touch();
            let mut driver = shared.driver.borrow_mut();
            if driver.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                *driver = Some(cx.waker().clone());
            }
            drop(driver);
            let Some(next) = shared.next_cell() else { return Poll::Pending };
            if armed == Some(next) {
                return Poll::Pending; // the timer for it is set
            }
            sleep.as_mut().reset(shared.instant_of(next)); // sleep() itself would round up to a millisecond
            armed = Some(next);
            if Pin::new(&mut sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await;
}

/// The time that a question to the cluster takes.
pub(crate) fn round_trip() {
    if fencepost_tokio::task::can_block() {
        fencepost_tokio::task::block_on(madsim::time::sleep(Duration::from_millis(2)));
    }
}

/// Brokers and metadata, as the controller has them.
pub(crate) fn image() -> Option<(Vec<NodeId>, ClusterImage)> {
    let shared = shared()?;
    shared.touch();
    let world = shared.world.borrow();
    Some((world.bootstrap(), world.image()))
}

/// First and next offset of a partition.
pub(crate) fn watermarks(topic: &str, partition: i32) -> Option<(i64, i64)> {
    let shared = shared()?;
    shared.touch();
    let world = shared.world.borrow();
    let (topic, count) = world.topic(topic)?;
    let partition = u32::try_from(partition).ok().filter(|p| *p < count)?;
    world.watermarks(TopicPartition::new(topic, partition))
}

/// Bytes of a key or value.
pub(crate) fn bytes(blob: &Blob) -> Arc<[u8]> {
    match blob {
        Blob::Bytes(bytes) => bytes.clone(),
        Blob::Generated { .. } => fencepost_sim::generated::text(blob).as_bytes().into(),
    }
}

/// Numbers for handles, so that a handle is told apart from a later one of the same place.
pub(crate) fn next_handle() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
