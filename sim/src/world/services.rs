//! Sinks as nodes: what travels to and from them beside Kafka's messages.

use fencepost_protocol::io::{ConnId, CorrelationId};

use fencepost_reports::history::event as h;

use super::World;
use super::node::Body;
use crate::evidence::{identity, partition};
use crate::message::{Request, Response};
use crate::schedule::Actor;
use crate::sink::{self, Service};

impl World<'_> {
    /// Sends what a client asks of a sink, or what a sink answers.
    pub(super) fn flush_beside_kafka(&mut self, actor: Actor) {
        let now = self.now_at(actor);
        let node = &mut self.nodes[actor as usize];
        let incarnation = node.incarnation;
        if !node.process.is_running() {
            return;
        }
        let (calls, replies) = match &mut node.body {
            Body::Client(client) => (client.take_calls(), Vec::new()),
            Body::Service(service) => (Vec::new(), service.take_replies(now)),
            _ => return,
        };
        // A fault that one of the messages triggers may end the process.
        for (channel, correlation, request) in calls {
            if self.nodes[actor as usize].incarnation == incarnation {
                self.send(actor, channel, correlation, Request::Sink(Box::new(request)));
            }
        }
        for (conn, response) in replies {
            if self.nodes[actor as usize].incarnation == incarnation {
                self.respond(conn, Response::Sink(Box::new(response)));
            }
        }
    }

    pub(super) fn tell_answer_of_sink(&mut self, client: Actor, correlation: CorrelationId, response: sink::Response) {
        self.with_client(client, |client, now, out, history| client.answered(now, correlation, response, out, history));
    }

    /// What is in the sinks in the end.
    pub(super) fn write_sinks(&mut self, t: u64) {
        for (sink, account) in self.plan.accounts().into_iter().enumerate() {
            let sink = sink as u32;
            let node = self.nodes.iter().find(|n| n.name == account.node).expect("every sink is a node");
            let Body::Service(service) = &node.body else { continue };
            let effects = match (service, account.table) {
                (Service::Database(database), Some(table)) => database.rows(table),
                (Service::Payments(api), _) => api.charges(),
                (Service::Database(_), None) => continue,
            };
            self.history.write(&h::Event::SinkEnd(h::SinkEnd { t, sink }));
            for (n, effect) in effects.iter().enumerate() {
                let (n, id, done, c) = (n as u64, identity(&effect.id), Some(effect.at.0), Some(effect.by));
                self.history.write(&h::Event::SinkFinal(h::SinkFinal { sink, n, id, done, c }));
            }
            let Service::Database(database) = service else { continue };
            for (of, tp, next) in database.offsets() {
                let call = self.plan.pipelines[of as usize].call.as_ref();
                if call.is_some_and(|call| call.to == account.node && call.table() == account.table) {
                    self.history.write(&h::Event::SinkOffset(h::SinkOffset { t, sink, at: partition(tp), next }));
                }
            }
        }
    }

    /// Tells a sink which of its connections are gone and have nothing left to be done: a database rolls back what was
    /// open on them.
    pub(super) fn forget_closed(&mut self, actor: Actor) {
        let now = self.now_at(actor);
        let node = &self.nodes[actor as usize];
        if !matches!(node.body, Body::Service(_)) || !node.process.is_running() {
            return;
        }
        let gone = |line: &super::Line| line.server == actor && !line.server_open && line.inbox.is_empty();
        let gone: Vec<ConnId> =
            (0..self.lines.len()).filter(|n| gone(&self.lines[*n])).map(|n| ConnId(n as u64)).collect();
        if let Body::Service(service) = &mut self.nodes[actor as usize].body {
            for conn in gone {
                service.closed(now, conn);
            }
        }
        self.flush(actor);
    }
}
