//! A deterministic world for exactly-once protocols.
