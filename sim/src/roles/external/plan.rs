//! A place for a client of a program outside the world.

use crate::cast::{Back, ClientPlan, Role};

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
}
