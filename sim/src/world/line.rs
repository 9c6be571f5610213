//! A connection between two processes: it delivers in order, or it dies.

use std::collections::VecDeque;

use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::io::{Channel, CorrelationId};
use fencepost_protocol::time::{Instant, Span};

use super::link::{LinkId, Links};
use crate::coverage::Seen;
use crate::message::{Kind, Request, Response};
use crate::queue::{Class, Rank};
use crate::schedule::{Actor, MessageName};
use fencepost_kernel::envelope::{Content, Envelope, put};

/// What is to happen to a request and its answer, beyond the nominal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    pub delay_request: Span,
    pub delay_response: Span,
    pub lose_request: bool,
    pub lose_response: bool,
    pub error_before: Option<ErrorCode>,
    pub error_after: Option<ErrorCode>,
}

impl Fate {
    /// Whether anything is still to happen once the request is on its way.
    pub fn concerns_answer(&self) -> bool {
        self.delay_response > Span::ZERO
            || self.lose_response
            || self.error_before.is_some()
            || self.error_after.is_some()
    }
}

/// What travels with a request besides its content; absent for ordinary messages of runs that keep no names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tag {
    pub name: Option<MessageName>,
    pub fate: Fate,
}

/// A request on its way to a server, or in its kernel.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub correlation: CorrelationId,
    pub request: Request,
    pub tag: Option<Box<Tag>>,
}

impl Arrived {
    /// Fills an empty one.
    #[inline]
    pub fn fill(&mut self, correlation: CorrelationId, request: Request, tag: Option<Box<Tag>>) {
        debug_assert!(self.tag.is_none(), "the tag of the last request was taken");
        self.correlation = correlation;
        put(&mut self.request, request);
        put(&mut self.tag, tag);
    }
}

impl Answer {
    /// Fills an empty one.
    #[inline]
    pub fn fill(&mut self, correlation: CorrelationId, response: Response) {
        self.correlation = correlation;
        put(&mut self.response, response);
    }
}

impl Content for Arrived {
    type Message = Request;

    const EMPTY: Arrived = Arrived { correlation: 0, request: Request::EMPTY, tag: None };

    #[inline]
    fn take(&mut self) -> Request {
        std::mem::replace(&mut self.request, Request::EMPTY)
    }
}

impl Content for Answer {
    type Message = Response;

    const EMPTY: Answer = Answer { correlation: 0, response: Response::EMPTY };

    #[inline]
    fn take(&mut self) -> Response {
        std::mem::replace(&mut self.response, Response::EMPTY)
    }
}

/// An answer on its way to a client.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub correlation: CorrelationId,
    pub response: Response,
}

/// The request that a server has taken from a connection and not yet answered.
#[derive(Clone, Debug)]
pub(crate) struct InHand {
    pub correlation: CorrelationId,
    pub kind: Kind,
    pub tag: Option<Box<Tag>>,
}

/// One connection.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub client: Actor,
    pub client_incarnation: u32,
    pub server: Actor,
    pub server_incarnation: u32,
    pub channel: Channel,
    pub to_server: LinkId,
    pub to_client: LinkId,
    /// Rank of what travels to the server, but for the ordinal.
    pub rank_to_server: Rank,
    /// Rank of what travels to the client, but for the ordinal.
    pub rank_to_client: Rank,
    /// The client's process still has its end.
    pub client_open: bool,
    /// The client was told that it is connected.
    pub established: bool,
    /// The server's process still has its end.
    pub server_open: bool,
    /// Neither end may send any more: the connection was killed by a fault.
    pub dead: bool,
    pub requests: u32,
    /// How often the server is told that the client's end is closed: by the client, and by a fault that kills the
    /// connection afterwards.
    closings: u32,
    pub responses: u32,
    /// Requests whose answers have not been sent (arrived or not).
    pub unanswered: u32,
    pub last_to_server: Instant,
    pub last_to_client: Instant,
    pub inbox: VecDeque<Envelope<Arrived>>,
    pub in_hand: Option<InHand>,
    /// What coverage saw of the request in hand.
    pub seen: Seen,
}

/// Tells what travels to the client of a line from what travels to the server of another one: two nodes may be clients of
/// each other.
const TO_CLIENT: u16 = 1 << 14;

/// Numbers of lines are below this.
pub(super) const LINE_NUMBERS: u16 = TO_CLIENT;

impl Line {
    /// Ordinal of the next notice that the client's end is closed: after all requests.
    pub fn closing(&mut self) -> u32 {
        self.closings += 1;
        self.requests + self.closings
    }

    /// The line `number` of these two; numbers tell the lines of one pair apart in the order of events.
    pub fn new(
        client: Actor,
        client_incarnation: u32,
        server: Actor,
        channel: Channel,
        number: u16,
        links: &Links,
    ) -> Line {
        Line {
            client,
            client_incarnation,
            server,
            server_incarnation: 0,
            channel,
            to_server: links.id(client, server),
            to_client: links.id(server, client),
            rank_to_server: Rank::new(Class::Message, server, client, number, 0),
            rank_to_client: Rank::new(Class::Message, client, server, number | TO_CLIENT, 0),
            client_open: true,
            established: false,
            server_open: false,
            dead: false,
            requests: 0,
            closings: 0,
            responses: 0,
            unanswered: 0,
            last_to_server: Instant::ZERO,
            last_to_client: Instant::ZERO,
            inbox: VecDeque::new(),
            in_hand: None,
            seen: Seen::default(),
        }
    }
}
