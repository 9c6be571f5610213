//! A client whose application is a program outside the world.

mod client;
pub mod plan;

pub use client::{ExternalClient, Mail, Standing};
pub use plan::ExternalPlan;
