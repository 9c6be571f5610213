//! What a machine wants done, and doing it.

use super::World;
use crate::system::System;
use crate::vocabulary::Vocabulary;
use crate::{Actor, ConnId, CorrelationId};

/// What a machine asks of the world.
#[derive(Clone, Debug)]
pub enum Output<V: Vocabulary> {
    /// Open a connection; told by connected or disconnected, or by nothing for as long as a cut holds the bytes.
    Connect(V::Channel),
    /// Send a request on an open connection.
    Send(V::Channel, CorrelationId, V::Request),
    /// Close a connection from this end. Nothing more is told of it.
    Close(V::Channel),
    /// Answer the request in hand of an incoming connection.
    Respond(ConnId, V::Response),
    /// The request in hand is done and has no answer.
    Done(ConnId),
    /// Close an incoming connection.
    CloseIncoming(ConnId),
}

impl<S: System> World<'_, S> {
    /// Does what a machine wants done.
    pub fn perform(&mut self, actor: Actor, output: Output<S::Vocabulary>) {
        match output {
            Output::Connect(channel) => self.connect(actor, channel),
            Output::Send(channel, correlation, request) => self.send(actor, channel, correlation, request),
            Output::Close(channel) => self.net.close(actor, channel),
            Output::Respond(conn, response) => self.respond(conn, response),
            Output::Done(conn) => self.done(conn),
            Output::CloseIncoming(conn) => self.net.close_incoming(conn),
        }
    }

    /// Does what the node at work wants done: what is in [`super::Net::out`], and what the system keeps beside it.
    #[inline(never)]
    pub fn flush(&mut self, actor: Actor) {
        self.flush_here(actor);
    }

    /// The same, where most messages come by: it is one of a message's few calls that can be saved.
    #[inline(always)]
    pub(super) fn flush_here(&mut self, actor: Actor) {
        self.system.observe(&mut self.net, actor);
        if self.net.out.len() > 1 {
            self.perform_all(actor);
        } else if let Some(output) = self.net.out.pop() {
            S::perform(self, actor, output);
        }
        S::perform_more(self, actor);
        self.rearm(actor);
    }

    #[inline(never)]
    fn perform_all(&mut self, actor: Actor) {
        let mut out = std::mem::take(&mut self.net.out);
        let incarnation = self.net.nodes[actor as usize].incarnation;
        for output in out.drain(..) {
            if self.net.nodes[actor as usize].incarnation != incarnation {
                break; // a fault that one of the messages triggered has ended the process
            }
            S::perform(self, actor, output);
        }
        if self.net.out.is_empty() {
            self.net.out = out;
        }
    }
}
