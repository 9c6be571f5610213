//! A broker's outgoing connection: at most one request in flight, and its time-outs in the broker's table of timers.

use super::timer::{Timer, Timers};
use crate::io::{Channel, CorrelationId, Outputs};
use crate::message::Request;
use crate::net::{Connection, Reconnect};
use crate::time::{Instant, Now, Span};

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
    connection: Connection<()>,
    /// It was asked for; while it backs off, it is to be made at the end of that.
    wanted: bool,
    /// Where the timer stands: at or before what is due, so that a request that is answered costs no timer operation.
    armed: Instant,
}

impl Link {
    pub fn new(channel: Channel) -> Link {
        let mut connection = Connection::new(channel);
        connection.count_from(1);
        Link { connection, wanted: false, armed: Instant::NEVER }
    }

    fn arm(&mut self, timers: &mut Timers) {
        let deadline = self.connection.poll_timeout(self.wanted);
        if deadline < self.armed {
            let timer = Timer::Link(self.connection.channel());
            timers.clear(self.armed, timer);
            timers.set(deadline, timer);
            self.armed = deadline;
        }
    }

    /// Whether a request can be sent now.
    #[inline]
    pub fn is_free(&self) -> bool {
        self.connection.is_free()
    }

    /// Asks for the connection, at once or when the back-off is over. Harmless if it is there or on its way.
    pub fn open(&mut self, now: Instant, timers: &mut Timers, out: &mut Outputs) {
        if self.connection.is_idle() {
            self.wanted = true;
            self.connection.open(now, out);
            self.arm(timers);
        }
    }

    /// The connection is there.
    pub fn connected(&mut self) {
        self.connection.connected();
    }

    /// The connection is gone; it is made again only when it is asked for.
    pub fn lost(&mut self, now: Now, reconnect: Reconnect) {
        self.wanted = false;
        self.connection.lost(now, reconnect);
    }

    /// Sends a request; the link must be free.
    pub fn send(&mut self, request: Request, timeout: Span, now: Instant, timers: &mut Timers, out: &mut Outputs) {
        debug_assert!(self.is_free());
        self.connection.send(now, request, (), timeout, out);
        self.arm(timers);
    }

    /// An answer arrived; returns whether it is the one that is waited for.
    pub fn answered(&mut self, correlation: CorrelationId) -> bool {
        self.connection.response(correlation).is_some()
    }

    /// The link's timer fired.
    pub fn expired(&mut self, now: Instant, timers: &mut Timers, out: &mut Outputs) -> Expiry {
        self.armed = Instant::NEVER;
        let expiry = if self.connection.poll_timeout(self.wanted) > now {
            Expiry::NotYet
        } else if self.connection.is_idle() {
            self.connection.open(now, out);
            Expiry::Reconnecting
        } else {
            self.connection.hang_up(out);
            return Expiry::Overdue;
        };
        self.arm(timers);
        expiry
    }
}
