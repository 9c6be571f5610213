//! A schedule: how one execution deviates from the nominal one, in Kafka's words.

mod own;
mod subject;
mod vocabulary;

use fencepost_kernel::schedule;

pub use fencepost_kernel::Actor;
pub use fencepost_kernel::schedule::Phase;
pub use own::Own;
pub use subject::Subject;
pub use vocabulary::{Kafka, OwnTraced, Step};

/// One deviation.
pub type Deviation = schedule::Deviation<Kafka>;
/// What can happen to a message.
pub type Effect = schedule::Effect<Kafka>;
/// A fault of nodes or links.
pub type Fault = schedule::Fault<Kafka>;
/// When a fault begins.
pub type When = schedule::When<Kafka>;
/// "The 3rd Produce to orders-0 was handled".
pub type Trigger = schedule::Trigger<Kafka>;
/// What happens.
pub type Action = schedule::Action<Kafka>;
/// The whole list.
pub type Schedule = schedule::Schedule<Kafka>;
/// The name of a request and of its answer.
pub type MessageName = schedule::MessageName<Kafka>;
/// How nodes and partitions are found in another cast.
pub type Cast<'c> = schedule::Cast<'c, Kafka>;
