//! How messages travel: sending, arriving, being answered, connections made and closed.

use fencepost_protocol::io::{Channel, Client as _, ConnId, CorrelationId, NetInput, Output, Server as _};
use fencepost_protocol::message::{Request as KafkaRequest, Response as KafkaResponse};
use fencepost_protocol::time::{Instant, Span};

use super::event::Event;
use super::inject;
use super::line::{Answer, Arrived, Fate, InHand, Line, Tag};
use super::node::{Body, Node, Process};
use super::parcel::Parcel;
use super::{TracedEvent, World};
use crate::coverage::Seen;
use crate::explorer::{Explorer, Replay};
use crate::message::{Request, Response};
use crate::plan::NetworkPlan;
use crate::queue::{Class, Rank};
use crate::schedule::{Actor, Deviation, Effect, MessageName, Phase, Subject};

/// A connection dies after this much silence (the kernel gives up retransmitting).
const SILENCE: Span = Span::from_secs(15 * 60);

/// Tells what travels to the client of a line from what travels to the server of another one: two nodes may be clients of
/// each other.
const TO_CLIENT: u16 = 1 << 14;

/// Nominal one-way latencies, by (from, to).
pub(super) fn latencies(plan: &NetworkPlan, nodes: &[Node]) -> Vec<Span> {
    let is_client = |a: usize| matches!(nodes[a].body, Body::Client(_));
    let n = nodes.len();
    let mut table = Vec::with_capacity(n * n);
    for from in 0..n {
        for to in 0..n {
            table.push(match () {
                () if from == to => plan.loopback_latency,
                () if is_client(from) || is_client(to) => plan.client_latency,
                () => plan.broker_latency,
            });
        }
    }
    table
}

impl World<'_> {
    #[inline]
    fn latency(&self, from: Actor, to: Actor) -> Span {
        let index = from as usize * self.nodes.len() + to as usize;
        self.latencies[index] + self.faults.slow[index]
    }

    fn line(&mut self, conn: ConnId) -> &mut Line {
        &mut self.lines[conn.0 as usize]
    }

    /// When a message that `from` sends now leaves it: its processor does one thing at a time.
    #[inline]
    fn departure(&mut self, from: Actor, bytes: u64) -> Instant {
        let network = &self.plan.network;
        let node = &mut self.nodes[from as usize];
        let cost = network.service_per_message.0 + network.service_per_kib.0 * bytes / 1024 + node.burden.0;
        if cost == 0 {
            return self.now;
        }
        let start = node.busy_until.max(self.now);
        node.busy_until = start + Span(cost);
        node.busy_until
    }

    /// Sends what a machine pushed.
    pub(super) fn flush(&mut self, actor: Actor) {
        self.observe(actor);
        if self.tracer.is_some() && actor == self.controller {
            self.trace_leaders();
        }
        match self.out.len() {
            0 => {}
            1 => {
                let output = self.out.pop().expect("there is one");
                self.perform(actor, output);
            }
            _ => self.perform_all(actor),
        }
        if !self.sinks.is_empty() {
            self.flush_beside_kafka(actor);
        }
        self.rearm(actor);
    }

    fn perform_all(&mut self, actor: Actor) {
        let mut out = std::mem::take(&mut self.out);
        let incarnation = self.nodes[actor as usize].incarnation;
        for output in out.drain(..) {
            if self.nodes[actor as usize].incarnation != incarnation {
                break; // a fault that one of the messages triggered has ended the process
            }
            self.perform(actor, output);
        }
        if self.out.is_empty() {
            self.out = out;
        }
    }

    #[inline]
    fn perform(&mut self, actor: Actor, output: Output) {
        match output {
            Output::Send(channel, correlation, request) => {
                self.send(actor, channel, correlation, Request::Kafka(request));
            }
            Output::Respond(conn, response) => self.respond(conn, Some(Response::Kafka(response))),
            Output::Done(conn) => self.respond(conn, None),
            Output::Connect(channel) => self.connect(actor, channel),
            Output::Close(channel) => self.close(actor, channel),
            Output::CloseIncoming(conn) => self.close_incoming(conn),
        }
    }

    // ---- connecting ------------------------------------------------------------------------------------------------

    fn connect(&mut self, client: Actor, channel: Channel) {
        let server = self.actor_of(channel.to);
        let conn = ConnId(self.lines.len() as u64);
        let node = &mut self.nodes[client as usize];
        node.lines_made = (node.lines_made + 1) % TO_CLIENT;
        self.lines.push(Line::new(client, node.incarnation, server, channel, node.lines_made));
        node.channels.retain(|(c, _)| *c != channel);
        node.channels.push((channel, conn));
        let at = self.departure(client, 0) + self.latency(client, server);
        self.queue.push(at, self.rank_to_server(conn, 0), Event::Syn(conn));
    }

    fn rank_to_server(&self, conn: ConnId, ordinal: u32) -> Rank {
        let line = &self.lines[conn.0 as usize];
        Rank::new(Class::Message, line.server, line.client, line.number, ordinal)
    }

    fn rank_to_client(&self, conn: ConnId, ordinal: u32) -> Rank {
        let line = &self.lines[conn.0 as usize];
        Rank::new(Class::Message, line.client, line.server, line.number | TO_CLIENT, ordinal)
    }

    /// Whether bytes from one node to the other are held back; if so the event is kept until the link heals.
    fn held(&mut self, from: Actor, to: Actor, rank: Rank, conn: ConnId, event: impl FnOnce() -> Event) -> bool {
        if !self.faults.is_blocked(from, to) {
            return false;
        }
        self.faults.hold(from, to, rank, event());
        let at = self.now + SILENCE;
        self.queue.push(at, rank, Event::Silence(conn));
        true
    }

    pub(super) fn syn(&mut self, rank: Rank, conn: ConnId) {
        let (client, server) = (self.line(conn).client, self.line(conn).server);
        if self.held(client, server, rank, conn, || Event::Syn(conn)) {
            return;
        }
        let node = &self.nodes[server as usize];
        let accepted = match node.process {
            Process::Running | Process::Paused { .. } => true,
            Process::Down => false,
            Process::HostDown => return, // silence
        };
        let incarnation = node.incarnation;
        let line = self.line(conn);
        line.server_incarnation = incarnation;
        line.server_open = accepted;
        let at = self.now + self.latency(server, client);
        self.queue.push(at, self.rank_to_client(conn, 0), Event::SynAnswer(conn, accepted));
    }

    pub(super) fn syn_answer(&mut self, rank: Rank, conn: ConnId, accepted: bool) {
        let (client, server) = (self.line(conn).client, self.line(conn).server);
        if self.held(server, client, rank, conn, || Event::SynAnswer(conn, accepted)) {
            return;
        }
        if self.freeze(client, rank, || Event::SynAnswer(conn, accepted)) || !self.client_end_is_live(conn) {
            return;
        }
        let channel = self.line(conn).channel;
        if accepted {
            self.line(conn).established = true;
            self.tell_client(client, NetInput::Connected(channel));
        } else {
            self.forget_channel(client, channel, conn);
            self.line(conn).client_open = false;
            self.tell_client(client, NetInput::Disconnected(channel));
        }
    }

    fn client_end_is_live(&self, conn: ConnId) -> bool {
        let line = &self.lines[conn.0 as usize];
        let node = &self.nodes[line.client as usize];
        line.client_open && node.incarnation == line.client_incarnation && node.process.is_running()
    }

    fn forget_channel(&mut self, client: Actor, channel: Channel, conn: ConnId) {
        self.nodes[client as usize].channels.retain(|(c, id)| *c != channel || *id != conn);
    }

    // ---- requests --------------------------------------------------------------------------------------------------

    pub(super) fn send(&mut self, from: Actor, channel: Channel, correlation: CorrelationId, request: Request) {
        let found = self.nodes[from as usize].channels.iter().find(|(c, _)| *c == channel);
        let (_, conn) = *found.expect("a request is sent on a connection that is open");
        let to = self.line(conn).server;
        if self.triggers.any() && self.triggered(Phase::Sending, from, to, &request) {
            return; // the sender is gone
        }
        if let Request::Kafka(KafkaRequest::Produce(produce)) = &request {
            self.nodes[from as usize].count_retries(produce);
        }
        let (name, fate) = self.name_and_fate(from, to, channel, &request);
        let latency = self.latency(from, to);
        let departure = self.departure(from, if self.plan.network.service_per_kib.0 == 0 { 0 } else { size(&request) });
        if fate.delay_request > Span::ZERO {
            self.settle.waits_for(departure + latency + fate.delay_request);
        }
        let line = self.line(conn);
        if line.dead {
            if self.tracer.is_some() {
                self.trace_message(conn, correlation, false, TracedEvent::Sent(&request, departure + latency));
                self.trace_message(conn, correlation, false, TracedEvent::Lost);
            }
            return; // the client will learn it
        }
        line.requests += 1;
        line.unanswered += 1;
        let at = (departure + latency + fate.delay_request).max(line.last_to_server);
        line.last_to_server = at;
        let ordinal = line.requests;
        if self.tracer.is_some() {
            self.trace_message(conn, correlation, false, TracedEvent::Sent(&request, at));
        }
        if fate.lose_request {
            if self.tracer.is_some() {
                self.trace_message(conn, correlation, false, TracedEvent::Lost);
            }
            self.kill(conn, at);
            return;
        }
        let rank = self.rank_to_server(conn, ordinal);
        let tag = (name.is_some() || fate.concerns_answer()).then(|| Box::new(Tag { name, fate }));
        let parcel = self.requests.pack(Arrived { conn, correlation, request, tag });
        self.queue.push(at, rank, Event::Request(parcel));
    }

    /// Draws or looks up what happens to a request.
    #[inline]
    fn name_and_fate(
        &mut self,
        from: Actor,
        to: Actor,
        channel: Channel,
        request: &Request,
    ) -> (Option<MessageName>, Fate) {
        let name = match &mut self.attempts {
            Some(attempts) => Some(attempts.name(from, self.nodes[from as usize].incarnation, channel, request)),
            None => None,
        };
        let mut fate = Fate::default();
        if !self.faults.for_this_message.is_empty() {
            self.faults.for_this_message.drain(..).for_each(|effect| fate.apply(effect));
        }
        match &mut self.explorer {
            Explorer::Nominal => {}
            Explorer::Splice(replay, until, _) if self.now < *until => {
                take(replay, self.now, name, &mut fate, &mut self.recorded);
            }
            Explorer::Draw(draw) | Explorer::Splice(_, _, draw) => {
                if let Some(effect) = draw.draw(self.now, from, to, request.kind(), true) {
                    fate.apply(effect);
                    if let Some(coverage) = &mut self.coverage {
                        coverage.effect(&effect);
                    }
                    self.faults.executed += u32::from(!matches!(effect, Effect::DelayRequest(_)));
                    if let (Some(recorded), Some(name)) = (&mut self.recorded, name) {
                        recorded.push((self.now, Deviation::Message(name, effect)));
                    }
                }
            }
            Explorer::Replay(replay) => take(replay, self.now, name, &mut fate, &mut self.recorded),
        }
        (name, fate)
    }

    pub(super) fn request_arrives(&mut self, rank: Rank, parcel: Parcel<Arrived>) {
        let conn = parcel.content().conn;
        let line = &self.lines[conn.0 as usize];
        let (client, server) = (line.client, line.server);
        if self.faults.is_blocked(client, server) {
            self.held(client, server, rank, conn, || Event::Request(parcel));
            return;
        }
        let node = &self.nodes[server as usize];
        if node.process == Process::HostDown {
            if self.tracer.is_some() {
                self.trace_message(conn, parcel.content().correlation, false, TracedEvent::Lost);
            }
            return; // silence; the reset comes when the host is back
        }
        let line = &self.lines[conn.0 as usize];
        if !line.server_open || line.server_incarnation != node.incarnation {
            if self.tracer.is_some() {
                self.trace_message(conn, parcel.content().correlation, false, TracedEvent::Lost);
            }
            self.reset_to_client(conn);
            return;
        }
        if line.in_hand.is_some() || !line.inbox.is_empty() || !node.is_serving() {
            self.line(conn).inbox.push_back(parcel);
            return;
        }
        self.hand_over(rank, parcel);
    }

    /// The server takes the next request of a connection from its kernel.
    pub(super) fn next_request(&mut self, conn: ConnId) {
        let line = &self.lines[conn.0 as usize];
        let node = &self.nodes[line.server as usize];
        if line.in_hand.is_some() || line.server_incarnation != node.incarnation || !node.is_serving() {
            return;
        }
        if let Some(parcel) = self.line(conn).inbox.pop_front() {
            let line = &self.lines[conn.0 as usize];
            let rank = Rank::new(Class::Message, line.server, line.client, line.number, parcel.content().correlation);
            self.hand_over(rank, parcel);
        }
    }

    fn hand_over(&mut self, rank: Rank, parcel: Parcel<Arrived>) {
        let Arrived { conn, correlation, request, tag } = self.requests.open(parcel);
        let line = &mut self.lines[conn.0 as usize];
        let (client, server) = (line.client, line.server);
        let kind = request.kind();
        let injected = tag.as_ref().and_then(|t| t.fate.error_before);
        line.in_hand = Some(InHand { correlation, kind, tag, seen: Seen::default() });
        let (about, number) = Subject::of(&request).words();
        self.delivered(server, rank, kind.word() ^ about, number);
        if self.tracer.is_some() {
            self.trace_message(conn, correlation, false, TracedEvent::Request(&request));
        }
        if let Some(response) = injected.and_then(|error| inject::error_response(&request, error)) {
            self.respond(conn, Some(response));
            return;
        }
        let watched = self.triggers.any().then(|| request.clone());
        let now = self.now_at(server);
        let by = match request {
            Request::Kafka(_) => 0,
            Request::Sink(_) => self.history.client_number(&self.nodes[client as usize].name),
        };
        match (&mut self.nodes[server as usize].body, request) {
            (Body::Broker(slot), Request::Kafka(request)) => {
                let machine = slot.machine();
                if let Some(coverage) = &self.coverage
                    && let Some(in_hand) = &mut self.lines[conn.0 as usize].in_hand
                {
                    in_hand.seen = coverage.request(machine, &request);
                }
                machine.request(now, conn, request, &mut self.out);
            }
            (Body::Controller(controller), Request::Kafka(request)) => {
                controller.request(now, conn, request, &mut self.out);
            }
            (Body::Service(service), Request::Sink(request)) => {
                service.request(now, conn, by, *request);
            }
            (_, request) => panic!("a request goes to a node that serves its kind: {request:?}"),
        }
        if let Some(request) = watched {
            // The answer is still in the buffer: a fault here comes after the handling and before the answer leaves.
            if self.triggered(Phase::Handled, client, server, &request) {
                self.out.clear();
                return;
            }
        }
        self.flush(server);
    }

    // ---- answers ---------------------------------------------------------------------------------------------------

    pub(super) fn respond(&mut self, conn: ConnId, response: Option<Response>) {
        let line = &mut self.lines[conn.0 as usize];
        let in_hand = line.in_hand.take().expect("a server answers the request that it was given, once");
        line.unanswered = line.unanswered.saturating_sub(1);
        let (client, server) = (line.client, line.server);
        if !line.server_open || line.dead {
            if self.tracer.is_some() {
                self.trace_inbox(conn);
                if let Some(response) = &response {
                    let due = self.now + self.latency(server, client);
                    self.trace_message(conn, in_hand.correlation, true, TracedEvent::Answered(response, due));
                    self.trace_message(conn, in_hand.correlation, true, TracedEvent::Lost);
                }
            }
            let line = &mut self.lines[conn.0 as usize];
            line.inbox.clear(); // the answer cannot be sent: nothing more is read from this connection
            self.forget_closed(server);
            return;
        }
        if !line.inbox.is_empty() {
            let rank = Rank::new(Class::Message, server, client, line.number, u32::MAX);
            self.queue.push(self.now, rank, Event::NextRequest(conn));
        }
        let mut fate = in_hand.tag.as_ref().map_or(Fate::default(), |t| t.fate);
        let Some(mut response) = response else { return };
        if let (Some(coverage), Response::Kafka(response)) = (&mut self.coverage, &response) {
            coverage.answer(in_hand.seen, response);
        }
        let lose_all = !self.faults.lost_answers.is_empty()
            && self.faults.lost_answers.iter().any(|l| l.node == client && l.kind == in_hand.kind);
        if fate.lose_response || lose_all {
            if self.tracer.is_some() {
                let due = self.now + self.latency(server, client);
                self.trace_message(conn, in_hand.correlation, true, TracedEvent::Answered(&response, due));
                self.trace_message(conn, in_hand.correlation, true, TracedEvent::Lost);
            }
            self.kill(conn, self.now);
            return;
        }
        if let Some(error) = fate.error_after {
            inject::overwrite(&mut response, error);
        }
        let draw = match &mut self.explorer {
            Explorer::Draw(draw) => Some(draw),
            Explorer::Splice(_, from, draw) if self.now >= *from => Some(draw),
            _ => None,
        };
        if let Some(draw) = draw
            && let Some(effect) = draw.draw(self.now, server, client, in_hand.kind, false)
        {
            fate.apply(effect);
            if let Some(coverage) = &mut self.coverage {
                coverage.effect(&effect);
            }
            if let (Some(recorded), Some(name)) = (&mut self.recorded, in_hand.tag.as_ref().and_then(|t| t.name)) {
                recorded.push((self.now, Deviation::Message(name, effect)));
            }
        }
        let latency = self.latency(server, client);
        let bytes = if self.plan.network.service_per_kib.0 == 0 { 0 } else { response_size(&response) };
        let departure = self.departure(server, bytes);
        if fate.delay_response > Span::ZERO {
            self.settle.waits_for(departure + latency + fate.delay_response);
        }
        let line = self.line(conn);
        let at = (departure + latency + fate.delay_response).max(line.last_to_client);
        line.last_to_client = at;
        line.responses += 1;
        let ordinal = line.responses;
        let rank = self.rank_to_client(conn, ordinal);
        if self.tracer.is_some() {
            self.trace_message(conn, in_hand.correlation, true, TracedEvent::Answered(&response, at));
        }
        if self.triggers.any() {
            self.triggered_answer(Phase::Answered, client, server, &response);
        }
        let parcel = self.answers.pack(Answer { conn, correlation: in_hand.correlation, response });
        self.queue.push(at, rank, Event::Response(parcel));
    }

    pub(super) fn response_arrives(&mut self, rank: Rank, parcel: Parcel<Answer>) {
        let conn = parcel.content().conn;
        let line = &self.lines[conn.0 as usize];
        let (client, server, channel) = (line.client, line.server, line.channel);
        if self.faults.is_blocked(server, client) {
            self.held(server, client, rank, conn, || Event::Response(parcel));
            return;
        }
        let node = &mut self.nodes[client as usize];
        if let Process::Paused { .. } = node.process {
            node.frozen.push((rank, Event::Response(parcel)));
            return;
        }
        if !self.client_end_is_live(conn) {
            if self.tracer.is_some() {
                self.trace_message(conn, parcel.content().correlation, true, TracedEvent::Lost);
            }
            return;
        }
        let Answer { correlation, response, .. } = self.answers.open(parcel);
        self.delivered(client, rank, response.kind().word() | 1 << 16, u64::from(correlation) ^ response.word() << 22);
        if self.tracer.is_some() {
            self.trace_message(conn, correlation, true, TracedEvent::Response(&response));
        }
        let watched = self.triggers.any().then(|| response.clone());
        match response {
            Response::Kafka(response) => self.tell_client(client, NetInput::Response(channel, correlation, response)),
            Response::Sink(response) => self.tell_answer_of_sink(client, correlation, *response),
        }
        if let Some(response) = watched {
            self.triggered_answer(Phase::Received, client, server, &response);
        }
    }

    fn tell_client(&mut self, client: Actor, input: NetInput) {
        if self.tracer.is_some() {
            let (channel, what) = match &input {
                NetInput::Connected(channel) => (Some(*channel), TracedEvent::Connected),
                NetInput::Disconnected(channel) => (Some(*channel), TracedEvent::Disconnected),
                NetInput::Response(..) => (None, TracedEvent::Timer),
            };
            if let Some(channel) = channel {
                let peer = self.actor_of(channel.to);
                self.trace(peer, client, what);
            }
        }
        let now = self.now_at(client);
        match &mut self.nodes[client as usize].body {
            Body::Broker(slot) => slot.machine().net(now, input, &mut self.out),
            Body::Client(c) => {
                let told = self.coverage.as_ref().and_then(|coverage| coverage.told(c.producer_state()?, &input));
                c.net(now, input, &mut self.out, &mut self.history);
                if let (Some(told), Some(coverage), Some(after)) = (told, &mut self.coverage, c.producer_state()) {
                    coverage.became(told, after);
                }
            }
            Body::Controller(_) | Body::Service(_) => panic!("a node that only serves opens no connections"),
        }
        self.flush(client);
        self.maybe_serve(client);
    }

    // ---- closing ---------------------------------------------------------------------------------------------------

    /// A client closes its end: what it had sent may still arrive, then the server learns.
    fn close(&mut self, client: Actor, channel: Channel) {
        let Some((_, conn)) = self.nodes[client as usize].channels.iter().copied().find(|(c, _)| *c == channel) else {
            return;
        };
        self.forget_channel(client, channel, conn);
        self.close_client_end(conn);
    }

    /// The client's end is gone (closed, or its process died).
    pub(super) fn close_client_end(&mut self, conn: ConnId) {
        let now = self.now;
        let latency = self.latency(self.lines[conn.0 as usize].client, self.lines[conn.0 as usize].server);
        let line = self.line(conn);
        if !line.client_open {
            return;
        }
        line.client_open = false;
        let at = (now + latency).max(line.last_to_server);
        let ordinal = line.closing();
        self.queue.push(at, self.rank_to_server(conn, ordinal), Event::ClosedByClient(conn));
    }

    pub(super) fn closed_by_client(&mut self, rank: Rank, conn: ConnId) {
        let (client, server) = (self.line(conn).client, self.line(conn).server);
        if self.held(client, server, rank, conn, || Event::ClosedByClient(conn)) {
            return;
        }
        // What has arrived before is processed one by one, until an answer cannot be sent.
        self.line(conn).server_open = false;
        self.forget_closed(server);
    }

    fn close_incoming(&mut self, conn: ConnId) {
        if self.tracer.is_some() {
            self.trace_inbox(conn);
        }
        let line = self.line(conn);
        line.in_hand = None;
        line.inbox.clear();
        line.server_open = false;
        self.reset_to_client(conn);
    }

    /// Tells the client that the connection is gone.
    pub(super) fn reset_to_client(&mut self, conn: ConnId) {
        let now = self.now;
        let latency = self.latency(self.lines[conn.0 as usize].server, self.lines[conn.0 as usize].client);
        let line = self.line(conn);
        if line.dead || !line.client_open {
            return;
        }
        line.dead = true;
        let at = (now + latency).max(line.last_to_client);
        let ordinal = line.responses + 1;
        self.queue.push(at, self.rank_to_client(conn, ordinal), Event::ClosedByServer(conn));
    }

    /// A fault kills the connection: both ends learn it, nothing more gets through.
    fn kill(&mut self, conn: ConnId, at: Instant) {
        self.reset_to_client(conn);
        let line = self.line(conn);
        let at = at.max(line.last_to_server);
        let ordinal = line.closing();
        self.queue.push(at, self.rank_to_server(conn, ordinal), Event::ClosedByClient(conn));
    }

    pub(super) fn closed_by_server(&mut self, rank: Rank, conn: ConnId) {
        let (client, server) = (self.line(conn).client, self.line(conn).server);
        if self.held(server, client, rank, conn, || Event::ClosedByServer(conn)) {
            return;
        }
        if self.freeze(client, rank, || Event::ClosedByServer(conn)) || !self.client_end_is_live(conn) {
            return;
        }
        self.line(conn).client_open = false;
        let channel = self.line(conn).channel;
        self.forget_channel(client, channel, conn);
        self.tell_client(client, NetInput::Disconnected(channel));
    }

    /// Fifteen minutes after something was held: if it still is, the connection is dead.
    pub(super) fn silence(&mut self, conn: ConnId) {
        let (client, server) = (self.line(conn).client, self.line(conn).server);
        if !self.faults.holds(conn) {
            return;
        }
        self.faults.drop_held(conn);
        let line = self.line(conn);
        line.server_open = false;
        line.inbox.clear();
        if self.client_end_is_live(conn) {
            self.line(conn).client_open = false;
            let channel = self.line(conn).channel;
            self.forget_channel(client, channel, conn);
            self.tell_client(client, NetInput::Disconnected(channel));
        }
        self.forget_closed(server);
    }
}

impl Fate {
    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::DelayRequest(span) => self.delay_request = self.delay_request + span,
            Effect::DelayResponse(span) => self.delay_response = self.delay_response + span,
            Effect::LoseRequest => self.lose_request = true,
            Effect::LoseResponse => self.lose_response = true,
            Effect::ErrorBefore(error) => self.error_before = Some(error),
            Effect::ErrorAfter(error) => self.error_after = Some(error),
        }
    }
}

/// Applies what a written list says about a message.
fn take(
    replay: &mut Replay,
    now: Instant,
    name: Option<MessageName>,
    fate: &mut Fate,
    recorded: &mut Option<Vec<(Instant, Deviation)>>,
) {
    let name = name.expect("a replay names its messages");
    for effect in replay.take(&name) {
        fate.apply(effect);
        if let Some(recorded) = recorded {
            recorded.push((now, Deviation::Message(name, effect)));
        }
    }
}

/// Bytes of a request that matter for service times.
fn size(request: &Request) -> u64 {
    match request {
        Request::Kafka(KafkaRequest::Produce(r)) => {
            64 + r.partitions.iter().map(|p| u64::from(p.batch.size)).sum::<u64>()
        }
        _ => 64,
    }
}

fn response_size(response: &Response) -> u64 {
    match response {
        Response::Kafka(KafkaResponse::Fetch(r)) => {
            64 + r.partitions.iter().flat_map(|p| &p.batches).map(|b| u64::from(b.size)).sum::<u64>()
        }
        _ => 64,
    }
}
