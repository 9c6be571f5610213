//! Whether the faults that a scenario writes can happen, and do not contradict each other.
//!
//! What a capsule holds did happen; this is about what somebody has written.

use std::collections::BTreeMap;

use fencepost_protocol::time::{Instant, Span};

use super::fields::Fields;
use super::idle;
use super::possible::{Player, Players, impossible};
use super::problem::{Complaint, Place};
use crate::cast::Names;
use crate::plan::{Plan, Source};
use crate::schedule::{Action, Actor, Fault, Own, When};

type Result<T> = core::result::Result<T, Complaint>;

/// A fault and where it is written.
pub struct WrittenFault<'f> {
    pub fields: &'f Fields,
    pub fault: Fault,
}

/// Complains about the first fault that cannot happen or contradicts another.
pub fn check(plan: &Plan, names: &Names, faults: &[WrittenFault<'_>]) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    let cast = Players::of(plan, names);
    for written in faults {
        can_begin(&cast, names, written)?;
        can_act(plan, &cast, names, written)?;
    }
    idle::check(plan, &cast, names, faults)?;
    check_overlaps(plan, &cast, names, faults)?;
    check_late(plan, faults)
}

fn can_begin(cast: &Players<'_>, names: &Names, WrittenFault { fields, fault }: &WrittenFault<'_>) -> Result<()> {
    let When::After(trigger, _) = &fault.when else { return Ok(()) };
    match impossible(cast, names, trigger) {
        None => Ok(()),
        Some((path, message)) => Err(fields.complain(path, format!("this fault can never begin: {message}"))),
    }
}

fn can_act(
    plan: &Plan,
    cast: &Players<'_>,
    names: &Names,
    WrittenFault { fields, fault }: &WrittenFault<'_>,
) -> Result<()> {
    match &fault.action {
        Action::LoseAnswers { node, kind, .. } => match cast.never_sends(*node, *kind) {
            None => Ok(()),
            Some(why) => {
                let message = format!("{} never sends {}: {why}", names.node(*node), kind.name());
                Err(fields.complain("kind", message))
            }
        },
        Action::Own(Own::MoveLeader { partition, to: Some(to) }) => {
            let name = &names.topics[partition.topic.0 as usize].0;
            let topic = plan.topics.iter().find(|t| t.name == *name);
            let replicas = topic.and_then(|t| t.assignment.as_ref()).and_then(|a| a.get(partition.partition as usize));
            match replicas {
                Some(replicas) if !replicas.contains(to) => {
                    let ids: Vec<String> = replicas.iter().map(|id| id.0.to_string()).collect();
                    let message = format!(
                        "broker {} has no replica of {}; those of its 'assignment' have: {}",
                        to.0,
                        names.partition_name(*partition),
                        ids.join(", ")
                    );
                    Err(fields.complain("to", message))
                }
                _ => Ok(()),
            }
        }
        Action::Crash { node, .. } | Action::Pause { node, .. } => {
            let (When::At(at), Some(start)) = (&fault.when, starts(cast.role(*node))) else { return Ok(()) };
            let begins = Instant::ZERO + start;
            if *at < begins {
                let message =
                    format!("{} begins to run at {begins}: before that there is nothing to hit", names.node(*node));
                return Err(fields.complain("at", message));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// When a client first runs.
fn starts(role: Player<'_>) -> Option<Span> {
    match role {
        Player::Client(client) => client.start(),
        _ => None,
    }
}

/// How long after a crash a node comes back by itself; none: never.
fn comes_back(plan: &Plan, role: Player<'_>, name: &str) -> Option<Span> {
    let databases = plan.databases.iter().map(|d| (&d.name, d.restart_after));
    let mut sinks = databases.chain(plan.payments.iter().map(|p| (&p.name, p.restart_after)));
    match role {
        Player::Client(client) => client.away(),
        Player::Database | Player::PaymentApi => sinks.find(|(known, _)| *known == name).map(|(_, after)| after),
        Player::Broker | Player::Controller => None,
    }
}

/// Whom an action stops, how that is said, and for how long (none: for good).
fn stops(
    plan: &Plan,
    cast: &Players<'_>,
    names: &Names,
    action: &Action,
) -> Option<(Actor, &'static str, Option<Span>)> {
    match action {
        Action::Crash { node, down } | Action::PowerLoss { node, down, .. } => {
            Some((*node, "is down", down.or_else(|| comes_back(plan, cast.role(*node), names.node(*node)))))
        }
        Action::Own(Own::Restart { node, down }) => Some((*node, "is restarted and down", Some(*down))),
        Action::Pause { node, span } => Some((*node, "stands still", Some(*span))),
        _ => None,
    }
}

/// Something that happens once at a time: the same subject twice at one moment is a contradiction.
fn subject(action: &Action) -> Option<String> {
    match action {
        Action::Own(Own::MoveLeader { partition, .. }) => Some(format!("leadership of {partition:?}")),
        Action::Own(Own::SetTransactionVersion(_)) => Some("transaction version".to_string()),
        Action::DriftClock { node, .. } => Some(format!("clock of {node}")),
        _ => None,
    }
}

fn line(fields: &Fields) -> String {
    match fields.place {
        Place::Text { line, .. } => format!(" (the fault on line {line})"),
        _ => String::new(),
    }
}

fn check_overlaps(plan: &Plan, cast: &Players<'_>, names: &Names, faults: &[WrittenFault<'_>]) -> Result<()> {
    let mut timed: Vec<(Instant, &WrittenFault<'_>)> = Vec::new();
    for written in faults {
        match &written.fault.when {
            When::At(at) => timed.push((*at, written)),
            When::After(trigger, pause) => {
                let twin = faults.iter().take_while(|other| !core::ptr::eq(*other, written)).find(|other| {
                    let same = matches!(&other.fault.when, When::After(t, p) if t == trigger && p == pause);
                    let whom = |fault: &Fault| stops(plan, cast, names, &fault.action).map(|(node, ..)| node);
                    same && whom(&written.fault).is_some() && whom(&written.fault) == whom(&other.fault)
                });
                if let Some(other) = twin {
                    let message = format!(
                        "another fault{} hits the same node at the same moment: leave one of them out",
                        line(other.fields)
                    );
                    return Err(written.fields.complain("after.kind", message));
                }
            }
        }
    }
    timed.sort_by_key(|(at, _)| *at);
    let mut stopped: BTreeMap<Actor, (Instant, &str, Instant, &Fields)> = BTreeMap::new();
    let mut rolling: Option<(Instant, Instant, &Fields)> = None;
    let mut moments: BTreeMap<(Instant, String), &Fields> = BTreeMap::new();
    for (at, WrittenFault { fields, fault }) in timed {
        if let Some((node, how, span)) = stops(plan, cast, names, &fault.action) {
            if let Some((since, how, until, other)) = stopped.get(&node).filter(|(_, _, until, _)| at < *until) {
                let name = names.node(node);
                let until = if *until == Instant::NEVER { "on".to_string() } else { format!("to {until}") };
                let message = format!(
                    "{name} {how} from {since} {until}{}: at {at} this fault finds nothing that runs; move one of the two",
                    line(other)
                );
                return Err(fields.complain("at", message));
            }
            let until = span.map_or(Instant::NEVER, |span| at + span);
            stopped.insert(node, (at, how, until, fields));
        }
        if let Action::Own(Own::RollingRestart { down }) = &fault.action {
            if let Some((since, _, other)) = rolling.filter(|(_, until, _)| at < *until) {
                let message = format!(
                    "a rolling restart goes on since {since}{}, and there is one at a time: let this one begin later",
                    line(other)
                );
                return Err(fields.complain("at", message));
            }
            let all = Span(down.0.saturating_mul(u64::from(plan.cluster.brokers)));
            rolling = Some((at, at + all, fields));
        }
        if let Some(subject) = subject(&fault.action)
            && let Some(other) = moments.insert((at, subject), fields)
        {
            let message =
                format!("another fault{} changes the same at the same time: leave one of them out", line(other));
            return Err(fields.complain("at", message));
        }
    }
    Ok(())
}

/// A fault at a time at which everything is long over would hit nothing, and the run would wait for it.
fn check_late(plan: &Plan, faults: &[WrittenFault<'_>]) -> Result<()> {
    let bound = plan.patience();
    let mut over = Instant::ZERO + longest_work(plan) + bound;
    if !plan.chaos.families.is_empty() || plan.chaos.messages.probes > 0 {
        over = over.max(Instant::ZERO + plan.end.faults_until + bound);
    }
    let mut timed: Vec<(Instant, &WrittenFault<'_>)> = Vec::new();
    for written in faults {
        match &written.fault.when {
            When::At(at) => timed.push((*at, written)),
            When::After(_, pause) => over = over + *pause + lasts(&written.fault.action),
        }
    }
    timed.sort_by_key(|(at, _)| *at);
    for (at, written) in timed {
        if at > over {
            let message = format!(
                "at {at} everything is over: by {over} all clients have done their work, and [end] bound ({bound}) has passed, \
                 too, so this fault would hit nothing; let it begin earlier, let a client work for longer, or raise [end] bound"
            );
            return Err(written.fields.complain("at", message));
        }
        over = over.max(at + lasts(&written.fault.action) + bound);
    }
    Ok(())
}

fn lasts(action: &Action) -> Span {
    action.clone().span_mut().map_or(Span::ZERO, |span| *span)
}

fn times(span: Span, n: u64) -> Span {
    Span(span.0.saturating_mul(n))
}

/// Longer than all clients can take with their work where nothing goes wrong: as if each record were sent, processed and
/// written by itself, one after the other.
fn longest_work(plan: &Plan) -> Span {
    let network = &plan.network;
    let way =
        network.client_latency + network.broker_latency + network.service_per_message + plan.chaos.messages.jitter_max;
    let way = times(way, 4) + Span::from_millis(1);
    let slowest = |times: &mut dyn Iterator<Item = Span>| times.max().unwrap_or(Span::ZERO);
    let sink =
        slowest(&mut plan.databases.iter().map(|d| d.service_time).chain(plan.payments.iter().map(|p| p.service_time)));
    let each = |source: &Source, start: Span, interval: Span, linger_ms: i64| {
        start + times(interval + way + Span::from_millis(linger_ms) + times(sink, 4), source.len())
    };
    let mut sending = Span::ZERO;
    let mut written: BTreeMap<&str, u64> = BTreeMap::new();
    for p in &plan.producers {
        let transactions = p.source.len() / u64::from(p.transaction_records.max(1)) + 1;
        let pauses = times(p.transaction_pause + times(way, 4), transactions);
        sending = sending.max(each(&p.source, p.start, p.interval, p.config.linger_ms) + pauses);
        *written.entry(&p.topic).or_default() += p.source.len();
    }
    for s in &plan.services {
        sending = sending.max(each(&s.source, s.start, s.interval, s.producer.linger_ms));
        *written.entry(&s.topic).or_default() += s.source.len();
    }
    for r in &plan.relays {
        sending = sending.max(r.start);
    }
    // Stage by stage: as often as there are pipelines, so that the last one has counted what the first one writes.
    let mut reads: Vec<u64> = vec![0; plan.pipelines.len()];
    for _ in &plan.pipelines {
        let mut all = written.clone();
        for (p, reads) in plan.pipelines.iter().zip(&mut reads) {
            *reads = p.inputs.iter().map(|input| all.get(input.as_str()).copied().unwrap_or(0)).sum();
            if let Some(output) = &p.output {
                *all.entry(output).or_default() += reads.saturating_mul(u64::from(p.outputs_per_input));
            }
        }
    }
    let mut processing = Span::ZERO;
    for (p, reads) in plan.pipelines.iter().zip(&reads) {
        let pause = p.call.as_ref().map_or(Span::ZERO, |call| call.patience.timeout + call.patience.backoff);
        let each = p.processing_time + times(way, 4) + times(sink, 4) + pause;
        processing = processing + p.commit_interval + times(each, *reads);
        sending = sending.max(p.start);
    }
    for r in &plan.readers {
        sending = sending.max(r.start);
    }
    sending + processing
}
