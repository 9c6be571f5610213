//! The history: the only evidence that the checker sees.

pub mod event;
pub mod jsonl;
pub mod limits;
mod validate;

#[cfg(test)]
mod limits_tests;
#[cfg(test)]
mod tests;

pub use event::{Event, Identity, Partition, Sink};
pub use jsonl::{Header, HistoryError, Writer, read};
pub use validate::Validator;
