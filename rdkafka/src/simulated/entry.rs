//! One client of a program: its machine, the task that steps it, and those who wait for it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fencepost_protocol::ids::TopicPartition;
use fencepost_protocol::io::{NetInput, Outputs};
use fencepost_protocol::time::{Instant, Now};
use fencepost_reports::history::event as h;
use fencepost_sim::embed::{Embedded, Mail, Slot, Standing};
use fencepost_sim::evidence::Gone;

use super::ledger::Process;
use super::{ConsumerCore, Delivered, ProducerCore, Shared, programs, shared};
use crate::error::RDKafkaErrorCode;
use crate::util::Timeout;

/// What a client is.
#[expect(clippy::large_enum_variant, reason = "a client is allocated once")]
pub(crate) enum Core {
    Producer(ProducerCore),
    Consumer(ConsumerCore),
}

/// What a client's machine works with.
pub(crate) struct Turn<'t> {
    pub now: Now,
    pub out: &'t mut Outputs,
    pub world: &'t mut Embedded,
    /// The client's place.
    pub slot: Slot,
    /// Whose client it is.
    pub process: Process,
}

impl Core {
    pub fn producer(&mut self) -> &mut ProducerCore {
        match self {
            Core::Producer(core) => core,
            Core::Consumer(_) => panic!("a producer's handle is that of a producer"),
        }
    }

    pub fn consumer(&mut self) -> &mut ConsumerCore {
        match self {
            Core::Consumer(core) => core,
            Core::Producer(_) => panic!("a consumer's handle is that of a consumer"),
        }
    }

    fn net(&mut self, input: NetInput, turn: &mut Turn<'_>) {
        match self {
            Core::Producer(core) => core.net(input, turn),
            Core::Consumer(core) => core.net(input, turn),
        }
    }

    fn wake(&mut self, turn: &mut Turn<'_>) {
        match self {
            Core::Producer(core) => core.wake(turn),
            Core::Consumer(core) => core.wake(turn),
        }
    }

    /// Takes what the machine says. Whether it said anything.
    fn listen(&mut self, turn: &mut Turn<'_>) -> bool {
        match self {
            Core::Producer(core) => core.listen(turn),
            Core::Consumer(core) => core.listen(turn),
        }
    }

    fn deadline(&self) -> Instant {
        match self {
            Core::Producer(core) => core.deadline(),
            Core::Consumer(core) => core.deadline(),
        }
    }

    fn standing(&self, now: Now) -> Standing {
        match self {
            Core::Producer(core) => core.standing(),
            Core::Consumer(core) => core.standing(now),
        }
    }

    fn close(&mut self, turn: &mut Turn<'_>) {
        match self {
            Core::Producer(core) => core.close(turn),
            Core::Consumer(core) => core.close(turn),
        }
    }

    fn is_closed(&self) -> bool {
        match self {
            Core::Producer(core) => core.is_closed(),
            Core::Consumer(core) => core.is_closed(),
        }
    }

    fn gone(&mut self, why: Gone, turn: &mut Turn<'_>) {
        match self {
            Core::Producer(core) => core.gone(why, turn),
            Core::Consumer(core) => core.gone(why, turn),
        }
    }

    /// Number of the client in the history.
    fn client(&self) -> u32 {
        match self {
            Core::Producer(core) => core.client(),
            Core::Consumer(core) => core.client(),
        }
    }
}

/// Takes deliveries as they come.
pub(crate) type DeliverySink = Rc<dyn Fn(Delivered)>;

/// One client.
pub(crate) struct Entry {
    slot: Slot,
    serial: u32,
    /// Name of the node whose program made it.
    pub node: String,
    process: Process,
    core: RefCell<Core>,
    waiting: RefCell<Vec<Waker>>,
    pump: RefCell<Option<Waker>>,
    pub sink: RefCell<Option<DeliverySink>>,
    closing: Cell<bool>,
    told: Cell<Instant>,
}

impl Entry {
    pub fn wake_pump(&self) {
        if let Some(pump) = &*self.pump.borrow() {
            pump.wake_by_ref();
        }
    }

    /// Lets the machine do what has reached it, then `f`, then sends what it wants sent.
    pub fn access<T>(&self, shared: &Shared, f: impl FnOnce(&mut Core, &mut Turn<'_>) -> T) -> T {
        shared.touch();
        let (result, news, deliveries) = {
            let mut world = shared.world.borrow_mut();
            let mut core = self.core.borrow_mut();
            let mut out = Outputs::new();
            let now = world.now(self.slot);
            let mut mail = Mail::default();
            world.take_mail(self.slot, &mut mail);
            let mut turn = Turn { now, out: &mut out, world: &mut world, slot: self.slot, process: self.process };
            for input in mail.inputs {
                core.net(input, &mut turn);
            }
            if mail.due || core.deadline() <= now.mono {
                core.wake(&mut turn);
            }
            let mut news = core.listen(&mut turn);
            let result = f(&mut core, &mut turn);
            news |= core.listen(&mut turn);
            let deadline = core.deadline();
            if !out.is_empty() || deadline != self.told.get() || mail.due || news {
                self.told.set(deadline);
                world.turn(self.slot, &mut out, deadline, core.standing(now));
                shared.wake_driver();
            }
            let deliveries = match &mut *core {
                Core::Producer(producer) if self.sink.borrow().is_some() => producer.take_deliveries(),
                _ => Vec::new(),
            };
            (result, news, deliveries)
        };
        if news {
            for waker in self.waiting.take() {
                waker.wake();
            }
        }
        if !deliveries.is_empty() {
            let sink = self.sink.borrow().clone().expect("deliveries were taken for it");
            deliveries.into_iter().for_each(|delivered| sink(delivered));
        }
        result
    }

    pub fn processed(&self, group: &str, tp: TopicPartition) -> Option<i64> {
        match &*self.core.borrow() {
            Core::Consumer(core) => core.processed_for(group, tp),
            Core::Producer(_) => None,
        }
    }

    /// Whether it is a member of the group.
    pub fn is_member(&self, group: &str) -> bool {
        match &*self.core.borrow() {
            Core::Consumer(core) => core.is_member(group),
            Core::Producer(_) => false,
        }
    }

    /// Whether its program works on a message: it has not asked for another one since.
    pub fn has_in_hand(&self) -> bool {
        match &*self.core.borrow() {
            Core::Consumer(core) => core.has_in_hand(),
            Core::Producer(_) => false,
        }
    }

    /// The run is over.
    pub fn close_books(&self, shared: &Shared) {
        self.access(shared, |core, turn| core.gone(Gone::RunOver, turn));
    }

    /// The client is gone without a word.
    pub fn end(&self, shared: &Shared, reason: h::StopReason) {
        self.access(shared, |core, turn| {
            core.gone(Gone::Killed, turn);
            if turn.world.is_open() {
                programs::stopped(turn.world, core.client(), 0, reason, "");
            }
        });
        shared.world.borrow_mut().detach(self.slot);
        shared.entries.borrow_mut().remove(&self.slot);
        shared.wake_driver();
    }
}

/// Steps a client when something has reached it. It is a task of the client's node: while that is paused, the client is
/// silent, and when it is killed, this is dropped.
struct Pump {
    entry: Rc<Entry>,
    done: bool,
}

impl Future for Pump {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(shared) = shared() else {
            self.done = true;
            return Poll::Ready(());
        };
        {
            let waker = cx.waker().clone();
            let mut pump = self.entry.pump.borrow_mut();
            if pump.as_ref().is_none_or(|known| !known.will_wake(&waker)) {
                *pump = Some(waker);
            }
        }
        let closing = self.entry.closing.get();
        let closed = self.entry.access(&shared, |core, turn| {
            if closing {
                core.close(turn);
            }
            core.is_closed()
        });
        if closing && closed {
            self.done = true;
            self.entry.end(&shared, h::StopReason::Ended);
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let Some(shared) = shared() else { return };
        let is_mine = shared.entry(self.entry.slot).is_some_and(|entry| entry.serial == self.entry.serial);
        if is_mine {
            let reason = if self.entry.closing.get() { h::StopReason::Ended } else { h::StopReason::Killed };
            self.entry.end(&shared, reason);
        }
    }
}

/// A program's hold on a client; the client is closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Handle {
    slot: Slot,
    serial: u32,
    pub name: String,
    next_op: AtomicU64,
}

impl Handle {
    /// Makes a client of the node that runs now. `None` without a simulation, or when there is no place left.
    pub fn make(kind: &str, core: impl FnOnce(&mut Turn<'_>, &str) -> Core) -> Option<Handle> {
        let shared = shared()?;
        let (slot, node, name) = shared.attach(kind)?;
        let process = shared.process();
        shared.programs.borrow_mut().made_client(&node);
        let serial = super::next_handle();
        let entry = {
            let mut world = shared.world.borrow_mut();
            let mut out = Outputs::new();
            let now = world.now(slot);
            let core = core(&mut Turn { now, out: &mut out, world: &mut world, slot, process }, &name);
            let (t, c) = (world.time().0, core.client());
            world.write(&h::Event::Started(h::Started { t, c, i: 0 }));
            let deadline = core.deadline();
            world.turn(slot, &mut out, deadline, core.standing(now));
            Rc::new(Entry {
                slot,
                serial,
                node,
                process,
                core: RefCell::new(core),
                waiting: RefCell::default(),
                pump: RefCell::default(),
                sink: RefCell::default(),
                closing: Cell::new(false),
                told: Cell::new(deadline),
            })
        };
        shared.entries.borrow_mut().insert(slot, entry.clone());
        shared.wake_driver();
        fencepost_tokio::task::spawn_local(Pump { entry, done: false });
        Some(Handle { slot, serial, name, next_op: AtomicU64::new(0) })
    }

    /// A number for the next record.
    pub fn next_op(&self) -> u64 {
        self.next_op.fetch_add(1, Ordering::Relaxed)
    }

    pub fn entry(&self) -> Option<(Rc<Shared>, Rc<Entry>)> {
        let shared = shared()?;
        let entry = shared.entry(self.slot).filter(|entry| entry.serial == self.serial)?;
        Some((shared, entry))
    }

    /// `None` once the client, or the simulation, is gone.
    pub fn access<T>(&self, f: impl FnOnce(&mut Core, &mut Turn<'_>) -> T) -> Option<T> {
        let (shared, entry) = self.entry()?;
        shared.last_call.set(Instant(shared.elapsed()));
        Some(entry.access(&shared, f))
    }

    /// As [`Handle::access`], for questions that are asked again and again.
    pub fn look<T>(&self, f: impl FnOnce(&mut Core, &mut Turn<'_>) -> T) -> Option<T> {
        let (shared, entry) = self.entry()?;
        Some(entry.access(&shared, f))
    }

    /// Has the waker woken when something happens to the client.
    pub fn register(&self, waker: &Waker) {
        if let Some((_, entry)) = self.entry() {
            // The clone: what a task with a stack of its own is given is not the executor's waker, but gives it.
            let waker = waker.clone();
            let mut waiting = entry.waiting.borrow_mut();
            if !waiting.iter().any(|w| w.will_wake(&waker)) {
                waiting.push(waker);
            }
        }
    }

    pub fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.look(|core, _| match core {
            Core::Producer(core) => core.fatal_error(),
            Core::Consumer(_) => None,
        })?
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some((_, entry)) = self.entry() {
            // The node's own task closes it: if the node was killed, there is none, and the client just ends.
            entry.closing.set(true);
            entry.wake_pump();
        }
    }
}

/// Waits until `ready` gives something, and not for longer than `timeout`; `None` if that has passed.
pub(crate) async fn wait<T>(
    handle: &Handle,
    timeout: Timeout,
    mut ready: impl FnMut(&mut Core, &mut Turn<'_>) -> Option<T>,
) -> Option<T> {
    let limit = match timeout {
        Timeout::After(Duration::ZERO) => {
            return handle.look(&mut ready)?;
        }
        Timeout::After(limit) => Some(madsim::time::sleep(limit)),
        Timeout::Never => None,
    };
    let mut limit = pin!(limit);
    let mut armed = false;
    poll_fn(move |cx| {
        if let Some(found) = handle.look(&mut ready).flatten() {
            return Poll::Ready(Some(found));
        }
        handle.register(cx.waker());
        let Some(sleep) = limit.as_mut().as_pin_mut() else { return Poll::Pending };
        if armed && !sleep.is_elapsed() {
            return Poll::Pending; // every poll of a sleep makes another timer
        }
        armed = true;
        sleep.poll(cx).map(|()| None)
    })
    .await
}

/// The future's output, unless the time comes first.
pub(crate) async fn or_until<F: Future>(future: F, limit: madsim::time::Sleep) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut limit = pin!(limit);
    let mut armed = false;
    poll_fn(move |cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if armed && !limit.is_elapsed() {
            return Poll::Pending;
        }
        armed = true;
        limit.as_mut().poll(cx).map(|()| None)
    })
    .await
}
