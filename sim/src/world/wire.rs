//! How messages travel: sending, arriving, being answered, connections made and closed.

use fencepost_protocol::io::{Channel, Client as _, ConnId, CorrelationId, NetInput, Output, Server as _};
use fencepost_protocol::message::{Request as KafkaRequest, Response as KafkaResponse};
use fencepost_protocol::time::{Instant, Span};

use super::event::Event;
use super::inject;
use super::line::{Answer, Arrived, Fate, InHand, LINE_NUMBERS, Line, Tag};
use super::link::LinkId;
use super::node::{Body, Process};
use super::{TracedEvent, World};
use crate::explorer::{Explorer, Replay};
use crate::message::{Request, Response};
use crate::queue::Rank;
use crate::schedule::{Actor, Deviation, Effect, MessageName, Phase};
use fencepost_kernel::envelope::Envelope;

/// A connection dies after this much silence (the kernel gives up retransmitting).
const SILENCE: Span = Span::from_secs(15 * 60);

/// What a digest is given besides requests: higher than the word of any kind, lower than what is shifted above it.
const ANSWER: u64 = 1 << 16;
const CONNECTED: u64 = 1 << 18;
const DISCONNECTED: u64 = 1 << 18 | 1;

/// A request whose answer can be sent.
struct InTurn {
    in_hand: InHand,
    server: Actor,
    /// The way of the answer.
    link: LinkId,
}

impl World<'_> {
    fn line(&mut self, conn: ConnId) -> &mut Line {
        &mut self.lines[conn.0 as usize]
    }

    /// When a message that `from` sends now leaves it: its processor does one thing at a time.
    #[inline]
    fn departure(&mut self, from: Actor, bytes: u64) -> Instant {
        let node = &mut self.nodes[from as usize];
        let cost = node.burden.0 + if bytes == 0 { 0 } else { self.service_per_kib.0 * bytes / 1024 };
        if cost == 0 {
            return self.now;
        }
        let start = node.busy_until.max(self.now);
        node.busy_until = start + Span(cost);
        node.busy_until
    }

    /// Sends what a machine pushed.
    #[inline(never)]
    pub(super) fn flush(&mut self, actor: Actor) {
        self.flush_here(actor);
    }

    /// The same, where most messages come by: it is one of a message's few calls that can be saved.
    #[inline(always)]
    fn flush_here(&mut self, actor: Actor) {
        self.observe(actor);
        if self.tracer.is_some() && actor == self.controller {
            self.trace_leaders();
        }
        if self.out.len() > 1 {
            self.perform_all(actor);
        } else if let Some(output) = self.out.pop() {
            self.perform(actor, output);
        }
        if !self.sinks.is_empty() {
            self.flush_beside_kafka(actor);
        }
        self.rearm(actor);
    }

    #[inline(never)]
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

    #[inline(always)]
    fn perform(&mut self, actor: Actor, output: Output) {
        match output {
            Output::Send(channel, correlation, request) => {
                self.send(actor, channel, correlation, Request::Kafka(request));
            }
            Output::Respond(conn, response) => self.respond(conn, Response::Kafka(response)),
            Output::Done(conn) => self.done(conn),
            Output::Connect(channel) => self.connect(actor, channel),
            Output::Close(channel) => self.close(actor, channel),
            Output::CloseIncoming(conn) => self.close_incoming(conn),
        }
    }

    // ---- connecting ------------------------------------------------------------------------------------------------

    fn connect(&mut self, client: Actor, channel: Channel) {
        let server = self.actor_of(channel.to);
        let number = u32::try_from(self.lines.len()).expect("a run has fewer than 2^32 connections");
        let conn = ConnId(u64::from(number));
        let node = &mut self.nodes[client as usize];
        node.lines_made = (node.lines_made + 1) % LINE_NUMBERS;
        let line = Line::new(client, node.incarnation, server, channel, node.lines_made, &self.links);
        node.channels.retain(|(c, _)| *c != channel);
        node.channels.push((channel, conn));
        let (rank, link) = (line.rank_to_server, line.to_server);
        self.lines.push(line);
        let at = self.departure(client, 0) + self.links.latency(link);
        self.queue.push(at, rank, Event::Syn(conn));
    }

    /// Whether bytes on a link are held back; if so the event is kept until the link heals.
    #[inline]
    fn held(&mut self, link: LinkId, rank: Rank, conn: ConnId, event: impl FnOnce() -> Event) -> bool {
        let held = self.links.is_cut(link);
        if held {
            self.hold(link, rank, conn, event());
        }
        held
    }

    #[cold]
    #[inline(never)]
    fn hold(&mut self, link: LinkId, rank: Rank, conn: ConnId, event: Event) {
        self.faults.hold(link, rank, event);
        self.queue.push(self.now + SILENCE, rank, Event::Silence(conn));
    }

    pub(super) fn syn(&mut self, rank: Rank, conn: ConnId) {
        let (server, to_server) = (self.line(conn).server, self.line(conn).to_server);
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
        let line = self.line(conn);
        line.server_incarnation = incarnation;
        line.server_open = accepted;
        let (rank, link) = (line.rank_to_client, line.to_client);
        let at = self.now + self.links.latency(link);
        self.queue.push(at, rank, if accepted { Event::Accepted(conn) } else { Event::Refused(conn) });
    }

    pub(super) fn syn_answer(&mut self, rank: Rank, conn: ConnId, accepted: bool) {
        let (client, to_client) = (self.line(conn).client, self.line(conn).to_client);
        let again = || if accepted { Event::Accepted(conn) } else { Event::Refused(conn) };
        if self.held(to_client, rank, conn, again) {
            return;
        }
        if self.freeze(client, rank, again) || !self.client_end_is_live(conn) {
            return;
        }
        let channel = self.line(conn).channel;
        if accepted {
            self.line(conn).established = true;
            self.tell_client(client, rank, NetInput::Connected(channel));
        } else {
            self.forget_channel(client, channel, conn);
            self.line(conn).client_open = false;
            self.tell_client(client, rank, NetInput::Disconnected(channel));
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

    #[inline(never)]
    pub(super) fn send(&mut self, from: Actor, channel: Channel, correlation: CorrelationId, request: Request) {
        let found = self.nodes[from as usize].channels.iter().find(|(c, _)| *c == channel);
        let (_, conn) = *found.expect("a request is sent on a connection that is open");
        if self.triggers.concern(|| request.kind()) {
            let to = self.line(conn).server;
            if self.triggered(Phase::Sending, from, to, &request) {
                return; // the sender is gone
            }
        }
        if let Request::Kafka(KafkaRequest::Produce(produce)) = &request {
            self.nodes[from as usize].count_retries(produce);
        }
        let link = self.lines[conn.0 as usize].to_server;
        let (delay, lost, tag) = self.fate_of_request(conn, link, channel, &request);
        let departure = self.departure(from, if self.service_per_kib == Span::ZERO { 0 } else { size(&request) });
        let due = departure + self.links.latency(link);
        let line = &mut self.lines[conn.0 as usize];
        if delay > Span::ZERO {
            self.settle.waits_for(due + delay);
        }
        if line.dead {
            if self.tracer.is_some() {
                self.trace_message(conn, correlation, false, TracedEvent::Sent(&request, due));
                self.trace_message(conn, correlation, false, TracedEvent::Lost);
            }
            return; // the client will learn it
        }
        line.requests += 1;
        line.unanswered += 1;
        let at = (due + delay).max(line.last_to_server);
        line.last_to_server = at;
        let rank = line.rank_to_server.with_ordinal(line.requests);
        if self.tracer.is_some() {
            self.trace_message(conn, correlation, false, TracedEvent::Sent(&request, at));
        }
        if lost {
            if self.tracer.is_some() {
                self.trace_message(conn, correlation, false, TracedEvent::Lost);
            }
            self.kill(conn, at);
            return;
        }
        let mut envelope = self.requests.empty();
        envelope.content_mut().fill(correlation, request, tag);
        self.queue.push(at, rank, Event::Request(conn.0 as u32, envelope));
    }

    /// How long a request is delayed, whether it is lost, and what goes with it for its answer.
    #[inline(always)]
    fn fate_of_request(
        &mut self,
        conn: ConnId,
        link: LinkId,
        channel: Channel,
        request: &Request,
    ) -> (Span, bool, Option<Box<Tag>>) {
        let mut drawn = None;
        if self.is_plain && self.faults.for_this_message.is_empty() {
            if let Explorer::Draw(draw) = &mut self.explorer {
                drawn = draw.draw(self.now, link, request.kind(), true);
            }
            // What most messages meet.
            match drawn {
                None => return (Span::ZERO, false, None),
                Some(Effect::DelayRequest(span)) if self.coverage.is_none() => return (span, false, None),
                Some(_) => {}
            }
        }
        if self.recorded.is_none() && self.faults.for_this_message.is_empty() && self.is_nominal(conn, channel, request)
        {
            return (Span::ZERO, false, None);
        }
        let Tag { name, fate } = self.name_and_fate(conn, channel, request, drawn);
        // The answer's deviation is written down under the name of its request.
        let name = name.filter(|_| self.recorded.is_some());
        let tag = (name.is_some() || fate.concerns_answer()).then(|| Box::new(Tag { name, fate }));
        (fate.delay_request, fate.lose_request, tag)
    }

    /// Looks up what happens to a request, or draws it, unless that is done.
    #[inline(never)]
    fn name_and_fate(&mut self, conn: ConnId, channel: Channel, request: &Request, drawn: Option<Effect>) -> Tag {
        self.forget_names_after_the_splice();
        let line = &self.lines[conn.0 as usize];
        let (from, link) = (line.client, line.to_server);
        let name = self
            .attempts
            .as_mut()
            .map(|attempts| attempts.name(from, self.nodes[from as usize].incarnation, channel, request));
        let mut fate = Fate::default();
        self.faults.for_this_message.drain(..).for_each(|effect| fate.apply(effect));
        let effect = match &mut self.explorer {
            _ if drawn.is_some() => drawn,
            Explorer::Nominal => None,
            Explorer::Splice(replay, until, _) if self.now < *until => {
                take(replay, self.now, name, &mut fate, &mut self.recorded);
                None
            }
            Explorer::Replay(replay) => {
                take(replay, self.now, name, &mut fate, &mut self.recorded);
                None
            }
            Explorer::Draw(draw) | Explorer::Splice(_, _, draw) => draw.draw(self.now, link, request.kind(), true),
        };
        if let Some(effect) = effect {
            fate.apply(effect);
            if let Some(coverage) = &mut self.coverage {
                coverage.effect(&effect);
            }
            self.faults.executed += u32::from(!matches!(effect, Effect::DelayRequest(_)));
            if let (Some(recorded), Some(name)) = (&mut self.recorded, name) {
                recorded.push((self.now, Deviation::Message(name, effect)));
            }
        }
        Tag { name, fate }
    }

    /// Whether no written deviation can be meant for a request, and none is drawn now: then it needs no name.
    fn is_nominal(&mut self, conn: ConnId, channel: Channel, request: &Request) -> bool {
        let (from, kind) = (self.lines[conn.0 as usize].client, request.kind());
        let replay = match &self.explorer {
            Explorer::Replay(replay) => replay,
            Explorer::Splice(replay, until, _) if self.now < *until => replay,
            _ => return false,
        };
        let Some(attempts) = &mut self.attempts else { return false };
        // Subjects are only asked for where a kind may deviate, and then for all of that kind.
        !replay.concerns(from, kind) || !replay.concerns_subject(from, kind, attempts.subject(from, channel, request))
    }

    /// Once everything is drawn, messages need names only if deviations are written down.
    fn forget_names_after_the_splice(&mut self) {
        let is_over = |explorer: &Explorer| matches!(explorer, Explorer::Splice(_, until, _) if self.now >= *until);
        if self.recorded.is_none() && is_over(&self.explorer) {
            if let Explorer::Splice(_, _, draw) = std::mem::replace(&mut self.explorer, Explorer::Nominal) {
                self.explorer = Explorer::Draw(draw);
            }
            self.attempts = None;
            self.is_plain = true;
        }
    }

    #[inline(never)]
    pub(super) fn request_arrives(&mut self, rank: Rank, number: u32, envelope: Envelope<Arrived>) {
        let conn = ConnId(u64::from(number));
        let line = &self.lines[number as usize];
        if self.links.is_cut(line.to_server) {
            let link = line.to_server;
            self.hold(link, rank, conn, Event::Request(number, envelope));
            return;
        }
        let node = &self.nodes[line.server as usize];
        if line.server_open && line.server_incarnation == node.incarnation && node.process != Process::HostDown {
            if line.in_hand.is_none() && line.inbox.is_empty() && node.is_serving() {
                self.hand_over(rank, conn, envelope);
            } else {
                self.line(conn).inbox.push_back(envelope);
            }
            return;
        }
        let is_silent = node.process == Process::HostDown; // the reset comes when the host is back
        if self.tracer.is_some() {
            self.trace_message(conn, envelope.content().correlation, false, TracedEvent::Lost);
        }
        if !is_silent {
            self.reset_to_client(conn);
        }
    }

    /// The server takes the next request of a connection from its kernel.
    pub(super) fn next_request(&mut self, conn: ConnId) {
        let line = &mut self.lines[conn.0 as usize];
        let node = &self.nodes[line.server as usize];
        if line.in_hand.is_some() || line.server_incarnation != node.incarnation || !node.is_serving() {
            return;
        }
        if let Some(envelope) = line.inbox.pop_front() {
            let rank = line.rank_to_server.with_ordinal(envelope.content().correlation);
            self.hand_over_later(rank, conn, envelope);
        }
    }

    #[inline(never)]
    fn hand_over_later(&mut self, rank: Rank, conn: ConnId, envelope: Envelope<Arrived>) {
        self.hand_over(rank, conn, envelope);
    }

    #[inline(always)]
    fn hand_over(&mut self, rank: Rank, conn: ConnId, mut envelope: Envelope<Arrived>) {
        let tag = envelope.content_mut().tag.take();
        let Arrived { correlation, ref request, .. } = *envelope.content();
        let line = &mut self.lines[conn.0 as usize];
        let (client, server) = (line.client, line.server);
        let kind = request.kind();
        let injected = tag.as_ref().and_then(|t| t.fate.error_before);
        line.in_hand = Some(InHand { correlation, kind, tag });
        self.delivered(server, rank, u64::from(correlation) << 20 | kind.word(), request.content());
        if self.tracer.is_some() {
            self.trace_message(conn, correlation, false, TracedEvent::Request(request));
        }
        if let Some(response) = injected.and_then(|error| inject::error_response(request, error)) {
            self.respond(conn, response);
            return;
        }
        let watched = self.triggers.concern(|| kind).then(|| request.clone());
        let now = self.now_at(server);
        let by = match request {
            Request::Kafka(_) => 0,
            Request::Sink(_) => self.history.client_number(&self.nodes[client as usize].name),
        };
        match &mut self.nodes[server as usize].body {
            Body::Broker(slot) => {
                let machine = slot.machine();
                if let (Some(coverage), Request::Kafka(request)) = (&self.coverage, request) {
                    self.lines[conn.0 as usize].seen = coverage.request(machine, request);
                }
                machine.request(now, conn, self.requests.open(envelope).of_kafka(), &mut self.out);
            }
            Body::Controller(controller) => {
                controller.request(now, conn, self.requests.open(envelope).of_kafka(), &mut self.out);
            }
            Body::Service(service) => {
                service.request(now, conn, by, self.requests.open(envelope).of_sink());
            }
            Body::Client(_) => panic!("nobody connects to a client"),
        }
        if let Some(request) = watched {
            // The answer is still in the buffer: a fault here comes after the handling and before the answer leaves.
            if self.triggered(Phase::Handled, client, server, &request) {
                self.out.clear();
                return;
            }
        }
        self.flush_here(server);
    }

    // ---- answers ---------------------------------------------------------------------------------------------------

    /// The server is done with the request in hand, and will read the next one. None if nothing can be sent any more.
    #[inline(always)]
    fn take_in_hand(&mut self, conn: ConnId) -> Result<InTurn, InHand> {
        let line = &mut self.lines[conn.0 as usize];
        let in_hand = line.in_hand.take().expect("a server answers the request that it was given, once");
        line.unanswered = line.unanswered.saturating_sub(1);
        if !line.server_open || line.dead {
            return Err(in_hand);
        }
        let (server, link) = (line.server, line.to_client);
        if !line.inbox.is_empty() {
            let rank = line.rank_to_server.with_ordinal(u32::MAX);
            self.queue.push(self.now, rank, Event::NextRequest(conn));
        }
        Ok(InTurn { in_hand, server, link })
    }

    /// The request in hand has no answer.
    fn done(&mut self, conn: ConnId) {
        if self.take_in_hand(conn).is_err() {
            self.leave_inbox(conn);
        }
    }

    /// An answer cannot be sent: nothing more is read from this connection.
    #[cold]
    fn leave_inbox(&mut self, conn: ConnId) {
        if self.tracer.is_some() {
            self.trace_inbox(conn);
        }
        let line = self.line(conn);
        let server = line.server;
        line.inbox.clear();
        self.forget_closed(server);
    }

    /// Tells the tracer of an answer that will not arrive.
    fn trace_lost_answer(&mut self, conn: ConnId, correlation: CorrelationId, response: &Response) {
        if self.tracer.is_some() {
            let due = self.now + self.links.latency(self.lines[conn.0 as usize].to_client);
            self.trace_message(conn, correlation, true, TracedEvent::Answered(response, due));
            self.trace_message(conn, correlation, true, TracedEvent::Lost);
        }
    }

    #[inline(never)]
    pub(super) fn respond(&mut self, conn: ConnId, mut response: Response) {
        let InTurn { in_hand, server, link } = match self.take_in_hand(conn) {
            Ok(in_turn) => in_turn,
            Err(in_hand) => {
                self.leave_inbox(conn);
                return self.trace_lost_answer(conn, in_hand.correlation, &response);
            }
        };
        let correlation = in_hand.correlation;
        if let (Some(coverage), Response::Kafka(response)) = (&mut self.coverage, &response) {
            coverage.answer(self.lines[conn.0 as usize].seen, response);
        }
        let Some(delay) = self.fate_of_answer(conn, link, in_hand, &mut response) else {
            self.trace_lost_answer(conn, correlation, &response);
            return self.kill(conn, self.now);
        };
        let bytes = if self.service_per_kib == Span::ZERO { 0 } else { response_size(&response) };
        let due = self.departure(server, bytes) + self.links.latency(link) + delay;
        if delay > Span::ZERO {
            self.settle.waits_for(due);
        }
        let line = &mut self.lines[conn.0 as usize];
        let at = due.max(line.last_to_client);
        line.last_to_client = at;
        line.responses += 1;
        let rank = line.rank_to_client.with_ordinal(line.responses);
        if self.tracer.is_some() {
            self.trace_message(conn, correlation, true, TracedEvent::Answered(&response, at));
        }
        if self.triggers.concern(|| response.kind()) {
            let client = self.line(conn).client;
            self.triggered_answer(Phase::Answered, client, server, &response);
        }
        let mut envelope = self.answers.empty();
        envelope.content_mut().fill(correlation, response);
        self.queue.push(at, rank, Event::Response(conn.0 as u32, envelope));
    }

    /// How long an answer is delayed; none if it is lost with its connection.
    #[inline(always)]
    fn fate_of_answer(&mut self, conn: ConnId, link: LinkId, in_hand: InHand, response: &mut Response) -> Option<Span> {
        let mut delay = Span::ZERO;
        if in_hand.tag.is_some() || !self.faults.lost_answers.is_empty() {
            delay = self.tagged_fate_of_answer(conn, &in_hand, response)?;
        }
        let draw = match &mut self.explorer {
            Explorer::Draw(draw) => draw,
            Explorer::Splice(_, from, draw) if self.now >= *from => draw,
            _ => return Some(delay),
        };
        let Some(effect) = draw.draw(self.now, link, in_hand.kind, false) else { return Some(delay) };
        if let Effect::DelayResponse(span) = effect {
            delay = delay + span; // nothing else is drawn for an answer
        }
        if let Some(coverage) = &mut self.coverage {
            coverage.effect(&effect);
        }
        if let (Some(recorded), Some(name)) = (&mut self.recorded, in_hand.tag.as_ref().and_then(|t| t.name)) {
            recorded.push((self.now, Deviation::Message(name, effect)));
        }
        Some(delay)
    }

    /// The same, as far as it was known before.
    #[inline(never)]
    fn tagged_fate_of_answer(&mut self, conn: ConnId, in_hand: &InHand, response: &mut Response) -> Option<Span> {
        let fate = in_hand.tag.as_ref().map_or(Fate::default(), |t| t.fate);
        let client = self.lines[conn.0 as usize].client;
        if fate.lose_response || self.faults.lost_answers.iter().any(|l| l.node == client && l.kind == in_hand.kind) {
            return None;
        }
        if let Some(error) = fate.error_after {
            inject::overwrite(response, error);
        }
        Some(fate.delay_response)
    }

    #[inline(never)]
    pub(super) fn response_arrives(&mut self, rank: Rank, number: u32, envelope: Envelope<Answer>) {
        let conn = ConnId(u64::from(number));
        let line = &self.lines[number as usize];
        let (client, channel) = (line.client, line.channel);
        if self.links.is_cut(line.to_client) {
            let link = line.to_client;
            return self.hold(link, rank, conn, Event::Response(number, envelope));
        }
        let node = &mut self.nodes[client as usize];
        if let Process::Paused { .. } = node.process {
            node.frozen.push((rank, Event::Response(number, envelope)));
            return;
        }
        if !line.client_open || node.incarnation != line.client_incarnation || !node.process.is_running() {
            if self.tracer.is_some() {
                self.trace_message(conn, envelope.content().correlation, true, TracedEvent::Lost);
            }
            return;
        }
        let Answer { correlation, ref response } = *envelope.content();
        let what = u64::from(correlation) << 20 | ANSWER | response.kind().word();
        self.delivered(client, rank, what, response.content());
        if self.tracer.is_some() {
            self.trace_message(conn, correlation, true, TracedEvent::Response(response));
        }
        match &self.nodes[client as usize].body {
            Body::Client(_) => self.tell_errors(client, response),
            _ => self.remember_markers(response),
        }
        let watched = self.triggers.concern(|| response.kind()).then(|| response.clone());
        match self.answers.open(envelope) {
            Response::Kafka(response) => self.tell_here(client, NetInput::Response(channel, correlation, response)),
            Response::Sink(response) => self.tell_answer_of_sink(client, correlation, *response),
        }
        if let Some(response) = watched {
            let server = self.line(conn).server;
            self.triggered_answer(Phase::Received, client, server, &response);
        }
    }

    #[inline(never)]
    fn tell_client(&mut self, client: Actor, rank: Rank, input: NetInput) {
        let (what, Channel { to, purpose }) = match &input {
            NetInput::Connected(channel) => (CONNECTED, *channel),
            NetInput::Disconnected(channel) => (DISCONNECTED, *channel),
            NetInput::Response(..) => unreachable!("an answer is counted where it arrives"),
        };
        let about = u64::from(to.0 as u32) << 8 | purpose as u64;
        self.digest.add_event([self.now.0, rank.word(), what, about]);
        self.tell_here(client, input);
    }

    /// The same, where answers come by.
    #[inline(always)]
    fn tell_here(&mut self, client: Actor, input: NetInput) {
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
            Body::Broker(slot) => {
                slot.machine().net(now, input, &mut self.out);
                self.flush(client);
                self.maybe_serve(client);
            }
            Body::Client(c) => {
                if let Some(coverage) = &mut self.coverage {
                    let told = c.producer_state().and_then(|before| coverage.told(before, &input));
                    c.net(now, input, &mut self.out, &mut self.history);
                    if let (Some(told), Some(after)) = (told, c.producer_state()) {
                        coverage.became(told, after);
                    }
                } else {
                    c.net(now, input, &mut self.out, &mut self.history);
                }
                self.flush_here(client);
            }
            Body::Controller(_) | Body::Service(_) => panic!("a node that only serves opens no connections"),
        }
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
        let line = &mut self.lines[conn.0 as usize];
        if !line.client_open {
            return;
        }
        line.client_open = false;
        let at = (self.now + self.links.latency(line.to_server)).max(line.last_to_server);
        let rank = line.rank_to_server.with_ordinal(line.closing());
        self.queue.push(at, rank, Event::ClosedByClient(conn));
    }

    pub(super) fn closed_by_client(&mut self, rank: Rank, conn: ConnId) {
        let (server, to_server) = (self.line(conn).server, self.line(conn).to_server);
        if self.held(to_server, rank, conn, || Event::ClosedByClient(conn)) {
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
        let line = &mut self.lines[conn.0 as usize];
        if line.dead || !line.client_open {
            return;
        }
        line.dead = true;
        let at = (self.now + self.links.latency(line.to_client)).max(line.last_to_client);
        let rank = line.rank_to_client.with_ordinal(line.responses + 1);
        self.queue.push(at, rank, Event::ClosedByServer(conn));
    }

    /// A fault kills the connection: both ends learn it, nothing more gets through.
    fn kill(&mut self, conn: ConnId, at: Instant) {
        self.reset_to_client(conn);
        let line = self.line(conn);
        let at = at.max(line.last_to_server);
        let rank = line.rank_to_server.with_ordinal(line.closing());
        self.queue.push(at, rank, Event::ClosedByClient(conn));
    }

    pub(super) fn closed_by_server(&mut self, rank: Rank, conn: ConnId) {
        let (client, to_client) = (self.line(conn).client, self.line(conn).to_client);
        if self.held(to_client, rank, conn, || Event::ClosedByServer(conn)) {
            return;
        }
        if self.freeze(client, rank, || Event::ClosedByServer(conn)) || !self.client_end_is_live(conn) {
            return;
        }
        self.line(conn).client_open = false;
        let channel = self.line(conn).channel;
        self.forget_channel(client, channel, conn);
        self.tell_client(client, rank, NetInput::Disconnected(channel));
    }

    /// Fifteen minutes after something was held: if it still is, the connection is dead.
    pub(super) fn silence(&mut self, rank: Rank, conn: ConnId) {
        let client = self.line(conn).client;
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
            self.tell_client(client, rank, NetInput::Disconnected(channel));
        }
        let server = self.line(conn).server;
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
