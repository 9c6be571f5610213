//! What is promised, and which findings a promise allows.

use indexmap::IndexMap;

use crate::fast::Fast;
use crate::history::event::{Guarantee, Promise};
use crate::report::Kind;

/// What is promised.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promises {
    default: Option<(Guarantee, Vec<Kind>)>,
    topics: IndexMap<u32, (Guarantee, Vec<Kind>), Fast>,
    sinks: IndexMap<u32, (Guarantee, Vec<Kind>), Fast>,
    readers: IndexMap<u32, (Guarantee, Vec<Kind>), Fast>,
}

impl Promises {
    /// Takes a promise; names of kinds that do not exist are returned.
    pub(crate) fn declare(&mut self, promise: &Promise<'_>) -> Vec<String> {
        let (mut allow, mut unknown) = (Vec::new(), Vec::new());
        for name in &promise.allow {
            match Kind::from_name(name) {
                Some(kind) => allow.push(kind),
                None => unknown.push(name.to_string()),
            }
        }
        let promised = (promise.guarantee, allow);
        match (promise.topic, promise.sink, promise.client) {
            (Some(topic), ..) => {
                self.topics.insert(topic, promised);
            }
            (None, Some(sink), _) => {
                self.sinks.insert(sink, promised);
            }
            (None, None, Some(client)) => {
                self.readers.insert(client, promised);
            }
            (None, None, None) => self.default = Some(promised),
        }
        unknown
    }

    /// Whether a finding is not held against the verdict. What is about no topic is judged by the general promise.
    pub(crate) fn allow(&self, topic: Option<u32>, kind: Kind) -> bool {
        self.allowed_by(topic.and_then(|topic| self.topics.get(&topic)), kind)
    }

    /// The same for what is about a sink.
    pub(crate) fn allow_of_sink(&self, sink: u32, kind: Kind) -> bool {
        self.allowed_by(self.sinks.get(&sink), kind)
    }

    /// The same for what is about records that a reader was given, or was not: the reader's own promise allows more.
    pub(crate) fn allow_of_reader(&self, client: u32, topic: Option<u32>, kind: Kind) -> bool {
        let own = self.readers.get(&client);
        own.is_some() && self.allowed_by(own, kind) || self.allow(topic, kind)
    }

    /// Whether a promise is about this very topic.
    pub(crate) fn names_topic(&self, topic: u32) -> bool {
        self.topics.contains_key(&topic)
    }

    fn allowed_by(&self, own: Option<&(Guarantee, Vec<Kind>)>, kind: Kind) -> bool {
        let Some((guarantee, allow)) = own.or(self.default.as_ref()) else { return false };
        allow.contains(&kind)
            || match guarantee {
                Guarantee::ExactlyOnce => false,
                Guarantee::AtLeastOnce => matches!(kind, Kind::Duplicate | Kind::RowTwice | Kind::ChargeTwice),
                Guarantee::AtMostOnce => matches!(
                    kind,
                    Kind::Loss | Kind::LostProcessing | Kind::ReaderSkipped | Kind::RowNever | Kind::ChargeNever
                ),
            }
    }
}
