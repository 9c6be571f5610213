//! What a client that only asks is asked to do.

use fencepost_protocol::time::Span;

use crate::cast::{Back, Role};
use crate::message::Kind;
use crate::plan::client::ClientPlan;
use crate::plan::wait::{Times, Wait};

/// A client that only asks.
#[derive(Clone, Debug)]
pub struct EchoPlan {
    /// Name of the client.
    pub name: String,
    /// Questions that it asks, each after the answer to the one before.
    pub round_trips: u64,
    /// When it begins.
    pub start: Span,
}

impl EchoPlan {
    /// How long after a crash its process runs again.
    pub const RESTARTS_AFTER: Span = Span::from_secs(1);
}

impl ClientPlan for EchoPlan {
    fn role(&self) -> Role {
        Role::Echo
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn back(&self) -> Back {
        Back::After(EchoPlan::RESTARTS_AFTER)
    }

    fn start(&self) -> Option<Span> {
        None
    }

    fn away(&self) -> Option<Span> {
        Some(Span::ZERO)
    }

    fn sends(&self) -> Option<Vec<Kind>> {
        None
    }

    fn waits(&self, _: &Times) -> Vec<Wait> {
        Vec::new()
    }
}
