//! Evidence that Fencepost's machines answer as Apache Kafka does: dialogues put to both, answer by answer.
//!
//! By default this crate only replays what a real Kafka answered (`vectors/`) on the machines. The feature `live` adds
//! Kafka itself, recording and differential fuzzing.

pub mod answer;
pub mod dialogue;
pub mod fuzz;
pub mod machines;
pub mod names;
pub mod runner;
pub mod target;
pub mod vector;

#[cfg(feature = "live")]
pub mod kafka;
