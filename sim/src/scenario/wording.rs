//! Deviations as sentences, for people: nothing reads them back.

use std::collections::BTreeSet;

use fencepost_protocol::time::Span;

use super::deviation::broker_name;
use super::duration::print_signed_ms;
use crate::cast::{Back, JOBS, Names};
use crate::schedule::{Action, Actor, Deviation, Effect, MessageName, Own, Phase, Subject, When};

/// A deviation as a sentence.
pub fn words(deviation: &Deviation, names: &Names) -> String {
    match deviation {
        Deviation::Message(name, effect) => {
            let message = message_words(name, names);
            match effect {
                Effect::DelayRequest(by) => format!("{message} travels {} longer", about(*by)),
                Effect::DelayResponse(by) => {
                    format!("the answer to {message} travels {} longer", about(*by))
                }
                Effect::LoseRequest => format!("{message} is lost with its connection"),
                Effect::LoseResponse => format!("the answer to {message} is lost with its connection"),
                Effect::ErrorBefore(e) => format!("{message} is answered {} without being handled", e.name()),
                Effect::ErrorAfter(e) => format!("{message} is handled, and answered {} all the same", e.name()),
            }
        }
        Deviation::Fault(fault) => {
            format!("{}: {}", when_words(&fault.when, names), action_words(&fault.action, names))
        }
    }
}

fn ordinal(n: u32) -> String {
    let suffix = match (n % 10, n % 100) {
        (1, r) if r != 11 => "st",
        (2, r) if r != 12 => "nd",
        (3, r) if r != 13 => "rd",
        _ => "th",
    };
    format!("{n}{suffix}")
}

fn message_words(name: &MessageName, names: &Names) -> String {
    let mut words = format!("{}'s {}", names.node(name.from), name.kind.name());
    let mut notes = Vec::new();
    match name.subject {
        Subject::Any => {}
        Subject::Batch(tp, -1, first) => words += &format!(" {} record {first}", names.partition_name(tp)),
        Subject::Batch(tp, epoch, first) => {
            words += &format!(" {} sequence {first}", names.partition_name(tp));
            notes.push(format!("epoch {epoch}"));
        }
        Subject::Position(tp, position) => words += &format!(" {} at {position}", names.partition_name(tp)),
        Subject::Partition(tp) => words += &format!(" {}", names.partition_name(tp)),
        Subject::Transaction(id, epoch) => {
            if id >= 0 {
                words += &format!(" of producer id {id}");
            }
            notes.push(format!("epoch {epoch}"));
        }
        Subject::Generation(generation) => words += &format!(" in generation {generation}"),
        Subject::Row(n) => words += &format!(" of number {n}"),
    }
    if let Some(id) = name.to {
        words += &format!(" to {}", broker_name(id, names));
    }
    if name.attempt > 0 {
        notes.push(format!("{} attempt", ordinal(name.attempt + 1)));
    }
    if name.incarnation > 0 {
        notes.push(format!(
            "after {} of the sender",
            if name.incarnation == 1 { "a restart".into() } else { format!("{} restarts", name.incarnation) }
        ));
    }
    if notes.is_empty() { words } else { format!("{words} ({})", notes.join(", ")) }
}

fn when_words(when: &When, names: &Names) -> String {
    match when {
        When::At(at) => format!("at {at}"),
        When::After(t, pause) => {
            let from = t.from.map_or_else(String::new, |actor| format!(" from {}", names.node(actor)));
            let to = t.to.map_or_else(String::new, |actor| format!(" to {}", names.node(actor)));
            let about = t.item.map_or_else(String::new, |tp| format!(" about {}", names.partition_name(tp)));
            let phase = match t.phase {
                Phase::Sending => "about to be sent",
                Phase::Handled => "handled",
                Phase::Answered => "answered",
                Phase::Received => "answered and the answer received",
            };
            let pause = if *pause == Span::ZERO { String::new() } else { format!("{pause} after ") };
            format!("{pause}when the {} {}{from}{to}{about} is {phase}", ordinal(t.nth), t.kind.name())
        }
    }
}

const HOUR: u64 = 3_600_000_000_000;

/// A span for people: from a second on to the millisecond, below to the microsecond. What is drawn has nanoseconds.
fn about(span: Span) -> String {
    let unit = if span.0 >= 1_000_000_000 { 1_000_000 } else { 1_000 };
    let rounded = Span((span.0 + unit / 2) / unit * unit);
    let (ms, us) = (rounded.0 / 1_000_000, format!("{:03}", rounded.0 % 1_000_000 / 1_000));
    match us.trim_end_matches('0') {
        _ if rounded.0 == 0 => span.to_string(),
        _ if rounded.0.is_multiple_of(HOUR) => format!("{}h", rounded.0 / HOUR),
        "" => rounded.to_string(),
        us => format!("{ms}.{us}ms"),
    }
}

/// Links in words: by the two sets of nodes that they lie between, where they do, else one by one.
fn links_words(links: &[(Actor, Actor)], names: &Names) -> String {
    let set: BTreeSet<(Actor, Actor)> = links.iter().copied().collect();
    let listed = |side: &BTreeSet<Actor>| side.iter().map(|n| names.node(*n)).collect::<Vec<_>>().join(", ");
    let all_nodes = names.nodes.len();
    if all_nodes > 2 && set.len() == all_nodes * (all_nodes - 1) && set.iter().all(|(a, b)| a != b) {
        return "between all nodes".to_string();
    }
    // A node and everybody else is said so, from three others on.
    let named = |side: &BTreeSet<Actor>, other: &BTreeSet<Actor>| {
        let rest = side.len() > 2 && side.len() + other.len() == names.nodes.len();
        if rest && side.len() > other.len() { "all others".to_string() } else { listed(side) }
    };
    let all = |from: &BTreeSet<Actor>, to: &BTreeSet<Actor>| {
        from.is_disjoint(to) && from.iter().all(|a| to.iter().all(|b| set.contains(&(*a, *b))))
    };
    let receivers_of = |from: Option<&Actor>| -> BTreeSet<Actor> {
        set.iter().filter(|(a, _)| Some(a) == from).map(|(_, b)| *b).collect()
    };
    let senders: BTreeSet<Actor> = set.iter().map(|(from, _)| *from).collect();
    let there = receivers_of(senders.first());
    if set.len() == senders.len() * there.len() && all(&senders, &there) {
        return format!("{} -> {}", named(&senders, &there), named(&there, &senders));
    }
    let here: BTreeSet<Actor> = senders.difference(&there).copied().collect();
    if set.len() == 2 * here.len() * there.len() && all(&here, &there) && all(&there, &here) {
        let (few, many) = if here.len() <= there.len() { (&here, &there) } else { (&there, &here) };
        return format!("between {} and {}", named(few, many), named(many, few));
    }
    let words: Vec<String> = set.iter().map(|(a, b)| format!("{} -> {}", names.node(*a), names.node(*b))).collect();
    words.join(", ")
}

/// A fault's action as a sentence.
pub fn action_words(action: &Action, names: &Names) -> String {
    let node = |actor: &Actor| names.node(*actor).to_string();
    let back = |actor: &Actor, down: &Option<Span>| match (down, names.back(*actor)) {
        (Some(down), _) => format!(", and is back after {}", about(*down)),
        (None, Some(Back::After(after))) => format!(", and is started again after {}", about(after)),
        (None, Some(Back::Never)) => ", and stays away".to_string(),
        (None, None) => String::new(),
    };
    match action {
        Action::Crash { node: n, down } => format!("the process of {} dies{}", node(n), back(n, down)),
        Action::PowerLoss { node: n, down, keep_ppm } => {
            format!("{} loses power, keeping {keep_ppm} ppm of what it had not flushed{}", node(n), back(n, down))
        }
        Action::Pause { node: n, span } => format!("{} stands still for {}", node(n), about(*span)),
        Action::Own(Own::Restart { node: n, down }) => {
            format!("{} is shut down cleanly and started {} later", node(n), about(*down))
        }
        Action::Own(Own::RollingRestart { down }) => {
            format!("all brokers are restarted one by one, each down for {}", about(*down))
        }
        Action::Block { links: l, span } => {
            format!("nothing gets through for {}: {}", about(*span), links_words(l, names))
        }
        Action::Slow { links: l, by, span } => {
            format!("messages take {} longer for {}: {}", about(*by), about(*span), links_words(l, names))
        }
        Action::LoseAnswers { node: n, kind, span } => {
            let (span, kind, node) = (about(*span), kind.name(), node(n));
            format!("for {span} every answer to a {kind} of {node} is lost with its connection")
        }
        Action::Own(Own::MoveLeader { partition, to }) => {
            let to = to.map_or_else(|| "another replica".into(), |id| broker_name(id, names));
            format!("the leadership of {} moves to {to}", names.partition_name(*partition))
        }
        Action::StepClock { node: n, by_ms } => {
            format!("the clock of {} steps by {}", node(n), print_signed_ms(*by_ms))
        }
        Action::DriftClock { node: n, ppm } => format!("the clock of {} runs {ppm} ppm too fast", node(n)),
        Action::Own(Own::HoldMetadata { node: n, span }) => {
            format!("{} learns no metadata for {}", node(n), about(*span))
        }
        Action::SlowNode { node: n, by, span } => {
            format!("{} takes {} for each message for {}", node(n), about(*by), about(*span))
        }
        Action::Own(Own::PostponeJob { node: n, job, by }) => {
            let job = JOBS.iter().find(|(_, j)| j == job).map_or("a job", |(name, _)| name);
            format!("{job} of {} comes {} later", node(n), about(*by))
        }
        Action::Own(Own::SetTransactionVersion(version)) => format!("transaction.version becomes {version}"),
        Action::Message(effect) => match effect {
            Effect::DelayRequest(by) => format!("it travels {} longer", about(*by)),
            Effect::DelayResponse(by) => format!("its answer travels {} longer", about(*by)),
            Effect::LoseRequest => "it is lost with its connection".into(),
            Effect::LoseResponse => "its answer is lost with the connection".into(),
            Effect::ErrorBefore(e) => format!("it is answered {} without being handled", e.name()),
            Effect::ErrorAfter(e) => format!("it is handled, and answered {} all the same", e.name()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let nodes = ["controller", "broker-1", "broker-2", "broker-3", "till"].map(str::to_string).to_vec();
        Names { nodes, ..Names::default() }
    }

    fn both_ways(few: &[Actor], many: &[Actor]) -> Vec<(Actor, Actor)> {
        few.iter().flat_map(|a| many.iter().flat_map(|b| [(*a, *b), (*b, *a)])).collect()
    }

    #[test]
    fn links_are_told_by_the_two_sides_that_they_lie_between() {
        let words = |links: &[(Actor, Actor)]| links_words(links, &names());
        assert_eq!(words(&[(1, 2)]), "broker-1 -> broker-2");
        assert_eq!(words(&[(4, 1), (4, 2)]), "till -> broker-1, broker-2");
        assert_eq!(words(&[(4, 0), (4, 1), (4, 2), (4, 3)]), "till -> all others");
        let everybody: Vec<(Actor, Actor)> =
            (0..5).flat_map(|a| (0..5).filter(move |b| *b != a).map(move |b| (a, b))).collect();
        assert_eq!(words(&everybody), "between all nodes");
        assert_eq!(words(&both_ways(&[1], &[2])), "between broker-1 and broker-2");
        assert_eq!(words(&both_ways(&[4], &[0, 1, 2, 3])), "between till and all others");
        assert_eq!(words(&both_ways(&[2, 4], &[0, 1, 3])), "between broker-2, till and all others");
        assert_eq!(words(&both_ways(&[2, 4], &[1, 3])), "between broker-1, broker-3 and broker-2, till");
        assert_eq!(
            words(&[(1, 2), (2, 1), (3, 1)]),
            "broker-1 -> broker-2, broker-2 -> broker-1, broker-3 -> broker-1"
        );
    }

    #[test]
    fn spans_that_were_drawn_are_told_without_their_last_nanoseconds() {
        let spans = [30_000_000_000, 2_718_840_533, 800_000_000, 2_037_957, 1_500_000, 450, 999_999_900];
        let words = spans.map(|ns| about(Span(ns)));
        assert_eq!(about(Span::from_secs(9_000 * 3_600)), "9000h");
        assert_eq!(words, ["30s", "2.719s", "800ms", "2.038ms", "1.5ms", "0.00000045s", "1s"]);
    }
}
