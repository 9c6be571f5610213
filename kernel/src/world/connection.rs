//! A connection between two processes: it delivers in order, or it dies.

use std::collections::VecDeque;

use crate::envelope::{Content, Envelope, put};
use crate::link::{LinkId, Links};
use crate::queue::{Class, Rank};
use crate::schedule::{Effect, MessageName};
use crate::time::{Instant, Span};
use crate::vocabulary::{Message, Vocabulary};
use crate::{Actor, CorrelationId};

/// What is to happen to a request and its answer, beyond the nominal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate<V: Vocabulary> {
    pub delay_request: Span,
    pub delay_response: Span,
    pub lose_request: bool,
    pub lose_response: bool,
    pub error_before: Option<V::Error>,
    pub error_after: Option<V::Error>,
}

impl<V: Vocabulary> Default for Fate<V> {
    fn default() -> Self {
        Fate {
            delay_request: Span::ZERO,
            delay_response: Span::ZERO,
            lose_request: false,
            lose_response: false,
            error_before: None,
            error_after: None,
        }
    }
}

impl<V: Vocabulary> Fate<V> {
    pub fn apply(&mut self, effect: Effect<V>) {
        match effect {
            Effect::DelayRequest(span) => self.delay_request = self.delay_request + span,
            Effect::DelayResponse(span) => self.delay_response = self.delay_response + span,
            Effect::LoseRequest => self.lose_request = true,
            Effect::LoseResponse => self.lose_response = true,
            Effect::ErrorBefore(error) => self.error_before = Some(error),
            Effect::ErrorAfter(error) => self.error_after = Some(error),
        }
    }

    /// Whether anything is still to happen once the request is on its way.
    pub fn concerns_answer(&self) -> bool {
        self.delay_response > Span::ZERO
            || self.lose_response
            || self.error_before.is_some()
            || self.error_after.is_some()
    }
}

/// What travels with a request besides its content; absent for ordinary messages of runs that keep no names.
#[derive(Clone, Debug)]
pub(crate) struct Tag<V: Vocabulary> {
    pub name: Option<MessageName<V>>,
    pub fate: Fate<V>,
}

/// A request on its way to a server, or in its kernel.
#[derive(Clone, Debug)]
pub(crate) struct Arrived<V: Vocabulary> {
    pub correlation: CorrelationId,
    pub request: V::Request,
    pub tag: Option<Box<Tag<V>>>,
}

impl<V: Vocabulary> Arrived<V> {
    /// Fills an empty one.
    #[inline]
    pub fn fill(&mut self, correlation: CorrelationId, request: V::Request, tag: Option<Box<Tag<V>>>) {
        debug_assert!(self.tag.is_none(), "the tag of the last request was taken");
        self.correlation = correlation;
        put(&mut self.request, request);
        put(&mut self.tag, tag);
    }
}

impl<V: Vocabulary> Answer<V> {
    /// Fills an empty one.
    #[inline]
    pub fn fill(&mut self, correlation: CorrelationId, response: V::Response) {
        self.correlation = correlation;
        put(&mut self.response, response);
    }
}

impl<V: Vocabulary> Content for Arrived<V> {
    type Message = V::Request;

    const EMPTY: Arrived<V> = Arrived { correlation: 0, request: V::Request::EMPTY, tag: None };

    #[inline]
    fn take(&mut self) -> V::Request {
        std::mem::replace(&mut self.request, V::Request::EMPTY)
    }
}

impl<V: Vocabulary> Content for Answer<V> {
    type Message = V::Response;

    const EMPTY: Answer<V> = Answer { correlation: 0, response: V::Response::EMPTY };

    #[inline]
    fn take(&mut self) -> V::Response {
        std::mem::replace(&mut self.response, V::Response::EMPTY)
    }
}

/// An answer on its way to a client.
#[derive(Clone, Debug)]
pub(crate) struct Answer<V: Vocabulary> {
    pub correlation: CorrelationId,
    pub response: V::Response,
}

/// The request that a server has taken from a connection and not yet answered.
#[derive(Clone, Debug)]
pub(crate) struct InHand<V: Vocabulary> {
    pub correlation: CorrelationId,
    pub kind: V::Kind,
    pub tag: Option<Box<Tag<V>>>,
}

/// One connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection<V: Vocabulary> {
    pub client: Actor,
    pub client_incarnation: u32,
    pub server: Actor,
    pub server_incarnation: u32,
    pub channel: V::Channel,
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
    pub inbox: VecDeque<Envelope<Arrived<V>>>,
    pub in_hand: Option<InHand<V>>,
}

/// Tells what travels to the client of a connection from what travels to the server of another one: two nodes may be clients of
/// each other.
const TO_CLIENT: u16 = 1 << 14;

/// Numbers of connections are below this.
pub(crate) const NUMBERS: u16 = TO_CLIENT;

impl<V: Vocabulary> Connection<V> {
    /// Ordinal of the next notice that the client's end is closed: after all requests.
    pub fn closing(&mut self) -> u32 {
        self.closings += 1;
        self.requests + self.closings
    }

    /// The connection `number` of these two; numbers tell the connections of one pair apart in the order of events.
    pub fn new(
        client: Actor,
        client_incarnation: u32,
        server: Actor,
        channel: V::Channel,
        number: u16,
        links: &Links,
    ) -> Connection<V> {
        Connection {
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
        }
    }
}
