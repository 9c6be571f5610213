//! The one table of configuration keys: for each, where it may stand, what it takes, its default and what it is for.
//!
//! The reader of TOML, `--set`, the `set` of a case, `show --resolved`, the tables of `docs/scenarios.md` and the
//! suggestion of a key that is near follow from it. Kafka's own keys have their table in
//! [`fencepost_protocol::config`]; a section says here whose of them it takes.
//!
//! A section is read into a structure with one field for each key. Whoever assembles a plan takes it apart without `..`,
//! and `show --resolved` fills it in without `..`: a key that one of the two forgets does not compile.

mod actions;
mod clients;
mod cluster;
mod docs;
mod faults;
mod form;
mod kafka;
mod limits;
mod lookup;
mod outside;
mod running;
#[cfg(test)]
mod tests;
mod words;

pub use actions::ActionName;
pub use clients::{Pipeline, Producer, Reader};
pub use cluster::{Cluster, Network, Topic};
pub use docs::{is_marker, tables};
pub use faults::{action, check_fault, check_message};
pub use form::{Form, FromItem, Never, quoted};
pub use kafka::Kafka;
pub use limits::*;
pub use lookup::{Family, Found, check_top};
pub use outside::{Connector, Database, PaymentApi, Relay, Service};
pub use running::{Case, Chaos, ChaosFamily, EXPECT, End, FAULT, MESSAGE, Top};
pub use words::{Mode, OffsetsWith, Words, word};

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its path within the section.
    pub name: &'static str,
    /// What it takes.
    pub form: Form,
    /// Its default, as text for people; nothing if there is none.
    pub default: &'static str,
    /// One line.
    pub doc: &'static str,
}

/// A part of a scenario: a section, or one of a list.
#[derive(Debug)]
pub struct Section {
    /// As it is written: `[cluster]`, `[[topic]]`.
    pub head: &'static str,
    /// Its own keys.
    pub keys: &'static [Key],
    /// Whose of Kafka's keys it takes, and what stands before them.
    pub kafka: &'static [(&'static str, Kafka)],
}

/// Declares a section: `field: Type = "key", form, "default", "what it is for";`.
macro_rules! section {
    (
        $(#[$doc:meta])* $name:ident = $head:literal, [$(($prefix:literal, $kafka:ident)),*] {
            $($field:ident: $ty:ty = $key:literal, $form:expr, $default:expr, $words:expr;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name { $(#[doc = concat!("`", $key, "`.")] pub $field: Option<$ty>,)* }

        impl $name {
            /// Its keys.
            pub const SECTION: &'static $crate::scenario::table::Section = &$crate::scenario::table::Section {
                head: $head,
                keys: &[$($crate::scenario::table::Key { name: $key, form: $form, default: $default, doc: $words }),*],
                kafka: &[$(($prefix, $crate::scenario::table::Kafka::$kafka)),*],
            };

            /// Reads what stands there.
            pub fn read(
                fields: &$crate::scenario::fields::Fields,
            ) -> Result<$name, $crate::scenario::problem::Complaint> {
                Ok($name { $($field: $crate::scenario::table::form::read(fields, $key, &$form)?,)* })
            }
        }

        impl $crate::scenario::table::Written for $name {
            fn lines(&self) -> Vec<(&'static str, String)> {
                let mut lines = Vec::new();
                $(if let Some(value) = &self.$field {
                    lines.push(($key, $crate::scenario::table::FromItem::print(value)));
                })*
                lines
            }
        }
    };
}
pub(crate) use section;

/// What `show --resolved` prints of a section.
pub trait Written {
    /// Keys and values as TOML, in the order of the table.
    fn lines(&self) -> Vec<(&'static str, String)>;
}

/// All parts of a scenario that have keys of their own, in the order of the documentation.
pub const SECTIONS: &[&Section] = &[
    Top::SECTION,
    Cluster::SECTION,
    Network::SECTION,
    Topic::SECTION,
    Producer::SECTION,
    Pipeline::SECTION,
    Reader::SECTION,
    Database::SECTION,
    PaymentApi::SECTION,
    Connector::SECTION,
    Service::SECTION,
    Relay::SECTION,
    FAULT,
    Chaos::SECTION,
    ChaosFamily::SECTION,
    End::SECTION,
    Case::SECTION,
    EXPECT,
];

/// Sections that stand once: `[name]`.
pub const ONCE: &[&str] = &["cluster", "network", "chaos", "end", "promise", "expect", "explore"];
/// Lists of tables: `[[name]]`.
pub const LISTS: &[&str] = &[
    "topic",
    "producer",
    "pipeline",
    "reader",
    "database",
    "payment_api",
    "connector",
    "service",
    "relay",
    "fault",
    "case",
];
