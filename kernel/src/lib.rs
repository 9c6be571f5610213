//! Deterministic simulation of distributed systems, whatever they do.
//!
//! One seed, or one written schedule, gives one execution: in virtual time, over a network of connections that deliver in
//! order or die, with faults that are drawn, recorded, replayed and taken away again. A system tells the kernel its words
//! ([`vocabulary::Vocabulary`]) and what its nodes do ([`system::System`]); the kernel runs it ([`world::World`]), draws
//! what goes wrong ([`explorer`], [`faults`]), looks through seeds ([`fuzz`]) and makes what it finds short ([`shrink`]).

pub mod caller;
pub mod clock;
pub mod digest;
pub mod envelope;
pub mod explorer;
pub mod faults;
pub mod fuzz;
pub mod link;
pub mod queue;
pub mod schedule;
pub mod shrink;
pub mod stream;
pub mod system;
#[cfg(test)]
mod testing;
pub mod time;
pub mod vocabulary;
pub mod words;
pub mod world;

/// Number of a node: dense, in the order of the nodes' names.
pub type Actor = u16;

/// An incoming connection, as the world names it to a server. Never reused within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// Number that pairs a response with its request on one channel. Chosen by the sender, increasing.
pub type CorrelationId = u32;
