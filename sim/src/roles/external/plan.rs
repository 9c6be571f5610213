//! A place for a client of a program outside the world.

use fencepost_protocol::time::Span;

use crate::cast::{Back, Role};
use crate::message::Kind;
use crate::plan::client::ClientPlan;
use crate::plan::wait::{Times, Wait};

/// A node whose clients are made by a program: see [`crate::embed`].
#[derive(Clone, Debug)]
pub struct ExternalPlan {
    /// Name of the node.
    pub name: String,
}

impl ClientPlan for ExternalPlan {
    fn role(&self) -> Role {
        Role::External
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn back(&self) -> Back {
        Back::Never
    }

    /// Whoever runs it decides.
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
