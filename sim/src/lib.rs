//! A deterministic world for exactly-once protocols.
//!
//! One seed, or one written schedule, gives one execution of the machines of `fencepost-protocol` in virtual time: their
//! network, disks, clocks and faults are here. What happened is written as a history, which `fencepost-reports` judges.

pub mod capsule;
pub mod cast;
#[cfg(feature = "cli")]
pub mod command;
pub mod cost;
pub mod coverage;
pub mod draw;
pub mod embed;
pub mod evidence;
pub mod explain;
pub mod fuzz;
pub mod generated;
pub mod lesson;
pub mod message;
pub mod nearest;
pub mod plan;
pub mod roles;
pub mod run;
pub mod scenario;
pub mod schedule;
pub mod shell;
pub mod shrink;
pub mod sink;
pub mod story;
pub mod whatif;
pub mod world;

pub use fencepost_kernel::{clock, digest, queue, stream};
