//! Prints sections as TOML.

use std::fmt::Write as _;

use fencepost_protocol::config::Entry;

use super::fields::Value;
use super::table::form::quoted;
use super::table::section::Written;

/// What is printed.
pub(crate) struct Printer(pub(super) String);

impl Printer {
    /// The head of a section.
    pub fn head(&mut self, head: &str) {
        let _ = write!(self.0, "\n{head}\n");
    }

    /// A key and its value.
    pub fn line(&mut self, key: &str, value: impl core::fmt::Display) {
        let _ = writeln!(self.0, "{key} = {value}");
    }

    /// The keys of a section that are given.
    pub fn keys(&mut self, section: &dyn Written) {
        for (key, value) in section.lines() {
            self.line(key, value);
        }
    }

    /// Kafka's own keys.
    pub fn config(&mut self, prefix: &str, entries: &[Entry]) {
        for entry in entries {
            let bare = entry.value == "true" || entry.value == "false" || entry.value.parse::<i64>().is_ok();
            let value = if bare { entry.value.clone() } else { quoted(&entry.value) };
            self.line(&format!("{prefix}{}", entry.key), value);
        }
    }
}

/// A value as TOML.
pub(super) fn toml(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Raw(text) => quoted(text),
        Value::Integer(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| toml(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(_) | Value::Other(_) => quoted(""),
    }
}
