//! Faults: what they do, how long it lasts, and whether they are legal.

use fencepost_protocol::image::Features;
use fencepost_protocol::io::ConnId;
use fencepost_protocol::time::{Instant, Span};
use fencepost_reports::history::event as h;

use super::event::{Event, Step};
use super::link::LinkId;
use super::node::{Body, Ended, Process};
use super::{TracedEvent, World};
use crate::cast::Names;
use crate::message::Kind;
use crate::queue::{Class, Rank};
use crate::scenario::deviation;
use crate::schedule::{Action, Actor, Deviation, Effect, Fault, When};

/// How often a controlled shutdown and a rolling restart are looked at.
const LOOK: Span = Span::from_millis(50);

/// Answers of one kind to one node are lost for a while.
#[derive(Clone, Debug)]
pub(super) struct LostAnswers {
    pub node: Actor,
    pub kind: Kind,
    number: u32,
}

/// Where a fault comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the scenario or from a written schedule: it is done as it says.
    Written,
    /// From the seed: it is left out where it would exceed what the cluster's configuration promises to survive.
    Drawn,
}

/// What is broken at the moment.
#[derive(Debug)]
pub(super) struct FaultState {
    held: Vec<(LinkId, Rank, Event)>,
    pub lost_answers: Vec<LostAnswers>,
    /// What triggers want done to the message that is being sent.
    pub for_this_message: Vec<Effect>,
    list: Vec<(Occasion, Origin)>,
    /// Brokers that lost power in this run.
    powerless: Vec<Actor>,
    pub executed: u32,
    ordinal: u32,
    restart_down: Vec<Span>,
    rolling: Option<Span>,
    /// Until when the faults that have begun will last.
    pub last_end: Instant,
    /// For sentences about faults that are declared when they begin.
    names: Option<Box<Names>>,
}

/// A fault that is to begin, or begins.
#[derive(Clone, Debug)]
pub(crate) struct Occasion {
    pub fault: Fault,
    /// Its number in the history; none as long as it is not declared there.
    pub number: Option<u32>,
}

impl FaultState {
    pub fn new(nodes: usize) -> FaultState {
        FaultState {
            held: Vec::new(),
            lost_answers: Vec::new(),
            for_this_message: Vec::new(),
            list: Vec::new(),
            powerless: Vec::new(),
            executed: 0,
            ordinal: 0,
            restart_down: vec![Span::ZERO; nodes],
            rolling: None,
            last_end: Instant::ZERO,
            names: None,
        }
    }

    pub fn next_ordinal(&mut self) -> u32 {
        self.ordinal += 1;
        self.ordinal
    }

    pub fn hold(&mut self, link: LinkId, rank: Rank, event: Event) {
        self.held.push((link, rank, event));
    }

    pub fn holds(&self, conn: ConnId) -> bool {
        self.held.iter().any(|(.., event)| event.conn() == Some(conn))
    }

    pub fn drop_held(&mut self, conn: ConnId) {
        self.held.retain(|(.., event)| event.conn() != Some(conn));
    }

    /// Whether something is broken or will be. What ends at this very time may yet have to do so.
    pub fn is_active(&self, now: Instant) -> bool {
        now <= self.last_end && self.last_end > Instant::ZERO || self.rolling.is_some()
    }
}

impl Event {
    fn conn(&self) -> Option<ConnId> {
        match self {
            Event::Syn(c) | Event::Accepted(c) | Event::Refused(c) => Some(*c),
            Event::ClosedByClient(c) | Event::ClosedByServer(c) => Some(*c),
            Event::Request(number, _) | Event::Response(number, _) => Some(ConnId(u64::from(*number))),
            _ => None,
        }
    }
}

impl World<'_> {
    /// The faults of a run. Those that the scenario names are declared in the history's preamble, in its order, also those
    /// that a written schedule leaves out; others are when they begin.
    pub(super) fn schedule_first_faults(&mut self, faults: Vec<(Fault, Origin)>) {
        let written = self.plan.faults.clone();
        let numbers: Vec<u32> = written.iter().map(|fault| self.declare_fault(fault, false)).collect();
        let mut taken = vec![false; written.len()];
        let numbered = faults.into_iter().map(|(fault, origin)| {
            let is_it = |n: &usize| !taken[*n] && written[*n].when == fault.when && written[*n].action == fault.action;
            let place = (0..written.len()).find(is_it);
            if let Some(n) = place {
                taken[n] = true;
            }
            (Occasion { fault, number: place.map(|n| numbers[n]) }, origin)
        });
        let numbered = numbered.collect();
        self.schedule_faults(numbered);
        for (n, fault) in written.into_iter().enumerate().filter(|(n, _)| !taken[*n]) {
            if let When::After(trigger, _) = fault.when {
                self.triggers.count(trigger, numbers[n]);
            }
        }
    }

    /// Declares a fault in the history; its number.
    pub(super) fn declare_fault(&mut self, fault: &Fault, drawn: bool) -> u32 {
        let plan = &self.plan;
        let names = self.faults.names.get_or_insert_with(|| Box::new(plan.names()));
        let words = deviation::words(&Deviation::Fault(fault.clone()), names);
        let (counts, nth) = match &fault.when {
            When::At(_) => (None, 0),
            When::After(trigger, _) => (Some(trigger.kind.name().into()), trigger.nth),
        };
        let optional = fault.optional;
        self.history.declare_fault(h::Fault { id: 0, words: words.into(), counts, nth, optional, drawn })
    }

    /// A fault begins. One that is not declared yet was drawn, or a written schedule has it instead of the scenario.
    fn fired(&mut self, occasion: &mut Occasion) {
        let number = match occasion.number {
            Some(number) => number,
            None => self.declare_fault(&occasion.fault, true),
        };
        occasion.number = Some(number);
        self.history.write(&h::Event::Fired(h::Fired { t: self.now.0, fault: number }));
    }

    pub(super) fn schedule_faults(&mut self, faults: Vec<(Occasion, Origin)>) {
        for (occasion, origin) in faults {
            match &occasion.fault.when {
                When::At(at) => {
                    let index = self.faults.list.len() as u32;
                    let rank = Rank::new(Class::Fault, 0, 0, 1, index);
                    self.queue.push(*at, rank, Event::Fault(index));
                    self.faults.last_end = self.faults.last_end.max(*at);
                    self.faults.list.push((occasion, origin));
                }
                When::After(trigger, _) => {
                    let trigger = trigger.clone();
                    self.triggers.add(trigger, occasion);
                }
            }
        }
    }

    pub(super) fn fault(&mut self, index: u32) {
        let (mut occasion, origin) = self.faults.list[index as usize].clone();
        if origin == Origin::Drawn && !self.is_legal(&occasion.fault.action) {
            return;
        }
        if self.act(&mut occasion) {
            self.record(|| Deviation::Fault(occasion.fault));
        }
    }

    /// Does it, if it makes sense now: a process that is down cannot crash. Returns whether it did.
    pub(super) fn act(&mut self, occasion: &mut Occasion) -> bool {
        let action = &occasion.fault.action.clone();
        let running = |world: &World<'_>, node: Actor| world.nodes[node as usize].process.is_running();
        let alive = |world: &World<'_>, node: Actor| {
            matches!(world.nodes[node as usize].process, Process::Running | Process::Paused { .. })
        };
        let possible = match action {
            Action::Crash { node, .. } => alive(self, *node),
            Action::PowerLoss { node, .. } => alive(self, *node),
            Action::Pause { node, .. } | Action::Restart { node, .. } => running(self, *node),
            Action::HoldMetadata { node, .. } | Action::PostponeJob { node, .. } => alive(self, *node),
            Action::RollingRestart { .. } => self.faults.rolling.is_none(),
            _ => true,
        };
        if !possible {
            return false;
        }
        self.faults.executed += 1;
        if let Some(coverage) = &mut self.coverage {
            coverage.fault(action);
        }
        if self.tracer.is_some() {
            let text = format!("{action:?}");
            self.trace(self.controller, self.controller, TracedEvent::Fault(text));
            self.trace(self.controller, self.controller, TracedEvent::Began(action));
        }
        if !matches!(action, Action::MoveLeader { .. }) {
            self.fired(occasion);
        }
        let lasts = match action {
            Action::Crash { node, down } => {
                self.end_process(*node, Ended::Crash);
                self.come_back(*node, *down)
            }
            Action::PowerLoss { node, down, keep_ppm } => {
                if !self.faults.powerless.contains(node) {
                    self.faults.powerless.push(*node);
                }
                self.end_process(*node, Ended::PowerLoss { keep_ppm: *keep_ppm });
                self.come_back(*node, *down)
            }
            Action::Pause { node, span } => {
                let number = self.pause(*node);
                self.after(*span, *node, Step::Resume(*node, number));
                *span
            }
            Action::Restart { node, down } => {
                self.begin_restart(*node, *down);
                *down
            }
            Action::RollingRestart { down } => {
                self.faults.rolling = Some(*down);
                self.after(Span::ZERO, self.controller, Step::Roll(0, 0));
                *down
            }
            Action::Block { links, span } => {
                links.iter().for_each(|(from, to)| self.links.cut(*from, *to));
                self.after(*span, self.controller, Step::Unblock(links.clone()));
                *span
            }
            Action::Slow { links, by, span } => {
                links.iter().for_each(|(from, to)| self.links.slow(*from, *to, *by));
                self.after(*span, self.controller, Step::Unslow(links.clone(), by.0));
                *span
            }
            Action::LoseAnswers { node, kind, span } => {
                let number = self.faults.next_ordinal();
                self.faults.lost_answers.push(LostAnswers { node: *node, kind: *kind, number });
                self.after(*span, self.controller, Step::KeepAnswers(number));
                *span
            }
            Action::MoveLeader { partition, to } => {
                let now = self.now_at(self.controller);
                let controller = self.controller;
                let moved = match &mut self.nodes[controller as usize].body {
                    Body::Controller(c) => c.move_leader(now, *partition, *to, &mut self.out),
                    _ => false,
                };
                if moved {
                    self.fired(occasion);
                }
                self.flush(controller);
                Span::ZERO
            }
            Action::StepClock { node, by_ms } => {
                self.nodes[*node as usize].clock.step(*by_ms);
                Span::ZERO
            }
            Action::DriftClock { node, ppm } => {
                let now = self.now;
                self.nodes[*node as usize].clock.drift(now, *ppm);
                Span::ZERO
            }
            Action::HoldMetadata { node, span } => {
                let until = self.now + *span;
                if let Body::Broker(slot) = &mut self.nodes[*node as usize].body {
                    slot.machine().hold_metadata(until);
                }
                self.rearm(*node);
                *span
            }
            Action::SlowNode { node, by, span } => {
                let burden = &mut self.nodes[*node as usize].burden;
                *burden = *burden + *by;
                self.after(*span, *node, Step::Unburden(*node, by.0));
                *span
            }
            Action::PostponeJob { node, job, by } => {
                if let Body::Broker(slot) = &mut self.nodes[*node as usize].body {
                    slot.machine().postpone(*job, *by);
                }
                self.rearm(*node);
                *by
            }
            Action::SetTransactionVersion(version) => {
                let now = self.now_at(self.controller);
                let controller = self.controller;
                if let Body::Controller(c) = &mut self.nodes[controller as usize].body {
                    let features = Features { transaction_version: *version, ..c.image().features };
                    c.set_features(now, features, &mut self.out);
                }
                self.flush(controller);
                Span::ZERO
            }
            Action::Message(effect) => {
                self.faults.for_this_message.push(*effect);
                Span::ZERO
            }
        };
        self.faults.last_end = self.faults.last_end.max(self.now + lasts);
        true
    }

    /// Whether the cluster can be expected to survive it, by what its configuration promises (RF 3, min.insync 2: one
    /// replica may lose what it had not flushed). A power loss needs every other replica of the broker's partitions to be
    /// back and in sync; and while a victim of a power loss is not back in its in-sync sets, no broker that shares a
    /// partition with it is ended in any way. (To the controller, a broker that crashed is as suspect as one that lost
    /// power, §7.5: with two such, the last known leader is elected, whatever it has lost.)
    fn is_legal(&self, action: &Action) -> bool {
        let (node, loses_power) = match action {
            Action::PowerLoss { node, .. } => (node, true),
            Action::Crash { node, .. } | Action::Restart { node, .. } => (node, false),
            _ => return true,
        };
        let Body::Broker(slot) = &self.nodes[*node as usize].body else { return true };
        let Body::Controller(controller) = &self.nodes[self.controller as usize].body else { return false };
        let partitions = controller.image().topics.iter().flat_map(|t| &t.partitions);
        partitions.filter(|p| p.replicas.contains(&slot.id)).all(|p| {
            let others = p.replicas.iter().filter(|r| **r != slot.id);
            let mut suspects = others.filter(|r| {
                let actor = self.actor_of(**r);
                (loses_power || self.faults.powerless.contains(&actor)) && !(self.is_back(actor) && p.isr.contains(r))
            });
            (p.replicas.len() > 1 || !loses_power) && suspects.next().is_none()
        })
    }

    /// Whether a broker runs and takes part in the cluster: it knows that its present incarnation is registered and not
    /// fenced.
    pub(super) fn is_back(&self, actor: Actor) -> bool {
        match &self.nodes[actor as usize].body {
            Body::Broker(slot) => slot.broker.as_ref().is_some_and(|b| !b.is_fenced()),
            _ => true,
        }
    }

    fn come_back(&mut self, node: Actor, down: Option<Span>) -> Span {
        let restart = match &self.nodes[node as usize].body {
            Body::Client(client) => down.or(client.restarts_after()),
            Body::Service(service) => down.or(Some(service.restarts_after())),
            _ => down,
        };
        if let Some(down) = restart {
            self.start_after(down, node);
        }
        restart.unwrap_or(Span::ZERO)
    }

    pub(super) fn continue_fault(&mut self, step: Step) {
        match step {
            Step::Start(actor) => {
                if matches!(self.nodes[actor as usize].process, Process::Down | Process::HostDown) {
                    self.start_process(actor);
                }
            }
            Step::Resume(actor, number) => self.resume(actor, number),
            Step::Unblock(links) => self.unblock(&links),
            Step::Unslow(links, by) => {
                links.iter().for_each(|(from, to)| self.links.quicken(*from, *to, Span(by)));
            }
            Step::KeepAnswers(number) => self.faults.lost_answers.retain(|l| l.number != number),
            Step::Unburden(actor, by) => {
                let burden = &mut self.nodes[actor as usize].burden;
                *burden = Span(burden.0.saturating_sub(by));
            }
            Step::CheckShutdown(actor, give_up) => self.check_shutdown(actor, Instant(give_up)),
            Step::Roll(next, waiting_since) => self.roll(next, Instant(waiting_since)),
            Step::Act(place, occasion) => self.begin_after_pause(place, occasion),
            Step::WriteBack(actor, incarnation) => {
                let node = &mut self.nodes[actor as usize];
                if node.incarnation == incarnation
                    && let Body::Broker(slot) = &mut node.body
                {
                    slot.machine().flush_all();
                    self.after(self.plan.cluster.write_back, actor, Step::WriteBack(actor, incarnation));
                }
            }
            Step::Settle => unreachable!("looked at before"),
        }
    }

    fn unblock(&mut self, links: &[(Actor, Actor)]) {
        links.iter().for_each(|(from, to)| self.links.mend(*from, *to));
        let held = std::mem::take(&mut self.faults.held);
        for (link, rank, event) in held {
            if self.links.is_cut(link) {
                self.faults.hold(link, rank, event);
            } else {
                // It waited at the far end of the link. Were it to take another latency from here, then what was sent
                // shortly before the link healed would overtake it, and bytes of a connection arrive in order.
                self.queue.push(self.now, rank, event);
            }
        }
    }

    // ---- restarts --------------------------------------------------------------------------------------------------

    fn begin_restart(&mut self, actor: Actor, down: Span) {
        let now = self.now_at(actor);
        self.faults.restart_down[actor as usize] = down;
        if let Body::Broker(slot) = &mut self.nodes[actor as usize].body {
            slot.machine().begin_shutdown(now, &mut self.out);
            self.flush(actor);
            let give_up = self.now + Span::from_secs(60);
            self.after(LOOK, actor, Step::CheckShutdown(actor, give_up.0));
        } else {
            self.end_process(actor, Ended::Crash);
            self.start_after(down, actor);
        }
    }

    /// A broker that may stop stops; one that waits for too long is stopped all the same (Kafka's operators kill it).
    fn check_shutdown(&mut self, actor: Actor, give_up: Instant) {
        if !self.nodes[actor as usize].process.is_running() {
            if matches!(self.nodes[actor as usize].process, Process::Paused { .. }) {
                self.after(LOOK, actor, Step::CheckShutdown(actor, give_up.0));
            }
            return;
        }
        let Body::Broker(slot) = &mut self.nodes[actor as usize].body else { return };
        if !slot.machine().is_stopped() && self.now < give_up {
            self.after(LOOK, actor, Step::CheckShutdown(actor, give_up.0));
            return;
        }
        self.end_process(actor, Ended::Cleanly);
        let down = self.faults.restart_down[actor as usize];
        self.faults.last_end = self.faults.last_end.max(self.now + down);
        self.start_after(down, actor);
    }

    /// The next broker of a rolling restart, once all brokers run and every partition is fully in sync.
    fn roll(&mut self, next: u32, waiting_since: Instant) {
        let Some(down) = self.faults.rolling else { return };
        let waited_long = self.now.since(waiting_since) > Span::from_secs(120) && next > 0;
        if !self.everything_in_sync() && !waited_long {
            self.after(LOOK, self.controller, Step::Roll(next, waiting_since.0));
            return;
        }
        let Some(actor) = self.brokers.get(next as usize).copied() else {
            self.faults.rolling = None;
            self.faults.last_end = self.faults.last_end.max(self.now);
            return;
        };
        if self.nodes[actor as usize].process.is_running() {
            self.begin_restart(actor, down);
        }
        // Leave the broker time to begin its shutdown before looking whether the cluster is in sync again.
        let pause = down + Span::from_millis(500);
        let since = self.now.0;
        self.after(pause, self.controller, Step::Roll(next + 1, since));
    }

    /// Whether every broker runs, unfenced, and every partition has all its replicas in sync.
    pub(super) fn everything_in_sync(&self) -> bool {
        let all_run = self.brokers.iter().all(|b| self.nodes[*b as usize].process.is_running() && self.is_back(*b));
        let Body::Controller(controller) = &self.nodes[self.controller as usize].body else { return false };
        let image = controller.image();
        all_run
            && self.plan.cluster.ids().all(|id| image.is_alive(id))
            && image.topics.iter().flat_map(|t| &t.partitions).all(|p| p.isr.len() == p.replicas.len())
    }
}
