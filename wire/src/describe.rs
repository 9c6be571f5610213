//! How a message is described: once, for both directions, with the versions that have its fields.
//!
//! ```text
//! message! { ours::FetchResponse => FetchResponse {
//!     error = error_code since 7,                         // a field of ours and Kafka's name of it
//!     partitions = responses by topic,                    // Kafka groups entries by topic
//!     producer: ProducerIdAndEpoch { id = producer_id },  // a part of ours that is not one on the wire
//!     replica with replica,                               // a module with `write` and `read`
//!     version from header,                                // the API version
//!     client_id is (Name::from("")),                      // not on the wire
//!     fixed protocol_type = (s("consumer")),              // not in the model
//! } }
//! ```
//!
//! Below the version of its `since` a field keeps Kafka's default, which is also what a decoder finds there. A field of
//! ours that a description leaves out is a compile error: the decoder could not build the message.

use fencepost_protocol::message::Request;

use crate::directory::Directory;
use crate::error::{Fault, Problem, Wire};

/// Where a message is being mapped: what is known of names, the API version, and the request that a response answers.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub directory: &'a Directory,
    pub version: i16,
    /// [`Request::EMPTY`] while a request is mapped.
    pub asked: &'a Request,
}

/// A value of ours that is a `W` on the wire.
pub(crate) trait Wired<W>: Sized {
    fn to_wire(&self, at: &At<'_>) -> Wire<W>;
    fn from_wire(wire: &W, at: &At<'_>) -> Wire<Self>;
}

/// Behind a pointer, as the model keeps large bodies.
impl<W, V: Wired<W>> Wired<W> for Box<V> {
    fn to_wire(&self, at: &At<'_>) -> Wire<W> {
        (**self).to_wire(at)
    }

    fn from_wire(wire: &W, at: &At<'_>) -> Wire<Self> {
        V::from_wire(wire, at).map(Box::new)
    }
}

impl At<'_> {
    /// Where an answer needs its request, which is of another kind.
    pub fn not_its_answer(&self) -> Fault {
        Problem::NotItsAnswer(self.asked.api_key()).into()
    }

    pub fn write<W, V: Wired<W>>(&self, field: &'static str, value: &V) -> Wire<W> {
        value.to_wire(self).map_err(|f| f.within(field))
    }

    pub fn read<W, V: Wired<W>>(&self, field: &'static str, wire: &W) -> Wire<V> {
        V::from_wire(wire, self).map_err(|f| f.within(field))
    }
}

/// A structure of ours that is a structure on the wire.
macro_rules! message {
    ($ours:ty => $theirs:ty { $($fields:tt)* }) => {
        impl $crate::describe::Wired<$theirs> for $ours {
            fn to_wire(&self, at: &$crate::describe::At<'_>) -> $crate::error::Wire<$theirs> {
                let mut wire = <$theirs>::default();
                $crate::describe::write_fields!(at, wire, (self), $($fields)*);
                Ok(wire)
            }

            fn from_wire(wire: &$theirs, at: &$crate::describe::At<'_>) -> $crate::error::Wire<Self> {
                Ok($crate::describe::read_fields!(at, wire, Self {}, $($fields)*))
            }
        }
    };
}

/// A tuple of ours that is a structure on the wire; its fields in their order.
macro_rules! tuple {
    ($ours:ty => $theirs:ty { $($n:tt = $field:ident $(since $since:literal)?),* $(,)? }) => {
        impl $crate::describe::Wired<$theirs> for $ours {
            fn to_wire(&self, at: &$crate::describe::At<'_>) -> $crate::error::Wire<$theirs> {
                let mut wire = <$theirs>::default();
                $(if true $(&& at.version >= $since)? {
                    wire.$field = at.write(stringify!($field), &self.$n)?;
                })*
                Ok(wire)
            }

            fn from_wire(wire: &$theirs, at: &$crate::describe::At<'_>) -> $crate::error::Wire<Self> {
                Ok(($(at.read(stringify!($field), &wire.$field)?,)*))
            }
        }
    };
}

/// A value of ours that is a structure with one field that matters on the wire.
macro_rules! value {
    ($ours:ty => $theirs:ty { $field:ident }) => {
        impl $crate::describe::Wired<$theirs> for $ours {
            fn to_wire(&self, at: &$crate::describe::At<'_>) -> $crate::error::Wire<$theirs> {
                let mut wire = <$theirs>::default();
                wire.$field = at.write(stringify!($field), self)?;
                Ok(wire)
            }

            fn from_wire(wire: &$theirs, at: &$crate::describe::At<'_>) -> $crate::error::Wire<Self> {
                at.read(stringify!($field), &wire.$field)
            }
        }
    };
}

macro_rules! write_fields {
    ($at:ident, $wire:ident, ($($from:tt)*),) => {};
    ($at:ident, $wire:ident, ($($from:tt)*), fixed $field:ident = ($value:expr) $(since $since:literal)?, $($rest:tt)*) => {
        if true $(&& $at.version >= $since)? {
            $wire.$field = $value;
        }
        $crate::describe::write_fields!($at, $wire, ($($from)*), $($rest)*);
    };
    ($at:ident, $wire:ident, ($($from:tt)*), $name:ident = $field:ident $(since $since:literal)?, $($rest:tt)*) => {
        if true $(&& $at.version >= $since)? {
            $wire.$field = $at.write(stringify!($field), &$($from)*.$name)?;
        }
        $crate::describe::write_fields!($at, $wire, ($($from)*), $($rest)*);
    };
    ($at:ident, $wire:ident, ($($from:tt)*), $name:ident = $field:ident by topic $(since $since:literal)?, $($rest:tt)*) => {
        if true $(&& $at.version >= $since)? {
            $wire.$field = $at.write_topics(stringify!($field), &$($from)*.$name)?;
        }
        $crate::describe::write_fields!($at, $wire, ($($from)*), $($rest)*);
    };
    ($at:ident, $wire:ident, ($($from:tt)*), $name:ident: $part:ident { $($fields:tt)* }, $($rest:tt)*) => {
        $crate::describe::write_fields!($at, $wire, ($($from)*.$name), $($fields)*);
        $crate::describe::write_fields!($at, $wire, ($($from)*), $($rest)*);
    };
    ($at:ident, $wire:ident, ($($from:tt)*), $name:ident with $module:ident, $($rest:tt)*) => {
        $module::write(&$($from)*.$name, $at, &mut $wire)?;
        $crate::describe::write_fields!($at, $wire, ($($from)*), $($rest)*);
    };
    ($at:ident, $wire:ident, ($($from:tt)*), $name:ident from header, $($rest:tt)*) => {
        $crate::describe::write_fields!($at, $wire, ($($from)*), $($rest)*);
    };
    ($at:ident, $wire:ident, ($($from:tt)*), $name:ident is ($value:expr), $($rest:tt)*) => {
        $crate::describe::write_fields!($at, $wire, ($($from)*), $($rest)*);
    };
}

macro_rules! read_fields {
    ($at:ident, $wire:ident, $ours:ident { $($done:tt)* },) => { $ours { $($done)* } };
    ($at:ident, $wire:ident, $ours:ident { $($done:tt)* }, fixed $field:ident = ($value:expr) $(since $since:literal)?, $($rest:tt)*) => {
        $crate::describe::read_fields!($at, $wire, $ours { $($done)* }, $($rest)*)
    };
    ($at:ident, $wire:ident, $ours:ident { $($done:tt)* }, $name:ident = $field:ident $(since $since:literal)?, $($rest:tt)*) => {
        $crate::describe::read_fields!($at, $wire, $ours {
            $($done)* $name: $at.read(stringify!($field), &$wire.$field)?,
        }, $($rest)*)
    };
    ($at:ident, $wire:ident, $ours:ident { $($done:tt)* }, $name:ident = $field:ident by topic $(since $since:literal)?, $($rest:tt)*) => {
        $crate::describe::read_fields!($at, $wire, $ours {
            $($done)* $name: $at.read_topics(stringify!($field), &$wire.$field)?,
        }, $($rest)*)
    };
    ($at:ident, $wire:ident, $ours:ident { $($done:tt)* }, $name:ident: $part:ident { $($fields:tt)* }, $($rest:tt)*) => {
        $crate::describe::read_fields!($at, $wire, $ours {
            $($done)* $name: $crate::describe::read_fields!($at, $wire, $part {}, $($fields)*),
        }, $($rest)*)
    };
    ($at:ident, $wire:ident, $ours:ident { $($done:tt)* }, $name:ident with $module:ident, $($rest:tt)*) => {
        $crate::describe::read_fields!($at, $wire, $ours {
            $($done)* $name: $module::read($wire, $at)?,
        }, $($rest)*)
    };
    ($at:ident, $wire:ident, $ours:ident { $($done:tt)* }, $name:ident from header, $($rest:tt)*) => {
        $crate::describe::read_fields!($at, $wire, $ours { $($done)* $name: $at.version, }, $($rest)*)
    };
    ($at:ident, $wire:ident, $ours:ident { $($done:tt)* }, $name:ident is ($value:expr), $($rest:tt)*) => {
        $crate::describe::read_fields!($at, $wire, $ours { $($done)* $name: $value, }, $($rest)*)
    };
}

pub(crate) use {message, read_fields, tuple, value, write_fields};
