//! Finding a key in the table, and what to say of one that is not there.

use super::form::Form;
use super::kafka::{self, Kafka};
use super::list::{lists, sections};
use super::running::{ChaosFamily, Top};
use super::section::{Key, ONCE, Section};
use super::words::Words;
use crate::nearest::{choices, hint};
use crate::plan::FamilyKind;
use crate::scenario::fields::Fields;
use crate::scenario::problem::Complaint;

/// `broker_crash.count` and `broker_crash.lasts` in `[chaos]`: how settings reach a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Which.
    pub kind: FamilyKind,
    /// Its key.
    pub key: &'static str,
}

impl Family {
    /// All of them.
    pub fn all() -> impl Iterator<Item = (String, Family)> {
        let of = |(name, kind): &(&'static str, FamilyKind)| {
            let (name, kind) = (*name, *kind);
            ["count", "lasts"].map(|key| (format!("{name}.{key}"), Family { kind, key }))
        };
        FamilyKind::WORDS.iter().flat_map(of)
    }

    /// What it takes.
    pub fn form(self) -> Form {
        let key = ChaosFamily::SECTION.keys.iter().find(|k| k.name == self.key);
        key.expect("a family has these keys").form
    }
}

/// A key that a section knows.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// One of its own.
    Own(&'static Key),
    /// One of Kafka's.
    Kafka(Kafka, &'static str),
    /// One of a family of faults.
    Family(Family),
}

impl Section {
    /// The key of that path.
    pub fn find(&self, path: &str) -> Option<Found> {
        if let Some(key) = self.keys.iter().find(|key| key.name == path) {
            return Some(Found::Own(key));
        }
        for (prefix, kafka) in self.kafka {
            let known = path.strip_prefix(prefix).and_then(|key| kafka.keys().iter().find(|k| **k == key));
            if let Some(key) = known {
                return Some(Found::Kafka(*kafka, key));
            }
        }
        let family = || Family::all().find(|(name, _)| name == path).map(|(_, family)| Found::Family(family));
        if self.has_families() { family() } else { None }
    }

    /// Whether it knows that path.
    pub fn knows(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    fn has_families(&self) -> bool {
        self.head == "[chaos]"
    }

    /// The paths within the section that a setting's key stands for: a pipeline's consumer and producer both have
    /// `retry.backoff.ms`.
    pub fn paths(&self, key: &str) -> Vec<String> {
        if self.knows(key) {
            return vec![key.to_string()];
        }
        let of = |(prefix, kafka): &(&str, Kafka)| kafka.keys().contains(&key).then(|| format!("{prefix}{key}"));
        self.kafka.iter().filter_map(of).collect()
    }

    /// All paths; with `bare`, Kafka's keys also without what stands before them.
    pub fn names(&self, bare: bool) -> Vec<String> {
        let mut names: Vec<String> = self.keys.iter().map(|key| key.name.to_string()).collect();
        for (prefix, kafka) in self.kafka {
            names.extend(kafka.keys().iter().map(|key| format!("{prefix}{key}")));
            if bare && !prefix.is_empty() {
                names.extend(kafka.keys().iter().map(|key| (*key).to_string()));
            }
        }
        if self.has_families() {
            names.extend(Family::all().map(|(name, _)| name));
        }
        names
    }

    /// What to say of a path that it does not know: nothing, or a sentence that begins with a semicolon.
    pub fn advice(&self, path: &str) -> String {
        let bare = self.kafka.iter().find_map(|(prefix, _)| path.strip_prefix(prefix).filter(|_| !prefix.is_empty()));
        if let Some(advice) = kafka::advice(bare.unwrap_or(path)) {
            return format!("; {advice}");
        }
        // `acks` under [[pipeline]] wants `producer.` before it.
        let full = self.kafka.iter().filter(|(prefix, kafka)| !prefix.is_empty() && kafka.keys().contains(&path));
        let full: Vec<String> = full.map(|(prefix, _)| format!("'{prefix}{path}'")).collect();
        if !full.is_empty() {
            return format!("; write {}", full.join(" or "));
        }
        let elsewhere: Vec<&str> =
            sections().iter().filter(|s| s.head != "the top" && s.knows(path)).map(|s| s.head).collect();
        if !elsewhere.is_empty() {
            return format!("; it is a key of {}", elsewhere.join(", "));
        }
        let names = self.names(false);
        hint(path, names.iter().map(String::as_str))
    }

    /// Complains about a key that is not there, and about a value that its key does not take.
    ///
    /// # Errors
    /// Where, what would be right, and which key may be meant.
    pub fn check(&self, fields: &Fields) -> Result<(), Complaint> {
        for (path, item) in fields.iter() {
            match self.find(path) {
                None if self.has_families() && path == "family" => {}
                None => {
                    let message = format!("unknown key '{path}' in {}{}", fields.what, self.advice(path));
                    return Err(Complaint::new(&item.place, message));
                }
                Some(Found::Own(key)) => key.form.check(fields, path, item)?,
                Some(Found::Family(family)) => family.form().check(fields, path, item)?,
                Some(Found::Kafka(kafka, key)) => {
                    let text = fields.config_text(path, item)?;
                    kafka.check(key, &text).map_err(|message| Complaint::new(&item.place, message))?;
                }
            }
        }
        Ok(())
    }
}

/// Complains about what stands before all sections and is none of its keys.
pub fn check_top(top: &Fields) -> Result<(), Complaint> {
    for (path, item) in top.iter() {
        let Some(Found::Own(key)) = Top::SECTION.find(path) else {
            let section = path.split('.').next().unwrap_or(path);
            let own = Top::SECTION.keys.iter().map(|key| key.name);
            let known = own.chain(ONCE.iter().copied()).chain(lists());
            let message = format!("unknown key or section '{section}'{}", choices(section, "keys and sections", known));
            return Err(Complaint::new(&item.place, message));
        };
        key.form.check(top, path, item)?;
    }
    Ok(())
}
