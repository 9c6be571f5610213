//! An application that asks a broker for its versions, again and again, one request at a time: the smallest thing that
//! goes through a world's connections, timers, names and digest. The benchmark's echo.

use fencepost_protocol::ids::NodeId;
use fencepost_protocol::io::{Channel, NetInput, Outputs, Purpose};
use fencepost_protocol::message::ApiVersionsRequest;
use fencepost_protocol::net::{ConnectionSettings, Connections, Reconnect};
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::history::event as h;

use crate::evidence::{Gone, History, Recorder};
use crate::plan::{EchoPlan, Plan};
use crate::roles::application::{Application, Seat};
use crate::roles::progress::Progress;

/// Kafka's defaults for clients.
const SETTINGS: ConnectionSettings = ConnectionSettings {
    reconnect: Reconnect { backoff_ms: 50, backoff_max_ms: 1_000 },
    max_in_flight: 1,
    request_timeout_ms: 30_000,
};

/// The application.
#[derive(Clone, Debug)]
pub struct EchoClient {
    plan: EchoPlan,
    channel: Channel,
    connections: Connections<()>,
    answered: u64,
    recorder: Recorder,
}

impl EchoClient {
    /// The client of `plan`. It asks the first broker.
    pub(crate) fn new(all: &Plan, plan: &EchoPlan, _: Seat) -> EchoClient {
        let to: NodeId = all.cluster.ids().next().expect("a cluster has brokers");
        EchoClient {
            channel: Channel { to, purpose: Purpose::Client },
            connections: Connections::new(SETTINGS),
            answered: 0,
            recorder: Recorder::default(),
            plan: plan.clone(),
        }
    }

    /// Whether every question is answered.
    pub fn is_finished(&self) -> bool {
        self.answered >= self.plan.round_trips
    }

    /// Asks the next question if none is under way; one that was lost is asked again.
    #[inline]
    fn advance(&mut self, now: Now, out: &mut Outputs) {
        if !self.is_finished() {
            self.connections.send_if_ready(now, self.channel, ApiVersionsRequest, (), out);
        }
    }
}

impl Application for EchoClient {
    fn has_finished_its_input(&self) -> bool {
        self.is_finished()
    }

    fn is_idle(&self) -> bool {
        self.is_finished()
    }

    fn progress(&self) -> Option<&Progress> {
        None
    }

    fn name(&self) -> &str {
        &self.plan.name
    }

    fn starts_at(&self) -> Span {
        self.plan.start
    }

    fn restarts_after(&self) -> Option<Span> {
        Some(EchoPlan::RESTARTS_AFTER)
    }

    fn declare(&self) -> Option<h::Client<'static>> {
        // It neither writes nor reads a topic: to the checker it is a producer that sends nothing.
        Some(h::Client { name: self.plan.name.clone().into(), kind: h::ClientKind::Producer, ..h::Client::default() })
    }

    fn start(&mut self, now: Now, incarnation: u32, out: &mut Outputs, history: &mut History<'_>) {
        self.recorder.introduce(history.client_number(&self.plan.name));
        self.recorder.set_incarnation(incarnation);
        self.recorder.started(now, history);
        self.connections = Connections::new(SETTINGS);
        self.advance(now, out);
    }

    fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs, _: &mut History<'_>) {
        match input {
            NetInput::Connected(channel) => {
                self.connections.connected(channel);
            }
            NetInput::Disconnected(channel) => {
                self.connections.disconnected(now, channel);
            }
            NetInput::Response(channel, correlation, _) => {
                self.answered += u64::from(self.connections.response(channel, correlation).is_some());
            }
        }
        self.advance(now, out);
    }

    fn wake(&mut self, now: Now, out: &mut Outputs, _: &mut History<'_>) {
        while self.connections.expire(now, out).is_some() {}
        self.advance(now, out);
    }

    fn next_deadline(&self) -> Instant {
        if self.is_finished() {
            return Instant::NEVER;
        }
        let deadline = self.connections.poll_timeout();
        if deadline != Instant::NEVER {
            return deadline;
        }
        // Nothing is under way: it waits to connect again.
        match self.connections.not_before(self.channel) {
            Instant::ZERO => Instant::NEVER,
            backing_off => backing_off,
        }
    }

    fn crash(&mut self, _: Now, _: Gone, _: &mut History<'_>) {
        self.connections = Connections::new(SETTINGS);
    }

    fn place(&self) -> Option<(u32, u32)> {
        self.recorder.place()
    }
}
