//! Evidence that Fencepost's machines answer as Apache Kafka does: dialogues put to both, answer by answer.

#[cfg(feature = "live")]
pub mod wire;
