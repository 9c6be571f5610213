//! The one table of configuration keys: for each, where it may stand, what it takes, its default and what it is for.
//!
//! The reader of TOML, `--set`, the `set` of a case, `show --resolved`, the tables of `docs/scenarios.md` and the
//! suggestion of a key that is near follow from it. Kafka's own keys have their table in
//! [`fencepost_protocol::config`]; a section says here whose of them it takes.
//!
//! A section is read into a structure with one field for each key. Whoever assembles a plan takes it apart without `..`,
//! and `show --resolved` fills it in without `..`: a key that one of the two forgets does not compile.

mod actions;
mod cluster;
mod docs;
mod faults;
pub(crate) mod form;
pub(crate) mod kafka;
pub(crate) mod limits;
mod list;
mod lookup;
mod outside;
mod running;
pub(crate) mod section;
#[cfg(test)]
mod tests;
pub(crate) mod words;

pub use actions::ActionName;
pub use cluster::{Cluster, Network, Topic};
pub use docs::{is_marker, tables};
pub use faults::{action, check_fault, check_message};
pub use form::{Form, FromItem, Never, quoted};
pub use kafka::Kafka;
pub use limits::*;
pub use list::{lists, sections};
pub use lookup::{Family, Found, check_top};
pub use outside::{Database, PaymentApi};
pub use running::{Case, Chaos, ChaosFamily, EXPECT, End, FAULT, MESSAGE, Top};
pub use section::{Key, ONCE, Section, Written};
pub use words::{Words, word};
