//! Connections: made, closed, killed.

use super::connection::{Connection, NUMBERS};
use super::event::Event;
use super::process::Process;
use super::{Net, TracedEvent, World};
use crate::link::LinkId;
use crate::queue::Rank;
use crate::system::System;
use crate::time::{Instant, Span};
use crate::vocabulary::Vocabulary;
use crate::{Actor, ConnId};

/// A connection dies after this much silence (the kernel gives up retransmitting).
const SILENCE: Span = Span::from_secs(15 * 60);

/// What a digest is given besides requests: higher than the word of any kind, lower than what is shifted above it.
const CONNECTED: u64 = 1 << 18;
const DISCONNECTED: u64 = 1 << 18 | 1;

impl<V: Vocabulary> Net<'_, V> {
    #[inline]
    pub(super) fn connection(&mut self, conn: ConnId) -> &mut Connection<V> {
        &mut self.connections[conn.0 as usize]
    }

    /// When a message that `from` sends now leaves it: its processor does one thing at a time.
    #[inline]
    pub(super) fn departure(&mut self, from: Actor, bytes: u64) -> Instant {
        let node = &mut self.nodes[from as usize];
        let cost = node.burden.0 + if bytes == 0 { 0 } else { self.service_per_kib.0 * bytes / 1024 };
        if cost == 0 {
            return self.now;
        }
        let start = node.busy_until.max(self.now);
        node.busy_until = start + Span(cost);
        node.busy_until
    }

    /// Whether bytes on a link are held back; if so the event is kept until the link heals.
    #[inline]
    fn held(&mut self, link: LinkId, rank: Rank, conn: ConnId, event: impl FnOnce() -> Event<V>) -> bool {
        let held = self.links.is_cut(link);
        if held {
            self.hold(link, rank, conn, event());
        }
        held
    }

    #[cold]
    #[inline(never)]
    pub(super) fn hold(&mut self, link: LinkId, rank: Rank, conn: ConnId, event: Event<V>) {
        self.faults.hold(link, rank, event);
        self.queue.push(self.now + SILENCE, rank, Event::Silence(conn));
    }

    pub(super) fn syn(&mut self, rank: Rank, conn: ConnId) {
        let (server, to_server) = (self.connection(conn).server, self.connection(conn).to_server);
        if self.held(to_server, rank, conn, || Event::Syn(conn)) {
            return;
        }
        let node = &self.nodes[server as usize];
        let accepted = match node.process {
            Process::Running | Process::Paused { .. } => true,
            Process::Down => false,
            Process::HostDown => return, // silence
        };
        let incarnation = node.incarnation;
        let connection = self.connection(conn);
        connection.server_incarnation = incarnation;
        connection.server_open = accepted;
        let (rank, link) = (connection.rank_to_client, connection.to_client);
        let at = self.now + self.links.latency(link);
        self.queue.push(at, rank, if accepted { Event::Accepted(conn) } else { Event::Refused(conn) });
    }

    fn client_end_is_live(&self, conn: ConnId) -> bool {
        let connection = &self.connections[conn.0 as usize];
        let node = &self.nodes[connection.client as usize];
        connection.client_open && node.incarnation == connection.client_incarnation && node.process.is_running()
    }

    fn forget_channel(&mut self, client: Actor, channel: V::Channel, conn: ConnId) {
        self.nodes[client as usize].channels.retain(|(c, id)| *c != channel || *id != conn);
    }

    /// A client closes its end: what it had sent may still arrive, then the server learns.
    pub fn close(&mut self, client: Actor, channel: V::Channel) {
        let Some((_, conn)) = self.nodes[client as usize].channels.iter().copied().find(|(c, _)| *c == channel) else {
            return;
        };
        self.forget_channel(client, channel, conn);
        self.close_client_end(conn);
    }

    /// The client's end is gone (closed, or its process died).
    pub(super) fn close_client_end(&mut self, conn: ConnId) {
        let connection = &mut self.connections[conn.0 as usize];
        if !connection.client_open {
            return;
        }
        connection.client_open = false;
        let at = (self.now + self.links.latency(connection.to_server)).max(connection.last_to_server);
        let rank = connection.rank_to_server.with_ordinal(connection.closing());
        self.queue.push(at, rank, Event::ClosedByClient(conn));
    }

    /// A server closes its end.
    pub fn close_incoming(&mut self, conn: ConnId) {
        if self.tracer.is_some() {
            self.trace_inbox(conn);
        }
        let connection = self.connection(conn);
        connection.in_hand = None;
        connection.inbox.clear();
        connection.server_open = false;
        self.reset_to_client(conn);
    }

    /// Tells the client that the connection is gone.
    pub(super) fn reset_to_client(&mut self, conn: ConnId) {
        let connection = &mut self.connections[conn.0 as usize];
        if connection.dead || !connection.client_open {
            return;
        }
        connection.dead = true;
        let at = (self.now + self.links.latency(connection.to_client)).max(connection.last_to_client);
        let rank = connection.rank_to_client.with_ordinal(connection.responses + 1);
        self.queue.push(at, rank, Event::ClosedByServer(conn));
    }

    /// A fault kills the connection: both ends learn it, nothing more gets through.
    pub(super) fn kill(&mut self, conn: ConnId, at: Instant) {
        self.reset_to_client(conn);
        let connection = self.connection(conn);
        let at = at.max(connection.last_to_server);
        let rank = connection.rank_to_server.with_ordinal(connection.closing());
        self.queue.push(at, rank, Event::ClosedByClient(conn));
    }
}

impl<S: System> World<'_, S> {
    /// A node opens a connection.
    pub fn connect(&mut self, client: Actor, channel: <S::Vocabulary as Vocabulary>::Channel) {
        let server = self.system.actor_of(channel);
        let net = &mut self.net;
        let number = u32::try_from(net.connections.len()).expect("a run has fewer than 2^32 connections");
        let conn = ConnId(u64::from(number));
        let node = &mut net.nodes[client as usize];
        node.connections_made = (node.connections_made + 1) % NUMBERS;
        let connection = Connection::new(client, node.incarnation, server, channel, node.connections_made, &net.links);
        node.channels.retain(|(c, _)| *c != channel);
        node.channels.push((channel, conn));
        let (rank, link) = (connection.rank_to_server, connection.to_server);
        net.connections.push(connection);
        let at = net.departure(client, 0) + net.links.latency(link);
        net.queue.push(at, rank, Event::Syn(conn));
    }

    pub(super) fn syn_answer(&mut self, rank: Rank, conn: ConnId, accepted: bool) {
        let net = &mut self.net;
        let (client, to_client) = (net.connection(conn).client, net.connection(conn).to_client);
        let again = || if accepted { Event::Accepted(conn) } else { Event::Refused(conn) };
        if net.held(to_client, rank, conn, again) {
            return;
        }
        if net.freeze(client, rank, again) || !net.client_end_is_live(conn) {
            return;
        }
        if accepted {
            net.connection(conn).established = true;
            self.tell_connected(rank, conn);
        } else {
            self.lose_client_end(rank, conn);
        }
    }

    pub(super) fn closed_by_client(&mut self, rank: Rank, conn: ConnId) {
        let net = &mut self.net;
        let (server, to_server) = (net.connection(conn).server, net.connection(conn).to_server);
        if net.held(to_server, rank, conn, || Event::ClosedByClient(conn)) {
            return;
        }
        // What has arrived before is processed one by one, until an answer cannot be sent.
        net.connection(conn).server_open = false;
        self.forget_closed(server);
    }

    pub(super) fn closed_by_server(&mut self, rank: Rank, conn: ConnId) {
        let net = &mut self.net;
        let (client, to_client) = (net.connection(conn).client, net.connection(conn).to_client);
        if net.held(to_client, rank, conn, || Event::ClosedByServer(conn)) {
            return;
        }
        if net.freeze(client, rank, || Event::ClosedByServer(conn)) || !net.client_end_is_live(conn) {
            return;
        }
        self.lose_client_end(rank, conn);
    }

    /// Fifteen minutes after something was held: if it still is, the connection is dead.
    pub(super) fn silence(&mut self, rank: Rank, conn: ConnId) {
        let net = &mut self.net;
        if !net.faults.holds(conn) {
            return;
        }
        net.faults.drop_held(conn);
        let connection = net.connection(conn);
        let server = connection.server;
        connection.server_open = false;
        connection.inbox.clear();
        if net.client_end_is_live(conn) {
            self.lose_client_end(rank, conn);
        }
        self.forget_closed(server);
    }

    #[inline(never)]
    fn tell_connected(&mut self, rank: Rank, conn: ConnId) {
        let (client, channel) = self.tell_of_connection(rank, conn, CONNECTED, TracedEvent::Connected);
        self.system.connected(&mut self.net, client, channel);
        self.flush(client);
        self.maybe_serve(client);
    }

    #[inline(never)]
    fn lose_client_end(&mut self, rank: Rank, conn: ConnId) {
        let connection = self.net.connection(conn);
        connection.client_open = false;
        let (client, channel) = (connection.client, connection.channel);
        self.net.forget_channel(client, channel, conn);
        self.tell_of_connection(rank, conn, DISCONNECTED, TracedEvent::Disconnected);
        self.system.disconnected(&mut self.net, client, channel);
        self.flush(client);
        self.maybe_serve(client);
    }

    fn tell_of_connection(
        &mut self,
        rank: Rank,
        conn: ConnId,
        what: u64,
        told: TracedEvent<'_, S::Vocabulary>,
    ) -> (Actor, <S::Vocabulary as Vocabulary>::Channel) {
        let net = &mut self.net;
        let connection = &net.connections[conn.0 as usize];
        let (client, server, channel) = (connection.client, connection.server, connection.channel);
        net.digest.add_event([net.now.0, rank.word(), what, S::Vocabulary::channel_word(channel)]);
        if net.tracer.is_some() {
            net.trace(server, client, told);
        }
        (client, channel)
    }

    /// Tells a server which of its connections are gone and have nothing left to be done.
    pub(super) fn forget_closed(&mut self, server: Actor) {
        if !self.system.minds_closing(server) || !self.net.nodes[server as usize].process.is_running() {
            return;
        }
        let gone = |c: &Connection<S::Vocabulary>| c.server == server && !c.server_open && c.inbox.is_empty();
        let connections = &self.net.connections;
        let gone: Vec<ConnId> =
            (0..connections.len()).filter(|n| gone(&connections[*n])).map(|n| ConnId(n as u64)).collect();
        for conn in gone {
            self.system.closed(&mut self.net, server, conn);
        }
        self.flush(server);
    }
}
