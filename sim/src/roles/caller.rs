//! A client's connection to a sink: one, with one request at a time.
//!
//! A request that was never sent did not happen, so it simply waits for a connection. One that was sent and not answered,
//! because the connection died or the time was up, may have happened: that is said to the application, whose decision it
//! is what to do.

use fencepost_protocol::ids::NodeId;
use fencepost_protocol::io::{Channel, CorrelationId, NetInput, Outputs, Purpose};
use fencepost_protocol::net::{ConnectionSettings, Connections, Reconnect};
use fencepost_protocol::time::{Instant, Now, Span};

use crate::plan::calls::Patience;
use crate::sink::{Answer, Request, Response};

/// A request on its way to the world.
pub(crate) type OutgoingCall = (Channel, CorrelationId, Request);

/// What a caller tells its application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The answer.
    Answer(Answer),
    /// No answer will come; why.
    Lost(&'static str),
    /// The connection is gone, with nothing under way on it: a database has rolled back what was open.
    Disconnected,
}

/// The connection.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    channel: Channel,
    settings: ConnectionSettings,
    connections: Connections<()>,
    /// What is to be sent, and not before when.
    waiting: Option<(Instant, Request)>,
    calls: Vec<OutgoingCall>,
}

impl Caller {
    /// A caller of the sink `to`, not yet connected.
    pub fn new(to: NodeId, patience: Patience) -> Caller {
        let settings = ConnectionSettings {
            reconnect: Reconnect { backoff_ms: 50, backoff_max_ms: 1_000 },
            max_in_flight: 1,
            request_timeout_ms: patience.timeout.as_millis() as i64,
        };
        Caller {
            channel: Channel { to, purpose: Purpose::Client },
            settings,
            connections: Connections::new(settings),
            waiting: None,
            calls: Vec::new(),
        }
    }

    /// The process is gone.
    pub fn crash(&mut self) {
        self.connections = Connections::new(self.settings);
        self.waiting = None;
        self.calls.clear();
    }

    /// Sends a request after a pause, as soon as there is a connection.
    pub fn call_after(&mut self, now: Now, pause: Span, request: Request, out: &mut Outputs) {
        debug_assert!(self.waiting.is_none(), "one request at a time");
        self.waiting = Some((now.mono + pause, request));
        self.advance(now, out);
    }

    /// Sends a request as soon as there is a connection.
    pub fn call(&mut self, now: Now, request: Request, out: &mut Outputs) {
        self.call_after(now, Span::ZERO, request, out);
    }

    /// Whether something waits to be sent or to be answered.
    #[cfg(test)]
    fn is_busy(&self) -> bool {
        self.waiting.is_some() || self.connections.in_flight(self.channel) > 0
    }

    fn advance(&mut self, now: Now, out: &mut Outputs) {
        if self.waiting.as_ref().is_none_or(|(at, _)| *at > now.mono) || !self.connections.ready(now, self.channel, out)
        {
            return;
        }
        let (_, request) = self.waiting.take().expect("something waits");
        let timeout = Span::from_millis(self.settings.request_timeout_ms);
        let correlation = self.connections.begin(now, self.channel, (), timeout);
        self.calls.push((self.channel, correlation, request));
    }

    /// What the world has to send.
    pub fn take_calls(&mut self) -> Vec<OutgoingCall> {
        std::mem::take(&mut self.calls)
    }

    /// Whether something concerns this connection.
    pub fn is_for(&self, input: &NetInput) -> bool {
        match input {
            NetInput::Connected(channel) | NetInput::Disconnected(channel) => *channel == self.channel,
            NetInput::Response(..) => false,
        }
    }

    /// Something happened on the connection.
    pub fn net(&mut self, now: Now, input: &NetInput, out: &mut Outputs) -> Option<Heard> {
        match input {
            NetInput::Connected(channel) => {
                self.connections.connected(*channel);
                self.advance(now, out);
                None
            }
            NetInput::Disconnected(channel) => {
                let was_connected = self.connections.is_connected(*channel);
                let lost = self.connections.disconnected(now, *channel);
                // What waits will be sent on the next connection, if the application does not take it back.
                self.advance(now, out);
                match lost[..] {
                    [()] => Some(Heard::Lost("the connection was lost")),
                    _ => was_connected.then_some(Heard::Disconnected),
                }
            }
            NetInput::Response(..) => None,
        }
    }

    /// The application takes back what waits to be sent.
    pub fn take_back(&mut self) {
        self.waiting = None;
    }

    /// An answer arrived; nothing if it is one to a request that was given up.
    pub fn answered(&mut self, correlation: CorrelationId, response: Response) -> Option<Heard> {
        self.connections.response(self.channel, correlation).map(|()| Heard::Answer(response.answer))
    }

    /// When it has something to do.
    pub fn next_deadline(&self) -> Instant {
        let own = match &self.waiting {
            Some((at, _)) if !self.connections.is_connected(self.channel) => {
                match self.connections.not_before(self.channel) {
                    // It connects already, or has not begun to.
                    Instant::ZERO if self.connections.poll_timeout() != Instant::NEVER => Instant::NEVER,
                    not_before => not_before.max(*at),
                }
            }
            Some((at, _)) => *at,
            None => Instant::NEVER,
        };
        own.min(self.connections.poll_timeout())
    }

    /// Does what is due.
    pub fn wake(&mut self, now: Now, out: &mut Outputs) -> Option<Heard> {
        let expired = self.connections.expire(now, out);
        self.advance(now, out);
        match expired {
            Some((_, lost)) if !lost.is_empty() => Some(Heard::Lost("the time-out has passed")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use fencepost_protocol::io::Output;

    use super::*;
    use crate::plan::OnUnknown;
    use crate::schedule::Subject;
    use crate::sink::{Call, Kind, node_id};

    fn caller() -> Caller {
        let timeout = Span::from_millis(1_000);
        let patience = Patience { timeout, backoff: Span::from_millis(100), on_unknown: OnUnknown::Resend };
        Caller::new(node_id(0), patience)
    }

    fn commit() -> Request {
        Request { about: Subject::Any, call: Call::Commit }
    }

    const CHANNEL: Channel = Channel { to: node_id(0), purpose: Purpose::Client };

    fn connected() -> Caller {
        let (mut caller, mut out) = (caller(), Vec::new());
        caller.call(Now::at_ms(0), commit(), &mut out);
        assert_eq!((out, caller.take_calls()), (vec![Output::Connect(CHANNEL)], vec![]));
        caller.net(Now::at_ms(1), &NetInput::Connected(CHANNEL), &mut Vec::new());
        assert_eq!(caller.take_calls(), [(CHANNEL, 0, commit())]);
        caller
    }

    #[test]
    fn a_request_waits_for_a_connection_and_is_sent_once() {
        let mut caller = connected();
        assert!(caller.is_busy());
        let answer = Response { kind: Kind::SqlCommit, answer: Answer::Done };
        assert_eq!(caller.answered(0, answer), Some(Heard::Answer(Answer::Done)));
        assert!(!caller.is_busy());
        assert_eq!(caller.next_deadline(), Instant::NEVER);
    }

    #[test]
    fn what_was_sent_and_not_answered_is_lost_with_its_connection_or_its_time() {
        let mut out = Vec::new();
        let gone = NetInput::Disconnected(CHANNEL);
        assert_eq!(connected().net(Now::at_ms(2), &gone, &mut out), Some(Heard::Lost("the connection was lost")));
        let mut caller = connected();
        assert_eq!(caller.next_deadline(), Now::at_ms(1_001).mono);
        assert_eq!(caller.wake(Now::at_ms(1_001), &mut out), Some(Heard::Lost("the time-out has passed")));
        assert_eq!(out, [Output::Close(CHANNEL)]);
        assert!(!caller.is_busy());
    }

    #[test]
    fn what_was_never_sent_is_not_lost() {
        let (mut caller, mut out) = (caller(), Vec::new());
        caller.call_after(Now::at_ms(0), Span::from_millis(10), commit(), &mut out);
        assert_eq!((out.len(), caller.next_deadline()), (0, Now::at_ms(10).mono));
        caller.wake(Now::at_ms(10), &mut out);
        assert_eq!(caller.net(Now::at_ms(11), &NetInput::Disconnected(CHANNEL), &mut out), None);
        assert_eq!(caller.next_deadline(), Now::at_ms(61).mono);
        caller.wake(Now::at_ms(61), &mut out);
        caller.net(Now::at_ms(62), &NetInput::Connected(CHANNEL), &mut out);
        assert_eq!(caller.take_calls().len(), 1);
    }
}
