//! One outgoing connection with at most one request in flight.

use super::timer::{Timer, Timers};
use crate::io::{Channel, CorrelationId, Output, Outputs};
use crate::message::Request;
use crate::time::{Instant, Span};

/// `socket.connection.setup.timeout.ms` of Kafka's clients.
const CONNECT_TIMEOUT: Span = Span::from_secs(10);

/// State of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not connected and not wanted.
    Down,
    /// Wanted, but the last attempt failed a moment ago.
    BackingOff,
    /// Asked for.
    Connecting,
    /// There.
    Up,
}

/// What a link's timer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// Nothing yet; the timer was set again.
    NotYet,
    /// The connection or its request took too long; the link was closed.
    Overdue,
    /// The back-off is over; a connection was asked for.
    Reconnecting,
}

/// An outgoing connection.
#[derive(Clone, Debug)]
pub(super) struct Link {
    channel: Channel,
    state: State,
    correlation: CorrelationId,
    in_flight: bool,
    not_before: Instant,
    deadline: Instant,
    /// Where the timer stands: at or before `deadline`, so that a request that is answered costs no timer operation.
    armed: Instant,
}

impl Link {
    pub fn new(channel: Channel) -> Link {
        Link {
            channel,
            state: State::Down,
            correlation: 0,
            in_flight: false,
            not_before: Instant::ZERO,
            deadline: Instant::NEVER,
            armed: Instant::NEVER,
        }
    }

    fn arm(&mut self, timers: &mut Timers) {
        if self.deadline < self.armed {
            timers.clear(self.armed, Timer::Link(self.channel));
            timers.set(self.deadline, Timer::Link(self.channel));
            self.armed = self.deadline;
        }
    }

    /// Whether a request can be sent now.
    pub fn is_free(&self) -> bool {
        self.state == State::Up && !self.in_flight
    }

    /// Asks for the connection, at once or when the back-off is over. Harmless if it is there or on its way.
    pub fn open(&mut self, now: Instant, timers: &mut Timers, out: &mut Outputs) {
        if self.state != State::Down {
            return;
        }
        if now < self.not_before {
            self.state = State::BackingOff;
            self.deadline = self.not_before;
        } else {
            self.state = State::Connecting;
            self.deadline = now + CONNECT_TIMEOUT;
            out.push(Output::Connect(self.channel));
        }
        self.arm(timers);
    }

    /// The connection is there.
    pub fn connected(&mut self) {
        self.state = State::Up;
        self.in_flight = false;
        self.deadline = Instant::NEVER;
    }

    /// The connection is gone; the next attempt waits for `backoff`. Returns whether a request was in flight.
    pub fn lost(&mut self, now: Instant, backoff: Span) -> bool {
        self.state = State::Down;
        self.not_before = now + backoff;
        self.deadline = Instant::NEVER;
        core::mem::take(&mut self.in_flight)
    }

    /// Sends a request; the link must be free. `None` waits for its answer for ever.
    pub fn send(
        &mut self,
        request: Request,
        timeout: Option<Span>,
        now: Instant,
        timers: &mut Timers,
        out: &mut Outputs,
    ) {
        debug_assert!(self.is_free());
        self.correlation += 1;
        self.in_flight = true;
        self.deadline = timeout.map_or(Instant::NEVER, |span| now + span);
        self.arm(timers);
        out.push(Output::Send(self.channel, self.correlation, request));
    }

    /// An answer arrived; returns whether it is the one that is waited for.
    pub fn answered(&mut self, correlation: CorrelationId) -> bool {
        let expected = self.state == State::Up && self.in_flight && correlation == self.correlation;
        if expected {
            self.in_flight = false;
            self.deadline = Instant::NEVER;
        }
        expected
    }

    /// The link's timer fired.
    pub fn expired(&mut self, now: Instant, timers: &mut Timers, out: &mut Outputs) -> Expiry {
        self.armed = Instant::NEVER;
        if self.deadline > now {
            self.arm(timers);
            return Expiry::NotYet;
        }
        if self.state == State::BackingOff {
            self.state = State::Down;
            self.not_before = now;
            self.open(now, timers, out);
            return Expiry::Reconnecting;
        }
        out.push(Output::Close(self.channel));
        Expiry::Overdue
    }
}
