//! What a client is asked to do, to whoever does not know its role.

use core::fmt::Debug;

use fencepost_protocol::config::{ConsumerConfig, ProducerConfig};
use fencepost_protocol::message::ApiKey;
use fencepost_protocol::time::Span;

use super::wait::{Times, Wait};
use crate::cast::{Back, Role};
use crate::message::Kind;

/// The plan of a client, of whatever role.
pub trait ClientPlan: Debug {
    /// What it is.
    fn role(&self) -> Role;

    /// Its name, which members complete with their number.
    fn name(&self) -> &str;

    /// Number of its members.
    fn members(&self) -> u32 {
        1
    }

    /// When its process first runs; none: whoever runs it decides.
    fn start(&self) -> Option<Span>;

    /// What becomes of a process of it after a crash that does not say.
    fn back(&self) -> Back;

    /// How long it is surely away after a crash that does not say; none: for good.
    fn away(&self) -> Option<Span> {
        match self.back() {
            Back::After(span) => Some(span),
            Back::Never => None,
        }
    }

    /// How its producer is configured, if it has one.
    fn producer(&self) -> Option<&ProducerConfig> {
        None
    }

    /// How its consumer is configured, if it has one.
    fn consumer(&self) -> Option<&ConsumerConfig> {
        None
    }

    /// All kinds that it can ever send; none: anything.
    fn sends(&self) -> Option<Vec<Kind>>;

    /// Why it never sends that kind, where there is more to say than what it does send.
    fn why_never(&self, _: Kind) -> Option<&'static str> {
        None
    }

    /// Topics to which, or from which, requests of that kind go; none: it is not known.
    fn topics(&self, _: ApiKey) -> Option<Vec<&str>> {
        None
    }

    /// The partition of its topic to which all that it sends goes, if there is one.
    fn fixed_partition(&self) -> Option<u32> {
        None
    }

    /// What of it may take long although all is well.
    fn waits(&self, times: &Times) -> Vec<Wait>;
}
