//! Faults that change nothing: a fault that is written is meant to be one.

use fencepost_protocol::time::{Instant, Span};

use super::possible::{Player, Players};
use super::problem::Complaint;
use super::written::WrittenFault;
use crate::cast::Names;
use crate::plan::Plan;
use crate::schedule::{Action, Actor, Effect, When};

/// Complains about the first fault after which everything is as it was.
pub fn check(plan: &Plan, cast: &Players<'_>, names: &Names, faults: &[WrittenFault<'_>]) -> Result<(), Complaint> {
    for written in faults {
        if let Some((path, message)) = nothing(cast, names, faults, &written.fault.action) {
            return Err(written.fields.complain(path, format!("this fault would do nothing: {message}")));
        }
    }
    versions(plan, faults)
}

/// The key that makes an action nothing, and why.
fn nothing(
    cast: &Players<'_>,
    names: &Names,
    faults: &[WrittenFault<'_>],
    action: &Action,
) -> Option<(&'static str, String)> {
    let links_between_nobody = |links: &[(Actor, Actor)]| {
        if links.is_empty() {
            return Some(("to", "there is no link between these, for a node has none to itself".to_string()));
        }
        // A broker asks itself, too: its requests to its own coordinators are messages.
        let own = |(a, b): &&(Actor, Actor)| a == b && !matches!(cast.role(*a), Player::Broker);
        let (node, _) = links.iter().find(own)?;
        let name = names.node(*node);
        Some(("links", format!("{name} sends nothing to itself, so that {name} -> {name} is no link")))
    };
    let for_no_time = |span: Span| (span == Span::ZERO).then(|| ("span", "it lasts for no time".to_string()));
    let by_nothing = |by: Span| (by == Span::ZERO).then(|| ("by", "nothing is any later by 0s".to_string()));
    match action {
        Action::Block { links, span } => links_between_nobody(links).or_else(|| for_no_time(*span)),
        Action::Slow { links, by, span } => {
            links_between_nobody(links).or_else(|| by_nothing(*by)).or_else(|| for_no_time(*span))
        }
        Action::Pause { span, .. } | Action::LoseAnswers { span, .. } | Action::HoldMetadata { span, .. } => {
            for_no_time(*span)
        }
        Action::SlowNode { by, span, .. } => by_nothing(*by).or_else(|| for_no_time(*span)),
        Action::PostponeJob { by, .. } | Action::Message(Effect::DelayRequest(by) | Effect::DelayResponse(by)) => {
            by_nothing(*by)
        }
        Action::StepClock { by_ms: 0, .. } => Some(("by", "the clock stays where it is".to_string())),
        Action::DriftClock { node, ppm: 0 } => {
            // Unless it ends the drift that another one has begun.
            let drifts = |other: &WrittenFault<'_>| matches!(&other.fault.action, Action::DriftClock { node: n, ppm } if n == node && *ppm != 0);
            let message = "the clock runs as it did, for no other fault has made it drift";
            (!faults.iter().any(drifts)).then(|| ("drift.ppm", message.to_string()))
        }
        _ => None,
    }
}

/// Upgrades and downgrades to what is there already, where it is written when each comes.
fn versions(plan: &Plan, faults: &[WrittenFault<'_>]) -> Result<(), Complaint> {
    let mut timed: Vec<(Instant, u8, &WrittenFault<'_>)> = Vec::new();
    for written in faults {
        match (&written.fault.action, &written.fault.when) {
            (Action::SetTransactionVersion(version), When::At(at)) => timed.push((*at, *version, written)),
            (Action::SetTransactionVersion(_), When::After(..)) => return Ok(()),
            _ => {}
        }
    }
    timed.sort_by_key(|(at, ..)| *at);
    let mut now = plan.cluster.transaction_version;
    for (at, version, written) in timed {
        if version == now {
            let message = format!("this fault would do nothing: at {at} transaction.version is {now} already");
            return Err(written.fields.complain("version", message));
        }
        now = version;
    }
    Ok(())
}
