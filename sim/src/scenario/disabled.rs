//! Clients that are left out (`enabled = false`), and what follows for the rest.

use std::collections::{BTreeMap, BTreeSet};

use super::document::Document;
use super::fields::Fields;
use super::problem::Complaint;
use super::table::limits::MOST_MEMBERS;
use crate::cast::{Names, member_name};

type Result<T> = core::result::Result<T, Complaint>;

/// Clients with `enabled = false` are left out.
pub(super) fn enabled(list: &[Fields]) -> Result<Vec<&Fields>> {
    let mut found = Vec::with_capacity(list.len());
    for fields in list {
        if fields.boolean("enabled")? != Some(false) {
            found.push(fields);
        }
    }
    Ok(found)
}

/// The topics that nobody writes because whoever would is left out (`enabled = false`), or is a pipeline that reads nothing
/// but such topics: nobody expects anything in them.
pub(super) fn left_out(document: &Document) -> Result<BTreeSet<String>> {
    let mut writers: BTreeMap<String, Vec<Option<Vec<String>>>> = BTreeMap::new();
    let lists = [
        (&document.clients.producers, "topic"),
        (&document.clients.pipelines, "output"),
        (&document.clients.services, "topic"),
    ];
    for (fields, key) in lists.into_iter().flat_map(|(list, key)| list.iter().map(move |fields| (fields, key))) {
        let Some(topic) = fields.text(key)? else { continue };
        // What it reads: nothing at all, for a producer. One that is left out is none of the writers.
        let reads = if key == "output" { fields.texts("input")?.unwrap_or_default() } else { Vec::new() };
        let enabled = fields.boolean("enabled")? != Some(false) && !waits_for_a_relay(document, fields)?;
        writers.entry(topic).or_default().push(enabled.then_some(reads));
    }
    let mut left_out = BTreeSet::new();
    loop {
        let idle = |reads: &Option<Vec<String>>| match reads {
            None => true,
            Some(inputs) => !inputs.is_empty() && inputs.iter().all(|input| left_out.contains(input)),
        };
        let more = writers.iter().filter(|(topic, all)| !left_out.contains(*topic) && all.iter().all(idle));
        let more: Vec<String> = more.map(|(topic, _)| topic.clone()).collect();
        if more.is_empty() {
            return Ok(left_out);
        }
        left_out.extend(more);
    }
}

/// Whether it is a service of whose outbox nothing is ever sent, because its relays are left out.
fn waits_for_a_relay(document: &Document, service: &Fields) -> Result<bool> {
    let mut relays = Vec::new();
    for relay in &document.clients.relays {
        if service.has("database") && relay.text("of")? == service.text("name")? {
            relays.push(relay.boolean("enabled")? != Some(false));
        }
    }
    Ok(!relays.is_empty() && !relays.contains(&true))
}

/// What to say of a fault that hits a client which is left out.
pub(super) fn left_out_here(document: &Document, case: Option<&str>, wrong: Complaint) -> Complaint {
    let nobody = Names::default();
    let disabled = with_the_disabled(&nobody, document).map_or(Vec::new(), |names| names.nodes);
    let Some(name) = disabled.iter().find(|name| wrong.message.contains(&format!("there is no node '{name}'"))) else {
        return wrong;
    };
    let here = case.map_or_else(String::new, |case| format!(" in the case '{case}'"));
    let message = format!(
        "{name} is left out{here} (enabled = false), so that this fault would hit nobody: let 'cases' name those in which {name} runs"
    );
    Complaint { message, ..wrong }
}

/// The names, and those of clients that are left out.
pub(super) fn with_the_disabled(names: &Names, document: &Document) -> Result<Names> {
    let mut names = names.clone();
    for fields in document.clients.lists().into_iter().flat_map(|(_, list)| list) {
        if fields.boolean("enabled")? == Some(false) {
            let name = fields.needed_text("name")?;
            let members = fields.integer("members", 1u32, MOST_MEMBERS as u32)?.unwrap_or(1);
            names.nodes.extend((1..=members).map(|m| member_name(&name, m, members)));
        }
    }
    Ok(names)
}
