//! Connections: one machine for one, and the table of a client that has several.
//!
//! A [`Connection`] is asked for, made or not, has requests in flight, dies, and is made again after a back-off, as in
//! Kafka's `NetworkClient`. A request that times out closes its connection, and every request in flight on it has an
//! unknown outcome (§5.7). What differs between those who hold one is a number with a key of Kafka's: how many requests may
//! be in flight, for how long they wait for an answer, and how long the back-off is.

use std::collections::VecDeque;

use crate::io::{Channel, CorrelationId, Output, Outputs, push_made};
use crate::message::Request;
use crate::time::{Instant, Now, Span};

/// How long a connection attempt may take: `socket.connection.setup.timeout.ms`.
const CONNECTION_SETUP_TIMEOUT: Span = Span::from_secs(10);

/// How long a dead connection is left alone before it is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnect {
    /// `reconnect.backoff.ms`: after the first failure; doubles with each.
    pub backoff_ms: i64,
    /// `reconnect.backoff.max.ms`.
    pub backoff_max_ms: i64,
}

impl Reconnect {
    /// Always the same pause.
    pub(crate) const fn after_ms(pause_ms: i64) -> Reconnect {
        Reconnect { backoff_ms: pause_ms, backoff_max_ms: pause_ms }
    }

    fn pause(self, failures: u32, now: Now) -> Span {
        backoff(self.backoff_ms, self.backoff_max_ms, failures, now)
    }
}

/// Settings of a client's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// When they are made again.
    pub reconnect: Reconnect,
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

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Idle { not_before: Instant },
    Connecting,
    Connected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct InFlight<C> {
    correlation: CorrelationId,
    deadline: Instant,
    cookie: C,
}

/// One outgoing connection; `C` is what its owner wants back with the answer of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection<C> {
    channel: Channel,
    state: State,
    failures: u32,
    in_flight: VecDeque<InFlight<C>>,
    next_correlation: CorrelationId,
    /// Earliest time-out of a request in flight, or that of the attempt to connect.
    deadline: Instant,
}

impl<C> Connection<C> {
    pub fn new(channel: Channel) -> Self {
        Connection {
            channel,
            state: State::Idle { not_before: Instant::ZERO },
            failures: 0,
            in_flight: VecDeque::new(),
            next_correlation: 0,
            deadline: Instant::NEVER,
        }
    }

    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// The next request gets this number, those after it the ones that follow.
    pub fn count_from(&mut self, next: CorrelationId) {
        self.next_correlation = next;
    }

    /// Whether it is neither there nor on its way.
    #[inline]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle { .. })
    }

    /// Whether it is established, whatever is in flight on it.
    #[inline]
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected)
    }

    /// Whether it is established and nothing is in flight on it.
    #[inline]
    pub fn is_free(&self) -> bool {
        self.is_connected() && self.in_flight.is_empty()
    }

    /// Earliest time at which it can be asked for; `ZERO` unless it is backing off.
    pub fn not_before(&self) -> Instant {
        match self.state {
            State::Idle { not_before } => not_before,
            State::Connecting | State::Connected => Instant::ZERO,
        }
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// When something times out on it or, if it is wanted, when its back-off is over.
    #[inline]
    pub fn poll_timeout(&self, wanted: bool) -> Instant {
        match self.state {
            State::Idle { not_before } if wanted => not_before,
            _ => self.deadline,
        }
    }

    /// Whether a request or the attempt to connect has taken too long: the owner hangs up.
    #[inline]
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.deadline <= now
    }

    /// Asks for it, unless it is there, on its way or backing off.
    #[inline]
    pub fn open(&mut self, now: Instant, out: &mut Outputs) {
        if let State::Idle { not_before } = self.state
            && now >= not_before
        {
            self.state = State::Connecting;
            self.deadline = now + CONNECTION_SETUP_TIMEOUT;
            out.push(Output::Connect(self.channel));
        }
    }

    /// Whether a request can be sent now; if it is not there, it is asked for.
    #[inline]
    pub fn ready(&mut self, now: Instant, max_in_flight: usize, out: &mut Outputs) -> bool {
        if self.is_connected() {
            return self.in_flight.len() < max_in_flight;
        }
        self.open(now, out);
        false
    }

    /// It is there. False if it is no longer wanted.
    pub fn connected(&mut self) -> bool {
        let wanted = matches!(self.state, State::Connecting);
        if wanted {
            self.state = State::Connected;
            self.deadline = Instant::NEVER;
            self.failures = 0;
        }
        wanted
    }

    fn number(&mut self) -> CorrelationId {
        let correlation = self.next_correlation;
        self.next_correlation += 1;
        correlation
    }

    /// A request is in flight from now on, which the owner sends itself under the number that is returned.
    #[inline]
    pub fn begin(&mut self, now: Instant, cookie: C, timeout: Span) -> CorrelationId {
        let correlation = self.number();
        let deadline = now + timeout;
        self.deadline = self.deadline.min(deadline);
        self.in_flight.push_back(InFlight { correlation, deadline, cookie });
        correlation
    }

    /// Sends a request.
    #[inline]
    pub fn send(&mut self, now: Instant, request: impl Into<Request>, cookie: C, timeout: Span, out: &mut Outputs) {
        debug_assert!(self.is_connected(), "a request is sent on an established connection: {:?}", self.channel);
        let correlation = self.begin(now, cookie, timeout);
        push_made(out, || Output::Send(self.channel, correlation, request.into()));
    }

    /// An answer arrived: the cookie of its request, or `None` if that one was given up.
    #[inline]
    pub fn response(&mut self, correlation: CorrelationId) -> Option<C> {
        // Answers come in the order of the requests, so it is nearly always the first.
        let answered = if self.in_flight.front()?.correlation == correlation {
            self.in_flight.pop_front()?
        } else {
            let position = self.in_flight.iter().position(|r| r.correlation == correlation)?;
            self.in_flight.remove(position)?
        };
        if self.in_flight.is_empty() {
            self.deadline = Instant::NEVER;
        } else if answered.deadline == self.deadline {
            self.deadline = self.in_flight.iter().map(|r| r.deadline).min().unwrap_or(Instant::NEVER);
        }
        Some(answered.cookie)
    }

    /// Closes it from this end, if there is something to close. The owner then says that it is lost.
    pub fn hang_up(&self, out: &mut Outputs) {
        if !self.is_idle() {
            out.push(Output::Close(self.channel));
        }
    }

    /// It died, could not be made, or was closed from this end: the requests that were in flight, oldest first.
    pub fn lost(&mut self, now: Now, reconnect: Reconnect) -> Vec<C> {
        let pause = reconnect.pause(self.failures, now);
        self.failures = self.failures.saturating_add(1);
        self.state = State::Idle { not_before: now.mono + pause };
        self.deadline = Instant::NEVER;
        self.in_flight.drain(..).map(|r| r.cookie).collect()
    }
}

/// The connections of one client, one per peer and purpose.
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

    fn get(&self, channel: Channel) -> Option<&Connection<C>> {
        self.find(channel).map(|index| &self.connections[index])
    }

    #[inline]
    fn get_mut(&mut self, channel: Channel) -> Option<&mut Connection<C>> {
        self.connections.iter_mut().find(|c| c.channel == channel)
    }

    #[inline]
    fn get_or_insert(&mut self, channel: Channel) -> &mut Connection<C> {
        let index = self.find(channel).unwrap_or_else(|| self.insert(channel));
        &mut self.connections[index]
    }

    #[cold]
    fn insert(&mut self, channel: Channel) -> usize {
        self.connections.push(Connection::new(channel));
        self.connections.len() - 1
    }

    /// Whether a request can be sent now. Begins to connect if there is no connection and the back-off has passed.
    #[inline]
    pub fn ready(&mut self, now: Now, channel: Channel, out: &mut Outputs) -> bool {
        let limit = self.settings.max_in_flight;
        self.get_or_insert(channel).ready(now.mono, limit, out)
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
        let ready = connection.ready(now.mono, max_in_flight, out);
        if ready {
            connection.send(now.mono, request, cookie, Span::from_millis(request_timeout_ms), out);
        }
        ready
    }

    /// Whether the connection is established, whatever is in flight on it.
    pub fn is_connected(&self, channel: Channel) -> bool {
        self.get(channel).is_some_and(Connection::is_connected)
    }

    /// Earliest time at which [`Connections::ready`] would begin to connect; `ZERO` unless it is backing off.
    pub fn not_before(&self, channel: Channel) -> Instant {
        self.get(channel).map_or(Instant::ZERO, Connection::not_before)
    }

    /// Number of requests in flight.
    pub fn in_flight(&self, channel: Channel) -> usize {
        self.get(channel).map_or(0, Connection::in_flight)
    }

    /// Sends a request on a connection for which [`Connections::ready`] said yes.
    ///
    /// # Panics
    /// If the connection is not established: that is the caller's bug.
    pub fn send(&mut self, now: Now, channel: Channel, request: impl Into<Request>, cookie: C, out: &mut Outputs) {
        let timeout = Span::from_millis(self.settings.request_timeout_ms);
        self.established(channel).send(now.mono, request, cookie, timeout, out);
    }

    /// Counts a request as in flight that the caller sends itself, under the number that is returned: one that is none
    /// of Kafka's, or one with a time-out of its own (JoinGroup).
    ///
    /// # Panics
    /// If the connection is not established: that is the caller's bug.
    #[inline]
    pub fn begin(&mut self, now: Now, channel: Channel, cookie: C, timeout: Span) -> CorrelationId {
        self.established(channel).begin(now.mono, cookie, timeout)
    }

    /// Sends a request that will not be answered (`acks=0`).
    pub fn send_without_answer(&mut self, channel: Channel, request: impl Into<Request>, out: &mut Outputs) {
        let correlation = self.established(channel).number();
        out.push(Output::Send(channel, correlation, request.into()));
    }

    fn established(&mut self, channel: Channel) -> &mut Connection<C> {
        let connection = self.get_mut(channel);
        let connection = connection.expect("a request is sent on a connection that was asked for");
        assert!(connection.is_connected(), "a request is sent on an established connection: {channel:?}");
        connection
    }

    /// The world says that the connection is there. False if it is no longer wanted.
    pub fn connected(&mut self, channel: Channel) -> bool {
        self.get_mut(channel).is_some_and(Connection::connected)
    }

    /// An answer arrived: the cookie of its request, or `None` if that one was given up.
    #[inline]
    pub fn response(&mut self, channel: Channel, correlation: CorrelationId) -> Option<C> {
        self.get_mut(channel)?.response(correlation)
    }

    /// The world says that the connection died or could not be made: the requests that were in flight, oldest first.
    pub fn disconnected(&mut self, now: Now, channel: Channel) -> Vec<C> {
        let reconnect = self.settings.reconnect;
        self.get_mut(channel).map_or_else(Vec::new, |connection| connection.lost(now, reconnect))
    }

    /// Closes a connection from this end: the requests that were in flight, oldest first.
    pub fn close(&mut self, now: Now, channel: Channel, out: &mut Outputs) -> Vec<C> {
        let reconnect = self.settings.reconnect;
        let Some(connection) = self.get_mut(channel) else { return Vec::new() };
        connection.hang_up(out);
        connection.lost(now, reconnect)
    }

    /// Closes every connection.
    pub fn close_all(&mut self, out: &mut Outputs) {
        self.connections.drain(..).for_each(|connection| connection.hang_up(out));
    }

    /// Earliest time-out of a request or of a connection attempt.
    #[inline]
    pub fn poll_timeout(&self) -> Instant {
        self.connections.iter().map(|c| c.deadline).min().unwrap_or(Instant::NEVER)
    }

    /// Closes one connection on which something timed out, and returns what was in flight on it. Call until `None`.
    pub fn expire(&mut self, now: Now, out: &mut Outputs) -> Option<(Channel, Vec<C>)> {
        let connection = self.connections.iter_mut().find(|c| c.is_overdue(now.mono))?;
        connection.hang_up(out);
        Some((connection.channel, connection.lost(now, self.settings.reconnect)))
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
            reconnect: Reconnect { backoff_ms: 50, backoff_max_ms: 1000 },
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
        assert_eq!(c.poll_timeout(), Now::at_ms(30_000).mono);
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
        assert_eq!(c.poll_timeout(), Now::at_ms(10_000).mono);
        assert_eq!(c.expire(Now::at_ms(10_000), &mut out), Some((CHANNEL, vec![])));
        assert!(!c.connected(CHANNEL), "a late Connected is not wanted any more");
    }
}
