//! Sinks as nodes: what travels to and from them beside Kafka's messages.

use fencepost_kernel::world::{self as kernel, Net};
use fencepost_reports::history::event as h;

use super::Cluster;
use super::node::Body;
use crate::evidence::{identity, partition};
use crate::message::{Request, Response};
use crate::schedule::{Actor, Kafka};
use crate::sink::Service;

impl Cluster<'_> {
    /// Sends what a client asks of a sink, or what a sink answers.
    pub(super) fn perform_beside_kafka(world: &mut kernel::World<'_, Self>, actor: Actor) {
        let now = world.net.now_at(actor);
        let node = world.net.node(actor);
        let incarnation = node.incarnation;
        if !node.process.is_running() {
            return;
        }
        let (calls, replies) = match &mut world.system.bodies[actor as usize] {
            Body::Client(client) => (client.take_calls(), Vec::new()),
            Body::Service(service) => (Vec::new(), service.take_replies(now)),
            _ => return,
        };
        // A fault that one of the messages triggers may end the process.
        for (channel, correlation, request) in calls {
            if world.net.node(actor).incarnation == incarnation {
                world.send(actor, channel, correlation, Request::Sink(Box::new(request)));
            }
        }
        for (conn, response) in replies {
            if world.net.node(actor).incarnation == incarnation {
                world.respond(conn, Response::Sink(Box::new(response)));
            }
        }
    }

    /// What is in the sinks in the end.
    pub(super) fn write_sinks(&mut self, t: u64, net: &Net<'_, Kafka>) {
        for (sink, account) in self.plan.accounts().into_iter().enumerate() {
            let sink = sink as u32;
            let actor = net.nodes().iter().position(|n| n.name == account.node).expect("every sink is a node");
            let Body::Service(service) = &self.bodies[actor] else { continue };
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
}
