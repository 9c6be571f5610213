//! What is asked of sinks, and what they answer, in words.

use fencepost_protocol::batch::Origin;
use fencepost_reports::story::{Chronicle, Message, Purpose};

use crate::cast::Names;
use crate::schedule::Subject;
use crate::sink::{Answer, Call, Key, Request, Response};

/// Rows that a detail lists.
const LISTED: usize = 12;

fn record(id: &Origin, names: &Names) -> String {
    if id.source & Origin::SOURCE != 0 {
        let sender = names.workloads.get((id.source & !Origin::SOURCE) as usize).map_or("?", String::as_str);
        return format!("record {} of {sender}", id.offset);
    }
    let source = names.topics.get(id.source as usize).map_or("?", |(name, _)| name.as_str());
    format!("output {} of stage {} for {source}-{}@{}", id.index, id.stage, id.partition, id.offset)
}

fn key(key: &Key, names: &Names) -> String {
    match key {
        Key::Place(tp, offset) => format!("{}@{offset}", names.partition_name(*tp)),
        Key::Record(id) => record(id, names),
    }
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A request.
pub(super) fn request(request: &Request, names: &Names, chronicle: &Chronicle) -> Message {
    let about = match request.about {
        Subject::Position(tp, offset) => format!("{}@{offset}", names.partition_name(tp)),
        Subject::Partition(tp) => names.partition_name(tp),
        Subject::Row(number) => format!("number {number}"),
        _ => String::new(),
    };
    let mut lines: Vec<String> = Vec::new();
    let label = match &request.call {
        Call::Insert(rows) => {
            for row in rows.iter().take(LISTED) {
                let unique = row.key.as_ref().map_or(String::new(), |k| format!(", unique by {}", key(k, names)));
                let outbox = if row.content.is_some() { " into the outbox" } else { "" };
                lines.push(format!("a row{outbox} for {}{unique}", record(&row.id, names)));
            }
            if rows.len() > LISTED {
                lines.push(format!("and {} more", rows.len() - LISTED));
            }
            format!("{} from {about}", count(rows.len(), "row"))
        }
        Call::SetOffsets { updates, .. } => {
            for update in updates {
                let expected = update.expected.map_or_else(|| "none".to_string(), |offset| offset.to_string());
                let name = names.partition_name(update.tp);
                lines.push(format!("offset of {name} to {}, if it is {expected}", update.next));
            }
            match updates.first() {
                Some(first) => format!("offset of {} to {}", names.partition_name(first.tp), first.next),
                None => "no offsets".to_string(),
            }
        }
        Call::MarkSent { rows, .. } => {
            lines.push(format!("marks as sent: {rows:?}"));
            format!("{} sent", count(rows.len(), "row"))
        }
        Call::Commit | Call::Rollback => format!("from {about}"),
        Call::Offsets { partitions, .. } => {
            let list: Vec<String> = partitions.iter().map(|tp| names.partition_name(*tp)).collect();
            lines.push(format!("offsets of {}", list.join(", ")));
            format!("offsets of {}", count(list.len(), "partition"))
        }
        Call::Unsent { limit, .. } => {
            lines.push(format!("rows of the outbox that are not sent, at most {limit}"));
            "unsent rows".to_string()
        }
        Call::Charge { id, key: idempotency } => {
            let idempotency = idempotency.as_ref().map_or_else(|| "none".to_string(), |k| key(k, names));
            lines.push(format!("a charge for {}; idempotency key: {idempotency}", record(id, names)));
            about.clone()
        }
    };
    let strip = request.about.partition().and_then(|tp| chronicle.strip(tp.topic.0, tp.partition));
    // A relay asks again and again.
    let idle = matches!(request.call, Call::Unsent { .. });
    Message {
        kind: request.call.kind().name().to_string(),
        purpose: if idle { Purpose::Idle } else { Purpose::Sink },
        label,
        detail: lines.join("\n"),
        strips: strip.into_iter().collect(),
        ..Message::default()
    }
}

/// An answer to `asked`.
pub(super) fn response(response: &Response, asked: Option<&Message>) -> Message {
    let mut message = Message { kind: response.kind.name().to_string(), purpose: Purpose::Sink, ..Message::default() };
    if let Some(asked) = asked {
        message.purpose = asked.purpose;
        message.strips.clone_from(&asked.strips);
    }
    message.label = match &response.answer {
        Answer::Inserted(fresh) => {
            let new = fresh.iter().filter(|fresh| **fresh).count();
            match fresh.len() - new {
                0 => format!("{new} inserted"),
                known => format!("{new} inserted, {known} were there"),
            }
        }
        Answer::Changed(rows) => format!("{rows} changed"),
        Answer::Done => "ok".to_string(),
        Answer::NoTransaction => {
            message.error = Some("the transaction was rolled back".to_string());
            String::new()
        }
        Answer::Offsets(offsets) => {
            let known = offsets.iter().filter(|(_, offset)| offset.is_some()).count();
            format!("{known} of {} known", offsets.len())
        }
        Answer::Unsent(rows) if rows.is_empty() => "none".to_string(),
        Answer::Unsent(rows) => {
            message.purpose = Purpose::Sink; // the question was worth asking
            count(rows.len(), "row")
        }
        Answer::Charged { known: false } => "charged".to_string(),
        Answer::Charged { known: true } => "the key is known: charged before".to_string(),
    };
    message.detail = message.label.clone();
    message
}
