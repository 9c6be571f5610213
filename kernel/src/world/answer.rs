//! Answers: sent, arriving, taken in.

use super::connection::{Answer, InHand};
use super::event::Event;
use super::process::Process;
use super::{Net, TracedEvent, World};
use crate::envelope::Envelope;
use crate::link::LinkId;
use crate::queue::Rank;
use crate::schedule::Phase;
use crate::system::System;
use crate::time::Span;
use crate::vocabulary::{Kind as _, Message as _, Vocabulary};
use crate::{Actor, ConnId, CorrelationId};

/// What a digest is given besides requests: higher than the word of any kind, lower than what is shifted above it.
const ANSWER: u64 = 1 << 16;

/// A request whose answer can be sent.
struct InTurn<V: Vocabulary> {
    in_hand: InHand<V>,
    server: Actor,
    /// The way of the answer.
    link: LinkId,
}

impl<V: Vocabulary> Net<'_, V> {
    /// The server is done with the request in hand, and will read the next one. None if nothing can be sent any more.
    #[inline(always)]
    fn take_in_hand(&mut self, conn: ConnId) -> Result<InTurn<V>, InHand<V>> {
        let connection = &mut self.connections[conn.0 as usize];
        let in_hand = connection.in_hand.take().expect("a server answers the request that it was given, once");
        connection.unanswered = connection.unanswered.saturating_sub(1);
        if !connection.server_open || connection.dead {
            return Err(in_hand);
        }
        let (server, link) = (connection.server, connection.to_client);
        if !connection.inbox.is_empty() {
            let rank = connection.rank_to_server.with_ordinal(u32::MAX);
            self.queue.push(self.now, rank, Event::NextRequest(conn));
        }
        Ok(InTurn { in_hand, server, link })
    }

    /// Tells the tracer of an answer that will not arrive.
    fn trace_lost_answer(&mut self, conn: ConnId, correlation: CorrelationId, response: &V::Response) {
        if self.tracer.is_some() {
            let due = self.now + self.links.latency(self.connections[conn.0 as usize].to_client);
            self.trace_message(conn, correlation, true, TracedEvent::Answered(response, due));
            self.trace_message(conn, correlation, true, TracedEvent::Lost);
        }
    }
}

impl<S: System> World<'_, S> {
    /// The request in hand has no answer.
    pub fn done(&mut self, conn: ConnId) {
        if self.net.take_in_hand(conn).is_err() {
            self.leave_inbox(conn);
        }
    }

    /// An answer cannot be sent: nothing more is read from this connection.
    #[cold]
    fn leave_inbox(&mut self, conn: ConnId) {
        if self.net.tracer.is_some() {
            self.net.trace_inbox(conn);
        }
        let connection = self.net.connection(conn);
        let server = connection.server;
        connection.inbox.clear();
        self.forget_closed(server);
    }

    /// A server answers the request in hand of a connection.
    #[inline(never)]
    pub fn respond(&mut self, conn: ConnId, mut response: <S::Vocabulary as Vocabulary>::Response) {
        let InTurn { in_hand, server, link } = match self.net.take_in_hand(conn) {
            Ok(in_turn) => in_turn,
            Err(in_hand) => {
                self.leave_inbox(conn);
                return self.net.trace_lost_answer(conn, in_hand.correlation, &response);
            }
        };
        let correlation = in_hand.correlation;
        self.system.answering(conn, &response);
        let Some(delay) = self.fate_of_answer(conn, link, in_hand, &mut response) else {
            self.net.trace_lost_answer(conn, correlation, &response);
            return self.net.kill(conn, self.net.now);
        };
        let net = &mut self.net;
        let bytes = if net.service_per_kib == Span::ZERO { 0 } else { response.size() };
        let due = net.departure(server, bytes) + net.links.latency(link) + delay;
        if delay > Span::ZERO {
            net.delayed_until = net.delayed_until.max(due);
        }
        let connection = &mut net.connections[conn.0 as usize];
        let at = due.max(connection.last_to_client);
        connection.last_to_client = at;
        connection.responses += 1;
        let rank = connection.rank_to_client.with_ordinal(connection.responses);
        if net.tracer.is_some() {
            net.trace_message(conn, correlation, true, TracedEvent::Answered(&response, at));
        }
        if net.triggers.concern(|| response.kind()) {
            let client = net.connection(conn).client;
            self.triggered_answer(Phase::Answered, client, server, &response);
        }
        let mut envelope = self.net.answers.empty();
        envelope.content_mut().fill(correlation, response);
        self.net.queue.push(at, rank, Event::Response(conn.0 as u32, envelope));
    }

    #[inline(never)]
    pub(super) fn response_arrives(&mut self, rank: Rank, number: u32, envelope: Envelope<Answer<S::Vocabulary>>) {
        let net = &mut self.net;
        let conn = ConnId(u64::from(number));
        let connection = &net.connections[number as usize];
        let (client, channel) = (connection.client, connection.channel);
        if net.links.is_cut(connection.to_client) {
            let link = connection.to_client;
            return net.hold(link, rank, conn, Event::Response(number, envelope));
        }
        let node = &mut net.nodes[client as usize];
        if let Process::Paused { .. } = node.process {
            node.frozen.push((rank, Event::Response(number, envelope)));
            return;
        }
        if !connection.client_open || node.incarnation != connection.client_incarnation || !node.process.is_running() {
            if net.tracer.is_some() {
                net.trace_message(conn, envelope.content().correlation, true, TracedEvent::Lost);
            }
            return;
        }
        let Answer { correlation, ref response } = *envelope.content();
        let what = u64::from(correlation) << 20 | ANSWER | response.kind().word();
        net.delivered(client, rank, what, response.content());
        if net.tracer.is_some() {
            net.trace_message(conn, correlation, true, TracedEvent::Response(response));
        }
        let watched = net.triggers.concern(|| response.kind()).then(|| response.clone());
        let response = net.answers.open(envelope);
        self.system.answered(net, client, channel, correlation, response);
        self.flush_here(client);
        self.maybe_serve(client);
        if let Some(response) = watched {
            let server = self.net.connection(conn).server;
            self.triggered_answer(Phase::Received, client, server, &response);
        }
    }
}
