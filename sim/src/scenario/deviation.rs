//! Deviations as flat tables: the form of `[[fault]]` in a scenario and of `deviations` in a capsule.

use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::{NodeId, TopicPartition};
use fencepost_protocol::time::{Instant, Span};

use super::duration::print_signed_ms;
use super::fields::{Fields, Item, Value};
use super::problem::{Complaint, Place};
use super::table::{self, ActionName};
pub use super::wording::{action_words, words};
use crate::cast::{JOBS, Names};
use crate::message::Kind;
use crate::nearest::hint;
use crate::schedule::{Action, Actor, Deviation, Effect, Fault, MessageName, Phase, Subject, Trigger, When};

type Result<T> = core::result::Result<T, Complaint>;
/// A table to be written, in the order of its keys.
pub type Table = Vec<(&'static str, Value)>;

/// Moments in the life of a message, by name.
pub const PHASES: [(&str, Phase); 4] = [
    ("sending", Phase::Sending),
    ("handled", Phase::Handled),
    ("answered", Phase::Answered),
    ("received", Phase::Received),
];

// ---- reading -------------------------------------------------------------------------------------------------------

/// Reads one deviation of a capsule.
///
/// # Errors
/// What is wrong with it.
pub fn read(fields: &Fields, names: &Names) -> Result<Deviation> {
    if fields.has("message") {
        return read_message(fields, names);
    }
    let mut faults = read_faults(fields, names)?;
    match (faults.pop(), faults.is_empty()) {
        (Some(fault), true) => Ok(Deviation::Fault(fault)),
        _ => Err(Complaint::new(&fields.place, "a written fault is of one node")),
    }
}

/// Reads a fault; `nodes` makes it several.
///
/// # Errors
/// What is wrong with it.
pub fn read_faults(fields: &Fields, names: &Names) -> Result<Vec<Fault>> {
    table::check_fault(fields)?;
    let action = table::action(fields)?;
    let when = read_when(fields, names)?;
    let optional = fields.boolean("optional")?.unwrap_or(false);
    let one = |action| Ok(vec![Fault { when: when.clone(), action, optional }]);
    let each = |make: &dyn Fn(Actor) -> Action, who: Who| -> Result<Vec<Fault>> {
        let nodes = nodes(fields, names, who)?;
        Ok(nodes.into_iter().map(|node| Fault { when: when.clone(), action: make(node), optional }).collect())
    };
    match action {
        ActionName::Crash => {
            let down = fields.span("down")?;
            each(&|node| Action::Crash { node, down }, Who::NotController)
        }
        ActionName::PowerLoss => {
            let down = fields.span("down")?;
            let keep_ppm = fields.integer("keep.ppm", 0, 1_000_000)?.unwrap_or(0);
            each(&|node| Action::PowerLoss { node, down, keep_ppm }, Who::NotController)
        }
        ActionName::Pause => {
            let span = fields.needed_span("span")?;
            each(&|node| Action::Pause { node, span }, Who::NotController)
        }
        ActionName::Restart => {
            let down = fields.needed_span("down")?;
            each(&|node| Action::Restart { node, down }, Who::Broker)
        }
        ActionName::RollingRestart => one(Action::RollingRestart { down: fields.needed_span("down")? }),
        ActionName::Block => one(Action::Block { links: links(fields, names)?, span: fields.needed_span("span")? }),
        ActionName::Slow => {
            let (by, span) = (fields.needed_span("by")?, fields.needed_span("span")?);
            one(Action::Slow { links: links(fields, names)?, by, span })
        }
        ActionName::LoseAnswers => {
            let (kind, span) = (kind(fields, "kind")?, fields.needed_span("span")?);
            each(&|node| Action::LoseAnswers { node, kind, span }, Who::Anybody)
        }
        ActionName::MoveLeader => {
            let partition = needed_partition(fields, names, "partition")?;
            let to = match fields.text("to")? {
                None => None,
                Some(name) => Some(broker_id(&name, names).map_err(|m| fields.complain("to", m))?),
            };
            one(Action::MoveLeader { partition, to })
        }
        ActionName::StepClock => {
            let by_ms = fields.signed_ms("by")?.ok_or_else(|| needs(fields, "by"))?;
            each(&|node| Action::StepClock { node, by_ms }, Who::Anybody)
        }
        ActionName::DriftClock => {
            let ppm =
                fields.integer("drift.ppm", -1_000_000i64, 1_000_000)?.ok_or_else(|| needs(fields, "drift.ppm"))?;
            each(&|node| Action::DriftClock { node, ppm }, Who::Anybody)
        }
        ActionName::HoldMetadata => {
            let span = fields.needed_span("span")?;
            each(&|node| Action::HoldMetadata { node, span }, Who::Broker)
        }
        ActionName::SlowNode => {
            let (by, span) = (fields.needed_span("by")?, fields.needed_span("span")?);
            each(&|node| Action::SlowNode { node, by, span }, Who::Anybody)
        }
        ActionName::PostponeJob => {
            let by = fields.needed_span("by")?;
            let job = fields.word("job", &JOBS)?.ok_or_else(|| needs(fields, "job"))?;
            each(&|node| Action::PostponeJob { node, job, by }, Who::Broker)
        }
        ActionName::SetTransactionVersion => {
            let version = fields.integer("version", 0u8, 2)?.ok_or_else(|| needs(fields, "version"))?;
            one(Action::SetTransactionVersion(version))
        }
        ActionName::LoseRequest
        | ActionName::LoseResponse
        | ActionName::DelayRequest
        | ActionName::DelayResponse
        | ActionName::ErrorBefore
        | ActionName::ErrorAfter => {
            let word = action.name();
            let effect = read_effect(fields, word)?.expect("these happen to messages");
            match &when {
                When::After(Trigger { kind: Kind::Sink(kind), .. }, _)
                    if matches!(effect, Effect::ErrorBefore(_) | Effect::ErrorAfter(_)) =>
                {
                    let message =
                        format!("'{word}': Kafka's error codes mean nothing to a sink, which answers {}", kind.name());
                    Err(fields.complain("action", message))
                }
                When::After(trigger, pause) if trigger.phase == Phase::Sending && *pause == Span::ZERO => {
                    one(Action::Message(effect))
                }
                _ => Err(fields.complain(
                    "action",
                    format!(
                        "'{word}' happens to one message: say which by 'after', with phase \"sending\" and no pause"
                    ),
                )),
            }
        }
    }
}

fn needs(fields: &Fields, key: &str) -> Complaint {
    Complaint::new(&fields.place, format!("{} needs '{key}'", fields.what))
}

fn read_effect(fields: &Fields, word: &str) -> Result<Option<Effect>> {
    let error = || -> Result<ErrorCode> {
        let text = fields.needed_text("error")?;
        text.parse().map_err(|m: String| {
            let near = hint(&text, ErrorCode::ALL.iter().map(|e| e.name()));
            fields.complain("error", format!("{m}{near}"))
        })
    };
    Ok(Some(match word {
        "lose_request" => Effect::LoseRequest,
        "lose_response" => Effect::LoseResponse,
        "delay_request" => Effect::DelayRequest(fields.needed_span("by")?),
        "delay_response" => Effect::DelayResponse(fields.needed_span("by")?),
        "error_before" => Effect::ErrorBefore(error()?),
        "error_after" => Effect::ErrorAfter(error()?),
        _ => return Ok(None),
    }))
}

fn read_when(fields: &Fields, names: &Names) -> Result<When> {
    let at = fields.span("at")?;
    let triggered = fields.paths().any(|path| path.starts_with("after."));
    match (at, triggered) {
        (Some(at), false) => Ok(When::At(Instant::ZERO + at)),
        (None, true) => {
            let message = table::action(fields)?.is_of_a_message();
            let usual = if message { Phase::Sending } else { Phase::Handled };
            let actor = |path: &str| -> Result<Option<Actor>> {
                let Some(name) = fields.text(path)? else { return Ok(None) };
                names.actor(&name).map(Some).map_err(|m| fields.complain(path, m))
            };
            let partition = match fields.text("after.partition")? {
                None => None,
                Some(text) => Some(names.partition(&text).map_err(|m| fields.complain("after.partition", m))?),
            };
            let trigger = Trigger {
                kind: kind(fields, "after.kind")?,
                phase: fields.word("after.phase", &PHASES)?.unwrap_or(usual),
                from: actor("after.from")?,
                to: actor("after.to")?,
                partition,
                nth: fields.integer("after.nth", 1, u32::MAX)?.unwrap_or(1),
            };
            Ok(When::After(trigger, fields.span("after.pause")?.unwrap_or(Span::ZERO)))
        }
        _ => Err(Complaint::new(&fields.place, format!("{} needs either 'at' or 'after'", fields.what))),
    }
}

fn kind(fields: &Fields, path: &str) -> Result<Kind> {
    let text = fields.needed_text(path)?;
    Kind::from_name(&text).ok_or_else(|| {
        let near = hint(&text, Kind::all().map(Kind::name));
        fields.complain(path, format!("there is no request '{text}'{near}"))
    })
}

fn needed_partition(fields: &Fields, names: &Names, path: &str) -> Result<TopicPartition> {
    let text = fields.needed_text(path)?;
    names.partition(&text).map_err(|m| fields.complain(path, m))
}

#[derive(Clone, Copy)]
enum Who {
    Anybody,
    NotController,
    Broker,
}

fn nodes(fields: &Fields, names: &Names, who: Who) -> Result<Vec<Actor>> {
    let (path, list) = match (fields.texts("node")?, fields.texts("nodes")?) {
        (Some(list), None) => ("node", list),
        (None, Some(list)) => ("nodes", list),
        _ => return Err(Complaint::new(&fields.place, format!("{} needs either 'node' or 'nodes'", fields.what))),
    };
    let mut found = Vec::new();
    for name in list {
        let actor = names.actor(&name).map_err(|m| fields.complain(path, m))?;
        match who {
            Who::NotController if name == "controller" => {
                return Err(fields.complain(path, "the controller stands for a quorum and does not fail"));
            }
            Who::Broker if broker_id(&name, names).is_err() => {
                return Err(fields.complain(path, format!("'{name}' is no broker")));
            }
            _ if found.contains(&actor) => return Err(fields.complain(path, format!("'{name}' is listed twice"))),
            _ => found.push(actor),
        }
    }
    Ok(found)
}

/// Number of the broker of that name.
fn broker_id(name: &str, names: &Names) -> core::result::Result<NodeId, String> {
    let actor = names.actor(name)?;
    names.broker_id(actor).ok_or_else(|| format!("'{name}' is no broker"))
}

pub(super) fn broker_name(id: NodeId, names: &Names) -> String {
    names.broker(id).map_or_else(|| id.to_string(), |actor| names.node(actor).to_string())
}

fn links(fields: &Fields, names: &Names) -> Result<Vec<(Actor, Actor)>> {
    let actor = |name: &str, path: &str| names.actor(name).map_err(|m| fields.complain(path, m));
    if let Some(list) = fields.texts("links")? {
        let mut links = Vec::new();
        for text in list {
            let Some((from, to)) = text.split_once("->") else {
                return Err(fields.complain("links", format!("'{text}': expected \"FROM -> TO\"")));
            };
            links.push((actor(from.trim(), "links")?, actor(to.trim(), "links")?));
        }
        return Ok(links);
    }
    let side = |path: &str| -> Result<Vec<Actor>> {
        match fields.texts(path)? {
            None => Err(needs(fields, path)),
            Some(list) if list == ["*"] => Ok((0..names.nodes.len() as Actor).collect()),
            Some(list) => list.iter().map(|name| actor(name, path)).collect(),
        }
    };
    let both = fields.boolean("both.ways")?.unwrap_or(false);
    let mut links = Vec::new();
    let (from, to) = (side("from")?, side("to")?);
    for a in &from {
        for b in to.iter().filter(|b| *b != a) {
            links.push((*a, *b));
            if both {
                links.push((*b, *a));
            }
        }
    }
    links.sort_unstable();
    links.dedup();
    Ok(links)
}

fn read_message(fields: &Fields, names: &Names) -> Result<Deviation> {
    table::check_message(fields)?;
    let from = fields.needed_text("from")?;
    let from = names.actor(&from).map_err(|m| fields.complain("from", m))?;
    let to = match fields.text("to")? {
        None => None,
        Some(name) if name == "controller" => Some(NodeId::CONTROLLER),
        Some(name) => Some(broker_id(&name, names).map_err(|m| fields.complain("to", m))?),
    };
    let number = |path: &str| fields.integer(path, i64::MIN, i64::MAX)?.ok_or_else(|| needs(fields, path));
    let subject = if fields.has("batch.number") {
        let epoch = fields.integer("batch.epoch", -1, i16::MAX)?.unwrap_or(-1);
        Subject::Batch(needed_partition(fields, names, "partition")?, epoch, number("batch.number")?)
    } else if fields.has("position") {
        Subject::Position(needed_partition(fields, names, "partition")?, number("position")?)
    } else if fields.has("partition") {
        Subject::Partition(needed_partition(fields, names, "partition")?)
    } else if fields.has("transaction.id") {
        let epoch = fields.integer("transaction.epoch", -1, i16::MAX)?.unwrap_or(-1);
        Subject::Transaction(number("transaction.id")?, epoch)
    } else if fields.has("generation") {
        Subject::Generation(fields.integer("generation", i32::MIN, i32::MAX)?.expect("it is there"))
    } else if fields.has("row") {
        Subject::Row(number("row")?)
    } else {
        Subject::Any
    };
    let attempt = fields.integer("attempt", 1, u32::MAX)?.unwrap_or(1) - 1;
    let incarnation = fields.integer("incarnation", 0, u32::MAX)?.unwrap_or(0);
    let name = MessageName { from, incarnation, to, kind: kind(fields, "message")?, subject, attempt };
    let word = fields.needed_text("effect")?;
    let effect = read_effect(fields, &word)?
        .ok_or_else(|| fields.complain("effect", format!("unknown effect '{word}'{}", hint(&word, EFFECTS))))?;
    Ok(Deviation::Message(name, effect))
}

/// What can happen to a message, by name.
const EFFECTS: [&str; 6] = [
    ActionName::LoseRequest.name(),
    ActionName::LoseResponse.name(),
    ActionName::DelayRequest.name(),
    ActionName::DelayResponse.name(),
    ActionName::ErrorBefore.name(),
    ActionName::ErrorAfter.name(),
];

// ---- writing -------------------------------------------------------------------------------------------------------

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

fn span(span: Span) -> Value {
    text(span.to_string())
}

fn list(items: impl IntoIterator<Item = String>) -> Value {
    let item = |text: String| Item { value: Value::Text(text), place: Place::Whole };
    Value::List(items.into_iter().map(item).collect())
}

/// Writes a deviation as [`read`] reads it.
pub fn write(deviation: &Deviation, names: &Names) -> Table {
    match deviation {
        Deviation::Fault(fault) => write_fault(fault, names),
        Deviation::Message(name, effect) => write_message(name, effect, names),
    }
}

/// Writes a fault as [`read_faults`] reads it.
pub fn write_fault(fault: &Fault, names: &Names) -> Table {
    let mut table = Table::new();
    match &fault.when {
        When::At(at) => table.push(("at", text(at.to_string()))),
        When::After(trigger, pause) => {
            let phase = PHASES.iter().find(|(_, p)| *p == trigger.phase).expect("every phase has a name").0;
            table.push(("after.kind", text(trigger.kind.name())));
            table.push(("after.phase", text(phase)));
            table.extend(trigger.from.map(|actor| ("after.from", text(names.node(actor)))));
            table.extend(trigger.to.map(|actor| ("after.to", text(names.node(actor)))));
            table.extend(trigger.partition.map(|tp| ("after.partition", text(names.partition_name(tp)))));
            table.push(("after.nth", Value::Integer(i64::from(trigger.nth))));
            if *pause != Span::ZERO {
                table.push(("after.pause", span(*pause)));
            }
        }
    }
    write_action(&fault.action, names, &mut table);
    if fault.optional {
        table.push(("optional", Value::Bool(true)));
    }
    table
}

fn write_action(action: &Action, names: &Names, table: &mut Table) {
    let node = |actor: &Actor| ("node", text(names.node(*actor)));
    let links = |links: &[(Actor, Actor)]| {
        ("links", list(links.iter().map(|(from, to)| format!("{} -> {}", names.node(*from), names.node(*to)))))
    };
    let name = |name: ActionName| ("action", text(name.name()));
    match action {
        Action::Crash { node: n, down } => {
            table.extend([name(ActionName::Crash), node(n)]);
            table.extend(down.map(|down| ("down", span(down))));
        }
        Action::PowerLoss { node: n, down, keep_ppm } => {
            table.extend([name(ActionName::PowerLoss), node(n), ("keep.ppm", Value::Integer(*keep_ppm as i64))]);
            table.extend(down.map(|down| ("down", span(down))));
        }
        Action::Pause { node: n, span: s } => table.extend([name(ActionName::Pause), node(n), ("span", span(*s))]),
        Action::Restart { node: n, down } => table.extend([name(ActionName::Restart), node(n), ("down", span(*down))]),
        Action::RollingRestart { down } => table.extend([name(ActionName::RollingRestart), ("down", span(*down))]),
        Action::Block { links: l, span: s } => table.extend([name(ActionName::Block), links(l), ("span", span(*s))]),
        Action::Slow { links: l, by, span: s } => {
            table.extend([name(ActionName::Slow), links(l), ("by", span(*by)), ("span", span(*s))]);
        }
        Action::LoseAnswers { node: n, kind, span: s } => {
            table.extend([name(ActionName::LoseAnswers), node(n), ("kind", text(kind.name())), ("span", span(*s))]);
        }
        Action::MoveLeader { partition, to } => {
            table.extend([name(ActionName::MoveLeader), ("partition", text(names.partition_name(*partition)))]);
            table.extend(to.map(|id| ("to", text(broker_name(id, names)))));
        }
        Action::StepClock { node: n, by_ms } => {
            table.extend([name(ActionName::StepClock), node(n), ("by", text(print_signed_ms(*by_ms)))]);
        }
        Action::DriftClock { node: n, ppm } => {
            table.extend([name(ActionName::DriftClock), node(n), ("drift.ppm", Value::Integer(*ppm))]);
        }
        Action::HoldMetadata { node: n, span: s } => {
            table.extend([name(ActionName::HoldMetadata), node(n), ("span", span(*s))]);
        }
        Action::SlowNode { node: n, by, span: s } => {
            table.extend([name(ActionName::SlowNode), node(n), ("by", span(*by)), ("span", span(*s))]);
        }
        Action::PostponeJob { node: n, job, by } => {
            let job = JOBS.iter().find(|(_, j)| j == job).expect("every job has a name").0;
            table.extend([name(ActionName::PostponeJob), node(n), ("job", text(job)), ("by", span(*by))]);
        }
        Action::SetTransactionVersion(version) => {
            table.extend([name(ActionName::SetTransactionVersion), ("version", Value::Integer(i64::from(*version)))]);
        }
        Action::Message(effect) => write_effect("action", effect, table),
    }
}

fn write_effect(key: &'static str, effect: &Effect, table: &mut Table) {
    let (word, more) = match effect {
        Effect::LoseRequest => (ActionName::LoseRequest, None),
        Effect::LoseResponse => (ActionName::LoseResponse, None),
        Effect::DelayRequest(by) => (ActionName::DelayRequest, Some(("by", span(*by)))),
        Effect::DelayResponse(by) => (ActionName::DelayResponse, Some(("by", span(*by)))),
        Effect::ErrorBefore(error) => (ActionName::ErrorBefore, Some(("error", text(error.name())))),
        Effect::ErrorAfter(error) => (ActionName::ErrorAfter, Some(("error", text(error.name())))),
    };
    table.push((key, text(word.name())));
    table.extend(more);
}

fn write_message(name: &MessageName, effect: &Effect, names: &Names) -> Table {
    let number = |n: i64| Value::Integer(n);
    let mut table = vec![("message", text(name.kind.name())), ("from", text(names.node(name.from)))];
    table.push(("incarnation", number(name.incarnation.into())));
    table.extend(name.to.map(|id| ("to", text(broker_name(id, names)))));
    match name.subject {
        Subject::Any => {}
        Subject::Batch(tp, epoch, first) => {
            table.push(("partition", text(names.partition_name(tp))));
            table.extend([("batch.epoch", number(epoch.into())), ("batch.number", number(first))]);
        }
        Subject::Position(tp, position) => {
            table.extend([("partition", text(names.partition_name(tp))), ("position", number(position))]);
        }
        Subject::Partition(tp) => table.push(("partition", text(names.partition_name(tp)))),
        Subject::Transaction(id, epoch) => {
            table.extend([("transaction.id", number(id)), ("transaction.epoch", number(epoch.into()))]);
        }
        Subject::Generation(generation) => table.push(("generation", number(generation.into()))),
        Subject::Row(n) => table.push(("row", number(n))),
    }
    table.push(("attempt", number(i64::from(name.attempt) + 1)));
    write_effect("effect", effect, &mut table);
    table
}

/// A written table as a JSON object; dotted keys stay flat.
pub fn to_json(table: &Table) -> serde_json::Value {
    fn json(value: &Value) -> serde_json::Value {
        match value {
            Value::Text(text) | Value::Raw(text) => text.as_str().into(),
            Value::Integer(number) => (*number).into(),
            Value::Bool(value) => (*value).into(),
            Value::List(items) => items.iter().map(|item| json(&item.value)).collect(),
            Value::Table(_) | Value::Other(_) => serde_json::Value::Null,
        }
    }
    serde_json::Value::Object(table.iter().map(|(key, value)| ((*key).to_string(), json(value))).collect())
}
