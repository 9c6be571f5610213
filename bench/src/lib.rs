//! Fencepost's speed, and that of madsim and turmoil beside it. `benches/speed.rs` is what `cargo bench` runs.
//!
//! The wall clock is allowed here: nothing in this crate is part of a simulation.

pub mod bar;
pub mod clock;
pub mod echo;
pub mod memory;
pub mod million;
pub mod plans;
pub mod rounds;
