//! Faults: when they begin, what they do, how long it lasts.

use super::broken::LostAnswers;
use super::event::{Event, Step};
use super::occasion::{Occasion, Origin};
use super::process::{Ended, Process};
use super::{Net, TracedEvent, World};
use crate::Actor;
use crate::queue::{Class, Rank};
use crate::schedule::{Action, Deviation, Trigger, When};
use crate::system::System;
use crate::time::{Instant, Span};
use crate::vocabulary::Vocabulary;

impl<V: Vocabulary> Net<'_, V> {
    /// Faults are to begin, each when it says.
    pub fn schedule(&mut self, faults: impl IntoIterator<Item = (Occasion<V>, Origin)>) {
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

    /// A fault with that number stays out: what its trigger counts is counted all the same.
    pub fn count(&mut self, trigger: Trigger<V>, number: u32) {
        self.triggers.count(trigger, number);
    }

    /// The numbers of the triggered faults that have one, and how much of what its trigger counts was seen.
    pub fn seen_by_triggers(&self) -> Vec<(u32, u64)> {
        self.triggers.seen()
    }

    /// Until when the faults that have begun will last.
    pub fn last_end(&self) -> Instant {
        self.faults.last_end
    }

    /// A fault lasts until then.
    pub fn lasts_until(&mut self, end: Instant) {
        self.faults.last_end = self.faults.last_end.max(end);
    }

    /// Whether something is broken or will be. What ends at this very time may yet have to do so.
    pub fn is_disturbed(&self) -> bool {
        self.now <= self.faults.last_end && self.faults.last_end > Instant::ZERO
    }

    /// Whether a process that does not run will run: it is still to start, is down for a while, or stands still.
    pub fn somebody_is_to_come(&self) -> bool {
        self.nodes.iter().any(|n| n.comes_back || matches!(n.process, Process::Paused { .. }))
    }

    /// Whether a node lost its power in this run.
    pub fn lost_power(&self, actor: Actor) -> bool {
        self.faults.powerless.contains(&actor)
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
}

impl<S: System> World<'_, S> {
    pub(super) fn fault(&mut self, index: u32) {
        let (mut occasion, origin) = self.net.faults.list[index as usize].clone();
        if origin == Origin::Drawn && !self.system.is_legal(&self.net, &occasion.fault.action) {
            return;
        }
        if self.act(&mut occasion) {
            self.net.record(|| Deviation::Fault(occasion.fault));
        }
    }

    fn is_possible(&self, action: &Action<S::Vocabulary>) -> bool {
        let process = |node: Actor| self.net.nodes[node as usize].process;
        match action {
            Action::Crash { node, .. } | Action::PowerLoss { node, .. } => process(*node).is_alive(),
            Action::Pause { node, .. } => process(*node).is_running(),
            Action::Own(own) => self.system.is_possible(&self.net, own),
            _ => true,
        }
    }

    /// Does it, if it makes sense now: a process that is down cannot crash. Returns whether it did.
    pub(super) fn act(&mut self, occasion: &mut Occasion<S::Vocabulary>) -> bool {
        let action = &occasion.fault.action.clone();
        if !self.is_possible(action) {
            return false;
        }
        self.net.faults.executed += 1;
        self.system.began(action);
        if self.net.tracer.is_some() {
            let text = match action {
                Action::Own(own) => format!("{own:?}"),
                action => format!("{action:?}"),
            };
            let home = self.net.home;
            self.net.trace(home, home, TracedEvent::Fault(text));
            self.net.trace(home, home, TracedEvent::Began(action));
        }
        let lasts = match action {
            Action::Own(own) => S::act(self, own, occasion),
            action => {
                self.system.fired(self.net.now, occasion);
                self.act_on_processes(action)
            }
        };
        self.net.lasts_until(self.net.now + lasts);
        true
    }

    /// Faults of processes and hosts; the others are those of links and clocks.
    fn act_on_processes(&mut self, action: &Action<S::Vocabulary>) -> Span {
        match action {
            Action::Crash { node, down } => {
                self.end_process(*node, Ended::Crash);
                self.come_back(*node, *down)
            }
            Action::PowerLoss { node, down, keep_ppm } => {
                if !self.net.faults.powerless.contains(node) {
                    self.net.faults.powerless.push(*node);
                }
                self.end_process(*node, Ended::PowerLoss { keep_ppm: *keep_ppm });
                self.come_back(*node, *down)
            }
            action => self.net.act_on_the_network(action),
        }
    }

    fn come_back(&mut self, node: Actor, down: Option<Span>) -> Span {
        let restart = down.or(self.system.restarts_after(node));
        if let Some(down) = restart {
            self.net.start_after(down, node);
        }
        restart.unwrap_or(Span::ZERO)
    }

    pub(super) fn continue_fault(&mut self, step: Step<S::Vocabulary>) {
        match step {
            Step::Start(actor) => {
                if matches!(self.net.nodes[actor as usize].process, Process::Down | Process::HostDown) {
                    self.start_process(actor);
                }
            }
            Step::Resume(actor, number) => self.resume(actor, number),
            Step::Unblock(links) => self.net.unblock(&links),
            Step::Unslow(links, by) => {
                links.iter().for_each(|(from, to)| self.net.links.quicken(*from, *to, Span(by)));
            }
            Step::KeepAnswers(number) => self.net.faults.lost_answers.retain(|l| l.number != number),
            Step::Unburden(actor, by) => {
                let burden = &mut self.net.nodes[actor as usize].burden;
                *burden = Span(burden.0.saturating_sub(by));
            }
            Step::Act(place, occasion) => self.begin_after_pause(place, occasion),
            Step::Own(step) => S::go_on(self, step),
            Step::Look => unreachable!("looked at before"),
        }
    }
}

impl<V: Vocabulary> Net<'_, V> {
    /// What needs no machine's help. Returns how long it lasts.
    fn act_on_the_network(&mut self, action: &Action<V>) -> Span {
        match action {
            Action::Pause { node, span } => {
                let number = self.pause(*node);
                self.step_after(*span, *node, Step::Resume(*node, number));
                *span
            }
            Action::Block { links, span } => {
                links.iter().for_each(|(from, to)| self.links.cut(*from, *to));
                self.step_after(*span, self.home, Step::Unblock(links.clone()));
                *span
            }
            Action::Slow { links, by, span } => {
                links.iter().for_each(|(from, to)| self.links.slow(*from, *to, *by));
                self.step_after(*span, self.home, Step::Unslow(links.clone(), by.0));
                *span
            }
            Action::LoseAnswers { node, kind, span } => {
                let number = self.faults.next_ordinal();
                self.faults.lost_answers.push(LostAnswers { node: *node, kind: *kind, number });
                self.step_after(*span, self.home, Step::KeepAnswers(number));
                *span
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
            Action::SlowNode { node, by, span } => {
                let burden = &mut self.nodes[*node as usize].burden;
                *burden = *burden + *by;
                self.step_after(*span, *node, Step::Unburden(*node, by.0));
                *span
            }
            Action::Message(effect) => {
                self.faults.for_this_message.push(*effect);
                Span::ZERO
            }
            Action::Crash { .. } | Action::PowerLoss { .. } | Action::Own(_) => {
                unreachable!("done where machines are at hand")
            }
        }
    }
}
