//! The history: the only evidence that the checker sees.

pub mod event;

pub use event::{Event, Identity, Partition, Sink};
