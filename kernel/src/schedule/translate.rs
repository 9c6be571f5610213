//! Deviations of one cast of nodes in terms of another: a system with fewer nodes numbers them anew.

use super::{Action, Deviation, Fault, MessageName, Trigger, When};
use crate::Actor;
use crate::vocabulary::{OwnAction as _, Vocabulary};

/// How nodes and items are found in the other cast.
pub struct Cast<'c, V: Vocabulary> {
    /// Number of each node there; none if it is not there.
    pub actors: &'c [Option<Actor>],
    /// Whether an item is there.
    pub has_item: &'c dyn Fn(V::Item) -> bool,
}

impl<V: Vocabulary> Cast<'_, V> {
    /// Number of a node there.
    pub fn actor(&self, actor: Actor) -> Option<Actor> {
        *self.actors.get(actor as usize)?
    }

    /// The item, if it is there.
    pub fn item(&self, item: V::Item) -> Option<V::Item> {
        (self.has_item)(item).then_some(item)
    }

    fn links(&self, links: &[(Actor, Actor)]) -> Option<Vec<(Actor, Actor)>> {
        let found: Vec<_> = links.iter().filter_map(|(a, b)| Some((self.actor(*a)?, self.actor(*b)?))).collect();
        (!found.is_empty()).then_some(found)
    }
}

impl<V: Vocabulary> Deviation<V> {
    /// The same in the other cast; none if it concerns what is not there.
    pub fn translated(&self, cast: &Cast<'_, V>) -> Option<Deviation<V>> {
        Some(match self {
            Deviation::Message(name, effect) => Deviation::Message(name.translated(cast)?, *effect),
            Deviation::Fault(fault) => {
                let when = match &fault.when {
                    When::At(at) => When::At(*at),
                    When::After(trigger, pause) => When::After(trigger.translated(cast)?, *pause),
                };
                Deviation::Fault(Fault { when, action: fault.action.translated(cast)?, optional: fault.optional })
            }
        })
    }
}

impl<V: Vocabulary> MessageName<V> {
    fn translated(&self, cast: &Cast<'_, V>) -> Option<MessageName<V>> {
        if let Some(item) = V::item(self.subject) {
            cast.item(item)?;
        }
        Some(MessageName { from: cast.actor(self.from)?, ..*self })
    }
}

impl<V: Vocabulary> Trigger<V> {
    fn translated(&self, cast: &Cast<'_, V>) -> Option<Trigger<V>> {
        let side = |actor: Option<Actor>| match actor {
            None => Some(None),
            Some(actor) => cast.actor(actor).map(Some),
        };
        if let Some(item) = self.item {
            cast.item(item)?;
        }
        Some(Trigger { from: side(self.from)?, to: side(self.to)?, ..self.clone() })
    }
}

impl<V: Vocabulary> Action<V> {
    fn translated(&self, cast: &Cast<'_, V>) -> Option<Action<V>> {
        let mut other = self.clone();
        match &mut other {
            Action::Crash { node, .. }
            | Action::PowerLoss { node, .. }
            | Action::Pause { node, .. }
            | Action::LoseAnswers { node, .. }
            | Action::StepClock { node, .. }
            | Action::DriftClock { node, .. }
            | Action::SlowNode { node, .. } => *node = cast.actor(*node)?,
            Action::Block { links, .. } | Action::Slow { links, .. } => *links = cast.links(links)?,
            Action::Own(own) => *own = own.translated(cast)?,
            Action::Message(_) => {}
        }
        Some(other)
    }
}
