//! Read-process-write pipelines.

mod client;
pub(crate) mod keys;
pub mod plan;
mod work;

pub use client::PipelineClient;
pub use plan::PipelinePlan;
