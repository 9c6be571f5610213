//! Deviations and traces in plain words, for systems that have no words of their own for them.

use crate::Actor;
use crate::fuzz::Finding;
use crate::schedule::{Action, Deviation, Effect, Fault, MessageName, Phase, When};
use crate::time::Instant;
use crate::vocabulary::{Kind as _, Vocabulary};
use crate::world::{Traced, TracedEvent};

/// "at 3s: worker-1 stands still for 2s". `names` are those of the nodes, in their order.
pub fn deviation<V: Vocabulary>(deviation: &Deviation<V>, names: &[&str]) -> String {
    match deviation {
        Deviation::Message(name, effect) => format!("{} {}", message(name, names), befalls(effect)),
        Deviation::Fault(Fault { when: When::At(at), action, .. }) => format!("at {at}: {}", fault(action, names)),
        Deviation::Fault(Fault { when: When::After(trigger, pause), action, .. }) => {
            let phase = match trigger.phase {
                Phase::Sending => "is about to be sent",
                Phase::Handled => "was handled",
                Phase::Answered => "was answered",
                Phase::Received => "and its answer has arrived",
            };
            let (nth, kind) = (trigger.nth, trigger.kind.name());
            format!("{pause} after {kind} number {nth} {phase}: {}", fault(action, names))
        }
    }
}

fn node<'n>(actor: Actor, names: &[&'n str]) -> &'n str {
    names.get(usize::from(actor)).copied().unwrap_or("?")
}

fn message<V: Vocabulary>(name: &MessageName<V>, names: &[&str]) -> String {
    let (from, kind, nth) = (node(name.from, names), name.kind.name(), name.attempt + 1);
    match name.incarnation {
        0 => format!("{from}: {kind} number {nth}"),
        again => format!("{from}, started again {again} times: {kind} number {nth}"),
    }
}

fn befalls<V: Vocabulary>(effect: &Effect<V>) -> String {
    match effect {
        Effect::DelayRequest(by) => format!("arrives {by} later"),
        Effect::DelayResponse(by) => format!("is answered {by} later"),
        Effect::LoseRequest => "is lost with its connection".to_string(),
        Effect::LoseResponse => "is handled, and its answer is lost with the connection".to_string(),
        Effect::ErrorBefore(error) => format!("is not handled, and answered with {error:?}"),
        Effect::ErrorAfter(error) => format!("is handled, and answered with {error:?}"),
    }
}

fn fault<V: Vocabulary>(action: &Action<V>, names: &[&str]) -> String {
    let name = |actor: &Actor| node(*actor, names);
    let pairs = |links: &[(Actor, Actor)]| {
        let pairs: Vec<_> = links.iter().map(|(from, to)| format!("{} -> {}", name(from), name(to))).collect();
        pairs.join(", ")
    };
    match action {
        Action::Crash { node, down: None } => format!("{} dies", name(node)),
        Action::Crash { node, down: Some(down) } => format!("{} dies, and is back after {down}", name(node)),
        Action::PowerLoss { node, down: None, .. } => format!("{} loses its power", name(node)),
        Action::PowerLoss { node, down: Some(down), .. } => {
            format!("{} loses its power, and is back after {down}", name(node))
        }
        Action::Pause { node, span } => format!("{} stands still for {span}", name(node)),
        Action::Block { links, span } => format!("nothing gets through for {span}: {}", pairs(links)),
        Action::Slow { links, by, span } => format!("messages take {by} longer for {span}: {}", pairs(links)),
        Action::LoseAnswers { node, kind, span } => {
            format!("answers to {} of {} are lost for {span}", kind.name(), name(node))
        }
        Action::StepClock { node, by_ms } => format!("the clock of {} steps by {by_ms} ms", name(node)),
        Action::DriftClock { node, ppm } => format!("the clock of {} drifts by {ppm} ppm", name(node)),
        Action::SlowNode { node, by, span } => {
            format!("{} takes {by} longer for each message, for {span}", name(node))
        }
        Action::Message(effect) => format!("it {}", befalls(effect)),
        Action::Own(own) => format!("{own:?}"),
    }
}

/// A finding and the deviations that are left of it, line by line.
pub fn finding<V: Vocabulary>(finding: &Finding<V>, names: &[&str]) -> Vec<String> {
    let Finding { rule, seed, seeds, deviations, schedule, .. } = finding;
    let mut lines = vec![
        format!("{rule} (first with seed {seed}, with {seeds} seeds in all)"),
        format!("{deviations} deviations, shrunk to {}:", schedule.deviations.len()),
    ];
    lines.extend(schedule.deviations.iter().map(|one| format!("  {}", deviation(one, names))));
    lines
}

/// A line of a time line; none for what is nothing to look at.
pub fn traced<V: Vocabulary>(traced: &Traced<'_, V>) -> Option<String> {
    let Traced { at, from, to, what, .. } = traced;
    Some(match what {
        TracedEvent::Request(request) => format!("{at} {from} -> {to}: {request:?}"),
        TracedEvent::Response(response) => format!("{at} {from} -> {to}: {response:?}"),
        TracedEvent::Paused => format!("{at} {to} stands still"),
        TracedEvent::Resumed => format!("{at} {to} runs on"),
        TracedEvent::Stopped { power: false } => format!("{at} {to} dies"),
        TracedEvent::Stopped { power: true } => format!("{at} {to} loses its power"),
        TracedEvent::Started if *at > Instant::ZERO => format!("{at} {to} is back"),
        TracedEvent::Disconnected => format!("{at} {to} has lost its connection with {from}"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Trigger;
    use crate::testing::{Numbers, One};
    use crate::time::Span;

    #[test]
    fn deviations_are_told_with_names_times_and_spans() {
        let names = ["locks", "worker-1"];
        let say = |one: &Deviation<Numbers>| deviation(one, &names);
        let name = MessageName { from: 1, incarnation: 0, to: Some(0), kind: One, subject: 7, attempt: 2 };
        let late = Deviation::Message(name, Effect::DelayRequest(Span::from_millis(30)));
        assert_eq!(say(&late), "worker-1: One number 3 arrives 30ms later");
        let pause = Action::Pause { node: 1, span: Span::from_secs(2) };
        let at = Fault { when: When::At(Instant(3_000_000_000)), action: pause.clone(), optional: false };
        assert_eq!(say(&Deviation::Fault(at)), "at 3s: worker-1 stands still for 2s");
        let trigger = Trigger { kind: One, phase: Phase::Handled, from: None, to: None, item: None, nth: 3 };
        let when = When::After(trigger, Span::from_millis(5));
        let after = Deviation::Fault(Fault { when, action: pause, optional: false });
        assert_eq!(say(&after), "5ms after One number 3 was handled: worker-1 stands still for 2s");
    }
}
