//! What a scenario must keep to as a whole: names, and sizes.

use std::collections::BTreeMap;

use fencepost_protocol::time::Span;

use super::disabled::enabled;
use super::document::Document;
use super::fields::Fields;
use super::problem::{Complaint, Place, on_lines};
use super::table::{self, MOST_NODES, MOST_PARTITIONS, MOST_RECORDS};
use crate::plan::Plan;

type Result<T> = core::result::Result<T, Complaint>;

/// Two things of one name could not be told apart: whom would `--set NAME.KEY` mean, whom a fault?
pub fn check_names(document: &Document) -> Result<()> {
    let mut taken: BTreeMap<String, (&str, &Place)> = BTreeMap::new();
    for (section, list) in document.nodes() {
        for fields in enabled(list)? {
            let name = fields.needed_text("name")?;
            let members = fields.integer("members", 1u32, table::MOST_MEMBERS as u32)?.unwrap_or(1);
            let mut own: Vec<String> = vec![name.clone()];
            if members > 1 {
                own.extend((1..=members).map(|m| crate::cast::member_name(&name, m, members)));
            }
            for own in own {
                let place = fields.place_of("name");
                let Some((other, first)) = taken.insert(own.clone(), (section.head, place)) else { continue };
                let at = |place: &Place| place.line().map_or_else(String::new, |line| format!(" on line {line}"));
                let (here, there) = (at(place), at(first));
                let message = match (other == section.head, own == name) {
                    (true, true) if members > 1 || section.knows("members") => format!(
                        "there are two {} named '{own}'{}: give one of them another name; several members of one group are written as one {} with 'members'",
                        section.head,
                        on_lines(first, place),
                        section.head
                    ),
                    (_, true) if other == table::Topic::SECTION.head => format!(
                        "a topic is named '{own}' already{there}: a setting {own}.KEY would mean both; give the {} another name",
                        section.head
                    ),
                    (_, true) => format!(
                        "there are two clients named '{own}', {other}{there} and {}{here}: give one of them another name",
                        section.head
                    ),
                    (_, false) => {
                        format!(
                            "there are two clients named '{own}': one is a member of '{name}'{here}, the other {other}{there}: give one of them another name"
                        )
                    }
                };
                return Err(fields.complain("name", message));
            }
        }
    }
    Ok(())
}

/// What is too large is refused before memory is spent on it.
pub fn check_size(document: &Document, plan: &Plan) -> Result<()> {
    let too_many = |list: &[Fields], path: &str, message: String| {
        let place = list.last().map_or(&Place::Whole, |fields| fields.place_of(path));
        Err(Complaint::new(place, message))
    };
    let partitions: u64 = plan.topics.iter().map(|t| u64::from(t.partitions)).sum();
    if partitions > MOST_PARTITIONS as u64 {
        let message =
            format!("all topics together have {partitions} partitions; Fencepost takes at most {MOST_PARTITIONS}");
        return too_many(&document.topics, "partitions", message);
    }
    let records: u64 =
        plan.producers.iter().map(|p| p.source.len()).chain(plan.services.iter().map(|s| s.source.len())).sum();
    if records > MOST_RECORDS as u64 {
        let message = format!("all clients together send {records} records; Fencepost takes at most {MOST_RECORDS}");
        return too_many(&document.clients.producers, "records", message);
    }
    let clients = plan.pipelines.iter().map(|p| p.members).chain(plan.readers.iter().map(|r| r.members));
    let clients = clients.map(|members| members as usize).sum::<usize>()
        + plan.producers.len()
        + plan.services.len()
        + plan.relays.len();
    let nodes = clients + plan.cluster.brokers as usize + plan.databases.len() + plan.payments.len();
    if nodes > MOST_NODES {
        let message =
            format!("there are {nodes} nodes, members of clients among them; Fencepost takes at most {MOST_NODES}");
        return too_many(&document.topics[..0], "", message);
    }
    let last = Span::ZERO + plan.latest_input();
    if last > table::LONGEST {
        let sending =
            document.clients.producers.iter().chain(&document.clients.services).find(|fields| fields.has("interval"));
        let place = sending.map_or(&Place::Whole, |fields| fields.place_of("interval"));
        let message = format!("the last record is sent at {last}; Fencepost simulates at most {}", table::LONGEST);
        return Err(Complaint::new(place, message));
    }
    Ok(())
}
