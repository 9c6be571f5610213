//! What a sink is made of.

use fencepost_protocol::time::Span;

/// A SQL database.
#[derive(Clone, Debug)]
pub struct DatabasePlan {
    /// Name of the node.
    pub name: String,
    /// How long it takes for each request.
    pub service_time: Span,
    /// After a crash: how long until it runs again.
    pub restart_after: Span,
    /// A transaction that stands idle for so long is rolled back.
    pub idle_timeout: Span,
    /// Names of its tables: those that clients name, in their order.
    pub tables: Vec<String>,
}

/// A payment API.
#[derive(Clone, Debug)]
pub struct PaymentsPlan {
    /// Name of the node.
    pub name: String,
    /// How long it takes for each request.
    pub service_time: Span,
    /// After a crash: how long until it runs again.
    pub restart_after: Span,
    /// For how long it remembers an idempotency key; none: for ever.
    pub keys_expire: Option<Span>,
}
