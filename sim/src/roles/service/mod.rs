//! A service that writes to a database and announces it.

mod client;
pub(crate) mod keys;
pub mod plan;

pub use client::ServiceClient;
pub use plan::{Announcing, ServicePlan};
