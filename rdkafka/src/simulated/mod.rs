//! The world behind the API: one for each runtime of madsim, moved along in its virtual time.
//!
//! Whoever touches the world first at a new point of the grid moves it there: a call of the program, or the driver, a
//! task that sleeps until the world has something to do. So it does not matter in which order they are scheduled.

mod attribution;
mod committed;
mod consumer;
mod entry;
mod ledger;
mod producer;
mod programs;
mod settings;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use fencepost_protocol::batch::{Blob, Origin};
use fencepost_protocol::ids::{NodeId, TopicId, TopicPartition};
use fencepost_protocol::image::ClusterImage;
use fencepost_protocol::message::OffsetToCommit;
use fencepost_protocol::time::{Instant, Span};
use fencepost_reports::history::Identity;
use fencepost_reports::history::event as h;
use fencepost_sim::embed::{Embedded, Slot};
use madsim::time::TimeHandle;

use crate::message::{Content, OwnedMessage};

use attribution::Provisional;
pub(crate) use attribution::{Attributed, Skips, Unattributed, attribute};
use committed::Committed;
pub(crate) use consumer::partition_of;
pub(crate) use consumer::{ConsumerCore, Notice, Polled};
pub(crate) use entry::{Core, Entry, Handle, Turn, or_until, wait};
use ledger::{Ledger, Look, Process, Sent};
pub(crate) use producer::{Call, Delivered, ProducerCore};
pub(crate) use programs::{Panicked, Programs};
pub(crate) use settings::{ConsumerSettings, ProducerSettings};

/// Whether the second is made of the first.
pub(crate) type Relation = Box<dyn Fn(&OwnedMessage, &OwnedMessage) -> bool>;
/// By topic of the second.
pub(crate) type Relations = BTreeMap<TopicId, Relation>;

/// What is added to the timeouts of clients, as to those of a scenario's.
const PATIENCE: Span = Span::from_secs(60);

/// Places for clients of one node; a node's further ones take any that are free.
const SLOTS_OF_A_NODE: u32 = 8;

/// A message that was given to a program: its number in the ledger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input(pub usize);

/// Which task sends, and what it had looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eye {
    pub task: u64,
    pub look: Look,
}

/// What a group has not processed to its end.
#[derive(Clone, Debug)]
pub(crate) struct Undrained {
    pub group: Arc<str>,
    pub tp: TopicPartition,
    pub position: i64,
    pub end: i64,
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
    /// What the world calls the records that programs send.
    pub provisional: RefCell<Provisional>,
    /// What programs were given and sent.
    pub ledger: RefCell<Ledger>,
    /// How the test tells which message a record of a topic is made of.
    pub relations: RefCell<Relations>,
    /// Of which messages nothing is made for a topic.
    pub skips: RefCell<Skips>,
    /// What records are made of, where an earlier run of the same has told it.
    known: Option<Arc<Vec<Identity>>>,
    /// What each group's consumers have subscribed to or taken.
    subscriptions: RefCell<BTreeMap<Arc<str>, BTreeSet<TopicId>>>,
    /// The same by the consumer's number in the history.
    pub read_by: RefCell<BTreeMap<u32, BTreeSet<TopicId>>>,
    pub programs: RefCell<Programs>,
    /// So long may it take, by the settings of the programs' clients, until something goes on.
    patience: Cell<Span>,
    /// When a program last came on: it was given something, handed over something, or learned that it is there or committed.
    pub last_progress: Cell<Instant>,
    /// Offsets that programs know to be committed, by group.
    committed: RefCell<Committed>,
    /// Time of the last call of a program, polls that gave nothing excepted.
    pub last_call: Cell<Instant>,
}

#[derive(Clone, Debug)]
struct NodeSeen {
    ordinal: u32,
    name: String,
    clients: u32,
    /// Its process in the ledger.
    process: Process,
}

thread_local! {
    static SHARED: RefCell<Option<Rc<Shared>>> = const { RefCell::new(None) };
}

/// The simulation of this thread.
pub(crate) fn shared() -> Option<Rc<Shared>> {
    SHARED.try_with(|s| s.borrow().clone()).ok().flatten()
}

/// The program looks at a record's content.
pub(crate) fn looked_at(input: Option<Input>) {
    let (Some(input), Some(shared)) = (input, shared()) else { return };
    shared.ledger.borrow_mut().look(fencepost_tokio::task::number(), input.0);
}

/// Who sends, and what it looked at: once for each record.
pub(crate) fn take_eye() -> Eye {
    let task = fencepost_tokio::task::number();
    let look = shared().map_or(Look::Never, |shared| shared.ledger.borrow_mut().take_look(task));
    Eye { task, look }
}

impl Shared {
    /// Begins a simulation on this thread, in a runtime of madsim.
    pub fn begin(world: Embedded, grid: Duration, known: Option<Arc<Vec<Identity>>>) -> Rc<Shared> {
        let shared = Rc::new(Shared {
            world: RefCell::new(world),
            grid: grid.as_nanos() as u64,
            began: TimeHandle::current().elapsed(),
            cell: Cell::new(0),
            entries: RefCell::default(),
            driver: RefCell::default(),
            ready: RefCell::default(),
            nodes: RefCell::default(),
            provisional: RefCell::default(),
            ledger: RefCell::default(),
            relations: RefCell::default(),
            skips: RefCell::default(),
            known,
            subscriptions: RefCell::default(),
            read_by: RefCell::default(),
            programs: RefCell::default(),
            patience: Cell::new(Span::ZERO),
            last_progress: Cell::new(Instant::ZERO),
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
            let node = nodes.entry(id).or_insert_with(|| {
                let process = self.ledger.borrow_mut().begins();
                NodeSeen { ordinal, name: format!("node-{id}"), clients: 0, process }
            });
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
        let process = self.programs.borrow().process(name);
        nodes.insert(id, NodeSeen { ordinal, name: name.to_string(), clients: 0, process });
    }

    /// The process that runs now.
    pub fn process(&self) -> Process {
        let id = madsim::plugin::node();
        self.nodes.borrow().get(&id).map_or(0, |node| node.process)
    }

    /// Another process of a program's node.
    fn renew(&self, name: &str, process: Process) {
        if let Some(node) = self.nodes.borrow_mut().values_mut().find(|node| node.name == name) {
            node.process = process;
        }
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

    /// A node's process is gone: its clients are gone at this instant, before anything of it is dropped.
    pub fn end_node(&self, name: &str) {
        let clients: Vec<_> = self.entries.borrow().values().filter(|entry| entry.node == name).cloned().collect();
        clients.into_iter().for_each(|client| client.end(self, h::StopReason::Killed));
    }

    /// The run is over: what is under way has no outcome.
    pub fn close_books(&self) {
        let clients: Vec<_> = self.entries.borrow().values().cloned().collect();
        clients.into_iter().for_each(|client| client.close_books(self));
    }

    /// How long may pass without anything going on, by the settings of a client.
    pub fn be_patient(&self, ms: i64) {
        let span = Span::from_millis(ms.max(0)) + PATIENCE;
        self.patience.set(self.patience.get().max(span));
    }

    /// How long a run may go on without progress.
    pub fn patience(&self, of_scenario: Span) -> Span {
        self.patience.get().max(of_scenario)
    }

    /// A program has come on.
    pub fn note_progress(&self) {
        self.last_progress.set(Instant(self.elapsed()));
    }

    /// A consumer subscribes to topics, or takes them.
    pub fn note_subscription(&self, client: u32, group: Option<&Arc<str>>, topics: impl Iterator<Item = TopicId>) {
        let topics: Vec<TopicId> = topics.collect();
        if let Some(group) = group {
            self.subscriptions.borrow_mut().entry(group.clone()).or_default().extend(&topics);
        }
        self.read_by.borrow_mut().entry(client).or_default().extend(topics);
    }

    /// A program learned that offsets are committed, by a commit that began then.
    pub fn note_committed(&self, group: &str, offsets: &[OffsetToCommit], begun: Instant) {
        self.note_progress();
        let mut committed = self.committed.borrow_mut();
        offsets.iter().for_each(|o| committed.note(group, o.tp, begun, o.offset));
    }

    /// The committed offset as far as it is known here; `None` if nobody in the group has committed anything.
    pub fn committed(&self, group: &Arc<str>, tp: TopicPartition) -> Option<i64> {
        self.committed.borrow().of(group, tp)
    }

    /// What groups have not processed to its end: where they stand, and the end. Groups of which nobody is there any more,
    /// and nobody will come, are left out.
    pub fn undrained(&self) -> Vec<Undrained> {
        let mut found = Vec::new();
        for (group, topics) in &*self.subscriptions.borrow() {
            for topic in topics {
                let partitions = {
                    let world = self.world.borrow();
                    world.topic(world.topic_name(*topic)).map_or(0, |(_, count)| count)
                };
                for tp in (0..partitions).map(|p| TopicPartition::new(*topic, p)) {
                    let end = self.world.borrow().watermarks(tp).map(|(_, end)| end);
                    let Some(end) = end else { continue };
                    let committed = self.committed(group, tp).unwrap_or(0);
                    let position = committed.max(self.processed(group, tp).unwrap_or(0));
                    if position < end {
                        found.push(Undrained { group: group.clone(), tp, position, end });
                    }
                }
            }
        }
        found
    }

    /// Whether a program works on a message that it was given, whatever is committed.
    pub fn has_in_hand(&self) -> bool {
        self.entries.borrow().values().any(|entry| entry.has_in_hand())
    }

    /// Whether somebody reads for the group, or may yet.
    pub fn has_readers(&self, group: &str) -> bool {
        self.programs.borrow().may_come_back() || self.entries.borrow().values().any(|entry| entry.is_member(group))
    }

    /// How far the member of a group that has a partition has come.
    fn processed(&self, group: &str, tp: TopicPartition) -> Option<i64> {
        self.entries.borrow().values().filter_map(|entry| entry.processed(group, tp)).max()
    }

    /// A program hands over a record: its number, and what the world knows it by.
    pub fn hand_over(
        &self,
        turn: &Turn<'_>,
        client: u32,
        topic: TopicId,
        content: &Content,
        eye: Eye,
    ) -> (usize, Origin) {
        let process = turn.process;
        self.note_progress();
        self.programs.borrow_mut().handed_over(process, content);
        let content = Content { input: None, ..content.clone() };
        let number =
            self.ledger.borrow_mut().send(Sent { process, client, task: eye.task, topic, content, look: eye.look });
        let known = self.known.as_ref().and_then(|known| known.get(number)).map(|id| Origin {
            source: id.source,
            partition: id.partition,
            offset: id.offset,
            stage: id.stage,
            index: id.index,
        });
        let provisional = self.provisional.borrow_mut().name(turn.slot, number);
        (number, known.unwrap_or(provisional))
    }
}

/// The workload that stands for what programs send to a topic of their own accord.
pub(crate) fn own_accord(topic: TopicId) -> u32 {
    0x0100_0000 | topic.0
}

/// 128 bits over key and value.
fn fingerprint(content: &Content) -> u128 {
    let (key, value) = (content.key.as_deref(), content.payload.as_deref());
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
