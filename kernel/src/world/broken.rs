//! What is broken at the moment, and what is still to break.

use super::event::Event;
use super::occasion::{Occasion, Origin};
use crate::link::LinkId;
use crate::queue::Rank;
use crate::schedule::Effect;
use crate::time::Instant;
use crate::vocabulary::Vocabulary;
use crate::{Actor, ConnId};

/// Answers of one kind to one node are lost for a while.
#[derive(Clone, Debug)]
pub(super) struct LostAnswers<V: Vocabulary> {
    pub node: Actor,
    pub kind: V::Kind,
    pub number: u32,
}

/// What is broken at the moment.
pub(super) struct FaultState<V: Vocabulary> {
    pub held: Vec<(LinkId, Rank, Event<V>)>,
    pub lost_answers: Vec<LostAnswers<V>>,
    /// What triggers want done to the message that is being sent.
    pub for_this_message: Vec<Effect<V>>,
    pub list: Vec<(Occasion<V>, Origin)>,
    /// Nodes that lost power in this run.
    pub powerless: Vec<Actor>,
    pub executed: u32,
    ordinal: u32,
    /// Until when the faults that have begun will last.
    pub last_end: Instant,
}

impl<V: Vocabulary> Default for FaultState<V> {
    fn default() -> Self {
        FaultState {
            held: Vec::new(),
            lost_answers: Vec::new(),
            for_this_message: Vec::new(),
            list: Vec::new(),
            powerless: Vec::new(),
            executed: 0,
            ordinal: 0,
            last_end: Instant::ZERO,
        }
    }
}

impl<V: Vocabulary> FaultState<V> {
    pub fn next_ordinal(&mut self) -> u32 {
        self.ordinal += 1;
        self.ordinal
    }

    pub fn hold(&mut self, link: LinkId, rank: Rank, event: Event<V>) {
        self.held.push((link, rank, event));
    }

    pub fn holds(&self, conn: ConnId) -> bool {
        self.held.iter().any(|(.., event)| event.conn() == Some(conn))
    }

    pub fn drop_held(&mut self, conn: ConnId) {
        self.held.retain(|(.., event)| event.conn() != Some(conn));
    }
}
