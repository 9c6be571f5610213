//! Deviations of one cast of nodes in terms of another: a scenario with fewer clients or brokers numbers them anew.

use fencepost_protocol::ids::TopicPartition;

use super::{Action, Actor, Deviation, Fault, MessageName, Subject, Trigger, When};

/// How nodes and partitions are found in the other cast.
pub struct Cast<'c> {
    /// Number of each node there; none if it is not there.
    pub actors: &'c [Option<Actor>],
    /// Whether a partition is there.
    pub has_partition: &'c dyn Fn(TopicPartition) -> bool,
}

impl Cast<'_> {
    fn actor(&self, actor: Actor) -> Option<Actor> {
        *self.actors.get(actor as usize)?
    }

    fn partition(&self, tp: TopicPartition) -> Option<TopicPartition> {
        (self.has_partition)(tp).then_some(tp)
    }

    fn links(&self, links: &[(Actor, Actor)]) -> Option<Vec<(Actor, Actor)>> {
        let found: Vec<_> = links.iter().filter_map(|(a, b)| Some((self.actor(*a)?, self.actor(*b)?))).collect();
        (!found.is_empty()).then_some(found)
    }
}

impl Deviation {
    /// The same in the other cast; none if it concerns what is not there.
    pub fn translated(&self, cast: &Cast<'_>) -> Option<Deviation> {
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

impl MessageName {
    fn translated(&self, cast: &Cast<'_>) -> Option<MessageName> {
        if let Some(tp) = self.subject.partition() {
            cast.partition(tp)?;
        }
        Some(MessageName { from: cast.actor(self.from)?, ..*self })
    }
}

impl Trigger {
    fn translated(&self, cast: &Cast<'_>) -> Option<Trigger> {
        let side = |actor: Option<Actor>| match actor {
            None => Some(None),
            Some(actor) => cast.actor(actor).map(Some),
        };
        if let Some(tp) = self.partition {
            cast.partition(tp)?;
        }
        Some(Trigger { from: side(self.from)?, to: side(self.to)?, ..self.clone() })
    }
}

impl Action {
    fn translated(&self, cast: &Cast<'_>) -> Option<Action> {
        let mut other = self.clone();
        match &mut other {
            Action::Crash { node, .. }
            | Action::PowerLoss { node, .. }
            | Action::Pause { node, .. }
            | Action::Restart { node, .. }
            | Action::LoseAnswers { node, .. }
            | Action::StepClock { node, .. }
            | Action::DriftClock { node, .. }
            | Action::HoldMetadata { node, .. }
            | Action::SlowNode { node, .. }
            | Action::PostponeJob { node, .. } => *node = cast.actor(*node)?,
            Action::Block { links, .. } | Action::Slow { links, .. } => *links = cast.links(links)?,
            Action::MoveLeader { partition, .. } => {
                cast.partition(*partition)?;
            }
            Action::RollingRestart { .. } | Action::SetTransactionVersion(_) | Action::Message(_) => {}
        }
        Some(other)
    }

    /// The nodes that it concerns.
    pub fn actors(&self) -> Vec<Actor> {
        match self {
            Action::Crash { node, .. }
            | Action::PowerLoss { node, .. }
            | Action::Pause { node, .. }
            | Action::Restart { node, .. }
            | Action::LoseAnswers { node, .. }
            | Action::StepClock { node, .. }
            | Action::DriftClock { node, .. }
            | Action::HoldMetadata { node, .. }
            | Action::SlowNode { node, .. }
            | Action::PostponeJob { node, .. } => vec![*node],
            Action::Block { links, .. } | Action::Slow { links, .. } => {
                let mut all: Vec<Actor> = links.iter().flat_map(|(a, b)| [*a, *b]).collect();
                all.sort_unstable();
                all.dedup();
                all
            }
            Action::RollingRestart { .. }
            | Action::MoveLeader { .. }
            | Action::SetTransactionVersion(_)
            | Action::Message(_) => Vec::new(),
        }
    }
}

impl Deviation {
    /// The nodes that it concerns: of a message its sender.
    pub fn actors(&self) -> Vec<Actor> {
        match self {
            Deviation::Message(name, _) => vec![name.from],
            Deviation::Fault(fault) => fault.action.actors(),
        }
    }

    /// Its family: deviations of one family differ only in whom they hit, when, and how hard.
    pub fn family(&self) -> u8 {
        use super::Effect;
        let of_effect = |effect: &Effect| match effect {
            Effect::DelayRequest(_) => 0,
            Effect::DelayResponse(_) => 1,
            Effect::LoseRequest => 2,
            Effect::LoseResponse => 3,
            Effect::ErrorBefore(_) => 4,
            Effect::ErrorAfter(_) => 5,
        };
        match self {
            Deviation::Message(_, effect) => of_effect(effect),
            Deviation::Fault(fault) => match &fault.action {
                Action::Message(effect) => of_effect(effect),
                Action::Crash { .. } => 6,
                Action::PowerLoss { .. } => 7,
                Action::Pause { .. } => 8,
                Action::Restart { .. } => 9,
                Action::RollingRestart { .. } => 10,
                Action::Block { .. } => 11,
                Action::Slow { .. } => 12,
                Action::LoseAnswers { .. } => 13,
                Action::MoveLeader { .. } => 14,
                Action::StepClock { .. } => 15,
                Action::DriftClock { .. } => 16,
                Action::HoldMetadata { .. } => 17,
                Action::SlowNode { .. } => 18,
                Action::PostponeJob { .. } => 19,
                Action::SetTransactionVersion(_) => 20,
            },
        }
    }
}

impl Subject {
    /// A client is known by its name: the producer id that it was given, which depends on who asked before, does not
    /// belong to the names of its messages.
    pub(super) fn of_client(self) -> Subject {
        match self {
            Subject::Transaction(_, epoch) => Subject::Transaction(-1, epoch),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Effect;
    use fencepost_protocol::ids::TopicId;
    use fencepost_protocol::message::ApiKey;
    use fencepost_protocol::time::{Instant, Span};

    fn fault(action: Action) -> Deviation {
        Deviation::Fault(Fault { when: When::At(Instant(7)), action, optional: false })
    }

    /// Node 1 is gone, so 2 and 3 move up; partitions 0 are there.
    fn translate(deviation: &Deviation) -> Option<Deviation> {
        let has_partition = |tp: TopicPartition| tp.partition == 0;
        deviation.translated(&Cast { actors: &[Some(0), None, Some(1), Some(2)], has_partition: &has_partition })
    }

    #[test]
    fn nodes_are_numbered_anew_and_what_concerns_a_missing_one_is_left_out() {
        let pause = |node| fault(Action::Pause { node, span: Span(5) });
        assert_eq!(translate(&pause(3)), Some(pause(2)));
        assert_eq!(translate(&pause(1)), None);
        assert_eq!(translate(&pause(9)), None);
    }

    #[test]
    fn a_cut_loses_the_links_of_a_missing_node_only() {
        let block = |links| fault(Action::Block { links, span: Span(5) });
        assert_eq!(translate(&block(vec![(0, 1), (2, 3)])), Some(block(vec![(1, 2)])));
        assert_eq!(translate(&block(vec![(0, 1), (1, 0)])), None);
    }

    #[test]
    fn a_message_about_a_missing_partition_is_left_out() {
        let message = |from, partition| {
            let subject = Subject::Partition(TopicPartition::new(TopicId(2), partition));
            let name =
                MessageName { from, incarnation: 0, to: None, kind: ApiKey::Produce.into(), subject, attempt: 0 };
            Deviation::Message(name, Effect::LoseRequest)
        };
        assert_eq!(translate(&message(2, 0)), Some(message(1, 0)));
        assert_eq!(translate(&message(2, 1)), None);
    }
}
