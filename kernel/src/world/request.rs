//! Requests: sent, arriving, handed over.

use super::connection::{Arrived, InHand};
use super::event::Event;
use super::process::Process;
use super::{TracedEvent, World};
use crate::envelope::Envelope;
use crate::queue::Rank;
use crate::schedule::Phase;
use crate::system::System;
use crate::time::Span;
use crate::vocabulary::{Kind as _, Message as _, Vocabulary};
use crate::{Actor, ConnId, CorrelationId};

type Channel<S> = <<S as System>::Vocabulary as Vocabulary>::Channel;
type Request<S> = <<S as System>::Vocabulary as Vocabulary>::Request;

impl<S: System> World<'_, S> {
    /// A node sends a request on a connection that is open.
    ///
    /// # Panics
    /// It has no such connection.
    #[inline(never)]
    pub fn send(&mut self, from: Actor, channel: Channel<S>, correlation: CorrelationId, request: Request<S>) {
        let found = self.net.nodes[from as usize].channels.iter().find(|(c, _)| *c == channel);
        let (_, conn) = *found.expect("a request is sent on a connection that is open");
        if self.net.triggers.concern(|| request.kind()) {
            let to = self.net.connection(conn).server;
            if self.triggered(Phase::Sending, from, to, &request) {
                return; // the sender is gone
            }
        }
        self.system.sending(from, &request);
        let link = self.net.connections[conn.0 as usize].to_server;
        let (delay, lost, tag) = self.fate_of_request(conn, link, channel, &request);
        let net = &mut self.net;
        let departure = net.departure(from, if net.service_per_kib == Span::ZERO { 0 } else { request.size() });
        let due = departure + net.links.latency(link);
        let connection = &mut net.connections[conn.0 as usize];
        if delay > Span::ZERO {
            net.delayed_until = net.delayed_until.max(due + delay);
        }
        if connection.dead {
            if net.tracer.is_some() {
                net.trace_message(conn, correlation, false, TracedEvent::Sent(&request, due));
                net.trace_message(conn, correlation, false, TracedEvent::Lost);
            }
            return; // the client will learn it
        }
        connection.requests += 1;
        connection.unanswered += 1;
        let at = (due + delay).max(connection.last_to_server);
        connection.last_to_server = at;
        let rank = connection.rank_to_server.with_ordinal(connection.requests);
        if net.tracer.is_some() {
            net.trace_message(conn, correlation, false, TracedEvent::Sent(&request, at));
        }
        if lost {
            if net.tracer.is_some() {
                net.trace_message(conn, correlation, false, TracedEvent::Lost);
            }
            net.kill(conn, at);
            return;
        }
        let mut envelope = net.requests.empty();
        envelope.content_mut().fill(correlation, request, tag);
        net.queue.push(at, rank, Event::Request(conn.0 as u32, envelope));
    }

    #[inline(never)]
    pub(super) fn request_arrives(&mut self, rank: Rank, number: u32, envelope: Envelope<Arrived<S::Vocabulary>>) {
        let conn = ConnId(u64::from(number));
        let connection = &self.net.connections[number as usize];
        if self.net.links.is_cut(connection.to_server) {
            let link = connection.to_server;
            self.net.hold(link, rank, conn, Event::Request(number, envelope));
            return;
        }
        let node = &self.net.nodes[connection.server as usize];
        if connection.server_open
            && connection.server_incarnation == node.incarnation
            && node.process != Process::HostDown
        {
            if connection.in_hand.is_none() && connection.inbox.is_empty() && node.is_serving() {
                self.hand_over(rank, conn, envelope);
            } else {
                self.net.connection(conn).inbox.push_back(envelope);
            }
            return;
        }
        let is_silent = node.process == Process::HostDown; // the reset comes when the host is back
        if self.net.tracer.is_some() {
            self.net.trace_message(conn, envelope.content().correlation, false, TracedEvent::Lost);
        }
        if !is_silent {
            self.net.reset_to_client(conn);
        }
    }

    /// The server takes the next request of a connection from its kernel.
    pub(super) fn next_request(&mut self, conn: ConnId) {
        let connection = &mut self.net.connections[conn.0 as usize];
        let node = &self.net.nodes[connection.server as usize];
        if connection.in_hand.is_some() || connection.server_incarnation != node.incarnation || !node.is_serving() {
            return;
        }
        if let Some(envelope) = connection.inbox.pop_front() {
            let rank = connection.rank_to_server.with_ordinal(envelope.content().correlation);
            self.hand_over_later(rank, conn, envelope);
        }
    }

    #[inline(never)]
    fn hand_over_later(&mut self, rank: Rank, conn: ConnId, envelope: Envelope<Arrived<S::Vocabulary>>) {
        self.hand_over(rank, conn, envelope);
    }

    #[inline(always)]
    fn hand_over(&mut self, rank: Rank, conn: ConnId, mut envelope: Envelope<Arrived<S::Vocabulary>>) {
        let net = &mut self.net;
        let tag = envelope.content_mut().tag.take();
        let Arrived { correlation, ref request, .. } = *envelope.content();
        let connection = &mut net.connections[conn.0 as usize];
        let (client, server) = (connection.client, connection.server);
        let kind = request.kind();
        let injected = tag.as_ref().and_then(|t| t.fate.error_before);
        connection.in_hand = Some(InHand { correlation, kind, tag });
        net.delivered(server, rank, u64::from(correlation) << 20 | kind.word(), request.content());
        if net.tracer.is_some() {
            net.trace_message(conn, correlation, false, TracedEvent::Request(request));
        }
        if let Some(response) = injected.and_then(|error| S::Vocabulary::refusal(request, error)) {
            self.respond(conn, response);
            return;
        }
        let watched = net.triggers.concern(|| kind).then(|| request.clone());
        let request = net.requests.open(envelope);
        self.system.request(net, server, client, conn, request);
        if let Some(request) = watched {
            // The answer is still in the buffer: a fault here comes after the handling and before the answer leaves.
            if self.triggered(Phase::Handled, client, server, &request) {
                self.net.out.clear();
                return;
            }
        }
        self.flush_here(server);
    }
}
