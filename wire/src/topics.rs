//! Entries a partition: a flat list in the model, grouped by topic on the wire.

use fencepost_protocol::ids::*;

use crate::describe::{At, Wired};
use crate::error::{Problem, Wire};

/// What the wire has for a topic: its name or id, and a list of entries.
pub(crate) trait ByTopic: Sized {
    /// Kafka's entry for a partition.
    type Partition: Indexed;
    /// Kafka's name of the list, and the list.
    const LIST: &'static str;
    fn of(topic: TopicId, partitions: Vec<Self::Partition>, at: &At<'_>) -> Wire<Self>;
    fn topic(&self, at: &At<'_>) -> Wire<TopicId>;
    fn partitions(&self) -> &[Self::Partition];
}

/// An entry that says which partition it is about.
pub(crate) trait Indexed {
    fn index(&self) -> i32;
    fn set_index(&mut self, index: i32);
}

impl Indexed for i32 {
    fn index(&self) -> i32 {
        *self
    }

    fn set_index(&mut self, index: i32) {
        *self = index;
    }
}

/// A value of ours about one partition, whose entry on the wire is a `W`.
pub(crate) trait OfPartition<W>: Sized {
    fn tp(&self) -> TopicPartition;
    /// The entry, without its index.
    fn to_entry(&self, at: &At<'_>) -> Wire<W>;
    fn from_entry(tp: TopicPartition, wire: &W, at: &At<'_>) -> Wire<Self>;
}

impl OfPartition<i32> for TopicPartition {
    fn tp(&self) -> TopicPartition {
        *self
    }

    fn to_entry(&self, _: &At<'_>) -> Wire<i32> {
        Ok(0)
    }

    fn from_entry(tp: TopicPartition, _: &i32, _: &At<'_>) -> Wire<TopicPartition> {
        Ok(tp)
    }
}

impl<W, V: Wired<W>> OfPartition<W> for (TopicPartition, V) {
    fn tp(&self) -> TopicPartition {
        self.0
    }

    fn to_entry(&self, at: &At<'_>) -> Wire<W> {
        self.1.to_wire(at)
    }

    fn from_entry(tp: TopicPartition, wire: &W, at: &At<'_>) -> Wire<Self> {
        Ok((tp, V::from_wire(wire, at)?))
    }
}

/// Consecutive entries of one topic together, in their order.
fn to_topics<T: ByTopic, V: OfPartition<T::Partition>>(entries: &[V], at: &At<'_>) -> Wire<Vec<T>> {
    let group = |group: &[V]| {
        let entry = |value: &V| {
            let mut entry = value.to_entry(at)?;
            let index = i32::try_from(value.tp().partition);
            entry.set_index(index.map_err(|_| Problem::Number(value.tp().partition.into()))?);
            Ok(entry)
        };
        let partitions = group.iter().map(entry).collect::<Wire<Vec<_>>>().map_err(|f| f.within(T::LIST))?;
        T::of(group[0].tp().topic, partitions, at)
    };
    entries.chunk_by(|a, b| a.tp().topic == b.tp().topic).map(group).collect()
}

/// The entries of all topics, in their order.
fn from_topics<T: ByTopic, V: OfPartition<T::Partition>>(topics: &[T], at: &At<'_>) -> Wire<Vec<V>> {
    let mut entries = Vec::new();
    for topic in topics {
        let id = topic.topic(at)?;
        let entry = |wire: &T::Partition| {
            let index = u32::try_from(wire.index()).map_err(|_| Problem::Number(wire.index().into()))?;
            V::from_entry(TopicPartition::new(id, index), wire, at)
        };
        for wire in topic.partitions() {
            entries.push(entry(wire).map_err(|f| f.within(T::LIST))?);
        }
    }
    Ok(entries)
}

impl At<'_> {
    pub fn write_topics<T: ByTopic, V: OfPartition<T::Partition>>(
        &self,
        field: &'static str,
        value: &[V],
    ) -> Wire<Vec<T>> {
        to_topics(value, self).map_err(|f| f.within(field))
    }

    pub fn read_topics<T: ByTopic, V: OfPartition<T::Partition>>(
        &self,
        field: &'static str,
        wire: &[T],
    ) -> Wire<Vec<V>> {
        from_topics(wire, self).map_err(|f| f.within(field))
    }
}

/// A structure of ours with a partition `tp` that is an entry below a topic on the wire.
macro_rules! partition {
    ($ours:ty => $theirs:ty { $($fields:tt)* }) => {
        impl $crate::topics::OfPartition<$theirs> for $ours {
            fn tp(&self) -> fencepost_protocol::ids::TopicPartition {
                self.tp
            }

            fn to_entry(&self, at: &$crate::describe::At<'_>) -> $crate::error::Wire<$theirs> {
                let mut wire = <$theirs>::default();
                $crate::describe::write_fields!(at, wire, (self), $($fields)*);
                Ok(wire)
            }

            fn from_entry(
                tp: fencepost_protocol::ids::TopicPartition,
                wire: &$theirs,
                at: &$crate::describe::At<'_>,
            ) -> $crate::error::Wire<Self> {
                Ok($crate::describe::read_fields!(at, wire, Self { tp, }, $($fields)*))
            }
        }
    };
}

/// How the wire names a topic (by `name`, by `id`, or by the second from a version on), and what it lists for it:
/// `partitions: [i32]`, or `partitions: [Entry.index]`.
macro_rules! by_topic {
    (@ $topic:ty; name $name:ident, $($list:tt)*) => {
        $crate::topics::by_topic! { @list $topic; $($list)*;
            |topic, id, at| topic.$name = at.directory.name(id)?;
            |topic, at| at.directory.topic(&topic.$name)
        }
    };
    (@ $topic:ty; id $id:ident, $($list:tt)*) => {
        $crate::topics::by_topic! { @list $topic; $($list)*;
            |topic, id, at| topic.$id = at.directory.uuid(id)?;
            |topic, at| at.directory.by_uuid(topic.$id)
        }
    };
    (@ $topic:ty; until $until:literal name $name:ident, then id $id:ident, $($list:tt)*) => {
        $crate::topics::by_topic! { @list $topic; $($list)*;
            |topic, id, at| if at.version <= $until {
                topic.$name = at.directory.name(id)?
            } else {
                topic.$id = at.directory.uuid(id)?
            };
            |topic, at| if at.version <= $until {
                at.directory.topic(&topic.$name)
            } else {
                at.directory.by_uuid(topic.$id)
            }
        }
    };
    (@list $topic:ty; $list:ident: [$entry:ident.$index:ident]; $($access:tt)*) => {
        impl $crate::topics::Indexed for $entry {
            fn index(&self) -> i32 {
                self.$index
            }

            fn set_index(&mut self, index: i32) {
                self.$index = index;
            }
        }

        $crate::topics::by_topic! { @list $topic; $list: [$entry]; $($access)* }
    };
    (@list $topic:ty; $list:ident: [$entry:ty];
        |$to:ident, $id:ident, $to_at:ident| $write:expr; |$from:ident, $from_at:ident| $read:expr) => {
        impl $crate::topics::ByTopic for $topic {
            type Partition = $entry;
            const LIST: &'static str = stringify!($list);

            fn of(
                $id: fencepost_protocol::ids::TopicId,
                partitions: Vec<$entry>,
                $to_at: &$crate::describe::At<'_>,
            ) -> $crate::error::Wire<Self> {
                let mut $to = <$topic>::default();
                $write;
                $to.$list = partitions;
                Ok($to)
            }

            fn topic(
                &self,
                $from_at: &$crate::describe::At<'_>,
            ) -> $crate::error::Wire<fencepost_protocol::ids::TopicId> {
                let $from = self;
                Ok($read?)
            }

            fn partitions(&self) -> &[$entry] {
                &self.$list
            }
        }
    };
    ($topic:ty { $($naming:tt)* }) => { $crate::topics::by_topic! { @ $topic; $($naming)* } };
}

pub(crate) use {by_topic, partition};
