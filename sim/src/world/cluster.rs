//! What the kernel asks of a cluster.

use fencepost_kernel::system::System;
use fencepost_kernel::world::{self as kernel, Ended, Net, Occasion};
use fencepost_kernel::{ConnId, CorrelationId};
use fencepost_protocol::broker::{Broker, BrokerProcess};
use fencepost_protocol::ids::NodeId;
use fencepost_protocol::io::{Channel, Client as _, Machine as _, NetInput, Output, Server as _};
use fencepost_protocol::message::Request as KafkaRequest;
use fencepost_protocol::time::{Instant, Span};

use super::node::{Body, BrokerSlot, of_log, sum};
use super::{Cluster, Ending};
use crate::coverage::Seen;
use crate::message::{Request, Response};
use crate::schedule::{Action, Actor, Effect, Kafka, Own, Step};
use crate::sink;

impl Cluster<'_> {
    /// The node that has this protocol id.
    pub(super) fn actor_of_id(&self, id: NodeId) -> Actor {
        if id == NodeId::CONTROLLER {
            return self.controller;
        }
        if let Some(place) = sink::place_of(id) {
            return self.sinks[place];
        }
        *self.brokers.get((id.0 - 1) as usize).expect("brokers are numbered from 1")
    }

    /// Something happened on a connection that a broker or a client opened.
    #[inline(always)]
    fn tell(&mut self, net: &mut Net<'_, Kafka>, client: Actor, input: NetInput) {
        let now = net.now_at(client);
        match &mut self.bodies[client as usize] {
            Body::Broker(slot) => slot.machine().net(now, input, &mut net.out),
            Body::Client(c) => {
                if let Some(coverage) = &mut self.coverage {
                    let told = c.producer_state().and_then(|before| coverage.told(before, &input));
                    c.net(now, input, &mut net.out, &mut self.history);
                    if let (Some(told), Some(after)) = (told, c.producer_state()) {
                        coverage.became(told, after);
                    }
                } else {
                    c.net(now, input, &mut net.out, &mut self.history);
                }
            }
            Body::Controller(_) | Body::Service(_) => panic!("a node that only serves opens no connections"),
        }
    }

    fn start_broker(&mut self, net: &mut Net<'_, Kafka>, actor: Actor) {
        let now = net.now_at(actor);
        let incarnation = net.node(actor).incarnation;
        let Body::Broker(slot) = &mut self.bodies[actor as usize] else { return };
        let disk = slot.disk.take().expect("a broker that does not run has a disk");
        let process = BrokerProcess {
            id: slot.id,
            config: self.plan.cluster.config.clone(),
            domains: self.plan.cluster.domains,
            disk,
            incarnation: u64::from(incarnation),
        };
        let mut broker = Broker::start(process, now, &mut net.out);
        broker.keep_journal();
        if net.is_traced() {
            broker.keep_whole_journal();
        }
        slot.broker = Some(Box::new(broker));
        net.after(self.plan.cluster.write_back, actor, Step::WriteBack(actor, incarnation));
    }
}

/// Keeps what coverage sees of a request, by connection.
#[cold]
#[inline(never)]
fn see(seen: &mut Vec<Seen>, conn: ConnId, what: Seen) {
    let place = conn.0 as usize;
    if seen.len() <= place {
        seen.resize_with(place + 1, Seen::default);
    }
    seen[place] = what;
}

impl System for Cluster<'_> {
    type Vocabulary = Kafka;

    #[inline]
    fn actor_of(&self, channel: Channel) -> Actor {
        self.actor_of_id(channel.to)
    }

    fn starts_after(&self, actor: Actor) -> Span {
        match &self.bodies[actor as usize] {
            Body::Client(client) => client.starts_at(),
            _ => Span::ZERO,
        }
    }

    fn start(&mut self, net: &mut Net<'_, Kafka>, actor: Actor) {
        match &mut self.bodies[actor as usize] {
            Body::Broker(_) => self.start_broker(net, actor),
            Body::Client(client) => {
                let (now, incarnation) = (net.now_at(actor), net.node(actor).incarnation);
                client.start(now, incarnation, &mut net.out, &mut self.history);
            }
            Body::Controller(_) | Body::Service(_) => {}
        }
    }

    fn end(&mut self, net: &mut Net<'_, Kafka>, actor: Actor, how: Ended) {
        match &mut self.bodies[actor as usize] {
            Body::Controller(_) => panic!("the controller is reliable"),
            Body::Broker(slot) => {
                let broker = slot.broker.take().expect("a process that ends was running");
                let tally = &mut self.tallies[actor as usize];
                *tally = sum(*tally, broker.tally());
                self.recent[actor as usize].forget();
                slot.disk = Some(broker.stop(|tp, log| of_log(how, tp, log)));
            }
            Body::Client(client) => client.crash(net.now_at(actor), &mut self.history),
            Body::Service(service) => service.crash(),
        }
    }

    fn restarts_after(&self, actor: Actor) -> Option<Span> {
        match &self.bodies[actor as usize] {
            Body::Client(client) => client.restarts_after(),
            Body::Service(service) => Some(service.restarts_after()),
            Body::Controller(_) | Body::Broker(_) => None,
        }
    }

    /// A broker takes requests only once it has caught up with the cluster.
    #[inline]
    fn is_ready(&self, actor: Actor) -> bool {
        match &self.bodies[actor as usize] {
            Body::Broker(slot) => slot.broker.as_ref().is_some_and(|broker| broker.is_serving()),
            _ => true,
        }
    }

    #[inline(always)]
    fn poll_timeout(&self, actor: Actor) -> Instant {
        match &self.bodies[actor as usize] {
            Body::Controller(c) => c.poll_timeout(),
            Body::Broker(slot) => slot.broker.as_ref().map_or(Instant::NEVER, |b| b.poll_timeout()),
            Body::Client(c) => c.next_deadline(),
            Body::Service(s) => s.next_deadline(),
        }
    }

    #[inline]
    fn handle_timeout(&mut self, net: &mut Net<'_, Kafka>, actor: Actor) {
        let now = net.now_at(actor);
        match &mut self.bodies[actor as usize] {
            Body::Controller(c) => c.handle_timeout(now, &mut net.out),
            Body::Broker(slot) => slot.machine().handle_timeout(now, &mut net.out),
            Body::Client(c) => c.wake(now, &mut net.out, &mut self.history),
            Body::Service(s) => s.wake(now),
        }
    }

    #[inline(always)]
    fn request(&mut self, net: &mut Net<'_, Kafka>, server: Actor, client: Actor, conn: ConnId, request: Request) {
        let now = net.now_at(server);
        match &mut self.bodies[server as usize] {
            Body::Broker(slot) => {
                let machine = slot.machine();
                let request = request.of_kafka();
                if let Some(coverage) = &self.coverage {
                    see(&mut self.seen, conn, coverage.request(machine, &request));
                }
                machine.request(now, conn, request, &mut net.out);
            }
            Body::Controller(controller) => controller.request(now, conn, request.of_kafka(), &mut net.out),
            Body::Service(service) => {
                let by = self.history.client_number(&net.node(client).name);
                service.request(now, conn, by, request.of_sink());
            }
            Body::Client(_) => panic!("nobody connects to a client"),
        }
    }

    #[inline]
    fn connected(&mut self, net: &mut Net<'_, Kafka>, client: Actor, channel: Channel) {
        self.tell(net, client, NetInput::Connected(channel));
    }

    #[inline]
    fn disconnected(&mut self, net: &mut Net<'_, Kafka>, client: Actor, channel: Channel) {
        self.tell(net, client, NetInput::Disconnected(channel));
    }

    #[inline(always)]
    fn answered(
        &mut self,
        net: &mut Net<'_, Kafka>,
        client: Actor,
        channel: Channel,
        correlation: CorrelationId,
        response: Response,
    ) {
        match &self.bodies[client as usize] {
            Body::Client(_) => self.tell_errors(net, client, &response),
            _ => self.remember_markers(net.now(), &response),
        }
        match response {
            Response::Kafka(response) => self.tell(net, client, NetInput::Response(channel, correlation, response)),
            Response::Sink(response) => {
                let now = net.now_at(client);
                if let Body::Client(client) = &mut self.bodies[client as usize] {
                    client.answered(now, correlation, *response, &mut net.out, &mut self.history);
                }
            }
        }
    }

    #[inline]
    fn minds_closing(&self, server: Actor) -> bool {
        matches!(self.bodies[server as usize], Body::Service(_))
    }

    /// A database rolls back what was open on the connection.
    fn closed(&mut self, net: &mut Net<'_, Kafka>, server: Actor, conn: ConnId) {
        if let Body::Service(service) = &mut self.bodies[server as usize] {
            service.closed(net.now_at(server), conn);
        }
    }

    #[inline(always)]
    fn perform(world: &mut kernel::World<'_, Self>, actor: Actor, output: Output) {
        match output {
            Output::Send(channel, correlation, request) => {
                world.send(actor, channel, correlation, Request::Kafka(request));
            }
            Output::Respond(conn, response) => world.respond(conn, Response::Kafka(response)),
            Output::Done(conn) => world.done(conn),
            Output::Connect(channel) => world.connect(actor, channel),
            Output::Close(channel) => world.net.close(actor, channel),
            Output::CloseIncoming(conn) => world.net.close_incoming(conn),
        }
    }

    #[inline(always)]
    fn perform_more(world: &mut kernel::World<'_, Self>, actor: Actor) {
        if !world.system.sinks.is_empty() {
            Cluster::perform_beside_kafka(world, actor);
        }
    }

    /// Writes into the history what a broker's journal tells. What a deposed leader appends before it hears of its
    /// successor is withheld: it has an effect only if the successor, which may not have heard of it either and still
    /// fetch, takes it over.
    #[inline(always)]
    fn observe(&mut self, net: &mut Net<'_, Kafka>, actor: Actor) {
        if !self.withheld.is_empty() {
            self.tell_withheld(net.now());
        }
        if let Body::Broker(BrokerSlot { broker: Some(broker), .. }) = &self.bodies[actor as usize]
            && broker.has_journal()
        {
            self.tell_journal(net, actor);
        }
        if net.is_traced() && actor == self.controller {
            self.trace_leaders(net);
        }
    }

    #[inline(always)]
    fn time_is(&mut self, now: Instant) {
        self.history.now = now;
    }

    #[inline(always)]
    fn stepped(&mut self, net: &mut Net<'_, Kafka>) {
        if self.standings.is_some() {
            self.tell_standings(net);
        }
    }

    #[inline(always)]
    fn sending(&mut self, client: Actor, request: &Request) {
        if let Request::Kafka(KafkaRequest::Produce(produce)) = request {
            self.recent[client as usize].count_retries(produce);
        }
    }

    #[inline(always)]
    fn answering(&mut self, conn: ConnId, response: &Response) {
        if let (Some(coverage), Response::Kafka(response)) = (&mut self.coverage, response) {
            let seen = self.seen.get(conn.0 as usize).copied().unwrap_or_default();
            coverage.answer(seen, response);
        }
    }

    #[inline(always)]
    fn counts_effects(&self) -> bool {
        self.coverage.is_some()
    }

    #[inline]
    fn befalls(&mut self, effect: &Effect) {
        if let Some(coverage) = &mut self.coverage {
            coverage.effect(effect);
        }
    }

    fn is_possible(&self, net: &Net<'_, Kafka>, action: &Own) -> bool {
        match action {
            Own::Restart { node, .. } => net.node(*node).process.is_running(),
            Own::HoldMetadata { node, .. } | Own::PostponeJob { node, .. } => net.node(*node).process.is_alive(),
            Own::RollingRestart { .. } => self.rolling.is_none(),
            Own::MoveLeader { .. } | Own::SetTransactionVersion(_) => true,
        }
    }

    fn is_legal(&self, net: &Net<'_, Kafka>, action: &Action) -> bool {
        self.survives(net, action)
    }

    fn began(&mut self, action: &Action) {
        if let Some(coverage) = &mut self.coverage {
            coverage.fault(action);
        }
    }

    fn fired(&mut self, now: Instant, occasion: &mut Occasion<Kafka>) {
        self.tell_fired(now, occasion);
    }

    fn act(world: &mut kernel::World<'_, Self>, action: &Own, occasion: &mut Occasion<Kafka>) -> Span {
        Cluster::act_own(world, action, occasion)
    }

    fn go_on(world: &mut kernel::World<'_, Self>, step: Step) {
        match step {
            Step::CheckShutdown(actor, give_up) => Cluster::check_shutdown(world, actor, Instant(give_up)),
            Step::Roll(next, waiting_since) => Cluster::roll(world, next, Instant(waiting_since)),
            Step::WriteBack(actor, incarnation) => {
                if world.net.node(actor).incarnation == incarnation
                    && let Body::Broker(slot) = &mut world.system.bodies[actor as usize]
                {
                    slot.machine().flush_all();
                    let pause = world.system.plan.cluster.write_back;
                    world.net.after(pause, actor, Step::WriteBack(actor, incarnation));
                }
            }
        }
    }

    fn ending(&mut self, net: &Net<'_, Kafka>) -> Option<Ending> {
        self.ending_now(net)
    }
}
