//! Faults that only a cluster knows, how all faults are told, and which are legal.

use fencepost_kernel::world::{self as kernel, Ended, Net, Occasion, Origin, Process};
use fencepost_protocol::image::Features;
use fencepost_protocol::time::{Instant, Span};
use fencepost_reports::history::event as h;

use super::Cluster;
use super::node::Body;
use crate::scenario::deviation;
use crate::schedule::{Action, Actor, Deviation, Fault, Kafka, Own, Step, When};

/// How often a controlled shutdown and a rolling restart are looked at.
const LOOK: Span = Span::from_millis(50);

/// The world of a cluster.
type World<'w, 'a> = kernel::World<'w, Cluster<'a>>;

impl<'a> Cluster<'a> {
    /// The faults of a run. Those that the scenario names are declared in the history's preamble, in its order, also those
    /// that a written schedule leaves out; others are when they begin.
    pub(super) fn schedule_first_faults(&mut self, net: &mut Net<'_, Kafka>, faults: Vec<(Fault, Origin)>) {
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
        net.schedule(numbered.collect::<Vec<_>>());
        for (n, fault) in written.into_iter().enumerate().filter(|(n, _)| !taken[*n]) {
            if let When::After(trigger, _) = fault.when {
                net.count(trigger, numbers[n]);
            }
        }
    }

    /// Declares a fault in the history; its number.
    pub(super) fn declare_fault(&mut self, fault: &Fault, drawn: bool) -> u32 {
        let plan = &self.plan;
        let names = self.names.get_or_insert_with(|| Box::new(plan.names()));
        let words = deviation::words(&Deviation::Fault(fault.clone()), names);
        let (counts, nth) = match &fault.when {
            When::At(_) => (None, 0),
            When::After(trigger, _) => (Some(trigger.kind.name().into()), trigger.nth),
        };
        let optional = fault.optional;
        self.history.declare_fault(h::Fault { id: 0, words: words.into(), counts, nth, optional, drawn })
    }

    /// A fault begins. One that is not declared yet was drawn, or a written schedule has it instead of the scenario.
    pub(super) fn tell_fired(&mut self, now: Instant, occasion: &mut Occasion<Kafka>) {
        let number = match occasion.number {
            Some(number) => number,
            None => self.declare_fault(&occasion.fault, true),
        };
        occasion.number = Some(number);
        self.history.write(&h::Event::Fired(h::Fired { t: now.0, fault: number }));
    }

    /// Does a fault that only the cluster knows. Returns how long it lasts.
    pub(super) fn act_own(world: &mut World<'_, 'a>, action: &Own, occasion: &mut Occasion<Kafka>) -> Span {
        let now = world.net.now();
        if !matches!(action, Own::MoveLeader { .. }) {
            world.system.tell_fired(now, occasion);
        }
        let kernel::World { system, net } = world;
        match action {
            Own::Restart { node, down } => {
                Cluster::begin_restart(world, *node, *down);
                *down
            }
            Own::RollingRestart { down } => {
                system.rolling = Some(*down);
                net.after(Span::ZERO, system.controller, Step::Roll(0, 0));
                *down
            }
            Own::MoveLeader { partition, to } => {
                let controller = system.controller;
                let moved = match &mut system.bodies[controller as usize] {
                    Body::Controller(c) => c.move_leader(net.now_at(controller), *partition, *to, &mut net.out),
                    _ => false,
                };
                if moved {
                    system.tell_fired(now, occasion);
                }
                world.flush(controller);
                Span::ZERO
            }
            Own::HoldMetadata { node, span } => {
                if let Body::Broker(slot) = &mut system.bodies[*node as usize] {
                    slot.machine().hold_metadata(now + *span);
                }
                world.rearm(*node);
                *span
            }
            Own::PostponeJob { node, job, by } => {
                if let Body::Broker(slot) = &mut system.bodies[*node as usize] {
                    slot.machine().postpone(*job, *by);
                }
                world.rearm(*node);
                *by
            }
            Own::SetTransactionVersion(version) => {
                let controller = system.controller;
                if let Body::Controller(c) = &mut system.bodies[controller as usize] {
                    let features = Features { transaction_version: *version, ..c.image().features };
                    c.set_features(net.now_at(controller), features, &mut net.out);
                }
                world.flush(controller);
                Span::ZERO
            }
        }
    }

    /// Whether the cluster can be expected to survive it, by what its configuration promises (RF 3, min.insync 2: one
    /// replica may lose what it had not flushed). A power loss needs every other replica of the broker's partitions to be
    /// back and in sync; and while a victim of a power loss is not back in its in-sync sets, no broker that shares a
    /// partition with it is ended in any way. (To the controller, a broker that crashed is as suspect as one that lost
    /// power, §7.5: with two such, the last known leader is elected, whatever it has lost.)
    pub(super) fn survives(&self, net: &Net<'_, Kafka>, action: &Action) -> bool {
        let (node, loses_power) = match action {
            Action::PowerLoss { node, .. } => (node, true),
            Action::Crash { node, .. } | Action::Own(Own::Restart { node, .. }) => (node, false),
            _ => return true,
        };
        let Body::Broker(slot) = &self.bodies[*node as usize] else { return true };
        let Body::Controller(controller) = &self.bodies[self.controller as usize] else { return false };
        let partitions = controller.image().topics.iter().flat_map(|t| &t.partitions);
        partitions.filter(|p| p.replicas.contains(&slot.id)).all(|p| {
            let others = p.replicas.iter().filter(|r| **r != slot.id);
            let mut suspects = others.filter(|r| {
                let actor = self.actor_of_id(**r);
                (loses_power || net.lost_power(actor)) && !(self.is_back(actor) && p.isr.contains(r))
            });
            (p.replicas.len() > 1 || !loses_power) && suspects.next().is_none()
        })
    }

    /// Whether a broker runs and takes part in the cluster: it knows that its present incarnation is registered and not
    /// fenced.
    pub(super) fn is_back(&self, actor: Actor) -> bool {
        match &self.bodies[actor as usize] {
            Body::Broker(slot) => slot.broker.as_ref().is_some_and(|b| !b.is_fenced()),
            _ => true,
        }
    }

    // ---- restarts --------------------------------------------------------------------------------------------------

    fn begin_restart(world: &mut World<'_, 'a>, actor: Actor, down: Span) {
        let kernel::World { system, net } = world;
        let now = net.now_at(actor);
        system.restart_down[actor as usize] = down;
        if let Body::Broker(slot) = &mut system.bodies[actor as usize] {
            slot.machine().begin_shutdown(now, &mut net.out);
            world.flush(actor);
            let give_up = world.net.now() + Span::from_secs(60);
            world.net.after(LOOK, actor, Step::CheckShutdown(actor, give_up.0));
        } else {
            world.end_process(actor, Ended::Crash);
            world.net.start_after(down, actor);
        }
    }

    /// A broker that may stop stops; one that waits for too long is stopped all the same (Kafka's operators kill it).
    pub(super) fn check_shutdown(world: &mut World<'_, 'a>, actor: Actor, give_up: Instant) {
        let kernel::World { system, net } = world;
        if !net.node(actor).process.is_running() {
            if matches!(net.node(actor).process, Process::Paused { .. }) {
                net.after(LOOK, actor, Step::CheckShutdown(actor, give_up.0));
            }
            return;
        }
        let Body::Broker(slot) = &mut system.bodies[actor as usize] else { return };
        if !slot.machine().is_stopped() && net.now() < give_up {
            net.after(LOOK, actor, Step::CheckShutdown(actor, give_up.0));
            return;
        }
        world.end_process(actor, Ended::Cleanly);
        let down = world.system.restart_down[actor as usize];
        world.net.lasts_until(world.net.now() + down);
        world.net.start_after(down, actor);
    }

    /// The next broker of a rolling restart, once all brokers run and every partition is fully in sync.
    pub(super) fn roll(world: &mut World<'_, 'a>, next: u32, waiting_since: Instant) {
        let kernel::World { system, net } = world;
        let (now, controller) = (net.now(), system.controller);
        let Some(down) = system.rolling else { return };
        let waited_long = now.since(waiting_since) > Span::from_secs(120) && next > 0;
        if !system.everything_in_sync(net) && !waited_long {
            net.after(LOOK, controller, Step::Roll(next, waiting_since.0));
            return;
        }
        let Some(actor) = system.brokers.get(next as usize).copied() else {
            system.rolling = None;
            net.lasts_until(now);
            return;
        };
        if net.node(actor).process.is_running() {
            Cluster::begin_restart(world, actor, down);
        }
        // Leave the broker time to begin its shutdown before looking whether the cluster is in sync again.
        let pause = down + Span::from_millis(500);
        world.net.after(pause, controller, Step::Roll(next + 1, now.0));
    }

    /// Whether every broker runs, unfenced, and every partition has all its replicas in sync.
    fn everything_in_sync(&self, net: &Net<'_, Kafka>) -> bool {
        let all_run = self.brokers.iter().all(|b| net.node(*b).process.is_running() && self.is_back(*b));
        let Body::Controller(controller) = &self.bodies[self.controller as usize] else { return false };
        let image = controller.image();
        all_run
            && self.plan.cluster.ids().all(|id| image.is_alive(id))
            && image.topics.iter().flat_map(|t| &t.partitions).all(|p| p.isr.len() == p.replicas.len())
    }
}
