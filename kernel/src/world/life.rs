//! The life of processes: starting, ending, standing still, and the time that they are told.

use std::collections::VecDeque;

use super::event::{Event, Step};
use super::process::{Ended, Process};
use super::{Net, TracedEvent, World};
use crate::queue::{Class, Rank};
use crate::system::System;
use crate::time::{Instant, Span};
use crate::vocabulary::Vocabulary;
use crate::{Actor, ConnId};

impl<V: Vocabulary> Net<'_, V> {
    /// A process will begin to run.
    pub fn start_after(&mut self, pause: Span, actor: Actor) {
        self.nodes[actor as usize].comes_back = true;
        self.step_after(pause, actor, Step::Start(actor));
    }

    /// Connections to the host's former processes: their peers' retransmissions are now answered with a reset.
    fn reset_peers_of_returned_host(&mut self, actor: Actor) {
        for index in 0..self.connections.len() {
            let c = &self.connections[index];
            if c.server == actor && c.client_open && !c.dead && c.unanswered > 0 {
                self.reset_to_client(ConnId(index as u64));
            }
        }
    }

    /// Tells the tracer that a process ends, with what waits in its kernel.
    fn trace_end(&mut self, actor: Actor, power: bool) {
        self.trace(actor, actor, TracedEvent::Stopped { power });
        for index in 0..self.connections.len() {
            if self.connections[index].server == actor && self.connections[index].server_open {
                self.trace_inbox(ConnId(index as u64));
            }
        }
    }

    #[inline(never)]
    fn arm(&mut self, actor: Actor, deadline: Instant) {
        let node = &mut self.nodes[actor as usize];
        let at = deadline.max(self.now);
        node.wake_at = at;
        let rank = Rank::new(Class::Timer, actor, actor, 0, 0);
        self.queue.push(at, rank, Event::Timeout(actor, node.incarnation));
    }

    /// While a process stands still, what reaches it waits. Returns whether it was kept.
    pub(super) fn freeze(&mut self, actor: Actor, rank: Rank, event: impl FnOnce() -> Event<V>) -> bool {
        let node = &mut self.nodes[actor as usize];
        let paused = matches!(node.process, Process::Paused { .. });
        if paused {
            node.frozen.push((rank, event()));
        }
        paused
    }

    pub(super) fn pause(&mut self, actor: Actor) -> u32 {
        let node = &mut self.nodes[actor as usize];
        node.pauses += 1;
        let number = node.pauses;
        node.process = Process::Paused { number };
        if self.tracer.is_some() {
            self.trace(actor, actor, TracedEvent::Paused);
        }
        number
    }

    /// A server begins, or goes on, to take requests from its connections.
    fn read_inboxes(&mut self, actor: Actor) {
        for index in 0..self.connections.len() {
            let c = &self.connections[index];
            if c.server == actor && c.in_hand.is_none() && !c.inbox.is_empty() {
                self.queue.push(self.now, c.rank_to_server, Event::NextRequest(ConnId(index as u64)));
            }
        }
    }
}

impl<S: System> World<'_, S> {
    /// A process begins to run.
    pub fn start_process(&mut self, actor: Actor) {
        let node = &mut self.net.nodes[actor as usize];
        let host_was_down = node.process == Process::HostDown;
        node.process = Process::Running;
        node.comes_back = false;
        node.wake_at = Instant::NEVER;
        if self.net.tracer.is_some() {
            self.net.trace(actor, actor, TracedEvent::Started);
        }
        if host_was_down {
            self.net.reset_peers_of_returned_host(actor);
        }
        self.system.start(&mut self.net, actor);
        self.net.nodes[actor as usize].serving = self.system.is_ready(actor);
        self.flush(actor);
    }

    /// A process ends. Its host resets its connections, unless it is gone too.
    pub fn end_process(&mut self, actor: Actor, ending: Ended) {
        let net = &mut self.net;
        if net.tracer.is_some() {
            net.trace_end(actor, ending.is_power_loss());
        }
        let node = &mut net.nodes[actor as usize];
        node.incarnation += 1;
        node.ended_at = net.now;
        node.process = if ending.is_power_loss() { Process::HostDown } else { Process::Down };
        node.frozen.clear();
        node.busy_until = Instant::ZERO;
        node.serving = false;
        let channels = std::mem::take(&mut node.channels);
        self.system.end(net, actor, ending);
        for (_, conn) in channels {
            if ending.is_power_loss() {
                net.connections[conn.0 as usize].client_open = false;
            } else {
                net.close_client_end(conn);
            }
        }
        for index in 0..net.connections.len() {
            let connection = &mut net.connections[index];
            if connection.server != actor || !connection.server_open {
                continue;
            }
            connection.server_open = false;
            connection.in_hand = None;
            connection.inbox = VecDeque::new();
            if !ending.is_power_loss() {
                net.reset_to_client(ConnId(index as u64));
            }
        }
    }

    /// The machine's next deadline may have come nearer.
    #[inline(always)]
    pub fn rearm(&mut self, actor: Actor) {
        let node = &self.net.nodes[actor as usize];
        if node.process.is_running() {
            let deadline = self.system.poll_timeout(actor);
            if deadline < node.wake_at {
                self.net.arm(actor, deadline);
            }
        }
    }

    pub(super) fn timeout(&mut self, actor: Actor, incarnation: u32, rank: Rank) {
        let now = self.net.now;
        let node = &mut self.net.nodes[actor as usize];
        if node.incarnation != incarnation || node.wake_at != now || !node.process.is_running() {
            return; // an older alarm, or of an older process
        }
        node.wake_at = Instant::NEVER;
        if self.system.poll_timeout(actor) > now {
            self.rearm(actor); // what the alarm was set for is gone
            return;
        }
        self.net.delivered(actor, rank, 1 << 17, 0);
        if self.net.tracer.is_some() {
            self.net.trace(actor, actor, TracedEvent::Timer);
        }
        self.system.handle_timeout(&mut self.net, actor);
        self.flush(actor);
    }

    pub(super) fn resume(&mut self, actor: Actor, number: u32) {
        let net = &mut self.net;
        let node = &mut net.nodes[actor as usize];
        if node.process != (Process::Paused { number }) {
            return;
        }
        node.process = Process::Running;
        node.wake_at = Instant::NEVER;
        let frozen = std::mem::take(&mut node.frozen);
        if net.tracer.is_some() {
            net.trace(actor, actor, TracedEvent::Resumed);
        }
        for (rank, event) in frozen {
            net.queue.push(net.now, rank, event);
        }
        net.read_inboxes(actor);
        self.forget_closed(actor);
        self.rearm(actor);
    }

    /// A server may have begun to take requests.
    #[inline]
    pub(super) fn maybe_serve(&mut self, actor: Actor) {
        let node = &mut self.net.nodes[actor as usize];
        if !node.serving && node.process.is_running() && self.system.is_ready(actor) {
            node.serving = true;
            self.net.read_inboxes(actor);
        }
    }
}
