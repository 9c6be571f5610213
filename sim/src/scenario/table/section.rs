//! What a section is, and how one is declared.

use super::form::Form;
use super::kafka::Kafka;

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
            pub const SECTION: &'static $crate::scenario::table::section::Section = &$crate::scenario::table::section::Section {
                head: $head,
                keys: &[$($crate::scenario::table::section::Key { name: $key, form: $form, default: $default, doc: $words }),*],
                kafka: &[$(($prefix, $crate::scenario::table::kafka::Kafka::$kafka)),*],
            };

            /// Reads what stands there.
            pub fn read(
                fields: &$crate::scenario::fields::Fields,
            ) -> core::result::Result<$name, $crate::scenario::problem::Complaint> {
                Ok($name { $($field: $crate::scenario::table::form::read(fields, $key, &$form)?,)* })
            }
        }

        impl $crate::scenario::table::section::Written for $name {
            fn lines(&self) -> Vec<(&'static str, String)> {
                let mut lines = Vec::new();
                $(if let Some(value) = &self.$field {
                    lines.push(($key, $crate::scenario::table::form::FromItem::print(value)));
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

/// Sections that stand once: `[name]`.
pub const ONCE: &[&str] = &["cluster", "network", "chaos", "end", "promise", "expect", "explore"];
