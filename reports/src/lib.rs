//! Histories of exactly-once systems.
