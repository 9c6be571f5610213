//! Symbolic names of what a cluster chooses freely: producer ids P0, P1, ... and member ids M0, M1, ... in the order in
//! which answers first show them.

use fencepost_protocol::ids::*;

/// The symbols of one run of a dialogue.
#[derive(Clone, Debug, Default)]
pub struct Names {
    producers: Vec<ProducerId>,
    members: Vec<Name>,
}

/// Ids from here on are a dialogue's own inventions and are shown as they are.
pub const INVENTED: ProducerId = 900_000_000;

impl Names {
    /// Symbol of a producer id.
    pub fn producer(&mut self, id: ProducerId) -> String {
        if !(0..INVENTED).contains(&id) {
            return id.to_string();
        }
        let known = self.producers.iter().position(|p| *p == id);
        let index = known.unwrap_or_else(|| {
            self.producers.push(id);
            self.producers.len() - 1
        });
        format!("P{index}")
    }

    /// Symbol of a member id; empty stays empty.
    pub fn member(&mut self, id: &Name) -> String {
        if id.is_empty() {
            return String::new();
        }
        let known = self.members.iter().position(|m| m == id);
        let index = known.unwrap_or_else(|| {
            self.members.push(id.clone());
            self.members.len() - 1
        });
        format!("M{index}")
    }
}
