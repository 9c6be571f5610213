//! Logical names of messages: what a message is, not when it came.

use std::collections::BTreeMap;

use crate::Actor;
use crate::vocabulary::{About, Message as _, Vocabulary};

/// The name of a request and of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageName<V: Vocabulary> {
    /// Sender of the request.
    pub from: Actor,
    /// How often the sender's process had been started before.
    pub incarnation: u32,
    /// The peer, where it does not follow from the rest.
    pub to: Option<V::Address>,
    /// Kind of request.
    pub kind: V::Kind,
    /// What it is about.
    pub subject: V::Subject,
    /// How many requests of the same sender, kind and subject came before.
    pub attempt: u32,
}

/// All of a name but the attempt.
type Repeated<V> =
    (Actor, u32, Option<<V as Vocabulary>::Address>, <V as Vocabulary>::Kind, <V as Vocabulary>::Subject);

/// Counts attempts, so that repeated requests have names of their own.
#[derive(Clone, Debug)]
pub struct Attempts<V: Vocabulary> {
    seen: BTreeMap<Repeated<V>, u32>,
    last: BTreeMap<(Actor, V::Channel), V::Subject>,
}

impl<V: Vocabulary> Default for Attempts<V> {
    fn default() -> Self {
        Attempts { seen: BTreeMap::new(), last: BTreeMap::new() }
    }
}

impl<V: Vocabulary> Attempts<V> {
    /// What a request that is about to be sent is about, as its name says it. Asking again changes nothing.
    pub fn subject(&mut self, from: Actor, channel: V::Channel, request: &V::Request) -> V::Subject {
        match V::about(channel, request) {
            About::Itself(subject) => subject,
            About::FromHereOn(subject) => {
                self.last.insert((from, channel), subject);
                subject
            }
            About::AsBefore(otherwise) => *self.last.get(&(from, channel)).unwrap_or(&otherwise),
        }
    }

    /// Names a request that is about to be sent.
    pub fn name(&mut self, from: Actor, incarnation: u32, channel: V::Channel, request: &V::Request) -> MessageName<V> {
        let kind = request.kind();
        let subject = self.subject(from, channel, request);
        let to = V::addressee(kind, channel);
        let count = self.seen.entry((from, incarnation, to, kind, subject)).or_default();
        let attempt = *count;
        *count += 1;
        MessageName { from, incarnation, to, kind, subject, attempt }
    }
}
