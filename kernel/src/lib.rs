//! Deterministic simulation of distributed systems, whatever they do.
//!
//! One seed, or one written schedule, gives one execution: in virtual time, over a network of connections that deliver in
//! order or die, with faults that are drawn, recorded, replayed and taken away again.

pub mod clock;
pub mod digest;
pub mod envelope;
pub mod queue;
pub mod stream;
pub mod time;
