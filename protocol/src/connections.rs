//! A client's connections: one per peer and purpose, with a limit of requests in flight, request time-outs and
//! reconnect back-off, as Kafka's `NetworkClient` keeps them.
//!
//! A request that times out closes its connection, and every request in flight on it has an unknown outcome (§5.7).

use std::collections::VecDeque;

use crate::io::{Channel, CorrelationId, Output, Outputs, push_made};
use crate::message::Request;
use crate::time::{Instant, Now, Span};

/// How long a connection attempt may take: `socket.connection.setup.timeout.ms`.
pub const CONNECTION_SETUP_TIMEOUT: Span = Span::from_secs(10);

/// Settings of a client's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff_ms: i64,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max_ms: i64,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// `request.timeout.ms`.
    pub request_timeout_ms: i64,
}

/// Why requests in flight were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The connection died: NETWORK_EXCEPTION.
    Disconnected,
    /// A request on the connection timed out: REQUEST_TIMED_OUT.
    TimedOut,
}

#[derive(Clone, Debug)]
enum State {
    Idle { not_before: Instant },
    Connecting,
    Connected,
}

#[derive(Clone, Debug)]
struct InFlight<C> {
    correlation: CorrelationId,
    deadline: Instant,
    cookie: C,
}

#[derive(Clone, Debug)]
struct Connection<C> {
    channel: Channel,
    state: State,
    failures: u32,
    in_flight: VecDeque<InFlight<C>>,
    next_correlation: CorrelationId,
    /// Earliest time-out of a request in flight, or that of the attempt to connect.
    deadline: Instant,
}

/// The connections of one client; `C` is what the client wants back with the answer of a request.
#[derive(Clone, Debug)]
pub struct Connections<C> {
    settings: ConnectionSettings,
    connections: Vec<Connection<C>>,
}

impl<C> Connections<C> {
    /// No connection yet.
    pub fn new(settings: ConnectionSettings) -> Self {
        Connections { settings, connections: Vec::new() }
    }

    #[inline]
    fn find(&self, channel: Channel) -> Option<usize> {
        self.connections.iter().position(|c| c.channel == channel)
    }

    #[inline]
    fn get_or_insert(&mut self, channel: Channel) -> &mut Connection<C> {
        let index = self.find(channel).unwrap_or_else(|| self.insert(channel));
        &mut self.connections[index]
    }

    #[cold]
    fn insert(&mut self, channel: Channel) -> usize {
        self.connections.push(Connection {
            channel,
            state: State::Idle { not_before: Instant::ZERO },
            failures: 0,
            in_flight: VecDeque::new(),
            next_correlation: 0,
            deadline: Instant::NEVER,
        });
        self.connections.len() - 1
    }

    /// Whether a request can be sent now. Begins to connect if there is no connection and the back-off has passed.
    #[inline]
    pub fn ready(&mut self, now: Now, channel: Channel, out: &mut Outputs) -> bool {
        let limit = self.settings.max_in_flight;
        self.get_or_insert(channel).ready(now, limit, out)
    }

    /// Sends a request if one can be sent now ([`Connections::ready`]), and says whether it did.
    #[inline]
    pub fn send_if_ready(
        &mut self,
        now: Now,
        channel: Channel,
        request: impl Into<Request>,
        cookie: C,
        out: &mut Outputs,
    ) -> bool {
        let ConnectionSettings { max_in_flight, request_timeout_ms, .. } = self.settings;
        let connection = self.get_or_insert(channel);
        let ready = connection.ready(now, max_in_flight, out);
        if ready {
            let correlation = connection.begin(now, cookie, Span::from_millis(request_timeout_ms));
            push_made(out, || Output::Send(channel, correlation, request.into()));
        }
        ready
    }

    /// Whether the connection is established, whatever is in flight on it.
    pub fn is_connected(&self, channel: Channel) -> bool {
        self.find(channel).is_some_and(|i| matches!(self.connections[i].state, State::Connected))
    }

    /// Earliest time at which [`Connections::ready`] would begin to connect; `ZERO` unless it is backing off.
    pub fn not_before(&self, channel: Channel) -> Instant {
        match self.find(channel).map(|i| &self.connections[i].state) {
            Some(State::Idle { not_before }) => *not_before,
            _ => Instant::ZERO,
        }
    }

    /// Number of requests in flight.
    pub fn in_flight(&self, channel: Channel) -> usize {
        self.find(channel).map_or(0, |i| self.connections[i].in_flight.len())
    }

    /// Sends a request on a connection for which [`Connections::ready`] said yes.
    ///
    /// # Panics
    /// If the connection is not established: that is the caller's bug.
    pub fn send(&mut self, now: Now, channel: Channel, request: impl Into<Request>, cookie: C, out: &mut Outputs) {
        let timeout = Span::from_millis(self.settings.request_timeout_ms);
        self.send_with_timeout(now, channel, request, cookie, timeout, out);
    }

    /// Like [`Connections::send`] with a time-out of its own (JoinGroup).
    pub fn send_with_timeout(
        &mut self,
        now: Now,
        channel: Channel,
        request: impl Into<Request>,
        cookie: C,
        timeout: Span,
        out: &mut Outputs,
    ) {
        let correlation = self.begin(now, channel, cookie, timeout);
        push_made(out, || Output::Send(channel, correlation, request.into()));
    }

    /// Counts a request as in flight that the caller sends itself, under the number that is returned: one that is none
    /// of Kafka's.
    ///
    /// # Panics
    /// If the connection is not established: that is the caller's bug.
    #[inline]
    pub fn begin(&mut self, now: Now, channel: Channel, cookie: C, timeout: Span) -> CorrelationId {
        self.established(channel).begin(now, cookie, timeout)
    }

    /// Sends a request that will not be answered (`acks=0`).
    pub fn send_without_answer(&mut self, channel: Channel, request: impl Into<Request>, out: &mut Outputs) {
        let correlation = self.established(channel).number();
        out.push(Output::Send(channel, correlation, request.into()));
    }

    fn established(&mut self, channel: Channel) -> &mut Connection<C> {
        let connection = self.connections.iter_mut().find(|c| c.channel == channel);
        let connection = connection.expect("a request is sent on a connection that was asked for");
        assert!(
            matches!(connection.state, State::Connected),
            "a request is sent on an established connection: {channel:?}"
        );
        connection
    }

    /// The world says that the connection is there. False if it is no longer wanted.
    pub fn connected(&mut self, channel: Channel) -> bool {
        let Some(index) = self.find(channel) else { return false };
        let connection = &mut self.connections[index];
        let wanted = matches!(connection.state, State::Connecting);
        if wanted {
            connection.state = State::Connected;
            connection.deadline = Instant::NEVER;
            connection.failures = 0;
        }
        wanted
    }

    /// An answer arrived: the cookie of its request, or `None` if that one was given up.
    #[inline]
    pub fn response(&mut self, channel: Channel, correlation: CorrelationId) -> Option<C> {
        let connection = self.connections.iter_mut().find(|c| c.channel == channel)?;
        // Answers come in the order of the requests, so it is nearly always the first.
        let answered = if connection.in_flight.front()?.correlation == correlation {
            connection.in_flight.pop_front()?
        } else {
            let position = connection.in_flight.iter().position(|r| r.correlation == correlation)?;
            connection.in_flight.remove(position)?
        };
        if connection.in_flight.is_empty() {
            connection.deadline = Instant::NEVER;
        } else if answered.deadline == connection.deadline {
            connection.deadline = connection.in_flight.iter().map(|r| r.deadline).min().unwrap_or(Instant::NEVER);
        }
        Some(answered.cookie)
    }

    /// The world says that the connection died or could not be made: the requests that were in flight, oldest first.
    pub fn disconnected(&mut self, now: Now, channel: Channel) -> Vec<C> {
        match self.find(channel) {
            Some(index) => self.fail(now, index),
            None => Vec::new(),
        }
    }

    fn fail(&mut self, now: Now, index: usize) -> Vec<C> {
        let settings = self.settings;
        let connection = &mut self.connections[index];
        let pause = backoff(settings.reconnect_backoff_ms, settings.reconnect_backoff_max_ms, connection.failures, now);
        connection.failures = connection.failures.saturating_add(1);
        connection.state = State::Idle { not_before: now.mono + pause };
        connection.deadline = Instant::NEVER;
        connection.in_flight.drain(..).map(|r| r.cookie).collect()
    }

    /// Closes a connection from this end: the requests that were in flight, oldest first.
    pub fn close(&mut self, now: Now, channel: Channel, out: &mut Outputs) -> Vec<C> {
        let Some(index) = self.find(channel) else { return Vec::new() };
        if !matches!(self.connections[index].state, State::Idle { .. }) {
            out.push(Output::Close(channel));
        }
        self.fail(now, index)
    }

    /// Closes every connection.
    pub fn close_all(&mut self, out: &mut Outputs) {
        for connection in self.connections.drain(..) {
            if !matches!(connection.state, State::Idle { .. }) {
                out.push(Output::Close(connection.channel));
            }
        }
    }

    /// Earliest time-out of a request or of a connection attempt.
    #[inline]
    pub fn next_deadline(&self) -> Instant {
        self.connections.iter().map(|c| c.deadline).min().unwrap_or(Instant::NEVER)
    }

    /// Closes one connection on which something timed out, and returns what was in flight on it. Call until `None`.
    pub fn expire(&mut self, now: Now, out: &mut Outputs) -> Option<(Channel, Vec<C>)> {
        let index = self.connections.iter().position(|c| c.deadline <= now.mono)?;
        let channel = self.connections[index].channel;
        out.push(Output::Close(channel));
        Some((channel, self.fail(now, index)))
    }
}

impl<C> Connection<C> {
    /// Number of the next request.
    fn number(&mut self) -> CorrelationId {
        let correlation = self.next_correlation;
        self.next_correlation += 1;
        correlation
    }

    /// Whether a request can be sent now. Begins to connect if nothing is there and the back-off has passed.
    #[inline]
    fn ready(&mut self, now: Now, max_in_flight: usize, out: &mut Outputs) -> bool {
        match self.state {
            State::Connected => self.in_flight.len() < max_in_flight,
            State::Connecting => false,
            State::Idle { not_before } => {
                if now.mono >= not_before {
                    self.state = State::Connecting;
                    self.deadline = now.mono + CONNECTION_SETUP_TIMEOUT;
                    out.push(Output::Connect(self.channel));
                }
                false
            }
        }
    }

    /// A request is in flight from now on.
    #[inline]
    fn begin(&mut self, now: Now, cookie: C, timeout: Span) -> CorrelationId {
        let correlation = self.number();
        let deadline = now.mono + timeout;
        self.deadline = self.deadline.min(deadline);
        self.in_flight.push_back(InFlight { correlation, deadline, cookie });
        correlation
    }
}

/// Exponential back-off: `initial * 2^failures`, at most `max`, times (1 + jitter). Milliseconds in, a span out.
pub fn backoff(initial_ms: i64, max_ms: i64, failures: u32, now: Now) -> Span {
    let doubled = initial_ms.saturating_mul(1i64 << failures.min(20));
    let nominal = Span::from_millis(doubled.min(max_ms.max(initial_ms))).0;
    let jitter = i128::from(nominal) * i128::from(now.jitter_ppm) / 1_000_000;
    Span((i128::from(nominal) + jitter).max(0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use crate::io::Purpose;
    use crate::message::ApiVersionsRequest;

    const CHANNEL: Channel = Channel { to: NodeId(1), purpose: Purpose::Client };

    fn connections() -> Connections<&'static str> {
        Connections::new(ConnectionSettings {
            reconnect_backoff_ms: 50,
            reconnect_backoff_max_ms: 1000,
            max_in_flight: 2,
            request_timeout_ms: 30_000,
        })
    }

    fn established() -> Connections<&'static str> {
        let mut c = connections();
        assert!(!c.ready(Now::at_ms(0), CHANNEL, &mut Vec::new()));
        assert!(c.connected(CHANNEL));
        c
    }

    #[test]
    fn connecting_is_asked_once() {
        let (mut c, mut out) = (connections(), Vec::new());
        assert!(!c.ready(Now::at_ms(0), CHANNEL, &mut out));
        assert!(!c.ready(Now::at_ms(1), CHANNEL, &mut out));
        assert_eq!(out, [Output::Connect(CHANNEL)]);
    }

    #[test]
    fn the_in_flight_limit_is_per_connection() {
        let (mut c, mut out) = (established(), Vec::new());
        for cookie in ["a", "b"] {
            assert!(c.ready(Now::at_ms(0), CHANNEL, &mut out));
            c.send(Now::at_ms(0), CHANNEL, ApiVersionsRequest, cookie, &mut out);
        }
        assert!(!c.ready(Now::at_ms(0), CHANNEL, &mut out));
        assert_eq!(c.response(CHANNEL, 0), Some("a"));
        assert!(c.ready(Now::at_ms(0), CHANNEL, &mut out));
    }

    #[test]
    fn a_timed_out_request_takes_its_connection_and_all_in_flight_with_it() {
        let (mut c, mut out) = (established(), Vec::new());
        c.send(Now::at_ms(0), CHANNEL, ApiVersionsRequest, "a", &mut out);
        c.send(Now::at_ms(10), CHANNEL, ApiVersionsRequest, "b", &mut out);
        assert_eq!(c.next_deadline(), Now::at_ms(30_000).mono);
        assert_eq!(c.expire(Now::at_ms(29_999), &mut out), None);
        assert_eq!(c.expire(Now::at_ms(30_000), &mut out), Some((CHANNEL, vec!["a", "b"])));
        assert_eq!(out.last(), Some(&Output::Close(CHANNEL)));
        assert_eq!(c.response(CHANNEL, 0), None);
    }

    #[test]
    fn reconnecting_backs_off_exponentially() {
        let mut c = connections();
        let mut now = Now::at_ms(0);
        for pause in [50, 100, 200, 400, 800, 1000, 1000] {
            let mut out = Vec::new();
            c.ready(now, CHANNEL, &mut out);
            assert_eq!(out, [Output::Connect(CHANNEL)]);
            c.disconnected(now, CHANNEL);
            assert_eq!(c.not_before(CHANNEL), now.mono + Span::from_millis(pause));
            now.mono = c.not_before(CHANNEL);
        }
    }

    #[test]
    fn a_connection_attempt_times_out() {
        let (mut c, mut out) = (connections(), Vec::new());
        c.ready(Now::at_ms(0), CHANNEL, &mut out);
        assert_eq!(c.next_deadline(), Now::at_ms(10_000).mono);
        assert_eq!(c.expire(Now::at_ms(10_000), &mut out), Some((CHANNEL, vec![])));
        assert!(!c.connected(CHANNEL), "a late Connected is not wanted any more");
    }
}
