//! Connectors: pipelines that write no topic, but rows or charges. Their application is that of pipelines.

pub(crate) mod keys;
