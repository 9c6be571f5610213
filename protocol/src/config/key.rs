//! How a configuration knows its keys: one table per structure, made by the `config!` macro.

use core::fmt;
use core::str::FromStr;

use crate::ids::Name;
use crate::message::{Acks, IsolationLevel};

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// No such key in this configuration.
    UnknownKey(String),
    /// The value cannot be read, or is out of range.
    BadValue {
        /// The key.
        key: String,
        /// What was given.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// Keys that are right by themselves contradict each other; the text is for the user.
    Conflict(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::UnknownKey(key) => write!(f, "unknown key '{key}'"),
            ConfigError::BadValue { key, value, expected } => write!(f, "{key}: '{value}' is not {expected}"),
            ConfigError::Conflict(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ConfigError {}

/// A type that a configuration value can have: read from text, printed as text.
pub trait ConfigValue: Sized {
    /// What to say is expected where text does not parse.
    const EXPECTED: &'static str;
    /// Reads it.
    fn parse(text: &str) -> Option<Self>;
    /// Prints it so that [`ConfigValue::parse`] reads it back.
    fn print(&self) -> String;
}

macro_rules! plain {
    ($($ty:ty => $expected:literal),*) => {$(
        impl ConfigValue for $ty {
            const EXPECTED: &'static str = $expected;
            fn parse(text: &str) -> Option<Self> { <$ty>::from_str(text).ok() }
            fn print(&self) -> String { self.to_string() }
        }
    )*};
}
plain!(bool => "true or false", i16 => "a whole number", i32 => "a whole number", i64 => "a whole number", u32 => "a whole number of at least 0");

impl ConfigValue for Acks {
    const EXPECTED: &'static str = "0, 1 or all";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "0" => Some(Acks::None),
            "1" => Some(Acks::Leader),
            "all" | "-1" => Some(Acks::All),
            _ => None,
        }
    }
    fn print(&self) -> String {
        match self {
            Acks::None => "0",
            Acks::Leader => "1",
            Acks::All => "all",
        }
        .into()
    }
}

impl ConfigValue for IsolationLevel {
    const EXPECTED: &'static str = "read_uncommitted or read_committed";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "read_uncommitted" => Some(IsolationLevel::ReadUncommitted),
            "read_committed" => Some(IsolationLevel::ReadCommitted),
            _ => None,
        }
    }
    fn print(&self) -> String {
        match self {
            IsolationLevel::ReadUncommitted => "read_uncommitted",
            IsolationLevel::ReadCommitted => "read_committed",
        }
        .into()
    }
}

/// Text that may be absent; the empty string means absent.
impl ConfigValue for Option<Name> {
    const EXPECTED: &'static str = "a text";
    fn parse(text: &str) -> Option<Self> {
        Some(if text.is_empty() { None } else { Some(text.into()) })
    }
    fn print(&self) -> String {
        self.as_deref().unwrap_or("").to_string()
    }
}

/// One line of a resolved configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Kafka's key.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// Whether the user set it.
    pub explicit: bool,
}

/// Declares a configuration structure: `field: Type = default, "kafka.key", range;` where the range is optional.
macro_rules! config {
    (
        $(#[$doc:meta])* $name:ident {
            $($(#[$fdoc:meta])* $field:ident: $ty:ty = $default:expr, $key:literal $(, $min:literal ..= $max:expr)?;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $(#[doc = concat!("`", $key, "`.")] $(#[$fdoc])* pub $field: $ty,)*
            explicit: Vec<&'static str>,
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default,)* explicit: Vec::new() }
            }
        }

        impl $name {
            /// Every key, in the order of declaration.
            pub const KEYS: &'static [&'static str] = &[$($key),*];

            /// Sets `key` to what `text` says.
            pub fn set(&mut self, key: &str, text: &str) -> Result<(), $crate::config::ConfigError> {
                use $crate::config::{ConfigError, ConfigValue};
                match key {
                    $($key => {
                        let bad = |expected: String| ConfigError::BadValue { key: key.into(), value: text.into(), expected };
                        let value = <$ty as ConfigValue>::parse(text).ok_or_else(|| bad(<$ty as ConfigValue>::EXPECTED.into()))?;
                        $(if !($min..=$max).contains(&value) {
                            return Err(bad(format!("between {} and {}", $min, $max)));
                        })?
                        self.$field = value;
                        if !self.explicit.contains(&$key) {
                            self.explicit.push($key);
                        }
                        Ok(())
                    })*
                    _ => Err(ConfigError::UnknownKey(key.into())),
                }
            }

            /// Whether [`Self::set`] was called for `key`.
            pub fn is_explicit(&self, key: &str) -> bool {
                self.explicit.contains(&key)
            }

            /// All keys with their values.
            pub fn entries(&self) -> Vec<$crate::config::Entry> {
                use $crate::config::ConfigValue;
                vec![$($crate::config::Entry { key: $key, value: self.$field.print(), explicit: self.is_explicit($key) }),*]
            }
        }
    };
}
pub(crate) use config;
