//! The table as Markdown, for `docs/scenarios.md`.

use super::actions::ActionName;
use super::form::Form;
use super::list::sections;
use super::section::{Key, Section};

/// Whether a line of a page is where a table belongs.
pub fn is_marker(line: &str) -> Option<&str> {
    line.strip_prefix("<!-- table: ").and_then(|rest| rest.strip_suffix(" -->"))
}

/// Every table by the name that its marker bears.
pub fn tables() -> Vec<(String, String)> {
    let mut tables: Vec<(String, String)> = sections().iter().map(|s| (s.head.to_string(), keys(s))).collect();
    tables.push(("actions".to_string(), actions()));
    for (prefix, kafka) in sections().iter().flat_map(|s| s.kafka) {
        let name = format!("{kafka:?}").to_lowercase();
        if prefix.is_empty() && !tables.iter().any(|(known, _)| *known == name) {
            let entries = kafka.defaults();
            let entries: Vec<String> = entries
                .iter()
                .map(|e| if e.value.is_empty() { format!("`{}`", e.key) } else { format!("`{}` ({})", e.key, e.value) })
                .collect();
            tables.push((name, entries.join(", ") + "\n"));
        }
    }
    tables
}

fn keys(section: &Section) -> String {
    let mut text = "| key | takes | default | |\n|---|---|---|---|\n".to_string();
    for key in section.keys {
        let Key { name, form, default, doc } = key;
        let default = match (form, *default) {
            (_, "") => String::new(),
            (Form::Span(_), "0") => "`\"0s\"`".to_string(),
            // Values stand as they are written, words about them do not.
            (_, value) if value.starts_with('"') || value.parse::<i64>().is_ok() || value.parse::<bool>().is_ok() => {
                format!("`{value}`")
            }
            (_, words) => words.to_string(),
        };
        text += &format!("| `{name}` | {} | {default} | {doc} |\n", takes(form));
    }
    text
}

/// In few words; that of durations is said once, above.
fn takes(form: &Form) -> String {
    match form {
        Form::Bool => "true, false".into(),
        Form::Text => "text".into(),
        Form::Texts => "text, or a list".into(),
        Form::Integer(min, max) => format!("{min} to {max}"),
        Form::Span(_) => "duration".into(),
        Form::SpanOrNever => "duration, `\"never\"`".into(),
        Form::SignedSpan => "duration, with sign for clocks".into(),
        Form::Words(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Form::Count(most) => format!("number or range, up to {most}"),
        Form::SpanRange => "duration or range".into(),
        Form::IntegerLists => "lists of brokers".into(),
        Form::Seeds => "number or range".into(),
        Form::Tables => "tables".into(),
        Form::Else(_) => "number or bound".into(),
    }
}

fn actions() -> String {
    let mut text = "| `action` | needs | may have | |\n|---|---|---|---|\n".to_string();
    let list = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    for action in ActionName::ALL {
        text += &format!(
            "| `{}` | {} | {} | {} |\n",
            action.name(),
            list(action.needed()),
            list(action.may_have()),
            action.doc()
        );
    }
    text
}
